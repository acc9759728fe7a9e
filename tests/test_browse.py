"""``scrapy browse``: the store in a real browser and over plain HTTP, from a real process."""

import argparse
import csv
import dataclasses
import http.client
import io
import json
import os
import random
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from scrapy.settings import Settings

from kcnacrawl.archive.changes import marked
from kcnacrawl.commands.browse import Command
from kcnacrawl.render.browser import find_chromium
from kcnacrawl.stores.find import find

from . import processes
from .archives import WORDS, article, records, rewritten, write
from .conftest import ROOT, scrapy
from .printed import ALONE, CATCH, CUT, MERGED, MINISTRY, ORIGINAL, SHORTENED, WORKS, linked, printed

KOREAN = dataclasses.replace(
    article(
        1001, "평양발 조선중앙통신\n\n김정은동지께서 새로 일떠선 살림집을 돌아보시였다.\n\n일군들을 고무해주시였다."
    ),
    headline="살림집을 돌아보시였다",
    in_language="ko",
    source_label="Rodong Sinmun (Kr)",
    date_published="2025-03-02",
    date_published_raw="02/03/2025",
    date_listed="2025-03-09",
    date_conflict=True,
    original_url="http://www.rodong.rep.kp/ko/",
)
EDITED = rewritten(
    KOREAN,
    KOREAN.article_body.replace("새로 일떠선", "훌륭히 완공된"),
    revision=2,
    date_downloaded="2026-11-12T06:00:00+00:00",
)
GONE = dataclasses.replace(EDITED, revision=3, status="gone", date_downloaded="2026-11-20T06:00:00+00:00")
SCRIPT = "<script>document.title = 'pwned'</script>"
HOSTILE = dataclasses.replace(
    article(1002, f"{SCRIPT}\n\n<img src=x onerror=alert(1)> 나쁜놈"),
    headline=SCRIPT,
    source_label=f"{SCRIPT}&",
    in_language=None,
    date_published="2025-03-03",
    original_url="javascript:alert(1)",
    images=("javascript:alert(2)", "https://kcnawatch.org/a.jpg"),
)
AGAIN = dataclasses.replace(KOREAN, id="1600001003-100001003", source_label="KCNA.kp (Kr)", article_body="다른 글")
LEARNED = dataclasses.replace(AGAIN, revision=2, source_id=158, source_name="KCNA")
UNSEEN = article(1004, "온\u200b실\ufe0f에서ㆍ키운 gar\u00adden")
LINES = [*records(120), KOREAN, EDITED, GONE, HOSTILE, AGAIN, LEARNED, UNSEEN]


@contextmanager
def browsing(store: Path, stop: signal.Signals = signal.SIGTERM) -> Iterator[str]:
    """``scrapy browse``: its address; it says nothing else, and ends in order when it is told to."""
    command = [sys.executable, "-m", "scrapy", "browse", "--store", str(store), "--port", "0"]
    process = processes.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        line = process.stdout.readline()
        found = re.fullmatch(rf"{re.escape(str(store))} at (http://127\.0\.0\.1:\d+)/ \(Ctrl-C to stop\)\n", line)
        assert found, line or process.communicate()[1]
        yield found[1]
        process.send_signal(stop)
        assert process.communicate(timeout=30) == ("", "")
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    write(folder, LINES)
    # A name that an address would have to escape.
    path = folder / "a store?#%41.sqlite"
    assert scrapy(folder, "sync", f"sqlite:///{path}").returncode == 0
    return path


@pytest.fixture(scope="module")
def site(store: Path) -> Iterator[str]:
    with browsing(store) as url:
        yield url


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), chromium_sandbox=False)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser, site: str) -> Iterator[Page]:
    """A page at home."""
    with watched(chromium, site) as page:
        yield page


