"""What is kept of the site's pages is read anew, and gives what a crawl with the readers of today would have."""

import json
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from kcnacrawl.archive.archive import read_article
from kcnacrawl.archive.ledger import body_sha256
from kcnacrawl.archive.run_report import read_report
from kcnacrawl.replica.server import Replica
from kcnacrawl.versions import reader_version

from . import processes
from .conftest import ROOT, Crawl, command, crawl_later, differences, read_lines, scrapy, ungated, wait_for

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]
Launch = Callable[..., processes.Popen]


def reparse(folder: Path, *words: str) -> tuple[int, list[str]]:
    done = scrapy(folder, "reparse", "--jobs", "1", *words)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout.splitlines()


def blinded(folder: Path, url: str, *words: str) -> int:
    """The exit code of a crawl by readers that know no header."""
    run = [sys.executable, "-m", "tests.blinded", *command(folder, url, *words)[3:]]
    return processes.run(run, cwd=ROOT, capture_output=True, text=True).returncode


def write(folder: Path, lines: list[dict[str, Any]]) -> None:
    """Makes these the lines of an archive, of which no ledger knows."""
    data = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (folder / "articles.jsonl").write_text(data, encoding="utf-8")
    (folder / "ledger.sqlite").unlink()


def test_what_is_read_as_it_was_changes_no_byte(serve: Serve, crawl: Run) -> None:
    done = crawl(serve(articles=60, sources=2).url, "source")
    before = (done.folder / "articles.jsonl").read_bytes()
    assert reparse(done.folder) == (
        0,
        [
            f"{len(done.records) + walls(done)} pages read",
            "0 records read otherwise are revised",
            "0 pages that gave no record are records, 0 are revisions",
            f"{walls(done)} pages give no record: sign_up_wall {walls(done)}",
        ],
    )
    assert (done.folder / "articles.jsonl").read_bytes() == before


def runs(pid: str) -> bool:
    """Whether a process is there, and is more than what is left of one."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def walls(done: Crawl) -> int:
    """How many pages showed the sign-up form in an article's place; the others lead to it."""
    return sum(row["http_status"] == 200 for row in done.quarantine)


# Readers that see more


