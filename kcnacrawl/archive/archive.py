"""An archive's folder: the two logs, the ledger, and the lock that keeps a second run out."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from ..items import Article, Rejected
from . import ArchiveError, StorageFailed
from .ledger import Ledger
from .lock import Lock
from .log import Log, fingerprint, read_lines, sync

ARTICLES: Final = "articles.jsonl"
QUARANTINE: Final = "quarantine.jsonl"
LEDGER: Final = "ledger.sqlite"
RUNS: Final = "runs"
LOCK: Final = ".lock"

_BATCH: Final = 5_000

T = TypeVar("T", Article, Rejected)


class Archive:
    """The archive in one folder. ``open`` repairs what a killed run left; ``close`` waits for what is under way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger(folder / LEDGER)
        self._lock = Lock(folder / LOCK)
        self._articles: Log[Article] = Log(folder / ARTICLES, self._learn_articles)
        self._quarantine: Log[Rejected] = Log(folder / QUARANTINE, self._learn_rejections)
        self._encoder = msgspec.json.Encoder()
        self._check = msgspec.json.Decoder(Article)

    @property
    def articles_path(self) -> Path:
        """The file of records."""
        return self.folder / ARTICLES

    def open(self) -> None:
        """Takes the lock and brings log and ledger into agreement, in time proportional to what the ledger has not
        seen. Raises :class:`~kcnacrawl.archive.Locked`, :class:`StorageFailed`.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
            self._recover()
        except OSError as error:
            self._let_go()
            raise StorageFailed(
                f"cannot write {self.folder}: {error.strerror or error}; see to it and run again"
            ) from error
        except ArchiveError:
            self._let_go()
            raise

    def _recover(self) -> None:
        self.ledger.open()
        if not (self._follows(ARTICLES) and self._follows(QUARANTINE)):
            self.ledger.reset()
        self._articles.open(self._catch_up(ARTICLES, Article, self.ledger.learn_articles))
        self._quarantine.open(self._catch_up(QUARANTINE, Rejected, self.ledger.learn_rejections))

    def _let_go(self) -> None:
        self.ledger.close()
        self._lock.release()

    async def store(self, article: Article) -> None:
        """Returns when the record is on disk and the ledger knows."""
        line = self._encoder.encode(article)
        self._check.decode(line)
        await self._articles.append(line + b"\n", article)

    async def reject(self, rejected: Rejected) -> None:
        """Returns when the rejection is on disk and the ledger knows."""
        await self._quarantine.append(self._encoder.encode(rejected) + b"\n", rejected)

    async def close(self) -> None:
        """Waits for what is under way, closes the files and gives the lock back."""
        await asyncio.gather(self._articles.close(), self._quarantine.close())
        self._let_go()

    def _learn_articles(self, articles: list[Article], end: int) -> None:
        self.ledger.learn_articles(articles, self._position(ARTICLES, end))

    def _learn_rejections(self, rejections: list[Rejected], end: int) -> None:
        self.ledger.learn_rejections(rejections, self._position(QUARANTINE, end))

    def _position(self, name: str, end: int) -> tuple[str, int, bytes]:
        return name, end, fingerprint(self.folder / name, end)

    def _follows(self, name: str) -> bool:
        """Whether a log is still the one the ledger learned from, as far as it did."""
        end, print_of_end = self.ledger.log_end(name)
        path = self.folder / name
        if end == 0:
            return True
        return path.exists() and path.stat().st_size >= end and fingerprint(path, end) == print_of_end

    def _catch_up(self, name: str, kind: type[T], learn: Callable[[list[T], tuple[str, int, bytes]], None]) -> int:
        """Has the ledger learn what it has not seen of a log; returns the end of its last whole line."""
        path = self.folder / name
        end, _ = self.ledger.log_end(name)
        if not path.exists():
            return end
        # What a killed run wrote and did not sync is made safe before it is learned.
        sync(path)
        decoder = msgspec.json.Decoder(kind)
        batch: list[T] = []
        for line_end, line in read_lines(path, end):
            if line_end < 0:
                break
            try:
                batch.append(decoder.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                number = _line_number(path, line_end)
                raise StorageFailed(
                    f"{path}, line {number} is no line of ours ({error}); nothing was changed: mend it from a copy"
                ) from error
            end = line_end
            if len(batch) >= _BATCH:
                learn(batch, self._position(name, end))
                batch = []
        if batch:
            learn(batch, self._position(name, end))
        return end


def _line_number(path: Path, end: int) -> int:
    """The number, from 1, of the line that ends at ``end``."""
    with path.open("rb") as file:
        return sum(1 for _ in iter(lambda: file.tell() < end and file.readline(), False))
