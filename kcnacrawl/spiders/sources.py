"""``scrapy crawl sources``: which sources there are."""

import sys
from collections.abc import AsyncIterator
from typing import Any

from ..crawl.rejections import Output
from ..crawl.sources import HomePage
from ..items import Source
from ..verdict import Verdict, hang_up, show
from .base import KcnaSpider


class SourcesSpider(KcnaSpider):
    """Reads the home page, of which the ledger learns its sources.

    Gives one :class:`~kcnacrawl.items.Source` each: as lines on standard output, or to the feed that is asked for.
    """

    name = "sources"

    def assemble(self) -> None:
        self.home = HomePage(self.crawler)

    async def start(self) -> AsyncIterator[Any]:
        yield self.home.request(self.publish, matters=True)

    def publish(self, found: list[Source] | None) -> Output:
        """Yield the sources, and print a line each where no feed takes them."""
        if found and not self.settings.getdict("FEEDS"):
            try:
                show("".join(f"{source.sid}\t{source.label}\t{source.url}\n" for source in found))
            except OSError as error:
                self.run.note(Verdict.STORAGE, f"cannot write {sys.stdout.name}: {error.strerror or error}")
                hang_up(sys.stdout)
        yield from found or ()

    @property
    def unfinished(self) -> str:
        return self.home.unanswered
