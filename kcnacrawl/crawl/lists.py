"""A source's list: which one it is, and its pages."""

from collections.abc import Callable
from typing import Any

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.http import Response
from twisted.python.failure import Failure

from ..archive.attribution import find_sid
from ..archive.ledger import KnownSource, Ledger
from ..downloadermiddlewares.render import STEP, Step
from ..downloadermiddlewares.retry import MAY_BE_EMPTY
from ..downloadermiddlewares.walls import markup_of
from ..items import ArticleFields, Rejected
from ..pages import LayoutChanged, PageError
from ..pages.listing import ListingPage
from ..run import Run
from ..site.dates import listed_or_none
from ..site.labels import read_label
from ..verdict import Verdict
from .counts import Counts
from .fetch import ArticleFetcher
from .harvest import AHEAD
from .rejections import Output, Rejections


class SourceList:
    """Names one list, by what the site has shown of its source. What else is known of it, the ledger is asked.

    ``asked`` is the source as the run was asked for it, ``None`` where an article led to the list; then ``label`` is
    all that tells it.
    """

    def __init__(self, ledger: Ledger, asked: KnownSource | None, label: str | None = None) -> None:
        self._ledger = ledger
        self._asked = asked
        self._sid = asked.sid if asked else None
        self._ajax_id = asked.ajax_id if asked else None
        self.label = label

    @property
    def source(self) -> KnownSource | None:
        """The source as it is known by now; ``None`` as long as neither its sid nor its ajax id is."""
        return self._ledger.sources.find(sid=self._sid, ajax_id=self._ajax_id) or self._asked

    @property
    def key(self) -> int | None:
        """The ledger's key of the list; ``None`` until the site has shown that there is such a list."""
        return self.source.key if self.source else None

    @property
    def sid(self) -> int | None:
        """The sid of the source, if it is known."""
        return self.source.sid if self.source else None

    @property
    def name(self) -> str:
        """What a person calls the list."""
        if (source := self.source) is None:
            return self.label or "a list of unknown source"
        return f"{source.name} {source.label or self.label or ''}".strip()

    def is_of(self, source: KnownSource) -> bool:
        """Return True if this is the list of a source."""
        own = self.source
        return own is not None and (own.key, own.sid, own.name) == (source.key, source.sid, source.name)

    def attribute(self, fields: ArticleFields) -> int | None:
        """Return the sid of an article found in the list: the list's, unless the page says otherwise.

        First the list learns its own source from a page that names it.
        """
        source, sid = self.source, find_sid(self._ledger, fields.label, fields.source_id, None)
        is_news = source is not None and (source.sid is None or (source.sid == sid and source.label is None))
        if source is not None and is_news and sid is not None and read_label(fields.label).name is not None:
            self.learn(sid=sid, ajax_id=source.ajax_id, label=fields.label)
        return find_sid(self._ledger, fields.label, fields.source_id, self.key)

    def learn(self, *, sid: int | None = None, ajax_id: int | None = None, label: str | None = None) -> None:
        """Have the ledger learn what the site has shown of the source, which may prove two lists to be one."""
        source = self._ledger.sources.learn(sid=sid, ajax_id=ajax_id, label=label)
        self._asked, self._sid, self._ajax_id = source, source.sid, source.ajax_id


class ListingPages:
    """Requests pages of lists and reads their cards."""

    def __init__(self, crawler: Crawler, fetcher: ArticleFetcher) -> None:
        self._run = Run.of(crawler)
        self._counts = Counts(crawler)
        self._fetcher = fetcher
        self._rejections = Rejections(crawler)

    def request(
        self,
        url: str,
        callback: Callable[..., Output],
        errback: Callable[[Failure], Output],
        *,
        may_be_empty: bool = False,
        **kwargs: Any,
    ) -> Request:
        """Return the request for a page, which goes ahead of the articles as long as few of those wait."""
        return Request(
            url,
            callback=callback,
            errback=errback,
            cb_kwargs=kwargs,
            priority=1 if len(self._fetcher.in_flight) < AHEAD else -1,
            meta={MAY_BE_EMPTY: may_be_empty},
            dont_filter=True,
        )

    def in_browser(
        self, step: Step, url: str, callback: Callable[..., Output], errback: Callable[[Failure], Output], **kwargs: Any
    ) -> Request:
        """Return the request for a page that a browser shows. What it loads is fetched, and retried, one by one."""
        request = self.request(url, callback, errback, may_be_empty=True, **kwargs)
        request.meta.update({STEP: step, "dont_retry": True})
        return request

    def read(self, response: Response) -> ListingPage:
        """Return a page, its cards read. Raise :class:`~kcnacrawl.pages.PageError`."""
        if (strayed := self._rejections.strayed(response)) is not None:
            raise LayoutChanged(f"page: {strayed}")
        page = ListingPage(markup_of(response), response.url, self._run.site)
        unreadable = page.unreadable
        if page.cards and not any(listed_or_none(card.date_listed_raw) for card in page.cards):
            self._run.archive.keep_page(self._run.id, "listing", response.body)
        if unreadable:
            self._counts.add("cards/unreadable", unreadable)
            self._run.note(
                Verdict.INCOMPLETE, f"{response.url}: {unreadable} cards could not be read; see `pages/listing.py`"
            )
        return page

    def fail(self, failure: Failure, name: str) -> Rejected:
        """Say why a page could not be had: the crawl of the list is incomplete, and the next run crawls it again."""
        rejected = self._rejections.failed(failure)
        self._counts.add("walk/stop/listing_failed")
        hint = "`scrapy crawl sources` lists the sources" if rejected.reason == "not_found" else "run again"
        message = f"{rejected.detail}; the walk of {name} ends there; {hint}"
        self._rejections.hold_against_run(rejected, message)
        return rejected

    def unread(self, response: Response, error: PageError) -> Rejected:
        """Say what came in the place of a page, which ends the crawl of its list."""
        rejected = self._rejections.unread(response, error)
        self._counts.add(f"walk/stop/{rejected.reason}")
        self._rejections.hold_against_run(rejected, error.detail)
        return rejected
