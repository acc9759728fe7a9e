"""What is known: identities and digests of what is held, what is wanted or owed, which lists were walked how far.

Derived from the two logs but for the lists' state, which a new walk finds again: losing the ledger costs listing
pages, never an article.
"""

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from ..dates import instant
from ..items import Article, Card, Reason, Rejected
from . import StorageFailed

OWED: Final[frozenset[Reason]] = frozenset({"http_error", "blocked", "layout_changed", "bad_date", "too_large"})
"""Reasons for which a page is tried again by the next run; the others are looked at again at widening intervals."""

REVISIT_DAYS: Final = (1, 3, 7, 30, 180, 365)

_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE logs (name TEXT PRIMARY KEY, end INTEGER NOT NULL, fingerprint BLOB NOT NULL) STRICT;
CREATE TABLE articles (
    id TEXT PRIMARY KEY, revision INTEGER NOT NULL, digest BLOB NOT NULL, source_id INTEGER, source_label TEXT,
    date_published TEXT, date_downloaded TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE wanted (
    id TEXT PRIMARY KEY, url TEXT NOT NULL, list TEXT, card TEXT, date_published TEXT,
    reason TEXT, tries INTEGER NOT NULL DEFAULT 0, due TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX wanted_by_list ON wanted (list);
CREATE TABLE sources (list TEXT PRIMARY KEY, sid INTEGER UNIQUE, ajax_id INTEGER UNIQUE, label TEXT) STRICT;
CREATE TABLE listed (
    list TEXT NOT NULL, id TEXT NOT NULL, floor TEXT NOT NULL, PRIMARY KEY (list, id)
) STRICT, WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Known:
    """The latest line on an article."""

    revision: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """An article still to be fetched, with the card that announced it."""

    id: str
    url: str
    card: Card | None
    list_name: str | None
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class KnownSource:
    """A source and its list, which the ledger calls by the sid, or ``ajax:<id>`` where none is known."""

    list_name: str
    sid: int | None
    ajax_id: int | None
    label: str | None


class Ledger:
    """One SQLite file; every method is one transaction. Raises :class:`StorageFailed`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._cards = msgspec.json.Decoder(Card)

    def open(self) -> None:
        """Opens the ledger; one that is missing, damaged or of another version is begun anew, empty."""
        try:
            self._connect()
            if self._execute("PRAGMA user_version").fetchone()[0] != _VERSION:
                self.reset()
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise StorageFailed(f"cannot open {self._path}: {error}") from error
            self.reset()

    def reset(self) -> None:
        """Begins anew, empty."""
        self.close()
        self.discard()
        with self._guard():
            self._connect()
            self._script(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")

    def discard(self) -> None:
        """Takes the files away, so that the next opening rebuilds them."""
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def close(self) -> None:
        """Closes the file; harmless if it is closed."""
        if self._db is not None:
            with contextlib.suppress(sqlite3.DatabaseError):
                self._db.close()
            self._db = None

    # The two logs

    def log_end(self, name: str) -> tuple[int, bytes]:
        """``(end, fingerprint)`` of what of a log has been learned."""
        with self._guard():
            row = self._execute("SELECT end, fingerprint FROM logs WHERE name = ?", (name,)).fetchone()
        return (row[0], row[1]) if row else (0, b"")

    def learn_articles(self, articles: Sequence[Article], log: tuple[str, int, bytes]) -> None:
        """Learns of lines that are on disk, up to ``(name, end, fingerprint)`` of the log."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO articles VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET revision ="
                " excluded.revision, digest = excluded.digest, source_id = excluded.source_id, source_label ="
                " excluded.source_label, date_published = excluded.date_published, date_downloaded ="
                " excluded.date_downloaded",
                [
                    (
                        article.id,
                        article.revision,
                        digest(article),
                        article.source_id,
                        article.source_label,
                        article.date_published,
                        article.date_downloaded,
                    )
                    for article in articles
                ],
            )
            db.executemany("DELETE FROM wanted WHERE id = ?", [(article.id,) for article in articles])
            self._set_log(db, log)

    def learn_rejections(self, rejections: Sequence[Rejected], log: tuple[str, int, bytes]) -> None:
        """Learns of pages that gave no record: owed at once, or due again after a widening interval."""
        with self._transaction() as db:
            for rejected in rejections:
                if rejected.id is not None and not self._held_since(db, rejected):
                    self._learn_rejection(db, rejected)
            self._set_log(db, log)

    def _held_since(self, db: sqlite3.Connection, rejected: Rejected) -> bool:
        found = db.execute(
            "SELECT 1 FROM articles WHERE id = ? AND date_downloaded >= ?", (rejected.id, rejected.seen_at)
        )
        return found.fetchone() is not None

    def _learn_rejection(self, db: sqlite3.Connection, rejected: Rejected) -> None:
        row = db.execute("SELECT tries FROM wanted WHERE id = ?", (rejected.id,)).fetchone()
        tries = (row[0] if row else 0) + 1
        db.execute(
            "INSERT INTO wanted (id, url, reason, tries, due) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " reason = excluded.reason, tries = excluded.tries, due = excluded.due",
            (rejected.id, rejected.url, rejected.reason, tries, _due(rejected, tries)),
        )

    def _set_log(self, db: sqlite3.Connection, log: tuple[str, int, bytes]) -> None:
        db.execute("INSERT OR REPLACE INTO logs VALUES (?, ?, ?)", log)

    # What is held

    def latest(self, article_id: str) -> Known | None:
        """The latest line on an article, if any is held."""
        with self._guard():
            row = self._execute("SELECT revision, digest FROM articles WHERE id = ?", (article_id,)).fetchone()
        return Known(*row) if row else None

    def held(self, ids: Iterable[str]) -> set[str]:
        """Those of ``ids`` that the archive holds."""
        with self._guard():
            return {
                one
                for one in ids
                if self._execute("SELECT 1 FROM articles WHERE id = ?", (one,)).fetchone() is not None
            }

    def source_of(self, article_id: str) -> int | None:
        """The sid of a held article's source, if it is known."""
        with self._guard():
            row = self._execute("SELECT source_id FROM articles WHERE id = ?", (article_id,)).fetchone()
        return row[0] if row else None

    # What is wanted and owed

    def want(self, cards: Sequence[Card], name: str | None) -> None:
        """Remembers that these are still to be fetched, before any of them is; a known debt gains its card."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO wanted (id, url, list, card) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " list = coalesce(excluded.list, list), card = coalesce(excluded.card, card)",
                [(card.id, card.url, name, msgspec.json.encode(card).decode()) for card in cards],
            )

    def want_url(self, article_id: str, url: str) -> None:
        """Remembers an article that was asked for by address."""
        with self._transaction() as db:
            db.execute("INSERT OR IGNORE INTO wanted (id, url) VALUES (?, ?)", (article_id, url))

    def set_aside(self, article_id: str, date_published: str) -> None:
        """Remembers the date of an article that lay outside the window asked for."""
        with self._transaction() as db:
            db.execute("UPDATE wanted SET date_published = ? WHERE id = ?", (date_published, article_id))

    def forget(self, article_id: str) -> None:
        """An article was fetched and is held as it is: nothing is wanted of it."""
        with self._transaction() as db:
            db.execute("DELETE FROM wanted WHERE id = ?", (article_id,))

    def wanted(self, article_id: str) -> Wanted | None:
        """What is remembered of an article still to be fetched."""
        with self._guard():
            row = self._execute("SELECT id, url, card, list, reason FROM wanted WHERE id = ?", (article_id,)).fetchone()
        return self._wanted(row) if row else None

    def due(self, lists: Sequence[str] | None, now: datetime) -> list[Wanted]:
        """What is to be fetched at ``now`` in these lists; in all of them and of unknown list, if ``None``."""
        clause, values = _in_lists(lists)
        with self._guard():
            rows = self._execute(
                f"SELECT id, url, card, list, reason FROM wanted WHERE due <= ? AND {clause} ORDER BY id DESC",  # noqa: S608 - the clause holds placeholders alone
                (instant(now), *values),
            ).fetchall()
        return [self._wanted(row) for row in rows]

    def not_due(self, ids: Iterable[str], now: datetime) -> set[str]:
        """Those of ``ids`` that gave no record and are not to be looked at again yet."""
        moment = instant(now)
        with self._guard():
            return {
                one
                for one in ids
                if self._execute("SELECT 1 FROM wanted WHERE id = ? AND due > ?", (one, moment)).fetchone()
            }

    def published_outside(self, ids: Iterable[str], since: str | None, until: str | None) -> set[str]:
        """Those of ``ids`` that were fetched before and are known to lie outside a window of days."""
        with self._guard():
            dates = {
                one: row[0]
                for one in ids
                if (row := self._execute("SELECT date_published FROM wanted WHERE id = ?", (one,)).fetchone())
                and row[0]
            }
        return {one for one, day in dates.items() if (since and day < since) or (until and day > until)}

    def owed(self, lists: Sequence[str] | None = None, ids: Sequence[str] | None = None) -> int:
        """How many pages failed or could not be read and wait for the next run: in these lists, or these ids."""
        clause, values = _in_lists(lists)
        reasons = ", ".join(f"'{reason}'" for reason in sorted(OWED))
        with self._guard():
            if ids is not None:
                found = (self.wanted(one) for one in ids)
                return sum(1 for one in found if one is not None and one.reason in OWED)
            row = self._execute(
                f"SELECT count(*) FROM wanted WHERE reason IN ({reasons}) AND {clause}",  # noqa: S608 - constants
                values,
            ).fetchone()
        return int(row[0])

    def _wanted(self, row: tuple[str, str, str | None, str | None, Reason | None]) -> Wanted:
        card = self._cards.decode(row[2]) if row[2] else None
        return Wanted(id=row[0], url=row[1], card=card, list_name=row[3], reason=row[4])

    # Sources and their lists

    def source(
        self, *, sid: int | None = None, ajax_id: int | None = None, label: str | None = None
    ) -> KnownSource | None:
        """The source with this sid, ajax id or label (whatever its case), if it is known."""
        for column, value in (("sid", sid), ("ajax_id", ajax_id), ("lower(label)", label and label.lower())):
            if value is None:
                continue
            with self._guard():
                row = self._execute(
                    f"SELECT list, sid, ajax_id, label FROM sources WHERE {column} = ?",  # noqa: S608 - a constant
                    (value,),
                ).fetchone()
            if row:
                return KnownSource(*row)
        return None

    def learn_source(
        self, *, sid: int | None = None, ajax_id: int | None = None, label: str | None = None
    ) -> KnownSource:
        """Adds what is new of a source, found by sid or ajax id, and gives all that is known of it."""
        by_sid = self.source(sid=sid) if sid is not None else None
        by_ajax = self.source(ajax_id=ajax_id) if ajax_id is not None else None
        if by_ajax is not None and sid is not None and by_ajax.sid not in {None, sid}:
            # The list of another source: what is known of that stands.
            by_ajax = ajax_id = None
        name = str(sid) if sid is not None else (by_ajax.list_name if by_ajax else f"ajax:{ajax_id}")
        merged = KnownSource(
            list_name=name,
            sid=sid if sid is not None else (by_ajax.sid if by_ajax else None),
            ajax_id=ajax_id if ajax_id is not None else (by_sid.ajax_id if by_sid else None),
            label=label or (by_sid and by_sid.label) or (by_ajax and by_ajax.label) or None,
        )
        if merged in (by_sid, by_ajax) and (by_ajax is None or by_ajax.list_name == name):
            return merged
        with self._transaction() as db:
            for old in {one.list_name for one in (by_sid, by_ajax) if one is not None}:
                db.execute("DELETE FROM sources WHERE list = ?", (old,))
                db.execute("UPDATE OR REPLACE listed SET list = ? WHERE list = ?", (name, old))
                db.execute("UPDATE wanted SET list = ? WHERE list = ?", (name, old))
            db.execute(
                "INSERT INTO sources VALUES (?, ?, ?, ?)",
                (merged.list_name, merged.sid, merged.ajax_id, merged.label),
            )
        return merged

    def sources(self) -> list[KnownSource]:
        """All sources known."""
        with self._guard():
            rows = self._execute("SELECT list, sid, ajax_id, label FROM sources ORDER BY sid, list").fetchall()
        return [KnownSource(*row) for row in rows]

    # Which lists were walked how far

    def floors(self, name: str, ids: Iterable[str]) -> dict[str, str]:
        """How far down the list was walked below each of these cards: to a day, or ``""`` for its end. A card
        that is missing here stands where no walk was completed.
        """
        with self._guard():
            rows = (
                self._execute("SELECT id, floor FROM listed WHERE list = ? AND id = ?", (name, one)).fetchone()
                for one in ids
            )
            return {row[0]: row[1] for row in rows if row}

    def record_walk(self, name: str, floors: dict[str, str]) -> None:
        """Records that from each of these cards down everything has been listed, to its floor."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO listed VALUES (?, ?, ?) ON CONFLICT (list, id) DO UPDATE SET floor ="
                " min(floor, excluded.floor)",
                [(name, one, floor) for one, floor in floors.items()],
            )

    # SQLite

    def _connect(self) -> None:
        self._db = sqlite3.connect(self._path, isolation_level=None)
        self._execute("PRAGMA journal_mode = WAL")
        # A lost last transaction is learned again from the logs.
        self._execute("PRAGMA synchronous = NORMAL")

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise StorageFailed(f"{self._path} is not open")
        return self._db

    def _execute(self, sql: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        return self._connection().execute(sql, values)

    def _script(self, sql: str) -> None:
        self._connection().executescript(sql)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._guard():
            db = self._connection()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    @contextlib.contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if _is_damage(error):
                self.close()
                self.discard()
                raise StorageFailed(f"{self._path} is damaged; run again, it is rebuilt from the logs") from error
            raise StorageFailed(f"cannot write {self._path}: {error}; free it up and run again") from error


def digest(article: Article) -> bytes:
    """What makes a revision: text, headline, date and status."""
    parts = (article.status, article.headline, article.date_published or "", article.body_sha256)
    return hashlib.sha256("\0".join(parts).encode()).digest()


def _due(rejected: Rejected, tries: int) -> str:
    if rejected.reason in OWED:
        return ""
    days = REVISIT_DAYS[min(tries, len(REVISIT_DAYS)) - 1]
    return instant(datetime.fromisoformat(rejected.seen_at) + timedelta(days=days))


def _in_lists(lists: Sequence[str] | None) -> tuple[str, Sequence[str]]:
    if lists is None:
        return "TRUE", ()
    return f"list IN ({', '.join('?' * len(lists))})", lists


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    # The low byte: the rest of an extended code says where.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or str(error).startswith("no such table")
