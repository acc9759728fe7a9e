"""``scrapy crawl source``: a source's list, from its newest card or from a day in the past, down to its end, to a day,
or over what earlier walks have seen.
"""

import logging
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from ..archive.attribution import find_sid
from ..archive.ledger import KnownSource, Ledger
from ..arguments import SourceArguments, SourceRef
from ..downloadermiddlewares.render import STEP, Render, Step, read_render
from ..downloadermiddlewares.retry import MAY_BE_EMPTY, has_nothing
from ..downloadermiddlewares.walls import markup_of
from ..exceptions import NoBrowser, NothingSent
from ..health import CADENCE_DAYS, silent_days
from ..items import WALLS, ArticleFields, Card, Rejected, ScrapedPage, Source
from ..pages import LayoutChanged, PageError
from ..pages.ajax_id import ajax_ids
from ..pages.listing import ListingPage
from ..paging.ajax_id import AjaxIdSearch
from ..paging.cursor import Ask, Done, ListCursor, Take, Turned
from ..paging.seek import Seek
from ..paging.top import Top
from ..paging.walk import Rewalk, Stop, Walk, WalkedRange
from ..site.dates import listed_or_none
from ..site.labels import is_bare, is_meant, read_label
from ..site.urls import PAGE_SIZE, ArticleAddress
from ..verdict import Verdict
from .base import Attribute
from .harvest import AHEAD, HarvestSpider, Output

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Job:
    """One list being walked. ``asked`` is the source as it was asked for, ``None`` where an article led to the list.

    ``list_key`` is the ledger's key of the source, ``None`` until the site has shown that there is such a list.
    ``cards`` are those of the page that leads into the list, ``ids`` the search for its ajax id.
    """

    cursor: ListCursor
    ledger: Ledger
    asked: KnownSource | None = None
    list_key: int | None = None
    label: str | None = None
    cards: dict[str, Card] = field(default_factory=dict)
    page_url: str = ""
    asked_listing: bool = False
    asked_browser: bool = False
    done: bool = False
    ids: AjaxIdSearch | None = None

    @property
    def source(self) -> KnownSource | None:
        """The source as it is known by now; ``None`` as long as neither its sid nor its ajax id is."""
        return self.asked if self.list_key is None else self.ledger.sources.find(key=self.list_key)

    @property
    def sid(self) -> int | None:
        """The sid of the source, if it is known."""
        return self.source.sid if self.source else None

    @property
    def may_ask_listing(self) -> bool:
        """Whether the source's listing page is known and was not looked at yet."""
        return not self.asked_listing and self.sid is not None

    @property
    def name(self) -> str:
        """What a person calls the list."""
        if self.source is None:
            return self.label or "a list of unknown source"
        return f"{self.source.name} {self.source.label or self.label or ''}".strip()


@dataclass(slots=True)
class JobMemory:
    """What the ledger remembers of a job's list: :class:`~kcnacrawl.paging.cursor.ListMemory`."""

    job: Job
    rewalk: Rewalk
    now: datetime

    def find(self, ids: Collection[str]) -> Mapping[str, WalkedRange]:
        key = self.job.list_key
        return {} if key is None else self.job.ledger.walked.find(key, ids)

    def record(self, walk: Walk, offset: int, cards: Sequence[Card]) -> int | None:
        key = self.job.list_key
        return None if key is None else self.job.ledger.walked.record(key, walk, offset, cards, self.now)

    def join(self, upper: int, lower: WalkedRange) -> int:
        return self.job.ledger.walked.join(upper, lower.number, is_fresh=self.rewalk.is_fresh(lower))

    def top(self) -> Top | None:
        return None if self.job.list_key is None else self.job.ledger.walked.top(self.job.list_key)

    def set_top(self, top: Top) -> None:
        if self.job.list_key is not None:
            self.job.ledger.walked.set_top(self.job.list_key, top)


