"""``make bench``: kcnacrawl with all pipelines and durability on, beside what else reads such a site, in one run.

``python benchmarks/bench.py [ARTICLES [ROUNDS]]`` (default: 5,000 and 3). All sides crawl the same replica behind a
cache, in turn, without delay and with eight requests at a time; the medians are compared. CPU time is that of the
crawl, without the site's.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kcnacrawl.replica.world import OUTLETS

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / "benchmarks"
SCRAPY = [sys.executable, "-m", "scrapy"]
SOURCES = 5
AJAX_IDS = ",".join(str(outlet.ajax_id) for outlet in OUTLETS[:SOURCES])
# A process between, so that time and peak are this command's and not those of all children.
PROBE = """
import resource, subprocess, sys
subprocess.run(sys.argv[2:], check=sys.argv[1] == "check")
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took: seconds by the clock, seconds of CPU of all its processes, and the memory of the largest, in
    MB.
    """

    seconds: float
    cpu: float
    memory: float


@contextmanager
def started(command: list[str]) -> Iterator[str]:
    """A server in a process of its own; gives the address that it prints."""
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield next(word for word in server.stdout.readline().split() if word.startswith("http"))
        finally:
            server.terminate()


@contextmanager
def replica(articles: int) -> Iterator[str]:
    """A replica behind a cache; gives its address."""
    command = [*SCRAPY, "replica", "--port", "0", "--articles", str(articles), "--sources", str(SOURCES)]
    with started(command) as site, started([sys.executable, str(HERE / "cached.py"), site]) as url:
        yield url


def run(command: list[str], folder: Path = ROOT, *, may_fail: bool = False, stdout: IO[bytes] | None = None) -> Cost:
    """Run a command and return what it took; what it prints goes nowhere, or to a file."""
    probe = [sys.executable, "-c", PROBE, "" if may_fail else "check", *command]
    begun = time.perf_counter()
    done = subprocess.run(
        probe, cwd=folder, check=False, stdout=stdout or subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    seconds, told = time.perf_counter() - begun, done.stderr.splitlines()
    if done.returncode:
        sys.exit(done.stderr)
    cpu, peak = map(float, told[-1].split())
    return Cost(seconds, cpu, peak / (1024 if sys.platform != "darwin" else 1024 * 1024))


def ours(url: str, folder: Path, *more: str) -> list[str]:
    settings = [
        f"KCNACRAWL_URL={url}",
        f"KCNACRAWL_DIR={folder}",
        "DOWNLOAD_DELAY=0",
        "CONCURRENT_REQUESTS_PER_DOMAIN=8",
        *more,
    ]
    return [*SCRAPY, "crawl", "source", "-L", "ERROR", *(word for one in settings for word in ("-s", one))]


def stock(url: str, folder: Path) -> list[str]:
    arguments = ["-a", f"site={url}", "-a", f"ajax_ids={AJAX_IDS}", "-L", "ERROR", "-o", str(folder / "articles.jsonl")]
    return [*SCRAPY, "runspider", str(HERE / "stock.py"), *arguments]


def by_hand(library: str) -> Callable[[str, Path], list[str]]:
    return lambda url, folder: [
        sys.executable,
        str(HERE / "by_hand.py"),
        library,
        url,
        AJAX_IDS,
        str(folder / "articles.jsonl"),
    ]


SIDES: dict[str, Callable[[str, Path], list[str]]] = {
    "bare Scrapy + parsel": stock,
    "kcnacrawl, KCNACRAWL_WARC=0": lambda url, folder: ours(url, folder, "KCNACRAWL_WARC=0"),
    "kcnacrawl with capture": ours,
    "aiohttp + selectolax": by_hand("aiohttp"),
    "requests + BeautifulSoup": by_hand("requests"),
}


def crawl(side: str, url: str) -> tuple[int, Cost]:
    """Crawl into a fresh folder; return how many articles were stored, and what it took."""
    with tempfile.TemporaryDirectory(prefix="kcnacrawl-") as name:
        folder = Path(name)
        # Stock settings are those of no project, so it runs where there is none.
        cost = run(SIDES[side](url, folder), ROOT if side.startswith("kcnacrawl") else folder)
        with (folder / "articles.jsonl").open("rb") as file:
            return sum(1 for _ in file), cost


def main(articles: int, rounds: int) -> None:
    print(f"{articles:,} articles of about 55 KB, {SOURCES} sources, no delay, 8 at a time, {rounds} rounds in turn")
    rates: dict[str, list[float]] = {side: [] for side in SIDES}
    with replica(articles) as url:
        crawl(next(iter(SIDES)), url)  # warms the cache
        for _ in range(rounds):
            for side, found in rates.items():
                count, cost = crawl(side, url)
                found.append(count / cost.seconds)
                print(
                    f"  {side:28}  {count:6,} stored  {cost.seconds:6.1f} s  {count / cost.seconds:6.0f}/s"
                    f"  CPU {cost.cpu / count * 1000:5.2f} ms an article  {cost.memory:5.0f} MB"
                )
    medians = {side: statistics.median(found) for side, found in rates.items()}
    bare = medians[next(iter(SIDES))]
    print("medians, against the first:")
    for side, rate in medians.items():
        print(f"  {side:28}  {rate:6.0f}/s  {rate / bare:5.2f} times")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:] or ["5000", "3"]))
