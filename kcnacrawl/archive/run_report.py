"""A run's report, ``runs/<run_id>.json``: what it holds, how it is written and read."""

import contextlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from .archive import RUNS
from .log import write_whole

REPARSE: Final = "reparse"
"""What stands in the spider's place in the report of a run that reads kept pages anew."""


class RunReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended, and what it counted."""

    run_id: str
    spider: str
    arguments: dict[str, str] = {}
    versions: dict[str, str] = {}
    site: str = ""
    counts: dict[str, int] = {}
    start: str
    end: str
    finish_reason: str
    verdict: str
    exit_code: int
    message: str = ""
    warnings: list[str] = []

    @property
    def started(self) -> datetime:
        """When the run started."""
        return datetime.fromisoformat(self.start)

    @property
    def ended(self) -> datetime:
        """When the run ended."""
        return datetime.fromisoformat(self.end)

    @property
    def took(self) -> timedelta:
        """How long the run took, to the second."""
        return timedelta(seconds=round((self.ended - self.started).total_seconds()))

    @property
    def command_line(self) -> str:
        """The arguments as one gives them to `scrapy crawl`."""
        return " ".join(f"-a {name}={value}" for name, value in self.arguments.items())

    def write(self, folder: Path) -> None:
        """Write the report into an archive's folder, whole and synced. Raise ``OSError``."""
        path = report_path(folder, self.run_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")


def report_path(folder: Path, run_id: str) -> Path:
    """Return where the report of a run is."""
    return folder / RUNS / f"{run_id}.json"


def read_report(path: Path) -> RunReport:
    """Return the report in a file. Raise ``OSError``, or ``ValueError`` or ``RecursionError`` if it is none."""
    report = msgspec.json.decode(path.read_bytes(), type=RunReport)
    datetime.fromisoformat(report.start)
    datetime.fromisoformat(report.end)
    return report


def read_reports(folder: Path, most: int) -> Iterator[RunReport]:
    """Yield the reports of the last runs, newest first: of at most so many files those that can be read."""
    for path in sorted((folder / RUNS).glob("*.json"), reverse=True)[:most]:
        try:
            yield read_report(path)
        except (OSError, ValueError, RecursionError):
            # Another program's, or one being written; `verify` tells of it.
            continue


def missing_reports(folder: Path, own: Path) -> Iterator[Path]:
    """Yield the reports of an archive that another, ``own``, does not have, as far as they are some."""
    for path in sorted((folder / RUNS).glob("*.json")):
        with contextlib.suppress(OSError, ValueError, RecursionError):
            if not (own / RUNS / path.name).exists() and read_report(path).run_id == path.stem:
                yield path


def bring_report(path: Path, own: Path) -> None:
    """Copy a report as it stands, synced. Raise ``OSError``."""
    (own / RUNS).mkdir(exist_ok=True)
    write_whole(own / RUNS / path.name, path.read_bytes())