@contextmanager
def watched(chromium: Browser, site: str) -> Iterator[Page]:
    """A page at home; nothing on the way may complain, or ask anyone else for anything."""
    complaints, elsewhere = list[str](), list[str]()
    with closing(chromium.new_context()) as context:
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: elsewhere.append(request.url))
        page.goto(site)
        yield page
    assert complaints == []
    assert [url for url in elsewhere if not url.startswith(f"{site}/")] == []


def ask(site: str, path: str, *, method: str = "GET", **headers: str) -> tuple[int, http.client.HTTPMessage, str]:
    with closing(http.client.HTTPConnection(urlsplit(site).netloc, timeout=30)) as connection:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, quote(path, safe="/?&=%:,+'"), headers=named)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode(errors="replace")


def get_json(site: str, path: str, **query: str) -> Any:
    status, _, text = ask(site, f"{path}?{urlencode(query)}")
    assert status == 200, text
    return json.loads(text)


# In a browser


def follow(link: Locator) -> None:
    """Clicks a link, and waits for all of the page that it leads to: what is read at once does not wait."""
    with link.page.expect_event("load"):
        link.click()


def search(page: Page, words: str) -> None:
    box = page.get_by_role("searchbox")
    box.fill(words)
    with page.expect_event("load"):
        box.press("Enter")


@pytest.mark.parametrize("word", ["김정은", "살림", "께"])
def test_a_korean_word_is_typed_and_found_inside_a_longer_one_and_its_article_read(page: Page, word: str) -> None:
    search(page, word)
    expect(page.locator("mark", has_text=word).first).to_be_visible()
    follow(page.get_by_role("link", name=EDITED.headline).first)
    assert urlsplit(page.url).path == f"/articles/{KOREAN.id}"
    assert page.locator(".body p").all_inner_texts() == EDITED.article_body.split("\n\n")
    assert page.locator(".body").get_attribute("lang") == "ko"


def test_a_page_tells_what_the_site_and_its_witnesses_say_and_what_became_of_it(page: Page, site: str) -> None:
    page.goto(f"{site}/articles/{KOREAN.id}")
    told = page.get_by_role("main").inner_text()
    assert "This article is gone" in told
    assert "Its dates disagree: published 2025-03-02, listed 2025-03-09" in told
    for witness in (GONE.body_sha256, GONE.url_time, GONE.date_downloaded, "02/03/2025", "Rodong Sinmun (Kr)"):
        assert witness in told
    for address in (GONE.url, GONE.original_url):
        assert page.get_by_role("link", name=address).get_attribute("rel") == "noopener noreferrer nofollow"


def test_a_difference_is_shown_word_by_word(page: Page, site: str) -> None:
    page.goto(f"{site}/articles/{KOREAN.id}")
    removed, edited = page.locator(".revision").all()
    assert "removed, seen 2026-11-20" in removed.inner_text()
    assert edited.locator("del").all_inner_texts() == ["새로", "일떠선"]
    assert edited.locator("ins").all_inner_texts() == ["훌륭히", "완공된"]
    expect(edited.locator(".difference")).to_contain_text("살림집을 돌아보시였다")


@given(st.text(alphabet="가나ab ", max_size=60), st.text(alphabet="가나ab ", max_size=60))
def test_a_difference_holds_both_texts(old: str, new: str) -> None:
    pieces = [piece for paragraph in marked(old, new) for piece in paragraph]
    assert (pieces == []) == (old == new)
    if pieces:
        assert "".join(text for tag, text in pieces if tag != "insert") == old
        assert "".join(text for tag, text in pieces if tag != "delete") == new


def test_facets_narrow_a_search_and_are_taken_back(page: Page) -> None:
    search(page, "책")
    found = page.get_by_role("status")
    before = found.inner_text()
    facets = page.locator(".facet summary")
    assert facets.all_inner_texts() == ["Source", "Year", "Language", "Access", "Status"]
    source = page.locator("#facet-source_label li", has_text="KCNA.kp (En)")
    count = source.locator("span").inner_text()
    follow(source.get_by_role("link"))
    assert found.inner_text() == f"{count} articles with 책"
    assert set(page.locator(".about span:nth-of-type(1)").all_inner_texts()) == {"KCNA.kp (En)"}
    # Another search keeps to it.
    page.get_by_role("searchbox").fill("정책")
    follow(page.get_by_role("button", name="Search"))
    assert set(page.locator(".about span:nth-of-type(1)").all_inner_texts()) == {"KCNA.kp (En)"}
    search(page, "책")
    follow(page.get_by_title("Remove"))
    assert found.inner_text() == before


