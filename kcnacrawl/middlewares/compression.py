"""Bodies are unpacked whole or not at all: of a gzip cut short, Scrapy gives what there is as if it were all."""

from typing import Final, Self

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import IgnoreRequest, NotConfigured
from scrapy.http import Response, TextResponse

from ..gzips import BrokenGzip, TooLong, gunzip

UNDECODABLE: Final = "undecodable"
"""The flag of a response whose body does not unpack, or not to its end."""

_GZIP: Final = frozenset({b"gzip", b"x-gzip"})
_PLAIN: Final = frozenset({b"", b"identity"})
# Scrapy's 0 is no limit.
_UNLIMITED: Final = 2**40


class TooLarge(IgnoreRequest):
    """A body that unpacks to more than any page has."""


class StrictCompression:
    """Asks for gzip alone, and unpacks it. Flags what does not unpack; raises :class:`TooLarge`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        if not crawler.settings.getbool("COMPRESSION_ENABLED"):
            raise NotConfigured
        return cls(crawler.settings.getint("DOWNLOAD_MAXSIZE") or _UNLIMITED)

    def process_request(self, request: Request) -> None:
        request.headers.setdefault("Accept-Encoding", b"gzip")

    def process_response(self, request: Request, response: Response) -> Response:  # noqa: ARG002 - Scrapy's signature
        encoding = b",".join(response.headers.getlist("Content-Encoding")).strip().lower()
        if not response.body or encoding in _PLAIN:
            return response
        if encoding not in _GZIP:
            return response.replace(flags=[*response.flags, UNDECODABLE])
        try:
            return _unpacked(response, gunzip(response.body, self._limit))
        except BrokenGzip:
            return response.replace(flags=[*response.flags, UNDECODABLE])
        except TooLong as error:
            raise TooLarge(f"unpacks to {error}") from error


def _unpacked(response: Response, body: bytes) -> Response:
    headers = response.headers.copy()
    del headers["Content-Encoding"]
    if isinstance(response, TextResponse):
        # Else it keeps the encoding that it guessed from what was packed.
        return response.replace(body=body, headers=headers, encoding=None)
    return response.replace(body=body, headers=headers)
