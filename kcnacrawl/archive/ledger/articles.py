"""What the latest line on each article says."""

import hashlib
import sqlite3
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from ...items import Access, Article
from .database import Database


@dataclass(frozen=True, slots=True)
class Known:
    """What the latest line on an article says."""

    revision: int
    digest: bytes
    access: Access
    source_id: int | None
    source_name: str | None

    @classmethod
    def of(cls, article: Article) -> Self:
        """Return what this line says."""
        return cls(article.revision, digest(article), article.access, article.source_id, article.source_name)


@dataclass(frozen=True, slots=True)
class Unattributed:
    """The latest line on an article that names no source, or not its name, and the list that the article stands in."""

    id: str
    source_id: int | None
    name: str | None
    label: str
    list_key: int | None


class Articles:
    """The table ``articles``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def latest(self, article_id: str) -> Known | None:
        """Return what the latest line on an article says, if any is held."""
        with self._database.guard():
            row = self._database.execute(
                "SELECT revision, digest, access, source_id, source_name FROM articles WHERE id = ?", (article_id,)
            ).fetchone()
        return Known(*row) if row else None

    def held(self, ids: Iterable[str]) -> set[str]:
        """Return those of ``ids`` that the archive holds."""
        with self._database.guard():
            execute = self._database.execute
            return {one for one in ids if execute("SELECT 1 FROM articles WHERE id = ?", (one,)).fetchone()}

    def count(self) -> int:
        """Return how many articles the archive holds."""
        with self._database.guard():
            return int(self._database.execute("SELECT count(*) FROM articles").fetchone()[0])

    def source_of(self, article_id: str) -> int | None:
        """Return the sid of a held article's source, if it is known."""
        with self._database.guard():
            row = self._database.execute("SELECT source_id FROM articles WHERE id = ?", (article_id,)).fetchone()
        return row[0] if row else None

    def published_days(self, sid: int, most: int) -> list[str]:
        """Return the newest days a source published on, as far as held: newest first, each once, at most ``most``."""
        days: list[str] = []
        with self._database.guard():
            while len(days) < most:
                # Day by day: each is one step in the index, however many articles it has.
                row = self._database.execute(
                    "SELECT max(date_published) FROM articles WHERE source_id = ? AND date_published < ?",
                    (sid, days[-1] if days else "~"),
                ).fetchone()
                if row[0] is None:
                    break
                days.append(row[0])
        return days

    def unattributed(self, after: str, most: int) -> list[Unattributed]:
        """Return articles whose line has no source, or not its name: at most ``most``, in the order of their ids, with
        ids greater than ``after``. Of several lists that an article stands in, the one with the lowest sid is given.
        """
        with self._database.guard():
            rows = self._database.execute(
                "SELECT id, source_id, source_name, source_label,"
                " (SELECT key FROM listed JOIN sources ON key = listed.list"
                " WHERE listed.id = articles.id AND sid IS NOT NULL ORDER BY sid LIMIT 1) FROM articles"
                " WHERE (source_id IS NULL OR source_name IS NULL) AND id > ? AND source_label IS NOT NULL"
                " ORDER BY id LIMIT ?",
                (after, most),
            ).fetchall()
        return [Unattributed(*row) for row in rows]

    # Inside a transaction of the ledger's

    def says_the_same(self, db: sqlite3.Connection, article: Article) -> bool:
        """Return True for a line on a page that was not downloaded again: it only knows more of the article."""
        sql = "SELECT 1 FROM articles WHERE id = ? AND date_downloaded = ? AND digest = ? AND access = ?"
        values = (article.id, article.date_downloaded, digest(article), article.access)
        return db.execute(sql, values).fetchone() is not None

    def was_held_at(self, db: sqlite3.Connection, article_id: str, moment: str) -> bool:
        """Return True if an article was downloaded at a moment, or later."""
        sql = "SELECT 1 FROM articles WHERE id = ? AND date_downloaded >= ?"
        return db.execute(sql, (article_id, moment)).fetchone() is not None

    def put(self, db: sqlite3.Connection, article: Article) -> None:
        """Remember what a line says."""
        db.execute(
            "INSERT INTO articles (id, revision, digest, source_id, source_label, source_name, date_published,"
            " date_downloaded, status, access) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
            " revision = excluded.revision, digest = excluded.digest, source_id = excluded.source_id,"
            " source_label = excluded.source_label, source_name = excluded.source_name,"
            " date_published = excluded.date_published, date_downloaded = excluded.date_downloaded,"
            " status = excluded.status, access = excluded.access",
            (
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
            ),
        )


def digest(article: Article) -> bytes:
    """Return the SHA-256 of what makes a revision: text, headline, date and status. How accents are put together makes
    none.
    """
    return _digest(article, unicodedata.normalize("NFC", article.headline))


def digest_to_the_letter(article: Article) -> bytes:
    """Return the digest that ledgers before version 4 had of an article."""
    return _digest(article, article.headline)


def _digest(article: Article, headline: str) -> bytes:
    parts = (article.status, headline, article.date_published or "", article.body_sha256)
    return hashlib.sha256("\0".join(parts).encode()).digest()


def body_sha256(body: str) -> str:
    """Return the SHA-256 of a body in NFC, as UTF-8, in hexadecimal."""
    return hashlib.sha256(unicodedata.normalize("NFC", body).encode()).hexdigest()
