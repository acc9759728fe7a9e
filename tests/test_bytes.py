"""Bytes as servers send them: codings nobody knows, headers and texts in other encodings, notices before an answer, a
robots.txt that moved, an address of IPv6 alone.
"""

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scrapy import Request

from kcnacrawl.archive.ledger import digest
from kcnacrawl.downloadermiddlewares.offsite import OffsiteMiddleware, is_private
from kcnacrawl.exceptions import LeftTheSite
from kcnacrawl.pages import LayoutChanged
from kcnacrawl.pages.article import ArticlePage
from kcnacrawl.pages.listing import ListingPage
from kcnacrawl.pages.text import decode
from kcnacrawl.replica.markup_variant import VARIANTS
from kcnacrawl.replica.server import Replica
from kcnacrawl.replica.world import World
from kcnacrawl.site.urls import Site

from . import processes
from .archives import article
from .conftest import Crawl, command, differences, ungated, wait_for

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]
Launch = Callable[..., processes.Popen]

SITE = Site("https://kcnawatch.org")
KOREAN = "김정은동지께서 새로 일떠선 살림집을 돌아보시였다. 조선중앙통신"


# Codings and headers


@pytest.mark.parametrize(
    "value", ["utf-8", "UTF-8", "none", "binary", "aws-chunked", "gzip, identity", "identity, gzip", " GZIP ,none"]
)
def test_a_coding_that_nobody_knows_is_passed_through_and_counted(serve: Serve, crawl: Run, value: str) -> None:
    replica = serve(articles=20, sources=1)
    replica.faults.add("^/", "coding", value=value)
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
    is_known = value in {"gzip, identity", "identity, gzip"}
    assert bool(done.report["counts"].get("unknown_coding")) is not is_known


def test_what_is_packed_in_an_unknown_way_does_not_unpack(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=20, sources=1)
    victim = ungated(replica)[3]
    replica.faults.add(f"/newstream/{victim}", "garbage")
    replica.faults.add(f"/newstream/{victim}", "coding", value="br")
    done = crawl(replica.url, "source", "-s", "RETRY_TIMES=0")
    assert done.exit_code == 3
    assert [row["id"] for row in done.quarantine if row["reason"] != "sign_up_wall"] == [victim]


@pytest.mark.parametrize(("status", "code"), [(403, 3), (404, 0), (500, 3), (503, 3)])
def test_a_header_that_is_no_utf_8_ends_no_run(serve: Serve, crawl: Run, status: int, code: int) -> None:
    replica = serve(articles=20, sources=1)
    replica.faults.add(f"/newstream/{ungated(replica)[3]}", "latin_header", status=status)
    done = crawl(replica.url, "source", "-s", "RETRY_TIMES=0")
    assert done.exit_code == code, done.stderr
    assert len(done.records) == len(ungated(replica)) - 1


# Notices


@pytest.mark.parametrize("end", ["zero", "empty", "whitespace", "message"])
def test_notices_before_an_answer_are_no_part_of_it(serve: Serve, crawl: Run, end: str) -> None:
    replica = serve(articles=30, sources=1, variant=replace(VARIANTS["plain"], end=end))
    replica.faults.add("admin-ajax|^/article/", "notice")
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []


@pytest.mark.parametrize(
    "before",
    [
        "\ufeff\ufeff",
        "<!-- a comment -->",
        "<br />\n<b>Warning</b>:  foreach() argument in <b>/srv/x.php</b> on line <b>7</b><br />\n",
        "PHP Deprecated: Function x() is deprecated in /srv/x.php on line 7\n",
        "[26-Nov-2026 10:00:00 UTC] PHP Notice:  Undefined index: x in /srv/x.php on line 7\n",
    ],
)
def test_the_end_of_a_list_is_the_end_whatever_stands_before_it(before: str) -> None:
    assert ListingPage(f"{before}0", SITE.ajax(7, 90), SITE).is_end
    assert not ListingPage(f"{before}An error has occurred", SITE.ajax(7, 90), SITE).is_end


def test_a_page_that_says_the_database_is_away_is_a_passing_fault(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=30, sources=1)
    replica.faults.add("admin-ajax.*from=18", "database", times=1)
    replica.faults.add("^/article/", "database", times=1)
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []


def test_a_database_that_stays_away_is_owed(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=30, sources=1)
    replica.faults.add("^/article/", "database")
    done = crawl(replica.url, "source")
    assert done.exit_code == 3
    assert "Error establishing a database connection" in done.last_line


# robots.txt


def test_a_robots_txt_that_moved_to_another_host_is_followed_there_and_kept_to(serve: Serve, crawl: Run) -> None:
    elsewhere = serve(articles=5, sources=1)
    elsewhere._robots = "User-agent: *\nDisallow: /\n"
    replica = serve(articles=20, sources=1)
    replica.faults.add("^/robots.txt", "redirect", location=f"{elsewhere.url}/robots.txt")
    done = crawl(replica.url, "source")
    assert (done.exit_code, done.records) == (5, [])
    assert [one.path_qs for one in elsewhere.requests] == ["/robots.txt"]
    assert {one.path_qs for one in replica.requests} == {"/robots.txt"}


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("redirect_loop", {}),
        ("redirect", {"location": "file:///etc/passwd"}),
        ("redirect", {"location": "/free-member-form/?redirect=x"}),
        ("redirect", {"location": "http://127.0.0.1:9/robots.txt"}),
    ],
)
def test_a_robots_txt_that_cannot_be_had_is_a_no(serve: Serve, crawl: Run, kind: str, options: dict[str, Any]) -> None:
    replica = serve(articles=20, sources=1)
    replica.faults.add("^/robots.txt", kind, **options)
    done = crawl(replica.url, "source", "-s", "RETRY_TIMES=0")
    assert done.exit_code == 3, done.stderr
    assert done.records == []
    assert {one.path_qs for one in replica.requests} == {"/robots.txt"}


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("127.0.0.1", True),
        ("10.1.2.3", True),
        ("169.254.169.254", True),
        ("::1", True),
        ("localhost", True),
        ("router.local", True),
        ("kcnawatch.org", False),
        ("93.184.215.14", False),
    ],
)
def test_a_robots_txt_never_leads_a_crawl_of_the_internet_into_our_own_network(host: str, *, private: bool) -> None:
    assert is_private(host) is private
    moved = Request(f"http://{f'[{host}]' if ':' in host else host}/robots.txt", meta={"dont_obey_robotstxt": True})
    middleware = OffsiteMiddleware(Site("https://kcnawatch.org"))
    with pytest.raises(LeftTheSite) if private else nullcontext():
        asyncio.run(middleware.process_request(moved))


