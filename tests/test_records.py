"""The archive in Python and in each library's own reader: values and types are the lines', whatever comes first."""

import dataclasses
import json
import re
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import datasets
import jsonschema
import msgspec
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import kcnacrawl
from kcnacrawl.archive import StorageFailed
from kcnacrawl.arguments import ArgumentError
from kcnacrawl.columns import COLUMNS, Kind
from kcnacrawl.items import Article
from kcnacrawl.records import Records
from kcnacrawl.stores import open_store
from kcnacrawl.stores.feed import sync

from .archives import article, encoded, records, rewritten, write
from .conftest import ROOT

NULLABLE = [column.name for column in COLUMNS if column.nullable]
# More than DuckDB looks at before it decides, and more bytes than datasets does.
NULL_LINES = 21_000


def bare(number: int) -> Article:
    """An article of which nothing is known that might not be."""
    return dataclasses.replace(article(number, "text"), schema_version=1, **dict.fromkeys(NULLABLE), images=())


FULL = dataclasses.replace(
    article(NULL_LINES + 1, "김정은 " * 400_000),
    date_published="2021-03-23",
    date_published_raw="23/03/2021",
    date_listed="2021-03-24",
    date_listed_raw="March 24, 2021",
    source_id=2**40,
    # What readers that guess take for something else.
    headline="2021-03-23",
    description="0123",
    original_url="null",
    listing_url="true",
)


