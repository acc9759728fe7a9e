"""A page of the site's in a real browser: the one place that knows Playwright.

The browser has no network. What a page asks for is fetched by Scrapy's downloader and handed in, so that robots.txt,
delays, pauses and retries hold for it as for any request; what is of another host, or for the eye alone, is refused.
Of scrapy-playwright the provider is used, which starts browsers as its settings say: its download handler has them
fetch by themselves, past all of that.
"""

import asyncio
import logging
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from playwright.async_api import Browser, Error, JSHandle, Locator, Page, Route
from playwright.async_api import Request as PageRequest
from scrapy import Request
from scrapy.http import HtmlResponse, Response
from scrapy.settings import BaseSettings
from scrapy_playwright.handler import Config  # type: ignore[import-untyped]  # has none
from scrapy_playwright.provider import PlaywrightBrowserProvider  # type: ignore[import-untyped]  # as above

from ..downloadermiddlewares.render import NO_BROWSER
from ..downloadermiddlewares.retry import MAY_BE_EMPTY
from ..exceptions import BrowserFailed, NothingSent
from ..pages.search import BUTTON, BUTTON_WORDS
from ..site.urls import Site

logger = logging.getLogger(__name__)

Fetch = Callable[[Request], Awaitable[Response]]

# By the names their packages give them.
_NAMES: Final = ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome", "google-chrome-stable")
_OWN_NAMES: Final = frozenset({"chrome", "headless_shell", "chrome-headless-shell", "Chromium"})

# Of what starts by itself and calls home, nothing; and no name or number of a host leads anywhere.
_ARGUMENTS: Final = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
_LOADED: Final = frozenset({"script", "xhr", "fetch"})
_PASSED_ON: Final = ("accept", "content-type", "referer", "x-requested-with")
_MOST_REQUESTS: Final = 200

# With the browser alone: what Scrapy fetches for it has timeouts of its own.
_PATIENCE_SECONDS: Final = 60.0
_PRESS_SECONDS: Final = 10.0
_CLOSING_SECONDS: Final = 10.0

_LOOK_SECONDS: Final = 0.05
_BUTTON: Final = re.compile(r"^\W*(?:load )?more articles\W*$", re.IGNORECASE)
_RESULTS_WORDS: Final = re.compile(rf"^\W*{BUTTON_WORDS.pattern}$", re.IGNORECASE)
_CARD: Final = re.compile(rb"/newstream\\?/([0-9]{10}-[0-9]{7,9})")

# Of what was added to the page since the last look, the outermost elements that link to articles.
_CARDS: Final = """
const link = 'a[href*="/newstream/"]';
const cards = [...added].filter(node => node.isConnected && node.nodeType === 1 &&
    (node.matches(link) || node.querySelector(link)));
const outer = cards.filter(node => !cards.some(other => other !== node && other.contains(node)));
"""
_WATCH: Final = """() => {
const added = new Set();
const watch = records => records.forEach(record => record.addedNodes.forEach(node => added.add(node)));
new MutationObserver(watch).observe(document.body, {childList: true, subtree: true});
return added;
}"""
_SHOWS: Final = f"""([added, number]) => {{{_CARDS}
const links = outer.flatMap(node => [...node.outerHTML.matchAll(/\\/newstream\\/([0-9]{{10}}-[0-9]{{7,9}})/g)]);
return new Set(links.map(found => found[1])).size >= number;
}}"""
# Read cards leave the page, or it would grow with every click.
_TAKE: Final = f"""added => {{{_CARDS}
const markup = outer.map(node => node.outerHTML).join('\\n');
outer.forEach(node => node.remove());
added.clear();
return markup;
}}"""


def find_chromium() -> str | None:
    """Return the path of a Chromium: Playwright's newest, else one on ``PATH``; ``None`` if there is none."""
    return _playwrights_own() or next(filter(None, map(shutil.which, _NAMES)), None)


def _playwrights_own() -> str | None:
    cache = Path("~/Library/Caches" if sys.platform == "darwin" else "~/.cache").expanduser() / "ms-playwright"
    folder = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or cache)
    found = [path for path in folder.glob("chromium*-*/**/*") if path.name in _OWN_NAMES and os.access(path, os.X_OK)]
    programs = sorted(filter(Path.is_file, found), key=lambda path: _revision(path.relative_to(folder)))
    return str(programs[-1]) if programs else None


def _revision(path: Path) -> int:
    number = path.parts[0].rpartition("-")[2]
    return int(number) if number.isdigit() else 0


