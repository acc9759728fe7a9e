"""The last pipeline: it stores, and lets an item pass only when it is on disk."""

import logging
from typing import Self

from scrapy.crawler import Crawler
from scrapy.exceptions import CloseSpider, DropItem

from ..archive import ArchiveError, Locked, StorageFailed
from ..items import Article, Rejected
from ..run import Run
from ..verdict import Verdict

logger = logging.getLogger(__name__)


class Quarantined(DropItem):
    """A page that gave no record; it is kept in the quarantine."""

    def __init__(self, rejected: Rejected) -> None:
        super().__init__(f"{rejected.reason}: {rejected.url}: {rejected.detail}", log_level="WARNING")
        self.rejected = rejected


class NotStored(DropItem):
    """The archive cannot be written; the run ends."""


class ArchivePipeline:
    """Opens the archive before anything is fetched and closes it after everything is."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._run = Run.of(crawler)
        self._open = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def open_spider(self) -> None:
        try:
            self._run.archive.open()
        except ArchiveError as error:
            verdict = Verdict.LOCKED if isinstance(error, Locked) else Verdict.STORAGE
            self._run.note(verdict, str(error))
            raise CloseSpider(verdict) from error
        self._open = True

    async def process_item(self, item: object) -> object:
        try:
            if isinstance(item, Article):
                await self._run.archive.store(item)
            elif isinstance(item, Rejected):
                await self._run.archive.reject(item)
        except StorageFailed as error:
            self._run.note(Verdict.STORAGE, str(error))
            self._run.stop(self._crawler, Verdict.STORAGE)
            raise NotStored(str(error), log_level="DEBUG") from error
        if isinstance(item, Rejected):
            self._crawler.stats.inc_value(f"kcnacrawl/rejected/{item.reason}")
            raise Quarantined(item)
        if isinstance(item, Article):
            self._crawler.stats.inc_value(
                "kcnacrawl/articles/new" if item.revision == 1 else "kcnacrawl/articles/revised"
            )
            self._crawler.stats.inc_value(f"kcnacrawl/access/{item.access}")
            if item.date_conflict:
                self._crawler.stats.inc_value("kcnacrawl/date_conflict")
        return item

    async def close_spider(self) -> None:
        if self._open:
            await self._run.settle()
            self._crawler.stats.set_value("kcnacrawl/owed", self._run.owed)
