"""The archive in a PostgreSQL database: ``articles``, ``revisions``, ``reprints``, and full-text search over the first.

Search is an index of :mod:`.words`' tokens, which gives candidates, and a look into their folded text, which is exact:
positions in a tsvector end at 16,383, and the longest speeches do not.
"""

import contextlib
import itertools
import logging
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

from ..archive import StorageFailed
from ..archive.blocks import LogEnd
from ..arguments import ArgumentError
from ..columns import ADDED, COLUMNS, Kind, declarations, declared
from ..items import Article
from ..reprints.links import Link
from ..run import printable
from . import Indexing, StoreDown, translating, unheard, words

# All that it logs it raises as well, or tells of a signal that is on its way to us.
logging.getLogger(psycopg.__name__).addHandler(logging.NullHandler())

_PROGRAM: Final = "kcnacrawl store, version "
_KNOWN: Final = re.compile(rf"{_PROGRAM}(?:1|[2-4];.*)")
"""Versions that are brought up to date: of 4, only what is searched may be of other rules or letters."""
_LACKING: Final = re.compile(rf"{_PROGRAM}[12]\b.*")
_UNLINKED: Final = re.compile(rf"{_PROGRAM}[1-3]\b.*")
_VERSION: Final = f"{_PROGRAM}4; words {words.FOLDING}"
_OLDEST_SERVER: Final = 14
_DEFAULTS: Final = {"application_name": "kcnacrawl", "connect_timeout": "30"}
# libpq ends user and password at the first of these two, and would take the rest of a password for a host.
_ADDRESS: Final = re.compile(r"postgres(?:ql)?://(?:[^@/]*@)?[^@?]*(?:\?.*)?", re.DOTALL)

_TYPES: Final = {
    Kind.TEXT: "text",
    Kind.INTEGER: "integer",
    Kind.BOOLEAN: "boolean",
    Kind.DAY: "date",
    Kind.INSTANT: "timestamptz",
    Kind.TEXTS: "text[]",
}
_COLUMNS: Final = declared(_TYPES)
_ADDITIONS: Final = "".join(
    f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {one};\n"
    for table in ("revisions", "articles")
    for one in declarations(_TYPES, ADDED)
)
_REPRINTS: Final = """
CREATE TABLE reprints (
    id text,
    of_id text,
    kind text NOT NULL,
    score double precision NOT NULL,
    containment double precision NOT NULL,
    shared_numbers double precision NOT NULL,
    PRIMARY KEY (id, of_id)
);
CREATE INDEX reprints_by_original ON reprints (of_id);
"""
_TABLES: Final = f"""
CREATE TABLE revisions (
    {_COLUMNS},
    PRIMARY KEY (id, revision)
);
CREATE TABLE articles (LIKE revisions, PRIMARY KEY (id));
CREATE TABLE search (
    id text PRIMARY KEY REFERENCES articles ON DELETE CASCADE,
    words tsvector NOT NULL,
    folded text NOT NULL
);
CREATE TABLE cursors (log text PRIMARY KEY, bytes bigint NOT NULL, crc bigint NOT NULL);
{_REPRINTS}
"""
# Made when a sync has read all of the archive, and kept up to date from then on: made row by row, they would take most
# of the time that a first sync takes.
_INDEXES: Final = """
SET LOCAL maintenance_work_mem = '256MB';
CREATE INDEX IF NOT EXISTS articles_by_day ON articles (date_published DESC NULLS LAST, url_time DESC);
CREATE INDEX IF NOT EXISTS articles_by_source ON articles (source_id, date_published);
CREATE INDEX IF NOT EXISTS revisions_by_time ON revisions (date_downloaded);
CREATE INDEX IF NOT EXISTS search_by_word ON search USING gin (words);
"""
_LAST_INDEX: Final = "SELECT to_regclass('search_by_word') IS NULL"
# Where the server has it: it packs several times as fast as PostgreSQL's own way.
_LIGHTER: Final = """
SELECT set_config('default_toast_compression', 'lz4', false) FROM pg_settings
WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)
"""
# A text with more words than a tsvector takes is indexed by this alone, which is no word, and always looked into.
_TOO_LONG: Final = "'*'"
_LONGEST_TSVECTOR: Final = 1 << 20
_KCNA_QUERY: Final = f"""FUNCTION kcna_query(query text) RETURNS tsquery LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(lexeme, ' & ')::tsquery || $${_TOO_LONG}$$::tsquery
    FROM unnest(kcna_patterns(query)) AS pattern,
        regexp_matches(pattern, '([{words.GLUED}]+)|([^ %{words.GLUED}]+)', 'g') AS run,
        LATERAL (
            SELECT quote_literal(run[2]) AS lexeme WHERE run[2] IS NOT NULL
            UNION ALL SELECT quote_literal(run[1]) || ':*' WHERE length(run[1]) = 1
            UNION ALL SELECT quote_literal(substr(run[1], at, 2)) FROM generate_series(1, length(run[1]) - 1) AS at
        ) AS pair;
END;
"""  # noqa: S608 - our own names
_KCNA_FIND: Final = """FUNCTION kcna_find(query text) RETURNS SETOF articles LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT articles.* FROM search JOIN articles USING (id)
    WHERE words @@ kcna_query(query) AND folded LIKE ALL (kcna_patterns(query))
    ORDER BY date_published DESC NULLS LAST, url_time DESC, id DESC;
END;
"""

