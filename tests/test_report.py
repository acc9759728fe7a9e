"""``scrapy report``: one page that tells the truth of the archive, in a real browser, asking nothing of any network."""

import asyncio
import dataclasses
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from kcnacrawl.archive.archive import Archive
from kcnacrawl.archive.changes import read_changes
from kcnacrawl.archive.coverage import read_coverage
from kcnacrawl.render.browser import find_chromium
from kcnacrawl.replica.markup_variant import VARIANTS
from kcnacrawl.replica.server import Replica
from kcnacrawl.replica.world import World
from kcnacrawl.report.page import read, render
from kcnacrawl.reprints.links import REPRINTS, Link
from kcnacrawl.stores import open_store
from kcnacrawl.stores.feed import sync
from kcnacrawl.stores.summary import summarise

from . import processes
from .archives import article, records, write
from .conftest import ROOT, command, scrapy, ungated

COLOURS = """[
    getComputedStyle(document.querySelector('figure')).backgroundColor,
    ...new Set([...document.querySelectorAll('.chart text')].map(one => getComputedStyle(one).fill)),
]"""
LOWEST = """Math.max(...[...document.querySelectorAll('.chart text')].map(
    one => one.getBoundingClientRect().bottom - one.ownerSVGElement.getBoundingClientRect().bottom
))"""
HOSTILE = "</script><script>hit = 1</script><img src=x onerror='hit = 1'>\u2028{{ 7 * 7 }}"


# Archives and their pages


