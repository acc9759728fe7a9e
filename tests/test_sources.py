"""A source is one, whatever it was called first: no spider, order of spiders or slip of the pen changes what is said
of it.
"""

import asyncio
import contextlib
import hashlib
import json
import signal
import sqlite3
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from kcnacrawl.archive.archive import Archive
from kcnacrawl.archive.ledger import Known, Ledger, Line, Unattributed
from kcnacrawl.archive.verify import Verification
from kcnacrawl.items import Article
from kcnacrawl.replica.server import Replica
from kcnacrawl.site.dates import instant

from .conftest import ROOT, Crawl, scrapy, ungated
from .test_archive import NOW, article, run

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]


def latest(crawl: Crawl) -> dict[str, dict[str, Any]]:
    """The last line on each article."""
    return {record["id"]: record for record in crawl.records}


def sources_of(crawl: Crawl) -> dict[str, tuple[int | None, str | None]]:
    return {one: (record["source_id"], record["source_name"]) for one, record in latest(crawl).items()}


def is_nameless(record: dict[str, Any]) -> bool:
    """Whether the page has lost its source's name."""
    return str(record["source_label"]).startswith("(")


@pytest.mark.parametrize("first", [["source=163", "limit=3"], ["source=99999"]], ids=["part of one list", "a typo"])
def test_which_spider_ran_first_changes_no_source(serve: Serve, crawl: Run, tmp_path: Path, first: list[str]) -> None:
    replica = serve(articles=80, sources=3)
    crawl(replica.url, "source", *(word for one in first for word in ("-a", one)))
    after = crawl(replica.url, "sitemap")
    alone = crawl(replica.url, "sitemap", folder=tmp_path / "alone")
    assert set(sources_of(alone)) == set(ungated(replica))
    told = {one for one, record in latest(alone).items() if not is_nameless(record)}
    assert {one: sources_of(after)[one] for one in told} == {one: sources_of(alone)[one] for one in told}
    assert None not in {sid for one in told for sid in sources_of(alone)[one]}


