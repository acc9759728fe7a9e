"""``scrapy crawl sitemap``: what it fetches, what a run without news costs, and what no sitemap can do to it."""

import asyncio
import gzip
import hashlib
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from scrapy.utils.test import get_crawler

from kcnacrawl.archive.ledger import KnownSitemap
from kcnacrawl.pages.sitemap import Entry
from kcnacrawl.replica.markup_variant import VARIANTS
from kcnacrawl.replica.server import Replica
from kcnacrawl.replica.world import World
from kcnacrawl.site.dates import parse_lastmod
from kcnacrawl.spiders.sitemap import MAX_SITEMAPS, SitemapSpider, has_moved
from kcnacrawl.verdict import Verdict

from . import processes
from .conftest import Crawl, command, crawl_later, differences, fetched, read_lines, ungated

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]
Launch = Callable[..., processes.Popen]

# The replica's sitemaps name its day, which is over: what they say of it holds.
THEN = date(2024, 6, 1)


def sitemaps(replica: Replica) -> list[str]:
    return [one.path_qs for one in list(replica.requests) if one.path_qs.endswith((".xml", ".xml.gz"))]


def stored(done: Crawl) -> list[str]:
    return sorted(record["id"] for record in done.records)


def index(replica: Replica, **lastmods: str) -> bytes:
    """An index of ``/<name>.xml``, each with its lastmod."""
    items = (
        f"<sitemap><loc>{replica.url}/{name}.xml</loc>{lastmod and f'<lastmod>{lastmod}</lastmod>'}</sitemap>"
        for name, lastmod in lastmods.items()
    )
    return f"<sitemapindex>{''.join(items)}</sitemapindex>".encode()


def urlset(replica: Replica, lastmods: dict[str, str]) -> bytes:
    """A sitemap of articles, each with its lastmod."""
    items = (
        f"<url><loc>{replica.url}{replica.world.truth(one)['url_path']}</loc><lastmod>{lastmod}</lastmod></url>"
        for one, lastmod in lastmods.items()
    )
    return f"<urlset>{''.join(items)}</urlset>".encode()


def from_now(**offset: int) -> str:
    return (datetime.now(UTC) + timedelta(**offset)).isoformat(timespec="seconds")


def put(replica: Replica, pages: dict[str, bytes], *, tagged: bool = False) -> None:
    """Serves these, by path, in the place of what the replica has there; ``tagged`` with an ETag, which is heeded."""
    regular = replica._answer

    async def answer(request: web.BaseRequest, *fault: object) -> web.Response:
        if (body := pages.get(request.path)) is None:
            return await regular(request, *fault)  # type: ignore[arg-type]
        tag = f'"{hashlib.sha256(body).hexdigest()}"' if tagged else ""
        if tag and request.headers.get("If-None-Match") == tag:
            return web.Response(status=304)
        return web.Response(body=body, headers={"ETag": tag} if tag else {})

    replica._answer = answer  # type: ignore[method-assign, assignment]


# What is new, what has changed


@pytest.mark.parametrize(
    ("variant", "articles", "count"), [("plain", 1020, 4), ("category", 250, 3), ("labelled", 250, 3)]
)
def test_every_article_is_stored_as_it_is(serve: Serve, crawl: Run, variant: str, articles: int, count: int) -> None:
    replica = serve(articles=articles, variant=variant, today=THEN)
    done = crawl(replica.url, "sitemap")
    assert done.exit_code == 0, done.stderr
    # No card was seen, and old pages have lost the name of their source.
    unknown = (
        "description is None",
        "date_listed is None",
        "date_listed_raw is None",
        "date_conflict",
        "source_id is None",
        "source_name is None",
    )
    wrong = [one for one in differences(replica, done.records) if not one.split(": ")[1].startswith(unknown)]
    assert wrong == []
    assert sitemaps(replica)[0] == "/sitemap_index.xml"
    assert len(sitemaps(replica)) == count


