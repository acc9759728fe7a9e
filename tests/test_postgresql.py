"""``scrapy sync postgresql://…``: a store that equals the archive whatever happens, searched by anybody with psql."""

import dataclasses
import random
import re
import signal
import sqlite3
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcnacrawl.archive import StorageFailed
from kcnacrawl.archive.blocks import LogEnd
from kcnacrawl.arguments import ArgumentError
from kcnacrawl.items import SINCE_2, Article
from kcnacrawl.stores import StoreDown, open_store, words
from kcnacrawl.stores.feed import sync
from kcnacrawl.stores.find import find
from kcnacrawl.stores.postgresql import _KCNA_FIND, _LOCK, _searchable

from . import processes
from .archives import article, expected, of_version_1, plain, records, write
from .conftest import ROOT, scrapy, wait_for
from .postgresql import LOCKED, PASSWORD, Server

KEYS = [field.name for field in dataclasses.fields(Article)]
LATIN = "TEMPLATE template0 ENCODING LATIN1 LC_COLLATE 'C' LC_CTYPE 'C'"
ASCII_LETTERS = "TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"


@pytest.fixture
def address(postgresql: Server) -> str:
    """A place for a store."""
    return postgresql.new_schema()


def fill(folder: Path, address: str) -> int:
    with open_store(address) as store:
        return sync(folder, store)


def ask(address: str, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(address) as db:
        return db.execute(query, parameters).fetchall()


def state(address: str) -> dict[str, list[tuple[object, ...]]]:
    """What a store holds, in the words of the records."""
    tables = {table: ask(address, f"TABLE {table}") for table in ("articles", "revisions")}
    order = {table: sorted(rows, key=lambda row: (row[1], row[2])) for table, rows in tables.items()}
    return {table: [tuple(map(plain, row)) for row in rows] for table, rows in order.items()}


def whole(lines: list[Article]) -> dict[str, list[tuple[object, ...]]]:
    """What a store of these lines should hold."""
    return {"articles": expected(lines, latest=True), "revisions": expected(lines, latest=False)}


def found(address: str, query: str) -> list[str]:
    return [id_ for (id_,) in ask(address, "SELECT id FROM kcna_find(%s)", query)]


# What it holds


def test_the_store_holds_every_revision_and_the_latest_of_each_article(tmp_path: Path, address: str) -> None:
    lines = records(300)
    write(tmp_path, lines)
    done = scrapy(tmp_path, "sync", address)
    assert (done.returncode, done.stdout, done.stderr) == (0, "postgresql: 340 new records\n", "")
    assert state(address) == whole(lines)
    assert fill(tmp_path, address.replace("postgresql", "postgres", 1) + "&client_encoding=latin1") == 0
    assert state(address) == whole(lines)


def test_its_columns_are_the_keys_of_a_record_with_types_of_their_own(tmp_path: Path, address: str) -> None:
    write(tmp_path, [])
    assert fill(tmp_path, address) == 0
    columns = """
SELECT column_name, data_type FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name = %s ORDER BY ordinal_position
"""
    for table in ("articles", "revisions"):
        types = dict(ask(address, columns, table))
        assert list(types) == KEYS
        assert types["date_published"] == types["date_listed"] == "date"
        assert types["url_time"] == types["date_downloaded"] == "timestamp with time zone"
        assert (types["images"], types["date_conflict"], types["source_id"]) == ("ARRAY", "boolean", "integer")


def test_a_sync_goes_on_where_the_last_one_ended(tmp_path: Path, address: str) -> None:
    lines = records(60)
    write(tmp_path, lines[:10])
    assert fill(tmp_path, address) == 10
    write(tmp_path, lines[10:])
    assert fill(tmp_path, address) == len(lines) - 10
    assert state(address) == whole(lines)


def test_an_older_revision_that_comes_late_replaces_nothing(tmp_path: Path, address: str) -> None:
    old = article(1, "옛날 말")
    new = dataclasses.replace(old, revision=2, article_body="새 말")
    for line in (new, old):
        write(tmp_path, [line])
        assert fill(tmp_path, address) == 1
    assert state(address) == {"articles": expected([new], latest=True), "revisions": expected([old, new], latest=False)}
    assert found(address, "새") == [new.id]
    assert found(address, "옛날") == []


def test_a_sync_that_is_killed_at_any_batch_ends_in_the_same_state_as_one_that_was_not(
    tmp_path: Path, address: str
) -> None:
    lines = records(1600)
    write(tmp_path, lines)
    # Before the second batch; in the second, written but for its cursor.
    for point, passage in (("batch", 2), ("cursor", 1)):
        command = ["tests.crashing", point, str(passage), "sync", "-s", f"KCNACRAWL_DIR={tmp_path}", address]
        done = processes.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True)
        assert done.returncode == -signal.SIGKILL, done.stderr
        assert state(address) == whole(lines[:1000])
    assert fill(tmp_path, address) == len(lines) - 1000
    assert state(address) == whole(lines)
    assert ask(address, "SELECT count(*) FROM search") == [(1600,)]


