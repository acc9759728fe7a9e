"""A site that no longer looks as it did is told by what is missing, and its pages are kept."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from kcnacrawl.archive.run_report import RunReport
from kcnacrawl.health import CADENCE_DAYS, is_healthy, lost_fields, presences, silent_days, unreadable
from kcnacrawl.replica.server import Replica

from .conftest import Crawl, differences

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]

HEALTHY = {"fields/pages": 40, "fields/body": 39, "cards": 60, "fields/card_date": 60, "pages/article": 40}


# The arithmetic


def test_what_is_as_ever_is_no_loss() -> None:
    assert lost_fields(HEALTHY, [HEALTHY]) == []
    assert lost_fields({}, [HEALTHY]) == []
    assert lost_fields({}, []) == []


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ({"fields/pages": 3}, "body on 0 of 3, before on 39 of 40"),
        ({"fields/pages": 6, "fields/body": 3}, "body on 3 of 6, before on 39 of 40"),
        ({"cards": 10}, "card_date on 0 of 10, before on 60 of 60"),
        ({"fields/pages": 2, "fields/body": 2, "unreadable/headline": 2}, "headline on 2 of 4, before on 40 of 40"),
        ({"fields/pages": 1, "fields/body": 1, "unreadable/label": 3}, "label on 1 of 4, before on 40 of 40"),
        ({"fields/pages": 4, "fields/body": 4, "rejected/bad_date": 4}, "date on 0 of 4, before on 40 of 40"),
    ],
)
def test_a_field_that_was_always_there_and_is_not_is_lost(counts: dict[str, int], told: str) -> None:
    assert lost_fields(counts, [HEALTHY]) == [told]


def test_a_field_that_was_never_reliable_is_not_missed() -> None:
    habit = HEALTHY | {"fields/body": 20}
    assert lost_fields({"fields/pages": 10}, [habit]) == []


def test_without_a_habit_it_takes_more_pages() -> None:
    assert lost_fields({"fields/pages": 9}, []) == []
    assert lost_fields({"fields/pages": 10}, []) == ["body on 0 of 10"]


def test_a_page_without_a_header_has_no_field() -> None:
    found = presences({"unreadable/header": 5, "fields/pages": 5, "fields/body": 5})
    assert {name: (one.found, one.of) for name, one in found.items() if name != "card_date"} == {
        "headline": (5, 10),
        "date": (5, 10),
        "label": (5, 10),
        "body": (10, 10),
    }


def test_too_many_unreadable_pages_are_told_by_anchor() -> None:
    counts = {"rejected/layout_changed": 3, "rejected/bad_date": 1, "unreadable/header": 3, "pages/article": 10}
    assert unreadable(counts, 0.2) == "4 of 10 article pages could not be read (by anchor: header 3, date 1)"
    assert unreadable(counts, 0.4) is None
    assert unreadable({"rejected/layout_changed": 2, "pages/article": 2}, 0.2) is None


@pytest.mark.parametrize(("verdict", "healthy"), [("ok", True), ("incomplete", True), ("refused", False)])
def test_only_runs_that_ended_well_tell_how_the_site_looks(verdict: str, *, healthy: bool) -> None:
    moment = "2026-01-02T03:04:05+00:00"
    report = RunReport(run_id="", spider="", start=moment, end=moment, finish_reason="", verdict=verdict, exit_code=0)
    assert is_healthy(report) is healthy


# At the site


@pytest.mark.parametrize("way", ["renamed", "removed"])
@pytest.mark.parametrize(
    ("field", "told"),
    [("headline", "headline"), ("date", "header"), ("label", "header"), ("body", "body"), ("card_date", "card_date")],
)
def test_a_layout_that_drifts_ends_the_run_and_keeps_its_pages(
    serve: Serve, crawl: Run, field: str, told: str, way: str
) -> None:
    replica = serve(articles=60, sources=1)
    assert crawl(replica.url, "source", "-a", "source=156").exit_code == 0
    replica.world.publish(12, sid=156)
    replica.faults.add("", "lost", field=field, way=way)
    done = crawl(replica.url, "source", "-a", "source=156")
    read = {record["id"] for record in done.records}
    if done.exit_code == 0:
        # Spelled otherwise and read all the same, by another anchor.
        assert (field, way) in {("body", "renamed"), ("headline", "renamed")}
        lost = {one.split(": ")[1].split(" is ")[0] for one in differences(replica, done.records)}
        assert lost <= ({"images", "article_body", "access", "body_sha256"} if field == "body" else set())
        return
    assert done.exit_code == 4, done.stderr
    assert told in done.last_line
    pages = sorted((done.folder / "runs").glob("*.pages/*.html"))
    assert 1 <= len(pages) <= 5
    assert all(page.read_bytes().startswith(b"<") for page in pages)
    replica.faults.clear()
    # A form in the place of a text that is lost may be a wall.
    views = map(replica.world.article, replica.world.ids(156))
    if not {view.id for view in views if view.gate is None and view.form != "shown"} <= read:
        after = crawl(replica.url, "source", "-a", "source=156")
        assert after.exit_code == 0, after.stderr
        assert differences(replica, after.records) == []


def test_how_many_pages_may_be_unreadable_is_settable(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=1)
    for victim in replica.world.ids()[::10]:
        replica.faults.add(f"/newstream/{victim}", "unreadable")
    assert crawl(replica.url, "source").exit_code == 3
    assert crawl(replica.url, "source", "-s", "KCNACRAWL_UNREADABLE=0.05").exit_code == 4


def test_a_report_that_is_torn_or_foreign_is_no_witness(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=1)
    first = crawl(replica.url, "source")
    runs = first.folder / "runs"
    (runs / "99990101T000000Z-x.json").write_text('{"verdict": "ok", "counts": {"cards": "many"}}')
    (runs / "99990102T000000Z-x.json").write_bytes(b'{"verdict": "ok"')
    (runs / "99990103T000000Z-x.json").write_text("[1]")
    replica.world.publish(5)
    assert _new(crawl(replica.url, "source", folder=first.folder)) == 5


def _new(done: Crawl) -> int:
    assert done.exit_code == 0, done.stderr
    return int(done.report["counts"]["articles/new"])


# Silence


def days(newest: date, number: int, step: int = 1) -> list[str]:
    return [(newest - timedelta(days=step * place)).isoformat() for place in range(number)]


@pytest.mark.parametrize(
    ("published", "silent"),
    [
        (days(date(2026, 9, 1), CADENCE_DAYS), 10),
        (days(date(2026, 9, 11), CADENCE_DAYS), 0),
        (days(date(2026, 9, 12), CADENCE_DAYS), 0),
        (days(date(2026, 9, 1), CADENCE_DAYS, step=2), 0),
        (days(date(2026, 9, 1), CADENCE_DAYS - 1), 0),
        ([], 0),
    ],
)
def test_only_a_source_that_publishes_daily_can_fall_silent(published: list[str], silent: int) -> None:
    assert silent_days(published, date(2026, 9, 11)) == silent


def test_a_source_that_fell_silent_is_a_warning_and_no_fault(serve: Serve, crawl: Run) -> None:
    today = date.today()  # noqa: DTZ011
    replica = serve(articles=600, sources=1, today=today - timedelta(days=30))
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert len(done.report["warnings"]) == 1
    assert "156 KCNA.kp (En) usually publishes daily and has shown nothing for 30 days" in done.report["warnings"][0]
    assert done.report["warnings"][0] in done.stderr
    patient = crawl(replica.url, "source", "-s", "KCNACRAWL_STALE_DAYS=60")
    assert patient.report["warnings"] == []


def test_the_report_of_a_run_is_whole_json(serve: Serve, crawl: Run) -> None:
    done = crawl(serve(articles=30, sources=1).url, "source")
    path: Path = next((done.folder / "runs").glob("*.json"))
    assert json.loads(path.read_text(encoding="utf-8"))["counts"]["fields/pages"] >= 25
