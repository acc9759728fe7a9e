"""What the spiders share that find articles: fetching what the archive does not hold, and what is owed besides."""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.exceptions import DontCloseSpider
from scrapy.http import Response
from twisted.python.failure import Failure

from ..archive import StorageFailed
from ..archive.attribution import find_sid
from ..archive.ledger import REVISITED, Wanted
from ..items import Card, Rejected, ScrapedPage
from ..paging.window import Window
from ..site.dates import AGREEMENT
from ..site.urls import ArticleAddress, identify, unix_time
from ..verdict import Verdict
from .base import Attribute
from .sources import SourcesSpider

AHEAD: Final = 50
"""Articles that may wait before the next page that announces more does: enough to keep the downloader busy, few enough
to hold a list of 100,000 in memory only page by page.
"""

_PART: Final = 200
"""So much of the queue is read at a time."""

Output = Iterator[Request | ScrapedPage | Rejected]


class HarvestSpider(SourcesSpider):
    """Asks for articles as they are found, and when nothing is left to be read, for those that are owed."""

    # Scrapy takes what has a name for a spider that can be run.
    name = ""
    # Debts of this or an earlier run that were asked for.
    swept: set[str]
    # The id down to which the queue was swept; nothing of it is read twice.
    swept_to: str | None

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider.swept, spider.swept_to = set(), None
        crawler.signals.connect(spider.sweep, signal=signals.spider_idle)
        return spider

    @property
    def home_matters(self) -> bool:
        return False

    async def start(self) -> AsyncIterator[Any]:
        if self.knows_home():
            for request in self.opening():
                yield request
        else:
            yield self.home_request(self.parse_labels, self.labels_failed)

    def opening(self) -> Iterator[Request]:
        """The first requests of the harvest."""
        raise NotImplementedError

    def parse_labels(self, response: Response) -> Output:
        """The home page, read for the sids of its labels."""
        found = self.read_home(response)
        if isinstance(found, Rejected):
            yield found
        yield from self.opening()

    def labels_failed(self, failure: Failure) -> Output:
        """Without the home page, all that is missing is the sids."""
        yield from self.home_failed(failure)
        yield from self.opening()

    def harvest(self, cards: Sequence[Card], list_key: int | None, attribute: Attribute) -> Iterator[Request]:
        """Requests for those cards' articles that are asked for and neither held nor settled."""
        ledger = self.run.archive.ledger
        held = ledger.articles.held(card.id for card in cards)
        missing = {card.id: card for card in cards if card.id not in held}
        if missing:
            # Also what is not asked for now: no later walk need see this card again.
            ledger.queue.want(list(missing.values()), list_key)
            # Some may stand above what was swept.
            self.swept_to = None
        inside = {card.id: card for card in cards if self.is_asked_for(card)}
        self.count("articles/known", len(held & inside.keys()))
        skip = held | self.settled_among(missing) | self.in_flight | self.failed
        wanted = [card for one, card in inside.items() if one not in skip][: self.room()]
        # All at once: Scrapy takes them one by one, and meanwhile another list may look at the room there is.
        yield from [self.article_request(_address(card.url, card.id), card, attribute) for card in wanted]

    def is_asked_for(self, card: Card) -> bool:
        """Whether a card may be of an article that the run was asked for."""
        return self.arguments.window.may_hold(card)

    def room(self) -> int | None:
        """How many more articles may be asked for; ``None`` without a limit. The rest stays wanted."""
        if self.arguments.limit is None:
            return None
        counts = (self.crawler.stats.get_value(f"kcnacrawl/articles/{kind}", 0) for kind in ("new", "revised"))
        stored = sum(map(int, counts))
        return max(0, self.arguments.limit - stored - len(self.in_flight))

    # What is owed

    def sweep(self) -> None:
        """When nothing is left to be read, what is still due, from this run or an earlier one: some at a time."""
        try:
            requests = self.idle_requests()
        except StorageFailed as error:
            # A signal's handler is not a callback: what it raises is logged and forgotten.
            self.run.note(Verdict.STORAGE, str(error))
            return
        for request in requests:
            self.crawler.engine.crawl(request)
        if requests:
            raise DontCloseSpider

    def idle_requests(self) -> list[Request]:
        """What to ask for when nothing is under way."""
        return [self.debt_request(wanted) for wanted in self.debts()]

    def debts(self) -> list[Wanted]:
        """Return the next of what is due inside what the run was asked for; nothing is asked for twice."""
        if self.run.problems.keys() & {Verdict.STORAGE, Verdict.LOCKED, Verdict.USAGE}:
            return []
        room = self.room()
        most = AHEAD if room is None else min(room, AHEAD)
        found: list[Wanted] = []
        while len(found) < most and (part := self.due_part(self.swept_to)):
            self.swept_to = part[-1].id
            skip = self.swept | self.in_flight | self.failed
            found += [one for one in self.inside(part) if one.id not in skip]
        if len(found) > most:
            # The rest is read again.
            self.swept_to = found[most - 1].id
        self.swept.update(one.id for one in found[:most])
        return found[:most]

    def due_part(self, below: str | None, *, owed_only: bool = False) -> list[Wanted]:
        """Return the next part of what is due in the scope, from an id down."""
        start = {} if below is None else {"below": below}
        queue = self.run.archive.ledger.queue
        return queue.due(self.scope(), datetime.now(UTC), most=_PART, owed_only=owed_only, **start)

    def inside(self, part: Sequence[Wanted]) -> list[Wanted]:
        """Return those of what is due that the run was asked for, as far as is known."""
        here = [one for one in part if self.is_due_here(one)]
        queue = self.run.archive.ledger.queue
        outside = queue.published_outside((one.id for one in here), *self.arguments.window.ends)
        return [one for one in here if one.id not in outside]

    def scope(self) -> list[int] | None:
        """The lists the run was asked for; ``None`` for all of them."""
        return None

    def is_due_here(self, wanted: Wanted) -> bool:
        """Whether an article that is due in the scope may be one that the run was asked for."""
        window = self.arguments.window
        return window.may_hold(wanted.card) if wanted.card else may_be_of(window, wanted.id)

    def debt_request(self, wanted: Wanted) -> Request:
        """An article that is owed."""
        if wanted.reason in REVISITED:
            self.revisited.add(wanted.id)
        card_url = wanted.card.url if wanted.card else wanted.url
        return self.article_request(_address(card_url, wanted.id), wanted.card, self.attribute_in(wanted.list_key))

    def attribute_in(self, list_key: int | None) -> Attribute:
        """Attribute articles of a list, whether the list is walked in this run or not."""
        ledger = self.run.archive.ledger
        return lambda fields: find_sid(ledger, fields.label, fields.source_id, list_key)

    def count_owed(self) -> int:
        owed, below = 0, None
        while part := self.due_part(below, owed_only=True):
            owed, below = owed + len(self.inside(part)), part[-1].id
        return owed


def may_be_of(window: Window, article_id: str) -> bool:
    """Whether an article of which only the identity is known may be of the days asked for: it was published before the
    site took it in, or within a day of that.
    """
    if window.since is None:
        return True
    taken_in = datetime.fromtimestamp(unix_time(article_id), tz=UTC).date()
    # Another day, for Korea's begins nine hours before ours.
    return taken_in + AGREEMENT + timedelta(days=1) >= window.since


def _address(url: str, article_id: str) -> ArticleAddress:
    return identify(url) or ArticleAddress(article_id)
