"""``scrapy changes``: what is new and was edited, all of it or a part, for a person, a program and a feed reader."""

import asyncio
import contextlib
import json
import random
import shutil
import sqlite3
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import feedparser
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kcnacrawl import atom
from kcnacrawl.archive import StorageFailed, archive, changes, log
from kcnacrawl.archive.archive import Archive
from kcnacrawl.archive.changes import Change, Selection, read_changes, read_newest
from kcnacrawl.archive.ledger.database import sealing
from kcnacrawl.archive.log import read_lines, read_lines_backwards
from kcnacrawl.arguments import ArgumentError
from kcnacrawl.held_sources import HeldSources
from kcnacrawl.items import Article

from .archives import article, rewritten, write
from .conftest import scrapy
from .test_archive import run

EVERYTHING = Selection(new=True, reread=True)


def at(day: int, one: Article) -> Article:
    """The record, downloaded on a day of September 2026."""
    return replace(one, date_downloaded=f"2026-09-{day:02}T06:00:12+00:00")


# Of the sources 163, 156, 161 and of none, in turn.
FIRST = [at(number, article(number, f"Text {number} of 핵무력")) for number in range(1, 9)]
EDITED = at(11, rewritten(FIRST[0], "Text 1 without it", revision=2))
GONE = at(12, replace(FIRST[1], revision=2, status="gone"))
LEARNED = replace(FIRST[2], revision=2, source_id=163, source_name="Ministry of Foreign Affairs")
LINES = [*FIRST, EDITED, GONE, LEARNED]


def lines_of(*words: str, folder: Path) -> list[dict[str, Any]]:
    done = scrapy(folder, "changes", "--jsonl", *words)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def told(found: Iterable[Change]) -> list[tuple[str, str, int]]:
    return [(one.kind, one.id, one.revision) for one in found]


def names(*records: Article, kind: str = "new") -> list[tuple[str, str, int]]:
    return [(kind, one.id, one.revision) for one in records]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, LINES)
    return tmp_path


EDITS = [*names(EDITED, kind="edited"), *names(GONE, kind="removed")]


# The log, from its end


@given(st.lists(st.binary(max_size=9).map(lambda line: line.replace(b"\n", b""))), st.binary(max_size=9))
@example([], b"")
@example([b""], b"")
def test_lines_are_read_from_the_end_as_they_are_from_the_beginning(lines: list[bytes], torn: bytes) -> None:
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        path = Path(name) / "log"
        path.write_bytes(b"".join(line + b"\n" for line in lines) + torn.replace(b"\n", b""))
        forwards = [(end - len(line) - 1, line) for end, line in read_lines(path, 0) if end >= 0]
        for size in (1, 2, 7, 1 << 20):
            patch.setattr(log, "_CHUNK", size)
            assert [*read_lines_backwards(path)][::-1] == forwards


def test_only_what_is_asked_for_is_read_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = list[bytes]()

    def counted(line: bytes) -> Article:
        read.append(line)
        return original(line)

    original = archive.read_article
    monkeypatch.setattr(archive, "read_article", counted)
    assert told(read_changes(folder, Selection(new=True, since="2026-09-08"))) == [*names(FIRST[7]), *EDITS]
    # One that is new, and two beside those before them.
    assert len(read) == 5


# The ledger


def every_change(folder: Path) -> list[list[Change]]:
    """What is told for each day, of all sources and of one."""
    asked = [HeldSources(), HeldSources.read("163")]
    days = [f"2026-09-{day:02}" for day in range(1, 30, 3)]
    return [
        list(read_changes(folder, Selection(new=True, reread=True, since=day, sources=sources)))
        for day in days
        for sources in asked
    ]


def without_ledger(folder: Path) -> list[list[Change]]:
    aside = folder / "aside"
    (folder / "ledger.sqlite").rename(aside)
    found = every_change(folder)
    aside.rename(folder / "ledger.sqlite")
    return found


def random_lines(number: int) -> list[Article]:
    """Records in an order of their days that no clock that goes right would give."""
    choose = random.Random(3)
    lines = list[Article]()
    for _ in range(number):
        first = article(choose.randrange(30), "A text")
        held = [one for one in lines if one.id == first.id]
        one = rewritten(held[-1], str(choose.random()), revision=len(held) + 1) if held else first
        lines.append(at(choose.randrange(1, 29), one))
    return lines


