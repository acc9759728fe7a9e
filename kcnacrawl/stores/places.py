"""In which partition of a Parquet store each revision of an article is, so that none need be looked into to know.

Derived: what is not of the commit that the store is of is made anew from the files.
"""

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec

from ..archive.blocks import LogEnd
from ..items import Article

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS places (
    id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    source INTEGER NOT NULL,
    year INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (id, revision)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS committed (read TEXT NOT NULL, number INTEGER NOT NULL) STRICT
"""
_KNOWN: Final = "SELECT id, revision, source, year, number FROM places WHERE id IN (SELECT value FROM json_each(?))"
_PLACE: Final = "INSERT OR REPLACE INTO places VALUES (?, ?, ?, ?, ?)"
_CACHE_KB: Final = 32 << 10

Key = tuple[str, int]
"""An article and its revision."""


class Partition(NamedTuple):
    """Where a record belongs; 0 where it is not known."""

    source: int
    year: int

    @classmethod
    def of(cls, record: Article) -> Self:
        return cls(record.source_id or 0, int(record.date_published[:4]) if record.date_published else 0)


class Places:
    """Where revisions are, and what a commit changes: a record replaces one of the same article and revision, and of
    ``articles`` also one of a lower revision. Records are numbered as they come.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = self._committed = 0
        self._begin()

    def _begin(self) -> None:
        self._replaced = defaultdict[str, set[int]](set)
        self._gone = defaultdict[tuple[str, Partition], set[Key]](set)
        self._come = Counter[tuple[str, Partition]]()

    def open(self, read: LogEnd, revisions: Callable[[], Iterable[tuple[str, int, Partition]]]) -> None:
        """Open the index of a store that has read the archive so far and holds these revisions."""
        try:
            self._connect()
            held = self._db.execute("SELECT read, number FROM committed").fetchall()
        except sqlite3.DatabaseError:
            self.close()
            self._path.unlink()
            self._connect()
            held = []
        if [told for told, _ in held] == [_told(read)]:
            self._number = self._committed = held[0][1]
        else:
            self._db.execute("DELETE FROM places")
            self._db.executemany(_PLACE, ((id_, number, *place, 0) for id_, number, place in revisions()))
            self.commit(read)

    def _connect(self) -> None:
        self._db = sqlite3.connect(self._path, isolation_level=None)
        self._db.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        for statement in _SCHEMA.split(";"):
            self._db.execute(statement)
        self._db.execute("BEGIN IMMEDIATE")

    def close(self) -> None:
        self._db.close()

    def take(self, ids: list[str], revisions: list[int], sources: list[int], years: list[int]) -> list[int]:
        """Learn of records that came, in their order; return their numbers."""
        known = defaultdict[str, dict[int, tuple[Partition, int]]](dict)
        for id_, revision, source, year, number in self._db.execute(_KNOWN, (msgspec.json.encode(ids).decode(),)):
            known[id_][revision] = Partition(source, year), number
        first = self._number + 1
        for id_, revision, source, year in zip(ids, revisions, sources, years, strict=True):
            self._number += 1
            place = Partition(source, year)
            self._come["revisions", place] += 1
            others = known[id_]
            if revision in others:
                self._leave("revisions", (id_, revision), *others[revision])
            latest = max(others, default=0)
            if revision >= latest:
                self._come["articles", place] += 1
                if latest:
                    self._leave("articles", (id_, latest), *others[latest])
            else:
                self._replaced["articles"].add(self._number)
            others[revision] = place, self._number
        numbers = list(range(first, self._number + 1))
        self._db.executemany(_PLACE, zip(ids, revisions, sources, years, numbers, strict=True))
        return numbers

    def _leave(self, table: str, key: Key, place: Partition, number: int) -> None:
        """Have a record leave a table, whether it is there or came only now."""
        if number <= self._committed:
            self._gone[table, place].add(key)
        elif number not in self._replaced[table]:
            self._replaced[table].add(number)
            self._come[table, place] -= 1

    def changes(self, table: str, partition: Partition) -> bool:
        """Return True if a partition is to be written anew."""
        return bool(self._come[table, partition] or self._gone.get((table, partition)))

    def left(self) -> set[Partition]:
        """Return the partitions that records leave."""
        return {partition for _, partition in self._gone}

    def replaced(self, table: str) -> set[int]:
        """Return the numbers of those that came and are not to be in a table."""
        return self._replaced[table]

    def gone(self, table: str, partition: Partition) -> set[Key]:
        """Return what leaves a partition's file."""
        return self._gone.get((table, partition), set())

    def commit(self, read: LogEnd) -> None:
        """Remember that the store holds all that came, and has read the archive so far."""
        self._db.execute("DELETE FROM committed")
        self._db.execute("INSERT INTO committed VALUES (?, ?)", (_told(read), self._number))
        self._db.execute("COMMIT")
        self._db.execute("BEGIN IMMEDIATE")
        self._committed = self._number
        self._begin()


def _told(read: LogEnd) -> str:
    return msgspec.json.encode(read).decode()
