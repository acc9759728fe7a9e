"""The archive in DuckDB, straight on the JSON lines: sources, and headlines that hold a Korean word.

Nothing is imported and no text held in memory: each question reads the file once more, and of each line what it needs.
"""

import glob
from pathlib import Path

import duckdb
from folder import parser

from kcnacrawl.stores import words

# What DuckDB guesses from the first lines may not hold for the others. A TIMESTAMP is in UTC here: one with a time zone
# needs pytz on its way to Python.
COLUMNS = {
    "schema_version": "INTEGER",
    "id": "VARCHAR",
    "revision": "INTEGER",
    "status": "VARCHAR",
    "url": "VARCHAR",
    "headline": "VARCHAR",
    "date_published": "DATE",
    "date_published_raw": "VARCHAR",
    "date_listed": "DATE",
    "date_listed_raw": "VARCHAR",
    "url_time": "TIMESTAMP",
    "date_conflict": "BOOLEAN",
    "source_id": "INTEGER",
    "source_label": "VARCHAR",
    "source_name": "VARCHAR",
    "source_language": "VARCHAR",
    "in_language": "VARCHAR",
    "description": "VARCHAR",
    "article_body": "VARCHAR",
    "access": "VARCHAR",
    "original_url": "VARCHAR",
    "images": "VARCHAR[]",
    "body_sha256": "VARCHAR",
    "date_downloaded": "TIMESTAMP",
    "listing_url": "VARCHAR",
    "run_id": "VARCHAR",
}

# The join holds identities only: the texts flow past it.
ARTICLES = """
CREATE VIEW articles AS
SELECT * FROM revisions
SEMI JOIN (SELECT id, max(revision) AS revision FROM revisions GROUP BY id) AS last USING (id, revision)
WHERE status = 'live'
"""

# Old pages have lost a source's name, which its number has not.
SOURCES = """
SELECT
    coalesce(mode(source_label), 'unknown source') AS source,
    count(*) AS articles,
    count(*) FILTER (access = 'truncated') AS truncated,
    min(date_published) AS first,
    max(date_published) AS last
FROM articles GROUP BY source_id ORDER BY articles DESC, source
"""

HEADLINES = """
SELECT date_published, headline FROM articles
WHERE holds(headline, article_body, ?)
ORDER BY date_published DESC NULLS LAST, id DESC LIMIT 5
"""


def connect(archive: Path) -> duckdb.DuckDBPyConnection:
    """A database with two views: ``revisions``, a row a line, and ``articles``, the latest without tombstones."""
    db = duckdb.connect()
    # To DuckDB a path is a pattern.
    path = glob.escape(str(archive / "articles.jsonl"))
    db.read_json(path, columns=COLUMNS, format="newline_delimited").create_view("revisions")
    db.execute(ARTICLES)
    db.create_function("holds", holds, ["VARCHAR", "VARCHAR", "VARCHAR"], "BOOLEAN")
    return db


def holds(headline: str, body: str, query: str) -> bool:
    """What `scrapy find` finds; contains() misses a word that hides a character which nobody sees."""
    return words.holds(query, headline, body)


def main(archive: Path, word: str) -> None:
    db = connect(archive)
    print("By source:\n")
    for source, articles, truncated, first, last in db.execute(SOURCES).fetchall():
        print(f"{articles:6} articles, {truncated:4} truncated, {first} to {last}  {source}")
    print(f"\nThe newest that hold {word}, also inside longer words:\n")
    for day, headline in db.execute(HEADLINES, [word]).fetchall():
        print(f"{day}  {headline}")


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--word", default="김정은", help="what to look for (%(default)s)")
    given = options.parse_args()
    main(given.archive, given.word)
