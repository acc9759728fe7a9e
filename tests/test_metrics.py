"""``--textfile`` tells Prometheus' node exporter how the last run ended, however it ended."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kcnacrawl.archive.lock import Lock
from kcnacrawl.extensions.metrics import METRICS, Sample, exposition
from kcnacrawl.replica.server import Replica

from . import processes
from .conftest import Crawl, command, wait_for

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]
Launch = Callable[..., processes.Popen]


class Textfile:
    """A file of metrics as Prometheus' own parser reads it."""

    def __init__(self, path: Path) -> None:
        self.families = list(text_string_to_metric_families(path.read_text(encoding="utf-8")))
        self.samples = [sample for family in self.families for sample in family.samples]

    def __getitem__(self, name: str) -> float:
        (value,) = [one.value for one in self.samples if one.name == f"kcnacrawl_{name}"]
        return float(value)

    def which(self, label: str) -> dict[str, float]:
        """The values of a label that do not count 0."""
        return {one.labels[label]: one.value for one in self.samples if label in one.labels and one.value}


def words(path: Path) -> tuple[str, ...]:
    return ("source", "--textfile", str(path))


def test_a_run_is_told_by_its_end_its_verdict_and_its_counts(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    replica, path = serve(articles=30, sources=1), tmp_path / "source.prom"
    victim = replica.world.listing(156)[3]
    replica.faults.add(f"/newstream/{victim}", "status", status=404)
    done = crawl(replica.url, *words(path))
    assert done.exit_code == 0, done.stderr
    told = Textfile(path)
    assert {family.name: family.documentation for family in told.families} == METRICS
    assert {family.type for family in told.families} == {"gauge"}
    assert {one.labels["spider"] for one in told.samples} == {"source"}
    assert {one.labels["archive"] for one in told.samples} == {str(tmp_path / "archive")}
    assert told.which("verdict") == {"ok": 1}
    rejected = {name: n for name, n in done.report["counts"].items() if name.startswith("rejected/")}
    assert {f"rejected/{reason}": n for reason, n in told.which("reason").items()} == rejected
    assert rejected["rejected/not_found"] == 1
    assert told["last_run_new_articles"] == done.report["counts"]["articles/new"] == len(done.records)
    assert told["last_run_requests"] == done.report["counts"]["requests"]
    assert told["last_run_response_bytes"] == done.report["counts"]["response_bytes"]
    assert told["last_run_exit_code"] == told["owed_pages"] == told["last_run_revised_articles"] == 0
    assert told["last_run_duration_seconds"] > 0
    assert told["last_success_timestamp_seconds"] == told["last_run_end_timestamp_seconds"]
    assert path.stat().st_mtime - 5 < told["last_run_end_timestamp_seconds"] <= path.stat().st_mtime


def test_a_run_that_fails_keeps_the_time_of_the_last_success(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    replica, path = serve(articles=20, sources=1), tmp_path / "source.prom"
    (victim, *_) = replica.world.listing(156)
    replica.faults.add(f"/newstream/{victim}", "unreadable")
    assert crawl(replica.url, *words(path)).exit_code == 3
    never = Textfile(path)
    assert (never["last_success_timestamp_seconds"], never["owed_pages"]) == (0, 1)
    assert never.which("verdict") == {"incomplete": 1}
    replica.faults.clear()
    assert crawl(replica.url, *words(path)).exit_code == 0
    succeeded = Textfile(path)["last_success_timestamp_seconds"]
    (tmp_path / "archive/articles.jsonl").write_bytes(b"{}\n")
    done = crawl(replica.url, *words(path))
    failed = Textfile(path)
    assert failed["last_run_exit_code"] == done.exit_code == 7
    assert failed.which("verdict") == {"storage": 1}
    assert failed["last_success_timestamp_seconds"] == succeeded > 0


@pytest.mark.parametrize("times", [1, 2], ids=["in order", "at once"])
def test_a_run_that_is_interrupted_is_told(serve: Serve, launch: Launch, tmp_path: Path, times: int) -> None:
    replica, path = serve(articles=100, sources=1), tmp_path / "source.prom"
    replica.faults.add("/newstream/", "slow" if times == 1 else "hang")
    run = launch(command(tmp_path / "archive", replica.url, *words(path)), stderr=subprocess.DEVNULL)
    wait_for(replica.article_requests)
    for _ in range(times):
        run.send_signal(signal.SIGTERM)
        time.sleep(0.2)
    assert run.wait(10) == 143
    told = Textfile(path)
    assert told.which("verdict") == {"interrupted": 1}
    assert told["last_run_exit_code"] == 143


def test_a_run_that_could_not_start_is_told(crawl: Run, tmp_path: Path) -> None:
    done = crawl("http://127.0.0.1:9", *words(tmp_path / "source.prom"), "-s", "STATS_CLASS=kcnacrawl.Nowhere")
    assert done.exit_code == 1
    assert Textfile(tmp_path / "source.prom").which("verdict") == {"error": 1}


def test_a_run_that_is_locked_out_tells_nothing_of_the_one_at_work(crawl: Run, tmp_path: Path) -> None:
    path = tmp_path / "source.prom"
    path.write_bytes(b"# what the other run told\n")
    (tmp_path / "archive").mkdir()
    lock = Lock(tmp_path / "archive/.lock")
    lock.acquire()
    assert crawl("http://127.0.0.1:9", *words(path)).exit_code == 6
    lock.release()
    assert path.read_bytes() == b"# what the other run told\n"


@pytest.mark.parametrize("place", ["nowhere/source.prom", "folder.prom"])
def test_a_file_that_cannot_be_written_costs_one_line_and_not_the_run(
    serve: Serve, crawl: Run, tmp_path: Path, place: str
) -> None:
    (tmp_path / "folder.prom").mkdir()
    done = crawl(serve(articles=10, sources=1).url, *words(tmp_path / place), "-L", "WARNING")
    assert done.exit_code == 0
    assert done.records
    assert done.stderr.splitlines() == [done.last_line]
    assert done.last_line.startswith(f"kcnacrawl: cannot write {tmp_path / place}: ")
    assert list(tmp_path.glob("**/*.tmp")) == []


@pytest.mark.parametrize("name", ["", "/", ".prom", "archive/articles.jsonl", "source.prom.old"])
def test_only_a_file_that_the_exporter_reads_is_written(crawl: Run, tmp_path: Path, name: str) -> None:
    done = crawl("http://127.0.0.1:9", *words(tmp_path / name) if name.strip("/") else ("source", "--textfile", name))
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    assert "reads only files named *.prom" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", ['a "quoted" one', "back\\slash", "two\nlines", "한글", "\\n is no newline"])
def test_labels_are_escaped(value: str) -> None:
    text = exposition([Sample("kcnacrawl_owed_pages", {"archive": value}, 7)]).decode()
    ((sample,),) = [one.samples for one in text_string_to_metric_families(text) if one.samples]
    assert (sample.labels, sample.value) == ({"archive": value}, 7)