_TEXTS_CURSOR: Final = "kcna_texts"
_AT_ONCE: Final = 500

# What is a mark, a letter or a space beyond is ignored or glued.
_CODES: Final = range(0x20000)

_SCHEMA_NOW: Final = "SELECT quote_ident(current_schema())::regnamespace::oid::integer"
_LOCK_CLASS: Final = int.from_bytes(b"KCNA")
# Held until the transaction ends; one that was killed a moment ago may still be ending.
_LOCK: Final = f"SET LOCAL lock_timeout = '30s'; SELECT pg_advisory_xact_lock({_LOCK_CLASS}, ({_SCHEMA_NOW}))"
_HELD: Final = f"""
SELECT relname, obj_description(oid, 'pg_class') FROM pg_class
WHERE relnamespace = ({_SCHEMA_NOW}) AND relname IN ('articles', 'revisions', 'search', 'cursors', 'reprints')
"""  # noqa: S608 - our own names


def _upsert(table: str, key: str, columns: Sequence[str]) -> str:
    return f"""
INSERT INTO {table} SELECT * FROM json_populate_recordset(NULL::{table}, %s)
ON CONFLICT ({key}) DO UPDATE SET {", ".join(f"{column} = excluded.{column}" for column in columns)}
"""  # noqa: S608 - our own names


_KEYS: Final = tuple(column.name for column in COLUMNS)
_SEARCHED: Final = ("id", "words", "folded")
_WITH_IDS: Final = "SELECT id FROM articles WHERE id = ANY (%s) UNION SELECT id FROM revisions WHERE id = ANY (%s)"
_KEEP: Final = _upsert("revisions", "id, revision", _KEYS)
_RENEW: Final = f"{_upsert('articles', 'id', _KEYS)} WHERE articles.revision <= excluded.revision RETURNING id"
_INDEX: Final = _upsert("search", "id", ("words", "folded"))
_STAGE: Final = "CREATE TEMP TABLE staged (LIKE reprints INCLUDING ALL) ON COMMIT DROP"
_UNLINK: Final = """
DELETE FROM reprints
WHERE NOT EXISTS (SELECT FROM staged WHERE (staged.id, staged.of_id) = (reprints.id, reprints.of_id))
"""
_LINK: Final = """
INSERT INTO reprints SELECT * FROM staged
ON CONFLICT (id, of_id) DO UPDATE SET (kind, score, containment, shared_numbers)
    = (excluded.kind, excluded.score, excluded.containment, excluded.shared_numbers)
WHERE (reprints.kind, reprints.score, reprints.containment, reprints.shared_numbers)
    IS DISTINCT FROM (excluded.kind, excluded.score, excluded.containment, excluded.shared_numbers)
"""
_REMEMBER: Final = _upsert("cursors", "log", ("bytes", "crc"))


