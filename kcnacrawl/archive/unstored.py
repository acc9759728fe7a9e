"""What is to be known again of a run that stores nothing, without holding it in memory."""

import sqlite3
from collections.abc import Iterable

import msgspec

from ..items import Article


class Unstored:
    """The records that a dry run would have stored, the latest of each article: in a file of SQLite's own, which goes
    with it.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("CREATE TABLE records (id TEXT PRIMARY KEY, record BLOB NOT NULL)")

    def put(self, articles: Iterable[Article]) -> None:
        """Take records."""
        rows = ((one.id, msgspec.json.encode(one)) for one in articles)
        self._db.executemany("INSERT OR REPLACE INTO records VALUES (?, ?)", rows)

    def find(self, article_id: str) -> Article | None:
        """Return the latest record of an article that was taken."""
        row = self._db.execute("SELECT record FROM records WHERE id = ?", (article_id,)).fetchone()
        return msgspec.json.decode(row[0], type=Article) if row else None

    def close(self) -> None:
        """Remove the file."""
        self._db.close()