class SourceSpider(HarvestSpider):
    """Walks the lists of the sources asked for and fetches what the archive does not hold.

    Over plain HTTP, which needs a list's ajax id: where the page keeps that from us, a browser is asked for it once.
    With ``KCNACRAWL_RENDER=always`` a browser goes down the list, button press by button press, one list at a time.
    """

    name = "source"
    arguments_class = SourceArguments
    arguments: SourceArguments

    @classmethod
    def from_crawler(cls, crawler: Crawler, *args: Any, **kwargs: Any) -> Self:
        spider = super().from_crawler(crawler, *args, **kwargs)
        spider.jobs = []
        spider.waiting = []
        spider.render = read_render(crawler.settings)
        return spider

    jobs: list[Job]
    # Sources whose lists wait for the browser.
    waiting: list[KnownSource]
    render: Render

    async def start(self) -> AsyncIterator[Any]:
        known = [self.known(ref) for ref in self.arguments.source]
        needs_labels = any(ref.ajax_id is None for ref in self.arguments.source)
        if None in known or (needs_labels and not self.knows_home()):
            # Nothing is walked before all names are known to be names.
            yield self.home_request(self.parse_names, self.names_failed)
            return
        for source in filter(None, known):
            for request in self.begin(source):
                yield request

    def known(self, ref: SourceRef) -> KnownSource | None:
        """The source a reference names, where that needs no look at the home page: it tells which sid a label has."""
        ledger = self.run.archive.ledger
        sid = ledger.articles.source_of(ref.article.id) if ref.article else ref.sid
        if sid is not None:
            return ledger.sources.find(sid=sid) or KnownSource(None, sid, None, None)
        if ref.label is not None and is_bare(ref.label):
            # In which languages there is a source of this name, the home page tells.
            return None
        if ref.label is not None or ref.ajax_id is not None:
            source = ledger.sources.find(label=ref.label, ajax_id=ref.ajax_id)
            return source if source and source.sid is not None else None
        return None

    def named(self, said: str) -> list[KnownSource]:
        """Return the sources that a label or a name means, as the ledger knows them."""
        sources = self.run.archive.ledger.sources.all()
        return [one for one in sources if one.sid is not None and one.label and is_meant(one.label, said)]

    @property
    def home_matters(self) -> bool:
        return any(ref.is_all or ref.label for ref in self.arguments.source)

    def parse_names(self, response: Response) -> Output:
        """The home page, read for the sources that ``all`` or a label means."""
        found = self.read_home(response)
        if isinstance(found, Rejected):
            yield found
            yield from self.begin_all([])
            return
        nameless = [ref.label for ref in self.arguments.source if ref.label and not self.named(ref.label)]
        if nameless:
            there_are = ", ".join(one.label for one in found)
            self.run.note(Verdict.USAGE, f"argument source={nameless[0]!r}: no such source; there are: {there_are}")
        else:
            yield from self.begin_all(found)

    def names_failed(self, failure: Failure) -> Output:
        """Without the home page, what needs no name is walked all the same."""
        yield from self.home_failed(failure)
        yield from self.begin_all([])

    def begin_all(self, found: Sequence[Source]) -> Iterator[Request]:
        """Begins every walk asked for; ``found`` are the sources of the home page."""
        ledger = self.run.archive.ledger
        for ref in self.arguments.source:
            if (source := self.known(ref)) is not None:
                yield from self.begin(source)
            elif ref.article is not None:
                yield self.entry_request(ref.article)
            elif ref.ajax_id is not None:
                known = ledger.sources.find(ajax_id=ref.ajax_id)
                yield from self.begin(known or KnownSource(None, None, ref.ajax_id, None))
            elif ref.label is not None:
                for named in self.named(ref.label):
                    yield from self.begin(named)
            elif ref.is_all:
                for one in found:
                    yield from self.begin(ledger.sources.find(sid=one.sid) or KnownSource(None, one.sid, None, None))

    def begin(self, source: KnownSource) -> Iterator[Request]:
        """The first request of a walk, unless the list is being walked already."""
        if self.is_begun(source):
            return
        if self.is_driven(source):
            self.waiting.append(source)
            return
        job = self.job(source)
        if (met := self.walked_before(source)) is not None:
            if met.since <= self.arguments.window.floor:
                self.finish(job, Stop.COVERED)
                return
            job.cursor.seek = self.seek(met)
        first = job.cursor.seek.first if job.cursor.seek else 0
        yield self.page_request(job, first) if source.ajax_id is not None else self.listing_request(job)

    def is_begun(self, source: KnownSource) -> bool:
        """Return True if a source's list is being walked, was walked in this run, or waits for the browser."""
        begun = [*(job.source for job in self.jobs), *self.waiting]
        return any(one and (one.key, one.sid) == (source.key, source.sid) and one.name == source.name for one in begun)

    def is_driven(self, source: KnownSource | None) -> bool:
        """Whether a browser goes down a source's list; it needs a listing page."""
        return self.render is Render.ALWAYS and source is not None and source.sid is not None

    def job(self, source: KnownSource | None, label: str | None = None) -> Job:
        """A list to be walked: from its top, or from the newest day of the window asked for. A browser goes down a
        list from the top alone.
        """
        is_driven = self.is_driven(source)
        seek = self.seek() if self.arguments.window.until and not is_driven else None
        walk = Walk(self.arguments.window, self.rewalk, overlaps=not is_driven)
        job = Job(
            ListCursor(walk, seek),
            self.run.archive.ledger,
            asked=source,
            list_key=source.key if source else None,
            label=label,
        )
        self.jobs.append(job)
        return job

    @property
    def rewalk(self) -> Rewalk:
        """For how long earlier walks are believed."""
        limits = self.run.limits
        disorder = timedelta(limits.disorder_days)
        return Rewalk(self.run.started.date(), limits.rewalk_days, limits.rewalk_every, disorder)

    def walked_before(self, source: KnownSource) -> WalkedRange | None:
        """What earlier walks know of the window asked for, from its newest day down, if it is still believed."""
        if (until := self.arguments.window.until) is None or source.key is None:
            return None
        met = self.run.archive.ledger.walked.above(source.key, until)
        return met if met and self.rewalk.believes_day(met, until) else None

    def seek(self, met: WalkedRange | None = None) -> Seek:
        """A search for the window's newest day, or for the lower end of what was walked of it."""
        seek = Seek(self.arguments.window.until, self.rewalk.disorder)
        return replace(seek, walked_range=met.number, first=met.offset) if met else seek

    # An article as the way in

    def entry_request(self, address: ArticleAddress) -> Request:
        """An article page, whose "More From" block and button lead into its source's list."""
        self.in_flight.add(address.id)
        self.run.archive.ledger.queue.want_url(address.id, self.site.article(address))
        return Request(
            self.site.article(address),
            callback=self.parse_entry,
            errback=self.entry_failed,
            cb_kwargs={"address": address},
            dont_filter=True,
        )

    def parse_entry(self, response: Response, address: ArticleAddress) -> Output:
        """The article itself, and the list it leads into."""
        label: str | None = None
        sid: int | None = None
        for item in self.parse_article(response, address, None, self.attribute):
            if isinstance(item, ScrapedPage):
                label, sid = item.fields.label, item.source_id
            yield item
        ledger = self.run.archive.ledger
        source = ledger.sources.learn(sid=sid, label=label) if sid is not None else None
        if source and (source.ajax_id is not None or self.is_driven(source)):
            yield from self.begin(source)
        elif source is None or not self.is_begun(source):
            yield from self.enter(self.job(source, label), response)

    def entry_failed(self, failure: Failure) -> Iterator[Rejected]:
        """An entry that could not be had leaves its list unwalked."""
        for rejected in self.article_failed(failure):
            self.run.note(Verdict.INCOMPLETE, f"{rejected.url}: {rejected.detail}; its list was not walked")
            yield rejected

    # A page of the site's with a list in it

    def listing_request(self, job: Job) -> Request:
        """The source's listing page, which tells its ajax id."""
        job.asked_listing = True
        return self.request(self.listing_url(job), self.parse_listing, job)

    def listing_url(self, job: Job) -> str:
        """Where the source's listing page is."""
        if job.sid is None:
            raise ValueError(f"{job.name} has no listing page that we know of")
        return self.site.listing(job.sid)

    def parse_listing(self, response: Response, job: Job) -> Output:
        """A source's listing page."""
        self.count("pages/listing")
        yield from self.enter(job, response)

    def enter(self, job: Job, response: Response) -> Output:
        """Cards of a whole page, and the ajax id that leads on."""
        page = self.shown(response)
        if isinstance(page, Rejected):
            yield page
            return
        candidates = ajax_ids(page.markup)
        job.cards = {card.id: card for card in page.cards}
        job.page_url = response.url
        if page.cards and candidates:
            job.ids = AjaxIdSearch(job.cards, candidates)
            yield from self.next_candidate(job)
        elif job.may_ask_listing:
            yield self.listing_request(job)
        else:
            yield from self.without_id(job, response, page)

    def without_id(self, job: Job, response: Response, page: ListingPage) -> Output:
        """A page with a list in it that tells no ajax id."""
        if not page.cards and not job.asked_listing:
            self.run.note(Verdict.INCOMPLETE, f"{response.url} leads into no list; name its source instead")
        elif not page.cards:
            yield self.unlisted(response, LayoutChanged("cards: no cards on a listing"))
        elif not page.has_more and len(page.cards) < PAGE_SIZE:
            yield from self.take_all(job, page.cards)
        else:
            yield from self.hidden(job)

    def take_all(self, job: Job, cards: Sequence[Card]) -> Iterator[Request]:
        """A list that its first page shows whole."""
        yield from self.advance(job, 0, cards, is_whole=True)

    def next_candidate(self, job: Job) -> Iterator[Request]:
        """Ask the endpoint for the next number that may be the list's ajax id; if there is none, look elsewhere."""
        if job.ids is not None and (asked := job.ids.next) is not None:
            request = self.request(self.site.ajax(*asked), self.parse_candidate, job)
            yield request.replace(errback=self.candidate_failed)
        elif job.may_ask_listing:
            yield self.listing_request(job)
        else:
            yield from self.hidden(job)

    def parse_candidate(self, response: Response, job: Job) -> Output:
        """The right id answers with cards of the page that told it; any other number does not."""
        if job.ids is None or job.ids.next is None:
            raise ValueError(f"no ajax id of {job.name} was asked for")
        ajax_id, _ = job.ids.next
        self.count("pages/listing")
        cards: list[Card] = []
        try:
            cards = self.listing(response).cards
        except PageError as error:
            if error.reason in WALLS:
                yield self.unlisted(response, error)
                return
        if self.is_anothers(job, ajax_id):
            job.ids.pass_over()
            yield from self.next_candidate(job)
        elif job.ids.take(cards):
            self.identify(job, sid=job.sid, ajax_id=ajax_id, label=job.label)
            yield from self.advance(job, 0, job.ids.top(ajax_id))
        else:
            yield from self.next_candidate(job)

    def candidate_failed(self, failure: Failure) -> Output:
        """A number that the endpoint has nothing for is no list's; any other failure may have hit the right one."""
        request: Request = failure.request  # type: ignore[attr-defined]  # set by Scrapy for every errback
        job: Job = request.cb_kwargs["job"]
        if has_nothing(failure.value) and job.ids is not None:
            job.ids.pass_over()
            yield from self.next_candidate(job)
        else:
            yield from self.listing_failed(failure)

    def is_anothers(self, job: Job, ajax_id: int) -> bool:
        """Return True if an ajax id is known to be another source's."""
        known = self.run.archive.ledger.sources.find(ajax_id=ajax_id)
        return known is not None and None not in {known.sid, job.sid} and known.sid != job.sid

    def hidden(self, job: Job, why: str = "") -> Iterator[Request]:
        """The page keeps its ajax id from us: a browser tells it, once, or its cards are all that can be had."""
        if self.render is not Render.NEVER and not job.asked_browser:
            job.asked_browser = True
            logger.info("%s keeps the ajax id of %s from us: a browser is asked for it", job.page_url, job.name)
            yield self.browser_request(Step.ASK, job.page_url, self.parse_sent, job)
            return
        yield from self.take(job, list(job.cards.values()))
        job.done = True
        self.count("walk/stop/ajax_id_hidden")
        if not why:
            asked = "what a browser was told leads elsewhere"
            why = asked if job.asked_browser else "KCNACRAWL_RENDER=auto asks a browser for it"
        self.run.note(
            Verdict.LAYOUT_CHANGED,
            f"{job.page_url} keeps the ajax id of {job.name} from us, so only its newest articles were taken;"
            f" {why}; if you know the id, give source=ajax:<id>",
        )

    # In a browser

    def browser_request(self, step: Step, url: str, callback: Any, job: Job, **kwargs: Any) -> Request:
        """A page that a browser shows. What it loads is fetched, and tried again, request by request."""
        request = self.request(url, callback, job, **kwargs)
        request.meta.update({STEP: step, MAY_BE_EMPTY: True, "dont_retry": True})
        return request.replace(errback=self.browser_failed)

    def parse_sent(self, response: Response, job: Job) -> Iterator[Request]:
        """The request that *More Articles* sends: its id is not believed before the endpoint has answered it."""
        ajax_id = self.site.identify_ajax(response.url)
        if ajax_id is None:
            yield from self.hidden(job)
        else:
            job.ids = AjaxIdSearch(job.cards, [ajax_id])
            yield from self.next_candidate(job)

    def browser_failed(self, failure: Failure) -> Output:
        """Without a browser, what the page showed before is all that can be had."""
        request: Request = failure.request  # type: ignore[attr-defined]  # set by Scrapy for every errback
        job: Job = request.cb_kwargs["job"]
        if isinstance(failure.value, NoBrowser):
            job.done = True
            self.run.note(Verdict.USAGE, f"{job.page_url} keeps the ajax id of {job.name} from us, and {failure.value}")
        elif job.asked_browser and isinstance(failure.value, NothingSent):
            yield from self.hidden(job, str(failure.value))
        else:
            yield from self.take(job, list(job.cards.values()))
            yield from self.listing_failed(failure)

    def parse_shown(self, response: Response, job: Job) -> Output:
        """A listing page as a browser shows it: what comes next, *More Articles* adds."""
        self.count("pages/listing")
        page = self.shown(response)
        if isinstance(page, Rejected):
            yield page
        elif not page.cards:
            yield self.unlisted(response, LayoutChanged("cards: no cards on a listing"))
        elif not page.has_more and len(page.cards) < PAGE_SIZE:
            yield from self.take_all(job, page.cards)
        else:
            yield from self.advance(job, 0, page.cards)

    # The endpoint, page by page

    def page_request(self, job: Job, offset: int) -> Request:
        """Ten cards from ``offset``; where a browser goes down the list, those that come next."""
        if self.is_driven(job.source):
            return self.browser_request(Step.MORE, self.listing_url(job), self.parse_page, job, offset=offset)
        if job.source is None or job.source.ajax_id is None:
            raise ValueError(f"the ajax id of {job.name} is not known")
        return self.request(self.site.ajax(job.source.ajax_id, offset), self.parse_page, job, offset=offset)

    def parse_page(self, response: Response, job: Job, offset: int) -> Output:
        """An answer of the endpoint: cards, the end of the list, or neither."""
        self.count("pages/listing")
        page = self.shown(response)
        if isinstance(page, Rejected):
            yield page
        elif not page.cards and offset == 0 and job.may_ask_listing:
            yield self.listing_request(job)
        elif not page.cards and (offset == 0 or not page.is_end):
            yield self.unlisted(response, LayoutChanged("cards: no cards on a listing"))
        else:
            yield from self.advance(job, offset, page.cards)

    def advance(self, job: Job, offset: int, cards: Sequence[Card], *, is_whole: bool = False) -> Iterator[Request]:
        """Take in an answer of the list: request articles, and the next page of the walk, if these cards are not the
        whole list.
        """
        if self.is_walked_twice(job):
            job.done = True
            self.count("walk/stop/same_list")
            return
        cursor = job.cursor
        before = (cursor.sought, cursor.walk.steps_back)
        memory = JobMemory(job, self.rewalk, self.run.started)
        for action in cursor.feed(offset, cards, memory):
            match action:
                case Take(found):
                    yield from self.take(job, found)
                case Ask(below) if is_whole:
                    yield from self.advance(job, below, [])
                case Ask(below):
                    yield self.page_request(job, below)
                case Turned():
                    self.run.warn(f"{job.name} begins with other cards than it did, or with its oldest: walked whole")
                case Done(stop):
                    self.finish(job, stop)
        self.count("seek/pages", cursor.sought - before[0])
        self.count("walk/steps_back", cursor.walk.steps_back - before[1])

    def finish(self, job: Job, stop: Stop) -> None:
        """Tells how a walk ended."""
        job.done = True
        self.count(f"walk/stop/{stop}")
        logger.info("%s: %s after %d pages", job.name, stop, job.cursor.walk.pages)
        if not stop.completes:
            self.run.note(Verdict.INCOMPLETE, f"the walk of {job.name} stopped early ({stop}); run again")

    def take(self, job: Job, cards: Sequence[Card]) -> Iterator[Request]:
        """Request those cards' articles that are asked for and neither held nor settled; all of them are wanted."""
        if cards and job.list_key is None and job.asked is not None:
            # A list that shows cards is one.
            self.identify(job, sid=job.asked.sid, ajax_id=job.asked.ajax_id)
        self.count("cards", len(cards))
        self.count("fields/card_date", sum(listed_or_none(card.date_listed_raw) is not None for card in cards))
        yield from self.harvest(cards, job.list_key, self.attributes(job))

    def identify(
        self, job: Job, *, sid: int | None = None, ajax_id: int | None = None, label: str | None = None
    ) -> None:
        """Remember what the site has shown of a list's source, which may prove two lists to be one."""
        ledger = self.run.archive.ledger
        job.list_key = ledger.sources.learn(sid=sid, ajax_id=ajax_id, label=label).key
        for other in self.jobs:
            if other.list_key is not None and ledger.sources.find(key=other.list_key) is None:
                other.list_key = job.list_key

    def is_walked_twice(self, job: Job) -> bool:
        """Return True if another walk of this run, begun earlier, turned out to be of the same list."""
        earlier = self.jobs[: self.jobs.index(job)]
        return job.list_key is not None and any(other.list_key == job.list_key for other in earlier)

    def attributes(self, job: Job) -> Attribute:
        """Gives articles found in a list the sid of its source, unless their label says otherwise."""

        def attribute(fields: ArticleFields) -> int | None:
            self.learn(job, fields)
            return find_sid(self.run.archive.ledger, fields.label, fields.source_id, job.list_key)

        return attribute

    def learn(self, job: Job, fields: ArticleFields) -> None:
        """What an article's link to its source tells of the list it was found in."""
        source, sid = job.source, self.attribute(fields)
        if source is None or sid is None or read_label(fields.label).name is None:
            return
        if source.sid is None or (source.sid == sid and source.label is None):
            self.identify(job, sid=sid, ajax_id=source.ajax_id, label=fields.label)

    @property
    def doing(self) -> str:
        names = [f"{job.name}, page {job.cursor.answers}" for job in self.jobs if not job.done]
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        return f"walking {names[0]}{more}" if names else "fetching what is owed" * bool(self.swept)

    @property
    def unfinished(self) -> str:
        open_jobs = [job.name for job in self.jobs if not job.done] + [one.name for one in self.waiting]
        return f"the list of {open_jobs[0]} was not walked to its end" if open_jobs else super().unfinished

    # What is owed

    def idle_requests(self) -> list[Request]:
        """The next list that waits for the browser; when all lists are walked, what is owed in them."""
        if not self.waiting:
            return super().idle_requests()
        job = self.job(self.waiting.pop(0))
        return [self.browser_request(Step.OPEN, self.listing_url(job), self.parse_shown, job)]

    def attribute_in(self, list_key: int | None) -> Attribute:
        job = next((job for job in self.jobs if list_key is not None and job.list_key == list_key), None)
        return self.attributes(job) if job else super().attribute_in(list_key)

    def scope(self) -> list[int] | None:
        if any(ref.is_all for ref in self.arguments.source):
            return None
        return list({job.list_key for job in self.jobs if job.list_key is not None})

    def take_stock(self) -> None:
        super().take_stock()
        today = self.run.started.date()
        for job in self.jobs:
            if job.sid is not None:
                days = self.run.archive.ledger.articles.published_days(job.sid, CADENCE_DAYS)
                if (silent := silent_days(days, today)) > self.run.limits.stale_days:
                    self.run.warn(f"{job.name} usually publishes daily and has shown nothing for {silent} days")

    # Listing pages in general

    def shown(self, response: Response) -> ListingPage | Rejected:
        """A page read for its cards, or what came in its place, which ends the walk."""
        try:
            return self.listing(response)
        except PageError as error:
            return self.unlisted(response, error)

    def listing(self, response: Response) -> ListingPage:
        """A page read for its cards. Raises :class:`~kcnacrawl.pages.PageError`."""
        if (strayed := self.strayed(response)) is not None:
            raise LayoutChanged(f"page: {strayed}")
        page = ListingPage(markup_of(response), response.url, self.site)
        unreadable = page.unreadable
        if page.cards and not any(listed_or_none(card.date_listed_raw) for card in page.cards):
            self.run.archive.keep_page(self.run.id, "listing", response.body)
        if unreadable:
            self.count("cards/unreadable", unreadable)
            self.run.note(
                Verdict.INCOMPLETE, f"{response.url}: {unreadable} cards could not be read; see `pages/listing.py`"
            )
        return page

    def request(self, url: str, callback: Any, job: Job, **kwargs: Any) -> Request:
        """A listing page: fetched ahead of the articles as long as few of those wait."""
        return Request(
            url,
            callback=callback,
            errback=self.listing_failed,
            cb_kwargs={"job": job, **kwargs},
            priority=1 if len(self.in_flight) < AHEAD else -1,
            meta={MAY_BE_EMPTY: callback == self.parse_page},
            dont_filter=True,
        )

    def listing_failed(self, failure: Failure) -> Iterator[Rejected]:
        """A listing page that could not be had: the walk is incomplete, and the next run walks again."""
        request: Request = failure.request  # type: ignore[attr-defined]  # set by Scrapy for every errback
        job: Job = request.cb_kwargs["job"]
        rejected = self.failure(None, request, failure)
        self.count("walk/stop/listing_failed")
        hint = "`scrapy crawl sources` lists the sources" if rejected.reason == "not_found" else "run again"
        self.no_list(rejected, f"{rejected.detail}; the walk of {job.name} ends there; {hint}")
        yield rejected

    def unlisted(self, response: Response, error: PageError) -> Rejected:
        """A listing that is none we know, or a wall in its place."""
        rejected = self.unread(None, response, error)
        self.count(f"walk/stop/{rejected.reason}")
        self.no_list(rejected, error.detail)
        return rejected