def test_the_newest_come_first_and_the_older_on_the_next_pages(page: Page) -> None:
    follow(page.get_by_role("link", name="Articles", exact=True))
    days = list[str]()
    while True:
        days += page.locator(".articles time").all_inner_texts()
        if not page.get_by_role("link", name="Next page").count():
            break
        follow(page.get_by_role("link", name="Next page"))
    dated = [day for day in days if day != "undated"]
    assert dated == sorted(dated, reverse=True)
    assert len(days) == len({one.id for one in LINES})
    follow(page.get_by_role("link", name="back to the first of them"))
    expect(page.locator(".facet")).to_have_count(5)


def test_hostile_content_is_only_text(page: Page, site: str) -> None:
    page.goto(f"{site}/store/articles?_search=나쁜놈")
    follow(page.locator(".articles").get_by_role("link", name=SCRIPT))
    assert page.title().startswith(SCRIPT)
    assert page.locator(".body p").all_inner_texts() == HOSTILE.article_body.split("\n\n")
    assert "javascript:alert(1)" in page.get_by_role("main").inner_text()
    for path in ("/", "/store/articles", "/store/revisions", "/store/same-headline", f"/articles/{HOSTILE.id}"):
        page.goto(site + path)
        assert page.locator("script, img, iframe, [href^='javascript:'], [onerror]").count() == 0
        assert SCRIPT in page.content().replace("&lt;", "<").replace("&gt;", ">") or path == "/store/same-headline"


LINES_OF_TEXT = """one => {
    const text = document.createRange();
    text.selectNodeContents(one);
    return text.getClientRects().length;
}"""


def test_pages_fit_a_phone(page: Page, site: str) -> None:
    page.set_viewport_size({"width": 360, "height": 640})
    for path in (
        "/",
        "/store",
        "/store/articles",
        "/store/revisions",
        "/store/mentions?term=책",
        f"/articles/{KOREAN.id}",
    ):
        page.goto(site + path)
        assert page.evaluate("document.documentElement.scrollWidth") == 360, path
    page.goto(site)
    days = page.get_by_text(re.compile(r"^\d{4}-\d\d-\d\d$"))
    assert days.count() > 2
    assert {day.evaluate(LINES_OF_TEXT) for day in days.all()} == {1}


# Over HTTP


@pytest.mark.parametrize(
    "query",
    ["김정은", "정책", "책", "군", "政", "cafe PYONGYANG", '"KPA군"', "새것", "AND", '"', "NEAR(책 군)", "x*", "..."],
)
def test_the_search_finds_what_find_does(site: str, store: Path, query: str) -> None:
    rows = get_json(site, "/store/articles.json", _search=query, _size="max", _shape="array")
    assert {row["id"] for row in rows} == (
        {hit.id for hit in find(store, query)} if query not in {'"', "..."} else set()
    )


@pytest.mark.parametrize(
    ("query", "mark"), [("온실", "온\u200b실\ufe0f"), ("키\ufeff운", "키운"), ("garden", "gar\u00adden")]
)
def test_what_nobody_sees_hides_no_word_and_is_marked_along(site: str, query: str, mark: str) -> None:
    status, _, answer = ask(site, f"/store/articles?{urlencode({'_search': query})}")
    assert (status, re.findall("<mark>(.*?)</mark>", answer)) == (200, [mark])


def test_an_empty_search_shows_everything(site: str) -> None:
    everything = get_json(site, "/store/articles.json")["filtered_table_rows_count"]
    assert get_json(site, "/store/articles.json", _search="")["filtered_table_rows_count"] == everything


