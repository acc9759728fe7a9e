"""The archive as one SQLite file: ``articles``, ``revisions``, ``reprints``, and full-text search over the first.

No text stands there twice: ``articles`` has the latest revision of each article, ``superseded`` the others, and
``revisions`` is a view of both. What counts and orders articles (``_DERIVED``) is made when a sync has read all of the
archive, and kept up to date from then on: made row by row, it would take most of the time that a first sync takes.

The search index holds :mod:`.words`' tokens of a text that ``articles`` holds as it is, hence FTS5's own ``rebuild``
and ``integrity-check`` are not for it. ``indexed`` tells by which rules and letters they were made; a sync that goes by
others makes the index anew first, since FTS5 must be told what stood there to take it out.
"""

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec

from ..archive.blocks import LogEnd
from ..arguments import ArgumentError
from ..columns import ADDED, COLUMNS, Kind, declarations, declared
from ..items import Article
from ..reprints.links import Link
from . import Indexing, StoreDown, translating, unheard, words

_VERSION: Final = 5
_OLDEST: Final = 1
"""A version that a sync brings up to date: 1 lacks ``indexed``, and as 2 does, the columns that were added since; of
all before 4, ``revisions`` is a table that holds every text, those of ``articles`` a second time; 4 lacks ``reprints``.
"""
_KEYS: Final = tuple(column.name for column in COLUMNS)
_TYPES: Final = {
    **dict.fromkeys((Kind.TEXT, Kind.DAY, Kind.INSTANT, Kind.TEXTS), "TEXT"),
    **dict.fromkeys((Kind.INTEGER, Kind.BOOLEAN), "INTEGER"),
}
_COLUMNS: Final = declared(_TYPES)
_ADDITIONS: Final = [
    f"ALTER TABLE {table} ADD COLUMN {one}"
    for table in ("articles", "revisions")
    for one in declarations(_TYPES, ADDED)
]
_NAMED: Final = ", ".join(_KEYS)
_VALUES: Final = ", ".join("?" for _ in _KEYS)
_INDEXED: Final = "CREATE TABLE indexed (folding TEXT NOT NULL) STRICT"
_PAST: Final = f"""
CREATE TABLE superseded (
    {_COLUMNS},
    PRIMARY KEY (id, revision)
) STRICT;
CREATE VIEW revisions AS SELECT {_NAMED} FROM articles UNION ALL SELECT {_NAMED} FROM superseded;
CREATE TABLE edits (
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    date_downloaded TEXT NOT NULL,
    status_before TEXT NOT NULL,
    access_before TEXT NOT NULL,
    status TEXT NOT NULL,
    access TEXT NOT NULL,
    PRIMARY KEY (id, revision)
) STRICT, WITHOUT ROWID;
CREATE TABLE counts (
    source_label TEXT, year INTEGER, in_language TEXT, access TEXT, status TEXT, articles INTEGER NOT NULL
) STRICT;
"""  # noqa: S608 - our own names
"""Revisions that are not the latest; which revisions are edits, removals and returns; how many articles are alike."""
_REPRINTS: Final = """
CREATE TABLE reprints (
    id TEXT NOT NULL,
    of_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    score REAL NOT NULL,
    containment REAL NOT NULL,
    shared_numbers REAL NOT NULL,
    PRIMARY KEY (id, of_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX reprints_by_original ON reprints (of_id);
"""
# A row's number is what the index knows it by: an implicit one would change in a VACUUM.
_SCHEMA: Final = f"""
CREATE TABLE articles (
    number INTEGER PRIMARY KEY,
    {_COLUMNS},
    year INTEGER GENERATED ALWAYS AS (CAST(substr(date_published, 1, 4) AS INTEGER)) VIRTUAL,
    UNIQUE (id)
) STRICT;
{_PAST}
{_REPRINTS}
CREATE TABLE cursors (log TEXT PRIMARY KEY, end INTEGER NOT NULL, crc INTEGER NOT NULL) STRICT;
{_INDEXED};
CREATE VIRTUAL TABLE articles_fts USING fts5 (
    headline, article_body, content = 'articles', content_rowid = 'number', tokenize = 'ascii', columnsize = 0
);
INSERT INTO articles_fts (articles_fts, rank) VALUES ('hashsize', {64 << 20});
INSERT INTO articles_fts (articles_fts, rank) VALUES ('automerge', 8);
"""  # noqa: S608 - our own names
_COUNTED: Final = ("source_label", "year", "in_language", "access", "status")


