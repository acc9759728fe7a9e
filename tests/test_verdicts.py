"""What no component of ours decides is told all the same: a bug anywhere is exit 1, a run cut short is exit 3."""

import json
from collections.abc import Callable

import pytest

from kcnacrawl import settings as project
from kcnacrawl.replica.server import Replica

from .conftest import Crawl, differences, ungated

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]

SIGNALS = (
    "engine_started",
    "scheduler_empty",
    "spider_opened",
    "spider_idle",
    "spider_closed",
    "request_scheduled",
    "request_reached_downloader",
    "request_left_downloader",
    "response_received",
    "response_downloaded",
    "headers_received",
    "bytes_received",
    "item_scraped",
    "item_dropped",
    "engine_stopped",
)


def broken(extension: str, place: str) -> tuple[str, ...]:
    extensions = {**project.EXTENSIONS, f"tests.broken.{extension}": 1}
    return ("-s", f"EXTENSIONS={json.dumps(extensions)}", "-s", f"BROKEN_SIGNAL={place}")


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_bug_in_the_handler_of_any_signal_is_an_error_and_the_report_says_so(
    serve: Serve, crawl: Run, signal: str
) -> None:
    replica = serve(articles=8, sources=1)
    # An item that is dropped, too.
    replica.faults.add(f"/newstream/{replica.world.ids()[3]}", "status", status=404)
    done = crawl(replica.url, "source", *broken("BrokenExtension", signal))
    assert (done.exit_code, done.report.get("exit_code"), done.report.get("verdict")) == (1, 1, "error"), done.stderr
    assert "nobody foresaw" in done.report["message"]


@pytest.mark.parametrize("place", ["take_stock", "_weigh", "_traffic"])
def test_a_bug_at_the_end_of_a_run_is_an_error_and_the_report_says_so(serve: Serve, crawl: Run, place: str) -> None:
    replica = serve(articles=8, sources=1)
    done = crawl(replica.url, "source", *broken("BrokenAtTheEnd", place), "-L", "CRITICAL")
    assert (done.exit_code, done.report.get("exit_code"), done.report.get("verdict")) == (1, 1, "error"), done.stderr
    assert {record["id"] for record in done.records} == set(ungated(replica))


@pytest.mark.parametrize(
    "limit",
    [
        "CLOSESPIDER_ITEMCOUNT=8",
        "CLOSESPIDER_PAGECOUNT=12",
        "CLOSESPIDER_TIMEOUT=1",
        "DEPTH_LIMIT=2",
        'SPIDER_MIDDLEWARES={"tests.broken.DroppingMiddleware": 900}',
    ],
)
def test_a_run_that_is_cut_short_is_incomplete_and_the_next_completes_it(serve: Serve, crawl: Run, limit: str) -> None:
    replica = serve(articles=40, sources=1)
    name = limit.partition("=")[0]
    # Slow enough for a limit of time, whatever the machine.
    words = ("-s", limit, *(("-s", "DOWNLOAD_DELAY=0.2") if name == "CLOSESPIDER_TIMEOUT" else ()))
    done = crawl(replica.url, "source", *words)
    assert done.exit_code == 3, done.stderr
    assert len(done.records) < len(ungated(replica))
    if name != "SPIDER_MIDDLEWARES":
        assert name in done.last_line
    whole = crawl(replica.url, "source")
    assert whole.exit_code == 0, whole.stderr
    assert differences(replica, whole.records) == []


def test_a_bug_on_the_way_to_the_site_is_an_error(serve: Serve, crawl: Run) -> None:
    middlewares = {**project.DOWNLOADER_MIDDLEWARES, "tests.broken.BrokenDownloader": 540}
    words = ("-s", f"DOWNLOADER_MIDDLEWARES={json.dumps(middlewares)}", "-s", "RETRY_TIMES=0")
    done = crawl(serve(articles=8, sources=1).url, "source", *words)
    assert (done.exit_code, done.report["verdict"]) == (1, "error"), done.stderr


@pytest.mark.parametrize("reason", ["error", "ok", "limit", "shutdown"])
def test_who_closes_the_spider_for_a_reason_of_ours_is_told_all_the_same(serve: Serve, crawl: Run, reason: str) -> None:
    done = crawl(serve(articles=40, sources=1).url, "source", *broken("ClosingExtension", reason))
    assert done.exit_code == 3, done.stderr
    assert f"a component ({reason})" in done.last_line


@pytest.mark.parametrize("spider", ["source", "sources", "sitemap"])
def test_a_request_that_is_dropped_at_the_start_is_incomplete(serve: Serve, crawl: Run, spider: str) -> None:
    words = ("-s", 'SPIDER_MIDDLEWARES={"tests.broken.DroppingStart": 900}')
    done = crawl(serve(articles=8, sources=1).url, spider, *words)
    assert (done.exit_code, "the home page was not answered" in done.last_line) == (3, True), done.stderr


def test_a_limit_of_ours_is_no_fault(serve: Serve, crawl: Run) -> None:
    done = crawl(serve(articles=40, sources=1).url, "source", "-a", "limit=8")
    assert (done.exit_code, len(done.records)) == (0, 8)
