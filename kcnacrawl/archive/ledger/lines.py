"""What a line of the log of articles tells the ledger."""

import hashlib
import unicodedata
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, Self

import msgspec
from msgspec import Raw

from ...items import Access, Article, ArticleId, Card, Count, Day, Instant, Sha256
from ..blocks import LogEnd, end_of, joined
from ..log import foreign
from ..ranges import in_ranges, lines_of, read_range


class Told(msgspec.Struct, gc=False):
    """A line as far as the ledger learns from it, read in a third of the time: of the other keys it is checked that
    they are there and are JSON. `scrapy verify` looks at them.
    """

    schema_version: Literal[1, 2]
    id: ArticleId
    revision: Count
    status: Literal["live", "gone"]
    url: str
    headline: str
    date_published: Day | None
    date_published_raw: Raw
    date_listed: Raw
    date_listed_raw: str | None
    url_time: Raw
    date_conflict: Raw
    source_id: int | None
    source_label: str | None
    source_name: str | None
    source_language: Raw
    in_language: Raw
    description: str | None
    article_body: Raw
    access: Access
    original_url: Raw
    images: Raw
    body_sha256: Sha256
    date_downloaded: Instant
    listing_url: str | None
    run_id: Raw


Row = tuple[Any, ...]


class Line(NamedTuple):
    """A line as the ledger keeps it, where it begins in the log, and of a truncated article its card, as JSON."""

    id: str
    revision: int
    digest: bytes
    source_id: int | None
    source_label: str | None
    source_name: str | None
    date_published: str | None
    date_downloaded: str
    status: str
    access: Access
    begin: int
    card: str | None

    @classmethod
    def of(cls, article: Article, begin: int = 0) -> Self:
        """Return what this line tells."""
        return cls(*row_of(article, begin))

    def says_the_same(self, before: "Line | None") -> bool:
        """Return True for a line on a page that was not downloaded again: it only knows more of the article."""
        return before is not None and (self.date_downloaded, self.digest, self.access) == (
            before.date_downloaded,
            before.digest,
            before.access,
        )


def row_of(article: Article | Told, begin: int) -> Row:
    """Return a :class:`Line` as what a table and a pipe take soonest."""
    return (
        article.id,
        article.revision,
        digest(article),
        article.source_id,
        article.source_label,
        article.source_name,
        article.date_published,
        article.date_downloaded,
        article.status,
        article.access,
        begin,
        msgspec.json.encode(card_of(article)).decode() if article.access == "truncated" else None,
    )


class AllLines:
    """All whole lines of the log of articles up to an offset, as rows; and when they were read, where they end. Raises
    :class:`StorageFailed` for what is no line of ours.
    """

    def __init__(self, log: Path, until: int) -> None:
        self._log = log
        self._until = until
        self._whole = self._read = 0

    def __iter__(self) -> Iterator[list[Row]]:
        for rows, length, crc in in_ranges(read_rows, self._log, 0, self._until):
            self._read, self._whole = self._read + length, joined(self._whole, crc, length)
            yield rows

    def end(self) -> LogEnd:
        """Return where the lines end that were read."""
        return end_of(self._log, self._read, self._whole)


def read_rows(log: Path, begin: int, end: int) -> tuple[list[Row], int, int]:
    """Read the lines of a range; return their rows, the range's length and its CRC-32."""
    text = read_range(log, begin, end)
    rows = list[Row]()
    for at, line in lines_of(text, begin):
        try:
            told = _told.decode(line)
            datetime.fromisoformat(told.date_downloaded)
        except (ValueError, RecursionError) as error:
            raise foreign(log, at, error) from error
        rows.append(row_of(told, at))
    return rows, len(text), zlib.crc32(text)


_told: Final = msgspec.json.Decoder(Told)


def digest(article: Article | Told) -> bytes:
    """Return the SHA-256 of what makes a revision: text, headline, date and status. How accents are put together makes
    none.
    """
    headline = unicodedata.normalize("NFC", article.headline)
    parts = (article.status, headline, article.date_published or "", article.body_sha256)
    return hashlib.sha256("\0".join(parts).encode()).digest()


def card_of(article: Article | Told) -> Card:
    """Return the card that a record was made with, as far as the record tells."""
    return Card(
        id=article.id,
        url=article.url,
        headline=article.headline,
        description=article.description,
        date_listed_raw=article.date_listed_raw,
        listing_url=article.listing_url,
    )
