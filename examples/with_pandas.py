"""The archive in pandas: articles by month and source, and how many were edited or removed.

pandas holds in memory what it reads; so the file is read in pieces, and of each only the columns asked for are kept.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from folder import parser

from kcnacrawl import schemas


def read_revisions(archive: Path, columns: Sequence[str]) -> pd.DataFrame:
    """A row a line of the archive. Days are Korean calendar days and have no time zone; instants are in UTC."""
    path = archive / "articles.jsonl"
    # Given for every column: what pandas guesses, it guesses anew for each piece.
    with pd.read_json(path, lines=True, dtype=schemas.pandas_dtypes(), chunksize=1_000) as pieces:
        return pd.concat([piece[list(columns)] for piece in pieces], ignore_index=True)


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
    months = articles["date_published"].astype("datetime64[s]").dt.to_period("M").rename("month")
    table = pd.crosstab(months, sources)
    print("Articles by month and source, the last twelve months that have any:\n")
    print(table.tail(12).to_string())
    undated, edited = articles["date_published"].isna().sum(), articles["revision"].gt(1).sum()
    gone = revisions["id"].nunique() - len(articles)
    print(f"\n{len(articles)} articles, {undated} undated, {edited} with more than one revision; {gone} more are gone")


if __name__ == "__main__":
    main(parser(__doc__).parse_args().archive)
