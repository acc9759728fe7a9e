"""What the latest line on each article says, and where its lines begin."""

import hashlib
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Final

from ...items import Access
from .database import Database
from .lines import Line, Row
from .schema import ARTICLE_INDEXES


@dataclass(frozen=True, slots=True)
class Known:
    """What the latest line on an article says."""

    revision: int
    digest: bytes
    access: Access
    source_id: int | None
    source_name: str | None

    @classmethod
    def of(cls, line: Line) -> "Known":
        """Return what this line says."""
        return cls(line.revision, line.digest, line.access, line.source_id, line.source_name)


@dataclass(frozen=True, slots=True)
class Unattributed:
    """The latest line on an article that names no source, or not its name, and the list that the article stands in."""

    id: str
    source_id: int | None
    name: str | None
    label: str
    list_key: int | None


_COLUMNS: Final = ", ".join(Line._fields)
_KEPT: Final = [name for name in Line._fields if name != "card"]
_PAGE: Final = ("date_downloaded", "digest", "access")
# A line that only knows more of the article is no look at its page.
_NO_LOOK: Final = " AND ".join(f"articles.{name} = excluded.{name}" for name in _PAGE)
_TAKEN: Final = "CAST(strftime('%s', date_downloaded) AS INTEGER)"


def _put(source: str) -> str:
    """Return the statement that remembers lines, given in the order of the log."""
    updates = [f"{name} = excluded.{name}" for name in _KEPT if name != "id"]
    updates += [f"{name} = iif({_NO_LOOK}, {name}, excluded.{name})" for name in ("looked", "due")]
    return (
        f"INSERT INTO articles ({', '.join(_KEPT)}, looked, due)"  # noqa: S608 - constants
        f" SELECT {', '.join(_KEPT)}, {_TAKEN}, {_TAKEN} + 86400 FROM {source}"
        f" ON CONFLICT (id) DO UPDATE SET {', '.join(updates)}"
    )


_PUT: Final = _put(f"(SELECT {', '.join(f':{name} AS {name}' for name in _KEPT)}) WHERE TRUE")
_PUT_ALL: Final = _put("all_lines WHERE TRUE ORDER BY id, begin")

_KEEP_EARLIER: Final = """CREATE TEMP TRIGGER superseded AFTER UPDATE OF begin ON articles
BEGIN INSERT INTO earlier_lines VALUES (old.id, old.begin, old.date_downloaded); END"""


