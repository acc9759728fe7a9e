"""``scrapy verify``: checks the archive, and changes nothing."""

import argparse
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress

from ..archive.verify import Verification
from ..cli.archive_command import ArchiveCommand, add_jobs, jobs
from ..derivation import Derivation
from ..verdict import Verdict

MOST_FAULTS: Final = 1_000
"""So many are told one by one; the others are counted."""


class Command(ArchiveCommand):
    def short_desc(self) -> str:
        return "Check the archive: lines, keys, types, identities, hashes, the ledger's agreement, the kept pages"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--without-pages", action="store_true", help="do not read the kept pages anew: sooner done")
        told = "of WARC files that were offloaded, look only whether they are there in their length: no download"
        parser.add_argument("--without-offloaded", action="store_true", help=told)
        add_jobs(parser)

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        derivation = Derivation(folder, jobs(opts))
        check_pages = None if opts.without_pages else derivation.faults
        return _verify(Verification(folder, check_pages, with_offloaded=not opts.without_offloaded), derivation)


def _verify(verification: Verification, derivation: Derivation) -> int:
    """Print every fault, and one line that sums up; return the exit code."""
    faults, number = _find(verification)
    for fault in faults:
        print(fault)
    if number > len(faults):
        print(f"… and {number - len(faults)} faults more")
    tally = verification.tally
    print(
        f"{verification.folder}: {tally.records} records of {tally.articles} articles, {tally.rejections} rejections,"
        f" {tally.reports} run reports; {tally.unlearned} lines not learned yet;"
        f" {number or 'no'} fault{'s' * (number != 1)}"
    )
    if derivation.read_otherwise:
        print(
            f"{derivation.read_otherwise} of {derivation.read} pages give other records to this version of the reader"
            " than to the one that read them; scrapy reparse --dry-run tells by field"
        )
    return Verdict.STORAGE.exit_code() if number else Verdict.OK.exit_code()


def _find(verification: Verification) -> tuple[list[str], int]:
    """Return the first faults, and how many there are; show at a terminal how far the check has come."""
    first: list[str] = []
    number = 0
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("verifying", total=verification.size)
        for fault in verification.faults(partial(progress.advance, task)):
            number += 1
            if number <= MOST_FAULTS:
                first.append(fault)
    return first, number
