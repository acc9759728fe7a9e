"""The replica as an HTTP server: a world in a spelling, with faults, over loopback."""

import asyncio
import re
import signal
import socket
import struct
import threading
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from types import TracebackType
from typing import Self

from aiohttp import web

from kcnacrawl.replica.faults import Fault, Faults
from kcnacrawl.replica.render import (
    PAGE_SIZE,
    Renderer,
    SearchForm,
    parse_search_day,
    sign_up_address,
)
from kcnacrawl.replica.spelling import SPELLINGS, Spelling
from kcnacrawl.replica.world import World

_ARTICLE = re.compile(r"/newstream/([0-9]{10}-[0-9]{7,9})(?:/|$)")
_LISTING = re.compile(r"/article/([0-9]{1,9})/?$")
_SITEMAP = re.compile(r"/newstream-sitemap([0-9]{0,6})\.xml$")
_AJAX = "/wp-admin/admin-ajax.php"
_LONGEST_PAGE = 100
_Answer = Callable[[web.BaseRequest, Fault], Awaitable[web.StreamResponse]]
_GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c000000000100010000020144003b")
_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
_NOT_FOUND = "<h1>Page not found</h1><p>Nothing was found at this location.</p>"


@dataclass(slots=True)
class Request:
    """One request, in the order of arrival; ``at`` is monotonic. Until it is answered its status is 0."""

    path_qs: str
    status: int
    at: float


