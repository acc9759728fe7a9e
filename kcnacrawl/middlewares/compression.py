"""Bodies are unpacked whole or not at all: of a gzip cut short, Scrapy gives what there is as if it were all."""

import zlib
from typing import Final

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.exceptions import IgnoreRequest
from scrapy.http import Response

UNDECODABLE: Final = "undecodable"
"""The flag of a response whose body does not unpack, or not to its end."""

_GZIP: Final = frozenset({b"gzip", b"x-gzip"})
_PLAIN: Final = frozenset({b"", b"identity"})
_MAGIC: Final = b"\x1f\x8b"
_CHUNK: Final = 65_536


class TooLarge(IgnoreRequest):
    """A body that unpacks to more than any page has."""


class StrictCompression(HttpCompressionMiddleware):
    """Asks for gzip alone. Flags what does not unpack; raises :class:`TooLarge`."""

    def __init__(self, *, crawler: Crawler) -> None:
        super().__init__(crawler=crawler)
        self._limit = crawler.settings.getint("DOWNLOAD_MAXSIZE")

    def process_request(self, request: Request) -> None:  # type: ignore[override]  # without the deprecated argument
        request.headers.setdefault("Accept-Encoding", b"gzip")

    def process_response(self, request: Request, response: Response) -> Request | Response:  # type: ignore[override]  # as above
        encoding = b",".join(response.headers.getlist("Content-Encoding")).strip().lower()
        if not response.body or encoding in _PLAIN:
            return response
        if encoding not in _GZIP or not _is_whole(response.body, self._limit):
            return response.replace(flags=[*response.flags, UNDECODABLE])
        try:
            return super().process_response(request, response)
        except IgnoreRequest as error:
            raise TooLarge(f"unpacks to more than {self._limit} bytes") from error


def _is_whole(packed: bytes, limit: int) -> bool:
    """Whether gzip data unpack to their end; what grows beyond ``limit`` is not looked at further."""
    size, ended = 0, False
    while not ended or packed.startswith(_MAGIC):
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        while packed and not member.eof:
            try:
                size += len(member.decompress(packed, _CHUNK))
            except zlib.error:
                return False
            if size > limit:
                return True
            packed = member.unconsumed_tail
        if not member.eof:
            return False
        # Several members are one file; what else follows the last is ignored, as browsers do.
        ended, packed = True, member.unused_data
    return True
