"""The scripts in examples/ run as they stand there, and what they tell is what the lines of the archive hold."""

import csv
import hashlib
import importlib
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, get_args, get_type_hints

import mlcroissant
import pytest

from kcnacrawl.items import Article
from kcnacrawl.replica.server import Replica
from kcnacrawl.replica.world import World
from kcnacrawl.stores import words
from kcnacrawl.stores.feed import sync
from kcnacrawl.stores.find import find
from kcnacrawl.stores.sqlite import SqliteStore

from . import processes
from .archives import write
from .conftest import ROOT, command, read_lines
from .printed import ALONE, CATCH, CUT, FISH, MERGED, WORKS, linked

Record = dict[str, Any]

EXAMPLES = ROOT / "examples"
SCRIPTS = sorted(path.name for path in EXAMPLES.glob("*.py") if path.name != "folder.py")
PUBLISHED = ("--creator", "An Institute", "--url", "https://example.org/corpus")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``make demo`` makes; then edits and removals, and articles that have lost their date or source."""
    folder = tmp_path_factory.mktemp("examples") / "archive"
    with Replica(World(articles=200)) as replica:
        assert processes.run(command(folder, replica.url, "source"), cwd=ROOT, capture_output=True).returncode == 0
    lines = sorted(read_lines(folder / "articles.jsonl"), key=lambda one: one["id"])
    edited = [one | {"revision": 2, "headline": "전쟁", "article_body": "A new text."} for one in lines[::10]]
    undated = [one | {"revision": 2, "date_published": None} for one in lines[1::90]]
    nowhere = [one | {"revision": 2, "source_id": None, "source_label": "(En)"} for one in lines[2::90]]
    gone = [one | {"revision": 3, "status": "gone"} for one in edited[::3]]
    with (folder / "articles.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in [*edited, *undated, *nowhere, *gone])
    return folder


@pytest.fixture(scope="module")
def revisions(archive: Path) -> list[Record]:
    return read_lines(archive / "articles.jsonl")


@pytest.fixture(scope="module")
def articles(revisions: list[Record]) -> list[Record]:
    """The last revision of each article that is not gone."""
    last = {one["id"]: one for one in sorted(revisions, key=lambda one: one["revision"])}
    return [one for one in last.values() if one["status"] == "live"]


def run(script: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    words = ("-W", "error", str(EXAMPLES / script), *map(str, words))
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, timeout=60)


def output(script: str, *words: str | Path) -> str:
    done = run(script, *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def named(articles: list[Record]) -> dict[int | None, str]:
    labels: dict[int | None, Counter[str]] = defaultdict(Counter)
    for one in articles:
        labels[one["source_id"]][one["source_label"]] += 1
    return {number: found.most_common(1)[0][0] for number, found in labels.items()}


# Whatever the tool


def test_a_folder_that_holds_no_archive_is_named(tmp_path: Path) -> None:
    done = run("with_duckdb.py", tmp_path)
    assert done.returncode == 2
    assert f"'{tmp_path}' holds no articles.jsonl" in done.stderr.splitlines()[-1]


def test_the_readme_names_every_script() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+\.py)` \|", text, re.MULTILINE)) == set(SCRIPTS)


# Each by itself


def test_a_story_is_followed_from_its_first_print_through_all_sources(tmp_path: Path) -> None:
    folder = linked(tmp_path)
    told = output("one_story.py", folder)
    assert re.findall(r"^(\d{4}-\d\d-\d\d)  (.*?)  (\w+)", told, re.MULTILINE) == [
        ("2021-03-02", "KCNA.kp (En)", "printed"),
        ("2021-03-03", "Rodong Sinmun (Kr)", "cut"),
        ("2021-03-05", "Ministry of Foreign Affairs (EN)", "cut"),
    ]
    left_out = re.findall(r"^  - (.*)$", told, re.MULTILINE)
    assert " ".join(left_out).split() == WORKS.removeprefix(CUT).split()
    put_in = re.findall(r"^  \+ (.*)$", told, re.MULTILINE)
    assert " ".join(put_in).split() == FISH.split()
    assert "  put in: 0%\n" in told
    assert output("one_story.py", folder, "--id", CATCH.id).count(MERGED.id) == 1


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), "knows of no story that was printed twice; `scrapy reprints` looks for them"),
        (("--id", "1"), "knows of no story"),
    ],
)
def test_a_story_that_is_none_is_one_line(tmp_path: Path, words: tuple[str, ...], line: str) -> None:
    write(tmp_path, [ALONE])
    done = run("one_story.py", tmp_path, *words)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert line in done.stderr


def test_an_article_that_nobody_took_is_named(tmp_path: Path) -> None:
    done = run("one_story.py", linked(tmp_path), "--id", ALONE.id)
    assert (done.returncode, done.stderr) == (1, f"{ALONE.id} is no article that others were taken from\n")


def test_pandas_counts_articles_by_month_and_source(
    archive: Path, articles: list[Record], revisions: list[Record]
) -> None:
    told = output("with_pandas.py", archive)
    names = named(articles) | {None: "unknown source"}
    dated = [one for one in articles if one["date_published"]]
    counts = Counter((one["date_published"][:7], names[one["source_id"]]) for one in dated)
    sources = sorted({source for _, source in counts})
    for month in sorted({month for month, _ in counts})[-12:]:
        expected = " +".join(str(counts[month, source]) for source in sources)
        assert re.search(rf"^{month} +{expected}$", told, re.MULTILINE)
    undated, edited = len(articles) - len(dated), sum(one["revision"] > 1 for one in articles)
    gone = len({one["id"] for one in revisions}) - len(articles)
    last = f"{len(articles)} articles, {undated} undated, {edited} with more than one revision; {gone} more are gone"
    assert told.splitlines()[-1] == last
    assert min(undated, edited, gone) > 0


def test_duckdb_tells_the_sources_and_finds_korean(archive: Path, articles: list[Record]) -> None:
    told = output("with_duckdb.py", archive)
    for source, name in named(articles).items():
        of_source = [one for one in articles if one["source_id"] == source]
        days = sorted(one["date_published"] for one in of_source if one["date_published"])
        cut = sum(one["access"] == "truncated" for one in of_source)
        period = f"{days[0]} to {days[-1]}" if days else "None to None"
        assert f"{len(of_source):6} articles, {cut:4} truncated, {period}  {name}\n" in told
    hits = [one for one in articles if "김정은" in one["headline"] + "\n" + one["article_body"]]
    newest = sorted(hits, key=lambda one: (one["date_published"] or "", one["id"]), reverse=True)[:5]
    assert told.splitlines()[-5:] == [f"{one['date_published']}  {one['headline']}" for one in newest]


def test_polars_tells_how_long_after_its_korean_day_an_article_was_taken_in(
    archive: Path, articles: list[Record]
) -> None:
    told = output("with_polars.py", archive)
    years = defaultdict(list)
    for one in articles:
        years[(one["date_published"] or "null")[:4]].append(one)
    for year, of_year in years.items():
        korean = sum(one["in_language"] == "ko" for one in of_year)
        lags = [_days_in_korea(one["url_time"], one["date_published"]) for one in of_year if one["date_published"]]
        middle = f"{median(lags):.1f}" if lags else "null"
        assert re.search(rf"^ {year} +{len(of_year)} +{korean} +{middle} *$", told, re.MULTILINE)


def _days_in_korea(moment: str, day: str) -> int:
    return ((datetime.fromisoformat(moment) + timedelta(hours=9)).date() - date.fromisoformat(day)).days


@pytest.mark.parametrize("term", ["김정은", "kim jong un", "Kim Jong", "전쟁", "정"])
def test_the_study_finds_what_find_finds(
    archive: Path, articles: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    study = importlib.import_module("term_by_month")
    with SqliteStore(tmp_path / "store.sqlite") as store:
        sync(archive, store)
    live = {one["id"] for one in articles}
    hits = {hit.id for hit in find(tmp_path / "store.sqlite", f'"{term}"')} & live
    assert {one["id"] for one in articles if words.holds(f'"{term}"', one["headline"])} <= hits
    readings, _ = study.read(archive, f'"{term}"')
    assert (len(readings), sum(one.holds for one in readings)) == (len(live), len(hits))
    assert hits


def test_the_study_tells_rates_and_draws_them(archive: Path, articles: list[Record], tmp_path: Path) -> None:
    told = output("term_by_month.py", archive, "--term", "김정은", "--output", tmp_path / "term.svg")
    hits = [one for one in articles if "김정은" in one["headline"] or "김정은" in one["article_body"]]
    cut = sum(one["access"] == "truncated" for one in articles)
    assert told.startswith(f"{len(articles)} articles, {len(hits)} of them hold it;")
    assert f"\n{cut} are shown by the site only in part: what they lack is not counted.\n" in told
    names = named(articles) | {None: "unknown source"}
    table = (tmp_path / "term.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(table.splitlines()))
    for found, column in ((articles, "articles"), (hits, "hits")):
        counts = Counter((one["date_published"][:7], names[one["source_id"]]) for one in found if one["date_published"])
        assert counts == {(row["month"], row["source"]): int(row[column]) for row in rows if row[column] != "0"}
    for row in rows:
        none = row["articles"] == "0"
        assert row["rate"] == ("" if none else str(1000 * int(row["hits"]) / int(row["articles"])))
    texts = {node.text for node in ET.parse(tmp_path / "term.svg").iter("{http://www.w3.org/2000/svg}text")}
    assert {"per 1,000", "Month of publication", "Articles of that month"} <= texts
    assert set(names.values()) <= texts
    assert any("김정은" in text for text in texts if text)


def test_the_study_draws_a_picture_beside_the_archive(archive: Path) -> None:
    output("term_by_month.py", archive, "--output", archive / "term.png")
    assert (archive / "term.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert (archive / "term.png").stat().st_size > 20_000


def test_a_term_that_holds_no_word_is_one_line(archive: Path) -> None:
    done = run("term_by_month.py", archive, "--term", "…")
    assert (done.returncode, done.stderr) == (1, "'…' holds no word to look for\n")


# The dataset card


@pytest.fixture(scope="module")
def card(archive: Path) -> Path:
    output("dataset_card.py", archive, *PUBLISHED)
    return archive / "croissant.json"


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")  # mlcroissant's own
def test_mlcroissant_finds_no_fault_in_the_card_and_reads_the_archive_through_it(
    card: Path, revisions: list[Record], caplog: pytest.LogCaptureFixture
) -> None:
    dataset = mlcroissant.Dataset(card)
    assert dataset.metadata.ctx.issues.report() == ""
    assert caplog.text == ""
    # What it knows of, it has understood as it is meant.
    assert dataset.metadata.to_json().keys() | {"temporalCoverage"} == json.loads(card.read_bytes()).keys()
    read = [
        {key.removeprefix("revisions/"): _plain(value) for key, value in one.items()}
        for one in dataset.records("revisions")
    ]
    assert read == revisions


def _plain(value: Any) -> Any:
    """A value as the archive's JSON has it."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [_plain(one) for one in value]
    if isinstance(value, datetime):
        return value.isoformat() if value.tzinfo else value.date().isoformat()
    return value


