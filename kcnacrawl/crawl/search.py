"""Searching: its pages, by halves of the days asked for.

A page of the search shows the first few hits, and the way to the rest is not known. So the days asked for are halved
until each page shows all it has; nothing but the search's own days is relied on, least of all an order of the hits. A
single day with more hits than its page shows cannot be completed in this way: a browser presses its button to the end,
or the run says which day it is.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from ..arguments import SearchArguments
from ..config import Render
from ..downloadermiddlewares.render import Step
from ..downloadermiddlewares.walls import markup_of
from ..exceptions import NoBrowser
from ..items import Card
from ..pages import LayoutChanged, PageError
from ..pages.listing import ListingPage
from ..pages.search import SearchPage
from ..paging.cursor import MAX_IDLE
from ..paging.walk import MAX_STALLED
from ..run import Run
from ..site.dates import AGREEMENT, listed_or_none
from ..site.urls import PAGE_SIZE
from ..verdict import Verdict
from .counts import Counts
from .fetch import ArticleFetcher
from .harvest import Harvester
from .lists import ListingPages, SourceList
from .rejections import Output, Rejections, request_of

EARLIEST: Final = date(1970, 1, 1)
"""The first day asked for without ``since``. The first articles are of 1997, but one that has lost its date may be of
this day.
"""

logger = logging.getLogger(__name__)


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
        """Return True if a card may be of these days: its date may be a day off, or missing."""
        listed = listed_or_none(card.date_listed_raw)
        return listed is None or self.first - AGREEMENT <= listed <= self.last + AGREEMENT


@dataclass(slots=True, eq=False)
class Search:
    """One search: of the source of ``source_list``, or of all."""

    source_list: SourceList | None = None
    pages: int = 0
    # Pages requested and not answered well.
    open: int = 0
    hits: set[str] = field(default_factory=set)
    # Answers in a row without a hit that is new.
    idle: int = 0
    # Hits on pages that showed all they had.
    settled: set[str] = field(default_factory=set)
    # Days with more hits than their page shows.
    unfinished: list[date] = field(default_factory=list)

    @property
    def lost(self) -> set[str]:
        """Hits that fell between the halves of their days: there are none if both ends of a search are inclusive."""
        return set() if self.open or self.unfinished else self.hits - self.settled


class SearchPages:
    """Requests the pages of searches and takes their hits."""

    def __init__(
        self, crawler: Crawler, fetcher: ArticleFetcher, harvester: Harvester, arguments: SearchArguments
    ) -> None:
        self._run = Run.of(crawler)
        self._counts = Counts(crawler)
        self._fetcher = fetcher
        self._harvester = harvester
        self._arguments = arguments
        self._pages = ListingPages(crawler, fetcher)
        self._rejections = Rejections(crawler)
        # Days with more hits than their page shows, which wait for the browser.
        self._crowded: list[tuple[Search, Days]] = []

    @property
    def days(self) -> Days:
        """The days asked for, and one on either side: articles may be dated a day off, and today ends later here than
        in Korea.
        """
        since, until = self._arguments.since, self._arguments.until
        last = (until or datetime.now(UTC).date()) + AGREEMENT
        return Days(max(EARLIEST, since - AGREEMENT) if since else min(EARLIEST, last), last)

    def request(self, search: Search, days: Days) -> Request:
        """Return the request for the first hits of some days."""
        search.open += 1
        url = self._url(search.source_list, days)
        return self._pages.request(url, self._parse, self._fail, search=search, days=days)

    def _url(self, source_list: SourceList | None, days: Days) -> str:
        source = source_list.source if source_list else None
        ajax_id = source.ajax_id if source else None
        return self._run.site.search(self._arguments.query, ajax_id, days.first, days.last)

    def _parse(self, response: Response, search: Search, days: Days) -> Output:
        """Take the hits of some days, and request the halves of those days if there are more."""
        try:
            page = self._read(response)
        except PageError as error:
            yield self._pages.unread(response, error)
            return
        search.pages += 1
        halves = days.halves
        # A page that is full may lack its button for another reason than that it shows all.
        if not page.has_more and (len(page.cards) < PAGE_SIZE or halves is None):
            search.settled.update(card.id for card in page.cards)
        elif not any(map(days.may_hold, page.cards)):
            changed = LayoutChanged("days: the search does not keep to the days asked for")
            yield self._pages.unread(response, changed)
            return
        elif search.idle >= MAX_IDLE:
            changed = LayoutChanged("days: the search shows the same hits whatever the days")
            yield self._pages.unread(response, changed)
            return
        elif halves is None and self._run.config.render is not Render.NEVER:
            search.open += 1
            self._crowded.append((search, days))
        elif halves is None:
            self._leave_unfinished(search, days.first)
        else:
            yield from [self.request(search, half) for half in halves]
        search.open -= 1
        yield from self._take(search, page.cards)

    def _read(self, response: Response) -> SearchPage:
        """Return a page, its hits read. Raise :class:`~kcnacrawl.pages.PageError`."""
        self._counts.add("pages/search")
        if not self._run.site.is_search(response.url):
            raise LayoutChanged(f"page: the search led to {response.url[:200]}")
        page = SearchPage(markup_of(response), response.url, self._run.site, self._arguments.query)
        if unreadable := page.unreadable:
            self._counts.add("cards/unreadable", unreadable)
            self._run.note(Verdict.INCOMPLETE, f"{response.url}: {unreadable} cards could not be read")
        return page

    def _take(self, search: Search, cards: Sequence[Card]) -> Output:
        fresh = [card for card in cards if card.id not in search.hits]
        search.hits.update(card.id for card in fresh)
        search.idle = 0 if fresh else search.idle + 1
        self._counts.add("cards", len(fresh))
        self._counts.add("fields/card_date", sum(listed_or_none(card.date_listed_raw) is not None for card in fresh))
        if search.source_list is None:
            yield from self._harvester.take(fresh, None, self._fetcher.attribute)
        else:
            yield from self._harvester.take(fresh, search.source_list.key, search.source_list.attribute)

    def _leave_unfinished(self, search: Search, day: date) -> None:
        """Remember a day with more hits than were shown; those that were are taken."""
        search.unfinished.append(day)
        self._counts.add("search/unfinished_days")

    def _fail(self, failure: Failure) -> Output:
        rejected = self._rejections.failed(failure)
        self._rejections.hold_against_run(rejected, f"{rejected.detail}; the search is incomplete; run again")
        yield rejected

    # The search form

    def form_request(self, source_list: SourceList, go_on: Callable[[], Output]) -> Request:
        """Return the request for the search form, which may offer a source that its own page told no ajax id of."""
        url = self._url(None, self.days)
        return self._pages.request(url, self._parse_form, self._fail, source_list=source_list, go_on=go_on)

    def _parse_form(self, response: Response, source_list: SourceList, go_on: Callable[[], Output]) -> Output:
        try:
            page = self._read(response)
        except PageError as error:
            yield self._pages.unread(response, error)
            return
        source = source_list.source
        label = (source and source.label) or source_list.label or ""
        offered = {name.lower(): ajax_id for name, ajax_id in page.sources.items()}
        if (ajax_id := offered.get(label.lower())) is not None:
            source_list.learn(sid=source_list.sid, ajax_id=ajax_id, label=label)
            yield from go_on()
            return
        self._counts.add("search/ajax_id_hidden")
        self._run.note(
            Verdict.LAYOUT_CHANGED,
            f"neither the list of {source_list.name} nor the search form tells its ajax id, so it was not searched;"
            " if you know the id, give source=ajax:<id>",
        )

    # In a browser

    def next_in_browser(self) -> list[Request]:
        """Return the request for the next day whose hits a browser must show; nothing if there is none."""
        return [self._crowded_request(Step.OPEN, *self._crowded.pop(0))] if self._crowded else []

    def _crowded_request(self, step: Step, search: Search, days: Days) -> Request:
        """Return the request for a page with more hits than it shows, in a browser, or for what its button adds."""
        url = self._url(search.source_list, days)
        return self._pages.in_browser(step, url, self._parse_crowded, self._fail_crowded, search=search, days=days)

    def _parse_crowded(self, response: Response, search: Search, days: Days) -> Output:
        """Take hits as a browser shows them. Where the button adds none any more, the day is complete."""
        self._counts.add("pages/search")
        try:
            page = ListingPage(markup_of(response), response.url, self._run.site)
            if not page.cards and not page.is_end:
                raise LayoutChanged("hits: the button adds none and does not say so")
        except PageError as error:
            search.open -= 1
            self._leave_unfinished(search, days.first)
            yield self._pages.unread(response, error)
            return
        yield from self._take(search, page.cards)
        search.settled.update(card.id for card in page.cards)
        if search.idle >= MAX_STALLED:
            search.open -= 1
            self._leave_unfinished(search, days.first)
        elif page.cards:
            yield self._crowded_request(Step.MORE, search, days)
        else:
            search.open -= 1

    def _fail_crowded(self, failure: Failure) -> Output:
        """Leave the day incomplete."""
        asked: dict[str, Any] = request_of(failure).cb_kwargs
        search: Search = asked["search"]
        search.open -= 1
        self._leave_unfinished(search, asked["days"].first)
        if isinstance(failure.value, NoBrowser):
            self._run.note(Verdict.USAGE, f"a day has more hits than its page shows, and {failure.value}")
        else:
            yield from self._fail(failure)

    # What it comes to

    def sum_up(self, search: Search) -> None:
        """Tell what a search came to. With as many articles as were asked for, nothing is missing."""
        of = f" in {search.source_list.name}" if search.source_list else ""
        name = f"the search for {self._arguments.query!r}{of}"
        logger.info("%s: %d hits on %d pages", name, len(search.hits), search.pages)
        if not search.hits and not search.open:
            logger.warning("%s found nothing", name)
        if self._harvester.remaining == 0:
            return
        if search.unfinished:
            self._run.note(
                Verdict.INCOMPLETE,
                f"{name}: days with more hits than a page shows, of which only those it shows were taken:"
                f" {len(search.unfinished)}, the last {max(search.unfinished)}; search the sources one by one,"
                " or for something rarer",
            )
        if search.lost:
            self._run.note(
                Verdict.INCOMPLETE,
                f"{name}: {len(search.lost)} hits were not found again on their days, as {min(search.lost)};"
                " others may be missing; run again",
            )
