"""Pages made of the replica's own, torn and put together at random: every reader gives a record that meets the schema,
or says in a typed error why not.

A suite's run is short and always the same. ``FUZZ_EXAMPLES=20000 pytest tests/test_fuzz.py`` looks for new cases; what
it finds is kept as an ``@example``.
"""

import os
import re
import unicodedata
from functools import cache
from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kcnacrawl.items import Article, Card, Reason, Rejected, ScrapedPage, Source
from kcnacrawl.pages import LayoutChanged, PageError
from kcnacrawl.pages.ajax_id import MOST_CANDIDATES, ajax_ids
from kcnacrawl.pages.article import ArticlePage
from kcnacrawl.pages.home import sources
from kcnacrawl.pages.listing import ListingPage
from kcnacrawl.pages.sitemap import read_sitemap
from kcnacrawl.pages.text import decode
from kcnacrawl.pages.walls import find_wall
from kcnacrawl.pipelines.normalise import normalise
from kcnacrawl.replica.markup_variant import VARIANTS
from kcnacrawl.replica.render import Renderer
from kcnacrawl.replica.world import World
from kcnacrawl.site.dates import BadDate, listed_or_none, parse_published
from kcnacrawl.site.labels import read_label
from kcnacrawl.site.language import detect
from kcnacrawl.site.urls import Site, absolute, clean_slug, identify, is_sign_up

SITE = Site("https://kcnawatch.org")
WORLD = World(articles=40, sources=3)
ARTICLE_ID = WORLD.ids()[0]
URL = SITE.url + f"/newstream/{ARTICLE_ID}/x"
AJAX = SITE.ajax(190036, 10)
MOMENT = "2026-09-11T06:00:12+00:00"
RUN = "20260911T060000Z-source-1f0c2a"
ANCHORS = {"page", "header", "label", "headline", "body", "sitemap"}

EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "")
fuzz = settings(
    derandomize=not EXAMPLES,
    max_examples=int(EXAMPLES or 100),
    suppress_health_check=list(HealthCheck),
)

# Pages to tear


# A style sheet and a cloud of tags are most of a page, and nothing in them is read.
BALLAST = re.compile(rb'<style>.*?</style>|<ul class="tag-cloud">.*?</ul>', re.DOTALL)
TOKENS = re.compile(rb"<[^>]*>|[^<]+")


@cache
def pages() -> list[list[bytes]]:
    """The replica's pages in all variants, as tags and texts."""
    made = []
    for variant in VARIANTS.values():
        renderer = Renderer(WORLD, variant, SITE.url)
        outlet = WORLD.outlets[0]
        views = [WORLD.article(one) for one in WORLD.ids()[:4]]
        made += [renderer.article(view) for view in views if view is not None]
        made += [renderer.listing(outlet), renderer.fragment(WORLD.cards(outlet.sid, 0, 3)), renderer.home()]
        made += [renderer.sitemap(1) or b"", renderer.sitemap_index()]
    return [TOKENS.findall(BALLAST.sub(b"", page)) for page in made]