@pytest.mark.parametrize(("hops", "code"), [(5, 0), (6, 3)])
def test_five_redirects_are_followed_and_a_sixth_is_not(serve: Serve, crawl: Run, hops: int, code: int) -> None:
    replica = serve(articles=10, sources=1)
    for hop in range(hops):
        address = "/robots.txt" if hop == 0 else f"/robots-{hop}"
        last = "/about" if hop == hops - 1 else f"/robots-{hop + 1}"
        replica.faults.add(f"^{address}$", "redirect", location=last)
    assert crawl(replica.url, "source").exit_code == code


def test_a_delay_of_a_day_is_kept_and_its_meaning_told(launch: Launch, tmp_path: Path) -> None:
    with Replica(World(articles=10, sources=1), VARIANTS["plain"], crawl_delay=86_400) as replica:
        run = launch(command(tmp_path, replica.url, "sources", pace=()), stderr=subprocess.DEVNULL)
        wait_for(lambda: replica.requests)
        time.sleep(1)
        run.send_signal(signal.SIGTERM)
        assert run.wait(20) == 143
    assert {one.path_qs for one in replica.requests} == {"/robots.txt"}
    (report,) = (tmp_path / "runs").glob("*.json")
    (told,) = json.loads(report.read_text(encoding="utf-8"))["warnings"]
    assert "86400 seconds between requests" in told
    assert "1 pages a day" in told


# Texts


def test_a_text_in_an_encoding_that_is_not_declared_is_read_in_that_of_its_language() -> None:
    assert decode(KOREAN.encode("cp949"), "utf-8") == KOREAN
    assert decode("金正恩同志视察新建住宅区".encode("gb18030"), "utf-8") == "金正恩同志视察新建住宅区"
    english = "The “respected” Comrade – said. " * 20
    assert decode(english.encode("cp1252"), "utf-8") == english
    assert decode(KOREAN.encode(), "utf-8") == KOREAN


JAPANESE = "労働者たちは新しい工場を見学した。会議では今年の計画について討議された。"
TRADITIONAL = "勞動者們視察了新建的工廠。會議討論了今年的計劃。"
RUSSIAN = "Рабочие посетили новый завод и обсудили план на год."


@pytest.mark.parametrize("copies", [1, 20])
@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *((JAPANESE, encoding) for encoding in ("shift_jis", "euc_jp")),
        *((RUSSIAN, encoding) for encoding in ("cp1251", "koi8_r")),
        (TRADITIONAL, "big5"),
    ],
)
def test_a_text_in_an_encoding_that_its_page_does_not_declare_is_read_or_told(
    text: str, encoding: str, copies: int
) -> None:
    menu = "<li><a href='/article/163/'>Ministry</a></li>" * 30
    page = f"<html><body>{menu}<div>{f'<p>{text}</p>' * copies}</div></body></html>"
    assert decode(page.encode(encoding), "utf-8") == page


def test_pages_in_another_encoding_than_they_say_are_stored_as_they_are(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=30, sources=2)
    korean = next(
        one
        for one in ungated(replica)
        if (truth := replica.world.truth(one))["in_language"] == "ko" and truth["access"] == "full"
    )
    replica.faults.add(f"/newstream/{korean}", "recoded")
    done = crawl(replica.url, "source")
    (record,) = [record for record in done.records if record["id"] == korean]
    assert "\ufffd" not in record["article_body"]
    assert record["article_body"] == replica.world.truth(korean)["article_body"]


def test_a_text_that_cannot_be_decoded_is_no_text() -> None:
    markup = (
        "<h2>A headline</h2><p>Date: 23/03/2021 | Source: KCNA.kp (En)</p>"
        f'<div class="article-content"><p>{"�" * 40} and more</p></div>'
    )
    with pytest.raises(LayoutChanged, match="cannot be decoded"):
        ArticlePage(markup, "https://kcnawatch.org/newstream/1616497394-946528541/a-headline", SITE).read()


def test_how_accents_are_put_together_makes_no_revision() -> None:
    one, other = (replace(article(1, "A text"), headline=headline) for headline in ("Café", "Cafe\u0301"))
    assert digest(one) == digest(other)
    assert digest(one) != digest(replace(one, headline="Cafe"))


# IPv6


@pytest.mark.parametrize("host", ["::1"])
def test_a_site_with_an_address_of_ipv6_alone_is_reached(crawl: Run, host: str) -> None:
    with Replica(World(articles=20, sources=1), VARIANTS["plain"], host=host) as replica:
        done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