def test_facets_count_what_a_search_found(site: str, store: Path) -> None:
    found = get_json(site, "/store/articles.json", _search="책", in_language="en")
    hits = {hit.id for hit in find(store, "책")}
    with closing(sqlite3.connect(store)) as db:
        rows = db.execute("SELECT id, source_label FROM articles WHERE in_language = 'en'").fetchall()
    labels = [label for article_id, label in rows if article_id in hits]
    counts = {one["value"]: one["count"] for one in found["facet_results"]["source_label"]["results"]}
    assert counts == {label: labels.count(label) for label in set(labels)}


# A server to which more than three articles are very many.
CROWDED = """
import asyncio, json, sys
from pathlib import Path
from kcnacrawl.browse import quick, server
quick.HOW_MANY = quick.HOW_MANY.replace(f"limit {quick.FEW + 1}", "limit 4")
quick.FEW, quick.MOST, quick.SAMPLE = 3, 5, 4
datasette = server._datasette(Path(sys.argv[1]), Path(sys.argv[1]).parent)

async def ask():
    await datasette.invoke_startup()
    return [(await datasette.client.get(path)).text for path in sys.argv[2:]]

print(json.dumps(asyncio.run(ask())))
"""


def ask_crowded(store: Path, *paths: str) -> list[str]:
    words = [sys.executable, "-c", CROWDED, str(store), *(quote(path, safe="/?&=") for path in paths)]
    return json.loads(subprocess.run(words, cwd=ROOT, capture_output=True, check=True).stdout)


@pytest.mark.parametrize("narrowed", ["", "&in_language=en", "&source_label=KCNA.kp (En)"])
def test_what_very_many_hold_comes_as_what_few_do(store: Path, site: str, narrowed: str) -> None:
    path = f"/store/articles.json?_shape=objects&_search=책{narrowed}"
    answer, page = ask_crowded(store, path, path.replace(".json", ""))
    many, few = json.loads(answer), json.loads(ask(site, path)[2])
    assert [row["date_published"] for row in many["rows"]] == [row["date_published"] for row in few["rows"]]
    assert {row["id"] for row in many["rows"]} <= {hit.id for hit in find(store, "책")}
    assert (many["filtered_table_rows_count"], few["filtered_table_rows_count"] > 6) == (6, True)
    counted = many["facet_results"]["access"]["results"]
    assert sum(one["count"] for one in counted) == 4
    assert "Over 5 articles" in " ".join(page.split())
    assert "Counted among the newest 4 of them" in page


@pytest.mark.parametrize(
    "query", ["", "year=2016", "year=2016&access=full", "source_label__isnull=1", "status__not=gone"]
)
def test_what_is_counted_beforehand_is_what_there_is(site: str, store: Path, query: str) -> None:
    where = {
        "year=2016": "year = 2016",
        "year=2016&access=full": "year = 2016 AND access = 'full'",
        "source_label__isnull=1": "source_label IS NULL",
        "status__not=gone": "status != 'gone'",
    }.get(query, "1")
    told = json.loads(ask(site, f"/store/articles.json?{query}")[2])
    with closing(sqlite3.connect(store)) as db:
        (count,) = db.execute(f"SELECT count(*) FROM articles WHERE {where}").fetchone()
        years = db.execute(f"SELECT year, count(*) FROM articles WHERE {where} AND year > 0 GROUP BY year").fetchall()
    assert told["filtered_table_rows_count"] == count
    assert {(one["value"], one["count"]) for one in told["facet_results"]["year"]["results"]} == set(years)


