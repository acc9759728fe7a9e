"""The links between articles in the stores, and what is shown by them: the same everywhere as in ``reprints.jsonl``."""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcnacrawl.archive import StorageFailed
from kcnacrawl.reprints.beside import Piece, beside
from kcnacrawl.reprints.linking import INDEX, update
from kcnacrawl.reprints.links import REPRINTS, Link
from kcnacrawl.reprints.text import LONGEST
from kcnacrawl.stores import open_store
from kcnacrawl.stores.feed import sync, sync_links
from kcnacrawl.stores.find import count_hits, find
from kcnacrawl.stores.summary import summarise

from .archives import write
from .conftest import scrapy
from .postgresql import Server
from .printed import ALL, ALONE, CATCH, KCNA, MERGED, MINISTRY, ORIGINAL, SHORTENED, WORKS, linked, printed

Ask = Callable[[], list[tuple[Any, ...]]]
QUERY = "SELECT id, of_id, kind, score, containment, shared_numbers FROM reprints ORDER BY id, of_id"


@pytest.fixture(params=["sqlite", "postgresql", "parquet"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Ask]:
    """A new store of each kind: its address, and what links it holds."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.sqlite", lambda: in_sqlite(tmp_path / "store.sqlite")
    if request.param == "parquet":
        return f"parquet:{tmp_path}/parquet", lambda: in_parquet(tmp_path / "parquet")
    server: Server = request.getfixturevalue("postgresql")
    address = server.new_database()
    return address, lambda: in_postgresql(address)


def in_sqlite(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(QUERY).fetchall()


def in_postgresql(address: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(address) as db:
        return db.execute(QUERY).fetchall()


def in_parquet(folder: Path) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in pq.read_table(folder / "reprints/data.parquet").to_pylist()]


def in_file(folder: Path) -> list[tuple[Any, ...]]:
    lines = (folder / REPRINTS).read_text(encoding="utf-8").splitlines()
    return [tuple(json.loads(line)[key] for key in Link._fields) for line in lines]


def brought(folder: Path, address: str) -> bool:
    with open_store(address) as held:
        sync(folder, held)
        return sync_links(folder, held)


def test_a_store_holds_the_links_that_there_are_now(tmp_path: Path, store: tuple[str, Ask]) -> None:
    address, held = store
    folder = linked(tmp_path / "archive")
    assert brought(folder, address)
    assert held() == in_file(folder)
    assert [row[:3] for row in held()] == [
        (SHORTENED.id, ORIGINAL.id, "cut"),
        (MERGED.id, ORIGINAL.id, "cut"),
        (MERGED.id, CATCH.id, "cut"),
    ]
    assert not brought(folder, address)
    # One more; of one that was edited, none is left; one is of another kind.
    again = printed(6, WORKS, "2021-03-04", KCNA)
    write(folder, [again, printed(3, ALONE.article_body * 9, "2021-03-05", MINISTRY, revision=2)])
    write(folder, [printed(2, WORKS, "2021-03-03", KCNA, revision=2)])
    update(folder)
    assert brought(folder, address)
    assert held() == in_file(folder)
    assert [row[:3] for row in held()] == [(SHORTENED.id, ORIGINAL.id, "same"), (again.id, ORIGINAL.id, "same")]
    (folder / REPRINTS).unlink()
    assert brought(folder, address)
    assert held() == []
    assert not brought(folder, address)


def test_a_line_that_is_none_of_ours_is_named_and_changes_nothing(tmp_path: Path, store: tuple[str, Ask]) -> None:
    address, held = store
    folder = linked(tmp_path / "archive")
    brought(folder, address)
    before, path = held(), folder / REPRINTS
    lines = path.read_bytes().splitlines(keepends=True)
    for foreign in (
        b"{}\n",
        b'{"id": 1}\n',
        lines[0],
        lines[1].replace(b'"score":', b'"score":1'),
        b"\xff\n",
        b"[" * 9999,
    ):
        path.write_bytes(b"".join(lines[:2]) + foreign)
        with pytest.raises(StorageFailed, match=rf"{REPRINTS}, line 3 is no line of ours"):
            brought(folder, address)
        assert held() == before
    path.unlink()
    (folder / INDEX).unlink()
    update(folder)
    brought(folder, address)
    assert held() == before


def test_sync_says_that_links_are_new_and_a_damaged_file_is_one_line_and_exit_7(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/store.sqlite"
    folder = linked(tmp_path / "archive")
    for told in ("5 new records, new links of reprints", "no new records"):
        assert scrapy(folder, "sync", address).stdout == f"sqlite: {told}\n"
    with (folder / REPRINTS).open("ab") as file:
        file.write(b"more\n")
    done = scrapy(folder, "sync", address)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (7, "", 1)
    assert f"{folder / REPRINTS}, line 4 is no line of ours" in done.stderr


def test_stores_of_before_there_were_links_get_them_from_the_next_sync(tmp_path: Path, postgresql: Server) -> None:
    folder, address = tmp_path / "archive", postgresql.new_database()
    write(folder, ALL)
    path = tmp_path / "store.sqlite"
    for one in (f"sqlite:///{path}", address):
        brought(folder, one)
    with closing(sqlite3.connect(path)) as db:
        db.executescript("DROP TABLE reprints; PRAGMA user_version = 4;")
    with psycopg.connect(address) as server:
        server.execute("DROP TABLE reprints")
        server.execute("COMMENT ON TABLE cursors IS 'kcnacrawl store, version 3; words 2, Unicode 13.0.0'")
    update(folder)
    for one in (f"sqlite:///{path}", address):
        assert brought(folder, one)
    assert in_sqlite(path) == in_postgresql(address) == in_file(folder)


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Path:
    # The second copies what the first has of its own, and nothing of the original.
    own = "The smiths of the second shop, who had learned from it, sent 61 of their number to Kilju for a whole year."
    extended = printed(7, f"{WORKS}\n\n{own * 2}", "2021-03-04", KCNA)
    folder = linked(tmp_path / "archive", extended, printed(8, own * 2, "2021-03-06", MINISTRY))
    brought(folder, f"sqlite:///{folder}/store.sqlite")
    return folder / "store.sqlite"


def test_each_story_is_found_once_as_the_earliest_that_holds_the_words(sqlite_store: Path) -> None:
    def numbers(query: str) -> list[int]:
        found = [hit.id for hit in find(sqlite_store, query, one_per_story=True)]
        assert count_hits(sqlite_store, query, one_per_story=True) == len(found)
        return sorted(int(id_[:10]) - 1600000000 for id_ in found)

    assert len(list(find(sqlite_store, "casting"))) == 4
    assert numbers("casting") == [1]
    # Not in the original, whose other copies are of one story still.
    assert numbers('"full steam"') == [2]
    # What was merged is of the story that it has most of.
    assert numbers("herring") == [3, 4]
    # A copy of a copy, which has nothing of the original, is another story.
    assert numbers("Kilju") == [7, 8]
    assert numbers("Chongsu herring") == [3]


@pytest.mark.parametrize(("few", "newest"), [(0, 1), (0, 500)])
def test_of_very_many_hits_each_story_is_found_once_too(
    sqlite_store: Path, monkeypatch: pytest.MonkeyPatch, few: int, newest: int
) -> None:
    found = {query: list(find(sqlite_store, query, one_per_story=True)) for query in ("the", "casting", "Kilju")}
    monkeypatch.setattr("kcnacrawl.stores.find._FEW", few)
    monkeypatch.setattr("kcnacrawl.stores.find._NEWEST", newest)
    assert found == {query: list(find(sqlite_store, query, one_per_story=True)) for query in found}


def test_find_tells_stories_where_it_is_asked_for_them(sqlite_store: Path) -> None:
    done = scrapy(sqlite_store.parent, "find", "--one-per-story", "casting")
    assert (done.returncode, done.stdout.count(ORIGINAL.id), done.stderr) == (0, 1, "1 story\n")
    done = scrapy(sqlite_store.parent, "find", "--one-per-story", "--limit", "1", "Kilju")
    assert (done.returncode, done.stderr) == (0, "1 of 2 stories\n")


def test_who_takes_from_whom_and_how_late_is_counted(sqlite_store: Path) -> None:
    counted = summarise(sqlite_store, date(2021, 1, 1), date(2021, 12, 31), latest=0).takings
    kcna, ministry, rodong = "KCNA.kp (En)", "Ministry of Foreign Affairs (EN)", "Rodong Sinmun (Kr)"
    # What a source takes from itself is left out: the second print of KCNA's is none.
    assert Counter({tuple(row[:3]): row[3] for row in counted}) == {
        (kcna, rodong, 1): 1,
        (kcna, ministry, 2): 1,
        (kcna, ministry, 3): 1,
        (rodong, ministry, 3): 1,
    }


# Side by side


def alone(paragraphs: list[list[Piece]]) -> list[str]:
    return [piece.text for pieces in paragraphs for piece in pieces if not piece.is_shared]


@pytest.mark.parametrize(
    ("one", "other", "lacking"),
    [
        ("The pit was dug by ten.", "THE PIT, was dug by ten", ([], [])),
        ("The pit was dug by ten.", "The pit was dug by twenty men.", (["ten."], ["twenty men."])),
        ("First of all the pit.\n\nThen came the thaw.", "Then came the thaw.\n\nFirst of all the pit.", ([], [])),
        ("기계공장을 새로 일떠세웠다.", "기계공장을 훌륭히 일떠세웠다.", (["새로 "], ["훌륭히 "])),
        ("ｗｉｄｅ letters are none", "wide letters are none", ([], [])),
        ("a", "a", ([], [])),
        ("a", "b", (["a"], ["b"])),
        ("", "b", ([], ["b"])),
        ("***\n\none two three", "one two three", ([], [])),
    ],
)
def test_what_a_text_has_alone_is_told(one: str, other: str, lacking: tuple[list[str], list[str]]) -> None:
    assert tuple(map(alone, beside(one, other))) == lacking


@given(*[st.text(st.sampled_from("ab가나다 .\n\u0301“"), max_size=80)] * 2)
def test_beside_each_other_texts_are_what_they_were(one: str, other: str) -> None:
    sides = beside(one, other)
    for text, paragraphs in zip((one, other), sides, strict=True):
        told = ["".join(piece.text for piece in pieces) for pieces in paragraphs]
        assert told == [paragraph for paragraph in text.split("\n\n") if paragraph]
    assert sides == beside(other, one)[::-1]


@pytest.mark.parametrize("text", ["ha " * 400_000, "책" * 400_000, "1 2 3 4 5 6 7 8 9 " * 40_000, "." * 400_000])
def test_a_hostile_text_is_cut_and_takes_as_long_as_it_is(text: str) -> None:
    ((pieces,), _) = beside(text, text[::-1])
    assert sum(len(piece.text) for piece in pieces) == LONGEST
