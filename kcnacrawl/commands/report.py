"""``scrapy report [FILE]``: one HTML page on the archive, for a browser without a network."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ..archive.log import write_whole
from ..arguments import ArgumentError
from ..reading import ReadingCommand
from ..verdict import Verdict
from .find import STORE
from .sync import bring_up_to_date

_PAGE: Final = "report.html"
_EXTRA: Final = frozenset({"altair", "jinja2", "vl_convert"})


class Command(ReadingCommand):
    words = "[FILE]"

    def short_desc(self) -> str:
        return "Write one HTML page: coverage, gaps, volumes, lag, edits, runs"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "--store", metavar="FILE", type=Path, help=f"the SQLite store (default: {STORE} in KCNACRAWL_DIR)"
        )

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        try:
            from ..report import page  # noqa: PLC0415 - Altair only where it is asked for
        except ModuleNotFoundError as error:
            if error.name not in _EXTRA:
                raise
            raise ArgumentError(f"report needs {error.name}: pip install kcnacrawl[report]") from error
        store = opts.store or folder / STORE
        bring_up_to_date(folder, f"sqlite:///{store}")
        path = Path(self.word or folder / _PAGE)
        write_whole(path, page.render(page.read(folder, store, datetime.now(UTC))))
        print(path)
        return Verdict.OK.exit_code()