_COUNT_CHANGE: Final = """
INSERT INTO counts SELECT {values}, 0 WHERE NOT EXISTS (SELECT 1 FROM counts WHERE ({keys}) IS ({values})); \
UPDATE counts SET articles = articles + {by} WHERE ({keys}) IS ({values}); \
"""


def _counting(event: str, *rows: tuple[str, int]) -> str:
    """Return a trigger that counts articles: by how much, for the article as a row of the event names it."""
    changes = "".join(
        _COUNT_CHANGE.format(keys=", ".join(_COUNTED), values=", ".join(f"{row}.{key}" for key in _COUNTED), by=by)
        for row, by in rows
    )
    return f"CREATE TRIGGER IF NOT EXISTS counts_{event.lower()} AFTER {event} ON articles BEGIN {changes} END"


# What articles and revisions are counted by stands in indexes, or their texts would have to be read along.
_DERIVED: Final = f"""
CREATE INDEX IF NOT EXISTS articles_by_day ON articles (date_published DESC, url_time DESC, id DESC);
CREATE INDEX IF NOT EXISTS articles_by_source
    ON articles (source_label, date_published, in_language, access, status, source_id);
CREATE INDEX IF NOT EXISTS articles_by_year ON articles (year);
CREATE INDEX IF NOT EXISTS articles_by_id ON articles (id, date_published, date_listed, source_id, source_label);
CREATE INDEX IF NOT EXISTS articles_by_time ON articles (date_downloaded, revision, date_published);
CREATE INDEX IF NOT EXISTS superseded_by_time ON superseded (date_downloaded, revision, date_published);
CREATE INDEX IF NOT EXISTS edits_by_time ON edits (date_downloaded);
CREATE INDEX IF NOT EXISTS counts_by_source ON counts ({", ".join(_COUNTED)});
DELETE FROM counts;
INSERT INTO counts
    SELECT source_label, CAST(substr(date_published, 1, 4) AS INTEGER), in_language, access, status, count(*)
    FROM articles GROUP BY 1, 2, 3, 4, 5;
{_counting("INSERT", ("new", 1))};
{_counting("UPDATE", ("old", -1), ("new", 1))};
"""  # noqa: S608 - our own names
# A page holds several articles, or much of it would be left empty.
_PAGE_BYTES: Final = 32 << 10
_CACHE_KB: Final = 64 << 10

CHANGED: Final = """(new.body_sha256, new.headline, new.date_published, new.status, new.access)
    IS NOT (old.body_sha256, old.headline, old.date_published, old.status, old.access)
    AND new.revision_cause IS NOT 'reader'
"""
"""A revision that only knows more of the article's source is no change of the site's."""

_HELD: Final = "SELECT id, number, revision FROM articles WHERE id IN (SELECT value FROM json_each(?))"
_INSERT: Final = f"INSERT INTO articles (number, {_NAMED}) VALUES (?, {_VALUES})"  # noqa: S608 - our own names
_UPDATE: Final = f"UPDATE articles SET ({_NAMED}) = ({_VALUES}) WHERE number = ?"  # noqa: S608 - as above
_KEEP: Final = f"INSERT OR REPLACE INTO superseded VALUES ({_VALUES})"  # noqa: S608 - as above
_SUPERSEDE: Final = f"""
INSERT OR REPLACE INTO superseded SELECT {_NAMED} FROM articles WHERE number = ?
"""  # noqa: S608 - as above
_INDEX: Final = "INSERT INTO articles_fts (rowid, headline, article_body) VALUES (?, ?, ?)"
_UNINDEX: Final = (
    "INSERT INTO articles_fts (articles_fts, rowid, headline, article_body) "
    "SELECT 'delete', number, indexed(headline), indexed(article_body) FROM articles WHERE number = ?"
)
_FORGET_EDITS: Final = "DELETE FROM edits WHERE id IN (SELECT value FROM json_each(?))"
_EDITS: Final = f"""
INSERT INTO edits
SELECT new.id, new.revision, new.date_downloaded, old.status, old.access, new.status, new.access
FROM revisions AS new JOIN superseded AS old ON old.id = new.id AND old.revision = new.revision - 1
WHERE {CHANGED}
"""  # noqa: S608 - as above
_EDITS_OF: Final = f"{_EDITS} AND new.id IN (SELECT value FROM json_each(?))"  # noqa: S608 - as above
_STAGE: Final = "INSERT INTO staged VALUES (?, ?, ?, ?, ?, ?)"
_UNLINK: Final = "DELETE FROM reprints WHERE (id, of_id) NOT IN (SELECT id, of_id FROM staged)"
_LINK: Final = """
INSERT INTO reprints SELECT * FROM staged WHERE true
ON CONFLICT DO UPDATE SET (kind, score, containment, shared_numbers)
    = (excluded.kind, excluded.score, excluded.containment, excluded.shared_numbers)
WHERE (kind, score, containment, shared_numbers)
    IS NOT (excluded.kind, excluded.score, excluded.containment, excluded.shared_numbers)
"""
_REMEMBER: Final = "INSERT OR REPLACE INTO cursors (log, end, crc) VALUES (?, ?, ?)"
_REVISIONS: Final = f"SELECT {_NAMED} FROM revisions WHERE id = ? ORDER BY revision"  # noqa: S608 - as above
_SUPERSEDED: Final = """
WHERE NOT EXISTS (
    SELECT 1 FROM articles WHERE articles.id = every_revision.id AND articles.revision = every_revision.revision
)
"""
_DERIVED_NAMES: Final = frozenset(re.findall(r"IF NOT EXISTS (\w+)", _DERIVED))
_ID: Final = _KEYS.index("id")
_REVISION: Final = _KEYS.index("revision")
_AT_ONCE: Final = 100
_LONGEST_VALUE: Final = 16 << 20


