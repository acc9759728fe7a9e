"""What is held is looked at again: edits are revisions, removals tombstones, and noise is neither."""

import contextlib
import json
import os
import sqlite3
import subprocess
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from kcnacrawl.archive.ledger.schedule import YEAR, next_look
from kcnacrawl.config import Config
from kcnacrawl.crawl.removals import LEAST
from kcnacrawl.replica.markup_variant import VARIANTS
from kcnacrawl.replica.server import Replica

from .archives import article, write
from .conftest import Crawl, crawl_later, fetched, read_lines, scrapy, ungated

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]

# Of as many as one asks for: six in a hundred are edited, eight in a thousand removed.
ARTICLES = int(os.environ.get("RECHECK_ARTICLES", "150"))
EDITS, REMOVALS = ARTICLES * 300 // 5_000, ARTICLES * 40 // 5_000

TAKEN = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = Config().recheck_days
ALL = ("recheck", "-a", "every=0")


# When


@pytest.mark.parametrize(
    ("looked", "due"), [(0, 1), (0.5, 1), (1, 3), (2, 3), (3, 7), (29, 30), (31, 180), (180, 545), (600, 910)]
)
def test_the_next_look_is_the_first_of_the_schedule_after_the_last(looked: float, due: int) -> None:
    assert next_look(TAKEN, TAKEN + timedelta(days=looked), DAYS) == TAKEN + timedelta(days=due)


def test_from_the_last_day_of_the_schedule_on_looks_are_yearly() -> None:
    looked = TAKEN
    for _ in range(9):
        before, looked = looked, next_look(TAKEN, looked, DAYS)
    assert looked - before == YEAR


# What


