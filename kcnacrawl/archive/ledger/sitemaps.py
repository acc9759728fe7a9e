"""The sitemaps as they were last read."""

from dataclasses import dataclass

from .database import Database


@dataclass(frozen=True, slots=True)
class KnownSitemap:
    """A sitemap as it was read at ``seen``: its ``lastmod`` in the index, and what its answer said of its version."""

    seen: str
    lastmod: str | None
    etag: str | None
    last_modified: str | None


class Sitemaps:
    """The table ``sitemaps``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, url: str) -> KnownSitemap | None:
        """Return how a sitemap was when all that it leads to was last wanted."""
        with self._database.guard():
            row = self._database.execute(
                "SELECT seen, lastmod, etag, last_modified FROM sitemaps WHERE url = ?", (url,)
            ).fetchone()
        return KnownSitemap(*row) if row else None

    def record(self, url: str, known: KnownSitemap) -> None:
        """Record that all that a sitemap leads to is wanted or held."""
        with self._database.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO sitemaps VALUES (?, ?, ?, ?, ?)",
                (url, known.seen, known.lastmod, known.etag, known.last_modified),
            )
