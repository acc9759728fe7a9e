"""Shared out on Dask, a command does to the letter what it does alone, whoever is killed."""

import json
import os
import re
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path

import pytest

from kcnacrawl.replica.server import Replica
from kcnacrawl.replica.world import World

from . import archives, processes
from .conftest import ROOT, command, read_lines, scrapy, wait_for
from .stories import Stories
from .translations import Translations

BIN = Path(sys.executable).parent
SCHEDULER = ("scheduler", "--no-dashboard")
WORKER = ("worker", "--nworkers", "2", "--nthreads", "1", "--no-dashboard")
COUNTED = ("--preload", str(ROOT / "tests/counted.py"))
DOCUMENTED = (ROOT / "docs/cluster.md").read_text(encoding="utf-8").partition("## Batch work on Dask")[2]


class Cluster:
    """A scheduler, and two workers that come back when they are killed."""

    def __init__(self, scheduler: subprocess.Popen[bytes], address: str) -> None:
        self.scheduler = scheduler
        self.address = address


@contextmanager
def running(
    folder: Path, scheduler: Sequence[str] = SCHEDULER, worker: Sequence[str] = WORKER, *before: str, **environment: str
) -> Iterator[Cluster]:
    """A scheduler and its workers, as ``before`` and an environment have these start."""
    file = folder / "scheduler.json"
    where = ("--scheduler-file", str(file), "--host", "127.0.0.1")
    with (folder / "log").open("wb") as log:

        def start(*words: str) -> subprocess.Popen[bytes]:
            return subprocess.Popen([*words, *where], env=os.environ | environment, stdout=log, stderr=log)

        dask = str(BIN / "dask")
        started = [start(dask, *scheduler, "--port", "0"), start(*before, dask, *worker, *COUNTED)]
        try:
            wait_for(lambda: file.exists() and file.read_bytes())
            yield Cluster(started[0], json.loads(file.read_bytes())["address"])
        finally:
            for one in started[::-1]:
                # In order, it may wait for one that is lost.
                one.kill()
                one.wait()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(tmp_path_factory.mktemp("dask")) as found:
        yield found


class Job:
    """A command on an archive of its own."""

    def __init__(self, name: str, given: Path, beside: Path) -> None:
        self.name = name
        self.beside = beside
        self.archive = beside / "archive"
        shutil.copytree(given, self.archive)

    def run(self, *more: str, dies_at: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        words = [self.name, "-s", f"KCNACRAWL_DIR={self.archive}", *more]
        if self.name == "sync":
            words.append(f"parquet:{self.beside / 'store'}")
        run = [sys.executable, "-m", "tests.in_parts", str(dies_at), *words]
        # Dask reads the environment when it is imported, which the warm process may have done.
        start = subprocess.run if environment else processes.run
        done = start(run, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=300)
        assert "Traceback" not in done.stderr
        return done

    def outputs(self) -> set[str]:
        """The outputs of parts that are finished."""
        return {one.name for one in self.archive.glob("parts/*/*") if re.fullmatch("[0-9a-f]{64}", one.name)}

    def begun(self) -> Counter[str]:
        """How often workers have begun which part."""
        path = self.beside / "begun"
        return Counter(path.read_text(encoding="ascii").split() if path.exists() else ())

    def rests(self) -> bool:
        """Whether workers have finished what they had begun, and begin nothing more."""
        begun = self.begun()
        if not begun or begun.keys() != self.outputs():
            return False
        time.sleep(0.5)
        return begun == self.begun()

    def left(self) -> object:
        """What the command has left, but for the name of its run."""
        assert not (self.archive / "parts").exists()
        if self.name == "reparse":
            return [row | {"run_id": ""} for row in read_lines(self.archive / "articles.jsonl")]
        if self.name == "reprints":
            return (self.archive / "reprints.jsonl").read_bytes(), tables(self.archive / "reprints.sqlite")
        files = (one for one in (self.beside / "store").rglob("*") if one.is_file() and one.name[:2] != ".l")
        return {one.relative_to(self.beside): one.read_bytes() for one in files}


def tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as db:
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
        found = {name: db.execute(f"SELECT * FROM {name}").fetchall() for name in names}
    return found | {"facts": [row for row in found["facts"] if row[0] != "written"]}


# Archives on which each command has something to do


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    pages, texts = tmp_path_factory.mktemp("pages"), tmp_path_factory.mktemp("texts")

    def make(name: str) -> Path:
        folder = pages if name == "reparse" else texts
        if not (folder / "articles.jsonl").exists():
            (fetch_blindly if name == "reparse" else print_stories)(folder)
        return folder

    return make


def fetch_blindly(folder: Path) -> None:
    """Pages that gave no record: their readers were blind."""
    with Replica(World(articles=80, sources=2)) as replica:
        words = command(folder, replica.url, "source", "-s", "KCNACRAWL_WARC_BYTES=60000")
        run = [sys.executable, "-m", "tests.blinded", *words[3:]]
        assert processes.run(run, cwd=ROOT, capture_output=True).returncode == 4


def print_stories(folder: Path) -> None:
    """Stories that are reprinted and translated, in three months; some were edited since."""
    printed = [*Stories(5, 60).printed(), *Translations(5, 20).printed()]
    lines = [one.article for one in printed]
    edited = [archives.rewritten(one, f"{one.article_body} More.", revision=2) for one in lines[::9]]
    archives.write(folder, [*lines, *edited])


@pytest.fixture(scope="module")
def alone(given: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], object]:
    """What a command leaves where it is alone."""

    @cache
    def left(name: str) -> object:
        one = Job(name, given(name), tmp_path_factory.mktemp("alone"))
        done = one.run()
        assert (done.returncode, done.stderr) == (0, "")
        return one.left()

    return left


