"""``python benchmarks/changes.py [ARTICLES]``: what ``scrapy changes`` takes.

An archive of ARTICLES (default: 100,000) is made, and feeds of it and of parts of it are written.
"""

import sys
import tempfile
from pathlib import Path

from archives import articles, write
from bench import ROOT, SCRAPY, run

ASKED = (
    ("--new", "--since", "1d"),
    ("--new",),
    (),
    ("--new", "--source", "Source number 3 (Ko)"),
    ("--new", "--query", "핵무력 사절단"),
)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="kcnacrawl-") as name:
        folder = Path(name)
        write(folder, articles(int(sys.argv[1] if len(sys.argv) > 1 else 100_000)))
        path = folder / "articles.jsonl"
        with path.open("rb") as file:
            print(f"{sum(1 for _ in file):,} records, {path.stat().st_size / 1e6:,.0f} MB")
        for asked in ASKED:
            words = ["changes", "-s", f"KCNACRAWL_DIR={folder}", *asked, "--atom", str(folder / "feed.xml")]
            seconds, memory = run([*SCRAPY, *words], ROOT)
            print(f"  {' '.join(asked) or 'edits and removals':40}  {seconds:6.1f} s  {memory:4.0f} MB")


if __name__ == "__main__":
    main()
