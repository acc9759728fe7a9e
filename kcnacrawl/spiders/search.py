"""``scrapy crawl search``: all that the site's search finds.

Its page shows the first few hits, and the way to the rest is not known. So the days asked for are halved until each
page shows all it has; nothing but the search's own days is relied on, least of all an order of the hits. A single day
with more hits than its page shows cannot be completed in this way: a browser presses its button to the end, or the day
is told.
"""

import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from ..archive.ledger import KnownSource, Wanted
from ..arguments import SearchArguments
from ..downloadermiddlewares.render import STEP, Render, Step
from ..downloadermiddlewares.retry import MAY_BE_EMPTY
from ..downloadermiddlewares.walls import markup_of
from ..exceptions import NoBrowser
from ..items import Card, Rejected
from ..pages import LayoutChanged, PageError
from ..pages.listing import ListingPage
from ..pages.search import SearchPage
from ..paging.cursor import MAX_IDLE
from ..paging.walk import MAX_STALLED
from ..site.dates import AGREEMENT, listed_or_none
from ..site.urls import PAGE_SIZE
from ..verdict import Verdict
from .harvest import AHEAD, HarvestSpider, Output
from .source import Job, SourceSpider

logger = logging.getLogger(__name__)

EARLIEST: Final = date(1970, 1, 1)
"""The first day asked for without ``since``. The first articles are of 1997, but one that has lost its date may be of
this day.
"""


@dataclass(frozen=True, slots=True)
class Days:
    """The days from ``first`` to ``last``, both inclusive."""

    first: date
    last: date

    @property
    def halves(self) -> tuple["Days", "Days"] | None:
        """The later and the earlier half, which share no day and leave none out; ``None`` of a single day."""
        if self.first == self.last:
            return None
        middle = self.first + (self.last - self.first) // 2
        return Days(middle + timedelta(days=1), self.last), Days(self.first, middle)

    def may_hold(self, card: Card) -> bool:
        """Whether a card may be of these days: its date may be a day off, or missing."""
        listed = listed_or_none(card.date_listed_raw)
        return listed is None or self.first - AGREEMENT <= listed <= self.last + AGREEMENT


@dataclass(slots=True, eq=False)
class Search:
    """One search: of the source of ``job``, or of all."""

    job: Job | None = None
    pages: int = 0
    # Pages asked for and not answered well.
    open: int = 0
    hits: set[str] = field(default_factory=set)
    # Answers in a row without a hit that is new.
    idle: int = 0
    # Hits on pages that showed all they had.
    settled: set[str] = field(default_factory=set)
    # Days with more hits than their page shows.
    unfinished: list[date] = field(default_factory=list)

    @property
    def source(self) -> KnownSource | None:
        """The source searched; ``None`` for all."""
        return self.job.source if self.job else None

    @property
    def lost(self) -> set[str]:
        """Hits that fell between the halves of their days: there are none if both ends of a search are inclusive."""
        return set() if self.open or self.unfinished else self.hits - self.settled