@pytest.fixture
def job(request: pytest.FixtureRequest, given: Callable[[str], Path], tmp_path: Path) -> Job:
    name = getattr(request, "param", "reparse")
    return Job(name, given(name), tmp_path)


each = pytest.mark.parametrize("job", ["reparse", "reprints", "sync"], indirect=True)

Alone = Callable[[str], object]

# What holds, whoever is killed


@each
def test_a_worker_that_is_killed_costs_the_part_that_it_was_at(job: Job, alone: Alone, cluster: Cluster) -> None:
    (job.beside / "deadly").touch()
    done = job.run("--dask", cluster.address)
    assert (done.returncode, done.stderr) == (0, "")
    assert job.left() == alone(job.name)
    begun = sorted(job.begun().values())
    assert len(begun) > 6
    assert begun[-2:] == [1, 2]


@each
def test_a_command_that_is_killed_and_repeated_makes_no_part_twice(job: Job, alone: Alone, cluster: Cluster) -> None:
    assert job.run("--dask", cluster.address, dies_at=7).returncode == -signal.SIGKILL
    # What workers are at, they finish.
    wait_for(job.rests)
    finished = job.outputs()
    (job.beside / "begun").unlink()
    done = job.run("--dask", cluster.address)
    assert done.returncode == 0
    assert job.left() == alone(job.name)
    begun = job.begun()
    assert begun.keys().isdisjoint(finished)
    spared, parts = re.findall(r"[0-9]+", done.stderr)
    assert done.stderr == f"kcnacrawl: {spared} of {parts} parts were finished by a run before this\n"
    # What a store or an index has taken in is no part any more.
    assert 1 <= int(spared) == int(parts) - len(begun) <= 6


def test_processes_of_this_machine_do_the_same(job: Job, alone: Alone) -> None:
    done = job.run("--dask", "local", "--jobs", "2")
    assert (done.returncode, done.stderr) == (0, "")
    assert job.left() == alone(job.name)


