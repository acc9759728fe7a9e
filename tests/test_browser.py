"""Pages that keep their ajax id from us, in a real Chromium. None of these is skipped: `make test` provides one."""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import web
from scrapy import Request
from scrapy.http import HtmlResponse, Response
from scrapy.settings import Settings

from kcnacrawl.render.browser import RenderedPage, find_chromium
from kcnacrawl.replica.markup_variant import VARIANTS
from kcnacrawl.replica.server import Replica
from kcnacrawl.replica.world import World
from kcnacrawl.site.urls import Site

from . import processes
from .conftest import ROOT, Crawl, command, differences, keep_their_distance, ungated, wait_for

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]
Dress = Callable[[bytes], bytes]
Launch = Callable[..., processes.Popen]
Watch = Callable[..., "Watched"]

ALWAYS = ("-s", "KCNACRAWL_RENDER=always")
NO_BROWSER = (
    "no Chromium was found: install one (`playwright install --with-deps chromium`, or your system's package"
    " `chromium`), or give its path as KCNACRAWL_BROWSER"
)


class DressedReplica(Replica):
    """The site, its listing pages changed by ``dress``."""

    def __init__(self, dress: Dress, articles: int, robots: str | None) -> None:
        super().__init__(World(articles=articles, sources=1), VARIANTS["browser-only"], robots=robots)
        self._dress = dress
        self.agents: set[str] = set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.agents.add(request.headers["User-Agent"])
        response = await super().handle(request)
        if isinstance(response, web.Response) and request.path.startswith("/article/"):
            response.body = self._dress(bytes(response.body or b""))
        return response


@pytest.fixture
def dressed() -> Iterator[Callable[..., DressedReplica]]:
    """Starts replicas with a list of one source: ``dressed(lambda page: …, articles=…)``."""
    with ExitStack() as stack:

        def start(dress: Dress, articles: int = 40, robots: str | None = None) -> DressedReplica:
            return stack.enter_context(DressedReplica(dress, articles, robots))

        yield start


def starts(done: Crawl) -> int:
    """How many browsers a run started."""
    return int(done.report["counts"].get("browser/starts", 0))


def lists(replica: Replica) -> list[str]:
    """What was asked for of the list, in order."""
    return [request.path_qs for request in replica.listing_requests()]


def offsets(replica: Replica, asked: list[str]) -> list[int]:
    """Where pages of the list begin that were asked for with its id."""
    ajax_id = replica.world.outlet(156).ajax_id
    return [int(path.partition("from=")[2].partition("&")[0]) for path in asked if path.endswith(f"&id={ajax_id}")]


# Once a source


def test_a_browser_is_asked_once_and_the_rest_is_plain_http(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=100, sources=1, variant="browser-only")
    done = crawl(replica.url, "source", "-a", "source=156")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
    assert starts(done) == 1
    assert lists(replica).count("/article/156/") == 2
    # What the button sent was caught, not sent: every page of the list was asked for by us, one card before its end.
    assert offsets(replica, lists(replica)) == [*range(0, 100, 9), 100]


def test_the_id_is_remembered(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=40, sources=1, variant="browser-only")
    crawl(replica.url, "source", "-a", "source=156")
    new = replica.world.publish(3)
    replica.requests.clear()
    again = crawl(replica.url, "source", "-a", "source=156")
    assert again.exit_code == 0, again.stderr
    assert starts(again) == 0
    assert len(lists(replica)) <= 2
    assert differences(replica, again.records) == []
    assert len(new) == 3


def test_each_of_several_sources_asks_once(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=2, variant="browser-only")
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
    assert starts(done) == 2


def test_an_article_leads_into_its_list_through_the_browser(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=40, sources=1, variant="browser-only")
    article = replica.world.truth(replica.world.listing(156)[0])["url_path"]
    done = crawl(replica.url, "source", "-a", f"source={article}")
    assert done.exit_code == 0, done.stderr
    assert {record["id"] for record in done.records} == set(ungated(replica))
    assert starts(done) == 1


def test_a_page_that_posts_a_form_tells_its_id_as_well(dressed: Callable[..., DressedReplica], crawl: Run) -> None:
    posting = (
        b"request.open('POST',url.split('?')[0]);"
        b"request.setRequestHeader('Content-Type','application/x-www-form-urlencoded');"
        b"request.send(url.split('?')[1]);"
    )
    replica = dressed(lambda page: page.replace(b"request.open('GET',url);request.send();", posting))
    done = crawl(replica.url, "source", "-a", "source=156")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []


def test_a_page_that_tells_its_id_starts_no_browser(serve: Serve, crawl: Run) -> None:
    done = crawl(serve(articles=40, sources=1).url, "source")
    assert done.exit_code == 0, done.stderr
    assert starts(done) == 0


def test_a_plain_run_does_not_even_load_playwright(serve: Serve, tmp_path: Path) -> None:
    words = command(tmp_path, serve(articles=20, sources=1).url, "source", "-L", "WARNING")
    run = [sys.executable, "-X", "importtime", *words[1:]]
    done = subprocess.run(run, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0
    assert "kcnacrawl.downloadermiddlewares.render" in done.stderr
    assert "playwright" not in done.stderr


def test_never_takes_the_cards_that_show(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=100, sources=1, variant="browser-only")
    done = crawl(replica.url, "source", "-a", "source=156", "-s", "KCNACRAWL_RENDER=never")
    assert done.exit_code == 4, done.stderr
    assert "KCNACRAWL_RENDER=auto asks a browser for it; if you know the id, give source=ajax:<id>" in done.last_line
    assert 0 < len(done.records) <= 10
    assert starts(done) == 0


# All the way


def test_always_goes_to_the_end_of_the_list_by_the_button(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=100, sources=1, variant="browser-only")
    done = crawl(replica.url, "source", *ALWAYS)
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
    assert starts(done) == 1
    assert lists(replica)[0] == "/article/156/"
    assert offsets(replica, lists(replica)[1:]) == [*range(10, 101, 10)]


@pytest.mark.parametrize(("variant", "sources"), [("labelled", 2), ("click", 1), ("anchor", 1)])
def test_always_reads_other_spellings(serve: Serve, crawl: Run, variant: str, sources: int) -> None:
    replica = serve(articles=30 * sources, sources=sources, variant=variant)
    done = crawl(replica.url, "source", *ALWAYS)
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
    assert starts(done) == sources


def test_always_looks_at_one_page_where_there_is_no_news(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=1, variant="browser-only")
    crawl(replica.url, "source", *ALWAYS)
    replica.requests.clear()
    again = crawl(replica.url, "source", *ALWAYS)
    assert again.exit_code == 0, again.stderr
    assert lists(replica) == ["/article/156/"]


@pytest.mark.parametrize("words", [(), ("-s", "KCNACRAWL_RENDER=always")], ids=["auto", "always"])
def test_a_button_that_a_script_draws_late_is_waited_for(
    dressed: Callable[..., DressedReplica], crawl: Run, words: tuple[str, ...]
) -> None:
    late = b"""<script>
const late = [...document.querySelectorAll('a, button, span, div, p, input')]
    .filter(one => /^more articles$/i.test((one.textContent || one.value).trim()))[0];
late.style.display = 'none';
setTimeout(() => { late.style.display = ''; }, 900);
</script></body>"""
    replica = dressed(lambda page: page.replace(b"</body>", late))
    done = crawl(replica.url, "source", *words)
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []


@pytest.mark.parametrize(("button", "words"), [(b"More Stories", ()), (b"No more articles", ALWAYS)])
def test_a_page_without_the_button_is_a_changed_layout(
    dressed: Callable[..., DressedReplica], crawl: Run, button: bytes, words: tuple[str, ...]
) -> None:
    replica = dressed(lambda page: page.replace(b"More Articles", button))
    done = crawl(replica.url, "source", *words)
    assert done.exit_code == 4, done.stderr
    assert "a browser finds no button More Articles on it" in done.last_line
    assert len(done.records) > 0


def test_cards_that_the_page_does_not_show_are_no_end_of_the_list(
    dressed: Callable[..., DressedReplica], crawl: Run
) -> None:
    replica = dressed(lambda page: page.replace(b"insertAdjacentHTML('beforeend',request.responseText)", b"id"))
    done = crawl(replica.url, "source", *ALWAYS)
    assert done.exit_code == 3
    assert "the browser failed: " in done.last_line


def test_a_list_that_fails_further_down_is_incomplete(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=1, variant="browser-only")
    replica.faults.add("from=30", "status", status=500)
    done = crawl(replica.url, "source", *ALWAYS)
    assert done.exit_code == 3
    assert "the site answered 500" in done.last_line
    replica.faults.clear()
    rest = crawl(replica.url, "source", *ALWAYS)
    assert rest.exit_code == 0, rest.stderr
    assert differences(replica, rest.records) == []


@pytest.mark.parametrize(
    ("kind", "code", "told"), [("no_cards", 4, "no cards on a listing"), ("sign_up", 5, "sign-up form")]
)
def test_a_listing_that_is_none_is_told_as_over_plain_http(
    serve: Serve, crawl: Run, kind: str, code: int, told: str
) -> None:
    replica = serve(articles=40, sources=1, variant="browser-only")
    replica.faults.add("/article/", kind)
    done = crawl(replica.url, "source", *ALWAYS)
    assert done.exit_code == code
    assert told in done.last_line


def test_a_page_does_not_grow_with_the_clicks() -> None:
    numbers = count(1_000_000_000)

    def cards() -> str:
        ids = [f"{next(numbers)}-1234567" for _ in range(10)]
        return "".join(f"<article><h4><a href='/newstream/{one}/slug'>A title</a></h4></article>" for one in ids)

    page = f"""<div id=list>{cards()}</div><button>More Articles</button><script>
    document.querySelector('button').onclick = async () => {{
        const answer = await fetch('/wp-admin/admin-ajax.php?action=get_cat_by_source&from=10&to=10&id=189661');
        document.getElementById('list').insertAdjacentHTML('beforeend', await answer.text());
    }}</script>"""

    async def fetch(request: Request) -> Response:
        return HtmlResponse(request.url, body=(cards() if "admin-ajax" in request.url else page).encode())

    async def press(times: int) -> list[int]:
        chromium = find_chromium()
        assert chromium is not None
        rendered = RenderedPage(chromium, Site("http://127.0.0.1:1"), Settings({"USER_AGENT": "test"}), fetch)
        sizes = []
        try:
            await rendered.open("http://127.0.0.1:1/article/163/")
            for _ in range(times):
                answer = await rendered.more()
                assert answer is not None
                assert answer.body.count(b"<article>") == 10
                sizes.append(int(await rendered._page.evaluate("document.querySelectorAll('*').length")))
        finally:
            await rendered.close()
        return sizes

    assert len(set(asyncio.run(press(30)))) == 1


# Politeness


def test_nothing_of_another_host_and_nothing_for_the_eye_is_loaded(
    dressed: Callable[..., DressedReplica], crawl: Run
) -> None:
    other = dressed(lambda page: page)
    for_the_eye = "<link rel=stylesheet href=/theme.css><img src=/logo.png><video src=/film.mp4></video>"
    font = "<style>@font-face{font-family:f;src:url(/f.woff2)}body{font-family:f}</style>"
    foreign = (
        f"<script src={other.url}/tracker.js></script><img src={other.url}/pixel.gif><iframe src={other.url}/></iframe>"
        f"<script>fetch('{other.url}/beacon',{{mode:'no-cors'}}).catch(()=>0);"
        f"navigator.sendBeacon('{other.url}/ping');new WebSocket('{other.url.replace('http', 'ws')}/socket');</script>"
    )
    own = "<script src=/own.js></script>"
    tags = (for_the_eye + font + foreign + own).encode()
    replica = dressed(lambda page: page.replace(b"</header>", b"</header>" + tags, 1))
    # Or Chromium itself would keep a page from this machine's other ports.
    options = '{"args": ["--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets"]}'
    done = crawl(replica.url, "source", "-s", f"PLAYWRIGHT_LAUNCH_OPTIONS={options}")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
    assert starts(done) == 1
    assert other.requests == []
    asked = {request.path_qs.partition("?")[0] for request in replica.requests if "newstream" not in request.path_qs}
    assert asked == {"/robots.txt", "/", "/article/156/", "/wp-admin/admin-ajax.php", "/own.js"}


def test_robots_txt_holds_for_what_a_page_loads(dressed: Callable[..., DressedReplica], crawl: Run) -> None:
    replica = dressed(
        lambda page: page.replace(b"</header>", b"</header><script src=/private/own.js></script>", 1),
        robots="User-agent: *\nDisallow: /private/\n",
    )
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert starts(done) == 1
    assert replica.count("/private/") == 0


def test_a_browser_gives_the_name_of_the_crawler(dressed: Callable[..., DressedReplica], crawl: Run) -> None:
    tell = b"<script>fetch('/seen-as/'+encodeURIComponent(navigator.userAgent))</script>"
    replica = dressed(lambda page: page.replace(b"</header>", b"</header>" + tell, 1))
    done = crawl(replica.url, "source", "-a", "source=156")
    assert done.exit_code == 0, done.stderr
    (agent,) = replica.agents
    assert agent.startswith("kcnacrawl/")
    assert replica.count(f"/seen-as/{quote(agent, safe='()')}") == 1


@pytest.mark.parametrize("render", ["auto", "always"])
def test_what_a_page_loads_keeps_its_distance(tmp_path: Path, render: str) -> None:
    world = World(articles=30, sources=1)
    with Replica(world, VARIANTS["browser-only"], crawl_delay=1.2) as replica:
        words = ("source", "-a", "source=156", "-a", "limit=1", "-s", f"KCNACRAWL_RENDER={render}")
        done = processes.run(command(tmp_path, replica.url, *words, pace=()), cwd=ROOT, capture_output=True)
        assert done.returncode == 0
        assert "/article/156/" in lists(replica)
    assert len(replica.requests) >= 5
    assert keep_their_distance(replica.requests, 1.2)


# Which browser, and whether there is one


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("KCNACRAWL_RENDER=sometimes", "setting KCNACRAWL_RENDER='sometimes': not one of never, auto, always"),
        ("KCNACRAWL_RENDER=", "setting KCNACRAWL_RENDER='': not one of never, auto, always"),
        (
            "KCNACRAWL_BROWSER=/nowhere/chromium",
            "setting KCNACRAWL_BROWSER='/nowhere/chromium': not a program that can be run",
        ),
        ("KCNACRAWL_BROWSER=/etc", "setting KCNACRAWL_BROWSER='/etc': not a program that can be run"),
    ],
)
def test_a_bad_setting_is_one_line_and_fetches_nothing(serve: Serve, crawl: Run, setting: str, line: str) -> None:
    replica = serve()
    done = crawl(replica.url, "source", "-s", setting)
    assert (done.exit_code, done.stderr) == (2, f"kcnacrawl: {line}\n")
    assert replica.requests == []