def test_csv_and_json_hold_all_of_an_archive(site: str) -> None:
    latest = {one.id: one for one in LINES}
    status, headers, text = ask(site, "/store/articles.csv?_stream=1&_size=max")
    assert (status, headers["Content-Type"]) == (200, "text/plain; charset=utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["id"]: row["article_body"] for row in rows} == {one.id: one.article_body for one in latest.values()}
    told = get_json(site, f"/articles/{KOREAN.id}.json")
    assert [one["revision"] for one in told["revisions"]] == [1, 2, 3]
    assert told["article"] == json.loads(json.dumps(dataclasses.asdict(GONE)))


def test_articles_are_counted_by_day_and_source(site: str) -> None:
    rows = get_json(site, "/store/articles-a-day.json", _shape="array")
    assert rows[0] == {"date_published": "2025-03-03", "source_label": HOSTILE.source_label, "articles": 1}
    asked = get_json(site, "/store/articles-a-day.json", _shape="array", since="2016-01-01", until="2016-12-31")
    assert {row["date_published"][:4] for row in asked} == {"2016"}


def test_edits_and_removals_of_a_month_are_told(site: str) -> None:
    rows = get_json(site, "/store/changes.json", _shape="array", month="2026-11")
    assert [(row["id"], row["change"]) for row in rows] == [(KOREAN.id, "removed"), (KOREAN.id, "edited")]
    assert ask(site, "/store/changes")[0] == 200


def test_a_source_that_became_known_is_no_edit(site: str) -> None:
    rows = get_json(site, "/store/changes.json", _shape="array", month=LEARNED.date_downloaded[:7])
    assert AGAIN.id not in {row["id"] for row in rows}
    page = ask(site, f"/articles/{AGAIN.id}")[2]
    assert "Revision 2: attributed" in page
    assert "source name" in page


def test_a_headline_that_sources_share_is_found(site: str) -> None:
    rows = get_json(site, "/store/same-headline.json", _shape="array")
    assert [(row["id"], row["sources"]) for row in rows] == [(AGAIN.id, 2), (KOREAN.id, 2)]


def test_who_is_mentioned_when_knows_korean(site: str, store: Path) -> None:
    rows = get_json(site, "/store/mentions.json", _shape="array", term="김정은")
    assert sum(row["articles"] for row in rows) == len(list(find(store, "김정은")))
    assert {"month": "2025-03", "source_label": "Rodong Sinmun (Kr)", "articles": 1} in rows
    assert get_json(site, "/store/mentions.json", _shape="array") == []


# Stories


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = linked(tmp_path_factory.mktemp("stories"), printed(6, WORKS, "2021-03-04", MINISTRY))
    assert scrapy(folder, "sync", f"sqlite:///{folder}/store.sqlite").returncode == 0
    with browsing(folder / "store.sqlite") as url:
        yield url


@pytest.fixture
def stories_page(chromium: Browser, stories: str) -> Iterator[Page]:
    with watched(chromium, stories) as page:
        yield page


def test_an_article_names_those_that_carry_its_story_and_stands_beside_each(stories_page: Page, stories: str) -> None:
    stories_page.goto(f"{stories}/articles/{SHORTENED.id}")
    rows = stories_page.get_by_role("region", name="Also published by").locator("tbody tr").all_inner_texts()
    assert [row.split("\t")[::2] for row in rows] == [
        ["2021-03-02", "Casting line remodelled", "compare"],
        ["2021-03-04", "Headline 6 <b>", "compare"],
        ["2021-03-05", "News from two provinces", "compare"],
    ]
    follow(stories_page.get_by_role("link", name="compare").first)
    assert stories_page.locator(".beside h2").all_inner_texts() == [
        "Casting line remodelled",
        "Casting line at full steam",
    ]
    left, right = stories_page.locator(".beside .difference").all()
    assert " ".join(left.locator("del").all_inner_texts()).split() == WORKS.removeprefix(CUT).split()
    assert right.locator("ins").count() == 0
    follow(stories_page.get_by_role("link", name="Casting line remodelled"))
    assert stories_page.url == f"{stories}/articles/{ORIGINAL.id}"
    assert stories_page.get_by_role("link", name="compare").count() == 3


def test_an_article_that_stands_alone_says_nothing_of_stories(stories_page: Page, stories: str) -> None:
    stories_page.goto(f"{stories}/articles/{ALONE.id}")
    assert stories_page.get_by_role("heading", name="Alone").is_visible()
    assert stories_page.get_by_text("Also published by").count() == 0


def test_the_story_of_an_article_is_in_its_json(stories: str) -> None:
    told = get_json(stories, f"/articles/{MERGED.id}.json")["story"]
    assert [(one["id"], one["relation"], one["kind"]) for one in told] == [
        (ORIGINAL.id, "earlier", "cut"),
        (CATCH.id, "earlier", "cut"),
        (SHORTENED.id, "beside", "cut"),
        (printed(6, "", "2021-03-04", MINISTRY).id, "beside", "same"),
    ]


def test_stories_are_told_by_how_many_sources_took_them(stories: str) -> None:
    rows = get_json(stories, "/store/stories.json", _shape="array")
    assert [(row["id"], row["sources"], row["reprints"], row["last_printed"]) for row in rows] == [
        (ORIGINAL.id, 2, 3, "2021-03-05"),
        (CATCH.id, 1, 1, "2021-03-05"),
    ]
    assert get_json(stories, "/store/stories.json", _shape="array", since="2021-04-01") == []


@pytest.mark.parametrize(
    "path", ["/articles/1600000001-999999999", f"/articles/{ORIGINAL.id}/beside/1600000001-9999999"]
)
def test_an_article_that_is_not_held_is_said_to_be_none(stories: str, path: str) -> None:
    status, _, text = ask(stories, path)
    assert (status, "The store holds no article 1600000001-99" in text) == (404, True)


# The feed


def get_feed(site: str, **asked: str) -> tuple[str, str]:
    """A feed that a feed reader takes, and what its own address is."""
    status, headers, text = ask(site, f"/feed.atom?{urlencode(asked)}")
    assert (status, headers["Content-Type"]) == (200, "application/atom+xml; charset=utf-8")
    feed = feedparser.parse(text)
    assert not feed.bozo, feed.get("bozo_exception")
    (own,) = (link.href for link in feed.feed.links if link.rel == "self")
    return text, own


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"source": "163"},
        {"source": "rodong sinmun (kr)"},
        {"source": "KCNA.kp,161"},
        {"query": "김정은"},
        {"query": "CAFE 정책", "source": "Ministry of Foreign Affairs"},
        {"source": "(En)"},
        {"query": "nowhere"},
    ],
)
def test_the_feed_is_the_one_that_changes_writes(site: str, store: Path, tmp_path: Path, asked: dict[str, str]) -> None:
    options = [word for name, said in asked.items() for word in (f"--{name}", said)]
    assert scrapy(store.parent, "changes", "--new", "--atom", f"{tmp_path}/feed", *options).returncode == 0
    text, own = get_feed(site, **asked)
    assert own == f"{site}/feed.atom" + f"?{urlencode(asked)}" * bool(asked)
    without_address = re.sub("  <link rel=.self.*/>\n", "", text, count=1)
    assert without_address == (tmp_path / "feed").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ({"source": "Pyongyang Times"}, 404, "source &#39;Pyongyang Times&#39;: nothing of it is held; there are: "),
        ({"source": "ajax:1"}, 400, "source &#39;ajax:1&#39;: give a source&#39;s number, label or name"),
        ({"query": "..."}, 400, "query &#39;...&#39;: holds no word to look for"),
    ],
)
def test_a_feed_that_cannot_be_is_told(site: str, query: dict[str, str], status: int, told: str) -> None:
    found, _, text = ask(site, f"/feed.atom?{urlencode(query)}")
    assert (found, told in text) == (status, True)


