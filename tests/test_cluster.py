"""``scrapy cluster``: a crawl shared out over workers, on a real PostgreSQL; to the site they are one polite client."""

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcnacrawl.cluster.plan import Shard, plan
from kcnacrawl.cluster.queue import SHARDS, TRIES, WORKER, Ended, opened, wait_before_retry
from kcnacrawl.replica.server import Replica

from . import processes
from .conftest import ROOT, command, differences, keep_their_distance, read_lines, wait_for
from .postgresql import Server, running

Serve = Callable[..., Replica]
Launch = Callable[..., processes.Popen]

SITE = "https://kcnawatch.org"
DELAY = 0.05
PACE = ("KCNACRAWL_BACKOFF=0.05", f"DOWNLOAD_DELAY={DELAY}")
EVERYTHING = ("--since", "1997", "--months", "1200")


class Cluster:
    """A replica to crawl, a database, and the folder below which each worker has its own."""

    def __init__(self, replica: Replica, address: str, folder: Path) -> None:
        self.replica = replica
        self.address = address
        self.folder = folder
        self.sources = [outlet.sid for outlet in replica.world.outlets]

    def environment(self, folder: Path) -> dict[str, str]:
        ours = {"KCNACRAWL_CLUSTER": self.address, "KCNACRAWL_URL": self.replica.url, "KCNACRAWL_DIR": str(folder)}
        return os.environ | ours | {"KCNACRAWL_STALLED_AFTER": "2"}

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        return processes.run(
            cluster_command(*words),
            cwd=ROOT,
            env=self.environment(self.folder),
            capture_output=True,
            text=True,
            timeout=300,
        )

    def plan(self, *words: str) -> str:
        done = self.run("plan", "--source", ",".join(map(str, self.sources)), *words)
        assert (done.returncode, done.stderr) == (0, "")
        return str(done.stdout)

    def status(self) -> list[dict[str, Any]]:
        done = self.run("status", "--jsonl")
        assert (done.returncode, done.stderr) == (0, "")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def ask(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.address) as db:
            return db.execute(query, parameters).fetchall()

    def records(self) -> list[dict[str, Any]]:
        """What all shards of all workers hold, each record once."""
        found = [one for path in sorted(self.folder.rglob("articles.jsonl")) for one in read_lines(path)]
        return list({(one["id"], one["revision"]): one for one in found}.values())


def cluster_command(*words: str) -> list[str]:
    return [sys.executable, "-m", "scrapy", "cluster", *words]


def work(*words: str, pace: tuple[str, ...] = PACE) -> list[str]:
    return cluster_command("work", *words, *(word for one in pace for word in ("-s", one)))


@pytest.fixture
def cluster(serve: Serve, postgresql: Server, tmp_path: Path) -> Cluster:
    return Cluster(serve(articles=24, sources=2), postgresql.new_database(), tmp_path)


