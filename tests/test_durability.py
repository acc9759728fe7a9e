"""Nothing that was stored is lost, doubled or torn, whatever ends the run; the same command goes on."""

import json
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kcnacrawl.replica.server import Replica

from . import processes
from .conftest import ROOT, Crawl, command, differences, read_lines, wait_for
from .crashing import POINTS
from .warcs import check_whole, kept_ids

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]
Launch = Callable[..., processes.Popen]

KILLS_AN_ARCHIVE = 5


def check_prefix(folder: Path) -> None:
    """What a killed run leaves: whole lines, none twice, but for a tail that may be torn."""
    path = folder / "articles.jsonl"
    whole = path.read_bytes().rpartition(b"\n")[0] if path.exists() else b""
    ids = [json.loads(line)["id"] for line in whole.splitlines()]
    assert len(ids) == len(set(ids))
    told = {record_id for line in whole.splitlines() if (record_id := json.loads(line)["warc_record_id"])}
    assert told <= kept_ids(folder)


# 5 archives, 5 random SIGKILLs each; ``make soak`` has 200


@pytest.mark.parametrize("seed", range(5))
def test_killed_at_random_instants_and_continued_nothing_is_missing_twice_or_torn(
    serve: Serve, crawl: Run, launch: Launch, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    replica = serve(articles=240, sources=3, variant=chance.choice(["plain", "click", "object"]))
    folder = tmp_path / "archive"
    for _ in range(KILLS_AN_ARCHIVE):
        run = launch(command(folder, replica.url, "source"), stderr=subprocess.DEVNULL)
        # From its first steps to well into the crawl.
        time.sleep(chance.uniform(0, 1))
        run.kill()
        run.wait()
        check_prefix(folder)
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
    check_whole(folder)


@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("point", POINTS)
def test_killed_where_a_record_is_in_danger(serve: Serve, crawl: Run, tmp_path: Path, point: str, number: int) -> None:
    replica = serve(articles=60, sources=3)
    folder = tmp_path / "archive"
    # Files of exchanges are small, so that several are completed.
    words = command(folder, replica.url, "source", "-s", "KCNACRAWL_WARC_BYTES=100000")[3:]
    if point == "open":
        # A log ahead of its ledger, so that opening has something to learn.
        assert crash("ledger", 4, words) == -signal.SIGKILL
        number = 1
    assert crash(point, number, words) == -signal.SIGKILL
    check_prefix(folder)
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
    check_whole(folder)


def crash(point: str, number: int, words: list[str]) -> int:
    run = [sys.executable, "-m", "tests.crashing", point, str(number), *words]
    return processes.run(run, cwd=ROOT, capture_output=True, timeout=60).returncode


# Signals


@pytest.fixture
def start(launch: Launch, tmp_path: Path) -> Launch:
    """Starts ``scrapy crawl source``: ``start(replica, "-s", …)``."""

    def run(replica: Replica, *words: str) -> processes.Popen:
        words = command(tmp_path / "archive", replica.url, "source", *words)
        return launch(words, stderr=subprocess.PIPE, text=True)

    return run


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_ends_the_run_in_order(
    serve: Serve, crawl: Run, start: Launch, tmp_path: Path, number: int, code: int
) -> None:
    replica = serve(articles=150, sources=2)
    replica.faults.add("/newstream/", "slow", seconds=0.1)
    run = start(replica)
    wait_for_records(tmp_path / "archive", 5)
    run.send_signal(number)
    _, stderr = run.communicate(timeout=10)
    assert run.returncode == code
    assert f"interrupted ({code}): stopped by a signal" in stderr
    replica.faults.clear()
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []


def test_a_page_that_hangs_does_not_keep_a_stopped_run_alive(
    serve: Serve, crawl: Run, start: Launch, tmp_path: Path
) -> None:
    replica = serve(articles=100, sources=1)
    folder = tmp_path / "archive"
    victim = replica.world.listing(156)[3]
    replica.faults.add(f"/newstream/{victim}", "hang")
    run = start(replica, "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=2")
    wait_for_records(folder, 20)
    run.terminate()
    run.communicate(timeout=10)
    assert run.returncode == 143
    assert len(list((folder / "runs").glob("*.json"))) == 1
    replica.faults.clear()
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []


def test_a_signal_while_the_crawl_starts_is_heard(serve: Serve, start: Launch) -> None:
    replica = serve(articles=2000, sources=5)
    codes = []
    for delay in (0, 0.05, 0.1, 0.15, 0.2, 0.3):
        run = start(replica)
        time.sleep(delay)
        codes.append(terminate(run))
    # Before Python has come to our code, the kernel's own way of ending a process.
    assert set(codes) <= {143, -signal.SIGTERM}
    replica.requests.clear()
    run = start(replica)
    wait_for(lambda: replica.requests)
    assert terminate(run) == 143


def test_a_signal_while_python_still_imports_is_heard(serve: Serve, tmp_path: Path) -> None:
    words = command(tmp_path / "archive", serve().url, "source")
    for delay in (0.45, 0.65):
        with subprocess.Popen(words, cwd=ROOT, stderr=subprocess.PIPE) as run:
            time.sleep(delay)
            assert terminate(run) in {143, -signal.SIGTERM}


def terminate(run: subprocess.Popen[Any]) -> int:
    run.terminate()
    run.communicate(timeout=10)
    return run.returncode


def wait_for_records(folder: Path, number: int) -> None:
    deadline = time.monotonic() + 30
    path = folder / "articles.jsonl"
    while not path.exists() or path.read_bytes().count(b"\n") < number:
        assert time.monotonic() < deadline
        time.sleep(0.02)


# The disk


def test_a_full_disk_is_an_error_and_loses_nothing(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=120, sources=2)

    def no_file_beyond() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    full = crawl(replica.url, "source", preexec_fn=no_file_beyond)
    assert full.exit_code == 7
    assert "cannot write" in full.last_line
    assert full.records
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert done.records[: len(full.records)] == full.records
    assert differences(replica, done.records) == []


def test_a_torn_last_line_is_cut_and_fetched_again(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=80, sources=1)
    first = crawl(replica.url, "source", "-a", "limit=30")
    path = first.folder / "articles.jsonl"
    path.write_bytes(path.read_bytes()[:-100])
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert done.records[:29] == first.records[:29]
    assert differences(replica, done.records) == []


def test_damage_before_the_tail_is_told_by_its_line_and_nothing_is_touched(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=80, sources=1)
    first = crawl(replica.url, "source")
    path = first.folder / "articles.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[4] = b"no record at all\n"
    path.write_bytes(b"".join(lines))
    (first.folder / "ledger.sqlite").unlink()
    replica.requests.clear()
    done_lines = path.read_bytes()
    run = processes.run(command(first.folder, replica.url, "source"), cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 7
    assert "articles.jsonl, line 5 is no line of ours" in run.stderr
    assert path.read_bytes() == done_lines
    assert replica.requests == []


def test_another_archive_under_the_ledger_is_noticed(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    replica = serve(articles=80, sources=1)
    first = crawl(replica.url, "source")
    shorter = crawl(replica.url, "source", "-a", "limit=10", folder=tmp_path / "other")
    shutil.copy(shorter.folder / "articles.jsonl", first.folder / "articles.jsonl")
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []


def test_what_is_stored_is_never_rewritten(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=80, sources=1)
    first = crawl(replica.url, "source")
    path = first.folder / "articles.jsonl"
    before, inode = path.read_bytes(), path.stat().st_ino
    replica.world.publish(5)
    crawl(replica.url, "source")
    assert path.read_bytes().startswith(before)
    assert path.stat().st_ino == inode
    assert len(read_lines(path)) > len(before.splitlines())


def test_a_lock_ends_with_the_process_that_held_it(serve: Serve, crawl: Run, start: Launch, tmp_path: Path) -> None:
    replica = serve(articles=100, sources=1)
    replica.faults.add("/newstream/", "slow", seconds=0.2)
    holder = start(replica)
    wait_for_records(tmp_path / "archive", 1)
    assert crawl(replica.url, "source").exit_code == 6
    holder.kill()
    holder.communicate()
    replica.faults.clear()
    assert crawl(replica.url, "source").exit_code == 0


def test_a_ledger_that_cannot_be_written_ends_the_run_as_the_log_does(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=100, sources=1)
    first = crawl(replica.url, "source", "-a", "limit=5")
    with closing(sqlite3.connect(first.folder / "ledger.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        locked = crawl(replica.url, "source")
    assert locked.exit_code == 7
    assert "ledger.sqlite: database is locked" in locked.last_line
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
