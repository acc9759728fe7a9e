"""Requests that a page in a browser answers, and not the network; and whether there is to be one.

A browser is started for such a request alone: a run without one does not even load Playwright.
"""

import asyncio
import shutil
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from scrapy import Request, signals
from scrapy.crawler import Crawler
from scrapy.http import Response
from scrapy.settings import BaseSettings

from ..arguments import ArgumentError
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


class Render(StrEnum):
    """``KCNACRAWL_RENDER``: when a browser is used."""

    NEVER = "never"
    AUTO = "auto"
    ALWAYS = "always"


class Step(StrEnum):
    """What a request wants of a browser."""

    ASK = "ask"
    """Which request the page's *More Articles* sends: its address is the response's. The browser is closed after."""

    OPEN = "open"
    """The page as it shows itself. It stays open, in place of the one that was."""

    MORE = "more"
    """What *More Articles* adds to the page that is open; nothing if the button is gone."""


def read_render(settings: BaseSettings) -> Render:
    """``KCNACRAWL_RENDER``; raises :class:`ArgumentError`."""
    text = str(settings.get("KCNACRAWL_RENDER") or "").strip()
    try:
        return Render(text)
    except ValueError as error:
        raise ArgumentError(f"setting KCNACRAWL_RENDER={text[:200]!r}: not one of {', '.join(Render)}") from error


def read_browser(settings: BaseSettings) -> str | None:
    """``KCNACRAWL_BROWSER``, a program; ``None`` if it is not set. Raises :class:`ArgumentError`."""
    text = str(settings.get("KCNACRAWL_BROWSER") or "").strip()
    if not text:
        return None
    if (found := shutil.which(Path(text).expanduser())) is None:
        raise ArgumentError(f"setting KCNACRAWL_BROWSER={text[:200]!r}: not a program that can be run")
    return str(found)


def check_render(settings: BaseSettings) -> None:
    """Raises :class:`ArgumentError` for a bad setting, or where a browser is asked for and there is none."""
    render, chosen = read_render(settings), read_browser(settings)
    if render is Render.ALWAYS and chosen is None:
        from ..render.browser import find_chromium  # noqa: PLC0415 - plain runs need not load it

        if find_chromium() is None:
            raise ArgumentError(f"setting KCNACRAWL_RENDER='always': {NO_BROWSER}")


class RenderMiddleware:
    """Answers requests that have a :data:`STEP`. What the page itself asks for goes through Scrapy's downloader."""

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._site = Run.of(crawler).site
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
        settings = self._crawler.settings
        chromium = read_browser(settings) or find_chromium()
        if chromium is None:
            raise NoBrowser(NO_BROWSER)
        self._crawler.stats.inc_value("kcnacrawl/browser/starts")
        self._page = RenderedPage(
            chromium,
            self._site,
            settings,
            self._crawler.engine.download_async,
            button_seconds=Run.of(self._crawler).limits.button_seconds,
        )
        return await self._page.open(url)

    async def _close(self) -> None:
        page, self._page = self._page, None
        if page is not None:
            await page.close()