@pytest.fixture
def start(cluster: Cluster, launch: Launch) -> Callable[..., processes.Popen]:
    """Starts a worker with a folder of its own: ``start("a", "--once")``."""

    def worker(name: str, *words: str, pace: tuple[str, ...] = PACE) -> processes.Popen:
        environment = cluster.environment(cluster.folder / name)
        return launch(work(*words, pace=pace), env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    return worker


def ended(worker: processes.Popen) -> tuple[int, str]:
    """The exit code of a worker, and what it said."""
    _, said = worker.communicate(timeout=300)
    return worker.returncode, said.decode()


# What is planned


@given(st.dates(date(1990, 1, 1), date(2030, 1, 1)), st.dates(date(1990, 1, 1), date(2030, 1, 1)), st.integers(1, 30))
def test_the_windows_and_the_head_cover_every_day_from_the_first_on_once(since: date, head: date, months: int) -> None:
    shards = list(plan(SITE, [163], since, head, months))
    assert shards[0].is_head
    for later, earlier in itertools.pairwise(shards):
        assert earlier.until is not None
        assert date.fromisoformat(earlier.until) + timedelta(days=1) == date.fromisoformat(later.since)
    assert date.fromisoformat(shards[0].since) <= head
    assert date.fromisoformat(shards[-1].since) <= max(since, date.fromisoformat(shards[-1].since))
    assert head < since or date.fromisoformat(shards[-1].since) <= since


def test_without_a_first_day_there_are_the_heads_alone() -> None:
    heads = list(plan(SITE, [163, 156], None, date(2026, 10, 18), 1))
    assert heads == [Shard(site=SITE, source=163, since="2026-10-01"), Shard(site=SITE, source=156, since="2026-10-01")]


def test_what_waits_is_not_queued_twice(cluster: Cluster) -> None:
    assert cluster.plan(*EVERYTHING).startswith("4 of 4 shards queued")
    assert cluster.plan(*EVERYTHING).startswith("0 of 4 shards queued")
    assert cluster.ask("SELECT count(*), count(DISTINCT lock) FROM procrastinate_jobs") == [(4, 2)]


@pytest.mark.parametrize("exit_code", [1, 2, 4, 5])
def test_what_wants_a_person_is_not_tried_again(exit_code: int) -> None:
    assert wait_before_retry(exit_code, 0) is None


@pytest.mark.parametrize(("exit_code", "wait"), [(3, 30), (-9, 30), (6, 30), (7, 0), (130, 0), (143, 0)])
def test_what_passes_is_tried_again(exit_code: int, wait: int) -> None:
    assert wait_before_retry(exit_code, 0) == wait


def test_what_fails_again_and_again_is_tried_later_each_time_and_given_up() -> None:
    waits = [wait_before_retry(3, attempts) for attempts in range(TRIES)]
    assert waits[:-1] == sorted(waits[:-1], key=lambda wait: wait or 0)
    assert waits[-1] is None


class Owing:
    """Who crawls shards and whom pages of the heads are owed."""

    stalled_after = 30.0

    def __init__(self) -> None:
        self.crawled = list[str]()

    async def crawl(self, shard: Shard) -> None:
        self.crawled.append(shard.name)
        if shard.is_head:
            raise Ended(3)


def test_a_shard_that_waits_for_its_next_try_keeps_no_other_of_its_source_back(cluster: Cluster) -> None:
    crawls = Owing()

    async def crawl_what_is_due() -> None:
        async with opened(cluster.address) as app:
            await app.run_worker_async(
                queues=[SHARDS], wait=False, install_signal_handlers=False, additional_context={WORKER: crawls}
            )

    assert cluster.run("plan", "--source", "163", *EVERYTHING).returncode == 0
    asyncio.run(crawl_what_is_due())
    assert [name.partition("-")[2][:4] for name in crawls.crawled] == ["head", "1900"]


def test_what_the_documentation_has_planned_is_crawled(cluster: Cluster, start: Callable[..., processes.Popen]) -> None:
    text = (ROOT / "docs/cluster.md").read_text(encoding="utf-8").partition("## Batch work on Dask")[0]
    ways = [line.split()[1:] for line in text.splitlines() if line.startswith(".venv/bin/scrapy")]
    assert [words[0] for words in ways] == ["crawl", "cluster", "cluster"]
    for words in ways:
        done = processes.run(
            [sys.executable, "-m", "scrapy", *words],
            cwd=ROOT,
            env=cluster.environment(cluster.folder),
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
    heads, months = 2, 2 * 12 * 10
    ((waiting,),) = cluster.ask("SELECT count(*)::int FROM procrastinate_jobs WHERE queue_name = 'shards'")
    assert waiting >= heads + months
    worker = start("a")
    wait_for(lambda: cluster.ask("SELECT count(*) FROM kcnacrawl_shards WHERE exit_code = 0") == [(1,)])
    worker.terminate()
    assert ended(worker)[0] == 143


# What workers do together


def test_two_workers_crawl_everything_as_one_polite_client(
    cluster: Cluster, start: Callable[..., processes.Popen]
) -> None:
    cluster.plan(*EVERYTHING)
    workers = [start(name, "--once") for name in "ab"]
    ends = [ended(one) for one in workers]
    assert [code for code, _ in ends] == [0, 0], ends
    assert all((cluster.folder / name / "shards").is_dir() for name in "ab"), "one worker did it all"
    assert differences(cluster.replica, cluster.records()) == []
    requests = cluster.replica.requests
    assert keep_their_distance(requests, DELAY)
    assert all(one.answered_at <= other.at for one, other in itertools.pairwise(requests))
    overlaps = """
SELECT one.name, other.name FROM kcnacrawl_shards AS one JOIN kcnacrawl_shards AS other
ON split_part(one.name, '-', 1) = split_part(other.name, '-', 1) AND one.name < other.name
WHERE one.started_at < other.ended_at AND other.started_at < one.ended_at
"""
    assert cluster.ask(overlaps) == []
    told = {one["kind"]: one for one in cluster.status()}
    assert (told["queue"]["done"], told["queue"]["failed"]) == (4, 0)
    assert (told["verdict"]["verdict"], told["verdict"]["new"]) == ("ok", len(cluster.records()))
    assert cluster.ask("SELECT sum(count)::int FROM kcnacrawl_requests") == [(len(requests),)]
    # The head of a list is never done; a window only until it is asked for again.
    assert cluster.plan(*EVERYTHING).startswith("2 of 4 shards queued")
    assert cluster.plan(*EVERYTHING, "--again").startswith("2 of 4 shards queued")


def test_a_worker_that_is_killed_takes_its_crawl_along_and_loses_nothing(
    cluster: Cluster, start: Callable[..., processes.Popen]
) -> None:
    cluster.plan(*EVERYTHING)
    victim = start("a")
    wait_for(cluster.replica.article_requests)
    victim.kill()
    victim.wait()
    # No orphan holds the source any longer.
    wait_for(lambda: cluster.ask("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == [(0,)])
    heir = start("b")
    wait_for(lambda: cluster.ask("SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'") == [(4,)])
    heir.terminate()
    assert ended(heir)[0] == 143
    assert differences(cluster.replica, cluster.records()) == []
    assert cluster.ask("SELECT count(*) FROM procrastinate_jobs WHERE attempts > 1") == [(1,)]


def test_a_worker_that_is_told_to_leave_gives_its_shard_back(
    cluster: Cluster, start: Callable[..., processes.Popen]
) -> None:
    cluster.plan(*EVERYTHING)
    worker = start("a")
    wait_for(cluster.replica.article_requests)
    worker.terminate()
    code, said = ended(worker)
    assert (code, said.splitlines()[-1]) == (
        143,
        "kcnacrawl: interrupted (143): stopped by a signal; what was at work is queued again",
    )
    assert cluster.ask("SELECT count(*) FROM procrastinate_jobs WHERE queue_name = 'shards' AND status = 'todo'") == [
        (4,)
    ]
    assert cluster.ask("SELECT count(*) FROM procrastinate_workers") == [(0,)]


def test_when_the_database_is_gone_nothing_more_is_asked_of_the_site(
    serve: Serve, launch: Launch, tmp_path: Path
) -> None:
    with running() as server:
        cluster = Cluster(serve(articles=24, sources=2), server.new_database(), tmp_path)
        cluster.plan(*EVERYTHING)
        worker = launch(work(), env=cluster.environment(tmp_path / "a"), stderr=subprocess.PIPE)
        wait_for(cluster.replica.article_requests)
        server.process.send_signal(signal.SIGQUIT)
        server.process.wait()
        asked = len(cluster.replica.requests)
        code, said = ended(worker)
    # One may have had its turn.
    assert len(cluster.replica.requests) <= asked + 1
    assert code == 3
    assert "kcnacrawl: incomplete (3): the cluster's database is out of reach (" in said.splitlines()[-1]
    assert said.splitlines()[-1].endswith("; the worker leaves, start it again")


def test_when_one_is_told_to_wait_all_wait(cluster: Cluster, start: Callable[..., processes.Popen]) -> None:
    cluster.plan(*EVERYTHING)
    workers = [start(name, "--once") for name in "ab"]
    wait_for(lambda: cluster.ask("SELECT count(*) FROM procrastinate_jobs WHERE status = 'doing'") == [(2,)])
    wait_for(cluster.replica.article_requests)
    cluster.replica.faults.add("/newstream/", "status", times=1, status=429, retry_after=2)
    ends = [ended(one) for one in workers]
    assert [code for code, _ in ends] == [0, 0], ends
    requests = cluster.replica.requests
    told = next(place for place, one in enumerate(requests) if one.status == 429)
    assert requests[told + 1].at - requests[told].answered_at > 1.9
    assert differences(cluster.replica, cluster.records()) == []


def test_what_refuses_one_is_left_alone_by_all(cluster: Cluster, start: Callable[..., processes.Popen]) -> None:
    cluster.replica.faults.add("/newstream/", "status", times=1, status=429, retry_after=5000)
    cluster.plan(*EVERYTHING)
    worker = start("a")
    wait_for(lambda: [one for one in cluster.ask("SELECT exit_code FROM kcnacrawl_shards") if one == (5,)])
    asked = len(cluster.replica.requests)
    (site,) = [one for one in cluster.status() if one["kind"] == "site"]
    assert 3600 < site["pause_left"] <= 5000
    folder = cluster.folder / "other"
    done = crawl_beside(cluster, folder, "156")
    assert done.returncode == 3
    assert "the site is left alone by all workers for " in done.stderr
    assert len(cluster.replica.requests) == asked
    worker.terminate()
    assert ended(worker)[0] == 143


def crawl_beside(cluster: Cluster, folder: Path, source: str) -> subprocess.CompletedProcess[str]:
    """A crawl that no worker started, in the same cluster."""
    words = command(folder, cluster.replica.url, "source", "-a", f"source={source}", pace=PACE)
    return processes.run(words, cwd=ROOT, env=cluster.environment(folder), capture_output=True, text=True, timeout=300)


def test_no_two_crawl_one_source_whatever_the_queue_believes(cluster: Cluster) -> None:
    with psycopg.connect(cluster.address) as db:
        db.execute("SELECT pg_advisory_lock(hashtext(%s), hashtext(%s))", (cluster.replica.url, "156"))
        done = crawl_beside(cluster, cluster.folder / "a", "156")
    assert done.returncode == 6
    assert "locked (6): another process of the cluster crawls source 156; let it finish" in done.stderr
    assert cluster.replica.requests == []


# What is wrong


@pytest.mark.parametrize("action", ["plan", "work", "status"])
def test_a_database_that_is_down_is_one_line(serve: Serve, tmp_path: Path, action: str) -> None:
    cluster = Cluster(serve(articles=0, sources=1), "postgresql://127.0.0.1:9/kcna", tmp_path)
    done = cluster.run(action, "--source", "156")
    assert done.returncode == 3
    assert done.stderr.startswith("kcnacrawl: incomplete (3): the cluster's database is out of reach (")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("plan",), "knows no source: run `scrapy crawl sources` first, or give --source"),
        (("plan", "--source", "x"), "option --source='x': not a whole number from 1"),
        (("plan", "--since", "May"), "option --since='May': not YYYY-MM-DD"),
        (("plan", "--months", "0"), "option --months='0': not a whole number from 1 to 1200"),
        (("dance",), "cluster takes one of plan, work, status, not 'dance'"),
        (("plan", "-s", "KCNACRAWL_CLUSTER="), "setting KCNACRAWL_CLUSTER is not set"),
        (("work", "-s", "KCNACRAWL_CLUSTER=mysql://x"), "not a database as postgresql://…"),
        (("work", "-s", "DOWNLOAD_DELAY=soon"), "setting DOWNLOAD_DELAY='soon'"),
    ],
)
def test_a_bad_word_is_one_line(cluster: Cluster, words: tuple[str, ...], line: str) -> None:
    done = cluster.run(*words)
    assert done.returncode == 2
    assert line in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_crawl_without_a_cluster_loads_nothing_of_it(serve: Serve, tmp_path: Path) -> None:
    code = (
        "import sys; from scrapy.cmdline import execute\n"
        "try: execute()\n"
        "except SystemExit as end: code = end.code\n"
        "loaded = [one for one in ('psycopg', 'procrastinate', 'kcnacrawl.cluster') if one in sys.modules]\n"
        "sys.exit(f'{code} {loaded}' if code or loaded else 0)"
    )
    words = command(tmp_path, serve(articles=2, sources=1).url, "source")[3:]
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
