"""``python benchmarks/merge.py [RECORDS]``: what it costs to bring four archives into one (default: 20,000 records).

Records are dealt to four archives, one in twenty to two of them; one in a hundred is in two with different texts. Then
they are merged into a new archive; merged once more; and merged when one of the four has a hundred more.
"""

import itertools
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from archive import scrapy
from archives import articles, write
from bench import run

from kcnacrawl.archive.ledger import body_sha256
from kcnacrawl.items import Article
from kcnacrawl.site.dates import instant

ARCHIVES = 4
TWICE = 20
CONFLICTING = 100
NEWS = 100


def dealt(records: Iterator[Article]) -> Iterator[tuple[int, list[Article]]]:
    """Which archive has which lines: all on an article go to one, and some to another as well."""
    for number, (_, group) in enumerate(itertools.groupby(records, key=lambda one: one.id)):
        lines = list(group)
        yield number % ARCHIVES, lines
        if number % CONFLICTING == 0:
            yield (number + 1) % ARCHIVES, [otherwise(lines[0])]
        elif number % TWICE == 0:
            yield (number + 1) % ARCHIVES, lines


def otherwise(one: Article) -> Article:
    """The article as another run would have found it an hour before."""
    body = f"{one.article_body}\n\nAs it was before."
    before = instant(datetime.fromisoformat(one.date_downloaded) - timedelta(hours=1))
    return replace(one, article_body=body, body_sha256=body_sha256(body), date_downloaded=before)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory(prefix="kcnacrawl-") as name:
        folders = [Path(name) / f"{number}" for number in range(ARCHIVES)]
        for folder in folders:
            folder.mkdir()
        records = articles(count + NEWS)
        lines = 0
        for archive, group in dealt(itertools.islice(records, count)):
            write(folders[archive], group)
            lines += len(group)
        print(f"{lines:,} records in {ARCHIVES} archives")
        for folder in folders:
            # As a run leaves them: with a ledger.
            run(
                scrapy(folder, "crawl", "recheck", "-a", "limit=1", "-s", "KCNACRAWL_URL=http://127.0.0.1:9"),
                may_fail=True,
            )
        merge = scrapy(Path(name) / "merged", "merge", *map(str, folders))
        for what in ("into a new archive", "once more", f"{NEWS} new"):
            if what.startswith(f"{NEWS}"):
                write(folders[0], records)
            cost = run(merge)
            print(f"  {what:20}{cost.seconds:7.2f} s  {cost.cpu:7.2f} s of CPU  {cost.memory:4.0f} MB", flush=True)


if __name__ == "__main__":
    main()
