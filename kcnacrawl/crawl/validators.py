"""Conditional requests (RFC 9110, section 13): a page is requested only if it has changed."""

from typing import Final, Protocol

from scrapy.http import Response

NOT_MODIFIED: Final = 304

_LONGEST: Final = 1_000


class Versioned(Protocol):
    """A page that was fetched before, with the validators of its answer."""

    @property
    def etag(self) -> str | None: ...

    @property
    def last_modified(self) -> str | None: ...


def validators(response: Response) -> tuple[str | None, str | None]:
    """Return the ``ETag`` and ``Last-Modified`` of an answer, cut to a sane length."""
    return _header(response, "ETag"), _header(response, "Last-Modified")


def conditions(known: Versioned | None) -> dict[str, str]:
    """Return the headers that request another version than the one known."""
    found = {"If-None-Match": known.etag, "If-Modified-Since": known.last_modified} if known else {}
    return {name: value for name, value in found.items() if value}


def _header(response: Response, name: str) -> str | None:
    value = response.headers.get(name)
    return value.decode("latin-1")[:_LONGEST] if value else None
