"""What of each source and month is listed, held, owed, and was never walked: is the corpus complete?

A copy of the ledger is read, so that a run may go on meanwhile.
"""

import contextlib
import sqlite3
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Final

from . import StorageFailed
from .archive import LEDGER
from .ledger import OWED, KnownSource
from .ledger_copy import reading_ledger

EARLIER: Final = "earlier"
"""In a month's place: all before the first month known, where no walk has reached the list's end."""

UNDATED: Final = "undated"
"""In a month's place: articles whose card has no date and whose page was not had."""


@dataclass(frozen=True, slots=True)
class Month:
    """The articles of one source and month, ``YYYY-MM``. ``held`` counts live ones, ``truncated`` those of them that
    the site shows in part. ``missing`` gave no record yet: not fetched, behind a wall, or not found. ``never_walked``
    is in days, ``None`` for all that there may be.
    """

    source: str
    label: str | None
    month: str
    listed: int = 0
    held: int = 0
    truncated: int = 0
    gone: int = 0
    owed: int = 0
    missing: int = 0
    never_walked: int | None = 0

    @property
    def is_walked(self) -> bool:
        """Whether all of its days were walked."""
        return self.never_walked == 0


# An article's own date counts where it is held, else its card's.
_COUNTS: Final = """
WITH names AS (SELECT key, coalesce(CAST(sid AS TEXT), 'ajax:' || ajax_id) AS name FROM sources),
known (source, day, listed, status, access, reason) AS (
    SELECT name, coalesce(a.date_published, day), 1, a.status, a.access, w.reason
    FROM listed JOIN names ON key = listed.list LEFT JOIN articles AS a USING (id) LEFT JOIN wanted AS w USING (id)
    UNION ALL SELECT coalesce(CAST(source_id AS TEXT), ''), date_published, 0, status, access, NULL FROM articles
    WHERE NOT EXISTS (SELECT 1 FROM listed WHERE id = articles.id)
    UNION ALL SELECT coalesce(name, ''), date_published, 0, NULL, NULL, reason
    FROM wanted LEFT JOIN names ON key = wanted.list
    WHERE NOT EXISTS (SELECT 1 FROM listed WHERE id = wanted.id)
    AND NOT EXISTS (SELECT 1 FROM articles WHERE id = wanted.id)
)
SELECT source, coalesce(substr(day, 1, 7), :undated) AS month, sum(listed),
    sum(status IS 'live'), sum(status IS 'live' AND access IS 'truncated'), sum(status IS 'gone'),
    sum(status IS NULL AND reason IS NOT NULL AND instr(:owed, ' ' || reason || ' ') > 0), sum(status IS NULL)
FROM known GROUP BY source, month ORDER BY month
"""


def read_coverage(folder: Path, today: date) -> list[Month]:
    """Return every month of every source, source by source, as the ledger knows them. Raise :class:`StorageFailed`."""
    with reading_ledger(folder) as (ledger, fault):
        if fault:
            raise StorageFailed(f"{folder / LEDGER}: {fault}; any crawl into {folder} rebuilds it")
        sources = {one.key: one for one in ledger.sources.all() if one.key is not None}
        with contextlib.closing(sqlite3.connect(ledger.path)) as db:
            return list(_months(db, sources, today))


def _months(db: sqlite3.Connection, sources: dict[int, KnownSource], today: date) -> Iterator[Month]:
    counts: dict[str, dict[str, tuple[int, ...]]] = {}
    for name, month, *numbers in db.execute(_COUNTS, {"undated": UNDATED, "owed": f" {' '.join(OWED)} "}):
        counts.setdefault(name, {})[month] = tuple(numbers)
    walked: dict[str, list[tuple[str, str]]] = {}
    # Down from the top of a list, all was seen that there was at that moment.
    for key, since, until in db.execute("SELECT list, since, max(until, substr(as_of, 1, 10)) FROM walked_ranges"):
        walked.setdefault(sources[key].name, []).append((since, until))
    labels = {one.name: one.label for one in sources.values()}
    for name in sorted(counts.keys() | walked.keys() | labels.keys(), key=lambda one: (len(one), one)):
        yield from _of_source(name, labels.get(name), counts.get(name, {}), walked.get(name, []), today)


def _of_source(
    name: str,
    label: str | None,
    counts: dict[str, tuple[int, ...]],
    walked: Sequence[tuple[str, str]],
    today: date,
) -> Iterator[Month]:
    if all(since for since, _ in walked):
        yield Month(name, label, EARLIER, never_walked=None)
    walked_ranges = _merged(walked)
    dated = counts.keys() - {UNDATED}
    for month in _calendar(min(dated), max(today.isoformat()[:7], *dated)) if dated else ():
        days = _days(month, today)
        never = len(days) - sum(len(_common(days, walked_range)) for walked_range in walked_ranges)
        if month in counts or never:
            yield replace(Month(name, label, month, *counts.get(month, ())), never_walked=never)
    if UNDATED in counts:
        yield Month(name, label, UNDATED, *counts[UNDATED])


def _calendar(first: str, last: str) -> Iterator[str]:
    """Return every month from ``first`` to ``last``."""
    begin, end = (int(month[:4]) * 12 + int(month[5:]) - 1 for month in (first, last))
    for number in range(begin, end + 1):
        yield f"{number // 12:04}-{number % 12 + 1:02}"


def _days(month: str, today: date) -> range:
    """Return the days of a month that have begun, counted as :meth:`date.toordinal` does."""
    first = date.fromisoformat(f"{month}-01")
    last = first.replace(day=monthrange(first.year, first.month)[1])
    return range(first.toordinal(), min(last, today).toordinal() + 1)


def _merged(walked: Sequence[tuple[str, str]]) -> list[range]:
    """Return the days that were walked, each once, in order."""
    merged: list[range] = []
    for since, until in sorted(walked):
        days = range(_day(since or date.min.isoformat()), _day(until) + 1)
        if merged and days.start <= merged[-1].stop:
            days = range(merged[-1].start, max(merged.pop().stop, days.stop))
        merged.append(days)
    return merged


def _day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


def _common(one: range, other: range) -> range:
    return range(max(one.start, other.start), min(one.stop, other.stop))
