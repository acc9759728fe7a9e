"""What was walked is not walked again, what slipped in since is found, and what there is and is not can be cited."""

import json
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kcnacrawl.archive.coverage import read_coverage
from kcnacrawl.archive.ledger import Ledger
from kcnacrawl.items import Card
from kcnacrawl.paging.walk import STRIDE, Rewalk, Walk, WalkedRange
from kcnacrawl.paging.window import Window
from kcnacrawl.replica.server import Replica

from .conftest import Crawl, command, crawl_later, differences, fetched, scrapy, ungated
from .reach import articles
from .test_durability import crash
from .test_verify import contents

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]

NOW = datetime(2026, 9, 11, 12, tzinfo=UTC)
# The key of the first source that a ledger learns of.
LIST = 1
WINDOW = Window(date(2018, 1, 1), date(2018, 12, 31))
WORDS = ("source", "-a", "source=156", "-a", f"since={WINDOW.since}", "-a", f"until={WINDOW.until}")


# What the ledger remembers


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    one = Ledger(tmp_path / "ledger.sqlite")
    one.create()
    assert one.sources.learn(sid=163).key == LIST
    return one


def card(number: int, day: str = "July 04, 2025") -> Card:
    article_id = f"{1_700_000_000 + number}-1234567"
    return Card(id=article_id, url=f"/newstream/{article_id}", headline=f"Number {number}", date_listed_raw=day)


def walked(ledger: Ledger, numbers: range, since: str, until: str, now: datetime = NOW) -> int:
    """Records a walked range of one page."""
    walk = Walk(Window(), Rewalk(now.date()), since=since, until=until, newest=now.date())
    return ledger.walked.record(LIST, walk, numbers.start, [card(number) for number in numbers], now)


def range_of(ledger: Ledger, number: int) -> WalkedRange:
    return ledger.walked.find(LIST, [card(number).id])[card(number).id]


def test_a_range_grows_with_the_pages_of_its_walk(ledger: Ledger) -> None:
    walk = Walk(Window(), Rewalk(NOW.date()), since="2025-08-20", until="2026-09-01", newest=NOW.date())
    walk.walked_range = ledger.walked.record(LIST, walk, 0, [card(1), card(2)], NOW)
    walk.since = "2025-01-01"
    assert ledger.walked.record(LIST, walk, 9, [card(2), card(3)], NOW) == walk.walked_range
    expected = WalkedRange(walk.walked_range, "2025-01-01", "2026-09-01", NOW.date(), "2026-08-02", 9)
    assert ledger.walked.find(LIST, [card(n).id for n in (1, 2, 3, 4)]) == {card(n).id: expected for n in (1, 2, 3)}
    ledger.close()


@pytest.mark.parametrize(("is_fresh", "day"), [(False, date(2026, 9, 11)), (True, date(2026, 9, 8))])
def test_two_ranges_that_meet_are_one_with_the_days_of_both(ledger: Ledger, is_fresh: bool, day: date) -> None:
    old = walked(ledger, range(10, 20), "2019-01-01", "2025-01-01", datetime(2026, 9, 8, tzinfo=UTC))
    new = walked(ledger, range(3), "2025-02-01", "2026-09-01")
    number = ledger.walked.join(new, old, is_fresh=is_fresh)
    settled = (day - timedelta(days=40)).isoformat()
    both = WalkedRange(number, "2019-01-01", "2026-09-01", day, settled, offset=10)
    assert [range_of(ledger, 0), range_of(ledger, 15)] == [both, both]
    ledger.close()


def test_a_day_is_looked_up_in_the_deepest_range_it_is_not_above_of(ledger: Ledger) -> None:
    recent = walked(ledger, range(10), "2025-01-01", "2026-09-01")
    deep = walked(ledger, range(20, 30), "2019-01-01", "2021-12-31")
    found = [ledger.walked.above(LIST, date.fromisoformat(day)) for day in ("2026-09-02", "2022-01-01", "2021-12-31")]
    assert [one and one.number for one in found] == [None, recent, deep]
    ledger.close()


# An interrupted walk


def test_an_interrupted_walk_goes_on_where_it_stopped(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=240, sources=1)
    crawl(replica.url, "source", "-a", "limit=120")
    walked = len(replica.listing_requests())
    replica.requests.clear()
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
    # The rest, one page from the top, two that find the place, and one that makes sure of the end.
    assert len(replica.listing_requests()) <= 400 / STRIDE - walked + 6


