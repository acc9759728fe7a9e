"""Archives brought together hold what one would have held, whatever ends a merge, and however often it is repeated."""

import argparse
import asyncio
import fcntl
import itertools
import json
import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcnacrawl.archive import Locked, StorageFailed
from kcnacrawl.archive.archive import Archive, read_article
from kcnacrawl.archive.ledger import KnownSource, Ledger, Line, digest
from kcnacrawl.archive.lock import Lock
from kcnacrawl.archive.merging.unify import unify
from kcnacrawl.archive.verify import Verification, article_faults, revision_faults
from kcnacrawl.archive.warc.reader import WarcReader
from kcnacrawl.arguments import ArgumentError
from kcnacrawl.commands.merge import Command
from kcnacrawl.items import Article, Card, Rejected, revised
from kcnacrawl.merge import Merge, Tally
from kcnacrawl.paging.top import Top
from kcnacrawl.paging.walk import Rewalk, Walk
from kcnacrawl.paging.window import Window
from kcnacrawl.replica.server import Replica
from kcnacrawl.site.dates import instant

from . import processes
from .archives import encoded, of_version_1, records, write
from .conftest import Crawl, differences, read_lines, scrapy
from .test_archive import NOW, article, card, key, rejected
from .test_archive import run as store
from .test_durability import crash
from .test_storage import without_privileges
from .test_warc import PAGE, die, exchange, keep, open_writer
from .warcs import check_whole, kept_ids

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]
Launch = Callable[..., processes.Popen]

OF_A_RUN = {"run_id", "date_downloaded", "warc_record_id"}


class Nobody:
    """Who is told how far a merge is."""

    def begin(self, what: str, total: int) -> None:
        """Takes note of nothing."""

    def advance(self, done: int) -> None:
        """The same."""


def merge(own: Path, *folders: Path, is_dry: bool = False) -> tuple[Tally, list[str]]:
    """What comes of a merge, and what it tells."""
    told = list[str]()
    one = Merge(own, folders, is_dry=is_dry, tell=told.append)
    one.run(Nobody())
    return one.tally, told


def look(day: int, text: str, number: int = 1, **fields: Any) -> Article:
    """An article as a run found it on a day."""
    return replace(article(number, text), date_downloaded=instant(NOW + timedelta(days=day)), **fields)


def archive(folder: Path, *looks: Article) -> Path:
    """An archive of looks at articles, each another text than the one before it on the same article."""
    numbers = dict[str, int]()
    for one in looks:
        numbers[one.id] = revision = numbers.get(one.id, 0) + 1
        cause = "first" if revision == 1 else one.revision_cause if one.revision_cause == "reader" else "site"
        write(folder, [replace(one, revision=revision, revision_cause=cause)])
    return folder


def held(folder: Path) -> list[Article]:
    path = folder / "articles.jsonl"
    return [read_article(line) for line in path.read_bytes().splitlines()] if path.exists() else []


def story(folder: Path) -> list[tuple[int, str, str | None]]:
    """The records of a folder in short: revision, text, cause."""
    return [(one.revision, one.article_body, one.revision_cause) for one in held(folder)]


def faults(folder: Path) -> list[str]:
    return list(Verification(folder).faults(lambda _: None))


def knowledge(folder: Path) -> list[str]:
    """All that the ledger knows."""
    with closing(sqlite3.connect(folder / "ledger.sqlite")) as db:
        return list(db.iterdump())


def contents(folder: Path) -> dict[str, bytes]:
    """The files that count."""
    logs = [folder / "articles.jsonl", folder / "quarantine.jsonl"]
    paths = [
        *logs,
        *(folder / "runs").glob("*.json"),
        *(folder / "warc").glob("*.warc.gz"),
        *(folder / "warc").glob("*.cdxj"),
    ]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.exists()}


# Shards of one crawl


