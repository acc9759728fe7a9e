"""What is known: identities and digests of what is held, what is wanted or owed, which lists were walked where.

Derived from the two logs but for the lists' state, which a new walk finds again: losing the ledger costs listing
pages, never an article.
"""

import contextlib
import hashlib
import sqlite3
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, Literal, Self

import msgspec

from ..dates import instant, listed_or_none
from ..items import Access, Article, Card, Reason, Rejected
from ..labels import read_label
from ..schedule import next_look
from ..walk import Stretch, Walk
from . import StorageFailed
from .log import LogEnd, sync, write_whole

OWED: Final[frozenset[Reason]] = frozenset({"http_error", "blocked", "layout_changed", "bad_date", "too_large"})
"""Reasons for which a page is tried again by the next run; the others are looked at again at widening intervals."""

REVISITED: Final = frozenset({"sign_up_wall", "truncated"})
"""Walls that are expected to stand, and are looked at again at those intervals all the same."""

REVISIT_DAYS: Final = (1, 3, 7, 30, 180, 365)

_VERSION: Final = 4
_SCHEMA: Final = """
CREATE TABLE logs (
    name TEXT PRIMARY KEY, end INTEGER NOT NULL, crc INTEGER NOT NULL, mtime_ns INTEGER NOT NULL
) STRICT;
CREATE TABLE articles (
    id TEXT PRIMARY KEY, revision INTEGER NOT NULL, digest BLOB NOT NULL, source_id INTEGER, source_label TEXT,
    source_name TEXT, date_published TEXT, date_downloaded TEXT NOT NULL, status TEXT NOT NULL, access TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX articles_by_day ON articles (source_id, date_published);
CREATE INDEX articles_unattributed ON articles (id) WHERE source_id IS NULL OR source_name IS NULL;
CREATE TABLE wanted (
    id TEXT PRIMARY KEY, url TEXT NOT NULL, list INTEGER, card TEXT, date_published TEXT,
    reason TEXT, tries INTEGER NOT NULL DEFAULT 0, seen TEXT NOT NULL DEFAULT '', due TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX wanted_by_list ON wanted (list);
CREATE TABLE sources (
    key INTEGER PRIMARY KEY, sid INTEGER UNIQUE, ajax_id INTEGER UNIQUE, label TEXT
) STRICT;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE listed (
    id TEXT NOT NULL, list INTEGER NOT NULL, day TEXT, stretch INTEGER NOT NULL, PRIMARY KEY (id, list)
) STRICT, WITHOUT ROWID;
CREATE TABLE looks (
    id TEXT PRIMARY KEY, looked TEXT NOT NULL, due TEXT NOT NULL, etag TEXT, last_modified TEXT, missing TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE sitemaps (
    url TEXT PRIMARY KEY, seen TEXT NOT NULL, lastmod TEXT, etag TEXT, last_modified TEXT
) STRICT;
CREATE INDEX listed_by_stretch ON listed (stretch);
CREATE TABLE stretches (
    number INTEGER PRIMARY KEY, list INTEGER NOT NULL, since TEXT NOT NULL, until TEXT NOT NULL, walked TEXT NOT NULL,
    settled TEXT NOT NULL, as_of TEXT NOT NULL, offset INTEGER NOT NULL
) STRICT;
CREATE INDEX stretches_by_list ON stretches (list);
"""