def test_the_ledger_finds_what_reading_all_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = random_lines(100)
    run(tmp_path, *lines[:70])
    assert every_change(tmp_path) == without_ledger(tmp_path)
    # What the ledger has not learned yet, and what is being written.
    write(tmp_path, lines[70:])
    with (tmp_path / "articles.jsonl").open("ab") as file:
        file.write(b'{"id":"1616497394')
    expected = without_ledger(tmp_path)
    monkeypatch.setattr(changes, "read_lines_backwards", lambda _: pytest.fail("the log was read"))
    assert every_change(tmp_path) == expected
    assert sum(map(len, expected)) > 500


def test_a_run_that_is_writing_or_was_killed_hides_no_change_and_finds_its_ledger_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = random_lines(60)
    run(tmp_path, *lines[:30])
    monkeypatch.setattr(changes, "read_lines_backwards", lambda _: pytest.fail("the log was read"))

    async def write_on() -> None:
        archive = Archive(tmp_path)
        archive.open()
        await asyncio.gather(*map(archive.store, lines[30:]))
        told.append(every_change(tmp_path))
        # As a kill would leave it.
        shutil.copytree(tmp_path, killed, ignore=lambda *_: ["killed"])
        await archive.close()

    killed, told = tmp_path / "killed", list[list[list[Change]]]()
    asyncio.run(write_on())
    for folder in (killed, tmp_path):
        before = contents(folder)
        assert every_change(folder) == told[0]
        assert contents(folder) == before
    monkeypatch.undo()
    assert without_ledger(tmp_path) == told[0]


def contents(folder: Path) -> dict[Path, bytes]:
    """The files of a folder, but for the memory that SQLite's processes share."""
    return {path: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.suffix != ".sqlite-shm"}


@pytest.mark.parametrize("damage", ["flipped", "another version", "another log", "not sealed"])
def test_where_the_ledger_cannot_tell_all_is_read(tmp_path: Path, damage: str) -> None:
    lines = random_lines(60)
    run(tmp_path, *lines[:30])
    expected = every_change(tmp_path)
    path, seal = tmp_path / "ledger.sqlite", tmp_path / "ledger.sqlite.sha256"
    if damage == "flipped":
        data = bytearray(path.read_bytes())
        data[-100] ^= 1
        path.write_bytes(data)
    elif damage == "another version":
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.executescript("PRAGMA user_version = 99; DELETE FROM articles; PRAGMA journal_mode = DELETE")
        seal.write_bytes(sealing(path))
    elif damage == "another log":
        (tmp_path / "articles.jsonl").unlink()
        write(tmp_path, lines)
        expected = without_ledger(tmp_path)
        run(tmp_path / "other", *lines[40:])
        path.write_bytes((tmp_path / "other/ledger.sqlite").read_bytes())
        seal.write_bytes(sealing(path))
    else:
        seal.unlink()
    assert every_change(tmp_path) == expected
    assert not (tmp_path / "ledger.sqlite-wal").exists()


# What


def test_edits_are_told_and_what_is_new_where_it_is_asked_for(folder: Path) -> None:
    kinds = {
        words: [(one["kind"], one["id"], one["revision"]) for one in lines_of(*words, folder=folder)] for words in ASKED
    }
    assert kinds == {(): EDITS, ("--new",): [*names(*FIRST), *EDITS], ("--only-new",): names(*FIRST)}


ASKED: list[tuple[str, ...]] = [(), ("--new",), ("--only-new",)]


def test_what_is_new_is_told_by_how_its_text_begins(tmp_path: Path) -> None:
    long, bare = (
        article(1, f"First.\n\n{'word ' * 100}"),
        replace(article(2, ""), access="empty", description="Of a film"),
    )
    write(tmp_path, [long, bare])
    first, second = read_changes(tmp_path, Selection(new=True))
    assert (first.previous, first.changed, first.diff) == (None, {}, [])
    assert first.excerpt == f"First. {'word ' * 58}wor…"
    assert second.excerpt == "Of a film"
    shown = scrapy(tmp_path, "changes", "--only-new").stdout
    assert shown.splitlines()[:3] == [
        f"{long.date_downloaded}  new  {long.id}  KCNA.kp (En)  {long.headline}",
        long.url,
        first.excerpt,
    ]


