"""The WARC records of an exchange. What could let somebody in, or tell who we are to the site, is left out."""

import hashlib
import io
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from fastwarc.stream_io import GzipWriter
from fastwarc.warc import WarcRecord, WarcRecordType

IDENTICAL: Final = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest"
"""The profile of a revisit: its payload is that of the record it refers to."""

_FORMAT: Final = "https://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/"
_SECRETS: Final = frozenset(
    {b"authorization", b"cookie", b"cookie2", b"proxy-authorization", b"set-cookie", b"set-cookie2"}
)
# Both tell how the body came over the wire, and it is kept as it was before it was cut into pieces for that.
_FRAMING: Final = frozenset({b"transfer-encoding", b"content-length"})
_RENAMED: Final = b"X-Archive-Orig-"
# Higher levels take up to half as long again, for one byte in a hundred.
_LEVEL: Final = 4

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Message:
    """A request or a response: its first line, its headers, and its body as it came, still encoded."""

    start: bytes
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request, and the response or what hindered it. ``truncated`` is WARC's word for why a body is not whole."""

    url: str
    when: datetime
    request: Message
    response: Message | None
    hindrance: str = ""
    ip_address: str | None = None
    protocol: str | None = None
    truncated: str | None = None


@dataclass(frozen=True, slots=True)
class Original:
    """The record that keeps a payload."""

    record_id: str
    url: str
    date: str


def new_id() -> str:
    """Return an id for a record, as the archive writes it."""
    return uuid.uuid4().urn


def date_of(when: datetime) -> str:
    """Return a ``WARC-Date``."""
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def payload_digest(body: bytes) -> bytes:
    """Return what tells whether two payloads are the same."""
    return hashlib.sha256(body).digest()


def warcinfo(name: str, when: datetime, fields: Mapping[str, str]) -> bytes:
    """Return the member that begins a file."""
    described = {**fields, "format": "WARC File Format 1.1", "conformsTo": _FORMAT}
    block = "".join(f"{key}: {value}\r\n" for key, value in described.items()).encode()
    headers = {"WARC-Filename": name, "Content-Type": "application/warc-fields"}
    return _member(WarcRecordType.warcinfo, new_id(), when, headers, block)


def exchanged(exchange: Exchange, record_id: str, digest: bytes, original: Original | None) -> Iterator[bytes]:
    """Yield the members of an exchange, first the one with that id: the response, or without one the request.

    ``digest`` is that of the response's payload. With an ``original`` the response is a revisit: its payload is kept
    there.
    """
    request, response = exchange.request, exchange.response
    asked = _block(request.start, _without_secrets(request.headers), request.body)
    common = {"WARC-Target-URI": exchange.url}
    if response is None:
        yield _http(WarcRecordType.request, record_id, exchange.when, common, asked, payload_digest(request.body))
        error = f"fetchError: {' '.join(exchange.hindrance.split())}\r\n".encode()
        headers = common | {"WARC-Concurrent-To": f"<{record_id}>", "Content-Type": "application/warc-fields"}
        yield _member(WarcRecordType.metadata, new_id(), exchange.when, headers, error)
        return
    yield _answer(exchange, response, record_id, digest, original)
    headers = common | {"WARC-Concurrent-To": f"<{record_id}>"}
    yield _http(WarcRecordType.request, new_id(), exchange.when, headers, asked, payload_digest(request.body))


def _answer(exchange: Exchange, response: Message, record_id: str, digest: bytes, original: Original | None) -> bytes:
    headers = {"WARC-Target-URI": exchange.url}
    if exchange.ip_address is not None:
        headers["WARC-IP-Address"] = exchange.ip_address
    if exchange.protocol is not None:
        headers["WARC-Protocol"] = exchange.protocol
    if exchange.truncated is not None:
        headers["WARC-Truncated"] = exchange.truncated
    framed = _reframed(_without_secrets(response.headers), len(response.body))
    if original is None:
        block = _block(response.start, framed, response.body)
        return _http(WarcRecordType.response, record_id, exchange.when, headers, block, digest)
    headers |= {
        "WARC-Profile": IDENTICAL,
        "WARC-Truncated": "length",
        "WARC-Refers-To": f"<{original.record_id}>",
        "WARC-Refers-To-Target-URI": original.url,
        "WARC-Refers-To-Date": original.date,
    }
    block = _block(response.start, framed, b"")
    return _http(WarcRecordType.revisit, record_id, exchange.when, headers, block, digest)


def _without_secrets(headers: Headers) -> Headers:
    return [(name, value) for name, value in headers if name.lower() not in _SECRETS]


def _reframed(headers: Headers, length: int) -> Headers:
    """Return the headers of a body that is there as a whole: what they told of its way over the wire is renamed, and
    readers find its length.
    """
    true = b"%d" % length
    framing = [one for one in headers if one[0].lower() in _FRAMING]
    if framing == [(b"Content-Length", true)] or not (framing or length):
        return headers
    renamed = [(_RENAMED + name if name.lower() in _FRAMING else name, value) for name, value in headers]
    return [*renamed, (b"Content-Length", true)]


def _block(start: bytes, headers: Headers, body: bytes) -> bytes:
    return b"\r\n".join([start, *(_line(name, value) for name, value in headers), b"", body])


def _line(name: bytes, value: bytes) -> bytes:
    # A line of their own would be a header of ours.
    return b" ".join((name + b": " + value).splitlines())


def _http(
    kind: WarcRecordType, record_id: str, when: datetime, headers: Mapping[str, str], block: bytes, digest: bytes
) -> bytes:
    message = "request" if kind == WarcRecordType.request else "response"
    described = {
        **headers,
        "WARC-Payload-Digest": told(digest),
        "Content-Type": f"application/http; msgtype={message}",
    }
    return _member(kind, record_id, when, described, block)


def _member(kind: WarcRecordType, record_id: str, when: datetime, headers: Mapping[str, str], block: bytes) -> bytes:
    record = WarcRecord()
    record.init_headers(kind, record_id.removeprefix("urn:").encode())
    described: Iterable[tuple[str, str]] = {
        "WARC-Date": date_of(when),
        **headers,
        "WARC-Block-Digest": told(hashlib.sha256(block).digest()),
    }.items()
    for name, value in described:
        record.headers[name] = value
    record.set_bytes_content(block)
    packed = io.BytesIO()
    with GzipWriter(packed, compression_level=_LEVEL) as stream:
        record.write(stream)
        stream.finish()
        return packed.getvalue()


def told(digest: bytes) -> str:
    """Return a digest as records have it."""
    return f"sha256:{digest.hex()}"
