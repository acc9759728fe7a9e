"""Retrying pages that failed as Scrapy does, but not at once; and more counts as failed."""

import asyncio
import re
from collections import Counter
from typing import Final

from scrapy import Request
from scrapy.downloadermiddlewares.retry import RetryMiddleware, get_retry_request
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError

from ..exceptions import BadAnswer
from ..run import Run
from .compression import UNDECODABLE
from .retry_after import REFUSALS, backoff
from .walls import wall_of

MAY_BE_EMPTY: Final = "may_be_empty"
"""Key of a request's ``meta`` where nothing is an answer, too."""

_EMPTY: Final = "an empty page"
# What WordPress shows with a status of success while its database is away; a page of the site's is longer.
_OUT_OF_ORDER: Final = re.compile(
    rb"Error establishing a (?:Redis |database )+connection|There has been a critical error on this website"
    rb"|Briefly unavailable for scheduled maintenance",
    re.IGNORECASE,
)
_LONGEST_ERROR: Final = 10_000
# Whole pages end within so much in `</html>`: looked at first, as to fold a whole page takes longer.
_END: Final = 200
# A request that asks for what is not there.
_ASKED_WRONGLY: Final = frozenset({400, 404, 410})

# Elements whose end tags may not be left out.
_CLOSED: Final = (b"article", b"div", b"span", b"a", b"h4")
_TAGS: Final = re.compile(rb"<(/?(?:article|div|span|a|h4))(?=[\s>])")


class BackoffRetry(RetryMiddleware):
    """Waits before each retry, longer each time. Raises :class:`BadAnswer` after the last."""

    async def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]  # Scrapy awaits either
        if response.status in self.retry_http_codes and wall_of(response) is not None:
            # Asking again is no way through it.
            return response
        spider = self.crawler.spider
        if (fault := fault_of(request, response)) is None or spider is None:
            return await self._later(super().process_response(request, response), response)
        again = get_retry_request(request, spider=spider, reason=fault)
        if again is None:
            raise BadAnswer(fault)
        return await self._later(again, response)

    async def process_exception(self, request: Request, exception: Exception) -> Request | Response | None:  # type: ignore[override]  # as above
        result = super().process_exception(request, exception)
        return await self._later(result) if result is not None else None

    async def _later(self, result: Request | Response, response: Response | None = None) -> Request | Response:
        # One who pauses the whole site waits for all.
        paused = response is not None and response.status in REFUSALS
        if isinstance(result, Request) and not paused:
            await asyncio.sleep(backoff(Run.of(self.crawler).config.backoff, result.meta["retry_times"] - 1))
        return result


def has_nothing(error: BaseException | None) -> bool:
    """Return True if the site answered, as often as it was asked, that it has nothing there."""
    if isinstance(error, HttpError):
        return error.response.status in _ASKED_WRONGLY
    return isinstance(error, BadAnswer) and error.fault == _EMPTY


def fault_of(request: Request, response: Response) -> str | None:
    """Return what is wrong with an answer, apart from its status and what it says; ``None`` if nothing is. What becomes
    of a bad robots.txt is not decided here.
    """
    if request.meta.get("dont_obey_robotstxt"):
        return None
    if UNDECODABLE in response.flags:
        return "a body that does not unpack"
    if response.status != 200:
        return None
    if not request.meta.get(MAY_BE_EMPTY) and not response.body.strip():
        return _EMPTY
    is_short = len(response.body) <= _LONGEST_ERROR and b"/newstream/" not in response.body
    if is_short and (told := _OUT_OF_ORDER.search(response.body)):
        return f"a page that says {told[0].decode('latin-1')!r}"
    if "partial" in response.flags and is_cut(response.body):
        return "a page cut short"
    return None


def is_cut(body: bytes) -> bool:
    """Return True if markup of untold length breaks off: a page before its end, a fragment within an element."""
    if b"</html" in body[-_END:].lower():
        return False
    body = body.lower()
    if b"<html" in body:
        return b"</html" not in body
    opened = Counter(_TAGS.findall(body))
    return any(opened[tag] != opened[b"/" + tag] for tag in _CLOSED)
