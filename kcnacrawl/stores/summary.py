"""What a SQLite store holds, counted: what ``scrapy report`` shows of it. Aggregates, never a row an article."""

import sqlite3
from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from ..archive.changes import Kind, kind_of
from ..reprints.index import WINDOW
from .sqlite import reading

# The site's days are Korean ones; what is taken in the evening there is taken that day.
_LAG: Final = "julianday(date(date_downloaded, '+9 hours')) - julianday(date_published)"
_MONDAY: Final = "date(date_published, '-6 days', 'weekday 1')"

# Old pages have lost their source's name and say only (En); its number tells.
_NAMES: Final = """
SELECT source_id, source_label, max(articles) FROM (
    SELECT source_id, source_label, count(*) AS articles FROM articles
    WHERE source_id IS NOT NULL AND source_label NOT LIKE '(%' GROUP BY 1, 2
) GROUP BY 1
"""
_SOURCE: Final = "source_of(source_id, source_label)"
_GROUPS: Final = f"""
SELECT {_SOURCE}, substr(date_published, 1, 7), in_language, access, status, count(*), min(date_published),
    max(date_published)
FROM articles GROUP BY 1, 2, 3, 4, 5
"""  # noqa: S608 - our own words
_DAYS: Final = f"""
SELECT {_SOURCE}, date_published, count(*) FROM articles WHERE date_published BETWEEN ? AND ? GROUP BY 1, 2
"""  # noqa: S608 - our own words
# By the indexes by time alone: the view of all revisions would have the texts read along.
_LAGS: Final = f"""
SELECT CASE WHEN date_published BETWEEN ? AND ? THEN {_MONDAY} END, CAST(max(0, lag) AS INTEGER), count(*)
FROM (
    SELECT date_published, {_LAG} AS lag FROM articles WHERE revision = 1
    UNION ALL SELECT date_published, {_LAG} FROM superseded WHERE revision = 1
) WHERE lag IS NOT NULL GROUP BY 1, 2
"""  # noqa: S608 - our own words
# A template is no story; a translation is mostly of the same source.
_TAKINGS: Final = f"""
SELECT first, taker, days, count(*) FROM (
    SELECT source_of(story.source_id, story.source_label) AS first,
        source_of(copy.source_id, copy.source_label) AS taker,
        CAST(julianday(ifnull(copy.date_published, copy.date_listed))
            - julianday(ifnull(story.date_published, story.date_listed)) AS INTEGER) AS days
    FROM reprints
    JOIN articles AS story INDEXED BY articles_by_id ON story.id = of_id
    JOIN articles AS copy INDEXED BY articles_by_id ON copy.id = reprints.id
    WHERE kind NOT IN ('template', 'translation')
) WHERE first IS NOT taker AND days BETWEEN 0 AND {WINDOW} GROUP BY 1, 2, 3
"""  # noqa: S608 - our own words
_CHANGES: Final = """
SELECT substr(date_downloaded, 1, 10), status_before, access_before, status, access, count(*)
FROM edits GROUP BY 1, 2, 3, 4, 5
"""
_LATEST: Final = """
SELECT status_before, access_before, status, access, date_downloaded, id, revision
FROM edits ORDER BY date_downloaded DESC, id DESC, revision DESC LIMIT ?
"""
_TOLD: Final = f"SELECT {_SOURCE}, headline, url FROM revisions WHERE id = ? AND revision = ?"  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class Group:
    """So many articles that are alike: ``source`` is what most articles of its number call it, ``month`` is
    ``YYYY-MM``, ``None`` for the undated.
    """

    source: str | None
    month: str | None
    language: str | None
    access: str
    status: str
    articles: int
    first: str | None
    last: str | None


@dataclass(frozen=True, slots=True)
class Changed:
    """An article that was edited or removed, ``seen`` when its new revision was downloaded."""

    kind: Kind
    seen: str
    source: str | None
    headline: str
    url: str


@dataclass(frozen=True, slots=True)
class Summary:
    """``days``: (source, day, articles). ``lags``: (Monday of the week of publication, days until an article was first
    downloaded, articles), the week ``None`` outside the time that ``days`` is of. ``changes``: (day, kind, revisions).
    ``latest`` are the last changes, newest first. ``takings``: (source that printed first, source that took it, days
    between, articles).
    """

    groups: list[Group]
    days: list[tuple[str | None, str, int]]
    lags: list[tuple[str | None, int, int]]
    changes: list[tuple[str, Kind, int]]
    latest: list[Changed]
    takings: list[tuple[str | None, str | None, int, int]]


def summarise(path: Path, since: date, until: date, latest: int) -> Summary:
    """Count a store; by day from ``since`` to ``until``. Raise ``ArgumentError``, :class:`~.StoreDown`."""
    with reading(path) as db:
        # One state of the store, whatever a sync adds meanwhile.
        db.execute("BEGIN")
        names = {source_id: label for source_id, label, _ in db.execute(_NAMES)}
        db.create_function("source_of", 2, names.get, deterministic=True)
        window = (since.isoformat(), until.isoformat())
        return Summary(
            groups=[Group(*row) for row in db.execute(_GROUPS)],
            days=db.execute(_DAYS, window).fetchall(),
            lags=db.execute(_LAGS, window).fetchall(),
            changes=_changes(db),
            latest=[
                Changed(kind_of(*row[:4]), row[4], *db.execute(_TOLD, row[5:]).fetchone())
                for row in db.execute(_LATEST, (latest,)).fetchall()
            ],
            takings=db.execute(_TAKINGS).fetchall(),
        )


def _changes(db: sqlite3.Connection) -> list[tuple[str, Kind, int]]:
    totals = Counter[tuple[str, Kind]]()
    for day, *what, revisions in db.execute(_CHANGES):
        totals[day, kind_of(*what)] += revisions
    return [(*key, count) for key, count in totals.items()]
