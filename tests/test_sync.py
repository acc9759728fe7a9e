"""``scrapy sync`` and ``scrapy find``: stores that equal the archive, and are searched as a person expects."""

import contextlib
import dataclasses
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from contextlib import closing
from itertools import permutations, product
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcnacrawl.archive.archive import read_article
from kcnacrawl.items import SINCE_2, Article
from kcnacrawl.replica.server import Replica
from kcnacrawl.stores import find as find_module
from kcnacrawl.stores import words

from . import processes
from .archives import article, expected, of_version_1, records, rewritten, write
from .conftest import ROOT, command, read_lines, scrapy, wait_for

Serve = Callable[..., Replica]


def state(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All that a store holds, but for its rows' own numbers."""
    keys = ", ".join(field.name for field in dataclasses.fields(Article))
    with closing(sqlite3.connect(path)) as db:
        tables = {name: db.execute(f"SELECT {keys} FROM {name} ORDER BY id, revision") for name in TABLES}
        return {name: rows.fetchall() for name, rows in tables.items()} | {
            "cursors": db.execute("SELECT * FROM cursors").fetchall()
        }


TABLES = ("articles", "revisions")


def test_the_store_holds_every_revision_and_the_latest_of_each_article(tmp_path: Path) -> None:
    lines, store = records(300), tmp_path / "store.sqlite"
    write(tmp_path / "archive", lines)
    done = scrapy(tmp_path / "archive", "sync", f"sqlite:///{store}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "sqlite: 340 new records\n", "")
    held = state(store)
    assert held["articles"] == expected(lines, latest=True)
    assert held["revisions"] == expected(lines, latest=False)
    again = scrapy(tmp_path / "archive", "sync", f"sqlite:///{store}")
    assert (again.returncode, again.stdout) == (0, "sqlite: no new records\n")
    assert state(store) == held


def test_a_sync_goes_on_where_the_last_one_ended_and_leaves_what_is_being_written(tmp_path: Path) -> None:
    lines, store = records(30), tmp_path / "store.sqlite"
    write(tmp_path, lines[:10])
    assert scrapy(tmp_path, "sync", f"sqlite:///{store}").stdout == "sqlite: 10 new records\n"
    write(tmp_path, lines[10:])
    whole = (tmp_path / "articles.jsonl").read_bytes()
    (tmp_path / "articles.jsonl").write_bytes(whole[:-1])
    assert scrapy(tmp_path, "sync", f"sqlite:///{store}").stdout == f"sqlite: {len(lines) - 11} new records\n"
    (tmp_path / "articles.jsonl").write_bytes(whole)
    assert scrapy(tmp_path, "sync", f"sqlite:///{store}").stdout == "sqlite: 1 new record\n"
    assert state(store)["revisions"] == expected(lines, latest=False)


def test_a_killed_sync_ends_in_the_same_state_as_one_that_was_not(tmp_path: Path) -> None:
    lines, store = records(5000), tmp_path / "store.sqlite"
    write(tmp_path, lines)
    command = [sys.executable, "-m", "scrapy", "sync", "-s", f"KCNACRAWL_DIR={tmp_path}", f"sqlite:///{store}"]

    def taken() -> int:
        try:
            with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
                return int(db.execute("SELECT count(*) FROM revisions").fetchone()[0])
        except sqlite3.OperationalError:
            return 0

    for batches in (1, 5):
        with processes.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
            wait_for(lambda: taken() >= batches * 500)  # noqa: B023 - waited for at once
            process.send_signal(signal.SIGKILL)
        assert 0 < taken() < len(lines)
        assert taken() % 500 == 0
    assert scrapy(tmp_path, "sync", f"sqlite:///{store}").returncode == 0
    held = state(store)
    assert held["articles"] == expected(lines, latest=True)
    assert held["revisions"] == expected(lines, latest=False)
    latest = [read_article(msgspec.json.encode(one)) for one in {one.id: one for one in lines}.values()]
    for query in ("김정은", "정책", "핵", "책", "새것", "政", "군", "반제정책을"):
        found = {json.loads(line)["id"] for line in find(tmp_path, store, query).splitlines()}
        assert found == {one.id for one in latest if query in one.article_body}, query


def find(folder: Path, store: Path, query: str) -> str:
    done = scrapy(folder, "find", "--store", str(store), "--jsonl", query)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_hits_come_newest_first_with_an_escaped_and_marked_snippet(tmp_path: Path) -> None:
    texts = ["one 김정은동지께서 <script> spoke", "nothing", "two 김정은 & more", "Café du Monde"]
    write(tmp_path, [article(number, text) for number, text in enumerate(texts, start=1)])
    assert scrapy(tmp_path, "sync", f"sqlite:///{tmp_path}/store.sqlite").returncode == 0
    hits = [json.loads(line) for line in find(tmp_path, tmp_path / "store.sqlite", "김정은").splitlines()]
    assert [hit["date_published"] for hit in hits] == ["2018-04-04", "2016-02-02"]
    assert [hit["snippet"] for hit in hits] == [
        "two <mark>김정은</mark> &amp; more",
        "one <mark>김정은</mark>동지께서 &lt;script&gt; spoke",
    ]
    assert set(hits[0]) == {"id", "headline", "date_published", "source_label", "snippet"}
    assert len(find(tmp_path, tmp_path / "store.sqlite", "cafe MONDE").splitlines()) == 1
    person = scrapy(tmp_path, "find", "김정은", "more")
    assert (person.returncode, person.stderr) == (0, "1 article\n")
    assert "two 김정은 & more" in person.stdout


def test_at_a_terminal_the_first_hits_are_shown_and_how_many_there_are(
    launch: Callable[..., processes.Popen], tmp_path: Path
) -> None:
    write(tmp_path, [article(number, "orchard") for number in range(1, 26)])
    assert scrapy(tmp_path, "sync", f"sqlite:///{tmp_path}/store.sqlite").returncode == 0

    def seen(*options: str) -> tuple[int, str]:
        terminal, stream = os.openpty()
        words = [sys.executable, "-m", "scrapy", "find", "-s", f"KCNACRAWL_DIR={tmp_path}", *options, "orchard"]
        run = launch(words, stdout=stream, stderr=subprocess.PIPE, text=True, env=os.environ | {"TERM": "xterm"})
        os.close(stream)
        shown = b""
        with contextlib.suppress(OSError):
            while data := os.read(terminal, 1 << 16):
                shown += data
        os.close(terminal)
        return shown.count(b"Headline"), run.communicate()[1]

    assert seen() == (20, "20 of 25 articles; --all shows all\n")
    assert seen("--limit", "25") == (25, "25 articles\n")
    assert seen("--limit", "3") == (3, "3 of 25 articles\n")
    assert seen("--all") == (25, "25 articles\n")
    piped = scrapy(tmp_path, "find", "orchard")
    assert (piped.stdout.count("Headline"), piped.stderr) == (25, "25 articles\n")
    assert len(scrapy(tmp_path, "find", "orchard", "--jsonl", "--limit", "7").stdout.splitlines()) == 7


@pytest.mark.parametrize(("few", "newest"), [(0, 1), (0, 7), (0, 500), (500, 1)])
def test_many_hits_are_found_in_the_same_order_as_few(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int, newest: int
) -> None:
    lines = records(200)
    write(tmp_path, lines)
    assert scrapy(tmp_path, "sync", f"sqlite:///{tmp_path}/store.sqlite").returncode == 0
    monkeypatch.setattr(find_module, "_FEW", few)
    monkeypatch.setattr(find_module, "_NEWEST", newest)
    for query in ("책", "핵무력 비핵", "새것"):
        latest = {one.id: one for one in lines}.values()
        holding = [one for one in latest if words.holds(query, one.headline, one.article_body)]
        ordered = sorted(holding, key=lambda one: (one.date_published or "", one.url_time, one.id), reverse=True)
        assert [hit.id for hit in find_module.find(tmp_path / "store.sqlite", query)] == [one.id for one in ordered]
        assert find_module.count_hits(tmp_path / "store.sqlite", query) == len(ordered)


@given(
    st.text(st.sampled_from("aㄱㅏ나 ﬁé\u0301\u200b.\n책"), max_size=600),
    st.sampled_from(["a", "가", "나", "fi", "책 a"]),
)
def test_a_text_is_cut_around_its_first_piece_as_it_would_be_in_whole(text: str, query: str) -> None:
    assert words.parts(text, query) == words._cut(unicodedata.normalize("NFC", text).split(), query)


def test_an_edited_or_replaced_text_is_no_longer_found(tmp_path: Path) -> None:
    old = article(1, "옛날 말")
    write(tmp_path, [old, dataclasses.replace(old, revision=2, article_body="새 말")])
    assert scrapy(tmp_path, "sync", f"sqlite:///{tmp_path}/store.sqlite").returncode == 0
    assert find(tmp_path, tmp_path / "store.sqlite", "옛날") == ""
    assert len(find(tmp_path, tmp_path / "store.sqlite", "새").splitlines()) == 1


@pytest.mark.parametrize(
    "query", ['"', "AND", "핵*", "NEAR(a b)", "headline:핵", "a OR b", "^핵", "'; DROP TABLE articles"]
)
def test_what_a_person_types_is_never_a_syntax_error(query: str) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE VIRTUAL TABLE t USING fts5 (body, tokenize = 'ascii')")
        db.execute("INSERT INTO t VALUES (?)", (" ".join(words.tokens("핵 문제 AND more")),))
        if matched := words.match(query):
            assert len(db.execute("SELECT * FROM t WHERE t MATCH ?", (matched,)).fetchall()) <= 1


@given(st.text(alphabet="가나다라 .", max_size=40), st.text(alphabet="가나다", min_size=1, max_size=4))
def test_a_query_finds_what_a_search_for_a_substring_would(text: str, query: str) -> None:
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE VIRTUAL TABLE t USING fts5 (body, tokenize = 'ascii')")
        db.execute("INSERT INTO t VALUES (?)", (" ".join(words.tokens(text)),))
        found = db.execute("SELECT count(*) FROM t WHERE t MATCH ?", (words.match(query),)).fetchone() == (1,)
    assert found == (query in text)
    assert any(marked for _, marked in words.parts(text, query)) == (query in text)


def marked(text: str, query: str) -> list[str]:
    return [part for part, is_marked in words.parts(text, query) if is_marked]


@pytest.mark.parametrize(
    ("text", "query", "mark"),
    [
        ("대동강㈜", "주", "㈜"),
        ("대동강㈜", "강", "강"),
        ("ﬁn", "fin", "ﬁn"),
        ("ﾊﾟｽ", "パス", "ﾊﾟｽ"),
        ("ㄱㅏ나", "가나", "ㄱㅏ나"),
    ],
)
def test_what_is_found_inside_one_character_or_across_its_parts_is_marked(text: str, query: str, mark: str) -> None:
    assert words.holds(query, text)
    assert marked(text, query) == [mark]


INVISIBLE = {
    "zero-width space": "\u200b",
    "zero-width non-joiner": "\u200c",
    "zero-width joiner": "\u200d",
    "word joiner": "\u2060",
    "byte order mark": "\ufeff",
    "soft hyphen": "\u00ad",
    "left-to-right mark": "\u200e",
    "variation selector": "\ufe0f",
    "variation selector of ideographs": "\U000e0100",
    "combining grapheme joiner": "\u034f",
    "Hangul filler": "\u3164",
}


@pytest.mark.parametrize("char", INVISIBLE.values(), ids=INVISIBLE)
@pytest.mark.parametrize(
    ("text", "query"), [("김{}정은동지께서", "김정은"), ("green{}house", "greenhouse"), ("政{}策", "政策")]
)
def test_what_nobody_sees_inside_a_word_hides_it_neither_in_a_text_nor_in_a_query(
    text: str, query: str, char: str
) -> None:
    with_it, without = text.format(char), text.format("")
    assert words.tokens(with_it) == words.tokens(without)
    assert words.match(f"{query[0]}{char}{query[1:]}") == words.match(query)
    (mark,) = marked(with_it, query)
    assert mark.replace(char, "") == query


@given(st.text(), st.text(st.sampled_from([*INVISIBLE.values()]), min_size=1), st.data())
def test_wherever_it_stands_it_counts_for_nothing(text: str, invisible: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(text)))
    assert words.folded(text[:at] + invisible + text[at:]) == words.folded(text)


@pytest.mark.parametrize("dot", "·ㆍ・･ᆞ‧•∙⋅")
def test_middle_dots_part_words_alike(dot: str) -> None:
    assert words.tokens(f"정치{dot}경제{dot}KPA{dot}b") == words.tokens("정치 경제 KPA b")
    assert words.match(f"정치{dot}경제") == words.match("정치·경제")
    assert marked(f"정치{dot}경제", "정치") == ["정치"]


@pytest.mark.parametrize("apostrophe", "'’ʼ‘＇ʻʹ")
def test_apostrophes_are_one(apostrophe: str) -> None:
    assert words.tokens(f"P{apostrophe}yŏngyang") == words.tokens("P'yongyang")
    assert marked(f"the People{apostrophe}s Army", '"people\'s army"') == [f"People{apostrophe}s Army"]


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("مُحَمَّد", "محمد"),
        ("محـــمد", "محمد"),
        ("हिन्दी", "हिन्दी"),
        ("İstanbul", "istanbul"),
        ("Phyo\u0306ngyang", "phyongyang"),
        ("1\ufe0f\u20e3", "1"),
        ("조\u302e선", "조선"),
    ],
)
def test_a_mark_on_a_letter_parts_no_word(text: str, query: str) -> None:
    assert " " not in words.folded(text)
    assert words.holds(query, f"a {text} b")
    assert marked(f"a {text} b", query) == [unicodedata.normalize("NFC", text)]