def test_all_spiders_in_any_order_come_to_the_same(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    replica = serve(articles=80, sources=3)
    for number, order in enumerate((["source", "sitemap"], ["sitemap", "source"])):
        for spider in order:
            done = crawl(replica.url, spider, folder=tmp_path / str(number))
            assert done.exit_code == 0, done.stderr
        truth = {one: replica.world.truth(one) for one in ungated(replica)}
        assert sources_of(done) == {one: (t["source_id"], t["source_name"]) for one, t in truth.items()}


def test_what_is_put_right_is_no_edit_of_the_sites(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=80, sources=2)
    folder = crawl(replica.url, "sitemap").folder
    done = crawl(replica.url, "source")
    put_right = [record for record in done.records if record["revision"] > 1]
    assert put_right
    assert all(is_nameless(record) and record["source_id"] is not None for record in put_right)
    before = {record["id"]: record for record in done.records if record["revision"] == 1}
    for record in put_right:
        different = {name for name in record if record[name] != before[record["id"]][name]}
        assert different == {"revision", "source_id", "source_name", "run_id", "revision_cause"}
        assert record["revision_cause"] == "reader"
    assert scrapy(folder, "changes", "--jsonl").stdout == ""
    assert scrapy(folder, "verify").returncode == 0
    again = crawl(replica.url, "source")
    assert (again.exit_code, len(again.records)) == (0, len(done.records))


def test_a_slip_of_the_pen_becomes_no_source(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=40, sources=2)
    done = crawl(replica.url, "source", "-a", "source=99999")
    assert done.exit_code != 0
    crawl(replica.url, "source")
    lines = scrapy(done.folder, "coverage", "--jsonl").stdout.splitlines()
    assert {json.loads(line)["source"] for line in lines} == {str(outlet.sid) for outlet in replica.world.outlets}


def test_one_list_under_two_names_is_walked_once(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=3)
    crawl(replica.url, "sources")
    replica.requests.clear()
    ajax_id = next(outlet.ajax_id for outlet in replica.world.outlets if outlet.sid == 163)
    done = crawl(replica.url, "source", "-a", f"source=ajax:{ajax_id},163")
    assert done.exit_code == 0, done.stderr
    offsets = [request.path_qs for request in replica.requests if "admin-ajax" in request.path_qs]
    # The top is asked for a second time, to learn that the page leads into the list that is being walked.
    assert Counter(offsets).most_common()[1:] == [(path, 1) for path, _ in Counter(offsets).most_common()[1:]]
    lines = [json.loads(line) for line in scrapy(done.folder, "coverage", "--jsonl").stdout.splitlines()]
    assert {line["source"] for line in lines} == {str(outlet.sid) for outlet in replica.world.outlets}
    of_163 = [line for line in lines if line["source"] == "163"]
    assert sum(line["listed"] for line in of_163) == len(replica.world.ids(163))
    assert sum(line["held"] for line in of_163) == len({*ungated(replica)} & {*replica.world.ids(163)})


VERSION_3 = """
CREATE TABLE logs (
    name TEXT PRIMARY KEY, end INTEGER NOT NULL, crc INTEGER NOT NULL, mtime_ns INTEGER NOT NULL
) STRICT;
CREATE TABLE articles (
    id TEXT PRIMARY KEY, revision INTEGER NOT NULL, digest BLOB NOT NULL, source_id INTEGER, source_label TEXT,
    date_published TEXT, date_downloaded TEXT NOT NULL, status TEXT NOT NULL, access TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX articles_by_day ON articles (source_id, date_published);
CREATE TABLE wanted (
    id TEXT PRIMARY KEY, url TEXT NOT NULL, list TEXT, card TEXT, date_published TEXT,
    reason TEXT, tries INTEGER NOT NULL DEFAULT 0, seen TEXT NOT NULL DEFAULT '', due TEXT NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;
CREATE INDEX wanted_by_list ON wanted (list);
CREATE TABLE sources (list TEXT PRIMARY KEY, sid INTEGER UNIQUE, ajax_id INTEGER UNIQUE, label TEXT) STRICT;
CREATE TABLE listed (
    id TEXT NOT NULL, list TEXT NOT NULL, day TEXT, stretch INTEGER NOT NULL, PRIMARY KEY (id, list)
) STRICT, WITHOUT ROWID;
CREATE TABLE looks (
    id TEXT PRIMARY KEY, looked TEXT NOT NULL, due TEXT NOT NULL, etag TEXT, last_modified TEXT, missing TEXT
) STRICT, WITHOUT ROWID;
CREATE TABLE sitemaps (
    url TEXT PRIMARY KEY, seen TEXT NOT NULL, lastmod TEXT, etag TEXT, last_modified TEXT
) STRICT;
CREATE INDEX listed_by_stretch ON listed (stretch);
CREATE TABLE stretches (
    number INTEGER PRIMARY KEY, list TEXT NOT NULL, since TEXT NOT NULL, until TEXT NOT NULL, walked TEXT NOT NULL,
    settled TEXT NOT NULL, as_of TEXT NOT NULL, offset INTEGER NOT NULL
) STRICT;
CREATE INDEX stretches_by_list ON stretches (list);
INSERT INTO sources VALUES ('163', 163, 191207, 'Ministry of Foreign Affairs (EN)'), ('99999', 99999, NULL, NULL),
    ('ajax:7', NULL, 7, NULL);
INSERT INTO stretches VALUES (1, '163', '', '2025-01-01', '2025-01-02', '', '', 0),
    (2, 'ajax:191207', '', '2025-01-01', '2025-01-02', '', '', 0),
    (3, 'ajax:7', '', '2025-01-01', '2025-01-02', '', '', 0);
INSERT INTO listed VALUES ('a', '163', NULL, 1), ('a', 'ajax:191207', NULL, 2), ('b', 'ajax:191207', NULL, 2),
    ('c', 'ajax:7', NULL, 3);
INSERT INTO wanted (id, url, list) VALUES ('d', '/d', '156'), ('e', '/e', NULL);
PRAGMA user_version = 3;
"""


# What version 5 had otherwise than version 6.
VERSION_5 = """
DROP TABLE logs;
DROP TABLE articles;
DROP TABLE earlier_lines;
DROP TABLE looks;
CREATE TABLE logs (
    name TEXT PRIMARY KEY, end INTEGER NOT NULL, crc INTEGER NOT NULL, mtime_ns INTEGER NOT NULL
) STRICT;
CREATE TABLE articles (
    id TEXT PRIMARY KEY, revision INTEGER NOT NULL, digest BLOB NOT NULL, source_id INTEGER, source_label TEXT,
    source_name TEXT, date_published TEXT, date_downloaded TEXT NOT NULL, status TEXT NOT NULL, access TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX articles_by_day ON articles (source_id, date_published);
CREATE INDEX articles_unattributed ON articles (id) WHERE source_id IS NULL OR source_name IS NULL;
CREATE TABLE looks (
    id TEXT PRIMARY KEY, looked TEXT NOT NULL, due TEXT NOT NULL, etag TEXT, last_modified TEXT, missing TEXT
) STRICT, WITHOUT ROWID;
PRAGMA user_version = 5;
"""
# When version 5 saw the first article last, and when it is due.
LOOKED, DUE = (instant(NOW + timedelta(days=days)) for days in (3, 10))
# In Unicode's composed and in its decomposed form: one headline.
HEADLINES = ("Caf\u00e9", "Cafe\u0301")


def older(folder: Path, script: str) -> list[Article]:
    """Make an archive whose ledger is of an earlier version; return its records."""
    again = replace(article(2, "Another."), source_id=None, source_label="Pyongyang Times", source_name=None)
    records = [
        replace(article(1), source_label="(EN)", source_name=None, headline=HEADLINES[0]),
        replace(article(2), source_id=None, source_label="Pyongyang Times", source_name=None),
        replace(again, revision=2, revision_cause="site"),
        replace(article(3), access="truncated"),
    ]
    run(folder, *records)
    path, log = folder / "ledger.sqlite", folder / "articles.jsonl"
    whole = path if script == VERSION_5 else path.with_name("another")
    with contextlib.closing(sqlite3.connect(whole, isolation_level=None)) as db:
        db.executescript(script)
        db.execute("INSERT INTO logs VALUES (?, ?, ?, 0)", (log.name, log.stat().st_size, zlib.crc32(log.read_bytes())))
        for one in records:
            stale = hashlib.sha256(one.id.encode()).digest()
            row = (one.id, stale, one.source_id, one.source_label, one.date_downloaded)
            db.execute(
                "REPLACE INTO articles (id, revision, digest, source_id, source_label, date_downloaded, status, access)"
                " VALUES (?, 1, ?, ?, ?, ?, 'live', 'full')",
                row,
            )
        db.execute("INSERT INTO looks VALUES (?, ?, ?, 'tag', NULL, NULL)", (article(1).id, LOOKED, DUE))
    whole.replace(path)
    (folder / "ledger.sqlite.sha256").unlink()
    return records


@pytest.mark.parametrize("script", [VERSION_3, VERSION_5])
def test_a_ledger_of_an_earlier_version_learns_the_articles_anew_and_keeps_the_rest(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, script: str
) -> None:
    records = older(tmp_path, script)
    archive = Archive(tmp_path)
    archive.open()
    ledger = archive.ledger
    for one in (records[0], records[2], records[3]):
        assert archive.latest(one.id) == one
        assert ledger.articles.latest(one.id) == Known.of(Line.of(one))
    spelled_otherwise = replace(records[0], headline=HEADLINES[1])
    assert Line.of(spelled_otherwise).digest == Line.of(records[0]).digest
    look = ledger.rechecks.last(article(1).id)
    assert look is not None
    assert look.etag == "tag"
    due = partial(ledger.rechecks.due, every=None, sids=[], since=None, until=None, most=None)
    ids = [article(number).id for number in (2, 3, 1)]
    assert due(datetime.fromisoformat(DUE)) == ids
    assert due(datetime.fromisoformat(DUE) - timedelta(seconds=1)) == ids[:2]
    asyncio.run(archive.close())
    assert [(one.id, one.source_id, one.name) for one in unattributed(tmp_path)] == [
        (article(1).id, 163, None),
        (article(2).id, None, None),
    ]
    assert list(Verification(tmp_path).faults(lambda _: None)) == []
    assert caplog.messages == []


def unattributed(folder: Path) -> list[Unattributed]:
    ledger = Ledger(folder / "ledger.sqlite")
    assert ledger.open(folder / "articles.jsonl") == ""
    found = ledger.articles.unattributed("", 9)
    ledger.close()
    return found


def test_a_ledger_of_version_3_is_taken_over_with_its_sources_and_lists(tmp_path: Path) -> None:
    older(tmp_path, VERSION_3)
    path, log = tmp_path / "ledger.sqlite", tmp_path / "articles.jsonl"
    ledger = Ledger(path)
    assert ledger.open(log) == ""
    sources = {one.name: one for one in ledger.sources.all()}
    assert list(sources) == ["ajax:7", "156", "163"]
    keys = {name: one.key or 0 for name, one in sources.items()}
    assert set(ledger.walked.find(keys["163"], "abc")) == {"a", "b"}
    assert set(ledger.walked.find(keys["ajax:7"], "abc")) == {"c"}
    wanted = ledger.queue.get("d"), ledger.queue.get("e")
    assert [one and one.list_key for one in wanted] == [keys["156"], None]
    assert ledger.sources.home_read() is None
    ledger.close()
    again = Ledger(path)
    assert again.open(log) == ""
    assert [one.key for one in again.sources.all()] == [one.key for one in sources.values()]
    again.close()


@pytest.mark.parametrize("script", [VERSION_3, VERSION_5])
def test_a_run_that_is_killed_while_it_takes_over_a_ledger_loses_nothing(tmp_path: Path, script: str) -> None:
    records = older(tmp_path, script)
    dying = (
        "import os, signal, sys; from pathlib import Path; from kcnacrawl.archive.archive import Archive;"
        "from kcnacrawl.archive.ledger import Ledger;"
        "Ledger._set_log_end = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "Archive(Path(sys.argv[1])).open()"
    )
    done = subprocess.run([sys.executable, "-c", dying, tmp_path], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    with contextlib.closing(sqlite3.connect(tmp_path / "ledger.sqlite")) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (5 if script == VERSION_5 else 3,)
    archive = Archive(tmp_path)
    archive.open()
    assert archive.latest(article(2).id) == records[2]
    asyncio.run(archive.close())


def test_where_the_log_is_another_a_ledger_of_an_earlier_version_is_made_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    older(tmp_path, VERSION_5)
    log = tmp_path / "articles.jsonl"
    log.write_bytes(log.read_bytes().replace(b"/a-slug", b"/b-slug"))
    run(tmp_path)
    assert "articles.jsonl was changed" in caplog.text
    assert [one.id for one in unattributed(tmp_path)] == [article(1).id, article(2).id]
