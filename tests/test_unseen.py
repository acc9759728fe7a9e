"""What nobody sees on a page is no text, and what is not the article's is none of its pictures."""

import pytest

from kcnacrawl.pages.article import ArticlePage
from kcnacrawl.pages.home import sources
from kcnacrawl.pages.listing import ListingPage
from kcnacrawl.site.urls import Site

SITE = Site("https://kcnawatch.org")
URL = "https://kcnawatch.org/newstream/1616497394-946528541/scientists-meet"
TEXT = "They spoke of looms for an hour, and of spindles for two."


def page(body: str, *, head: str = "", content: str = 'class="article-content"', around: str = "") -> ArticlePage:
    markup = (
        f"<html><head>{head}</head><body><div {around}><h2>Scientists meet</h2>"
        "<p>Date: 23/03/2021 | Source: KCNA.kp (En) | Read original version at source</p>"
        f"<div {content}>{body}</div></div></body></html>"
    )
    return ArticlePage(markup, URL, SITE)


@pytest.mark.parametrize(
    "attributes",
    [
        "hidden",
        'hidden="until-found"',
        'style="display:none"',
        'style="DISPLAY : none !important; color: red"',
        'style="color:red;visibility:hidden"',
        'style="/* a note */display:none"',
        'style="display:none!important;display:block"',
        'class="screen-reader-text"',
        'class="x sr-only"',
        'class="visually-hidden"',
    ],
)
@pytest.mark.parametrize("tag", ["p", "span", "div"])
def test_what_nobody_sees_is_no_text(attributes: str, tag: str) -> None:
    block = f"<{tag} {attributes}>Secret <b>words</b><i {attributes}>more</i></{tag}>"
    inline = f"<span {attributes}>secret</span>"
    assert page(f"<p>{TEXT}</p>{block}<p>And more {inline}of it.</p>").article_body == f"{TEXT}\n\nAnd more of it."


@pytest.mark.parametrize(
    "attributes",
    [
        'aria-hidden="true"',
        'style="display:inline-block"',
        'style="background:url(none.png)"',
        'class="not-sr-only-x"',
        'style="display:none;display:block"',
        'style="x:1;/*display:none*/"',
    ],
)
def test_what_is_only_called_so_is_seen(attributes: str) -> None:
    assert page(f"<p {attributes}>{TEXT}</p>").article_body == TEXT


def test_a_closed_section_is_of_the_article() -> None:
    assert "spindles" in page(f"<details><summary>More</summary><p>{TEXT}</p></details>").article_body


@pytest.mark.parametrize("hidden", ["hidden", 'style="display:none"'])
def test_a_text_that_is_hidden_until_a_script_runs_is_not_lost(hidden: str) -> None:
    assert page(f"<p>{TEXT}</p>", content=f'class="article-content" {hidden}').article_body == TEXT
    assert page(f"<p>{TEXT}</p>", around=hidden).article_body == TEXT


def test_a_card_shows_what_a_reader_sees() -> None:
    card = (
        '<article class="clearfix"><div class="article-desc"><h4><a href="/newstream/1616497394-946528541/a">'
        '<span class="screen-reader-text">Link to: </span>Looms</a></h4><p class="articled-date">July 04, 2025</p>'
        "</div></article>"
    )
    assert [one.headline for one in ListingPage(card, SITE.listing(163), SITE).cards] == ["Looms"]


def test_a_picture_in_the_place_of_a_title_tells_it_by_its_alternative() -> None:
    card = (
        '<article class="clearfix"><div class="article-desc"><h4><a href="/newstream/1616497394-946528541/a">'
        '<img src="a.png" alt="Looms at work"></a></h4><p class="articled-date">July 04, 2025</p></div></article>'
    )
    assert [one.headline for one in ListingPage(card, SITE.listing(163), SITE).cards] == ["Looms at work"]


def test_an_emoji_is_a_character_and_no_picture() -> None:
    for source in ("src", 'src="data:image/gif;base64,R0lGODlhAQABAAAAACw=" data-src'):
        emoji = f'<img class="emoji" alt="🇰🇵" {source}="https://s.w.org/images/core/emoji/15.0.3/svg/1f1f0-1f1f5.svg">'
        read = page(f"<p>{TEXT} {emoji}</p>")
        assert read.article_body == f"{TEXT} 🇰🇵"
        assert read.images == ()


def test_pictures_are_the_articles_and_their_addresses_are_encoded() -> None:
    read = page(
        f'<p>{TEXT}</p><img src="a photo.jpg"><img src="/b%20c.jpg"><img src="/조선.jpg"><img src="/100%.jpg">'
        '<img src="https://stats.example/p.gif" width="1" height="1"><img src="/t.gif" width="0" height="0px">'
        '<img src="/u.gif" style="width:1px; height:1px">'
    )
    assert read.images == (
        "https://kcnawatch.org/newstream/1616497394-946528541/a%20photo.jpg",
        "https://kcnawatch.org/b%20c.jpg",
        "https://kcnawatch.org/%EC%A1%B0%EC%84%A0.jpg",
        "https://kcnawatch.org/100%25.jpg",
    )


def test_a_picture_that_nobody_sees_is_none() -> None:
    hidden = '<div hidden><p><img src="a.jpg"></p></div><img hidden src="b.jpg"><img style="display:none" src="c.jpg">'
    read = page(f'<p>{TEXT}</p>{hidden}<img src="/d.jpg">', content='class="article-content" hidden')
    assert read.images == ("https://kcnawatch.org/d.jpg",)


def test_links_and_pictures_are_meant_against_the_pages_base() -> None:
    read = page('<p>A text.</p><img src="a.jpg">', head='<base href="https://cdn.kcnawatch.org/media/">')
    assert read.images == ("https://cdn.kcnawatch.org/media/a.jpg",)
    card = '<div class="article-desc"><h4><a href="newstream/1616497394-946528541/a">T</a></h4></div>'
    for base, count in (("/", 1), ("https://evil.example/", 0)):
        listing = ListingPage(f'<base href="{base}">{card}', SITE.listing(163), SITE)
        assert len(listing.cards) == count


def test_the_sources_of_the_home_page_are_meant_against_its_base() -> None:
    link = '<a href="./article/156/">KCNA.kp (En)</a>'
    for base, found in (("/", [156]), ("https://evil.example/", [])):
        assert [one.sid for one in sources(f'<base href="{base}">{link}', f"{SITE.url}/home/", SITE)] == found


def test_a_base_elsewhere_leads_nowhere_and_its_cards_are_told() -> None:
    card = '<div class="article-desc"><h4><a href="/newstream/1616497394-946528541/a">T</a></h4></div>'
    listing = ListingPage(f'<base href="https://evil.example/">{card}', SITE.listing(163), SITE)
    assert (listing.cards, listing.unreadable) == ([], 1)


@pytest.mark.parametrize(
    "line",
    [
        "Get North Korea headlines delivered to your inbox dailySubscribe to the NK News 'Daily Update' and get links",
        "Get North Korea headlines delivered to your inbox daily Subscribe to the NK News Daily Update and get links",
        "NK News is hiring! Join the NK Pro teamGet North Korea headlines delivered to your inbox daily",
    ],
)
def test_lines_of_the_sites_that_run_together_are_no_text(line: str) -> None:
    assert page(f"<p>{TEXT}</p><p>{line}</p>").article_body == TEXT
