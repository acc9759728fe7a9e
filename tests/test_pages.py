"""Saved pages, read: every case of ``tests/pages``, every field of the seed page, and what holds for all.

A case is a folder: ``input.html`` as it came, ``meta.json`` (where it was found), ``expected.json`` (what a person
says it holds). A case without its expectation writes one and fails, until a person has read it.
"""

import codecs
import json
import re
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcnacrawl.items import ArticleFields
from kcnacrawl.pages import LayoutChanged, PageError, SignUpWall, Unparsable
from kcnacrawl.pages.ajax_id import MOST_CANDIDATES, ajax_ids
from kcnacrawl.pages.article import ArticlePage
from kcnacrawl.pages.fixtures import READERS
from kcnacrawl.pages.home import sources
from kcnacrawl.pages.landmarks import Landmarks
from kcnacrawl.pages.listing import ListingPage
from kcnacrawl.pages.text import MAX_TAGS, decode, parse
from kcnacrawl.site.urls import Site

PAGES = Path(__file__).parent / "pages"
SITE = Site("https://kcnawatch.org")
URL = "https://kcnawatch.org/newstream/1616497394-946528541/scientists-meet"
fuzz = settings(max_examples=150)


def load(folder: Path) -> tuple[str, str, Site]:
    """Mark-up, address and site of a case."""
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    return decode((folder / "input.html").read_bytes(), "utf-8"), meta["url"], Site(meta["site"])


def cases(pattern: str) -> list[Any]:
    folders = sorted(path.parent for path in PAGES.glob(f"{pattern}/input.html"))
    return [pytest.param(folder, id=folder.relative_to(PAGES).as_posix()) for folder in folders]


