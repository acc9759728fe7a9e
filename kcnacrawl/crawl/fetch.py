"""Fetching articles: one way to request a page, read it, and say why it gave no record."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from ..archive import StorageFailed
from ..archive.attribution import find_sid
from ..downloadermiddlewares.capture import RECORD_ID
from ..downloadermiddlewares.walls import markup_of
from ..items import WALLS, Article, ArticleFields, Card, Reason, Rejected, ScrapedPage
from ..pages import LayoutChanged, PageError
from ..pages.article import ArticlePage
from ..pipelines.archive import Quarantined
from ..run import Run
from ..site.dates import instant
from ..site.urls import ArticleAddress
from ..verdict import Verdict
from .circuit_breaker import CircuitBreaker
from .counts import Counts
from .rejections import Output, Rejections, request_of

Attribute = Callable[[ArticleFields], int | None]
"""Returns the sid of the source that an article belongs to."""

UNREAD: Final[frozenset[Reason]] = frozenset({"layout_changed", "bad_date"})
"""Reasons that say a page came and could not be understood."""

_BARE_PAGES: Final = 2


class ArticleFetcher:
    """Requests articles and parses their pages. A run has one, whichever spider it runs.

    ``in_flight`` are articles requested and not settled yet; what is settled, the ledger knows. ``failed`` gave no
    record, and are not requested again in this run. ``revisited`` were behind a wall before: another says nothing new.
    """

    def __init__(self, crawler: Crawler) -> None:
        self.in_flight: set[str] = set()
        self.failed: set[str] = set()
        self.revisited: set[str] = set()
        self._crawler = crawler
        self._run = Run.of(crawler)
        self._counts = Counts(crawler)
        self._rejections = Rejections(crawler)
        self._circuit_breaker = CircuitBreaker(self._run.config.walls_in_a_row, self._run.config.walls_of_50)
        crawler.signals.connect(self.settle, signal=signals.item_scraped)
        crawler.signals.connect(self.item_dropped, signal=signals.item_dropped)
        crawler.signals.connect(self.item_error, signal=signals.item_error)
        crawler.signals.connect(self.spider_error, signal=signals.spider_error)

    def request(self, address: ArticleAddress, card: Card | None = None, attribute: Attribute | None = None) -> Request:
        """Return the request for an article; ``card`` is the one that announced it."""
        self.in_flight.add(address.id)
        return Request(
            self._run.site.article(address),
            callback=self.parse,
            errback=self.fail,
            cb_kwargs={"address": address, "card": card, "attribute": attribute or self.attribute},
            dont_filter=True,
        )

    def parse(self, response: Response, address: ArticleAddress, card: Card | None, attribute: Attribute) -> Output:
        """Yield what an article's page shows, or why it is none."""
        self._counts.add("pages/article")
        if (strayed := self._rejections.strayed(response)) is not None:
            url = self._run.site.article(address)
            yield self._rejections.make(url, "layout_changed", strayed, response.status, address.id)
            return
        try:
            page = ArticlePage(markup_of(response), response.url, self._run.site)
            fields = page.read()
        except PageError as error:
            yield self._weigh(self._rejections.unread(response, error, address.id))
            return
        self._saw(address.id, is_wall=fields.access == "truncated")
        if page.has_sign_up_form:
            self._counts.add("forms_beside_text")
        self._counts.add("fields/pages")
        self._counts.add("fields/body", bool(fields.article_body))
        if not fields.article_body and len(self._run.bare_pages) < _BARE_PAGES:
            self._run.bare_pages[address.id] = response.body
        if fields.access == "empty" and self._holds_text(address.id):
            gone = LayoutChanged("body: the page shows no text, and the archive holds one")
            yield self._rejections.unread(response, gone, address.id)
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

    def fail(self, failure: Failure) -> Output:
        """Yield why an article's page could not be had."""
        address: ArticleAddress = request_of(failure).cb_kwargs["address"]
        yield self._weigh(self._rejections.failed(failure, self._run.site.article(address), address.id))

    def refuse(self, response: Response, address: ArticleAddress) -> Rejected:
        """Say why the site refused an article's page."""
        return self._weigh(self._rejections.refused(response, self._run.site.article(address), address.id))

    def attribute(self, fields: ArticleFields) -> int | None:
        """Return the sid of an article's source: as its page links it, else as the ledger knows the label."""
        return find_sid(self._run.archive.ledger, fields.label, fields.source_id, None)

    def attribute_in(self, list_key: int | None) -> Attribute:
        """Attribute articles whose card stands in a list, whether that is crawled in this run or not."""
        ledger = self._run.archive.ledger
        return lambda fields: find_sid(ledger, fields.label, fields.source_id, list_key)

    @property
    def unanswered(self) -> str:
        """How many articles were requested and never answered, in words; empty if there are none."""
        return f"{len(self.in_flight)} articles were not answered" if self.in_flight else ""

    def _holds_text(self, article_id: str) -> bool:
        known = self._run.archive.ledger.articles.latest(article_id)
        return known is not None and known.access != "empty"

    # The circuit breaker

    def _weigh(self, rejected: Rejected) -> Rejected:
        if rejected.id is not None and rejected.reason in WALLS:
            self._saw(rejected.id, is_wall=True)
        return rejected

    def _saw(self, article_id: str, *, is_wall: bool) -> None:
        """Feed the circuit breaker; stop the run when it trips."""
        if is_wall and article_id in self.revisited:
            return
        if (message := self._circuit_breaker.saw(wall=is_wall)) is not None:
            self._run.note(Verdict.REFUSED, f"{message} (sign-up, bot check, block or paywall); see the quarantine")
            self._run.stop(self._crawler, Verdict.REFUSED)

    # What became of it

    def settle(self, item: object) -> None:
        """Handle `item_scraped`: the article is in flight no longer."""
        if isinstance(item, Article | Rejected | ScrapedPage) and item.id is not None:
            self.in_flight.discard(item.id)

    def item_dropped(self, item: object, exception: Exception, response: Response | Failure | None) -> None:
        """Handle `item_dropped`: do not request a quarantined article again; keep a page that was not understood."""
        self.settle(item)
        if not isinstance(exception, Quarantined):
            return
        rejected = exception.rejected
        if rejected.id is not None:
            self.failed.add(rejected.id)
        # From an errback Scrapy gives the failure in the response's place.
        if rejected.reason in UNREAD and isinstance(response, Response):
            self._run.archive.keep_page(self._run.id, rejected.id or "listing", response.body)

    def item_error(self, item: object, failure: Failure) -> None:
        """Handle `item_error`: count an exception of a pipeline, unless the ledger could not be written."""
        if not isinstance(failure.value, StorageFailed):
            self._counts.add("item_errors")
        self.spider_error(failure)
        self.settle(item)

    def spider_error(self, failure: Failure) -> None:
        """Handle `spider_error`: stop the run where the ledger cannot be written."""
        if isinstance(failure.value, StorageFailed):
            self._run.storage_failed(self._crawler, failure.value)