# To 4: sources have a key of their own; version 3 called a list by its source's sid, or by ``ajax:<id>``. A source of
# which nothing but the sid was remembered may have been a slip of the pen.
_MIGRATIONS: Final = {
    3: """
ALTER TABLE articles ADD COLUMN source_name TEXT;
UPDATE articles SET source_name = name_in(source_label);
CREATE INDEX articles_unattributed ON articles (id) WHERE source_id IS NULL OR source_name IS NULL;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TEMP TABLE named AS
    SELECT list FROM listed UNION SELECT list FROM stretches UNION SELECT list FROM wanted WHERE list IS NOT NULL;
ALTER TABLE sources RENAME TO sources_3;
CREATE TABLE sources (
    key INTEGER PRIMARY KEY, sid INTEGER UNIQUE, ajax_id INTEGER UNIQUE, label TEXT
) STRICT;
INSERT INTO sources (sid, ajax_id, label) SELECT sid, ajax_id, label FROM sources_3 WHERE label IS NOT NULL
    OR ajax_id IS NOT NULL OR list IN (SELECT list FROM named)
    OR EXISTS (SELECT 1 FROM articles WHERE source_id = sid);
INSERT OR IGNORE INTO sources (sid) SELECT CAST(list AS INTEGER) FROM named WHERE list NOT LIKE 'ajax:%';
INSERT OR IGNORE INTO sources (ajax_id) SELECT CAST(substr(list, 6) AS INTEGER) FROM named WHERE list LIKE 'ajax:%';
CREATE TEMP TABLE keys AS
    SELECT list, key FROM named JOIN sources ON list = CAST(sid AS TEXT) OR list = 'ajax:' || ajax_id;
ALTER TABLE wanted RENAME TO wanted_3;
CREATE TABLE wanted (
    id TEXT PRIMARY KEY, url TEXT NOT NULL, list INTEGER, card TEXT, date_published TEXT,
    reason TEXT, tries INTEGER NOT NULL DEFAULT 0, seen TEXT NOT NULL DEFAULT '', due TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
INSERT INTO wanted SELECT id, url, key, card, date_published, reason, tries, seen, due
    FROM wanted_3 LEFT JOIN keys USING (list);
ALTER TABLE listed RENAME TO listed_3;
CREATE TABLE listed (
    id TEXT NOT NULL, list INTEGER NOT NULL, day TEXT, stretch INTEGER NOT NULL, PRIMARY KEY (id, list)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO listed SELECT id, key, day, stretch FROM listed_3 JOIN keys USING (list);
ALTER TABLE stretches RENAME TO stretches_3;
CREATE TABLE stretches (
    number INTEGER PRIMARY KEY, list INTEGER NOT NULL, since TEXT NOT NULL, until TEXT NOT NULL, walked TEXT NOT NULL,
    settled TEXT NOT NULL, as_of TEXT NOT NULL, offset INTEGER NOT NULL
) STRICT;
INSERT INTO stretches SELECT number, key, since, until, walked, settled, as_of, offset
    FROM stretches_3 JOIN keys USING (list);
DROP TABLE wanted_3;
DROP TABLE listed_3;
DROP TABLE stretches_3;
DROP TABLE sources_3;
DROP TABLE keys;
DROP TABLE named;
CREATE INDEX wanted_by_list ON wanted (list);
CREATE INDEX listed_by_stretch ON listed (stretch);
CREATE INDEX stretches_by_list ON stretches (list)"""
}


