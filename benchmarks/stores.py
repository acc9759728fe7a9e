"""``python benchmarks/stores.py [ARTICLES …]``: what it takes to fill each store, and to keep it up to date.

For each number of articles (default: 5,000) an archive is made, and all three stores are filled from it one after the
other; then each is synced with nothing new, and with 100 new articles of today. PostgreSQL is a server of its own,
started for this, without fsync. CPU is that of the command and of the process that helps it, not of the server.
"""

import itertools
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from archive import scrapy
from archives import TODAY, articles, write
from bench import ROOT, Cost, run

from kcnacrawl.items import Article

sys.path.insert(0, str(ROOT))
from tests.postgresql import running

NEWS = 100


def sync(folder: Path, store: str) -> Cost:
    return run(scrapy(folder, "sync", store))


def news(held: int) -> Iterator[Article]:
    """Articles of today."""
    for number, one in enumerate(itertools.islice(articles(NEWS * 2), NEWS)):
        begun = int(TODAY.timestamp()) + number
        yield replace(one, id=f"{begun:010}-{100_000_000 + held + number}", date_published=TODAY.date().isoformat())


def size(path: Path) -> int:
    return sum(one.stat().st_size for one in ([path] if path.is_file() else path.rglob("*")) if one.is_file())


def measure(folder: Path, count: int, stores: dict[str, Path | None]) -> None:
    write(folder, articles(count))
    path = folder / "articles.jsonl"
    with path.open("rb") as file:
        lines = sum(1 for _ in file)
    archive = path.stat().st_size
    print(f"{lines:,} records, {archive / 1e6:,.0f} MB")
    first = {store: sync(folder, store) for store in stores}
    nothing = {store: sync(folder, store) for store in stores}
    write(folder, news(count))
    for store, held in stores.items():
        cost, idle, more = first[store], nothing[store], sync(folder, store)
        times = f"{size(held) / archive:.2f} of the archive" if held else ""
        print(
            f"  {store.partition(':')[0]:10}  {cost.seconds:6.1f} s  {lines / cost.seconds:6,.0f}/s  "
            f"{cost.cpu / lines * 1e6:4.0f} µs of CPU a record  {cost.memory:4.0f} MB  {times}"
        )
        print(
            f"{'':12}  nothing new {idle.seconds:4.1f} s ({idle.cpu:.1f} of CPU), {NEWS} articles more "
            f"{more.seconds:4.1f} s ({more.cpu:.1f} of CPU), {more.memory:.0f} MB"
        )


def main() -> None:
    for count in map(int, sys.argv[1:] or ["5000"]):
        with tempfile.TemporaryDirectory(prefix="kcnacrawl-") as name, running() as server:
            folder = Path(name)
            sqlite, parquet = folder / "store.sqlite", folder / "parquet"
            stores = {f"sqlite:///{sqlite}": sqlite, server.new_database(): None, f"parquet:{parquet}": parquet}
            measure(folder, count, stores)


if __name__ == "__main__":
    main()
