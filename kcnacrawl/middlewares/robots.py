"""robots.txt, kept to also where it cannot be read (RFC 9309, section 2.3.1)."""

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.robotstxt import RobotsTxtMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response
from scrapy.robotstxt import RobotParser
from scrapy.utils.httpobj import urlparse_cached

from .compression import UNDECODABLE


class ForbiddenByRobots(IgnoreRequest):
    """The site's robots.txt forbids this address."""


class RobotsUnreachable(IgnoreRequest):
    """There is a robots.txt and it cannot be had, so nothing may be fetched until it can."""


class RobotsMiddleware(RobotsTxtMiddleware):
    """Where robots.txt fails for the network's or the server's sake, Scrapy allows everything; this forbids it."""

    def __init__(self, crawler: Crawler) -> None:
        super().__init__(crawler)
        self._unreachable: dict[str, str] = {}

    async def robot_parser(self, request: Request) -> RobotParser | None:
        parser = await super().robot_parser(request)
        if why := self._unreachable.get(urlparse_cached(request).netloc):
            raise RobotsUnreachable(f"robots.txt could not be read ({why}), so nothing is fetched")
        return parser

    def process_request_2(self, rp: RobotParser | None, request: Request) -> None:
        try:
            super().process_request_2(rp, request)
        except IgnoreRequest as error:
            raise ForbiddenByRobots(f"robots.txt forbids {request.url[:500]}; it is kept to") from error

    def process_response(self, request: Request, response: Response) -> Response:
        """A robots.txt that is missing forbids nothing, whatever its page says; one that fails forbids everything."""
        if not _is_robots(request):
            return response
        if response.status >= 500 or response.status == 429:
            self._fail(request, f"the site answered {response.status}")
        if UNDECODABLE in response.flags:
            self._fail(request, "a body that does not unpack")
        return response.replace(body=b"") if response.status >= 400 else response

    def process_exception(self, request: Request, exception: Exception) -> None:
        # A redirect to elsewhere, or without end, counts as missing.
        if _is_robots(request) and not isinstance(exception, IgnoreRequest):
            self._fail(request, f"{type(exception).__name__}: {exception}"[:300])

    def _fail(self, request: Request, why: str) -> None:
        self._unreachable[urlparse_cached(request).netloc] = why
        raise RobotsUnreachable(why)


def _is_robots(request: Request) -> bool:
    return bool(request.meta.get("dont_obey_robotstxt"))
