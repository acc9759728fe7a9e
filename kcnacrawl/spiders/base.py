"""What every spider has: typed arguments, the run that it belongs to, and a way to parse an article."""

import logging
from typing import Any, ClassVar, Self

from scrapy import Spider
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.settings import BaseSettings

from ..arguments import ArgumentError, Arguments
from ..config import Config
from ..crawl.counts import Counts
from ..crawl.fetch import ArticleFetcher
from ..crawl.rejections import Output
from ..run import Run
from ..site.urls import Site
from ..verdict import Verdict

logger = logging.getLogger(__name__)


class KcnaSpider(Spider):
    """A spider of the site's. ``arguments_class`` says what ``-a`` takes; ``given`` is what it was given, as text."""

    arguments_class: ClassVar[type[Arguments]] = Arguments
    lists_articles: ClassVar[bool] = False
    """Whether the site itself names the articles that are fetched, so that most of them should be found."""

    arguments: Arguments
    given: dict[str, str]
    run: Run
    site: Site
    counts: Counts
    fetcher: ArticleFetcher

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        super().update_settings(settings)
        settings.set("USER_AGENT", Config.read(settings).user_agent, priority="spider")
        # What waits to be sent is the scheduler's: the downloader must have nothing left when a site refuses.
        settings.set("CONCURRENT_REQUESTS", settings["CONCURRENT_REQUESTS_PER_DOMAIN"], priority="spider")

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        spider = super().from_crawler(crawler, *args)
        run = Run.of(crawler)
        spider.run = run
        spider.site = run.site
        spider.given = dict(kwargs)
        # A shell makes a spider without arguments, and never starts it.
        spider.arguments = cls.arguments_class.read(kwargs, run.site) if kwargs else cls.arguments_class()
        spider.counts = Counts(crawler)
        spider.fetcher = ArticleFetcher(crawler)
        run.take_stock = spider.take_stock
        if run.site.is_real and not run.config.contact:
            logger.warning("KCNACRAWL_CONTACT is not set: give an address at which the site can reach you")
        spider.assemble()
        return spider

    def assemble(self) -> None:
        """Make the parts that this spider works with."""

    def lacks_arguments(self) -> bool:
        """Return True, and end the run `usage`, if the spider was made without an argument that it needs."""
        try:
            self.arguments.check()
        except ArgumentError as error:
            self.run.note(Verdict.USAGE, str(error))
            return True
        return False

    @property
    def status(self) -> str:
        """What is being crawled, for a person."""
        return ""

    @property
    def unfinished(self) -> str:
        """What was requested and never answered, in words, where nothing says why; empty if there is none."""
        return self.fetcher.unanswered

    def take_stock(self) -> None:
        """Tell the run what it leaves behind, before the ledger is closed."""
        self.run.unfinished = self.unfinished

    def parse(self, response: Response) -> Output:
        """Parse an article that `scrapy parse` has fetched. A crawl names its callbacks."""
        address = self.site.identify(response.url)
        if address is None:
            logger.warning("%s is no article of %s; name a callback with -c", response.url, self.site.url)
        else:
            yield from self.fetcher.parse(response, address, None, self.fetcher.attribute)