def test_two_syncs_at_once_leave_one_right_store(tmp_path: Path, address: str) -> None:
    lines = records(1600)
    write(tmp_path, lines)
    command = [sys.executable, "-m", "scrapy", "sync", "-s", f"KCNACRAWL_DIR={tmp_path}", address]
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with psycopg.connect(address) as db:
        db.execute(_LOCK)
        syncs = [processes.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        wait_for(lambda: ask(address, waiting) == [(2,)])
    ends = sorted((one.wait(), one.communicate()[1]) for one in syncs)
    # The one that comes second leaves, or has nothing to do if the first is done by then.
    line = r"kcnacrawl: incomplete \(3\): postgresql://.*: another sync is filling it; let it finish\n"
    assert ends[0] == (0, "")
    assert ends[1] == (0, "") or re.fullmatch(line, ends[1][1])
    assert state(address) == whole(lines)


def test_a_batch_that_another_sync_has_taken_is_not_taken_twice(address: str) -> None:
    before, after = LogEnd("articles.jsonl"), LogEnd("articles.jsonl", 10, 1)
    with open_store(address) as one, open_store(address) as other:
        batch = one.prepare([article(1, "text")])
        one.apply(batch, before, after)
        with pytest.raises(StoreDown, match="another sync is filling it"):
            other.apply(batch, before, after)
        assert other.cursor("articles.jsonl") == after


def test_stores_in_schemas_of_their_own_stand_beside_each_other(tmp_path: Path, postgresql: Server) -> None:
    address = postgresql.new_database()
    with psycopg.connect(address) as db:
        db.execute('CREATE SCHEMA kcna; CREATE SCHEMA "Ours"; CREATE TABLE articles (mine text)')
    write(tmp_path, [article(1, "김정은동지께서")])
    for schema in ("kcna", '"Ours"'):
        path = schema.replace('"', "%22")
        assert fill(tmp_path, f"{address}&options=-csearch_path%3D{path}") == 1
        assert ask(address, f"SELECT article_body FROM {schema}.kcna_find('정은')") == [("김정은동지께서",)]
    assert ask(address, "TABLE articles") == []


# Search


@pytest.fixture(scope="module", params=["", ASCII_LETTERS], ids=["C.UTF-8", "C"])
def schema(postgresql: Server, request: pytest.FixtureRequest) -> Iterator[psycopg.Connection]:
    """An empty store, in databases of two opinions on what a letter is."""
    address = postgresql.new_database(request.param)
    with open_store(address):
        pass
    with psycopg.connect(address, autocommit=True) as db:
        yield db


MATCHES = """
SELECT words::tsvector @@ kcna_query(query) AND folded LIKE ALL (kcna_patterns(query))
FROM (VALUES (%s, %s, %s)) AS one (words, folded, query)
"""
LETTERS = "김정은책政a bÉé1İǰß가가が-_%\\'&|!:*“”\"\n\u3000ᾷｶﾞﬁ·ㆍ・･ᆞʼ’ㄱㅏ हि्न"
UNSEEN = "\u200b\u200d\ufeff\u00ad\ufe0f\U000e0100\u064e\u0301"
TYPED = st.text(st.sampled_from(LETTERS + UNSEEN)) | st.text(st.characters(codec="utf-8", exclude_characters="\0"))


PIECES = st.tuples(TYPED, st.integers(0, 9), st.integers(1, 9)).map(lambda one: (one[0], one[0][one[1] :][: one[2]]))
"""A text, and what stands in it."""


@given(TYPED, PIECES | st.tuples(TYPED, TYPED))
def test_a_query_finds_what_it_finds_in_the_sqlite_store_and_what_a_search_for_substrings_does(
    schema: psycopg.Connection, headline: str, question: tuple[str, str]
) -> None:
    body, query = question
    one = _searchable("1600000001-100000001", headline, body)
    in_postgresql = schema.execute(MATCHES, (one["words"], one["folded"], query)).fetchone()
    assert (in_postgresql == (True,)) == in_sqlite(headline, body, query)
    assert (in_postgresql == (True,)) == in_folded_text(headline, body, query)
    assert (in_postgresql == (True,)) == words.holds(query, headline, body)
    marks = [marked for text in (headline, body) for _, marked in words.parts(text, query)]
    assert any(marks) or in_postgresql != (True,)


def in_folded_text(headline: str, body: str, query: str) -> bool:
    """What a search for substrings finds: a term may begin and end inside glued letters, and nowhere else."""

    def edge(run: str) -> str:
        return "" if re.match(f"[{words.GLUED}]", run) else " "

    texts = [f" {words.folded(text)} " for text in (headline, body)]
    wanted = [edge(term.runs[0]) + " ".join(term.runs) + edge(term.runs[-1]) for term in words.terms(query)]
    return bool(wanted) and all(any(one in text for text in texts) for one in wanted)


def in_sqlite(headline: str, body: str, query: str) -> bool:
    if not (matched := words.match(query)):
        return False
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE VIRTUAL TABLE t USING fts5 (headline, body, tokenize = 'ascii')")
        db.execute("INSERT INTO t VALUES (?, ?)", [" ".join(words.tokens(text)) for text in (headline, body)])
        return bool(db.execute("SELECT count(*) FROM t WHERE t MATCH ?", (matched,)).fetchone()[0])


def test_every_letter_is_compared_as_everywhere_else(schema: psycopg.Connection) -> None:
    # All that Python and PostgreSQL agree on, whatever their versions; of ideographs and syllables, some.
    codes = [*range(0x3400), *range(0x3400, 0xF900, 50), *range(0xF900, sys.maxunicode, 3)]
    known = [char for char in map(chr, codes) if unicodedata.ucd_3_2_0.category(char)[0] != "C"]
    text = " ".join(f"a{char}b" for char in known if char not in '"“”')
    (pattern,) = schema.execute("SELECT unnest(kcna_patterns(%s))", (f'"{text}"',)).fetchall()[0]
    assert pattern == f"% {words.folded(text)} %"


def test_the_same_archive_gives_the_same_hits_in_the_same_order(tmp_path: Path, address: str) -> None:
    texts = ["one two three", "three two one", "Café du Monde", "政策", "KPA 군", "", "한 %_\\ 글"]
    write(tmp_path, records(200) + [article(number, text) for number, text in enumerate(texts, start=300)])
    for store in (address, f"sqlite:///{tmp_path}/store.sqlite"):
        fill(tmp_path, store)
    for query in (
        "김정은",
        "정책",
        "핵",
        "책",
        "새것",
        "政",
        "kpa군",
        '"two three"',
        "two three",
        "cafe",
        "headline 3",
        "한글",
    ):
        hits = [hit.id for hit in find(tmp_path / "store.sqlite", query)]
        assert found(address, query) == hits, query
    assert found(address, "새것")


@pytest.mark.parametrize("word", ["가", "나다", "라마바", "kim"])
def test_the_index_finds_short_words_too(crowded: str, word: str) -> None:
    plan = "\n".join(
        line for (line,) in ask(crowded, f"EXPLAIN SELECT * FROM kcna_find('{word}') WHERE source_id = 163")
    )
    assert "Bitmap Index Scan on search_by_word" in plan
    assert "Seq Scan on search" not in plan


@pytest.fixture(scope="module")
def crowded(postgresql: Server) -> str:
    """A store of many articles, few of which hold any one syllable."""
    choose = random.Random(7)
    syllables = [chr(code) for code in range(ord("가"), ord("힣"))]
    address = postgresql.new_schema()
    lines = [article(number, "".join(choose.choices(syllables, k=20))) for number in range(3000)]
    with open_store(address) as store:
        store.apply(store.prepare(lines), LogEnd("articles.jsonl"), LogEnd("articles.jsonl", 1, 1))
    with psycopg.connect(address, autocommit=True) as db:
        db.execute("VACUUM ANALYZE")
    return address


def test_a_text_of_any_length_is_taken_and_found_to_its_last_word(tmp_path: Path, address: str) -> None:
    choose = random.Random(7)
    ideographs = [chr(code) for code in range(ord("一"), ord("鿿"))]
    # A position too far, a word too often, and more words than a tsvector takes.
    speech = article(1, "혁명 " * 20_000 + "조선혁명")
    noise = article(2, "".join(choose.choices(ideographs, k=250_000)) + " 조선혁명 " + "a" * 3_000)
    write(tmp_path, [speech, noise])
    assert fill(tmp_path, address) == 2
    assert ask(address, "SELECT id, length(article_body) FROM articles ORDER BY id") == [
        (one.id, len(one.article_body)) for one in (speech, noise)
    ]
    assert found(address, "조선혁명") == [noise.id, speech.id]
    assert found(address, "a" * 3_000) == [noise.id]
    assert found(address, "혁명조선") == []


# What cannot be


def refused(folder: Path, address: str) -> str:
    with pytest.raises(ArgumentError) as caught:
        fill(folder, address)
    return str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:hunter2@x@host/kcna",
        "postgresql://u:hunter2/x@host/kcna",
        "postgresql://u:hunter2%zz@host/kcna",
        "postgresql://u:hunter2%00@host/kcna",
        "postgresql://u:x@host/kcna?pasword=hunter2",
        "postgresql://u:x@host/kcna?hunter2",
        "postgresql://u:hunter2\udcff@host/kcna",
        "postgresql://[hunter2",
        "postgresql:u:hunter2@host",
        "postgresql:/u:hunter2@host/kcna",
        "postgressql://u:hunter2@host/kcna",
        "postgres+psycopg://host/kcna?password=hunter2",
    ],
)
def test_an_address_that_is_none_is_refused_and_no_password_shown(tmp_path: Path, address: str) -> None:
    write(tmp_path, [])
    line = refused(tmp_path, address)
    assert line.startswith("store ")
    assert "hunter2" not in line
    assert line.isprintable()