class Prepared(NamedTuple):
    """A record as it is stored: a row, and its headline and text as they are indexed."""

    row: tuple[Any, ...]
    headline: str
    article_body: str

    @property
    def id(self) -> str:
        return str(self.row[_ID])

    @property
    def revision(self) -> int:
        return int(self.row[_REVISION])


class SqliteStore:
    """A store in one file, which may be read while it is filled."""

    def __init__(self, path: Path, indexing: Indexing = unheard) -> None:
        self._path = path
        self._indexing = indexing
        self._db: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        if self._path.is_dir():
            raise ArgumentError(f"store {self._path}: a folder, not a file")
        with self._told(), contextlib.ExitStack() as opened:
            # By its whole path: SQLite gives some short ones a meaning of their own.
            db = sqlite3.connect(self._path.absolute(), timeout=30, isolation_level=None)
            self._db = opened.enter_context(contextlib.closing(db))
            db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            db.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
            # What was deleted was public: it need not be written over.
            db.execute("PRAGMA secure_delete = OFF")
            db.create_function("indexed", 1, words.indexed, deterministic=True)
            with self._transaction():
                self._prepare()
            # Not before it is known to be ours.
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._db is None:
            return
        with contextlib.closing(self._db), self._told():
            if kind is None:
                self._derive()

    def cursor(self, log: str) -> LogEnd:
        with self._told():
            row = self._connection.execute("SELECT end, crc FROM cursors WHERE log = ?", (log,)).fetchone()
        return LogEnd(log, *row) if row else LogEnd(log)

    @staticmethod
    def prepare(records: Sequence[Article]) -> list[Prepared]:
        return [Prepared(_row(one), words.indexed(one.headline), words.indexed(one.article_body)) for one in records]

    def apply(self, prepared: list[Prepared], before: LogEnd, after: LogEnd) -> None:
        with self._told(), self._transaction():
            if self.cursor(before.name) != before:
                raise StoreDown(f"{self._path}: another sync is filling it; let it finish")
            self._take(prepared)
            self._remember(after)

    def link(self, links: Iterable[Link], end: LogEnd) -> None:
        db = self._connection
        with self._told(), self._transaction():
            db.execute("CREATE TEMP TABLE staged AS SELECT * FROM reprints LIMIT 0")
            db.executemany(_STAGE, links)
            db.execute("CREATE INDEX temp.staged_by_id ON staged (id, of_id)")
            db.execute(_UNLINK)
            db.execute(_LINK)
            db.execute("DROP TABLE staged")
            self._remember(end)

    def _remember(self, end: LogEnd) -> None:
        self._connection.execute(_REMEMBER, (end.name, end.end, end.crc))

    def _take(self, prepared: list[Prepared]) -> None:
        """Take in records that follow each other: of those on one revision the last counts."""
        db = self._connection
        revisions = {(one.id, one.revision): one for one in prepared}
        latest = {one.id: one for one in sorted(revisions.values(), key=lambda one: one.revision)}
        past = [one for one in revisions.values() if latest[one.id] is not one]
        numbers = dict[int, Prepared]()
        for id_, number, revision in db.execute(_HELD, (_json(list(latest)),)).fetchall():
            one = latest.pop(id_)
            if one.revision < revision:
                past.append(one)
            else:
                if one.revision > revision:
                    db.execute(_SUPERSEDE, (number,))
                numbers[number] = one
        # In order: FTS5 writes what it has gathered whenever a row comes before the last one.
        for number, one in sorted(numbers.items()):
            db.execute(_UNINDEX, (number,))
            db.execute(_INDEX, (number, one.headline, one.article_body))
            db.execute(_UPDATE, (*one.row, number))
        (last,) = db.execute("SELECT ifnull(max(number), 0) FROM articles").fetchone()
        new = list(enumerate(latest.values(), start=last + 1))
        db.executemany(_INSERT, ((number, *one.row) for number, one in new))
        db.executemany(_INDEX, ((number, one.headline, one.article_body) for number, one in new))
        db.executemany(_KEEP, (one.row for one in past))
        ids = _json(sorted({one.id for one in (*past, *numbers.values())}))
        db.execute(_FORGET_EDITS, (ids,))
        db.execute(_EDITS_OF, (ids,))

    @property
    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise RuntimeError("the store is not open")
        return self._db

    def _prepare(self) -> None:
        db = self._connection
        (version,) = db.execute("PRAGMA user_version").fetchone()
        if version == 0 and not _names(db):
            _make(db)
        else:
            _check(db, self._path)
            if _lacks_columns(db):
                _add_columns(db)
            if "superseded" not in _names(db):
                _keep_no_text_twice(db)
            if "reprints" not in _names(db):
                _run(db, _REPRINTS)
            if _folding(db) != words.FOLDING:
                _index_anew(db, self._indexing)
            db.execute(f"PRAGMA user_version = {_VERSION}")

    def _derive(self) -> None:
        """Make what articles are counted and ordered by, if this is the first time that all are held."""
        if _names(self._connection).keys() >= _DERIVED_NAMES:
            return
        with self._transaction():
            _run(self._connection, _DERIVED)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        self._connection.execute("COMMIT")

    def _told(self) -> AbstractContextManager[None]:
        return translating(self._path, sqlite3.OperationalError, sqlite3.DatabaseError)


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a store to be read only. Raise ``ArgumentError``, :class:`StoreDown`."""
    with contextlib.closing(connect(path)) as db, _read(path):
        yield db


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection, for any thread, that only reads a store; a sync may write meanwhile.

    Raise ``ArgumentError`` for what is no store of ours, :class:`StoreDown`.
    """
    if path.is_dir():
        raise ArgumentError(f"store {path}: a folder, not a file")
    if not path.is_file():
        raise ArgumentError(f"store {path} does not exist; scrapy sync sqlite:///{path} makes it")
    with _read(path), contextlib.ExitStack() as stack:
        address = f"{path.absolute().as_uri()}?mode=ro"
        db = sqlite3.connect(address, uri=True, timeout=30, check_same_thread=False)
        stack.callback(db.close)
        # Others' SQL may be asked of it, too.
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
        _check(db, path)
        if not _names(db).keys() >= {"superseded", "reprints"}:
            raise ArgumentError(
                f"store {path}: made by the version before; scrapy sync sqlite:///{path} brings it up to date"
            )
        if _rules(_folding(db)) != _rules(words.FOLDING):
            raise ArgumentError(
                f"store {path}: indexed by another version of kcnacrawl; scrapy sync sqlite:///{path} indexes it anew"
            )
        stack.pop_all()
    return db


