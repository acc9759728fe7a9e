"""Answers that go wrong: what a fault makes of a request. The pages it changes are those of ``alteration``."""

import asyncio
import gzip
import socket
import struct
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping
from email.utils import formatdate
from functools import lru_cache

from aiohttp import web

from kcnacrawl.replica.faults import Fault
from kcnacrawl.replica.render import SIGN_UP_FORM, sign_up_address

Regular = Callable[[], Awaitable[web.Response]]
_Failure = Callable[[web.BaseRequest, Fault, Regular], Awaitable[web.StreamResponse]]
_MAIN = b'<main class="container">'
_PIECE_BYTES = 5_000


async def fail(request: web.BaseRequest, fault: Fault, regular: Regular) -> web.StreamResponse:
    """Return the answer as ``fault`` has it; ``regular`` gives the one there would be without it, altered or not."""
    failure = _FAILURES.get(fault.kind)
    return await (failure(request, fault, regular) if failure else regular())


def html(body: bytes, status: int = 200) -> web.Response:
    """Return a page."""
    return web.Response(body=body, status=status, headers={"Content-Type": "text/html; charset=UTF-8"})


def redirect(location: str) -> web.Response:
    """Return a redirect, as WordPress does it."""
    return web.Response(status=302, headers={"Location": location})


# The answer never comes, or not whole


async def _status(_request: web.BaseRequest, fault: Fault, _regular: Regular) -> web.Response:
    status = _whole(fault, "status", 503)
    headers = {}
    if (wait := fault.options.get("retry_after")) is not None:
        headers["Retry-After"] = str(wait)
    elif "retry_after_date" in fault.options:
        headers["Retry-After"] = formatdate(time.time() + _number(fault, "retry_after_date"), usegmt=True)
    return web.Response(status=status, text=f"<h1>Error {status}</h1>", headers=headers, content_type="text/html")


async def _reset(request: web.BaseRequest, _fault: Fault, _regular: Regular) -> web.Response:
    if request.transport is not None:
        # Closed without lingering, a connection ends in a reset.
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    return web.Response(status=500)


async def _truncated(request: web.BaseRequest, _fault: Fault, regular: Regular) -> web.StreamResponse:
    body = _body(await regular())
    response = web.StreamResponse(headers={"Content-Type": "text/html; charset=UTF-8"})
    response.content_length = len(body) + 1000
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport:
        request.transport.close()
    return response


async def _truncated_gzip(_request: web.BaseRequest, fault: Fault, regular: Regular) -> web.Response:
    packer = zlib.compressobj(wbits=zlib.MAX_WBITS | 16)
    return _gzipped(packer.compress(_cut(await regular(), fault)) + packer.flush(zlib.Z_SYNC_FLUSH))


async def _unframed(request: web.BaseRequest, fault: Fault, regular: Regular) -> web.Response:
    return _until_closed(request, _cut(await regular(), fault))


def _cut(answer: web.Response, fault: Fault) -> bytes:
    """Return a body that ends within what the page is about, where a reader may believe it to be whole."""
    body = _body(answer)
    begin, end = max(body.find(_MAIN), 0), body.find(b"</main>")
    end = end if end >= 0 else len(body)
    return body[: begin + int((end - begin) * _number(fault, "at", 0.5))]


async def _whole_unframed(request: web.BaseRequest, _fault: Fault, regular: Regular) -> web.Response:
    return _until_closed(request, _body(await regular()))


def _until_closed(request: web.BaseRequest, body: bytes) -> web.Response:
    """Send a body that ends where the connection does; aiohttp itself would frame it."""
    if request.transport is not None:
        head = b"HTTP/1.0 200 OK\r\nContent-Type: text/html; charset=UTF-8\r\n\r\n"
        request.transport.write(head + body)
        request.transport.close()
    return web.Response()


async def _slow(_request: web.BaseRequest, fault: Fault, regular: Regular) -> web.Response:
    await asyncio.sleep(_number(fault, "seconds", 1))
    return await regular()


async def _hang(_request: web.BaseRequest, _fault: Fault, _regular: Regular) -> web.Response:
    await asyncio.Event().wait()
    return web.Response(status=500)


# The body is not what it says


async def _empty(_request: web.BaseRequest, _fault: Fault, _regular: Regular) -> web.Response:
    return html(b"")


async def _garbage(_request: web.BaseRequest, _fault: Fault, _regular: Regular) -> web.Response:
    return html(bytes(place * 197 % 256 for place in range(5000)))


