"""Walls told from pages: every family by an invented page of its shape, and the pages that only speak of walls."""

import re
from collections.abc import Callable

import pytest

from kcnacrawl.pages import Blocked, LayoutChanged, SignUpWall, Unparsable
from kcnacrawl.pages.article import ArticlePage
from kcnacrawl.pages.home import sources
from kcnacrawl.pages.listing import ListingPage
from kcnacrawl.pages.text import MAX_TAGS
from kcnacrawl.pages.walls import find_wall
from kcnacrawl.site.urls import Site

SITE = Site("https://kcnawatch.org")
URL = "https://kcnawatch.org/newstream/1616497394-946528541/access-denied"
AJAX = SITE.ajax(189661, 20)


def page(content: str, title: str = "KCNA Watch", head: str = "") -> str:
    """A whole page in the site's chrome."""
    return (
        f'<!DOCTYPE html><html lang="en-US"><head><meta charset="UTF-8"><title>{title}</title>{head}</head><body>'
        '<header><a href="/"><img src="/logo.png" alt="KCNA Watch Logo"></a><nav><ul><li><a href="/">Home</a></li>'
        '<li><a href="/article/163/">Ministry</a></li></ul></nav></header>'
        f"<main>{content}</main><footer><p>About this archive</p></footer></body></html>"
    )


def bare(content: str, title: str = "", head: str = "") -> str:
    """A page that has nothing of the site's."""
    return f"<!DOCTYPE html><html><head><title>{title}</title>{head}</head><body>{content}</body></html>"


def article(headline: str, body: str, *, content_class: str = "article-content") -> str:
    return page(
        f"<div><p>KCNA KCNA.kp (En)</p><h2>{headline}</h2><p>Date: 23/03/2021 | Source: KCNA.kp (En) | "
        '<a href="http://www.kcna.kp/1">Read original version at source</a></p>'
        f'<div class="{content_class}">{body}</div></div>'
    )


def card(title: str, number: int = 1) -> str:
    link = f"/newstream/161649739{number}-946528541/x"
    return (
        f'<article class="clearfix"><div class="article-desc"><h4><a href="{link}">{title}</a></h4>'
        f'<p>{title} again</p><p class="articled-date"> <span>March 23, 2021</span></p></div></article>'
    )


FORM = (
    '<div class="nk-paywall-free-member-form"><div class="free-member-form-inner"><h3>Join</h3>'
    "<form></form></div></div>"
)
EMPTY_BODY = '<div class="article-content"></div>'
TEXT = "<p>A first paragraph, of the looms at the mill.</p><p>A second paragraph, of what they weave.</p>"
BESIDE = {
    "after the text": article("Looms", TEXT).replace("</main>", f"{FORM}</main>"),
    "before the article": article("Looms", TEXT).replace("<main>", f"<main>{FORM}"),
    "between header and text": article("Looms", TEXT).replace("</p><div class", f"</p>{FORM}<div class"),
    "above the headline": article("Looms", TEXT).replace("<h2>", f"{FORM}<h2>"),
    "at the end of the page": article("Looms", TEXT).replace("</body>", f"{FORM}</body>"),
    "in a side bar": article("Looms", TEXT).replace("</main>", f"</main><aside>{FORM}</aside>"),
    "between two paragraphs": article("Looms", TEXT.replace("</p><p>", f"</p>{FORM}<p>")),
    "hidden in the text": article("Looms", f"{TEXT}<div style='display:none'>{FORM}</div>"),
    "beside a text without its element's class": article("Looms", TEXT, content_class="text").replace(
        "</main>", f"{FORM}</main>"
    ),
}
CUT = {
    "at the end of the text's element": article("Looms", TEXT + FORM),
    "above what nobody sees": article("Looms", f"{TEXT}{FORM}<!-- x --><p> </p><script>x()</script><p hidden>x</p>"),
    "above the way to the log-in": article("Looms", f"{TEXT}{FORM}<p>Already a member? <a href='/l/'>Log in</a></p>"),
    "after a text that breaks off": article("Looms", "<p>A first paragraph that goes...</p>").replace(
        "</main>", f"{FORM}</main>"
    ),
}

