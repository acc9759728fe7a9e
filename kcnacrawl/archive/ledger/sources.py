"""The sources that the site has shown to exist, each with its list."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ...site.dates import instant
from .database import Database


@dataclass(frozen=True, slots=True)
class KnownSource:
    """A source and its list. ``key`` is the ledger's own and stays the same when more of the source becomes known;
    ``None`` for a source that was asked for and that the site has not shown to exist.
    """

    key: int | None
    sid: int | None
    ajax_id: int | None
    label: str | None

    @property
    def name(self) -> str:
        """Name the source as a person would give it: by sid, or ``ajax:<id>`` where that is not known."""
        return str(self.sid) if self.sid is not None else f"ajax:{self.ajax_id}"

    @property
    def names(self) -> list[tuple[str, object]]:
        """What it is found by; its label whatever the case."""
        label = self.label and self.label.lower()
        names = (("key", self.key), ("sid", self.sid), ("ajax_id", self.ajax_id), ("label", label))
        return [(what, name) for what, name in names if name is not None]


class Sources:
    """The table ``sources``, and when the home page was last read for them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._read_at = -1
        self._known: list[KnownSource] = []
        self._by_name: dict[tuple[str, object], KnownSource] = {}

    def find(
        self,
        *,
        key: int | None = None,
        sid: int | None = None,
        ajax_id: int | None = None,
        label: str | None = None,
    ) -> KnownSource | None:
        """Return the source with this key, sid, ajax id or label (whatever its case), if it is known."""
        self._read()
        names = (("key", key), ("sid", sid), ("ajax_id", ajax_id), ("label", label and label.lower()))
        return next(filter(None, map(self._by_name.get, names)), None)

    def all(self) -> list[KnownSource]:
        """Return all sources known."""
        self._read()
        return list(self._known)

    def _read(self) -> None:
        """Read the table, which has some twenty rows, if it may have changed: each article asks for several sources."""
        if self._read_at == self._database.state:
            return
        with self._database.guard():
            rows = self._database.execute("SELECT key, sid, ajax_id, label FROM sources ORDER BY sid, ajax_id")
            self._known = [KnownSource(*row) for row in rows.fetchall()]
        self._by_name = {name: one for one in reversed(self._known) for name in one.names}
        self._read_at = self._database.state

    def learn(self, *, sid: int | None = None, ajax_id: int | None = None, label: str | None = None) -> KnownSource:
        """Add what is new of a source that the site has shown to exist; return all that is known of it.

        Where its sid and its ajax id were known apart, the two become one source, with what was walked of both.
        """
        by_sid = self.find(sid=sid) if sid is not None else None
        by_ajax = self.find(ajax_id=ajax_id) if ajax_id is not None else None
        if by_ajax is not None and sid is not None and by_ajax.sid not in {None, sid}:
            # The list of another source: what is known of that stands.
            by_ajax = ajax_id = None
        found = [one for one in (by_sid, by_ajax) if one is not None]
        # Of two, the one of which more was walked keeps its key: less is to be changed.
        key = max(found, key=self._count_walked).key if found else None
        known = KnownSource(
            key,
            _first([sid, *(one.sid for one in found)]),
            _first([ajax_id, *(one.ajax_id for one in found)]),
            next(filter(None, [label, *(one.label for one in found)]), None),
        )
        return known if found == [known] else self._put(known, {one.key for one in found} - {key})

    def _put(self, known: KnownSource, gone: Iterable[int | None]) -> KnownSource:
        with self._database.transaction() as db:
            for one in gone:
                keys = (known.key, one)
                db.execute(
                    "UPDATE OR REPLACE listed SET list = ? WHERE walked_range IN"
                    " (SELECT number FROM walked_ranges WHERE list = ?)",
                    keys,
                )
                db.execute("UPDATE walked_ranges SET list = ? WHERE list = ?", keys)
                db.execute("UPDATE wanted SET list = ? WHERE list = ?", keys)
                db.execute("UPDATE OR IGNORE tops SET list = ? WHERE list = ?", keys)
                db.execute("DELETE FROM sources WHERE key = ?", (one,))
            row = db.execute(
                "INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?) RETURNING key, sid, ajax_id, label",
                (known.key, known.sid, known.ajax_id, known.label),
            ).fetchone()
        return KnownSource(*row)

    def _count_walked(self, source: KnownSource) -> int:
        with self._database.guard():
            row = self._database.execute("SELECT count(*) FROM walked_ranges WHERE list = ?", (source.key,)).fetchone()
        return int(row[0])

    # The home page

    def home_read(self) -> datetime | None:
        """Return when the home page was last read for its sources; ``None`` if it never was."""
        with self._database.guard():
            row = self._database.execute("SELECT value FROM facts WHERE name = 'home_read'").fetchone()
        return datetime.fromisoformat(row[0]) if row else None

    def learn_home_read(self, now: datetime) -> None:
        """Remember that the home page was read for its sources."""
        with self._database.transaction() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES ('home_read', ?)", (instant(now),))


def key_of(db: sqlite3.Connection, sid: int) -> int:
    """Return the key of a source that a record names, which may be all that is known of it."""
    db.execute("INSERT OR IGNORE INTO sources (sid) VALUES (?)", (sid,))
    return int(db.execute("SELECT key FROM sources WHERE sid = ?", (sid,)).fetchone()[0])


def _first(values: Iterable[int | None]) -> int | None:
    return next((one for one in values if one is not None), None)