def test_vowels_that_are_marks_are_letters_and_no_accents() -> None:
    assert words.tokens("की") != words.tokens("का")
    assert words.tokens("กี") != words.tokens("กา")


def test_what_is_folded_by_itself_is_folded_as_in_the_whole_text() -> None:
    # Each character after one with which it might be joined into a third: snippets fold a text piece by piece.
    codes = (*range(0x3400), *range(0xA000, 0xD800), *range(0xF900, sys.maxunicode))
    known = [char for char in map(chr, codes) if unicodedata.category(char) not in {"Cn", "Co", "Cs"}]
    for before in "a가\u1100\u1112ㄱㅎかｶก":
        text = "".join(f"{before}{char}" for char in known)
        assert "".join(words._fold(text[start:stop]) for start, stop in words._clusters(text)) == words._fold(text)


@given(st.text(), st.text())
def test_a_snippet_of_anything_is_safe_html(text: str, query: str) -> None:
    bare = words.snippet(words.parts(text, query)).replace("<mark>", "").replace("</mark>", "")
    assert "<" not in bare
    assert ">" not in bare


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["sync"], "sync needs STORE"),
        (["sync", "mysql://x"], "store 'mysql://x': not sqlite:///FILE, postgresql://… or parquet:DIR"),
        (["sync", "sqlite://"], "store 'sqlite://': not sqlite:///FILE, postgresql://… or parquet:DIR"),
        (["find"], "find needs WORDS"),
        (["find", "..."], "'...' holds no word to look for"),
        (["find", "text", "--most", "3"], "find has no option '--most'; what is none and begins so goes after --"),
        (["find", "text", "--limit", "0"], "option --limit='0': not a whole number from 1"),
        (["find", "text", "--limit", "three"], "option --limit='three': not a whole number from 1"),
        (["find", "text", "--limit", "3", "--all"], "--all and --limit exclude each other"),
        (["report", "-o"], "report has no option '-o'; what is none and begins so goes after --"),
        (["coverage", "--sources"], "coverage has no option '--sources'"),
        (["changes", "--atom", ""], ".: no file in a folder that there is"),
        (
            ["changes", "--atom", "no/such/folder/feed.xml"],
            "no/such/folder/feed.xml: no file in a folder that there is",
        ),
    ],
)
def test_a_bad_command_is_one_line_and_exit_2(tmp_path: Path, words: list[str], line: str) -> None:
    write(tmp_path, [article(1, "text")])
    done = scrapy(tmp_path, *words)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"kcnacrawl: usage (2): {line}\n")