CAPTCHA_IN_FOOTER = (
    '<footer><form action="/newsletter"><input name="email"><div class="g-recaptcha" data-sitekey="k"></div></form>'
    '<div class="cf-turnstile"></div></footer><script src="https://www.google.com/recaptcha/api.js"></script>'
    '<script src="https://challenges.cloudflare.com/turnstile/v0/api.js"></script>'
    '<script src="https://static.cloudflareinsights.com/beacon.min.js"></script>'
    '<script src="/cdn-cgi/challenge-platform/scripts/jsd/main.js"></script>'
)
TALK = (
    "<p>The page said: verify you are human. Then it said: you have been blocked, access denied, unusual traffic from"
    " your IP address.</p><p>Checking your browser, just a moment, too many requests, reference #18.2f, 403 Forbidden."
    " Please enable JavaScript and cookies to continue.</p>"
)

SIGN_UP = {
    "the overlay alone": page('<div class="nk-paywall-free-member-form"><h3>Join</h3></div>'),
    "the form in the place of a text": article("Looms", FORM),
    "the form in the place of a text and its element": article("Looms", "").replace(EMPTY_BODY, FORM),
    "the form in the place of a text, above cards": article("Looms", FORM).replace("</main>", f"{card('Wool')}</main>"),
    "the form around a text": page(
        f'<div class="nk-paywall-free-member-form">{article("Looms", "<p>Text.</p>")}</div>'
    ),
    "the overlay over a listing": page(card("Looms") + '<div class="free-member-form-inner"></div>'),
    "a bare overlay": '<div class="free-member-form-inner"><input name="email"></div>',
    "a form of another class": page('<form action="/free-member-form/?redirect=%2F"><input name="email"></form>'),
}
CHECKS = {
    "Cloudflare, whole": bare(
        "<div><h1>kcnawatch.org</h1><h2>Prüfung läuft</h2></div><script>window._cf_chl_opt={cType:'managed'};</script>",
        "Nur einen Moment…",
    ),
    "Cloudflare, script only": bare('<script src="/cdn-cgi/challenge-platform/h/g/orchestrate/chl_page/v1"></script>'),
    "Cloudflare, fragment": '<form action="/wp-admin/admin-ajax.php?__cf_chl_f_tk=abc" method="POST"></form>',
    "Cloudflare, old": bare('<div id="cf-browser-verification">Wait</div>'),
    "DDoS-Guard": bare("<p>Checking</p><script src='/.well-known/ddos-guard/js-challenge/index.js'></script>"),
    "DDoS-Guard, by title": bare("", "DDoS-Guard"),
    "Sucuri": bare("<script>var sucuri_cloudproxy_js='';S='cz0i';</script>", "You are being redirected..."),
    "Sucuri, block": bare("<h1>Sucuri WebSite Firewall - Access Denied</h1><p>Block ID: GEO02</p>"),
    "Imperva": bare('<iframe src="/_Incapsula_Resource?CWUDNSAI=9&incident_id=12-34&edet=12"></iframe>'),
    "Imperva, words": bare("Request unsuccessful. Incapsula incident ID: 12-34"),
    "Akamai": bare(
        '<h1>Access Denied</h1>You don\'t have permission to access "/" on this server.<p>Reference&#32;&#35;18.6f',
        "Access Denied",
    ),
    "Akamai, by host": bare("<p>Fehler</p><p>https://errors.edgesuite.net/18.6f</p>"),
    "AWS WAF": bare('<script>window.awsWafCookieDomainList=[];window.gokuProps={"key":"x"};</script><div></div>'),
    "Anubis": bare('<script id="anubis_challenge" type="application/json">{}</script><h1>Making sure</h1>'),
    "Anubis, by path": bare('<img src="/.within.website/x/cmd/anubis/static/img/pensive.webp">'),
    "DataDome": bare('<script src="https://ct.captcha-delivery.com/c.js"></script>'),
    "HUMAN": bare('<div id="px-captcha"></div>'),
    "SiteGround": bare('<meta http-equiv="refresh" content="0;/.well-known/sgcaptcha/?r=%2F">'),
    "Vercel": bare("<p>Vercel Security Checkpoint</p>"),
    "Wordfence": bare("<p>Your access is limited</p><p>Generated by Wordfence at noon</p>"),
    "reCAPTCHA, alone": bare('<div class="g-recaptcha"></div>', "kcnawatch.org"),
    "Turnstile in the site's chrome": page('<div class="cf-turnstile"></div>'),
    "hCaptcha, drawn by its script": bare("<script src='https://js.hcaptcha.com/1/api.js'></script><div></div>"),
    "hCaptcha, fragment": '<div class="h-captcha" data-sitekey="k"></div>',
    "Turnstile, words": page(
        '<p>Please verify that you are human.</p><div class="cf-turnstile"></div>' + "<p>x y</p>" * 150
    ),
    "a script that reloads": "<script>document.cookie='a=1';location.reload()</script>",
    "a refresh": '<html><head><meta http-equiv="Refresh" content="5"></head><body></body></html>',
}
BLOCKS = {
    "a heading": "<h1>Access denied</h1>",
    "a heading in a page": bare("<h1>Access Denied</h1>"),
    "a heading in the site's chrome": page("<h1>Access denied</h1>"),
    "plain text": "Forbidden",
    "plain text with a full stop": "Access denied.\n",
    "JSON": '{"message":"Forbidden"}',
    "nginx": bare("<center><h1>403 Forbidden</h1></center><hr><center>nginx</center>", "403 Forbidden"),
    "Apache": bare("<h1>Forbidden</h1><p>You don't have permission to access this resource.</p>", "403 Forbidden"),
    "blocked": bare(
        "<h1>Sorry, you have been blocked</h1><p>You are unable to access this site</p>", "Attention Required!"
    ),
    "unusual traffic": bare("<p>Our systems have detected unusual traffic from your network.</p>"),
    "an address": bare("<p>Your IP 192.0.2.7 has been temporarily blocked.</p>"),
    "an address alone": "Your IP address: 192.0.2.7",
    "too many": "<h1>Too Many Requests</h1>",
    "Cloudflare's 1015": bare("<h1>Error 1015</h1><p>You are being rate limited</p><p>Ray ID: 7f</p>"),
    "verify": "<p>Please verify you are a human</p>",
    "not a robot": "<label>I'm not a robot</label>",
    "checking": bare("<p>Checking your browser before accessing kcnawatch.org.</p>"),
    "scripts off": bare("<noscript>Enable JavaScript and cookies to continue</noscript>"),
    "scripts off, beside words": bare("<p>One moment, please</p><noscript>Enable JavaScript</noscript>"),
    "a moment, by title": bare("<p>kcnawatch.org</p>", "Just a moment..."),
    "a title above many words": bare("<p>We care for our readers. </p>" * 60, "Access Denied"),
    "two sayings among many words": bare("<p>We care. </p>" * 100 + "<p>Security check</p><p>Ray ID: 7f</p>"),
    "WordPress says no": bare('<div class="wp-die-message">Sorry, you are not allowed to access this page.</div>'),
    "log-in form": page('<form id="loginform"><input name="log"><input name="pwd"></form>'),
    "log-in form, bare": '<form id="loginform" action="/wp-login.php"></form>',
    "log-in form of another kind": bare("<form><input name='u'><input type='password' name='p'></form>"),
    "log-in words": bare("<p>Please log in to continue.</p>"),
}
PAGES = {
    "an article entitled Access denied": article("Access denied", "<p>The gate was shut.</p>"),
    "an article of one such sentence": article("Looms", "<p>You have been blocked.</p>"),
    "an article that tells of walls": article("Verify you are human", TALK),
    "an article without its class": article("Access denied", TALK, content_class="text"),
    "an article with captchas": article("Looms", "<p>Text.</p>") + CAPTCHA_IN_FOOTER,
    "a truncated article": article(
        "Looms", "<p>Text...</p><p>Upgrade to NK PRO today to get full access to this content</p>"
    ),
    "an article about mark-up": article("Looms", "<p>_cf_chl_opt, sucuri_cloudproxy_js and gokuProps</p>"),
    "an article above a log-in form": article("Looms", '<p>Text.</p><form id="loginform"></form>'),
    "an empty article": article("Access denied", ""),
    "a listing of such titles": page(card("Access denied") + card("You have been blocked", 2) + CAPTCHA_IN_FOOTER),
    "a fragment of such titles": card("Access denied") + card("403 Forbidden", 2),
    "a card of no known class": (
        "<div><a href='/newstream/1616497394-946528541/x'>Access denied</a> March 23, 2021</div>"
    ),
    "a home page of such sources": page('<h2><a href="/article/163/">Access Denied Daily</a></h2>') + CAPTCHA_IN_FOOTER,
    "a listing without cards for those without scripts": page(
        "<h2>KCNA.kp (En)</h2><noscript>Please enable JavaScript.</noscript>"
    ),
    "a page with comments": page("<p>About us</p><p>You must be logged in to post a comment.</p>"),
    "a listing without cards or words": page("") + CAPTCHA_IN_FOOTER,
    "a listing without cards": page("<h2>KCNA.kp (En)</h2>") + CAPTCHA_IN_FOOTER,
    "a page that is not found": page("<h1>That page can’t be found.</h1>") + CAPTCHA_IN_FOOTER,
    "a broken database": bare("<h1>Error establishing a database connection</h1>", "Database Error"),
    "a long page with one saying": bare("<p>We wove cloth. </p>" * 100 + "<p>He heard: access denied.</p>"),
    "a log-in form in the menu": page("<p>About this archive.</p>").replace(
        "<nav>", '<nav><form id="loginform"><input type="password"></form>'
    ),
    "a note that the list ends": '<p class="no-more">No more articles</p>',
    "zero": "0",
    "nothing": "",
    "white space": " \n ",
    "a title alone": "<title>KCNA Watch</title><script>var where=location.href;</script>",
}