def test_every_page_leads_to_the_feed_and_a_search_to_its_own(page: Page, site: str) -> None:
    feeds = page.locator("head link[type='application/atom+xml']")
    for path in ("/", "/store", f"/articles/{KOREAN.id}", "/nothing"):
        assert "/feed.atom" in re.findall('<link [^>]*atom\\+xml[^>]* href="(.*?)">', ask(site, path)[2])
    page.goto(f"{site}/store/articles?{urlencode({'_search': '김정은', 'source_label': 'Rodong Sinmun (Kr)'})}")
    _, own = (feeds.nth(number).get_attribute("href") for number in range(2))
    assert own == page.get_by_role("link", name="feed").get_attribute("href")
    assert get_feed(site, query="김정은", source="Rodong Sinmun (Kr)")[0] == ask(site, str(own).replace("%20", "+"))[2]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/feed.atom",
        "/static/style.css",
        "/favicon.ico",
        "/store.json",
        "/store/articles.csv",
        "/nothing",
        "/articles/1-1",
        "/-/metadata",
    ],
)
def test_every_answer_tells_a_browser_what_it_may_do(site: str, path: str) -> None:
    _, headers, _ = ask(site, path)
    policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers.get_all("Referrer-Policy") == ["no-referrer"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert {headers[f"Cross-Origin-{one}-Policy"] for one in ("Opener", "Resource")} == {"same-origin"}
    assert headers["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:{port}", ""])
