"""One line an article: compared by identity, within the run and with the ledger; another text is another revision."""

from dataclasses import replace
from typing import Self

from scrapy import signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DropItem

from ..archive.ledger import Known, Ledger, Line
from ..items import Article, ScrapedPage
from ..run import Run


class Unchanged(DropItem):
    """The archive holds this article as it is, or whole where the page was cut."""


class DeduplicatePipeline:
    """Drops what is held as it is; numbers the revisions of what is not."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        # Records on their way to the disk, which the ledger does not know yet.
        self._on_the_way: dict[str, Known] = {}

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        pipeline = cls(Run.of(crawler).archive.ledger)
        crawler.signals.connect(pipeline.arrived, signal=signals.item_scraped)
        crawler.signals.connect(pipeline.arrived, signal=signals.item_error)
        crawler.signals.connect(pipeline.dropped, signal=signals.item_dropped)
        return pipeline

    def process_item(self, item: object) -> object:
        if not isinstance(item, Article):
            return item
        on_the_way = self._on_the_way.get(item.id)
        known = on_the_way or self._ledger.articles.latest(item.id)
        line = Line.of(item)
        if known is not None and known.digest == line.digest:
            # A twin of one that is not on disk yet settles nothing.
            if on_the_way is None:
                self._ledger.confirm(item)
            raise Unchanged(f"{item.id} is held as it is", log_level="DEBUG")
        if known is not None and known.access == "full" and item.access == "truncated":
            # A paywall has come before it: what is held stands, and nothing is wanted of it.
            if on_the_way is None:
                self._ledger.confirm(replace(item, access=known.access))
            raise Unchanged(f"{item.id} is held whole", log_level="DEBUG")
        if known is not None:
            item = replace(item, revision=known.revision + 1, revision_cause="site")
        self._on_the_way[item.id] = Known.of(line._replace(revision=item.revision))
        return item

    def dropped(self, item: object, exception: Exception) -> None:
        """Handle `item_dropped`: forget the item. A twin of one that is being stored says nothing of that one."""
        if not isinstance(exception, Unchanged):
            self.arrived(item)

    def arrived(self, item: object) -> None:
        """Handle `item_scraped` and `item_error`: forget the item, which is stored or never will be."""
        if isinstance(item, Article | ScrapedPage):
            self._on_the_way.pop(item.id, None)
