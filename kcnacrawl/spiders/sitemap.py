"""``scrapy crawl sitemap``: what the sitemaps name, if it is new or has changed.

The index tells when each sitemap was last modified, and each sitemap the same of its articles; so an index without news
ends the run. A sitemap is recorded as read when all that it names is in the queue, an index when all its sitemaps are:
a run that is killed reads the rest again.
"""

import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any, Final

from scrapy import Request, signals
from scrapy.http import Response
from scrapy.robotstxt import ProtegoRobotParser, RobotParser
from twisted.python.failure import Failure

from ..archive.ledger import KnownSitemap
from ..crawl.harvest import Harvester, may_be_of
from ..crawl.rejections import Output, Rejections, request_of
from ..crawl.sources import HomePage
from ..crawl.validators import NOT_MODIFIED, conditions, validators
from ..downloadermiddlewares.walls import wall_of
from ..items import Rejected
from ..pages import LayoutChanged, PageError
from ..pages.sitemap import MAX_BYTES, Entry, read_sitemap
from ..site.dates import instant, parse_lastmod
from ..site.urls import ArticleAddress, absolute
from ..verdict import Verdict
from .base import KcnaSpider

logger = logging.getLogger(__name__)

MAX_SITEMAPS: Final = 10_000
"""So many are read in a run; the site's index names some dozens."""

MAX_DEPTH: Final = 3
"""Indexes name sitemaps, and may name indexes; none leads deeper."""

# So many articles of one lastmod, more than half of a sitemap, were not edited at that moment: it is another's.
_MANY: Final = 20
# A sitemap may be served from a cache: what was modified so shortly before it was read may not have been in it.
_CACHED: Final = timedelta(days=1)


@dataclass(slots=True, eq=False)
class Node:
    """A sitemap of this run. ``open`` counts what it leads to that is not in the queue yet."""

    url: str
    lastmod: str | None = None
    parent: "Node | None" = None
    open: int = 0
    depth: int = 1
    known: KnownSitemap | None = None
    # As it is remembered when all is wanted.
    found: KnownSitemap | None = field(default=None)


