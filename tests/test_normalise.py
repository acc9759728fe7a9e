"""From a capture to the record of the contract."""

import hashlib
import unicodedata
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kcnacrawl.config import Config
from kcnacrawl.items import Article, ArticleFields, Card, Rejected, ScrapedPage
from kcnacrawl.pages.article import ArticlePage
from kcnacrawl.pages.text import decode
from kcnacrawl.pipelines.normalise import NormalisePipeline, body_sha256, normalise
from kcnacrawl.run import Run
from kcnacrawl.site.dates import BadDate
from kcnacrawl.site.urls import Site

SITE = Site("https://kcnawatch.org")
ID = "1616497394-946528541"
BASE = f"https://kcnawatch.org/newstream/{ID}"
RUN = "20250706T000000Z-source-abcdef"
BODY = "The workers of the mill met in the capital on Friday.\n\nThey spoke of looms."

FIELDS = ArticleFields(
    headline="Workers Meet",
    date_raw="23/03/2021",
    label="Ministry of Foreign Affairs (EN)",
    article_body=BODY,
    access="full",
    original_url="http://www.mfa.gov.kp/view/article/11812",
    images=("https://kcnawatch.org/a.jpg",),
)
CARD = Card(
    id=ID,
    url=f"{BASE}/workers-meet-as-the-card-has-it",
    headline="Workers Meet",
    description="The workers of the mill met",
    date_listed_raw="March 23, 2021",
    listing_url="https://kcnawatch.org/article/163/",
)
CAPTURE = ScrapedPage(
    id=ID,
    url=f"{BASE}/workers-meet-as-asked-for/?t=1",
    fields=FIELDS,
    card=CARD,
    source_id=163,
    date_downloaded="2025-07-06T01:02:03+00:00",
    warc_record_id="urn:uuid:6d1a1f4e-5a0c-4b1f-9d7e-3b7f0c5a2e11",
)


def record(capture: ScrapedPage = CAPTURE, **fields: Any) -> Article:
    return normalise(replace(capture, fields=replace(capture.fields, **fields)), SITE, RUN)


def listed(raw: str | None) -> Article:
    return normalise(replace(CAPTURE, card=replace(CARD, date_listed_raw=raw)), SITE, RUN)


def test_every_key_of_the_record() -> None:
    assert asdict(record()) == {
        "schema_version": 2,
        "id": ID,
        "revision": 1,
        "status": "live",
        "url": f"{BASE}/workers-meet-as-the-card-has-it",
        "headline": "Workers Meet",
        "date_published": "2021-03-23",
        "date_published_raw": "23/03/2021",
        "date_listed": "2021-03-23",
        "date_listed_raw": "March 23, 2021",
        "url_time": "2021-03-23T11:03:14+00:00",
        "date_conflict": False,
        "source_id": 163,
        "source_label": "Ministry of Foreign Affairs (EN)",
        "source_name": "Ministry of Foreign Affairs",
        "source_language": "en",
        "in_language": "en",
        "description": "The workers of the mill met",
        "article_body": BODY,
        "access": "full",
        "original_url": "http://www.mfa.gov.kp/view/article/11812",
        "images": ("https://kcnawatch.org/a.jpg",),
        "body_sha256": hashlib.sha256(BODY.encode()).hexdigest(),
        "date_downloaded": "2025-07-06T01:02:03+00:00",
        "listing_url": "https://kcnawatch.org/article/163/",
        "run_id": RUN,
        "revision_cause": "first",
        "warc_record_id": "urn:uuid:6d1a1f4e-5a0c-4b1f-9d7e-3b7f0c5a2e11",
    }


def test_the_record_as_json_has_the_types_of_the_contract() -> None:
    encoded = msgspec.json.encode(record())
    assert msgspec.json.decode(encoded, type=Article) == record()
    types = {key: type(value) for key, value in msgspec.json.decode(encoded).items()}
    assert {key for key, kind in types.items() if kind is int} == {"schema_version", "revision", "source_id"}
    assert {key for key, kind in types.items() if kind is bool} == {"date_conflict"}
    assert {key for key, kind in types.items() if kind is list} == {"images"}
    assert {key for key, kind in types.items() if kind is not str} == {
        "schema_version",
        "revision",
        "source_id",
        "date_conflict",
        "images",
    }


