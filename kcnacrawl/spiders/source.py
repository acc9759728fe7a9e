"""``scrapy crawl source``: the lists of sources, and the articles in them."""

from collections.abc import AsyncIterator
from typing import Any

from scrapy import Request
from scrapy.http import Response

from ..archive.ledger import KnownSource
from ..arguments import SourceArguments
from ..config import Render
from ..crawl.fetch import Attribute
from ..crawl.harvest import Harvester
from ..crawl.list_crawl import ListCrawl
from ..crawl.lists import ListingPages, SourceList
from ..crawl.rejections import Output
from ..crawl.sources import HomePage, SourceChoice
from ..health import CADENCE_DAYS, silent_days
from .base import KcnaSpider


class SourceSpider(KcnaSpider):
    """Crawls the lists of the sources asked for and fetches what the archive does not hold.

    Over plain HTTP, which needs a list's ajax id: where the page keeps that from us, a browser is asked for it once.
    With ``KCNACRAWL_RENDER=always`` a browser goes down each list that has a listing page, one list at a time.
    """

    name = "source"
    arguments_class = SourceArguments
    lists_articles = True
    arguments: SourceArguments

    def assemble(self) -> None:
        self.crawls: list[ListCrawl] = []
        # Lists that wait for the browser.
        self.waiting: list[ListCrawl] = []
        self.home = HomePage(self.crawler)
        self.pages = ListingPages(self.crawler, self.fetcher)
        self.harvester = Harvester(
            self.crawler,
            self.fetcher,
            self.arguments,
            lists=self.list_keys,
            attribute_in=self.attribute_in,
            first=self.next_in_browser,
        )
        self.choice = SourceChoice(self.crawler, self.home, self.fetcher, self.arguments.source, self.begin, self.enter)

    async def start(self) -> AsyncIterator[Any]:
        for request in self.choice.start():
            yield request

    def begin(self, source: KnownSource) -> Output:
        """Begin to crawl a source's list, unless that was begun before."""
        if self.is_begun(source):
            return
        crawl = self.crawl_of(source)
        if self.needs_browser(source):
            self.waiting.append(crawl)
        else:
            yield from crawl.begin()

    def enter(self, response: Response, source: KnownSource | None, label: str | None) -> Output:
        """Crawl the list that an article's page leads into."""
        if source is not None and (source.ajax_id is not None or self.needs_browser(source)):
            yield from self.begin(source)
        elif source is None or not self.is_begun(source):
            yield from self.crawl_of(source, label).finder.enter(response)

    def crawl_of(self, source: KnownSource | None, label: str | None = None) -> ListCrawl:
        """Return a crawl of a source's list."""
        crawl = ListCrawl(
            self.crawler,
            SourceList(self.run.archive.ledger, source, label),
            self.arguments.window,
            self.pages,
            self.harvester,
            in_browser=self.needs_browser(source),
            is_taken=self.is_taken,
        )
        self.crawls.append(crawl)
        return crawl

    def needs_browser(self, source: KnownSource | None) -> bool:
        """Return True if a browser is to go down a source's list."""
        return self.run.config.render is Render.ALWAYS and source is not None and source.sid is not None

    def is_begun(self, source: KnownSource) -> bool:
        """Return True if a source's list is or was crawled in this run, or waits for the browser."""
        return any(crawl.source_list.is_of(source) for crawl in self.crawls)

    def is_taken(self, crawl: ListCrawl) -> bool:
        """Return True if another crawl of this run, begun earlier, turned out to be of the same list."""
        earlier = self.crawls[: self.crawls.index(crawl)]
        key = crawl.source_list.key
        return key is not None and any(other.source_list.key == key for other in earlier)

    # What is pending

    def next_in_browser(self) -> list[Request]:
        """Return the first request of the next list that waits for the browser."""
        return list(self.waiting.pop(0).begin()) if self.waiting else []

    def attribute_in(self, list_key: int | None) -> Attribute:
        """Attribute pending articles of a list."""
        crawls = (crawl for crawl in self.crawls if list_key is not None and crawl.source_list.key == list_key)
        crawl = next(crawls, None)
        return crawl.source_list.attribute if crawl else self.fetcher.attribute_in(list_key)

    def list_keys(self) -> list[int] | None:
        """Return the lists that pending articles are taken from; ``None`` for all."""
        if any(ref.is_all for ref in self.arguments.source):
            return None
        return list({key for crawl in self.crawls if (key := crawl.source_list.key) is not None})

    # What it comes to

    @property
    def status(self) -> str:
        running = [crawl.status for crawl in self.crawls if not crawl.is_done and crawl not in self.waiting]
        more = f" and {len(running) - 1} more" if len(running) > 1 else ""
        return f"walking {running[0]}{more}" if running else "fetching what is owed" * self.harvester.is_sweeping

    @property
    def unfinished(self) -> str:
        names = [crawl.source_list.name for crawl in self.crawls if not crawl.is_done]
        if names:
            return f"the list of {names[0]} was not walked to its end"
        return self.home.unanswered or self.fetcher.unanswered

    def take_stock(self) -> None:
        super().take_stock()
        self.run.owed = self.harvester.count_owed()
        today = self.run.started.date()
        for crawl in self.crawls:
            if (sid := crawl.source_list.sid) is not None:
                days = self.run.archive.ledger.articles.published_days(sid, CADENCE_DAYS)
                if (silent := silent_days(days, today)) > self.run.config.stale_days:
                    name = crawl.source_list.name
                    self.run.warn(f"{name} usually publishes daily and has shown nothing for {silent} days")