@pytest.mark.parametrize("name", SIGN_UP)
def test_a_sign_up_form_is_a_sign_up_wall(name: str) -> None:
    wall = find_wall(SIGN_UP[name])
    assert isinstance(wall, SignUpWall)
    assert wall.detail.startswith("sign-up form: ")
    assert wall.reason == "sign_up_wall"


@pytest.mark.parametrize("name", CHECKS | BLOCKS)
def test_a_bot_check_or_a_refusal_is_blocked(name: str) -> None:
    wall = find_wall((CHECKS | BLOCKS)[name])
    assert isinstance(wall, Blocked)
    assert wall.reason == "blocked"
    assert wall.detail.startswith(("bot check: ", "log-in form: ", "words: "))
    assert len(wall.detail) < 250
    assert wall.detail.isprintable()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_that_only_speaks_of_walls_is_none(name: str) -> None:
    assert find_wall(PAGES[name]) is None


@pytest.mark.parametrize(
    ("markup", "detail"),
    [
        (CHECKS["Cloudflare, whole"], "bot check: Cloudflare, _cf_chl_"),
        (CHECKS["Akamai, by host"], "bot check: Akamai, errors.edgesuite.net"),
        (BLOCKS["a heading"], "words: Access denied"),
        (BLOCKS["too many"], "words: Too Many Requests"),
    ],
)
def test_a_wall_names_what_told_it(markup: str, detail: str) -> None:
    wall = find_wall(markup)
    assert wall is not None
    assert wall.detail == detail


