"""Whole crawls against a clock that jumps and a storage that fails: nothing lost, nothing doubled, and it is told."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kcnacrawl.replica.server import Replica

from .conftest import ROOT, Crawl, command, differences

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]


# The clock


@pytest.fixture
def crawl_on(tmp_path: Path) -> Callable[..., Crawl]:
    """Runs ``scrapy crawl`` so many days from now: ``crawl_on(2.5, url, "source")``."""

    def run(days: float, url: str, *words: str) -> Crawl:
        folder = tmp_path / "archive"
        earlier = set((folder / "runs").glob("*.json"))
        words = (sys.executable, "-m", "tests.clock", str(days), *command(folder, url, *words)[3:])
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120)
        return Crawl(done, folder, earlier)

    return run


def truncated(replica: Replica) -> list[str]:
    truths = (replica.world.truth(one) for one in replica.world.ids())
    return sorted(str(one["id"]) for one in truths if one["access"] == "truncated" and one["gate"] is None)


def gated(replica: Replica) -> list[str]:
    return sorted(one for one in replica.world.ids() if replica.world.truth(one)["gate"] is not None)


def asked(replica: Replica) -> list[str]:
    """The identities of the articles asked for since the last time."""
    ids = sorted(request.path_qs.split("/")[2] for request in replica.article_requests())
    replica.requests.clear()
    return ids


def test_truncated_articles_and_walls_are_looked_at_again_after_a_day_and_not_before(
    serve: Serve, crawl_on: Run
) -> None:
    replica = serve(articles=150, sources=2)
    again = sorted(truncated(replica) + gated(replica))
    assert truncated(replica)
    assert gated(replica)
    first = crawl_on(0, replica.url, "source")
    asked(replica)
    visits = []
    # Due after one day, three more, and seven more.
    for days in (0.9, 1.1, 4.0, 4.2, 11.1, 11.3):
        done = crawl_on(days, replica.url, "source")
        assert (done.exit_code, done.records) == (0, first.records), done.stderr
        visits.append(asked(replica))
    assert visits == [[], again, [], again, [], again]


def test_a_truncated_article_that_opens_up_is_another_revision_with_its_card(
    serve: Serve, crawl_on: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = serve(articles=150, sources=2)
    opened = truncated(replica)
    first = crawl_on(0, replica.url, "source")
    body = replica.world._body
    monkeypatch.setattr(replica.world, "_body", lambda number: body(number).replace("truncated", "full"))
    done = crawl_on(1.1, replica.url, "source")
    assert done.exit_code == 0, done.stderr
    new = done.records[len(first.records) :]
    assert sorted((one["id"], one["revision"], one["access"]) for one in new) == [(one, 2, "full") for one in opened]
    latest = [record for record in first.records if record["id"] not in opened] + new
    assert differences(replica, latest) == []
    asked(replica)
    assert crawl_on(99, replica.url, "source").records == done.records
    assert not set(asked(replica)) & set(opened)


@pytest.mark.parametrize("ledger", ["kept", "lost"])
def test_a_truncated_article_is_looked_at_again_in_its_own_source_and_by_address(
    serve: Serve, crawl_on: Run, ledger: str
) -> None:
    replica = serve(articles=150, sources=2)
    mine = [one for one in truncated(replica) if one in replica.world.ids(156)]
    done = crawl_on(0, replica.url, "source")
    if ledger == "lost":
        (done.folder / "ledger.sqlite").unlink()
    asked(replica)
    assert crawl_on(0.5, replica.url, "article", "-a", f"url={mine[0]}").exit_code == 0
    assert asked(replica) == []
    assert crawl_on(1.5, replica.url, "article", "-a", f"url={mine[0]}").exit_code == 0
    assert asked(replica) == [mine[0]]
    crawl_on(1.6, replica.url, "source", "-a", "source=156")
    assert set(asked(replica)) == set(mine[1:]) | {one for one in gated(replica) if one in replica.world.ids(156)}


def test_a_truncated_article_that_cannot_be_had_again_is_owed_and_stays_held(serve: Serve, crawl_on: Run) -> None:
    replica = serve(articles=150, sources=2)
    victim = truncated(replica)[0]
    first = crawl_on(0, replica.url, "source")
    replica.faults.add(f"/newstream/{victim}", "status", status=500)
    failed = crawl_on(1.1, replica.url, "source", "-s", "RETRY_TIMES=0")
    assert (failed.exit_code, failed.report["counts"]["owed"]) == (3, 1)
    replica.faults.clear()
    done = crawl_on(1.2, replica.url, "source")
    assert (done.exit_code, done.records) == (0, first.records)


def test_a_clock_that_jumps_far_ahead_and_back_hides_nothing(serve: Serve, crawl_on: Run) -> None:
    replica = serve(articles=150, sources=2)
    again = sorted(truncated(replica) + gated(replica))
    crawl_on(4000, replica.url, "source")
    replica.world.publish(5)
    asked(replica)
    back = crawl_on(0, replica.url, "source")
    assert back.exit_code == 0, back.stderr
    assert set(again) <= set(asked(replica))
    assert differences(replica, back.records) == []
    right = crawl_on(0.5, replica.url, "source")
    assert (right.exit_code, asked(replica)) == (0, [])


def test_what_failed_before_the_clock_went_back_is_owed_after_it(serve: Serve, crawl_on: Run) -> None:
    replica = serve(articles=60, sources=2)
    victim = next(one for one in replica.world.ids() if replica.world.truth(one)["gate"] is None)
    replica.faults.add(f"/newstream/{victim}", "unreadable")
    assert crawl_on(400, replica.url, "source").exit_code == 3
    assert crawl_on(-400, replica.url, "source").exit_code == 3
    replica.faults.clear()
    done = crawl_on(0, replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
