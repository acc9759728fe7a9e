"""Where lists were walked without a gap."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Final

from ...dates import instant, listed_or_none
from ...items import Card
from ...paging.top import Top
from ...paging.walk import Stretch, Walk
from .database import Database

# The columns of a :class:`Stretch`.
_STRETCH: Final = "number, since, until, walked, settled, offset"


class Walked:
    """The tables ``stretches``, ``listed``, which says in which stretch of a list a card was seen, and ``tops``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, list_key: int, ids: Iterable[str]) -> dict[str, Stretch]:
        """Return, of the cards that were walked over in this list, the stretch that each is in."""
        with self._database.guard():
            rows = (
                self._database.execute(
                    f"SELECT id, {_STRETCH} FROM listed JOIN stretches ON number = stretch"  # noqa: S608 - a constant
                    " WHERE id = ? AND listed.list = ?",
                    (one, list_key),
                ).fetchone()
                for one in ids
            )
            return {row[0]: _stretch(row[1:]) for row in rows if row}

    def above(self, list_key: int, day: date) -> Stretch | None:
        """Return a stretch of this list above which nothing of ``day`` or older stands; of several, the deepest."""
        with self._database.guard():
            row = self._database.execute(
                f"SELECT {_STRETCH} FROM stretches WHERE list = ? AND until >= ? ORDER BY since LIMIT 1",  # noqa: S608 - a constant
                (list_key, day.isoformat()),
            ).fetchone()
        return _stretch(row) if row else None

    def record(self, list_key: int, walk: Walk, offset: int, cards: Sequence[Card], now: datetime) -> int:
        """Record that a walk has come down to this page, whose cards are held or wanted. Return the number of the
        walk's stretch.
        """
        as_of = "" if walk.start else instant(now)
        with self._database.transaction() as db:
            row = db.execute(
                "INSERT INTO stretches VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (number) DO UPDATE SET"
                " since = min(since, excluded.since), until = max(until, excluded.until), offset = excluded.offset"
                " RETURNING number",
                (walk.stretch, list_key, walk.since, walk.until, now.date().isoformat(), walk.settled, as_of, offset),
            ).fetchone()
            db.executemany(
                "INSERT INTO listed VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [(card.id, list_key, _day(card), row[0]) for card in cards],
            )
        return int(row[0])

    def join(self, upper: int, lower: int, *, is_fresh: bool) -> int:
        """Make one stretch of two that a walk has found to hang together; return its number. If the lower one was
        believed because it ``is_fresh``, it counts as walked when that was, else when the upper one was.
        """
        walked = "min(a.walked, b.walked), min(a.settled, b.settled)" if is_fresh else "a.walked, a.settled"
        with self._database.transaction() as db:
            sizes = {
                one: db.execute("SELECT count(*) FROM listed WHERE stretch = ?", (one,)).fetchone()[0]
                for one in (upper, lower)
            }
            less, more = sorted(sizes, key=sizes.__getitem__)
            db.execute("UPDATE listed SET stretch = ? WHERE stretch = ?", (more, less))
            db.execute(
                "REPLACE INTO stretches SELECT ?, a.list, min(a.since, b.since), max(a.until, b.until),"  # noqa: S608 - a constant
                f" {walked}, max(a.as_of, b.as_of), b.offset"
                " FROM stretches AS a, stretches AS b WHERE a.number = ? AND b.number = ?",
                (more, upper, lower),
            )
            db.execute("DELETE FROM stretches WHERE number = ?", (less,))
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


def _stretch(row: tuple[int, str, str, str, str, int]) -> Stretch:
    number, since, until, walked, settled, offset = row
    return Stretch(number, since, until, date.fromisoformat(walked), settled, offset)


def _day(card: Card) -> str | None:
    listed = listed_or_none(card.date_listed_raw)
    return listed.isoformat() if listed else None
