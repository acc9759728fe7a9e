"""``scrapy reprints``: which articles carry the same story."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from ..cli.archive_command import ArchiveCommand, add_dask, shared_out
from ..extras import extra
from ..reprints.links import REPRINTS
from ..verdict import Verdict


class Command(ArchiveCommand):
    def short_desc(self) -> str:
        return "Bring reprints.jsonl up to date: which articles carry the same story, with scores"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        add_dask(parser)

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        with extra("reprints"):
            from ..reprints.linking import update  # noqa: PLC0415 - a library only where it is asked for
        console = Console(stderr=True)
        with (
            shared_out(opts, folder, "reprints") as parts,
            Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
        ):
            tasks = {name: progress.add_task(name, total=None) for name in ("reading", "linking", "translating")}
            done = update(
                folder, lambda name, at, total: progress.update(tasks[name], completed=at, total=total), parts
            )
        print(
            f"{folder / REPRINTS}: {_counted(done.lines, 'new record')}, {_counted(done.made, 'new link')},"
            f" {done.links:,} in all"
        )
        return Verdict.OK.exit_code()


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}" if number else f"no {what}s"
