"""How a run ended, in one word, and the exit code that says so (contract, section "Exit codes")."""

import io
import os
import sys
from enum import StrEnum
from typing import Final, TextIO


class Verdict(StrEnum):
    """A run's verdict, from the gravest down: the first that holds is the run's."""

    STORAGE = "storage"
    LOCKED = "locked"
    USAGE = "usage"
    ERROR = "error"
    INTERRUPTED = "interrupted"
    REFUSED = "refused"
    LAYOUT_CHANGED = "layout_changed"
    INCOMPLETE = "incomplete"
    OK = "ok"

    def exit_code(self, signal_number: int = 15) -> int:
        """Return the exit code; an interrupted run's tells the signal."""
        return 128 + signal_number if self is Verdict.INTERRUPTED else _EXIT_CODES[self]


_EXIT_CODES: Final = {
    Verdict.STORAGE: 7,
    Verdict.LOCKED: 6,
    Verdict.USAGE: 2,
    Verdict.ERROR: 1,
    Verdict.REFUSED: 5,
    Verdict.LAYOUT_CHANGED: 4,
    Verdict.INCOMPLETE: 3,
    Verdict.OK: 0,
}


def tell(verdict: Verdict, exit_code: int, message: str) -> None:
    """Print the one line on standard error that says what is wrong and what to do."""
    say(f"{verdict} ({exit_code}): {message}")


def say(message: str) -> None:
    """Print a line on standard error. If that takes none, as on a full disk, the exit code has to tell by itself."""
    try:
        sys.stderr.write(f"kcnacrawl: {message}\n")
        sys.stderr.flush()
    except OSError:
        # Or Python would leave with a code of its own.
        hang_up(sys.stderr)


def spell_out() -> None:
    """Have standard output spell what its encoding lacks: a terminal without Korean is no reason to stop."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def show(text: str) -> None:
    """Write to standard output, as far as its encoding and its reader take it. Raise ``OSError`` if it is full."""
    spell_out()
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        hang_up(sys.stdout)


def hang_up(stream: TextIO) -> None:
    """Let what is left in a buffer go nowhere: who read has seen enough, as ``head`` has, or a disk is full."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
