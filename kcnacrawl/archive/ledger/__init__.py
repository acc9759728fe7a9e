"""What is known: identities and digests of what is held, what is wanted or owed, which lists were walked where.

A table, or two that belong together, is a class of its own. All but the state of the lists is derived from the two
logs, and a new walk finds that again: losing the ledger costs listing pages, never an article.
"""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from ...items import Article, Rejected
from ..blocks import LogEnd, is_still
from .articles import Articles, Known, Unattributed, body_sha256
from .database import Database
from .lines import AllLines, Line, Row, card_of, digest
from .queue import OWED, REVISIT_DAYS, REVISITED, Queue, Wanted
from .rechecks import Look, Rechecks
from .schema import LOOKS, MIGRATIONS, VERSION
from .sitemaps import KnownSitemap, Sitemaps
from .sources import KnownSource, Sources
from .takeover import take_over
from .walked import Walked

__all__ = [
    "OWED",
    "REVISITED",
    "REVISIT_DAYS",
    "Known",
    "KnownSitemap",
    "KnownSource",
    "Ledger",
    "Line",
    "Look",
    "Unattributed",
    "Wanted",
    "body_sha256",
    "card_of",
    "digest",
]


class Ledger:
    """One SQLite file and its tables. Look-ups never write; whatever writes is one transaction.

    Methods raise :class:`~kcnacrawl.archive.StorageFailed`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = Database(path)
        self.articles = Articles(self._database)
        self.queue = Queue(self._database)
        self.sources = Sources(self._database)
        self.walked = Walked(self._database)
        self.rechecks = Rechecks(self._database)
        self.sitemaps = Sitemaps(self._database)

    def open(self, log: Path, *, is_thorough: bool = False) -> str:
        """Open the ledger if it is sound; return what is wrong with it, or ``""``. One of an earlier version learns the
        log of articles anew. With ``is_thorough``, see that its indexes agree with its tables. Also raise ``OSError``.
        """
        return self._database.open(partial(self._migrate, log), is_thorough=is_thorough)

    def _migrate(self, log: Path, version: int) -> str:
        with self._database.guard():
            row = self._database.execute("SELECT name, end, crc FROM logs WHERE name = ?", (log.name,)).fetchone()
        known = LogEnd(*row) if row else LogEnd(log.name)
        if known.end and not (log.exists() and is_still(log, known)):
            return f"it is of an earlier version, and {log.name} was changed"
        with self._database.transaction() as db:
            for step in range(version, VERSION):
                for statement in MIGRATIONS[step].split(";"):
                    db.execute(statement)
            lines = AllLines(log, known.end)
            for _ in self.articles.put_all(db, lines if known.end else ()):
                # What is wanted of them is known.
                pass
            if known.end:
                self._set_log_end(db, lines.end())
            for statement in LOOKS.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {VERSION}")
        return ""

    def create(self) -> None:
        """Begin anew, empty."""
        self._database.create()

    def rebuild(self, derive: "Callable[[Ledger], None]") -> None:
        """Put a new ledger in the place of this one once ``derive`` has taught it all; if that fails, change nothing.
        Also raise ``OSError``.
        """
        self.disconnect()
        anew = Ledger(self.path.with_name(self.path.name + ".new"))
        try:
            anew.create()
            derive(anew)
            self._database.replace_by(anew._database)
        finally:
            anew.discard()

    def discard(self) -> None:
        """Remove the files, so that the next opening rebuilds them."""
        self._database.discard()

    def disconnect(self) -> None:
        """Close the file without sealing it."""
        self._database.disconnect()

    def connect(self) -> None:
        """Open the file again, which nobody has touched since."""
        with self._database.guard():
            self._database.connect()

    def close(self) -> None:
        """Close and seal the file. Do nothing if it is closed."""
        self._database.close()

    # What the two logs teach

    def log_end(self, name: str) -> LogEnd:
        """Return how far a log has been learned."""
        with self._database.guard():
            row = self._database.execute("SELECT name, end, crc, whole FROM logs WHERE name = ?", (name,)).fetchone()
        return LogEnd(*row) if row else LogEnd(name)

    def learn_articles(self, lines: Sequence[Line], end: LogEnd) -> None:
        """Learn of lines that are on disk, and how far the log goes with them."""
        with self._database.transaction() as db:
            for line in lines:
                before = self.articles.line(line.id)
                self.articles.put(db, line, before)
                if not line.says_the_same(before):
                    self.rechecks.forget(db, line.id)
                    self.queue.settle(db, line)
            self._set_log_end(db, end)

    def learn_all_articles(
        self,
        batches: Iterable[Sequence[Row]],
        end: Callable[[], LogEnd],
        look: Callable[[Sequence[Line]], object] = len,
    ) -> None:
        """Learn of all lines of the log, where none is known, and then how far it goes with them: the same, in a small
        part of the time. Have ``look`` see the lines on each article of which there are several, or none of the first
        revision.
        """
        with self._database.transaction() as db:
            for of_one in self.articles.put_all(db, batches):
                look(of_one)
                before: Line | None = None
                for line in of_one:
                    if not line.says_the_same(before):
                        self.queue.settle(db, line)
                    before = line
            self._set_log_end(db, end())

    def take_over(self, other: Path, sources: Sequence[KnownSource]) -> None:
        """Learn what another ledger, in a file that nobody writes, knows besides its logs, of which all lines are held
        here; and its sources.
        """
        take_over(self._database, self.sources, other, sources)

    def confirm(self, article: Article) -> None:
        """Learn that an article was fetched and is held as it is."""
        with self._database.transaction() as db:
            self.queue.settle(db, Line.of(article))

    def learn_rejections(self, rejections: Sequence[Rejected], end: LogEnd, *, in_order: bool = True) -> None:
        """Learn of pages that gave no record: owed at once, or due again after a widening interval.

        Not ``in_order`` are lines whose place among those of the other log is not known: then the clock must tell
        which of an article and a rejection came later.
        """
        with self._database.transaction() as db:
            for one in rejections:
                if one.id is not None and (in_order or not self.articles.was_held_at(db, one.id, one.seen_at)):
                    self.rechecks.put_missing(db, one)
                    self.queue.put_rejection(db, one)
            self._set_log_end(db, end)

    def _set_log_end(self, db: sqlite3.Connection, end: LogEnd) -> None:
        db.execute("INSERT OR REPLACE INTO logs VALUES (?, ?, ?, ?)", (end.name, end.end, end.crc, end.whole))
