"""Why a page gave no record: the line for the quarantine, and what it means for the run."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import DownloadCancelledError, IgnoreRequest
from scrapy.http import Response
from scrapy.spidermiddlewares.httperror import HttpError
from twisted.python.failure import Failure

from ..bugs import TOLD, is_of_the_network
from ..downloadermiddlewares.walls import wall_of
from ..exceptions import ForbiddenByRobots, Unfetched
from ..items import WALLS, Article, Reason, Rejected, ScrapedPage, Source
from ..pages import LayoutChanged, PageError
from ..run import Run, printable
from ..site.dates import instant
from ..verdict import Verdict
from .counts import Counts

Output = Iterator[Request | ScrapedPage | Article | Rejected | Source]
"""What a callback of ours yields."""

_LONGEST_DETAIL: Final = 500
_REASONS: Final[dict[int, Reason]] = {
    401: "blocked",
    403: "blocked",
    404: "not_found",
    410: "not_found",
    451: "blocked",
}

logger = logging.getLogger(__name__)


def request_of(failure: Failure) -> Request:
    """Return the request that failed: Scrapy gives every errback's failure one."""
    request: Request = failure.request  # type: ignore[attr-defined]
    return request


class Rejections:
    """Makes a :class:`Rejected` of whatever came in a page's place, or kept it from coming."""

    def __init__(self, crawler: Crawler) -> None:
        self._run = Run.of(crawler)
        self._counts = Counts(crawler)

    def make(
        self, url: str, reason: Reason, detail: str, status: int | None, article_id: str | None = None
    ) -> Rejected:
        """Return a line for the quarantine."""
        return Rejected(
            id=article_id,
            url=url,
            reason=reason,
            detail=printable(detail)[:_LONGEST_DETAIL],
            seen_at=instant(datetime.now(UTC)),
            run_id=self._run.id,
            http_status=status,
        )

    def failed(self, failure: Failure, url: str | None = None, article_id: str | None = None) -> Rejected:
        """Say why a page could not be had. ``url`` is where it was looked for, if not where a redirect led."""
        error, url = failure.value, url or request_of(failure).url
        if isinstance(error, HttpError):
            return self.refused(error.response, url, article_id)
        if isinstance(error, ForbiddenByRobots):
            self._run.note(Verdict.REFUSED, str(error))
        if error is not None and not is_of_the_network(error):
            self._run.note(Verdict.ERROR, TOLD)
            logger.error("A component raised what nobody foresaw", exc_info=error)
        if isinstance(error, Unfetched):
            return self.make(url, error.reason, str(error), error.http_status, article_id)
        # Scrapy cancels a download that grows too large.
        reason: Reason = "too_large" if isinstance(error, DownloadCancelledError) else "http_error"
        message = str(error) if isinstance(error, IgnoreRequest) else f"{type(error).__name__}: {error}".rstrip(": ")
        return self.make(url, reason, message, None, article_id)

    def refused(self, response: Response, url: str, article_id: str | None = None) -> Rejected:
        """Say by status, or by the wall that came with it, why the site refused a page."""
        status = response.status
        if (wall := wall_of(response)) is not None:
            detail = f"the site answered {status}: {wall.detail}"
            return self.make(url, wall.reason, detail, status, article_id)
        reason = _REASONS.get(status, "http_error")
        return self.make(url, reason, f"the site answered {status}", status, article_id)

    def unread(self, response: Response, error: PageError, article_id: str | None = None) -> Rejected:
        """Say why a page that came could not be read, and count the anchor that failed."""
        if isinstance(error, LayoutChanged):
            self._counts.add(f"unreadable/{error.anchor}")
        return self.make(response.url, error.reason, error.detail, response.status, article_id)

    def strayed(self, response: Response) -> str | None:
        """Return where a redirect led, if that is another page than the one asked for, which is no answer."""
        asked = response.meta.get("redirect_urls", [response.url])[0]
        is_same = self._run.site.is_same_page(asked, response.url)
        return None if is_same else f"led to another page, {response.url[:200]}"

    def hold_against_run(self, rejected: Rejected, message: str) -> None:
        """Note against the run that a page on which others depend was not had, by what came in its place."""
        if rejected.reason in WALLS:
            self._run.note(Verdict.REFUSED, f"{rejected.url}: {message}")
        elif rejected.reason == "layout_changed":
            self._run.note(Verdict.LAYOUT_CHANGED, f"{rejected.url}: {message}; the site no longer looks as known")
        else:
            self._run.note(Verdict.INCOMPLETE, f"{rejected.url}: {message}")