def changes(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return scrapy(folder, "changes", *words)


def changed(folder: Path, *words: str) -> list[dict[str, Any]]:
    done = changes(folder, "--jsonl", *words)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


# Of what a page may lose.
NO_TEXT = {"field": "body", "way": "removed"}


def whole(replica: Replica) -> list[str]:
    return [one for one in ungated(replica) if replica.world.truth(one)["access"] == "full"]


def test_a_record_that_is_not_where_the_ledger_says_ends_the_run_in_one_line(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=10, sources=1)
    done = crawl(replica.url, "source")
    with contextlib.closing(sqlite3.connect(done.folder / "ledger.sqlite", isolation_level=None)) as db:
        db.execute("UPDATE articles SET begin = begin + 1")
    (done.folder / "ledger.sqlite.sha256").unlink()
    again = crawl(replica.url, *ALL)
    assert again.exit_code == 7
    assert "is no line of ours" in again.stderr.splitlines()[-1]


@pytest.mark.parametrize("variant", ["plain", "click", "labelled"])
def test_edits_and_removals_are_found_and_none_is_invented(serve: Serve, crawl: Run, variant: str) -> None:
    replica = serve(articles=ARTICLES, sources=2, variant=variant)
    folder = crawl(replica.url, "source").folder
    held = iter(whole(replica))
    counts = {"body": EDITS // 2, "headline": EDITS // 4, "date": EDITS - EDITS // 2 - EDITS // 4}
    edited = {what: list(islice(held, count)) for what, count in counts.items()}
    for what, ids in edited.items():
        for one in ids:
            replica.world.edit(one, what)
    removed = set(islice(held, REMOVALS))
    for one in removed:
        replica.world.remove(one)
    first = crawl(replica.url, *ALL)
    assert first.exit_code == 0, first.stderr
    wanted = {one for ids in edited.values() for one in ids}
    assert {one["id"] for one in changed(folder)} == wanted
    assert crawl_later(1, folder, replica.url, *ALL).returncode == 0
    found = {one["id"]: one["kind"] for one in changed(folder)}
    assert found == dict.fromkeys(wanted, "edited") | dict.fromkeys(removed, "removed")
    records = read_lines(folder / "articles.jsonl")
    for one in removed:
        last = [record for record in records if record["id"] == one]
        assert [(record["revision"], record["status"]) for record in last] == [(1, "live"), (2, "gone")]
        assert last[0]["article_body"] == last[1]["article_body"]


def test_a_feed_holds_tombstones_as_it_does_edits(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    replica = serve(articles=60, sources=1)
    folder = crawl(replica.url, "source").folder
    removed, edited = whole(replica)[:2]
    replica.world.remove(removed)
    assert crawl_later(0, folder, replica.url, *ALL).returncode == 0
    replica.world.edit(edited, "body")
    before = len(read_lines(folder / "articles.jsonl"))
    feed = tmp_path / "feed.jsonl"
    assert crawl_later(1, folder, replica.url, *ALL, "-O", str(feed)).returncode == 0
    stored = read_lines(folder / "articles.jsonl")[before:]
    assert read_lines(feed) == stored
    assert {(one["id"], one["status"]) for one in stored} == {(removed, "gone"), (edited, "live")}
    # That it was looked at is remembered, too.
    asked = len(fetched(replica))
    assert crawl_later(1, folder, replica.url, "recheck").returncode == 0
    assert len(fetched(replica)) == asked


def test_what_is_back_is_live_again(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=1)
    folder = crawl(replica.url, "source").folder
    one = whole(replica)[3]
    replica.world.remove(one)
    for days in (0, 1, 2):
        assert crawl_later(days, folder, replica.url, *ALL).returncode == 0
    replica.world.restore(one)
    assert crawl_later(3, folder, replica.url, *ALL).returncode == 0
    assert [(each["kind"], each["revision"]) for each in changed(folder)] == [("removed", 2), ("restored", 3)]


def test_twice_on_one_day_is_no_removal_and_back_the_next_day_is_none(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=1)
    folder = crawl(replica.url, "source").folder
    one = whole(replica)[3]
    replica.world.remove(one)
    # At an hour that does not end a day between the two.
    for _ in range(2):
        assert crawl_later(0, folder, replica.url, *ALL).returncode == 0
    replica.world.restore(one)
    assert crawl_later(1, folder, replica.url, *ALL).returncode == 0
    replica.world.remove(one)
    assert crawl_later(2, folder, replica.url, *ALL).returncode == 0
    assert changed(folder) == []


@pytest.mark.parametrize("kind", ["form", "truncate", "challenge", "status", "reset", "unreadable", "sign_up", "lost"])
def test_a_wall_or_a_fault_is_no_edit_and_no_removal(serve: Serve, crawl: Run, kind: str) -> None:
    replica = serve(articles=30, sources=1)
    folder = crawl(replica.url, "source").folder
    before = (folder / "articles.jsonl").read_bytes()
    for one in whole(replica)[:2]:
        replica.faults.add(f"/newstream/{one}", kind, **(NO_TEXT if kind == "lost" else {}))
    for days in (0, 1, 2):
        crawl_later(days, folder, replica.url, *ALL)
    assert (folder / "articles.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("kind", "options"), [("status", {"status": 404}), ("status", {"status": 410}), ("redirect", {"location": "/"})]
)
def test_a_broken_site_makes_no_tombstones(serve: Serve, crawl: Run, kind: str, options: dict[str, Any]) -> None:
    replica = serve(articles=30, sources=1)
    folder = crawl(replica.url, "source").folder
    before = (folder / "articles.jsonl").read_bytes()
    replica.faults.add("^/newstream/", kind, **options)
    for days in range(4):
        done = crawl_later(days, folder, replica.url, *ALL)
        assert done.returncode == 4, done.stderr
    if kind == "status":
        assert "the site is rather broken, none became a tombstone" in done.stderr
    replica.faults.clear()
    # Also a ledger that was made anew knows of no day on which they were missing.
    (folder / "ledger.sqlite").unlink()
    replica.world.remove(whole(replica)[3])
    assert crawl_later(4, folder, replica.url, *ALL).returncode == 0
    assert (folder / "articles.jsonl").read_bytes() == before
    assert crawl_later(5, folder, replica.url, *ALL).returncode == 0
    assert [one["kind"] for one in changed(folder)] == ["removed"]


def test_of_one_source_that_is_broken_nothing_becomes_a_tombstone(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=90, sources=2)
    folder = crawl(replica.url, "source").folder
    broken, other = replica.world.outlets
    # More than a tenth of its own, and less of all.
    for one in [one for one in ungated(replica) if one in replica.world.ids(broken.sid)][:7]:
        replica.faults.add(f"/newstream/{one}", "status", status=404)
    gone = next(one for one in whole(replica) if one in replica.world.ids(other.sid))
    replica.world.remove(gone)
    for days in (0, 1):
        done = crawl_later(days, folder, replica.url, *ALL)
        assert done.returncode == 4
        assert f"of source {broken.sid} that are held were not found" in done.stderr
    assert [(one["id"], one["kind"]) for one in changed(folder)] == [(gone, "removed")]


def test_a_purge_is_believed_where_a_person_says_so(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=30, sources=1)
    folder = crawl(replica.url, "source").folder
    removed = whole(replica)[5:]
    for one in removed:
        replica.world.remove(one)
    assert crawl_later(0, folder, replica.url, *ALL).returncode == 4
    for days in (0, 1):
        done = crawl_later(days, folder, replica.url, *ALL, "-s", "KCNACRAWL_NOT_FOUND=1")
        assert done.returncode == 0, done.stderr
    assert {one["id"] for one in changed(folder)} == {*removed}


def test_removals_are_confirmed_though_nothing_else_is_due(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=120, sources=1)
    folder = crawl(replica.url, "source").folder
    removed = whole(replica)[10:16]
    for one in removed:
        replica.world.remove(one)
    assert crawl_later(1.1, folder, replica.url, "recheck").returncode == 0
    replica.requests.clear()
    assert crawl_later(2.2, folder, replica.url, "recheck").returncode == 0
    assert {one["id"] for one in changed(folder)} == {*removed}
    assert {*removed} < {*fetched(replica)}
    assert len(fetched(replica)) <= 6 + LEAST


@pytest.mark.parametrize("words", [(), ("-a", "limit=12")])
def test_removals_of_one_source_are_confirmed_by_what_is_found_of_others(
    serve: Serve, crawl: Run, words: tuple[str, ...]
) -> None:
    replica = serve(articles=280, sources=8)
    folder = crawl(replica.url, "source").folder
    newest = {str(replica.world.truth(one)["source_id"]) for one in ungated(replica)[-5:]}
    sid = next(outlet.sid for outlet in replica.world.outlets if str(outlet.sid) not in newest)
    removed = [one for one in whole(replica) if one in replica.world.ids(sid)][4:9]
    for one in removed:
        replica.world.remove(one)
    assert crawl_later(1.1, folder, replica.url, "recheck").returncode == 0
    assert crawl_later(2.2, folder, replica.url, "recheck", *words).returncode == 0
    assert {one["id"] for one in changed(folder)} == {*removed}


def test_the_articles_that_show_whether_the_site_works_are_of_the_source_asked_for(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=200, sources=2)
    folder = crawl(replica.url, "source").folder
    for one in [one for one in whole(replica) if one in replica.world.ids(160)][:5]:
        replica.world.remove(one)
    assert crawl_later(1.1, folder, replica.url, "recheck").returncode == 0
    replica.requests.clear()
    assert crawl_later(2.2, folder, replica.url, "recheck", "-a", "source=160").returncode == 0
    assert {*fetched(replica)} <= {*replica.world.ids(160)} | {one["id"] for one in changed(folder)}


def test_only_a_recheck_counts_the_days_on_which_an_article_is_missing(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=1)
    cut = whole(replica)[3]
    replica.faults.add(f"/newstream/{cut}", "truncate")
    folder = crawl(replica.url, "source").folder
    replica.faults.clear()
    replica.faults.add(f"/newstream/{cut}", "status", status=404)
    crawl_later(2, folder, replica.url, "source")
    assert crawl_later(3.5, folder, replica.url, *ALL).returncode == 0
    assert changed(folder) == []


def test_where_every_article_of_a_list_is_not_found_it_is_no_success(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=30, sources=1)
    replica.faults.add("^/newstream/", "status", status=404)
    done = crawl(replica.url, "source")
    assert (done.exit_code, done.records) == (4, [])
    assert "articles that the site lists were not found" in done.last_line


def test_another_layout_is_no_edit(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=1, variant="plain")
    folder = crawl(replica.url, "source").folder
    for variant in sorted(VARIANTS)[:4]:
        other = serve(articles=60, sources=1, variant=replace(VARIANTS[variant]))
        done = crawl(other.url, *ALL)
        assert done.exit_code == 0, done.stderr
    assert changed(folder) == []


def test_what_is_not_modified_is_not_sent_again(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=1)
    crawl(replica.url, "source")
    crawl(replica.url, *ALL)
    replica.requests.clear()
    done = crawl(replica.url, *ALL)
    answers = [one.status for one in replica.article_requests()]
    assert answers.count(304) == done.report["counts"]["recheck/not_modified"] > len(answers) / 2


def test_looks_follow_the_schedule_and_nothing_due_costs_nothing(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=40, sources=1)
    folder = crawl(replica.url, "source").folder
    asked = {}
    for days in (0, 1, 2, 3, 6, 7):
        replica.requests.clear()
        assert crawl_later(days, folder, replica.url, "recheck").returncode == 0
        asked[days] = len(replica.article_requests())
    held = len({one["id"] for one in read_lines(folder / "articles.jsonl")})
    assert asked == {0: 0, 1: held, 2: 0, 3: held, 6: 0, 7: held}


def test_a_limit_bounds_the_looks_and_the_longest_overdue_come_first(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=40, sources=1)
    crawl(replica.url, "source")
    looked: list[str] = []
    for _ in range(3):
        replica.requests.clear()
        crawl(replica.url, *ALL, "-a", "limit=5")
        looked += fetched(replica)
    assert len(set(looked[:5])) == 5
    assert len(looked) == 15


def test_a_source_and_days_can_be_chosen(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=80, sources=2)
    done = crawl(replica.url, "source")
    sid = done.records[0]["source_id"]
    days = sorted(one["date_published"] for one in done.records if one["source_id"] == sid)
    since = days[len(days) // 2]
    replica.requests.clear()
    crawl(replica.url, *ALL, "-a", f"source={sid}", "-a", f"since={since}")
    assert set(fetched(replica)) == {
        one["id"] for one in done.records if one["source_id"] == sid and one["date_published"] >= since
    }


@pytest.mark.parametrize("word", ["every=-1", "every=x", "source=Nobody's"])
def test_a_bad_argument_is_one_line(serve: Serve, crawl: Run, word: str) -> None:
    replica = serve(articles=20, sources=1)
    done = crawl(replica.url, "recheck", "-a", word)
    assert done.exit_code == 2
    assert replica.article_requests() == []


# How it is told


@pytest.fixture
def edited(serve: Serve, crawl: Run) -> Path:
    """An archive with one edit of a text."""
    replica = serve(articles=30, sources=1)
    folder = crawl(replica.url, "source").folder
    replica.world.edit(whole(replica)[0], "body")
    crawl(replica.url, *ALL)
    return folder


def test_a_person_sees_a_diff_a_program_the_fields_and_a_feed_reader_an_entry(edited: Path, tmp_path: Path) -> None:
    (change,) = changed(edited)
    assert change["kind"] == "edited"
    assert any(line.startswith("+") and not line.startswith("+++") for line in change["diff"])
    told = changes(edited).stdout
    assert change["id"] in told
    assert "--- revision 1\n+++ revision 2\n" in told
    feed = tmp_path / "feed.xml"
    assert changes(edited, "--atom", str(feed)).returncode == 0
    atom = "{http://www.w3.org/2005/Atom}"
    (entry,) = ET.parse(feed).getroot().findall(f"{atom}entry")
    assert entry.findtext(f"{atom}updated") == change["seen"]
    assert "+++ revision 2" in (entry.findtext(f"{atom}content") or "")
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date()
    assert changed(edited, "--since", str(tomorrow)) == []


def test_what_changed_is_told_whole_and_without_what_would_bend_a_line_or_break_a_feed(tmp_path: Path) -> None:
    old = article(1, f"- first\n\n{'word ' * 1000}once")
    new = replace(
        old, revision=2, headline="\x1b[31m\x00 \u202eno\uffff\ufffe", article_body=old.article_body[:-4] + "twice"
    )
    write(tmp_path, [old, new])
    told = changes(tmp_path).stdout
    assert told.replace("\n", "").isprintable()
    lines = told.splitlines()
    assert lines[0] == "2026-09-11T06:00:12+00:00  edited  1600000001-100000001  KCNA.kp (En)  [31m no"
    assert lines[lines.index("+[31m no") + 1 :] == [
        " 2016-02-02",
        " - first",
        f"-{'word ' * 1000}once",
        f"+{'word ' * 1000}twice",
        "",
    ]
    assert changes(tmp_path, "--atom", str(tmp_path / "feed.xml")).returncode == 0
    (title,) = ET.parse(tmp_path / "feed.xml").getroot().findall("{*}entry/{*}title")
    assert title.text == "edited: [31m no"


def test_bad_input_is_one_line(edited: Path, tmp_path: Path) -> None:
    assert changes(tmp_path / "nowhere").returncode == 7
    assert changes(edited, "--since", "yesterday").returncode == 2
    feed = tmp_path / "feed.xml"
    (tmp_path / "feed.xml.tmp").symlink_to("/dev/full")
    full = changes(edited, "--atom", str(feed))
    assert (full.returncode, full.stderr) == (
        7,
        f"kcnacrawl: storage (7): [Errno 28] No space left on device: '{feed}'\n",
    )
    assert not feed.exists()
    whole = (edited / "articles.jsonl").read_bytes()
    for line in (b"no line\n", b'{"deep": %b}\n' % (b"[" * 200_000 + b"]" * 200_000)):
        (edited / "articles.jsonl").write_bytes(whole + line)
        broken = changes(edited)
        assert broken.returncode == 7
        assert "is no line of ours" in broken.stderr
