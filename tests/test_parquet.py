"""``scrapy sync parquet:DIR``: partitions that equal the archive, whatever ends a sync, and that others read."""

import dataclasses
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset

from kcnacrawl.archive import StorageFailed
from kcnacrawl.arguments import ArgumentError
from kcnacrawl.items import SINCE_2, Article
from kcnacrawl.stores import StoreDown, open_store, parquet
from kcnacrawl.stores.feed import sync

from . import processes
from .archives import article, expected, of_version_1, records, write
from .conftest import ROOT, scrapy

KEYS = [field.name for field in dataclasses.fields(Article)]
# Of two sources and two years, for each file costs time. One source is not known, nor are some dates; others change.
LINES = [one for one in records(1000) if one.source_id in {161, None} and int(one.id[-3:]) % 7 in {1, 4}]
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
        *[(key, pa.string()) for key in ("listing_url", "run_id", "revision_cause", "warc_record_id")],
    ]
)


def fill(archive: Path, folder: Path) -> int:
    with open_store(f"parquet:{folder}") as store:
        return sync(archive, store)


def files(folder: Path) -> dict[str, Path]:
    return {str(path.relative_to(folder)): path for path in folder.rglob("*.parquet")}


def tree(folder: Path) -> dict[str, object]:
    """All that a store holds, file by file, row by row."""
    found: dict[str, object] = {name: pq.ParquetFile(path).read().to_pylist() for name, path in files(folder).items()}
    return found | {"state": (folder / "_kcnacrawl.json").read_bytes()}


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
        assert pq.read_schema(path) == SCHEMA
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


def test_a_folder_may_have_any_name_and_be_a_link(store: Path, tmp_path: Path) -> None:
    (tmp_path / "an ax").mkdir()
    folder = tmp_path / 'a\'n "[a]" * %20 year=1 status=x ? {folder} ünï'
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    for lines in (LINES[:100], LINES[100:]):
        write(tmp_path / "archive", lines)
        fill(tmp_path / "archive", folder)
    assert tree(folder) == tree(store)
    assert list((tmp_path / "an ax").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("st[1]", ["st1"]),
        ("st*", ["st", "stx"]),
        ("s?", ["s1", "sx"]),
        ("a[!b]*", ["ax", "a[!b]x"]),
        ("a\\1", ["a1", "a"]),
        ("{st1,st2}", ["st1", "st2"]),
    ],
)
def test_a_folder_whose_name_looks_like_a_pattern_is_read_alone(
    store: Path, tmp_path: Path, name: str, others: list[str]
) -> None:
    write(tmp_path / "other", [article(90 + number, "of another archive") for number in range(5)])
    for other in others:
        fill(tmp_path / "other", tmp_path / other)
    before = {other: tree(tmp_path / other) for other in others}
    for lines in (LINES[:100], LINES[100:]):
        write(tmp_path / "archive", lines)
        fill(tmp_path / "archive", tmp_path / name)
    assert tree(tmp_path / name) == tree(store)
    assert {other: tree(tmp_path / other) for other in others} == before


def test_a_damaged_partition_is_found_where_the_path_looks_like_a_pattern(tmp_path: Path) -> None:
    archive, folder = tmp_path / "archive", tmp_path / "st[1]"
    write(archive, [article(1, "text")])
    fill(archive, folder)
    (path,) = (folder / "articles").rglob("*.parquet")
    path.write_bytes(b"PAR1 and no more PAR1")
    write(archive, [article(1, "text", revision=2)])
    with pytest.raises(ArgumentError, match=re.escape(f"store {path}: damaged")):
        fill(archive, folder)


# Step by step


