"""Nothing leaves for another host, wherever a link or a redirect points, and no sign-up form is asked for."""

from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.utils.httpobj import urlparse_cached

from ..exceptions import LeftTheSite, SignUpRedirect
from ..run import Run
from ..site.urls import Site, is_sign_up


class OffsiteMiddleware:
    """Raises for such requests, so that the errback of what led there hears of it."""

    def __init__(self, site: Site) -> None:
        self._site = site

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(Run.of(crawler).site)

    async def process_request(self, request: Request) -> None:
        if not self._site.serves(request.url) and not _is_robots_elsewhere(request):
            raise LeftTheSite(f"leads away from the site, to {request.url[:200]}")
        if is_sign_up(request.url):
            raise SignUpRedirect("redirected to the sign-up form")


def _is_robots_elsewhere(request: Request) -> bool:
    """Return True for a robots.txt that has moved: to any host, and the rules in it are this site's (RFC 9309, section
    2.3.1.2).
    """
    return bool(request.meta.get("dont_obey_robotstxt")) and urlparse_cached(request).scheme in {"http", "https"}
