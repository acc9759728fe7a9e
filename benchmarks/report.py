"""``python benchmarks/report.py [FOLDER] [ARTICLES]``: how long ``scrapy report`` takes, and what memory.

FOLDER (default: one that is thrown away) gets an archive of ARTICLES (default: 200,000) in 30 sources over 28 years,
its ledger and its store, by the project's own means; that takes minutes. One that is there already is only measured.
"""

import asyncio
import hashlib
import os
import random
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
from bench import ROOT, SCRAPY, run

from kcnacrawl.archive.archive import Archive
from kcnacrawl.archive.log import write_whole
from kcnacrawl.dates import from_unix, instant
from kcnacrawl.items import Article, Card, Rejected
from kcnacrawl.walk import Rewalk, Walk, Window

ROUNDS = 3
SOURCES = 30
DAYS = 28 * 365
TODAY = datetime.now(UTC).replace(hour=5, minute=0, second=0, microsecond=0)
# Most of an archive is taken at once, the rest as it appears.
BEGUN = TODAY - timedelta(days=300)
WORDS = [
    "The",
    "workers",
    "of",
    "Pyongyang",
    "Kim Jong Un",
    "김정은동지께서",
    "당의",
    "인민은",
    "поезд",
    "政策",
    "a",
    "steel",
]
LANGUAGES = ["en", "en", "ko", "ko", "en", "zh", "ru", "es", "ja", "ar"]
SPIDERS = ["source", "source", "recheck", "sitemap", "search"]
VERDICTS = [("ok", 0)] * 8 + [("incomplete", 3), ("refused", 5), ("interrupted", 143), ("layout_changed", 4)]


def articles(count: int) -> Iterator[Article]:
    """Records as runs would have taken them, of some 5 KB; one in 25 edited, one in 200 of those then gone."""
    choose = random.Random(11)
    paragraphs = [" ".join(choose.choices(WORDS, k=60)) for _ in range(500)]
    for number in range(count):
        source = min(int(choose.expovariate(0.12)), SOURCES - 1)
        age = min(int(choose.triangular(0, DAYS - source * 200, 0)), DAYS)
        day = TODAY - timedelta(days=age)
        taken = BEGUN + timedelta(minutes=choose.randrange(20_000)) if day < BEGUN else day
        taken = min(taken + timedelta(hours=choose.expovariate(0.03)), TODAY)
        name, language = f"Source number {source}", LANGUAGES[source % len(LANGUAGES)]
        body = "\n\n".join(choose.choices(paragraphs, k=8))
        first = Article(
            id=f"{int(day.timestamp()):010}-{100_000_000 + number}",
            revision=1,
            status="live",
            url=f"https://kcnawatch.org/newstream/{int(day.timestamp()):010}-{100_000_000 + number}/headline",
            headline=f"Headline {number} of {name}",
            date_published=None if number % 5_000 == 0 else day.date().isoformat(),
            date_published_raw=f"{day:%d/%m/%Y}",
            date_listed=day.date().isoformat(),
            date_listed_raw=f"{day:%B %d, %Y}",
            url_time=from_unix(int(day.timestamp())),
            date_conflict=False,
            source_id=150 + source,
            source_label=f"{name} ({language.title()})",
            source_name=name,
            source_language=language,
            in_language=language if choose.random() < 0.93 else choose.choice(LANGUAGES),
            description=None,
            article_body=body,
            access="truncated" if choose.random() < source / 200 and age < 3_000 else "full",
            original_url=None,
            images=(),
            body_sha256=hashlib.sha256(body.encode()).hexdigest(),
            date_downloaded=instant(taken),
            listing_url=None,
            run_id="20260101T000000Z-source-000000",
        )
        yield first
        if number % 25 == 0:
            seen = instant(min(taken + timedelta(days=choose.choice([1, 3, 7, 30, 180])), TODAY))
            again = replace(
                first, revision=2, headline=f"{first.headline}, edited", access="full", date_downloaded=seen
            )
            yield again
            if number % 200 == 0:
                yield replace(again, revision=3, status="gone", date_downloaded=seen)


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
        ledger.learn_source(
            sid=150 + source, ajax_id=None, label=f"Source number {source} ({LANGUAGES[source % 10].title()})"
        )
        since = "" if source % 3 else (TODAY - timedelta(days=5_000)).date().isoformat()
        upper = Walk(Window(), Rewalk(TODAY.date()), since=since, until=TODAY.date().isoformat(), newest=TODAY.date())
        if source % 4 == 1:
            upper.since = "2015-03-10"
            lower = Walk(Window(until=date(2013, 7, 1)), Rewalk(TODAY.date()), since="", until="2013-07-01")
            ledger.record_page(name, lower, 900, [], TODAY)
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
        ledger.record_page(name, upper, 0, cards, TODAY)
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
    with (folder / "articles.jsonl").open("wb") as file:
        file.writelines(encode(one) + b"\n" for one in articles(count))
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
