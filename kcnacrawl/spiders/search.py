"""``scrapy crawl search``: all that the site's search finds."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

from scrapy import Request
from scrapy.http import Response

from ..archive.ledger import KnownSource, Wanted
from ..arguments import SearchArguments
from ..config import Render
from ..crawl.ajax_id import AjaxIdFinder
from ..crawl.harvest import Harvester
from ..crawl.lists import ListingPages, SourceList
from ..crawl.rejections import Output
from ..crawl.search import Search, SearchPages
from ..crawl.sources import HomePage, SourceChoice
from ..items import Card
from .base import KcnaSpider


class SearchSpider(KcnaSpider):
    """Searches all sources, or one after the other those asked for.

    A source is searched by its ajax id, which is found as for its list, or on the search form. An article that names
    a source is stored on the way.
    """

    name = "search"
    arguments_class = SearchArguments
    lists_articles = True
    arguments: SearchArguments

    def assemble(self) -> None:
        self.searches: list[Search] = []
        # The lists of the sources searched.
        self.lists: list[SourceList] = []
        self.home = HomePage(self.crawler)
        self.pages = ListingPages(self.crawler, self.fetcher)
        self.harvester = Harvester(
            self.crawler,
            self.fetcher,
            self.arguments,
            # Of which days a hit is, the search knows better than its card.
            is_asked_for=lambda _: True,
            is_due_here=self.is_hit,
            first=self.next_in_browser,
        )
        self.results = SearchPages(self.crawler, self.fetcher, self.harvester, self.arguments)
        self.choice = SourceChoice(self.crawler, self.home, self.fetcher, self.arguments.source, self.begin, self.enter)

    async def start(self) -> AsyncIterator[Any]:
        if self.lacks_arguments():
            return
        is_whole = any(ref.is_all for ref in self.arguments.source)
        for request in self.home.ensure(self.search_all) if is_whole else self.choice.start():
            yield request

    def search_all(self) -> Output:
        """Search all sources at once."""
        yield self.search(None)

    def search(self, source_list: SourceList | None) -> Request:
        """Begin a search of one source, or of all."""
        search = Search(source_list)
        self.searches.append(search)
        return self.results.request(search, self.results.days)

    # By which number a source is searched

    def begin(self, source: KnownSource) -> Output:
        """Search a source, unless that was begun before."""
        if self.is_begun(source):
            return
        source_list = self.list_of(source)
        if source.ajax_id is not None:
            yield self.search(source_list)
        else:
            yield self.finder_of(source_list).request()

    def enter(self, response: Response, source: KnownSource | None, label: str | None) -> Output:
        """Search the source whose list an article's page leads into."""
        if source is not None and source.ajax_id is not None:
            yield from self.begin(source)
        elif source is None or not self.is_begun(source):
            yield from self.finder_of(self.list_of(source, label)).enter(response)

    def is_begun(self, source: KnownSource) -> bool:
        """Return True if a source is or was searched in this run."""
        return any(one.is_of(source) for one in self.lists)

    def list_of(self, source: KnownSource | None, label: str | None = None) -> SourceList:
        """Return the list of a source that is searched."""
        source_list = SourceList(self.run.archive.ledger, source, label)
        self.lists.append(source_list)
        return source_list

    def finder_of(self, source_list: SourceList) -> AjaxIdFinder:
        """Return what finds the ajax id of a source. The search form is asked before a browser would be."""
        lead = _SearchLead(self, source_list)
        return AjaxIdFinder(self.crawler, source_list, self.pages, Render.NEVER, lead)

    # What is pending

    def next_in_browser(self) -> list[Request]:
        """Return the request for the next day whose hits a browser must show."""
        return self.results.next_in_browser()

    def is_hit(self, wanted: Wanted) -> bool:
        """Return True if a pending article was found by a search of this run."""
        return any(wanted.id in search.hits for search in self.searches)

    # What it comes to

    @property
    def status(self) -> str:
        pages, hits = sum(one.pages for one in self.searches), sum(len(one.hits) for one in self.searches)
        return f"searching, {pages} pages with {hits} hits"

    @property
    def unfinished(self) -> str:
        if any(search.open for search in self.searches):
            return "the search was not answered on all its pages"
        return self.home.unanswered or self.fetcher.unanswered

    def take_stock(self) -> None:
        super().take_stock()
        self.run.owed = self.harvester.count_owed()
        for search in self.searches:
            self.results.sum_up(search)


class _SearchLead:
    """Searches a source once its ajax id is found: a :class:`~kcnacrawl.crawl.ajax_id.Finding`."""

    def __init__(self, spider: SearchSpider, source_list: SourceList) -> None:
        self._spider = spider
        self._list = source_list

    def found(self, cards: Sequence[Card]) -> Output:
        """Search the source."""
        del cards
        yield self._spider.search(self._list)

    def empty(self, response: Response, *, is_listing: bool) -> Output:
        """Ask the search form."""
        del response, is_listing
        yield from self._ask_form()

    def whole(self, cards: Sequence[Card]) -> Output:
        """Ask the search form: where a page shows its whole list, it need not tell an ajax id."""
        del cards
        yield from self._ask_form()

    def hidden(self, page_url: str, cards: Sequence[Card], why: str) -> Output:
        """Ask the search form."""
        del page_url, cards, why
        yield from self._ask_form()

    def _ask_form(self) -> Output:
        yield self._spider.results.form_request(self._list, lambda: self.found([]))

    def lost(self, cards: Sequence[Card]) -> Output:
        """Do nothing: no browser was asked."""
        del cards
        yield from ()
