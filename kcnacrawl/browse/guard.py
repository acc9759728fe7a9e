"""What stands between the network and Datasette: who may ask, and what a browser may do with the answer."""

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

TAKEN: Final = "/taken"
"""What the address of a page of the site's ends in."""

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEADERS: Final = {
    # No page of ours has a script.
    b"content-security-policy": b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    b"base-uri 'none'; frame-ancestors 'none'",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-embedder-policy": b"require-corp",
    b"cross-origin-resource-policy": b"same-origin",
}
# A page of the site's as it was taken: no script, no form, no network, and nothing of ours within its reach.
_SANDBOX: Final = (
    b"sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
    b"frame-ancestors 'none'"
)
_LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")
_HTTP: Final = 80
_EMPTY_SEARCH: Final = re.compile(rb"(?:^|&)_search=(?=&|$)")


class Guard:
    """An ASGI application around another one, which is served at a port of this machine's.

    A name that leads here from elsewhere (DNS rebinding) is no name of ours, and a page of another site may link here
    but have nothing computed or loaded.
    """

    def __init__(self, app: App, port: int) -> None:
        self._app = app
        self._hosts = {(name if port == _HTTP else f"{name}:{port}").encode() for name in _LOOPBACK}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif refusal := self._refusal(scope["method"], scope["headers"]):
            await _refuse(*refusal, _guarded(send))
        else:
            # A box that was left empty looks for nothing, and not for what holds no word.
            query = _EMPTY_SEARCH.sub(b"", scope["query_string"])
            is_taken = scope["path"].endswith(TAKEN)
            await self._app({**scope, "query_string": query}, receive, _guarded(send, is_sandboxed=is_taken))

    def _refusal(self, method: str, pairs: list[tuple[bytes, bytes]]) -> tuple[int, str] | None:
        headers = dict(pairs)
        if headers.get(b"host", b"").lower() not in self._hosts:
            return 403, "asked for by another name than this machine's own"
        if method not in {"GET", "HEAD"}:
            return 405, "here is only reading"
        elsewhere = headers.get(b"sec-fetch-site", b"none") not in {b"none", b"same-origin"}
        if elsewhere and headers.get(b"sec-fetch-dest") != b"document":
            return 403, "asked for by a page of another site"
        return None


def _guarded(send: Send, *, is_sandboxed: bool = False) -> Send:
    headers = _HEADERS | ({b"content-security-policy": _SANDBOX} if is_sandboxed else {})

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message.get("headers", ()) if pair[0].lower() not in _HEADERS]
            message = {**message, "headers": [*kept, *headers.items()]}
        await send(message)

    return guarded


async def _refuse(status: int, why: str, send: Send) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": f"{why}\n".encode()})
