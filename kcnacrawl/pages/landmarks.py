"""The elements that tell how an article page is laid out, found in one walk: a walk costs half of what parsing does."""

from dataclasses import dataclass, field
from typing import Final, Self

from selectolax.lexbor import LexborHTMLParser, LexborNode

from .walls import SIGN_UP_CLASSES

CONTENT_CLASS: Final = "article-content"
"""The class of the body's own element."""

_BASE: Final = "base[href]"
_CANONICAL: Final = "link[rel=canonical]"
_OPEN_GRAPH: Final = 'meta[property="og:url"]'
_LISTING: Final = 'a[href*="/article/"]'
_CLASSES: Final = (CONTENT_CLASS, *SIGN_UP_CLASSES)
_SELECTOR: Final = ", ".join((_BASE, _CANONICAL, _OPEN_GRAPH, _LISTING, *(f".{name}" for name in _CLASSES)))


@dataclass(frozen=True, slots=True)
class Landmarks:
    """What was found of each kind, in document order."""

    bases: list[LexborNode] = field(default_factory=list)
    canonical: list[LexborNode] = field(default_factory=list)
    open_graph: list[LexborNode] = field(default_factory=list)
    listing_links: list[LexborNode] = field(default_factory=list)
    contents: list[LexborNode] = field(default_factory=list)
    sign_up: list[LexborNode] = field(default_factory=list)

    @classmethod
    def of(cls, tree: LexborHTMLParser) -> Self:
        """Find the landmarks of a page. They are void once any element of it is removed."""
        found = cls()
        # Lexbor gives an element once for each part of the selector that it matches.
        for node in {node.mem_id: node for node in tree.css(_SELECTOR)}.values():
            found._add(node)
        return found

    def _add(self, node: LexborNode) -> None:
        attributes = node.attributes
        # In a page without a doctype, upper and lower case of a class are one.
        classes = (attributes.get("class") or "").lower().split()
        if CONTENT_CLASS in classes:
            self.contents.append(node)
        if not SIGN_UP_CLASSES.isdisjoint(classes):
            self.sign_up.append(node)
        match node.tag:
            case "a" if "/article/" in (attributes.get("href") or ""):
                self.listing_links.append(node)
            case "base" if "href" in attributes:
                self.bases.append(node)
            case "link" if (attributes.get("rel") or "").lower() == "canonical":
                self.canonical.append(node)
            case "meta" if attributes.get("property") == "og:url":
                self.open_graph.append(node)
