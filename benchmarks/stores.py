"""``python benchmarks/stores.py [ARTICLES …]``: what it takes to fill each store, and to keep it up to date.

For each number of articles (default: 20,000 and 100,000) an archive is made, and all three stores are filled from it
one after the other; then 200 articles are added, and they are brought up to date. PostgreSQL is a server of its own,
started for this, without fsync.
"""

import itertools
import sys
import tempfile
from pathlib import Path

from archives import articles, write
from bench import ROOT, SCRAPY, Cost, run

sys.path.insert(0, str(ROOT))
from tests.postgresql import running

NEWS = 200


def sync(folder: Path, store: str) -> Cost:
    return run([*SCRAPY, "sync", "-s", f"KCNACRAWL_DIR={folder}", store])


def measure(folder: Path, count: int, stores: list[str]) -> None:
    records = articles(count + NEWS)
    write(folder, itertools.islice(records, count))
    path = folder / "articles.jsonl"
    with path.open("rb") as file:
        lines = sum(1 for _ in file)
    print(f"{lines:,} records, {path.stat().st_size / 1e6:,.0f} MB")
    filled = {store: sync(folder, store) for store in stores}
    write(folder, records)
    for store, cost in filled.items():
        later, name = sync(folder, store).seconds, store.partition(":")[0]
        print(
            f"  {name:10}  {cost.seconds:6.1f} s  {lines / cost.seconds:6,.0f}/s  {cost.memory:4.0f} MB;"
            f" news {later:4.1f} s"
        )


def main() -> None:
    for count in map(int, sys.argv[1:] or ["20000", "100000"]):
        with tempfile.TemporaryDirectory(prefix="kcnacrawl-") as name, running() as server:
            folder = Path(name)
            measure(folder, count, [f"sqlite:///{name}/store.sqlite", server.new_database(), f"parquet:{name}/parquet"])


if __name__ == "__main__":
    main()
