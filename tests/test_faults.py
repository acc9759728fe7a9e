"""Every fault of a network, a server or a page has its outcome, and costs nothing but time."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from kcnacrawl.replica.server import Replica
from kcnacrawl.replica.world import World

from .conftest import Crawl, differences, ungated

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]


def patience(kind: str) -> tuple[str, ...]:
    """How long to wait for an answer: less than by default only where none comes, for a busy machine is late."""
    return ("-s", "DOWNLOAD_TIMEOUT=2") if kind == "hang" else ()


# What passes is tried again, and nobody need know

PASSING: list[tuple[str, dict[str, Any]]] = [
    ("status", {"status": 500}),
    ("status", {"status": 502}),
    ("status", {"status": 520}),
    ("status", {"status": 408}),
    ("reset", {}),
    ("hang", {}),
    ("truncated", {}),
    ("truncated_gzip", {}),
    ("unframed", {}),
    ("empty", {}),
    ("bad_gzip", {}),
]


def name_of(fault: tuple[str, dict[str, Any]]) -> str:
    return " ".join(map(str, (fault[0], *fault[1].values())))


@pytest.mark.parametrize("fault", PASSING, ids=name_of)
def test_a_fault_that_passes_costs_nothing_but_time(
    serve: Serve, crawl: Run, fault: tuple[str, dict[str, Any]]
) -> None:
    replica = serve(articles=40, sources=2)
    replica.faults.add(f"/newstream/{ungated(replica)[3]}", fault[0], times=2, **fault[1])
    replica.faults.add("^/article/156", fault[0], times=2, **fault[1])
    if fault[0] != "empty":
        # There, nothing is an answer.
        replica.faults.add("from=9", fault[0], times=2, **fault[1])
    done = crawl(replica.url, "source", *patience(fault[0]))
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []


@pytest.mark.parametrize("kind", ["wrong_charset", "whole_unframed", "slow"])
def test_what_only_looks_like_a_fault_is_read_as_it_is(serve: Serve, crawl: Run, kind: str) -> None:
    replica = serve(articles=40, sources=2)
    options = {"seconds": 0.2} if kind == "slow" else {}
    replica.faults.add("^/(?!robots)", kind, **options)
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []


# What stays is owed

STAYING: list[tuple[str, dict[str, Any], str, int]] = [
    ("status", {"status": 500}, "http_error", 3),
    ("status", {"status": 503}, "http_error", 3),
    ("status", {"status": 400}, "http_error", 1),
    ("reset", {}, "http_error", 3),
    ("hang", {}, "http_error", 3),
    ("truncated", {}, "http_error", 3),
    ("truncated_gzip", {}, "http_error", 3),
    ("unframed", {}, "http_error", 3),
    ("empty", {}, "http_error", 3),
    ("bad_gzip", {}, "http_error", 3),
    ("redirect_loop", {}, "http_error", 6),
    ("redirect", {"location": "file:///etc/passwd"}, "http_error", 1),
    ("redirect", {"location": "data:text/html,hello"}, "http_error", 1),
    ("redirect", {"location": "http://127.0.0.1:1/newstream/1616497394-946528541/x"}, "blocked", 1),
    ("redirect", {"location": "//kcnawatch.example/newstream/1616497394-946528541/x"}, "blocked", 1),
    ("redirect", {"location": "/about"}, "layout_changed", 1),
    ("status", {"status": 403}, "blocked", 1),
    ("garbage", {}, "layout_changed", 1),
    ("unreadable", {}, "layout_changed", 1),
    ("bad_date", {}, "bad_date", 1),
    ("deep", {}, "too_large", 1),
    ("bomb", {"megabytes": 64}, "too_large", 1),
    ("endless", {}, "too_large", 1),
]


@pytest.mark.parametrize(("kind", "options", "reason", "requests"), STAYING)
def test_an_article_that_stays_at_fault_is_owed_and_taken_when_it_is_mended(
    serve: Serve, crawl: Run, kind: str, options: dict[str, Any], reason: str, requests: int
) -> None:
    replica = serve(articles=40, sources=2)
    victim = ungated(replica)[3]
    replica.faults.add(f"/newstream/{victim}", kind, **options)
    first = crawl(replica.url, "source", *patience(kind))
    assert first.exit_code == 3
    assert first.last_line.startswith("kcnacrawl: incomplete (3): 1 pages failed")
    assert [row["reason"] for row in first.quarantine if row["id"] == victim] == [reason]
    assert victim not in {record["id"] for record in first.records}
    # A kept connection that breaks off is replaced once by Twisted itself.
    most = 2 * requests if kind == "reset" else requests
    assert requests <= sum(victim in request.path_qs for request in replica.requests) <= most
    assert "Traceback" not in first.stderr
    replica.faults.clear()
    replica.requests.clear()
    second = crawl(replica.url, "source")
    assert second.exit_code == 0, second.stderr
    assert differences(replica, second.records) == []
    assert len(replica.article_requests()) == 1


def test_a_missing_page_is_missing_whatever_comes_with_it(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=30, sources=1)
    replica.faults.add("/newstream/1616497394-946528541", "deep")
    done = crawl(replica.url, "article", "-a", "url=1616497394-946528541")
    assert done.exit_code == 0, done.stderr
    assert [(row["reason"], row["http_status"]) for row in done.quarantine] == [("not_found", 404)]


def test_what_is_owed_keeps_its_source_also_where_no_list_can_be_walked(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=1)
    victim = next(one for one in ungated(replica) if str(replica.world.truth(one)["source_label"]).startswith("("))
    replica.faults.add(f"/newstream/{victim}", "status", status=500)
    assert crawl(replica.url, "source").exit_code == 3
    replica.faults.clear()
    replica.faults.add("^/$", "status", status=500)
    done = crawl(replica.url, "source")
    assert done.exit_code == 3
    assert differences(replica, done.records) == []


# A dead listing is never "no news"


@pytest.mark.parametrize(
    ("kind", "options", "code"),
    [
        ("status", {"status": 500}, 3),
        ("status", {"status": 404}, 3),
        ("status", {"status": 403}, 5),
        ("reset", {}, 3),
        ("hang", {}, 3),
        ("truncated", {}, 3),
        ("empty", {}, 3),
        ("bad_gzip", {}, 3),
        ("redirect_loop", {}, 3),
        ("garbage", {}, 4),
        ("no_cards", {}, 4),
        ("redirect", {"location": "/about"}, 4),
        ("bomb", {"megabytes": 64}, 3),
        ("endless", {}, 3),
        ("deep", {}, 3),
    ],
)
def test_a_dead_listing_is_told(serve: Serve, crawl: Run, kind: str, options: dict[str, Any], code: int) -> None:
    replica = serve(articles=30, sources=1)
    replica.faults.add("^/article/156|admin-ajax", kind, **options)
    done = crawl(replica.url, "source", "-a", "source=156", *patience(kind))
    assert done.exit_code == code
    assert replica.url in done.last_line
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("kind", "code"), [("reset", 3), ("empty", 3), ("no_cards", 4)])
def test_a_dead_listing_is_never_taken_for_no_news(serve: Serve, crawl: Run, kind: str, code: int) -> None:
    replica = serve(articles=30, sources=1)
    assert crawl(replica.url, "source", "-a", "source=156").exit_code == 0
    replica.faults.add("^/article/156|admin-ajax", kind)
    assert crawl(replica.url, "source", "-a", "source=156").exit_code == code
    replica.faults.clear()
    replica.world.publish(2, sid=156)
    after = crawl(replica.url, "source", "-a", "source=156")
    assert after.exit_code == 0
    assert differences(replica, after.records) == []


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("repeat", {}),
        ("stuck", {"offset": 18}),
        ("empty", {}),
        ("garbage", {}),
        ("no_cards", {}),
        ("status", {"status": 500}),
    ],
)
def test_a_list_that_fails_further_down_is_walked_again(
    serve: Serve, crawl: Run, kind: str, options: dict[str, Any]
) -> None:
    replica = serve(articles=60, sources=1)
    replica.faults.add("from=(?:2[0-9]|[3-9][0-9])", kind, **options)
    first = crawl(replica.url, "source", "-a", "source=156")
    assert first.exit_code in {3, 4}
    assert first.last_line.startswith(("kcnacrawl: incomplete (3)", "kcnacrawl: layout_changed (4)"))
    assert len(replica.listing_requests()) < 80
    replica.faults.clear()
    second = crawl(replica.url, "source", "-a", "source=156")
    assert second.exit_code == 0, second.stderr
    assert differences(replica, second.records) == []


# No site at all


def test_a_closed_port_is_incomplete(crawl: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        done = crawl(f"http://127.0.0.1:{taken.getsockname()[1]}", "source")
    assert done.exit_code == 3
    assert "ConnectionRefused" in done.last_line
    assert "Traceback" not in done.stderr


def test_a_name_that_does_not_resolve_is_incomplete(crawl: Run) -> None:
    done = crawl("http://kcnawatch.invalid", "source")
    assert done.exit_code == 3
    assert "CannotResolveHost" in done.last_line
    assert "Traceback" not in done.stderr


def test_a_certificate_that_cannot_be_verified_is_not_trusted(crawl: Run) -> None:
    with Replica(World(articles=20, sources=1), tls=True) as replica:
        done = crawl(replica.url, "source")
        assert done.exit_code == 3
        assert "certificate verify failed" in done.last_line
        assert "Traceback" not in done.stderr
        assert replica.requests == []


# Hostile text

HOSTILE = ["controls", "bidi", "paths", "newlines", "entities", "long"]


def check_lines(done: Crawl) -> None:
    """Every line is one record whose one-line fields are that, and whose address is no path to elsewhere."""
    for record in done.records:
        for name in ("headline", "source_label", "description", "url"):
            text = record[name] or ""
            assert text.isprintable(), (name, text[:80])
            assert not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
        assert not [one for one in record["article_body"] if ord(one) < 32 and one != "\n"]
        assert record["url"].count("/") <= 5
        assert "%2f" not in record["url"].lower()
        assert "/../" not in record["url"]


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_text_breaks_no_line_and_names_no_path(serve: Serve, crawl: Run, what: str) -> None:
    replica = serve(articles=40, sources=1)
    victims = ungated(replica)[:5]
    for victim in victims:
        replica.faults.add(f"/newstream/{victim}", "hostile", what=what)
    done = crawl(replica.url, "source")
    assert done.exit_code in {0, 3}, done.stderr
    check_lines(done)
    stored, refused = {record["id"] for record in done.records}, {row["id"] for row in done.quarantine}
    assert set(victims) <= stored | refused
    assert done.exit_code == (3 if set(victims) & refused else 0)
    assert all(len(line) < 500 for line in done.stderr.splitlines())


@pytest.mark.parametrize(
    "options",
    [*({"what": what} for what in HOSTILE[:-1]), *({"what": "long", "field": one} for one in ("title", "summary"))],
)
def test_hostile_cards_break_no_line_and_name_no_path(serve: Serve, crawl: Run, options: dict[str, str]) -> None:
    replica = serve(articles=40, sources=1)
    replica.faults.add("^/article/|admin-ajax", "hostile_cards", **options)
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert {record["id"] for record in done.records} == set(ungated(replica))
    check_lines(done)


def test_links_that_no_card_has_are_no_cards(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=40, sources=1)
    replica.faults.add("^/article/|admin-ajax", "hostile_cards", what="long", field="slug")
    done = crawl(replica.url, "source")
    assert (done.exit_code, done.records) == (4, [])
