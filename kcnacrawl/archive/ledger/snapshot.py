"""Looking something up in a ledger that a run may be writing: it is not copied, and not a byte of it is changed."""

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Self
from urllib.parse import quote

from ...site.labels import read_label
from ..blocks import LogEnd, is_still
from .database import sealing
from .schema import VERSION


class Unreadable(Exception):
    """The ledger is none, or cannot tell now: what it knows must be read from the log."""


class Attribution(NamedTuple):
    """What the latest record of an article says of its source."""

    source_id: int | None
    source_label: str | None
    source_name: str | None

    @property
    def source_language(self) -> str | None:
        """What the label says."""
        return read_label(self.source_label).language if self.source_label else None


class Snapshot:
    """What a ledger knows of the log of articles up to ``end``."""

    def __init__(self, db: sqlite3.Connection, log: Path) -> None:
        self._db = db
        row = db.execute("SELECT name, end, crc, whole FROM logs WHERE name = ?", (log.name,)).fetchone()
        self.end = LogEnd(*row) if row else LogEnd(log.name)
        if not is_still(log, self.end):
            raise Unreadable

    @classmethod
    @contextlib.contextmanager
    def of(cls, path: Path, log: Path) -> Iterator[Self]:
        """Read a ledger as it is at one moment. Raise :class:`Unreadable`, also at the end."""
        seal, wal = path.with_name(path.name + ".sha256"), path.with_name(path.name + "-wal")
        try:
            is_sealed = seal.exists() and not (wal.exists() and wal.stat().st_size)
            if not is_sealed and not wal.exists():
                # SQLite would make one.
                raise Unreadable
            before = seal.read_bytes() if is_sealed else b""
            if is_sealed and sealing(path) != before:
                raise Unreadable
            mode = "immutable=1" if is_sealed else "mode=ro"
            address = f"file:{quote(str(path))}?{mode}"
            with contextlib.closing(sqlite3.connect(address, uri=True, isolation_level=None)) as db:
                db.execute("BEGIN")
                if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                    raise Unreadable
                yield cls(db, log)
            # A run breaks the seal before it writes.
            if is_sealed and seal.read_bytes() != before:
                raise Unreadable
        except (sqlite3.Error, OSError) as error:
            raise Unreadable from error

    def lines_since(self, day: str) -> set[int]:
        """Return where the lines begin on all articles of which one line was downloaded on a day or later."""
        moment = int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp())
        sql = """
WITH since AS (
    SELECT id FROM articles WHERE looked >= ? AND date_downloaded >= ?
    UNION SELECT id FROM earlier_lines WHERE date_downloaded >= ?
)
SELECT begin FROM articles JOIN since USING (id) UNION SELECT begin FROM earlier_lines JOIN since USING (id)"""
        return {begin for (begin,) in self._db.execute(sql, (moment, day, day))}

    def lines_on(self, article_id: str) -> set[int]:
        """Return where the lines on an article begin."""
        sql = "SELECT begin FROM articles WHERE id = ? UNION SELECT begin FROM earlier_lines WHERE id = ?"
        return {begin for (begin,) in self._db.execute(sql, (article_id, article_id))}

    def sources(self) -> Iterator[Attribution]:
        """Yield what the latest records say of their sources, each once."""
        sql = "SELECT DISTINCT source_id, source_label, source_name FROM articles"
        return map(Attribution._make, self._db.execute(sql))