def written_by_a_reader(folder: Path, *records: Article) -> None:
    """Append records as a later version writes them, which has read the same bytes anew."""
    with (folder / "articles.jsonl").open("a", encoding="utf-8") as file:
        for one in records:
            file.write(json.dumps(asdict(one) | {"schema_version": 1, "revision_cause": "reader"}) + "\n")


def test_what_only_a_later_version_reads_otherwise_is_no_edit(tmp_path: Path) -> None:
    first = at(1, article(1, "Text, and a notice"))
    reread = at(2, rewritten(first, "Text", revision=2, images=()))
    edited = at(3, rewritten(reread, "Another text", revision=3))
    write(tmp_path, [first])
    written_by_a_reader(tmp_path, reread)
    write(tmp_path, [edited])
    (edit,) = read_changes(tmp_path)
    assert (edit.kind, edit.revision) == ("edited", 3)
    assert {line for line in edit.diff if line[0] in "+-"} == {
        "--- revision 2",
        "+++ revision 3",
        "-Text",
        "+Another text",
    }
    by_reader, _ = lines_of("--reader", folder=tmp_path)
    assert (by_reader["kind"], by_reader["revision"]) == ("reread", 2)
    assert by_reader["changed"] == {"images": {"before": "https://kcnawatch.org/a.jpg", "after": ""}}
    assert "-Text, and a notice" in by_reader["diff"]


def test_a_source_that_became_known_is_no_edit_either(folder: Path) -> None:
    (change,) = (one for one in read_changes(folder, EVERYTHING) if one.kind == "attributed")
    assert (change.id, change.diff) == (LEARNED.id, [])
    assert {name: field.after for name, field in change.changed.items()} == {
        "source_id": "163",
        "source_name": "Ministry of Foreign Affairs",
    }


# A part of it


@pytest.mark.parametrize(
    ("since", "first"), [("2026-09-04", 4), ("2026-09", 1), ("2026", 1), ("2027", 9), ("2026-10", 9)]
)
def test_since_takes_what_the_spiders_take(folder: Path, since: str, first: int) -> None:
    found = lines_of("--only-new", "--since", since, folder=folder)
    assert [one["id"] for one in found] == [one.id for one in FIRST[first - 1 :]]


def test_days_ago_are_counted_from_today(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    seen = [(now - timedelta(days=days)).isoformat(timespec="seconds") for days in (9, 1)]
    write(tmp_path, [replace(article(number, "text"), date_downloaded=moment) for number, moment in enumerate(seen, 1)])
    assert [one["seen"] for one in lines_of("--new", "--since", "7d", folder=tmp_path)] == seen[1:]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--since", "yesterday"), "--since 'yesterday': not YYYY-MM-DD, YYYY-MM, YYYY, or as 7d so many days ago"),
        (("--since", "2026-02-30"), "--since '2026-02-30': no day of the calendar"),
        (("--source", "ajax:1"), "--source 'ajax:1': give a source's number, label or name"),
        (("--source", ""), "--source '': not a sid, ajax:<id>, address or label"),
        (("--query", " ... "), "--query ' ... ': holds no word to look for"),
        (("--only-new", "--reader"), "--only-new tells nothing else: leave it out, or --new and --reader"),
        (("--only-new", "--new"), "--only-new tells nothing else: leave it out, or --new and --reader"),
        (
            ("--source", "163,Pyongyang Times", "--new", "--atom", "feed.xml"),
            (
                "source 'Pyongyang Times': nothing of it is held; there are: (En), KCNA.kp (En), Ministry of Foreign"
                " Affairs (EN), Rodong Sinmun (Kr)"
            ),
        ),
    ],
)
def test_what_cannot_be_asked_for_is_one_line_and_exit_2(folder: Path, words: tuple[str, ...], message: str) -> None:
    done = scrapy(folder, "changes", *words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"kcnacrawl: usage (2): {message}\n")


