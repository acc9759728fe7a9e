"""The articles that are to be fetched, at once or later, and why they have not been."""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

import msgspec

from ...items import Card, Reason, Rejected
from ...site.dates import instant
from .database import Database
from .lines import Line
from .sources import key_of

OWED: Final[frozenset[Reason]] = frozenset({"http_error", "blocked", "layout_changed", "bad_date", "too_large"})
"""Reasons for which a page is tried again by the next run; the others are looked at again at widening intervals."""

REVISITED: Final = frozenset({"sign_up_wall", "truncated"})
"""Walls that are expected to stand, and are looked at again at those intervals all the same."""

REVISIT_DAYS: Final = (1, 3, 7, 30, 180, 365)

_OWED: Final = ", ".join(f"'{reason}'" for reason in sorted(OWED))
# Greater than any id, and SQLite's word for no limit.
_ABOVE_ALL: Final = "~"
_ALL: Final = -1


@dataclass(frozen=True, slots=True)
class Wanted:
    """An article to be fetched, or fetched again, with the card that announced it."""

    id: str
    url: str
    card: Card | None
    list_key: int | None
    reason: Reason | Literal["truncated"] | None


class Queue:
    """The table ``wanted``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._cards = msgspec.json.Decoder(Card)

    def want(self, cards: Sequence[Card], list_key: int | None) -> None:
        """Remember that these are still to be fetched, before any of them is; a known debt gains its card."""
        with self._database.transaction() as db:
            db.executemany(
                "INSERT INTO wanted (id, url, list, card) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " list = coalesce(excluded.list, list), card = coalesce(excluded.card, card)",
                [(card.id, card.url, list_key, msgspec.json.encode(card).decode()) for card in cards],
            )

    def want_url(self, article_id: str, url: str) -> None:
        """Remember an article that was asked for by address."""
        self.want_urls({article_id: url})

    def want_urls(self, urls: Mapping[str, str], *, again: bool = False) -> None:
        """Remember articles by address. With ``again``, make those due at once that are held or were looked at."""
        conflict = "DO UPDATE SET due = ''" if again else "DO NOTHING"
        with self._database.transaction() as db:
            db.executemany(f"INSERT INTO wanted (id, url) VALUES (?, ?) ON CONFLICT (id) {conflict}", urls.items())  # noqa: S608 - a constant

    def set_aside(self, article_id: str, date_published: str) -> None:
        """Remember the date of an article that lay outside the window asked for."""
        with self._database.transaction() as db:
            db.execute("UPDATE wanted SET date_published = ? WHERE id = ?", (date_published, article_id))

    def get(self, article_id: str) -> Wanted | None:
        """Return what is remembered of an article that is to be fetched, at once or later."""
        with self._database.guard():
            row = self._database.execute(
                "SELECT id, url, card, list, reason FROM wanted WHERE id = ?", (article_id,)
            ).fetchone()
            return self._read(row) if row else None

    def due(
        self,
        lists: Sequence[int] | None,
        now: datetime,
        *,
        below: str = _ABOVE_ALL,
        most: int = _ALL,
        owed_only: bool = False,
    ) -> list[Wanted]:
        """Return what is to be fetched at ``now`` in these lists, newest id first; if ``None``, in all of them and of
        unknown list. Give ids below one, at most so many, to take it in parts: each reads only what it returns, and
        what is not due between.

        What was seen in the future was seen by a clock that was wrong: it is due.
        """
        clause, values = _in_lists(lists)
        reasons = f" AND reason IN ({_OWED})" if owed_only else ""
        moment = instant(now)
        with self._database.guard():
            rows = self._database.execute(
                f"SELECT id, url, card, list, reason FROM wanted WHERE id < ? AND (due <= ? OR seen > ?) AND {clause}"  # noqa: S608 - the clauses hold placeholders and constants alone
                f"{reasons} ORDER BY id DESC LIMIT ?",
                (below, moment, moment, *values, most),
            ).fetchall()
            return [self._read(row) for row in rows]

    def not_due(self, ids: Iterable[str], now: datetime) -> set[str]:
        """Return those of ``ids`` that were looked at and are not to be looked at again yet."""
        moment = instant(now)
        sql = "SELECT 1 FROM wanted WHERE id = ? AND due > ? AND seen <= ?"
        with self._database.guard():
            return {one for one in ids if self._database.execute(sql, (one, moment, moment)).fetchone()}

    def published_outside(self, ids: Iterable[str], since: str | None, until: str | None) -> set[str]:
        """Return those of ``ids`` that were fetched before and are known to lie outside a window of days."""
        with self._database.guard():
            dates = {
                one: row[0]
                for one in ids
                if (row := self._database.execute("SELECT date_published FROM wanted WHERE id = ?", (one,)).fetchone())
                and row[0]
            }
        return {one for one, day in dates.items() if (since and day < since) or (until and day > until)}

    def is_set_aside(self, article_id: str) -> bool:
        """Return True if an article was fetched, and left out because it lay outside the window asked for."""
        sql = "SELECT 1 FROM wanted WHERE id = ? AND date_published IS NOT NULL"
        with self._database.guard():
            return self._database.execute(sql, (article_id,)).fetchone() is not None

    def owed(self, lists: Sequence[int] | None = None, ids: Sequence[str] | None = None) -> int:
        """Return how many pages failed or could not be read and wait for the next run: in these lists, or these ids."""
        clause, values = _in_lists(lists)
        if ids is not None:
            found = (self.get(one) for one in ids)
            return sum(1 for one in found if one is not None and one.reason in OWED)
        with self._database.guard():
            row = self._database.execute(
                f"SELECT count(*) FROM wanted WHERE reason IN ({_OWED}) AND {clause}",  # noqa: S608 - constants
                values,
            ).fetchone()
        return int(row[0])

    def _read(self, row: tuple[str, str, str | None, int | None, Reason | Literal["truncated"] | None]) -> Wanted:
        card = self._cards.decode(row[2]) if row[2] else None
        return Wanted(id=row[0], url=row[1], card=card, list_key=row[3], reason=row[4])

    # Inside a transaction of the ledger's

    def settle(self, db: sqlite3.Connection, line: Line) -> None:
        """Want nothing more of an article that is stored; but one that is truncated may open up."""
        if line.status == "gone" or line.card is None:
            db.execute("DELETE FROM wanted WHERE id = ?", (line.id,))
            return
        row = db.execute("SELECT tries FROM wanted WHERE id = ? AND reason = 'truncated'", (line.id,)).fetchone()
        tries = (row[0] if row else 0) + 1
        key = None if line.source_id is None else key_of(db, line.source_id)
        url = self._cards.decode(line.card).url
        seen, due = line.date_downloaded, _due(line.date_downloaded, tries)
        db.execute(
            "INSERT INTO wanted (id, url, list, card, date_published, reason, tries, seen, due)"
            " VALUES (?, ?, ?, ?, ?, 'truncated', ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " list = coalesce(list, excluded.list), card = coalesce(card, excluded.card),"
            " date_published = excluded.date_published, reason = excluded.reason, tries = excluded.tries,"
            " seen = excluded.seen, due = excluded.due",
            (line.id, url, key, line.card, line.date_published, tries, seen, due),
        )

    def put_rejection(self, db: sqlite3.Connection, rejected: Rejected) -> None:
        """Queue the page for retry, unless it was only a failed recheck."""
        held = db.execute(
            "SELECT 1 FROM articles WHERE id = ? AND id NOT IN (SELECT id FROM wanted)", (rejected.id,)
        ).fetchone()
        if held:
            return
        row = db.execute("SELECT tries FROM wanted WHERE id = ?", (rejected.id,)).fetchone()
        tries = (row[0] if row else 0) + 1
        due = "" if rejected.reason in OWED else _due(rejected.seen_at, tries)
        db.execute(
            "INSERT INTO wanted (id, url, reason, tries, seen, due) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO"
            " UPDATE SET reason = excluded.reason, tries = excluded.tries, seen = excluded.seen, due = excluded.due",
            (rejected.id, rejected.url, rejected.reason, tries, rejected.seen_at, due),
        )


def _due(seen: str, tries: int) -> str:
    """Return when a page is looked at again that was seen for the ``tries``-th time."""
    days = REVISIT_DAYS[min(tries, len(REVISIT_DAYS)) - 1]
    return instant(datetime.fromisoformat(seen) + timedelta(days=days))


def _in_lists(lists: Sequence[int] | None) -> tuple[str, Sequence[int]]:
    if lists is None:
        return "TRUE", ()
    return f"list IN ({', '.join('?' * len(lists))})", lists
