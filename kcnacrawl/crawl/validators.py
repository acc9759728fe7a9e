"""Conditional requests (RFC 9110, section 13): asking for a page only if it is not as it was."""

from typing import Final, Protocol

from scrapy.http import Response

NOT_MODIFIED: Final = 304

_LONGEST: Final = 1_000


class Versioned(Protocol):
    """What is remembered of a page, with what its answer said of its version."""

    @property
    def etag(self) -> str | None: ...

    @property
    def last_modified(self) -> str | None: ...


def validators(response: Response) -> tuple[str | None, str | None]:
    """The ``ETag`` and ``Last-Modified`` of an answer, as much of them as is worth keeping."""
    return _header(response, "ETag"), _header(response, "Last-Modified")


def conditions(known: Versioned | None) -> dict[str, str]:
    """The headers that ask for another version than the one known."""
    found = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified} if known else {}
    return {name: value for name, value in found.items() if value}


def _header(response: Response, name: str) -> str | None:
    value = response.headers.get(name)
    return value.decode("latin-1")[:_LONGEST] if value else None
