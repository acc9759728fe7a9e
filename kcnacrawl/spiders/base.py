"""What all spiders share: typed arguments, one way to fetch an article, one way to tell what failed."""

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

from scrapy import Request, Spider, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadCancelledError, IgnoreRequest
from scrapy.http import Response
from scrapy.settings import BaseSettings
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from .. import __version__
from ..addresses import ArticleAddress, Site
from ..archive import StorageFailed
from ..arguments import Arguments
from ..dates import instant
from ..items import Article, ArticleFields, Capture, Card, Reason, Rejected
from ..middlewares.hosts import LeftTheSite, SignUpRedirect
from ..pages import PageError
from ..pages.article import ArticlePage
from ..pages.markup import decode
from ..pipelines.archive import Quarantined
from ..run import Run
from ..verdict import Verdict

Attribute = Callable[[ArticleFields], int | None]

logger = logging.getLogger(__name__)

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
    under_way: set[str]
    # Articles that gave no record in this run, and are not asked for again in it.
    failed: set[str]

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        super().update_settings(settings)
        contact = settings.get("KCNACRAWL_CONTACT")
        agent = f"kcnacrawl/{__version__} (KCNA Watch research archive{'; ' + contact if contact else ''})"
        settings.set("USER_AGENT", agent, priority="spider")

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        spider = super().from_crawler(crawler, *args)
        run = Run.of(crawler)
        spider.run = run
        spider.site = run.site
        spider.given = dict(kwargs)
        spider.arguments = cls.arguments_class.read(kwargs, run.site)
        spider.under_way = set()
        spider.failed = set()
        run.count_owed = spider.count_owed
        crawler.signals.connect(spider.settled, signal=signals.item_scraped)
        crawler.signals.connect(spider.dropped, signal=signals.item_dropped)
        crawler.signals.connect(spider.item_failed, signal=signals.item_error)
        crawler.signals.connect(spider.callback_failed, signal=signals.spider_error)
        if run.site.is_real and not crawler.settings.get("KCNACRAWL_CONTACT"):
            logger.warning("KCNACRAWL_CONTACT is not set: give an address at which the site can reach you")
        return spider

    @property
    def doing(self) -> str:
        """What is being walked, for a person."""
        return ""

    def count_owed(self) -> int:
        """How many articles the ledger owes inside what this run was asked for; none, where it asks for none."""
        return 0

    def count(self, name: str, by: int = 1) -> None:
        """Counts under the project's prefix, which is the language monitoring speaks."""
        self.crawler.stats.inc_value(f"kcnacrawl/{name}", by)

    def settled(self, item: object) -> None:
        """An article is stored, dropped or in quarantine."""
        if isinstance(item, Article | Rejected | Capture) and item.id is not None:
            self.under_way.discard(item.id)

    def dropped(self, item: object, exception: Exception) -> None:
        """The same; what is in quarantine is not asked for again in this run."""
        self.settled(item)
        if isinstance(item, Rejected | Capture) and item.id is not None and isinstance(exception, Quarantined):
            self.failed.add(item.id)

    def item_failed(self, item: object, failure: Failure) -> None:
        """A pipeline raised what nobody foresaw, or the ledger cannot be written."""
        if not isinstance(failure.value, StorageFailed):
            self.count("item_errors")
        self.callback_failed(failure)
        self.settled(item)

    def callback_failed(self, failure: Failure) -> None:
        """A ledger that cannot be written ends the run as a log does."""
        if isinstance(failure.value, StorageFailed):
            self.run.note(Verdict.STORAGE, str(failure.value))
            self.run.stop(self.crawler, Verdict.STORAGE)

    # Articles

    def article_request(
        self, address: ArticleAddress, card: Card | None, attribute: Attribute | None = None
    ) -> Request:
        """A request for an article; ``attribute`` gives the sid of the source it belongs to."""
        self.under_way.add(address.id)
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
    ) -> Iterator[Capture | Rejected]:
        """One article page, or why it is none."""
        self.count("pages/article")
        if (strayed := self.strayed(response)) is not None:
            url = self.site.article(address)
            yield self.rejected(address.id, url, "layout_changed", strayed, response.status)
            return
        try:
            fields = ArticlePage(self.markup(response), response.url, self.site).read()
        except PageError as error:
            yield self.rejected(address.id, response.url, error.reason, error.detail, response.status)
            return
        yield Capture(
            id=address.id,
            url=response.url,
            fields=fields,
            card=card,
            source_id=attribute(fields),
            date_downloaded=instant(datetime.now(UTC)),
        )

    def attribute(self, fields: ArticleFields) -> int | None:
        """The sid of an article's source: as its page links it, else as the ledger knows the label."""
        if fields.source_id is not None:
            return fields.source_id
        source = self.run.archive.ledger.source(label=fields.label)
        return source.sid if source else None

    def article_failed(self, failure: Failure) -> Iterator[Rejected]:
        """An article page that could not be had."""
        request: Request = failure.request  # type: ignore[attr-defined]  # set by Scrapy for every errback
        address: ArticleAddress = request.cb_kwargs["address"]
        yield self.failure(address.id, request, failure)

    # What gave no record

    def markup(self, response: Response) -> str:
        """The text of a page."""
        return decode(response.body, getattr(response, "encoding", "utf-8"))

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
            status = error.response.status
            reason = _REASONS.get(status, "http_error")
            return self.rejected(article_id, url, reason, f"the site answered {status}", status)
        if isinstance(error, SignUpRedirect):
            return self.rejected(article_id, url, "sign_up_wall", "redirected to the sign-up form", 302)
        if isinstance(error, LeftTheSite):
            return self.rejected(article_id, url, "blocked", str(error), None)
        if isinstance(error, DownloadCancelledError):
            return self.rejected(article_id, url, "too_large", str(error)[:500], None)
        if isinstance(error, IgnoreRequest):
            self.run.note(Verdict.REFUSED, f"robots.txt forbids {request.url}; it is kept to")
            return self.rejected(article_id, url, "blocked", str(error) or "not to be fetched", None)
        return self.rejected(article_id, url, "http_error", f"{type(error).__name__}: {error}"[:500], None)

    def rejected(self, article_id: str | None, url: str, reason: Reason, detail: str, status: int | None) -> Rejected:
        """A line for the quarantine."""
        return Rejected(
            id=article_id,
            url=url,
            reason=reason,
            detail=detail,
            seen_at=instant(datetime.now(UTC)),
            run_id=self.run.id,
            http_status=status,
        )