class Prepared(NamedTuple):
    """A record as it is stored, and what is searched of it, key by key."""

    record: dict[str, Any]
    searchable: dict[str, str]

    @property
    def key(self) -> tuple[str, int]:
        return self.record["id"], self.record["revision"]


class PostgresqlStore:
    """A store in the first schema of the search path that an address leads to; made there if none is."""

    def __init__(self, address: str, indexing: Indexing = unheard) -> None:
        self._indexing = indexing
        self._parameters = _DEFAULTS | _read(address) | {"client_encoding": "utf8"}
        place = (self._parameters.get("host", ""), self._parameters.get("dbname", ""))
        self._name = printable("postgresql://{}/{}".format(*place))
        self._db: psycopg.Connection | None = None

    def __enter__(self) -> Self:
        with self._told(), contextlib.ExitStack() as opened:
            # Nothing is prepared: a pooler may give each transaction another connection.
            db = psycopg.connect(**self._parameters, autocommit=True, prepare_threshold=None)
            self._db = opened.enter_context(contextlib.closing(db))
            self._check()
            db.execute(_LIGHTER)
            with self._transaction():
                self._prepare()
            opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._db is None:
            return
        with contextlib.closing(self._db), self._told():
            if kind is None:
                self._make_indexes()

    def cursor(self, log: str) -> LogEnd:
        with self._told():
            row = self._connection.execute("SELECT bytes, crc FROM cursors WHERE log = %s", (log,)).fetchone()
        return LogEnd(log, *row) if row else LogEnd(log)

    @staticmethod
    def prepare(records: Sequence[Article]) -> list[Prepared]:
        return [Prepared(_record(one), _searchable(one.id, one.headline, one.article_body)) for one in records]

    def apply(self, prepared: list[Prepared], before: LogEnd, after: LogEnd) -> None:
        with self._told():
            try:
                with self._transaction():
                    if self.cursor(before.name) != before:
                        raise StoreDown(f"{self._name}: another sync is filling it; let it finish")
                    self._take(prepared)
                    self._remember(after)
            except psycopg.DataError:
                self._name_refused(prepared)
                raise

    def _take(self, prepared: list[Prepared]) -> None:
        """Take in records that follow each other: of those on one revision the last counts."""
        revisions = {one.key: one for one in prepared}
        latest = {one.key[0]: one for one in sorted(prepared, key=lambda one: one.key[1])}
        ids = list(latest)
        known = {id_ for (id_,) in self._connection.execute(_WITH_IDS, (ids, ids))}
        self._copy("revisions", _KEYS, (one.record for (id_, _), one in revisions.items() if id_ not in known))
        self._copy("articles", _KEYS, (one.record for id_, one in latest.items() if id_ not in known))
        self._copy("search", _SEARCHED, (one.searchable for id_, one in latest.items() if id_ not in known))
        if known:
            self._write(_KEEP, [one.record for (id_, _), one in revisions.items() if id_ in known])
            renewed = self._write(_RENEW, [latest[id_].record for id_ in known]).fetchall()
            self._write(_INDEX, [latest[id_].searchable for (id_,) in renewed])

    def link(self, links: Iterable[Link], end: LogEnd) -> None:
        with self._told(), self._transaction():
            self._connection.execute(_STAGE)
            self._copy("staged", Link._fields, (one._asdict() for one in links))
            self._connection.execute(_UNLINK)
            self._connection.execute(_LINK)
            self._remember(end)

    def _copy(self, table: str, columns: Sequence[str], rows: Iterable[dict[str, Any]]) -> None:
        """Write rows of which the table has none."""
        statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
        with self._connection.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            for row in rows:
                copy.write_row([row[key] for key in columns])

    def _remember(self, end: LogEnd) -> None:
        self._write(_REMEMBER, [{"log": end.name, "bytes": end.end, "crc": end.crc}])

    def _write(self, statement: str, rows: Sequence[object]) -> psycopg.Cursor[Any]:
        """Writes rows in one statement, however many they are."""
        return self._connection.execute(statement, (msgspec.json.encode(rows).decode(),))

    def _name_refused(self, prepared: list[Prepared]) -> None:
        """Raise :class:`StorageFailed` for the first record that the database does not take."""
        for one in prepared:
            try:
                with self._connection.transaction(force_rollback=True):
                    self._take([one])
            except psycopg.DataError as error:
                id_, revision = one.key
                raise StorageFailed(
                    f"record {id_}, revision {revision}, is none that {self._name} takes: {_line(error)}"
                ) from error

    @property
    def _connection(self) -> psycopg.Connection:
        if self._db is None:
            raise RuntimeError("the store is not open")
        return self._db

    def _check(self) -> None:
        info = self._connection.info
        if info.server_version < _OLDEST_SERVER * 10_000:
            raise ArgumentError(f"store {self._name}: PostgreSQL {_OLDEST_SERVER} or newer is needed")
        if info.parameter_status("server_encoding") != "UTF8":
            raise ArgumentError(f"store {self._name}: its encoding is not UTF8; make a database that has it")
        if self._connection.execute("SELECT current_schema()").fetchone() == (None,):
            raise ArgumentError(f"store {self._name}: there is no schema of its search_path; make one first")

    def _prepare(self) -> None:
        held: dict[str, str | None] = dict(self._connection.execute(_HELD).fetchall())
        made = held.get("cursors") or ""
        if not held:
            self._connection.execute(_TABLES + _searching("CREATE"))
        elif not made.startswith(_PROGRAM):
            raise ArgumentError(f"store {self._name}: holds {', '.join(sorted(held))}, but none that sync made")
        elif not _KNOWN.fullmatch(made):
            raise ArgumentError(f"store {self._name}: made by another version of kcnacrawl; sync into a new schema")
        elif made != _VERSION:
            if _LACKING.fullmatch(made):
                self._connection.execute(_ADDITIONS)
            if _UNLINKED.fullmatch(made):
                self._connection.execute(_REPRINTS)
            self._connection.execute(_searching("CREATE OR REPLACE"))
            if made.partition(";")[2] != _VERSION.partition(";")[2]:
                self._index_anew()

    def _index_anew(self) -> None:
        """Make what is searched by the rules and letters of today."""
        self._connection.execute("DELETE FROM search")
        total = sum(count for (count,) in self._connection.execute("SELECT count(*) FROM articles"))
        done = 0
        self._indexing(done, total)
        with self._connection.cursor(_TEXTS_CURSOR) as texts:
            texts.execute("SELECT id, headline, article_body FROM articles")
            while rows := texts.fetchmany(_AT_ONCE):
                self._write(_INDEX, [_searchable(*row) for row in rows])
                done += len(rows)
                self._indexing(done, total)

    def _make_indexes(self) -> None:
        """Make what is looked up by, if this is the first time that all is held."""
        if self._connection.execute(_LAST_INDEX).fetchone() == (True,):
            with self._transaction():
                self._connection.execute(_INDEXES)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        """Run what is inside as a transaction, one at a time of all syncs into this schema."""
        with self._connection.transaction():
            self._connection.execute(_LOCK)
            yield

    def _told(self) -> AbstractContextManager[None]:
        down = (psycopg.OperationalError, psycopg.InternalError)
        return translating(self._name, down, psycopg.Error, _line)


