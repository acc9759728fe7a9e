"""Where the latest line on each article begins, looked up without holding the archive in memory."""

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from .log import read_lines

_BATCH: Final = 10_000


class _Identity(msgspec.Struct):
    id: str


class LatestLines:
    """A table in a file of its own, which may be removed afterwards: some 60 bytes an article. A context manager."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        self._decode = msgspec.json.Decoder(_Identity).decode

    def __enter__(self) -> Self:
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE latest (id TEXT PRIMARY KEY, begin INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def learn(self, log: Path, start: int) -> int:
        """Learn of the whole lines of a log from an offset on; return where the last ends."""
        begin, batch = start, list[tuple[str, int]]()
        for end, line in read_lines(log, start) if log.exists() else ():
            if end < 0:
                break
            batch.append((self._decode(line).id, begin))
            begin = end
            if len(batch) >= _BATCH:
                self._put(batch)
                batch = []
        self._put(batch)
        return begin

    def find(self, article_id: str) -> int | None:
        """Return where the latest line on an article begins, in bytes; ``None`` if there is none."""
        row = self._db.execute("SELECT begin FROM latest WHERE id = ?", (article_id,)).fetchone()
        return row[0] if row else None

    def _put(self, batch: list[tuple[str, int]]) -> None:
        self._db.execute("BEGIN")
        self._db.executemany("INSERT OR REPLACE INTO latest VALUES (?, ?)", batch)
        self._db.execute("COMMIT")
