"""What was asked for: the days of ``since`` and ``until``, and no more articles than ``limit``."""

from typing import Self

from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem

from ..arguments import Arguments
from ..items import Article
from ..run import Run


class OutsideWindow(DropItem):
    """The article's day was not asked for: its card was dated a day off."""


class LimitReached(DropItem):
    """As many articles as were asked for are stored."""


class SelectPipeline:
    """Drops what was not asked for, and stops the run at its limit."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._run = Run.of(crawler)
        self._taken = 0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(crawler)

    def process_item(self, item: object) -> object:
        arguments = getattr(self._crawler.spider, "arguments", None)
        if not isinstance(item, Article) or not isinstance(arguments, Arguments):
            return item
        self._check_window(item, arguments)
        if arguments.limit is not None:
            self._check_limit(item, arguments.limit)
        return item

    def _check_window(self, article: Article, arguments: Arguments) -> None:
        day = article.date_published
        if day and not arguments.window.holds_text(day):
            self._run.archive.ledger.queue.set_aside(article.id, day)
            raise OutsideWindow(f"{article.id} is of {day}", log_level="DEBUG")

    def _check_limit(self, article: Article, limit: int) -> None:
        if self._taken >= limit:
            raise LimitReached(f"{article.id} is beyond limit={limit}", log_level="DEBUG")
        self._taken += 1
        if self._taken == limit:
            self._run.stop(self._crawler, "limit")