@dataclass(frozen=True, slots=True)
class Known:
    """What the latest line on an article says."""

    revision: int
    digest: bytes
    access: Access
    source_id: int | None
    source_name: str | None

    @classmethod
    def of(cls, article: Article) -> Self:
        """Return what this line says."""
        return cls(article.revision, digest(article), article.access, article.source_id, article.source_name)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An article to be fetched, or fetched again, with the card that announced it."""

    id: str
    url: str
    card: Card | None
    list_key: int | None
    reason: Reason | Literal["truncated"] | None


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


@dataclass(frozen=True, slots=True)
class Unattributed:
    """The latest line on an article that names no source, or not its name, and the list that the article stands in."""

    id: str
    source_id: int | None
    name: str | None
    label: str
    list_key: int | None


@dataclass(frozen=True, slots=True)
class KnownSitemap:
    """A sitemap as it was read at ``seen``: its ``lastmod`` in the index, and what its answer said of its version."""

    seen: str
    lastmod: str | None
    etag: str | None
    last_modified: str | None


@dataclass(frozen=True, slots=True)
class Look:
    """The last look at an article that is held: when, what the answer said of its version, and since when the article
    is not found.
    """

    looked: str
    etag: str | None
    last_modified: str | None
    missing: str | None


class Ledger:
    """One SQLite file; every method is one transaction. Raises :class:`StorageFailed`.

    Closed in order it is sealed: the SHA-256 of the file stands beside it, in the manner of ``sha256sum``, until the
    next transaction. So a byte that changed in between is noticed, whatever it says.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seal = path.with_name(path.name + ".sha256")
        self._sealed = False
        self._db: sqlite3.Connection | None = None
        self._cards = msgspec.json.Decoder(Card)

    def open(self) -> str:
        """Opens the ledger if it is sound; returns what is wrong with it, or ``""``. Raises ``OSError`` too."""
        fault = self._open()
        if fault:
            self._disconnect()
        return fault

    def _open(self) -> str:
        if not self.path.exists():
            return "there is none"
        seal = self._seal.read_bytes() if self._seal.exists() else None
        if seal is not None and (seal != self._sealing() or self._has_wal()):
            return "it is not as it was closed"
        try:
            self._connect()
            version = self._execute("PRAGMA user_version").fetchone()[0]
            if version not in {_VERSION, *_MIGRATIONS}:
                return "it is of another version"
            if seal is None and (found := self._execute("PRAGMA integrity_check(1)").fetchone()[0]) != "ok":
                return f"it is damaged ({' '.join(found.split())})"
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise StorageFailed(f"cannot open {self.path}: {error}; see to it and run again") from error
            return f"it is damaged ({error})"
        self._sealed = seal is not None
        if version != _VERSION:
            self._migrate(version)
        return ""

    def _migrate(self, version: int) -> None:
        """Bring a ledger of an older version up to date, so that what only it knows is not lost."""
        with self._transaction() as db:
            db.create_function("name_in", 1, lambda label: label and read_label(label).name, deterministic=True)
            while version != _VERSION:
                for statement in _MIGRATIONS[version].split(";"):
                    db.execute(statement)
                version += 1
            db.execute(f"PRAGMA user_version = {_VERSION}")

    def create(self) -> None:
        """Begins anew, empty; of a ledger that is only being derived nothing need outlive a crash."""
        self.discard()
        with self._guard():
            self._db = sqlite3.connect(self.path, isolation_level=None)
            self._execute("PRAGMA journal_mode = MEMORY")
            self._execute("PRAGMA synchronous = OFF")
            self._connection().executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {_VERSION}; COMMIT;")

    def rebuild(self, derive: Callable[["Ledger"], None]) -> None:
        """Puts a new ledger in the place of this one when ``derive`` has taught it all; if that fails, nothing has
        changed. Raises ``OSError`` too.
        """
        self._disconnect()
        anew = Ledger(self.path.with_name(self.path.name + ".new"))
        try:
            anew.create()
            derive(anew)
            anew._disconnect()
            sync(anew.path)
            self.discard()
            anew.path.replace(self.path)
            sync(self.path.parent)
        finally:
            anew._disconnect()
            anew.discard()
        with self._guard():
            self._connect()

    def discard(self) -> None:
        """Takes the files away, so that the next opening rebuilds them."""
        self._disconnect()
        for suffix in (".sha256", "", "-wal", "-shm", "-journal"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def close(self) -> None:
        """Closes and seals the file; harmless if it is closed."""
        if self._db is None:
            return
        self._disconnect()
        # Where another program still reads, SQLite leaves its log for the next opening.
        if self._sealed or self._has_wal():
            return
        try:
            write_whole(self._seal, self._sealing())
        except OSError as error:
            raise StorageFailed(f"cannot write {self._seal}: {error.strerror or error}; run again") from error

    def _sealing(self) -> bytes:
        with self.path.open("rb") as file:
            return f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {self.path.name}\n".encode()

    def _has_wal(self) -> bool:
        wal = self.path.with_name(self.path.name + "-wal")
        return wal.exists() and wal.stat().st_size > 0

    def _break_seal(self) -> None:
        if self._sealed:
            self._seal.unlink(missing_ok=True)
            sync(self._seal.parent)
            self._sealed = False

    def _disconnect(self) -> None:
        if self._db is not None:
            with contextlib.suppress(sqlite3.DatabaseError):
                self._db.close()
            self._db = None

    # The two logs

    def log_end(self, name: str) -> LogEnd:
        """How far a log has been learned."""
        with self._guard():
            row = self._execute("SELECT name, end, crc, mtime_ns FROM logs WHERE name = ?", (name,)).fetchone()
        return LogEnd(*row) if row else LogEnd(name)

    def set_log_end(self, end: LogEnd) -> None:
        """Remembers where a log ends, if that is news."""
        if self.log_end(end.name) != end:
            with self._transaction() as db:
                self._set_log_end(db, end)

    def learn_articles(self, articles: Sequence[Article], end: LogEnd) -> None:
        """Learns of lines that are on disk, and how far the log goes with them."""
        with self._transaction() as db:
            for article in articles:
                self._learn_article(db, article)
            self._set_log_end(db, end)

    def _learn_article(self, db: sqlite3.Connection, article: Article) -> None:
        same = "SELECT 1 FROM articles WHERE id = ? AND date_downloaded = ? AND digest = ? AND access = ?"
        found = digest(article)
        # A page that was not looked at again is as it was: only more is known of it.
        is_new = not db.execute(same, (article.id, article.date_downloaded, found, article.access)).fetchone()
        db.execute(
            "INSERT INTO articles (id, revision, digest, source_id, source_label, source_name, date_published,"
            " date_downloaded, status, access) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " revision = excluded.revision, digest = excluded.digest, source_id = excluded.source_id,"
            " source_label = excluded.source_label, source_name = excluded.source_name,"
            " date_published = excluded.date_published, date_downloaded = excluded.date_downloaded,"
            " status = excluded.status, access = excluded.access",
            (
                article.id,
                article.revision,
                found,
                article.source_id,
                article.source_label,
                article.source_name,
                article.date_published,
                article.date_downloaded,
                article.status,
                article.access,
            ),
        )
        if is_new:
            db.execute("DELETE FROM looks WHERE id = ?", (article.id,))
            self._settle(db, article)

    def confirm(self, article: Article) -> None:
        """An article was fetched and is held as it is."""
        with self._transaction() as db:
            self._settle(db, article)

    def _settle(self, db: sqlite3.Connection, article: Article) -> None:
        """Nothing more is wanted of an article; but one that is truncated may open up."""
        if article.status == "gone" or article.access != "truncated":
            db.execute("DELETE FROM wanted WHERE id = ?", (article.id,))
            return
        row = db.execute("SELECT tries FROM wanted WHERE id = ? AND reason = 'truncated'", (article.id,)).fetchone()
        tries = (row[0] if row else 0) + 1
        key = None if article.source_id is None else _key_of(db, article.source_id)
        card = msgspec.json.encode(card_of(article)).decode()
        seen, due = article.date_downloaded, _due(article.date_downloaded, tries)
        db.execute(
            "INSERT INTO wanted (id, url, list, card, date_published, reason, tries, seen, due)"
            " VALUES (?, ?, ?, ?, ?, 'truncated', ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " list = coalesce(list, excluded.list), card = coalesce(card, excluded.card),"
            " date_published = excluded.date_published, reason = excluded.reason, tries = excluded.tries,"
            " seen = excluded.seen, due = excluded.due",
            (article.id, article.url, key, card, article.date_published, tries, seen, due),
        )

    def learn_rejections(self, rejections: Sequence[Rejected], end: LogEnd, *, in_order: bool = True) -> None:
        """Learns of pages that gave no record: owed at once, or due again after a widening interval.

        Not ``in_order`` are lines whose place among those of the other log is not known: then the clock must tell
        which of an article and a rejection came later.
        """
        with self._transaction() as db:
            for rejected in rejections:
                if rejected.id is not None and (in_order or not self._held_since(db, rejected)):
                    self._learn_missing(db, rejected)
                    self._learn_rejection(db, rejected)
            self._set_log_end(db, end)

    def _held_since(self, db: sqlite3.Connection, rejected: Rejected) -> bool:
        found = db.execute(
            "SELECT 1 FROM articles WHERE id = ? AND date_downloaded >= ?", (rejected.id, rejected.seen_at)
        )
        return found.fetchone() is not None

    def _learn_missing(self, db: sqlite3.Connection, rejected: Rejected) -> None:
        """An article that is held and not found is looked at again the next day."""
        if rejected.reason == "not_found":
            due = instant(datetime.fromisoformat(rejected.seen_at) + timedelta(days=1))
            db.execute(
                "INSERT INTO looks (id, looked, due, missing) SELECT id, date_downloaded, ?, ? FROM articles"
                " WHERE id = ? AND status = 'live' ON CONFLICT (id) DO UPDATE SET"
                " missing = coalesce(missing, excluded.missing), due = excluded.due",
                (due, rejected.seen_at, rejected.id),
            )

    def _learn_rejection(self, db: sqlite3.Connection, rejected: Rejected) -> None:
        """What is held and not wanted, a look that failed does not make wanted."""
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

    def _set_log_end(self, db: sqlite3.Connection, end: LogEnd) -> None:
        db.execute("INSERT OR REPLACE INTO logs VALUES (?, ?, ?, ?)", (end.name, end.end, end.crc, end.mtime_ns))

    # What is held

    def latest(self, article_id: str) -> Known | None:
        """The latest line on an article, if any is held."""
        with self._guard():
            row = self._execute(
                "SELECT revision, digest, access, source_id, source_name FROM articles WHERE id = ?", (article_id,)
            ).fetchone()
        return Known(*row) if row else None

    def held(self, ids: Iterable[str]) -> set[str]:
        """Those of ``ids`` that the archive holds."""
        with self._guard():
            return {
                one
                for one in ids
                if self._execute("SELECT 1 FROM articles WHERE id = ?", (one,)).fetchone() is not None
            }

    def count_held(self) -> int:
        """How many articles the archive holds."""
        with self._guard():
            return int(self._execute("SELECT count(*) FROM articles").fetchone()[0])

    def looked_at(self, ids: Iterable[str]) -> dict[str, str]:
        """When each of ``ids`` was last stored, or gave no record; those that never were are missing."""
        sql = (
            "SELECT max(at) FROM (SELECT date_downloaded AS at FROM articles WHERE id = :id"
            " UNION ALL SELECT seen FROM wanted WHERE id = :id)"
        )
        with self._guard():
            found = {one: self._connection().execute(sql, {"id": one}).fetchone()[0] for one in ids}
        return {one: at for one, at in found.items() if at}

    # What is held and looked at again

    def to_recheck(
        self, now: datetime, every: timedelta | None, sids: Sequence[int], since: str | None, until: str | None
    ) -> list[str]:
        """Articles that are due to be looked at, longest overdue first: by the schedule, or, with ``every``, those that
        were not seen for so long. Of these sources, or of all; published in these days.
        """
        key, moment = ("due", now) if every is None else ("looked", now - every)
        with self._guard():
            rows = self._execute(
                "SELECT id FROM (SELECT id, source_id, date_published, coalesce(looked, date_downloaded) AS looked,"  # noqa: S608 - placeholders and constants
                " coalesce(due, strftime('%Y-%m-%dT%H:%M:%S+00:00', date_downloaded, '+1 day')) AS due"
                f" FROM articles LEFT JOIN looks USING (id)) WHERE {key} <= ?"
                f" AND (? OR source_id IN ({', '.join('?' * len(sids))}))"
                " AND coalesce(date_published >= ?, TRUE) AND coalesce(date_published <= ?, TRUE)"
                f" ORDER BY {key}, id",
                (instant(moment), not sids, *sids, since, until),
            ).fetchall()
        return [row[0] for row in rows]

    def look(self, article_id: str) -> Look | None:
        """The last look at an article since its last revision."""
        with self._guard():
            row = self._execute(
                "SELECT looked, etag, last_modified, missing FROM looks WHERE id = ?", (article_id,)
            ).fetchone()
        return Look(*row) if row else None

    def looked(
        self, article_id: str, now: datetime, days: Sequence[int], etag: str | None, last_modified: str | None
    ) -> None:
        """An article was found as it is held; without a new version, the last that was told stands."""
        with self._transaction() as db:
            row = db.execute("SELECT date_downloaded FROM articles WHERE id = ?", (article_id,)).fetchone()
            due = instant(next_look(datetime.fromisoformat(row[0]), now, days))
            db.execute(
                "INSERT INTO looks VALUES (?, ?, ?, ?, ?, NULL) ON CONFLICT (id) DO UPDATE SET"
                " looked = excluded.looked, due = excluded.due, etag = coalesce(excluded.etag, etag), missing = NULL,"
                " last_modified = coalesce(excluded.last_modified, last_modified)",
                (article_id, instant(now), due, etag, last_modified),
            )

    def source_of(self, article_id: str) -> int | None:
        """The sid of a held article's source, if it is known."""
        with self._guard():
            row = self._execute("SELECT source_id FROM articles WHERE id = ?", (article_id,)).fetchone()
        return row[0] if row else None

    def published_days(self, sid: int, most: int) -> list[str]:
        """The newest days a source published on, as far as held: newest first, each once, at the most ``most``."""
        days: list[str] = []
        with self._guard():
            while len(days) < most:
                # Day by day: each is one step in the index, however many articles it has.
                row = self._execute(
                    "SELECT max(date_published) FROM articles WHERE source_id = ? AND date_published < ?",
                    (sid, days[-1] if days else "~"),
                ).fetchone()
                if row[0] is None:
                    break
                days.append(row[0])
        return days

    # What is wanted and owed

    def want(self, cards: Sequence[Card], list_key: int | None) -> None:
        """Remember that these are still to be fetched, before any of them is; a known debt gains its card."""
        with self._transaction() as db:
            db.executemany(
                "INSERT INTO wanted (id, url, list, card) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " list = coalesce(excluded.list, list), card = coalesce(excluded.card, card)",
                [(card.id, card.url, list_key, msgspec.json.encode(card).decode()) for card in cards],
            )

    def want_url(self, article_id: str, url: str) -> None:
        """Remembers an article that was asked for by address."""
        self.want_urls({article_id: url})

    def want_urls(self, urls: Mapping[str, str], *, again: bool = False) -> None:
        """Remembers articles by address; ``again``: also those that are held or were looked at are due at once."""
        conflict = "DO UPDATE SET due = ''" if again else "DO NOTHING"
        with self._transaction() as db:
            db.executemany(f"INSERT INTO wanted (id, url) VALUES (?, ?) ON CONFLICT (id) {conflict}", urls.items())  # noqa: S608 - a constant

    def set_aside(self, article_id: str, date_published: str) -> None:
        """Remembers the date of an article that lay outside the window asked for."""
        with self._transaction() as db:
            db.execute("UPDATE wanted SET date_published = ? WHERE id = ?", (date_published, article_id))

    def wanted(self, article_id: str) -> Wanted | None:
        """What is remembered of an article that is to be fetched, at once or later."""
        with self._guard():
            row = self._execute("SELECT id, url, card, list, reason FROM wanted WHERE id = ?", (article_id,)).fetchone()
            return self._wanted(row) if row else None

    def due(self, lists: Sequence[int] | None, now: datetime) -> list[Wanted]:
        """What is to be fetched at ``now`` in these lists; in all of them and of unknown list, if ``None``.

        What was seen in the future was seen by a clock that was wrong: it is due.
        """
        clause, values = _in_lists(lists)
        moment = instant(now)
        with self._guard():
            rows = self._execute(
                f"SELECT id, url, card, list, reason FROM wanted WHERE (due <= ? OR seen > ?) AND {clause}"  # noqa: S608 - the clause holds placeholders alone
                " ORDER BY id DESC",
                (moment, moment, *values),
            ).fetchall()
            return [self._wanted(row) for row in rows]

    def not_due(self, ids: Iterable[str], now: datetime) -> set[str]:
        """Those of ``ids`` that were looked at and are not to be looked at again yet."""
        moment = instant(now)
        with self._guard():
            return {
                one
                for one in ids
                if self._execute(
                    "SELECT 1 FROM wanted WHERE id = ? AND due > ? AND seen <= ?", (one, moment, moment)
                ).fetchone()
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

    def owed(self, lists: Sequence[int] | None = None, ids: Sequence[str] | None = None) -> int:
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

    def _wanted(self, row: tuple[str, str, str | None, int | None, Reason | Literal["truncated"] | None]) -> Wanted:
        card = self._cards.decode(row[2]) if row[2] else None
        return Wanted(id=row[0], url=row[1], card=card, list_key=row[3], reason=row[4])

    # Sources and their lists

    def source(
        self,
        *,
        key: int | None = None,
        sid: int | None = None,
        ajax_id: int | None = None,
        label: str | None = None,
    ) -> KnownSource | None:
        """Return the source with this key, sid, ajax id or label (whatever its case), if it is known."""
        for column, value in (
            ("key", key),
            ("sid", sid),
            ("ajax_id", ajax_id),
            ("lower(label)", label and label.lower()),
        ):
            if value is None:
                continue
            with self._guard():
                row = self._execute(
                    f"SELECT key, sid, ajax_id, label FROM sources WHERE {column} = ? ORDER BY sid LIMIT 1",  # noqa: S608 - a constant
                    (value,),
                ).fetchone()
            if row:
                return KnownSource(*row)
        return None

    def learn_source(
        self, *, sid: int | None = None, ajax_id: int | None = None, label: str | None = None
    ) -> KnownSource:
        """Add what is new of a source that the site has shown to exist; return all that is known of it.

        Where its sid and its ajax id were known apart, the two become one source, with what was walked of both.
        """
        by_sid = self.source(sid=sid) if sid is not None else None
        by_ajax = self.source(ajax_id=ajax_id) if ajax_id is not None else None
        if by_ajax is not None and sid is not None and by_ajax.sid not in {None, sid}:
            # The list of another source: what is known of that stands.
            by_ajax = ajax_id = None
        found = [one for one in (by_sid, by_ajax) if one is not None]
        labels = [label, *(one.label for one in found)]
        sids = [sid, *(one.sid for one in found)]
        ajax_ids = [ajax_id, *(one.ajax_id for one in found)]
        with self._guard():
            # Of two, the one of which more was walked keeps its key: less is to be changed.
            key = max(found, key=self._count_walked).key if found else None
        known = (key, _first(sids), _first(ajax_ids), next(filter(None, labels), None))
        if key is not None and found == [KnownSource(key, *known[1:])]:
            return found[0]
        with self._transaction() as db:
            for gone in {one.key for one in found} - {key}:
                db.execute(
                    "UPDATE OR REPLACE listed SET list = ? WHERE stretch IN"
                    " (SELECT number FROM stretches WHERE list = ?)",
                    (key, gone),
                )
                db.execute("UPDATE stretches SET list = ? WHERE list = ?", (key, gone))
                db.execute("UPDATE wanted SET list = ? WHERE list = ?", (key, gone))
                db.execute("DELETE FROM sources WHERE key = ?", (gone,))
            row = db.execute("INSERT OR REPLACE INTO sources VALUES (?, ?, ?, ?) RETURNING *", known).fetchone()
        return KnownSource(*row)

    def _count_walked(self, source: KnownSource) -> int:
        """Return how many walked ranges a source's list has."""
        return int(self._execute("SELECT count(*) FROM stretches WHERE list = ?", (source.key,)).fetchone()[0])

    def sources(self) -> list[KnownSource]:
        """Return all sources known."""
        with self._guard():
            rows = self._execute("SELECT key, sid, ajax_id, label FROM sources ORDER BY sid, ajax_id").fetchall()
        return [KnownSource(*row) for row in rows]

    def home_read(self) -> datetime | None:
        """Return when the home page was last read for its sources; ``None`` if it never was."""
        with self._guard():
            row = self._execute("SELECT value FROM facts WHERE name = 'home_read'").fetchone()
        return datetime.fromisoformat(row[0]) if row else None

    def learn_home_read(self, now: datetime) -> None:
        """Remember that the home page was read for its sources."""
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO facts VALUES ('home_read', ?)", (instant(now),))

    def unattributed(self, after: str, most: int) -> list[Unattributed]:
        """Return articles whose line has no source, or not its name: at most ``most``, in the order of their ids, with
        ids greater than ``after``. Of several lists that an article stands in, the one with the lowest sid is given.
        """
        with self._guard():
            rows = self._execute(
                "SELECT id, source_id, source_name, source_label,"
                " (SELECT key FROM listed JOIN sources ON key = listed.list"
                " WHERE listed.id = articles.id AND sid IS NOT NULL ORDER BY sid LIMIT 1) FROM articles"
                " WHERE (source_id IS NULL OR source_name IS NULL) AND id > ? AND source_label IS NOT NULL"
                " ORDER BY id LIMIT ?",
                (after, most),
            ).fetchall()
        return [Unattributed(*row) for row in rows]

    # Where lists were walked

    def stretches(self, list_key: int, ids: Iterable[str]) -> dict[str, Stretch]:
        """Of the cards that were walked over in this list, the stretch that each is in."""
        with self._guard():
            rows = (
                self._execute(
                    f"SELECT id, {_STRETCH} FROM listed JOIN stretches ON number = stretch"  # noqa: S608 - a constant
                    " WHERE id = ? AND listed.list = ?",
                    (one, list_key),
                ).fetchone()
                for one in ids
            )
            return {row[0]: _stretch(row[1:]) for row in rows if row}

    def stretch_at(self, list_key: int, day: date) -> Stretch | None:
        """A stretch of this list above which nothing of ``day`` or older stands; of several, the deepest."""
        with self._guard():
            row = self._execute(
                f"SELECT {_STRETCH} FROM stretches WHERE list = ? AND until >= ? ORDER BY since LIMIT 1",  # noqa: S608 - a constant
                (list_key, day.isoformat()),
            ).fetchone()
        return _stretch(row) if row else None

    def record_page(self, list_key: int, walk: Walk, offset: int, cards: Sequence[Card], now: datetime) -> int:
        """Records that a walk has come down to this page, whose cards are held or wanted. Returns the number of the
        walk's stretch.
        """
        as_of = "" if walk.start else instant(now)
        with self._transaction() as db:
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
        """Makes one stretch of two that a walk has found to hang together; returns its number. If the lower one was
        believed because it ``is_fresh``, it counts as walked when that was, else when the upper one was.
        """
        walked = "min(a.walked, b.walked), min(a.settled, b.settled)" if is_fresh else "a.walked, a.settled"
        with self._transaction() as db:
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

    # Sitemaps

    def sitemap(self, url: str) -> KnownSitemap | None:
        """How a sitemap was when all that it leads to was last wanted."""
        with self._guard():
            row = self._execute(
                "SELECT seen, lastmod, etag, last_modified FROM sitemaps WHERE url = ?", (url,)
            ).fetchone()
        return KnownSitemap(*row) if row else None

    def learn_sitemap(self, url: str, known: KnownSitemap) -> None:
        """Remembers that all that a sitemap leads to is wanted or held."""
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO sitemaps VALUES (?, ?, ?, ?, ?)",
                (url, known.seen, known.lastmod, known.etag, known.last_modified),
            )

    # SQLite

    def _connect(self) -> None:
        self._db = sqlite3.connect(self.path, isolation_level=None)
        self._execute("PRAGMA journal_mode = WAL")
        # A lost last transaction is learned again from the logs.
        self._execute("PRAGMA synchronous = NORMAL")

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise StorageFailed(f"{self.path} is not open")
        return self._db

    def _execute(self, sql: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        return self._connection().execute(sql, values)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._guard():
            db = self._connection()
            self._break_seal()
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute("COMMIT")
            except BaseException:
                # A full disk has SQLite roll back by itself.
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.DatabaseError, msgspec.DecodeError) as error:
            if _is_damage(error):
                self.discard()
                raise StorageFailed(f"{self.path} is damaged; run again, it is rebuilt from the logs") from error
            raise StorageFailed(f"cannot write {self.path}: {error}; free it up and run again") from error
        except OSError as error:
            raise StorageFailed(f"cannot write {error.filename or self.path}: {error.strerror or error}") from error


def digest(article: Article) -> bytes:
    """What makes a revision: text, headline, date and status."""
    parts = (article.status, article.headline, article.date_published or "", article.body_sha256)
    return hashlib.sha256("\0".join(parts).encode()).digest()


def body_sha256(body: str) -> str:
    """SHA-256 of a body in NFC, as UTF-8, in hexadecimal."""
    return hashlib.sha256(unicodedata.normalize("NFC", body).encode()).hexdigest()


def card_of(article: Article) -> Card:
    """The card that a record was made with, as far as the record tells."""
    return Card(
        id=article.id,
        url=article.url,
        headline=article.headline,
        description=article.description,
        date_listed_raw=article.date_listed_raw,
        listing_url=article.listing_url,
    )


# The columns of a :class:`Stretch`.
_STRETCH: Final = "number, since, until, walked, settled, offset"


def _stretch(row: tuple[int, str, str, str, str, int]) -> Stretch:
    number, since, until, walked, settled, offset = row
    return Stretch(number, since, until, date.fromisoformat(walked), settled, offset)


def _key_of(db: sqlite3.Connection, sid: int) -> int:
    """Return the key of a source that a record names, which may be all that is known of it."""
    db.execute("INSERT OR IGNORE INTO sources (sid) VALUES (?)", (sid,))
    return int(db.execute("SELECT key FROM sources WHERE sid = ?", (sid,)).fetchone()[0])


def _first(values: Iterable[int | None]) -> int | None:
    return next((one for one in values if one is not None), None)


def _day(card: Card) -> str | None:
    listed = listed_or_none(card.date_listed_raw)
    return listed.isoformat() if listed else None


def _due(seen: str, tries: int) -> str:
    """When a page is looked at again that was seen for the ``tries``-th time."""
    days = REVISIT_DAYS[min(tries, len(REVISIT_DAYS)) - 1]
    return instant(datetime.fromisoformat(seen) + timedelta(days=days))


def _in_lists(lists: Sequence[int] | None) -> tuple[str, Sequence[int]]:
    if lists is None:
        return "TRUE", ()
    return f"list IN ({', '.join('?' * len(lists))})", lists


def _is_damage(error: Exception) -> bool:
    if isinstance(error, msgspec.DecodeError):
        return True
    # The low byte: the rest of an extended code says where.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or str(error).startswith(
        ("no such table", "Could not decode to UTF-8")
    )
