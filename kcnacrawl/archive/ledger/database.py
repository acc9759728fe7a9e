"""The ledger's file: opening, sealing, migrating, and transactions that turn SQLite's errors into ours."""

import contextlib
import hashlib
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from .. import StorageFailed
from ..log import sync, write_whole
from .schema import MIGRATIONS, SCHEMA, VERSION


class Database:
    """One SQLite file. Methods raise :class:`StorageFailed`.

    A file that is closed in order is sealed: its SHA-256 stands beside it, in the manner of ``sha256sum``, until the
    next transaction. So a byte that changed in between is noticed, whatever it says.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seal = path.with_name(path.name + ".sha256")
        self._sealed = False
        self._db: sqlite3.Connection | None = None
        self.state = 0
        """Another number whenever the tables may have changed."""

    def open(self, migrate: Callable[[int], str], *, is_thorough: bool) -> str:
        """Open the file if it is sound; return what is wrong with it, or ``""``. ``migrate`` brings one of an earlier
        version up to date, given that, or returns why it cannot. Also raise ``OSError``.
        """
        fault = self._open(migrate, "integrity_check" if is_thorough else "quick_check")
        if fault:
            self.disconnect()
        return fault

    def _open(self, migrate: Callable[[int], str], check: str) -> str:
        if not self.path.exists():
            return "there is none"
        seal = self._seal.read_bytes() if self._seal.exists() else None
        if seal is not None and (seal != sealing(self.path) or self._has_wal()):
            return "it is not as it was closed"
        try:
            self.connect()
            version = self.execute("PRAGMA user_version").fetchone()[0]
            if version not in {VERSION, *MIGRATIONS}:
                return "it is of another version"
            if seal is None and (found := self.execute(f"PRAGMA {check}(1)").fetchone()[0]) != "ok":
                return f"it is damaged ({' '.join(found.split())})"
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise StorageFailed(f"cannot open {self.path}: {error}; see to it and run again") from error
            return f"it is damaged ({error})"
        self._sealed = seal is not None
        return migrate(version) if version != VERSION else ""

    def create(self) -> None:
        """Begin anew, empty. Until it is opened again, nothing of it need outlive a crash."""
        self.discard()
        with self.guard():
            self._db = sqlite3.connect(self.path, isolation_level=None)
            self.execute("PRAGMA journal_mode = MEMORY")
            self.execute("PRAGMA synchronous = OFF")
            self.connection().executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")

    def replace_by(self, anew: "Database") -> None:
        """Put another file in the place of this one, synced, and connect to it. Also raise ``OSError``."""
        anew.disconnect()
        sync(anew.path)
        self.discard()
        anew.path.replace(self.path)
        sync(self.path.parent)
        with self.guard():
            self.connect()

    def discard(self) -> None:
        """Remove the files, so that the next opening rebuilds them."""
        self.disconnect()
        for suffix in (".sha256", "", "-wal", "-shm", "-journal"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)

    def close(self) -> None:
        """Close and seal the file. Do nothing if it is closed."""
        if self._db is None:
            return
        self.disconnect()
        # Where another program still reads, SQLite leaves its log for the next opening.
        if self._sealed or self._has_wal():
            return
        try:
            write_whole(self._seal, sealing(self.path))
        except OSError as error:
            raise StorageFailed(f"cannot write {self._seal}: {error.strerror or error}; run again") from error

    def _has_wal(self) -> bool:
        wal = self.path.with_name(self.path.name + "-wal")
        return wal.exists() and wal.stat().st_size > 0

    def _break_seal(self) -> None:
        if self._sealed:
            self._seal.unlink(missing_ok=True)
            sync(self._seal.parent)
            self._sealed = False

    # SQLite

    def connect(self) -> None:
        """Connect to the file, for reading and writing."""
        self._db = sqlite3.connect(self.path, isolation_level=None)
        self.state += 1
        self.execute("PRAGMA journal_mode = WAL")
        # A lost last transaction is learned again from the logs.
        self.execute("PRAGMA synchronous = NORMAL")

    def disconnect(self) -> None:
        """Close the connection without sealing the file."""
        if self._db is not None:
            with contextlib.suppress(sqlite3.DatabaseError):
                self._db.close()
            self._db = None

    def connection(self) -> sqlite3.Connection:
        """Return the open connection."""
        if self._db is None:
            raise StorageFailed(f"{self.path} is not open")
        return self._db

    def execute(self, sql: str, values: Sequence[object] | Mapping[str, object] = ()) -> sqlite3.Cursor:
        """Run one statement, inside :meth:`guard` or :meth:`transaction`."""
        return self.connection().execute(sql, values)

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Run what is inside as one transaction, or not at all."""
        with self.guard():
            db = self.connection()
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
            finally:
                self.state += 1

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Raise :class:`StorageFailed` for SQLite's errors and the disk's; a damaged file is removed."""
        try:
            yield
        except (sqlite3.DatabaseError, msgspec.DecodeError) as error:
            if _is_damage(error):
                self.discard()
                raise StorageFailed(f"{self.path} is damaged; run again, it is rebuilt from the logs") from error
            raise StorageFailed(f"cannot write {self.path}: {error}; free it up and run again") from error
        except OSError as error:
            raise StorageFailed(f"cannot write {error.filename or self.path}: {error.strerror or error}") from error


def sealing(path: Path) -> bytes:
    """Return what stands beside a file that is sealed."""
    with path.open("rb") as file:
        return f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.name}\n".encode()


def _is_damage(error: Exception) -> bool:
    if isinstance(error, msgspec.DecodeError):
        return True
    # The low byte: the rest of an extended code says where.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    # The schema is text in the file, and may be what was damaged.
    told = ("no such table", "no such column", "has no column named", "Could not decode to UTF-8")
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or any(one in str(error) for one in told)
