"""``scrapy verify``: every fault by its line, no byte changed, exit 0 or 7."""

import asyncio
import gzip
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kcnacrawl.archive.archive import Archive
from kcnacrawl.archive.verify import Form, Verification, article_faults, rejected_faults
from kcnacrawl.archive.warc.reader import read_members
from kcnacrawl.items import Article
from kcnacrawl.replica.server import Replica

from . import processes
from .archives import encoded
from .conftest import ROOT, Crawl, command, scrapy
from .test_archive import article, in_processes, rejected, run  # noqa: F401 - a fixture

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]
Launch = Callable[..., processes.Popen]
Edit = Callable[[bytes], bytes]


def verify(folder: Path, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return scrapy(folder, "verify", *words, **options)


def faults(folder: Path) -> list[str]:
    return list(Verification(folder).faults(lambda _: None))


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def edit(path: Path, number: int, change: Edit) -> None:
    """Changes the line of that number."""
    lines = path.read_bytes().splitlines(keepends=True)
    lines[number - 1] = change(lines[number - 1].removesuffix(b"\n")) + b"\n"
    path.write_bytes(b"".join(lines))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Twenty articles, one of them in two revisions, and three rejections."""
    folder = tmp_path / "archive"

    async def store() -> None:
        archive = Archive(folder)
        archive.open()
        for number in range(1, 21):
            await archive.store(replace(article(number), access="truncated" if number == 9 else "full"))
        await archive.store(replace(article(5, "Another text."), revision=2, revision_cause="site"))
        for number, reason in ((31, "http_error"), (32, "sign_up_wall"), (31, "bad_date")):
            await archive.reject(rejected(number, reason))
        await archive.close()

    asyncio.run(store())
    return folder


# A sound archive


def test_a_crawled_archive_has_no_fault_and_not_a_byte_of_it_changes(serve: Serve, crawl: Run) -> None:
    done = crawl(serve(articles=300, sources=3).url, "source")
    before = contents(done.folder)
    told = verify(done.folder)
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout == (
        f"{done.folder}: {len(done.records)} records of {len(done.records)} articles,"
        f" {len(done.quarantine)} rejections, 1 run reports; 0 lines not learned yet; no faults\n"
    )
    assert contents(done.folder) == before


def test_an_archive_that_is_being_written_has_no_fault(serve: Serve, launch: Launch, tmp_path: Path) -> None:
    replica = serve(articles=400, sources=3)
    folder = tmp_path / "archive"
    writing = launch(command(folder, replica.url, "source"), stderr=subprocess.DEVNULL)
    while not (folder / "articles.jsonl").exists():
        time.sleep(0.01)
    looks = 0
    while writing.poll() is None:
        assert faults(folder) == []
        looks += 1
    assert (writing.returncode, faults(folder)) == (0, [])
    assert looks > 2


def test_what_records_were_read_from_is_looked_for_and_at(serve: Serve, crawl: Run) -> None:
    done = crawl(serve(articles=30, sources=1).url, "source")
    (path,) = (done.folder / "warc").glob("*.warc.gz")
    data = path.read_bytes()
    members = [one for one in read_members(path) if one.is_response]
    ids = [record["warc_record_id"] for record in done.records]
    third = members[[one.record_id for one in members].index(ids[2])]
    path.write_bytes(data[: third.offset] + data[third.end :])
    assert faults(done.folder) == [f"articles.jsonl:3: {ids[2]} is not kept in warc/"]
    altered = gzip.decompress(data[third.offset : third.end]).replace(b"</html>", b"</HTML>")
    path.write_bytes(data[: third.offset] + gzip.compress(altered) + data[third.end :])
    told = f"warc/{path.name}:1: {ids[2]}, at byte {third.offset}, is not what its digest says"
    assert faults(done.folder) == [told]
    path.write_bytes(data[:-9])
    assert faults(done.folder)[0].endswith("(a torn record)")
    path.unlink()
    assert len(faults(done.folder)) == len(done.records)


def test_a_record_is_what_its_page_gives(serve: Serve, crawl: Run) -> None:
    done = crawl(serve(articles=30, sources=1).url, "source")
    altered = [{**one, "headline": "Looms"} if number == 3 else one for number, one in enumerate(done.records, 1)]
    (done.folder / "articles.jsonl").write_bytes(b"".join(msgspec.json.encode(one) + b"\n" for one in altered))
    # Whoever alters a record may as well see to it that the ledger agrees.
    for path in done.folder.glob("ledger.sqlite*"):
        path.unlink()
    told = verify(done.folder)
    page = done.records[2]["warc_record_id"]
    assert (told.returncode, told.stdout.splitlines()[0]) == (
        7,
        f"articles.jsonl:3: {page} gives another headline",
    )
    assert verify(done.folder, "--without-pages").returncode == 0
    # Another version of the reader may well have read it so.
    (report,) = (done.folder / "runs").glob("*.json")
    report.write_text(re.sub(r'("reader": )"[0-9a-f]{16}"', r'\1"older"', report.read_text()))
    told = verify(done.folder)
    assert told.returncode == 0
    assert told.stdout.splitlines()[1].startswith(f"1 of {len(done.records)} pages give other records to this version")


def test_a_page_that_came_again_is_read_where_it_is_kept(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    replica = serve(articles=30, sources=1)
    crawl(replica.url, "source", folder=tmp_path)
    (first,) = (tmp_path / "warc").glob("*.warc.gz")
    for path in (*tmp_path.glob("articles.jsonl"), *tmp_path.glob("ledger.sqlite*")):
        path.unlink()
    done = crawl(replica.url, "source", folder=tmp_path)
    # The index is derived.
    for path in (tmp_path / "warc").glob("index.sqlite*"):
        path.unlink()
    told = verify(tmp_path)
    assert (told.returncode, told.stdout.count("\n")) == (0, 1), told.stdout
    first.unlink()
    lost = [line for line in verify(tmp_path).stdout.splitlines() if "refers to a record that is not kept" in line]
    assert len(lost) == len(done.records)


def test_a_killed_run_leaves_an_archive_without_fault(serve: Serve, tmp_path: Path) -> None:
    replica = serve(articles=120, sources=3)
    words = command(tmp_path / "archive", replica.url, "source")[3:]
    processes.run([sys.executable, "-m", "tests.crashing", "ledger", "4", *words], cwd=ROOT, capture_output=True)
    told = verify(tmp_path / "archive")
    assert told.returncode == 0, told.stdout
    assert "; 0 lines not learned yet" not in told.stdout


def test_a_clock_that_went_back_is_no_fault(tmp_path: Path) -> None:
    async def store() -> None:
        archive = Archive(tmp_path)
        archive.open()
        ahead = "2036-01-01T00:00:00+00:00"
        for number in (1, 2, 3):
            await archive.reject(replace(rejected(number, "http_error"), seen_at=ahead))
        await archive.store(article(1))
        await archive.store(replace(article(2), access="truncated", date_downloaded=ahead))
        await archive.reject(rejected(2, "http_error"))
        await archive.close()

    asyncio.run(store())
    assert faults(tmp_path) == []


def test_a_truncated_article_that_was_looked_at_again_is_no_fault(archive: Path) -> None:
    again = Archive(archive)
    again.open()
    again.ledger.confirm(replace(article(9), access="truncated"))
    asyncio.run(again.close())
    assert faults(archive) == []


def test_a_lost_ledger_is_told_as_lines_not_learned_yet(archive: Path) -> None:
    (archive / "ledger.sqlite").unlink()
    (archive / "ledger.sqlite.sha256").unlink()
    told = verify(archive)
    assert (told.returncode, told.stdout.count("\n")) == (0, 1), told.stdout
    assert "; 24 lines not learned yet; no faults" in told.stdout


# One line


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda _: b"", "not JSON"),
        (lambda line: line[:-1], "not JSON"),
        (lambda _: b"[1, 2]", "not a JSON object"),
        (lambda line: b"\xff" + line[1:], "not UTF-8"),
        (lambda _: b"[" * 100_000, "not JSON"),
        (lambda line: line.replace(b'"headline":"A headline",', b""), "key 'headline' is missing"),
        (lambda line: line.replace(b'"schema_version":2,', b""), "key 'schema_version' is missing"),
        (lambda line: line.replace(b',"warc_record_id":null', b""), "key 'warc_record_id' is missing"),
        (lambda line: line.replace(b'"schema_version":2', b'"schema_version":1'), "key 'revision_cause' is unknown"),
        (lambda line: line.replace(b'"first"', b'"why"'), "revision_cause: Invalid enum value 'why'"),
        (lambda line: line.replace(b'_id":null}', b'_id":"urn:uuid:1"}'), "warc_record_id: Expected `str` matching"),
        (lambda line: line.replace(b'"status":', b'"extra":0,"status":'), "key 'extra' is unknown"),
        (lambda line: line.replace(b'"status":', b'"url":"x","status":'), "key 'url' is there 2 times"),
        (lambda line: json.dumps(dict(sorted(json.loads(line).items()))).encode(), "the keys are out of order"),
        (lambda line: line.replace(b'"revision":1', b'"revision":1.0'), "revision: Expected `int`, got `str`"),
        (lambda line: line.replace(b'"revision":1', b'"revision":0'), "revision: Expected `int` >= 1"),
        (lambda line: line.replace(b'"live"', b'"dead"'), "status: Invalid enum value 'dead'"),
        (lambda line: line.replace(b'"source_id":163', b'"source_id":"163"'), "source_id: Expected `int | null`"),
    ],
)
def test_a_line_of_another_form_is_told(change: Edit, what: str) -> None:
    _, found = Form(Article).read(change(msgspec.json.encode(article(3))))
    assert found
    assert found[0].startswith(what)


def test_every_key_of_a_line_is_looked_at() -> None:
    line = msgspec.json.encode(article(3)).replace(b'"live"', b"5").replace(b'"images":[]', b'"images":[1]')
    _, found = Form(Article).read(line)
    assert [one.partition(":")[0] for one in found] == ["status", "images"]


def test_a_line_of_version_1_is_no_fault() -> None:
    one = replace(article(3), schema_version=1, revision_cause=None)
    assert Form(Article).read(encoded(one).removesuffix(b"\n")) == (one, [])
    assert list(article_faults(one)) == []


def test_a_line_that_is_spelled_otherwise_is_no_fault() -> None:
    line = json.dumps(json.loads(msgspec.json.encode(replace(article(3), headline="조선 \u007f")))).encode()
    assert Form(Article).read(line) == (replace(article(3), headline="조선 \u007f"), [])


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"url": "https://kcnawatch.org/newstream/1616497394-000000004/a-slug"}, "url is not the address"),
        ({"revision_cause": "site"}, "revision_cause site is none of revision 1"),
        ({"revision_cause": None, "revision": 2}, "revision_cause is null"),
        ({"url": "https://kcnawatch.org/newstream/1616497394-000000003/a-slug/"}, "url is not the address"),
        ({"url": "https://kcnawatch.org/newstream/1616497394-000000003/a-slug?t=1"}, "url is not the address"),
        ({"url": "https://kcnawatch.org/newstream/1616497394-0000000031"}, "url is not the address"),
        ({"article_body": "Another text."}, "body_sha256 is not that of article_body"),
        ({"url_time": "2021-03-23T11:03:15+00:00"}, "url_time 2021-03-23T11:03:15+00:00 is not the time"),
        ({"date_downloaded": "2021-02-30T11:03:15+00:00"}, "date_downloaded 2021-02-30"),
        ({"date_published": "2021-03-24"}, "date_published 2021-03-24 is not date_published_raw '23/03/2021'"),
        ({"date_published_raw": "31/02/2021"}, "date_published_raw is not a date of the site's"),
        ({"date_published": None, "date_published_raw": None}, "date_published is null"),
        ({"date_listed": "2021-03-23"}, "date_listed 2021-03-23 is not date_listed_raw None"),
        ({"date_listed_raw": "March 23, 2021"}, "date_listed None is not date_listed_raw 'March 23, 2021'"),
        ({"date_conflict": True}, "date_conflict is true"),
    ],
)
def test_a_record_that_cannot_be_is_told(changes: dict[str, Any], what: str) -> None:
    assert list(article_faults(article(3))) == []
    found = list(article_faults(replace(article(3), **changes)))
    assert found
    assert found[0].startswith(what)


def test_a_rejection_that_cannot_be_is_told() -> None:
    assert list(rejected_faults(rejected(1))) == []
    wrong = replace(rejected(1), url="https://kcnawatch.org/newstream/1616497394-000000002", seen_at="2021-13-01")
    assert [one.split()[0] for one in rejected_faults(wrong)] == ["url", "seen_at"]
    assert list(rejected_faults(replace(rejected(1), id=None, url="https://kcnawatch.org/article/163/"))) == []


def test_a_tombstone_may_have_no_date(tmp_path: Path) -> None:
    gone = replace(
        article(1), revision=2, revision_cause="site", status="gone", date_published=None, date_published_raw=None
    )
    run(tmp_path, article(1), gone)
    assert faults(tmp_path) == []


# The logs


def test_all_faults_are_told_by_their_lines_and_summed_up(archive: Path) -> None:
    path = archive / "articles.jsonl"
    edit(path, 3, lambda line: line.replace(b"A text.", b"A test."))
    edit(path, 7, lambda line: b"no record at all".ljust(len(line)))
    edit(path, 12, lambda line: line.replace(b'"revision":1', b'"revision":3').replace(b'"first"', b'"site" '))
    edit(archive / "quarantine.jsonl", 2, lambda line: line.replace(b"sign_up_wall", b"sign_up_door"))
    before = contents(archive)
    told = verify(archive)
    assert (told.returncode, told.stderr) == (7, "")
    *lines, summary = told.stdout.splitlines()
    assert lines == [
        "articles.jsonl:3: body_sha256 is not that of article_body",
        "articles.jsonl:7: not JSON: Expecting value: line 1 column 1 (char 0)",
        "articles.jsonl:12: revision 3 of 1616497394-000000012 follows none",
        "articles.jsonl:1: is not the file that the ledger learned from",
        "quarantine.jsonl:2: reason: Invalid enum value 'sign_up_door'",
        "quarantine.jsonl:1: is not the file that the ledger learned from",
        "ledger.sqlite:1: holds 1616497394-000000007, no line does",
        "ledger.sqlite:1: knows another revision or text of 1616497394-000000012 than the last line on it",
        "ledger.sqlite:1: wants 1616497394-000000032 for a reason that the quarantine does not tell",
    ]
    assert summary.endswith("; 9 faults")
    assert contents(archive) == before


@pytest.mark.usefixtures("in_processes")
def test_processes_tell_the_same_of_the_same_lines(archive: Path) -> None:
    test_all_faults_are_told_by_their_lines_and_summed_up(archive)
    told = faults(archive)
    assert told[:3] == [
        "articles.jsonl:3: body_sha256 is not that of article_body",
        "articles.jsonl:7: not JSON: Expecting value: line 1 column 1 (char 0)",
        "articles.jsonl:12: revision 3 of 1616497394-000000012 follows none",
    ]
    assert len(told) == 9


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        (
            [article(1), article(1)],
            ["revision 1 of {} follows revision 1", "revision 1 of {} says what revision 1 said"],
        ),
        ([replace(article(1), revision=2, revision_cause="site")], ["revision 2 of {} follows none"]),
        (
            [article(1), replace(article(1, "B"), revision=3, revision_cause="site")],
            ["revision 3 of {} follows revision 1"],
        ),
        (
            [
                article(1),
                replace(article(1), revision=2, revision_cause="site", date_downloaded="2026-12-01T00:00:00+00:00"),
            ],
            ["revision 2 of {} says what revision 1 said"],
        ),
        ([article(1), replace(article(1), revision=2, revision_cause="reader", images=())], []),
        (
            [
                article(1),
                replace(article(1, "B"), revision=2, revision_cause="site"),
                replace(article(1), revision=3, revision_cause="site"),
            ],
            [],
        ),
    ],
)
def test_revisions_are_in_order_and_each_says_something_new(
    tmp_path: Path, lines: list[Article], what: list[str]
) -> None:
    run(tmp_path, *lines)
    number = len(lines)
    assert faults(tmp_path) == [f"articles.jsonl:{number}: {one.format(article(1).id)}" for one in what]


def test_a_torn_line_is_told(archive: Path) -> None:
    with (archive / "articles.jsonl").open("ab") as file:
        file.write(b'{"schema_version":1,')
    assert faults(archive) == ["articles.jsonl:22: a torn line; the next run cuts it off"]


@pytest.mark.parametrize(("cut", "number"), [(-100, 21), (-1, 21)])
def test_a_log_that_was_cut_is_told(archive: Path, cut: int, number: int) -> None:
    path = archive / "articles.jsonl"
    size = path.stat().st_size
    path.write_bytes(path.read_bytes()[:cut])
    found = faults(archive)
    assert found[0] == f"articles.jsonl:1: has {size + cut} bytes, and the ledger knows {size}"
    assert found[-1] == f"articles.jsonl:{number}: a torn line; the next run cuts it off"


@pytest.mark.parametrize("name", ["articles.jsonl", "quarantine.jsonl"])
def test_a_log_that_is_lost_is_told(archive: Path, name: str) -> None:
    size = (archive / name).stat().st_size
    (archive / name).unlink()
    assert faults(archive)[0] == f"{name}:1: has 0 bytes, and the ledger knows {size}"


def test_lines_after_the_known_ones_are_checked_too(archive: Path) -> None:
    with (archive / "articles.jsonl").open("ab") as file:
        file.write(msgspec.json.encode(article(40)) + b"\n" + msgspec.json.encode(article(40)) + b"\n")
    assert [one.partition(": ")[0] for one in faults(archive)] == ["articles.jsonl:23", "articles.jsonl:23"]


# The ledger


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("DELETE FROM articles WHERE id LIKE '%3'", "does not hold {3}, a line does"),
        ("UPDATE articles SET revision = 7 WHERE id LIKE '%03'", "knows another revision or text of {3}"),
        ("UPDATE articles SET digest = x'00' WHERE id LIKE '%03'", "knows another revision or text of {3}"),
        ("UPDATE wanted SET tries = 9 WHERE id LIKE '%31'", "does not know that {31} is wanted"),
        ("DELETE FROM wanted WHERE id LIKE '%32'", "does not know that {32} is wanted"),
        ("UPDATE wanted SET id = '1616497394-000000033' WHERE id LIKE '%32'", "does not know that {32} is wanted"),
        ("UPDATE logs SET end = end - 10 WHERE name = 'articles.jsonl'", "articles.jsonl:1: is not the file"),
        ("UPDATE logs SET whole = 1 WHERE name = 'articles.jsonl'", "articles.jsonl:1: is not the file"),
    ],
)
def test_a_ledger_that_disagrees_is_told(archive: Path, change: str, what: str) -> None:
    # A run that was killed leaves no seal that would tell.
    (archive / "ledger.sqlite.sha256").unlink()
    db = sqlite3.connect(archive / "ledger.sqlite", isolation_level=None)
    db.execute(change)
    db.close()
    expected = what.format(*[article(number).id for number in range(40)])
    assert [one for one in faults(archive) if one.removeprefix("ledger.sqlite:1: ").startswith(expected)]


def test_a_byte_that_changed_far_from_the_end_is_told_though_no_run_looks_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kcnacrawl.archive.blocks.SMALL", 0)
    run(tmp_path, *(article(number, "A text. " * 1_000) for number in range(1, 30)))
    path = tmp_path / "articles.jsonl"
    edit(path, 2, lambda line: line.replace(b"/a-slug", b"/b-slug"))
    run(tmp_path)
    assert faults(tmp_path) == ["articles.jsonl:1: is not the file that the ledger learned from"]


def test_a_byte_that_changed_in_a_closed_ledger_is_told(archive: Path) -> None:
    data = bytearray((archive / "ledger.sqlite").read_bytes())
    data[len(data) // 2] ^= 1
    (archive / "ledger.sqlite").write_bytes(data)
    assert faults(archive) == ["ledger.sqlite:1: it is not as it was closed; the next run rebuilds it"]


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 500])
def test_a_ledger_that_is_none_is_told(archive: Path, damage: bytes) -> None:
    (archive / "ledger.sqlite.sha256").unlink()
    (archive / "ledger.sqlite").write_bytes(damage)
    (found,) = faults(archive)
    assert found.startswith("ledger.sqlite:1: it is ")


def test_a_ledger_may_be_a_folder(archive: Path) -> None:
    (archive / "ledger.sqlite").unlink()
    (archive / "ledger.sqlite").mkdir()
    (found,) = faults(archive)
    assert found.startswith("ledger.sqlite:1: ")


# Run reports


def test_run_reports_are_whole_and_bear_their_names(serve: Serve, crawl: Run) -> None:
    done = crawl(serve(articles=20, sources=1).url, "source")
    (report,) = (done.folder / "runs").iterdir()
    shutil.copy(report, report.with_name("another.json"))
    (report.parent / "torn.json").write_bytes(report.read_bytes()[:100])
    (report.parent / "else.json").write_text("{}")
    found = faults(done.folder)
    assert [one.split(": ")[:2] for one in found] == [
        ["runs/another.json:1", f"the report of another run, {report.stem!r}"],
        ["runs/else.json:1", "not a run's report"],
        ["runs/torn.json:1", "not a run's report"],
    ]


# The command


def test_an_archive_that_is_missing_is_one_line(tmp_path: Path) -> None:
    told = verify(tmp_path / "nowhere")
    assert (told.returncode, told.stdout) == (7, "")
    assert told.stderr == f"kcnacrawl: storage (7): there is no archive in {tmp_path / 'nowhere'}\n"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["everything"], "verify takes no arguments: 'everything'"),
        (["-s", "KCNACRAWL_DIR="], "setting KCNACRAWL_DIR='': empty"),
    ],
)
def test_bad_input_is_one_line(archive: Path, words: list[str], line: str) -> None:
    told = verify(archive, *words)
    assert (told.returncode, told.stderr) == (2, f"kcnacrawl: usage (2): {line}\n")


def test_more_than_a_thousand_faults_are_counted(archive: Path) -> None:
    with (archive / "quarantine.jsonl").open("ab") as file:
        file.write(b"x\n" * 1500)
    told = verify(archive)
    *_, more, summary = told.stdout.splitlines()
    assert (told.returncode, told.stdout.count("\n")) == (7, 1002)
    assert more == "… and 500 faults more"
    assert summary.endswith("; 1500 faults")


def test_a_person_at_a_terminal_sees_how_far_it_is(archive: Path) -> None:
    words = f"{sys.executable} -m scrapy verify -s KCNACRAWL_DIR={archive}"
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
    told = subprocess.run(
        ["script", "-qec", words, "/dev/null"], cwd=ROOT, capture_output=True, text=True, env=environment
    )
    assert told.returncode == 0
    assert "verifying" in told.stdout
    assert told.stdout.strip().endswith("no faults")