def test_what_follows_two_dashes_is_no_option(tmp_path: Path) -> None:
    write(tmp_path, [article(1, "text --limit")])
    assert scrapy(tmp_path, "sync", "--", f"sqlite:///{tmp_path}/store.sqlite").returncode == 0
    assert len(scrapy(tmp_path, "find", "--jsonl", "--", "--limit").stdout.splitlines()) == 1


@pytest.mark.parametrize("streams", ["<&- >&- 2>&-", "2>/dev/full"])
def test_a_stream_that_is_closed_or_full_changes_no_exit_code(tmp_path: Path, serve: Serve, streams: str) -> None:
    site = serve(articles=10, sources=1)
    for run, code in (
        (command(tmp_path, site.url, "source"), 0),
        (command(tmp_path, site.url, "source", "-a", "since=never"), 2),
        ([sys.executable, "-m", "scrapy", "find", "-s", f"KCNACRAWL_DIR={tmp_path}", "text"], 2),
    ):
        assert subprocess.run(["sh", "-c", f'exec "$@" {streams}', "sh", *run], cwd=ROOT).returncode == code
    assert len(read_lines(tmp_path / "articles.jsonl")) == 10


def test_a_file_that_is_no_store_is_refused_and_left_alone(tmp_path: Path) -> None:
    write(tmp_path, [article(1, "text")])
    (tmp_path / "text.txt").write_text("no database, but a file of some length\n" * 100)
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as db:
        db.execute("CREATE TABLE mine (a)")
    for name in ("text.txt", "other.sqlite"):
        before = (tmp_path / name).read_bytes()
        done = scrapy(tmp_path, "sync", f"sqlite:///{tmp_path / name}")
        assert done.returncode == 2
        assert done.stderr.startswith(f"kcnacrawl: usage (2): store {tmp_path / name}: ")
        assert (tmp_path / name).read_bytes() == before
    assert scrapy(tmp_path, "find", "--store", f"{tmp_path}/none", "a").returncode == 2
    done = scrapy(tmp_path, "sync", f"sqlite:///{tmp_path}")
    assert (done.returncode, done.stderr) == (2, f"kcnacrawl: usage (2): store {tmp_path}: a folder, not a file\n")