class SitemapSpider(KcnaSpider):
    """Reads the sitemaps that moved since they were last read, and fetches their articles that are new or changed.

    The date of an article is known only when it was fetched: ``since`` leaves out what the site took in before that
    day, ``until`` leaves out nothing.
    """

    name = "sitemap"
    lists_articles = True

    def assemble(self) -> None:
        self.asked: set[str] = set()
        # Those of them that were not answered yet.
        self.open: set[str] = set()
        # Sitemaps that robots.txt names.
        self.named: list[str] = []
        self.articles = self.unmoved = 0
        self.home = HomePage(self.crawler)
        self.rejections = Rejections(self.crawler)
        self.harvester = Harvester(self.crawler, self.fetcher, self.arguments)
        self.crawler.signals.connect(self.robots_parsed, signal=signals.robots_parsed)

    async def start(self) -> AsyncIterator[Any]:
        for request in self.home.ensure(self.first_requests):
            yield request

    def first_requests(self) -> Output:
        """Request the index that every site has."""
        yield from self.requests([Entry(self.site.sitemap, None)], None)

    def robots_parsed(self, robotparser: RobotParser) -> None:
        """Handle `robots_parsed`, which comes before the first request leaves: remember the sitemaps it names."""
        if isinstance(robotparser, ProtegoRobotParser):
            # Against the standard, some are relative.
            found = (absolute(self.site.home, url) for url in robotparser.rp.sitemaps)
            self.named += [url for url in found if url and self.site.serves(url)]

    def requests(self, entries: Sequence[Entry], parent: Node | None) -> Iterator[Request]:
        """Request sitemaps that were not requested in this run and have moved since they were last read."""
        for entry in entries:
            known = self.run.archive.ledger.sitemaps.get(entry.loc)
            if entry.loc in self.asked:
                continue
            if len(self.asked) >= MAX_SITEMAPS:
                self.run.note(
                    Verdict.LAYOUT_CHANGED,
                    f"the sitemaps name more than {MAX_SITEMAPS} sitemaps; the rest was not read",
                )
                return
            self.asked.add(entry.loc)
            if known is not None and not has_moved(entry, known):
                self.unmoved += 1
                continue
            depth = parent.depth + 1 if parent else 1
            if parent is not None:
                parent.open += 1
            yield self.sitemap_request(Node(entry.loc, entry.lastmod, parent, depth=depth, known=known))

    def sitemap_request(self, node: Node) -> Request:
        """Return the request for a sitemap that may have changed. Articles go before: it may name a thousand."""
        self.open.add(node.url)
        return Request(
            node.url,
            callback=self.parse_sitemap,
            errback=self.sitemap_failed,
            cb_kwargs={"node": node},
            headers=conditions(node.known),
            priority=-1,
            meta={"handle_httpstatus_list": [NOT_MODIFIED], "download_maxsize": MAX_BYTES},
            dont_filter=True,
        )

    def parse_sitemap(self, response: Response, node: Node) -> Output:
        """Read an index or a list of pages. Which of them it is, it says itself, wherever a redirect led."""
        self.counts.add("pages/sitemap")
        self.open.discard(node.url)
        now = instant(datetime.now(UTC))
        node.found = KnownSitemap(now, node.lastmod, *validators(response))
        if response.status == NOT_MODIFIED and node.known is not None:
            self.unmoved += 1
            node.found = KnownSitemap(now, node.lastmod, node.known.etag, node.known.last_modified)
            self.all_wanted(node)
            yield from self.others(node)
            return
        try:
            sitemap = read_sitemap(response.body, response.url, self.site)
            if sitemap.is_index and node.depth >= MAX_DEPTH:
                raise LayoutChanged("sitemap: indexes in indexes in indexes")
        except PageError as error:
            yield self.unread_sitemap(response, wall_of(response) or error)
        else:
            self.counts.add("sitemap/foreign", sitemap.foreign)
            self.counts.add("sitemap/lost", sitemap.lost)
            if sitemap.lost:
                # Not remembered as read: the next run reads it again.
                node.open += 1
                self.run.note(Verdict.INCOMPLETE, f"{response.url}: part of the sitemap could not be read; run again")
            if not sitemap.is_index:
                yield from self.take(node, sitemap.entries)
            else:
                yield from list(self.requests(sitemap.entries, node))
                if not node.open:
                    self.all_wanted(node)
        yield from self.others(node)

    def others(self, node: Node) -> Iterator[Request]:
        """After the default index, request the sitemaps that robots.txt names."""
        if node.url == self.site.sitemap:
            yield from self.requests([Entry(url, None) for url in self.named], None)

    def take(self, node: Node, entries: Sequence[Entry]) -> Iterator[Request]:
        """Request the articles that are new or have changed. First queue all of them."""
        found = {address.id: (address, entry) for entry in entries if (address := self.site.identify(entry.loc))}
        self.articles += len(found)
        asked = {one: found[one] for one in found if may_be_of(self.arguments.window, one)}
        ledger = self.run.archive.ledger
        held = ledger.articles.held(asked)
        changed = self.changed(node, {one: entry for one, (_, entry) in asked.items()})
        ledger.queue.want_urls(self.urls(address for one, (address, _) in asked.items() if one not in held))
        ledger.queue.want_urls(self.urls(asked[one][0] for one in changed), again=True)
        if len(asked) == len(found):
            self.all_wanted(node)
        self.counts.add("articles/known", len(held - changed))
        wanted = [ledger.queue.get(one) for one in self.harvester.to_fetch(asked, held - changed)]
        yield from [self.harvester.request(one) for one in wanted if one is not None]

    def changed(self, node: Node, entries: dict[str, Entry]) -> set[str]:
        """Return the articles that were modified since they were last looked at, and since their sitemap was last read:
        one that was found unchanged is not fetched again each time.
        """
        often = Counter(entry.lastmod for entry in entries.values())
        known = datetime.fromisoformat(node.known.seen) - _CACHED if node.known else None
        found = set()
        for one, at in self.run.archive.ledger.rechecks.last_seen(entries).items():
            lastmod = entries[one].lastmod
            moment = parse_lastmod(lastmod)
            is_own = often[lastmod] < _MANY or 2 * often[lastmod] <= len(entries)
            if moment and is_own and instant(moment) > at and (known is None or moment > known):
                found.add(one)
        return found

    def urls(self, addresses: Iterator[ArticleAddress]) -> dict[str, str]:
        """Return canonical addresses by id."""
        return {address.id: self.site.article(address) for address in addresses}

    def all_wanted(self, node: Node) -> None:
        """Remember a sitemap, and those above it of which it was the last."""
        current: Node | None = node
        while current is not None and current.found is not None and not current.open:
            self.run.archive.ledger.sitemaps.record(current.url, current.found)
            current = current.parent
            if current is not None:
                current.open -= 1

    # What gave nothing

    def unread_sitemap(self, response: Response, error: PageError) -> Rejected:
        """Say what came in the place of a sitemap."""
        rejected = self.rejections.unread(response, error)
        self.rejections.hold_against_run(rejected, error.detail)
        return rejected

    def sitemap_failed(self, failure: Failure) -> Output:
        """Say why a sitemap could not be had. The site may have its index where robots.txt says instead."""
        node: Node = request_of(failure).cb_kwargs["node"]
        self.open.discard(node.url)
        rejected = self.rejections.failed(failure)
        others = list(self.others(node))
        if rejected.reason == "not_found" and node.url == self.site.sitemap and not others:
            self.rejections.hold_against_run(
                rejected, f"{rejected.detail}, and robots.txt names no other; `scrapy crawl source` needs none"
            )
        elif rejected.reason != "not_found" or not others:
            self.rejections.hold_against_run(rejected, f"{rejected.detail}; run again")
        yield rejected
        yield from others

    def take_stock(self) -> None:
        super().take_stock()
        self.run.owed = self.harvester.count_owed()
        logger.info("%d articles in the sitemaps that moved", self.articles)
        is_answered = not self.open and not self.home.is_open
        if is_answered and not self.articles and not self.unmoved and not self.run.problems:
            self.run.note(Verdict.LAYOUT_CHANGED, "the sitemaps name no article; the site no longer looks as known")

    @property
    def unfinished(self) -> str:
        return (
            f"{len(self.open)} sitemaps were not answered"
            if self.open
            else self.home.unanswered or self.fetcher.unanswered
        )

    @property
    def status(self) -> str:
        return f"reading sitemaps, {self.articles} articles named"


def has_moved(entry: Entry, known: KnownSitemap) -> bool:
    """Return True if a sitemap may have changed since it was read: its ``lastmod`` did, or is none, or names a day that
    was not over then.
    """
    moment = parse_lastmod(entry.lastmod)
    if moment is None or entry.lastmod != known.lastmod:
        return True
    is_day = moment.time() == time()
    return instant(moment + timedelta(days=is_day)) > known.seen