def test_the_union_of_four_sources_is_what_one_crawl_keeps(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    replica = serve(articles=100, sources=4)
    whole = crawl(replica.url, "source", folder=tmp_path / "whole")
    shards = shard(replica, crawl, tmp_path, [["source=156"], ["source=158"], ["source=160"], ["source=163"]])
    merged = tmp_path / "merged"
    done = scrapy(merged, "merge", *map(str, shards))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == (
        "{0} records in 4 archives: {0} came in, {0} of new articles".format(len(whole.records))
    )
    lines = read_lines(merged / "articles.jsonl")
    assert said(lines) == said(whole.records)
    # In the order of the folders, and in each of its log.
    assert (merged / "articles.jsonl").read_bytes() == b"".join((one / "articles.jsonl").read_bytes() for one in shards)
    assert differences(replica, lines) == []
    # What the records were read from came along, and with it what is derived from that.
    check_whole(merged)
    assert scrapy(merged, "verify", "--jobs", "1").returncode == 0
    with WarcReader(merged / "warc") as kept:
        assert all(kept.find(one["warc_record_id"]) for one in lines)
    before = (merged / "articles.jsonl").read_bytes()
    assert scrapy(merged, "reparse", "--jobs", "1").returncode == 0
    assert (merged / "articles.jsonl").read_bytes() == before
    # So did what is known of the lists: the next crawl asks for what it would have asked for anyhow.
    assert coverage(merged) == coverage(whole.folder)
    assert asked_for(replica, crawl, merged) == asked_for(replica, crawl, whole.folder)


def test_the_union_of_four_windows_is_what_one_crawl_keeps(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    replica = serve(articles=120, sources=1)
    whole = crawl(replica.url, "source", folder=tmp_path / "whole")
    days = sorted(one["date_published"] for one in whole.records)
    first, second, third = (days[len(days) * part // 4] for part in (1, 2, 3))
    windows = [[f"until={first}"], [f"since={first}", f"until={second}"], [f"since={second}", f"until={third}"]]
    shards = shard(replica, crawl, tmp_path, [*windows, [f"since={third}"]])
    merged = tmp_path / "merged"
    done = scrapy(merged, "merge", *map(str, shards))
    assert (done.returncode, done.stderr) == (0, "")
    # An article whose card stands years from its day is in no window; it is wanted.
    missing = said(whole.records).keys() - said(read_lines(merged / "articles.jsonl")).keys()
    assert {one["date_conflict"] for one in whole.records if (one["id"], 1) in missing} == {True}
    again = crawl(replica.url, "source", folder=merged)
    assert again.exit_code == 0
    assert said(again.records) == said(whole.records)
    assert again.report["counts"]["articles/new"] == len(missing)
    assert coverage(merged) == coverage(whole.folder)
    assert asked_for(replica, crawl, merged) == asked_for(replica, crawl, whole.folder)
    assert scrapy(merged, "verify", "--jobs", "1").returncode == 0


def shard(replica: Replica, crawl: Run, folder: Path, parts: Sequence[Sequence[str]]) -> list[Path]:
    """A crawl of each part into a folder of its own."""
    folders = [folder / f"shard-{number}" for number in range(len(parts))]
    for one, arguments in zip(folders, parts, strict=True):
        done = crawl(replica.url, "source", *itertools.chain(*(("-a", word) for word in arguments)), folder=one)
        assert done.exit_code == 0, done.stderr
    return folders


def asked_for(replica: Replica, crawl: Run, folder: Path) -> list[str]:
    """What a crawl without news asks the site for."""
    replica.requests.clear()
    assert crawl(replica.url, "source", folder=folder).exit_code == 0
    return [one.path_qs for one in replica.requests if one.path_qs != "/"]


def coverage(folder: Path) -> str:
    return scrapy(folder, "coverage").stdout.replace(str(folder), "")


def said(lines: list[dict[str, Any]]) -> dict[tuple[str, int], dict[str, Any]]:
    """What records say, by identity and revision, whichever run took them."""
    told = {
        (one["id"], one["revision"]): {key: value for key, value in one.items() if key not in OF_A_RUN} for one in lines
    }
    assert len(told) == len(lines)
    return told


# Taken once


def test_what_several_archives_have_is_taken_once_and_a_second_merge_changes_nothing(tmp_path: Path) -> None:
    lines = [replace(article(number), warc_record_id=None) for number in range(60)]
    folders = [archive(tmp_path / name, *lines[first : first + 30]) for name, first in (("a", 0), ("b", 15), ("c", 30))]
    tally, told = merge(tmp_path / "own", *folders)
    assert (tally.read, tally.stored, tally.new, told) == (90, 60, 60, [])
    assert held(tmp_path / "own") == lines
    assert faults(tmp_path / "own") == []
    before = contents(tmp_path / "own"), knowledge(tmp_path / "own")
    tally, _ = merge(tmp_path / "own", *folders)
    assert (tally.read, tally.stored, tally.repeated) == (90, 0, 0)
    assert (contents(tmp_path / "own"), knowledge(tmp_path / "own")) == before


def test_an_archive_that_is_merged_into_an_empty_one_stays_as_it_is_to_the_byte(tmp_path: Path) -> None:
    lines = records(200)
    write(tmp_path / "a", lines)
    merge(tmp_path / "own", tmp_path / "a")
    assert {encoded(one) for one in lines} == set(
        (tmp_path / "own/articles.jsonl").read_bytes().splitlines(keepends=True)
    )
    assert {one.schema_version for one in held(tmp_path / "own")} == {1, 2}


def test_two_that_saw_the_same_text_hold_it_once(tmp_path: Path) -> None:
    folders = archive(tmp_path / "a", look(2, "A", run_id="a")), archive(tmp_path / "b", look(1, "A", run_id="b"))
    merge(tmp_path / "own", *folders)
    assert [one.run_id for one in held(tmp_path / "own")] == ["b"]
    merge(folders[0], folders[1])
    assert [one.run_id for one in held(folders[0])] == ["a"]


# Revisions


def test_revisions_of_one_number_are_renumbered_by_time_and_told(tmp_path: Path) -> None:
    a = archive(tmp_path / "a", look(1, "A"), look(5, "C"))
    b = archive(tmp_path / "b", look(3, "B"))
    tally, told = merge(tmp_path / "own", a, b)
    assert story(tmp_path / "own") == [(1, "A", "first"), (2, "B", "site"), (3, "C", "site")]
    one = article().id
    assert told == [
        f"{one}: revision 1 of {b} is revision 2 here",
        f"{one}: revision 2 of {a} is revision 3 here",
    ]
    assert (tally.stored, tally.new, tally.renumbered, tally.repeated) == (3, 1, 2, 0)
    assert faults(tmp_path / "own") == []


def test_a_text_that_is_older_than_the_last_is_no_edit_and_leaves_the_last_the_latest(tmp_path: Path) -> None:
    own = archive(tmp_path / "own", look(1, "A"), look(5, "C"))
    tally, _ = merge(own, archive(tmp_path / "b", look(3, "B")))
    assert story(own)[2:] == [(3, "B", "reader"), (4, "C", "reader")]
    assert held(own)[-1] == replace(held(own)[1], revision=4, revision_cause="reader")
    assert (tally.stored, tally.renumbered, tally.repeated) == (1, 1, 1)
    assert faults(own) == []
    kinds = [json.loads(line)["kind"] for line in scrapy(own, "changes", "--jsonl").stdout.splitlines()]
    assert kinds == ["edited"]


def test_killed_between_an_older_text_and_the_latest_it_says_the_latest_when_it_is_repeated(tmp_path: Path) -> None:
    own, other = archive(tmp_path / "own", look(5, "C")), archive(tmp_path / "b", look(3, "B"))
    merge(own, other)
    whole = (own / "articles.jsonl").read_bytes()
    (own / "articles.jsonl").write_bytes(b"".join(whole.splitlines(keepends=True)[:2]))
    merge(own, other)
    assert (own / "articles.jsonl").read_bytes() == whole


def test_a_text_that_a_paywall_cut_later_does_not_come_after_the_whole(tmp_path: Path) -> None:
    whole, cut = look(1, "A whole text."), look(2, "A", access="truncated")
    merge(tmp_path / "own", archive(tmp_path / "a", cut), archive(tmp_path / "b", whole))
    assert story(tmp_path / "own") == [(1, "A whole text.", "first")]
    # Also where it was all that was held: it was shown whole, and no edit.
    merge(tmp_path / "a", tmp_path / "b")
    assert story(tmp_path / "a") == [(1, "A", "first"), (2, "A whole text.", "reader")]
    assert faults(tmp_path / "a") == faults(tmp_path / "own") == []


@pytest.mark.parametrize(("day", "status"), [(1, "live"), (9, "gone")])
def test_a_tombstone_counts_if_it_is_the_last(tmp_path: Path, day: int, status: str) -> None:
    own = archive(tmp_path / "own", look(5, "A new text"))
    gone = look(day, "A", status="gone", date_published="2021-03-23")
    merge(own, archive(tmp_path / "b", look(day - 1, "A"), gone))
    assert held(own)[-1].status == status
    assert {(one.article_body, one.status) for one in held(own)} == {
        ("A new text", "live"),
        ("A", "live"),
        ("A", "gone"),
    }
    assert faults(own) == []


def test_a_source_that_became_known_is_taken(tmp_path: Path) -> None:
    own = archive(tmp_path / "own", look(1, "A", source_id=None, source_name=None))
    merge(own, archive(tmp_path / "b", look(2, "A")))
    assert [(one.source_id, one.revision_cause) for one in held(own)] == [(None, "first"), (163, "reader")]
    assert faults(own) == []


def test_lines_of_version_1_stay_so_unless_they_get_another_number(tmp_path: Path) -> None:
    a, b = (of_version_1([one]) for one in (look(1, "A"), look(2, "B")))
    write(tmp_path / "a", a)
    write(tmp_path / "b", b)
    merge(tmp_path / "own", tmp_path / "b", tmp_path / "a")
    first, second = (tmp_path / "own/articles.jsonl").read_bytes().splitlines(keepends=True)
    assert first == encoded(a[0])
    assert json.loads(second)["schema_version"] == 2
    assert story(tmp_path / "own") == [(1, "A", None), (2, "B", "site")]
    assert faults(tmp_path / "own") == []


def united(own: list[Article], *others: list[Article]) -> list[Article]:
    """The lines on an article that an archive has after a merge."""
    return [*own, *(one.article for one in unify([own, *others]))]


def crawled(looks: Iterable[Article], start: Sequence[Article] = ()) -> list[Article]:
    """The lines that a crawl has of looks at an article, as it goes on from others: a rereading is of the last page."""
    lines = list(start)
    for one in looks:
        last = lines[-1] if lines else None
        if last is None:
            lines.append(replace(one, revision=1, revision_cause="first"))
        elif one.revision_cause == "reader":
            text = {"article_body": one.article_body, "body_sha256": one.body_sha256}
            if one.article_body != last.article_body and last.access == "full":
                lines.append(revised(last, "reader", run_id=f"reread-{len(lines)}", **text))
        elif digest(one) != digest(last) and not (last.access == "full" and one.access == "truncated"):
            lines.append(replace(one, revision=len(lines) + 1, revision_cause="site"))
    return lines


def is_sound(lines: list[Article]) -> bool:
    found = [None, *(Line.of(one) for one in lines)]
    return not any([*revision_faults(*pair)] for pair in itertools.pairwise(found)) and not any(
        [*article_faults(one)] for one in lines if one.status == "live"
    )


@given(data=st.data(), days=st.lists(st.integers(1, 30), max_size=7, unique=True).map(sorted))
def test_however_revisions_are_split_and_merged_the_records_are_the_same(data: st.DataObject, days: list[int]) -> None:
    looks = [look(day, f"Text {number}") for number, day in enumerate(days)]
    kept = data.draw(st.lists(st.sets(st.integers(0, 6)), max_size=4))
    parts = [crawled(one for number, one in enumerate(looks) if number in part) for part in kept]
    seen = crawled(one for number, one in enumerate(looks) if any(number in part for part in kept))
    # All at once: what one archive would have.
    assert united([], *data.draw(st.permutations(parts))) == seen
    # One after the other: the same texts, and the last is the latest.
    own = list[Article]()
    for part in data.draw(st.permutations(parts)):
        own = united(own, part)
        assert is_sound(own)
    assert {one.article_body for one in own} == {one.article_body for one in seen}
    assert [one.article_body for one in own[-1:]] == [one.article_body for one in seen[-1:]]
    # Again, in any order, one by one or together: nothing.
    for part in data.draw(st.permutations(parts)):
        assert united(own, part) == own
    assert united(own, *parts) == own


LOOKS = st.builds(
    look,
    st.just(0),
    st.sampled_from(["A", "B", "C"]),
    status=st.sampled_from(["live", "live", "live", "gone"]),
    revision_cause=st.sampled_from(["site", "site", "reader"]),
) | st.builds(look, st.just(0), st.sampled_from(["a", "b"]), access=st.just("truncated"))


@st.composite
def stories(draw: st.DrawFn, name: str) -> list[Article]:
    """What an archive may have of an article: texts that come again, are cut, removed or read anew, on its own days."""
    days = sorted(draw(st.lists(st.integers(1, 9), max_size=4, unique=True)))
    source = draw(st.sampled_from([163, None]))
    moments = (instant(NOW + timedelta(days=day, seconds=ord(name))) for day in days)
    return crawled(replace(draw(LOOKS), date_downloaded=one, source_id=source, run_id=name) for one in moments)


@given(own=stories("d"), others=st.tuples(stories("a"), stories("b"), stories("c")), data=st.data())
def test_whatever_archives_say_of_an_article_a_merge_is_sound_and_done_once(
    own: list[Article], others: tuple[list[Article], ...], data: st.DataObject
) -> None:
    after = united(own, *others)
    assert after[: len(own)] == own
    assert is_sound(after)
    assert {digest(one) for part in others for one in part if one.access == "full"} <= {digest(one) for one in after}
    assert united(after, *data.draw(st.permutations(others))) == after
    # Killed after any line and repeated.
    cut = data.draw(st.integers(len(own), len(after)))
    assert united(after[:cut], *others) == after


# The quarantine, and what the ledger knows


def refuse(folder: Path, *lines: Rejected) -> Path:
    folder.mkdir(exist_ok=True)
    with (folder / "quarantine.jsonl").open("ab") as file:
        file.writelines(msgspec.json.encode(one) + b"\n" for one in lines)
    return folder


def test_the_quarantine_comes_along_and_what_is_held_elsewhere_is_owed_no_more(tmp_path: Path) -> None:
    own = archive(refuse(tmp_path / "own", rejected(1, "http_error"), rejected(2, "http_error")), look(0, "A", 3))
    other = archive(tmp_path / "b", look(1, "B", 1), look(2, "C", 4))
    refuse(other, rejected(2, "http_error"), rejected(3, "http_error", NOW - timedelta(1)), rejected(5, "sign_up_wall"))
    tally, _ = merge(own, other)
    assert tally.rejections == 2
    assert [one["id"] for one in read_lines(own / "quarantine.jsonl")] == [rejected(n).id for n in (1, 2, 3, 5)]
    with opened(own) as ledger:
        assert ledger.queue.owed() == 1
        assert {one.id for one in ledger.queue.due(None, NOW + timedelta(2))} == {rejected(2).id, rejected(5).id}
    assert faults(own) == []
    assert merge(own, other)[0].rejections == 0


@contextmanager
def opened(folder: Path) -> Iterator[Ledger]:
    """The ledger of an archive, closed in order."""
    one = Archive(folder)
    one.open()
    yield one.ledger
    asyncio.run(one.close())


def test_what_was_walked_and_wanted_is_known_of_every_archive(tmp_path: Path) -> None:
    own, other = store_in(tmp_path / "own", article(1)), store_in(tmp_path / "b", article(2))
    with opened(own) as ledger:
        mine = key(ledger, 161)
        record_walk(ledger, mine, [card(1)], since="2026-08-01", until="2026-09-01")
    with opened(other) as ledger:
        ledger.sources.learn(sid=163, ajax_id=9, label="Ministry of Foreign Affairs (EN)")
        ledger.sources.learn(sid=161, ajax_id=7, label="Rodong Sinmun (Kr)")
        theirs = key(ledger, 161)
        assert theirs != mine
        ledger.queue.want([card(1), card(3)], theirs)
        record_walk(ledger, theirs, [card(2), card(3)], since="2026-01-01", until="2026-08-02")
        ledger.walked.set_top(theirs, Top((card(2).id,)))
        ledger.sources.learn_home_read(NOW)
    merge(own, other)
    before = knowledge(own)
    with opened(own) as ledger:
        assert ledger.sources.find(label="rodong sinmun (kr)") == KnownSource(mine, 161, 7, "Rodong Sinmun (Kr)")
        assert ledger.sources.home_read() == NOW
        found = ledger.walked.find(mine, [card(number).id for number in (1, 2, 3)])
        assert [(one.since, one.until) for one in found.values()] == [
            ("2026-08-01", "2026-09-01"),
            *[("2026-01-01", "2026-08-02")] * 2,
        ]
        assert ledger.walked.top(mine) == Top((card(2).id,))
        # What is held here is not wanted.
        (wanted,) = ledger.queue.due([mine], NOW)
        assert (wanted.id, wanted.card) == (card(3).id, card(3))
    merge(own, other)
    assert knowledge(own) == before
    assert faults(own) == []


def test_what_is_known_of_a_source_stands(tmp_path: Path) -> None:
    own, other = store_in(tmp_path / "own", article(1)), store_in(tmp_path / "b", article(2))
    with opened(own) as ledger:
        ledger.sources.learn(sid=163, ajax_id=9)
        ledger.sources.learn(ajax_id=4)
    with opened(other) as ledger:
        ledger.sources.learn(sid=163, ajax_id=8, label="Ministry of Foreign Affairs (EN)")
        ledger.sources.learn(sid=161, ajax_id=4)
    merge(own, other)
    with opened(own) as ledger:
        found = {(one.sid, one.ajax_id, one.label) for one in ledger.sources.all()}
    assert found == {(163, 9, "Ministry of Foreign Affairs (EN)"), (161, 4, None)}


def record_walk(ledger: Ledger, list_key: int, cards: list[Card], *, since: str, until: str) -> None:
    walk = Walk(Window(), Rewalk(NOW.date()))
    walk.since, walk.until = since, until
    ledger.walked.record(list_key, walk, 0, cards, NOW)


def store_in(folder: Path, *articles: Article) -> Path:
    store(folder, *articles)
    return folder


def test_what_another_archive_has_looked_at_is_not_due_before_its_time(tmp_path: Path) -> None:
    other = store_in(tmp_path / "b", article(1), article(2), replace(article(3, "cut"), access="truncated"))
    with opened(other) as ledger:
        for number in (1, 2):
            ledger.rechecks.record(article(number).id, NOW + timedelta(1), [1, 7], f"tag-{number}", None)
        ledger.confirm(replace(article(3, "cut"), access="truncated", date_downloaded=instant(NOW + timedelta(1))))
    own = store_in(tmp_path / "own", article(1))
    merge(own, other)
    with opened(own) as ledger:
        assert ledger.rechecks.due(NOW + timedelta(6), None, [], None, None, None) == [article(3).id]
        assert [ledger.rechecks.last(article(number).id).etag for number in (1, 2)] == ["tag-1", "tag-2"]
        assert ledger.queue.due(None, NOW + timedelta(3)) == []
    assert faults(own) == []


def test_an_article_that_another_archive_missed_is_looked_at_the_next_day(tmp_path: Path) -> None:
    missed = replace(rejected(1, "not_found", NOW + timedelta(3)), run_id="20260911T060000Z-recheck-1f0c2a")
    own, other = store_in(tmp_path / "own", article(1)), refuse(store_in(tmp_path / "b", article(1)), missed)
    merge(own, other)
    with opened(own) as ledger:
        assert ledger.rechecks.missing([article(1).id]) == {article(1).id}
        assert ledger.rechecks.due(NOW + timedelta(4), None, [], None, None, None) == [article(1).id]


# What records were read from


def test_files_of_exchanges_come_along_whole_and_are_found(tmp_path: Path) -> None:
    own, other = tmp_path / "own", archive(tmp_path / "b", look(1, "A"))
    mine, theirs = keep(own, exchange(), run_id="a"), keep(other, exchange(), exchange(), run_id="b")
    writer = open_writer(other, "c")
    torn = [writer.keep(exchange(body=b"another page")), writer.keep(exchange(body=b"torn page"))]
    die(writer)
    (path,) = (other / "warc").glob("*.open")
    path.write_bytes(path.read_bytes()[:-600])
    before = {one.name: one.read_bytes() for one in (other / "warc").iterdir() if "warc.gz" in one.name}
    merge(own, other)
    # Of what a killed run left there, only what is whole; nothing of it was put in order.
    assert {one.name: one.read_bytes() for one in (other / "warc").iterdir() if "warc.gz" in one.name} == before
    check_whole(own)
    with WarcReader(own / "warc") as kept:
        assert [bool(kept.find(one)) for one in [*mine, *theirs, *torn]] == [True, True, True, True, False]
        # The second is kept as a revisit of the first.
        assert {found.payload for one in theirs if (found := kept.find(one))} == {PAGE}
    files = contents(own)
    assert merge(own, other)[0].files == 0
    assert contents(own) == files


def test_two_files_of_one_name_are_both_kept(tmp_path: Path) -> None:
    own, other = archive(tmp_path / "own", look(1, "A")), archive(tmp_path / "b", look(1, "A"))
    ids = keep(own, exchange(), run_id="a"), keep(other, exchange(), run_id="a")
    merge(own, other)
    assert len(list((own / "warc").glob("*.warc.gz"))) == 2
    assert set(itertools.chain(*ids)) <= kept_ids(own)
    check_whole(own)
    assert merge(own, other)[0].files == 0


def test_a_copy_that_was_cut_short_is_made_whole(tmp_path: Path) -> None:
    other = archive(tmp_path / "b", look(1, "A"))
    (record_id,) = keep(other, exchange(), run_id="a")
    merge(tmp_path / "own", other)
    (path,) = (tmp_path / "own/warc").glob("*.warc.gz")
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    merge(tmp_path / "own", other)
    assert path.read_bytes() == whole
    assert record_id in kept_ids(tmp_path / "own")


def test_many_archives_take_one_open_file_each(tmp_path: Path) -> None:
    folders = [archive(tmp_path / f"{number}", look(1, "A", number), look(2, "B", 99)) for number in range(40)]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len([*Path("/proc/self/fd").iterdir()]) + 70, limits[1]))
    try:
        merge(tmp_path / "own", *folders)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert len(held(tmp_path / "own")) == 41


# What is no archive, or not to be read now


def test_a_folder_without_an_archive_stops_before_anything_is_done(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    good = archive(tmp_path / "a", look(1, "A"))
    for bad in (tmp_path / "empty", tmp_path / "nowhere"):
        with pytest.raises(StorageFailed, match=f"there is no archive in {bad}"):
            merge(tmp_path / "own", good, bad)
    assert not (tmp_path / "own").exists()
    assert list((tmp_path / "empty").iterdir()) == []


def test_the_archive_itself_is_refused_and_one_that_is_given_twice_is_read_once(tmp_path: Path) -> None:
    own = archive(tmp_path / "own", look(1, "A"))
    (tmp_path / "link").symlink_to(own)
    with pytest.raises(ArgumentError, match="is the archive that others are brought into"):
        merge(own, tmp_path / "link")
    # One that stands in it is another.
    inner = archive(own / "shard", look(2, "B", 2))
    assert merge(own, inner, own / "../own/shard")[0].read == 1
    assert [one.article_body for one in held(own)] == ["A", "B"]


@pytest.mark.parametrize("name", ["own", "b"])
def test_an_archive_that_a_run_holds_is_left_alone(tmp_path: Path, name: str) -> None:
    own, other = archive(tmp_path / "own", look(1, "A")), archive(tmp_path / "b", look(2, "B", 2))
    lock = Lock(tmp_path / name / ".lock")
    lock.acquire()
    with pytest.raises(Locked, match=f"holds {tmp_path / name};"):
        merge(own, other)
    lock.release()
    assert len(held(own)) == 1
    merge(own, other)
    assert len(held(own)) == 2


@pytest.mark.parametrize(
    ("change", "how"),
    [
        (lambda log: log.unlink(), "articles.jsonl is missing, of which {0:,} bytes were known"),
        (lambda log: os.truncate(log, 10), "articles.jsonl has 10 bytes, of which {0:,} were known"),
        (lambda log: log.write_bytes(log.read_bytes().replace(b"Two", b"2nd")), "articles.jsonl was changed"),
    ],
    ids=["gone", "shorter", "changed"],
)
@pytest.mark.parametrize("is_dry", [False, True])
def test_an_archive_that_has_lost_lines_is_refused_and_nothing_comes_in(
    tmp_path: Path, change: Callable[[Path], object], how: str, is_dry: bool
) -> None:
    sound = archive(tmp_path / "sound", look(1, "One."))
    poor = archive(tmp_path / "poor", look(1, "One."), look(2, "Two."))
    store(poor)  # so that the ledger knows of them
    log = poor / "articles.jsonl"
    length = log.stat().st_size
    change(log)
    with pytest.raises(StorageFailed) as told:
        merge(tmp_path / "merged", sound, poor, is_dry=is_dry)
    assert str(told.value).startswith(f"{poor}: {how.format(length)}; restore it")
    assert held(tmp_path / "merged") == []
    # What is left comes in where its owner says so.
    (poor / "ledger.sqlite").unlink()
    assert merge(tmp_path / "merged", sound)[0].stored == 1


def test_an_archive_that_may_only_be_read_is_merged(tmp_path: Path) -> None:
    other = store_in(tmp_path / "b", article(1))
    (other / ".lock").unlink()
    allow(other, 0o555)
    done = scrapy(tmp_path / "own", "merge", str(other), preexec_fn=without_privileges)
    allow(other, 0o755)
    assert done.returncode == 0, done.stderr
    assert held(tmp_path / "own") == held(other)


def test_an_archive_that_may_only_be_read_and_is_written_by_a_run_is_left_alone(tmp_path: Path) -> None:
    other = store_in(tmp_path / "b", article(1))
    with (other / ".lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        allow(other, 0o555)
        done = scrapy(tmp_path / "own", "merge", str(other), preexec_fn=without_privileges)
    allow(other, 0o755)
    assert done.returncode == 6, done.stderr


def allow(folder: Path, mode: int) -> None:
    for path in (*folder.iterdir(), folder):
        path.chmod(mode)


def test_a_torn_line_is_none_and_damage_before_it_is_told_by_its_place(tmp_path: Path) -> None:
    other = archive(tmp_path / "b", look(1, "A"), look(2, "B", 2))
    log = other / "articles.jsonl"
    whole = log.read_bytes()
    log.write_bytes(whole[:-10])
    merge(tmp_path / "own", other)
    assert [one.article_body for one in held(tmp_path / "own")] == ["A"]
    assert log.read_bytes() == whole[:-10]
    log.write_bytes(whole.replace(b'"B"', b'"D"'))
    with pytest.raises(StorageFailed, match=r"b/articles.jsonl, the line that begins at byte \d+ .*body_sha256"):
        merge(tmp_path / "own", other)
    log.write_bytes(b"nonsense\n" + whole)
    with pytest.raises(StorageFailed, match=r"b/articles.jsonl, line 1 is no line of ours"):
        merge(tmp_path / "own", other)
    assert [one.article_body for one in held(tmp_path / "own")] == ["A"]
    log.write_bytes(whole)
    merge(tmp_path / "own", other)
    assert len(held(tmp_path / "own")) == 2
    assert faults(tmp_path / "own") == []


def test_a_dry_run_counts_the_same_and_stores_nothing(tmp_path: Path) -> None:
    a = refuse(archive(tmp_path / "a", look(1, "A"), look(5, "C"), look(1, "X", 2)), rejected(7))
    b = archive(tmp_path / "b", look(3, "B"))
    keep(a, exchange(), run_id="a")
    would = merge(tmp_path / "own", a, b, is_dry=True)
    assert not (tmp_path / "own").exists()
    assert merge(tmp_path / "own", a, b) == would
    c = archive(tmp_path / "c", look(2, "between"))
    before = contents(tmp_path / "own"), knowledge(tmp_path / "own")
    would = merge(tmp_path / "own", c, is_dry=True)
    assert (contents(tmp_path / "own"), knowledge(tmp_path / "own")) == before
    assert merge(tmp_path / "own", c) == would


# The command


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        ([], 2, "usage (2): merge needs FOLDER…"),
        (
            ["--nonsense", "b"],
            2,
            "usage (2): merge has no option '--nonsense'; what is none and begins so goes after --",
        ),
        (["own"], 2, "usage (2): own is the archive that others are brought into"),
        (["nowhere"], 7, "storage (7): there is no archive in nowhere"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, words: list[str], code: int, line: str) -> None:
    archive(tmp_path / "own", look(1, "A"))
    done = processes.run(
        [sys.executable, "-m", "scrapy", "merge", "-s", f"KCNACRAWL_DIR={tmp_path / 'own'}", *words],
        cwd=tmp_path,
        env=os.environ | {"SCRAPY_SETTINGS_MODULE": "kcnacrawl.settings"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (code, "", f"kcnacrawl: {line}\n")


def test_what_is_renumbered_is_told_on_standard_error(tmp_path: Path) -> None:
    a, b = archive(tmp_path / "a", look(1, "A")), archive(tmp_path / "b", look(2, "B"))
    done = scrapy(tmp_path / "own", "merge", str(a), str(b))
    assert done.stderr == f"kcnacrawl: {article().id}: revision 1 of {b} is revision 2 here\n"
    assert done.stdout.splitlines() == [
        "2 records in 2 archives: 2 came in, 1 of new articles",
        "1 of them as another revision, 0 held ones repeated after older ones",
        "0 lines of the quarantine, 0 WARC files and 0 reports came along",
    ]


def test_a_store_goes_on_after_a_merge(tmp_path: Path) -> None:
    own = archive(tmp_path / "own", *(look(1, "A", number) for number in range(5)))
    store_path = f"sqlite:///{tmp_path}/store.sqlite"
    assert scrapy(own, "sync", store_path).returncode == 0
    merge(own, archive(tmp_path / "b", look(0, "older", 1), look(2, "newer", 2), look(1, "new", 9)))
    assert scrapy(own, "sync", store_path).returncode == 0
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as db:
        latest = dict(db.execute("SELECT id, article_body FROM articles"))
    assert latest == {one.id: one.article_body for one in held(own)}
    assert latest[article(1).id] == "A"


# Killed


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two archives with all that one may have, and what comes of them."""
    folder = tmp_path_factory.mktemp("shards")
    a, b, whole = (folder / name for name in ("a", "b", "whole"))
    archive(a, *(look(number % 7, f"A {number}", number) for number in range(300)))
    archive(b, *(look(number % 5, f"B {number}", number) for number in range(200, 500)))
    for one in (a, b):
        keep(one, *(exchange(body=os.urandom(500)) for _ in range(20)), run_id=one.name)
        refuse(one, *(rejected(number) for number in range(600, 650)))
        write_report(one)
    merge(whole, a, b)
    assert faults(whole) == []
    return [a, b, whole]


def write_report(folder: Path) -> None:
    moment = instant(NOW)
    report = {"run_id": folder.name, "spider": "source", "start": moment, "end": moment, "finish_reason": "finished"}
    (folder / "runs").mkdir()
    (folder / f"runs/{folder.name}.json").write_text(json.dumps(report | {"verdict": "ok", "exit_code": 0}))


@pytest.mark.parametrize("point", ["write", "sync", "ledger", "bring", "learn", "report", "reject", "take over"])
def test_killed_where_something_is_in_danger_and_repeated_it_ends_the_same(
    shards: list[Path], tmp_path: Path, point: str
) -> None:
    a, b, whole = shards
    own = tmp_path / "own"
    words = ["merge", "-s", f"KCNACRAWL_DIR={own}", str(a), str(b)]
    assert crash(point, 1, words) == -signal.SIGKILL
    tally, _ = merge(own, a, b)
    assert tally.read == 600
    assert contents(own) == contents(whole)
    assert faults(own) == []
    assert sorted(knowledge(own)) == sorted(knowledge(whole))


def test_killed_at_random_instants_and_repeated_it_ends_the_same(
    shards: list[Path], launch: Launch, tmp_path: Path
) -> None:
    a, b, whole = shards
    own = tmp_path / "own"
    words = [sys.executable, "-m", "scrapy", "merge", "-s", f"KCNACRAWL_DIR={own}", str(a), str(b)]
    chance = random.Random(1)
    for _ in range(6):
        run = launch(words, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.05, 0.5))
        run.kill()
        run.wait()
    merge(own, a, b)
    assert contents(own) == contents(whole)
    assert faults(own) == []


def test_cancelled_after_any_batch_it_ends_in_order_and_the_next_one_goes_on(
    shards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, whole = shards
    own = tmp_path / "own"
    monkeypatch.setattr("kcnacrawl.merge._BATCH_BYTES", 50_000)

    class Canceller(Nobody):
        def advance(self, done: int) -> None:
            del done
            with suppress(RuntimeError):
                asyncio.current_task().cancel()

    sizes = [0]
    for _ in range(3):
        with pytest.raises(asyncio.CancelledError):
            Merge(own, [a, b], is_dry=False, tell=len).run(Canceller())
        sizes.append(len(held(own)))
        assert faults(own) == []
    assert sizes == sorted(set(sizes))
    merge(own, a, b)
    assert contents(own) == contents(whole)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_cancels_what_a_command_stores_where_it_waits(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    ended = list[str]()

    async def stores() -> None:
        try:
            os.kill(os.getpid(), number)
            ended.append("what needs no waiting")
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0)
            ended.append("in order")

    monkeypatch.setattr(Command, "read", lambda self, *_: self.run_async(stores()))
    one = Command()
    one.run(["folder"], argparse.Namespace())
    assert (one.exitcode, ended) == (code, ["what needs no waiting", "in order"])
    assert capsys.readouterr().err == (
        f"kcnacrawl: interrupted ({code}): stopped by a signal; the same command goes on from here\n"
    )


def test_a_full_disk_stores_nothing_by_half_and_the_next_merge_ends_the_same(
    shards: list[Path], tmp_path: Path, small_files: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, whole = shards
    own = tmp_path / "own"
    monkeypatch.setattr("kcnacrawl.merge._BATCH_BYTES", 20_000)
    room = (whole / "articles.jsonl").stat().st_size
    for part in (0.01, 0.2, 0.5, 0.99):
        small_files(int(part * room))
        with pytest.raises(StorageFailed, match=r"cannot write .*; free it up and run again"):
            merge(own, a, b)
        assert list(own.rglob("*.tmp")) == []
        read_lines(own / "articles.jsonl")
    assert held(own)
    small_files(resource.RLIM_INFINITY)
    merge(own, a, b)
    assert contents(own) == contents(whole)
    assert faults(own) == []


@pytest.fixture
def small_files() -> Iterator[Callable[[int], None]]:
    """Lets no file become larger than so many bytes, as a full disk would."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda most: resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, handler)
