"""The archive in polars: articles by year and language, and how long after their date the site took them in.

The file is scanned, not loaded: a query is built first, and then run over it piece by piece.
"""

import glob
from pathlib import Path

import polars as pl
from folder import parser

from kcnacrawl import schemas


def scan_revisions(archive: Path) -> pl.LazyFrame:
    """A row a line of the archive. Days are Korean calendar days and have no time zone; instants are in UTC."""
    # To polars a path is a pattern.
    path = glob.escape(str(archive / "articles.jsonl"))
    return pl.scan_ndjson(path, schema=schemas.polars_schema())


def scan_articles(archive: Path) -> pl.LazyFrame:
    """A row an article: its last revision, unless that is a tombstone."""
    revisions = scan_revisions(archive)
    last = revisions.group_by("id").agg(pl.col("revision").max())
    return revisions.join(last, on=["id", "revision"], how="semi").filter(pl.col("status") == "live")


def by_year(articles: pl.LazyFrame) -> pl.LazyFrame:
    # An instant's day depends on where one is: for an article's it is Korea's.
    taken_in = pl.col("url_time").dt.convert_time_zone("Asia/Seoul").dt.date()
    return (
        articles.group_by(pl.col("date_published").dt.year().alias("year"))
        .agg(
            pl.len().alias("articles"),
            (pl.col("in_language") == "ko").sum().alias("in Korean"),
            (taken_in - pl.col("date_published")).dt.total_days().median().alias("days until taken in"),
        )
        .sort("year")
    )


def main(archive: Path) -> None:
    table = by_year(scan_articles(archive)).collect(engine="streaming")
    print("By year; the days are the median:\n")
    with pl.Config(
        tbl_rows=-1, tbl_formatting="NOTHING", tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True
    ):
        print(table)


if __name__ == "__main__":
    main(parser(__doc__).parse_args().archive)
