"""``scrapy crawl sources``: which sources there are."""

import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

from scrapy import Request
from scrapy.http import Response
from twisted.python.failure import Failure

from ..items import Rejected, Source
from ..pages import PageError
from ..pages.home import sources
from ..verdict import Verdict
from .base import KcnaSpider


class SourcesSpider(KcnaSpider):
    """Reads the home page and remembers its sources in the ledger.

    Gives one :class:`Source` each: as lines on standard output, or to the feed that is asked for.
    """

    name = "sources"

    @property
    def home_matters(self) -> bool:
        """Whether the run was asked for something that only the home page tells."""
        return True

    async def start(self) -> AsyncIterator[Any]:
        yield Request(self.site.home, callback=self.parse_home, errback=self.home_failed, dont_filter=True)

    def parse_home(self, response: Response) -> Iterator[Source | Rejected]:
        """The sources the home page links to."""
        found = self.read_home(response)
        if isinstance(found, Rejected):
            yield found
            return
        if not self.settings.getdict("FEEDS"):
            for source in found:
                sys.stdout.write(f"{source.sid}\t{source.label}\t{source.url}\n")
        yield from found

    def home_failed(self, failure: Failure) -> Iterator[Rejected]:
        """A home page that could not be had."""
        request: Request = failure.request  # type: ignore[attr-defined]  # set by Scrapy for every errback
        rejected = self.failure(None, request, failure)
        if self.home_matters:
            self.run.note(Verdict.INCOMPLETE, f"{request.url}: {rejected.detail}; try again later")
        yield rejected

    def read_home(self, response: Response) -> list[Source] | Rejected:
        """The sources, with the ajax ids the ledger knows; a page without any is not the home page."""
        self.count("pages/home")
        if (strayed := self.strayed(response)) is not None:
            return self.home_changed(response, strayed)
        try:
            found = sources(self.markup(response), response.url, self.site)
        except PageError as error:
            return self.home_changed(response, error.detail)
        if not found:
            return self.home_changed(response, "no link to a source")
        ledger = self.run.archive.ledger
        known = [ledger.learn_source(sid=source.sid, label=source.label) for source in found]
        return [
            Source(sid=source.sid, label=source.label, url=source.url, ajax_id=one.ajax_id)
            for source, one in zip(found, known, strict=True)
        ]

    def home_changed(self, response: Response, detail: str) -> Rejected:
        """A home page that is none we know."""
        if self.home_matters:
            self.run.note(Verdict.LAYOUT_CHANGED, f"{response.url}: {detail}; the site no longer looks as known")
        return self.rejected(None, response.url, "layout_changed", detail, response.status)
