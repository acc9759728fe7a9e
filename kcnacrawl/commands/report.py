"""``scrapy report [FILE]``: one HTML page on the archive, for a browser without a network."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ..archive.log import write_whole
from ..cli.archive_command import StoreCommand, new_file
from ..extras import extra
from ..verdict import Verdict
from .sync import bring_up_to_date

_PAGE: Final = "report.html"


class Command(StoreCommand):
    words = "[FILE]"

    def short_desc(self) -> str:
        return "Write one HTML page: coverage, gaps, volumes, lag, edits, runs"

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        with extra("report"):
            from ..report import page  # noqa: PLC0415 - Altair only where it is asked for
        path = new_file(self.word) if self.word else folder / _PAGE
        store = self.store(folder, opts)
        bring_up_to_date(folder, f"sqlite:///{store.absolute()}")
        write_whole(path, page.render(page.read(folder, store, datetime.now(UTC))))
        print(path)
        return Verdict.OK.exit_code()