async def _wrong_charset(_request: web.BaseRequest, _fault: Fault, regular: Regular) -> web.Response:
    answer = await regular()
    answer.headers["Content-Type"] = "text/html; charset=ISO-8859-1"
    return answer


async def _coding(_request: web.BaseRequest, fault: Fault, regular: Regular) -> web.Response:
    answer = await regular()
    value = str(fault.options.get("value", "utf-8"))
    if "gzip" in value.lower():
        answer.body = gzip.compress(_body(answer))
    answer.headers["Content-Encoding"] = value
    return answer


async def _chunked(request: web.BaseRequest, _fault: Fault, regular: Regular) -> web.StreamResponse:
    answer = await regular()
    headers = {name: value for name, value in answer.headers.items() if name != "Content-Length"}
    response = web.StreamResponse(status=answer.status, headers=headers)
    response.enable_chunked_encoding()
    await response.prepare(request)
    body = _body(answer)
    for start in range(0, len(body), _PIECE_BYTES):
        await response.write(body[start : start + _PIECE_BYTES])
    await response.write_eof()
    return response


async def _cookie(_request: web.BaseRequest, fault: Fault, regular: Regular) -> web.Response:
    answer = await regular()
    answer.headers["Set-Cookie"] = str(fault.options.get("value", "session=secret"))
    return answer


async def _latin_header(request: web.BaseRequest, fault: Fault, _regular: Regular) -> web.StreamResponse:
    # aiohttp sends headers as UTF-8 alone.
    head = f"HTTP/1.1 {_whole(fault, 'status', 403)} No\r\nX-Place: Pyongyang \xe9\r\nContent-Length: 2\r\n\r\nno"
    if request.transport is not None:
        request.transport.write(head.encode("latin-1"))
        request.transport.close()
    return web.Response()


async def _recoded(_request: web.BaseRequest, fault: Fault, regular: Regular) -> web.Response:
    answer = await regular()
    answer.body = _body(answer).decode().encode(str(fault.options.get("encoding", "cp949")), errors="ignore")
    return answer


_NOTICE = (
    "\ufeff\ufeff<!-- cached -->\n<br />\n<b>Notice</b>:  Undefined index: to in"
    " <b>/srv/www/wp-content/plugins/nk/ajax.php</b> on line <b>41</b><br />\n"
)


async def _notice(_request: web.BaseRequest, _fault: Fault, regular: Regular) -> web.Response:
    answer = await regular()
    answer.body = _NOTICE.encode() + _body(answer)
    return answer


async def _database(_request: web.BaseRequest, _fault: Fault, _regular: Regular) -> web.Response:
    return html(b"<html><body><h1>Error establishing a database connection</h1></body></html>")


async def _bad_gzip(_request: web.BaseRequest, _fault: Fault, _regular: Regular) -> web.Response:
    return _gzipped(b"\x1f\x8b\x08\x00" + b"this is not gzip" * 50)


async def _bomb(_request: web.BaseRequest, fault: Fault, _regular: Regular) -> web.Response:
    return _gzipped(_gzip_bomb(_whole(fault, "megabytes", 512)))


async def _endless(request: web.BaseRequest, _fault: Fault, _regular: Regular) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/html; charset=UTF-8"})
    await response.prepare(request)
    try:
        while True:
            await response.write(b"<p>and so on</p>\n" * 4000)
            await asyncio.sleep(0)
    except ConnectionError:
        return response


async def _deep(_request: web.BaseRequest, fault: Fault, regular: Regular) -> web.Response:
    answer = await regular()
    head, main, rest = _body(answer).rpartition(_MAIN)
    return html(head + main + b"<div>" * _whole(fault, "depth", 100_000) + rest, answer.status)


async def _entity_sitemap(_request: web.BaseRequest, _fault: Fault, _regular: Regular) -> web.Response:
    entities = [f'<!ENTITY e{level} "{f"&e{level - 1};" * 10}">' for level in range(1, 10)]
    return _sitemap(f'<!ENTITY e0 "so on">{"".join(entities)}', "&e9;")


async def _xxe_sitemap(_request: web.BaseRequest, _fault: Fault, _regular: Regular) -> web.Response:
    return _sitemap('<!ENTITY file SYSTEM "file:///etc/passwd">', "&file;")


def _sitemap(entities: str, text: str) -> web.Response:
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE urlset [{entities}]>\n'
        f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>{text}</loc></url></urlset>\n'
    )
    return web.Response(body=body.encode(), headers={"Content-Type": "text/xml; charset=UTF-8"})


