"""Archives as large as asked for, with revisions and tombstones, out of the replica's world: no crawl, no server."""

import dataclasses
import hashlib
import unicodedata
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from kcnacrawl.items import Article
from kcnacrawl.replica.world import World

SITE = "https://kcnawatch.org"
EDITED, GONE = 25, 100
"""One article in so many is edited later, or removed."""


def append(folder: Path, world: World, ids: list[str]) -> int:
    """Appends articles of a world to an archive, then what became of them; returns how many records that is."""
    folder.mkdir(parents=True, exist_ok=True)
    encoder, count = msgspec.json.Encoder(), 0
    with (folder / "articles.jsonl").open("ab") as file:
        for record in _records(world, ids):
            file.write(encoder.encode(record) + b"\n")
            count += 1
    return count


def _records(world: World, ids: list[str]) -> Iterator[Article]:
    for one in ids:
        yield _article(world, one)
    for one in ids[::EDITED]:
        yield _later(_article(world, one), 2, article_body="A correction was made to this text.")
    for one in ids[::GONE]:
        yield _later(_article(world, one), 3, status="gone", article_body="A correction was made to this text.")


def _article(world: World, article_id: str) -> Article:
    truth = world.truth(article_id, SITE)
    body, taken = str(truth["article_body"]), datetime.fromisoformat(str(truth["url_time"])) + timedelta(hours=7)
    fields = {name: value for name, value in truth.items() if name not in {"gate", "url_path", "images", "status"}}
    made = {
        "revision": 1,
        "status": "live",
        "url": f"{SITE}{truth['url_path']}",
        "images": truth["images"],
        "body_sha256": _digest(body),
        "date_downloaded": taken.isoformat(),
        "listing_url": None,
        "run_id": f"{taken:%Y%m%d}T060000Z-source-1f0c2a",
    }
    return msgspec.convert(fields | made, Article)


def _later(article: Article, revision: int, *, article_body: str, **fields: str) -> Article:
    taken = datetime.fromisoformat(article.date_downloaded) + timedelta(days=revision)
    body = f"{article.article_body}\n\n{article_body}"
    changed = {"article_body": body, "body_sha256": _digest(body), "date_downloaded": taken.isoformat(), **fields}
    return dataclasses.replace(article, revision=revision, **changed)  # type: ignore[arg-type]


def _digest(body: str) -> str:
    return hashlib.sha256(unicodedata.normalize("NFC", body).encode()).hexdigest()