class Site:
    """Answers requests: what :class:`Replica` and :func:`serve` have in common."""

    def __init__(self, world: World, spelling: Spelling, crawl_delay: float | None = None) -> None:
        world.arrange(spelling.order)
        self.world = world
        self.spelling = spelling
        self.faults = Faults()
        self.requests: list[Request] = []
        self._crawl_delay = crawl_delay
        self._renderers: dict[str, Renderer] = {}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The one handler of every address."""
        path_qs = request.raw_path
        if path_qs.startswith("/__replica__/"):
            return await self._control(request)
        entry = Request(path_qs, 0, time.monotonic())
        self.requests.append(entry)
        fault = self.faults.take(path_qs)
        response = await (self._fail(request, fault) if fault else self._answer(request))
        entry.status = response.status
        return response

    async def _answer(self, request: web.BaseRequest, fault: Fault | None = None) -> web.Response:
        """The regular answer, or one that a fault changes but does not replace."""
        path = request.raw_path.partition("?")[0]
        kind = fault.kind if fault else ""
        renderer = self._renderer(request.host)
        if found := _ARTICLE.match(path):
            return self._article(request, renderer, found[1], fault)
        if path == _AJAX:
            return await self._ajax(request, renderer, kind)
        if found := _LISTING.match(path):
            outlet = self.world.outlet(int(found[1]))
            if outlet:
                return _html(renderer.listing(outlet, empty=kind == "no_cards"))
            return _html(renderer.message("error404", _NOT_FOUND), 404)
        if path == "/":
            return await self._home_or_search(request, renderer)
        return self._elsewhere(path, request, renderer)

    def _renderer(self, host: str) -> Renderer:
        """The pages for the name by which the site was asked: absolute links carry it."""
        if host not in self._renderers:
            if len(self._renderers) > 8:
                self._renderers.clear()
            self._renderers[host] = Renderer(self.world, self.spelling, f"http://{host}")
        return self._renderers[host]

    def _article(
        self, request: web.BaseRequest, renderer: Renderer, article_id: str, fault: Fault | None
    ) -> web.Response:
        view = self.world.article(article_id)
        if view is None:
            return _html(renderer.message("error404", _NOT_FOUND), 404)
        if self.world.is_gone(article_id):
            return _html(renderer.message("error404", _NOT_FOUND), self.world.gone_status(article_id))
        if view.gate == "redirect":
            return _redirect(sign_up_address(f"http://{request.host}{request.raw_path}"))
        kind = fault.kind if fault else ""
        raw_date = str(fault.options.get("date", "31/02/2021")) if fault and kind == "bad_date" else None
        return _html(renderer.article(view, raw_date=raw_date, readable=kind != "unreadable"))

    async def _ajax(self, request: web.BaseRequest, renderer: Renderer, kind: str) -> web.Response:
        query = request.query
        action = query.get("action")
        if action == "get_cat_by_source":
            return self._more_articles(query, renderer, kind)
        if action == renderer.search_action():
            hits = await self._hits(_form(query))
            if action == "load_more_search":
                start, count = (_whole(query.get("page"), 1) - 1) * PAGE_SIZE, PAGE_SIZE
            else:
                start, count = _whole(query.get("from"), 0), _page_size(query)
            cards = [self.world.card(hit) for hit in hits[start : start + count]]
            return _html(renderer.fragment(cards) if cards else renderer.end())
        return _html(b"0", 400)

    def _more_articles(self, query: Mapping[str, str], renderer: Renderer, kind: str) -> web.Response:
        offset = 0 if kind == "repeat" else _whole(query.get("from"), 0)
        outlet = self.world.outlet_by_ajax_id(_whole(query.get("id"), -1))
        if outlet is None or offset < 0:
            return _html(b"0")
        cards = [] if kind == "no_cards" else self.world.cards(outlet.sid, offset, _page_size(query))
        return _html(renderer.fragment(cards) if cards else renderer.end())

    async def _home_or_search(self, request: web.BaseRequest, renderer: Renderer) -> web.Response:
        if "s" not in request.query:
            return _html(renderer.home())
        form = _form(request.query)
        return _html(renderer.search(form, await self._hits(form)))

    async def _hits(self, form: SearchForm) -> list[str]:
        """What the search finds. In a thread, for it may go through every title there is."""
        sid = None
        if form.source:
            outlet = self.world.outlet_by_ajax_id(_whole(form.source, -1))
            if outlet is None:
                return []
            sid = outlet.sid
        start, end = parse_search_day(form.start), parse_search_day(form.end)
        return await asyncio.to_thread(self.world.search, form.query, sid, start, end)

    def _elsewhere(self, path: str, request: web.BaseRequest, renderer: Renderer) -> web.Response:
        match path.rstrip("/"):
            case "/robots.txt":
                return web.Response(body=renderer.robots(self._crawl_delay), content_type="text/plain")
            case "/newstream/feed":
                return web.Response(body=renderer.feed(), content_type="application/rss+xml")
            case "/feed":
                return _redirect(sign_up_address(f"http://{request.host}/feed/"))
            case "/free-member-form":
                return _html(renderer.message("page sign-up", '<div class="free-member-form-inner">Sign up</div>'))
            case "/kctv-archive":
                return _redirect(f"/wp-login.php?redirect_to={path}")
            case "/wp-login.php":
                return _html(renderer.message("login", '<form id="loginform"><input name="log"></form>'))
            case "/about" | "/newspapers" | "/upgrade" | "/privacy-policy":
                return _html(renderer.message("page", "<p>About this archive.</p>"))
        return self._file(path, renderer)

    def _file(self, path: str, renderer: Renderer) -> web.Response:
        """Sitemaps, newspapers, pictures; the rest there is not."""
        sitemap = None
        if path == "/sitemap_index.xml":
            sitemap = renderer.sitemap_index()
        elif path == "/page-sitemap.xml":
            sitemap = renderer.page_sitemap()
        elif found := _SITEMAP.match(path):
            sitemap = renderer.sitemap(_whole(found[1], 1))
        if sitemap:
            return web.Response(body=sitemap, headers={"Content-Type": "text/xml; charset=UTF-8"})
        if path.startswith("/wp-content/"):
            pdf = path.endswith(".pdf")
            return web.Response(body=_PDF if pdf else _GIF, content_type="application/pdf" if pdf else "image/gif")
        return _html(renderer.message("error404", _NOT_FOUND), 404)

    # Faults

    async def _fail(self, request: web.BaseRequest, fault: Fault) -> web.StreamResponse:
        if fault.kind in {"no_cards", "unreadable", "repeat", "bad_date"}:
            return await self._answer(request, fault)
        answers: Mapping[str, _Answer] = {
            "status": self._status,
            "reset": self._reset,
            "truncated": self._truncated,
            "slow": self._slow,
            "hang": self._hang,
            "empty": self._empty,
            "garbage": self._garbage,
            "wrong_charset": self._wrong_charset,
            "bad_gzip": self._bad_gzip,
            "bomb": self._bomb,
            "endless": self._endless,
            "redirect": self._redirected,
            "redirect_loop": self._redirect_loop,
            "challenge": self._challenge,
            "block_page": self._block_page,
        }
        return await answers[fault.kind](request, fault)

    async def _status(self, _request: web.BaseRequest, fault: Fault) -> web.Response:
        headers = {}
        if (wait := fault.options.get("retry_after")) is not None:
            headers["Retry-After"] = str(wait)
        status = _option(fault, "status", 503)
        return web.Response(status=status, text=f"<h1>Error {status}</h1>", headers=headers, content_type="text/html")

    async def _reset(self, request: web.BaseRequest, _fault: Fault) -> web.Response:
        _abort(request)
        return web.Response(status=500)

    async def _truncated(self, request: web.BaseRequest, _fault: Fault) -> web.StreamResponse:
        body = _bytes(await self._answer(request))
        response = web.StreamResponse(headers={"Content-Type": "text/html; charset=UTF-8"})
        response.content_length = len(body) + 1000
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        if request.transport:
            request.transport.close()
        return response

    async def _slow(self, request: web.BaseRequest, fault: Fault) -> web.Response:
        await asyncio.sleep(_seconds(fault))
        return await self._answer(request)

    async def _hang(self, _request: web.BaseRequest, _fault: Fault) -> web.Response:
        await asyncio.Event().wait()
        return web.Response(status=500)

    async def _empty(self, _request: web.BaseRequest, _fault: Fault) -> web.Response:
        return _html(b"")

    async def _garbage(self, _request: web.BaseRequest, _fault: Fault) -> web.Response:
        return _html(bytes(place * 197 % 256 for place in range(5000)))

    async def _wrong_charset(self, request: web.BaseRequest, _fault: Fault) -> web.Response:
        answer = await self._answer(request)
        answer.headers["Content-Type"] = "text/html; charset=ISO-8859-1"
        return answer

    async def _bad_gzip(self, _request: web.BaseRequest, _fault: Fault) -> web.Response:
        response = _html(b"\x1f\x8b\x08\x00" + b"this is not gzip" * 50)
        response.headers["Content-Encoding"] = "gzip"
        return response

    async def _bomb(self, _request: web.BaseRequest, fault: Fault) -> web.Response:
        response = _html(_gzip_bomb(_option(fault, "megabytes", 512)))
        response.headers["Content-Encoding"] = "gzip"
        return response

    async def _endless(self, request: web.BaseRequest, _fault: Fault) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/html; charset=UTF-8"})
        await response.prepare(request)
        try:
            while True:
                await response.write(b"<p>and so on</p>\n" * 4000)
                await asyncio.sleep(0)
        except ConnectionError:
            return response

    async def _redirected(self, _request: web.BaseRequest, fault: Fault) -> web.Response:
        return _redirect(str(fault.options.get("location", "/")))

    async def _redirect_loop(self, request: web.BaseRequest, _fault: Fault) -> web.Response:
        return _redirect(request.raw_path)

    async def _challenge(self, request: web.BaseRequest, _fault: Fault) -> web.Response:
        return _html(_CHALLENGE.replace("{host}", request.host).encode())

    async def _block_page(self, _request: web.BaseRequest, _fault: Fault) -> web.Response:
        return _html(_BLOCKED.encode())

    # Driving it from another process

    async def _control(self, request: web.BaseRequest) -> web.Response:
        """``/__replica__/…``: change the world, set faults, ask for the truth."""
        try:
            given = await request.json() if request.method == "POST" else dict(request.query)
            answer = self._obey(f"{request.method} {request.path.removeprefix('/__replica__/')}", given)
        except (KeyError, TypeError, ValueError) as error:
            return web.json_response({"error": f"{type(error).__name__}: {error}"}, status=400)
        return web.json_response(answer)

    def _obey(self, command: str, given: Mapping[str, object]) -> dict[str, object]:
        world = self.world
        match command:
            case "POST publish":
                return {"ids": world.publish(**{key: int(str(value)) for key, value in given.items()})}
            case "POST edit":
                world.edit(str(given["id"]), str(given.get("what", "body")))
            case "POST remove":
                world.remove(str(given["id"]))
            case "POST fault":
                self._add_fault(given)
            case "POST clear":
                self.clear()
            case "GET truth":
                return world.truth(str(given["id"]), str(given.get("base_url", "")))
            case "GET ids":
                return {"ids": world.ids(int(str(given["sid"])) if "sid" in given else None)}
            case "GET requests":
                return {"requests": [asdict(request) for request in list(self.requests)]}
            case _:
                raise ValueError(f"no such command: {command}")
        return {"done": command}

    def _add_fault(self, given: Mapping[str, object]) -> None:
        options = dict(given)
        times = options.pop("times", None)
        self.faults.add(
            str(options.pop("pattern")),
            str(options.pop("kind")),
            None if times is None else int(str(times)),
            **options,
        )

    def clear(self) -> None:
        """Forgets the requests so far and ends all faults."""
        self.requests.clear()
        self.faults.clear()


class Replica(Site):
    """The site, served from a thread of its own while the ``with`` block lasts.

    >>> with Replica(World(articles=100), SPELLINGS["plain"]) as replica:
    ...     replica.url
    'http://127.0.0.1:40123'
    """

    def __init__(
        self,
        world: World,
        spelling: Spelling = SPELLINGS["plain"],
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        crawl_delay: float | None = None,
    ) -> None:
        super().__init__(world, spelling, crawl_delay)
        self._host = host
        self._port = port
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._failure: OSError | None = None
        self.url = ""

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="replica", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure:
            self._thread.join()
            raise self._failure
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._loop:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def count(self, prefix: str) -> int:
        """How many requests there were to addresses that begin so."""
        return sum(request.path_qs.startswith(prefix) for request in list(self.requests))

    def article_requests(self) -> list[Request]:
        """The requests for article pages."""
        return [request for request in list(self.requests) if _ARTICLE.match(request.path_qs)]

    def listing_requests(self) -> list[Request]:
        """The requests for listing pages and for more of them by AJAX."""
        return [
            request
            for request in list(self.requests)
            if request.path_qs.startswith(("/article/", f"{_AJAX}?")) and "action=heartbeat" not in request.path_qs
        ]

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        try:
            runner, self.url = await _start(self, self._host, self._port)
        except OSError as error:
            self._failure = error
            return
        finally:
            self._ready.set()
        await self._stop.wait()
        await runner.cleanup()


def serve(
    world: World,
    spelling: Spelling,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    crawl_delay: float | None = None,
    ready: Callable[[str], None],
) -> None:
    """Serves until SIGINT or SIGTERM; ``ready`` is called with the address. Only from the main thread."""
    asyncio.run(_serve_until_signal(Site(world, spelling, crawl_delay), host, port, ready))


async def _serve_until_signal(site: Site, host: str, port: int, ready: Callable[[str], None]) -> None:
    stop = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    runner, url = await _start(site, host, port)
    ready(url)
    await stop.wait()
    await runner.cleanup()


async def _start(site: Site, host: str, port: int) -> tuple[web.ServerRunner, str]:
    runner = web.ServerRunner(web.Server(site.handle, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError:
        await runner.cleanup()
        raise
    bound = runner.addresses[0][1]
    return runner, f"http://{f'[{host}]' if ':' in host else host}:{bound}"


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


def _html(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, headers={"Content-Type": "text/html; charset=UTF-8"})


def _redirect(location: str) -> web.Response:
    return web.Response(status=302, headers={"Location": location})


def _form(query: Mapping[str, str]) -> SearchForm:
    return SearchForm(query.get("s", ""), query.get("source", ""), query.get("start", ""), query.get("end", ""))


def _whole(text: str | None, default: int) -> int:
    """A number out of an address; ``default`` if there is none, -1 if it is no number."""
    if not text:
        return default
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1


def _page_size(query: Mapping[str, str]) -> int:
    return max(0, min(_whole(query.get("to"), PAGE_SIZE), _LONGEST_PAGE))


def _option(fault: Fault, name: str, default: int) -> int:
    return int(str(fault.options.get(name, default)))


def _seconds(fault: Fault) -> float:
    return float(str(fault.options.get("seconds", 1)))


def _bytes(answer: web.Response) -> bytes:
    return answer.body if isinstance(answer.body, bytes) else b""


def _abort(request: web.BaseRequest) -> None:
    """Breaks the connection off with a reset and not with an orderly end."""
    if request.transport is None:
        return
    connection = request.transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.transport.abort()


@lru_cache(maxsize=2)
def _gzip_bomb(megabytes: int) -> bytes:
    """So many megabytes of zeros, packed: the compressed megabyte is repeated, which a full flush allows."""
    zeros = bytes(1_000_000)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    block = packer.compress(zeros) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = 0
    for _ in range(megabytes):
        checksum = zlib.crc32(zeros, checksum)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
    tail = struct.pack("<II", checksum, megabytes * len(zeros) % 2**32)
    return head + block * megabytes + packer.flush() + tail