ODD = st.sampled_from(
    [
        b"Date: 11/07/2025 | Source: KCNA.kp (En) | ",
        b"Date: 31/02/2025 | Source: (En)",
        b"<p>Date: 1/2/3 | Source: \xe2\x80\xae | Read original version at source</p>",
        b'<a href="http://[">Read original version at source</a>',
        b'<div class="article-content">',
        b'<div class="article-desc"><h4>',
        b'<a href="/newstream/1616497394-946528541/%E0%A4/x?">',
        b'<a href="/newstream/1616497394-946528541/%2F..%5C%00%0A">July 04, 2025</a>',
        b'<a href="//evil.example/newstream/1616497394-946528541">',
        b'<a href="/article/163/">KCNA.kp (En)</a>',
        b'<img src="http://[x">',
        b'<img src="/\xed\xa0\x80\x01.png">',
        b'<link rel="canonical" href="/newstream/1616497394-946528541/a\nb">',
        b"<h2>More From KCNA.kp (En)</h2>",
        b"Upgrade to NK PRO today to get full access to this content",
        b'<button data-id="0" onclick="f(12)">More Articles</button>',
        b"<p>No more articles</p>",
        b"<h1>Access denied</h1>",
        b"<script>window._cf_chl_opt={}</script>",
        b'<form id="loginform">',
        b'<div class="free-member-form-inner">',
        b'<meta charset="euc-kr">',
        b'<meta charset="utf-16">',
        b"<svg><script>",
        b"<table><td><p>",
        b"<template>",
        b"<plaintext>",
        b"<select><option>",
        b"<noscript>",
        b"<!--",
        b"<![CDATA[",
        b"<br>",
        b"<a ",
        b"'",
        b'"',
        b"\x00",
        b"\x1b[2J",
        b"\xed\xa0\x80",
        b"\xef\xbf\xbe",
        b"\xe2\x80\xae",
        b"\xe2\x80\xa8",
        b"\xc2\x85",
        b"\xff\xfe",
        b"&#xD800;&#0;&#x202E;&bogus;&bsol;",
        b"e" + b"\xcc\x81\xcc\x96" * 300,
        b"</div></p></body></html>",
        "김정은".encode("euc-kr"),
    ]
)
STEP = st.tuples(
    st.sampled_from(["delete", "double", "move", "turn", "insert", "splice", "cut"]),
    st.integers(0, 10_000),
    st.integers(0, 40),
    st.integers(0, 10_000),
    ODD,
)


def torn(tokens: list[bytes], steps: list[tuple[str, int, int, int, bytes]]) -> bytes:
    """A page after some accidents."""
    for what, place, length, other, odd in steps:
        start = place % (len(tokens) + 1)
        part = tokens[start : start + length]
        rest = tokens[:start] + tokens[start + length :]
        to = other % (len(rest) + 1)
        match what:
            case "delete":
                tokens = rest
            case "double":
                tokens = tokens[:start] + part + tokens[start:]
            case "move":
                tokens = rest[:to] + part + rest[to:]
            case "turn":
                tokens = tokens[:start] + part[::-1] + tokens[start + length :]
            case "insert":
                tokens = [*tokens[:start], odd, *tokens[start:]]
            case "splice":
                page = pages()[other % len(pages())]
                tokens = tokens[:start] + page[place % (len(page) + 1) :][:length] + tokens[start:]
            case "cut":
                tokens = tokens[: max(start, 1)] if other % 4 == 0 else tokens
    return b"".join(tokens)


def scratched(page: bytes, scratches: list[tuple[int, bytes]]) -> bytes:
    """The same with some bytes written over."""
    for place, found in scratches:
        at = place % (len(page) + 1)
        page = page[:at] + found + page[at + len(found) :]
    return page


def torn_pages() -> st.SearchStrategy[bytes]:
    return st.builds(
        scratched,
        st.builds(torn, st.integers(0, len(pages()) - 1).map(lambda one: pages()[one]), st.lists(STEP, max_size=12)),
        st.lists(st.tuples(st.integers(0, 100_000), st.binary(min_size=1, max_size=3)), max_size=4),
    )


BYTES = st.one_of(
    torn_pages(),
    torn_pages(),
    torn_pages(),
    st.lists(st.one_of(ODD, st.binary(max_size=8)), max_size=30).map(b"".join),
    st.binary(max_size=300),
)
ENCODINGS = st.sampled_from(["utf-8", "cp1252", "euc-kr", "ascii", "utf-16", "utf-7", "no-encoding", "unicode_escape"])
TEXT = st.text(st.characters(exclude_categories=[]), max_size=200)


# What must hold of whatever was read


def assert_one_line(text: str) -> None:
    assert len(text.splitlines()) <= 1
    assert not any(unicodedata.category(char) in {"Cc", "Cs", "Zl", "Zp"} for char in text)


