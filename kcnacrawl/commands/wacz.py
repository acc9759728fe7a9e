"""``scrapy wacz FILE``: the kept pages as one file, which ReplayWeb.page shows offline."""

import argparse
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from ..archive import StorageFailed
from ..archive.archive import ARTICLES
from ..arguments import read_since, read_until, read_urls
from ..cli.archive_command import ArchiveCommand, new_file, option
from ..extras import extra
from ..held_sources import SITE, HeldSources
from ..paging.window import Window
from ..verdict import Verdict


class Command(ArchiveCommand):
    words = "FILE"

    def short_desc(self) -> str:
        return "Write the kept pages of articles as one WACZ file, which ReplayWeb.page shows offline"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--source", metavar="SOURCE", help="of these sources alone, by comma")
        parser.add_argument("--since", metavar="DAY", help="of articles of that day or later: 2026-01-31, 2026-01, 7d")
        parser.add_argument("--until", metavar="DAY", help="of articles of that day or earlier")
        parser.add_argument("--id", metavar="ID", help="of these articles alone, by comma")

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        with extra("wacz"):
            from ..wacz import Part, write_wacz  # noqa: PLC0415 - a library only where it is asked for
        addresses = option("id", opts.id, lambda text: read_urls(text, SITE)) or ()
        part = Part(
            option("source", opts.source, HeldSources.read) or HeldSources(),
            Window(
                option("since", opts.since, lambda text: read_since(text, SITE)),
                option("until", opts.until, lambda text: read_until(text, SITE)),
            ),
            frozenset(one.id for one in addresses),
        )
        file, log = new_file(self.word), folder / ARTICLES
        if not log.is_file():
            raise StorageFailed(f"{log} does not exist")
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("writing", total=log.stat().st_size)
            number = write_wacz(folder, file, part, partial(progress.advance, task))
        part.sources.check()
        print(f"{file}: {number:,} page{'s' * (number != 1)}")
        return Verdict.OK.exit_code()