def _read(address: str) -> dict[str, Any]:
    """Read an address as libpq does. Raise ``ArgumentError``, without what may be a password."""
    if not _ADDRESS.fullmatch(address):
        raise ArgumentError("store postgresql://…: write @ as %40 and / as %2F in a name or password")
    try:
        return conninfo_to_dict(address)
    except (psycopg.ProgrammingError, UnicodeEncodeError) as error:
        # All that libpq cites of an address is in quotes.
        reason = re.sub('".*"', "…", str(error), flags=re.DOTALL)
        raise ArgumentError(f"store postgresql://…: {printable(reason)}") from error


def _line(error: Exception) -> str:
    message = error.diag.message_primary if isinstance(error, psycopg.Error) else None
    return printable(message or str(error))


def _searching(create: str) -> str:
    """Return the statements that make the functions of the search, and note by what rules and letters."""
    functions = (_kcna_patterns(), _KCNA_QUERY, _KCNA_FIND)
    return "".join(f"{create} {one}" for one in functions) + f"COMMENT ON TABLE cursors IS '{_VERSION}';\n"


def _record(one: Article) -> dict[str, Any]:
    return {key: getattr(one, key) for key in _KEYS} | {"images": list(one.images)}


def _searchable(id_: str, *texts: str) -> dict[str, str]:
    tokens = " ".join(set(" ".join(map(words.indexed, texts)).split()))
    return {
        "id": id_,
        "words": tokens if len(tokens.encode()) < _LONGEST_TSVECTOR else _TOO_LONG,
        # No phrase reaches from one text into the other.
        "folded": "\n".join(f" {words.folded(text)} " for text in texts),
    }


