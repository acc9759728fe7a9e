"""What surrounds the content of every page: styles, menus, scripts, footer. About 45 KB."""

from functools import cache
from html import escape

SITE = "KCNA Watch | An archive of state media"
LOGO = "/wp-content/themes/kcna/logo.png"

_TOPICS = [
    "Agriculture",
    "Army",
    "Art",
    "Culture",
    "Diplomacy",
    "Economy",
    "Education",
    "Energy",
    "Health",
    "History",
    "Industry",
    "Law",
    "Science",
]
_AREAS = [
    "Chagang",
    "Hwanghae",
    "Kaesong",
    "Kangwon",
    "Nampho",
    "Pyongan",
    "Pyongyang",
    "Rason",
    "Ryanggang",
    "Sinuiju",
    "Sunchon",
    "Wonsan",
]

_SCRIPT = """
window._wpemojiSettings={"baseUrl":"https:\\/\\/s.w.org\\/images\\/core\\/emoji\\/15.0.3\\/72x72\\/","ext":".png"};
window.dataLayer=window.dataLayer||[];function gtag(){dataLayer.push(arguments);}
gtag('js',new Date());gtag('config','UA-73201644-1');
document.addEventListener('DOMContentLoaded',function(){
  document.querySelectorAll('img[data-src]').forEach(function(i){i.src=i.getAttribute('data-src');});
});
"""

_DECOYS = """
var kcna_settings={"ajaxurl":"\\/wp-admin\\/admin-ajax.php","nonce":"4c71902e58","post_id":"204417"};
var heartbeat='/wp-admin/admin-ajax.php?action=heartbeat&interval=120&id=731904';
document.cookie='kcna_visit=580231; path=/';(function(h,o,t){h._hj={hjid:2419603,hjsv:6};})(window,document);
"""


@cache
def head(*, decoys: bool) -> str:
    """Return everything from the document type to ``</head>`` but the canonical link, which the caller adds last."""
    return (
        '<!DOCTYPE html>\n<html lang="en-US">\n<head>\n<meta charset="UTF-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(SITE)}</title>\n"
        f'<meta property="og:site_name" content="KCNA Watch">\n'
        '<link rel="alternate" type="application/rss+xml" title="Feed" href="/newstream/feed/">\n'
        f"<style>\n{_styles()}\n</style>\n<script>{_SCRIPT}{_DECOYS if decoys else ''}</script>\n"
    )


@cache
def header() -> str:
    """Return the site's logo and menus."""
    menu = "\n".join(
        f'<li class="menu-item menu-item-type-taxonomy menu-item-{place}"><a href="/topic/{topic.lower()}/">'
        f"{topic}</a></li>"
        for place, topic in enumerate(_TOPICS, 2201)
    )
    return (
        f'<header class="site-header"><a class="navbar-brand" href="/"><img src="{LOGO}"'
        ' alt="KCNA Watch Logo" width="180" height="40"></a>\n'
        '<nav class="navbar navbar-expand-md"><ul class="navbar-nav">\n'
        '<li><a href="/">Home</a></li><li><a href="/kctv-archive/">KCTV</a></li>'
        f'<li><a href="/newspapers/">Newspapers</a></li><li><a href="/?s=">Search</a></li>\n{menu}</ul></nav>'
        "</header>\n"
    )


@cache
def footer() -> str:
    """Return topics, legal lines, closing tags."""
    topics = "\n".join(
        f'<li class="cat-item"><a href="/topic/{topic.lower()}/{area.lower()}/" rel="tag"'
        f' class="tag-cloud-link small text-muted">{topic} in {area}</a></li>'
        for topic in _TOPICS
        for area in _AREAS
    )
    return (
        f'<footer class="site-footer"><div class="container">\n<ul class="tag-cloud">\n{topics}\n</ul>'
        "<p>All texts belong to their publishers.</p>"
        '<p><a href="/about/">About</a> | <a href="/privacy-policy/">Privacy</a></p></div></footer>\n'
        "</body>\n</html>\n"
    )


def _styles() -> str:
    breaks = ("", "sm-", "md-", "lg-", "xl-")
    sides = {"": "", "t": "-top", "r": "-right", "b": "-bottom", "l": "-left"}
    spaces = [
        f".{short}{side}-{point}{size}{{{rule}{where}:{size * 0.25}rem!important}}"
        for short, rule in (("m", "margin"), ("p", "padding"))
        for side, where in sides.items()
        for point in breaks
        for size in range(6)
    ]
    columns = [
        f".col-{point}{size}{{flex:0 0 {size / 12:.4%};max-width:{size / 12:.4%}}}"
        for point in breaks
        for size in range(1, 13)
    ]
    shown = [f".d-{point}{kind}{{display:{kind}!important}}" for point in breaks for kind in ("none", "block", "flex")]
    flex = [
        f".{rule}-{point}{value}{{{rule}:{value}!important}}"
        for rule, values in (
            ("order", range(13)),
            ("text-align", ("left", "right", "center")),
            ("align-items", ("flex-start", "flex-end", "center", "baseline", "stretch")),
            ("justify-content", ("flex-start", "flex-end", "center", "space-between", "space-around")),
        )
        for point in breaks
        for value in values
    ]
    site = [
        ".nk-paywall-free-member-form{position:fixed;inset:0;background:rgba(0,0,0,.7)}",
        ".free-member-form-inner{max-width:480px;margin:10vh auto;background:#fff}",
        ".article-content p{margin:0 0 1em}.article-desc h4{font-size:1.1rem}.articled-date{color:#777}",
    ]
    return "\n".join(site + spaces + columns + shown + flex)
