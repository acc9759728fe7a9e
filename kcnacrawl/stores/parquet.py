"""The archive as Parquet files: ``articles/source=163/year=2021/data.parquet``, and ``revisions`` in the same way.

What is unknown is 0 in a folder's name, and null in the file: with a word among the numbers, readers take the sources
for text, and with Hive's own word for null pandas gives up.

A commit is one for all files. The new ones are written aside and synced; then ``_kcnacrawl.json`` says how far the
archive is read, and this is the moment from which the commit holds; then the files are renamed to where they belong,
by the next opening if a kill comes between. A reader meets whole files only. While they are renamed, some may be of
the commit and some of the one before: an article that leaves a partition may be met twice, or not at all.
"""

import glob
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import duckdb
import msgspec

from ..archive import Locked
from ..archive.blocks import LogEnd
from ..archive.lock import Lock
from ..archive.log import sync, write_whole
from ..arguments import ArgumentError
from ..columns import ADDED, Kind, typed
from ..items import Article
from . import StoreDown, translating

_VERSION: Final = 2
_OLDEST: Final = 1
"""A version whose files lack the columns that were added since; the next sync adds them."""
_STATE: Final = "_kcnacrawl.json"
_LOCK: Final = ".lock"
_STAGED: Final = ".staged"
_FILE: Final = "data.parquet"

# A record replaces one of the same key and of no higher revision.
_TABLES: Final = {"articles": "id", "revisions": "id, revision"}

_TYPES: Final = {
    Kind.TEXT: "VARCHAR",
    Kind.INTEGER: "BIGINT",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.DAY: "DATE",
    Kind.INSTANT: "TIMESTAMP WITH TIME ZONE",
    Kind.TEXTS: "VARCHAR[]",
}
_COLUMNS: Final = typed(_TYPES)
_KEYS: Final = ", ".join(_COLUMNS)
_PLACE: Final = "coalesce(source_id, 0) AS source, coalesce(year(date_published), 0) AS year"
_LINES: Final = f"""read_json(
    ?, format = 'newline_delimited', maximum_object_size = ?, hive_partitioning = false,
    columns = {{position: 'BIGINT', {", ".join(f"{key}: '{kind}'" for key, kind in _COLUMNS.items())}}}
)"""
_FILES: Final = "read_parquet(?, hive_partitioning = false)"

# What is narrow is kept for all records of a commit, what is wide only passes through.
_INCOMING: Final = f"""
CREATE OR REPLACE TEMP TABLE incoming AS SELECT position, id, revision, {_PLACE} FROM {_LINES}
"""  # noqa: S608 - our own names
_NONE_HELD: Final = "CREATE OR REPLACE TEMP TABLE held AS FROM incoming LIMIT 0"
_HELD: Final = f"""
INSERT INTO held SELECT 0, id, revision, {_PLACE} FROM {_FILES} SEMI JOIN incoming USING (id)
"""  # noqa: S608 - our own names
_TAKEN: Final = """
CREATE OR REPLACE TEMP TABLE taken AS
WITH latest AS (
    FROM (FROM incoming UNION ALL FROM held)
    QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY revision DESC, position DESC) = 1
)
FROM latest WHERE position > 0
"""
_CHANGED: Final = """
SELECT source, year FROM taken UNION SELECT source, year FROM held SEMI JOIN taken USING ({key}) ORDER BY ALL
"""
_NEW_ROWS: Final = f"SELECT {_KEYS} FROM {_LINES} SEMI JOIN taken USING (position)"  # noqa: S608 - our own names
_OLD_ROWS: Final = f"SELECT {_KEYS} FROM {_FILES} ANTI JOIN taken USING ({{key}})"  # noqa: S608 - our own names
_ADDED: Final = ", ".join(f"NULL::{_TYPES[one.kind]} AS {one.name}" for one in ADDED)
_WIDENED: Final = f"SELECT *, {_ADDED} FROM {_FILES}"  # noqa: S608 - our own names
# A group of rows is packed and read as one, and rows may be long.
_COPY: Final = """
COPY ({rows} ORDER BY date_published, id, revision) TO ? (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 4096)
"""
_CHECK: Final = f"SELECT max(hash(COLUMNS(*))) FROM {_FILES}"  # noqa: S608 - our own names
# Rows of a partition are sorted in memory; more than it takes is to end the sync and not the machine. Statistics would
# give a file in which a column has no null another schema than one in which it has some.
_SETTINGS: Final = """
SET memory_limit = '1GB';
SET threads = 1;
SET enable_progress_bar = false;
SET disabled_optimizers = 'statistics_propagation';
SET autoinstall_known_extensions = false;
SET autoload_known_extensions = false;
SET temp_directory = '{folder}/{staged}/spill';
SET allowed_directories = ['{folder}', '{pattern}'];
SET enable_external_access = false;
SET lock_configuration = true;
"""

# What a kill has the next sync read again; if it were less, a first sync would write partitions more often.
_COMMIT_BYTES: Final = 256 << 20