class SearchSpider(SourceSpider):
    """Searches all sources, or one after the other those asked for, each by its ajax id, which is learned as for
    their lists, or from the search form. An article that names a source is stored on the way.
    """

    name = "search"
    arguments_class = SearchArguments
    arguments: SearchArguments
    searches: list[Search]
    # Days with more hits than their page shows, which wait for the browser.
    crowded: list[tuple[Search, Days]]

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider.searches = []
        spider.crowded = []
        return spider

    async def start(self) -> AsyncIterator[Any]:
        if self.lacks_arguments():
            return
        whole = any(ref.is_all for ref in self.arguments.source)
        async for request in HarvestSpider.start(self) if whole else super().start():
            yield request

    @property
    def home_matters(self) -> bool:
        return any(ref.label for ref in self.arguments.source)

    def opening(self) -> Iterator[Request]:
        yield self.begin_search(None)

    @property
    def days(self) -> Days:
        """The days asked for, and one on either side: articles may be dated a day off, and today ends later here than
        in Korea.
        """
        since, until = self.arguments.since, self.arguments.until
        last = (until or datetime.now(UTC).date()) + AGREEMENT
        return Days(max(EARLIEST, since - AGREEMENT) if since else min(EARLIEST, last), last)

    # By which number a source is searched

    def begin(self, source: KnownSource) -> Iterator[Request]:
        if self.is_begun(source):
            return
        job = self.job(source)
        yield self.begin_search(job) if source.ajax_id is not None else self.listing_request(job)

    def without_id(self, job: Job, response: Response, page: ListingPage) -> Output:
        del response, page
        yield from self.hidden(job)

    def advance(self, job: Job, offset: int, cards: Sequence[Card], *, is_whole: bool = False) -> Iterator[Request]:
        """The source's ajax id is known now, which is all its list was asked for."""
        del offset, cards, is_whole
        yield self.begin_search(job)

    def is_driven(self, source: KnownSource | None) -> bool:
        """Never: hits are found by their days."""
        del source
        return False

    def hidden(self, job: Job, why: str = "") -> Iterator[Request]:
        """The source's page keeps its ajax id from us; the search form may offer it."""
        del why
        yield self.search_request(None, self.days, self.parse_form, {"job": job})

    def parse_form(self, response: Response, job: Job) -> Output:
        """The search form's choice of sources."""
        page = self.results(response)
        if isinstance(page, Rejected):
            yield page
            return
        label = (job.source and job.source.label) or job.label or ""
        offered = {name.lower(): ajax_id for name, ajax_id in page.sources.items()}
        if (ajax_id := offered.get(label.lower())) is not None:
            self.identify(job, sid=job.sid, ajax_id=ajax_id, label=label)
            yield self.begin_search(job)
            return
        self.count("search/ajax_id_hidden")
        self.run.note(
            Verdict.LAYOUT_CHANGED,
            f"{job.page_url} and the search form keep the ajax id of {job.name} from us, so it was not searched;"
            " if you know the id, give source=ajax:<id>",
        )

    # The search, page by page

    def begin_search(self, job: Job | None) -> Request:
        """The page of all days."""
        search = Search(job)
        self.searches.append(search)
        return self.results_request(search, self.days)

    def results_request(self, search: Search, days: Days) -> Request:
        """The first hits of those days."""
        search.open += 1
        return self.search_request(search.source, days, self.parse_results, {"search": search, "days": days})

    def search_request(
        self, source: KnownSource | None, days: Days, callback: Any, cb_kwargs: dict[str, Any]
    ) -> Request:
        """A page of the search: fetched ahead of the articles as long as few of those wait."""
        ajax_id = source.ajax_id if source else None
        return Request(
            self.site.search(self.arguments.query, ajax_id, days.first, days.last),
            callback=callback,
            errback=self.search_failed,
            cb_kwargs=cb_kwargs,
            priority=1 if len(self.in_flight) < AHEAD else -1,
            dont_filter=True,
        )

    def parse_results(self, response: Response, search: Search, days: Days) -> Output:
        """The hits of some days, and the halves of those days if there are more."""
        page = self.results(response)
        if isinstance(page, Rejected):
            yield page
            return
        search.pages += 1
        halves = days.halves
        # A page that is full may lack its button for another reason than that it shows all.
        if not page.has_more and (len(page.cards) < PAGE_SIZE or halves is None):
            search.settled.update(card.id for card in page.cards)
        elif not any(map(days.may_hold, page.cards)):
            yield self.unlisted(response, LayoutChanged("days: the search does not keep to the days asked for"))
            return
        elif search.idle >= MAX_IDLE:
            yield self.unlisted(response, LayoutChanged("days: the search shows the same hits whatever the days"))
            return
        elif halves is None and self.render is not Render.NEVER:
            search.open += 1
            self.crowded.append((search, days))
        elif halves is None:
            self.too_many(search, days.first)
        else:
            yield from [self.results_request(search, half) for half in halves]
        search.open -= 1
        yield from self.take_hits(search, page.cards)

    def too_many(self, search: Search, day: date) -> None:
        """A day with more hits than were shown; those that were are taken."""
        search.unfinished.append(day)
        self.count("search/unfinished_days")

    # In a browser

    def idle_requests(self) -> list[Request]:
        """The next day whose hits a browser must show; then what is owed."""
        if not self.crowded:
            return super().idle_requests()
        return [self.crowded_request(Step.OPEN, *self.crowded.pop(0))]

    def crowded_request(self, step: Step, search: Search, days: Days) -> Request:
        """A page with more hits than it shows, in a browser, or what its button adds."""
        request = self.search_request(search.source, days, self.parse_crowded, {"search": search, "days": days})
        request.meta.update({STEP: step, MAY_BE_EMPTY: True, "dont_retry": True})
        return request.replace(errback=self.crowded_failed)

    def parse_crowded(self, response: Response, search: Search, days: Days) -> Output:
        """Hits as a browser shows them; where the button adds none any more, the day is complete."""
        self.count("pages/search")
        try:
            page = ListingPage(markup_of(response), response.url, self.site)
            if not page.cards and not page.is_end:
                raise LayoutChanged("hits: the button adds none and does not say so")
        except PageError as error:
            search.open -= 1
            self.too_many(search, days.first)
            yield self.unlisted(response, error)
            return
        yield from self.take_hits(search, page.cards)
        search.settled.update(card.id for card in page.cards)
        if search.idle >= MAX_STALLED:
            search.open -= 1
            self.too_many(search, days.first)
        elif page.cards:
            yield self.crowded_request(Step.MORE, search, days)
        else:
            search.open -= 1

    def crowded_failed(self, failure: Failure) -> Iterator[Rejected]:
        """Without a browser a day stays incomplete."""
        request: Request = failure.request  # type: ignore[attr-defined]  # set by Scrapy for every errback
        search: Search = request.cb_kwargs["search"]
        search.open -= 1
        self.too_many(search, request.cb_kwargs["days"].first)
        if isinstance(failure.value, NoBrowser):
            self.run.note(Verdict.USAGE, f"a day has more hits than its page shows, and {failure.value}")
        else:
            yield from self.search_failed(failure)

    def take_hits(self, search: Search, cards: Sequence[Card]) -> Iterator[Request]:
        """Requests for hits that are neither held nor settled."""
        fresh = [card for card in cards if card.id not in search.hits]
        search.hits.update(card.id for card in fresh)
        search.idle = 0 if fresh else search.idle + 1
        self.count("cards", len(fresh))
        self.count("fields/card_date", sum(listed_or_none(card.date_listed_raw) is not None for card in fresh))
        job = search.job
        attribute = self.attributes(job) if job else self.attribute
        yield from self.harvest(fresh, job.list_key if job else None, attribute)

    def is_asked_for(self, card: Card) -> bool:
        """Of which days a hit is, the search knows better than its card."""
        del card
        return True

    def results(self, response: Response) -> SearchPage | Rejected:
        """A page read for its hits."""
        self.count("pages/search")
        try:
            if not self.site.is_search(response.url):
                raise LayoutChanged(f"page: the search led to {response.url[:200]}")
            page = SearchPage(markup_of(response), response.url, self.site, self.arguments.query)
            unreadable = page.unreadable
        except PageError as error:
            return self.unlisted(response, error)
        if unreadable:
            self.count("cards/unreadable", unreadable)
            self.run.note(Verdict.INCOMPLETE, f"{response.url}: {unreadable} cards could not be read")
        return page

    def search_failed(self, failure: Failure) -> Iterator[Rejected]:
        """A page of the search that could not be had: what it would show is missing."""
        request: Request = failure.request  # type: ignore[attr-defined]  # set by Scrapy for every errback
        rejected = self.failure(None, request, failure)
        self.no_list(rejected, f"{rejected.detail}; the search is incomplete; run again")
        yield rejected

    # What it comes to

    @property
    def doing(self) -> str:
        pages, hits = sum(one.pages for one in self.searches), sum(len(one.hits) for one in self.searches)
        return f"searching, {pages} pages with {hits} hits"

    @property
    def unfinished(self) -> str:
        if any(search.open for search in self.searches):
            return "the search was not answered on all its pages"
        return self.unanswered_home() or self.unanswered_articles()

    def scope(self) -> list[int] | None:
        return None

    def is_due_here(self, wanted: Wanted) -> bool:
        """Only the hits."""
        return any(wanted.id in search.hits for search in self.searches)

    def take_stock(self) -> None:
        self.run.owed = self.count_owed()
        for search in self.searches:
            self.weigh(search)

    def weigh(self, search: Search) -> None:
        """Tells what a search came to. With as many articles as were asked for, nothing is missing."""
        name = f"the search for {self.arguments.query!r}" + (f" in {search.job.name}" if search.job else "")
        logger.info("%s: %d hits on %d pages", name, len(search.hits), search.pages)
        if not search.hits and not search.open:
            logger.warning("%s found nothing", name)
        if search.unfinished and self.room() != 0:
            self.run.note(
                Verdict.INCOMPLETE,
                f"{name}: days with more hits than a page shows, of which only those it shows were taken:"
                f" {len(search.unfinished)}, the last {max(search.unfinished)}; search the sources one by one,"
                " or for something rarer",
            )
        if search.lost and self.room() != 0:
            self.run.note(
                Verdict.INCOMPLETE,
                f"{name}: {len(search.lost)} hits were not found again on their days, as {min(search.lost)};"
                " others may be missing; run again",
            )
