"""Fetching what the archive does not hold: articles as lists announce them, then those that are pending besides."""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DontCloseSpider

from ..archive import StorageFailed
from ..archive.ledger import REVISITED, Ledger, Wanted
from ..arguments import Arguments
from ..items import Card
from ..paging.window import Window
from ..run import Run
from ..site.dates import AGREEMENT
from ..site.urls import ArticleAddress, identify, unix_time
from ..verdict import Verdict
from .counts import Counts
from .fetch import ArticleFetcher, Attribute

AHEAD: Final = 50
"""Articles that may wait before the next page that announces more does: enough to keep the downloader busy, few enough
to hold a list of 100,000 in memory only page by page.
"""

_BATCH: Final = 200
"""How many rows of the queue are read at a time."""


class Harvester:
    """Requests articles that are announced and not held and, when the crawl is idle, those that are pending.

    A spider says what it was asked for: ``is_asked_for`` of a card (by default: inside the days), ``is_due_here`` of
    a pending article (by default: possibly inside the days), ``lists`` to take pending articles from (by default: all,
    ``None``), ``attribute_in`` for the sources of articles in a list, and ``first``: requests that go before.
    """

    def __init__(
        self,
        crawler: Crawler,
        fetcher: ArticleFetcher,
        arguments: Arguments,
        *,
        is_asked_for: Callable[[Card], bool] | None = None,
        is_due_here: Callable[[Wanted], bool] | None = None,
        lists: Callable[[], list[int] | None] = lambda: None,
        attribute_in: Callable[[int | None], Attribute] | None = None,
        first: Callable[[], list[Request]] = list,
    ) -> None:
        self._crawler = crawler
        self._run = Run.of(crawler)
        self._ledger = self._run.archive.ledger
        self._counts = Counts(crawler)
        self._fetcher = fetcher
        self._window, self._limit = arguments.window, arguments.limit
        self._is_asked_for = is_asked_for or self._window.may_hold
        self._is_due_here = is_due_here or self._may_be_due
        self._lists = lists
        self._attribute_in = attribute_in or fetcher.attribute_in
        self._first = first
        # Pending articles that were requested in this run.
        self._swept: set[str] = set()
        # The id down to which the queue was read; nothing of it is read twice.
        self._swept_to: str | None = None
        crawler.signals.connect(self.idle, signal=signals.spider_idle)

    def take(self, cards: Sequence[Card], list_key: int | None, attribute: Attribute) -> Iterator[Request]:
        """Request the articles of cards that are asked for and neither held nor settled. First queue all of them."""
        held = self._ledger.articles.held(card.id for card in cards)
        missing = {card.id: card for card in cards if card.id not in held}
        if missing:
            # Also what is not asked for now: no later walk need see this card again.
            self._ledger.queue.want(list(missing.values()), list_key)
            # Some may stand above what was swept.
            self._swept_to = None
        inside = {card.id: card for card in cards if self._is_asked_for(card)}
        self._counts.add("articles/known", len(held & inside.keys()))
        wanted = [inside[one] for one in self.to_fetch(inside, held)]
        # All at once: Scrapy takes them one by one, and meanwhile another list may look at how many remain.
        yield from [self._fetcher.request(_address(card.url, card.id), card, attribute) for card in wanted]

    def to_fetch(self, ids: Collection[str], held: Collection[str]) -> list[str]:
        """Return those of ``ids`` that are to be fetched now, at most as many as remain."""
        skip = settled_among(self._ledger, (one for one in ids if one not in held), self._window)
        skip |= self._fetcher.in_flight | self._fetcher.failed
        return [one for one in ids if one not in held and one not in skip][: self.remaining]

    @property
    def remaining(self) -> int | None:
        """How many more articles may be requested; ``None`` without a limit. The rest stays in the queue."""
        if self._limit is None:
            return None
        stored = self._counts.get("articles/new") + self._counts.get("articles/revised")
        return max(0, self._limit - stored - len(self._fetcher.in_flight))

    @property
    def is_sweeping(self) -> bool:
        """Whether pending articles were requested."""
        return bool(self._swept)

    def request(self, wanted: Wanted) -> Request:
        """Return the request for an article of the queue."""
        if wanted.reason in REVISITED:
            self._fetcher.revisited.add(wanted.id)
        card_url = wanted.card.url if wanted.card else wanted.url
        address = _address(card_url, wanted.id)
        return self._fetcher.request(address, wanted.card, self._attribute_in(wanted.list_key))

    # The queue

    def idle(self) -> None:
        """Handle `spider_idle`: request the next batch of pending articles."""
        try:
            requests = self._first() or [self.request(wanted) for wanted in self._next_pending()]
        except StorageFailed as error:
            # A signal's handler is not a callback: what it raises is logged and forgotten.
            self._run.note(Verdict.STORAGE, str(error))
            return
        for request in requests:
            self._crawler.engine.crawl(request)
        if requests:
            raise DontCloseSpider

    def count_owed(self) -> int:
        """Return how many articles the ledger owes inside what this run was asked for."""
        owed, below = 0, None
        while batch := self._due(below, owed_only=True):
            owed, below = owed + len(self._inside(batch)), batch[-1].id
        return owed

    def _next_pending(self) -> list[Wanted]:
        """Return the next pending articles inside what the run was asked for, none of them twice."""
        if self._run.problems.keys() & {Verdict.STORAGE, Verdict.LOCKED, Verdict.USAGE}:
            return []
        most = AHEAD if self.remaining is None else min(self.remaining, AHEAD)
        found: list[Wanted] = []
        while len(found) < most and (batch := self._due(self._swept_to)):
            self._swept_to = batch[-1].id
            skip = self._swept | self._fetcher.in_flight | self._fetcher.failed
            found += [one for one in self._inside(batch) if one.id not in skip]
        if len(found) > most:
            # The rest is read again.
            self._swept_to = found[most - 1].id
        self._swept.update(one.id for one in found[:most])
        return found[:most]

    def _due(self, below: str | None, *, owed_only: bool = False) -> list[Wanted]:
        """Return the next rows that are due in the lists, from an id down."""
        start = {} if below is None else {"below": below}
        return self._ledger.queue.due(self._lists(), datetime.now(UTC), most=_BATCH, owed_only=owed_only, **start)

    def _inside(self, batch: Sequence[Wanted]) -> list[Wanted]:
        """Return those rows that the run was asked for, as far as is known."""
        here = [one for one in batch if self._is_due_here(one)]
        outside = self._ledger.queue.published_outside((one.id for one in here), *self._window.ends)
        return [one for one in here if one.id not in outside]

    def _may_be_due(self, wanted: Wanted) -> bool:
        return self._window.may_hold(wanted.card) if wanted.card else may_be_of(self._window, wanted.id)


def settled_among(ledger: Ledger, ids: Iterator[str] | Collection[str], window: Window) -> set[str]:
    """Return those of ``ids`` that were looked at and are not due yet, or are known to lie outside the window."""
    ids = list(ids)
    return ledger.queue.not_due(ids, datetime.now(UTC)) | ledger.queue.published_outside(ids, *window.ends)


def may_be_of(window: Window, article_id: str) -> bool:
    """Return False if an article of which only the identity is known lies before the window: it was published before
    the site took it in, or within a day of that.
    """
    if window.since is None:
        return True
    taken_in = datetime.fromtimestamp(unix_time(article_id), tz=UTC).date()
    # Another day, for Korea's begins nine hours before ours.
    return taken_in + AGREEMENT + timedelta(days=1) >= window.since


def _address(url: str, article_id: str) -> ArticleAddress:
    return identify(url) or ArticleAddress(article_id)
