"""HTML in, fields out: no requests, no settings, no clock.

A page that cannot be read raises a :class:`PageError`, whose ``reason`` is a quarantine reason of the contract. A
half-filled record is never given.
"""

from dataclasses import dataclass
from typing import ClassVar

from ..items import Reason


@dataclass(frozen=True, slots=True)
class Anchor:
    """What served a reader: a ``place`` in words, and whether that is the one known for it or a fallback."""

    place: str
    is_known: bool


class PageError(Exception):
    """A page that gives no record; ``detail`` says which anchor failed."""

    reason: ClassVar[Reason]

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class LayoutChanged(PageError):
    """The page is not one of those known; ``detail`` begins with the name of the anchor that failed and a colon."""

    reason = "layout_changed"

    @property
    def anchor(self) -> str:
        """The anchor that failed: ``header``, ``headline``, ``label``, ``body``, …"""
        return self.detail.partition(":")[0]


class SignUpWall(PageError):
    """The site asks for a free membership before it shows this page."""

    reason = "sign_up_wall"


class Blocked(PageError):
    """A bot check, a log-in form or a refusal stands where the page should be."""

    reason = "blocked"


class Unparsable(PageError):
    """More markup than any page of the site has: a parser's time would be spent on nothing."""

    reason = "too_large"
