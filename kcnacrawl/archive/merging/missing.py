"""The lines of other archives that one does not hold as they are: found by the ledgers, without reading a line."""

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from .. import StorageFailed

_SCHEMA: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE lines (
    id TEXT NOT NULL, archive INTEGER NOT NULL, begin INTEGER NOT NULL, PRIMARY KEY (id, archive, begin)
) STRICT, WITHOUT ROWID;
CREATE TABLE rejections (digest BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
"""

# An article is held as it is if the last line on it is the same, and those before it were taken at the same times; or
# if there is one line on it in either archive, and both say the same.
_ONE_LINE: Final = "NOT EXISTS (SELECT 1 FROM {}.earlier_lines AS e WHERE e.id = o.id)"
_SAME: Final = "(h.digest, h.source_id, h.source_name, h.access) IS (o.digest, o.source_id, o.source_name, o.access)"
_FIND: Final = f"""
CREATE TEMP TABLE differing AS SELECT o.id, o.begin FROM other.articles AS o LEFT JOIN held.articles AS h USING (id)
WHERE NOT ({_SAME} AND iif(
    h.revision = 1, o.revision = 1 AND {_ONE_LINE.format("other")},
    h.revision = o.revision AND h.date_downloaded = o.date_downloaded
    AND NOT EXISTS (
        SELECT 1 FROM other.earlier_lines AS e WHERE e.id = o.id AND NOT EXISTS (
            SELECT 1 FROM held.earlier_lines AS k WHERE k.id = e.id AND k.date_downloaded = e.date_downloaded))
));
INSERT INTO lines SELECT id, :archive, begin FROM differing;
INSERT INTO lines SELECT id, :archive, e.begin FROM other.earlier_lines AS e JOIN differing USING (id);
DROP TABLE differing
"""  # noqa: S608 - our own words

_FAR: Final = 1 << 44
"""More bytes than a log has."""


class Group(NamedTuple):
    """The lines on one article that one archive or more have: how many, and where the first of them is."""

    article_id: str
    lines: int
    archive: int
    begin: int


class Missing:
    """What is to be brought in: in a file of SQLite's own, so that memory is flat. Methods raise
    :class:`StorageFailed`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._guard():
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.executescript(_SCHEMA)

    def find(self, held: Path, other: Path, archive: int) -> None:
        """Take note of the articles that another ledger knows otherwise than the one that is held; call the archive of
        the other by a number. Both ledgers know all lines of their logs.
        """
        with self._guard():
            self._db.execute("ATTACH ? AS held", (str(held),))
            self._db.execute("ATTACH ? AS other", (str(other),))
            try:
                for statement in _FIND.split(";"):
                    self._db.execute(statement, {"archive": archive} if ":archive" in statement else {})
            finally:
                self._db.execute("DETACH other")
                self._db.execute("DETACH held")

    def count(self) -> int:
        """Return how many lines are noted."""
        with self._guard():
            return int(self._db.execute("SELECT count(*) FROM lines").fetchone()[0])

    def groups(self) -> Iterator[Group]:
        """Yield each article once, in the order of the archives, and in each in that of its log."""
        query = f"SELECT id, count(*), min(archive * {_FAR} + begin) AS first FROM lines GROUP BY id ORDER BY first"  # noqa: S608 - a constant
        with self._guard():
            for article_id, lines, first in self._db.execute(query):
                yield Group(article_id, lines, *divmod(first, _FAR))

    def lines_on(self, article_id: str) -> list[tuple[int, int]]:
        """Return the lines on an article: the number of the archive, and where each begins."""
        query = "SELECT archive, begin FROM lines WHERE id = ? ORDER BY archive, begin"
        with self._guard():
            return self._db.execute(query, (article_id,)).fetchall()

    def is_new_rejection(self, line: bytes) -> bool:
        """Return True for a line of a quarantine that was not seen before, and take note of it."""
        values = (hashlib.sha256(line).digest()[:16],)
        with self._guard():
            return self._db.execute("INSERT OR IGNORE INTO rejections VALUES (?)", values).rowcount == 1

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    @contextlib.contextmanager
    def _guard(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StorageFailed(f"cannot write {self._path}: {error}; free it up and run again") from error
