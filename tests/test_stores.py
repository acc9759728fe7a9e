"""All stores hold the same, whatever befell them: one archive, each synced twice, and once killed in between."""

import hashlib
import json
import re
import signal
import sqlite3
import subprocess
import sys
from ast import literal_eval
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import duckdb
import psycopg
import pytest

from kcnacrawl.items import Article

from . import processes
from .archives import article, encoded, expected, plain, records, write
from .conftest import ROOT, scrapy
from .postgresql import Server

KEYS = ", ".join(field.name for field in fields(Article))
LINES = records(4412)[:5000]
KILLED_AT = 4
"""The batch, counted from 1, before which the first sync of each store is killed."""

Rows = list[tuple[object, ...]]

# As each of the three understands them.
QUERIES = {
    "articles": "SELECT count(*), count(DISTINCT source_label) FROM articles",
    "revisions": "SELECT revision, status, count(*) FROM revisions GROUP BY revision, status ORDER BY revision, status",
    "by source": "SELECT source_label, count(*) FROM articles GROUP BY source_label ORDER BY source_label",
    "by year": """
        SELECT substr(CAST(date_published AS VARCHAR(10)), 1, 4) AS year, count(*) FROM articles
        WHERE date_published IS NOT NULL GROUP BY 1 ORDER BY 1
    """,
    "gone": "SELECT id FROM articles WHERE status = 'gone' ORDER BY id",
    "truncated": """
        SELECT in_language, count(*) FROM articles
        WHERE access = 'truncated' AND in_language > '' GROUP BY in_language ORDER BY in_language
    """,
    "newest": """
        SELECT id, headline, date_published FROM articles
        WHERE date_published >= '2020-06-01' ORDER BY date_published DESC, id LIMIT 20
    """,
    "undated": "SELECT id FROM articles WHERE date_published IS NULL ORDER BY id",
    "moved to another year": """
        SELECT one.id, one.date_published, other.date_published FROM revisions AS one JOIN revisions AS other USING (id)
        WHERE one.revision = 1 AND other.revision = 2 AND one.date_published <> other.date_published ORDER BY one.id
    """,
    "longest": "SELECT id, length(article_body) FROM articles ORDER BY 2 DESC, 1 LIMIT 20",
}
WORDS = ("김정은", "정책", "핵", "책", "새것", "政", "반제정책", "Pyongyang")


@dataclass(frozen=True)
class Filled:
    """A store after its syncs: what it answers to a query, and which articles it finds."""

    ask: Callable[[str], Rows]
    find: Callable[[str], set[str]]

    def checksum(self, table: str) -> str:
        """Of every cell of a table, as a record of the archive has it."""
        return checksum(self.ask(f"SELECT {KEYS} FROM {table} ORDER BY id, revision"))


def checksum(rows: Iterable[tuple[object, ...]]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps([plain(cell) for cell in row]).encode())
    return digest.hexdigest()


def in_sqlite(path: Path) -> Filled:
    def ask(query: str) -> Rows:
        with closing(sqlite3.connect(path)) as db:
            return db.execute(query).fetchall()

    def find(query: str) -> set[str]:
        done = scrapy(path.parent, "find", "--store", str(path), "--jsonl", query)
        assert (done.returncode, done.stderr) == (0, "")
        return {json.loads(line)["id"] for line in done.stdout.splitlines()}

    return Filled(ask, find)


def in_postgresql(address: str) -> Filled:
    def ask(query: str) -> Rows:
        with psycopg.connect(address) as db:
            return db.execute(query.encode()).fetchall()

    def find(query: str) -> set[str]:
        with psycopg.connect(address) as db:
            return {one for (one,) in db.execute("SELECT id FROM kcna_find(%s)", (query,))}

    return Filled(ask, find)


def in_parquet(folder: Path) -> Filled:
    """Parquet has no index of words: what is found there is what a look into every text finds."""

    def ask(query: str) -> Rows:
        with duckdb.connect() as db:
            for table in ("articles", "revisions"):
                db.execute(f"CREATE VIEW {table} AS FROM read_parquet('{folder}/{table}/**/*.parquet')")
            # Not by its own fetchall(), which asks for pytz.
            return list(zip(*(one.to_pylist() for one in db.sql(query).to_arrow_table().columns), strict=True))

    def find(word: str) -> set[str]:
        return {str(one) for (one,) in ask(f"SELECT id FROM articles WHERE contains(article_body, '{word}')")}

    return Filled(ask, find)


