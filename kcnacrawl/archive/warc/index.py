"""Where each response is kept, by its record's id and by its payload; and how far each file is known."""

import contextlib
import sqlite3
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from .. import StorageFailed

NAME: Final = "index.sqlite"

_VERSION: Final = 1
_SCHEMA: Final = f"""
BEGIN;
CREATE TABLE files (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, end INTEGER NOT NULL) STRICT;
CREATE TABLE records (
    id BLOB PRIMARY KEY, file INTEGER NOT NULL, offset INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE payloads (
    digest BLOB PRIMARY KEY, file INTEGER NOT NULL, offset INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
PRAGMA user_version = {_VERSION};
COMMIT;
"""


class Place(NamedTuple):
    """Where a member begins, in a file that is named without ``.open``."""

    file: str
    offset: int


class Entry(NamedTuple):
    """A response: the id of its record, the digest of the payload if it is kept there, and where it begins."""

    record_id: str
    digest: bytes | None
    offset: int


class Index:
    """One SQLite file beside those it is about. Methods raise :class:`StorageFailed`."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._db: sqlite3.Connection | None = None
        self._is_ours = True

    def open(self) -> None:
        """Open the index; begin it anew if it is damaged, of another version or not there."""
        with self._guard():
            try:
                self._connect()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                self._begin_anew()
            else:
                if self._execute("PRAGMA user_version").fetchone() != (_VERSION,):
                    self._begin_anew()

    def open_to_read(self) -> None:
        """Open the index that there is; a run may be writing it. Raise :class:`StorageFailed` if there is none."""
        self._is_ours = False
        try:
            self._db = sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
            self._execute("SELECT 1 FROM files LIMIT 1")
        except sqlite3.DatabaseError as error:
            raise StorageFailed(f"cannot read {self._path}: {error}; any crawl makes it anew") from error

    def close(self) -> None:
        """Close the file. Do nothing if it is closed."""
        if self._db is not None:
            with contextlib.suppress(sqlite3.DatabaseError):
                self._db.close()
            self._db = None

    def ends(self) -> dict[str, int]:
        """Return how far each file is known."""
        with self._guard():
            return dict(self._execute("SELECT name, end FROM files").fetchall())

    def find_record(self, record_id: str) -> Place | None:
        """Return where a response is kept."""
        with contextlib.suppress(ValueError):
            return self._find("records", "id", uuid.UUID(record_id).bytes)
        return None

    def find_payload(self, digest: bytes) -> Place | None:
        """Return where a payload was kept last: it is kept again where it cannot be read here."""
        return self._find("payloads", "digest", digest)

    def records_of(self, name: str) -> Iterator[tuple[bytes, int]]:
        """Yield the responses in a file: the bytes of each record's id, and where it begins."""
        with self._guard():
            yield from self._execute(
                "SELECT id, offset FROM records WHERE file = (SELECT number FROM files WHERE name = ?)", (name,)
            )

    def learn(self, name: str, entries: Iterable[Entry], end: int) -> None:
        """Learn of responses that are on disk, and how far their file goes with them."""
        with self._transaction():
            (number,) = self._execute(
                "INSERT INTO files (name, end) VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET end = excluded.end RETURNING number",
                (name, end),
            ).fetchall()[0]
            for record_id, digest, offset in entries:
                values = (uuid.UUID(record_id).bytes, number, offset)
                self._execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?)", values)
                if digest is not None:
                    self._execute("INSERT OR REPLACE INTO payloads VALUES (?, ?, ?)", (digest, number, offset))

    def forget(self, name: str) -> None:
        """Forget a file that is gone, or is not what it was."""
        with self._transaction():
            for table in ("records", "payloads"):
                self._execute(
                    f"DELETE FROM {table} WHERE file = (SELECT number FROM files WHERE name = ?)",  # noqa: S608 - ours
                    (name,),
                )
            self._execute("DELETE FROM files WHERE name = ?", (name,))

    def _find(self, table: str, key: str, value: bytes) -> Place | None:
        with self._guard():
            row = self._execute(
                f"SELECT name, offset FROM {table} JOIN files ON number = file WHERE {key} = ?",  # noqa: S608 - ours
                (value,),
            ).fetchone()
        return Place(*row) if row else None

    def _connect(self) -> None:
        self._db = sqlite3.connect(self._path, isolation_level=None)
        self._execute("PRAGMA journal_mode = WAL")
        # A lost last transaction is learned again from the files.
        self._execute("PRAGMA synchronous = NORMAL")
        self._execute("SELECT count(*) FROM sqlite_master")

    def _begin_anew(self) -> None:
        self._discard()
        self._connect()
        self._connection().executescript(_SCHEMA)

    def _discard(self) -> None:
        self.close()
        for suffix in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)

    def _connection(self) -> sqlite3.Connection:
        if self._db is None:
            raise StorageFailed(f"{self._path} is not open")
        return self._db

    def _execute(self, sql: str, values: tuple[object, ...] = ()) -> sqlite3.Cursor:
        return self._connection().execute(sql, values)

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._guard():
            self._execute("BEGIN IMMEDIATE")
            try:
                yield
                self._execute("COMMIT")
            except BaseException:
                if self._connection().in_transaction:
                    self._execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise StorageFailed(f"cannot write {self._path}: {error}; free it up and run again") from error
        except sqlite3.DatabaseError as error:
            if not self._is_ours:
                raise StorageFailed(f"cannot read {self._path}: {error}; any crawl makes it anew") from error
            self._discard()
            raise StorageFailed(f"{self._path} is damaged; run again, it is made anew from the files") from error
