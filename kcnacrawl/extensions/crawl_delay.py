"""``Crawl-delay`` of robots.txt, which Scrapy reads and does not apply. It can only slow us down."""

import logging
from typing import Final, Self

from scrapy import Request, signals
from scrapy.core.downloader import Slot
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.robotstxt import ProtegoRobotParser, RobotParser
from scrapy.settings import SETTINGS_PRIORITIES

from ..run import Run

_LONG: Final = 60.0
"""A delay of so many seconds or more is worth a warning: a crawl takes years."""

_DAY: Final = 86_400

logger = logging.getLogger(__name__)


def slot_of(crawler: Crawler, request: Request) -> Slot | None:
    """Return the downloader's slot that a request waits in. Slots come and go, so ask at every request."""
    # As Scrapy's AutoThrottle does it.
    return crawler.engine.downloader.slots.get(request.meta.get("download_slot", ""))


class CrawlDelay:
    """Keeps every download slot at the site's delay, unless a delay was given on the command line, which wins."""

    def __init__(self, crawler: Crawler) -> None:
        settings = crawler.settings
        if (settings.getpriority("DOWNLOAD_DELAY") or 0) >= SETTINGS_PRIORITIES["cmdline"]:
            raise NotConfigured
        self._crawler = crawler
        self._agent: str = settings["ROBOTSTXT_USER_AGENT"] or settings["USER_AGENT"]
        self._delay = 0.0

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        extension = cls(crawler)
        crawler.signals.connect(extension.robots_parsed, signal=signals.robots_parsed)
        crawler.signals.connect(extension.request_reached_downloader, signal=signals.request_reached_downloader)
        return extension

    def robots_parsed(self, robotparser: RobotParser) -> None:
        if isinstance(robotparser, ProtegoRobotParser):
            self._delay = max(self._delay, robotparser.rp.crawl_delay(self._agent) or 0.0)
            if self._delay >= _LONG:
                Run.of(self._crawler).warn(
                    f"robots.txt asks for {self._delay:g} seconds between requests, which is kept to:"
                    f" {_DAY / self._delay:.4g} pages a day"
                )
            if self._delay > self._crawler.settings.getfloat("DOWNLOAD_DELAY"):
                logger.info("robots.txt asks for %g seconds between requests", self._delay)

    def request_reached_downloader(self, request: Request) -> None:
        if (slot := slot_of(self._crawler, request)) is not None:
            slot.delay = max(slot.delay, self._delay)