def test_a_store_that_is_down_is_one_line_and_exit_3(tmp_path: Path) -> None:
    write(tmp_path, [article(1, "text")])
    done = scrapy(tmp_path, "sync", f"sqlite:///{tmp_path}/no/such/folder/store.sqlite")
    assert done.returncode == 3
    assert done.stderr.startswith("kcnacrawl: incomplete (3): ")
    assert done.stderr.count("\n") == 1


def test_a_store_of_another_archive_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "one", [article(1, "text")])
    write(tmp_path / "two", [article(2, "text"), article(3, "text")])
    assert scrapy(tmp_path / "one", "sync", f"sqlite:///{tmp_path}/store").returncode == 0
    done = scrapy(tmp_path / "two", "sync", f"sqlite:///{tmp_path}/store")
    assert done.returncode == 2
    assert "was filled from another archive" in done.stderr


def test_an_archive_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = scrapy(tmp_path, "sync", f"sqlite:///{tmp_path}/store")
    assert (done.returncode, done.stderr.count("\n")) == (7, 1)
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_sync_in_one_line_and_the_next_one_goes_on(
    launch: Callable[..., processes.Popen], tmp_path: Path, number: signal.Signals, code: int
) -> None:
    lines = records(3000)
    write(tmp_path, lines)
    words = [sys.executable, "-m", "scrapy", "sync", "-s", f"KCNACRAWL_DIR={tmp_path}"]
    for store in (f"sqlite:///{tmp_path}/store", f"parquet:{tmp_path}/parquet"):
        run = launch([*words, store], stderr=subprocess.PIPE, text=True)
        wait_for(lambda: (tmp_path / "store-wal").exists() or any((tmp_path / "parquet").glob(".places.sqlite")))
        run.send_signal(number)
        assert (run.communicate()[1], run.returncode) == (
            f"kcnacrawl: interrupted ({code}): stopped by a signal; the same command goes on from here\n",
            code,
        )
        assert scrapy(tmp_path, "sync", store).returncode == 0
        (tmp_path / "store-wal").unlink(missing_ok=True)
    assert state(tmp_path / "store")["revisions"] == expected(lines, latest=False)


