"""The pages of the replica: content from a world, mark-up from a variant."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from urllib.parse import quote, urlencode

from kcnacrawl.replica import chrome
from kcnacrawl.replica.alteration import UNALTERED, Alteration
from kcnacrawl.replica.markup_variant import MarkupVariant
from kcnacrawl.replica.words import LEADERS, month
from kcnacrawl.replica.world import (
    NOTICE,
    ArticleView,
    CardView,
    Image,
    Outlet,
    World,
    card_date,
    header_date,
)

PAGE_SIZE = 10
SITEMAP_SIZE = 1000

_NUMERIC = str.maketrans({"’": "&#8217;", "‘": "&#8216;", "“": "&#8220;", "”": "&#8221;"})
# What a page can hold in no other way.
_UNSPEAKABLE = {0: "&#0;", 0xD800: "&#xD800;", 0xDFFF: "&#xDFFF;"}
_BLANK_IMAGE = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
_PROMOTIONS = (
    "Get North Korea headlines delivered to your inbox daily",
    "Subscribe to the NK News 'Daily Update' newsletter",
    "NK News is hiring",
    "Join the NK Pro team",
)

# What every button does with the address its variant comes to: fetch cards, put them below the others.
_LOADER = """
function kcnaLoad(url,button){
  var request=new XMLHttpRequest();
  request.onload=function(){
    if(request.responseText.indexOf('article-desc')<0){button.style.display='none';return;}
    button.previousElementSibling.insertAdjacentHTML('beforeend',request.responseText);
  };
  request.open('GET',url);request.send();
}
var kcnaFrom=0;
function kcnaUrl(id){
  kcnaFrom+=10;
  return '/wp-admin/admin-ajax.php?action=get_cat_by_source&die=true&from='+kcnaFrom+'&to=10&sort=&id='+id;
}
var kcnaButton=document.getElementById('more_articles');
function kcnaOn(url){
  kcnaButton.addEventListener('click',function(e){e.preventDefault();kcnaLoad(url(),kcnaButton);});
}
"""


@dataclass(frozen=True)
class SearchForm:
    """What was asked of the search, raw; ``start`` and ``end`` are ``DD-MM-YYYY`` or empty."""

    query: str = ""
    source: str = ""
    start: str = ""
    end: str = ""


class Renderer:
    """Makes the pages of one world in one variant for one site address (``http://127.0.0.1:8000``).

    ``alteration`` is what a fault changes of them.
    """

    def __init__(self, world: World, variant: MarkupVariant, base_url: str, alteration: Alteration = UNALTERED) -> None:
        self._world = world
        self._variant = variant
        self._base = base_url
        self._alteration = alteration
        self._head = chrome.head(decoys=variant.decoys == "many").encode()
        self._header = chrome.header().encode()
        self._footer = chrome.footer().encode()
        self._blocks: dict[int, bytes] = {}
        self._blocks_version = -1

    # Pages

    def article(self, view: ArticleView) -> bytes:
        """Return an article's page."""
        view = self._alteration.article(view)
        old = view.layout == "2017"
        parts = ["" if old else self._top(view.layout)]
        parts.append('<main class="container"><div class="article-main">\n')
        parts.append("" if old else self._crumb(view.outlet))
        parts.append(self._headline(view.title))
        parts.append(self._article_header(view))
        parts.append(SIGN_UP_FORM if view.gate == "form" else self._container(view, old=old))
        if view.form == "shown" and view.gate is None:
            parts.append(SIGN_UP_FORM)
        elif view.form == "hidden" and view.gate is None:
            parts.append(f'<div style="display:none">{SIGN_UP_FORM}</div>\n')
        parts.append("</div>\n")
        block = b"" if old else self._more_from(view.outlet)
        opening = self._opening(
            f"single single-newstream postid-{300_000 + view.number}", self._canonical(view.id, view.slug)
        )
        return b"".join([*opening, "".join(parts).encode(), block, b"</main>\n", self._footer])

    def listing(self, outlet: Outlet, cards: Sequence[CardView] | None = None) -> bytes:
        """Return a source's first page, with other cards than its newest if there are any given."""
        cards = self._world.cards(outlet.sid, 0, PAGE_SIZE) if cards is None else cards
        box = '<div id="latest_article_wrapper">{}</div>' if self._variant.wrapper == "id" else ""
        box = (box or '<div class="latest-articles">{}</div>').replace("{}", self._cards(cards))
        sidebar = self._sidebar(outlet) if self._variant.sidebar != "none" else ""
        before, after = (sidebar, "") if self._variant.sidebar == "before" else ("", sidebar)
        return self._page(
            f"archive source-{outlet.sid}",
            f'<main class="container">{before}<section><h2 class="source-title">{escape(outlet.label)}</h2>\n'
            f"{box}{self._more_articles(outlet)}</section>{after}</main>",
        )

    def fragment(self, cards: Sequence[CardView]) -> bytes:
        """Return an answer of the AJAX endpoint: bare cards, or the end."""
        return self._cards(cards).encode() or self._end()

    def _end(self) -> bytes:
        """Return what the AJAX endpoint answers past the end."""
        ends = {
            "empty": "",
            "zero": "0",
            "whitespace": "\n  \n",
            "message": '<p class="no-more">No more articles</p>',
        }
        return ends[self._variant.end].encode()

    def home(self) -> bytes:
        """Return the home page: every source with several links, and its newest articles."""
        blocks = "".join(self._home_block(outlet) for outlet in self._world.outlets)
        return self._page("home", f'<main class="container">{blocks}{self._search_form(SearchForm())}</main>')

    def search(self, form: SearchForm, hits: Sequence[str]) -> bytes:
        """Return the search page with the first ten hits."""
        cards = [self._world.card(hit) for hit in hits[:PAGE_SIZE]]
        more = self._more_results(form) if len(hits) > PAGE_SIZE else ""
        found = self._cards(cards) if hits else '<p class="no-results">Sorry, nothing was found.</p>'
        return self._page(
            "search search-results",
            f'<main class="container">{self._search_form(form)}\n<div id="search_results">{found}</div>{more}</main>',
        )

    def search_action(self) -> str:
        """Return the AJAX action behind ``#more_results``."""
        return {"script": "get_search_results", "data": "load_more_search"}[self._variant.search_more]

    def message(self, kind: str, text: str) -> bytes:
        """Return a page that says nothing but ``text``, which is HTML."""
        return self._page(kind, f'<main class="container"><div class="page-content">{text}</div></main>')

    def robots(self, crawl_delay: float | None) -> bytes:
        """Return WordPress's robots.txt."""
        delay = "" if crawl_delay is None else f"Crawl-delay: {crawl_delay:g}\n"
        return (
            f"User-agent: *\nDisallow: /wp-admin/\nAllow: /wp-admin/admin-ajax.php\n{delay}\n"
            f"Sitemap: {self._base}/sitemap_index.xml\n"
        ).encode()

    def sitemap_index(self) -> bytes:
        """Return Yoast's index: the first child has no number, the next is 2."""
        pages = max(1, -(-len(self._world.ids()) // SITEMAP_SIZE))
        names = ["page-sitemap.xml", "newstream-sitemap.xml"]
        names += [f"newstream-sitemap{page}.xml" for page in range(2, pages + 1)]
        items = "".join(
            f"\t<sitemap>\n\t\t<loc>{self._base}/{name}</loc>\n{self._lastmod('')}\t</sitemap>\n" for name in names
        )
        return _sitemap("sitemapindex", items)

    def sitemap(self, page: int) -> bytes | None:
        """Return the articles of child ``page`` (from 1), oldest arrival first; ``None`` if there is none such."""
        ids = self._world.ids()[(page - 1) * SITEMAP_SIZE : page * SITEMAP_SIZE]
        return _sitemap("urlset", "".join(map(self._sitemap_item, ids))) if ids or page == 1 else None

    def page_sitemap(self) -> bytes:
        """Return the child that holds no articles."""
        return _sitemap("urlset", f"\t<url>\n\t\t<loc>{self._base}/about/</loc>\n\t</url>\n")

    def feed(self) -> bytes:
        """Return the feed of articles, which is malformed."""
        items = "".join(
            f"<item><title>{self._world.card(name).title}</title><link>{self._base}/newstream/{name}</link>"
            for name in self._world.ids()[-PAGE_SIZE:]
        )
        return f'\n<?xml version="1.0"?>\n<rss version="2.0"><channel>{items}R&D<br></rss>'.encode()

    # An article page, piece by piece

    def _top(self, layout: str) -> str:
        top = "single" if layout == "2024" else self._variant.top
        if top == "absent":
            return ""
        today = self._world.today
        short = ""
        if top == "doubled":
            short = f'<span class="d-md-none">{month(today.month)[:3]} {today.day:02}, {today.year}</span>'
        return f'<div class="top-bar"><span class="d-none d-md-inline">{card_date(today)}</span>{short}</div>\n'

    def _crumb(self, outlet: Outlet) -> str:
        label = escape(outlet.label)
        match self._variant.crumb:
            case "link":
                return f'<div class="crumb">KCNA <a href="/article/{outlet.sid}/">{label}</a></div>\n'
            case "list":
                return f'<ul class="breadcrumb"><li>KCNA </li><li>{label}</li></ul>\n'
            case "image":
                return f'<div class="crumb"><img src="{chrome.LOGO}" alt=""> {label}</div>\n'
            case _:
                return f'<div class="crumb">KCNA {label}</div>\n'

    def _headline(self, title: str) -> str:
        text = self._escape(title)
        return self._alteration.headline(self._headline_element(text), text)

    def _headline_element(self, text: str) -> str:
        match self._variant.headline:
            case "div":
                return f'<div class="article-title">{text}</div>\n'
            case "span":
                return f'<div class="title-bar"><span class="title">{text}</span></div>\n'
            case "nested":
                return f'<div class="title-bar"><div><h3>{text}</h3></div></div>\n'
            case tag:
                return f"<{tag}>{text}</{tag}>\n"

    def _article_header(self, view: ArticleView) -> str:
        label = self._escape(view.label)
        return self._alteration.header(self._header_element(view, label), view, label)

    def _header_element(self, view: ArticleView, label: str) -> str:
        day = header_date(view.published)
        link = ""
        if view.original_url:
            link = f'<a href="{escape(view.original_url)}" target="_blank">Read original version at source</a>'
        bar = f" | {link}" if link else ""
        match self._variant.header:
            case "spans":
                last = f" | <span>{link}</span>" if link else ""
                return f"<p><span>Date: {day}</span> | <span>Source: {label}</span>{last}</p>\n"
            case "list":
                last = f"<li>{bar}</li>" if link else ""
                return f'<ul class="meta"><li>Date: {day}</li><li> | Source: {label}</li>{last}</ul>\n'
            case "strong":
                source = f"<strong>Source:</strong> {label}"
                return f'<div class="info"><strong>Date:</strong> {day} | {source}{bar}</div>\n'
            case "comments":
                return (
                    f"<p><!-- date -->Date:&nbsp;{day}<!-- end -->\n |&nbsp;Source: <!-- source -->{label}"
                    f"<!-- end -->{bar}</p>\n"
                )
            case "heading":
                return f"<h5>Date: {day} | Source: {label}{bar}</h5>\n"
            case _:
                return f'<p class="post-info">Date: {day} | Source: {label}{bar}</p>\n'

    def _container(self, view: ArticleView, *, old: bool) -> str:
        """Return the body's element with whatever the variant puts into it and around it."""
        lines = _share() if old else ""
        if self._variant.chrome != "none":
            lines += _promotions()
        text = self._body(view)
        notice = self._notice() if view.body == "truncated" else ""
        inside, after = (notice, "") if self._variant.notice == "inside" else ("", notice)
        match self._variant.chrome:
            case "start":
                text, outside = f"{lines}{text}{inside}", ""
            case "end":
                text, outside = f"{text}{inside}{lines}", ""
            case _:
                text, outside = f"{text}{inside}", lines
        if view.body == "missing":
            return lines
        return f"{outside}{self._box(text)}{after}"

    def _box(self, text: str) -> str:
        return self._alteration.body(self._box_element(text))

    def _box_element(self, text: str) -> str:
        match self._variant.body:
            case "entry":
                return f'<div class="entry article-content clearfix">{text}</div>\n'
            case "nested":
                return f'<div class="entry-content"><div class="article-content">{text}</div></div>\n'
            case "section":
                return f'<section class="article-content">{text}</section>\n'
            case _:
                return f'<div class="article-content">\n{text}\n</div>\n'

    def _body(self, view: ArticleView) -> str:
        if view.body == "blank":
            return "<p>&nbsp;</p>\n"
        paragraphs = [self._paragraph(text, view) for text in view.paragraphs]
        images = [_image(image) for image in view.images]
        match self._variant.paragraphs:
            case "br":
                return "".join(image + "<br>\n" for image in images) + "<br />\n".join(paragraphs)
            case "brbr":
                return "<br /><br />\n".join([*paragraphs, *images])
            case "div":
                return _each("div", [*paragraphs[:1], *images, *paragraphs[1:]])
            case "nested":
                return f'<div class="text"><div>{_each("p", [*images, *paragraphs])}</div></div>'
            case "mixed":
                return _each("p", [*paragraphs[:2], *images]) + "<br><br>".join(paragraphs[2:])
            case _:
                blank = ["&nbsp;"] if view.number % 5 == 0 and paragraphs else []
                return _each("p", [*paragraphs[:1], *images, *blank, *paragraphs[1:]])

    def _paragraph(self, text: str, view: ArticleView) -> str:
        """Return one paragraph's text as mark-up: odd white space first, then the leader's name in its tag."""
        text = self._escape(text)
        if view.spaces == "wrapped":
            text = "\n\t".join(text.rsplit(" ", 2))
        elif view.spaces == "indented":
            text = f"&nbsp;&nbsp;{text}"
        elif view.spaces == "spaced":
            text = text.replace(". ", ".  ")
        name = LEADERS[view.language]
        tag = self._variant.leader
        opening = f'{tag} class="leader"' if tag == "span" else tag
        return text.replace(name, f"<{opening}>{name}</{tag}>") if name in text else text

    def _notice(self) -> str:
        linked = escape(NOTICE).replace("Upgrade to NK PRO", '<a href="/upgrade/">Upgrade to NK PRO</a>')
        return f'\n<div class="upgrade-notice"><p>{linked}</p></div>\n'

    def _canonical(self, name: str, slug: str) -> bytes:
        match self._variant.canonical:
            case "article":
                return f'<link rel="canonical" href="{self._base}/newstream/{name}/{self._escape(slug)}/">\n'.encode()
            case "home":
                return f'<link rel="canonical" href="{self._base}/">\n'.encode()
            case _:
                return b""

    def _more_from(self, outlet: Outlet) -> bytes:
        """Return the newest ten of a source: the same under each of its articles, so made once."""
        if self._blocks_version != self._world.version:
            self._blocks_version = self._world.version
            self._blocks.clear()
        if outlet.sid not in self._blocks:
            cards = self._cards(self._world.cards(outlet.sid, 0, PAGE_SIZE))
            button = self._more_articles(outlet) if self._variant.more_from == "button" else ""
            self._blocks[outlet.sid] = (
                f'<section class="more-from"><h3>More From {escape(outlet.label)}</h3>\n'
                f"<div>{cards}</div>{button}</section>\n"
            ).encode()
        return self._blocks[outlet.sid]

    # Cards and buttons

    def _cards(self, cards: Iterable[CardView]) -> str:
        return "" if self._alteration.hides_cards else "".join(map(self._card, cards))

    def _card(self, card: CardView) -> str:
        card = self._alteration.card(card)
        return self._alteration.card_html(self._card_element(card), card)

    def _card_element(self, card: CardView) -> str:
        variant = self._variant
        title = self._escape(card.title)
        link = self._escape(self._link(card.id, card.slug))
        summary = self._escape(card.summary or "")
        shown = f'<p class="articled-date"> <span>{card_date(card.listed)}</span></p>\n'
        second = self._second_summary(summary)
        tail = f"{second}{shown}" if variant.second_place == "before" else f"{shown}{second}"
        classes = "d-none d-sm-none d-md-block" if variant.summary == "bootstrap" else "summary"
        opening, closing = ("article", "article") if variant.card == "article" else ("div", "div")
        kind = "clearfix" if variant.card == "article" else "row"
        return (
            f'<{opening} class="{kind}">\n<div class="article-thumb">{self._thumb(card, title, link)}</div>\n'
            f'<div class="article-desc">\n<h4><a href="{link}">{title}</a></h4>\n'
            f'<p class="{classes}">{summary}</p>\n{tail}</div>\n</{closing}>\n'
        )

    def _thumb(self, card: CardView, title: str, link: str) -> str:
        repeats = self._variant.second_title
        alt = title.replace('"', "&quot;") if repeats == "alt" else "KCNA Watch Logo"
        image = f'<a href="{link}"><img src="/wp-content/themes/kcna/{card.outlet.sid}.png" alt="{alt}"></a>'
        if repeats == "heading":
            return f'{image}<h4 class="d-block d-md-none"><a href="{link}">{title}</a></h4>'
        if repeats == "link":
            return f'{image}<a class="d-block d-md-none" href="{link}">{title}</a>'
        return image

    def _second_summary(self, summary: str) -> str:
        tag = self._variant.second_summary
        dots = "..." if summary and self._variant.second_ending == "dots" else ""
        return f'<{tag} class="d-block d-md-none">{summary}{dots}</{tag}>\n'

    def _link(self, name: str, slug: str) -> str:
        path = f"/newstream/{name}/{slug}"
        match self._variant.links:
            case "relative":
                return path
            case "protocol-relative":
                return f"{self._base[self._base.index('//') :]}{path}"
            case "slash":
                return f"{self._base}{path}/"
            case _:
                return f"{self._base}{path}"

    def _more_articles(self, outlet: Outlet) -> str:
        button, script = self._button(outlet)
        return f"{button}\n<script>{_LOADER}{script}</script>\n"

    def _button(self, outlet: Outlet) -> tuple[str, str]:
        """Return the button *More Articles*, and the script that makes it work: one of them tells the AJAX id."""
        number = outlet.ajax_id
        extra = f' data-offset="10" data-to="10" data-sid="{outlet.sid}"' if self._variant.decoys == "many" else ""
        plain = f'<button id="more_articles" class="btn"{extra}>More Articles</button>'
        query = f"action=get_cat_by_source&die=true&from=10&to=10&sort=&id={number}"
        match self._variant.ajax_id:
            case "script-url":
                url = json.dumps(f"{self._base}/wp-admin/admin-ajax.php?{query}").replace("/", "\\/")
                return plain, (
                    f"var kcnaMore={url};\n"
                    "kcnaOn(function(){kcnaFrom+=10;return kcnaMore.replace('from=10','from='+kcnaFrom);});"
                )
            case "script-object":
                settings = {
                    "action": "get_cat_by_source",
                    "from": 10,
                    "to": 10,
                    "sort": "",
                    "id": str(number),
                }
                return plain, (
                    f"var kcna_more={json.dumps(settings)};\nkcnaOn(function(){{return kcnaUrl(kcna_more.id);}});"
                )
            case "script-variable":
                return (
                    plain,
                    f"var source_term = {number};\nkcnaOn(function(){{return kcnaUrl(source_term);}});",
                )
            case "onclick":
                shown = "12, " if self._variant.decoys == "many" else ""
                call = f"get_cat_by_source({shown}10, 10, '', {number}); return false;"
                return plain.replace(">", f' onclick="{call}">', 1), (
                    "function get_cat_by_source(){kcnaLoad(kcnaUrl([].pop.call(arguments)),kcnaButton);}"
                )
            case "hidden-input":
                field = f'\n<input type="hidden" name="source_term" id="source_term" value="{number}">'
                return plain + field, (
                    "kcnaButton=document.getElementById('more_articles');"
                    "kcnaOn(function(){return kcnaUrl(document.getElementById('source_term').value);});"
                )
            case "href":
                link = f"/wp-admin/admin-ajax.php?{escape(query)}"
                return f'<a id="more_articles" class="btn" href="{link}"{extra}>More Articles</a>', (
                    "kcnaOn(function(){kcnaFrom+=10;"
                    "return kcnaButton.getAttribute('href').replace('from=10','from='+kcnaFrom);});"
                )
            case "hidden":
                return plain, (
                    f"var kcnaPieces=[{number // 7},{number % 7}];\n"
                    "kcnaOn(function(){return kcnaUrl(kcnaPieces[0]*7+kcnaPieces[1]);});"
                )
            case attribute:
                return plain.replace(">", f' {attribute}="{number}">', 1), (
                    f"kcnaOn(function(){{return kcnaUrl(kcnaButton.getAttribute('{attribute}'));}});"
                )

    # Home, search, sidebar, sitemap

    def _home_block(self, outlet: Outlet) -> str:
        place = f"{'' if self._variant.links == 'relative' else self._base}/article/{outlet.sid}/"
        news = "".join(
            f'<li><a href="{escape(self._link(card.id, card.slug))}">{self._escape(card.title)}</a></li>'
            for card in self._world.cards(outlet.sid, 0, 3)
        )
        return (
            f'<section class="source">'
            f'<a href="{place}"><img src="/wp-content/themes/kcna/{outlet.sid}.png" alt=""></a>'
            f'<h3><a href="{place}">{escape(outlet.label)}</a></h3><ul>{news}</ul>'
            f'<a class="all" href="{place}">View all</a></section>\n'
        )

    def _search_form(self, form: SearchForm) -> str:
        select = ""
        if self._variant.search_form == "select" and not self._variant.needs_browser:
            options = "".join(
                f'<option value="{outlet.ajax_id}">{escape(outlet.label)}</option>' for outlet in self._world.outlets
            )
            select = f'<select name="source"><option value="">All sources</option>{options}</select>'
        return (
            f'<form method="get" action="/"><input name="s" value="{escape(form.query)}">{select}'
            f'<input name="start" value="{escape(form.start)}"><input name="end" value="{escape(form.end)}">'
            '<input type="hidden" name="sort" value="recent"><button>Search</button></form>'
        )

    def _more_results(self, form: SearchForm) -> str:
        action = self.search_action()
        query = {
            "action": action,
            "s": form.query,
            "source": form.source,
            "start": form.start,
            "end": form.end,
        }
        if self._variant.search_more == "script":
            url = json.dumps(f"/wp-admin/admin-ajax.php?{urlencode(query)}&sort=recent&to=10&from=").replace(
                "<", "\\u003c"
            )
            return (
                '<button id="more_results" class="btn">More Results</button>\n'
                f"<script>{_LOADER.replace('more_articles', 'more_results')}var kcnaResults={url};\n"
                "kcnaOn(function(){kcnaFrom+=10;return kcnaResults+kcnaFrom;});</script>\n"
            )
        return (
            f'<button id="more_results" class="btn" data-action="{action}" data-page="2"'
            f' data-query="{escape(urlencode({**query, "sort": "recent"}))}">More Results</button>\n'
            f"<script>{_LOADER.replace('more_articles', 'more_results')}\n"
            "var kcnaPage=1;kcnaOn(function(){kcnaPage+=1;"
            "return '/wp-admin/admin-ajax.php?'+kcnaButton.getAttribute('data-query')+'&page='+kcnaPage;"
            "});</script>\n"
        )

    def _sidebar(self, outlet: Outlet) -> str:
        others = [other for other in self._world.outlets if other != outlet]
        cards = [card for other in others for card in self._world.cards(other.sid, 2, 2)][:6]
        items = "".join(
            f'<li><a href="{escape(self._link(card.id, card.slug))}">{self._escape(card.title)}</a></li>'
            for card in cards
        )
        return f'<aside class="popular"><h3>Popular</h3><ul>{items}</ul></aside>\n'

    def _sitemap_item(self, name: str) -> str:
        card = self._world.card(name)
        slash = "/" if self._variant.links == "slash" else ""
        place = f"{self._base}/newstream/{name}/{card.slug}{slash}"
        return f"\t<url>\n\t\t<loc>{place}</loc>\n{self._lastmod(name)}\t</url>\n"

    def _lastmod(self, name: str) -> str:
        if self._variant.lastmod == "absent":
            return ""
        modified = f"{self._world.today.isoformat()}T00:00:00+00:00"
        if name and self._variant.lastmod == "modified":
            modified = self._world.modified(name).isoformat()
        return f"\t\t<lastmod>{modified}</lastmod>\n"

    # Every page

    def _page(self, kind: str, content: str) -> bytes:
        return b"".join([*self._opening(kind, b""), content.encode(), self._footer])

    def _opening(self, kind: str, canonical: bytes) -> list[bytes]:
        decoys = _DECOYS if self._variant.decoys == "many" else ""
        body = f'</head>\n<body class="{kind} wp-custom-logo">\n{decoys}'
        return [self._head, canonical, body.encode(), self._header]

    def _escape(self, text: str) -> str:
        text = escape(text, quote=False)
        if self._alteration is not UNALTERED:
            text = text.translate(_UNSPEAKABLE)
        return text.translate(_NUMERIC) if self._variant.entities == "numeric" else text


def sign_up_address(target: str) -> str:
    """Return where a gated page redirects to."""
    return f"/free-member-form/?redirect={quote(target, safe='')}"


def parse_search_day(text: str) -> date | None:
    """Return ``DD-MM-YYYY`` as a day; ``None`` for anything else, which the search ignores."""
    try:
        day, dash_month, year = map(int, text.split("-"))
        return date(year, dash_month, day)
    except ValueError:
        return None


_DECOYS = '<div class="share" data-id="583114"></div><h2 class="screen-reader-text">Main menu</h2>\n'

SIGN_UP_FORM = (
    '<div class="nk-paywall-free-member-form"><div class="free-member-form-inner"><h3>Sign up to read on</h3>'
    '<form action="/free-member-form/"><input name="email"><button>Continue</button></form></div></div>\n'
)


def _each(tag: str, pieces: Iterable[str]) -> str:
    return "\n".join([f"<{tag}>{piece}</{tag}>" for piece in pieces])


def _image(image: Image) -> str:
    if image.lazy:
        return f'<img class="lazyload" src="{_BLANK_IMAGE}" data-src="{escape(image.url)}" alt="">'
    return f'<img src="{escape(image.url)}" alt="">'


def _share() -> str:
    return '<div class="share-button">Share Button</div>\n'


def _promotions() -> str:
    return f'<div class="promo">{_each("p", _PROMOTIONS)}</div>\n'


def _sitemap(root: str, items: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<{root} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{items}</{root}>\n'
    ).encode()
