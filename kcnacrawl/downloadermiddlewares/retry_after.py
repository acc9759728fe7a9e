"""Leaving a site alone that answers 429 or 503, all of it: for as long as ``Retry-After`` says, or else longer and
longer (RFC 9110, section 10.2.3). Scrapy tries such a page again at once, and reads no ``Retry-After``.
"""

import logging
import random
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Final, Self

from scrapy import Request, signals
from scrapy.core.downloader import Slot
from scrapy.crawler import Crawler
from scrapy.http import Response

from ..extensions.crawl_delay import slot_of
from ..run import Run
from ..verdict import Verdict

logger = logging.getLogger(__name__)

REFUSALS: Final = frozenset({429, 503})

# As many good answers give a run one of its pauses back: a site that goes on answering between them stands not still.
_GOOD_AGAIN: Final = 10
_CEILING_SECONDS: Final = 300.0
# A slot without a delay does not look at when it may go on.
_LEAST_DELAY: Final = 0.001


def backoff(first: float, tries: int) -> float:
    """Return the seconds to wait after so many tries failed: ``first``, then twice as long each time, to a ceiling, and
    up to half as much again, so that several crawlers do not come back together.
    """
    return min(_CEILING_SECONDS, first * 2.0 ** min(tries, 60)) * random.uniform(1.0, 1.5)  # noqa: S311 - no secret


def read_retry_after(value: str, now: datetime) -> float | None:
    """Return the seconds from ``now`` that a ``Retry-After`` asks for, by a number of them or an HTTP date; ``None`` if
    it is neither, or asks for no pause at all.
    """
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) < 12:
        return float(text) or None
    then = _http_date(text)
    return max(0.0, (then - now).total_seconds()) or None if then else None


def _http_date(text: str) -> datetime | None:
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, OverflowError, IndexError, TypeError):
        return None
    return then if then.tzinfo else then.replace(tzinfo=UTC)


class RetryAfter:
    """Lets no request leave while a pause lasts. Pauses are counted; when too many are asked for, the run ends.

    A page that answered 429, or 503 with a ``Retry-After``, is asked for again after the pause, however often. A
    503 without one may be the page's own fault: it is tried as often as any page that failed.
    """

    def __init__(self, crawler: Crawler) -> None:
        self._crawler = crawler
        self._run = Run.of(crawler)
        self._spent = 0
        self._in_a_row = 0
        self._good = 0
        self._given_up = False

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        middleware = cls(crawler)
        # Sent before the slot lets the next request leave.
        crawler.signals.connect(middleware.response_downloaded, signal=signals.response_downloaded)
        crawler.signals.connect(middleware.request_reached_downloader, signal=signals.request_reached_downloader)
        return middleware

    def process_response(self, request: Request, response: Response) -> Request | Response:
        """Request the page again if it is the site that refuses, and not the page."""
        is_site = response.status == 429 or (response.status == 503 and _asked(response) is not None)
        if not is_site or self._given_up or request.meta.get("dont_retry"):
            return response
        again = request.copy()
        again.dont_filter = True
        return again

    def response_downloaded(self, response: Response) -> None:
        if response.status in REFUSALS:
            self._refused(response)
        elif monotonic() >= self._run.left_alone_until:
            self._in_a_row = 0
            self._good += 1
            if self._good % _GOOD_AGAIN == 0:
                self._spent = max(0, self._spent - 1)

    def request_reached_downloader(self, request: Request) -> None:
        slot = slot_of(self._crawler, request)
        if slot is not None and monotonic() < self._run.left_alone_until:
            self._hold(slot)

    def _refused(self, response: Response) -> None:
        asked = _asked(response)
        config = self._run.config
        if self._given_up:
            return
        self._run.left_alone_why = f"{response.url} answers {response.status}"
        if asked is not None and asked > config.longest_pause:
            self._run.left_alone_until = monotonic() + asked
            self._give_up(f"{response.url} answers {response.status} and asks to be left alone for {asked:.0f} seconds")
        elif monotonic() < self._run.left_alone_until:
            # It left before the pause began: no other refusal, but perhaps a longer one.
            self._pause(asked or 0.0)
        elif self._spent >= config.pauses:
            self._give_up(f"{response.url} answers {response.status}, after {self._spent} pauses")
        else:
            seconds = asked if asked is not None else backoff(config.backoff, self._in_a_row)
            self._spent += 1
            self._in_a_row += 1
            self._crawler.stats.inc_value("kcnacrawl/pauses")
            logger.warning(
                "%s answers %d: nothing is asked of the site for %.1f seconds (pause %d of %d)",
                response.url,
                response.status,
                seconds,
                self._spent,
                config.pauses,
            )
            self._pause(seconds)

    def _pause(self, seconds: float) -> None:
        self._run.left_alone_until = max(self._run.left_alone_until, monotonic() + seconds)
        for slot in self._crawler.engine.downloader.slots.values():
            self._hold(slot)

    def _hold(self, slot: Slot) -> None:
        """Have the slot let the next request leave a delay after the last, as AutoThrottle does."""
        slot.delay = max(slot.delay, _LEAST_DELAY)
        shortest = slot.delay * max(0.0, 1.0 - slot.jitter)
        slot.lastseen = max(slot.lastseen, self._run.left_alone_until - shortest)

    def _give_up(self, message: str) -> None:
        self._given_up = True
        self._run.note(Verdict.REFUSED, f"{message}; run again later, more slowly")
        self._run.stop(self._crawler, Verdict.REFUSED)


def _asked(response: Response) -> float | None:
    """Return what an answer's ``Retry-After`` asks for, by the site's own clock if it tells it."""
    header = response.headers.get("Retry-After")
    if header is None:
        return None
    told = _http_date((response.headers.get("Date") or b"").decode("latin-1"))
    return read_retry_after(header.decode("latin-1"), told or datetime.now(UTC))
