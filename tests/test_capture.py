"""Every exchange with the site is kept as it was sent and received, and each record leads to what it was read from."""

import asyncio
import gzip
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from scrapy import Request
from scrapy.http import HtmlResponse, Response
from scrapy.settings import Settings
from scrapy.utils.test import get_crawler

from kcnacrawl.archive.warc.reader import WarcReader
from kcnacrawl.downloadermiddlewares.capture import RECORD_ID, Capture, exchange
from kcnacrawl.pages.article import ArticlePage
from kcnacrawl.replica.server import Replica
from kcnacrawl.run import Run
from kcnacrawl.site.urls import Site
from kcnacrawl.spiders.source import SourceSpider

from .conftest import Crawl, crawl_later, differences
from .warcs import Record, check_whole, read_warcs

Serve = Callable[..., Replica]
Crawling = Callable[..., Crawl]


def path_qs(url: str) -> str:
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def check_all_kept(replica: Replica, records: list[Record]) -> None:
    """What the site was asked for, by its own log, is kept, as often; and no more."""
    asked = Counter(request.path_qs for request in replica.requests)
    assert Counter(path_qs(one.url) for one in records if one.kind == "request") == asked


def statuses(records: list[Record], path: str) -> list[str]:
    answers = [one for one in records if one.kind in {"response", "revisit"}]
    return [one.start.split()[1] for one in answers if path_qs(one.url).startswith(path)]


def test_whatever_the_site_is_asked_for_and_answers_is_kept(serve: Serve, crawl: Crawling) -> None:
    replica = serve(articles=60, sources=1)
    retried, moved, missing, packed, pieces, cut = replica.world.listing(156)[:6]
    replica.faults.add(f"/newstream/{retried}", "status", times=1, status=503)
    replica.faults.add(f"/newstream/{moved}.*[^+]$", "redirect", times=1, location=f"/newstream/{moved}/moved+")
    replica.faults.add(f"/newstream/{missing}", "status", status=404)
    replica.faults.add(f"/newstream/{packed}", "coding", value="gzip")
    replica.faults.add(f"/newstream/{pieces}", "chunked")
    replica.faults.add(f"/newstream/{cut}", "truncated", times=1)
    replica.faults.add("/article/", "cookie", value="session=secret")
    settings = ("HTTPAUTH_USER=me", "HTTPAUTH_PASS=secret", "HTTPAUTH_DOMAIN=127.0.0.1", "COOKIES_ENABLED=1")
    done = crawl(replica.url, "source", *(word for one in settings for word in ("-s", one)))
    assert done.exit_code == 0, done.stderr
    records = read_warcs(done.folder)
    check_whole(done.folder)
    check_all_kept(replica, records)
    check_leads_to_its_page(replica, done)
    assert statuses(records, "/robots.txt") == ["200"]
    assert statuses(records, f"/newstream/{retried}") == ["503", "200"]
    assert statuses(records, f"/newstream/{moved}") == ["302", "200"]
    assert statuses(records, f"/newstream/{missing}") == ["404"]
    assert len(statuses(records, "/wp-admin/admin-ajax.php")) > 3
    (hindered,) = (one for one in records if one.kind == "metadata")
    assert cut in hindered.url
    assert hindered.body.startswith(b"fetchError: ResponseDataLossError")
    (answer,) = (one for one in records if packed in one.url and one.kind == "response")
    assert ("Content-Encoding", "gzip") in answer.http
    assert answer.headers["WARC-Payload-Digest"] == f"sha256:{hashlib.sha256(answer.body).hexdigest()}"
    assert gzip.decompress(answer.body).startswith(b"<!DOCTYPE html>")
    (answer,) = (one for one in records if pieces in one.url and one.kind == "response")
    assert ("Content-Length", str(len(answer.body))) in answer.http


def check_leads_to_its_page(replica: Replica, done: Crawl) -> None:
    """The record id of an article leads to the bytes it was read from."""
    with WarcReader(done.folder / "warc") as reader:
        for record in done.records:
            kept = reader.find(record["warc_record_id"])
            assert kept is not None
            assert (kept.status, record["id"] in kept.url) == (200, True)
            body = gzip.decompress(kept.payload) if ("Content-Encoding", "gzip") in kept.headers else kept.payload
            read = ArticlePage(body.decode(), kept.url, Site(replica.url)).read()
            assert (read.headline, read.article_body) == (record["headline"], record["article_body"])


