"""Keeping to robots.txt, also where it cannot be read (RFC 9309, section 2.3.1)."""

from urllib.parse import urlsplit

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.robotstxt import RobotParser
from scrapy.utils.httpobj import urlparse_cached

from ..exceptions import ForbiddenByRobots, RobotsUnreachable
from .compression import UNDECODABLE


class RobotsMiddleware(RobotsTxtMiddleware):
    """Forbids everything where robots.txt cannot be had, which Scrapy takes for leave: it fails for the network's or
    the server's sake, or is redirected more than five times, or to what is no web address.
    """

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._unreachable: dict[str, str] = {}
        self._answered: set[str] = set()

    async def robot_parser(self, request: Request) -> RobotParser | None:
        parser = await super().robot_parser(request)
        netloc = urlparse_cached(request).netloc
        if parser is None and netloc not in self._answered:
            self._unreachable.setdefault(netloc, "its redirects lead nowhere")
        if why := self._unreachable.get(netloc):
            raise RobotsUnreachable(f"robots.txt could not be read ({why}), so nothing is fetched")
        return parser

    def process_request_2(self, rp: RobotParser | None, request: Request) -> None:
        try:
            super().process_request_2(rp, request)
        except IgnoreRequest as error:
            raise ForbiddenByRobots(f"robots.txt forbids {request.url[:500]}; it is kept to") from error

    def process_response(self, request: Request, response: Response) -> Response:
        """Take a robots.txt that is missing as forbidding nothing, whatever its page says; one that fails as forbidding
        everything.
        """
        if not _is_robots(request):
            return response
        self._answered.add(_netloc(request))
        if 300 <= response.status < 400:
            self._fail(request, f"the site answered {response.status}, and it leads nowhere")
        if response.status >= 500 or response.status == 429:
            self._fail(request, f"the site answered {response.status}")
        if UNDECODABLE in response.flags:
            self._fail(request, "a body that does not unpack")
        return response.replace(body=b"") if response.status >= 400 else response

    def process_exception(self, request: Request, exception: Exception) -> None:
        if _is_robots(request):
            kind = "" if isinstance(exception, IgnoreRequest) else f"{type(exception).__name__}: "
            self._fail(request, f"{kind}{exception}"[:300])

    def _fail(self, request: Request, why: str) -> None:
        self._unreachable[_netloc(request)] = why
        raise RobotsUnreachable(why)


def _netloc(request: Request) -> str:
    """Return the host whose robots.txt this is, wherever it was redirected."""
    first: str = request.meta.get("redirect_urls", [request.url])[0]
    return urlsplit(first).netloc


def _is_robots(request: Request) -> bool:
    return bool(request.meta.get("dont_obey_robotstxt"))
