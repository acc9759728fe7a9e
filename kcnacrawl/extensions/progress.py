"""Progress: a line that stays at a terminal, a log line now and then elsewhere."""

import logging
import sys
import time
from collections.abc import Callable
from typing import Self

from rich.console import Console
from rich.highlighter import NullHighlighter
from rich.live import Live
from rich.logging import RichHandler
from rich.text import Text
from scrapy import Spider, signals
from scrapy.crawler import Crawler
from scrapy.statscollectors import StatsCollector
from scrapy.utils.asyncio import AsyncioLoopingCall
from scrapy.utils.log import get_scrapy_root_handler

from ..spiders.base import KcnaSpider

logger = logging.getLogger(__name__)

_REFRESH = 0.5


class Progress:
    """Shows pages, new, known and failed articles, the rate, and what is being crawled."""

    def __init__(self, stats: StatsCollector, interval: float, *, live: bool) -> None:
        self._stats = stats
        self._interval = interval
        self._live = Live(console=Console(stderr=True), auto_refresh=False, transient=True) if live else None
        self._call: AsyncioLoopingCall | None = None
        self._started = 0.0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        settings = crawler.settings
        live = sys.stderr.isatty() and settings.getbool("LOG_ENABLED") and not settings.get("LOG_FILE")
        progress = cls(crawler.stats, settings.getfloat("LOGSTATS_INTERVAL"), live=live)
        crawler.signals.connect(progress.spider_opened, signal=signals.spider_opened)
        crawler.signals.connect(progress.spider_closed, signal=signals.spider_closed)
        return progress

    def spider_opened(self, spider: Spider) -> None:
        self._started = time.monotonic()
        if self._live is not None:
            self._take_over_log(self._live.console)
            self._live.start()
            self._repeat(self._show, spider, _REFRESH)
        elif self._interval:
            self._repeat(self._log, spider, self._interval)

    def spider_closed(self) -> None:
        if self._call is not None and self._call.running:
            self._call.stop()
        if self._live is not None:
            self._live.stop()

    def _repeat(self, what: Callable[[Spider], None], spider: Spider, seconds: float) -> None:
        self._call = AsyncioLoopingCall(what, spider)
        self._call.start(seconds, now=False)

    def _show(self, spider: Spider) -> None:
        if self._live is not None:
            self._live.update(Text(self._line(spider), overflow="ellipsis", no_wrap=True), refresh=True)

    def _log(self, spider: Spider) -> None:
        logger.info("%s", self._line(spider))

    def _line(self, spider: Spider) -> str:
        pages = self._count("pages/article") + self._count("pages/listing") + self._count("pages/home")
        rate = 60 * pages / max(time.monotonic() - self._started, 1e-9)
        failed = sum(
            value
            for name, value in self._stats.get_stats().items()
            if name.startswith("kcnacrawl/rejected/") and isinstance(value, int)
        )
        status = spider.status if isinstance(spider, KcnaSpider) else ""
        return (
            f"{pages} pages, {self._count('articles/new')} new, {self._count('articles/known')} known, "
            f"{failed} failed, {rate:.0f} pages/min" + (f"; {status}" if status else "")
        )

    def _count(self, name: str) -> int:
        return int(self._stats.get_value(f"kcnacrawl/{name}", 0))

    @staticmethod
    def _take_over_log(console: Console) -> None:
        """Have the console that owns the progress line write log lines above it."""
        root, plain = logging.getLogger(), get_scrapy_root_handler()
        if plain is None or plain not in root.handlers:
            return
        handler = RichHandler(console=console, show_path=False, highlighter=NullHighlighter())
        handler.setLevel(plain.level)
        for one in plain.filters:
            handler.addFilter(one)
        root.removeHandler(plain)
        root.addHandler(handler)