def test_the_card_tells_the_file_the_days_and_the_gaps(
    card: Path, archive: Path, articles: list[Record], revisions: list[Record]
) -> None:
    told = json.loads(card.read_bytes())
    (file,) = told["distribution"]
    data = (archive / "articles.jsonl").read_bytes()
    assert (file["sha256"], file["contentSize"]) == (hashlib.sha256(data).hexdigest(), f"{len(data)} B")
    last = {one["id"]: one for one in revisions}
    days = sorted(one["date_published"] for one in last.values() if one["date_published"])
    assert told["temporalCoverage"] == f"{days[0]}/{days[-1]}"
    assert told["version"] == f"2.{len(revisions)}.0"
    assert told["license"]["name"] == "No licence"
    cut, empty = (sum(one["access"] == access for one in articles) for access in ("truncated", "empty"))
    missing = len(read_lines(archive / "quarantine.jsonl"))
    gaps = told["rai:dataCollectionMissingData"]
    assert gaps.startswith(f"{missing} articles that the site lists gave no record, of which 0 failed")
    assert f"Of {len(articles)} articles {cut} are cut by the site's paywall and {empty} have no text;" in gaps
    assert f" {len(last) - len(articles)} more were removed" in gaps


def test_the_card_of_a_file_that_grows_holds_no_digest_of_it(archive: Path, card: Path) -> None:
    output("dataset_card.py", archive, *PUBLISHED, "--live")
    told = json.loads(card.read_bytes())
    assert told["isLiveDataset"]
    assert "sha256" not in told["distribution"][0]
    output("dataset_card.py", archive, *PUBLISHED)


# docs/record.md, from which the card takes its words


def test_every_key_is_described_with_its_type_in_the_order_of_the_record() -> None:
    text = (ROOT / "docs/record.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([\w ]+) \| `[^|]+` \| [^|]{10,} \|$", text, re.MULTILINE)
    assert rows == [(key, _type_name(hint)) for key, hint in get_type_hints(Article).items()]


def _type_name(hint: Any) -> str:
    kinds = get_args(hint)
    if hint == tuple[str, ...]:
        return "list of str"
    if type(None) in kinds:
        return f"{_type_name(kinds[0])} or null"
    return type(kinds[0]).__name__ if kinds else str(hint.__name__)
