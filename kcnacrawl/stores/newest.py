"""What a SQLite store holds that is new or was changed last, a source's or what holds some words alone."""

import sqlite3
from collections.abc import Iterable
from typing import Final, NamedTuple

from ..archive.changes import Revision
from .sqlite import read_revisions

_OF_TABLE: Final = """
SELECT id, revision, date_downloaded, url_time FROM {table} AS new
WHERE (revision = 1 OR EXISTS (SELECT 1 FROM edits WHERE edits.id = new.id AND edits.revision = new.revision))
    AND (:sources IS NULL AND :query IS NULL OR EXISTS (
        SELECT 1 FROM articles AS latest WHERE latest.id = new.id
            AND (:sources IS NULL OR ifnull(latest.source_id, '') || ' ' || ifnull(latest.source_label, '')
                IN (SELECT value FROM json_each(:sources)))
            AND (:query IS NULL
                OR latest.number IN (SELECT rowid FROM articles_fts WHERE articles_fts MATCH escape_fts(:query)))
    ))
"""
# Read from their ends, the indexes by time give them in order: what is looked for often is found soon. Of a view
# SQLite would read all first.
NEWEST: Final = f"""
{" UNION ALL ".join(_OF_TABLE.format(table=table) for table in ("articles", "superseded"))}
ORDER BY date_downloaded DESC, url_time DESC, id DESC, revision DESC
LIMIT :number
"""
"""``sources``: keys as a JSON list, ``query``: words; ``NULL`` for all."""

# By the index alone, but for one article a source.
_SOURCES: Final = """
WITH known AS (SELECT source_id, source_label FROM articles GROUP BY source_label, source_id)
SELECT known.source_id, known.source_label, one.source_name, one.source_language
FROM known JOIN articles AS one ON one.number = (
    SELECT number FROM articles
    WHERE source_label IS known.source_label AND source_id IS known.source_id LIMIT 1
)
"""


class StoredSource(NamedTuple):
    """A source as articles name it."""

    source_id: int | None
    source_label: str | None
    source_name: str | None
    source_language: str | None

    @property
    def key(self) -> str:
        """What stands for it in :data:`NEWEST`."""
        return f"{'' if self.source_id is None else self.source_id} {self.source_label or ''}"


def read_sources(db: sqlite3.Connection) -> list[StoredSource]:
    """Return every source that articles are of."""
    return [StoredSource(*row) for row in db.execute(_SOURCES)]


def read_pairs(found: Iterable[tuple[str, int]], db: sqlite3.Connection) -> list[Revision]:
    """Return revisions, each beside the one before it, by the identities and numbers that :data:`NEWEST` gives."""
    return [_pair(id_, number, db) for id_, number in found]


def _pair(id_: str, number: int, db: sqlite3.Connection) -> Revision:
    revisions = {one.revision: one for one in read_revisions(id_, db)}
    return Revision(revisions.get(number - 1), revisions[number])
