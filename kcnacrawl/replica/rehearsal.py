"""``make rehearsal``: the first contact with a site whose mark-up no reader knows.

Given once, it shows what a person sees: `doctor`'s table, a crawl that ends with exit code 4, a quarantine full of
pages that are kept. Given again, after a reader was mended, it reads those pages anew, without a request, and compares.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from kcnacrawl.replica.server import Replica
from kcnacrawl.replica.world import World

FOLDER: Final = Path("output/rehearsal")
ARTICLES: Final = 120
SOURCES: Final = 2


def main() -> int:
    """Play the part that is due; return 0 if every record is as the site shows it, 4 until then."""
    archive = FOLDER / "archive"
    return compare(archive) if (archive / "quarantine.jsonl").exists() else meet(archive)


def meet(archive: Path) -> int:
    """Look at the site and crawl it."""
    with Replica(World(articles=ARTICLES, sources=SOURCES)) as replica:
        replica.faults.add("^/newstream/", "lost", field="label", way="renamed")
        site = ("-s", f"KCNACRAWL_URL={replica.url}", "-s", f"KCNACRAWL_DIR={archive}")
        pace = ("-s", "DOWNLOAD_DELAY=0", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=8")
        run("doctor", "--save", str(FOLDER / "saved"), *site, "-s", "DOWNLOAD_DELAY=0")
        run("crawl", "source", "-L", "ERROR", *site, *pace)
    rejected = (archive / "quarantine.jsonl").read_text(encoding="utf-8").splitlines()
    print(f"\n{len(rejected)} pages are in quarantine, none is lost: {archive}/warc/ keeps them. The first says:")
    print(f"  {json.loads(rejected[0])['detail']}\n")
    print(f"The page that doctor kept is {FOLDER}/saved/article/article/input.html. Look how its header is written,")
    print("have kcnacrawl/pages/header.py know it as well, and give this command again.")
    return 4


def compare(archive: Path) -> int:
    """Read what is kept anew, and tell how many records are as the site shows them."""
    run("reparse", "-s", f"KCNACRAWL_DIR={archive}")
    world = World(articles=ARTICLES, sources=SOURCES)
    truths = [truth for name in world.ids() if (truth := world.truth(name))["gate"] is None]
    lines = (archive / "articles.jsonl").read_text(encoding="utf-8").splitlines()
    records = {one["id"]: one for one in map(json.loads, lines)}
    told = ("headline", "date_published", "source_label", "article_body", "access")
    right = sum(all(records.get(truth["id"], {}).get(name) == truth[name] for name in told) for truth in truths)
    print(f"\n{right} of {len(truths)} articles are stored as the site shows them.")
    if right == len(truths):
        shutil.rmtree(FOLDER)
        print("That is all of them. The rehearsal is over, and its folder removed.")
        return 0
    print("The others are still in quarantine, or read wrong: mend the reader, and give this command again.")
    return 4


def run(*words: str) -> None:
    """Show a command and run it."""
    print("\n$ scrapy " + " ".join(words), flush=True)
    subprocess.run([sys.executable, "-m", "scrapy", *words], check=False)  # noqa: S603 - our own words


if __name__ == "__main__":
    sys.exit(main())
