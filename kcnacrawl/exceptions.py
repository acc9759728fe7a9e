"""Why a page was not had: each exception carries the reason that its line in the quarantine gives."""

from typing import ClassVar

from scrapy.exceptions import IgnoreRequest

from .items import Reason


class Unfetched(IgnoreRequest):
    """A page that was not fetched. ``http_status`` is the site's answer, where there was one."""

    reason: ClassVar[Reason] = "http_error"
    http_status: ClassVar[int | None] = None


class LeftTheSite(Unfetched):
    """A request for another host, or for what is not HTTP."""

    reason = "blocked"


class SignUpRedirect(Unfetched):
    """The site redirects to its sign-up form."""

    reason = "sign_up_wall"
    http_status = 302


class ForbiddenByRobots(Unfetched):
    """The site's robots.txt forbids this address."""

    reason = "blocked"


class RobotsUnreachable(Unfetched):
    """There is a robots.txt and it cannot be had, so nothing may be fetched until it can."""


class TooLarge(Unfetched):
    """A body that unpacks to more than any page has."""

    reason = "too_large"


class BadAnswer(Unfetched):
    """What came with a status of success is no page at all; the message says what it is."""

    http_status = 200

    def __init__(self, fault: str) -> None:
        super().__init__(f"the site answered with {fault}")
        self.fault = fault


class BrowserFailed(Unfetched):
    """A browser could not be started, crashed, or came to a stop."""


class NoBrowser(BrowserFailed):
    """There is no browser."""


class NothingSent(BrowserFailed):
    """The page has no *More Articles*, or it sends no request that we know."""

    reason = "layout_changed"


class NotAsked(Unfetched):
    """Of a crawl that is shared out, a request whose turn never came."""
