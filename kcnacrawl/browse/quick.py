"""How Datasette's own statements over the articles are asked, so that they take no longer the more articles there are.

What is counted by source, year, language, access and status alone stands in ``counts``. What very many articles hold is
looked for from the newest article on, and counted up to :data:`MOST`; by what it can be narrowed down is told of the
newest :data:`SAMPLE`.
"""

import re
from typing import Final, NamedTuple

MOST: Final = 10_000
"""A higher count of what a search found is only told to be one."""
SAMPLE: Final = 100
FEW: Final = 2_000
"""So many are put in order, counted and grouped in no time."""

_MATCHED: Final = "select rowid from articles_fts where articles_fts match escape_fts(:search)"
_SEARCHED: Final = f"number in ({_MATCHED})"
_ONE_BY_ONE: Final = f"exists ({_MATCHED} and rowid = number)"
_ALL_AT_ONCE: Final = f"+number in ({_MATCHED})"
HOW_MANY: Final = f"select count(*) from ({_MATCHED} limit {FEW + 1})"  # noqa: S608 - our own words

_COUNT: Final = re.compile(r"select count\(\*\) from articles (?P<where>where .*)?")
_FACET: Final = re.compile(
    r"\s*select (?P<key>\w+) as value, count\(\*\) as count from \(\s*"
    r"select [^()]* from articles (?P<where>where .*?)?\s*\)\s*"
    r"where (?P<known>\w+ is not null)\s*(?P<order>group by \w+ order by count desc, value limit \d+)\s*",
    re.DOTALL,
)
_COUNT_REVISIONS: Final = "select count(*) from revisions "
_REVISIONS: Final = "select (select sum(articles) from counts) + (select count(*) from superseded)"
_ROWS: Final = re.compile(r"select .* from articles where .* limit \d+", re.DOTALL)
_COUNTED: Final = re.compile(r'"?(?:source_label|year|in_language|access|status)"? (?:!?= :\w+|is (?:not )?null)')
_SOON_MS: Final = 300


class Quicker(NamedTuple):
    """A statement in place of another, and how long it may take, if not as long as any."""

    sql: str
    most_ms: int | None = None


def is_search(sql: str) -> bool:
    """Return True for a statement over what a search finds."""
    return _SEARCHED in sql


def quicker(sql: str) -> list[Quicker]:
    """Return what to ask in place of a statement over articles, each if the one before takes too long."""
    searched = is_search(sql)
    if sql == _COUNT_REVISIONS:
        return [Quicker(_REVISIONS)]
    if found := _COUNT.fullmatch(sql):
        where = (found["where"] or "").strip()
        if searched:
            return [_counted_up_to_most(where)]
        return [Quicker(f"select ifnull(sum(articles), 0) from counts {where}")] if _is_counted(where) else []  # noqa: S608 - theirs
    if found := _FACET.fullmatch(sql):
        where = (found["where"] or "").strip()
        if searched:
            where = where.replace(_SEARCHED, _ONE_BY_ONE)
            newest = f"select * from articles {where} order by date_published desc limit {SAMPLE}"  # noqa: S608 - theirs
            counted = f"select {found['key']} as value, count(*) as count from ({newest})"  # noqa: S608 - theirs
            return [Quicker(f"{counted} where {found['known']} {found['order']}", _SOON_MS)]
        if _is_counted(where) and _COUNTED.fullmatch(found["known"]):
            counted = f"select {found['key']} as value, sum(articles) as count from counts"  # noqa: S608 - theirs
            known = f"{where} and" if where else "where"
            order = found["order"].replace("order by", "having count > 0 order by")
            return [Quicker(f"{counted} {known} {found['known']} {order}")]
        return []
    if searched and _ROWS.fullmatch(sql):
        return [
            Quicker(sql.replace(_SEARCHED, _ONE_BY_ONE), _SOON_MS),
            Quicker(sql.replace(_SEARCHED, _ALL_AT_ONCE)),
        ]
    return []


def _counted_up_to_most(where: str) -> Quicker:
    if where == f"where {_SEARCHED}":
        return Quicker(f"select count(*) from ({_MATCHED} limit {MOST + 1})")  # noqa: S608 - our own words
    found = f"select 1 from articles {where.replace(_SEARCHED, _ONE_BY_ONE)} limit {MOST + 1}"  # noqa: S608 - theirs
    return Quicker(f"select count(*) from ({found})", _SOON_MS)  # noqa: S608 - theirs


def _is_counted(where: str) -> bool:
    clauses = where.removeprefix("where ").split(" and ") if where else []
    return all(_COUNTED.fullmatch(clause.strip()) for clause in clauses)