def assert_title(text: str) -> None:
    assert_one_line(text)
    assert text == text.strip()
    assert not re.search("[\u202a-\u202e\u2066-\u2069]", text)


def assert_typed(error: PageError) -> None:
    assert error.reason in get_args(Reason)
    assert_one_line(error.detail)
    assert len(error.detail) <= 300
    assert not isinstance(error, LayoutChanged) or error.anchor in ANCHORS
    line = Rejected(
        id=None, url=URL, reason=error.reason, detail=error.detail, seen_at=MOMENT, run_id=RUN, http_status=200
    )
    assert msgspec.json.decode(msgspec.json.encode(line), type=Rejected) == line


def assert_record(capture: ScrapedPage) -> None:
    try:
        record = normalise(capture, SITE, RUN)
    except BadDate as error:
        assert_one_line(str(error))
        return
    line = msgspec.json.encode(record)
    assert msgspec.json.decode(line, type=Article) == record
    assert len(line.decode().splitlines()) == 1
    assert re.fullmatch(rf"{SITE.url}/newstream/{capture.id}(/[!-~]{{1,1000}})?", record.url)
    assert "/" not in record.url.removeprefix(f"{SITE.url}/newstream/{capture.id}/")
    for paragraph in record.article_body.split("\n\n") if record.article_body else []:
        assert_one_line(paragraph)
        assert paragraph == " ".join(paragraph.split()) != ""


def assert_card(card: Card) -> None:
    assert_title(card.headline)
    assert len(card.headline) <= 1000
    assert identify(card.url) is not None
    for text in (card.description, card.date_listed_raw):
        assert text is None or text
        assert_title(text or "")
        assert len(text or "") <= 1000
    assert msgspec.json.decode(msgspec.json.encode(card), type=Card) == card


# Every reader


@fuzz
@given(BYTES, ENCODINGS)
def test_an_article_page_gives_a_record_or_says_why_not(body: bytes, declared: str) -> None:
    try:
        fields = ArticlePage(decode(body, declared), URL, SITE).read()
    except PageError as error:
        assert_typed(error)
        return
    assert_title(fields.headline)
    assert_title(fields.label)
    assert_title(fields.date_raw)
    assert 0 < len(fields.headline) <= 1000
    assert 0 < len(fields.label) <= 200
    for link in (fields.original_url, *fields.images):
        assert link is None or link.startswith(("http://", "https://"))
        assert_one_line(link or "")
    card = Card(id=ARTICLE_ID, url=URL, headline="x", date_listed_raw="July 04, 2025")
    for one in (card, None):
        assert_record(ScrapedPage(id=ARTICLE_ID, url=URL, fields=fields, card=one, source_id=1, date_downloaded=MOMENT))


@fuzz
@given(BYTES, ENCODINGS)
@example(b"<h1>Access denied</h1>", "utf-8")
def test_a_listing_gives_cards_or_says_why_not(body: bytes, declared: str) -> None:
    try:
        page = ListingPage(decode(body, declared), AJAX, SITE)
        cards = page.cards
        ended, unreadable = page.is_end, page.unreadable
    except PageError as error:
        assert_typed(error)
        return
    for card in cards:
        assert_card(card)
    assert len({card.id for card in cards}) == len(cards) <= 200
    assert not (ended and (cards or unreadable))
    assert not (ended and page.has_more)


@fuzz
@given(BYTES, ENCODINGS)
def test_a_home_page_gives_sources_or_says_why_not(body: bytes, declared: str) -> None:
    try:
        found = sources(decode(body, declared), SITE.home, SITE)
    except PageError as error:
        assert_typed(error)
        return
    for source in found:
        assert_title(source.label)
        assert 0 < len(source.label) <= 200
        assert msgspec.json.decode(msgspec.json.encode(source), type=Source) == source
    assert len({source.sid for source in found}) == len(found)


@fuzz
@given(BYTES, ENCODINGS)
def test_a_page_gives_some_candidates_for_its_ajax_id(body: bytes, declared: str) -> None:
    try:
        found = ajax_ids(decode(body, declared))
    except PageError as error:
        assert_typed(error)
        return
    assert len(set(found)) == len(found) <= MOST_CANDIDATES
    assert all(0 < one < 10**9 for one in found)


