"""A listing: a source's page, a fragment of the AJAX endpoint, or the "More From" block of an article page.

All three hold the same cards (site document, section 2). Cards are read one by one, never zipped from page-wide
lists; those beside the list (a box of popular articles) are told by not standing in the same element.
"""

import re
from collections import Counter
from functools import cached_property
from typing import Final, NamedTuple

from selectolax.lexbor import LexborNode

from ..items import Card
from ..site.urls import Site, absolute
from . import Anchor
from .text import Line, base_of, label_of, lines, one_line, parse, text_of, without_notices
from .walls import refuse_wall

WRAPPER: Final = "#latest_article_wrapper"
_MORE: Final = re.compile(r"(?<!no )\bMore Articles\b", re.IGNORECASE)
_DATE: Final = re.compile(r"[A-Z][a-z]{2,8} [0-9]{2}, [0-9]{4}")
_TITLE: Final = "h4 a[href]"
_TITLES: Final = "h4 a[href], h1 a[href], h2 a[href], h3 a[href], h5 a[href], h6 a[href]"
# Past the last card the endpoint answers with nothing, WordPress's 0, or a note that there are no more.
_NOTHING: Final = frozenset({"", "0", "-1"})
# What nobody sees before an answer.
_UNSEEN: Final = re.compile(r"<!--.{0,5000}?-->|[\ufeff\u200b]", re.DOTALL)
_NO_MORE: Final = re.compile(
    r"\b(?:no|nothing|end of)\b.*\b(?:more|further|older|found|left|list|articles?|posts?|results?|items?)\b"
    r"|더 이상|마지막|없습니다",
    re.IGNORECASE,
)
_LONGEST_NOTE: Final = 100
# What has the visitor wait, prove or submit something, says nothing of the list.
_ACTIVE: Final = "iframe, form, meta[http-equiv], script[src]"
# A summary is cut to a width of 130; a longer text is not told whole.
_LONGEST_TEXT: Final = 1_000
_ARTICLE_LINKS: Final = 'a[href*="newstream"]'
_WHOLE_PAGE: Final = re.compile(r"<(?:html|body|head|title)\b", re.IGNORECASE)
_DESCRIBED: Final = ".article-desc"
_CLIMB: Final = 6
_MOST_LINKS: Final = 200
_LINKS_OF_A_CARD: Final = 12

_BY_WRAPPER: Final = Anchor(WRAPPER, is_known=True)
_BY_MOST_CARDS: Final = Anchor("the element that holds most cards", is_known=False)
_BY_DESCRIPTION: Final = Anchor(_DESCRIBED, is_known=True)
_BY_DATED_LINK: Final = Anchor("what links to an article and shows a date", is_known=False)
_BY_TITLE: Final = Anchor("the link in h4", is_known=True)
_BY_OTHER_LINK: Final = Anchor("another link to the article", is_known=False)
_BY_DATE: Final = Anchor(".articled-date", is_known=True)
_BY_LINE: Final = Anchor("a line that is a date", is_known=False)
_BY_WIDE_COPY: Final = Anchor("p.d-none.d-md-block", is_known=True)
_BY_COPY: Final = Anchor("the first copy that is not cut", is_known=False)


class _Reading(NamedTuple):
    """An element of the list, the card read in it, and what served each of its fields."""

    element: LexborNode
    card: Card | None
    anchors: dict[str, Anchor]


