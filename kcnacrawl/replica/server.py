"""The replica as an HTTP server: a world in a variant, with faults, over loopback."""

import asyncio
import hashlib
import re
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import TracebackType
from typing import Self

from aiohttp import web

from kcnacrawl.replica.alteration import Alteration
from kcnacrawl.replica.certificate import self_signed
from kcnacrawl.replica.failures import fail, html, redirect
from kcnacrawl.replica.faults import Fault, Faults
from kcnacrawl.replica.lists import shown
from kcnacrawl.replica.markup_variant import VARIANTS, MarkupVariant
from kcnacrawl.replica.render import (
    PAGE_SIZE,
    Renderer,
    SearchForm,
    parse_search_day,
    sign_up_address,
)
from kcnacrawl.replica.world import World

_ARTICLE = re.compile(r"/newstream/([0-9]{10}-[0-9]{7,9})(?:/|$)")
_LISTING = re.compile(r"/article/([0-9]{1,9})/?$")
_SITEMAP = re.compile(r"/newstream-sitemap([0-9]{0,6})\.xml$")
_AJAX = "/wp-admin/admin-ajax.php"
_LONGEST_PAGE = 100
_GIF = bytes.fromhex("47494638396101000100800000000000ffffff21f90401000000002c000000000100010000020144003b")
_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
_NOT_FOUND = "<h1>Page not found</h1><p>Nothing was found at this location.</p>"


@dataclass(slots=True)
class Request:
    """One request, in the order of arrival; ``at`` and ``answered_at`` are monotonic.

    Until it is answered its status is 0 and ``answered_at`` is ``None``. ``fault`` is the kind that befell it,
    ``retry_after`` what it was told to wait, ``user_agent`` who asked.
    """

    path_qs: str
    status: int
    at: float
    answered_at: float | None = None
    fault: str | None = None
    retry_after: str | None = None
    user_agent: str = ""


