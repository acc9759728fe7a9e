"""The home page: which sources there are."""

from typing import Final
from urllib.parse import urljoin

from ..addresses import Site
from ..items import Source
from .markup import fold, parse

# Links to a source that do not name it.
_NAMELESS: Final = frozenset({"", "more", "more articles", "read more", "view all", "see all", "all articles", "all"})


def sources(markup: str, url: str, site: Site) -> list[Source]:
    """The sources a page links to, in its order, each once under the first name a link gives it."""
    labels: dict[int, str] = {}
    for anchor in parse(markup).css('a[href*="/article/"]'):
        sid = site.identify_listing(urljoin(url, (anchor.attributes.get("href") or "").strip()))
        picture = anchor.css_first("img[alt]")
        names = (
            fold(anchor.text()),
            fold(anchor.attributes.get("title") or ""),
            fold((picture.attributes.get("alt") or "") if picture is not None else ""),
        )
        name = next((name for name in names if name.lower() not in _NAMELESS), None)
        if sid is not None and name and sid not in labels:
            labels[sid] = name
    return [Source(sid=sid, label=label, url=site.listing(sid)) for sid, label in labels.items()]