@fuzz
@given(BYTES, ENCODINGS, st.dictionaries(st.sampled_from(["CF-Mitigated", "server", "x"]), TEXT))
def test_a_page_is_a_wall_or_none(body: bytes, declared: str, headers: dict[str, str]) -> None:
    markup = decode(body, declared)
    try:
        wall = find_wall(markup, headers)
    except PageError as error:
        wall = error
    if wall is not None:
        assert_typed(wall)
    elif find_wall(markup) is None:
        # What is no wall is never refused as one.
        ListingPage(markup, AJAX, SITE)


@fuzz
@given(BYTES)
def test_a_sitemap_gives_entries_or_says_why_not(body: bytes) -> None:
    try:
        found = read_sitemap(body, f"{SITE.url}/sitemap.xml", SITE)
    except PageError as error:
        assert_typed(error)
        return
    for entry in found.entries:
        assert SITE.owns(entry.loc)
        assert_one_line(entry.loc)
        assert_one_line(entry.lastmod or "")


@fuzz
@given(BYTES, st.one_of(ENCODINGS, TEXT))
def test_any_bytes_are_text_that_can_be_written(body: bytes, declared: str) -> None:
    decode(body, declared).encode()


@pytest.mark.parametrize("place", range(len(pages())))
def test_the_untorn_pages_are_read(place: int) -> None:
    markup = b"".join(pages()[place]).decode()
    if "<urlset" in markup or "<sitemapindex" in markup:
        assert read_sitemap(markup.encode(), URL, SITE).entries
    elif "<html" in markup and "single-newstream" in markup and "free-member-form-inner" not in markup:
        assert ArticlePage(markup, URL, SITE).read().label
    elif "free-member-form-inner" not in markup:
        assert sources(markup, URL, SITE) or ListingPage(markup, URL, SITE).cards


# What pages are made of


@fuzz
@given(TEXT)
def test_any_text_is_a_date_a_label_an_address_a_slug_or_none(text: str) -> None:
    try:
        assert parse_published(text).isoformat()
    except BadDate as error:
        assert_one_line(str(error))
    assert listed_or_none(text) is None or text[0].isupper()
    name, language = read_label(text)
    assert name != ""
    assert language in {"en", "ko", None}
    assert detect(text, text) is None or len(detect(text, text) or "") == 2
    assert not set(clean_slug(text)) & set("/\\?#")
    assert is_sign_up(text) in {True, False}
    url = absolute(URL, text)
    assert url is None or url.startswith(("http://", "https://"))
    assert_one_line(url or "")
    for address in (identify(text), identify(f"/newstream/{ARTICLE_ID}/{text}"), SITE.identify(text)):
        assert address is None or re.fullmatch("[0-9]{10}-[0-9]{7,9}", address.id)


HOSTS = st.sampled_from(
    [
        "kcnawatch.org",
        "KCNAWATCH.org.",
        "evil.example",
        "kcnawatch.org@",
        "@kcnawatch.org",
        "[::1]",
        ":443",
        ":",
        "\\",
        "/",
    ]
)
SCHEMES = st.sampled_from(["https://", "http:", "//", "javascript:", "HTTPS:\\\\", ""])


@fuzz
@given(SCHEMES, st.lists(st.one_of(HOSTS, st.text(max_size=2)), max_size=4).map("".join))
@example("https://", "evil.example\\@kcnawatch.org")
def test_only_the_sites_own_hosts_are_asked(scheme: str, rest: str) -> None:
    if SITE.serves(scheme + rest):
        host = re.fullmatch(
            r"https?://(?:www\.)?(kcnawatch\.(?:org|co|xyz|app))(?::(?:443|80)?)?(?:[/?#].*)?",
            (scheme + rest).lower(),
            re.DOTALL,
        )
        assert host is not None