def test_a_site_that_no_reader_knew_is_read_whole_without_a_request(serve: Serve, tmp_path: Path) -> None:
    replica = serve(articles=60, sources=2)
    assert blinded(tmp_path, replica.url, "source") == 4
    assert (tmp_path / "articles.jsonl").read_bytes() == b""
    replica.requests.clear()
    code, told = reparse(tmp_path)
    assert (code, told[2].partition(",")[0]) == (0, f"{len(ungated(replica))} pages that gave no record are records")
    assert replica.requests == []
    records = read_lines(tmp_path / "articles.jsonl")
    assert differences(replica, records) == []
    assert {one["revision_cause"] for one in records} == {"first"}
    assert scrapy(tmp_path, "verify").returncode == 0
    # Nothing is owed any more, and the lists were walked.
    done = processes.run(command(tmp_path, replica.url, "source"), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert replica.article_requests() == []


def test_a_record_that_is_read_otherwise_is_revised_and_told_by_field(serve: Serve, crawl: Run) -> None:
    done = crawl(serve(articles=30, sources=1).url, "source")
    victim = next(one for one in done.records if one["access"] == "full" and one["in_language"] == "en")
    worse = victim | {"article_body": "KCNA", "body_sha256": body_sha256("KCNA"), "in_language": None}
    write(done.folder, [worse if one["id"] == victim["id"] else one for one in done.records])
    (report,) = (done.folder / "runs").glob("*.json")
    report.write_text(report.read_text().replace(reader_version(), "an older one"))
    code, told = reparse(done.folder)
    assert code == 0
    assert told[1].startswith("1 records read otherwise are revised: ")
    assert set(told[1].partition(": ")[2].split(", ")) == {"article_body 1", "body_sha256 1", "in_language 1"}
    *earlier, last = read_lines(done.folder / "articles.jsonl")
    changed = {"revision": 2, "revision_cause": "reader", "run_id": last["run_id"]}
    assert last == victim | changed
    report = read_report(done.folder / f"runs/{last['run_id']}.json")
    assert (report.spider, report.verdict, report.versions["reader"]) == ("reparse", "ok", reader_version())
    assert report.counts == {"read": 30, "differing": 1, "first": 0, "site": 0}
    assert len(earlier) == len(done.records)
    assert scrapy(done.folder, "verify").returncode == 0
    assert json.loads(scrapy(done.folder, "changes", "--jsonl", "--reader").stdout)["kind"] == "reread"
    assert scrapy(done.folder, "changes", "--jsonl").stdout == ""
    assert reparse(done.folder)[1][1] == "0 records read otherwise are revised"


def test_an_edit_that_no_reader_knew_is_the_sites(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    replica = serve(articles=30, sources=1)
    done = crawl(replica.url, "source", folder=tmp_path)
    victim = next(one["id"] for one in done.records if one["access"] == "full")
    replica.world.edit(victim, "body")
    time.sleep(1)
    blinded(tmp_path, replica.url, "recheck", "-a", "every=0")
    assert len(read_lines(tmp_path / "articles.jsonl")) == len(done.records)
    code, told = reparse(tmp_path)
    assert (code, told[2]) == (0, "0 pages that gave no record are records, 1 are revisions")
    last = read_lines(tmp_path / "articles.jsonl")[-1]
    assert (last["id"], last["revision"], last["revision_cause"]) == (victim, 2, "site")
    assert last["article_body"] == replica.world.truth(victim)["article_body"]


# What is none


@pytest.mark.parametrize("kind", ["truncated", "unframed", "truncated_gzip"])
def test_an_answer_that_was_cut_gives_no_record(serve: Serve, crawl: Run, kind: str) -> None:
    replica = serve(articles=20, sources=1)
    victim = ungated(replica)[3]
    replica.faults.add(f"/newstream/{victim}", kind)
    done = crawl(replica.url, "source", "-s", "RETRY_TIMES=0")
    assert victim not in {one["id"] for one in done.records}
    assert reparse(done.folder)[0] == 0
    assert read_lines(done.folder / "articles.jsonl") == done.records


def test_what_was_left_out_by_its_day_stays_out(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=1)
    day = sorted(replica.world.truth(one)["date_published"] for one in ungated(replica))[-20]
    done = crawl(replica.url, "source", "-a", f"since={day}")
    reparse(done.folder)
    assert read_lines(done.folder / "articles.jsonl") == done.records


def test_a_tombstone_stays_one(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    replica = serve(articles=20, sources=1)
    done = crawl(replica.url, "source", folder=tmp_path)
    replica.world.remove(done.records[3]["id"])
    for days in (2, 4):
        assert crawl_later(days, tmp_path, replica.url, "recheck", "-a", "every=0").returncode == 0
    lines = read_lines(tmp_path / "articles.jsonl")
    assert lines[-1]["status"] == "gone"
    reparse(tmp_path)
    assert read_lines(tmp_path / "articles.jsonl") == lines


# A part, and nothing at all


def test_a_dry_run_tells_the_same_and_stores_nothing(serve: Serve, tmp_path: Path) -> None:
    replica = serve(articles=40, sources=1)
    blinded(tmp_path, replica.url, "source")
    told = reparse(tmp_path, "--dry-run")[1]
    assert (tmp_path / "articles.jsonl").read_bytes() == b""
    assert [line.replace("would be", "are") for line in told] == reparse(tmp_path)[1]


def test_a_part_may_be_read(serve: Serve, tmp_path: Path) -> None:
    replica = serve(articles=60, sources=2)
    blinded(tmp_path, replica.url, "source")
    assert reparse(tmp_path, "--since", "2999-01-01")[1][0] == "0 pages read"
    reparse(tmp_path, "--source", "156", "--since", "2d")
    held = {one["id"] for one in read_lines(tmp_path / "articles.jsonl")}
    assert held == {one for one in replica.world.ids(156) if one in ungated(replica)}


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--since", "soon"], "option --since='soon': not YYYY-MM-DD, YYYY-MM, YYYY, or as 7d so many days ago"),
        (["--jobs", "0"], "option --jobs=0: not a whole number from 1"),
        (["--source", "ajax:1"], "option --source='ajax:1': give a source's number, label or name"),
        (["x"], "reparse takes no arguments: 'x'"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, words: list[str], line: str) -> None:
    done = scrapy(tmp_path, "reparse", *words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"kcnacrawl: usage (2): {line}\n")


def test_without_an_archive_it_says_so(tmp_path: Path) -> None:
    done = scrapy(tmp_path / "nowhere", "reparse")
    assert (done.returncode, done.stderr) == (7, f"kcnacrawl: storage (7): there is no archive in {tmp_path}/nowhere\n")
    assert not (tmp_path / "nowhere").exists()


# Killed


def test_killed_and_repeated_it_ends_in_the_same_archive(serve: Serve, launch: Launch, tmp_path: Path) -> None:
    replica = serve(articles=240, sources=2)
    blinded(tmp_path / "killed", replica.url, "source")
    log = tmp_path / "killed/articles.jsonl"
    words = [sys.executable, "-m", "scrapy", "reparse", "-s", f"KCNACRAWL_DIR={tmp_path / 'killed'}", "--jobs", "1"]
    for _ in range(3):
        size = log.stat().st_size
        run = launch(words)
        wait_for(lambda size=size, run=run: log.stat().st_size > size or run.poll() is not None)
        workers = Path(f"/proc/{run.pid}/task/{run.pid}/children").read_text().split()
        run.send_signal(signal.SIGKILL)
        run.wait()
        # Whoever read for it ends as well.
        wait_for(lambda workers=workers: not any(map(runs, workers)))
    reparse(tmp_path / "killed")
    records = read_lines(log)
    assert differences(replica, records) == []
    assert len({one["id"] for one in records}) == len(records)
    assert [asdict(read_article(line)) for line in log.read_bytes().splitlines()]
    assert scrapy(tmp_path / "killed", "verify").returncode == 0