def test_an_interrupted_window_goes_on_where_it_stopped(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=2_000, sources=1)
    wanted = articles(replica.world, WINDOW)
    crawl(replica.url, *WORDS, "-a", f"limit={len(wanted) // 2}")
    replica.world.publish(40)
    replica.requests.clear()
    done = crawl(replica.url, *WORDS)
    assert done.exit_code == 0, done.stderr
    ungated = {one for one in wanted if replica.world.truth(one)["gate"] is None}
    assert ungated <= {record["id"] for record in done.records}
    assert len(replica.listing_requests()) <= len(wanted) / 2 / STRIDE + 16


@pytest.mark.parametrize("point", ["want", "walk", "ledger"])
@pytest.mark.parametrize("number", [2, 9])
def test_a_window_whose_walk_was_killed_is_whole_when_it_is_continued(
    serve: Serve, crawl: Run, tmp_path: Path, point: str, number: int
) -> None:
    replica = serve(articles=1_500, sources=1)
    words = command(tmp_path / "archive", replica.url, *WORDS)[3:]
    assert crash(point, number, words) == -signal.SIGKILL
    done = crawl(replica.url, *WORDS)
    assert done.exit_code == 0, done.stderr
    ungated = {one for one in articles(replica.world, WINDOW) if replica.world.truth(one)["gate"] is None}
    assert ungated <= {record["id"] for record in done.records}


def test_windows_that_were_walked_are_skipped_by_a_walk_of_the_whole_list(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=600, sources=1)
    years = [Window(date(year, 1, 1), date(year, 12, 31)) for year in (2024, 2019, 2020)]
    for window in years:
        crawl(replica.url, "source", "-a", "source=156", "-a", f"since={window.since}", "-a", f"until={window.until}")
    walked = sum(len(articles(replica.world, window)) for window in years)
    replica.requests.clear()
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
    # A walk of the whole list takes fifteen pages more.
    assert len(replica.listing_requests()) <= (1_000 - walked) / STRIDE + 6
    replica.requests.clear()
    crawl(replica.url, "source")
    assert len(replica.listing_requests()) == 1


# What slips in later


def later(days: int, folder: Path, url: str, *words: str) -> None:
    """A crawl whose clock is so many days ahead, and that ends well."""
    done = crawl_later(days, folder, url, *words)
    assert done.returncode == 0, done.stderr


def asked(replica: Replica) -> set[str]:
    """Articles that were asked for, but for those that are looked at again because they are walled or truncated."""
    return whole(replica, set(fetched(replica)))


def slip_in(replica: Replica, *days: int) -> set[str]:
    """Three articles for each of so many days ago; those that can be had whole."""
    return whole(replica, {one for age in days for one in replica.world.publish(3, late_days=age)})


def whole(replica: Replica, ids: set[str]) -> set[str]:
    truths = {one: replica.world.truth(one) for one in ids}
    return {one for one, truth in truths.items() if truth["gate"] is None and truth["access"] != "truncated"}


@pytest.mark.parametrize("order", ["date", "arrival"])
def test_an_article_that_slips_in_weeks_late_is_found_within_a_week(serve: Serve, crawl: Run, order: str) -> None:
    replica = serve(articles=240, sources=1)
    replica.world.arrange(order)
    first = crawl(replica.url, "source")
    late = slip_in(replica, 10, 20, 35)
    replica.requests.clear()
    later(7, first.folder, replica.url, "source")
    assert asked(replica) == late
    done = crawl(replica.url, "source")
    assert differences(replica, done.records) == []


def test_what_is_walked_again_costs_listing_pages_and_no_article(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=240, sources=1)
    first = crawl(replica.url, "source")
    pages = {}
    for days in (6, 7, 8, 14):
        replica.requests.clear()
        later(days, first.folder, replica.url, "source")
        assert asked(replica) == set()
        pages[days] = len(replica.listing_requests())
    assert pages[6] == pages[8] == 1
    assert 1 < pages[7] <= 400 / STRIDE
    assert 1 < pages[14] <= pages[7]


def test_how_often_what_is_recent_is_walked_again_is_settable(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=240, sources=1)
    crawl(replica.url, "source")
    late = slip_in(replica, 20)
    assert not late & {one["id"] for one in crawl(replica.url, "source").records}
    done = crawl(replica.url, "source", "-s", "KCNACRAWL_REWALK_EVERY=0")
    assert late <= {one["id"] for one in done.records}


