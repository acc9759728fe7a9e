"""Walls: never stored as a text, told as what they are, and not run against for ever."""

from collections.abc import Callable
from typing import Any

import pytest

from kcnacrawl.crawl.circuit_breaker import CircuitBreaker
from kcnacrawl.replica.server import Replica

from .conftest import Crawl, differences, fetched, ungated

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]

ONE_AT_A_TIME = ("-s", "CONCURRENT_REQUESTS_PER_DOMAIN=1", "-s", "DOWNLOAD_DELAY=0.1")
WALLS: list[tuple[str, dict[str, Any], str]] = [
    ("sign_up", {}, "sign_up_wall"),
    ("form", {}, "sign_up_wall"),
    ("challenge", {}, "blocked"),
    ("challenge", {"status": 403}, "blocked"),
    ("challenge", {"status": 500}, "blocked"),
    ("block_page", {}, "blocked"),
    ("block_page", {"status": 403}, "blocked"),
    ("status", {"status": 403}, "blocked"),
]


def asked_after(replica: Replica, opens: Callable[[list[bool]], bool], walled: Callable[[str], bool]) -> int:
    """How many articles were asked for after the breaker had to open. In which order they come is the crawl's affair:
    lists and articles are asked for in turn.
    """
    walls = [walled(article_id) for article_id in fetched(replica)]
    return len(walls) - next(seen for seen in range(1, len(walls) + 1) if opens(walls[:seen]))


@pytest.mark.parametrize(("kind", "options", "reason"), WALLS)
def test_a_wall_is_never_a_text(serve: Serve, crawl: Run, kind: str, options: dict[str, Any], reason: str) -> None:
    replica = serve(articles=60, sources=2)
    victim = ungated(replica)[3]
    replica.faults.add(f"/newstream/{victim}", kind, **options)
    done = crawl(replica.url, "source")
    # What is blocked is owed; a sign-up form is looked at again later.
    assert done.exit_code == (3 if reason == "blocked" else 0)
    assert victim not in {record["id"] for record in done.records}
    assert [row["reason"] for row in done.quarantine if row["id"] == victim] == [reason]
    assert done.report["counts"][f"rejected/{reason}"] >= 1
    assert replica.count("/free-member-form") == 0


def test_a_form_beside_a_whole_article_is_counted_and_no_wall(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=1)
    replica.faults.add("/newstream/", "overlay")
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert done.report["counts"]["forms_beside_text"] == len(done.records) > 40
    # Where there is no text, the form may stand in its place.
    assert all(line.endswith(": missing") for line in differences(replica, done.records))
    walled = {row["id"] for row in done.quarantine}
    assert {replica.world.truth(one)["article_body"] for one in walled & set(ungated(replica))} == {""}


def test_a_text_cut_by_the_paywall_is_stored_as_truncated_without_the_notice(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=2)
    victim = next(one for one in ungated(replica) if replica.world.truth(one)["access"] == "full")
    replica.faults.add(f"/newstream/{victim}", "truncate")
    done = crawl(replica.url, "source")
    assert done.exit_code == 0
    record = next(record for record in done.records if record["id"] == victim)
    assert record["access"] == "truncated"
    assert "Upgrade to NK PRO" not in record["article_body"]


@pytest.mark.parametrize(("kind", "options", "reason"), [*WALLS[::2], ("truncate", {}, "")])
def test_ten_walls_in_a_row_end_the_run(
    serve: Serve, crawl: Run, kind: str, options: dict[str, Any], reason: str
) -> None:
    replica = serve(articles=60, sources=1)
    replica.faults.add("/newstream/", kind, **options)
    done = crawl(replica.url, "source", *ONE_AT_A_TIME)
    assert done.exit_code == 5
    assert "10 article pages in a row are behind walls" in done.last_line
    after = asked_after(
        replica,
        lambda walls: walls[-10:] == [True] * 10,
        # A page without a text cannot be cut.
        lambda one: kind != "truncate" or replica.world.truth(one)["access"] != "empty",
    )
    # The next may be on its way.
    assert after in {0, 1}
    assert {row["reason"] for row in done.quarantine} <= {reason or "sign_up_wall"}
    assert "full" not in {record["access"] for record in done.records}


def test_half_of_the_last_fifty_end_the_run(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=120, sources=1)
    victims = replica.world.listing(156)[::2]
    whole = {one for one in ungated(replica) if replica.world.truth(one)["access"] != "truncated"}
    for victim in victims:
        replica.faults.add(f"/newstream/{victim}", "challenge")
    done = crawl(replica.url, "source", *ONE_AT_A_TIME)
    assert done.exit_code == 5
    assert "of the last 50 article pages are behind walls" in done.last_line
    after = asked_after(
        replica,
        lambda walls: len(walls) >= 50 and sum(walls[-50:]) >= 25,
        lambda one: one in victims or one not in whole,
    )
    assert after in {0, 1}


def test_fewer_walls_do_not(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=120, sources=1)
    for victim in replica.world.listing(156)[::4]:
        replica.faults.add(f"/newstream/{victim}", "sign_up")
    done = crawl(replica.url, "source", *ONE_AT_A_TIME)
    assert done.exit_code == 0, done.stderr


def test_a_row_is_broken_by_a_page_and_the_share_needs_fifty() -> None:
    circuit_breaker = CircuitBreaker(in_a_row=3, of_50=25)
    assert [circuit_breaker.saw(wall=wall) for wall in (True, True, False, True, True)] == [None] * 5
    assert circuit_breaker.saw(wall=True) == "3 article pages in a row are behind walls"
    patient = CircuitBreaker(in_a_row=10, of_50=25)
    told = [patient.saw(wall=place % 2 == 0) for place in range(50)]
    assert told == [None] * 49 + ["25 of the last 50 article pages are behind walls"]


def test_when_the_breaker_opens_is_settable(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=1)
    replica.faults.add("/newstream/", "form")
    done = crawl(replica.url, "source", *ONE_AT_A_TIME, "-s", "KCNACRAWL_WALLS_IN_A_ROW=3")
    assert done.exit_code == 5
    assert 3 <= len(replica.article_requests()) <= 4


def test_after_the_walls_are_gone_the_same_command_takes_what_they_hid(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=1)
    replica.faults.add("/newstream/", "challenge")
    assert crawl(replica.url, "source").exit_code == 5
    replica.faults.clear()
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []


@pytest.mark.parametrize(
    ("kind", "options", "reason"),
    [("sign_up", {}, "sign_up_wall"), ("challenge", {"status": 503}, "blocked")],
)
@pytest.mark.parametrize("path", ["^/article/156", "admin-ajax", "from=18", "^/$"])
def test_a_listing_behind_a_wall_is_refused_and_never_the_end_of_the_list(
    serve: Serve, crawl: Run, path: str, kind: str, options: dict[str, Any], reason: str
) -> None:
    replica = serve(articles=60, sources=1)
    replica.faults.add(path, kind, **options)
    done = crawl(replica.url, "source")
    assert done.exit_code == 5
    assert [row["reason"] for row in done.quarantine if row["id"] is None] == [reason]
    replica.faults.clear()
    after = crawl(replica.url, "source")
    assert after.exit_code == 0
    assert differences(replica, after.records) == []


def test_a_form_over_cards_that_are_there_hides_nothing(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=2)
    replica.faults.add("^/article/", "overlay")
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