def _kcna_patterns() -> str:
    """Return a function that reads a query as :func:`.words.terms` does: a ``LIKE`` pattern for each term's words.

    What Python knows of letters goes into it, as a database's own opinion depends on its locale.
    """
    glued = words.GLUED
    marks, letters, plain = _letters()
    compared = msgspec.json.encode(plain).decode()
    spaces = "".join(char for char in map(chr, _CODES) if char.isspace())
    return f"""FUNCTION kcna_patterns(query text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_agg(concat(
        '%', CASE WHEN words !~ '^[{glued}]' THEN ' ' END,
        words,
        CASE WHEN words !~ '[{glued}]$' THEN ' ' END, '%'
    ))
    FROM regexp_matches(translate(query, '“”', '""'), '"([^"]*)"?|([^"{spaces}]+)', 'g') AS term,
        LATERAL regexp_replace(coalesce(term[1], term[2]), '[{words.IGNORED}]+', '', 'g') AS seen,
        LATERAL regexp_replace(normalize(seen, NFKC), '[{marks}]+', '', 'g') AS bare,
        LATERAL regexp_replace(bare, '[^{glued}{letters}]+', ' ', 'g') AS typed,
        LATERAL (
            SELECT string_agg(coalesce('{compared}'::jsonb ->> letter, letter), '' ORDER BY at)
            FROM regexp_split_to_table(typed, '') WITH ORDINALITY AS one (letter, at)
        ) AS plain (letters),
        LATERAL (
            SELECT string_agg(coalesce(run[1], left(run[2], {words.LONGEST})), ' ' ORDER BY at)
            FROM regexp_matches(letters, '([{glued}]+)|([^ {glued}]+)', 'g') WITH ORDINALITY AS one (run, at)
        ) AS folded (words)
    WHERE words <> '';
$$;
"""  # noqa: S608 - our own letters


def _letters() -> tuple[str, str, dict[str, str]]:
    """Return marks and letters, both as they stand between the brackets of a regular expression; and what those
    letters of NFKC are compared as that are not compared as themselves.
    """
    known = {char: words.compared(char) for char in map(chr, _CODES)}
    letters = {char: plain for char, plain in known.items() if plain.strip()}
    changing = {char: plain for char, plain in letters.items() if plain != char}
    return (
        _ranges(char for char, plain in known.items() if not plain),
        _ranges(letters),
        {char: plain for char, plain in changing.items() if unicodedata.is_normalized("NFKC", char)},
    )


def _ranges(chars: Iterable[str]) -> str:
    """Return characters, which come in order, as between the brackets of a regular expression."""
    runs = (list(run) for _, run in itertools.groupby(enumerate(chars), lambda one: ord(one[1]) - one[0]))
    return "".join(f"{run[0][1]}-{run[-1][1]}" for run in runs)