def test_a_driver_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "kcnacrawl.stores.postgresql")
    assert refused(tmp_path, "postgresql:///kcna").endswith("psycopg is missing: pip install kcnacrawl[postgresql]")


@pytest.mark.parametrize(
    ("statement", "line"),
    [
        ("CREATE TABLE articles (mine text)", "holds articles, but none that sync made"),
        ("CREATE TABLE cursors (mine text)", "holds cursors, but none that sync made"),
        ("CREATE FUNCTION kcna_find(query text) RETURNS int LANGUAGE sql AS 'SELECT 1'", "already exists"),
        (
            "DO $$ BEGIN EXECUTE format('DROP SCHEMA %I', current_schema()); END $$",
            "there is no schema of its search_path",
        ),
    ],
)
def test_a_database_of_another_purpose_is_refused_and_left_alone(
    tmp_path: Path, address: str, statement: str, line: str
) -> None:
    write(tmp_path, [article(1, "text")])
    with psycopg.connect(address) as db:
        db.execute(statement)
    relations = "SELECT relname FROM pg_class WHERE oid >= 16384"
    before = ask(address, relations)
    assert line in refused(tmp_path, address)
    assert ask(address, relations) == before


def test_a_role_that_may_not_make_tables_is_told(tmp_path: Path, address: str) -> None:
    write(tmp_path, [article(1, "text")])
    with psycopg.connect(address) as db:
        (schema,) = db.execute("SELECT current_schema()").fetchone() or ()
        db.execute(f"GRANT USAGE ON SCHEMA {schema} TO {LOCKED}")
    line = refused(tmp_path, address.replace("postgres@", f"{LOCKED}:{PASSWORD}@"))
    assert re.fullmatch(rf"store postgresql://.*/postgres: permission denied for schema {schema}", line)


