"""``scrapy sync parquet:DIR``: partitions that equal the archive, whatever ends a sync, and that others read."""

import dataclasses
import json
import os
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

import datasets
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kcnacrawl.archive.lock import Lock
from kcnacrawl.arguments import ArgumentError
from kcnacrawl.items import Article
from kcnacrawl.stores import StoreDown, open_store, parquet
from kcnacrawl.stores.feed import sync

from .archives import article, expected, records, write
from .conftest import ROOT, scrapy

KEYS = [field.name for field in dataclasses.fields(Article)]
LINES = records(300)
TABLES = {"articles": expected(LINES, latest=True), "revisions": expected(LINES, latest=False)}
INSTANT = pa.timestamp("us", tz="UTC")
SCHEMA = pa.schema(
    [
        *[("schema_version", pa.int64()), ("id", pa.string()), ("revision", pa.int64())],
        *[(key, pa.string()) for key in ("status", "url", "headline")],
        *[("date_published", pa.date32()), ("date_published_raw", pa.string())],
        *[("date_listed", pa.date32()), ("date_listed_raw", pa.string())],
        *[("url_time", INSTANT), ("date_conflict", pa.bool_()), ("source_id", pa.int64())],
        *[(key, pa.string()) for key in ("source_label", "source_name", "source_language", "in_language")],
        *[(key, pa.string()) for key in ("description", "article_body", "access", "original_url")],
        *[("images", pa.list_(pa.string())), ("body_sha256", pa.string()), ("date_downloaded", INSTANT)],
        *[("listing_url", pa.string()), ("run_id", pa.string())],
    ]
)


def fill(archive: Path, folder: Path) -> int:
    with open_store(f"parquet:{folder}") as store:
        return sync(archive, store)


def files(folder: Path) -> dict[str, Path]:
    return {str(path.relative_to(folder)): path for path in folder.rglob("*.parquet")}


def tree(folder: Path) -> dict[str, bytes]:
    """All that a store holds, byte by byte."""
    return {name: path.read_bytes() for name, path in files(folder).items()} | {
        "state": (folder / "_kcnacrawl.json").read_bytes()
    }


def rows(found: Iterable[dict[str, Any]]) -> list[tuple[object, ...]]:
    """Rows of any reader, as the archive writes them."""

    def cell(value: Any) -> object:
        if isinstance(value, date):
            return value.isoformat()
        return json.dumps(list(value)) if isinstance(value, list) else value

    return sorted((tuple(cell(row[key]) for key in KEYS) for row in found), key=lambda row: (str(row[1]), row[2]))