@pytest.fixture
def no_browser(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Has no program be found."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))


@pytest.mark.usefixtures("no_browser")
def test_always_without_a_browser_is_one_line_and_fetches_nothing(serve: Serve, crawl: Run) -> None:
    replica = serve(variant="browser-only")
    done = crawl(replica.url, "source", *ALWAYS)
    assert (done.exit_code, done.stderr) == (2, f"kcnacrawl: setting KCNACRAWL_RENDER='always': {NO_BROWSER}\n")
    assert replica.requests == []


@pytest.mark.usefixtures("no_browser")
def test_auto_without_a_browser_that_is_needed_is_one_line_that_says_how_to_get_one(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=40, sources=1, variant="browser-only")
    done = crawl(replica.url, "source")
    assert done.exit_code == 2
    assert done.last_line.endswith(NO_BROWSER)
    assert replica.article_requests() == []
    assert starts(done) == 0


@pytest.mark.usefixtures("no_browser")
def test_without_need_a_browser_is_not_missed(serve: Serve, crawl: Run) -> None:
    assert crawl(serve().url, "source").exit_code == 0


def test_a_browser_that_does_not_start_is_told(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=40, sources=1, variant="browser-only")
    for words in ((), ALWAYS):
        done = crawl(replica.url, "source", "-s", "KCNACRAWL_BROWSER=/bin/true", *words)
        assert done.exit_code == 3
        assert "the browser failed: " in done.last_line


def test_playwrights_own_browser_comes_first_and_the_newest_of_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = [tmp_path / f"chromium-{revision}/chrome-linux/chrome" for revision in (999, 1255)]
    system = tmp_path / "bin/chromium"
    for path in (*own, system):
        path.parent.mkdir(parents=True)
        path.touch(0o755)
    (tmp_path / "chromium-1300/chrome-linux").mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    assert find_chromium() == str(own[1])
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "none"))
    assert find_chromium() == str(system)