@pytest.mark.parametrize("name", ["cf-mitigated", "CF-Mitigated"])
def test_a_header_tells_a_bot_check_whatever_the_page_holds(name: str) -> None:
    wall = find_wall(PAGES["a listing of such titles"], {name: "challenge", "Server": "cloudflare"})
    assert isinstance(wall, Blocked)
    assert "cf-mitigated" in wall.detail
    assert isinstance(find_wall("", {"x-amzn-waf-action": "captcha"}), Blocked)


def test_other_headers_tell_nothing() -> None:
    headers = {"server": "cloudflare", "cf-ray": "7f", "cf-cache-status": "DYNAMIC", "x-amzn-requestid": "challenge"}
    assert find_wall(PAGES["an article with captchas"], headers) is None


def test_more_markup_than_any_page_has_is_refused() -> None:
    with pytest.raises(Unparsable):
        find_wall("<p>" * (MAX_TAGS + 1))


READERS: dict[str, Callable[[str], object]] = {
    "article": lambda markup: ArticlePage(markup, URL, SITE).read(),
    "listing": lambda markup: ListingPage(markup, AJAX, SITE),
    "home": lambda markup: sources(markup, SITE.home, SITE),
}


BESIDE_CARDS = {
    ("listing", "the overlay over a listing"),
    ("listing", "the form in the place of a text, above cards"),
}
CASES = {(reader, name) for reader in READERS for name in SIGN_UP | CHECKS | BLOCKS}


@pytest.mark.parametrize(("reader", "name"), sorted(CASES - BESIDE_CARDS))
def test_every_reader_refuses_a_wall_as_what_it_is(reader: str, name: str) -> None:
    markup = (SIGN_UP | CHECKS | BLOCKS)[name]
    wall = find_wall(markup)
    assert wall is not None
    with pytest.raises(type(wall)) as caught:
        READERS[reader](markup)
    assert caught.value.detail == wall.detail


