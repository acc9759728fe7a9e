"""Which articles are translations of each other: tables of the index, beside those of the reprints.

Each article picks the one in the other language that it has most in common with, if that is clear; two are linked that
pick each other. A pick follows from what lies within two days of an article, whatever came first: what comes, changes
or goes has those pick anew that may have picked it.
"""

import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final, NamedTuple

from .comparison import Match
from .languages import KOREAN, LANGUAGES
from .links import Link
from .marks import weight
from .translation import Marked, pick

WINDOW: Final = 2
"""A translation is so many days before or after the other at most."""

SCHEMA: Final = """
CREATE TABLE marks (place INTEGER, day INTEGER, number INTEGER, PRIMARY KEY (place, day, number)) STRICT, WITHOUT ROWID;
CREATE TABLE due_picks (day INTEGER, number INTEGER, PRIMARY KEY (day, number)) STRICT, WITHOUT ROWID;
CREATE TABLE picks (
    number INTEGER, other INTEGER, is_best INTEGER NOT NULL, PRIMARY KEY (number, other)
) STRICT, WITHOUT ROWID;
CREATE TABLE translations (
    id TEXT, of_id TEXT, kind TEXT NOT NULL, score REAL NOT NULL, containment REAL NOT NULL,
    shared_numbers REAL NOT NULL, PRIMARY KEY (id, of_id)
) STRICT, WITHOUT ROWID;
"""

# An article is found by so many of its marks, which tell so much each.
_KEYS: Final = 12
_KEY_TELLS: Final = 1.5
# What more articles of a language and of a few days have tells nothing. Of the others, the likest are compared.
_OFTEN: Final = 64
_CANDIDATES: Final = 16
_CANDIDATE_TELLS: Final = 4.0
# What lies together in time lies together on disk.
_PERIOD: Final = 32
_FOUND: Final = f"""SELECT * FROM (
    SELECT ? AS mark, number FROM marks WHERE place = ? AND day BETWEEN ? AND ? LIMIT {_OFTEN + 1}
)"""  # noqa: S608 - our own words
_MARKED: Final = """
SELECT id, day, number, digest, length, language, keys, marks FROM articles
WHERE number IN (SELECT value FROM json_each(?))
"""
# So many articles that were compared last are kept in memory: some 10 MB.
_KEPT: Final = 1_000


class Placed(NamedTuple):
    """An article as it is found: ``language`` is its place in :data:`~.languages.LANGUAGES`."""

    number: int
    day: int
    language: int
    marks: bytes