def test_another_name_than_this_machines_is_refused(site: str, host: str) -> None:
    status, _, text = ask(site, "/", Host=host.format(port=urlsplit(site).port))
    assert (status, text) == (403, "asked for by another name than this machine's own\n")


def test_datasettes_own_pages_are_there(site: str) -> None:
    for name in ("versions", "settings", "databases", "plugins"):
        assert ask(site, f"/-/{name}.json")[0] == 200


def test_this_machine_may_be_called_localhost(site: str) -> None:
    assert ask(site, "/", Host=f"LocalHost:{urlsplit(site).port}")[0] == 200


def test_a_page_of_another_site_may_link_here_and_no_more(site: str) -> None:
    assert ask(site, "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest="document")[0] == 200
    for kind in ("image", "empty", "iframe"):
        assert ask(site, "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Dest=kind)[0] == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_nothing_but_reading_is_answered(site: str, method: str) -> None:
    assert ask(site, "/store/changes", method=method)[0] == 405


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM articles",
        "WITH x AS (SELECT 1) INSERT INTO cursors VALUES ('a', 1, 1)",
        "ATTACH '/etc/passwd' AS other",
        "PRAGMA query_only = 0",
        "SELECT * FROM pragma_journal_mode('delete')",
        "SELECT load_extension('evil')",
        "SELECT length(zeroblob(100000000))",
        "SELECT 1; DROP TABLE articles",
        "SELECT no_such_column FROM articles",
    ],
)
def test_sql_reads_and_no_more(site: str, store: Path, sql: str) -> None:
    before = store.read_bytes()
    for path in ("/store.json", "/store"):
        assert ask(site, f"{path}?{urlencode({'sql': sql})}")[0] == 400
    assert store.read_bytes() == before


def test_sql_that_takes_too_long_is_stopped(site: str) -> None:
    endless = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"
    status, _, text = ask(site, f"/store?{urlencode({'sql': endless, '_timelimit': '50'})}")
    assert status == 400
    assert "SQL Interrupted" in text