@pytest.fixture(scope="module")
def null_first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive whose first lines are null wherever they may be, and whose last line is longer than a megabyte."""
    folder = tmp_path_factory.mktemp("null_first")
    write(folder, [*map(bare, range(NULL_LINES)), FULL])
    return folder


def row(record: Article) -> dict[str, Any]:
    """A record as the row of a table."""
    values = msgspec.to_builtins(record)
    for column in COLUMNS:
        if values[column.name] is not None and column.kind is Kind.DAY:
            values[column.name] = date.fromisoformat(values[column.name])
        if column.kind is Kind.INSTANT:
            values[column.name] = datetime.fromisoformat(values[column.name])
    return values | {"images": list(record.images)}


# Each library's own reader, as docs/record.md has it


def in_duckdb(found: Any) -> list[dict[str, Any]]:
    """Its instants are in UTC and do not say so."""
    rows: list[dict[str, Any]] = found.to_arrow_table().to_pylist()
    return [
        {key: value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for key, value in one.items()}
        for one in rows
    ]


def in_pandas(found: pd.DataFrame) -> list[dict[str, Any]]:
    return pa.Table.from_pandas(found, schema=kcnacrawl.arrow_schema(), preserve_index=False).to_pylist()


READERS: dict[str, Callable[[Any], list[dict[str, Any]]]] = {
    "duckdb": in_duckdb,
    "pandas": in_pandas,
    "polars": pl.DataFrame.to_dicts,
    "pyarrow": pa.Table.to_pylist,
    "datasets": list,
}
DOCS = (ROOT / "docs/record.md").read_text(encoding="utf-8")


def documented(library: str, path: Path) -> Any:
    """Run what docs/record.md has for a library on another archive; return its table."""
    blocks = re.findall(rf"```python\n((?:from|import) {library}\b.*?)```", DOCS, re.DOTALL)
    assert len(blocks) == 1
    names: dict[str, Any] = {}
    exec(blocks[0].replace('"output/articles.jsonl"', repr(str(path / "articles.jsonl"))), names)
    return names["articles"]


@pytest.mark.parametrize("library", READERS)
def test_each_librarys_own_reader_is_right_with_the_arguments_of_the_documentation(
    null_first: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path)
    rows = READERS[library](documented(library, null_first))
    assert len(rows) == NULL_LINES + 1
    assert rows[0] == row(bare(0))
    assert rows[-1] == row(FULL)


def test_duckdb_left_alone_loses_every_value_of_such_a_file(null_first: Path) -> None:
    import duckdb

    # The reason why the documentation never lets it guess.
    guessed = duckdb.read_json(str(null_first / "articles.jsonl"), format="newline_delimited")
    assert guessed.aggregate("count(source_id)").fetchall() == [(0,)]
    for document in (ROOT / "docs").glob("*.md"):
        for block in re.findall(r"```python\n(.*?)```", document.read_text(encoding="utf-8"), re.DOTALL):
            assert "read_json" not in block or re.search(r"columns=|dtype=|pyarrow_options", block), document


# read_articles


TABLES: dict[str, Callable[[Records], list[dict[str, Any]]]] = {
    "arrow": lambda found: found.to_arrow().to_pylist(),
    "pandas": lambda found: in_pandas(found.to_pandas()),
    "polars": lambda found: found.to_polars().to_dicts(),
}


@pytest.mark.parametrize("library", TABLES)
def test_a_table_has_every_value_with_its_type(null_first: Path, library: str) -> None:
    rows = TABLES[library](kcnacrawl.read_articles(null_first))
    assert len(rows) == NULL_LINES + 1
    assert (rows[0], rows[-1]) == (row(bare(0)), row(FULL))


@pytest.mark.parametrize("library", TABLES)
def test_a_table_of_nothing_has_its_columns(tmp_path: Path, library: str) -> None:
    write(tmp_path, [])
    found = kcnacrawl.read_articles(tmp_path)
    assert TABLES[library](found) == []
    assert found.to_arrow().schema == kcnacrawl.arrow_schema()
    assert list(found.to_pandas()) == list(found.to_polars().columns) == kcnacrawl.arrow_schema().names


LINES = records(60)
LATEST = {one.id: one for one in LINES}


@pytest.mark.parametrize("name", ["", "articles.jsonl"])
def test_records_come_one_by_one_in_the_order_of_the_lines_from_a_folder_or_a_file(tmp_path: Path, name: str) -> None:
    write(tmp_path, LINES)
    assert list(kcnacrawl.read_articles(tmp_path / name, latest=False)) == LINES
    assert list(kcnacrawl.read_articles(str(tmp_path / name))) == [one for one in LINES if LATEST[one.id] is one]


def test_the_latest_are_those_that_a_store_holds(tmp_path: Path) -> None:
    again = [rewritten(LINES[0], "the same revision, again", revision=3), LINES[1]]
    write(tmp_path, [*LINES, *again])
    with open_store(f"parquet:{tmp_path}/store") as store:
        sync(tmp_path, store)
    held = pd.read_parquet(tmp_path / "store/articles", dtype_backend="pyarrow")
    read = kcnacrawl.read_articles(tmp_path).to_pandas()
    keys = ["id", "revision", "status", "body_sha256"]
    assert sorted(read[keys].itertuples(index=False)) == sorted(held[keys].itertuples(index=False))


def test_a_table_is_of_all_records_also_after_some_were_taken(tmp_path: Path) -> None:
    write(tmp_path, LINES)
    found = kcnacrawl.read_articles(tmp_path, latest=False)
    assert next(found) == LINES[0]
    assert found.to_arrow().num_rows == len(LINES)
    assert next(found) == LINES[1]


@pytest.mark.parametrize("latest", [False, True])
def test_a_line_that_is_being_written_is_no_record_yet(tmp_path: Path, *, latest: bool) -> None:
    write(tmp_path, LINES[:3])
    whole = (tmp_path / "articles.jsonl").read_bytes()
    for cut in (1, 50):
        (tmp_path / "articles.jsonl").write_bytes(whole[:-cut])
        assert list(kcnacrawl.read_articles(tmp_path, latest=latest)) == LINES[:2]


def test_what_a_crawl_adds_meanwhile_changes_no_table_of_the_latest(tmp_path: Path) -> None:
    write(tmp_path, LINES[:3])
    found = kcnacrawl.read_articles(tmp_path)
    assert next(found) == LINES[0]
    write(tmp_path, [rewritten(LINES[1], "edited", revision=2)])
    assert list(found) == LINES[1:3]


DAMAGED = {
    "no JSON": b"{",
    "empty": b"",
    "no record": b'{"id":"1600000000-100000000"}',
    "not UTF-8": b'{"id":"\xff"}',
    "nested without end": b"[" * 100_000,
}


@pytest.mark.parametrize("latest", [False, True])
@pytest.mark.parametrize("line", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_line_is_told_by_where_it_ends(tmp_path: Path, line: bytes, *, latest: bool) -> None:
    write(tmp_path, LINES[:1])
    with (tmp_path / "articles.jsonl").open("ab") as file:
        file.write(line + b"\n")
        end = file.tell()
    write(tmp_path, LINES[1:2])
    where = f"{tmp_path}/articles.jsonl, the line that ends at byte {end} is no record"
    with pytest.raises(StorageFailed, match=re.escape(where)):
        list(kcnacrawl.read_articles(tmp_path, latest=latest))


def test_a_day_that_is_none_is_told_by_its_record(tmp_path: Path) -> None:
    write(tmp_path, [dataclasses.replace(LINES[0], date_published="2021-02-31")])
    with pytest.raises(StorageFailed, match=f"revision 1 of {LINES[0].id} has no date_published of the calendar"):
        kcnacrawl.read_articles(tmp_path).to_polars()


def test_lines_of_a_later_version_are_read_beside_ours(tmp_path: Path) -> None:
    write(tmp_path, LINES[:1])
    later = msgspec.to_builtins(LINES[1]) | {"schema_version": 7, "what_is_later": "first"}
    with (tmp_path / "articles.jsonl").open("ab") as file:
        file.write(json.dumps(later).encode() + b"\n")
    found = list(kcnacrawl.read_articles(tmp_path))
    assert [one.schema_version for one in found] == [2, 7]
    assert dataclasses.replace(found[1], schema_version=2) == LINES[1]
    assert kcnacrawl.read_articles(tmp_path).to_polars()["schema_version"].to_list() == [2, 7]


@pytest.mark.parametrize("version", ["0", "-1", '"7"', "null"])
def test_a_version_that_is_none_is_damage(tmp_path: Path, version: str) -> None:
    write(tmp_path, LINES[:1])
    path = tmp_path / "articles.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"schema_version":2', f'"schema_version":{version}'.encode()))
    with pytest.raises(StorageFailed, match="schema_version"):
        next(kcnacrawl.read_articles(tmp_path))


def test_a_file_that_is_not_there_is_said_before_anything_is_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "articles.jsonl"):
        with pytest.raises(FileNotFoundError, match=re.escape(str(tmp_path / "articles.jsonl"))):
            kcnacrawl.read_articles(path)


def test_every_revision_is_read_in_the_memory_of_one(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path = tmp_path / f"{count}.jsonl"
        path.write_bytes(b"".join(encoded(article(one, "text" * 250)) for one in range(count)))
        tracemalloc.start()
        try:
            for _ in kcnacrawl.read_articles(path, latest=False):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(2_000) < peak(200) + 10_000


# Schemas


def test_the_schema_that_is_shipped_is_that_of_the_record() -> None:
    shipped = json.loads((ROOT / "kcnacrawl/article.schema.json").read_text(encoding="utf-8"))
    assert shipped == kcnacrawl.article_schema()
    jsonschema.Draft202012Validator.check_schema(shipped)


@pytest.fixture(scope="module")
def validator() -> Iterator[jsonschema.Draft202012Validator]:
    return jsonschema.Draft202012Validator(kcnacrawl.article_schema())


def test_the_schema_takes_every_record_and_asks_for_every_key(validator: jsonschema.Draft202012Validator) -> None:
    for one in (*LINES, bare(1)):
        line = json.loads(encoded(one))
        assert validator.is_valid(line)
        for key in line:
            assert not validator.is_valid({name: value for name, value in line.items() if name != key}), key


@pytest.mark.parametrize(
    "fault",
    [{"id": "1-2"}, {"date_published": "23/03/2021"}, {"revision": 0}, {"source_id": "163"}, {"access": "half"}],
    ids=lambda fault: next(iter(fault)),
)
def test_the_schema_refuses_what_is_no_record(
    validator: jsonschema.Draft202012Validator, fault: dict[str, object]
) -> None:
    assert not validator.is_valid(json.loads(msgspec.json.encode(LINES[0])) | fault)


def test_patterns_are_those_that_other_languages_know() -> None:
    patterns = re.findall(r'"pattern": "(.*)"', (ROOT / "kcnacrawl/article.schema.json").read_text(encoding="utf-8"))
    assert len(patterns) > 5
    # \A and \Z are Python's.
    assert all(re.fullmatch(r"\^[^$^]*\$", pattern) and r"\A" not in pattern for pattern in patterns)


def test_arrows_schema_is_that_of_the_parquet_stores_files(tmp_path: Path) -> None:
    write(tmp_path, LINES[1:2])
    with open_store(f"parquet:{tmp_path}/store") as store:
        sync(tmp_path, store)
    (path,) = (tmp_path / "store/articles").rglob("*.parquet")
    assert pq.read_schema(path) == kcnacrawl.arrow_schema()


# What is not there


@pytest.mark.parametrize(
    ("module", "method", "name"),
    [("pandas", "to_pandas", "pandas"), ("polars", "to_polars", "polars"), ("pyarrow", "to_arrow", "arrow")],
)
def test_a_library_that_is_missing_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, method: str, name: str
) -> None:
    write(tmp_path, LINES)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ArgumentError, match=rf"{module} is missing: pip install kcnacrawl\[{name}\]"):
        getattr(kcnacrawl.read_articles(tmp_path), method)()


def test_the_package_alone_imports_nothing_but_the_standard_library() -> None:
    told = "import sys; before = set(sys.modules); import kcnacrawl; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    ours = {name for name in done.stdout.split() if name.partition(".")[0] not in sys.stdlib_module_names}
    assert ours == {"kcnacrawl"}