@pytest.mark.parametrize("lastmod", ["modified", "constant"])
def test_a_run_without_news_asks_for_the_index_alone(serve: Serve, crawl: Run, lastmod: str) -> None:
    replica = serve(variant=replace(VARIANTS["plain"], lastmod=lastmod), today=THEN)
    first = crawl(replica.url, "sitemap")
    replica.requests.clear()
    second = crawl(replica.url, "sitemap")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert second.records == first.records
    assert [one.path_qs for one in replica.requests] == ["/robots.txt", "/sitemap_index.xml"]


def test_where_the_index_tells_no_lastmod_the_sitemaps_are_read_and_no_article_twice(serve: Serve, crawl: Run) -> None:
    replica = serve(variant=replace(VARIANTS["plain"], lastmod="absent"))
    first = crawl(replica.url, "sitemap")
    replica.requests.clear()
    second = crawl(replica.url, "sitemap")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert len(sitemaps(replica)) == 3
    assert fetched(replica) == []


def test_a_sitemap_that_is_dated_today_may_still_grow(serve: Serve, crawl: Run) -> None:
    constant = replace(VARIANTS["plain"], lastmod="constant")
    replica = serve(today=datetime.now(UTC).date(), variant=constant)
    first = crawl(replica.url, "sitemap")
    new = replica.world.publish(3)
    replica.requests.clear()
    second = crawl(replica.url, "sitemap")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert sorted(fetched(replica)) == sorted(new)


def test_only_sitemaps_that_moved_are_read_and_only_articles_that_are_new_or_changed_fetched(
    serve: Serve, crawl: Run
) -> None:
    replica = serve(today=THEN)
    ids = [one for one in ungated(replica) if replica.world.truth(one)["access"] == "full"]
    old = dict.fromkeys(ids[:8], "2024-01-05T10:00:00+00:00")
    pages = {
        "/sitemap_index.xml": index(replica, one="2024-01-05T10:00:00+00:00", two="2024-01-05T10:00:00+00:00"),
        "/one.xml": urlset(replica, dict.fromkeys(ids[8:12], "2024-01-05")),
        "/two.xml": urlset(replica, old),
    }
    put(replica, pages)
    first = crawl(replica.url, "sitemap")
    assert stored(first) == sorted(ids[:12])
    replica.world.edit(ids[2])
    later = from_now(hours=1)
    pages["/sitemap_index.xml"] = index(replica, one="2024-01-05T10:00:00+00:00", two=later)
    pages["/two.xml"] = urlset(replica, old | {ids[2]: later, ids[3]: later, ids[20]: later})
    replica.requests.clear()
    second = crawl(replica.url, "sitemap")
    assert second.exit_code == 0, second.stderr
    assert sitemaps(replica) == ["/sitemap_index.xml", "/two.xml"]
    assert sorted(fetched(replica)) == sorted([ids[2], ids[3], ids[20]])
    assert [(one["id"], one["revision"]) for one in second.records[12:] if one["id"] != ids[20]] == [(ids[2], 2)]


def test_an_article_that_was_modified_and_is_as_it_was_is_fetched_once_for_that(
    serve: Serve, crawl: Run, tmp_path: Path
) -> None:
    replica = serve(today=THEN)
    one = ungated(replica)[0]
    pages = {"/sitemap_index.xml": index(replica, a=""), "/a.xml": urlset(replica, {one: from_now(days=-20)})}
    put(replica, pages)
    assert crawl_later(-10, tmp_path, replica.url, "sitemap").returncode == 0
    pages["/a.xml"] = urlset(replica, {one: from_now(days=-5)})
    replica.requests.clear()
    assert crawl(replica.url, "sitemap", folder=tmp_path).exit_code == 0
    assert fetched(replica) == [one]
    assert crawl_later(2, tmp_path, replica.url, "sitemap").returncode == 0
    assert fetched(replica) == [one]
    assert sitemaps(replica).count("/a.xml") == 2