def held(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    return {
        table: rows(row for path in files(folder / table).values() for row in pq.ParquetFile(path).read().to_pylist())
        for table in TABLES
    }


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    write(folder, LINES)
    return folder


@pytest.fixture(scope="module")
def store(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that was filled at once; tests leave it as it is."""
    folder = tmp_path_factory.mktemp("store") / "parquet"
    done = scrapy(archive, "sync", f"parquet:{folder}")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"parquet: {len(LINES)} new records\n", "")
    return folder


# What it holds


def test_the_store_holds_every_revision_and_the_latest_of_each_article(archive: Path, store: Path) -> None:
    assert held(store) == TABLES
    before = tree(store)
    assert fill(archive, store) == 0
    assert tree(store) == before


def test_every_partition_has_the_same_schema_and_its_rows_in_order(store: Path) -> None:
    for name, path in files(store).items():
        table, source, year = re.fullmatch(r"(\w+)/source=(\d+)/year=(\d+)/data\.parquet", name).groups()  # type: ignore[union-attr]
        assert table in TABLES
        # No metadata of a writer's own, and no column for a folder.
        assert pq.read_schema(path).equals(SCHEMA, check_metadata=True)
        found = pq.ParquetFile(path).read().to_pylist()
        assert {row["source_id"] or 0 for row in found} == {int(source)}
        assert {row["date_published"].year if row["date_published"] else 0 for row in found} == {int(year)}
        order = [(row["date_published"] or date.max, row["id"], row["revision"]) for row in found]
        assert order == sorted(order)
        columns = pq.ParquetFile(path).metadata.row_group(0)
        assert {columns.column(number).compression for number in range(columns.num_columns)} == {"ZSTD"}


def test_texts_of_any_kind_come_out_as_they_went_in(tmp_path: Path) -> None:
    texts = [
        "'; DROP TABLE x; --",
        '"\\\n\t\u2028',
        "{}[]$1 ? {key}",
        "조선\U0001f1f0\U0001f1f5\u0301",
        "",
        "2021-01-01",
        "null",
    ]
    lines = [dataclasses.replace(article(number, text), headline=text) for number, text in enumerate(texts, start=1)]
    lines.append(dataclasses.replace(article(99, "x" * 3_000_000), source_id=-(2**62), images=()))
    lines.append(dataclasses.replace(article(98, "NULL"), date_published="0001-01-01", images=("a,b", "'", "[")))
    write(tmp_path / "archive", lines)
    fill(tmp_path / "archive", tmp_path / "store")
    assert held(tmp_path / "store")["revisions"] == expected(lines, latest=False)


def test_a_folder_may_have_any_name(archive: Path, store: Path, tmp_path: Path) -> None:
    (tmp_path / "an ax").mkdir()
    folder = tmp_path / 'a\'n "[a]" * %20 year=1 status=x ? {folder} ünï'
    for number in (100, None):
        write(tmp_path / "archive", LINES[:100] if number else LINES[100:])
        fill(tmp_path / "archive", folder)
    assert tree(folder) == tree(store)
    assert list((tmp_path / "an ax").iterdir()) == []


# Step by step


def test_filled_in_steps_or_at_once_it_is_the_same_byte_by_byte(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for begin, end in ((0, 7), (7, 310), (310, len(LINES))):
        write(tmp_path / "archive", LINES[begin:end])
        assert fill(tmp_path / "archive", tmp_path / "steps") == end - begin
    assert tree(tmp_path / "steps") == tree(store)
    monkeypatch.setattr(parquet, "_COMMIT_BYTES", 1)
    monkeypatch.setattr("kcnacrawl.stores.feed._RECORDS", 200)
    fill(tmp_path / "archive", tmp_path / "often")
    assert tree(tmp_path / "often") == tree(store)


def test_only_partitions_that_change_are_written_again(tmp_path: Path) -> None:
    def written() -> dict[str, int]:
        return {name: path.stat().st_ino for name, path in files(tmp_path / "store").items()}

    write(tmp_path / "archive", LINES)
    fill(tmp_path / "archive", tmp_path / "store")
    before, moved = written(), article(5, "moved", revision=2)
    # One in a partition that is there, one in a new one, and one that goes from 2020 to 2021.
    write(
        tmp_path / "archive",
        [
            article(1000, "new"),
            dataclasses.replace(article(1001, "new"), source_id=7),
            dataclasses.replace(moved, date_published="2021-12-31"),
        ],
    )
    fill(tmp_path / "archive", tmp_path / "store")
    after = written()
    assert {name for name in after if after[name] != before.get(name)} == {
        "articles/source=163/year=2021/data.parquet",
        "articles/source=7/year=2015/data.parquet",
        "articles/source=156/year=2020/data.parquet",
        "articles/source=156/year=2021/data.parquet",
        "revisions/source=163/year=2021/data.parquet",
        "revisions/source=7/year=2015/data.parquet",
        "revisions/source=156/year=2021/data.parquet",
    }


def test_an_article_that_changes_year_or_source_leaves_its_old_partition_and_an_empty_one_goes(tmp_path: Path) -> None:
    first = article(1, "text")
    moved = dataclasses.replace(first, revision=2, date_published="2024-01-01")
    back = dataclasses.replace(first, revision=3, source_id=None, date_published=None, status="gone")
    for one, place in ((first, "source=156/year=2016"), (moved, "source=156/year=2024"), (back, "source=0/year=0")):
        write(tmp_path / "archive", [one])
        fill(tmp_path / "archive", tmp_path / "store")
        assert list(files(tmp_path / "store/articles")) == [f"{place}/data.parquet"]
        assert [path.name for path in (tmp_path / "store/articles").iterdir()] == [place.split("/")[0]]
    assert held(tmp_path / "store") == {
        "articles": expected([back], latest=True),
        "revisions": expected([first, moved, back], latest=False),
    }


def test_of_two_lines_with_one_revision_the_last_counts_and_an_older_one_replaces_none(tmp_path: Path) -> None:
    lines = [article(1, "second", revision=2), article(1, "again", revision=2), article(1, "first")]
    for one in lines:
        write(tmp_path / "archive", [one])
        fill(tmp_path / "archive", tmp_path / "steps")
    fill(tmp_path / "archive", tmp_path / "store")
    assert tree(tmp_path / "steps") == tree(tmp_path / "store")
    assert held(tmp_path / "store") == {
        "articles": expected(lines[1:2], latest=True),
        "revisions": expected(lines, latest=False),
    }


# Killed


@pytest.mark.parametrize(
    ("point", "number", "holds"),
    [
        ("partition", 30, False),
        ("commit", 1, False),
        ("move", 2, True),
        ("move", 30, True),
        ("remove", 1, True),
        ("clear", 1, True),
    ],
)
def test_killed_at_any_step_it_holds_whole_files_and_the_next_sync_makes_it_the_same(
    tmp_path: Path, point: str, number: int, *, holds: bool
) -> None:
    # The last of a source moves away, so that there is something to remove.
    last = dataclasses.replace(article(1, "last"), id="1500000000-1000000", source_id=9)
    lines = [*LINES, dataclasses.replace(last, revision=2, source_id=163)]
    write(tmp_path, [last, *LINES[:100]])
    fill(tmp_path, tmp_path / "store")
    before = tree(tmp_path / "store")
    write(tmp_path, lines[100:])
    run = [sys.executable, "-m", "tests.crashing", point, str(number), "sync", "-s", f"KCNACRAWL_DIR={tmp_path}"]
    done = subprocess.run([*run, f"parquet:{tmp_path}/store"], cwd=ROOT, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert ((tmp_path / "store/_kcnacrawl.json").read_bytes() != before["state"]) == holds
    if not holds:
        assert tree(tmp_path / "store") == {name: data for name, data in before.items()}
    ever = set(expected([last, *lines], latest=False))
    assert all(set(found) <= ever for found in held(tmp_path / "store").values())
    assert fill(tmp_path, tmp_path / "store") == (0 if holds else len(lines) - 100)
    fill(tmp_path, tmp_path / "other")
    assert tree(tmp_path / "store") == tree(tmp_path / "other")
    assert not (tmp_path / "store/.staged").exists()
