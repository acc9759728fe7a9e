"""What another archive's ledger knows that its logs do not tell, taken over when all that it holds is held.

Lists that were walked: each of their cards is held or wanted there, and so it is here. What is wanted, with the card
that announced it. When articles were last looked at. Not what is known of sitemaps: the next crawl reads them.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from .database import Database
from .sources import KnownSource, Sources

# Not what came of a look at a page: the lines of the quarantine tell.
_WANTED: Final = """
INSERT INTO wanted (id, url, list, card, date_published)
    SELECT id, url, own, card, date_published FROM other.wanted LEFT JOIN keys ON list = other
    WHERE NOT EXISTS (SELECT 1 FROM articles WHERE id = wanted.id)
    ON CONFLICT (id) DO UPDATE SET list = coalesce(list, excluded.list), card = coalesce(card, excluded.card),
        date_published = coalesce(date_published, excluded.date_published);
UPDATE wanted SET list = coalesce(wanted.list, (SELECT own FROM keys WHERE other = o.list)),
    tries = o.tries, seen = o.seen, due = o.due
    FROM other.wanted AS o WHERE o.id = wanted.id
    AND wanted.reason = 'truncated' AND o.reason = 'truncated' AND o.seen > wanted.seen
"""

# A look that found what is held.
_LOOKS: Final = """
INSERT INTO looks SELECT l.* FROM other.looks AS l JOIN other.articles AS o USING (id) JOIN articles AS a USING (id)
    WHERE a.digest = o.digest AND o.looked >= a.looked
    ON CONFLICT (id) DO UPDATE SET
        etag = excluded.etag, last_modified = excluded.last_modified,
        missing = iif(
            (SELECT looked FROM other.articles WHERE id = looks.id) >= CAST(strftime('%s', missing) AS INTEGER),
            excluded.missing, missing);
UPDATE articles SET looked = o.looked, due = o.due FROM other.articles AS o
    WHERE o.id = articles.id AND o.digest = articles.digest AND o.looked > articles.looked
"""

# The top of a list is that of the last walk from there. A range is left out where one that is known tells as much.
_WALKED: Final = """
INSERT OR REPLACE INTO tops SELECT own, ids, oldest_first FROM other.tops AS t JOIN keys ON list = other
    WHERE NOT EXISTS (SELECT 1 FROM tops WHERE list = own)
    OR (SELECT max(as_of) FROM other.walked_ranges WHERE list = t.list)
    > (SELECT coalesce(max(as_of), '') FROM walked_ranges WHERE list = own);
CREATE TEMP TABLE ranges AS
    SELECT number AS other, row_number() OVER () + (SELECT coalesce(max(number), 0) FROM walked_ranges) AS own
    FROM other.walked_ranges AS o JOIN keys ON list = keys.other
    WHERE NOT EXISTS (SELECT 1 FROM walked_ranges AS w WHERE w.list = keys.own AND w.since <= o.since
        AND w.until >= o.until AND w.walked >= o.walked AND w.settled >= o.settled AND w.as_of >= o.as_of);
INSERT INTO walked_ranges SELECT ranges.own, keys.own, since, until, walked, settled, as_of, offset
    FROM other.walked_ranges JOIN ranges ON number = ranges.other JOIN keys ON list = keys.other;
INSERT INTO listed SELECT id, keys.own, day, ranges.own
    FROM other.listed JOIN ranges ON walked_range = ranges.other JOIN keys ON list = keys.other WHERE TRUE
    ON CONFLICT DO NOTHING;
DROP TABLE ranges
"""

_HOME: Final = """
INSERT INTO facts SELECT name, value FROM other.facts WHERE TRUE
    ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)
"""


def take_over(database: Database, sources: Sources, other: Path, known: Sequence[KnownSource]) -> None:
    """Take over what another ledger knows, whose sources are ``known``. Raise
    :class:`~kcnacrawl.archive.StorageFailed`.
    """
    for one in known:
        _learn(sources, one)
    own = [sources.find(sid=one.sid, ajax_id=one.ajax_id) for one in known]
    keys = [(one.key, found.key) for one, found in zip(known, own, strict=True) if found is not None]
    with database.guard():
        database.execute("ATTACH ? AS other", (str(other),))
    try:
        with database.transaction() as db:
            db.execute("CREATE TEMP TABLE keys (other INTEGER PRIMARY KEY, own INTEGER NOT NULL)")
            db.executemany("INSERT INTO keys VALUES (?, ?)", keys)
            for statements in (_WANTED, _LOOKS, _WALKED, _HOME):
                for statement in statements.split(";"):
                    db.execute(statement)
            db.execute("DROP TABLE keys")
    finally:
        with database.guard():
            database.execute("DETACH other")


def _learn(sources: Sources, other: KnownSource) -> None:
    """Learn of a source what is not known of it."""
    own = sources.find(sid=other.sid, ajax_id=other.ajax_id)
    ajax_id = other.ajax_id if own is None or own.ajax_id is None else own.ajax_id
    sources.learn(sid=other.sid, ajax_id=ajax_id, label=own.label if own and own.label else other.label)