class Site:
    """Answers requests: what :class:`Replica` and :func:`serve` have in common."""

    def __init__(
        self,
        world: World,
        variant: MarkupVariant,
        *,
        crawl_delay: float | None = None,
        robots: str | None = None,
        tls: bool = False,
    ) -> None:
        world.arrange(variant.order)
        self.world = world
        self.variant = variant
        self.faults = Faults()
        self.requests: list[Request] = []
        self.scheme = "https" if tls else "http"
        self._crawl_delay = crawl_delay
        self._robots = robots
        self._renderers: dict[str, Renderer] = {}

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request for any address."""
        path_qs = request.raw_path
        if path_qs.startswith("/__replica__/"):
            return await self._control(request)
        entry = Request(path_qs, 0, time.monotonic(), user_agent=request.headers.get("User-Agent", ""))
        self.requests.append(entry)
        fault = self.faults.take(path_qs)
        if fault is None:
            response: web.StreamResponse = await self._answer(request)
        else:
            entry.fault = fault.kind
            response = await fail(request, fault, lambda: self._answer(request, fault))
        entry.status = response.status
        entry.answered_at = time.monotonic()
        entry.retry_after = response.headers.get("Retry-After")
        return response

    async def _answer(self, request: web.BaseRequest, fault: Fault | None = None) -> web.Response:
        """Return the regular answer, with what a fault alters of it."""
        path = request.raw_path.partition("?")[0]
        renderer = self._renderer(request.host, fault)
        if found := _ARTICLE.match(path):
            return self._article(request, renderer, found[1])
        if path == _AJAX:
            return await self._ajax(request, renderer, fault)
        if found := _LISTING.match(path):
            outlet = self.world.outlet(int(found[1]))
            if outlet:
                return html(renderer.listing(outlet, shown(self.world, outlet.sid, 0, PAGE_SIZE, fault)))
            return html(renderer.message("error404", _NOT_FOUND), 404)
        if path == "/":
            return await self._home_or_search(request, renderer)
        return self._elsewhere(path, request, renderer)

    def _renderer(self, host: str, fault: Fault | None) -> Renderer:
        """Return the pages for the name by which the site was asked: absolute links carry it."""
        url = f"{self.scheme}://{host}"
        if fault is not None:
            return Renderer(self.world, self.variant, url, Alteration(fault.kind, fault.options))
        if host not in self._renderers:
            if len(self._renderers) > 8:
                self._renderers.clear()
            self._renderers[host] = Renderer(self.world, self.variant, url)
        return self._renderers[host]

    def _article(self, request: web.BaseRequest, renderer: Renderer, article_id: str) -> web.Response:
        view = self.world.article(article_id)
        if view is None:
            return html(renderer.message("error404", _NOT_FOUND), 404)
        if self.world.is_gone(article_id):
            return html(renderer.message("error404", _NOT_FOUND), self.world.gone_status(article_id))
        if view.gate == "redirect":
            return redirect(sign_up_address(f"{self.scheme}://{request.host}{request.raw_path}"))
        body = renderer.article(view)
        page = html(body)
        page.headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if request.headers.get("If-None-Match") == page.headers["ETag"]:
            return web.Response(status=304, headers={"ETag": page.headers["ETag"]})
        return page

    async def _ajax(self, request: web.BaseRequest, renderer: Renderer, fault: Fault | None) -> web.Response:
        query = request.query
        action = query.get("action")
        if action == "get_cat_by_source":
            return self._more_articles(query, renderer, fault)
        if action == renderer.search_action():
            hits = await self._hits(_form(query))
            if action == "load_more_search":
                start, count = (_whole(query.get("page"), 1) - 1) * PAGE_SIZE, PAGE_SIZE
            else:
                start, count = _whole(query.get("from"), 0), _page_size(query)
            cards = [self.world.card(hit) for hit in hits[start : start + count]]
            return html(renderer.fragment(cards))
        return html(b"0", 400)

    def _more_articles(self, query: Mapping[str, str], renderer: Renderer, fault: Fault | None) -> web.Response:
        offset = _whole(query.get("from"), 0)
        if fault and fault.kind == "repeat":
            offset = 0
        elif fault and fault.kind == "stuck":
            offset = min(offset, int(str(fault.options.get("offset", PAGE_SIZE))))
        outlet = self.world.outlet_by_ajax_id(_whole(query.get("id"), -1))
        if outlet is None or offset < 0:
            return html(renderer.fragment([]))
        return html(renderer.fragment(shown(self.world, outlet.sid, offset, _page_size(query), fault)))

    async def _home_or_search(self, request: web.BaseRequest, renderer: Renderer) -> web.Response:
        if "s" not in request.query:
            return html(renderer.home())
        form = _form(request.query)
        return html(renderer.search(form, await self._hits(form)))

    async def _hits(self, form: SearchForm) -> list[str]:
        """Return what the search finds. In a thread, for it may go through every title there is."""
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
                robots = renderer.robots(self._crawl_delay) if self._robots is None else self._robots.encode()
                return web.Response(body=robots, content_type="text/plain")
            case "/newstream/feed":
                return web.Response(body=renderer.feed(), content_type="application/rss+xml")
            case "/feed":
                return redirect(sign_up_address(f"{self.scheme}://{request.host}/feed/"))
            case "/free-member-form":
                return html(renderer.message("page sign-up", '<div class="free-member-form-inner">Sign up</div>'))
            case "/kctv-archive":
                return redirect(f"/wp-login.php?redirect_to={path}")
            case "/wp-login.php":
                return html(renderer.message("login", '<form id="loginform"><input name="log"></form>'))
            case "/about" | "/newspapers" | "/upgrade" | "/privacy-policy":
                return html(renderer.message("page", "<p>About this archive.</p>"))
        return self._file(path, renderer)

    def _file(self, path: str, renderer: Renderer) -> web.Response:
        """Serve sitemaps, newspapers and pictures; answer 404 to the rest."""
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
        return html(renderer.message("error404", _NOT_FOUND), 404)

    # Driving it from another process

    async def _control(self, request: web.BaseRequest) -> web.Response:
        """Serve ``/__replica__/…``: change the world, set faults, tell the truth."""
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
            case "POST remove" | "POST open" | "POST close":
                change = {"remove": world.remove, "open": world.open_up, "close": world.close_up}
                change[command.removeprefix("POST ")](str(given["id"]))
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
        """Forget the requests so far and end all faults."""
        self.requests.clear()
        self.faults.clear()


class Replica(Site):
    """The site, served from a thread of its own while the ``with`` block lasts.

    ``crawl_delay`` (seconds) goes into its robots.txt, or ``robots`` is that file's whole text. With ``tls`` it is
    served over https, with a certificate that no client that looks at it accepts.

    >>> with Replica(World(articles=100), VARIANTS["plain"]) as replica:
    ...     replica.url
    'http://127.0.0.1:40123'
    """

    def __init__(
        self,
        world: World,
        variant: MarkupVariant = VARIANTS["plain"],
        port: int = 0,
        *,
        host: str = "127.0.0.1",
        crawl_delay: float | None = None,
        robots: str | None = None,
        tls: bool = False,
    ) -> None:
        super().__init__(world, variant, crawl_delay=crawl_delay, robots=robots, tls=tls)
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
        """Return how many requests there were to addresses that begin so."""
        return sum(request.path_qs.startswith(prefix) for request in list(self.requests))

    def article_requests(self) -> list[Request]:
        """Return the requests for article pages."""
        return [request for request in list(self.requests) if _ARTICLE.match(request.path_qs)]

    def listing_requests(self) -> list[Request]:
        """Return the requests for listing pages and for more of them by AJAX."""
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
    variant: MarkupVariant,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    crawl_delay: float | None = None,
    ready: Callable[[str], None],
) -> None:
    """Serve until SIGINT or SIGTERM; ``ready`` is called with the address. Only from the main thread."""
    asyncio.run(_serve_until_signal(Site(world, variant, crawl_delay=crawl_delay), host, port, ready))


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
        encryption = self_signed() if site.scheme == "https" else None
        await web.TCPSite(runner, host, port, ssl_context=encryption).start()
    except OSError:
        await runner.cleanup()
        raise
    bound = runner.addresses[0][1]
    return runner, f"{site.scheme}://{f'[{host}]' if ':' in host else host}:{bound}"


def _form(query: Mapping[str, str]) -> SearchForm:
    return SearchForm(query.get("s", ""), query.get("source", ""), query.get("start", ""), query.get("end", ""))


def _whole(text: str | None, default: int) -> int:
    """Return a number out of an address; ``default`` if there is none, -1 if it is no number."""
    if not text:
        return default
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1


def _page_size(query: Mapping[str, str]) -> int:
    return max(0, min(_whole(query.get("to"), PAGE_SIZE), _LONGEST_PAGE))
