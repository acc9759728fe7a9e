"""What of the archive is known to the search for reprints: a SQLite file beside it, which may be lost.

An article is learned in the order of the log and linked in the order of days. ``due`` are those whose links are to be
made; it is written in the transaction that changes what they follow from, so that a run that is killed is gone on with.
"""

import sqlite3
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from ..archive import Locked
from .links import Link
from .translation_index import SCHEMA, Placed, TranslationIndex

WINDOW: Final = 14
"""A reprint is so many days later at most."""

_SCHEMA: Final = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE articles (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, day INTEGER, begin INTEGER NOT NULL, content TEXT NOT NULL,
    digest BLOB NOT NULL, to_the_letter INTEGER NOT NULL, keys BLOB NOT NULL, length INTEGER NOT NULL,
    language INTEGER, marks BLOB NOT NULL
) STRICT;
CREATE TABLE bands (key INTEGER, day INTEGER, number INTEGER, PRIMARY KEY (key, day, number)) STRICT, WITHOUT ROWID;
CREATE TABLE due (
    day INTEGER, number INTEGER, is_new INTEGER NOT NULL, PRIMARY KEY (day, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE links (
    id TEXT, of_id TEXT, kind TEXT NOT NULL, score REAL NOT NULL, containment REAL NOT NULL,
    shared_numbers REAL NOT NULL, PRIMARY KEY (id, of_id)
) STRICT, WITHOUT ROWID;
"""
_LEARNED: Final = "day, begin, content, digest, to_the_letter, keys, length, language, marks"
_HELD: Final = "SELECT number, day, keys, language, marks, content FROM articles WHERE id = ?"
_NEXT_NEW: Final = "SELECT day FROM due WHERE day > ? AND is_new ORDER BY day LIMIT 1"
_OF_DAYS: Final = """
SELECT number, id, articles.day, begin, digest, to_the_letter, keys FROM days JOIN articles USING (number)
WHERE days.day BETWEEN ? AND ? AND keys != x'' ORDER BY number
"""
_HELD_ELSEWHERE: Final = """
INSERT INTO articles (number, id, day, begin, digest, to_the_letter, keys, content, length, marks)
VALUES (?, ?, ?, ?, ?, ?, ?, '', 0, x'')
"""
_ALL: Final = "SELECT * FROM links UNION ALL SELECT * FROM translations"
# Pages of the cache: 64 MB, whatever is held.
_PRAGMAS: Final = ("locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL", "cache_size = -65536")
# What lies together in time lies together on disk.
_PERIOD: Final = 4 * WINDOW
# Of what all texts have in common, the earliest; the likest of all.
_OF_A_KEY: Final = 64
_CANDIDATES: Final = 16
_FOUND: Final = f"""SELECT * FROM (
    SELECT number FROM bands WHERE key = ? AND day BETWEEN ? AND ? ORDER BY day, number LIMIT {_OF_A_KEY}
)"""  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class Signed:
    """An article as it is looked for. Its line begins at ``begin``; ``content`` changes with its text; ``day`` is
    ``None`` for an article without a date, which is linked with none. ``length`` is in words or characters;
    ``language`` is ``None`` where translations are not looked for.
    """

    id: str
    day: int | None
    begin: int
    content: str
    digest: bytes
    to_the_letter: bool
    keys: Sequence[int]
    length: int = 0
    language: int | None = None
    marks: Sequence[int] = ()


class Candidate(NamedTuple):
    """An article that may tell the same. In the order of days, then of identities."""

    day: int
    id: str
    number: int
    begin: int
    digest: bytes
    to_the_letter: bool


class Article(NamedTuple):
    """An article that others may be found to be like, as the index holds it."""

    number: int
    id: str
    day: int
    begin: int
    digest: bytes
    to_the_letter: bool
    keys: bytes


class Index:
    """The tables, for one process at a time. A context manager. Raise :class:`Locked` on entering;
    ``sqlite3.DatabaseError`` for a damaged file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._db = sqlite3.connect(self._path, timeout=0, isolation_level=None)
        try:
            for pragma in _PRAGMAS:
                self._db.execute(f"PRAGMA {pragma}")
            self._db.execute("BEGIN IMMEDIATE")
            if not self._db.execute("SELECT 1 FROM sqlite_schema").fetchone():
                for statement in f"{_SCHEMA}{SCHEMA}".strip().split(";\n"):
                    self._db.execute(statement)
            self._db.execute("COMMIT")
            self._last = int(self.fact("last") or 0)
            self.translations = TranslationIndex(self._db)
        except sqlite3.OperationalError as error:
            self._db.close()
            if "locked" in str(error):
                raise Locked(f"another run holds {self._path}; let it finish, or stop it") from error
            raise
        except BaseException:
            self._db.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        self._db.close()

    def fact(self, name: str) -> str:
        """Return what was remembered under a name, ``""`` if nothing was."""
        row = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else ""

    def remember(self, **facts: str) -> None:
        """Remember facts."""
        self._db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())

    def learn(self, articles: Iterable[Signed], **facts: str) -> None:
        """Take in articles, and facts with them."""
        self._db.execute("BEGIN")
        for one in articles:
            self._learn(one)
        self.remember(**facts)
        self._db.execute("COMMIT")

    def _learn(self, one: Signed) -> None:
        held = self._db.execute(_HELD, (one.id,)).fetchone()
        keys, marks = (array("I", some).tobytes() for some in (one.keys, one.marks))
        text = (one.day, one.begin, one.content, one.digest, one.to_the_letter)
        row = (*text, keys, one.length, one.language, marks)
        if held is None:
            number = self._db.execute(
                f"INSERT INTO articles (id, {_LEARNED}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - our own words
                (one.id, *row),
            ).lastrowid
        elif (one.day, one.content) == (held[1], held[-1]):
            return
        else:
            number = held[0]
            self._forget(one.id, *held[:-1])
            self._db.execute(
                f"UPDATE articles SET ({_LEARNED}) = (?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE number = ?",  # noqa: S608 - as above
                (*row, number),
            )
        if one.day is not None and one.keys:
            self._db.execute("INSERT OR REPLACE INTO due VALUES (?, ?, TRUE)", (one.day, number))

    def _forget(self, id_: str, number: int, day: int | None, keys: bytes, language: int | None, marks: bytes) -> None:
        """Take an article out as it was."""
        self._db.execute("DELETE FROM links WHERE id = ?", (id_,))
        self.remember(written="")
        if day is None:
            return
        self._db.execute("DELETE FROM due WHERE day = ? AND number = ?", (day, number))
        places = [(_place(key, day), day, number) for key in array("I", keys)]
        self._db.executemany("DELETE FROM bands WHERE key = ? AND day = ? AND number = ?", places)
        self._expect([keys], day)
        if language is not None:
            self.translations.forget(Placed(number, day, language, marks))

    def _expect(self, signatures: Iterable[bytes], day: int) -> None:
        """Have the links made anew of all that may be linked with articles of a day."""
        keys = {key for one in signatures for key in array("I", one)}
        places = sorted({_place(key, one) for key in keys for one in (day, day + WINDOW)})
        self._db.executemany(
            "INSERT OR IGNORE INTO due SELECT day, number, FALSE FROM bands WHERE key = ? AND day BETWEEN ? AND ?",
            [(place, day, day + WINDOW) for place in places],
        )

    def due_days(self) -> Iterator[int]:
        """Yield the days of which articles are due, the earliest first, as long as there are any."""
        while row := self._db.execute("SELECT day FROM due ORDER BY day LIMIT 1").fetchone():
            yield row[0]

    def new_days(self) -> Iterator[int]:
        """Yield the days of which new articles are to be found, the earliest first."""
        day = -1
        while row := self._db.execute(_NEXT_NEW, (day,)).fetchone():
            (day,) = row
            yield day

    def all_due(self) -> list[tuple[int, int]]:
        """Return the days of all that are due, and their numbers, in order."""
        return self._db.execute("SELECT day, number FROM due ORDER BY day, number").fetchall()

    def sort_by_day(self) -> None:
        """Get ready for :meth:`of_days`: look through all articles."""
        self._db.execute(
            "CREATE TEMP TABLE days (day INTEGER, number INTEGER, PRIMARY KEY (day, number)) WITHOUT ROWID"
        )
        self._db.execute("INSERT INTO days SELECT day, number FROM articles WHERE day IS NOT NULL ORDER BY day, number")

    def of_days(self, first: int, last: int) -> list[Article]:
        """Return the articles of some days that can be found."""
        return [Article(*row) for row in self._db.execute(_OF_DAYS, (first, last))]

    def hold(self, articles: Sequence[Article]) -> None:
        """Take in articles of another index, so that they can be found as there."""
        self._db.execute("BEGIN")
        self._db.executemany(_HELD_ELSEWHERE, articles)
        places = ((_place(key, one.day), one.day, one.number) for one in articles for key in array("I", one.keys))
        self._db.executemany("INSERT OR IGNORE INTO bands VALUES (?, ?, ?)", sorted(places))
        self._db.execute("COMMIT")

    def read(self, numbers: Sequence[int]) -> list[Candidate]:
        """Return articles by their numbers, in the order of days."""
        return sorted(self._read("SELECT value FROM json_each(?)", (str(list(numbers)),)))

    def place(self, day: int, most: int) -> bool:
        """Have some new articles of a day be found; return False if there were none. Those of earlier days are found
        already.
        """
        new = self._db.execute(
            "SELECT number, keys, language, marks FROM due JOIN articles USING (number)"
            " WHERE due.day = ? AND is_new LIMIT ?",
            (day, most),
        ).fetchall()
        if not new:
            return False
        self._db.execute("BEGIN")
        if day <= self._last:
            self._expect((keys for _, keys, *_ in new), day)
        rows = [(_place(key, day), day, number) for number, keys, *_ in new for key in array("I", keys)]
        self._db.executemany("INSERT OR IGNORE INTO bands VALUES (?, ?, ?)", sorted(rows))
        self._db.executemany("UPDATE due SET is_new = FALSE WHERE day = ? AND number = ?", [(day, n) for n, *_ in new])
        self.translations.place(
            Placed(n, day, language, marks) for n, _, language, marks in new if language is not None
        )
        self.remember(last=str(max(day, self._last)))
        self._db.execute("COMMIT")
        return True

    def due_of(self, day: int, most: int) -> list[Candidate]:
        """Return some articles of a day that are due."""
        return self._read("SELECT number FROM due WHERE day = ? LIMIT ?", (day, most))

    def candidates(self, one: Candidate) -> list[Candidate]:
        """Return what an article may have been taken from, in order: of articles before it, within the window, those
        that share most with it, of others that are the same to the letter the earliest.
        """
        first = one.day - (1 if one.to_the_letter else WINDOW)
        (keys,) = self._db.execute("SELECT keys FROM articles WHERE number = ?", (one.number,)).fetchone()
        places = [place for key in array("I", keys) for place in {_place(key, first), _place(key, one.day)}]
        values = chain.from_iterable((place, first, one.day) for place in places)
        shared = Counter[int](chain.from_iterable(self._db.execute(_found(len(places)), tuple(values))))
        del shared[one.number]
        if not shared:
            return []
        found = self._read("SELECT value FROM json_each(?)", (str(list(shared)),))
        found = [other for other in found if other[:2] < one[:2] and other.to_the_letter == one.to_the_letter]
        found.sort(key=lambda other: (-shared[other.number], other))
        same, others = list[Candidate](), dict[bytes, Candidate]()
        for other in found:
            if other.digest == one.digest:
                same.append(other)
            else:
                others.setdefault(other.digest, other)
        return sorted([*same[:_CANDIDATES], *list(others.values())[:_CANDIDATES]])

    def link(self, links: Iterable[tuple[Candidate, list[Link]]]) -> int:
        """Replace the links of articles that were due; return how many are new."""
        self._db.execute("BEGIN")
        made = 0
        for one, new in links:
            old = [Link(*row) for row in self._db.execute("SELECT * FROM links WHERE id = ?", (one.id,))]
            if old != sorted(new):
                self.remember(written="")
                self._db.execute("DELETE FROM links WHERE id = ?", (one.id,))
                self._db.executemany("INSERT INTO links VALUES (?, ?, ?, ?, ?, ?)", new)
                made += len(set(new) - set(old))
            self._db.execute("DELETE FROM due WHERE day = ? AND number = ?", (one.day, one.number))
        self._db.execute("COMMIT")
        return made

    def links(self) -> Iterator[Link]:
        """Yield all links, by identity."""
        for row in self._db.execute(f"{_ALL} ORDER BY id, of_id"):
            yield Link(*row)

    def counts(self) -> tuple[int, int]:
        """Return how many links there are, and articles due."""
        query = f"SELECT (SELECT count(*) FROM ({_ALL})), (SELECT count(*) FROM due)"  # noqa: S608 - our own words
        links, due = self._db.execute(query).fetchone()
        return links, due

    def _read(self, numbers: str, values: tuple[object, ...]) -> list[Candidate]:
        query = "SELECT day, id, number, begin, digest, to_the_letter FROM articles WHERE number IN "
        return [Candidate(*row) for row in self._db.execute(f"{query} ({numbers})", values)]


@cache
def _found(places: int) -> str:
    """Return the query for what shares so many keys, whose part for one is repeated."""
    return " UNION ALL ".join([_FOUND] * places)


def _place(key: int, day: int) -> int:
    return day // _PERIOD << 32 | key