def test_neither_cookies_nor_passwords_are_kept(serve: Serve, crawl: Crawling) -> None:
    replica = serve(articles=30, sources=1)
    replica.faults.add("/", "cookie", value="session=secret")
    settings = ("HTTPAUTH_USER=me", "HTTPAUTH_PASS=secret", "HTTPAUTH_DOMAIN=127.0.0.1", "COOKIES_ENABLED=1")
    done = crawl(replica.url, "source", *(word for one in settings for word in ("-s", one)))
    assert done.exit_code == 0, done.stderr
    names = {name for one in read_warcs(done.folder) for name, _ in one.http}
    assert {"User-Agent", "Date"} <= names
    assert names.isdisjoint({"Cookie", "Set-Cookie", "Authorization", "Proxy-Authorization"})
    for path in (done.folder / "warc").glob("*.warc.gz"):
        data = gzip.decompress(path.read_bytes())
        assert b"session" not in data
        assert b"bWU6c2VjcmV0" not in data


def test_a_payload_that_is_kept_already_is_referred_to(serve: Serve, crawl: Crawling) -> None:
    replica = serve(articles=40, sources=1)
    first = crawl(replica.url, "source")
    kept = {one.id: one for one in read_warcs(first.folder)}
    size = sum(path.stat().st_size for path in (first.folder / "warc").glob("*.warc.gz"))
    replica.requests.clear()
    # Without what the first answers said of their version, all are whole answers again.
    (first.folder / "ledger.sqlite").unlink()
    done = crawl(replica.url, "recheck", "-a", "every=0", "-a", "limit=20")
    assert done.exit_code == 0, done.stderr
    again = [one for one in read_warcs(done.folder) if one.id not in kept]
    check_whole(done.folder)
    check_all_kept(replica, again)
    revisits = [one for one in again if one.kind == "revisit"]
    # Articles, and robots.txt.
    assert len(revisits) == 21
    for one in revisits:
        original = kept[one.headers["WARC-Refers-To"].strip("<>")]
        assert original.url == one.url == one.headers["WARC-Refers-To-Target-URI"]
        assert original.headers["WARC-Date"] == one.headers["WARC-Refers-To-Date"]
        assert original.headers["WARC-Payload-Digest"] == one.headers["WARC-Payload-Digest"]
        assert one.headers["WARC-Profile"].endswith("/1.1/revisit/identical-payload-digest")
        assert one.body == b""
    assert sum(path.stat().st_size for path in (done.folder / "warc").glob("*.warc.gz")) < size * 1.3


def test_a_record_leads_to_its_page_also_where_its_payload_was_kept_before(serve: Serve, crawl: Crawling) -> None:
    replica = serve(articles=40, sources=1)
    first = crawl(replica.url, "source")
    # The archive is begun anew beside what was kept.
    for name in ("articles.jsonl", "ledger.sqlite"):
        (first.folder / name).unlink()
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
    revisits = {one.id for one in read_warcs(done.folder) if one.kind == "revisit"}
    assert {record["warc_record_id"] for record in done.records} <= revisits
    check_leads_to_its_page(replica, done)


def test_a_tombstone_leads_to_the_answer_that_said_so(serve: Serve, crawl: Crawling, tmp_path: Path) -> None:
    replica = serve(articles=40, sources=1)
    first = crawl(replica.url, "source")
    gone = first.records[3]["id"]
    replica.world.remove(gone)
    recheck = (tmp_path / "archive", replica.url, "recheck", "-a", "every=0")
    for days in (1.1, 2.2):
        assert crawl_later(days, *recheck).returncode == 0
    done = crawl(replica.url, "source")
    (tombstone,) = (record for record in done.records if record["status"] == "gone")
    assert (tombstone["id"], tombstone["revision_cause"]) == (gone, "site")
    with WarcReader(done.folder / "warc") as reader:
        kept = reader.find(tombstone["warc_record_id"])
    assert kept is not None
    assert (kept.status, gone in kept.url, kept.when[:10]) == (
        replica.world.gone_status(gone),
        True,
        tombstone["date_downloaded"][:10],
    )


def test_switched_off_nothing_is_kept(serve: Serve, crawl: Crawling) -> None:
    replica = serve(articles=30, sources=1)
    done = crawl(replica.url, "source", "-s", "KCNACRAWL_WARC=0")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
    assert {record["warc_record_id"] for record in done.records} == {None}
    assert not (done.folder / "warc").exists()