def read_revisions(article_id: str, db: sqlite3.Connection) -> list[Article]:
    """Return all revisions of an article that a store holds, oldest first; none if it does not know it."""
    return [_article(row) for row in db.execute(_REVISIONS, (article_id,))]


def _read(path: Path) -> AbstractContextManager[None]:
    return translating(path, sqlite3.OperationalError, sqlite3.DatabaseError, _with_hint, is_sync=False)


def _with_hint(error: Exception) -> str:
    # Beside a store stands what its readers and writers tell each other.
    kept_out = getattr(error, "sqlite_errorname", "").startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY"))
    return f"{error}; it is read only in a folder that may be written: copy it into one" if kept_out else str(error)


def _make(db: sqlite3.Connection) -> None:
    """Make the tables of a store."""
    _run(db, _SCHEMA)
    db.execute("INSERT INTO indexed VALUES (?)", (words.FOLDING,))


def _run(db: sqlite3.Connection, statements: str) -> None:
    """Run statements inside the transaction that is open."""
    for statement in statements.split(";\n"):
        db.execute(statement)


def _keep_no_text_twice(db: sqlite3.Connection) -> None:
    """Part the table of all revisions that stores had before version 4."""
    db.execute("DROP INDEX IF EXISTS revisions_by_time")
    db.execute("ALTER TABLE revisions RENAME TO every_revision")
    _run(db, _PAST)
    db.execute(f"INSERT INTO superseded SELECT {_NAMED} FROM every_revision {_SUPERSEDED}")  # noqa: S608 - our own names
    db.execute("DROP TABLE every_revision")
    db.execute(_EDITS)