def test_a_scheduler_that_is_lost_ends_the_command_and_nothing_of_what_was_made(
    job: Job, alone: Alone, cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running(tmp_path_factory.mktemp("lost")) as lost:
        # A worker kills it.
        (job.beside / "deadly").write_text(str(lost.scheduler.pid), encoding="ascii")
        done = job.run("--dask", lost.address)
    told = f"kcnacrawl: incomplete (3): the scheduler at {lost.address} is lost; the same command goes on from here\n"
    assert (done.returncode, done.stderr) == (3, told)
    assert job.run("--dask", cluster.address).returncode == 0
    assert job.left() == alone("reparse")


# TLS, as docs/cluster.md has it


def test_what_the_documentation_says_of_tls_is_what_it_takes(job: Job, alone: Alone, tmp_path: Path) -> None:
    keys, config = tmp_path / "keys", tmp_path / "dask"
    (made, file) = (re.search(pattern, DOCUMENTED, re.DOTALL) for pattern in ("(openssl[^\n]+)", "```yaml\n(.+?)```"))
    assert made
    assert file
    for folder in (keys, config):
        folder.mkdir()
    subprocess.run(shlex.split(made[1].replace("rsa:4096", "rsa:2048")), cwd=keys, check=True, capture_output=True)
    (config / "kcnacrawl.yaml").write_text(file[1].replace("/etc/kcnacrawl", str(keys)), encoding="ascii")
    scheduler, worker = (shlex.split(one) for one in re.findall(r"^\.venv/bin/dask (.+)$", DOCUMENTED, re.MULTILINE))
    assert worker.pop(1) == "tls://dask.example.org:8786"
    with running(tmp_path, scheduler, worker, DASK_CONFIG=str(config)) as cluster:
        assert cluster.address.startswith("tls://")
        done = job.run("--dask", cluster.address, DASK_CONFIG=str(config))
        without = job.run("--dask", cluster.address)
    assert (done.returncode, done.stderr) == (0, "")
    told = f"option --dask={cluster.address}: distributed.comm in Dask's configuration names no certificate of TLS"
    assert (without.returncode, without.stderr) == (2, f"kcnacrawl: usage (2): {told}\n")
    assert job.left() == alone(job.name)


# What cannot be


@pytest.mark.parametrize("address", ["", "http://127.0.0.1:8786", "tcp://127.0.0.1", "127.0.0.1:65536", "tcp://a b:1"])
def test_what_is_no_address_is_refused(tmp_path: Path, address: str) -> None:
    done = scrapy(tmp_path, "reprints", "--dask", address)
    told = f"option --dask={address!r}: not local, tcp://HOST:PORT or tls://HOST:PORT"
    assert (done.returncode, done.stderr) == (2, f"kcnacrawl: usage (2): {told}\n")


def test_a_scheduler_that_does_not_answer_is_told(job: Job) -> None:
    done = job.run("--dask", "tcp://127.0.0.1:9", PATIENCE="2")
    assert done.returncode == 3
    assert re.fullmatch(
        r"kcnacrawl: incomplete \(3\): no scheduler of Dask answers at tcp://127.0.0.1:9 \(.+\)\n", done.stderr
    )


def test_workers_of_another_version_are_refused(job: Job, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(ROOT / "kcnacrawl", other / "kcnacrawl", ignore=shutil.ignore_patterns("__pycache__"))
    with (other / "kcnacrawl/site/dates.py").open("a", encoding="ascii") as file:
        file.write("# another\n")
    with running(tmp_path, PYTHONPATH=str(other)) as cluster:
        done = job.run("--dask", cluster.address)
    assert refused(done, cluster) == (
        "its kcnacrawl, its Python or a library that reads pages is another than here; install the same"
    )


def test_workers_that_do_not_share_the_disk_are_refused(job: Job, tmp_path: Path) -> None:
    hidden = ("unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {job.archive} && exec "$@"', "sh")
    with running(tmp_path, SCHEDULER, WORKER, *hidden) as cluster:
        done = job.run("--dask", cluster.address)
    folder = job.archive / "parts/reparse"
    told = f"it cannot write {folder} (No such file or directory); share the disk, under the same path"
    assert refused(done, cluster) == told


def refused(done: subprocess.CompletedProcess[str], cluster: Cluster) -> str:
    """What is wrong with a worker."""
    told = rf"kcnacrawl: usage \(2\): option --dask={cluster.address}: worker tcp://127.0.0.1:[0-9]+: (.+)\n"
    found = re.fullmatch(told, done.stderr)
    assert done.returncode == 2
    assert found, done.stderr
    return found[1]


def test_other_stores_are_filled_by_one_process(job: Job) -> None:
    done = scrapy(job.archive, "sync", f"sqlite:///{job.beside / 'store.sqlite'}", "--dask", "local")
    told = "option --dask: for parquet:DIR alone; a database has one writer"
    assert (done.returncode, done.stderr) == (2, f"kcnacrawl: usage (2): {told}\n")