class ListingPage:
    """Cards, and what the page tells of the way to more. ``url`` is where it was found.

    Raises :class:`~kcnacrawl.pages.SignUpWall`, :class:`~kcnacrawl.pages.Blocked`,
    :class:`~kcnacrawl.pages.Unparsable`.
    """

    def __init__(self, markup: str, url: str, site: Site) -> None:
        self.markup = markup
        self._url = url
        self._site = site
        self._tree = parse(markup)
        self._base = base_of(self._tree.css_first("base[href]"), url)
        # A form over cards that are there hides nothing.
        if not self.cards:
            refuse_wall(self._tree)

    @cached_property
    def cards(self) -> list[Card]:
        """The cards in the order of the page, each identity once."""
        found: dict[str, Card] = {}
        for one in self._readings:
            if one.card is not None:
                found.setdefault(one.card.id, one.card)
        return list(found.values())

    @property
    def anchors(self) -> dict[str, Anchor]:
        """What served ``list``, ``card``, ``title``, ``date`` and ``summary``, as far as anything did; of a field that
        was not read the same way in all cards, the fallback.
        """
        found = dict(self._list.anchors)
        for one in self._readings:
            for name, anchor in one.anchors.items():
                if name not in found or not anchor.is_known:
                    found[name] = anchor
        return found

    @property
    def unreadable(self) -> int:
        """How many cards link to an article and tell no identity."""
        return sum(one.card is None and one.element.css_first(_ARTICLE_LINKS) is not None for one in self._readings)

    @cached_property
    def _readings(self) -> list[_Reading]:
        return [self._read(element) for element in self._list.elements]

    @property
    def is_end(self) -> bool:
        """Whether this answer of the endpoint says that the list has no more: it is nothing, ``0``, or a fragment
        that shows nothing, or a short note to that effect. A whole page says no such thing, nor do links to articles
        in no known card, nor any other text.
        """
        if without_notices(_UNSEEN.sub("", self.markup)).strip() in _NOTHING:
            return True
        if self.cards or self._links or self.has_more or _WHOLE_PAGE.search(self.markup):
            return False
        if self._tree.css_first(_ACTIVE) is not None:
            return False
        text = text_of(self._tree.body) if self._tree.body is not None else ""
        return text in _NOTHING or (len(text) <= _LONGEST_NOTE and _NO_MORE.search(text) is not None)

    @property
    def has_more(self) -> bool:
        """Whether the page offers *More Articles*."""
        return _MORE.search(self.markup) is not None

    @property
    def _links(self) -> list[LexborNode]:
        """Links to articles, wherever they stand."""
        return [anchor for anchor in self._tree.css(_ARTICLE_LINKS) if self._identity(anchor)]

    @cached_property
    def _list(self) -> "_List":
        """The elements of the cards: in the list's wrapper, or else in the element that holds most of them."""
        if not self.markup.strip():
            return _List([], {})
        wrapper = self._tree.css_first(WRAPPER)
        if wrapper is not None and (inside := self._card_elements(wrapper)).elements:
            return _List(inside.elements, {"list": _BY_WRAPPER, **inside.anchors})
        root = self._tree.body or self._tree.root
        found = self._card_elements(root) if root is not None else _List([], {})
        if not found.elements:
            return found
        return _List(_mostly_together(found.elements), {"list": _BY_MOST_CARDS, **found.anchors})

    def _card_elements(self, root: LexborNode) -> "_List":
        # A node's own selection begins with itself; a card holds no other.
        described = [node for node in root.css(_DESCRIBED)[:_MOST_LINKS] if len(node.css(_DESCRIBED)) == 1]
        if described:
            return _List([_grown(node) for node in described], {"card": _BY_DESCRIPTION})
        # A list is short; a page of links is none.
        anchors = [a for a in root.css(_ARTICLE_LINKS)[:_MOST_LINKS] if self._identity(a) and not _in_body(a)]
        found = {node.mem_id: node for anchor in anchors if (node := self._dated_ancestor(anchor)) is not None}
        return _List(list(found.values()), {"card": _BY_DATED_LINK})

    def _dated_ancestor(self, anchor: LexborNode) -> LexborNode | None:
        """Return the nearest element around a link that shows a card's date and no other article's link."""
        own = self._identity(anchor)
        node = anchor.parent
        for _ in range(_CLIMB):
            links = node.css(_ARTICLE_LINKS) if node is not None else []
            if node is None or len(links) > _LINKS_OF_A_CARD or {*map(self._identity, links)} - {None, own}:
                return None
            if _DATE.search(node.text(separator=" ")):
                return node
            node = node.parent
        return None

    def _identity(self, anchor: LexborNode) -> str | None:
        address = self._site.identify(self._link(anchor))
        return address.id if address else None

    def _link(self, anchor: LexborNode) -> str:
        return absolute(self._base, anchor.attributes.get("href")) or ""

    def _read(self, element: LexborNode) -> _Reading:
        links = [a for a in element.css("a[href]") if self._identity(a)]
        titles = [a for a in element.css(_TITLES) if self._identity(a)] or links
        address = self._site.identify(self._link(titles[0])) if titles else None
        if address is None:
            return _Reading(element, None, {})
        headline = next((text for a in titles if (text := _shown(text_of(a)))), "") or _alternative(titles)
        date_raw, date_by = _date_of(element)
        summary, summary_by = _summary_of(element, headline, date_raw)
        card = Card(
            id=address.id,
            url=self._site.article(address),
            headline=headline,
            description=_shown(summary or "") or None,
            date_listed_raw=date_raw,
            listing_url=self._url,
        )
        anchors = {"title": _BY_TITLE if titles[0] in element.css(_TITLE) else _BY_OTHER_LINK}
        anchors |= {"date": date_by} if date_raw else {}
        anchors |= {"summary": summary_by} if card.description else {}
        return _Reading(element, card, anchors)


