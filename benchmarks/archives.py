"""Archives as large as asked for, with revisions and tombstones: no crawl, no server."""

import hashlib
import random
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from kcnacrawl.items import Article
from kcnacrawl.replica.world import World
from kcnacrawl.site.dates import from_unix, instant

SOURCES = 30
DAYS = 28 * 365
TODAY = datetime.now(UTC).replace(hour=5, minute=0, second=0, microsecond=0)
# Most of an archive is taken at once, the rest as it appears.
BEGUN = TODAY - timedelta(days=300)
LANGUAGES = ["en", "en", "ko", "ko", "en", "zh", "ru", "es", "ja", "ar"]


def write(folder: Path, records: Iterable[Article]) -> None:
    """Appends records to the archive in a folder."""
    encode = msgspec.json.Encoder().encode
    with (folder / "articles.jsonl").open("ab") as file:
        file.writelines(encode(one) + b"\n" for one in records)


def articles(count: int) -> Iterator[Article]:
    """Records as runs would have taken them, of some 5 KB; one in 25 edited, one in 200 gone after that."""
    choose = random.Random(11)
    paragraphs = list(_paragraphs())
    for number in range(count):
        source = min(int(choose.expovariate(0.12)), SOURCES - 1)
        age = min(int(choose.triangular(0, DAYS - source * 200, 0)), DAYS)
        day = TODAY - timedelta(days=age)
        taken = BEGUN + timedelta(minutes=choose.randrange(20_000)) if day < BEGUN else day
        taken = min(taken + timedelta(hours=choose.expovariate(0.03)), TODAY)
        name, language = f"Source number {source}", LANGUAGES[source % len(LANGUAGES)]
        body = "\n\n".join(choose.choices(paragraphs, k=14))
        first = Article(
            id=f"{int(day.timestamp()):010}-{100_000_000 + number}",
            revision=1,
            status="live",
            url=f"https://kcnawatch.org/newstream/{int(day.timestamp()):010}-{100_000_000 + number}/headline",
            headline=f"Headline {number} of {name}",
            date_published=day.date().isoformat(),
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
            body_sha256=hashlib.sha256(unicodedata.normalize("NFC", body).encode()).hexdigest(),
            date_downloaded=instant(taken),
            listing_url=None,
            run_id="20260101T000000Z-source-000000",
            revision_cause="first",
        )
        yield first
        if number % 25 == 0:
            seen = instant(min(taken + timedelta(days=choose.choice([1, 3, 7, 30, 180])), TODAY))
            again = replace(
                first,
                revision=2,
                revision_cause="site",
                headline=f"{first.headline}, edited",
                access="full",
                date_downloaded=seen,
            )
            yield again
            if number % 200 == 0:
                yield replace(again, revision=3, status="gone", date_downloaded=seen)


def _paragraphs() -> Iterator[str]:
    """The replica's texts, which have a vocabulary, in English and Korean."""
    world = World(articles=1_000, sources=12)
    for one in world.ids():
        yield from filter(None, str(world.truth(one)["article_body"]).split("\n\n"))
