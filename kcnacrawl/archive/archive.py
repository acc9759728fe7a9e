"""An archive's folder: the two logs, the ledger, and the lock that keeps a second run out."""

import asyncio
import contextlib
import logging
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

import msgspec

from ..items import Article, Rejected
from . import ArchiveError, StorageFailed
from .blocks import LogEnd, is_still
from .ledger import Ledger, Line
from .ledger.lines import AllLines
from .lock import Lock
from .log import Log, LogReader, foreign_at, sync
from .warc.writer import WarcWriter

ARTICLES: Final = "articles.jsonl"
QUARANTINE: Final = "quarantine.jsonl"
LOGS: Final = (ARTICLES, QUARANTINE)
LEDGER: Final = "ledger.sqlite"
RUNS: Final = "runs"
WARC: Final = "warc"
LOCK: Final = ".lock"

_BATCH: Final = 5_000

# Pages kept for diagnosis: what a person can look through.
_PAGES: Final = 5
_PAGE_BYTES: Final = 1_000_000
_PAGE_FOLDERS: Final = 10

logger = logging.getLogger(__name__)

T = TypeVar("T", Article, Rejected)


class Archive:
    """The archive in one folder. ``open`` repairs what a killed run left; ``close`` waits for what is under way.

    Not ``is_in_order`` are rejections that come later than articles they came before: their times must tell.
    """

    def __init__(self, folder: Path, *, is_in_order: bool = True) -> None:
        self.folder = folder
        self._is_in_order = is_in_order
        self.ledger = Ledger(folder / LEDGER)
        self._lock = Lock(folder / LOCK)
        self._articles: Log[Article] = Log(folder / ARTICLES, self._learn_articles, self._sync_exchanges)
        self._quarantine: Log[Rejected] = Log(folder / QUARANTINE, self._learn_rejections, self._sync_exchanges)
        self._warc: WarcWriter | None = None
        self._encoder = msgspec.json.Encoder()

    @property
    def articles_path(self) -> Path:
        """The file of records."""
        return self.folder / ARTICLES

    def keep_exchanges(self, run_id: str, most_bytes: int, told: Mapping[str, str]) -> WarcWriter:
        """Have the exchanges of a run kept from the opening of the archive to its close, and give what keeps them."""
        self._warc = WarcWriter(self.folder / WARC, run_id, most_bytes, told)
        return self._warc

    def open(self) -> None:
        """Take the lock and bring logs and ledger into agreement, in time proportional to what the ledger has not seen.
        Raise :class:`~kcnacrawl.archive.Locked`, :class:`StorageFailed`.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self._recover()
        except OSError as error:
            self._let_go()
            raise StorageFailed(
                f"cannot write {error.filename or self.folder}: {error.strerror or error}; see to it and run again"
            ) from error
        except ArchiveError:
            self._let_go()
            raise

    def _recover(self) -> None:
        fault = bring_up_to_date(self.ledger, self.folder)
        if fault and any((self.folder / name).exists() and (self.folder / name).stat().st_size for name in LOGS):
            logger.warning("%s is rebuilt from the logs: %s", self.ledger.path, fault)
        for name, log in ((ARTICLES, self._articles), (QUARANTINE, self._quarantine)):
            log.open(self.ledger.log_end(name))
        if self._warc is not None:
            self._warc.open()

    def _let_go(self) -> None:
        # Whatever keeps the ledger from being closed in order is told already.
        with contextlib.suppress(StorageFailed):
            self.ledger.close()
        self._lock.release()

    async def store(self, article: Article) -> None:
        """Store a record; return when it is on disk and the ledger knows."""
        line = self._encoder.encode(article)
        read_article(line)
        await self._articles.append(line + b"\n", article)

    async def store_lines(self, lines: Sequence[tuple[bytes, Article]]) -> None:
        """Store lines of another archive as they stand, each with its newline and the record in it; return when all are
        on disk and the ledger knows.
        """
        await asyncio.gather(*(self._articles.append(line, article) for line, article in lines))

    async def reject(self, rejected: Rejected) -> None:
        """Store a rejection; return when it is on disk and the ledger knows."""
        await self._quarantine.append(self._encoder.encode(rejected) + b"\n", rejected)

    async def reject_lines(self, lines: Sequence[tuple[bytes, Rejected]]) -> None:
        """Store lines of another quarantine as they stand."""
        await asyncio.gather(*(self._quarantine.append(line, rejected) for line, rejected in lines))

    def latest(self, article_id: str) -> Article | None:
        """Return the latest record of an article, if one is held."""
        begin = self.ledger.articles.begin(article_id)
        if begin is None:
            return None
        with self.articles_path.open("rb") as file:
            return read_article_at(file, begin)

    async def close(self) -> None:
        """Wait for what is in flight, close the files and give the lock back. Raise :class:`StorageFailed`."""
        await asyncio.gather(self._articles.close(), self._quarantine.close())
        try:
            if self._warc is not None:
                self._warc.close()
        finally:
            try:
                self.ledger.close()
            finally:
                self._lock.release()

    def pages_folder(self, run_id: str) -> Path:
        """Return where pages that a run could not read are kept."""
        return self.folder / RUNS / f"{run_id}.pages"

    def keep_page(self, run_id: str, name: str, body: bytes) -> Path | None:
        """Keep the first megabyte of a page for a person to look at, in :meth:`pages_folder`; return where.

        Return ``None`` if the run has kept five already, or if the page cannot be written: that is no error of the
        run's. Folders of earlier runs go when there are more than ten.
        """
        folder = self.pages_folder(run_id)
        path = folder / f"{re.sub('[^0-9A-Za-z]+', '-', name)[:100]}.html"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if sum(one != path for one in folder.iterdir()) >= _PAGES:
                return None
            path.write_bytes(body[:_PAGE_BYTES])
            others = [one for one in folder.parent.glob("*.pages") if one != folder]
            for one in sorted(others, key=lambda other: other.stat().st_mtime_ns)[: 1 - _PAGE_FOLDERS]:
                shutil.rmtree(one)
        except OSError as error:
            logger.warning("cannot keep %s: %s", path, error.strerror or error)
            return None
        return path

    # Exchanges, logs and ledger: each is on disk before the next tells of it

    def _sync_exchanges(self) -> None:
        if self._warc is not None:
            self._warc.sync()

    def _learn_articles(self, articles: Sequence[tuple[int, Article]], end: LogEnd) -> None:
        if self._warc is not None:
            self._warc.learn()
        self.ledger.learn_articles([Line.of(article, begin) for begin, article in articles], end)

    def _learn_rejections(self, rejections: Sequence[tuple[int, Rejected]], end: LogEnd) -> None:
        if self._warc is not None:
            self._warc.learn()
        self.ledger.learn_rejections([one for _, one in rejections], end, in_order=self._is_in_order)


# A ledger and the logs that it is about


def bring_up_to_date(ledger: Ledger, folder: Path) -> str:
    """Open a ledger and have it learn what it has not seen of a folder's logs; rebuild it if it is unsound, and return
    what was wrong with it. Raise ``OSError``, :class:`StorageFailed`.
    """
    fault = ledger.open(folder / ARTICLES) or changed_log(ledger, folder)
    learn_logs(ledger, folder, is_sound=not fault)
    return fault


def changed_log(ledger: Ledger, folder: Path) -> str:
    """Return how a log of a folder differs from the one that a ledger learned from, as far as it did; ``""`` if none
    does. Raise ``OSError``, :class:`StorageFailed`.
    """
    return next(filter(None, (_change(folder / name, ledger.log_end(name)) for name in LOGS)), "")


def _change(log: Path, known: LogEnd) -> str:
    if known.end == 0:
        return ""
    if not log.exists():
        return f"{log.name} is missing, of which {known.end:,} bytes were known"
    if (size := log.stat().st_size) < known.end:
        return f"{log.name} has {size:,} bytes, of which {known.end:,} were known"
    return "" if is_still(log, known) else f"{log.name} was changed"


def learn_logs(ledger: Ledger, folder: Path, *, is_sound: bool) -> None:
    """Have an open ledger learn what it has not seen of a folder's logs; all of them, anew, if it is not sound. Raise
    ``OSError``, :class:`StorageFailed`.
    """
    if is_sound:
        _catch_up(ledger, folder)
    else:
        ledger.rebuild(lambda anew: _catch_up(anew, folder))


def _catch_up(ledger: Ledger, folder: Path) -> None:
    """Have a ledger learn what it has not seen of the logs, up to their last whole lines."""
    for path in (folder / name for name in LOGS):
        if path.exists() and path.stat().st_size != ledger.log_end(path.name).end:
            # What a killed run wrote and did not sync is made safe before it is learned.
            sync(path)
            learn(ledger, path)


def learn(ledger: Ledger, log: Path) -> None:
    """Have a ledger learn what it has not seen of one log."""
    known = ledger.log_end(log.name)
    if log.name == QUARANTINE:
        rejections = LogReader(log, known, read_rejected)
        for batch in _batches(rejections):
            ledger.learn_rejections([one for _, one in batch], rejections.end, in_order=False)
    elif known.end == 0:
        every = AllLines(log, log.stat().st_size)
        ledger.learn_all_articles(every, every.end)
    else:
        articles = LogReader(log, known, read_article)
        for lines in _batches(articles):
            ledger.learn_articles([Line.of(article, begin) for begin, article in lines], articles.end)


def _batches(reader: LogReader[T]) -> Iterator[list[tuple[int, T]]]:
    lines = iter(reader)
    while batch := list(islice(lines, _BATCH)):
        yield batch


_article: Final = msgspec.json.Decoder(Article)
_rejected: Final = msgspec.json.Decoder(Rejected)


def read_article(line: bytes) -> Article:
    """Decode one line of the log of articles. Raise ``ValueError``."""
    article = _article.decode(line)
    datetime.fromisoformat(article.date_downloaded)
    return article


def read_article_at(file: BinaryIO, begin: int) -> Article:
    """Return the record whose line begins at an offset of the log of articles. Raise :class:`StorageFailed`."""
    file.seek(begin)
    try:
        return read_article(file.readline())
    except (ValueError, RecursionError) as error:
        raise foreign_at(Path(file.name), begin, error) from error


def read_rejected(line: bytes) -> Rejected:
    """Decode one line of the quarantine. Raise ``ValueError``."""
    rejected = _rejected.decode(line)
    datetime.fromisoformat(rejected.seen_at)
    return rejected
