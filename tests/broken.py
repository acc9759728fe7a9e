"""Extensions and middlewares that raise, close and drop where nobody has foreseen it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, NoReturn, Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.http import Response


def fail(*_: object, **__: object) -> NoReturn:
    raise ZeroDivisionError("nobody foresaw this")


class BrokenExtension:
    """Raises in the handler of the signal that ``BROKEN_SIGNAL`` names."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        crawler.signals.connect(fail, signal=getattr(signals, crawler.settings["BROKEN_SIGNAL"]), weak=False)
        return cls()


class BrokenAtTheEnd:
    """Raises when the spider's run is taken stock of, or when its report is made."""

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        from kcnacrawl.extensions.report import Report
        from kcnacrawl.run import Run

        if crawler.settings["BROKEN_SIGNAL"] == "take_stock":
            crawler.signals.connect(
                lambda: setattr(Run.of(crawler), "take_stock", fail), signal=signals.spider_opened, weak=False
            )
        else:
            setattr(Report, crawler.settings["BROKEN_SIGNAL"], fail)
        return cls()


class BrokenDownloader:
    """Raises on the way to the site, for articles."""

    async def process_request(self, request: Request) -> None:
        if "/newstream/" in request.url:
            fail()


class ClosingExtension:
    """Has the spider closed for a reason of its own, which is spelled as one of ours."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._closing: asyncio.Task[None] | None = None

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler)
        crawler.signals.connect(extension.item_scraped, signal=signals.item_scraped)
        return extension

    def item_scraped(self) -> None:
        # Who awaits it here waits for the item that waits for this handler.
        if self._closing is None:
            closing = self._crawler.engine.close_spider_async(reason=self._crawler.settings["BROKEN_SIGNAL"])
            self._closing = asyncio.create_task(closing)


class DroppingStart:
    """Drops what a spider begins with."""

    async def process_start(self, start: AsyncIterator[Any]) -> AsyncIterator[Any]:
        async for one in start:
            if not isinstance(one, Request):
                yield one


class DroppingMiddleware:
    """Drops every third request that a spider yields, without a word."""

    def __init__(self) -> None:
        self._seen = 0

    async def process_spider_output(self, response: Response, result: AsyncIterator[Any]) -> AsyncIterator[Any]:
        del response
        async for one in result:
            self._seen += isinstance(one, Request)
            if not isinstance(one, Request) or self._seen % 3:
                yield one
