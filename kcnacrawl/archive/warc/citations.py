"""Whether what the records were read from is kept, and is what it was. Reads only; a run may go on writing."""

import contextlib
import hashlib
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from ..objects import Readable, object_size
from .files import OFFLOADED, KeptFile, Offloaded, kept_files, read_offloaded
from .index import Index, Place
from .reader import Damaged, Member, members_in

_STEP_BYTES: Final = 8 << 20


class Citation(NamedTuple):
    """A record and the answer that it was read from: the number of its line, where that begins in the log, where the
    answer is, the record that keeps its payload if that is another, with its place if it is kept, and the version of
    the reader that read it (empty if no run's report tells).
    """

    line: int
    begin: int
    place: Place
    original_id: str
    original: Place | None
    reader: str


class Citations:
    """The answers that records name, and those that are kept: in a file of its own, so that memory is flat. A context
    manager. First all records are to be added; what they name is kept before they are.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._unread = set[str]()
        """Offloaded files whose pages are not read."""

    def __enter__(self) -> Self:
        self._db.executescript("""
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE named (
    line INTEGER PRIMARY KEY, id BLOB NOT NULL, begin INTEGER NOT NULL, status TEXT NOT NULL, reader TEXT
) STRICT;
CREATE TABLE kept (
    id BLOB PRIMARY KEY, file TEXT NOT NULL, offset INTEGER NOT NULL, original BLOB
) STRICT, WITHOUT ROWID;
BEGIN;
""")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def add(self, line: int, begin: int, record_id: str, status: str, reader: str | None) -> None:
        """Take note of what the record on a line was read from; of ``None`` if that was an earlier line."""
        self._db.execute(
            "INSERT INTO named VALUES (?, ?, ?, ?, ?)", (line, uuid.UUID(record_id).bytes, begin, status, reader)
        )

    def faults(self, folder: Path, advance: Callable[[int], object], *, with_offloaded: bool = True) -> Iterator[str]:
        """Yield what is wrong with the files of a folder, ``file:line: what``; ``advance`` hears now and then how many
        bytes more were read. Of files that were offloaded, without ``with_offloaded`` only their length is looked at;
        what they hold, the index has to tell. Raise :class:`~kcnacrawl.archive.Unreachable`.
        """
        for file in kept_files(folder):
            entry = file.offloaded
            if entry is None:
                yield from self._read(file, advance)
            elif (fault := length_fault(entry)) is not None:
                yield f"{folder.name}/{OFFLOADED}:{entry_line(folder, entry)}: {fault}"
            elif with_offloaded:
                yield from self._read(file, advance, entry)
            else:
                self._take_from_index(file)

    def missing(self) -> Iterator[tuple[int, str]]:
        """Yield the lines whose answer is in none of the files that were read, and its id."""
        unkept = "SELECT line, id FROM named WHERE id NOT IN (SELECT id FROM kept) ORDER BY line"
        for line, record_id in self._db.execute(unkept):
            yield line, uuid.UUID(bytes=record_id).urn

    def kept(self) -> Iterator[Citation]:
        """Yield the records of live articles whose answers are kept, in the order of those."""
        self._db.execute("CREATE INDEX IF NOT EXISTS readers ON named (id, line) WHERE reader IS NOT NULL")
        query = """
SELECT line, begin, a.file, a.offset, a.original, o.file, o.offset, coalesce((
    SELECT reader FROM named AS e
    WHERE e.id = n.id AND e.line <= n.line AND e.reader IS NOT NULL ORDER BY e.line DESC LIMIT 1
), '')
FROM named AS n JOIN kept AS a USING (id) LEFT JOIN kept AS o ON o.id = a.original
WHERE status = 'live' ORDER BY a.file, a.offset"""
        for line, begin, file, offset, original, original_file, original_offset, reader in self._db.execute(query):
            if file in self._unread:
                continue
            original_id = uuid.UUID(bytes=original).urn if original else ""
            place = Place(original_file, original_offset) if original_file else None
            yield Citation(line, begin, Place(file, offset), original_id, place, reader)

    def _read(self, file: KeptFile, advance: Callable[[int], object], entry: Offloaded | None = None) -> Iterator[str]:
        name, told, was_open = f"{file.folder.name}/{file.name}", 0, file.is_open
        try:
            with file.open() as opened:
                digested = _Digested(opened)
                for one in members_in(digested, 0):
                    if one.is_response:
                        self._keep(one, file.name)
                    if one.header("WARC-Block-Digest") and not one.record.verify_block_digest():
                        yield f"{name}:1: {one.record_id}, at byte {one.offset}, is not what its digest says"
                    if one.end - told >= _STEP_BYTES:
                        advance(one.end - told)
                        told = one.end
                if entry is not None and digested.hexdigest() != entry.sha256:
                    yield f"{name}:1: {entry.url} has another SHA-256 than {OFFLOADED} tells"
        except Damaged as error:
            # What a run writes, or a killed one has left, has no end yet.
            if not was_open:
                where = f"{entry.url} is " if entry is not None else ""
                yield f"{name}:1: {where}damaged at byte {error.offset} ({error})"

    def _take_from_index(self, file: KeptFile) -> None:
        self._unread.add(file.name)
        with contextlib.closing(Index(file.folder)) as index:
            index.open_to_read()
            rows = ((record_id, file.name, offset, None) for record_id, offset in index.records_of(file.name))
            self._db.executemany("INSERT OR IGNORE INTO kept VALUES (?, ?, ?, ?)", rows)

    def _keep(self, member: Member, name: str) -> None:
        original = uuid.UUID(member.original_id).bytes if member.is_revisit else None
        row = (uuid.UUID(member.record_id).bytes, name, member.offset, original)
        self._db.execute("INSERT OR IGNORE INTO kept VALUES (?, ?, ?, ?)", row)


class _Digested:
    """A file that is read from its beginning to its end, and its digest."""

    def __init__(self, file: Readable) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def read(self, size: int = -1, /) -> bytes:
        data = self._file.read(size)
        self._digest.update(data)
        return data

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def length_fault(entry: Offloaded) -> str | None:
    """Return what is wrong with what is in the place of an offloaded file, by its length; ``None`` if nothing is."""
    length = object_size(entry.url)
    if length is None:
        return f"{entry.url} is not there: restore it from a copy"
    if length != entry.length:
        return f"{entry.url} has {length} bytes, and had {entry.length}: restore it from a copy"
    return None


def entry_line(folder: Path, entry: Offloaded) -> int:
    """Return the number of an entry's line."""
    return 1 + list(read_offloaded(folder)).index(entry.name)