def report(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return scrapy(folder, "report", *words)


def derive_ledger(folder: Path, labels: Mapping[int, str] = MappingProxyType({})) -> None:
    """Has the project make the ledger, and learn what sources are called."""

    async def derive() -> None:
        archive = Archive(folder)
        archive.open()
        for sid, label in labels.items():
            archive.ledger.sources.learn(sid=sid, label=label)
        await archive.close()

    # In this thread a browser's loop may be running.
    with ThreadPoolExecutor() as pool:
        pool.submit(lambda: asyncio.run(derive())).result()


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of two sources: some of it edited, removed, and owed; with its page."""
    folder = tmp_path_factory.mktemp("crawled") / "archive"
    with Replica(World(articles=60, sources=2), VARIANTS["plain"]) as replica:
        victim, edited, removed = ungated(replica)[:3]
        replica.faults.add(f"/newstream/{victim}", "status", status=500)
        assert crawl(folder, replica, "source") == 3
        # What is changed from here on, the report has to sync by itself.
        assert scrapy(folder, "sync", f"sqlite:///{folder}/store.sqlite").returncode == 0
        replica.world.edit(edited, "headline")
        replica.world.remove(removed)
        crawl(folder, replica, "recheck", "-a", "every=0")
    done = report(folder)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{folder}/report.html\n", "")
    return folder


def crawl(folder: Path, replica: Replica, *words: str) -> int:
    done = processes.run(command(folder, replica.url, *words), cwd=ROOT, capture_output=True, text=True, timeout=120)
    return done.returncode


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """25 sources over thirty years, some of it undated, edited and gone, hostile throughout; with its page."""
    folder = tmp_path_factory.mktemp("made") / "archive"
    lines = [
        dataclasses.replace(
            one,
            headline=f"{number} {HOSTILE}",
            source_id=number % 25 + 100,
            source_label=f"{number % 25} {HOSTILE}",
            date_published=one.date_published and f"{1997 + number % 30}{one.date_published[4:]}",
            url="javascript:hit=1" if number % 2 else one.url,
        )
        for number, one in enumerate(records(600))
    ]
    write(folder, lines)
    (folder / "runs").mkdir()
    run = {
        "run_id": HOSTILE,
        "spider": HOSTILE,
        "verdict": HOSTILE,
        "message": HOSTILE,
        "exit_code": 1,
        "finish_reason": HOSTILE,
    }
    times = {"start": "2026-09-11T06:00:12+00:00", "end": "2026-09-11T07:01:15+00:00"}
    told = run | times | {"arguments": {"query": HOSTILE}, "counts": {HOSTILE: 1}}
    (folder / "runs" / "20260911T060012Z-a.json").write_text(json.dumps(told), encoding="utf-8")
    (folder / "runs" / "20260911T060013Z-b.json").write_text('{"verdict": 7}', encoding="utf-8")
    in_order = sorted({one.id: one for one in lines if one.date_published}.values(), key=lambda one: one.date_published)
    links = [Link(later.id, earlier.id, "reworked", 0.5, 0.5, 1.0) for earlier, later in pairwise(in_order)]
    told = [msgspec.json.encode(one._asdict()) + b"\n" for one in sorted(links)]
    (folder / REPRINTS).write_bytes(b"".join(told))
    derive_ledger(folder, {source + 100: f"{source} {HOSTILE}" for source in range(25)})
    done = report(folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = find_chromium()
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, chromium_sandbox=os.geteuid() != 0)


@contextmanager
def opened(browser: Browser, folder: Path, scheme: Any = "light", width: int = 1280) -> Iterator[Page]:
    """The page of an archive, all of it drawn, which said nothing and asked for nothing else."""
    context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(60_000)
    said, asked = list[str](), list[str]()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    address = (folder / "report.html").as_uri()
    page.goto(address)
    page.wait_for_selector("body[data-drawn]")
    yield page
    context.close()
    assert (said, asked) == ([], [address])


def key_numbers(page: Page) -> dict[str, str]:
    return {
        one.locator("span").inner_text(): one.locator("strong").inner_text()
        for one in page.locator(".numbers li").all()
    }


def sizes(page: Page) -> list[tuple[str, float, float]]:
    """Each chart's name and the size that it is drawn in."""
    boxes = [
        (chart.get_attribute("id"), chart.locator("svg").first.bounding_box())
        for chart in page.locator(".chart > div").all()
    ]
    return [(str(name), box["width"], box["height"]) for name, box in boxes if box]


def drawings(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The data of each chart that the page draws."""
    text = (folder / "report.html").read_text(encoding="utf-8")
    (data,) = re.findall(r'<script type="application/json" id="drawings">(.*?)</script>', text, re.DOTALL)
    return {
        one["id"]: [dict(zip(one["columns"], row, strict=True)) for row in one["rows"]]
        for one in json.loads(data)["figures"]
    }


# The truth


def test_the_page_tells_what_coverage_changes_and_the_runs_tell(browser: Browser, crawled: Path) -> None:
    months, (change,) = read_coverage(crawled, datetime.now(UTC).date()), read_changes(crawled)
    runs = [json.loads(path.read_text("utf-8")) for path in sorted((crawled / "runs").glob("*.json"), reverse=True)]
    with opened(browser, crawled) as page:
        numbers = key_numbers(page)
        listed = page.locator("#revisions tbody tr").last.locator("td").all_inner_texts()
        told = [row.locator("td").all_inner_texts() for row in page.locator("#runs tbody tr").all()]
    assert numbers["owed"] == str(sum(month.owed for month in months)) == "1"
    assert numbers["gaps"] == str(sum(not month.is_walked for month in months))
    assert numbers["edits + removals"] == "1 + 0"
    assert numbers[f"exit {runs[0]['exit_code']}"] == runs[0]["verdict"]
    assert listed[1:] == [change.kind, change.source_label, change.headline]
    assert [(row[2].split()[0], row[3], row[7]) for row in told] == [
        (run["spider"], f"{run['verdict']} {run['exit_code']}", run["message"]) for run in runs
    ]
    drawn = drawings(crawled)
    cells = [row for name, rows in drawn.items() if name.startswith("calendar-") for row in rows]
    assert sum(row["held"] for row in cells) == sum(month.held for month in months)
    assert sum(row["owed"] for row in cells) == 1
    assert [row["state"] for row in cells if row["owed"]] == ["owed"]
    assert sum(row["articles"] for row in drawn["months"]) == sum(month.held for month in months)


def test_articles_whose_page_lost_its_sources_name_are_counted_with_their_source(tmp_path: Path) -> None:
    (one, other, *_) = records(2)
    lost = {"source_id": one.source_id, "source_label": "(EN)", "source_name": None, "date_published": "2020-01-01"}
    lines = [one, dataclasses.replace(other, **lost), dataclasses.replace(other, **lost, revision=2, headline="new")]
    write(tmp_path, lines)
    assert scrapy(tmp_path, "sync", f"sqlite:///{tmp_path}/store.sqlite").returncode == 0
    counted = summarise(tmp_path / "store.sqlite", date(2020, 1, 1), date(2020, 12, 31), latest=5)
    assert {group.source for group in counted.groups} == {one.source_label}
    assert counted.days == [(one.source_label, "2020-01-01", 1)]
    assert [change.source for change in counted.latest] == [one.source_label]


def test_a_store_is_counted_as_its_archive_reads(tmp_path: Path) -> None:
    lines = records(600)
    write(tmp_path, lines)
    assert scrapy(tmp_path, "sync", f"sqlite:///{tmp_path}/store.sqlite").returncode == 0
    counted = summarise(tmp_path / "store.sqlite", date(2020, 1, 1), date(2020, 12, 31), latest=5)
    latest = {one.id: one for one in lines}.values()
    alike = Counter(
        (one.source_label, one.date_published and one.date_published[:7], one.in_language, one.access, one.status)
        for one in latest
    )
    assert {dataclasses.astuple(group)[:5]: group.articles for group in counted.groups} == alike
    in_2020 = Counter(
        (one.source_label, one.date_published) for one in latest if (one.date_published or "")[:4] == "2020"
    )
    assert {(source, day): articles for source, day, articles in counted.days} == in_2020
    # Taken on 11 September 2026, in Korea as well.
    first = [one for one in lines if one.revision == 1 and one.date_published]
    waited = Counter((date(2026, 9, 11) - date.fromisoformat(one.date_published or "")).days for one in first)
    lags = Counter[int]()
    for _, days, articles in counted.lags:
        lags[days] += articles
    assert lags == waited
    changes = list(read_changes(tmp_path))
    assert {(day, kind): count for day, kind, count in counted.changes} == Counter(
        (one.seen[:10], one.kind) for one in changes
    )
    newest = sorted(changes, key=lambda one: (one.seen, one.id, one.revision), reverse=True)[:5]
    assert [(one.kind, one.seen, one.url) for one in counted.latest] == [
        (one.kind, one.seen, one.url) for one in newest
    ]


# The page


def test_every_chart_is_drawn_named_and_told_in_numbers_and_nothing_it_shows_is_run(
    browser: Browser, made: Path
) -> None:
    shown = HOSTILE.replace("\u2028", " ")
    with opened(browser, made) as page:
        drawn = sizes(page)
        names = [chart.get_attribute("aria-label") for chart in page.locator(".chart[role=img]").all()]
        tables = page.locator("figure .chart + details table").count()
        assert page.evaluate("typeof hit") == "undefined"
        assert page.locator("img, iframe, link").count() == 0
        links = page.evaluate("[...document.querySelectorAll('a')].map(one => one.protocol)")
        headlines = page.locator("#revisions .cards td:last-child").all_inner_texts()
        (run,) = [row.locator("td").all_inner_texts() for row in page.locator("#runs tbody tr").all()]
        titles = page.locator("#coverage h3").all_inner_texts()
    assert [name for name, _, _ in drawn] == list(drawings(made))
    assert {"takings", "lateness"} < {name for name, _, _ in drawn}
    assert all(width > 200 and height > 60 for _, width, height in drawn), drawn
    assert len(names) == len(set(names)) == tables == len(drawn)
    assert titles == [f"{source} {shown} ({source + 100})" for source in range(25)]
    assert set(links) == {"https:"}
    assert 0 < len(links) < len(headlines) <= 50
    assert all(one.endswith(shown) for one in headlines)
    assert [one.replace("\n", " ") for one in run[1:]] == [
        "1:01:03",
        f"{shown} -a query={shown}",
        f"{shown} 1",
        "0",
        "0",
        "0",
        shown,
    ]


def test_it_is_read_on_a_phone_in_the_dark_and_turns_light_with_it(browser: Browser, made: Path) -> None:
    with opened(browser, made, "dark", width=390) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert all(width <= 390 for _, width, _ in sizes(page))
        for scheme in ("dark", "light"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            ground, *words = (lightness(one) for one in page.evaluate(COLOURS))
            assert (ground > 0.5) == (scheme == "light")
            assert all(abs(one - ground) > 0.4 for one in words)


@pytest.mark.parametrize("width", [390, 1280])
def test_sources_that_differ_at_the_end_of_their_names_are_told_apart(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    labels = {163: "Ministry of Foreign Affairs (EN)", 164: "Ministry of Foreign Affairs (KR)"}
    write(
        tmp_path,
        [
            dataclasses.replace(article(2 * sid + number, "text"), source_id=sid, source_label=labels[sid])
            for number in range(4)
            for sid in labels
        ],
    )
    derive_ledger(tmp_path, labels)
    assert report(tmp_path).returncode == 0
    with opened(browser, tmp_path, width=width) as page:
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert all(drawn <= width for _, drawn, _ in sizes(page))
        texts = page.locator(".chart text").all_text_contents()
        shown = {text for text in texts if text.startswith("Ministry")}
        assert shown == set(labels.values())


@pytest.mark.parametrize("width", [390, 700, 1280])
def test_no_legend_is_cut(browser: Browser, made: Path, width: int) -> None:
    with opened(browser, made, width=width) as page:
        assert page.evaluate(LOWEST) <= 0


def lightness(colour: str) -> float:
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 765


def test_a_cell_of_the_calendar_tells_its_counts(browser: Browser, crawled: Path) -> None:
    (owed,) = [row for row in drawings(crawled)["calendar-1"] + drawings(crawled)["calendar-2"] if row["owed"]]
    with opened(browser, crawled) as page:
        for sign in page.locator("[id^=calendar] .mark-symbol path").all():
            sign.hover()
            told = dict(zip(*[iter(page.locator("#vg-tooltip-element td").all_inner_texts())] * 2, strict=True))
            if told["owed"] == "1":
                break
    assert told == {name: str(value) for name, value in owed.items() if name != "state"}


def test_its_policy_lets_nothing_in_and_nothing_run_but_its_own(crawled: Path) -> None:
    text = (crawled / "report.html").read_text(encoding="utf-8")
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', text)
    assert re.fullmatch(
        r"default-src 'none'; script-src( 'H'){2}; style-src 'H'; base-uri 'none'; form-action 'none'",
        re.sub(r"sha256-[A-Za-z0-9+/]{43}=", "H", policy.replace("&#39;", "'")),
    )
    assert len(text.encode()) < 1_500_000


@pytest.mark.parametrize("status", ["gone", None], ids=["only tombstones", "nothing"])
def test_an_archive_with_little_in_it_has_a_page(browser: Browser, tmp_path: Path, status: Any) -> None:
    write(tmp_path, [dataclasses.replace(article(50, "text"), status=status)] if status else [])
    derive_ledger(tmp_path)
    with open_store(f"sqlite:///{tmp_path}/store.sqlite") as store:
        sync(tmp_path, store)
    contents = read(tmp_path, tmp_path / "store.sqlite", datetime(2026, 9, 11, tzinfo=UTC))
    (tmp_path / "report.html").write_bytes(render(contents))
    with opened(browser, tmp_path) as page:
        header = page.locator("header p").first.inner_text()
        assert page.locator(".none").count() >= 5
    gone = ", and 1 that are gone from the site," if status else ""
    assert header == f"0 articles{gone} of {1 if status else 0} source{'' if status else 's'}."


# What goes wrong


def test_what_is_missing_is_told_in_one_line(tmp_path: Path) -> None:
    done = report(tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (7, 1)
    write(tmp_path, [article(1, "one")])
    done = report(tmp_path)
    assert done.returncode == 7
    assert re.fullmatch(r".*ledger\.sqlite.*\n", done.stderr)
    assert not list(tmp_path.rglob("*.html*"))


def test_a_file_that_cannot_be_is_told_before_anything_is_done(tmp_path: Path) -> None:
    write(tmp_path, [article(1, "one")])
    for path in (tmp_path, tmp_path / "none/report.html"):
        done = scrapy(tmp_path, "report", str(path))
        assert (done.returncode, done.stderr) == (
            2,
            f"kcnacrawl: usage (2): {path}: no file in a folder that there is\n",
        )
    assert [one.name for one in tmp_path.iterdir()] == ["articles.jsonl"]


def test_without_altair_it_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['altair'] = None; from scrapy.cmdline import execute; execute()"
    words = ["report", "-s", f"KCNACRAWL_DIR={tmp_path}"]
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr == "kcnacrawl: usage (2): altair is missing: pip install kcnacrawl[report]\n"
