"""``scrapy reparse``: what ``warc/`` keeps, read anew by the readers of today."""

import argparse
from collections import Counter
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from ..archive import StorageFailed
from ..archive.archive import ARTICLES, WARC
from ..archive.warc.files import kept_files
from ..arguments import read_since
from ..cli.archive_command import ArchiveCommand, add_dask, add_jobs, jobs, option, shared_out
from ..held_sources import SITE, HeldSources
from ..kept_pages import read_here, read_in_parts
from ..reparse import Reparse, Selection, Tally
from ..verdict import Verdict


class Command(ArchiveCommand):
    def short_desc(self) -> str:
        return "Read the pages that warc/ keeps anew, without a request: what differs becomes a revision"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--dry-run", action="store_true", help="tell by field what would change, and store nothing")
        parser.add_argument(
            "--since", metavar="DAY", help="pages fetched on that day or later: 2026-01-31, 2026-01, 7d"
        )
        parser.add_argument("--source", metavar="SOURCE", help="records of these sources alone, by comma")
        add_jobs(parser)
        add_dask(parser)

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        workers = jobs(opts)
        selection = Selection(
            option("since", opts.since, lambda text: read_since(text, SITE)),
            option("source", opts.source, HeldSources.read) or HeldSources(),
            {name: given for name in ("since", "source") if (given := getattr(opts, name))},
        )
        if not (folder / ARTICLES).exists() and not (folder / WARC).exists():
            raise StorageFailed(f"there is no archive in {folder}")
        console = Console(stderr=True)
        with (
            shared_out(opts, folder, "reparse") as parts,
            Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
        ):
            read = partial(read_here, workers) if parts is None else partial(read_in_parts, parts)
            reparse = Reparse(folder, selection, read, is_dry=opts.dry_run)
            total = sum(file.size() for file in kept_files(folder / WARC))
            self.run_async(reparse.run(partial(progress.advance, progress.add_task("reading anew", total=total))))
        _print(reparse.tally, is_dry=opts.dry_run)
        return Verdict.OK.exit_code()


def _print(tally: Tally, *, is_dry: bool) -> None:
    """Print what was read, and what came of it."""
    would = "would be" if is_dry else "are"
    print(f"{tally.read:,} pages read")
    print(f"{tally.differing:,} records read otherwise {would} revised{_by(tally.fields)}")
    print(f"{tally.first:,} pages that gave no record {would} records, {tally.site:,} {would} revisions")
    print(f"{sum(tally.unread.values()):,} pages give no record{_by(tally.unread)}")


def _by(counts: Counter[str]) -> str:
    return ": " + ", ".join(f"{name} {number:,}" for name, number in counts.most_common()) if counts else ""
