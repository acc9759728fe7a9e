"""``scrapy browse``: serves the SQLite store for reading in a browser, on loopback."""

import argparse
from pathlib import Path

from ..archive.archive import WARC
from ..arguments import ArgumentError
from ..cli.archive_command import StoreCommand
from ..extras import extra
from ..stores.sqlite import connect
from ..verdict import Verdict


class Command(StoreCommand):
    def short_desc(self) -> str:
        return "Serve the SQLite store for reading in a browser until interrupted"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        # Read below: a bad one is to give one line, not argparse's page.
        parser.add_argument("--port", metavar="N", default="8001", help="port; 0: a free one (default: 8001)")

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        port, store = _port(opts.port), self.store(folder, opts)
        connect(store).close()
        with extra("browse"):
            from ..browse.server import serve  # noqa: PLC0415 - Datasette only where it is asked for
        serve(store, folder / WARC, port, lambda url: print(f"{store} at {url} (Ctrl-C to stop)", flush=True))
        return Verdict.OK.exit_code()


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65_535):
        raise ArgumentError(f"--port {text[:200]!r}: not a whole number from 0 to 65535")
    return int(text)
