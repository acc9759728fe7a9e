"""The archive in pandas: articles by month and source, and how many were edited or removed.

pandas holds in memory what it reads; so the file is read in pieces, and of each only the columns asked for are kept.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from folder import parser

# Given for every column: what pandas guesses, it guesses anew for each piece.
TYPES = {
    "schema_version": "int64",
    "id": "string",
    "revision": "int64",
    "status": "string",
    "url": "string",
    "headline": "string",
    "date_published": "string",
    "date_published_raw": "string",
    "date_listed": "string",
    "date_listed_raw": "string",
    "url_time": "string",
    "date_conflict": "bool",
    "source_id": "Int64",
    "source_label": "string",
    "source_name": "string",
    "source_language": "string",
    "in_language": "string",
    "description": "string",
    "article_body": "string",
    "access": "string",
    "original_url": "string",
    "images": "object",
    "body_sha256": "string",
    "date_downloaded": "string",
    "listing_url": "string",
    "run_id": "string",
}
DAYS = ["date_published", "date_listed"]
INSTANTS = ["url_time", "date_downloaded"]


def read_revisions(archive: Path, columns: Sequence[str] = tuple(TYPES)) -> pd.DataFrame:
    """A row a line of the archive. Days are Korean calendar days and have no time zone; instants are in UTC."""
    path = archive / "articles.jsonl"
    with pd.read_json(path, lines=True, dtype=TYPES, chunksize=1_000) as pieces:
        frame = pd.concat([piece[list(columns)] for piece in pieces], ignore_index=True)
    for name in frame.columns.intersection(DAYS):
        frame[name] = pd.to_datetime(frame[name], format="%Y-%m-%d")
    for name in frame.columns.intersection(INSTANTS):
        frame[name] = pd.to_datetime(frame[name], format="ISO8601", utc=True)
    return frame


def latest(revisions: pd.DataFrame) -> pd.DataFrame:
    """A row an article: its last revision, unless that is a tombstone."""
    last = revisions.sort_values("revision", kind="stable").drop_duplicates("id", keep="last")
    return last[last["status"] == "live"]


def main(archive: Path) -> None:
    revisions = read_revisions(archive, ["id", "revision", "status", "date_published", "source_id", "source_label"])
    articles = latest(revisions)
    # Old pages have lost a source's name, which its number has not.
    names = articles.groupby("source_id")["source_label"].agg(lambda labels: labels.mode().get(0, pd.NA))
    sources = articles["source_id"].map(names).fillna("unknown source").rename("source")
    months = articles["date_published"].dt.to_period("M").rename("month")
    table = pd.crosstab(months, sources)
    print("Articles by month and source, the last twelve months that have any:\n")
    print(table.tail(12).to_string())
    undated, edited = articles["date_published"].isna().sum(), articles["revision"].gt(1).sum()
    gone = revisions["id"].nunique() - len(articles)
    print(f"\n{len(articles)} articles, {undated} undated, {edited} with more than one revision; {gone} more are gone")


if __name__ == "__main__":
    main(parser(__doc__).parse_args().archive)
