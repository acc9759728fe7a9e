"""Finding the ajax id of a list, without which *More Articles* cannot be asked for."""

import logging
from collections.abc import Sequence
from typing import Protocol

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from ..config import Render
from ..downloadermiddlewares.render import Step
from ..downloadermiddlewares.retry import has_nothing
from ..exceptions import NoBrowser, NothingSent
from ..items import WALLS, Card
from ..pages import PageError
from ..pages.ajax_id import ajax_ids
from ..paging.ajax_id import AjaxIdSearch
from ..run import Run
from ..site.urls import PAGE_SIZE
from ..verdict import Verdict
from .counts import Counts
from .lists import ListingPages, SourceList
from .rejections import Output

logger = logging.getLogger(__name__)


class Finding(Protocol):
    """What is done with what a finder finds."""

    def found(self, cards: Sequence[Card]) -> Output:
        """Go on: the list has learned its ajax id, whose answer begins with these cards."""

    def empty(self, response: Response, *, is_listing: bool) -> Output:
        """Go on without: the page, a listing or an article's, shows no card."""

    def whole(self, cards: Sequence[Card]) -> Output:
        """Go on: the page shows the whole list."""

    def hidden(self, page_url: str, cards: Sequence[Card], why: str) -> Output:
        """Go on without: the page keeps its ajax id from us, and these cards are all that it shows."""

    def lost(self, cards: Sequence[Card]) -> Output:
        """Take what the page showed before a browser failed."""


class AjaxIdFinder:
    """Looks for the ajax id of one list: on a page that leads into it, on its listing page, and in a browser, once.

    No number is believed before the endpoint has answered it with cards of the page it was found on.
    """

    def __init__(
        self, crawler: Crawler, source_list: SourceList, pages: ListingPages, render: Render, finding: Finding
    ) -> None:
        self._run = Run.of(crawler)
        self._counts = Counts(crawler)
        self._list = source_list
        self._pages = pages
        self._render = render
        self._finding = finding
        self._search = AjaxIdSearch((), ())
        self._cards: list[Card] = []
        self._page_url = ""
        self._asked_listing = False
        self._asked_browser = False

    def request(self) -> Request:
        """Return the request for the source's listing page."""
        self._asked_listing = True
        if self._list.sid is None:
            raise ValueError(f"{self._list.name} has no listing page that we know of")
        url = self._run.site.listing(self._list.sid)
        return self._pages.request(url, self._parse_listing, self._fail)

    @property
    def may_request(self) -> bool:
        """Whether the source's listing page is known and was not looked at yet."""
        return not self._asked_listing and self._list.sid is not None

    def enter(self, response: Response) -> Output:
        """Look for the ajax id on a page that leads into the list."""
        try:
            page = self._pages.read(response)
        except PageError as error:
            yield self._pages.unread(response, error)
            return
        self._cards, self._page_url = page.cards, response.url
        if page.cards and (candidates := ajax_ids(page.markup)):
            self._search = AjaxIdSearch([card.id for card in page.cards], candidates)
            yield from self._next_candidate()
        elif self.may_request:
            yield self.request()
        elif not page.cards:
            yield from self._finding.empty(response, is_listing=self._asked_listing)
        elif not page.has_more and len(page.cards) < PAGE_SIZE:
            yield from self._finding.whole(page.cards)
        else:
            yield from self._hidden()

    def _parse_listing(self, response: Response) -> Output:
        self._counts.add("pages/listing")
        yield from self.enter(response)

    def _fail(self, failure: Failure) -> Output:
        yield self._pages.fail(failure, self._list.name)

    # Candidates

    def _next_candidate(self) -> Output:
        """Ask the endpoint for the next number that may be the ajax id; if there is none, look elsewhere."""
        if (asked := self._search.next) is not None:
            url = self._run.site.ajax(*asked)
            yield self._pages.request(url, self._parse_candidate, self._fail_candidate, ajax_id=asked[0])
        elif self.may_request:
            yield self.request()
        else:
            yield from self._hidden()

    def _parse_candidate(self, response: Response, ajax_id: int) -> Output:
        self._counts.add("pages/listing")
        cards: list[Card] = []
        try:
            cards = self._pages.read(response).cards
        except PageError as error:
            if error.reason in WALLS:
                yield self._pages.unread(response, error)
                return
        if self._is_anothers(ajax_id):
            self._search.pass_over()
            yield from self._next_candidate()
        elif self._search.take(cards):
            self._list.learn(sid=self._list.sid, ajax_id=ajax_id, label=self._list.label)
            yield from self._finding.found(self._search.top(ajax_id))
        else:
            yield from self._next_candidate()

    def _fail_candidate(self, failure: Failure) -> Output:
        """Pass over a number that the endpoint has nothing for. Any other failure may have hit the right one."""
        if has_nothing(failure.value):
            self._search.pass_over()
            yield from self._next_candidate()
        else:
            yield from self._fail(failure)

    def _is_anothers(self, ajax_id: int) -> bool:
        """Return True if an ajax id is known to be another source's."""
        known, sid = self._run.archive.ledger.sources.find(ajax_id=ajax_id), self._list.sid
        return known is not None and None not in {known.sid, sid} and known.sid != sid

    # In a browser

    def _hidden(self, why: str = "") -> Output:
        if self._render is not Render.NEVER and not self._asked_browser:
            self._asked_browser = True
            logger.info(
                "%s keeps the ajax id of %s from us: a browser is asked for it", self._page_url, self._list.name
            )
            yield self._pages.in_browser(Step.ASK, self._page_url, self._parse_sent, self._fail_browser)
            return
        if not why:
            asked = "what a browser was told leads elsewhere"
            why = asked if self._asked_browser else "KCNACRAWL_RENDER=auto asks a browser for it"
        yield from self._finding.hidden(self._page_url, self._cards, why)

    def _parse_sent(self, response: Response) -> Output:
        """Take the ajax id from the request that *More Articles* sends."""
        if (ajax_id := self._run.site.identify_ajax(response.url)) is None:
            yield from self._hidden()
        else:
            self._search = AjaxIdSearch([card.id for card in self._cards], [ajax_id])
            yield from self._next_candidate()

    def _fail_browser(self, failure: Failure) -> Output:
        error = failure.value
        if isinstance(error, NoBrowser):
            name = self._list.name
            self._run.note(Verdict.USAGE, f"{self._page_url} keeps the ajax id of {name} from us, and {error}")
        elif isinstance(error, NothingSent):
            yield from self._hidden(str(error))
        else:
            yield from self._finding.lost(self._cards)
            yield from self._fail(failure)
