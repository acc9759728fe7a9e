"""``scrapy crawl sources``: which sources there are."""

import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from typing import Any, Final

from scrapy import Request
from scrapy.http import Response
from twisted.python.failure import Failure

from ..downloadermiddlewares.walls import markup_of
from ..items import WALLS, Rejected, Source
from ..pages import LayoutChanged, PageError
from ..pages.home import sources
from ..verdict import Verdict, hang_up, show
from .base import KcnaSpider

HOME_FRESH: Final = timedelta(days=7)
"""For so long the home page is believed to name all sources there are."""


class SourcesSpider(KcnaSpider):
    """Reads the home page and remembers its sources in the ledger.

    Gives one :class:`Source` each: as lines on standard output, or to the feed that is asked for.
    """

    name = "sources"

    # Whether the home page was asked for and not answered yet.
    is_home_open: bool = False

    def home_request(self, callback: Any, errback: Any) -> Request:
        """Return a request for the home page."""
        self.is_home_open = True
        return Request(self.site.home, callback=callback, errback=errback, dont_filter=True)

    @property
    def unfinished(self) -> str:
        return self.unanswered_home() or super().unfinished

    def unanswered_home(self) -> str:
        """Say that the home page was asked for and not answered; nothing if it was."""
        return "the home page was not answered" if self.is_home_open else ""

    @property
    def home_matters(self) -> bool:
        """Whether the run was asked for something that only the home page tells."""
        return True

    def knows_home(self) -> bool:
        """Return True if the home page was read of late: most articles name their source by its label alone, and only
        the home page tells which source has it.
        """
        read = self.run.archive.ledger.sources.home_read()
        return read is not None and timedelta() <= self.run.started - read < HOME_FRESH

    async def start(self) -> AsyncIterator[Any]:
        yield self.home_request(self.parse_home, self.home_failed)

    def parse_home(self, response: Response) -> Iterator[Source | Rejected]:
        """The sources the home page links to."""
        found = self.read_home(response)
        if isinstance(found, Rejected):
            yield found
            return
        if not self.settings.getdict("FEEDS"):
            self.show(found)
        yield from found

    def show(self, found: Sequence[Source]) -> None:
        """Print a line a source."""
        try:
            show("".join(f"{source.sid}\t{source.label}\t{source.url}\n" for source in found))
        except OSError as error:
            self.run.note(Verdict.STORAGE, f"cannot write {sys.stdout.name}: {error.strerror or error}")
            hang_up(sys.stdout)

    def home_failed(self, failure: Failure) -> Iterator[Rejected]:
        """A home page that could not be had."""
        request: Request = failure.request  # type: ignore[attr-defined]  # set by Scrapy for every errback
        self.is_home_open = False
        rejected = self.failure(None, request, failure)
        if self.home_matters:
            self.no_list(rejected, f"{rejected.detail}; try again later")
        yield rejected

    def read_home(self, response: Response) -> list[Source] | Rejected:
        """The sources, with the ajax ids the ledger knows; a page without any is not the home page."""
        self.count("pages/home")
        self.is_home_open = False
        if (strayed := self.strayed(response)) is not None:
            return self.home_unread(response, LayoutChanged(f"page: {strayed}"))
        try:
            found = sources(markup_of(response), response.url, self.site)
        except PageError as error:
            return self.home_unread(response, error)
        if not found:
            return self.home_unread(response, LayoutChanged("sources: no link to a source"))
        ledger = self.run.archive.ledger
        known = [ledger.sources.learn(sid=source.sid, label=source.label) for source in found]
        ledger.sources.learn_home_read(self.run.started)
        return [
            Source(sid=source.sid, label=source.label, url=source.url, ajax_id=one.ajax_id)
            for source, one in zip(found, known, strict=True)
        ]

    def home_unread(self, response: Response, error: PageError) -> Rejected:
        """A home page that is none we know, or a wall in its place."""
        rejected = self.unread(None, response, error)
        if self.home_matters:
            self.no_list(rejected, error.detail)
        return rejected

    def no_list(self, rejected: Rejected, told: str) -> None:
        """Holds it against the run that a page all else hangs on gave nothing, as what it gave instead."""
        if rejected.reason in WALLS:
            self.run.note(Verdict.REFUSED, f"{rejected.url}: {told}")
        elif rejected.reason == "layout_changed":
            self.run.note(Verdict.LAYOUT_CHANGED, f"{rejected.url}: {told}; the site no longer looks as known")
        else:
            self.run.note(Verdict.INCOMPLETE, f"{rejected.url}: {told}")