class RenderedPage:
    """A page in a browser of its own. ``fetch`` gets what it asks for of ``site``.

    On a page of the search, *More Results* is what *More Articles* is elsewhere; how it asks is not known.

    Every method raises :class:`BrowserFailed`, and what ``fetch`` raised for the page itself.
    """

    def __init__(
        self, chromium: str, site: Site, settings: BaseSettings, fetch: Fetch, *, button_seconds: float = 3.0
    ) -> None:
        self._button_seconds = button_seconds
        self._last_fetched = asyncio.get_running_loop().time()
        config = Config.from_settings(settings)
        given = config.launch_options
        # A sandbox needs another user than root.
        own = {"executable_path": chromium, "chromium_sandbox": os.geteuid() != 0}
        options = own | given | {"args": [*_ARGUMENTS, *given.get("args", ())]}
        self._provider = PlaywrightBrowserProvider(replace(config, launch_options=options))
        self._agent = settings["USER_AGENT"]
        self._site = site
        self._fetch = fetch
        self._fetching = 0
        self._asked = 0
        self._timer: asyncio.Timeout | None = None
        self._browser: Browser | None = None
        self._document = _future()
        self._sent: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._answered = _future()
        self._only_asks = False
        self._was_pressed = False
        self._is_search = False

    async def open(self, url: str) -> Response:
        """Start the browser and open a page; return its markup after its scripts have run, or an error's answer."""
        self._is_search = self._site.is_search(url)
        async with self._patience():
            await self._start()
            document = await self._load(url)
            if isinstance(document, Response) and document.status == 200:
                self._added: JSHandle = await self._page.evaluate_handle(_WATCH)
                shown = await self._page.content()
        if isinstance(document, Exception):
            raise document
        if not self._site.is_same_page(url, document.url):
            raise BrowserFailed(f"led to another page, {document.url[:200]}")
        return document if document.status != 200 else _html(document.url, shown)

    async def ask(self) -> str:
        """Press *More Articles*; return the address of the request that this would send, a form's fields in its query.

        Raise :class:`NothingSent`.
        """
        self._only_asks = True
        async with self._patience():
            return await self._press(await self._button())

    async def more(self) -> Response | None:
        """Press *More Articles*; return what it adds to the page, or the answer it got if that holds no card; ``None``
        if the button is gone. Raise :class:`NothingSent`.
        """
        async with self._patience():
            button = await self._button()
            if button is None and self._was_pressed:
                return None
            address = await self._press(button)
            self._was_pressed = True
            answer = await self._answered
            if isinstance(answer, Response) and answer.status == 200 and (number := _count_cards(answer)):
                return _html(address, await self._take(number))
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        """End the browser, also one that is stuck or gone."""
        with suppress(Error, TimeoutError):
            async with asyncio.timeout(_CLOSING_SECONDS):
                if self._browser is not None:
                    await self._browser.close()
                await self._provider.close()

    async def _start(self) -> None:
        await self._provider.start()
        self._browser = await self._provider.launch_browser()
        context = await self._browser.new_context(
            user_agent=self._agent, accept_downloads=False, service_workers="block"
        )
        await context.route("**/*", self._route)
        self._page: Page = await context.new_page()

    async def _load(self, url: str) -> Response | Exception:
        try:
            await self._page.goto(url, timeout=0)
        except Error:
            # Of a page that could not be had, Scrapy knows better why.
            if not self._document.done():
                raise
        return await self._document

    # The button

    async def _button(self) -> Locator | None:
        if self._is_search:
            words = self._page.get_by_text(_RESULTS_WORDS)
            buttons = self._page.locator(BUTTON).or_(words).filter(visible=True)
        else:
            buttons = self._page.get_by_text(_BUTTON).filter(visible=True)
        # A script may draw it once all is loaded, and a while after.
        while not (await buttons.count() > 0 and await buttons.last.is_enabled()):
            quiet = 0.0 if self._fetching else asyncio.get_running_loop().time() - self._last_fetched
            if quiet > self._button_seconds:
                return None
            await asyncio.sleep(_LOOK_SECONDS)
        # The list's own stands below it.
        return buttons.last

    async def _press(self, button: Locator | None) -> str:
        if button is None:
            raise NothingSent("a browser finds no button More Articles on it")
        self._sent = asyncio.get_running_loop().create_future()
        self._answered = _future()
        self._asked = 0
        # Not with a mouse: something may lie above it.
        await button.dispatch_event("click")
        try:
            return await asyncio.wait_for(self._sent, _PRESS_SECONDS)
        except TimeoutError as error:
            raise NothingSent("in a browser its button More Articles sends no request that we know") from error

    async def _take(self, number: int) -> str:
        """Return the cards that were added, so many articles: what is shown later would be lost."""
        shown = [self._added, number]
        await self._page.wait_for_function(_SHOWS, arg=shown, polling=50, timeout=_PRESS_SECONDS * 1000)
        return str(await self._added.evaluate(_TAKE))

    # What the page asks for

    async def _route(self, route: Route) -> None:
        """Hand in what Scrapy fetches, or refuse it."""
        # The page may be gone before its answer comes.
        with suppress(Error):
            answer = await self._answer(route.request)
            if isinstance(answer, Response):
                kind = answer.headers.to_unicode_dict().get("Content-Type", "text/html")
                await route.fulfill(status=answer.status, headers={"content-type": kind}, body=answer.body)
            else:
                await route.abort()

    async def _answer(self, request: PageRequest) -> Response | Exception | None:
        """Return the answer, what hindered it, or ``None`` if it is not to be fetched."""
        is_document = request.is_navigation_request() and not self._document.done()
        address = _address(request)
        leads_on = self._site.is_ajax(address) if self._is_search else self._site.identify_ajax(address) is not None
        is_more = leads_on and not self._sent.done()
        if is_more:
            self._sent.set_result(address)
        wanted = is_document or (request.resource_type in _LOADED and not (is_more and self._only_asks))
        self._asked += 1
        if not wanted or self._asked > _MOST_REQUESTS or not self._site.serves(request.url):
            return None
        answer = await self._download(request, may_be_empty=not is_document)
        if is_document:
            self._document.set_result(answer)
        elif is_more:
            self._answered.set_result(answer)
        return answer

    async def _download(self, request: PageRequest, *, may_be_empty: bool) -> Response | Exception:
        self._count_fetching(1)
        try:
            return await self._fetch(_as_scrapy(request, may_be_empty=may_be_empty))
        except Exception as error:  # noqa: BLE001 - whatever hinders a download is the page's to bear
            return error
        finally:
            self._count_fetching(-1)

    # Patience

    @asynccontextmanager
    async def _patience(self) -> AsyncIterator[None]:
        """End what the browser does not get done, and raise its failures as ours."""
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS) as self._timer:
                yield
        except TimeoutError as error:
            raise BrowserFailed(f"the browser did nothing for {_PATIENCE_SECONDS:.0f} seconds") from error
        except Error as error:
            # Of one that does not start, what it said follows in many lines.
            logger.info("%s", error.message)
            first, _, _ = error.message.partition("\n")
            raise BrowserFailed(f"the browser failed: {first}") from error
        finally:
            self._timer = None

    def _count_fetching(self, by: int) -> None:
        self._fetching += by
        self._last_fetched = asyncio.get_running_loop().time()
        if self._timer is not None and not self._timer.expired():
            now = asyncio.get_running_loop().time()
            self._timer.reschedule(None if self._fetching else now + _PATIENCE_SECONDS)


def _future() -> "asyncio.Future[Response | Exception]":
    return asyncio.get_running_loop().create_future()


def _html(url: str, markup: str) -> HtmlResponse:
    return HtmlResponse(url, body=markup.encode("utf-8", errors="replace"), encoding="utf-8")


def _count_cards(answer: Response) -> int:
    return len(set(_CARD.findall(answer.body)))


def _address(request: PageRequest) -> str:
    """Return where a request goes, with a form's fields in the query."""
    body = request.post_data_buffer
    if not body or "urlencoded" not in request.headers.get("content-type", ""):
        return request.url
    return f"{request.url}{'&' if '?' in request.url else '?'}{body.decode('ascii', errors='replace')}"


def _as_scrapy(request: PageRequest, *, may_be_empty: bool) -> Request:
    headers = {name: value for name, value in request.headers.items() if name in _PASSED_ON}
    return Request(
        request.url,
        method=request.method,
        headers=headers,
        body=request.post_data_buffer or b"",
        meta={MAY_BE_EMPTY: may_be_empty},
    )


if __name__ == "__main__":
    # For `make test`: says which one would be used.
    if (chromium := find_chromium()) is None:
        sys.exit(NO_BROWSER)
    sys.stdout.write(f"{chromium}\n")
