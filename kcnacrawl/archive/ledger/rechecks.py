"""When what is held was last looked at, and when it is looked at again."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ...items import Rejected
from .database import Database
from .schedule import next_look


@dataclass(frozen=True, slots=True)
class Look:
    """The last look at an article that is held: what the answer said of its version, and since when the article is not
    found.
    """

    etag: str | None
    last_modified: str | None
    missing: str | None


class Rechecks:
    """The table ``looks``, and of ``articles`` when each was last seen and is due to be looked at."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(
        self,
        now: datetime,
        every: timedelta | None,
        sids: Sequence[int],
        since: str | None,
        until: str | None,
        most: int | None,
    ) -> list[str]:
        """Return articles that are due to be looked at, longest overdue first: by the schedule, or, with ``every``,
        those that were not seen for so long. Of these sources, or of all; published in these days; at most so many.
        """
        key, moment = ("due", now) if every is None else ("looked", now - every)
        with self._database.guard():
            rows = self._database.execute(
                f"SELECT id FROM articles WHERE {key} <= ?"  # noqa: S608 - placeholders and constants
                f" AND (? OR source_id IN ({', '.join('?' * len(sids))}))"
                " AND coalesce(date_published >= ?, TRUE) AND coalesce(date_published <= ?, TRUE)"
                f" ORDER BY {key}, id LIMIT ?",
                (int(moment.timestamp()), not sids, *sids, since, until, -1 if most is None else most),
            ).fetchall()
        return [row[0] for row in rows]

    def last(self, article_id: str) -> Look | None:
        """Return the last look at an article since its last revision."""
        with self._database.guard():
            row = self._database.execute(
                "SELECT etag, last_modified, missing FROM looks WHERE id = ?", (article_id,)
            ).fetchone()
        return Look(*row) if row else None

    def missing(self, ids: Iterable[str]) -> set[str]:
        """Return those of ``ids`` that were not found when they were last looked at."""
        sql = "SELECT 1 FROM looks WHERE id = ? AND missing IS NOT NULL"
        with self._database.guard():
            return {one for one in ids if self._database.execute(sql, (one,)).fetchone()}

    def present(self, most: int, sids: Sequence[int]) -> list[str]:
        """Return articles that are held and were not missing when they were last looked at: the newest of these
        sources, or of all, at most ``most``.
        """
        with self._database.guard():
            rows = self._database.execute(
                "SELECT id FROM articles LEFT JOIN looks USING (id) WHERE status = 'live' AND missing IS NULL"  # noqa: S608 - placeholders
                f" AND (? OR source_id IN ({', '.join('?' * len(sids))})) ORDER BY id DESC LIMIT ?",
                (not sids, *sids, most),
            ).fetchall()
        return [row[0] for row in rows]

    def last_seen(self, ids: Iterable[str]) -> dict[str, str]:
        """Return when each of ``ids`` was last stored, or gave no record; those that never were are missing."""
        sql = (
            "SELECT max(at) FROM (SELECT date_downloaded AS at FROM articles WHERE id = :id"
            " UNION ALL SELECT seen FROM wanted WHERE id = :id)"
        )
        with self._database.guard():
            found = {one: self._database.execute(sql, {"id": one}).fetchone()[0] for one in ids}
        return {one: at for one, at in found.items() if at}

    def record(
        self, article_id: str, now: datetime, days: Sequence[int], etag: str | None, last_modified: str | None
    ) -> None:
        """Record that an article was found as it is held; without a new version, the last that was told stands."""
        with self._database.transaction() as db:
            row = db.execute("SELECT date_downloaded FROM articles WHERE id = ?", (article_id,)).fetchone()
            due = next_look(datetime.fromisoformat(row[0]), now, days)
            db.execute(
                # Whatever the clock says, it was not seen before it was downloaded.
                "UPDATE articles SET looked = max(looked, ?), due = ? WHERE id = ?",
                (int(now.timestamp()), int(due.timestamp()), article_id),
            )
            db.execute(
                "INSERT INTO looks VALUES (?, ?, ?, NULL) ON CONFLICT (id) DO UPDATE SET missing = NULL,"
                " etag = coalesce(excluded.etag, etag),"
                " last_modified = coalesce(excluded.last_modified, last_modified)",
                (article_id, etag, last_modified),
            )

    # Inside a transaction of the ledger's

    def forget(self, db: sqlite3.Connection, article_id: str) -> None:
        """Forget the looks at an article that has a new revision: it was taken anew."""
        db.execute("DELETE FROM looks WHERE id = ?", (article_id,))

    def put_missing(self, db: sqlite3.Connection, rejected: Rejected) -> None:
        """Have an article that is held and not found looked at again the next day."""
        # Only a recheck looks at enough to tell a removal from a broken site; a run's id names its spider.
        if rejected.reason == "not_found" and "-recheck-" in rejected.run_id:
            due = datetime.fromisoformat(rejected.seen_at) + timedelta(days=1)
            db.execute(
                "UPDATE articles SET due = ? WHERE id = ? AND status = 'live'", (int(due.timestamp()), rejected.id)
            )
            db.execute(
                "INSERT INTO looks (id, missing) SELECT id, ? FROM articles WHERE id = ? AND status = 'live'"
                " ON CONFLICT (id) DO UPDATE SET missing = coalesce(missing, excluded.missing)",
                (rejected.seen_at, rejected.id),
            )
