"""``scrapy merge``: other archives, brought into this one."""

import argparse
import sys
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress

from ..arguments import as_path
from ..cli.archive_command import ArchiveCommand
from ..merge import Merge, Tally
from ..run import printable
from ..verdict import Verdict, say

_SHOWN: Final = 20


class Command(ArchiveCommand):
    words = "FOLDER…"

    def short_desc(self) -> str:
        return "Bring other archives into this one, by identity and revision"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--dry-run", action="store_true", help="tell what would come in, and store nothing")

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        renumbered = _Renumbered()
        merge = Merge(folder, [as_path(one) for one in self.given], is_dry=opts.dry_run, tell=renumbered.tell)
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            merge.run(_Watch(progress), self.run_async)
        renumbered.end()
        _print(merge.tally, len(self.given), is_dry=opts.dry_run)
        return Verdict.OK.exit_code()


class _Watch:
    """Shows one step after the other."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def begin(self, what: str, total: int) -> None:
        self._progress.reset(self._task, description=what, total=total or None)

    def advance(self, done: int) -> None:
        self._progress.advance(self._task, done)


class _Renumbered:
    """Tells which lines have another number here: at a terminal of the first."""

    def __init__(self) -> None:
        self._most = _SHOWN if sys.stderr.isatty() else None
        self._number = 0

    def tell(self, line: str) -> None:
        self._number += 1
        if self._most is None or self._number <= self._most:
            say(printable(line))

    def end(self) -> None:
        if self._most is not None and self._number > self._most:
            say(f"… and {self._number - self._most:,} more")


def _print(tally: Tally, archives: int, *, is_dry: bool) -> None:
    """Print what was found, and what came of it."""
    come = "would come" if is_dry else "came"
    print(f"{tally.read:,} records in {archives:,} archives: {tally.stored:,} {come} in, {tally.new:,} of new articles")
    print(f"{tally.renumbered:,} of them as another revision, {tally.repeated:,} held ones repeated after older ones")
    along = f"{tally.rejections:,} lines of the quarantine, {tally.files:,} WARC files and {tally.reports:,} reports"
    print(f"{along} {come} along")
