"""The archive as Parquet files: ``articles/source=163/year=2021/data.parquet``, ``revisions`` in the same way, and
``reprints/data.parquet`` (:mod:`.linked`).

What is unknown is 0 in a folder's name, and null in the file: with a word among the numbers, readers take the sources
for text, and with Hive's own word for null pandas gives up.

A commit is one for all files. What comes is set aside in files of rows, each in the order of partitions; then each
partition is written once, aside, and synced; then ``_kcnacrawl.json`` says how far the archive is read, and this is the
moment from which the commit holds; then the files are renamed to where they belong, by the next opening if a kill comes
between. A reader meets whole files only. While they are renamed, some may be of the commit and some of the one before:
an article that leaves a partition may be met twice, or not at all.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from shutil import rmtree
from sqlite3 import DatabaseError
from types import TracebackType
from typing import Any, Final, Self

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]  # has none
from pyarrow import compute, ipc
from pyarrow import parquet as files

from ..archive import Locked, StorageFailed
from ..archive.blocks import LogEnd
from ..archive.lock import Lock
from ..archive.log import sync, write_whole
from ..arguments import ArgumentError
from ..columns import ADDED, COLUMNS
from ..items import Article
from ..reprints.links import REPRINTS, Link
from ..schemas import arrow_schema
from . import StoreDown, linked, translating
from .places import Partition, Places

_VERSION: Final = 2
_OLDEST: Final = 1
"""A version whose files lack the columns that were added since; the next sync adds them."""
_STATE: Final = "_kcnacrawl.json"
_LOCK: Final = ".lock"
_PLACES: Final = ".places.sqlite"
_STAGED: Final = ".staged"
_FILE: Final = "data.parquet"
_TABLES: Final = ("articles", "revisions")

_SCHEMA: Final = arrow_schema()
_SORTED: Final = [(key, "ascending") for key in ("date_published", "id", "revision")]
# So that a partition's rows stand together, in the order in which they came.
_STAGED_ORDER: Final = [(key, "ascending") for key in ("source", "year", "number")]
# What is another in each record is not looked up in a dictionary, nor is it a bound to skip rows by.
_UNIQUE: Final = {
    *("id", "url", "headline", "description", "article_body", "original_url", "body_sha256", "warc_record_id"),
    *("url_time", "date_downloaded", "images"),
}
_WRITTEN: Final = {
    "compression": "zstd",
    "use_dictionary": [one.name for one in COLUMNS if one.name not in _UNIQUE],
    "write_statistics": [one.name for one in COLUMNS if one.name not in {"article_body", "images"}],
}
# A group of rows is packed and read as one, and rows may be long.
_GROUP: Final = 1024

_SYNCS: Final = 16
_RUN_BYTES: Final = 12 << 20
# What a kill has the next sync read again; if it were less, a first sync would write partitions more often.
_COMMIT_BYTES: Final = 16 << 30


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
        self._rows = self._staged / "rows"
        self._links = folder / "reprints" / _FILE
        self._places = Places(folder / _PLACES)
        self._read = LogEnd("")
        self._held = ExitStack()
        self._empty()

    def _empty(self) -> None:
        """Begin a commit: nothing came yet."""
        self._waiting = list[pa.RecordBatch]()
        self._waiting_bytes = self._bytes = 0
        self._runs = list[ipc.RecordBatchFileReader]()
        self._where = defaultdict[Partition, list[tuple[int, int]]](list)
        """Of each partition, the runs and their batches that have rows of it."""

    def __enter__(self) -> Self:
        with self._told(), ExitStack() as stack:
            self._claim()
            lock = Lock(self._folder / _LOCK)
            lock.acquire()
            stack.callback(lock.release)
            state = self._recover()
            self._read = state.read
            if state.version != _VERSION:
                self._add_columns()
            self._places.open(self._read, self._revisions)
            stack.callback(self._places.close)
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
        if log == REPRINTS:
            return linked.read_end(self._links)
        return self._read if self._read.name == log else LogEnd(log)

    @staticmethod
    def prepare(records: Sequence[Article]) -> pa.RecordBatch:
        try:
            return _batch(records)
        except pa.ArrowInvalid:
            for one in records:
                try:
                    _batch([one])
                except pa.ArrowInvalid as error:
                    raise StorageFailed(
                        f"record {one.id}, revision {one.revision}, is none that Parquet takes: {_line(error)}"
                    ) from error
            raise

    def apply(self, prepared: pa.RecordBatch, before: LogEnd, after: LogEnd) -> None:
        """Set the records aside; they are committed with others, at the latest when the store is left."""
        del before  # The lock is ours: nobody else has moved the cursor.
        with self._told():
            numbers = self._places.take(
                *(prepared.column(key).to_pylist() for key in ("id", "revision", "source", "year"))
            )
            self._waiting.append(prepared.append_column("number", pa.array(numbers, pa.int64())))
            self._waiting_bytes += prepared.nbytes
            self._bytes += prepared.nbytes
            self._read = after
            if self._waiting_bytes >= _RUN_BYTES:
                self._stage()
            if self._bytes >= _COMMIT_BYTES:
                self._commit()

    def link(self, links: Iterable[Link], end: LogEnd) -> None:
        with self._told():
            linked.write(self._links, links, end)

    # Opening

    def _claim(self) -> None:
        """Make the folder, or see to it that it is ours; touch none that is not."""
        try:
            # Those who read it take text alone.
            str(self._folder.absolute()).encode()
        except UnicodeEncodeError as error:
            raise ArgumentError(f"store {self._folder}: its path is not UTF-8") from error
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

    def _revisions(self) -> Iterator[tuple[str, int, Partition]]:
        """Yield every revision that is held, and where."""
        for path in self._files("revisions"):
            keys = self._load(path, ["id", "revision"])
            for id_, revision in zip(*(keys.column(key).to_pylist() for key in keys.column_names), strict=True):
                yield id_, revision, _partition(path)

    # A commit

    def _stage(self) -> None:
        """Write what waits as a run: rows in the order of their partitions, those of each in a batch."""
        if not self._waiting:
            return
        table = pa.Table.from_batches(self._waiting)
        self._waiting, self._waiting_bytes = [], 0
        table = table.take(compute.sort_indices(table, _STAGED_ORDER))
        places = zip(*(table.column(key).to_pylist() for key in ("source", "year")), strict=True)
        table = table.drop_columns(["source", "year"])
        path, at = self._rows / str(len(self._runs)), 0
        with path.open("wb") as file, ipc.new_file(file, table.schema) as run:
            for number, (place, rows) in enumerate(groupby(places)):
                count = sum(1 for _ in rows)
                run.write_table(table.slice(at, count).combine_chunks())
                self._where[Partition(*place)].append((len(self._runs), number))
                at += count
        self._runs.append(ipc.open_file(self._held.enter_context(path.open("rb"))))

    def _commit(self) -> None:
        if not self._bytes:
            return
        self._stage()
        new = self._begin()
        for partition in sorted(self._where.keys() | self._places.left()):
            incoming = self._incoming(partition)
            for table in _TABLES:
                if self._places.changes(table, partition):
                    self._write(table, partition, incoming, new)
        self._hold(new)
        self._places.commit(self._read)
        self._empty()

    def _add_columns(self) -> None:
        """Write every partition with the columns that it lacks, in one commit."""
        new = self._begin()
        for table in _TABLES:
            for held in self._files(table):
                rows = self._load(held)
                for one in ADDED:
                    field = _SCHEMA.field(one.name)
                    rows = rows.append_column(field, pa.nulls(len(rows), field.type))
                self._store(rows, table, _partition(held), new)
        self._hold(new)

    def _begin(self) -> Path:
        """Make the folder where the files of a commit are set aside."""
        new = self._staged / _State(_VERSION, self._read).folder
        new.mkdir()
        return new

    def _hold(self, new: Path) -> None:
        """Have a commit hold: from here on, whatever is killed, its files come to where they belong."""
        _sync(new.iterdir())
        _sync([new, self._staged])
        self._remember(self._read)
        self._settle(_State(_VERSION, self._read))

    def _incoming(self, partition: Partition) -> pa.Table:
        """Return what came of a partition, in order."""
        batches = [self._runs[run].get_batch(number) for run, number in self._where.pop(partition, ())]
        return pa.Table.from_batches(batches, _SCHEMA.append(_NUMBER)).combine_chunks()

    def _write(self, table: str, partition: Partition, incoming: pa.Table, new: Path) -> None:
        """Write a partition as it is to be."""
        rows = _without(incoming, "number", self._places.replaced(table)).drop_columns(["number"])
        held = self._file(table, partition)
        if held.exists():
            rows = pa.concat_tables([self._kept(table, partition, self._load(held)), rows])
        self._store(rows, table, partition, new)

    def _kept(self, table: str, partition: Partition, held: pa.Table) -> pa.Table:
        """Return the rows of a partition that a commit leaves there."""
        gone = self._places.gone(table, partition)
        if not gone:
            return held
        keys = zip(*(held.column(key).to_pylist() for key in ("id", "revision")), strict=True)
        return held.filter(pa.array([key not in gone for key in keys], pa.bool_()))

    def _store(self, rows: pa.Table, table: str, partition: Partition, new: Path) -> None:
        """Write the rows of a partition in order; an empty file says that it is no more."""
        path = new / f"{table}.{partition.source}.{partition.year}"
        order = compute.sort_indices(rows, _SORTED)
        with path.open("wb") as file:
            if len(rows):
                with files.ParquetWriter(file, _SCHEMA, **_WRITTEN) as writer:
                    for begin in range(0, len(rows), _GROUP):
                        writer.write_table(rows.take(order.slice(begin, _GROUP)))

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
        _sync(folder for folder in changed if folder.exists())
        # Not before all else is on disk: until then it is what a next opening goes by.
        if self._staged.exists():
            rmtree(self._staged)
        self._rows.mkdir(parents=True)

    # Files

    def _file(self, table: str, partition: Partition) -> Path:
        return self._folder / table / f"source={partition.source}" / f"year={partition.year}" / _FILE

    def _files(self, table: str) -> list[Path]:
        return sorted((self._folder / table).glob(f"source=*/year=*/{_FILE}"))

    def _load(self, path: Path, columns: list[str] | None = None) -> pa.Table:
        """Read a partition. Raise ``ArgumentError`` if it is damaged."""
        with path.open("rb") as file:
            try:
                return files.ParquetFile(file).read(columns)
            except (pa.ArrowException, OSError) as error:
                # An error of the machine's has its number; what is no Parquet has none.
                if getattr(error, "errno", None):
                    raise
                raise ArgumentError(
                    f"store {path}: damaged ({_line(error)}); restore it, or remove {self._folder} and sync again"
                ) from error

    @contextmanager
    def _told(self) -> Iterator[None]:
        down = (OSError, pa.ArrowMemoryError, DatabaseError)
        with translating(self._folder, down, pa.ArrowException, _line):
            try:
                yield
            except Locked as error:
                raise StoreDown(str(error)) from error


_NUMBER: Final = pa.field("number", pa.int64())


def _sync(paths: Iterable[Path]) -> None:
    """fsync files or directories, several at a time: a file system takes them together."""
    with ThreadPoolExecutor(_SYNCS) as threads:
        for _ in threads.map(sync, paths):
            pass


def _batch(records: Sequence[Article]) -> pa.RecordBatch:
    """Return records as rows, with the partition of each."""
    columns = [_column([getattr(one, field.name) for one in records], field.type) for field in _SCHEMA]
    partitions = [Partition.of(one) for one in records]
    batch = pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)
    for number, key in enumerate(Partition._fields):
        batch = batch.append_column(key, pa.array([one[number] for one in partitions], pa.int64()))
    return batch


def _column(values: list[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_temporal(kind):
        return pa.array(values, pa.string()).cast(kind)
    return pa.array(values, kind)


def _without(rows: pa.Table, key: str, values: set[int]) -> pa.Table:
    """Return the rows that have none of some values in a column."""
    held = values.intersection(rows.column(key).to_pylist())
    if not held:
        return rows
    return rows.filter(compute.invert(compute.is_in(rows.column(key), pa.array(sorted(held), pa.int64()))))


def _partition(path: Path) -> Partition:
    source, year = (part.partition("=")[2] for part in path.parts[-3:-1])
    return Partition(int(source), int(year))


def _remove(path: Path) -> None:
    """Remove a partition's file, and the folders that this leaves empty."""
    path.unlink(missing_ok=True)
    for folder in path.parents[:2]:
        if folder.exists() and not any(folder.iterdir()):
            folder.rmdir()


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0]