@pytest.mark.parametrize(
    ("setting", "told"),
    [("KCNACRAWL_WARC=perhaps", "not 1 or 0"), ("KCNACRAWL_WARC_BYTES=1G", "not a whole number from 1")],
)
def test_a_bad_setting_is_refused_before_anything_is_fetched(
    serve: Serve, crawl: Crawling, setting: str, told: str
) -> None:
    replica = serve(articles=30, sources=1)
    done = crawl(replica.url, "source", "-s", setting)
    assert (done.exit_code, told in done.last_line, replica.requests) == (2, True, [])


def test_what_a_browser_loads_is_kept(serve: Serve, crawl: Crawling) -> None:
    replica = serve(articles=40, sources=1, variant="browser-only")
    done = crawl(replica.url, "source", "-s", "KCNACRAWL_RENDER=always")
    assert done.exit_code == 0, done.stderr
    check_whole(done.folder)
    check_all_kept(replica, read_warcs(done.folder))


def test_a_new_file_is_begun_where_one_is_large_enough(serve: Serve, crawl: Crawling) -> None:
    replica = serve(articles=60, sources=1)
    done = crawl(replica.url, "source", "-s", "KCNACRAWL_WARC_BYTES=100000")
    assert done.exit_code == 0, done.stderr
    files = sorted((done.folder / "warc").glob("*.warc.gz"))
    assert len(files) > 3
    assert all(path.stat().st_size <= 100_000 for path in files)
    run_id = done.report["run_id"]
    assert [path.name for path in files] == [f"{run_id}-{number:05}.warc.gz" for number in range(1, len(files) + 1)]
    check_whole(done.folder)
    check_all_kept(replica, read_warcs(done.folder))


# The middleware by itself


@pytest.fixture
def capture(tmp_path: Path) -> Iterator[tuple[Capture, Run]]:
    crawler = get_crawler(SourceSpider, {**project(), "KCNACRAWL_DIR": str(tmp_path)})
    middleware = Capture.from_crawler(crawler)
    run = Run.of(crawler)
    run.archive.open()
    yield middleware, run
    asyncio.run(run.archive.close())


def project() -> dict[str, Any]:
    settings = Settings()
    settings.setmodule("kcnacrawl.settings")
    return {name: settings[name] for name in settings if name.startswith("KCNACRAWL_")}


def test_a_retry_and_a_redirect_do_not_pass_their_record_on(capture: tuple[Capture, Run]) -> None:
    middleware, _ = capture
    first = Request("https://kcnawatch.org/a", meta={"cookiejar": 1})
    middleware.process_request(first)
    middleware.process_response(first, Response(first.url, status=503))
    found = first.meta[RECORD_ID]
    assert found is not None
    again = first.replace(url="https://kcnawatch.org/b")
    assert again.meta[RECORD_ID] == found
    middleware.process_request(again)
    middleware.process_response(again, Response(again.url, body=b"b"))
    assert again.meta[RECORD_ID] not in {None, found}
    assert first.meta[RECORD_ID] == found
    failed = again.copy()
    middleware.process_request(failed)
    middleware.process_exception(failed, TimeoutError("too slow"))
    assert failed.meta[RECORD_ID] is None


def test_what_no_network_has_answered_is_no_exchange(capture: tuple[Capture, Run], tmp_path: Path) -> None:
    middleware, _ = capture
    request = Request("https://kcnawatch.org/a", meta={RECORD_ID: "of another"})
    # A cache, or a browser, has answered before it came to the network.
    middleware.process_response(request, HtmlResponse(request.url, body=b"<p>rendered"))
    middleware.process_exception(request.copy(), ValueError("refused on the way"))
    assert request.meta[RECORD_ID] is None
    assert list((tmp_path / "warc").glob("*.warc.gz*")) == []


def test_what_was_sent_is_told_as_far_as_it_is_known() -> None:
    request = Request(
        "https://kcnawatch.org/?s=%EA%B9%80#top", headers={"Accept": "text/html"}, method="POST", body="a=b"
    )
    kept = exchange(request, Response(request.url, status=599, protocol="h2", flags=["dataloss"]))
    assert kept.url == "https://kcnawatch.org/?s=%EA%B9%80"
    assert kept.request.start == b"POST /?s=%EA%B9%80 HTTP/1.1"
    assert list(kept.request.headers) == [(b"Host", b"kcnawatch.org"), (b"Accept", b"text/html")]
    assert kept.request.body == b"a=b"
    assert kept.response is not None
    assert (kept.response.start, kept.protocol, kept.truncated) == (b"HTTP/1.1 599 ", "h2", "disconnect")
