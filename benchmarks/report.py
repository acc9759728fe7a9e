"""``python benchmarks/report.py [FOLDER] [ARTICLES]``: how long ``scrapy report`` takes, and what memory.

FOLDER (default: one that is thrown away) gets an archive of ARTICLES (default: 200,000) in 30 sources over 28 years,
its ledger and its store, by the project's own means; that takes minutes. One that is there already is only measured.
"""

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import msgspec
from archives import LANGUAGES, SOURCES, TODAY, articles, write
from bench import ROOT, SCRAPY, run

from kcnacrawl.archive.archive import Archive
from kcnacrawl.archive.log import write_whole
from kcnacrawl.items import Card, Rejected
from kcnacrawl.paging.walk import Rewalk, Walk
from kcnacrawl.paging.window import Window
from kcnacrawl.site.dates import instant

ROUNDS = 3
SPIDERS = ["source", "source", "recheck", "sitemap", "search"]
VERDICTS = [("ok", 0)] * 8 + [("incomplete", 3), ("refused", 5), ("interrupted", 143), ("layout_changed", 4)]


def rejections() -> Iterator[Rejected]:
    for number in range(400):
        day = TODAY - timedelta(days=number * 23)
        article_id = f"{int(day.timestamp()):010}-{200_000_000 + number}"
        yield Rejected(
            id=article_id,
            url=f"https://kcnawatch.org/newstream/{article_id}/headline",
            reason=("http_error", "not_found", "sign_up_wall")[number % 3],
            detail="HTTP status 500",
            seen_at=instant(TODAY),
            run_id="20260101T000000Z-source-000000",
            http_status=500,
        )


async def learn(folder: Path) -> None:
    """Has the project make the ledger, and remember walks that left a gap here and there."""
    archive = Archive(folder)
    archive.open()
    for source in range(SOURCES):
        ledger, name = archive.ledger, str(150 + source)
        ledger.sources.learn(
            sid=150 + source, ajax_id=None, label=f"Source number {source} ({LANGUAGES[source % 10].title()})"
        )
        since = "" if source % 3 else (TODAY - timedelta(days=5_000)).date().isoformat()
        upper = Walk(Window(), Rewalk(TODAY.date()), since=since, until=TODAY.date().isoformat(), newest=TODAY.date())
        if source % 4 == 1:
            upper.since = "2015-03-10"
            lower = Walk(Window(until=date(2013, 7, 1)), Rewalk(TODAY.date()), since="", until="2013-07-01")
            ledger.walked.record(name, lower, 900, [], TODAY)
        cards = [
            Card(
                id=f"{int(day.timestamp()):010}-{200_000_000 + number}",
                url="/",
                headline="",
                date_listed_raw=f"{day:%B %d, %Y}",
            )
            for number in range(source, 400, SOURCES)
            for day in (TODAY - timedelta(days=number * 23),)
        ]
        ledger.walked.record(name, upper, 0, cards, TODAY)
    await archive.close()


def report(number: int) -> dict[str, object]:
    start = TODAY - timedelta(hours=12 * number)
    spider, (verdict, code) = SPIDERS[number % 5], VERDICTS[number * 7 % 12]
    return {
        "run_id": f"{start:%Y%m%dT%H%M%SZ}-{spider}-{number:06x}",
        "spider": spider,
        "arguments": {"source": "all"} if number % 2 else {},
        "start": instant(start),
        "end": instant(start + timedelta(seconds=40 + number * 13)),
        "finish_reason": "finished",
        "verdict": verdict,
        "exit_code": code,
        "message": "7 pages failed or could not be read and are owed" if code else "",
        "counts": {"articles/new": number % 40, "articles/revised": number % 3, "owed": 7 if code == 3 else 0},
    }


def make(folder: Path, count: int) -> None:
    """Archive, ledger, reports and store."""
    encode = msgspec.json.Encoder().encode
    (folder / "runs").mkdir(parents=True)
    write(folder, articles(count))
    with (folder / "quarantine.jsonl").open("wb") as file:
        file.writelines(encode(one) + b"\n" for one in rejections())
    for one in map(report, range(200)):
        write_whole(folder / "runs" / f"{one['run_id']}.json", encode(one))
    asyncio.run(learn(folder))
    seconds, _ = run([*SCRAPY, "sync", "-s", f"KCNACRAWL_DIR={folder}", f"sqlite:///{folder}/store.sqlite"], ROOT)
    print(f"made and synced {count:,} articles in {folder}; the sync alone took {seconds:.0f} s")


def measure(folder: Path) -> None:
    size, page = (folder / "articles.jsonl").stat().st_size / 1e6, folder / "report.html"
    for _ in range(ROUNDS):
        before = os.times()
        seconds, memory = run([*SCRAPY, "report", "-s", f"KCNACRAWL_DIR={folder}"], ROOT)
        cpu = sum(os.times()[2:4]) - sum(before[2:4])
        print(f"archive {size:,.0f} MB: {seconds:.1f} s ({cpu:.1f} s of CPU), {memory:.0f} MB of memory", end="")
        print(f", page {page.stat().st_size / 1e6:.2f} MB")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="kcnacrawl-") as name:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else f"{name}/archive").absolute()
        if not folder.exists():
            make(folder, int(sys.argv[2]) if len(sys.argv) > 2 else 200_000)
        measure(folder)


if __name__ == "__main__":
    main()
