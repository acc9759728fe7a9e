"""Archives made without a crawl: articles in random words, edited, and gone."""

import dataclasses
import json
import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec

from kcnacrawl.archive.ledger import body_sha256
from kcnacrawl.items import SINCE_2, Article

WORDS = [
    "김정은동지께서",
    "김정은",
    "정책을",
    "반제정책",
    "핵무력",
    "비핵",
    "책",
    "Pyongyang",
    "Café",
    "政策",
    "조선",
    "KPA군",
]


SOURCES = [
    (163, "Ministry of Foreign Affairs (EN)", "Ministry of Foreign Affairs", "en", "en"),
    (156, "KCNA.kp (En)", "KCNA.kp", "en", "en"),
    (161, "Rodong Sinmun (Kr)", "Rodong Sinmun", "ko", "ko"),
    (None, "(En)", None, "en", None),
]


def article(number: int, body: str, revision: int = 1, status: str = "live") -> Article:
    month, day = number % 12 + 1, number % 28 + 1
    source_id, label, name, source_language, language = SOURCES[number % len(SOURCES)]
    return Article(
        id=f"{1600000000 + number}-{100000000 + number}",
        revision=revision,
        status=status,
        url=f"https://kcnawatch.org/newstream/{1600000000 + number}-{100000000 + number}/slug",
        headline=f"Headline {number} <b>",
        date_published=None if number % 50 == 0 else f"{2015 + number % 7}-{month:02}-{day:02}",
        date_published_raw=None,
        date_listed=None,
        date_listed_raw=None,
        url_time="2021-03-23T11:03:14+00:00",
        date_conflict=False,
        source_id=source_id,
        source_label=label,
        source_name=name,
        source_language=source_language,
        in_language=language,
        description=None,
        article_body=body,
        access="truncated" if number % 17 == 0 else "full",
        original_url=None,
        images=("https://kcnawatch.org/a.jpg",),
        body_sha256=body_sha256(body),
        date_downloaded="2026-09-11T06:00:12+00:00",
        listing_url=None,
        run_id="20260911T060000Z-source-1f0c2a",
        **later_keys(number, revision),
    )


def later_keys(number: int, revision: int) -> dict[str, Any]:
    """What lines of version 1 lack: every fifth article is of it."""
    if number % 5 == 3:
        return {"schema_version": 1}
    record_id = f"urn:uuid:00000000-0000-4000-8000-{number:012}" if number % 5 else None
    return {"revision_cause": "first" if revision == 1 else "site", "warc_record_id": record_id}


def rewritten(one: Article, body: str, **changes: Any) -> Article:
    """The article with another text."""
    if one.schema_version > 1 and changes.get("revision", 1) > 1:
        changes.setdefault("revision_cause", "site")
    return dataclasses.replace(one, article_body=body, body_sha256=body_sha256(body), **changes)


def records(count: int) -> list[Article]:
    """Articles in random words; every tenth edited, every twentieth into another year too, every thirtieth gone."""
    choose = random.Random(7)
    first = [article(one, " ".join(choose.choices(WORDS, k=20))) for one in range(count)]
    edited = [rewritten(one, f"{one.article_body}\n\n새것", revision=2) for one in first[::10]]
    edited[1::2] = [dataclasses.replace(one, date_published="2024-01-01") for one in edited[1::2]]
    gone = [dataclasses.replace(one, revision=3, status="gone") for one in edited[::3]]
    return [*first, *edited, *gone]


def of_version_1(lines: list[Article]) -> list[Article]:
    """The same as lines of version 1."""
    return [dataclasses.replace(one, schema_version=1, **dict.fromkeys(SINCE_2)) for one in lines]


def write(folder: Path, lines: list[Article]) -> None:
    folder.mkdir(exist_ok=True)
    with (folder / "articles.jsonl").open("ab") as file:
        file.writelines(encoded(one) for one in lines)


def encoded(one: Article) -> bytes:
    """The line of a record, as its version has it."""
    line = msgspec.to_builtins(one)
    if one.schema_version == 1:
        line = {key: value for key, value in line.items() if key not in SINCE_2}
    return msgspec.json.encode(line) + b"\n"


def expected(lines: list[Article], *, latest: bool) -> list[tuple[object, ...]]:
    kept = {one.id if latest else (one.id, one.revision): one for one in lines}.values()
    rows = [tuple(getattr(one, field.name) for field in dataclasses.fields(one)) for one in kept]
    encoded = [tuple(json.dumps(cell) if isinstance(cell, tuple) else cell for cell in row) for row in rows]
    return sorted(encoded, key=lambda row: (str(row[1]), int(str(row[2]))))


def plain(cell: object) -> object:
    """A value as the archive has it, whatever type a store gives it."""
    match cell:
        case datetime():
            return cell.astimezone(UTC).isoformat()
        case date():
            return cell.isoformat()
        case list():
            return json.dumps(cell)
        case bool():
            return int(cell)
    return cell
