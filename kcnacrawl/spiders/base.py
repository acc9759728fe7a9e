"""What all spiders share: typed arguments, one way to fetch an article, one way to tell what failed."""

import logging
from collections.abc import Callable, Collection, Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadCancelledError, IgnoreRequest
from scrapy.http import Response
from scrapy.settings import BaseSettings
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from ..archive import StorageFailed
from ..archive.attribution import find_sid
from ..arguments import ArgumentError, Arguments
from ..bugs import TOLD, is_of_the_network
from ..crawl.circuit_breaker import CircuitBreaker
from ..downloadermiddlewares.capture import RECORD_ID
from ..downloadermiddlewares.walls import markup_of, wall_of
from ..exceptions import ForbiddenByRobots, Unfetched
from ..items import WALLS, Article, ArticleFields, Card, Reason, Rejected, ScrapedPage
from ..pages import LayoutChanged, PageError
from ..pages.article import ArticlePage
from ..pipelines.archive import Quarantined
from ..run import Run, printable, user_agent
from ..site.dates import instant
from ..site.urls import ArticleAddress, Site
from ..verdict import Verdict

Attribute = Callable[[ArticleFields], int | None]

logger = logging.getLogger(__name__)

UNREAD: frozenset[Reason] = frozenset({"layout_changed", "bad_date"})
"""Reasons that say a page came and could not be understood."""

_BARE_PAGES = 2
_REASONS: dict[int, Reason] = {
    401: "blocked",
    403: "blocked",
    404: "not_found",
    410: "not_found",
    451: "blocked",
}