@pytest.mark.parametrize("folder", cases("*/*"))
def test_a_saved_page_reads_as_a_person_said(folder: Path) -> None:
    read = json.loads(json.dumps(READERS[folder.parent.name](*load(folder))))
    expected = folder / "expected.json"
    if not expected.exists():
        expected.write_text(json.dumps(read, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        pytest.fail(f"{expected} was written from what was read: a person must read it before it counts")
    assert read == json.loads(expected.read_text(encoding="utf-8"))


@pytest.mark.parametrize("doctype", ["", "<!doctype html>"])
@pytest.mark.parametrize("folder", cases("article/*"))
def test_landmarks_are_what_their_selectors_find(folder: Path, doctype: str) -> None:
    markup, _, _ = load(folder)
    tree = parse(doctype + markup.replace("<body", '<base href="/x/"><p class="Article-Content"></p><body', 1))
    found = Landmarks.of(tree)
    for selector, nodes in {
        "base[href]": found.bases,
        "link[rel=canonical]": found.canonical,
        'meta[property="og:url"]': found.open_graph,
        'a[href*="/article/"]': found.listing_links,
        ".article-content": found.contents,
        ".nk-paywall-free-member-form, .free-member-form-inner": found.sign_up,
    }.items():
        assert [node.mem_id for node in nodes] == list(dict.fromkeys(node.mem_id for node in tree.css(selector)))


@pytest.mark.parametrize(
    ("case", "fallbacks"),
    [
        ("listing/wrapper", set()),
        ("listing/no_known_class", {"list", "card", "title", "date", "summary"}),
        ("listing/sidebar_before", {"list"}),
    ],
)
def test_a_listing_tells_which_anchors_served(case: str, fallbacks: set[str]) -> None:
    anchors = ListingPage(*load(PAGES / case)).anchors
    assert {name for name, anchor in anchors.items() if not anchor.is_known} == fallbacks


def test_an_anchor_that_did_not_serve_is_not_told_though_it_is_on_the_page() -> None:
    card = '<article class="x"><h3><a href="/newstream/1616497394-946528541/a">T</a></h3><p>July 04, 2025</p></article>'
    page = ListingPage(f'<div id="latest_article_wrapper"></div><main>{card}</main>', SITE.listing(163), SITE)
    assert {name for name, anchor in page.anchors.items() if not anchor.is_known} == {"list", "card", "title", "date"}


def test_every_kind_of_page_has_cases() -> None:
    assert {path.name for path in PAGES.iterdir()} == set(READERS)
    assert all(list((PAGES / kind).iterdir()) for kind in READERS)


# The seed page, field by field, in five variants of its mark-up

PARAGRAPHS = [
    (
        "Kim Jong Un , General Secretary of the Workers’ Party of Korea (WPK) and President of the State Affairs of"
        " the Democratic People’s Republic of Korea, sent a verbal message to Xi Jinping, General Secretary of the"
        " Central Committee of the Communist Party of China (CPC) and President of the People’s Republic of China, in"
        " order to give the accounts of the 8th Congress of the WPK, as befits the need of the times that requires an"
        " increased strategic communication between the two Parties on the basis of deep comradeship."
    ),
    (
        "Respected Comrade Kim Jong Un in the message noted in detail that the 8th Congress of the WPK set forth"
        " scientific and realistic fighting lines and strategic and tactical tasks for achieving a fresh innovation in"
        " the Party and state affairs, as required by the changed internal and external situations and reality."
    ),
    (
        "The message said that the Congress took practical measures to strengthen the leadership and fighting"
        " efficiency of the Party, bring about its sound development and consolidate the state and social system, and"
        " fixed the direction of advance and the fighting policies of the Korean revolution, including discussion of"
        " and decision on an economic strategy and a new long-term plan in the current stage."
    ),
    (
        "Informing in detail that the WPK discussed and decided on its policy stand on the bolstering of defence"
        " capabilities of the country, the inter-Korean relations and the DPRK-U.S. relations after an in-depth study"
        " and analysis of the situations of the Korean peninsula and the international relations, it stressed the need"
        " to strengthen the unity and cooperation between the two Parties and the two countries to cope with the"
        " hostile forces’ all-round challenges and obstructive moves."
    ),
    (
        "Kim Jong Un in the message said that he rejoices, as over his own, over the remarkable successes made by the"
        " CPC and the Chinese people in the struggle for building a moderately prosperous society in all aspects under"
        " the leadership of General Secretary Xi Jinping, successfully tackling the terrible disaster caused by the"
        " world health crisis and firmly defending socialism in the face of vicious slander and pressure by the"
        " hostile forces."
    ),
    (
        "Stressing that it is the steadfast will of the WPK and the Korean people to vigorously advance the cause of"
        " socialism by dint of friendship and unity, the message expressed belief that the cooperation between the two"
        " Parties would continue to go well and the friendly relations between the two countries would grow stronger,"
        " as required by the times and in conformity with the desires, wishes and core interests of the peoples of two"
        " countries in this significant year, too, which marks the 100th founding anniversary of the CPC and the 60th"
        " anniversary of the conclusion of the DPRK-China Treaty of Friendship, Cooperation and Mutual Assistance."
    ),
    (
        "It sincerely wished Xi Jinping good health and bigger success in performing his heavy responsibilities of"
        " leading the CPC and the Chinese people."
    ),
]
TITLES = [
    "Spokesperson for Foreign Ministry of DPRK Gives Answer",
    "Press Statement of Spokesperson for DPRK Foreign Ministry",
    "Growing Discord within EU",
    "Truth Learning from Children’ s Faces",
    "Commitment to Building a Power",
    "DPRK Embassy in Moscow Hosts Reception",
    "51-year-long DPRK-Laos Friendship and Cooperation",
    "U.S. “logic” can’t be justified by any means",
    "Triumphant Spirit of Juche Korea into the Vast Expanse of the Ocean",
    "Unforgettable Pictures in History of DPRK-Thailand Friendship",
]
SUMMARIES = [
    (
        "A spokesperson for the Foreign Ministry of the Democratic People’s Republic of Korea gave the following"
        " answer to a question"
    ),
    (
        "A spokesperson for the DPRK Foreign Ministry issued the following press statement titled “QUAD should stop"
        " unilateral coercive"
    ),
    (
        "Discord within the European Union deepens as some members stated that they will block any new EU sanctions"
        " against Russian banks"
    ),
    (
        "The word “orphan” in human history has long stood for children without primary caregivers in a miserable and"
        " lonely plight devoid"
    ),
    (
        "We are celebrating today the 9 th anniversary of the significant day when respected Comrade Kim Jong Un was"
        " elected as the"
    ),
    (
        "The DPRK embassy in Moscow hosted a reception on June 23 on the occasion of the first anniversary of the"
        " historic DPRK-Russia"
    ),
    (
        "June 24 is a meaningful day marking the 51 st anniversary of the establishment of diplomatic ties between"
        " the Democratic"
    ),
    (
        "Politico EU, the analysis website for European issues, recently revealed the U.S. scheme for redrawing the"
        " commanding map to put G"
    ),
    (
        "The Juche-type military equipment is fully demonstrating the dignity of Juche Korea across the globe in"
        " every domain including the"
    ),
    (
        "June 19 is the day which opened another significant chapter in the history of friendly and cooperative"
        " relations between the"
    ),
]
DATES = [
    "July 04, 2025",
    "July 03, 2025",
    "July 03, 2025",
    "July 02, 2025",
    "June 29, 2025",
    "June 27, 2025",
    "June 24, 2025",
    "June 24, 2025",
    "June 24, 2025",
    "June 19, 2025",
]

seed_cases = pytest.mark.parametrize("folder", cases("article/seed_*"))


def article(folder: Path) -> ArticleFields:
    return ArticlePage(*load(folder)).read()


def block(folder: Path) -> ListingPage:
    return ListingPage(*load(folder))


def test_the_seed_page_is_saved_in_five_spellings() -> None:
    assert len(cases("article/seed_*")) == 5


@seed_cases
def test_seed_headline(folder: Path) -> None:
    assert article(folder).headline == "Respected Comrade Kim Jong Un Sends Verbal Message to President Xi Jinping"


@seed_cases
def test_seed_date_is_the_headers_and_not_todays(folder: Path) -> None:
    assert article(folder).date_raw == "23/03/2021"


@seed_cases
def test_seed_label(folder: Path) -> None:
    assert article(folder).label == "Ministry of Foreign Affairs (EN)"


@seed_cases
def test_seed_body_is_its_seven_paragraphs_in_order_and_nothing_else(folder: Path) -> None:
    assert article(folder).article_body.split("\n\n") == PARAGRAPHS


@seed_cases
def test_seed_access_is_full(folder: Path) -> None:
    assert article(folder).access == "full"


@seed_cases
def test_seed_original_url(folder: Path) -> None:
    assert article(folder).original_url == "http://www.mfa.gov.kp/view/article/11812"


@seed_cases
def test_seed_has_no_image_of_its_own(folder: Path) -> None:
    assert article(folder).images == ()


@seed_cases
def test_seed_source_id_is_told_only_by_a_link(folder: Path) -> None:
    assert article(folder).source_id == (163 if folder.name in {"seed_p", "seed_mixed"} else None)


@seed_cases
def test_seed_block_has_ten_titles_each_once(folder: Path) -> None:
    assert [card.headline for card in block(folder).cards] == TITLES


@seed_cases
def test_seed_block_has_ten_summaries_each_once(folder: Path) -> None:
    assert [card.description for card in block(folder).cards] == SUMMARIES


@seed_cases
def test_seed_block_has_the_cards_dates(folder: Path) -> None:
    assert [card.date_listed_raw for card in block(folder).cards] == DATES


@seed_cases
def test_seed_block_has_ten_identities_with_canonical_addresses(folder: Path) -> None:
    found = block(folder).cards
    assert len({card.id for card in found}) == 10
    assert all(card.url.startswith(f"https://kcnawatch.org/newstream/{card.id}/") for card in found)
    assert not any(card.url.endswith("/") for card in found)


@seed_cases
def test_seed_block_offers_more_articles_and_tells_its_ajax_id(folder: Path) -> None:
    assert block(folder).has_more
    assert 190163 in ajax_ids(block(folder).markup)


# Wherever a page may tell its ajax id


@pytest.mark.parametrize("folder", [case for case in cases("listing/ajax_id_*") if case.id != "listing/ajax_id_none"])
def test_the_ajax_id_is_found_wherever_it_stands(folder: Path) -> None:
    assert 190036 in ajax_ids(load(folder)[0])


def test_a_page_that_tells_no_ajax_id_yields_no_guess() -> None:
    assert ajax_ids(load(PAGES / "listing/ajax_id_none")[0]) == []


# What holds for every article page

CHROME = (
    "Share Button",
    "Get North Korea headlines delivered to your inbox daily",
    "NK News is hiring",
    "Join the NK Pro team",
)


@cache
def read_all() -> dict[str, ArticleFields]:
    """Every article case that gives fields, by name."""
    found = {}
    for path in sorted((PAGES / "article").iterdir()):
        with suppress(PageError):
            found[path.name] = article(path)
    return found


def paragraphs(fields: ArticleFields) -> list[str]:
    return fields.article_body.split("\n\n") if fields.article_body else []


def failing(holds: Callable[[ArticleFields], bool]) -> list[str]:
    return [name for name, fields in read_all().items() if not holds(fields)]


def test_no_headline_is_empty_and_none_has_a_line_break() -> None:
    assert failing(lambda fields: fields.headline == " ".join(fields.headline.split()) != "") == []


def test_no_paragraph_is_empty_or_holds_a_line_break_or_doubled_space() -> None:
    assert failing(lambda fields: all(text and text == " ".join(text.split()) for text in paragraphs(fields))) == []


def test_no_paragraph_is_chrome() -> None:
    assert failing(lambda fields: not set(paragraphs(fields)) & set(CHROME)) == []


def test_no_body_holds_the_paywalls_notice() -> None:
    assert failing(lambda fields: "except for users based in South Korea" not in fields.article_body) == []


def test_no_body_holds_a_title_of_the_more_from_block() -> None:
    for name, fields in read_all().items():
        titles = {card.headline for card in block(PAGES / "article" / name).cards}
        assert not titles & set(paragraphs(fields)), name


def test_no_date_or_label_holds_a_separator() -> None:
    assert failing(lambda fields: "|" not in fields.date_raw + fields.label and fields.label != "") == []


def test_access_is_empty_exactly_where_the_body_is() -> None:
    assert failing(lambda fields: (fields.access == "empty") == (not fields.article_body)) == []


def test_every_link_is_absolute() -> None:
    def absolute(fields: ArticleFields) -> bool:
        links = [link for link in (fields.original_url, fields.canonical_url, *fields.images) if link is not None]
        return all(link.startswith(("http://", "https://")) for link in links)

    assert failing(absolute) == []


@pytest.mark.parametrize("folder", cases("article/*"))
def test_white_space_around_paragraphs_changes_nothing(folder: Path) -> None:
    markup, url, site = load(folder)
    assert READERS["article"](markup.replace("</p>", "</p>\n\n\t").replace("<p>", "\r\n<p>"), url, site) == READERS[
        "article"
    ](markup, url, site)


# Pages that are none

PIECES = st.sampled_from(
    [
        "Date: 11/07/2025 | Source: KCNA.kp (En) | ",
        '<a href="http://[">Read original version at source</a>',
        '<div class="article-content">',
        '<div class="article-desc"><h4><a href="/newstream/1616497394-946528541/%E0%A4/x?">T</a></h4>',
        '<a href="/newstream/1616497394-946528541">July 04, 2025</a>',
        '<a href="http://[/article/163/">KCNA.kp (En)</a>',
        '<img src="http://[x">',
        '<p class="articled-date"><span>July 04, 2025</span></p>',
        '<div id="latest_article_wrapper">',
        '<link rel="canonical" href="http://[">',
        "<h2>More From KCNA.kp (En)</h2>",
        '<button data-id="0" onclick="f(12)">More Articles</button>',
        "<svg><script>",
        "<table><td><p></table>",
        "<template><p>",
        "</div></p></body>",
        "<!--",
        "<br>",
        "\x00",
        "\ud800",
        "-0-",
        "&#0;&nbsp;&bogus;",
    ]
)
MARKUP = st.lists(st.one_of(PIECES, st.text(max_size=20)), max_size=25).map("".join)


@fuzz
@given(MARKUP)
def test_any_markup_gives_fields_or_a_page_error(markup: str) -> None:
    try:
        fields = ArticlePage(markup, URL, SITE).read()
    except PageError:
        return
    assert isinstance(fields, ArticleFields)
    assert fields.headline
    assert fields.label


@fuzz
@given(st.binary(max_size=300), st.sampled_from(["utf-8", "cp1252", "ascii", "euc-kr"]))
def test_any_bytes_give_fields_or_a_page_error(body: bytes, declared: str) -> None:
    with pytest.raises(PageError):
        ArticlePage(decode(body, declared), URL, SITE).read()


@fuzz
@given(MARKUP)
def test_any_markup_gives_a_listing(markup: str) -> None:
    page = ListingPage(markup, "https://kcnawatch.org/article/156/", SITE)
    assert len({card.id for card in page.cards}) == len(page.cards)
    assert isinstance(page.is_end, bool)
    assert not (page.is_end and page.cards)
    assert len(ajax_ids(markup)) <= MOST_CANDIDATES


@fuzz
@given(MARKUP)
def test_any_markup_gives_sources(markup: str) -> None:
    found = sources(markup, "https://kcnawatch.org/", SITE)
    assert all(source.label for source in found)


def test_a_page_of_nothing_but_tags_is_refused_before_it_costs_time() -> None:
    with pytest.raises(Unparsable):
        ArticlePage("<p>" * (MAX_TAGS + 1), URL, SITE)


def test_a_page_nested_deeper_than_any_is_refused() -> None:
    markup = "<div>" * 3000 + "Date: 11/07/2025 | Source: KCNA.kp (En)"
    with pytest.raises(Unparsable, match="nested deeper"):
        ArticlePage(markup, URL, SITE).read()


HOSTILE = {
    "one long name": "<script>get_cat_by_source " + "a" * 1_000_000 + "</script>",
    "one long run": "<p>" + "x" * 1_000_000 + "</p>",
    "a picture in the page": '<img src="data:image/png;base64,' + "QUJD" * 250_000 + '">',
    "a button of dashes": "<a class='load" + "-" * 1_000_000 + "'>x</a>",
    "an attribute of digits": "<a class='load-more' data-x='" + "1-" * 500_000 + "'>More Articles</a>",
    "quotes": "<script>get_cat_by_source " + "'a'," * 250_000 + "</script>",
    "half headers": "<p>" + "Date:x|Source:" * 60_000 + "</p>",
    "cards in cards": "<div class='article-desc'>" * 9_000 + "<a href='/newstream/1616497394-946528541/x'>x</a>",
    "bodies in bodies": "<div>" * 400 + "<div class='article-content'>Source " + "<b>" * 9_000,
    "a list of links": "<p><a href='/newstream/1616497394-946528541/x'>x</a></p>" * 7_000,
    "nested 100,000 deep": "<div>" * 100_000,
    "nested as deep as is parsed": "<span>" * 2_900 + "x " * 400_000,
    "links in links": "<svg>" + "<a href='/article/163/'>" * 2_900 + "x " * 400_000,
    "100,000 attributes": "<p " + " ".join(f"a{number}=1" for number in range(100_000)) + ">x</p>",
    "100,000 attributes in quotes": "<p " + "".join(f"a{number}='1'" for number in range(100_000)) + ">x</p>",
    "attributes without an end": "<p " + " ".join(f"a{number}" for number in range(100_000)),
    "a long attribute": "<p class='" + "more " * 200_000 + "'>x</p>",
    "a long slug": "<a href='/newstream/1616497394-946528541/" + "%20" * 300_000 + "x'>x</a>",
    "no tag": "word " * 200_000,
    "labels": "Date: Source: " * 70_000,
    "accents": "<p>Date: 1 | Source: KCNA</p><div class='article-content'>e" + "\u0301\u0316" * 300_000 + "</div>",
    "accents above": "<h2>e" + "\u0301\u0316" * 300_000 + "</h2><p>Date: 1 | Source: KCNA</p>",
    "controls": "<p>" + "a\x01\u202e" * 300_000 + "</p>",
    "halves of characters": "<p>" + "&#xD800;" * 120_000 + "</p>",
    "bodies beside bodies": "<p>Date: 1 | Source: KCNA</p>" + "<div class='article-content'>x</div>" * 7_000,
    "one card's bodies": "<article>" + "<div class='article-desc'><h4>x</h4></div>" * 200 + "<p>x</p>" * 9_000,
    "menus in menus": "<nav>" * 400 + "<input>" * 20_000,
    "half sayings": "access to this " * 70_000 + "IP address " * 20_000,
    "unclosed": "<a href='" + "x" * 1_000_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_megabyte_made_to_be_slow_is_read_or_refused_before_the_suite_times_out(name: str) -> None:
    markup = f"<html><body>{HOSTILE[name]}</body></html>"
    with suppress(PageError):
        ArticlePage(markup, URL, SITE).read()
    with suppress(PageError):
        assert len(ListingPage(markup, URL, SITE).cards) <= 200
    with suppress(PageError):
        assert len(ajax_ids(markup)) <= 8
    with suppress(PageError):
        assert len(sources(markup, URL, SITE)) <= 1


def test_each_page_error_says_which_anchor_failed() -> None:
    with pytest.raises(LayoutChanged, match=r"^header: "):
        ArticlePage("<p>words</p>", URL, SITE).read()
    with pytest.raises(SignUpWall, match="sign-up"):
        ArticlePage('<div class="free-member-form-inner">', URL, SITE).read()


HEADER = "<p>Date: 23/03/2021 | Source: KCNA.kp (En) | Read original version at source</p>"
BODY = '<div class="article-content"><p>They spoke of looms.</p></div>'
CHANGED = {
    "header": f"<h2>Scientists meet</h2>{BODY}",
    "label": f"<h2>Scientists meet</h2><p>Date: 23/03/2021 | Source: | Read original version at source</p>{BODY}",
    "headline": HEADER + BODY,
    "body": f"<h2>Scientists meet</h2>{BODY}{HEADER}",
}


# Where the true header is missing, a text that quotes one must not lend it its date and label.
PROSE = "<p>The participants spoke of looms, of reservoirs and of the winter to come.</p>"
QUOTES = {
    "that links to no original": f'<h2>Scientists meet</h2><div class="article-content">{HEADER}{PROSE}</div>',
    "below other text": '<h2>Scientists meet</h2><div class="article-content">'
    f"{PROSE}<p>Date: 23/03/2021 | Source: KCNA.kp (En)</p>{PROSE}</div>",
}


@pytest.mark.parametrize("quote", QUOTES)
def test_a_header_that_the_text_quotes_is_none(quote: str) -> None:
    with pytest.raises(LayoutChanged, match=r"^header: "):
        ArticlePage(QUOTES[quote], URL, SITE).read()


def test_a_headline_that_looks_like_a_header_is_none() -> None:
    title = "Date: 01/02/2003 | Source: KCNA.kp (En) | Read original version at source"
    url = "https://kcnawatch.org/newstream/1616497394-946528541/date-01-02-2003-source-kcna-kp-en-read-original-version"
    with pytest.raises(LayoutChanged, match=r"^header: only the headline"):
        ArticlePage(f"<h2>{title}</h2>{BODY}", url, SITE).read()
    fields = ArticlePage(f"<h2>{title}</h2>{HEADER}{BODY}", url, SITE).read()
    assert (fields.headline, fields.date_raw) == (title, "23/03/2021")


def test_a_header_inside_the_body_is_one_if_it_stands_above_the_text() -> None:
    header = "<p>Date: 23/03/2021 | Source: KCNA.kp (En) | <a href='/x'>Read original version at source</a></p>"
    page = f'<div class="article-content"><h2>Scientists meet</h2>{header}{PROSE}</div>'
    assert ArticlePage(page, URL, SITE).read().label == "KCNA.kp (En)"


@pytest.mark.parametrize("anchor", CHANGED)
def test_a_changed_layout_is_counted_by_its_anchor(anchor: str) -> None:
    with pytest.raises(LayoutChanged) as caught:
        ArticlePage(CHANGED[anchor], URL, SITE).read()
    assert caught.value.anchor == anchor


def test_every_raise_of_a_changed_layout_names_its_anchor_first() -> None:
    for path in (Path(__file__).parent.parent / "kcnacrawl" / "pages").glob("*.py"):
        for detail in re.findall(r"raise LayoutChanged\(f?\"([^\"]*)", path.read_text(encoding="utf-8")):
            assert re.match(r"(page|header|label|headline|body|sitemap|query|hits): ", detail), (path.name, detail)


# Text made to deceive


def framed(headline: str = "Scientists meet", label: str = "KCNA.kp (En)", body: str = "They spoke of looms.") -> str:
    return (
        f"<div><h2>{headline}</h2><p>Date: 23/03/2021 | Source: {label} | Read original version at source</p>"
        f'<div class="article-content"><p>{body}</p></div></div>'
    )


def fields_of(**parts: str) -> ArticleFields:
    return ArticlePage(f"<html><body>{framed(**parts)}</body></html>", URL, SITE).read()


def test_controls_that_no_reader_sees_are_in_no_text() -> None:
    fields = fields_of(
        headline="Sci\x01entists\x7f &#1;meet\x85", label="KCNA\x02.kp (En)", body="They \x03 spoke\x0b of"
    )
    assert (fields.headline, fields.label, fields.article_body) == ("Scientists meet", "KCNA.kp (En)", "They spoke of")


def test_half_a_surrogate_pair_is_in_no_text() -> None:
    fields = fields_of(headline="Scientists\ud800 meet", body="They \udfff&#xD800; spoke")
    assert fields.headline == "Scientists meet"
    assert fields.article_body == "They \ufffd spoke"


def test_what_turns_a_line_around_is_in_no_title_and_stays_in_the_body() -> None:
    fields = fields_of(
        headline="\u202eScientists\u202c meet\u2066\u2069", label="KCNA\u202e.kp (En)", body="a\u202eb\ufeffc"
    )
    assert (fields.headline, fields.label, fields.article_body) == (
        "Scientists meet",
        "KCNA.kp (En)",
        "a\u202eb\ufeffc",
    )


def test_joiners_and_variation_selectors_stay_in_a_title() -> None:
    assert (
        fields_of(headline="نامه\u200cها ❤\ufe0f 👩\u200d🌾 co\u00adop").headline
        == "نامه\u200cها ❤\ufe0f 👩\u200d🌾 co\u00adop"
    )


def test_line_separators_break_no_title() -> None:
    assert fields_of(headline="Scientists\u2028meet\u2029in\x85town\x1c").headline == "Scientists meet in town"


def test_a_headline_of_nothing_but_what_deceives_is_none() -> None:
    with pytest.raises(LayoutChanged, match=r"^headline: nothing"):
        fields_of(headline="\u202e\u2066\ufeff")


def test_a_headline_or_label_longer_than_any_is_refused() -> None:
    assert len(fields_of(headline="x" * 1000).headline) == 1000
    with pytest.raises(LayoutChanged, match=r"^headline: longer"):
        fields_of(headline="x" * 1001)
    assert len(fields_of(label="x" * 200).label) == 200
    with pytest.raises(LayoutChanged, match=r"^label: longer"):
        fields_of(label="x" * 201)


def test_more_accents_on_a_letter_than_any_has_are_refused() -> None:
    assert fields_of(body="e" + "\u0301\u0316" * 20).access == "full"
    with pytest.raises(LayoutChanged, match=r"^body: more than 500 accents"):
        fields_of(body="e" + "\u0301\u0316" * 300)


def test_a_card_says_what_it_says_in_lines_of_bounded_length() -> None:
    (card,) = ListingPage(
        '<div class="article-desc"><h4><a href="/newstream/1616497394-946528541/a%2F..%2Fb%0A">\u202eScien\x01tists'
        f' meet {"x" * 2000}</a></h4><p class="d-none d-sm-none d-md-block">They\u202e\x02 {"y " * 2000}</p>'
        '<p class="articled-date"> <span>\u202eJuly\x03 soon</span></p></div>',
        URL,
        SITE,
    ).cards
    assert card.url == "https://kcnawatch.org/newstream/1616497394-946528541/a-..-b-"
    assert (card.headline[:17], len(card.headline)) == ("Scientists meet x", 1000)
    assert (card.description or "")[:8] == "They y y"
    assert len(card.description or "") == 1000
    assert card.date_listed_raw == "July soon"


def test_a_source_has_a_name_of_one_line_or_none() -> None:
    found = sources(
        '<a href="/article/1/">\u202eKCNA\x01\n.kp</a><a href="/article/2/">' + "x" * 201 + "</a>", SITE.home, SITE
    )
    assert [(source.sid, source.label) for source in found] == [(1, "KCNA .kp")]


# What a page is written in


@pytest.mark.parametrize(
    ("body", "declared", "text"),
    [
        ("김정은".encode(), "euc-kr", "김정은"),
        ("김정은".encode("euc-kr"), "euc-kr", "김정은"),
        ("\ufeffplain".encode(), "utf-8", "plain"),
        (b"can\x92t", "cp1252", "can’t"),
        (b"can\x92t", "ascii", "can’t"),
        ("김정은동지께서".encode()[:-1], "cp1252", "김정은동지께\ufffd"),
        ("김정은\0동지께서".encode().replace(b"\0", b"\xe9"), "iso-8859-1", "김정은\ufffd동지께서"),
        ("plain 김".encode("utf-16"), "utf-8", "plain 김"),
        (codecs.BOM_UTF16_BE + "plain 김".encode("utf-16-be"), "utf-8", "plain 김"),
        (b"+ADw-script+AD4-", "utf-7", "+ADw-script+AD4-"),
        (b"+ADw-b+AD4-\xe9", "utf-7", "+ADw-b+AD4-\ufffd"),
        (b"\\ud800\xe9", "unicode_escape", "\\ud800\ufffd"),
        (b"\xe9", "rot13", "\ufffd"),
        (b"\xe9", "", "\ufffd"),
        ("똠방각하".encode("cp949"), "euc-kr", "똠방각하"),
        ("똠방각하".encode("cp949"), "EUC_KR", "똠방각하"),
        ("똠방각하".encode("cp949"), "ks_c_5601-1987", "똠방각하"),
        ("똠방각하".encode("cp949"), "windows-949", "똠방각하"),
        ("똠방각하".encode("cp949") + b"\xff", "euc-kr", "똠방각하\ufffd"),
        (b"\xff\xff", "utf-8", "\ufffd\ufffd"),
        (b"\xff\xff", "no-encoding", "\ufffd\ufffd"),
    ],
)
def test_a_page_is_utf_8_wherever_it_can_be_and_then_as_declared(body: bytes, declared: str, text: str) -> None:
    assert decode(body, declared) == text


@pytest.mark.parametrize("declared", ["utf-8", "cp1252", "iso-8859-1", "euc-kr", "no-encoding"])
@pytest.mark.parametrize("name", ["euc-kr", "ks_c_5601-1987", "windows-949"])
@pytest.mark.parametrize(
    "form", ['<meta charset="{}">', "<META http-equiv=Content-Type content='text/html; charset={}'>"]
)
def test_a_korean_page_that_says_so_within_reads_right_whatever_its_header_says(
    declared: str, name: str, form: str
) -> None:
    text = f"<html><head>{form.format(name)}</head><p>김정은동지께서 똠방각하</p>"
    assert decode(text.encode("cp949"), declared) == text


def test_what_a_page_says_within_it_says_at_its_beginning() -> None:
    body = b"<p>" + b"x" * 5000 + b'<meta charset="koi8-r">\xe9'
    assert decode(body, "cp1252").endswith("é")
