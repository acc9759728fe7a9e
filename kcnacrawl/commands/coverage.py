"""``scrapy coverage``: by source and month, what is listed, held, owed, and was never walked."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ..archive.coverage import Month, read_coverage
from ..cli.archive_command import ArchiveCommand, print_json
from ..run import printable
from ..verdict import Verdict

_HEADER: Final = ("month", "listed", "held", "truncated", "gone", "owed", "missing", "never walked")


class Command(ArchiveCommand):
    def short_desc(self) -> str:
        return "Tell by source and month what is listed, held, truncated, gone, owed, never walked"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--jsonl", action="store_true", help="one JSON object a source and month")

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        months = read_coverage(folder, datetime.now(UTC).date())
        if opts.jsonl:
            for month in months:
                print_json(month)
        else:
            _print_table(months)
            print(_sum(folder, months))
        return Verdict.INCOMPLETE.exit_code() if any(month.owed for month in months) else Verdict.OK.exit_code()


def _print_table(months: list[Month]) -> None:
    """Print a block for each source, oldest month first."""
    source = None
    for month in months:
        if month.source != source:
            source = month.source
            name = printable(f"{source or 'of unknown source'} {month.label or ''}".strip())
            print(f"{name}\n{_line(_HEADER)}")
        never = "all" if month.never_walked is None else f"{month.never_walked} d" if month.never_walked else "-"
        counts = (month.listed, month.held, month.truncated, month.gone, month.owed, month.missing)
        print(_line((month.month, *counts, never)))


def _line(cells: tuple[object, ...]) -> str:
    return f"  {cells[0]:8}" + "".join(
        f"{cell!s:>{max(8, len(head) + 2)}}" for cell, head in zip(cells, _HEADER, strict=True) if head != "month"
    )


def _sum(folder: Path, months: list[Month]) -> str:
    held, gone = sum(one.held for one in months), sum(one.gone for one in months)
    owed, missing = sum(one.owed for one in months), sum(one.missing for one in months)
    gaps = sum(not one.is_walked for one in months)
    whole = "all that is listed was walked" if not gaps else f"{gaps} months or ends of lists were not walked whole"
    return f"{folder}: {held} held, {gone} gone, {owed} owed, {missing} without a record; {whole}"
