"""Unpacking bodies whole or not at all: of a gzip cut short, Scrapy gives what there is as if it were all."""

import re
from collections.abc import Sequence
from typing import Final, Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Headers, Response, TextResponse
from scrapy.statscollectors import StatsCollector

from ..exceptions import TooLarge
from ..pages.gzips import BrokenGzip, TooLong, gunzip

UNDECODABLE: Final = "undecodable"
"""The flag of a response whose body does not unpack, or not to its end."""

_GZIP: Final = frozenset({b"gzip", b"x-gzip"})
_PLAIN: Final = frozenset({b"", b"identity"})
# So much of a body is looked at to tell whether it is text.
_LOOKED_AT: Final = 4096
_NO_TEXT: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
# Scrapy's 0 is no limit.
_UNLIMITED: Final = 2**40


class StrictCompression:
    """Asks for gzip alone, and unpacks it. Flags what does not unpack; raises :class:`TooLarge`.

    A coding that is unknown is passed through, as browsers do, if what came is text: servers call it ``utf-8``,
    ``none`` or ``binary``.
    """

    def __init__(self, limit: int, stats: StatsCollector) -> None:
        self._limit = limit
        self._stats = stats

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        if not crawler.settings.getbool("COMPRESSION_ENABLED"):
            raise NotConfigured
        return cls(crawler.settings.getint("DOWNLOAD_MAXSIZE") or _UNLIMITED, crawler.stats)

    def process_request(self, request: Request) -> None:
        request.headers.setdefault("Accept-Encoding", b"gzip")

    def process_response(self, request: Request, response: Response) -> Response:  # noqa: ARG002 - Scrapy's signature
        try:
            unpacked = unpack(response, self._limit)
        except BrokenGzip:
            return response.replace(flags=[*response.flags, UNDECODABLE])
        except TooLong as error:
            raise TooLarge(f"unpacks to {error}") from error
        if unpacked is not response and not _GZIP.issuperset(codings_of(response.headers)):
            self._stats.inc_value("kcnacrawl/unknown_coding")
        return unpacked


def unpack(response: Response, limit: int) -> Response:
    """Return a response with its body decoded, as its ``Content-Encoding`` says; the same if nothing is to be done.

    Raise :class:`~kcnacrawl.pages.gzips.BrokenGzip`, :class:`~kcnacrawl.pages.gzips.TooLong`.
    """
    codings = codings_of(response.headers)
    if not response.body or not codings:
        return response
    return _unpacked(response, unpack_body(response.body, codings, limit))


def unpack_body(body: bytes, codings: Sequence[bytes], limit: int) -> bytes:
    """Return a body without the codings that were applied to it. Raise what :func:`unpack` does."""
    if not body or not codings:
        return body
    for coding in codings:
        if coding in _GZIP:
            body = gunzip(body, limit)
    if not _GZIP.issuperset(codings) and _NO_TEXT.search(body[:_LOOKED_AT]):
        raise BrokenGzip("a coding that is not known, of what is no text")
    return body


def codings_of(headers: Headers) -> list[bytes]:
    """Return what was applied to a body, the last first."""
    given = b",".join(headers.getlist("Content-Encoding")).lower().split(b",")
    return [coding for one in reversed(given) if (coding := one.strip()) not in _PLAIN]


def _unpacked(response: Response, body: bytes) -> Response:
    headers = response.headers.copy()
    del headers["Content-Encoding"]
    if isinstance(response, TextResponse):
        # Else it keeps the encoding that it guessed from what was packed.
        return response.replace(body=body, headers=headers, encoding=None)
    return response.replace(body=body, headers=headers)
