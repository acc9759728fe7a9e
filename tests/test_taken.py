"""The page that a record was read from, shown as it was taken, by a browser that it can do nothing with."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import sync_playwright

from kcnacrawl.pages.inert import inert
from kcnacrawl.render.browser import find_chromium

from . import processes
from .conftest import ROOT, Crawl, scrapy

Run = Callable[..., Crawl]

ID = "1616497394-946528541"
PAGE = """<!DOCTYPE html><html><head><title>KCNA Watch</title>
<meta http-equiv="refresh" content="0;url={canary}/refresh">
<base href="{canary}/"><link rel="preconnect" href="{canary}"><link rel="stylesheet" href="{canary}/style.css">
<script>document.title = "pwned"; fetch("{canary}/fetch")</script>
<style>@import "{canary}/import.css"; body {{ background: url({canary}/background) }}</style></head>
<body onload="document.title = 'pwned'"><div><h2>Looms</h2>
<p>Date: 23/03/2021 | Source: KCNA.kp (En) | <a href="http://www.kcna.kp/1">Read original version at source</a></p>
<div class="article-content"><p>They wove cloth.</p><img src="{canary}/image" onerror="document.title = 'pwned'">
<iframe src="{canary}/frame"></iframe><object data="{canary}/object"></object>
<video src="{canary}/video" autoplay></video>
<svg onload="document.title = 'pwned'"><image href="{canary}/svg"/></svg>
<form action="{canary}/form"><button autofocus onfocus="this.form.submit()">Go</button></form></div></div>
</body></html>"""


@contextmanager
def canary() -> Iterator[tuple[str, list[str]]]:
    """A server, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


@contextmanager
def browsing(folder: Path) -> Iterator[str]:
    words = ["browse", "-s", f"KCNACRAWL_DIR={folder}", "--port", "0"]
    with processes.Popen([sys.executable, "-m", "scrapy", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True) as run:
        try:
            yield run.stdout.readline().split(" at ")[1].split("/ ")[0]
        finally:
            run.terminate()


@pytest.fixture
def archive(crawl: Run, serve_page: Callable[[bytes], str], tmp_path: Path) -> Callable[[str], Path]:
    """Makes an archive of one page, and its store."""

    def make(page: str) -> Path:
        done = crawl(serve_page(page.encode()), "article", "-a", f"url={ID}", folder=tmp_path)
        assert done.exit_code == 0, done.stderr
        assert scrapy(tmp_path, "sync", f"sqlite:///{tmp_path}/store.sqlite").returncode == 0
        return tmp_path

    return make


def test_a_hostile_page_is_shown_and_reaches_nothing(archive: Callable[[str], Path]) -> None:
    with (
        canary() as (address, asked),
        browsing(archive(PAGE.format(canary=address))) as site,
        sync_playwright() as play,
    ):
        browser = play.chromium.launch(executable_path=find_chromium(), chromium_sandbox=False)
        page = browser.new_page()
        page.goto(f"{site}/articles/{ID}")
        with page.expect_navigation(wait_until="load") as led:
            page.get_by_role("link", name="The page as taken").click()
        assert "They wove cloth." in page.inner_text("body")
        page.wait_for_timeout(500)
        assert page.url == f"{site}/articles/{ID}/1/taken"
        assert page.title() == "KCNA Watch"
        assert page.evaluate("origin") == "null"
        assert led.value.header_value("content-security-policy").startswith("sandbox; default-src 'none'")
        browser.close()
        assert asked == []


def test_what_is_not_kept_is_not_found(archive: Callable[[str], Path]) -> None:
    folder = archive(PAGE.format(canary="http://127.0.0.1:9"))
    for kept in (folder / "warc").glob("*.warc.gz"):
        kept.unlink()
    with browsing(folder) as site, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=find_chromium(), chromium_sandbox=False)
        page = browser.new_page()
        for revision, told in ((1, "cannot be shown"), (2, "knows no page")):
            answer = page.goto(f"{site}/articles/{ID}/{revision}/taken")
            assert answer is not None
            assert (answer.status, told in answer.text()) == (404, True)
        browser.close()


def test_what_runs_or_loads_is_left_out_however_often_it_is_nested() -> None:
    nested = "<object>" * 400 + "<script>1</script>" + "</object>" * 400
    shown = inert(f"<p>Text</p>{nested}<base href=x><p>More</p>")
    assert shown == "<html><head></head><body><p>Text</p><p>More</p></body></html>"
