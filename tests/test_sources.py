"""A source is one, whatever it was called first: no spider, order of spiders or slip of the pen changes what is said
of it.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kcnacrawl.archive.ledger import Ledger
from kcnacrawl.replica.server import Replica

from .conftest import Crawl, scrapy, ungated

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
INSERT INTO articles VALUES ('a', 1, x'00', 163, '(EN)', NULL, '', 'live', 'full'),
    ('b', 1, x'00', NULL, 'Pyongyang Times', NULL, '', 'live', 'full');
PRAGMA user_version = 3;
"""


def test_a_ledger_of_an_earlier_version_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as db:
        db.executescript(VERSION_3)
    db.close()
    ledger = Ledger(path)
    assert ledger.open() == ""
    sources = {one.name: one for one in ledger.sources.all()}
    assert list(sources) == ["ajax:7", "156", "163"]
    keys = {name: one.key or 0 for name, one in sources.items()}
    assert set(ledger.walked.find(keys["163"], "abc")) == {"a", "b"}
    assert set(ledger.walked.find(keys["ajax:7"], "abc")) == {"c"}
    wanted = ledger.queue.get("d"), ledger.queue.get("e")
    assert [one and one.list_key for one in wanted] == [keys["156"], None]
    assert [(one.id, one.source_id, one.name) for one in ledger.articles.unattributed("", 9)] == [
        ("a", 163, None),
        ("b", None, "Pyongyang Times"),
    ]
    assert ledger.sources.home_read() is None
    ledger.close()
    again = Ledger(path)
    assert again.open() == ""
    assert [one.key for one in again.sources.all()] == [one.key for one in sources.values()]
    again.close()
