"""``make bench``: kcnacrawl with all pipelines and durability on, beside stock Scrapy, on the same pages in one run.

Both sides crawl the same replica one after the other, three times each in turn, without delay and with eight requests
at a time; the medians are compared. Then memory after 5,000 articles and after 50,000.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kcnacrawl.replica.world import OUTLETS

ROOT = Path(__file__).resolve().parent.parent
SCRAPY = [sys.executable, "-m", "scrapy"]
SOURCES = 5
ROUNDS = 3
SMALL, LARGE = 5_000, 50_000
# A process between, so that the peak is this crawl's and not the largest of all children's.
PROBE = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@contextmanager
def replica(articles: int) -> Iterator[str]:
    """A replica in a process of its own; gives its address."""
    command = [*SCRAPY, "replica", "--port", "0", "--articles", str(articles), "--sources", str(SOURCES)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield next(word for word in server.stdout.readline().split() if word.startswith("http"))
        finally:
            server.terminate()


def run(command: list[str], folder: Path) -> tuple[float, float]:
    """Wall-clock seconds and peak memory in MB of one crawl."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *command], cwd=folder, check=True, stdout=subprocess.PIPE, text=True
    )
    unit = 1024 if sys.platform != "darwin" else 1024 * 1024
    return time.perf_counter() - started, int(done.stdout.splitlines()[-1]) / unit


def ours(url: str, folder: Path) -> list[str]:
    settings = [
        f"KCNACRAWL_URL={url}",
        f"KCNACRAWL_DIR={folder}",
        "DOWNLOAD_DELAY=0",
        "CONCURRENT_REQUESTS_PER_DOMAIN=8",
    ]
    return [*SCRAPY, "crawl", "source", "-L", "ERROR", *(word for one in settings for word in ("-s", one))]


def stock(url: str, folder: Path) -> list[str]:
    ids = ",".join(str(outlet.ajax_id) for outlet in OUTLETS[:SOURCES])
    spider = str(ROOT / "benchmarks/stock.py")
    arguments = ["-a", f"site={url}", "-a", f"ajax_ids={ids}", "-L", "ERROR", "-o", str(folder / "articles.jsonl")]
    return [*SCRAPY, "runspider", spider, *arguments]


def crawl(side: str, url: str) -> tuple[int, float, float]:
    """Articles stored, seconds and peak memory in MB of one crawl into a fresh folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Stock settings are those of no project, so it runs where there is none.
        where = ROOT if side == "kcnacrawl" else folder
        seconds, memory = run((ours if side == "kcnacrawl" else stock)(url, folder), where)
        with (folder / "articles.jsonl").open("rb") as file:
            return sum(1 for _ in file), seconds, memory


def throughput() -> None:
    print(f"{SMALL:,} articles of about 55 KB, {SOURCES} sources, no delay, 8 at a time, {ROUNDS} rounds in turn")
    rates: dict[str, list[float]] = {"kcnacrawl": [], "stock Scrapy": []}
    with replica(SMALL) as url:
        for _ in range(ROUNDS):
            for side, found in rates.items():
                count, seconds, memory = crawl(side, url)
                found.append(count / seconds)
                print(f"  {side:12}  {count:6,} stored  {seconds:6.1f} s  {count / seconds:6.0f}/s  {memory:5.0f} MB")
    mine, theirs = (statistics.median(found) for found in rates.values())
    print(f"medians: kcnacrawl {mine:.0f}/s, stock Scrapy {theirs:.0f}/s: {mine / theirs:.2f} times\n")


def memory() -> None:
    peaks = {}
    for articles in (SMALL, LARGE):
        with replica(articles) as url:
            count, seconds, peaks[articles] = crawl("kcnacrawl", url)
            print(f"  {count:6,} stored  {seconds:6.1f} s  {count / seconds:6.0f}/s  peak {peaks[articles]:.0f} MB")
    print(f"memory: {peaks[LARGE] / peaks[SMALL]:.2f} times after ten times the articles")


if __name__ == "__main__":
    throughput()
    memory()
