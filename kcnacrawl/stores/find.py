"""Search of a SQLite store: what holds some words, newest first, each story once if that is asked for."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..arguments import ArgumentError
from . import words
from .sqlite import reading

_MATCHED: Final = "SELECT rowid FROM articles_fts WHERE articles_fts MATCH :words"
_COUNT: Final = f"SELECT count(*) FROM ({_MATCHED} LIMIT :most)"  # noqa: S608 - our own words
_NEWEST_FIRST: Final = "ORDER BY date_published DESC NULLS LAST, url_time DESC, id DESC"

# The article that a copy has most of, else the article itself: each article is of one story, and no chain of links is
# followed to make two stories one.
_STORY_OF: Final = """
ifnull((SELECT of_id FROM reprints WHERE reprints.id = {article}.id ORDER BY score DESC, of_id LIMIT 1), {article}.id)
"""
_STORY: Final = _STORY_OF.format(article="hit")
_FIRST_OF_STORY: Final = f"""
AND NOT EXISTS (
    SELECT 1 FROM articles AS other
    WHERE other.id IN (SELECT {_STORY} UNION ALL SELECT id FROM reprints WHERE of_id = {_STORY})
        AND {_STORY_OF.format(article="other")} = {_STORY}
        AND (ifnull(other.date_published, other.date_listed), other.id)
            < (ifnull(hit.date_published, hit.date_listed), hit.id)
        AND EXISTS ({_MATCHED} AND rowid = other.number)
)
"""  # noqa: S608 - as above
_COUNT_STORIES: Final = f"""
SELECT count(DISTINCT {_STORY}) FROM articles AS hit WHERE +number IN ({_MATCHED})
"""  # noqa: S608 - as above

_FIND: Final = f"""
SELECT id, headline, date_published, source_label, article_body FROM {{articles}} AS hit
WHERE {{matched}} {{first}} {_NEWEST_FIRST}
"""  # noqa: S608 - as above
# By what they hold, and then put in order.
_FIND_FEW: Final = _FIND.format(articles="articles", matched=f"number IN ({_MATCHED})", first="{first}")
# In their order, and each looked at: the first of many are found at once, but not all.
_FIND_IN_NEWEST: Final = _FIND.format(
    articles=f"(SELECT * FROM articles {_NEWEST_FIRST} LIMIT :newest)",  # noqa: S608 - as above
    matched=f"EXISTS ({_MATCHED} AND rowid = hit.number)",
    first="{first}",
)
# In their order, from among all that were found; the plus keeps SQLite from looking them up one by one.
_FIND_REST: Final = (
    _FIND.format(articles="articles", matched=f"+number IN ({_MATCHED})", first="{first}") + "LIMIT -1 OFFSET :given"
)
_FEW: Final = 2_000
_NEWEST: Final = 500


@dataclass(frozen=True, slots=True)
class Hit:
    """An article that holds what was looked for."""

    id: str
    headline: str
    date_published: str | None
    source_label: str | None
    article_body: str


def find(path: Path, query: str, *, one_per_story: bool = False) -> Iterator[Hit]:
    """Yield every article whose headline or body holds all terms of a query, newest first; with ``one_per_story`` of
    those that carry the same story only the earliest. Raise ``ArgumentError``.
    """
    asked: dict[str, object] = {"words": _matched(query), "most": _FEW + 1, "newest": _NEWEST}
    first = _FIRST_OF_STORY if one_per_story else ""
    with reading(path) as db:
        # One state of the store, whatever a sync adds meanwhile.
        db.execute("BEGIN")
        if db.execute(_COUNT, asked).fetchone() <= (_FEW,):
            yield from (Hit(*row) for row in db.execute(_FIND_FEW.format(first=first), asked))
            return
        given = 0
        for row in db.execute(_FIND_IN_NEWEST.format(first=first), asked):
            given += 1
            yield Hit(*row)
        yield from (Hit(*row) for row in db.execute(_FIND_REST.format(first=first), asked | {"given": given}))


def count_hits(path: Path, query: str, *, one_per_story: bool = False) -> int:
    """Return how many articles :func:`find` yields. Raise ``ArgumentError``."""
    with reading(path) as db:
        asked = {"words": _matched(query), "most": -1}
        ((count,),) = db.execute(_COUNT_STORIES if one_per_story else _COUNT, asked)
    return int(count)


def _matched(query: str) -> str:
    matched = words.match(query)
    if not matched:
        raise ArgumentError(f"{query[:200]!r} holds no word to look for")
    return matched
