"""An extension, a pipeline and middlewares that raise where a setting says so: nobody has foreseen it."""

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
            Report._weigh = fail  # type: ignore[method-assign]
        return cls()


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