def test_a_store_of_another_version_is_refused(tmp_path: Path, address: str) -> None:
    write(tmp_path, [article(1, "text")])
    fill(tmp_path, address)
    with psycopg.connect(address) as db:
        db.execute("COMMENT ON TABLE cursors IS 'kcnacrawl store, version 99'")
    assert "made by another version of kcnacrawl" in refused(tmp_path, address)


@pytest.mark.parametrize("made", ["version 1", "version 2; words 2, Unicode 13.0.0"])
def test_a_store_of_older_rules_or_letters_is_indexed_anew(tmp_path: Path, address: str, made: str) -> None:
    hidden = article(1, "김\u200b정은동지께서")
    write(tmp_path, [hidden, *records(20)[2:]])
    fill(tmp_path, address)
    before = state(address), ask(address, "SELECT * FROM search ORDER BY id")
    with psycopg.connect(address) as db:
        db.execute("DROP TABLE reprints")
        db.execute(f"COMMENT ON TABLE cursors IS 'kcnacrawl store, {made}'")
        db.execute("UPDATE search SET words = '김 정은', folded = ' 김 정은동지께서 '")
        db.execute(
            "CREATE OR REPLACE FUNCTION kcna_patterns(query text) RETURNS text[] LANGUAGE sql AS 'SELECT NULL::text[]'"
        )
    assert found(address, "김정은") == []
    heard = list[tuple[int, int]]()
    with open_store(address, lambda *told: heard.append(told)):
        assert heard == [(0, len(before[1])), (len(before[1]), len(before[1]))]
    assert fill(tmp_path, address) == 0
    assert (state(address), ask(address, "SELECT * FROM search ORDER BY id")) == before
    assert hidden.id in found(address, "김\u00ad정은")
    assert fill(tmp_path, address) == 0