class Partition(NamedTuple):
    """Where a record belongs; 0 where it is not known."""

    source: int
    year: int

    @classmethod
    def of(cls, record: Article) -> Self:
        return cls(record.source_id or 0, int(record.date_published[:4]) if record.date_published else 0)


@dataclass(frozen=True, slots=True)
class _State:
    """What ``_kcnacrawl.json`` holds."""

    version: int
    read: LogEnd

    @property
    def folder(self) -> str:
        """The name of the folder where what this state commits is set aside."""
        return str(self.read.end) if self.version == _OLDEST else f"{self.read.end}.{self.version}"


class ParquetStore:
    """A store in one folder, which one sync at a time fills."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._staged = folder / _STAGED
        self._lines = self._staged / "lines"
        self._read = LogEnd("")
        self._count = self._bytes = self._longest = 0
        self._held = ExitStack()
        self._db: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Self:
        with self._told(), ExitStack() as stack:
            self._claim()
            lock = Lock(self._folder / _LOCK)
            lock.acquire()
            stack.callback(lock.release)
            state = self._recover()
            self._read = state.read
            self._db = stack.enter_context(self._connect())
            if state.version != _VERSION:
                self._add_columns()
            self._held = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._held, self._told():
            # After an error, what is set aside may be committed and not yet moved: the next opening knows.
            if kind is None:
                self._commit()
                rmtree(self._staged)

    def cursor(self, log: str) -> LogEnd:
        return self._read if self._read.name == log else LogEnd(log)

    @staticmethod
    def prepare(records: Sequence[Article]) -> Sequence[Article]:
        return records

    def apply(self, prepared: Sequence[Article], before: LogEnd, after: LogEnd) -> None:
        """Set the records aside; they are committed with others, at the latest when the store is left."""
        del before  # The lock is ours: nobody else has moved the cursor.
        with self._told():
            self._stage(prepared)
            self._read = after
            if self._bytes >= _COMMIT_BYTES:
                self._commit()

    # Opening

    def _claim(self) -> None:
        """Make the folder, or see to it that it is ours; touch none that is not."""
        try:
            # DuckDB takes text alone.
            str(self._folder.absolute()).encode()
        except UnicodeEncodeError as error:
            raise ArgumentError(f"store {self._folder}: its path is not UTF-8") from error
        if "\\" in (path := _written(self._folder)) and glob.has_magic(path):
            # In a pattern DuckDB takes it for a slash.
            raise ArgumentError(f"store {self._folder}: its path holds a backslash beside *, ? or [; give another one")
        try:
            self._folder.mkdir(exist_ok=True)
        except FileExistsError as error:
            raise ArgumentError(f"store {self._folder}: a file, not a folder") from error
        names = {one.name for one in self._folder.iterdir()}
        if _STATE not in names and names - {_LOCK, f"{_STATE}.tmp"}:
            raise ArgumentError(
                f"store {self._folder}: a folder, but none that sync made; give one that is new or empty"
            )

    def _recover(self) -> _State:
        """Put in order what a killed sync left; return how far the archive is read."""
        path = self._folder / _STATE
        if not path.exists():
            self._remember(LogEnd(""))
        try:
            state = msgspec.json.decode(path.read_bytes(), type=_State)
        except ValueError as error:
            raise ArgumentError(f"store {self._folder}: {_STATE} is none that sync made ({error})") from error
        if not _OLDEST <= state.version <= _VERSION:
            raise ArgumentError(
                f"store {self._folder}: made by another version of kcnacrawl; move it away and sync again"
            )
        self._settle(state)
        return state

    def _connect(self) -> duckdb.DuckDBPyConnection:
        db = duckdb.connect(":memory:")
        # By what a pattern says, too: what is read is allowed before the pattern is looked up.
        names = [text.replace("'", "''") for text in (_written(self._folder), _read_as(self._folder))]
        db.execute(_SETTINGS.format(folder=names[0], pattern=names[1], staged=_STAGED))
        return db

    # A commit

    def _stage(self, records: Sequence[Article]) -> None:
        """Appends records to the lines of their partitions, numbered from 1 in the order of the archive."""
        lines = defaultdict[Partition, list[bytes]](list)
        for record in records:
            self._count += 1
            line = b'{"position":%d,%b\n' % (self._count, msgspec.json.encode(record)[1:])
            lines[Partition.of(record)].append(line)
            self._bytes += len(line)
            self._longest = max(self._longest, len(line))
        for partition, found in lines.items():
            with self._lines_of(partition).open("ab") as file:
                file.writelines(found)

    def _commit(self) -> None:
        if not self._count:
            return
        new = self._begin()
        self._run(_INCOMING, list(self._lines.iterdir()), self._longest)
        for table in _TABLES:
            for partition in self._choose(table):
                self._write(table, partition, new)
        self._hold(new)
        self._count = self._bytes = self._longest = 0

    def _add_columns(self) -> None:
        """Write every partition with the columns that it lacks, in one commit."""
        new = self._begin()
        for table in _TABLES:
            for held in self._files(table):
                source, year = (part.partition("=")[2] for part in held.parts[-3:-1])
                path = new / f"{table}.{source}.{year}"
                with self._blaming([held]):
                    self._run(_COPY.format(rows=_WIDENED), [held], path)
                sync(path)
        self._hold(new)

    def _begin(self) -> Path:
        """Make the folder where the files of a commit are set aside."""
        new = self._staged / _State(_VERSION, self._read).folder
        new.mkdir()
        return new

    def _hold(self, new: Path) -> None:
        """Have a commit hold: from here on, whatever is killed, its files come to where they belong."""
        sync(new)
        sync(self._staged)
        self._remember(self._read)
        self._settle(_State(_VERSION, self._read))

    def _choose(self, table: str) -> list[Partition]:
        """Find which of the incoming records a table takes; return the partitions that this changes."""
        self._run(_NONE_HELD)
        if files := self._files(table):
            with self._blaming(files):
                self._run(_HELD, files)
        self._run(_TAKEN.format(key=_TABLES[table]))
        return [Partition(*row) for row in self._run(_CHANGED.format(key=_TABLES[table]))]

    def _write(self, table: str, partition: Partition, new: Path) -> None:
        """Writes a partition as it is to be; an empty file says that it is no more."""
        lines, held = self._lines_of(partition), self._file(table, partition)
        rows, values = list[str](), list[list[Path] | int]()
        if lines.exists():
            rows.append(_NEW_ROWS)
            values += [[lines], self._longest]
        if held.exists():
            rows.append(_OLD_ROWS.format(key=_TABLES[table]))
            values.append([held])
        path = new / f"{table}.{partition.source}.{partition.year}"
        with self._blaming([held] if held.exists() else []):
            ((count,),) = self._run(_COPY.format(rows=" UNION ALL ".join(rows)), *values, path)
        if not count:
            path.write_bytes(b"")
        sync(path)

    def _remember(self, read: LogEnd) -> None:
        write_whole(self._folder / _STATE, msgspec.json.encode(_State(_VERSION, read)) + b"\n")

    def _settle(self, state: _State) -> None:
        """Move what is committed to where it belongs, as often as need be, and clear what was set aside."""
        changed = set[Path]()
        new = self._staged / state.folder
        for path in sorted(new.iterdir()) if new.exists() else ():
            table, source, year = path.name.split(".")
            target = self._file(table, Partition(int(source), int(year)))
            if path.stat().st_size:
                target.parent.mkdir(parents=True, exist_ok=True)
                path.replace(target)
            else:
                _remove(target)
            changed.update(target.parents[:4])
        for folder in changed:
            if folder.exists():
                sync(folder)
        # Not before all else is on disk: until then it is what a next opening goes by.
        if self._staged.exists():
            rmtree(self._staged)
        self._lines.mkdir(parents=True)

    # Names

    def _lines_of(self, partition: Partition) -> Path:
        return self._lines / f"{partition.source}.{partition.year}.jsonl"

    def _file(self, table: str, partition: Partition) -> Path:
        return self._folder / table / f"source={partition.source}" / f"year={partition.year}" / _FILE

    def _files(self, table: str) -> list[Path]:
        return sorted((self._folder / table).glob(f"source=*/year=*/{_FILE}"))

    # The database

    def _run(self, statement: str, *values: Path | list[Path] | int) -> list[tuple[Any, ...]]:
        if self._db is None:
            raise RuntimeError("the store is not open")
        return self._db.execute(statement, [_plain(value) for value in values]).fetchall()

    @contextmanager
    def _blaming(self, files: list[Path]) -> Iterator[None]:
        """Name the file, if one that is read is damaged: not every error of the database does."""
        try:
            yield
        except duckdb.Error:
            for path in files:
                try:
                    self._run(_CHECK, [path])
                except duckdb.Error as error:
                    raise ArgumentError(
                        f"store {path}: damaged ({_line(error)}); restore it, or remove {self._folder} and sync again"
                    ) from error
            raise

    @contextmanager
    def _told(self) -> Iterator[None]:
        with translating(self._folder, (OSError, duckdb.OperationalError), duckdb.Error, _line):
            try:
                yield
            except Locked as error:
                raise StoreDown(str(error)) from error


def _remove(path: Path) -> None:
    """Remove a partition's file, and the folders that this leaves empty."""
    path.unlink(missing_ok=True)
    for folder in path.parents[:2]:
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()


def _plain(value: Path | list[Path] | int) -> str | list[str] | int:
    """Return a value as the database takes it: a list of files to read, or one to write."""
    if isinstance(value, list):
        return [_read_as(one) for one in value]
    return _written(value) if isinstance(value, Path) else value


def _written(path: Path) -> str:
    """Return a path to write to; of one that is not absolute, DuckDB might take the beginning for something."""
    return str(path.absolute())


def _read_as(path: Path) -> str:
    """Return the pattern that matches a path alone: to DuckDB, what it reads is one."""
    return glob.escape(_written(path))


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]