def test_an_article_that_is_held_whole_and_modified_behind_a_paywall_stays_as_it_is(serve: Serve, crawl: Run) -> None:
    replica = serve(today=THEN)
    one = next(one for one in ungated(replica) if replica.world.truth(one)["access"] == "full")
    pages = {"/sitemap_index.xml": index(replica, a=""), "/a.xml": urlset(replica, {one: "2024-01-05"})}
    put(replica, pages)
    first = crawl(replica.url, "sitemap")
    replica.faults.add(f"/newstream/{one}", "truncate")
    pages["/a.xml"] = urlset(replica, {one: from_now(hours=1)})
    replica.requests.clear()
    second = crawl(replica.url, "sitemap")
    assert fetched(replica) == [one]
    assert second.records == first.records
    pages["/a.xml"] = urlset(replica, {one: "2024-01-05"})
    replica.requests.clear()
    crawl(replica.url, "sitemap")
    assert fetched(replica) == []


@pytest.mark.parametrize("access", ["full", "truncated"])
def test_a_text_that_is_held_gives_way_to_no_page_without_one(serve: Serve, crawl: Run, access: str) -> None:
    replica = serve(today=THEN)
    one = next(one for one in ungated(replica) if replica.world.truth(one)["access"] == access)
    pages = {"/sitemap_index.xml": index(replica, a=""), "/a.xml": urlset(replica, {one: "2024-01-05"})}
    put(replica, pages)
    first = crawl(replica.url, "sitemap")
    replica.faults.add(f"/newstream/{one}", "lost", field="body", way="removed")
    pages["/a.xml"] = urlset(replica, {one: from_now(hours=1)})
    second = crawl(replica.url, "sitemap")
    assert (second.exit_code, second.records) == (3, first.records)
    assert [(row["id"], row["reason"]) for row in second.quarantine] == [(one, "layout_changed")]
    replica.faults.clear()
    third = crawl(replica.url, "sitemap")
    assert (third.exit_code, third.records) == (0, first.records)


def test_a_lastmod_that_many_articles_share_says_nothing_of_them(serve: Serve, crawl: Run) -> None:
    replica = serve(today=THEN)
    ids = ungated(replica)[:50]
    pages = {
        "/sitemap_index.xml": index(replica, a=""),
        "/a.xml": urlset(replica, dict.fromkeys(ids, "2024-01-05T10:00:00+00:00")),
    }
    put(replica, pages)
    first = crawl(replica.url, "sitemap")
    pages["/a.xml"] = urlset(replica, dict.fromkeys(ids, from_now(hours=1)))
    replica.requests.clear()
    second = crawl(replica.url, "sitemap")
    assert second.exit_code == 0, second.stderr
    assert second.records == first.records
    assert fetched(replica) == []


def test_a_sitemap_that_is_as_it_was_is_not_sent_again(serve: Serve, crawl: Run) -> None:
    replica = serve(today=THEN)
    ids = ungated(replica)[:5]
    pages = {
        "/sitemap_index.xml": index(replica, a=""),
        "/a.xml": urlset(replica, dict.fromkeys(ids, "2024-01-05")),
    }
    put(replica, pages, tagged=True)
    first = crawl(replica.url, "sitemap")
    replica.requests.clear()
    second = crawl(replica.url, "sitemap")
    assert (first.exit_code, second.exit_code) == (0, 0), second.stderr
    assert [(one.path_qs, one.status) for one in replica.requests][1:] == [("/sitemap_index.xml", 304)]
    pages["/sitemap_index.xml"] += b"<!-- moved -->"
    replica.requests.clear()
    third = crawl(replica.url, "sitemap")
    assert third.exit_code == 0, third.stderr
    assert [one.status for one in replica.requests][1:] == [200, 304]


