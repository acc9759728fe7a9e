"""Keeping requests on the site, wherever a link or a redirect points, and off its sign-up form."""

from ipaddress import ip_address
from typing import Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.utils.httpobj import urlparse_cached

from ..exceptions import LeftTheSite, SignUpRedirect
from ..run import Run
from ..site.urls import Site, is_sign_up


class OffsiteMiddleware:
    """Raises for requests that leave, so that the errback of what led there hears of it."""

    def __init__(self, site: Site) -> None:
        self._site = site

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        return cls(Run.of(crawler).site)

    async def process_request(self, request: Request) -> None:
        if not self._site.serves(request.url) and not self._is_robots_elsewhere(request):
            raise LeftTheSite(f"leads away from the site, to {request.url[:200]}")
        if is_sign_up(request.url):
            raise SignUpRedirect("redirected to the sign-up form")

    def _is_robots_elsewhere(self, request: Request) -> bool:
        """Return True for a robots.txt that has moved: to any host, and the rules in it are this site's (RFC 9309,
        section 2.3.1.2). A site on the Internet has none on our own network.
        """
        target = urlparse_cached(request)
        is_robots = bool(request.meta.get("dont_obey_robotstxt")) and target.scheme in {"http", "https"}
        return is_robots and (is_private(self._site.host) or not is_private(target.hostname or ""))


def is_private(host: str) -> bool:
    """Return True for the name or address of a host that only our own machine or network knows."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local", ".internal"))