def test_filled_in_steps_or_at_once_it_is_the_same(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for begin, end in ((0, 7), (7, 150), (150, len(LINES))):
        write(tmp_path / "archive", LINES[begin:end])
        assert fill(tmp_path / "archive", tmp_path / "steps") == end - begin
    assert tree(tmp_path / "steps") == tree(store)
    monkeypatch.setattr(parquet, "_COMMIT_BYTES", 1)
    monkeypatch.setattr("kcnacrawl.stores.feed._RECORDS", 100)
    fill(tmp_path / "archive", tmp_path / "often")
    assert tree(tmp_path / "often") == tree(store)


def test_only_partitions_that_change_are_written_again(tmp_path: Path) -> None:
    def written() -> dict[str, int]:
        return {name: path.stat().st_ino for name, path in files(tmp_path / "store").items()}

    first = [article(number, "text") for number in (1, 5, 33, 6, 12)]
    write(tmp_path / "archive", first)
    fill(tmp_path / "archive", tmp_path / "store")
    before = written()
    # One is new where others are, one is where none was, and one goes from 2020 to where others are.
    moved = dataclasses.replace(first[1], revision=2, date_published="2016-12-31")
    write(tmp_path / "archive", [article(29, "new"), article(13, "new"), moved])
    fill(tmp_path / "archive", tmp_path / "store")
    after = written()
    assert set(before) <= set(after)
    assert {name.removesuffix("/data.parquet") for name in after if after[name] != before.get(name)} == {
        "articles/source=156/year=2016",
        "articles/source=156/year=2020",
        "articles/source=156/year=2021",
        "revisions/source=156/year=2016",
        "revisions/source=156/year=2021",
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

# The last of a source moves away, so that there is something to remove.
LAST = dataclasses.replace(article(1, "last"), id="1500000000-1000000", source_id=9)
BEFORE, AFTER = [LAST, *LINES[:80]], [*LINES[80:], dataclasses.replace(LAST, revision=2, source_id=None)]


@pytest.fixture(scope="module")
def halfway(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    """An archive with more than the store beside it has read; and what that is to hold in the end."""
    folder = tmp_path_factory.mktemp("halfway")
    write(folder, BEFORE)
    fill(folder, folder / "store")
    write(folder, AFTER)
    fill(folder, folder / "other")
    return folder, tree(folder / "other")


@pytest.mark.parametrize(
    ("point", "number", "holds"),
    [
        ("partition", 9, False),
        ("commit", 1, False),
        ("move", 2, True),
        ("remove", 1, True),
        ("clear", 1, True),
    ],
)
def test_killed_at_any_step_it_holds_whole_files_and_the_next_sync_makes_it_the_same(
    halfway: tuple[Path, dict[str, object]], tmp_path: Path, point: str, number: int, *, holds: bool
) -> None:
    archive, end = halfway
    store = tmp_path / "store"
    shutil.copytree(archive / "store", store)
    before = tree(store)
    run = [sys.executable, "-m", "tests.crashing", point, str(number), "sync", "-s", f"KCNACRAWL_DIR={archive}"]
    assert processes.run([*run, f"parquet:{store}"], cwd=ROOT).returncode == -signal.SIGKILL
    assert (tree(store)["state"] == end["state"]) == holds
    if not holds:
        assert tree(store) == before
    ever = set(expected([*BEFORE, *AFTER], latest=False))
    assert all(set(found) <= ever for found in held(store).values())
    assert fill(archive, store) == (0 if holds else len(AFTER))
    assert tree(store) == end
    assert not (store / ".staged").exists()


def test_a_commit_that_cannot_be_moved_into_place_is_finished_by_the_next_sync(archive: Path, tmp_path: Path) -> None:
    with open_store(f"parquet:{tmp_path}/store"):
        pass
    (tmp_path / "store/revisions").write_text("in the way")
    with pytest.raises(StoreDown, match=r"Not a directory.*; see to it and sync again"):
        fill(archive, tmp_path / "store")
    (tmp_path / "store/revisions").unlink()
    assert fill(archive, tmp_path / "store") == 0
    assert held(tmp_path / "store") == TABLES


# Told


def test_a_second_sync_is_told_of_the_first_and_changes_nothing(archive: Path, tmp_path: Path) -> None:
    with open_store(f"parquet:{tmp_path}/store"):
        done = scrapy(archive, "sync", f"parquet:{tmp_path}/store")
    assert done.returncode == 3
    assert done.stderr == (
        f"kcnacrawl: incomplete (3): another run (process {os.getpid()}) holds {tmp_path}/store; "
        "let it finish, or stop it\n"
    )
    assert fill(archive, tmp_path / "store") == len(LINES)


@pytest.mark.parametrize("name", ["file.txt", ".hidden", "articles/source=163/year=2021/data.parquet"])
def test_a_folder_with_other_things_is_refused_and_left_alone(archive: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / "store" / name
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ArgumentError, match=r"store .*: a folder, but none that sync made"):
        fill(archive, tmp_path / "store")
    assert (sorted(tmp_path.rglob("*")), path.read_text()) == (before, "mine")


def test_a_file_is_refused_and_left_alone(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ArgumentError, match=r"store .*/file: a file, not a folder"):
        fill(archive, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (b'{"version":9,"read":{"name":"articles.jsonl"}}', "made by another version of kcnacrawl"),
        (b'{"version":', "_kcnacrawl.json is none that sync made"),
        (b"", "_kcnacrawl.json is none that sync made"),
    ],
)
def test_a_store_of_another_version_or_none_is_refused(archive: Path, tmp_path: Path, state: bytes, line: str) -> None:
    (tmp_path / "_kcnacrawl.json").write_bytes(state)
    with pytest.raises(ArgumentError, match=line):
        fill(archive, tmp_path)
    assert (tmp_path / "_kcnacrawl.json").read_bytes() == state


@pytest.fixture
def narrow(tmp_path: Path) -> Path:
    """An archive of version 1, and beside it a store that lacks what is new since."""
    write(tmp_path / "narrow", of_version_1(LINES))
    store = tmp_path / "narrow/parquet"
    fill(tmp_path / "narrow", store)
    for path in files(store).values():
        pq.write_table(pq.ParquetFile(path).read().drop_columns(list(SINCE_2)), path)
    state = store / "_kcnacrawl.json"
    state.write_bytes(state.read_bytes().replace(b'"version":2', b'"version":1'))
    return tmp_path / "narrow"


def test_a_store_without_the_columns_of_today_gets_them_from_the_next_sync(narrow: Path) -> None:
    assert fill(narrow, narrow / "parquet") == 0
    lines = of_version_1(LINES)
    assert held(narrow / "parquet") == {table: expected(lines, latest=table == "articles") for table in TABLES}
    assert all(pq.read_schema(path) == SCHEMA for path in files(narrow / "parquet").values())
    write(narrow, [article(90, "greenhouse")])
    assert fill(narrow, narrow / "parquet") == 1


@pytest.mark.parametrize("step", ["write_whole", "rmtree"])
def test_a_sync_that_fails_while_it_adds_columns_is_finished_by_the_next(
    narrow: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    whole, passages = getattr(parquet, step), iter(range(2))

    def fail(*values: Path) -> None:
        # Before it begins, what was set aside is cleared once.
        if step == "write_whole" or next(passages):
            raise OSError(28, "No space left on device")
        whole(*values)

    monkeypatch.setattr(parquet, step, fail)
    with pytest.raises(StoreDown, match="No space left on device"):
        fill(narrow, narrow / "parquet")
    monkeypatch.undo()
    assert fill(narrow, narrow / "parquet") == 0
    lines = of_version_1(LINES)
    assert held(narrow / "parquet") == {table: expected(lines, latest=table == "articles") for table in TABLES}


def test_a_record_that_parquet_does_not_take_is_named(tmp_path: Path) -> None:
    write(
        tmp_path / "archive", [article(1, "text"), dataclasses.replace(article(2, "text"), date_published="2021-02-30")]
    )
    with pytest.raises(StorageFailed, match="record 1600000002-100000002, revision 1, is none that Parquet takes: "):
        fill(tmp_path / "archive", tmp_path / "store")


@pytest.mark.parametrize("loss", ["removed", "damaged", "of another commit"])
def test_where_articles_are_is_found_anew_if_it_is_not_known(tmp_path: Path, loss: str) -> None:
    write(tmp_path / "archive", LINES[:150])
    fill(tmp_path / "archive", tmp_path / "store")
    places = tmp_path / "store/.places.sqlite"
    before = places.read_bytes()
    write(tmp_path / "archive", LINES[150:])
    fill(tmp_path / "archive", tmp_path / "store")
    known, moved = tree(tmp_path / "store"), dataclasses.replace(LINES[0], revision=9, date_published="2031-01-01")
    if loss == "removed":
        places.unlink()
    else:
        places.write_bytes(before if loss == "of another commit" else b"no database, but of some length" * 200)
    assert fill(tmp_path / "archive", tmp_path / "store") == 0
    assert tree(tmp_path / "store") == known
    write(tmp_path / "archive", [moved])
    fill(tmp_path / "archive", tmp_path / "store")
    assert held(tmp_path / "store")["articles"] == expected([*LINES, moved], latest=True)


def test_a_store_of_another_archive_is_refused(archive: Path, tmp_path: Path) -> None:
    write(tmp_path / "other", LINES[1:])
    fill(tmp_path / "other", tmp_path / "store")
    before = tree(tmp_path / "store")
    with pytest.raises(ArgumentError, match="was filled from another archive"):
        fill(archive, tmp_path / "store")
    assert tree(tmp_path / "store") == before


def test_a_folder_whose_name_is_no_text_is_refused_and_not_made(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="its path is not UTF-8"):
        fill(archive, tmp_path / os.fsdecode(b"\xff"))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_a_store_that_is_down(archive: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreDown, match=r"No such file or directory.*; see to it and sync again"):
        fill(archive, tmp_path / "no/such/store")


@pytest.mark.parametrize("damage", ["cut", "overwritten", "emptied"])
def test_a_damaged_partition_is_named_and_the_store_stays_as_it_is(tmp_path: Path, damage: str) -> None:
    write(tmp_path / "archive", [article(1, "".join(map(chr, range(0xAC00, 0xD000))))])
    fill(tmp_path / "archive", tmp_path / "store")
    path = tmp_path / "store/articles/source=156/year=2016/data.parquet"
    data = path.read_bytes()
    spoiled = bytearray(data)
    spoiled[2000:-3000] = bytes(len(data) - 5000)
    path.write_bytes({"cut": data[:-100], "overwritten": bytes(spoiled), "emptied": b""}[damage])
    write(tmp_path / "archive", [article(29, "text")])
    with pytest.raises(ArgumentError, match=re.escape(str(path))) as told:
        fill(tmp_path / "archive", tmp_path / "store")
    assert "\n" not in str(told.value)
    path.write_bytes(data)
    assert fill(tmp_path / "archive", tmp_path / "store") == 1


def test_a_full_disk_is_a_store_that_is_down_and_loses_nothing(tmp_path: Path) -> None:
    choose = random.Random(1)
    noise = "".join(chr(choose.randrange(0xAC00, 0xD7A3)) for _ in range(200_000))
    write(tmp_path / "archive", [article(1, noise)])
    fill(tmp_path / "archive", tmp_path / "store")
    before = tree(tmp_path / "store")

    def sync_within(most: int) -> subprocess.CompletedProcess[str]:
        run = [sys.executable, "-m", "scrapy", "sync", "-s", f"KCNACRAWL_DIR={tmp_path}/archive"]
        return subprocess.run(
            [*run, f"parquet:{tmp_path}/store"],
            cwd=ROOT,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)),
            capture_output=True,
            text=True,
        )

    # First the partition does not fit, which holds what was there as well, then not even what is read of the archive.
    for text, most in (("more", 300_000), (noise, 400_000)):
        write(tmp_path / "archive", [article(29, text)])
        full = sync_within(most)
        assert (full.returncode, full.stderr.count("\n")) == (3, 1)
        assert re.match(rf"kcnacrawl: incomplete \(3\): {tmp_path}/store: .*; see to it and sync again", full.stderr)
        assert tree(tmp_path / "store") == before
    assert fill(tmp_path / "archive", tmp_path / "store") == 2


def test_an_object_store_is_no_place_for_one_and_its_key_is_not_shown() -> None:
    with pytest.raises(ArgumentError) as told:
        open_store("parquet:s3://key:secret@bucket/store")
    assert str(told.value) == "store 'parquet:s3://…': a Parquet store is a folder on a disk"


def test_without_its_driver_the_store_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.delitem(sys.modules, "kcnacrawl.stores.parquet")
    with pytest.raises(ArgumentError, match=r"pyarrow is missing: pip install kcnacrawl\[parquet\]"):
        open_store("parquet:x")


# Read by others


def read_by_duckdb(folder: Path, _: Path) -> pa.Table:
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        return db.sql(f"FROM '{folder}/**/*.parquet'").to_arrow_table()


def read_by_pandas(folder: Path, _: Path) -> pa.Table:
    return pa.Table.from_pandas(pd.read_parquet(folder, dtype_backend="pyarrow"))


def read_by_polars(folder: Path, _: Path) -> pa.Table:
    return pl.read_parquet(folder).to_arrow(compat_level=pl.CompatLevel.oldest())


def read_by_datasets(folder: Path, cache: Path) -> pa.Table:
    files = f"{folder}/**/*.parquet"
    loaded = load_dataset("parquet", data_files=files, split="train", cache_dir=str(cache))
    streamed = load_dataset("parquet", data_files=files, split="train", streaming=True)
    assert list(streamed) == list(loaded)
    return loaded.with_format("arrow")[:]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("read", [read_by_duckdb, read_by_pandas, read_by_polars, read_by_datasets])
def test_readers_agree_on_rows_and_types(
    store: Path, tmp_path: Path, table: str, read: Callable[[Path, Path], pa.Table]
) -> None:
    found = read(store / table, tmp_path)
    assert rows(found.to_pylist()) == TABLES[table]
    assert [plain(found.schema.field(key).type) for key in KEYS] == [plain(one.type) for one in SCHEMA]
    if read is not read_by_datasets:
        places = {(row["source"], row["year"]) for row in found.select(["source", "year"]).to_pylist()}
        assert places == {tuple(map(int, re.findall(r"=(\d+)", name))) for name in files(store / table)}


def plain(kind: pa.DataType) -> str:
    """A type, however long its values may be and whatever a list calls what it holds."""
    return re.sub(r"large_|(?<=<)\w+: ", "", str(kind))