@pytest.mark.parametrize(
    ("lastmod", "seen", "moved"),
    [
        ("2024-01-05T10:00:00+00:00", "2024-01-05T10:00:01+00:00", False),
        ("2024-01-05T10:00:00+00:00", "2024-01-05T09:00:00+00:00", True),
        ("2024-01-05", "2024-01-05T23:00:00+00:00", True),
        ("2024-01-05", "2024-01-06T00:00:00+00:00", False),
        ("2024-01-05T00:00:00+00:00", "2024-01-05T23:00:00+00:00", True),
        ("2024-01-05T00:00:00+09:00", "2024-01-05T14:00:00+00:00", True),
        ("2024-01-05T00:00:00+09:00", "2024-01-05T15:00:00+00:00", False),
        ("yesterday", "2024-01-05T00:00:00+00:00", True),
        (None, "2024-01-05T00:00:00+00:00", True),
    ],
)
def test_a_sitemap_has_not_moved_if_its_lastmod_is_the_same_and_was_over_when_it_was_read(
    lastmod: str | None, seen: str, moved: bool
) -> None:
    assert has_moved(Entry("https://kcnawatch.org/a.xml", lastmod), KnownSitemap(seen, lastmod, None, None)) is moved


@pytest.mark.parametrize("raw", ["2024-01-05", "2024-01-05T00:00Z", "2024-01-05T09:00:00+09:00"])
def test_a_lastmod_is_a_moment_in_utc(raw: str) -> None:
    assert parse_lastmod(raw) == datetime(2024, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize("raw", [None, "", "today", "0001-01-01T00:00:00+09:00", "2024-13-01"])
def test_what_is_no_lastmod_is_none(raw: str | None) -> None:
    assert parse_lastmod(raw) is None


# since, limit, debts


def test_what_the_site_took_in_before_since_is_not_fetched_and_what_is_asked_for_is_complete(
    serve: Serve, crawl: Run
) -> None:
    replica = serve(articles=400, today=THEN)
    days = sorted(str(replica.world.truth(one)["date_published"]) for one in replica.world.ids())
    since = days[300]
    done = crawl(replica.url, "sitemap", "-a", f"since={since}")
    assert done.exit_code == 0, done.stderr
    assert stored(done) == sorted(
        one for one in ungated(replica) if str(replica.world.truth(one)["date_published"]) >= since
    )
    assert len(fetched(replica)) < 140
    whole = crawl(replica.url, "sitemap")
    assert whole.exit_code == 0, whole.stderr
    assert stored(whole) == sorted(ungated(replica))


def test_no_more_than_the_limit_is_stored_and_the_next_run_goes_on(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=200, today=THEN)
    done = crawl(replica.url, "sitemap", "-a", "limit=20")
    assert done.exit_code == 0, done.stderr
    assert len(done.records) == 20
    whole = crawl(replica.url, "sitemap")
    assert whole.exit_code == 0, whole.stderr
    assert stored(whole) == sorted(ungated(replica))


def test_what_failed_is_owed_and_fetched_by_a_run_that_reads_the_index_alone(serve: Serve, crawl: Run) -> None:
    replica = serve(today=THEN)
    failing = ungated(replica)[7]
    replica.faults.add(f"/newstream/{failing}", "status", status=500)
    first = crawl(replica.url, "sitemap")
    assert (first.exit_code, first.report["counts"]["owed"]) == (3, 1)
    replica.faults.clear()
    replica.requests.clear()
    second = crawl(replica.url, "sitemap")
    assert second.exit_code == 0, second.stderr
    assert fetched(replica) == [failing]
    assert sitemaps(replica) == ["/sitemap_index.xml"]


def test_a_sitemap_that_failed_is_read_by_the_next_run(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=1020, today=THEN)
    replica.faults.add("/newstream-sitemap2.xml", "status", status=500)
    first = crawl(replica.url, "sitemap")
    assert first.exit_code == 3
    assert "newstream-sitemap2.xml" in first.last_line
    replica.faults.clear()
    replica.requests.clear()
    second = crawl(replica.url, "sitemap")
    assert second.exit_code == 0, second.stderr
    assert sitemaps(replica) == ["/sitemap_index.xml", "/newstream-sitemap2.xml"]
    assert stored(second) == sorted(ungated(replica))


def test_a_run_that_is_killed_after_a_sitemap_was_read_fetches_the_rest_later(
    serve: Serve, crawl: Run, launch: Launch, tmp_path: Path
) -> None:
    replica = serve(articles=300, today=THEN)
    words = ("sitemap", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=1")
    running = launch(command(tmp_path, replica.url, *words), stderr=subprocess.DEVNULL)
    while len(replica.article_requests()) < 40:
        assert running.poll() is None
    running.kill()
    running.wait()
    assert len(read_lines(tmp_path / "articles.jsonl")) < 200
    done = crawl(replica.url, "sitemap", folder=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert stored(done) == sorted(ungated(replica))


# Where the index is, and what is none


def test_an_index_that_robots_txt_names_is_read_where_the_usual_one_is_missing(serve: Serve, crawl: Run) -> None:
    replica = serve(today=THEN)
    ids = ungated(replica)[:4]
    elsewhere = "Sitemap: https://elsewhere.example/sitemap.xml"
    robots = f"User-agent: *\nAllow: /\n{elsewhere}\nSitemap: {replica.url}/wp-sitemap.xml\n"
    pages = {
        "/robots.txt": robots.encode(),
        "/wp-sitemap.xml": index(replica, a=""),
        "/a.xml": urlset(replica, dict.fromkeys(ids, "2024-01-05")),
    }
    put(replica, pages)
    replica.faults.add("/sitemap_index.xml", "status", status=404)
    done = crawl(replica.url, "sitemap")
    assert done.exit_code == 0, done.stderr
    assert stored(done) == sorted(ids)


def test_without_an_index_one_line_says_what_to_do(serve: Serve, crawl: Run) -> None:
    replica = serve()
    replica.faults.add("/sitemap_index.xml", "status", status=404)
    done = crawl(replica.url, "sitemap")
    assert done.exit_code == 3
    assert "the site answered 404, and robots.txt names no other; `scrapy crawl source` needs none" in done.last_line


def test_gzipped_sitemaps_are_read(serve: Serve, crawl: Run) -> None:
    replica = serve(today=THEN)
    ids = ungated(replica)[:4]
    pages = {
        "/sitemap_index.xml": index(replica, a="").replace(b"a.xml", b"a.xml.gz"),
        "/a.xml.gz": gzip.compress(urlset(replica, dict.fromkeys(ids, "2024-01-05"))),
    }
    put(replica, pages)
    done = crawl(replica.url, "sitemap")
    assert done.exit_code == 0, done.stderr
    assert stored(done) == sorted(ids)


def test_what_leads_to_other_hosts_is_not_followed(serve: Serve, crawl: Run) -> None:
    replica = serve(today=THEN)
    one = ungated(replica)[0]
    pages = {
        "/sitemap_index.xml": index(replica, a=""),
        "/a.xml": urlset(replica, {one: "2024-01-05"}),
    }
    pages["/sitemap_index.xml"] = pages["/sitemap_index.xml"].replace(
        b"<sitemap>", b"<sitemap><loc>https://elsewhere.example/b.xml</loc></sitemap><sitemap>"
    )
    pages["/a.xml"] = pages["/a.xml"].replace(
        b"<url>", b"<url><loc>https://elsewhere.example/newstream/1616497394-946528541/x</loc></url><url>"
    )
    put(replica, pages)
    done = crawl(replica.url, "sitemap")
    assert done.exit_code == 0, done.stderr
    assert stored(done) == [one]
    assert done.report["counts"]["sitemap/foreign"] == 2


def test_an_index_without_end_is_read_only_so_far(tmp_path: Path) -> None:
    crawler = get_crawler(SitemapSpider, {"KCNACRAWL_DIR": str(tmp_path), "KCNACRAWL_CONTACT": "a@example.org"})
    spider = SitemapSpider.from_crawler(crawler)
    spider.run.archive.open()
    entries = [Entry(f"{spider.site.url}/post-sitemap{number}.xml", None) for number in range(MAX_SITEMAPS + 5)]
    assert len(list(spider.requests(entries, None))) == MAX_SITEMAPS
    assert f"more than {MAX_SITEMAPS} sitemaps" in spider.run.problems[Verdict.LAYOUT_CHANGED]
    asyncio.run(spider.run.archive.close())


def test_an_index_that_names_itself_and_its_like_comes_to_an_end(serve: Serve, crawl: Run) -> None:
    replica = serve(today=THEN)
    one = ungated(replica)[0]
    pages = {
        "/sitemap_index.xml": index(replica, sitemap_index="", a="", deep="", b=""),
        "/a.xml": urlset(replica, {one: "2024-01-05"}),
        "/deep.xml": index(replica, deeper="", a=""),
        "/deeper.xml": index(replica, deepest=""),
    }
    put(replica, pages)
    done = crawl(replica.url, "sitemap")
    assert stored(done) == [one]
    assert sorted(sitemaps(replica)) == ["/a.xml", "/b.xml", "/deep.xml", "/deeper.xml", "/sitemap_index.xml"]
    assert done.exit_code == 4
    assert "indexes in indexes" in done.last_line


@pytest.mark.parametrize(
    ("kind", "options", "code", "told"),
    [
        ("entity_sitemap", {}, 4, "it declares a document type"),
        ("xxe_sitemap", {}, 4, "it declares a document type"),
        ("garbage", {}, 4, "no XML"),
        ("bad_gzip", {}, 3, "does not unpack"),
        ("challenge", {}, 5, "bot check"),
        ("sign_up", {}, 5, "sign-up form"),
        ("redirect", {"location": "/about/"}, 4, "it declares a document type"),
        ("status", {"status": 500}, 3, "500"),
        ("status", {"status": 403}, 5, "403"),
    ],
)
def test_what_is_no_sitemap_is_told(
    serve: Serve, crawl: Run, kind: str, options: dict[str, object], code: int, told: str
) -> None:
    replica = serve()
    replica.faults.add("/sitemap_index.xml", kind, **options)
    done = crawl(replica.url, "sitemap")
    assert done.exit_code == code, done.stderr
    assert told in done.last_line
    assert done.records == []


def test_sitemaps_that_name_no_article_are_told(serve: Serve, crawl: Run) -> None:
    replica = serve()
    put(replica, {"/sitemap_index.xml": index(replica, a=""), "/a.xml": b"<urlset></urlset>"})
    done = crawl(replica.url, "sitemap")
    assert done.exit_code == 4
    assert "the sitemaps name no article" in done.last_line


# As they are written


def test_of_a_sitemap_that_is_cut_what_there_is_is_taken_and_the_rest_later(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=30, sources=1)
    ids = ungated(replica)
    whole = urlset(replica, dict.fromkeys(ids, "2024-01-01"))
    pages = {"/sitemap_index.xml": index(replica, all=""), "/all.xml": b"\n " + whole[: len(whole) // 2]}
    put(replica, pages)
    done = crawl(replica.url, "sitemap")
    assert done.exit_code == 3
    assert "part of the sitemap could not be read" in done.last_line
    assert 0 < len(done.records) < len(ids)
    assert done.report["counts"]["sitemap/lost"] == 1
    pages["/all.xml"] = whole + b"<br />\n<b>Warning</b>: & so on"
    done = crawl(replica.url, "sitemap")
    assert (done.exit_code, stored(done)) == (0, sorted(ids))


def test_a_sitemap_that_robots_txt_names_by_its_path_is_the_sites(crawl: Run) -> None:
    robots = "User-agent: *\nDisallow:\nSitemap: /newstream-sitemap.xml\n"
    with Replica(World(articles=20, sources=1), VARIANTS["plain"], robots=robots) as replica:
        replica.faults.add("^/sitemap_index.xml", "status", status=404)
        done = crawl(replica.url, "sitemap")
        assert done.exit_code == 0, done.stderr
        assert stored(done) == sorted(ungated(replica))