# The site sends elsewhere, or wants to know who is there


async def _redirect(_request: web.BaseRequest, fault: Fault, _regular: Regular) -> web.Response:
    return redirect(str(fault.options.get("location", "/")))


async def _redirect_loop(request: web.BaseRequest, _fault: Fault, _regular: Regular) -> web.Response:
    return redirect(request.raw_path)


async def _sign_up(request: web.BaseRequest, _fault: Fault, _regular: Regular) -> web.Response:
    return redirect(sign_up_address(f"{request.scheme}://{request.host}{request.raw_path}"))


async def _form(_request: web.BaseRequest, _fault: Fault, regular: Regular) -> web.Response:
    answer = await regular()
    head, main, rest = _body(answer).rpartition(_MAIN)
    _, end, foot = rest.partition(b"</main>")
    return html(head + main + SIGN_UP_FORM.encode() + end + foot, answer.status)


async def _overlay(_request: web.BaseRequest, _fault: Fault, regular: Regular) -> web.Response:
    answer = await regular()
    head, main, rest = _body(answer).rpartition(_MAIN)
    return html(head + main + SIGN_UP_FORM.encode() + rest, answer.status)


async def _challenge(request: web.BaseRequest, fault: Fault, _regular: Regular) -> web.Response:
    answer = html(_CHALLENGE.replace("{host}", request.host).encode(), _whole(fault, "status", 200))
    if "status" in fault.options:
        answer.headers["cf-mitigated"] = "challenge"
    return answer


async def _block_page(_request: web.BaseRequest, fault: Fault, _regular: Regular) -> web.Response:
    return html(_BLOCKED.encode(), _whole(fault, "status", 200))


_CHALLENGE = """<!DOCTYPE html><html lang="en-US"><head><title>Just a moment...</title>
<meta http-equiv="refresh" content="390"></head><body class="no-js"><div class="main-wrapper">
<h1>{host}</h1><h2>Verify you are human by completing the action below.</h2>
<noscript>Enable JavaScript and cookies to continue</noscript></div>
<script>window._cf_chl_opt={cvId:'3',cType:'managed'};</script>
<script src="/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1"></script></body></html>
"""

_BLOCKED = """<!DOCTYPE html><html lang="en-US"><head><title>Attention Required!</title></head><body>
<h1>Sorry, you have been blocked</h1><h2>You are unable to access this site</h2>
<p>This website is using a security service to protect itself from online attacks. Access denied.</p>
</body></html>
"""

_FAILURES: Mapping[str, _Failure] = {
    "status": _status,
    "reset": _reset,
    "truncated": _truncated,
    "truncated_gzip": _truncated_gzip,
    "unframed": _unframed,
    "whole_unframed": _whole_unframed,
    "slow": _slow,
    "hang": _hang,
    "empty": _empty,
    "garbage": _garbage,
    "wrong_charset": _wrong_charset,
    "coding": _coding,
    "chunked": _chunked,
    "cookie": _cookie,
    "latin_header": _latin_header,
    "recoded": _recoded,
    "notice": _notice,
    "database": _database,
    "bad_gzip": _bad_gzip,
    "bomb": _bomb,
    "endless": _endless,
    "deep": _deep,
    "entity_sitemap": _entity_sitemap,
    "xxe_sitemap": _xxe_sitemap,
    "redirect": _redirect,
    "redirect_loop": _redirect_loop,
    "sign_up": _sign_up,
    "form": _form,
    "overlay": _overlay,
    "challenge": _challenge,
    "block_page": _block_page,
}


def _whole(fault: Fault, name: str, default: int) -> int:
    return int(str(fault.options.get(name, default)))


def _number(fault: Fault, name: str, default: float = 0) -> float:
    return float(str(fault.options.get(name, default)))


def _body(answer: web.Response) -> bytes:
    return answer.body if isinstance(answer.body, bytes) else b""


def _gzipped(packed: bytes) -> web.Response:
    response = html(packed)
    response.headers["Content-Encoding"] = "gzip"
    return response


@lru_cache(maxsize=2)
def _gzip_bomb(megabytes: int) -> bytes:
    """Return so many megabytes of zeros, packed: the compressed megabyte is repeated, which a full flush allows."""
    zeros = bytes(1_000_000)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(megabytes):
        checksum = zlib.crc32(zeros, checksum)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
    tail = struct.pack("<II", checksum, megabytes * len(zeros) % 2**32)
    return head + block * megabytes + packer.flush() + tail
