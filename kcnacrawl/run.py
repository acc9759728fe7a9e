"""What one run is about: its id, its configuration, its archive, and what stands against it. A crawler has one."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import ClassVar
from weakref import WeakKeyDictionary

from scrapy.crawler import Crawler

from .archive import StorageFailed
from .archive.archive import Archive
from .archive.attribution import attribute
from .config import Config
from .site.urls import Site
from .verdict import Verdict

logger = logging.getLogger(__name__)


class Run:
    """One run of one spider."""

    _runs: ClassVar[WeakKeyDictionary[Crawler, "Run"]] = WeakKeyDictionary()

    def __init__(self, name: str, config: Config) -> None:
        self.started = datetime.now(UTC)
        self.id = f"{self.started:%Y%m%dT%H%M%SZ}-{name}-{secrets.token_hex(3)}"
        self.config = config
        self.archive = Archive(config.folder)
        self.problems: dict[Verdict, str] = {}
        self.warnings: list[str] = []
        self.signal_number: int | None = None
        self.take_stock: Callable[[], None] = lambda: None
        self.conclude: Callable[[], Awaitable[None]] = _nothing_left
        # How long the site has asked to be left alone, by the monotonic clock, and how it said so.
        self.left_alone_until = 0.0
        self.left_alone_why = ""
        self.owed = 0
        # Pages without a text, by id: some have none, but if that is the rule they are kept for diagnosis.
        self.bare_pages: dict[str, bytes] = {}
        # What was asked for and never answered, in words.
        self.unfinished = ""
        self._settled = False
        self._stopping: asyncio.Task[None] | None = None

    @classmethod
    def of(cls, crawler: Crawler) -> "Run":
        """Return the run of a crawler; make it when it is first asked for."""
        if crawler not in cls._runs:
            cls._runs[crawler] = cls(crawler.spidercls.name, Config.read(crawler.settings))
        return cls._runs[crawler]

    @property
    def site(self) -> Site:
        """The site that is crawled."""
        return self.config.site

    def storage_failed(self, crawler: Crawler, error: StorageFailed) -> None:
        """End the run: nothing more can be remembered."""
        self.note(Verdict.STORAGE, str(error))
        self.stop(crawler, Verdict.STORAGE)

    def note(self, verdict: Verdict, message: str) -> None:
        """Hold a fault against the run; of several of a kind the first is told."""
        self.problems.setdefault(verdict, printable(message))

    def warn(self, message: str) -> None:
        """Tell what is worth a look and is no fault of the run's."""
        self.warnings.append(printable(message))

    @property
    def verdict(self) -> Verdict:
        """The gravest of what stands against the run."""
        return next((verdict for verdict in Verdict if verdict in self.problems), Verdict.OK)

    @property
    def message(self) -> str:
        """What the verdict rests on and what to do, in one line; empty if all went well."""
        return self.problems.get(self.verdict, "")

    @property
    def exit_code(self) -> int:
        """What the program leaves with."""
        return self.verdict.exit_code(self.signal_number or 15)

    async def settle(self) -> None:
        """Have the spider take stock of what the ledger knows, and close the archive; once."""
        if self._settled:
            return
        self._settled = True
        try:
            await self.conclude()
            await self._attribute()
            self.take_stock()
        except StorageFailed as error:
            self.note(Verdict.STORAGE, str(error))
        finally:
            # The spider need not outlive its run.
            self.take_stock, self.conclude = (lambda: None), _nothing_left
            await self._close()

    async def _attribute(self) -> None:
        """Put right what was stored before its source was known; a run that was told to leave does not begin."""
        if self.signal_number is not None or Verdict.STORAGE in self.problems:
            return
        known = await attribute(self.archive, self.id, lambda: self.signal_number is not None)
        if known:
            logger.info("the source of %d articles that were held before is known now: a revision each", known)

    async def _close(self) -> None:
        try:
            await self.archive.close()
        except StorageFailed as error:
            self.note(Verdict.STORAGE, str(error))

    def stop(self, crawler: Crawler, reason: str) -> None:
        """Have the spider closed in order, wherever this is called from; the first reason stands."""
        if self._stopping is None:
            self._stopping = asyncio.create_task(crawler.engine.close_spider_async(reason=reason))

    @property
    def is_stopped(self) -> bool:
        """Whether the run itself had the spider closed, or a signal did."""
        return self._stopping is not None or self.signal_number is not None


async def _nothing_left() -> None:
    """Do nothing: most spiders have stored all they saw."""


def printable(text: str) -> str:
    """Return a message as one line of printable characters: part of it may come from the network."""
    return " ".join(in_one_line(text).split())[:1000]


def in_one_line(text: str) -> str:
    """Return a whole text without what would break or bend its line."""
    return "".join(char if char.isprintable() else " " * char.isspace() for char in text)