# Whatever ends it


class Watched:
    """A run, and the processes it started: they are known by the folder for temporary files that they were given."""

    def __init__(self, run: subprocess.Popen[str], folder: str) -> None:
        self._run = run
        self._folder = folder

    def processes(self) -> dict[int, str]:
        """The command lines of all of them, by process id."""
        found = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                line, environment = (path / "cmdline").read_bytes(), (path / "environ").read_bytes()
            except OSError:
                # It ended meanwhile, or is another user's.
                continue
            if self._folder.encode() in line + environment and line:
                found[int(path.name)] = line.replace(b"\0", b" ").decode(errors="replace")
        return found

    def chromium(self) -> list[int]:
        """The processes of the browser."""
        return [number for number, line in self.processes().items() if "--remote-debugging-pipe" in line]

    def send(self, number: int) -> None:
        self._run.send_signal(number)

    def end(self) -> tuple[int, str]:
        """Its exit code and what it said, within the ten seconds of a run that is stopped."""
        _, stderr = self._run.communicate(timeout=10)
        return self._run.returncode, stderr


@pytest.fixture
def watch(launch: Launch, tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    """Starts ``scrapy crawl source`` to be watched: ``watch(replica, "-s", …)``."""
    # Chromium has a socket in it, and no socket's path is longer than 107 bytes.
    with tempfile.TemporaryDirectory(prefix="kcnacrawl-", ignore_cleanup_errors=True) as folder:

        def start(replica: Replica, *words: str) -> Watched:
            words = command(tmp_path / "archive", replica.url, "source", *words)
            run = launch(words, env=os.environ | {"TMPDIR": folder}, stderr=subprocess.PIPE, text=True)
            return Watched(run, folder)

        yield start


def test_a_run_leaves_no_process_behind(serve: Serve, watch: Watch) -> None:
    replica = serve(articles=30, sources=1, variant="browser-only")
    run = watch(replica)
    wait_for(run.chromium)
    code, stderr = run.end()
    assert code == 0, stderr
    assert run.processes() == {}


def test_the_browser_is_closed_once_it_told_the_id(serve: Serve, watch: Watch) -> None:
    replica = serve(articles=30, sources=1, variant="browser-only")
    replica.faults.add("/newstream/", "slow", seconds=0.3)
    run = watch(replica, "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=1")
    wait_for(run.chromium)
    wait_for(lambda: len(replica.article_requests()) > 3)
    assert [line for line in run.processes().values() if "playwright" in line] == []
    run.send(signal.SIGTERM)
    assert run.end()[0] == 143


@pytest.mark.parametrize(
    ("render", "where", "number", "code"),
    [
        ("auto", "/own.js", signal.SIGTERM, 143),
        ("auto", "/own.js", signal.SIGKILL, -9),
        ("always", "from=20", signal.SIGINT, 130),
    ],
)
def test_a_run_that_is_stopped_leaves_no_process_behind(
    dressed: Callable[..., DressedReplica], watch: Watch, render: str, where: str, number: int, code: int
) -> None:
    replica = dressed(lambda page: page.replace(b"</header>", b"</header><script src=/own.js></script>", 1))
    replica.faults.add(where, "hang")
    run = watch(replica, "-s", f"KCNACRAWL_RENDER={render}")
    wait_for(lambda: any(where in request.path_qs for request in replica.requests))
    assert run.chromium()
    run.send(number)
    ended, stderr = run.end()
    assert ended == code, stderr
    assert "Traceback" not in stderr
    wait_for(lambda: not run.processes())


@pytest.mark.parametrize(("render", "where"), [("auto", "/own.js"), ("always", "from=20")])
def test_a_browser_that_crashes_costs_its_list_and_not_the_run(
    dressed: Callable[..., DressedReplica], crawl: Run, watch: Watch, render: str, where: str
) -> None:
    replica = dressed(lambda page: page.replace(b"</header>", b"</header><script src=/own.js></script>", 1))
    replica.faults.add(where, "slow", seconds=3)
    run = watch(replica, "-s", f"KCNACRAWL_RENDER={render}")
    wait_for(lambda: any(where in request.path_qs for request in replica.requests))
    for process in run.chromium():
        os.kill(process, signal.SIGKILL)
    code, stderr = run.end()
    assert code == 3, stderr
    assert "the browser failed: " in stderr.splitlines()[-1]
    assert "Traceback" not in stderr
    assert run.processes() == {}
    replica.faults.clear()
    rest = crawl(replica.url, "source", "-s", f"KCNACRAWL_RENDER={render}")
    assert rest.exit_code == 0, rest.stderr
    assert differences(replica, rest.records) == []
