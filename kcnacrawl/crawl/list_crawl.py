"""Crawling one list: from its newest card or from a day in the past, down to its end, to a day, or over what earlier
walks have seen.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from ..archive.ledger import Ledger
from ..downloadermiddlewares.render import Step
from ..exceptions import NoBrowser
from ..items import Card
from ..pages import LayoutChanged, PageError
from ..paging.cursor import Ask, Done, ListCursor, Take, Turned
from ..paging.seek import Seek
from ..paging.top import Top
from ..paging.walk import Rewalk, Stop, Walk, WalkedRange
from ..paging.window import Window
from ..run import Run
from ..site.dates import listed_or_none
from ..site.urls import PAGE_SIZE
from ..verdict import Verdict
from .ajax_id import AjaxIdFinder
from .counts import Counts
from .harvest import Harvester
from .lists import ListingPages, SourceList
from .rejections import Output

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class LedgerMemory:
    """What the ledger remembers of a list: a :class:`~kcnacrawl.paging.cursor.ListMemory`."""

    ledger: Ledger
    source_list: SourceList
    rewalk: Rewalk
    now: datetime

    def find(self, ids: Collection[str]) -> Mapping[str, WalkedRange]:
        key = self.source_list.key
        return {} if key is None else self.ledger.walked.find(key, ids)

    def record(self, walk: Walk, offset: int, cards: Sequence[Card]) -> int | None:
        key = self.source_list.key
        return None if key is None else self.ledger.walked.record(key, walk, offset, cards, self.now)

    def join(self, upper: int, lower: WalkedRange) -> int:
        return self.ledger.walked.join(upper, lower.number, is_fresh=self.rewalk.is_fresh(lower))

    def top(self) -> Top | None:
        key = self.source_list.key
        return None if key is None else self.ledger.walked.top(key)

    def set_top(self, top: Top) -> None:
        if (key := self.source_list.key) is not None:
            self.ledger.walked.set_top(key, top)


class ListCrawl:
    """Requests the pages of one list and takes their articles, until its cursor says that it is done.

    With ``in_browser`` a browser goes down the list from its top, button press by button press. ``is_taken`` tells
    whether another crawl of this run turned out to be of the same list.
    """

    def __init__(
        self,
        crawler: Crawler,
        source_list: SourceList,
        window: Window,
        pages: ListingPages,
        harvester: Harvester,
        *,
        in_browser: bool,
        is_taken: "Callable[[ListCrawl], bool]",
    ) -> None:
        self.source_list = source_list
        self.is_done = False
        self._run = Run.of(crawler)
        self._ledger = self._run.archive.ledger
        self._counts = Counts(crawler)
        self._window = window
        self._pages = pages
        self._harvester = harvester
        self._in_browser = in_browser
        self._is_taken = is_taken
        self.finder = AjaxIdFinder(crawler, source_list, pages, self._run.config.render, self)
        self._rewalk = _rewalk(self._run)
        seek = self._seek() if window.until and not in_browser else None
        self._cursor = ListCursor(Walk(window, self._rewalk, overlaps=not in_browser), seek)
        self._memory = LedgerMemory(self._ledger, source_list, self._rewalk, self._run.started)

    @property
    def status(self) -> str:
        """Which list this is, and how many of its pages were seen, for a person."""
        return f"{self.source_list.name}, page {self._cursor.answers}"

    def begin(self) -> Iterator[Request]:
        """Request the first page, unless earlier walks cover all that was asked for."""
        if self._in_browser:
            yield self._pages.in_browser(Step.OPEN, self._listing_url(), self._parse_shown, self._fail_browser)
            return
        if (met := self._walked_before()) is not None:
            if met.since <= self._window.floor:
                self._finish(Stop.COVERED)
                return
            self._cursor.seek = self._seek(met)
        seek, source = self._cursor.seek, self.source_list.source
        if source is not None and source.ajax_id is not None:
            yield self._page_request(seek.first if seek else 0)
        else:
            yield self.finder.request()

    # Where to begin

    def _walked_before(self) -> WalkedRange | None:
        """Return what earlier walks know of the window, from its newest day down, if it is still believed."""
        until, key = self._window.until, self.source_list.key
        met = self._ledger.walked.above(key, until) if until is not None and key is not None else None
        return met if met and until and self._rewalk.believes_day(met, until) else None

    def _seek(self, met: WalkedRange | None = None) -> Seek:
        """Return a search for the window's newest day, or for the lower end of what was walked of it."""
        seek = Seek(self._window.until, self._rewalk.disorder)
        return replace(seek, walked_range=met.number, first=met.offset) if met else seek

    def _listing_url(self) -> str:
        if self.source_list.sid is None:
            raise ValueError(f"{self.source_list.name} has no listing page that we know of")
        return self._run.site.listing(self.source_list.sid)

    # Page by page

    def _page_request(self, offset: int) -> Request:
        """Return the request for ten cards from ``offset``; in a browser, for those that come next."""
        if self._in_browser:
            url = self._listing_url()
            return self._pages.in_browser(Step.MORE, url, self._parse_page, self._fail_browser, offset=offset)
        source = self.source_list.source
        if source is None or source.ajax_id is None:
            raise ValueError(f"the ajax id of {self.source_list.name} is not known")
        url = self._run.site.ajax(source.ajax_id, offset)
        return self._pages.request(url, self._parse_page, self._fail, may_be_empty=True, offset=offset)

    def _parse_page(self, response: Response, offset: int) -> Output:
        """Take in an answer of the endpoint: cards, the end of the list, or neither."""
        self._counts.add("pages/listing")
        try:
            page = self._pages.read(response)
            if not page.cards and offset == 0 and self.finder.may_request:
                yield self.finder.request()
                return
            if not page.cards and (offset == 0 or not page.is_end):
                raise LayoutChanged("cards: no cards on a listing")
        except PageError as error:
            yield self._pages.unread(response, error)
        else:
            yield from self._advance(offset, page.cards)

    def _parse_shown(self, response: Response) -> Output:
        """Take in a listing page as a browser shows it. What comes next, *More Articles* adds."""
        self._counts.add("pages/listing")
        try:
            page = self._pages.read(response)
            if not page.cards:
                raise LayoutChanged("cards: no cards on a listing")
        except PageError as error:
            yield self._pages.unread(response, error)
        else:
            is_whole = not page.has_more and len(page.cards) < PAGE_SIZE
            yield from self._advance(0, page.cards, is_whole=is_whole)

    def _fail(self, failure: Failure) -> Output:
        yield self._pages.fail(failure, self.source_list.name)

    def _fail_browser(self, failure: Failure) -> Output:
        if isinstance(failure.value, NoBrowser):
            self.is_done = True
            self._run.note(Verdict.USAGE, f"the walk of {self.source_list.name} needs a browser, and {failure.value}")
        else:
            yield from self._fail(failure)

    def _advance(self, offset: int, cards: Sequence[Card], *, is_whole: bool = False) -> Output:
        """Request the articles of a page, and the next page if these cards are not the whole list."""
        if self._is_taken(self):
            self.is_done = True
            self._counts.add("walk/stop/same_list")
            return
        cursor = self._cursor
        before = (cursor.sought, cursor.walk.steps_back)
        for action in cursor.feed(offset, cards, self._memory):
            match action:
                case Take(found):
                    yield from self._take(found)
                case Ask(below) if is_whole:
                    yield from self._advance(below, [])
                case Ask(below):
                    yield self._page_request(below)
                case Turned():
                    name = self.source_list.name
                    self._run.warn(f"{name} begins with other cards than it did, or with its oldest: walked whole")
                case Done(stop):
                    self._finish(stop)
        self._counts.add("seek/pages", cursor.sought - before[0])
        self._counts.add("walk/steps_back", cursor.walk.steps_back - before[1])

    def _take(self, cards: Sequence[Card]) -> Output:
        source = self.source_list.source
        if cards and source is not None and source.key is None:
            # A list that shows cards is one.
            self.source_list.learn(sid=source.sid, ajax_id=source.ajax_id)
        self._counts.add("cards", len(cards))
        self._counts.add("fields/card_date", sum(listed_or_none(card.date_listed_raw) is not None for card in cards))
        yield from self._harvester.take(cards, self.source_list.key, self.source_list.attribute)

    def _finish(self, stop: Stop) -> None:
        self.is_done = True
        self._counts.add(f"walk/stop/{stop}")
        logger.info("%s: %s after %d pages", self.source_list.name, stop, self._cursor.walk.pages)
        if not stop.completes:
            self._run.note(Verdict.INCOMPLETE, f"the walk of {self.source_list.name} stopped early ({stop}); run again")

    # What the search for the ajax id came to

    def found(self, cards: Sequence[Card]) -> Output:
        """Go on from the top of the list."""
        yield from self._advance(0, cards)

    def empty(self, response: Response, *, is_listing: bool) -> Output:
        """Give the list up."""
        if is_listing:
            yield self._pages.unread(response, LayoutChanged("cards: no cards on a listing"))
        else:
            self._run.note(Verdict.INCOMPLETE, f"{response.url} leads into no list; name its source instead")

    def whole(self, cards: Sequence[Card]) -> Output:
        """Take a list that its first page shows whole."""
        yield from self._advance(0, cards, is_whole=True)

    def hidden(self, page_url: str, cards: Sequence[Card], why: str) -> Output:
        """Take the cards that the page shows, which is all that can be had of the list."""
        yield from self._take(cards)
        self.is_done = True
        self._counts.add("walk/stop/ajax_id_hidden")
        self._run.note(
            Verdict.LAYOUT_CHANGED,
            f"{page_url} keeps the ajax id of {self.source_list.name} from us, so only its newest articles were taken;"
            f" {why}; if you know the id, give source=ajax:<id>",
        )

    def lost(self, cards: Sequence[Card]) -> Output:
        """Take the cards that the page showed before a browser failed."""
        yield from self._take(cards)


def _rewalk(run: Run) -> Rewalk:
    """Return for how long earlier walks are believed."""
    config = run.config
    disorder = timedelta(config.disorder_days)
    return Rewalk(run.started.date(), config.rewalk_days, config.rewalk_every, disorder)
