"""``make demo``: the main job from end to end on the replica, with nothing but this package."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

from kcnacrawl.replica.server import Replica
from kcnacrawl.replica.world import World

FOLDER = Path("output/demo")
ARTICLES = 400


def main() -> int:
    """Crawl a replica of 400 articles and show what was found; return the crawl's exit code."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    with Replica(World(articles=ARTICLES)) as replica:
        command = [
            *("scrapy", "crawl", "source"),
            *("-s", f"KCNACRAWL_URL={replica.url}", "-s", f"KCNACRAWL_DIR={FOLDER}"),
            *("-s", "DOWNLOAD_DELAY=0", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=8"),
        ]
        print(f"A replica of the site, {ARTICLES} generated articles, is served at {replica.url}\n")
        print("$ " + " ".join(command), flush=True)
        code = subprocess.run([sys.executable, "-m", *command], check=False).returncode  # noqa: S603 - our own words
    print(f"\nexit code {code}\n")
    if (FOLDER / "articles.jsonl").exists():
        show([json.loads(line) for line in (FOLDER / "articles.jsonl").open(encoding="utf-8")])
    return code


def show(records: list[dict[str, str]]) -> None:
    """Print what was found, in a few lines, and where it is."""
    for label, count in Counter(record["source_label"] for record in records).most_common():
        print(f"{count:6}  {label}")
    days = sorted(record["date_published"] for record in records)
    print(f"{len(records):6}  in all, published from {days[0]} to {days[-1]}\n")
    example = next(record for record in records if record["access"] == "full" and record["date_listed"])
    for key in ("id", "headline", "date_published", "date_published_raw", "date_listed_raw", "source_label", "url"):
        print(f"{key:>18}  {example[key]}")
    print(f"{'article_body':>18}  {example['article_body'][:80]}…\n")
    print(f"records     {FOLDER}/articles.jsonl\nquarantine  {FOLDER}/quarantine.jsonl\nreport      {FOLDER}/runs/")


if __name__ == "__main__":
    sys.exit(main())