def _add_columns(db: sqlite3.Connection) -> None:
    """Give the tables what those of version 2 lack."""
    for statement in _ADDITIONS:
        db.execute(statement)


def _lacks_columns(db: sqlite3.Connection) -> bool:
    """Return True if the tables are those of version 2."""
    return _columns(db, "articles").isdisjoint(one.name for one in ADDED)


def _columns(db: sqlite3.Connection, table: str) -> set[str]:
    return {name for (name,) in db.execute("SELECT name FROM pragma_table_info(?)", (table,))}


def _folding(db: sqlite3.Connection) -> str:
    """Return what a store's index was made by; before it was written down, there was one set of rules."""
    if "indexed" not in _names(db):
        return "1"
    (folding,) = db.execute("SELECT folding FROM indexed").fetchone() or ("",)
    return str(folding)


def _rules(folding: str) -> str:
    """Return the rules without the letters: of letters that Unicode added later, an index only knows none."""
    return folding.partition(",")[0]


def _index_anew(db: sqlite3.Connection, indexing: Indexing) -> None:
    """Make the index of all articles by the rules and letters of today."""
    (total,) = db.execute("SELECT count(*) FROM articles").fetchone()
    db.execute("INSERT INTO articles_fts (articles_fts) VALUES ('delete-all')")
    for done, (number, *texts) in enumerate(db.execute("SELECT number, headline, article_body FROM articles")):
        if done % _AT_ONCE == 0:
            indexing(done, total)
        db.execute(_INDEX, (number, *map(words.indexed, texts)))
    indexing(total, total)
    if "indexed" not in _names(db):
        db.execute(_INDEXED)
    db.execute("DELETE FROM indexed")
    db.execute("INSERT INTO indexed VALUES (?)", (words.FOLDING,))


def _names(db: sqlite3.Connection) -> dict[str, str | None]:
    """Return the tables and indexes of a database, and what made them."""
    return dict(db.execute("SELECT name, sql FROM sqlite_master"))


def _restored(db: sqlite3.Connection) -> bool:
    """Return True if a database has the tables of a store: ``.dump`` keeps these, but not the number of the version."""
    wanted = {one.name for one in COLUMNS if one not in ADDED}
    return all(wanted <= _columns(db, table) for table in ("articles", "revisions"))


def _check(db: sqlite3.Connection, path: Path) -> None:
    (version,), names = db.execute("PRAGMA user_version").fetchone(), _names(db)
    if not names:
        raise ArgumentError(f"store {path} holds nothing yet; scrapy sync sqlite:///{path} fills it")
    if not names.keys() >= {"articles_fts", "cursors"}:
        raise ArgumentError(f"store {path}: a database, but none that sync made")
    if not _OLDEST <= version <= _VERSION and not (version == 0 and _restored(db)):
        raise ArgumentError(f"store {path}: made by another version of kcnacrawl; move it away and sync again")


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _row(record: Article) -> tuple[object, ...]:
    return tuple(_json(value) if key == "images" else value for key in _KEYS for value in (getattr(record, key),))


def _article(row: Sequence[Any]) -> Article:
    values = dict(zip(_KEYS, row, strict=True))
    images, conflict = tuple(msgspec.json.decode(values["images"])), bool(values["date_conflict"])
    return Article(**values | {"images": images, "date_conflict": conflict})
