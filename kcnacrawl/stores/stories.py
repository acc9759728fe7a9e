"""Which articles of a SQLite store carry the story of one of them."""

import sqlite3
from typing import Final, NamedTuple

_MOST: Final = 200
_STORY: Final = f"""
WITH linked (id, relation, kind) AS (
    SELECT of_id, 'earlier', kind FROM reprints WHERE id = :id
    UNION ALL SELECT id, 'later', kind FROM reprints WHERE of_id = :id
    UNION ALL SELECT theirs.id, 'beside', theirs.kind
    FROM reprints AS mine JOIN reprints AS theirs USING (of_id)
    WHERE mine.id = :id AND theirs.id <> :id
        AND NOT EXISTS (SELECT 1 FROM reprints WHERE id = :id AND of_id = theirs.id)
        AND NOT EXISTS (SELECT 1 FROM reprints WHERE id = theirs.id AND of_id = :id)
)
SELECT id, headline, source_label, in_language, ifnull(date_published, date_listed) AS day, relation, kind
FROM (SELECT id, relation, min(kind) AS kind FROM linked GROUP BY id, relation LIMIT {_MOST}) JOIN articles USING (id)
ORDER BY day, id
"""  # noqa: S608 - our own words


class Reprint(NamedTuple):
    """An article that carries a story, too: ``earlier`` or ``later``, by a link with the one that was asked for, or
    ``beside`` it: both are linked with the same earlier one. ``kind`` is that of its link.
    """

    id: str
    headline: str
    source_label: str | None
    in_language: str | None
    day: str | None
    relation: str
    kind: str


def read_story(article_id: str, db: sqlite3.Connection) -> list[Reprint]:
    """Return the other articles that carry the story of one, the earliest first; of very many, some."""
    return [Reprint(*row) for row in db.execute(_STORY, {"id": article_id})]
