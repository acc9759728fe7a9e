"""``python benchmarks/reading.py [ARTICLES]``: what it takes to search a SQLite store, and to read it in a browser.

A store of ARTICLES (default: 5,000) is made; then words that nearly all, many and no articles hold are looked for, and
pages of ``scrapy browse`` are asked for, each twice.
"""

import http.client
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote, urlsplit

from archive import scrapy
from archives import articles, write
from bench import ROOT, run

WORDS = ("the", "김정은", "Institute", "nowhere")
PAGES = (
    *("/", "/store/articles", "/store/articles?source_label=Source+number+3+(Ko)&year=2020", "/store/revisions"),
    *(f"/store/articles?_search={quote(word)}" for word in WORDS),
    *("/store/articles?_search=the&source_label=Source+number+3+(Ko)", "/feed.atom", "/store/mentions?term=Institute"),
)


def find(folder: Path, word: str, *options: str) -> None:
    with (folder / "hits").open("w+b") as hits:
        cost = run(scrapy(folder, "find", "--jsonl", *options, word), stdout=hits)
        hits.seek(0)
        count = sum(1 for _ in hits)
    print(f"  {' '.join(['find', word, *options]):28} {count:9,} hits  {cost.seconds:6.1f} s  {cost.cpu:6.1f} of CPU")


def browse(folder: Path) -> None:
    words = scrapy(folder, "browse", "--port", "0")
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        address = next(word for word in server.stdout.readline().split() if word.startswith("http"))
        for page in PAGES:
            times = []
            for _ in range(2):
                started = time.perf_counter()
                connection = http.client.HTTPConnection(urlsplit(address).netloc)
                connection.request("GET", page)
                answer = connection.getresponse()
                answer.read()
                times.append(time.perf_counter() - started)
                connection.close()
            print(f"  {page[:60]:60}  {answer.status}  {times[0]:.2f} s, again {times[1]:.2f} s")
        server.send_signal(signal.SIGTERM)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="kcnacrawl-") as name:
        folder = Path(name)
        write(folder, articles(int(sys.argv[1] if len(sys.argv) > 1 else 5_000)))
        run(scrapy(folder, "sync", f"sqlite:///{folder}/store.sqlite"))
        for word in WORDS:
            find(folder, word, "--limit", "20")
            find(folder, word)
        browse(folder)


if __name__ == "__main__":
    main()