def test_a_window_that_was_walked_too_early_is_walked_again(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=600, sources=1)
    today = replica.world.today
    words = ("source", "-a", "source=156", "-a", f"since={today.replace(month=8, day=1)}", "-a", "until=2026-08-31")
    # By a clock that agrees with the site's.
    now = (today - datetime.now(UTC).date()).days
    folder = crawl(replica.url, "sources").folder
    later(now, folder, replica.url, *words)
    late = slip_in(replica, 20)
    for days, found in ((now + 6, False), (now + 40, True), (now + 42, True)):
        replica.requests.clear()
        later(days, folder, replica.url, *words)
        stored = (folder / "articles.jsonl").read_text(encoding="utf-8")
        assert all((one in stored) is found for one in late)
    assert replica.listing_requests() == []


# What the archive's user is told


def coverage(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return scrapy(folder, "coverage", *words)


def months(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in coverage(folder, "--jsonl").stdout.splitlines()]


def test_every_month_is_told_as_it_is(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=240, sources=2)
    done = crawl(replica.url, "source")
    before = contents(done.folder)
    found = {(one["source"], one["month"]): one for one in months(done.folder)}
    assert contents(done.folder) == before
    latest = {one["id"]: one for one in done.records}
    held = Counter((str(one["source_id"]), one["date_published"][:7]) for one in latest.values())
    short = Counter(
        (str(one["source_id"]), one["date_published"][:7]) for one in latest.values() if one["access"] == "truncated"
    )
    assert {key: one["held"] for key, one in found.items() if one["held"]} == dict(held)
    assert {key: one["truncated"] for key, one in found.items() if one["truncated"]} == dict(short)
    for sid in {source for source, _ in held}:
        listed = sum(one["listed"] for (source, _), one in found.items() if source == sid)
        assert listed == len(replica.world.listing(int(sid)))
    assert all(one["never_walked"] == 0 for one in found.values())
    told = coverage(done.folder)
    assert told.returncode == 0
    assert told.stdout.splitlines()[-1].endswith("all that is listed was walked")


def test_what_was_not_walked_is_told_by_its_days(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=1_000, sources=1)
    done = crawl(replica.url, *WORDS)
    by_month = {one["month"]: one for one in months(done.folder)}
    assert by_month["earlier"]["never_walked"] is None
    assert all(by_month[f"2018-{number:02}"]["never_walked"] == 0 for number in range(1, 12))
    assert by_month["2019-06"] == by_month["2019-06"] | {"never_walked": 30, "held": 0}
    assert "were not walked whole" in coverage(done.folder).stdout


def test_a_day_counts_once_however_walks_overlap_and_a_month_may_be_the_last_there_is(
    ledger: Ledger, tmp_path: Path
) -> None:
    early = datetime(2026, 1, 1, tzinfo=UTC)
    days = [("2026-01-05", "2026-01-20"), ("2026-01-10", "2026-01-12"), ("2026-01-21", "2026-02-03")]
    for place, (since, until) in enumerate([*days, ("2026-04-01", "2026-04-01")]):
        walked(ledger, range(10 * place, 10 * place + 2), since, until, early)
    walk = Walk(Window(), Rewalk(early.date()), since="2026-04-30", until="2026-04-30", newest=early.date())
    ledger.walked.record(LIST, walk, 90, [card(90, "January 01, 2026"), card(91, "December 31, 9999")], early)
    ledger.close()
    told = {one.month: one.never_walked for one in read_coverage(tmp_path, date(2026, 5, 2)) if one.month >= "2026"}
    in_2026 = {f"2026-{month:02}": never for month, never in enumerate([4, 25, 31, 28, 2], 1)}
    assert told == {"earlier": None, **in_2026, "9999-12": 0}


def test_what_is_owed_is_told_and_exits_3(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=1)
    one = ungated(replica)[3]
    replica.faults.add(f"/newstream/{one}", "status", status=500)
    done = crawl(replica.url, "source")
    told = coverage(done.folder)
    assert told.returncode == 3
    assert "1 owed" in told.stdout
    month = replica.world.truth(one)["date_published"][:7]
    assert [entry["month"] for entry in months(done.folder) if entry["owed"]] == [month]


def test_a_ledger_that_is_missing_is_one_line(tmp_path: Path) -> None:
    told = coverage(tmp_path)
    assert told.returncode == 7
    assert told.stderr.count("\n") == 1
    assert "any crawl into" in told.stderr
    assert coverage(tmp_path, "stray").returncode == 2