@pytest.mark.parametrize("letters", [words.FOLDING, "2, Unicode 13.0.0"])
def test_a_store_without_the_columns_of_today_gets_them_from_the_next_sync(
    tmp_path: Path, address: str, letters: str
) -> None:
    old, new = of_version_1(records(20)), [article(90, "greenhouse")]
    write(tmp_path, old)
    fill(tmp_path, address)
    with psycopg.connect(address) as db:
        for table, column in product(("articles", "revisions"), SINCE_2):
            db.execute(f"ALTER TABLE {table} DROP COLUMN {column} CASCADE")
        db.execute(f"CREATE {_KCNA_FIND}")
        db.execute("DROP TABLE reprints")
        db.execute(f"COMMENT ON TABLE cursors IS 'kcnacrawl store, version 2; words {letters}'")
    assert found(address, "greenhouse") == []
    write(tmp_path, new)
    assert fill(tmp_path, address) == 1
    assert state(address) == whole(old + new)
    assert found(address, "greenhouse") == [new[0].id]
    assert fill(tmp_path, address) == 0


def test_a_database_that_cannot_hold_korean_is_refused(tmp_path: Path, postgresql: Server) -> None:
    write(tmp_path, [article(1, "text")])
    assert "its encoding is not UTF8" in refused(tmp_path, postgresql.new_database(LATIN))


@pytest.mark.parametrize(
    "fault",
    [{"headline": "a\0b"}, {"date_published": "2021-02-31"}, {"revision": 1 << 40}],
    ids=lambda fault: next(iter(fault)),
)
def test_a_record_that_no_database_takes_is_named(tmp_path: Path, address: str, fault: dict[str, object]) -> None:
    lines = records(10)
    lines[4] = dataclasses.replace(lines[4], **fault)
    write(tmp_path, lines)
    with pytest.raises(StorageFailed, match=rf"record {lines[4].id}, revision {lines[4].revision}, .*: \w+"):
        fill(tmp_path, address)
    assert state(address) == whole([])


# A store that is down