@pytest.fixture(scope="module")
def stores(postgresql: Server, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Filled]:
    """One archive in all stores, each synced, killed, synced, and synced again."""
    folder = tmp_path_factory.mktemp("archive")
    write(folder, LINES)
    address = postgresql.new_database()
    addresses = {
        f"sqlite:///{folder}/store.sqlite": in_sqlite(folder / "store.sqlite"),
        address: in_postgresql(address),
        f"parquet:{folder}/parquet": in_parquet(folder / "parquet"),
    }
    for one in addresses:
        command = ["tests.crashing", "batch", str(KILLED_AT), "sync", "-s", f"KCNACRAWL_DIR={folder}", one]
        killed = processes.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        for told in (r"[0-9]+ new records", "no new records"):
            done = scrapy(folder, "sync", one)
            assert (done.returncode, done.stderr) == (0, ""), done.stderr
            assert re.fullmatch(rf"\w+: {told}\n", done.stdout)
    return {one.partition(":")[0]: store for one, store in addresses.items()}


def test_every_store_holds_the_archive_to_the_letter(stores: Mapping[str, Filled]) -> None:
    assert len(LINES) == 5000
    assert {(one.revision, one.status) for one in LINES} == {(1, "live"), (2, "live"), (3, "gone")}
    for name, store in stores.items():
        for table, latest in (("articles", True), ("revisions", False)):
            rows = expected(LINES, latest=latest)
            assert store.ask(f"SELECT count(*) FROM {table}") == [(len(rows),)], name
            assert store.checksum(table) == checksum(rows), name


@pytest.mark.parametrize("query", QUERIES)
def test_every_store_gives_the_same_answers(stores: Mapping[str, Filled], query: str) -> None:
    answers = {name: [tuple(map(plain, row)) for row in store.ask(QUERIES[query])] for name, store in stores.items()}
    assert answers["sqlite"]
    assert answers["sqlite"] == answers["postgresql"] == answers["parquet"]


@pytest.mark.parametrize("word", WORDS)
def test_every_store_finds_the_same(stores: Mapping[str, Filled], word: str) -> None:
    found = {name: store.find(word) for name, store in stores.items()}
    assert found["sqlite"]
    assert found["sqlite"] == found["postgresql"] == found["parquet"]


def test_every_store_finds_a_word_whatever_nobody_sees_in_it(postgresql: Server, tmp_path: Path) -> None:
    bodies = ["김\u200b정은동지께서", "김정\ufe0f은ㆍ경제", "정치・경제", "Kimʼs gar\u00adden", "مُحَمَّد", "others"]
    write(tmp_path, [article(number, body) for number, body in enumerate(bodies, start=1)])
    address = postgresql.new_database()
    stores = {
        f"sqlite:///{tmp_path}/store.sqlite": in_sqlite(tmp_path / "store.sqlite").find,
        address: in_postgresql(address).find,
        f"parquet:{tmp_path}/parquet": partial(looked_into, tmp_path / "parquet"),
    }
    for store, find in stores.items():
        assert scrapy(tmp_path, "sync", store).returncode == 0
        for query, numbers in {"김정은": {1, 2}, "경제": {2, 3}, "kim": {4}, "garden": {4}, "محمد": {5}}.items():
            assert find(query) == {article(number, "").id for number in numbers}, (store, query)


def looked_into(folder: Path, query: str) -> set[str]:
    """What docs/stores.md has DuckDB find."""
    (block,) = re.findall(r"```python\n([^`]*create_function[^`]*)```", (ROOT / "docs/stores.md").read_text("utf-8"))
    text = block.replace('"output/parquet"', repr(str(folder))).replace("김정은", query)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    return {id_ for id_, _ in literal_eval(done.stdout)}


def test_the_bulk_lines_for_elasticsearch_leave_the_latest_revision_of_each_article(tmp_path: Path) -> None:
    (line,) = re.findall(r"^jq .*_id.*$", (ROOT / "docs/stores.md").read_text(encoding="utf-8"), re.MULTILINE)
    (tmp_path / "output").mkdir()
    write(tmp_path / "output", LINES)
    subprocess.run(["bash", "-c", line], cwd=tmp_path, check=True)
    with (tmp_path / "bulk.ndjson").open(encoding="utf-8") as file:
        lines = [json.loads(one) for one in file]
    assert lines[::2] == [{"index": {"_index": "articles", "_id": one.id}} for one in LINES]
    indexed = {action["index"]["_id"]: record for action, record in zip(lines[::2], lines[1::2], strict=True)}
    assert indexed == {one.id: json.loads(encoded(one)) for one in LINES}
