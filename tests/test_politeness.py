"""What the site asks for is kept to: robots.txt, its delays, its pauses; measured at the site."""

import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import pytest

from kcnacrawl import __url__, __version__
from kcnacrawl.downloadermiddlewares.retry_after import backoff, read_retry_after
from kcnacrawl.replica.server import Replica, Request
from kcnacrawl.replica.world import World

from . import processes
from .conftest import ROOT, Crawl, command, differences, keep_their_distance, ungated

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]

NOW = datetime(2026, 9, 11, 12, tzinfo=UTC)


def pause(refused: Request, following: Request) -> float:
    """Seconds from an answer to the next request: never less than was waited, however busy the machine."""
    assert refused.answered_at is not None
    return following.at - refused.answered_at


# One request at a time, a second apart


def crawl_politely(replica: Replica, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    run = command(folder, replica.url, "source", *words, pace=())
    return processes.run(run, cwd=ROOT, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(("crawl_delay", "least"), [(None, 1.0), (1.5, 1.5), (0.2, 1.0)])
def test_requests_keep_their_distance_by_default(tmp_path: Path, crawl_delay: float | None, least: float) -> None:
    with Replica(World(articles=20, sources=1), crawl_delay=crawl_delay) as replica:
        done = crawl_politely(replica, tmp_path, "-a", "source=156", "-a", "limit=2")
        assert done.returncode == 0
        assert len(replica.requests) >= 5
        assert keep_their_distance(replica.requests, least)


def test_there_are_never_two_requests_at_a_time(serve: Serve, tmp_path: Path) -> None:
    replica = serve(articles=20, sources=1)
    replica.faults.add("", "slow", seconds=1.2)
    done = crawl_politely(replica, tmp_path, "-a", "source=156", "-a", "limit=2")
    assert done.returncode == 0
    assert len(replica.requests) >= 5
    for earlier, later in pairwise(replica.requests):
        assert earlier.answered_at is not None
        assert later.at >= earlier.answered_at


def test_the_delay_holds_after_a_pause(serve: Serve, tmp_path: Path) -> None:
    replica = serve(articles=20, sources=1)
    replica.faults.add("/newstream/", "status", times=1, status=429, retry_after=3)
    done = crawl_politely(replica, tmp_path, "-a", "source=156", "-a", "limit=3")
    assert done.returncode == 0, done.stderr
    refused = next(place for place, request in enumerate(replica.requests) if request.status == 429)
    assert pause(*replica.requests[refused : refused + 2]) > 3
    assert keep_their_distance(replica.requests, 1)


# robots.txt


def test_what_robots_txt_forbids_is_not_fetched(crawl: Run) -> None:
    with Replica(World(articles=40, sources=1), robots="User-agent: *\nDisallow: /newstream/\n") as replica:
        done = crawl(replica.url, "source", "-a", "source=156")
        assert done.exit_code == 5
        assert "robots.txt forbids" in done.last_line
        assert replica.article_requests() == []
        assert {row["reason"] for row in done.quarantine} == {"blocked"}


@pytest.mark.parametrize(
    "fault", [("status", {"status": 500}), ("reset", {}), ("bad_gzip", {})], ids=lambda one: one[0]
)
def test_where_robots_txt_cannot_be_read_nothing_is_fetched(
    serve: Serve, crawl: Run, fault: tuple[str, dict[str, int]]
) -> None:
    replica = serve(articles=40, sources=1)
    replica.faults.add("^/robots.txt", fault[0], **fault[1])
    done = crawl(replica.url, "source", "-a", "source=156")
    assert done.exit_code == 3
    assert "robots.txt could not be read" in done.last_line
    assert "Traceback" not in done.stderr
    assert replica.requests
    assert {request.path_qs for request in replica.requests} == {"/robots.txt"}
    replica.faults.clear()
    after = crawl(replica.url, "source", "-a", "source=156")
    assert after.exit_code == 0
    assert differences(replica, after.records) == []


@pytest.mark.parametrize("fault", [("status", {"status": 404}), ("redirect", {"location": "/no-such-page"})], ids=str)
def test_a_robots_txt_that_is_missing_forbids_nothing(
    serve: Serve, crawl: Run, fault: tuple[str, dict[str, int]]
) -> None:
    replica = serve(articles=40, sources=1)
    replica.faults.add("^/robots.txt", fault[0], **fault[1])
    done = crawl(replica.url, "source", "-a", "source=156")
    assert done.exit_code == 0
    assert differences(replica, done.records) == []


# Retry-After


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        ("Friday, 11-Sep-26 12:00:30 GMT", 30.0),
        ("Fri Sep 11 12:00:05 2026", 5.0),
        ("0", None),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), None),
        ("", None),
        ("-5", None),
        ("1e9", None),
        ("soon", None),
        ("٣", None),
        ("9" * 30, None),
        ("Fri, 99 Foo 2026 12:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert read_retry_after(value, NOW) == seconds


def test_a_back_off_doubles_to_a_ceiling_and_is_never_below() -> None:
    for tries in range(12):
        least = min(300, 2**tries)
        assert least <= backoff(1.0, tries) <= 1.5 * least
    assert backoff(1.0, 10_000) <= 450


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("header", [{"retry_after": 2}, {"retry_after_date": 3}], ids=["seconds", "date"])
def test_no_request_at_all_leaves_while_a_pause_lasts(
    serve: Serve, crawl: Run, status: int, header: dict[str, int]
) -> None:
    replica = serve(articles=60, sources=2)
    victim = ungated(replica)[7]
    replica.faults.add(f"/newstream/{victim}", "status", times=1, status=status, **header)
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
    refused = next(request for request in replica.requests if request.status == status)
    # Eight go at a time: what left before the refusal came may still arrive.
    later = [pause(refused, request) for request in replica.requests if request.at > refused.at + 0.3]
    # A date knows no fractions of a second.
    assert min(later) > 2
    assert "nothing is asked of the site for" in done.stderr


@pytest.mark.parametrize("path", ["^/robots.txt", "^/article/156", "admin-ajax"])
def test_a_pause_may_be_asked_for_anywhere(serve: Serve, crawl: Run, path: str) -> None:
    replica = serve(articles=40, sources=1)
    replica.faults.add(path, "status", times=2, status=429, retry_after=1)
    done = crawl(replica.url, "source", "-a", "source=156")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
    assert done.report["counts"]["pauses"] == 2


@pytest.mark.parametrize("header", [None, "soon", "0", "-1"])
def test_without_a_retry_after_pauses_grow(serve: Serve, crawl: Run, header: str | None) -> None:
    replica = serve(articles=40, sources=1)
    replica.faults.add("^/article/156", "status", times=3, status=429, retry_after=header)
    done = crawl(replica.url, "source", "-a", "source=156", "-s", "KCNACRAWL_BACKOFF=0.3")
    assert done.exit_code == 0, done.stderr
    listings = [request for request in replica.requests if request.path_qs.startswith("/article/156")]
    found = [pause(*pair) for pair in pairwise(listings)]
    assert [waited > least for waited, least in zip(found, (0.3, 0.6, 1.2), strict=True)] == [True] * 3


@pytest.mark.parametrize("status", [429, 503])
def test_a_standstill_ends_the_run_as_refused_with_what_it_has(serve: Serve, crawl: Run, status: int) -> None:
    # Fewer good answers than give a pause back, in whatever order they come.
    replica = serve(articles=24, sources=1)
    for victim in ungated(replica)[3:]:
        replica.faults.add(f"/newstream/{victim}", "status", status=status)
    done = crawl(replica.url, "source", "-s", "KCNACRAWL_PAUSES=3")
    assert done.exit_code == 5
    assert f"answers {status}, after 3 pauses" in done.last_line
    assert done.report["finish_reason"] == "refused"
    assert done.report["counts"]["pauses"] == 3
    # One attempt, and one after each pause, eight at a time.
    assert sum(request.status == status for request in replica.requests) <= 4 * 8
    replica.faults.clear()
    after = crawl(replica.url, "source")
    assert after.exit_code == 0
    assert differences(replica, after.records) == []


def test_a_pause_that_is_too_long_ends_the_run_at_once(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=100, sources=1)
    replica.faults.add("/newstream/", "status", status=429, retry_after=86_400)
    done = crawl(replica.url, "source", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=1")
    assert done.exit_code == 5
    assert "asks to be left alone for 86400 seconds" in done.last_line
    assert len(replica.article_requests()) == 1


def test_good_answers_give_pauses_back(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=150, sources=1)
    shown = [one for one in replica.world.listing(156) if one in ungated(replica)]
    # Further apart than a page is long, within which any may come first.
    victims = shown[5::40]
    assert len(victims) > 2
    for victim in victims:
        replica.faults.add(f"/newstream/{victim}", "status", times=1, status=429)
    done = crawl(replica.url, "source", "-s", "KCNACRAWL_PAUSES=1", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=1")
    assert done.exit_code == 0, done.stderr
    assert done.report["counts"]["pauses"] == len(victims)
    assert differences(replica, done.records) == []


def test_a_503_without_retry_after_may_be_the_fault_of_its_page(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=1)
    victim = ungated(replica)[7]
    replica.faults.add(f"/newstream/{victim}", "status", status=503)
    done = crawl(replica.url, "source")
    assert done.exit_code == 3
    assert [row["http_status"] for row in done.quarantine if row["id"] == victim] == [503]
    assert len([request for request in replica.article_requests() if victim in request.path_qs]) == 3


# Who asks


def test_the_user_agent_names_project_version_address_and_contact(serve: Serve, tmp_path: Path) -> None:
    replica = serve(articles=20, sources=1)
    words = ("-a", "limit=1", "-s", "KCNACRAWL_CONTACT=ops@example.org", "-L", "DEBUG")
    processes.run(command(tmp_path, replica.url, "source", *words), cwd=ROOT, capture_output=True)
    assert {request.user_agent for request in replica.requests} == {
        f"kcnacrawl/{__version__} (+{__url__}; ops@example.org)"
    }