class TranslationIndex:
    """The tables, in the database of :class:`~.index.Index`."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        self._kept = dict[int, Marked]()
        row = db.execute("SELECT value FROM facts WHERE name = 'picked'").fetchone()
        # The last day of which articles have picked.
        self._picked = int(row[0]) if row else 0

    def place(self, articles: Iterable[Placed]) -> None:
        """Have articles be found, and pick. A part of a transaction."""
        articles = list(articles)
        self._expect(one for one in articles if one.day - WINDOW <= self._picked)
        rows = [(place, one.day, one.number) for one in articles for _, place in _places(one, one.language, 0)]
        self._db.executemany("INSERT OR IGNORE INTO marks VALUES (?, ?, ?)", sorted(rows))
        due = [(one.day, one.number) for one in articles]
        self._db.executemany("INSERT OR IGNORE INTO due_picks VALUES (?, ?)", due)

    def forget(self, one: Placed) -> None:
        """Take an article out as it was. A part of a transaction."""
        self._kept.pop(one.number, None)
        self._drop(one.number, self._picks(one.number))
        self._db.execute("DELETE FROM due_picks WHERE day = ? AND number = ?", (one.day, one.number))
        rows = [(place, one.day, one.number) for _, place in _places(one, one.language, 0)]
        self._db.executemany("DELETE FROM marks WHERE place = ? AND day = ? AND number = ?", rows)
        self._expect([one])

    def _expect(self, articles: Iterable[Placed]) -> None:
        """Have all pick anew that may pick one of some articles."""
        places = {
            (place, one.day - WINDOW, one.day + WINDOW)
            for one in articles
            for language in others(one.language)
            for _, place in _places(one, language, WINDOW)
        }
        self._db.executemany(
            "INSERT OR IGNORE INTO due_picks SELECT day, number FROM marks WHERE place = ? AND day BETWEEN ? AND ?",
            sorted(places),
        )

    def days(self) -> Iterator[int]:
        """Yield the days of which articles are to pick, the earliest first, as long as there are any."""
        while row := self._db.execute("SELECT day FROM due_picks ORDER BY day LIMIT 1").fetchone():
            yield row[0]

    def pick(self, day: int, most: int) -> tuple[int, int]:
        """Have some articles of a day pick, now that all can be found; return how many did, and how many links that
        made.
        """
        rows = self._db.execute("SELECT number FROM due_picks WHERE day = ? LIMIT ?", (day, most)).fetchall()
        self._db.execute("BEGIN")
        made = sum(self._pick(one) for one in self._read([number for (number,) in rows]))
        self._db.executemany(
            "DELETE FROM due_picks WHERE day = ? AND number = ?", [(day, number) for (number,) in rows]
        )
        self._picked = max(day, self._picked)
        self._remember("picked", str(self._picked))
        self._db.execute("COMMIT")
        return len(rows), made

    def _pick(self, one: Marked) -> int:
        """Replace what an article picks; return how many links that made."""
        old, new = self._picks(one.number), dict[int, bool]()
        matches = list[tuple[Marked, Match]]()
        for language in others(one.language):
            found = pick(one, self._candidates(one, language))
            matches += found
            new |= {other.number: at == 0 for at, (other, _) in enumerate(found)}
        self._drop(one.number, old.keys() - new.keys())
        rows = [(one.number, other, is_best) for other, is_best in new.items()]
        self._db.executemany("INSERT OR REPLACE INTO picks VALUES (?, ?, ?)", rows)
        made = 0
        for other, match in matches:
            back = self._picks(other.number).get(one.number)
            if back is None or not (back or new[other.number]):
                self._unlink(one.number, other.number)
            else:
                made += self._link(one, other, match)
        return made

    def _candidates(self, one: Marked, language: int) -> list[Marked]:
        """Return what in a language may tell the same: of those that are found by marks that not too many have, those
        whose marks tell most.
        """
        first, last = one.day - WINDOW, one.day + WINDOW
        values = [value for mark, place in _places(one, language, WINDOW) for value in (mark, place, first, last)]
        if not values:
            return []
        found = defaultdict[int, list[int]](list)
        for mark, number in self._db.execute(_found(len(values) // 4), values):
            found[mark].append(number)
        told = defaultdict[int, float](float)
        for mark, numbers in found.items():
            if len(numbers) <= _OFTEN:
                for number in numbers:
                    told[number] += weight(mark)
        ranked = sorted(told.values(), reverse=True)
        least = max(_CANDIDATE_TELLS, ranked[_CANDIDATES] if len(ranked) > _CANDIDATES else 0)
        return self._read([number for number, tells in told.items() if tells > least])

    def _read(self, numbers: list[int]) -> list[Marked]:
        missing = [one for one in numbers if one not in self._kept]
        if len(self._kept) + len(missing) > _KEPT:
            self._kept.clear()
            missing = numbers
        if missing:
            for id_, day, number, digest, length, language, keys, marks in self._db.execute(_MARKED, (str(missing),)):
                self._kept[number] = Marked(id_, day, number, digest, length, language, keys, array("I", marks))
        return [self._kept[one] for one in numbers]

    def _picks(self, number: int) -> dict[int, bool]:
        """Return what an article has picked, and which is the best."""
        return dict(self._db.execute("SELECT other, is_best FROM picks WHERE number = ?", (number,)).fetchall())

    def _drop(self, number: int, others: Iterable[int]) -> None:
        for other in others:
            self._db.execute("DELETE FROM picks WHERE number = ? AND other = ?", (number, other))
            self._unlink(number, other)

    def _link(self, one: Marked, other: Marked, match: Match) -> int:
        """Link two articles; return how many links that made."""
        first, later = sorted([one, other], key=lambda marked: (marked.day, marked.id))
        new = Link(later.id, first.id, *match)
        old = self._db.execute("SELECT * FROM translations WHERE id = ? AND of_id = ?", new[:2]).fetchone()
        if old == new:
            return 0
        self._db.execute("INSERT OR REPLACE INTO translations VALUES (?, ?, ?, ?, ?, ?)", new)
        self._remember("written", "")
        return 1

    def _unlink(self, number: int, other: int) -> None:
        rows = self._db.execute("SELECT id FROM articles WHERE number IN (?, ?)", (number, other)).fetchall()
        ids = [id_ for (id_,) in rows]
        for id_, of_id in (ids, ids[::-1]):
            if self._db.execute("DELETE FROM translations WHERE id = ? AND of_id = ?", (id_, of_id)).rowcount:
                self._remember("written", "")

    def _remember(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))


def others(language: int) -> range:
    """Return the languages that one is linked with: Korean with each, any other with Korean."""
    return range(KOREAN, KOREAN + 1) if language != KOREAN else range(KOREAN + 1, len(LANGUAGES))


def _places(one: Placed | Marked, language: int, window: int) -> Iterator[tuple[int, int]]:
    """Yield the marks that an article is found by, and where others of a language that have them are."""
    marks = array("I", one.marks) if isinstance(one, Placed) else one.marks
    periods = {(one.day - window) // _PERIOD, (one.day + window) // _PERIOD}
    for mark in marks[:_KEYS]:
        if weight(mark) >= _KEY_TELLS:
            for period in periods:
                yield mark, period << 40 | language << 32 | mark


@cache
def _found(places: int) -> str:
    """Return the query for what has so many marks, whose part for one is repeated."""
    return " UNION ALL ".join([_FOUND] * places)
