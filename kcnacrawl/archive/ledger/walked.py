"""Where lists were walked without a gap."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final

from ...items import Card
from ...paging.top import Top
from ...paging.walk import Walk, WalkedRange
from ...site.dates import instant, listed_or_none
from .database import Database

# The columns of a :class:`WalkedRange`.
_RANGE: Final = "number, since, until, walked, settled, offset"


class Walked:
    """The tables ``walked_ranges``, ``listed`` (in which range of its list a card was seen), and ``tops``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, list_key: int, ids: Iterable[str]) -> dict[str, WalkedRange]:
        """Return, of the cards that were walked over in this list, the walked range that each is in."""
        with self._database.guard():
            rows = (
                self._database.execute(
                    f"SELECT id, {_RANGE} FROM listed JOIN walked_ranges ON number = walked_range"  # noqa: S608 - a constant
                    " WHERE id = ? AND listed.list = ?",
                    (one, list_key),
                ).fetchone()
                for one in ids
            )
            return {row[0]: _walked_range(row[1:]) for row in rows if row}

    def above(self, list_key: int, day: date) -> WalkedRange | None:
        """Return the deepest range of this list that has nothing of ``day`` or older above it."""
        with self._database.guard():
            row = self._database.execute(
                f"SELECT {_RANGE} FROM walked_ranges WHERE list = ? AND until >= ? ORDER BY since LIMIT 1",  # noqa: S608 - a constant
                (list_key, day.isoformat()),
            ).fetchone()
        return _walked_range(row) if row else None

    def record(self, list_key: int, walk: Walk, offset: int, cards: Sequence[Card], now: datetime) -> int:
        """Record that a walk has come down to this page, whose cards are held or wanted. Return the number of the
        walk's walked range.
        """
        as_of = "" if walk.start else instant(now)
        with self._database.transaction() as db:
            row = db.execute(
                "INSERT INTO walked_ranges VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (number) DO UPDATE SET"
                " since = min(since, excluded.since), until = max(until, excluded.until), offset = excluded.offset"
                " RETURNING number",
                (
                    walk.walked_range,
                    list_key,
                    walk.since,
                    walk.until,
                    now.date().isoformat(),
                    walk.settled,
                    as_of,
                    offset,
                ),
            ).fetchone()
            db.executemany(
                "INSERT INTO listed VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [(card.id, list_key, _day(card), row[0]) for card in cards],
            )
        return int(row[0])

    def join(self, upper: int, lower: int, *, is_fresh: bool) -> int:
        """Make one walked range of two that a walk has found to hang together; return its number. If the lower one was
        believed because it ``is_fresh``, it counts as walked when that was, else when the upper one was.
        """
        walked = "min(a.walked, b.walked), min(a.settled, b.settled)" if is_fresh else "a.walked, a.settled"
        with self._database.transaction() as db:
            sizes = {
                one: db.execute("SELECT count(*) FROM listed WHERE walked_range = ?", (one,)).fetchone()[0]
                for one in (upper, lower)
            }
            less, more = sorted(sizes, key=sizes.__getitem__)
            db.execute("UPDATE listed SET walked_range = ? WHERE walked_range = ?", (more, less))
            db.execute(
                "REPLACE INTO walked_ranges SELECT ?, a.list, min(a.since, b.since), max(a.until, b.until),"  # noqa: S608 - a constant
                f" {walked}, max(a.as_of, b.as_of), b.offset"
                " FROM walked_ranges AS a, walked_ranges AS b WHERE a.number = ? AND b.number = ?",
                (more, upper, lower),
            )
            db.execute("DELETE FROM walked_ranges WHERE number = ?", (less,))
        return more

    def top(self, list_key: int) -> Top | None:
        """Return what this list showed on its top when it was last walked from there."""
        with self._database.guard():
            row = self._database.execute("SELECT ids, oldest_first FROM tops WHERE list = ?", (list_key,)).fetchone()
        return Top(tuple(row[0].split()), oldest_first=bool(row[1])) if row else None

    def set_top(self, list_key: int, top: Top) -> None:
        """Remember what this list shows on its top."""
        if self.top(list_key) != top:
            with self._database.transaction() as db:
                values = (list_key, " ".join(top.ids), int(top.oldest_first))
                db.execute("INSERT OR REPLACE INTO tops VALUES (?, ?, ?)", values)


def _walked_range(row: tuple[int, str, str, str, str, int]) -> WalkedRange:
    number, since, until, walked, settled, offset = row
    return WalkedRange(number, since, until, date.fromisoformat(walked), settled, offset)


def _day(card: Card) -> str | None:
    listed = listed_or_none(card.date_listed_raw)
    return listed.isoformat() if listed else None