class _List(NamedTuple):
    """The elements of a list's cards, and what told them."""

    elements: list[LexborNode]
    anchors: dict[str, Anchor]


def _shown(text: str) -> str:
    """Return a card's text as one line of bounded length."""
    return one_line(text)[:_LONGEST_TEXT].rstrip()


def _alternative(titles: list[LexborNode]) -> str:
    """Return the title of a card that has only a picture in its place."""
    pictures = (picture for title in titles if title.parent is not None for picture in title.css("img[alt]"))
    headings = (one for one in pictures if one.parent is not None and one.parent.parent is not None)
    found = (_shown(one.attributes.get("alt") or "") for one in headings if _in_heading(one))
    return next((text for text in found if text), "")


def _in_heading(node: LexborNode | None) -> bool:
    while node is not None and node.is_element_node:
        if node.tag in {"h1", "h2", "h3", "h4", "h5", "h6"}:
            return True
        node = node.parent
    return False


def _grown(described: LexborNode) -> LexborNode:
    """Return the whole card around its ``.article-desc``."""
    parent = described.parent
    whole = parent is not None and parent.tag == "article" and len(parent.css(_DESCRIBED)) == 1
    return parent if parent is not None and whole else described


def _in_body(node: LexborNode | None) -> bool:
    while node is not None and node.is_element_node:
        if "article-content" in (node.attributes.get("class") or "").split():
            return True
        node = node.parent
    return False


def _mostly_together(elements: list[LexborNode]) -> list[LexborNode]:
    """Return those of the cards that stand in the innermost element holding more than half of them."""
    chains = [_ancestors(element) for element in elements]
    holding = Counter(ancestor for chain in chains for ancestor in chain)
    # Two elements that hold more than half each share a card, so all such stand in one line of descent.
    common = [(depth, node) for chain in chains for depth, node in chain if holding[depth, node] * 2 > len(elements)]
    if not common:
        return elements
    innermost = max(common)
    return [element for element, chain in zip(elements, chains, strict=True) if innermost in chain]


def _ancestors(node: LexborNode) -> list[tuple[int, int]]:
    """Yield ``(depth, mem_id)`` of the elements around ``node``."""
    found = []
    current = node.parent
    while current is not None and current.is_element_node:
        found.append(current.mem_id)
        current = current.parent
    return list(enumerate(reversed(found)))


def _date_of(element: LexborNode) -> tuple[str | None, Anchor]:
    dated = element.css_first(_BY_DATE.place)
    if dated is not None and (text := text_of(dated)):
        found = _DATE.search(text)
        return (found[0] if found else _shown(text)), _BY_DATE
    alone = (line.text for line in lines(element) if not line.heading and _DATE.fullmatch(line.text))
    return next(alone, None), _BY_LINE


def _summary_of(element: LexborNode, headline: str, date_raw: str | None) -> tuple[str | None, Anchor]:
    """Return the summary, which a card holds twice, once: the copy for wide screens, else the first that is uncut."""
    wide = element.css_first(_BY_WIDE_COPY.place)
    if wide is not None:
        return text_of(wide) or None, _BY_WIDE_COPY
    copies = [
        line.text
        for line in lines(element)
        if not line.heading
        and one_line(line.text) not in headline
        and line.text != date_raw
        and not _is_foreign_link(line)
    ]
    whole = [text for text in copies if not text.endswith("...")]
    return next(iter(whole or copies), None), _BY_COPY


def _is_foreign_link(line: Line) -> bool:
    """Return True if a line is nothing but a link, and not one to an article."""
    hrefs = [a.attributes.get("href") or "" for a in line.links if label_of(a) == one_line(line.text)]
    return bool(hrefs) and not any("newstream" in href for href in hrefs)