@pytest.mark.parametrize("form", [(), ("--jsonl",)])
def test_who_has_read_enough_may_close_the_pipe(
    launch: Callable[..., processes.Popen], tmp_path: Path, form: tuple[str, ...]
) -> None:
    write(tmp_path, records(1500))
    assert scrapy(tmp_path, "sync", f"sqlite:///{tmp_path}/store.sqlite").returncode == 0
    words = [sys.executable, "-m", "scrapy", "find", "-s", f"KCNACRAWL_DIR={tmp_path}", *form, "책"]
    run = launch(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert run.stdout.readline()
    run.stdout.close()
    assert (run.stderr.read(), run.wait()) == ("", 0)


def test_a_terminal_without_korean_gets_what_it_can_show_and_a_program_utf_8(tmp_path: Path) -> None:
    write(tmp_path, [article(1, "핵 문제"), article(1, "핵문제", revision=2)])
    assert scrapy(tmp_path, "sync", f"sqlite:///{tmp_path}/store.sqlite").returncode == 0

    def told(*words: str) -> str:
        run = [sys.executable, "-m", "scrapy", *words, "-s", f"KCNACRAWL_DIR={tmp_path}"]
        # Not forked: what is printed in is settled when Python starts.
        done = subprocess.run(run, cwd=ROOT, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.decode()

    assert "\\ud575\\ubb38\\uc81c" in told("find", "핵")
    assert json.loads(told("find", "핵", "--jsonl"))["snippet"] == "<mark>핵</mark>문제"
    assert "+\\ud575\\ubb38\\uc81c" in told("changes")
    assert "+핵문제" in json.loads(told("changes", "--jsonl"))["diff"]


def test_every_name_is_that_of_a_file(tmp_path: Path) -> None:
    write(tmp_path, [article(1, "text")])
    words = [sys.executable, "-m", "scrapy", "sync", "-s", f"KCNACRAWL_DIR={tmp_path}", "sqlite:///:memory:"]
    (tmp_path / "scrapy.cfg").write_bytes((ROOT / "scrapy.cfg").read_bytes())
    done = processes.run(words, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert len(state(tmp_path / ":memory:")["articles"]) == 1


def test_a_message_is_one_line_whatever_is_named(tmp_path: Path) -> None:
    write(tmp_path, [article(1, "text")])
    done = scrapy(tmp_path, "sync", f"sqlite:///{tmp_path}/no\n\x1b[2Jfolder/store")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert done.stderr[:-1].isprintable()
    (tmp_path / "empty").touch()
    for name, told in (("empty", "holds nothing yet"), (".", "a folder, not a file")):
        done = scrapy(tmp_path, "find", "--store", str(tmp_path / name), "a")
        assert (done.returncode, told in done.stderr) == (2, True)


@pytest.mark.parametrize(
    "name", ["st[1].sqlite", "st*.sqlite", "st?.sqlite", "st%41#x.sqlite", "file:st.sqlite?mode=ro"]
)
def test_a_name_is_no_pattern_and_no_address(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "archive [1] 100%"
    folder.mkdir()
    write(folder, [article(1, "greenhouse")])
    store = folder / name
    assert scrapy(folder, "sync", f"sqlite:///{store}").returncode == 0
    assert store.is_file()
    assert article(1, "").id in scrapy(folder, "find", "--store", str(store), "greenhouse").stdout


def test_a_store_that_was_restored_from_a_dump_is_read_and_filled(tmp_path: Path) -> None:
    write(tmp_path, [article(1, "greenhouse"), article(2, "orchard")])
    assert scrapy(tmp_path, "sync", f"sqlite:///{tmp_path}/store.sqlite").returncode == 0
    restored = tmp_path / "restored.sqlite"
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as db, closing(sqlite3.connect(restored)) as other:
        # SQLite's `.dump` keeps all but this. Python's own cannot write a table for full-text search.
        db.backup(other)
        other.execute("PRAGMA user_version = 0")
        # Of what people add to a store, nothing makes it less of one.
        other.execute("CREATE VIEW mine AS SELECT id FROM articles")
    assert article(1, "").id in scrapy(tmp_path, "find", "--store", str(restored), "greenhouse").stdout
    write(tmp_path, [article(3, "vineyard")])
    done = scrapy(tmp_path, "sync", f"sqlite:///{restored}")
    assert (done.returncode, done.stdout) == (0, "sqlite: 1 new record\n"), done.stderr
    assert article(3, "").id in scrapy(tmp_path, "find", "--store", str(restored), "vineyard").stdout
    with closing(sqlite3.connect(restored)) as other:
        assert other.execute("PRAGMA user_version").fetchone() == (5,)


def test_a_store_that_lost_an_index_gets_it_back_from_the_next_sync(tmp_path: Path) -> None:
    write(tmp_path, [article(1, "greenhouse")])
    assert scrapy(tmp_path, "sync", f"sqlite:///{tmp_path}/store.sqlite").returncode == 0
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as db:
        db.executescript("PRAGMA user_version = 0; DROP INDEX articles_by_day")
    assert scrapy(tmp_path, "sync", f"sqlite:///{tmp_path}/store.sqlite").returncode == 0
    with closing(sqlite3.connect(tmp_path / "store.sqlite")) as db:
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'articles_by_day'").fetchone() == (1,)


def as_version_3_made_it(store: Path) -> None:
    """Make of a store what version 3 would have: every revision in a table, the latest of each article once more."""
    with closing(sqlite3.connect(store)) as db:
        (columns,) = db.execute("SELECT sql FROM sqlite_master WHERE name = 'superseded'").fetchone()
        db.executescript(
            f"""
            {columns.replace("superseded", "every")};
            INSERT INTO every SELECT * FROM revisions;
            DROP VIEW revisions;
            DROP TABLE superseded;
            DROP TABLE edits;
            DROP TABLE reprints;
            DROP TRIGGER counts_insert;
            DROP TRIGGER counts_update;
            DROP TABLE counts;
            ALTER TABLE every RENAME TO revisions;
            DROP INDEX articles_by_time;
            CREATE INDEX revisions_by_time ON revisions (date_downloaded, revision, date_published);
            PRAGMA user_version = 3;
            """
        )


def as_version_1_made_it(store: Path, folded: dict[str, tuple[str, str]]) -> None:
    """Make of a store what version 1 would have: indexed by these tokens, and not saying by which rules."""
    as_version_3_made_it(store)
    with closing(sqlite3.connect(store)) as db:
        db.execute("INSERT INTO articles_fts (articles_fts) VALUES ('delete-all')")
        for number, id_ in db.execute("SELECT number, id FROM articles").fetchall():
            index = "INSERT INTO articles_fts (rowid, headline, article_body) VALUES (?, ?, ?)"
            db.execute(index, (number, *folded[id_]))
        db.execute("DROP TABLE indexed")
        db.execute("PRAGMA user_version = 1")
        db.commit()


INDEXED_ANEW = (
    "kcnacrawl: 2 articles are indexed anew, as this version reads words; it takes as long as the first sync\n"
)


def test_at_a_terminal_it_is_seen_how_much_is_indexed_anew(
    launch: Callable[..., processes.Popen], tmp_path: Path
) -> None:
    store, lines = tmp_path / "store.sqlite", records(300)
    write(tmp_path, lines)
    assert scrapy(tmp_path, "sync", f"sqlite:///{store}").returncode == 0
    as_version_1_made_it(store, {one.id: ("headline", "말") for one in lines})
    terminal, stream = os.openpty()
    words = [sys.executable, "-m", "scrapy", "sync", "-s", f"KCNACRAWL_DIR={tmp_path}", f"sqlite:///{store}"]
    run = launch(words, stdout=subprocess.PIPE, stderr=stream, text=True, env=os.environ | {"TERM": "xterm"})
    os.close(stream)
    seen = b""
    # A terminal whose other end is gone is an error to Linux.
    with contextlib.suppress(OSError):
        while data := os.read(terminal, 1 << 16):
            seen += data
    os.close(terminal)
    assert (run.communicate()[0], run.returncode) == ("sqlite: no new records\n", 0)
    assert b"indexing anew" in seen
    assert INDEXED_ANEW.encode() not in seen


def test_a_store_of_the_version_before_is_indexed_anew_by_the_next_sync(tmp_path: Path) -> None:
    hidden = article(1, "김\u200b정은동지께서")
    write(tmp_path, [hidden, article(2, "정책")])
    store = tmp_path / "store.sqlite"
    assert scrapy(tmp_path, "sync", f"sqlite:///{store}").returncode == 0
    as_version_1_made_it(
        store,
        {hidden.id: ("headline 1 b", "김 정은 은동 동지 지께 께서 서"), article(2, "").id: ("headline 2 b", "정책 책")},
    )
    for reading in (["find", "--store", str(store), "정책"], ["browse", "--store", str(store)]):
        done = scrapy(tmp_path, *reading)
        assert done.returncode == 2
        assert done.stderr == (
            f"kcnacrawl: usage (2): store {store}: made by the version before; "
            f"scrapy sync sqlite:///{store} brings it up to date\n"
        )
    write(tmp_path, [article(2, "핵무력", revision=2)])
    done = scrapy(tmp_path, "sync", f"sqlite:///{store}")
    assert (done.stdout, done.stderr) == ("sqlite: 1 new record\n", INDEXED_ANEW)
    assert [json.loads(line)["id"] for line in find(tmp_path, store, "김정은").splitlines()] == [hidden.id]
    assert find(tmp_path, store, "정책") == ""
    assert len(find(tmp_path, store, "핵무력").splitlines()) == 1


@pytest.mark.parametrize("version", [2, 0])
def test_a_store_without_the_columns_of_today_gets_them_from_the_next_sync(tmp_path: Path, version: int) -> None:
    old, new = of_version_1(records(20)), [article(90, "greenhouse"), article(91, "orchard")]
    write(tmp_path, old)
    store = tmp_path / "store.sqlite"
    assert scrapy(tmp_path, "sync", f"sqlite:///{store}").returncode == 0
    as_version_3_made_it(store)
    with closing(sqlite3.connect(store)) as db:
        for table, column in product(("articles", "revisions"), SINCE_2):
            db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        # Or it was restored from a dump, which does not keep the version.
        db.execute(f"PRAGMA user_version = {version}")
    done = scrapy(tmp_path, "find", "--store", str(store), "정책")
    due = f"made by the version before; scrapy sync sqlite:///{store} brings it up to date"
    assert (done.returncode, done.stderr) == (2, f"kcnacrawl: usage (2): store {store}: {due}\n")
    write(tmp_path, new)
    assert scrapy(tmp_path, "sync", f"sqlite:///{store}").stdout == "sqlite: 2 new records\n"
    held = state(store)
    assert held["articles"] == expected(old + new, latest=True)
    assert held["revisions"] == expected(old + new, latest=False)
    assert len(find(tmp_path, store, "greenhouse").splitlines()) == 1


def test_a_store_that_held_every_text_twice_holds_it_once_after_the_next_sync(tmp_path: Path) -> None:
    lines, store = records(300), tmp_path / "store.sqlite"
    write(tmp_path, lines)
    assert scrapy(tmp_path, "sync", f"sqlite:///{store}").returncode == 0
    fresh, edits, counts = state(store), all_of(store, "edits"), counted(store)
    as_version_3_made_it(store)
    assert state(store) == fresh
    done = scrapy(tmp_path, "sync", f"sqlite:///{store}")
    assert (done.stdout, done.stderr) == ("sqlite: no new records\n", "")
    assert (state(store), all_of(store, "edits"), counted(store)) == (fresh, edits, counts)
    assert sum(counts.values()) == len(all_of(store, "articles"))
    assert len(all_of(store, "superseded")) + len(all_of(store, "articles")) == len(lines)


def counted(store: Path) -> dict[tuple[object, ...], int]:
    """The articles that are alike, as they are counted."""
    with closing(sqlite3.connect(store)) as db:
        return {row[:-1]: row[-1] for row in db.execute("SELECT * FROM counts") if row[-1]}


def all_of(store: Path, table: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(store)) as db:
        return sorted(db.execute(f"SELECT id, revision, status FROM {table}"))


def test_revisions_may_come_in_any_order_and_twice(tmp_path: Path) -> None:
    first = article(1, "alpha")
    second = rewritten(first, "beta", revision=2)
    third = dataclasses.replace(second, revision=3, status="gone")
    again = dataclasses.replace(second, headline="told anew")
    for number, order in enumerate(permutations([first, second, third, again])):
        folder = tmp_path / str(number)
        lines = [one for one in order if one.revision == 2]
        kept = [first, lines[-1], third]
        for one in order:
            write(folder, [one])
            # Each by itself, or all in one batch.
            if number % 2:
                assert scrapy(folder, "sync", f"sqlite:///{folder}/store.sqlite").returncode == 0
        assert scrapy(folder, "sync", f"sqlite:///{folder}/store.sqlite").returncode == 0
        held = state(folder / "store.sqlite")
        assert counted(folder / "store.sqlite") == {("KCNA.kp (En)", 2016, "en", "full", "gone"): 1}
        assert held["articles"] == expected([third], latest=True)
        assert held["revisions"] == expected(kept, latest=False)
        assert all_of(folder / "store.sqlite", "edits") == [(first.id, 2, "live"), (first.id, 3, "gone")]
        assert find(folder, folder / "store.sqlite", "alpha") == ""
        assert len(find(folder, folder / "store.sqlite", "beta").splitlines()) == 1


@given(st.text())
def test_a_text_is_taken_apart_piece_by_piece_as_in_whole(text: str) -> None:
    assert words.tokens(text) == words._tokens(words._runs(text))
    assert words.folded(text) == " ".join(glued or other for glued, other in words._runs(text))


def test_an_index_of_another_pythons_letters_is_read_and_made_anew_by_the_next_sync(tmp_path: Path) -> None:
    write(tmp_path, [article(1, "greenhouse")])
    store = tmp_path / "store.sqlite"
    assert scrapy(tmp_path, "sync", f"sqlite:///{store}").returncode == 0
    with closing(sqlite3.connect(store)) as db:
        db.execute("INSERT INTO articles_fts (articles_fts) VALUES ('delete-all')")
        db.execute("UPDATE indexed SET folding = ?", (re.sub("Unicode .*", "Unicode 13.0.0", words.FOLDING),))
        db.commit()
    assert find(tmp_path, store, "greenhouse") == ""
    assert scrapy(tmp_path, "sync", f"sqlite:///{store}").returncode == 0
    assert len(find(tmp_path, store, "greenhouse").splitlines()) == 1


@pytest.mark.parametrize("address", ["sqlite:///~/store", "parquet:~/store"])
def test_a_tilde_is_the_home_folder(tmp_path: Path, address: str) -> None:
    write(tmp_path / "home", [article(1, "text")])
    words = [sys.executable, "-m", "scrapy", "sync", "-s", "KCNACRAWL_DIR=~", address]
    environment = os.environ | {"HOME": str(tmp_path / "home")}
    done = processes.run(words, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "home/store").exists()
    assert not (ROOT / "~").exists()