def test_without_a_card_its_keys_are_null_and_still_there() -> None:
    bare = asdict(normalise(replace(CAPTURE, card=None, source_id=None), SITE, RUN))
    assert bare.keys() == asdict(record()).keys()
    assert {key for key, value in bare.items() if value is None} == {
        "date_listed",
        "date_listed_raw",
        "source_id",
        "description",
        "listing_url",
    }
    assert bare["date_conflict"] is False


def test_a_record_of_nothing_but_what_must_be_there_meets_the_schema() -> None:
    fields = ArticleFields(headline="１", date_raw="01/01/2016", label="(En)", article_body="", access="empty")
    bare = normalise(replace(CAPTURE, fields=fields, card=None, source_id=None), SITE, RUN)
    assert msgspec.json.decode(msgspec.json.encode(bare), type=Article) == bare
    assert (bare.source_name, bare.source_language, bare.in_language) == (None, "en", None)
    assert (bare.images, bare.original_url) == ((), None)


# The body's digest


def test_the_digest_is_the_same_for_composed_and_decomposed_letters() -> None:
    composed = unicodedata.normalize("NFC", "김정은동지께서")
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    assert body_sha256(composed) == body_sha256(decomposed) == hashlib.sha256(composed.encode()).hexdigest()


def test_the_body_itself_is_left_as_it_came() -> None:
    decomposed = unicodedata.normalize("NFD", "김정은 １２３ é")
    assert record(article_body=decomposed).article_body == decomposed


def test_full_width_digits_are_not_the_plain_ones() -> None:
    assert body_sha256("１２３") != body_sha256("123")


# Dates


@pytest.mark.parametrize(
    ("raw", "day", "flag"),
    [
        ("March 23, 2021", "2021-03-23", False),
        ("March 24, 2021", "2021-03-24", False),
        ("March 22, 2021", "2021-03-22", False),
        ("March 25, 2021", "2021-03-25", True),
        ("April 27, 2021", "2021-04-27", True),
        ("March 21, 2021", "2021-03-21", True),
        ("yesterday", None, False),
        (None, None, False),
    ],
)
def test_the_cards_date_stands_beside_the_headers(raw: str | None, day: str | None, flag: bool) -> None:
    found = listed(raw)
    assert (found.date_listed, found.date_listed_raw, found.date_conflict) == (day, raw, flag)
    assert found.date_published == "2021-03-23"


def test_the_urls_number_is_a_witness_and_no_conflict() -> None:
    found = record(date_raw="05/04/2009")
    assert (found.date_published, found.url_time) == ("2009-04-05", "2021-03-23T11:03:14+00:00")
    assert listed(None).date_conflict is False


@pytest.mark.parametrize("raw", ["31/02/2021", "7/4/2025", "2021-03-23", "March 23, 2021", "２３/０３/２０２１", ""])
def test_a_header_without_a_day_gives_no_record(raw: str) -> None:
    with pytest.raises(BadDate):
        record(date_raw=raw)


# Where an address is taken from