class KcnaSpider(Spider):
    """A spider of the site's. ``arguments_class`` says what ``-a`` takes."""

    arguments_class: ClassVar[type[Arguments]] = Arguments
    arguments: Arguments
    # As they were given, for the report.
    given: dict[str, str]
    run: Run
    site: Site
    # Articles asked for and not settled yet; what is settled, the ledger knows.
    in_flight: set[str]
    # Articles that gave no record in this run, and are not asked for again in it.
    failed: set[str]
    # Pages without a text, by id: some have none, but if that is the rule they are wanted for diagnosis.
    bare_pages: dict[str, bytes]
    # Articles that gave a wall before, and are looked at again: another says nothing new of the site.
    revisited: set[str]
    circuit_breaker: CircuitBreaker

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        super().update_settings(settings)
        settings.set("USER_AGENT", user_agent(settings), priority="spider")
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
        spider.in_flight = set()
        spider.failed = set()
        spider.bare_pages = {}
        spider.revisited = set()
        spider.circuit_breaker = CircuitBreaker(run.limits)
        run.take_stock = spider.sum_up
        crawler.signals.connect(spider.settled, signal=signals.item_scraped)
        crawler.signals.connect(spider.dropped, signal=signals.item_dropped)
        crawler.signals.connect(spider.item_failed, signal=signals.item_error)
        crawler.signals.connect(spider.callback_failed, signal=signals.spider_error)
        if run.site.is_real and not crawler.settings.get("KCNACRAWL_CONTACT"):
            logger.warning("KCNACRAWL_CONTACT is not set: give an address at which the site can reach you")
        return spider

    def lacks_arguments(self) -> bool:
        """Return True, and end the run ``usage``, if the spider was made without an argument that it needs."""
        try:
            self.arguments.check()
        except ArgumentError as error:
            self.run.note(Verdict.USAGE, str(error))
            return True
        return False

    @property
    def doing(self) -> str:
        """What is being walked, for a person."""
        return ""

    @property
    def unfinished(self) -> str:
        """Name what was asked for and never answered, where nothing says why; empty if there is none."""
        return self.unanswered_articles()

    def unanswered_articles(self) -> str:
        """Say how many articles were asked for and never answered; nothing if there are none."""
        return f"{len(self.in_flight)} articles were not answered" if self.in_flight else ""

    def sum_up(self) -> None:
        """Ask the ledger, before it is closed, what the run leaves behind."""
        self.take_stock()
        self.run.unfinished = self.unfinished

    def take_stock(self) -> None:
        """What the run leaves behind, asked of the ledger before it is closed."""
        self.run.owed = self.count_owed()

    def count_owed(self) -> int:
        """How many articles the ledger owes inside what this run was asked for; none, where it asks for none."""
        return 0

    def count(self, name: str, by: int = 1) -> None:
        """Counts under the project's prefix, which is the language monitoring speaks."""
        self.crawler.stats.inc_value(f"kcnacrawl/{name}", by)

    def settled(self, item: object) -> None:
        """An article is stored, dropped or in quarantine."""
        if isinstance(item, Article | Rejected | ScrapedPage) and item.id is not None:
            self.in_flight.discard(item.id)

    def dropped(self, item: object, exception: Exception, response: Response | Failure | None) -> None:
        """The same; what is in quarantine is not asked for again in this run, and kept if it could not be read."""
        self.settled(item)
        if not isinstance(exception, Quarantined):
            return
        rejected = exception.rejected
        if rejected.id is not None:
            self.failed.add(rejected.id)
        # From an errback Scrapy gives the failure in the response's place.
        if rejected.reason in UNREAD and isinstance(response, Response):
            self.run.archive.keep_page(self.run.id, rejected.id or "listing", response.body)

    def item_failed(self, item: object, failure: Failure) -> None:
        """A pipeline raised what nobody foresaw, or the ledger cannot be written."""
        if not isinstance(failure.value, StorageFailed):
            self.count("item_errors")
        self.callback_failed(failure)
        self.settled(item)

    def callback_failed(self, failure: Failure) -> None:
        """A ledger that cannot be written ends the run as a log does."""
        if isinstance(failure.value, StorageFailed):
            self.storage_failed(failure.value)

    def storage_failed(self, error: StorageFailed) -> None:
        """Nothing more can be remembered: the run ends."""
        self.run.note(Verdict.STORAGE, str(error))
        self.run.stop(self.crawler, Verdict.STORAGE)

    # Articles

    def parse(self, response: Response) -> Iterator[ScrapedPage | Rejected]:
        """Parse an article that ``scrapy parse`` has fetched; a crawl names its callbacks."""
        address = self.site.identify(response.url)
        if address is None:
            logger.warning("%s is no article of %s; name a callback with -c", response.url, self.site.url)
        else:
            yield from self.parse_article(response, address, None, self.attribute)

    def article_request(
        self, address: ArticleAddress, card: Card | None, attribute: Attribute | None = None
    ) -> Request:
        """A request for an article; ``attribute`` gives the sid of the source it belongs to."""
        self.in_flight.add(address.id)
        return Request(
            self.site.article(address),
            callback=self.parse_article,
            errback=self.article_failed,
            cb_kwargs={"address": address, "card": card, "attribute": attribute or self.attribute},
            dont_filter=True,
        )

    def parse_article(
        self,
        response: Response,
        address: ArticleAddress,
        card: Card | None,
        attribute: Attribute,
    ) -> Iterator[ScrapedPage | Rejected]:
        """One article page, or why it is none."""
        self.count("pages/article")
        if (strayed := self.strayed(response)) is not None:
            url = self.site.article(address)
            yield self.rejected(address.id, url, "layout_changed", strayed, response.status)
            return
        try:
            fields = ArticlePage(markup_of(response), response.url, self.site).read()
        except PageError as error:
            yield self.unread(address.id, response, error)
            return
        self.saw(address.id, wall=fields.access == "truncated")
        self.count("fields/pages")
        self.count("fields/body", bool(fields.article_body))
        if not fields.article_body and len(self.bare_pages) < _BARE_PAGES:
            self.bare_pages[address.id] = response.body
        if fields.access == "empty" and self.holds_text(address.id):
            gone = LayoutChanged("body: the page shows no text, and the archive holds one")
            yield self.unread(address.id, response, gone)
            return
        yield ScrapedPage(
            id=address.id,
            url=response.url,
            fields=fields,
            card=card,
            source_id=attribute(fields),
            date_downloaded=instant(datetime.now(UTC)),
            warc_record_id=response.meta.get(RECORD_ID),
        )

    def holds_text(self, article_id: str) -> bool:
        """Whether the archive holds the text of an article, or a part of it."""
        known = self.run.archive.ledger.articles.latest(article_id)
        return known is not None and known.access != "empty"

    def attribute(self, fields: ArticleFields) -> int | None:
        """The sid of an article's source: as its page links it, else as the ledger knows the label."""
        return find_sid(self.run.archive.ledger, fields.label, fields.source_id, None)

    def article_failed(self, failure: Failure) -> Iterator[Rejected]:
        """An article page that could not be had."""
        request: Request = failure.request  # type: ignore[attr-defined]  # set by Scrapy for every errback
        address: ArticleAddress = request.cb_kwargs["address"]
        yield self.failure(address.id, request, failure)

    def saw(self, article_id: str, *, wall: bool) -> None:
        """An article page that came, or a wall in its place."""
        if wall and article_id in self.revisited:
            return
        if (told := self.circuit_breaker.saw(wall=wall)) is not None:
            self.run.note(Verdict.REFUSED, f"{told} (sign-up, bot check, block or paywall); see the quarantine")
            self.run.stop(self.crawler, Verdict.REFUSED)

    def settled_among(self, ids: Collection[str]) -> set[str]:
        """Those of ``ids`` that were looked at and are not due yet, or are known to lie outside the days asked for."""
        ledger = self.run.archive.ledger
        return ledger.queue.not_due(ids, datetime.now(UTC)) | ledger.queue.published_outside(
            ids, *self.arguments.window.ends
        )

    # What gave no record

    def keep_bare_pages(self) -> None:
        """Keeps the pages without a text, now that they are the rule."""
        for article_id, body in self.bare_pages.items():
            self.run.archive.keep_page(self.run.id, article_id, body)

    def strayed(self, response: Response) -> str | None:
        """Where a redirect led to another page than the one asked for, that it did: it is no answer."""
        asked = response.meta.get("redirect_urls", [response.url])[0]
        return None if self.site.is_same_page(asked, response.url) else f"led to another page, {response.url[:200]}"

    def failure(self, article_id: str | None, request: Request, failure: Failure) -> Rejected:
        """A rejection that says why a page could not be had."""
        error = failure.value
        # Where it was looked for, not where a redirect led.
        url = self.site.article(request.cb_kwargs["address"]) if article_id else request.url
        if isinstance(error, HttpError):
            return self.refusal(article_id, url, error.response)
        if isinstance(error, ForbiddenByRobots):
            self.run.note(Verdict.REFUSED, str(error))
        if error is not None and not is_of_the_network(error):
            self.run.note(Verdict.ERROR, TOLD)
            logger.error("A component raised what nobody foresaw", exc_info=error)
        if isinstance(error, Unfetched):
            return self.rejected(article_id, url, error.reason, str(error), error.http_status)
        # Scrapy cancels a download that grows too large.
        reason: Reason = "too_large" if isinstance(error, DownloadCancelledError) else "http_error"
        told = str(error) if isinstance(error, IgnoreRequest) else f"{type(error).__name__}: {error}".rstrip(": ")
        return self.rejected(article_id, url, reason, told, None)

    def refusal(self, article_id: str | None, url: str, response: Response) -> Rejected:
        """A rejection by status, or by the wall that came with it."""
        status = response.status
        if (wall := wall_of(response)) is not None:
            return self.rejected(article_id, url, wall.reason, f"the site answered {status}: {wall.detail}", status)
        return self.rejected(article_id, url, _REASONS.get(status, "http_error"), f"the site answered {status}", status)

    def unread(self, article_id: str | None, response: Response, error: PageError) -> Rejected:
        """A rejection of a page that came and could not be read; what failed is counted by its anchor."""
        if isinstance(error, LayoutChanged):
            self.count(f"unreadable/{error.anchor}")
        return self.rejected(article_id, response.url, error.reason, error.detail, response.status)

    def rejected(self, article_id: str | None, url: str, reason: Reason, detail: str, status: int | None) -> Rejected:
        """A line for the quarantine."""
        if article_id is not None and reason in WALLS:
            self.saw(article_id, wall=True)
        return Rejected(
            id=article_id,
            url=url,
            reason=reason,
            detail=printable(detail)[:500],
            seen_at=instant(datetime.now(UTC)),
            run_id=self.run.id,
            http_status=status,
        )