class Articles:
    """The tables ``articles`` and ``earlier_lines``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(self, article_id: str) -> Known | None:
        """Return what the latest line on an article says, if any is held."""
        with self._database.guard():
            row = self._database.execute(
                "SELECT revision, digest, access, source_id, source_name FROM articles WHERE id = ?", (article_id,)
            ).fetchone()
        return Known(*row) if row else None

    def line(self, article_id: str) -> Line | None:
        """Return the latest line on an article, without its card."""
        sql = f"SELECT {', '.join(_KEPT)}, NULL FROM articles WHERE id = ?"  # noqa: S608 - constants
        with self._database.guard():
            row = self._database.execute(sql, (article_id,)).fetchone()
        return Line(*row) if row else None

    def begin(self, article_id: str) -> int | None:
        """Return where the latest line on an article begins in the log, if any is held."""
        with self._database.guard():
            row = self._database.execute("SELECT begin FROM articles WHERE id = ?", (article_id,)).fetchone()
        return row[0] if row else None

    def begins(self, article_id: str) -> list[int]:
        """Return where the lines on an article begin in the log, in their order."""
        sql = "SELECT begin FROM articles WHERE id = ?1 UNION SELECT begin FROM earlier_lines WHERE id = ?1"
        with self._database.guard():
            return sorted(begin for (begin,) in self._database.execute(sql, (article_id,)))

    def held(self, ids: Iterable[str]) -> set[str]:
        """Return those of ``ids`` that the archive holds."""
        with self._database.guard():
            execute = self._database.execute
            return {one for one in ids if execute("SELECT 1 FROM articles WHERE id = ?", (one,)).fetchone()}

    def count(self) -> int:
        """Return how many articles the archive holds."""
        with self._database.guard():
            return int(self._database.execute("SELECT count(*) FROM articles").fetchone()[0])

    def count_lines(self) -> int:
        """Return how many lines there are on the articles that the archive holds."""
        with self._database.guard():
            sql = "SELECT (SELECT count(*) FROM articles) + (SELECT count(*) FROM earlier_lines)"
            return int(self._database.execute(sql).fetchone()[0])

    def source_of(self, article_id: str) -> int | None:
        """Return the sid of a held article's source, if it is known."""
        with self._database.guard():
            row = self._database.execute("SELECT source_id FROM articles WHERE id = ?", (article_id,)).fetchone()
        return row[0] if row else None

    def published_days(self, sid: int, most: int) -> list[str]:
        """Return the newest days a source published on, as far as held: newest first, each once, at most ``most``."""
        days: list[str] = []
        with self._database.guard():
            while len(days) < most:
                # Day by day: each is one step in the index, however many articles it has.
                row = self._database.execute(
                    "SELECT max(date_published) FROM articles WHERE source_id = ? AND date_published < ?",
                    (sid, days[-1] if days else "~"),
                ).fetchone()
                if row[0] is None:
                    break
                days.append(row[0])
        return days

    def unattributed(self, after: str, most: int) -> list[Unattributed]:
        """Return articles whose line has no source, or not its name: at most ``most``, in the order of their ids, with
        ids greater than ``after``. Of several lists that an article stands in, the one with the lowest sid is given.
        """
        with self._database.guard():
            rows = self._database.execute(
                "SELECT id, source_id, source_name, source_label,"
                " (SELECT key FROM listed JOIN sources ON key = listed.list"
                " WHERE listed.id = articles.id AND sid IS NOT NULL ORDER BY sid LIMIT 1) FROM articles"
                " WHERE (source_id IS NULL OR source_name IS NULL) AND id > ? AND source_label IS NOT NULL"
                " ORDER BY id LIMIT ?",
                (after, most),
            ).fetchall()
        return [Unattributed(*row) for row in rows]

    # Inside a transaction of the ledger's

    def was_held_at(self, db: sqlite3.Connection, article_id: str, moment: str) -> bool:
        """Return True if an article was downloaded at a moment, or later."""
        sql = "SELECT 1 FROM articles WHERE id = ? AND date_downloaded >= ?"
        return db.execute(sql, (article_id, moment)).fetchone() is not None

    def put(self, db: sqlite3.Connection, line: Line, before: Line | None) -> None:
        """Remember what a line says, and where the line before it is. It is due to be looked at a day after it was
        downloaded.
        """
        if before is not None:
            values = (before.id, before.begin, before.date_downloaded)
            db.execute("INSERT OR IGNORE INTO earlier_lines VALUES (?, ?, ?)", values)
        db.execute(_PUT, line._asdict())

    def put_all(self, db: sqlite3.Connection, batches: Iterable[Iterable[Row]]) -> Iterator[list[Line]]:
        """Remember what all lines of a log say, where nothing is known. Yield the lines on each article of which there
        are several, or none of the first revision, or that was once truncated.
        """
        marks = ", ".join("?" * len(Line._fields))
        db.execute(f"CREATE TEMP TABLE all_lines ({_COLUMNS})")
        for rows in batches:
            db.executemany(f"INSERT INTO all_lines VALUES ({marks})", rows)  # noqa: S608 - marks
        for name in ARTICLE_INDEXES:
            db.execute(f"DROP INDEX IF EXISTS {name}")
        db.execute(_KEEP_EARLIER)
        # In the order of the table, so that it is written from its beginning to its end.
        db.execute(_PUT_ALL)
        db.execute("DROP TRIGGER superseded")
        for name, columns in ARTICLE_INDEXES.items():
            db.execute(f"CREATE INDEX {name} ON {columns}")
        told = db.execute(
            "SELECT * FROM all_lines WHERE id IN (SELECT id FROM all_lines WHERE card IS NOT NULL OR revision <> 1"
            " UNION SELECT id FROM earlier_lines) ORDER BY id, begin"
        )
        for _, group in groupby(map(Line._make, told), key=attrgetter("id")):
            yield list(group)
        db.execute("DROP TABLE all_lines")


def body_sha256(body: str) -> str:
    """Return the SHA-256 of a body in NFC, as UTF-8, in hexadecimal."""
    composed = body if body.isascii() else unicodedata.normalize("NFC", body)
    return hashlib.sha256(composed.encode()).hexdigest()