def test_the_store_is_read_while_a_sync_fills_it(tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite"
    write(tmp_path, LINES)
    assert scrapy(tmp_path, "sync", f"sqlite:///{store}").returncode == 0
    write(tmp_path, [dataclasses.replace(article(number, f"새소식 {number}")) for number in range(5000, 6200)])
    command = [sys.executable, "-m", "scrapy", "sync", "-s", f"KCNACRAWL_DIR={tmp_path}", f"sqlite:///{store}"]
    with browsing(store, signal.SIGINT) as site:
        counts = list[int]()
        with processes.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None:
                found = get_json(site, "/store/articles.json", _size="1", _nofacet="1")
                counts.append(found["filtered_table_rows_count"])
                time.sleep(0.05)
        assert counts == sorted(counts)
        assert get_json(site, "/store/articles.json", _search="새소식")["filtered_table_rows_count"] == 1200
        assert "새소식 5000" in ask(site, "/articles/1600005000-100005000")[2]


def test_others_are_answered_while_a_long_difference_is_found(tmp_path: Path) -> None:
    choose = random.Random(1)
    old, new = ("\n\n".join(" ".join(choose.choices(WORDS, k=80)) for _ in range(600)) for _ in range(2))
    write(tmp_path, [article(1, old), article(1, new, revision=2)])
    assert scrapy(tmp_path, "sync", f"sqlite:///{tmp_path}/store.sqlite").returncode == 0
    with browsing(tmp_path / "store.sqlite") as site, ThreadPoolExecutor() as pool:
        long = pool.submit(ask, site, "/articles/1600000001-100000001")
        answers = 0
        while not long.done():
            answers += ask(site, "/static/style.css")[0] == 200
        assert long.result()[0] == 200
        # Some may have come before it.
        assert answers > 10


# The command


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--store", "{}/none"], "store {}/none does not exist; scrapy sync sqlite:///{}/none makes it"),
        (["--store", "{}/other"], "store {}/other: a database, but none that sync made"),
        (["--store", "{}/newer"], "store {}/newer: made by another version of kcnacrawl; move it away and sync again"),
        (["--port", "x"], "--port 'x': not a whole number from 0 to 65535"),
        (["WORD"], "browse takes no arguments: 'WORD'"),
    ],
)
def test_a_bad_command_is_one_line_and_exit_2(tmp_path: Path, words: list[str], line: str) -> None:
    with closing(sqlite3.connect(tmp_path / "other")) as db:
        db.execute("CREATE TABLE mine (a)")
    with closing(sqlite3.connect(tmp_path / "newer")) as db:
        db.execute("CREATE TABLE cursors (a)")
        db.execute("CREATE TABLE articles_fts (a)")
        db.execute("PRAGMA user_version = 99")
    done = scrapy(tmp_path, "browse", *(word.format(tmp_path) for word in words))
    told = f"kcnacrawl: usage (2): {line.format(tmp_path, tmp_path)}\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", told)


def test_a_port_in_use_is_one_line_and_exit_2(store: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = scrapy(tmp_path, "browse", "--store", str(store), "--port", str(port))
    told = f"kcnacrawl: usage (2): --port {port}: Address already in use; give another one, or 0\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", told)


def test_a_store_in_a_folder_that_may_not_be_written_says_what_to_do(store: Path, tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_bytes(store.read_bytes())
    tmp_path.chmod(0o555)
    command = [sys.executable, "-m", "scrapy", "browse", "--store", f"{tmp_path}/store.sqlite", "--port", "0"]
    # What root may not be kept out of is kept from it.
    bare = ["setpriv", "--inh-caps=-all", "--bounding-set=-all"] if os.geteuid() == 0 else []
    done = subprocess.run([*bare, *command], cwd=ROOT, capture_output=True, text=True)
    tmp_path.chmod(0o755)
    assert done.returncode == 3
    assert done.stderr.startswith(f"kcnacrawl: incomplete (3): {tmp_path}/store.sqlite: ")
    assert done.stderr.endswith("; it is read only in a folder that may be written: copy it into one\n")


def test_a_missing_datasette_is_one_line_that_names_the_extra(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], store: Path
) -> None:
    monkeypatch.delitem(sys.modules, "kcnacrawl.browse.server", raising=False)
    monkeypatch.setitem(sys.modules, "datasette", None)
    command = Command()
    command.settings = Settings({"KCNACRAWL_DIR": str(store.parent)})
    command.run([], argparse.Namespace(store=store, port="0"))
    assert command.exitcode == 2
    told = "kcnacrawl: usage (2): datasette is missing: pip install kcnacrawl[browse]\n"
    assert capsys.readouterr() == ("", told)
