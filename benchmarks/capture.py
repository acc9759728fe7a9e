"""What it costs to keep an exchange: CPU time and bytes on disk of a page of 67 KB, packed by the site and not.

Then the CPU time of whole crawls with it and without, each three times in turn.
"""

import gzip
import os
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench import ours, replica, run

from kcnacrawl.archive.warc.records import Exchange, Message
from kcnacrawl.archive.warc.writer import WarcWriter
from kcnacrawl.replica.markup_variant import VARIANTS
from kcnacrawl.replica.render import Renderer
from kcnacrawl.replica.world import World

PAGES = 1_000
BYTES = 67_000
ARTICLES = 1_000
ROUNDS = 3
REQUEST = [
    (b"Host", b"kcnawatch.org"),
    (b"User-Agent", b"kcnacrawl (+https://example.org; you@example.org)"),
    (b"Accept", b"text/html"),
    (b"Accept-Encoding", b"gzip"),
]


def pages() -> list[bytes]:
    """Pages of the replica, filled up with the texts of others."""
    world = World(articles=PAGES, sources=5)
    renderer = Renderer(world, VARIANTS["plain"], "https://kcnawatch.org")
    views = [view for one in world.ids() if (view := world.article(one)) is not None]
    rendered = [renderer.article(view) for view in views]
    texts = b"".join(page[page.find(b"<main") : page.find(b"</main>")] for page in rendered)
    return [(page + texts[at * 997 :])[:BYTES] for at, page in enumerate(rendered)]


def kept(page: bytes, at: int, *, packed: bool) -> Exchange:
    body = gzip.compress(page, 6) if packed else page
    headers = [(b"Content-Type", b"text/html; charset=UTF-8"), (b"Content-Length", b"%d" % len(body))]
    if packed:
        headers.append((b"Content-Encoding", b"gzip"))
    path = f"/newstream/1616497394-{at:09}/a-slug"
    return Exchange(
        url=f"https://kcnawatch.org{path}",
        when=datetime.now(UTC),
        request=Message(f"GET {path} HTTP/1.1".encode(), REQUEST, b""),
        response=Message(b"HTTP/1.1 200 OK", headers, body),
    )


def measure(exchanges: list[Exchange]) -> tuple[float, float]:
    """CPU milliseconds and kilobytes on disk an exchange, the index included."""
    with tempfile.TemporaryDirectory() as name:
        writer = WarcWriter(Path(name), "run", 10**9, {})
        writer.open()
        started = time.process_time()
        for one in exchanges:
            writer.keep(one)
            # As where each page is a group commit of its own.
            writer.sync()
            writer.learn()
        writer.close()
        spent = time.process_time() - started
        size = sum(path.stat().st_size for path in Path(name).iterdir())
    return spent / len(exchanges) * 1e3, size / len(exchanges) / 1024


def crawl(url: str, *, keep: bool) -> tuple[float, float]:
    """CPU seconds of one crawl, and the kilobytes of what it kept."""
    with tempfile.TemporaryDirectory() as name:
        cost = run(ours(url, Path(name).absolute(), f"KCNACRAWL_WARC={keep:d}"))
        return cost.cpu, sum(path.stat().st_size for path in Path(name).glob("warc/*")) / 1024


def main() -> None:
    found = pages()
    for packed in (True, False):
        spent, size = measure([kept(page, at, packed=packed) for at, page in enumerate(found)])
        how = "packed by the site" if packed else "not packed"
        print(f"a page of {BYTES // 1000} KB, {how}: {spent:.2f} ms of CPU, {size:.1f} KB on disk")
    seconds: dict[bool, list[float]] = {True: [], False: []}
    with replica(ARTICLES) as url:
        for _ in range(ROUNDS):
            for keep in (True, False):
                spent, size = crawl(url, keep=keep)
                seconds[keep].append(spent)
                if keep:
                    total = size
    more = statistics.median(seconds[True]) - statistics.median(seconds[False])
    print(
        f"a crawl of {ARTICLES} articles: {statistics.median(seconds[False]):.2f} s of CPU without,"
        f" {more:+.2f} s with it ({more / ARTICLES * 1e3:.2f} ms an article), {total / ARTICLES:.1f} KB an article"
    )


if __name__ == "__main__":
    os.chdir(Path(__file__).parent)
    main()
