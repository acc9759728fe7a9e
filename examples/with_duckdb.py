"""The archive in DuckDB, straight on the JSON lines: sources, and headlines that hold a Korean word.

Nothing is imported and no text held in memory: each question reads the file once more, and of each line what it needs.
"""

import glob
from pathlib import Path

import duckdb
from folder import parser

from kcnacrawl import schemas
from kcnacrawl.stores import words

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
    # What it guesses from the first lines may not hold for the others: a key that is null there is null for good.
    lines = db.read_json(path, columns=schemas.duckdb_columns(), format="newline_delimited")
    lines.create_view("revisions")
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
