"""The data contract: what travels from a page to the archive.

A spider yields :class:`ScrapedPage`; the pipelines turn it into :class:`Article`, which is a line of
``articles.jsonl``. What gives no article is :class:`Rejected`, a line of ``quarantine.jsonl``. Key names follow
schema.org ``NewsArticle`` in snake case.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Final, Literal

import msgspec

SCHEMA_VERSION: Literal[2] = 2
"""What new lines have. Lines of version 1 lack :data:`SINCE_2`, and are read as if those were ``None``."""

SINCE_2: Final = ("revision_cause", "warc_record_id")
"""The last keys of a line."""

Access = Literal["full", "truncated", "empty"]
Reason = Literal["sign_up_wall", "blocked", "not_found", "layout_changed", "bad_date", "too_large", "http_error"]
RevisionCause = Literal["first", "site", "reader"]
"""Why there is a line: the first on its article; the site shows something else; the bytes are the same, and more is
read from them or known of them.
"""
WALLS: Final[frozenset[Reason]] = frozenset({"sign_up_wall", "blocked"})
"""Reasons that say the site does not want to show the page, as it is asked."""

# `\Z`, not `$`: the latter admits a trailing newline.
ArticleId = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{10}-[0-9]{7,9}\Z")]
Day = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
Instant = Annotated[str, msgspec.Meta(pattern=r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\+00:00\Z")]
Sha256 = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]
Language = Annotated[str, msgspec.Meta(pattern=r"\A[a-z]{2}\Z")]
RecordId = Annotated[
    str, msgspec.Meta(pattern=r"\Aurn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
]
Count = Annotated[int, msgspec.Meta(ge=1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """An article as a listing announces it."""

    id: str
    url: str
    headline: str
    description: str | None = None
    date_listed_raw: str | None = None
    listing_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleFields:
    """What an article page says of itself, as it says it: nothing converted, nothing from elsewhere."""

    headline: str
    date_raw: str
    label: str
    article_body: str
    access: Access
    original_url: str | None = None
    images: tuple[str, ...] = ()
    source_id: int | None = None
    canonical_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapedPage:
    """One article page read, with its witnesses. What spiders yield."""

    id: str
    url: str
    fields: ArticleFields
    card: Card | None
    source_id: int | None
    date_downloaded: str
    warc_record_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One line of ``articles.jsonl``: every key on every line, ``None`` where unknown.

    ``date_published`` is the header's date, a Korean calendar day; the card's date and ``url_time`` (the time of
    ingestion, from the number in the address) stand beside it as witnesses and never replace it.
    """

    schema_version: Literal[1, 2] = SCHEMA_VERSION
    id: ArticleId
    revision: Count
    status: Literal["live", "gone"]
    url: str
    headline: str
    date_published: Day | None
    date_published_raw: str | None
    date_listed: Day | None
    date_listed_raw: str | None
    url_time: Instant
    date_conflict: bool
    source_id: int | None
    source_label: str | None
    source_name: str | None
    source_language: Language | None
    in_language: Language | None
    description: str | None
    article_body: str
    access: Access
    original_url: str | None
    images: tuple[str, ...]
    body_sha256: Sha256
    date_downloaded: Instant
    listing_url: str | None
    run_id: str
    revision_cause: RevisionCause | None = None
    warc_record_id: RecordId | None = None


def revised(held: Article, cause: RevisionCause, **changes: Any) -> Article:
    """Return the next line on an article, of whatever version the one is that is held."""
    fixed: dict[str, Any] = {"schema_version": SCHEMA_VERSION, "revision": held.revision + 1, "revision_cause": cause}
    return replace(held, **changes | fixed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """One line of ``quarantine.jsonl``: a page that gave no record. ``id`` is ``None`` for a listing."""

    id: ArticleId | None
    url: str
    reason: Reason
    detail: str
    seen_at: Instant
    run_id: str
    http_status: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source the home page names: ``sid`` as in ``/article/<sid>/``, ``ajax_id`` where it is known."""

    sid: int
    label: str
    url: str
    ajax_id: int | None = None
