"""The home page: which sources there are."""

import re
from operator import itemgetter
from typing import Final

from selectolax.lexbor import LexborNode

from ..items import Source
from ..site.urls import Site, absolute
from .text import base_of, label_of, one_line, parse
from .walls import holds, refuse_wall

# Links to a source that do not name it.
_NAMELESS: Final = frozenset(
    {"", "more", "more articles", "read more", "view all", "see all", "all articles", "all", "kcna watch logo"}
)

# How many articles a source has, as it may stand behind the name: ``1,204``, ``(87)``, ``– 12 articles``.
_COUNT: Final = re.compile(r"(?<=[\s)])[\s:·|–—-]*[\[(]?[0-9][0-9,. ]*(?: (?:articles?|items?))?[\])]?$", re.IGNORECASE)

# What is longer names no source.
_LONGEST_NAME: Final = 200


def sources(markup: str, url: str, site: Site) -> list[Source]:
    """Return the sources a page links to, in its order, each once under the first name a link gives it.

    Raise :class:`~kcnacrawl.pages.SignUpWall`, :class:`~kcnacrawl.pages.Blocked`, :class:`~kcnacrawl.pages.Unparsable`.
    """
    tree = parse(markup)
    base = base_of(tree.css_first("base[href]"), url)
    names: dict[int, list[tuple[int, str]]] = {}
    for link in tree.css('a[href*="/article/"], option[value*="/article/"]'):
        target = link.attributes.get("href" if link.tag == "a" else "value")
        sid = site.identify_listing(absolute(base, target) or "")
        if sid is not None:
            names.setdefault(sid, []).extend(_names(link))
    found = [
        Source(sid=sid, label=min(ranked, key=itemgetter(0))[1], url=site.listing(sid))
        for sid, ranked in names.items()
        if ranked
    ]
    # A menu with links to sources stands on every page, also on a wall.
    refuse_wall(tree, shows_content=holds(tree, 'a[href*="/article/"]'))
    return found


def _names(link: LexborNode) -> list[tuple[int, str]]:
    """Return what a link, or a choice of a menu, calls its source, each with its rank: its text, else its title, else
    its picture's.
    """
    picture = link.css_first("img[alt]")
    ranked = (
        _COUNT.sub("", label_of(link)).rstrip(),
        one_line(link.attributes.get("title") or ""),
        one_line((picture.attributes.get("alt") or "") if picture is not None else ""),
    )
    return [
        (rank, name) for rank, name in enumerate(ranked) if name.lower() not in _NAMELESS and len(name) <= _LONGEST_NAME
    ]
