"""What ``scrapy doctor`` does: it fetches a few pages, and says of each anchor what it matched."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.robotstxt import ProtegoRobotParser, RobotParser
from scrapy.settings import BaseSettings
from twisted.python.failure import Failure

from .arguments import DoctorArguments
from .crawl.rejections import Rejections, request_of
from .downloadermiddlewares.retry import has_nothing
from .downloadermiddlewares.walls import markup_of
from .extensions.crawl_delay import CrawlDelay
from .items import WALLS, Card, Reason
from .pages import Anchor, PageError
from .pages.ajax_id import ajax_ids
from .pages.article import ArticlePage
from .pages.fixtures import save_case
from .pages.home import sources
from .pages.listing import ListingPage
from .run import printable
from .site.dates import BadDate, listed_or_none, parse_published
from .spiders.base import KcnaSpider
from .verdict import Verdict

State = Literal["ok", "fallback", "none", "MISSING"]

_CANDIDATES: Final = 3
_LONGEST: Final = 90


@dataclass(frozen=True, slots=True)
class Finding:
    """What one anchor of one page matched: the place known for it (``ok``), another (``fallback``), nothing, which does
    no harm (``none``), or nothing though a record needs it (``MISSING``).
    """

    page: str
    anchor: str
    state: State
    matched: str


class DoctorSpider(KcnaSpider):
    """Fetches the home page, the first source's listing, a page of *More Articles* and one article; or begins with a
    given page. Opens no archive.
    """

    # Not in the spiders' package: it is the command's, and not for `scrapy crawl`.
    name = "doctor"
    arguments_class = DoctorArguments
    arguments: DoctorArguments
    findings: list[Finding]
    save: Path | None
    rejections: Rejections

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        super().update_settings(settings)
        # No archive and no report; the site's delay all the same.
        settings.set("ITEM_PIPELINES", {}, priority="spider")
        settings.set("EXTENSIONS", {CrawlDelay: 0}, priority="spider")

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        save = kwargs.pop("save", None)
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider.findings, spider.save = [], save
        spider.rejections = Rejections(crawler)
        crawler.signals.connect(spider.robots_parsed, signal=signals.robots_parsed)
        crawler.signals.connect(spider.spider_error, signal=signals.spider_error)
        return spider

    async def start(self) -> AsyncIterator[Any]:
        url = self.arguments.url
        if url is None:
            yield self.look(self.site.home, self.parse_home, "home")
        elif self.site.identify(url):
            yield self.look(url, self.parse_page, "article")
        else:
            yield self.look(url, self.parse_listing, "listing")

    def look(self, url: str, callback: Callable[..., Iterator[Request]], page: str, **kwargs: Any) -> Request:
        """Return the request for a page."""
        return Request(
            url,
            callback=self.read,
            errback=self.unanswered,
            cb_kwargs={"page": page, "reader": callback, **kwargs},
            dont_filter=True,
        )

    def read(
        self, response: Response, page: str, reader: Callable[..., Iterator[Request]], **kwargs: Any
    ) -> Iterator[Request]:
        """Read a page, and keep it if that was asked for."""
        try:
            markup = markup_of(response)
            if (strayed := self.rejections.strayed(response)) is not None:
                self.found(page, "page", False, strayed, is_needed=True)
            if self.save is not None:
                kind = "listing" if page == "ajax" else page
                save_case(self.save / kind / page, kind, markup, response.body, response.url, self.site)
            yield from reader(response, markup, **kwargs)
        except PageError as error:
            self.refused(page, error.reason, error.detail)
        except OSError as error:
            self.run.note(Verdict.STORAGE, f"cannot write {error.filename}: {error.strerror}")

    def robots_parsed(self, robotparser: RobotParser) -> None:
        """Handle `robots_parsed`: tell what robots.txt says to us. A page that it forbids tells of that itself."""
        if isinstance(robotparser, ProtegoRobotParser):
            agent = self.settings["ROBOTSTXT_USER_AGENT"] or self.settings["USER_AGENT"]
            delay = robotparser.rp.crawl_delay(agent)
            self.found("robots.txt", "listings", robotparser.allowed(self.site.listing(1), agent), "allowed")
            self.found("robots.txt", "crawl-delay", delay is not None, f"{delay} s")
            self.found("robots.txt", "sitemaps", True, ", ".join(robotparser.rp.sitemaps) or self.site.sitemap)

    # Page by page

    def parse_home(self, response: Response, markup: str) -> Iterator[Request]:
        """Read the home page: which sources there are."""
        found = sources(markup, response.url, self.site)
        self.found(
            "home", "sources", bool(found), f"{len(found)}: {', '.join(one.label for one in found)}", is_needed=True
        )
        if found:
            yield self.look(self.site.listing(found[0].sid), self.parse_listing, "listing")

    def parse_listing(self, response: Response, markup: str) -> Iterator[Request]:
        """Read a source's listing: its cards, and the numbers that may be its ajax id."""
        page = ListingPage(markup, response.url, self.site)
        self.cards("listing", page)
        self.found("listing", "more articles", page.has_more, "a button")
        candidates = ajax_ids(markup)
        where = [f"{number} in {_around(markup, str(number))}" for number in candidates[:_CANDIDATES]]
        self.found(
            "listing", "ajax ids", bool(candidates), "; ".join(where), otherwise="a browser must be asked for it"
        )
        yield from self.candidate(candidates[:_CANDIDATES], page.cards)

    def candidate(self, candidates: Sequence[int], cards: Sequence[Card]) -> Iterator[Request]:
        """Request the next number that may be the ajax id; after the last, an article."""
        if candidates:
            url = self.site.ajax(candidates[0], 0)
            look = self.look(url, self.parse_more, "ajax", candidates=candidates, cards=cards)
            yield look.replace(errback=self.candidate_failed)
        elif cards:
            yield self.look(cards[0].url, self.parse_page, "article")

    def parse_more(
        self, response: Response, markup: str, candidates: Sequence[int], cards: Sequence[Card]
    ) -> Iterator[Request]:
        """Read an answer of the endpoint: the right id answers with the listing's cards."""
        page = ListingPage(markup, response.url, self.site)
        found = page.cards
        shared = len({card.id for card in found} & {card.id for card in cards})
        is_same = 2 * shared > min(len(found), len(cards))
        told = f"{candidates[0]}: {shared} of {len(found)} cards are the listing's"
        self.found("ajax", "ajax id", is_same, told, otherwise=f"not {told}")
        if is_same:
            self.cards("ajax", page)
        yield from self.candidate([] if is_same else candidates[1:], cards)

    def candidate_failed(self, failure: Failure) -> Iterator[Request]:
        """Pass over a number that the endpoint has nothing for."""
        if not has_nothing(failure.value):
            self.unanswered(failure)
            return
        told: dict[str, Any] = request_of(failure).cb_kwargs
        candidates: Sequence[int] = told["candidates"]
        self.found("ajax", "ajax id", False, "", otherwise=f"not {candidates[0]}: nothing is answered")
        yield from self.candidate(candidates[1:], told["cards"])

    def cards(self, page: str, listing: ListingPage) -> None:
        """Tell what the cards of a list say, and what served the reader."""
        cards = listing.cards
        self.found(page, "cards", bool(cards), f"{len(cards)}", is_needed=True)
        if cards:
            dated = [card for card in cards if listed_or_none(card.date_listed_raw)]
            self.found(page, "headline", True, cards[0].headline)
            self.found(page, "date", bool(dated), f"{len(dated)} of {len(cards)}, {cards[0].date_listed_raw}")
            self.found(page, "summary", any(card.description for card in cards), cards[0].description or "")
            for name, anchor in listing.anchors.items():
                # A fragment is its list.
                if (page, name) != ("ajax", "list"):
                    self.served(page, f"{name} by", anchor)

    def parse_page(self, response: Response, markup: str) -> Iterator[Request]:
        """Read an article: every field of its record."""
        page = ArticlePage(markup, response.url, self.site)
        self.field("date", lambda: f"{page.date_raw} = {parse_published(page.date_raw)}")
        self.field("label", lambda: page.label)
        if self.field("headline", lambda: page.headline):
            self.served("article", "headline by", page.headline_anchor)
        if self.field("body", lambda: f"{len(page.article_body)} characters: {page.article_body}"):
            self.served("article", "body by", page.body_anchor)
            self.found("article", "access", page.access == "full", page.access, otherwise=page.access)
            self.found("article", "sign-up form", page.has_sign_up_form, "beside the text")
            self.found("article", "original", page.original_url is not None, page.original_url or "")
            self.found("article", "images", bool(page.images), f"{len(page.images)}")
            self.found("article", "source id", page.source_id is not None, f"{page.source_id}")
        yield from ()

    def field(self, anchor: str, read: Callable[[], str]) -> bool:
        """Tell of a field that a record needs; return True if it is there."""
        try:
            self.found("article", anchor, True, read())
        except BadDate as error:
            self.found("article", anchor, False, otherwise=str(error), is_needed=True)
        except PageError as error:
            if error.reason in WALLS:
                raise
            self.found("article", anchor, False, otherwise=error.detail, is_needed=True)
        return self.findings[-1].state == "ok"

    # What is told

    def found(
        self,
        page: str,
        anchor: str,
        matches: object,
        matched: str = "",
        *,
        otherwise: str = "",
        is_needed: bool = False,
    ) -> None:
        """Tell of an anchor. One that a record needs and that is missing is a changed layout."""
        state: State = "ok" if matches else "MISSING" if is_needed else "none"
        told = printable(matched if matches else otherwise)
        self.findings.append(
            Finding(page, anchor, state, told if len(told) <= _LONGEST else told[: _LONGEST - 1] + "…")
        )
        if state == "MISSING":
            self.run.note(Verdict.LAYOUT_CHANGED, f"{page}: {anchor} is missing; the site no longer looks as known")

    def served(self, page: str, name: str, anchor: Anchor) -> None:
        """Tell what served the reader."""
        self.findings.append(Finding(page, name, "ok" if anchor.is_known else "fallback", anchor.place))

    def refused(self, page: str, reason: Reason, detail: str) -> None:
        """Tell of a page that is none we know, is behind a wall, or could not be had: a site that does not answer
        refuses, too.
        """
        is_layout = reason in {"layout_changed", "bad_date", "too_large"}
        self.findings.append(Finding(page, "page" if is_layout else "wall", "MISSING", printable(detail)[:_LONGEST]))
        verdict = Verdict.LAYOUT_CHANGED if is_layout else Verdict.REFUSED
        self.run.note(verdict, f"{page}: {reason}: {detail}")

    def unanswered(self, failure: Failure) -> None:
        """Tell of a page that could not be had."""
        request = request_of(failure)
        rejected = self.rejections.failed(failure)
        self.refused(request.cb_kwargs["page"], rejected.reason, f"{request.url}: {rejected.detail}")

    def spider_error(self, failure: Failure) -> None:
        """Handle `spider_error`: tell a bug as one."""
        self.run.note(Verdict.ERROR, f"{type(failure.value).__name__}: {failure.value}; please report it")


def _around(markup: str, number: str) -> str:
    """Return the mark-up around the first place of a number."""
    at = max(markup.find(number), 0)
    return " ".join(markup[max(0, at - 25) : at + len(number) + 5].split())