@pytest.mark.parametrize(
    ("source", "numbers"),
    [
        # The third was of no known source when it was stored.
        ("163", [3, 4, 8]),
        ("ministry of foreign affairs (en)", [3, 4, 8]),
        ("Ministry of Foreign Affairs", [3, 4, 8]),
        ("/article/163/", [3, 4, 8]),
        ("RODONG SINMUN", [2, 6]),
        ("kcna.kp (EN),161", [1, 2, 5, 6]),
        ("(En)", [3, 7]),
        ("all", [1, 2, 3, 4, 5, 6, 7, 8]),
    ],
)
def test_a_source_is_named_as_for_the_spiders(folder: Path, source: str, numbers: list[int]) -> None:
    selection = Selection(edited=False, new=True, sources=HeldSources.read(source))
    assert told(read_changes(folder, selection)) == names(*(FIRST[number - 1] for number in numbers))


def test_a_source_without_news_is_known_all_the_same(folder: Path) -> None:
    assert list(read_changes(folder, Selection(since="2027-01-01", sources=HeldSources.read("161")))) == []
    with pytest.raises(ArgumentError, match="source 999: nothing of it is held"):
        list(read_changes(folder, Selection(since="2027-01-01", sources=HeldSources.read("161,999"))))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # Also one from which it was taken out, and one that was removed.
        ("핵무력", [*names(*FIRST), *EDITS]),
        ("무력", [*names(*FIRST), *EDITS]),
        ("WITHOUT", names(EDITED, kind="edited")),
        ('"text 2"', [*names(FIRST[1]), *names(GONE, kind="removed")]),
        ("headline text 5", names(FIRST[4])),
        ("ext", []),
    ],
)
def test_words_are_found_as_find_finds_them(folder: Path, query: str, expected: list[tuple[str, str, int]]) -> None:
    found = lines_of("--new", "--query", query, folder=folder)
    assert [(one["kind"], one["id"], one["revision"]) for one in found] == expected


# For a feed reader


def parsed(data: bytes) -> Any:
    """A feed as a feed reader reads it, who finds nothing to complain of."""
    feed = feedparser.parse(data)
    assert not feed.bozo, feed.get("bozo_exception")
    assert feed.version == "atom10"
    root = ET.fromstring(data)
    # What RFC 4287 asks for beyond what a feed reader minds.
    for element in (root, *root.findall("{*}entry")):
        assert [len(element.findall(f"{{*}}{name}")) for name in ("id", "title", "updated")] == [1, 1, 1]
    assert all(entry.find("{*}link").attrib.keys() == {"href"} for entry in root.findall("{*}entry"))
    assert len({entry.id for entry in feed.entries}) == len(feed.entries)
    return feed


def written(folder: Path, *words: str) -> bytes:
    path = folder / "feed.xml"
    done = scrapy(folder, "changes", "--atom", str(path), *words)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    return path.read_bytes()


def test_a_feed_of_what_is_new_is_one_that_a_feed_reader_takes(folder: Path) -> None:
    data = written(folder, "--new")
    feed = parsed(data)
    assert feed.feed.title == "New articles, edits and removals on KCNA Watch"
    assert feed.feed.updated == feed.entries[0].updated == GONE.date_downloaded
    assert [one.title for one in feed.entries[:3]] == [
        "removed: Headline 2 <b>",
        "edited: Headline 1 <b>",
        "Headline 8 <b>",
    ]
    assert [one.updated for one in feed.entries] == sorted((one.updated for one in feed.entries), reverse=True)
    new = feed.entries[2]
    assert (new.link, new.summary, new.author) == (FIRST[7].url, FIRST[7].article_body, FIRST[7].source_label)
    assert (new.published, new.updated) == (FIRST[7].url_time, FIRST[7].date_downloaded)
    assert [tag.term for tag in new.tags] == ["new"]
    assert "-Text 1 of 핵무력" in feed.entries[1].content[0].value
    # The same each time.
    assert written(folder, "--new") == data


def test_what_a_reader_has_seen_is_known_by_its_id_for_ever(folder: Path) -> None:
    before = {one.id: one.updated for one in parsed(written(folder, "--new")).entries}
    write(folder, [at(20, rewritten(FIRST[4], "Edited", revision=2)), at(20, article(9, "News"))])
    after = {one.id: one.updated for one in parsed(written(folder, "--new")).entries}
    assert before.items() <= after.items()
    assert len(after) == len(before) + 2