def test_a_server_that_is_down_is_one_line_and_exit_3(tmp_path: Path) -> None:
    write(tmp_path, [article(1, "text")])
    done = scrapy(tmp_path, "sync", f"postgresql://u:hunter2@/kcna?host={tmp_path}")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith(f"kcnacrawl: incomplete (3): postgresql://{tmp_path}/kcna: connection ")
    assert done.stderr.count("\n") == 1
    assert "hunter2" not in done.stderr


def test_a_wrong_password_is_not_shown(tmp_path: Path, postgresql: Server) -> None:
    write(tmp_path, [article(1, "text")])
    with pytest.raises(StoreDown) as caught:
        fill(tmp_path, postgresql.address().replace("postgres@", f"{LOCKED}:hunter2@"))
    assert f'password authentication failed for user "{LOCKED}"' in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_signal_ends_a_sync_that_waits_for_the_database_in_one_line(tmp_path: Path, address: str) -> None:
    write(tmp_path, records(1))
    fill(tmp_path, address)
    write(tmp_path, [article(1, "text " * 300_000)])
    command = [sys.executable, "-m", "scrapy", "sync", "-s", f"KCNACRAWL_DIR={tmp_path}", address]
    waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'articles'::regclass AND NOT granted"
    with psycopg.connect(address) as db:
        db.execute("LOCK TABLE articles IN EXCLUSIVE MODE")
        run = processes.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        wait_for(lambda: ask(address, waiting) == [(1,)])
        run.terminate()
        line = "kcnacrawl: interrupted (143): stopped by a signal; the same command goes on from here\n"
        assert (run.communicate()[1], run.returncode) == (line, 143)


def test_a_connection_that_is_lost_on_the_way_loses_nothing(tmp_path: Path, address: str) -> None:
    lines = records(1100)
    write(tmp_path, lines)

    def cut(size: int) -> None:
        if size:
            ask(address, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kcnacrawl'")

    with pytest.raises(StoreDown, match=r"connection .*; see to it and sync again"), open_store(address) as store:
        sync(tmp_path, store, cut)
    assert state(address) == whole(lines[:1000])
    assert fill(tmp_path, address) == len(lines) - 1000
    assert state(address) == whole(lines)


def test_a_database_that_may_only_be_read_is_down_and_loses_nothing(tmp_path: Path, address: str) -> None:
    lines = records(20)
    write(tmp_path, lines[:10])
    fill(tmp_path, address)
    write(tmp_path, lines[10:])
    with pytest.raises(StoreDown, match="read-only transaction; see to it and sync again"):
        fill(tmp_path, f"{address}%20-cdefault_transaction_read_only%3Don")
    assert state(address) == whole(lines[:10])


# What docs/stores.md says to type

DOCS = (ROOT / "docs/stores.md").read_text(encoding="utf-8")
SECTION = re.search(r"^## postgresql://$(.*?)(?=^## |\Z)", DOCS, re.MULTILINE | re.DOTALL)
BLOCKS = re.findall(r"```(\w+)(?: system)?\n(.*?)```", SECTION[1] if SECTION else "", re.DOTALL)


def test_every_command_and_question_of_the_documentation_works(tmp_path: Path, postgresql: Server) -> None:
    write(tmp_path / "output", records(60))
    (tmp_path / ".venv").symlink_to(sys.prefix)
    (tmp_path / "scrapy.cfg").write_text((ROOT / "scrapy.cfg").read_text())
    environment = postgresql.environment("kcnacrawl") | {"PYTHONPATH": str(ROOT)}
    sudo = 'sudo() { test "$1" = apt-get || { shift 2; PGUSER=postgres "$@"; }; }\n'

    def typed(language: str, text: str) -> str:
        command = (
            ["bash", "-euc", sudo + text] if language == "sh" else ["psql", "-v", "ON_ERROR_STOP=1", "-c", text, "kcna"]
        )
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), text
        return done.stdout

    answers = [typed(language, text) for language, text in BLOCKS if language in {"sh", "sql"}]
    assert len(answers) == 9
    assert answers[1:3] == ["postgresql: 68 new records\n", "CREATE SCHEMA\npostgresql: 68 new records\n"]
    assert answers[8] == "GRANT\n"
    assert [answer.count(" rows)") for answer in answers[3:8]] == [1, 1, 1, 2, 1]
