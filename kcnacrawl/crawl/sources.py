"""Which sources a run is about: the home page names them all, arguments name some of them."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from ..archive.ledger import KnownSource
from ..arguments import SourceRef
from ..downloadermiddlewares.walls import markup_of
from ..items import Rejected, ScrapedPage, Source
from ..pages import LayoutChanged, PageError
from ..pages.home import sources
from ..run import Run
from ..site.labels import is_bare, is_meant
from ..site.urls import ArticleAddress
from ..verdict import Verdict
from .counts import Counts
from .fetch import ArticleFetcher
from .rejections import Output, Rejections, request_of

HOME_FRESH: Final = timedelta(days=7)
"""For so long the home page is believed to name all sources there are."""


class HomePage:
    """Reads the site's home page and has the ledger learn its sources.

    Most articles name their source by its label alone, and only the home page tells which source has it.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._run = Run.of(crawler)
        self._counts = Counts(crawler)
        self._rejections = Rejections(crawler)
        self.is_open = False

    def is_fresh(self) -> bool:
        """Return True if the home page was read of late."""
        read = self._run.archive.ledger.sources.home_read()
        return read is not None and timedelta() <= self._run.started - read < HOME_FRESH

    def ensure(self, go_on: Callable[[], Output]) -> Output:
        """Request the home page, unless it was read of late, and go on whatever comes of it."""
        if self.is_fresh():
            yield from go_on()
        else:
            yield self.request(lambda _: go_on(), matters=False)

    def request(self, go_on: Callable[[list[Source] | None], Output], *, matters: bool) -> Request:
        """Return the request for the home page; ``go_on`` takes the sources, ``None`` if they could not be had.

        If it ``matters``, the run cannot do what it was asked for without.
        """
        self.is_open = True
        return Request(
            self._run.site.home,
            callback=self._parse,
            errback=self._fail,
            cb_kwargs={"go_on": go_on, "matters": matters},
            dont_filter=True,
        )

    @property
    def unanswered(self) -> str:
        """That the home page was requested and not answered, in words; empty if it was."""
        return "the home page was not answered" if self.is_open else ""

    def _parse(self, response: Response, go_on: Callable[[list[Source] | None], Output], *, matters: bool) -> Output:
        self._counts.add("pages/home")
        self.is_open = False
        try:
            found = self._read(response)
        except PageError as error:
            rejected = self._rejections.unread(response, error)
            if matters:
                self._rejections.hold_against_run(rejected, error.detail)
            yield rejected
            yield from go_on(None)
        else:
            yield from go_on(found)

    def _fail(self, failure: Failure) -> Output:
        asked = request_of(failure).cb_kwargs
        self.is_open = False
        rejected = self._rejections.failed(failure)
        if asked["matters"]:
            self._rejections.hold_against_run(rejected, f"{rejected.detail}; try again later")
        yield rejected
        yield from asked["go_on"](None)

    def _read(self, response: Response) -> list[Source]:
        """Return the sources, with the ajax ids the ledger knows. A page without any is not the home page."""
        if (strayed := self._rejections.strayed(response)) is not None:
            raise LayoutChanged(f"page: {strayed}")
        found = sources(markup_of(response), response.url, self._run.site)
        if not found:
            raise LayoutChanged("sources: no link to a source")
        ledger = self._run.archive.ledger
        known = [ledger.sources.learn(sid=source.sid, label=source.label) for source in found]
        ledger.sources.learn_home_read(self._run.started)
        return [
            Source(sid=source.sid, label=source.label, url=source.url, ajax_id=one.ajax_id)
            for source, one in zip(found, known, strict=True)
        ]


class SourceChoice:
    """Finds the sources that a run was asked for, whichever way they were named, and begins each.

    ``begin`` takes a source. ``enter`` takes an article's page that leads into a source's list, the source if the
    page names it, and its label.
    """

    def __init__(
        self,
        crawler: Crawler,
        home: HomePage,
        fetcher: ArticleFetcher,
        refs: Sequence[SourceRef],
        begin: Callable[[KnownSource], Output],
        enter: Callable[[Response, KnownSource | None, str | None], Output],
    ) -> None:
        self._run = Run.of(crawler)
        self._home = home
        self._fetcher = fetcher
        self._refs = refs
        self._begin = begin
        self._enter = enter

    def start(self) -> Output:
        """Begin every source. Nothing is walked before all names are known to be names."""
        known = [self._known(ref) for ref in self._refs]
        needs_labels = any(ref.ajax_id is None for ref in self._refs)
        if None in known or (needs_labels and not self._home.is_fresh()):
            matters = any(ref.is_all or ref.label for ref in self._refs)
            yield self._home.request(self._begin_all, matters=matters)
            return
        for source in filter(None, known):
            yield from self._begin(source)

    def _known(self, ref: SourceRef) -> KnownSource | None:
        """Return the source that a reference names, unless only the home page can tell."""
        ledger = self._run.archive.ledger
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

    def _named(self, said: str) -> list[KnownSource]:
        """Return the sources that a label or a name means, as the ledger knows them."""
        known = self._run.archive.ledger.sources.all()
        return [one for one in known if one.sid is not None and one.label and is_meant(one.label, said)]

    def _begin_all(self, found: list[Source] | None) -> Output:
        """Begin every source; without the home page, those that need no name."""
        nameless = [ref.label for ref in self._refs if ref.label and not self._named(ref.label)]
        if found is not None and nameless:
            there_are = ", ".join(one.label for one in found)
            message = f"argument source={nameless[0]!r}: no such source; there are: {there_are}"
            self._run.note(Verdict.USAGE, message)
            return
        for ref in self._refs:
            if ref.article is not None and self._known(ref) is None:
                yield self._entry_request(ref.article)
            else:
                for source in self._meant(ref, found or []):
                    yield from self._begin(source)

    def _meant(self, ref: SourceRef, found: Sequence[Source]) -> list[KnownSource]:
        """Return the sources that a reference means; ``found`` are those of the home page."""
        if (source := self._known(ref)) is not None:
            return [source]
        ledger = self._run.archive.ledger
        if ref.ajax_id is not None:
            return [ledger.sources.find(ajax_id=ref.ajax_id) or KnownSource(None, None, ref.ajax_id, None)]
        if ref.label is not None:
            return self._named(ref.label)
        return [ledger.sources.find(sid=one.sid) or KnownSource(None, one.sid, None, None) for one in found]

    # An article as the way in

    def _entry_request(self, address: ArticleAddress) -> Request:
        """Return the request for an article whose "More From" block and button lead into its source's list."""
        self._run.archive.ledger.queue.want_url(address.id, self._run.site.article(address))
        request = self._fetcher.request(address)
        return request.replace(callback=self._parse_entry, errback=self._fail_entry, cb_kwargs={"address": address})

    def _parse_entry(self, response: Response, address: ArticleAddress) -> Output:
        label: str | None = None
        sid: int | None = None
        for item in self._fetcher.parse(response, address, None, self._fetcher.attribute):
            if isinstance(item, ScrapedPage):
                label, sid = item.fields.label, item.source_id
            yield item
        source = self._run.archive.ledger.sources.learn(sid=sid, label=label) if sid is not None else None
        yield from self._enter(response, source, label)

    def _fail_entry(self, failure: Failure) -> Output:
        for item in self._fetcher.fail(failure):
            if isinstance(item, Rejected):
                self._run.note(Verdict.INCOMPLETE, f"{item.url}: {item.detail}; its list was not walked")
            yield item
