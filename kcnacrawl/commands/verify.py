"""``scrapy verify``: checks the archive, and changes nothing."""

import argparse
import sys
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Final

from rich.console import Console
from rich.progress import Progress
from scrapy.commands import ScrapyCommand
from scrapy.settings import BaseSettings

from ..archive import StorageFailed
from ..archive.verify import Verification
from ..arguments import ArgumentError
from ..run import read_folder
from ..verdict import Verdict

MOST_FAULTS: Final = 1_000
"""So many are told one by one; the others are counted."""


class Command(ScrapyCommand):
    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def short_desc(self) -> str:
        return "Check the archive: lines, keys, types, identities, hashes, the ledger's agreement"

    def run(self, args: list[str], opts: argparse.Namespace) -> None:  # noqa: ARG002 - Scrapy's signature
        if args:
            self._fail(Verdict.USAGE, f"verify takes no arguments: {args[0]!r}")
            return
        try:
            self.exitcode = _verify(read_folder(self.settings or BaseSettings()))
        except ArgumentError as error:
            self._fail(Verdict.USAGE, str(error))
        except (StorageFailed, OSError) as error:
            self._fail(Verdict.STORAGE, str(error))

    def _fail(self, verdict: Verdict, message: str) -> None:
        self.exitcode = verdict.exit_code()
        sys.stderr.write(f"kcnacrawl: {verdict} ({self.exitcode}): {message}\n")


def _verify(folder: Path) -> int:
    """Prints every fault, and one line that sums up; returns the exit code."""
    verification = Verification(folder)
    faults, number = _find(verification)
    for fault in faults:
        print(fault)
    if number > len(faults):
        print(f"… and {number - len(faults)} faults more")
    tally = verification.tally
    print(
        f"{folder}: {tally.records} records of {tally.articles} articles, {tally.rejections} rejections,"
        f" {tally.reports} run reports; {tally.unlearned} lines not learned yet;"
        f" {number or 'no'} fault{'s' * (number != 1)}"
    )
    return Verdict.STORAGE.exit_code() if number else Verdict.OK.exit_code()


def _find(verification: Verification) -> tuple[list[str], int]:
    """The first faults, and how many there are; at a terminal, how far the look for them has come."""
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