@pytest.mark.parametrize("name", [name for name in PAGES if "article" in name.split()])
def test_an_article_that_speaks_of_walls_is_read(name: str) -> None:
    assert ArticlePage(PAGES[name], URL, SITE).read().date_raw == "23/03/2021"


@pytest.mark.parametrize("where", BESIDE)
def test_a_form_beside_a_whole_article_is_no_wall_and_none_of_its_text(where: str) -> None:
    page = ArticlePage(BESIDE[where], URL, SITE)
    fields = page.read()
    assert (fields.headline, fields.access, page.has_sign_up_form) == ("Looms", "full", True)
    assert fields.article_body.split("\n\n") == [
        "A first paragraph, of the looms at the mill.",
        "A second paragraph, of what they weave.",
    ]


def test_a_page_whose_header_is_not_known_is_no_wall_for_a_form_beside_its_text() -> None:
    page = BESIDE["after the text"].replace("Date: 23/03/2021", "23.3.2021")
    with pytest.raises(LayoutChanged):
        ArticlePage(page, URL, SITE).read()


def test_a_form_that_is_hidden_is_no_wall_where_there_is_no_text() -> None:
    assert ArticlePage(article("Looms", f"<div hidden>{FORM}</div>"), URL, SITE).read().access == "empty"


def test_a_form_in_a_side_bar_is_in_no_article_s_place() -> None:
    page = article("Looms", "").replace("</main>", f"</main><aside>{FORM}</aside>")
    assert ArticlePage(page, URL, SITE).read().access == "empty"


@pytest.mark.parametrize("where", CUT)
def test_a_text_that_ends_in_a_form_is_held_to_be_cut(where: str) -> None:
    fields = ArticlePage(CUT[where], URL, SITE).read()
    assert fields.access == "truncated"
    assert fields.article_body.startswith("A first paragraph")
    assert not re.search("Join|Log in", fields.article_body)


def test_a_form_beside_the_sources_of_the_home_page_is_no_wall() -> None:
    link = '<a href="/article/156/">KCNA.kp (En)</a>'
    assert [one.sid for one in sources(page(link + FORM), SITE.home, SITE)] == [163, 156]


def test_a_truncated_article_is_an_article() -> None:
    fields = ArticlePage(PAGES["a truncated article"], URL, SITE).read()
    assert (fields.access, fields.article_body) == ("truncated", "Text...")


def test_a_form_over_cards_that_are_there_hides_nothing() -> None:
    assert ListingPage(SIGN_UP["the overlay over a listing"], AJAX, SITE).cards


def test_a_listing_whose_cards_speak_of_walls_is_read() -> None:
    titles = [one.headline for one in ListingPage(PAGES["a listing of such titles"], AJAX, SITE).cards]
    assert titles == ["Access denied", "You have been blocked"]


# The end of a list is not lightly believed


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "0",
        "-1",
        " \n",
        "<div></div>",
        "<p>0</p>",
        "<p class='no-more'>No more articles</p>",
        "<p>No more articles.</p><!-- cached -->",
        "<p>Sorry, nothing was found.</p>",
        "<p>Nothing further to show: no older posts</p>",
        "<p>No results</p>",
        "<p>End of list</p>",
        "<p>더 이상 기사가 없습니다</p>",
        "<script>document.getElementById('more').hidden=true</script>",
    ],
)
def test_nothing_or_a_short_note_that_there_is_no_more_is_an_end(answer: str) -> None:
    assert ListingPage(answer, AJAX, SITE).is_end


@pytest.mark.parametrize(
    "answer",
    [
        "<p>Something went wrong.</p>",
        "<p>Please try again later</p>",
        "Fatal error: out of memory in ajax.php on line 7",
        "<h2>Popular</h2><p>Looms are weaving</p>",
        "<p>There are no more articles that we could show you now, as the archive moves; please do come back soon.</p>",
        "<html><body></body></html>",
        "<iframe src='/x'></iframe>",
        "<script src='/check.js'></script>",
        '<form action="/x"></form>',
        "<p>1</p>",
        "null",
        "<a href='/newstream/1616497394-946528541/x'>No more articles</a>",
    ],
)
def test_whatever_else_a_reader_sees_is_no_end(answer: str) -> None:
    assert not ListingPage(answer, AJAX, SITE).is_end
