"""Keeps every exchange with the site, as it was sent and received, before anything of ours has touched it."""

from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final, Self
from urllib.parse import urldefrag, urlsplit
from weakref import WeakSet

from scrapy import Request
from scrapy.crawler import Crawler
from scrapy.exceptions import NotConfigured
from scrapy.http import Headers, Response

from .. import __url__, __version__
from ..archive import StorageFailed
from ..archive.warc.records import Exchange, Message
from ..archive.warc.writer import WarcWriter
from ..run import Run
from ..verdict import Verdict

RECORD_ID: Final = "warc_record_id"
"""Key of a request's ``meta``, once it is answered: the id of the record that keeps the answer, or ``None``."""

_PHRASES: Final = {status.value: status.phrase for status in HTTPStatus}


class Capture:
    """Hands each exchange to the archive, and ends the run where it cannot be kept: nothing may be read from a page
    that is not. What no network has answered, as a browser's page or a cache's, is no exchange.
    """

    def __init__(self, crawler: Crawler, writer: WarcWriter) -> None:
        self._crawler = crawler
        self._writer = writer
        self._sent: WeakSet[Request] = WeakSet()

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        run = Run.of(crawler)
        if not run.config.warc:
            raise NotConfigured
        settings = crawler.settings
        told = {
            "software": f"kcnacrawl/{__version__} (+{__url__})",
            "isPartOf": run.id,
            "description": f"What {run.site.url} was asked for, and what it answered",
            "robots": "classic" if settings.getbool("ROBOTSTXT_OBEY") else "ignore",
            "http-header-user-agent": str(settings["USER_AGENT"]),
        }
        return cls(crawler, run.archive.keep_exchanges(run.id, run.config.warc_bytes, told))

    def process_request(self, request: Request) -> None:
        self._sent.add(request)

    def process_response(self, request: Request, response: Response) -> Response:
        # A retry has inherited that of the answer before.
        request.meta[RECORD_ID] = None
        if request in self._sent:
            self._sent.discard(request)
            request.meta[RECORD_ID] = self._keep(exchange(request, response))
        return response

    def process_exception(self, request: Request, exception: Exception) -> None:
        request.meta[RECORD_ID] = None
        if request in self._sent:
            self._sent.discard(request)
            self._keep(hindered(request, exception))

    def _keep(self, kept: Exchange) -> str | None:
        try:
            return self._writer.keep(kept)
        except StorageFailed as error:
            run = Run.of(self._crawler)
            run.note(Verdict.STORAGE, str(error))
            run.stop(self._crawler, Verdict.STORAGE)
            raise


def exchange(request: Request, response: Response) -> Exchange:
    """Return a request and its answer, as far as Scrapy knows how they went over the wire."""
    version, protocol = _protocol(response)
    # Without words, too, a blank follows the status.
    start = f"{version} {response.status} {_PHRASES.get(response.status, '')}"
    return Exchange(
        url=urldefrag(request.url).url,
        when=datetime.now(UTC),
        request=_asked(request),
        response=Message(start.encode(), _listed(response.headers), response.body),
        ip_address=str(response.ip_address) if response.ip_address is not None else None,
        protocol=protocol,
        truncated="disconnect" if "dataloss" in response.flags else None,
    )


def hindered(request: Request, exception: Exception) -> Exchange:
    """Return a request that got no answer, or none that was whole."""
    return Exchange(
        url=urldefrag(request.url).url,
        when=datetime.now(UTC),
        request=_asked(request),
        response=None,
        hindrance=f"{type(exception).__name__}: {exception}".rstrip(": ")[:1000],
    )


def _asked(request: Request) -> Message:
    """Return a request with the ``Host`` that the download handler gives it."""
    parts = urlsplit(request.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    headers = _listed(request.headers)
    if b"Host" not in request.headers:
        headers.insert(0, (b"Host", parts.netloc.rpartition("@")[2].encode()))
    return Message(f"{request.method} {path} HTTP/1.1".encode(), headers, request.body)


def _protocol(response: Response) -> tuple[str, str | None]:
    """Return the version for a status line, and the protocol where it has none of those."""
    told = response.protocol or "HTTP/1.1"
    return (told, None) if told in {"HTTP/1.0", "HTTP/1.1"} else ("HTTP/1.1", told)


def _listed(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name, value) for name, values in headers.items() for value in values]
