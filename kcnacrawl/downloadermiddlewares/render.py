"""Requests that a browser answers. It is started for such a request alone: other runs do not even load Playwright."""

import asyncio
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.http import Response

from ..exceptions import BrowserFailed, NoBrowser
from ..run import Run

if TYPE_CHECKING:
    from ..render.browser import RenderedPage

STEP: Final = "render"
"""Key of a request's ``meta``: the :class:`Step` it wants."""

NO_BROWSER: Final = (
    "no Chromium was found: install one (`playwright install --with-deps chromium`, or your system's package"
    " `chromium`), or give its path as KCNACRAWL_BROWSER"
)


class Step(StrEnum):
    """What a request wants of a browser."""

    ASK = "ask"
    """Which request the page's *More Articles* sends: its address is the response's. The browser is closed after."""

    OPEN = "open"
    """The page as it shows itself. It stays open, in place of the one that was."""

    MORE = "more"
    """What *More Articles* adds to the page that is open; nothing if the button is gone."""


class RenderMiddleware:
    """Answers requests that have a :data:`STEP`. What the page itself asks for goes through Scrapy's downloader."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._config = Run.of(crawler).config
        self._page: RenderedPage | None = None
        self._turn = asyncio.Lock()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        middleware = cls(crawler)
        crawler.signals.connect(middleware.spider_closed, signal=signals.spider_closed)
        return middleware

    async def process_request(self, request: Request) -> Response | None:
        step = request.meta.get(STEP)
        if step is None:
            return None
        # One browser at a time, however many lists want one.
        async with self._turn:
            try:
                response = await self._take(Step(step), request.url)
            except Exception:
                await self._close()
                raise
        return response.replace(request=request)

    async def spider_closed(self) -> None:
        await self._close()

    async def _take(self, step: Step, url: str) -> Response:
        if step is Step.ASK:
            return await self._ask(url)
        if step is Step.OPEN:
            return await self._open(url)
        if self._page is None:
            raise BrowserFailed("the page is no longer open")
        more = await self._page.more()
        if more is None:
            await self._close()
        return more or Response(url)

    async def _ask(self, url: str) -> Response:
        response = await self._open(url)
        if self._page is not None and response.status == 200:
            response = Response(await self._page.ask())
        await self._close()
        return response

    async def _open(self, url: str) -> Response:
        from ..render.browser import RenderedPage, find_chromium  # noqa: PLC0415 - plain runs need not load it

        await self._close()
        chromium = self._config.browser or find_chromium()
        if chromium is None:
            raise NoBrowser(NO_BROWSER)
        self._crawler.stats.inc_value("kcnacrawl/browser/starts")
        self._page = RenderedPage(
            chromium,
            self._config.site,
            self._crawler.settings,
            self._crawler.engine.download_async,
            button_seconds=self._config.button_seconds,
        )
        return await self._page.open(url)

    async def _close(self) -> None:
        page, self._page = self._page, None
        if page is not None:
            await page.close()