def test_a_feed_has_the_newest_hundred(tmp_path: Path) -> None:
    start = datetime(2026, 9, 1, tzinfo=UTC)
    moments = [(start + timedelta(seconds=7 * number)).isoformat() for number in range(130)]
    # One of them is stored late, as where archives are merged.
    lines = [replace(article(number, "text"), date_downloaded=moment) for number, moment in enumerate(moments)]
    write(tmp_path, [lines[-1], *lines[:-1]])
    newest = [one.link for one in parsed(written(tmp_path, "--only-new")).entries]
    assert newest == [one.url for one in lines[:-101:-1]]
    assert len(lines_of("--only-new", folder=tmp_path)) == 130


def test_of_one_second_what_the_site_took_in_last_comes_first(tmp_path: Path) -> None:
    lines = [replace(article(number, "text"), url_time=f"2026-01-{number:02}T00:00:00+00:00") for number in (1, 3, 2)]
    write(tmp_path, lines)
    assert [one.url_time[8:10] for one in read_newest(tmp_path, EVERYTHING, 2)] == ["03", "02"]


def test_feeds_of_different_things_are_different_feeds(folder: Path) -> None:
    asked = [(), ("--new",), ("--only-new",), ("--new", "--source", "163"), ("--new", "--query", "핵무력")]
    feeds = [parsed(written(folder, *words)).feed for words in asked]
    assert len({feed.id for feed in feeds}) == len({feed.title for feed in feeds}) == len(asked)
    assert feeds[0].id == "tag:kcnawatch.org,2026:changes"
    assert feeds[-1].title == "New articles, edits and removals on KCNA Watch, 핵무력"
    assert feeds[-1].id == "tag:kcnawatch.org,2026:new+changes?query=%ED%95%B5%EB%AC%B4%EB%A0%A5"


def test_a_feed_without_news_is_one(folder: Path) -> None:
    feed = parsed(written(folder, "--new", "--since", "2027"))
    assert (feed.entries, feed.feed.updated) == ([], "1970-01-01T00:00:00+00:00")


def test_what_is_hostile_is_only_text(tmp_path: Path) -> None:
    bad = "\x1b[31m<script>]]>\x00\u202e\uffff&amp;"
    one = replace(
        article(1, f"{bad} body"), headline=bad, source_label=bad, url="https://kcnawatch.org/\u202e\x00\"'><x"
    )
    write(tmp_path, [one, rewritten(replace(one, headline=""), bad, revision=2), replace(one, revision=3, headline="")])
    feed = parsed(written(tmp_path, "--new", "--query", "script"))
    assert [entry.title for entry in feed.entries][-1] == "[31m<script>]]>&amp;"
    assert all(not set(entry.link) & set("\x00\u202e") for entry in feed.entries)


@given(st.text(), st.text(), st.text())
def test_whatever_is_asked_and_told_is_well_formed(headline: str, text: str, query: str) -> None:
    first = replace(article(1, text), headline=headline)
    change = changes.compare(changes.Revision(None, first))
    parsed(atom.feed(atom.About(new=True, query=query, source=text), [change]))


# What is wrong with an archive


def test_damage_is_told_before_anything_else(folder: Path) -> None:
    path = folder / "articles.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    begin = sum(map(len, lines[:3]))
    path.write_bytes(b"".join([*lines[:3], b"no line\n", *lines[3:]]))
    with pytest.raises(StorageFailed, match=f"the line that begins at byte {begin} is no line of ours"):
        next(read_changes(folder))


def test_a_line_that_is_being_written_is_not_told(folder: Path) -> None:
    with (folder / "articles.jsonl").open("ab") as file:
        file.write(b'{"schema_version":1,"id":"1600000')
    assert told(read_changes(folder)) == EDITS


def test_every_revision_is_compared_with_the_one_before_it(tmp_path: Path) -> None:
    first = article(1, "Text 1")
    lines = [first, *(rewritten(first, f"Text {number}", revision=number) for number in range(2, 6))]
    # Of others between them.
    write(tmp_path, [line for pair in zip(lines, FIRST[1:6], strict=True) for line in pair])
    found = list(read_changes(tmp_path))
    assert [one.revision for one in found] == [2, 3, 4, 5]
    for one, (old, new) in zip(found, pairwise(lines), strict=True):
        assert f"-{old.article_body}" in one.diff
        assert f"+{new.article_body}" in one.diff
