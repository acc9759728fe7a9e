"""Whole crawls against the replica: what the tests are made of."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import combinations
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

from kcnacrawl.replica.markup_variant import VARIANTS, MarkupVariant
from kcnacrawl.replica.server import Replica, Request
from kcnacrawl.replica.world import World

from . import processes
from .processes import ROOT

if TYPE_CHECKING:
    from .cloud import Bucket
    from .postgresql import Server

# How long an example takes is the machine's affair, and what was found is told where all can read it.
settings.register_profile("kcnacrawl", deadline=None, database=None)
settings.load_profile("kcnacrawl")

FAST = ("DOWNLOAD_DELAY=0", "CONCURRENT_REQUESTS_PER_DOMAIN=8", "KCNACRAWL_BACKOFF=0.05")


class Crawl:
    """A finished run, and its archive as it was right then."""

    def __init__(self, done: subprocess.CompletedProcess[str], folder: Path, earlier: set[Path]) -> None:
        self.exit_code = done.returncode
        self.stdout = done.stdout
        self.stderr = done.stderr
        self.folder = folder
        self.records = read_lines(folder / "articles.jsonl")
        self.quarantine = read_lines(folder / "quarantine.jsonl")
        written = [path for path in (folder / "runs").glob("*.json") if path not in earlier]
        assert len(written) <= 1
        self.report: dict[str, Any] = json.loads(written[0].read_text(encoding="utf-8")) if written else {}

    @property
    def last_line(self) -> str:
        return self.stderr.strip().splitlines()[-1] if self.stderr.strip() else ""


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Every line of a file of JSON lines; the last must end as the others do."""
    data = path.read_bytes() if path.is_file() else b""
    assert not data or data.endswith(b"\n"), f"{path} ends in a torn line"
    return [json.loads(line) for line in data.splitlines()]


def crawl_later(days: float, folder: Path, url: str, *words: str) -> subprocess.CompletedProcess[str]:
    """``scrapy crawl …`` by a clock that is so many days ahead."""
    run = [sys.executable, "-m", "tests.clock", str(days), *command(folder, url, *words)[3:]]
    return processes.run(run, cwd=ROOT, capture_output=True, text=True, timeout=300)


def wait_for(condition: Callable[[], object]) -> None:
    """Waits until something holds, for three minutes at most: the machine may be busy."""
    deadline = time.monotonic() + 180
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def command(folder: Path, url: str, *words: str, pace: tuple[str, ...] = FAST) -> list[str]:
    """``scrapy crawl …`` against a site, as fast as it goes."""
    settings = (f"KCNACRAWL_URL={url}", f"KCNACRAWL_DIR={folder}", *pace)
    return [sys.executable, "-m", "scrapy", "crawl", *(w for one in settings for w in ("-s", one)), *words]


def scrapy(folder: Path, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """``scrapy NAME …`` on an archive."""
    run = [sys.executable, "-m", "scrapy", words[0], "-s", f"KCNACRAWL_DIR={folder}", *words[1:]]
    return processes.run(run, cwd=ROOT, capture_output=True, text=True, timeout=300, **options)


@pytest.fixture(scope="session")
def postgresql() -> "Iterator[Server]":
    """A PostgreSQL server, started where a test asks for one."""
    from .postgresql import running

    with running() as server:
        yield server


@pytest.fixture(scope="session")
def bucket() -> "Iterator[Bucket]":
    """A bucket in an object store on loopback, started where a test asks for one."""
    from .cloud import running

    with running() as bucket:
        yield bucket


@pytest.fixture
def serve() -> Iterator[Callable[..., Replica]]:
    """Starts replicas: ``serve(articles=…, sources=…, variant=…)``."""
    with ExitStack() as stack:

        def start(
            articles: int = 120, sources: int = 3, variant: MarkupVariant | str = "plain", **world: Any
        ) -> Replica:
            spelled = VARIANTS[variant] if isinstance(variant, str) else variant
            return stack.enter_context(Replica(World(articles=articles, sources=sources, **world), spelled))

        yield start


@pytest.fixture
def launch() -> Iterator[Callable[..., processes.Popen]]:
    """Starts commands, and ends those that a test leaves running: ``launch(command(…), stderr=PIPE)``."""
    with ExitStack() as stack:

        def start(words: list[str], **options: Any) -> processes.Popen:
            process = stack.enter_context(processes.Popen(words, cwd=ROOT, **options))
            stack.callback(process.kill)
            return process

        yield start


@pytest.fixture
def crawl(tmp_path: Path) -> Callable[..., Crawl]:
    """Runs ``scrapy crawl`` to its end: ``crawl(url, "source", "-a", "source=163")``."""

    def run(url: str, *words: str, folder: Path = tmp_path / "archive", **options: Any) -> Crawl:
        earlier = set((folder / "runs").glob("*.json"))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("KCNACRAWL_")}
        done = processes.run(
            command(folder, url, *words),
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            **options,
        )
        assert "ScrapyDeprecationWarning" not in done.stderr
        return Crawl(done, folder, earlier)

    return run


def fetched(replica: Replica) -> list[str]:
    """The articles that were asked for, in the order of asking."""
    return [request.path_qs.split("/")[2] for request in replica.article_requests()]


def keep_their_distance(requests: list[Request], seconds: float) -> bool:
    """Whether requests left so far apart. A busy machine lets one arrive late, and the next seem early by as much: of
    two that tells little, of all together nearly everything.
    """
    times = [request.at for request in requests]
    return all(
        times[last] - times[first] > seconds * (last - first) - 0.5
        for first, last in combinations(range(len(times)), 2)
    )


def ungated(replica: Replica) -> list[str]:
    """The articles that anybody may read."""
    return [one for one in replica.world.ids() if replica.world.truth(one)["gate"] is None]


def differences(replica: Replica, records: list[dict[str, Any]]) -> list[str]:
    """Where an archive is not what the replica says it should be: missing, doubled, extra, or with other fields."""
    found = {}
    wrong = []
    for record in records:
        if record["id"] in found:
            wrong.append(f"{record['id']}: twice")
        found[record["id"]] = record
    for article_id in replica.world.ids():
        truth = replica.world.truth(article_id, replica.url)
        record = found.pop(article_id, None)
        if truth["gate"] is None and truth["status"] == "live":
            wrong += [f"{article_id}: missing"] if record is None else field_differences(replica, truth, record)
        elif record is not None:
            wrong.append(f"{article_id}: stored, though it is gated or gone")
    return wrong + [f"{article_id}: of nowhere" for article_id in found]


def field_differences(replica: Replica, truth: dict[str, Any], record: dict[str, Any]) -> list[str]:
    expected = {name: value for name, value in truth.items() if name not in {"gate", "url_path"}}
    expected["url"] = replica.url + str(truth["url_path"])
    expected["images"] = list(expected["images"])
    return [
        f"{record['id']}: {name} is {record[name]!r}, not {value!r}"
        for name, value in expected.items()
        if record[name] != value
    ]


@pytest.fixture
def serve_page() -> Iterator[Callable[[bytes], str]]:
    """Serves one page at every address, and no robots.txt."""
    servers: list[ThreadingHTTPServer] = []

    def start(page: bytes) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(404 if self.path == "/robots.txt" else 200)
                self.send_header("Content-Type", "text/html; charset=UTF-8")
                self.end_headers()
                self.wfile.write(page)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