@pytest.mark.parametrize(
    ("card_url", "canonical", "url", "canonical_record"),
    [
        (f"{BASE}/card", f"{BASE}/page/", f"{BASE}/asked", f"{BASE}/card"),
        (None, f"{BASE}/page/", f"{BASE}/asked", f"{BASE}/page"),
        (None, None, f"{BASE}/asked/?t=1", f"{BASE}/asked"),
        (BASE, f"{BASE}/page/", f"{BASE}/asked", f"{BASE}/page"),
        (BASE, None, f"{BASE}/asked", f"{BASE}/asked"),
        (None, None, f"{BASE}/", BASE),
        (None, None, f"http://www.kcnawatch.co/newstream/{ID}/asked/%20", f"{BASE}/asked"),
        (None, None, f"{BASE}/%25EA%25B5%25AD", f"{BASE}/%EA%B5%AD"),
    ],
)
def test_the_slug_is_the_cards_else_the_pages_else_that_of_the_address_asked_for(
    card_url: str | None, canonical: str | None, url: str, canonical_record: str
) -> None:
    card = replace(CARD, url=card_url) if card_url else None
    capture = replace(CAPTURE, url=url, card=card, fields=replace(FIELDS, canonical_url=canonical))
    assert normalise(capture, SITE, RUN).url == canonical_record


def test_a_mirrors_record_has_the_mirrors_address() -> None:
    found = normalise(CAPTURE, Site("http://127.0.0.1:8123"), RUN)
    assert found.url == f"http://127.0.0.1:8123/newstream/{ID}/workers-meet-as-the-card-has-it"


# Languages


def test_the_labels_language_and_the_texts_may_differ() -> None:
    found = record(label="Rodong Sinmun (En)", headline="밀보리수확", article_body="황해남도의 농장들에서 끝냈다.")
    assert (found.source_language, found.in_language) == ("en", "ko")


# The whole way from the bytes of a page to a line of the archive


PAGE = """<html><head><link rel="canonical" href="{base}/a%2F..%2Fb%0Ac"></head><body><div><h2>Workers{bad} Meet</h2>
<p>Date: 23/03/2021 | Source: KCNA{bad}.kp (En) |
<a href="http://www.kcna.kp/{bad}x">Read original version at source</a></p>
<div class="article-content"><p>They{bad} met.</p><p>They{bad} spoke.</p>
<img src="/{bad}.png"></div></div></body></html>"""


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "\x00",
        "\x01",
        "\n",
        "\r",
        "\x1b[31m",
        "\x85",
        "\u2028",
        "\u202e",
        "\ud800",
        "&#xD800;",
        "&#0;",
        "&#10;",
        "\xad",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp949"])
def test_whatever_a_page_holds_becomes_exactly_one_line(bad: str, encoding: str) -> None:
    body = PAGE.format(base=BASE, bad=bad).encode(encoding, errors="surrogatepass" if "utf" in encoding else "replace")
    fields = ArticlePage(decode(body, encoding), BASE, SITE).read()
    line = msgspec.json.encode(normalise(replace(CAPTURE, fields=fields, card=None), SITE, RUN)) + b"\n"
    assert line.count(b"\n") == 1
    found = msgspec.json.decode(line, type=Article)
    assert len(line.decode().splitlines()) == 1
    assert found.article_body.count("\n\n") == 1
    assert (found.url, found.id) == (f"{BASE}/a-..-b-c", ID)


# The pipeline


@pytest.fixture
def pipeline(tmp_path: Path) -> NormalisePipeline:
    return NormalisePipeline(Run("source", Config(site=SITE, folder=tmp_path)))


def test_the_pipeline_turns_a_capture_into_an_article(pipeline: NormalisePipeline) -> None:
    found = pipeline.process_item(CAPTURE)
    assert isinstance(found, Article)
    assert replace(found, run_id=RUN) == record()


def test_the_pipeline_puts_a_bad_date_into_quarantine(pipeline: NormalisePipeline) -> None:
    found = pipeline.process_item(replace(CAPTURE, fields=replace(FIELDS, date_raw="31/02/2021")))
    assert isinstance(found, Rejected)
    assert (found.id, found.url, found.reason, found.http_status) == (ID, CAPTURE.url, "bad_date", 200)
    assert "31/02/2021" in found.detail
    assert found.seen_at == CAPTURE.date_downloaded
    assert msgspec.json.decode(msgspec.json.encode(found), type=Rejected) == found


def test_the_pipeline_lets_everything_else_pass(pipeline: NormalisePipeline) -> None:
    for item in (record(), "anything"):
        assert pipeline.process_item(item) is item
