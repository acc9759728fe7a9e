"""A site behind a cache: what was asked for once is answered from memory, so that the site is not the limit.

``python benchmarks/cached.py SITE`` prints its own address. Only ``GET`` without a body is known, which is all that
crawls send.
"""

import asyncio
import sys
import urllib.error
import urllib.request
from urllib.parse import urlsplit


class Cache:
    """The answers of a site, each ready to be sent; links to the site lead to the cache."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._answers: dict[bytes, bytes] = {}
        self.url = ""

    def find(self, target: bytes) -> bytes | None:
        return self._answers.get(target)

    def fetch(self, target: bytes) -> bytes:
        request = urllib.request.Request(self._site + target.decode(), headers={"Host": urlsplit(self.url).netloc})
        try:
            answer = urllib.request.urlopen(request)
        except urllib.error.HTTPError as error:
            answer = error
        with answer:
            body = answer.read()
            kind = answer.headers.get("Content-Type", "text/html")
            head = f"HTTP/1.1 {answer.status} OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        return self._answers.setdefault(target, head.encode() + body)


class Connection(asyncio.Protocol):
    """One client: its requests are answered in order."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._waiting = b""
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        self._answer()

    def _answer(self) -> None:
        while self._answering is None and b"\r\n\r\n" in self._waiting:
            head, _, self._waiting = self._waiting.partition(b"\r\n\r\n")
            target = head.split(b" ", 2)[1]
            answer = self._cache.find(target)
            if answer is None:
                self._answering = asyncio.get_running_loop().create_task(self._fetch(target))
            else:
                self._transport.write(answer)

    async def _fetch(self, target: bytes) -> None:
        self._transport.write(await asyncio.to_thread(self._cache.fetch, target))
        self._answering = None
        self._answer()


async def serve(site: str) -> None:
    cache = Cache(site)
    server = await asyncio.get_running_loop().create_server(lambda: Connection(cache), "127.0.0.1", 0)
    cache.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print(cache.url, flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
