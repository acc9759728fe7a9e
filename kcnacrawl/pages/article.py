"""An article page: headline, header, body (site document, section 3).

Every field is found by what stands where, not by one tag:

- *header*: its text pattern, before the body and outside cards;
- *headline*: what stands between the crumb and the header, and agrees with the address's slug;
- *body*: ``.article-content``; where that class is missing, the prose between header and "More From".

Neither today's date at the top, nor dates in the "More From" block, nor lines and titles that imitate a header are
ever read as the article's own.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import cached_property
from itertools import takewhile
from typing import Final

from selectolax.lexbor import LexborNode

from ..items import Access, ArticleFields
from ..site.urls import Site, absolute, encoded, identify
from . import Anchor, LayoutChanged, PageError
from .header import ASIDE, CARD, CHROME, CONTENT, MORE_FROM, PROSE, Head, original_anchor
from .landmarks import CONTENT_CLASS, Landmarks
from .text import (
    Line,
    base_of,
    fold,
    is_emoji,
    is_garbled,
    is_hidden,
    label_of,
    lines,
    one_line,
    outermost,
    parse,
    style_of,
    text_of,
)
from .walls import refuse_wall, sign_up_wall

_BY_CONTENT: Final = Anchor(f".{CONTENT_CLASS}", is_known=True)
_BY_PROSE: Final = Anchor("the prose below the header", is_known=False)
_BY_SLUG: Final = Anchor("the address's slug", is_known=True)
_BY_PLACE: Final = Anchor("its place above the header", is_known=False)
# What a theme puts inside the body's element that is none of the text.
_SHARE: Final = "share"
# The marks of lines by where they stand; of several, the last counts.
_MARKS: Final = {
    # Inline tags that a style makes blocks.
    "block": '.d-block, [style*="display:block"], [style*="display: block"]',
    CARD: ".article-desc, .article-thumb",
    ASIDE: "nav, aside, footer, form, button",
    _SHARE: '[class*="share"], [class*="social"], [class*="addtoany"]',
}

_NOTICE: Final = re.compile(r"\s*Upgrade to NK PRO today to get full access to this content\b.*", re.IGNORECASE)
# What stands beside a sign-up form, for those who need none.
_LOG_IN: Final = re.compile(r"(?:Already (?:a|an|have)\b|(?:Please )?(?:Log|Sign) ?in\b).{0,60}", re.IGNORECASE)
# A form in one of these is on every page, and in no article's place.
_BESIDE: Final = frozenset({"nav", "aside"})
_CLIMB: Final = 12
# A text stands on its page once, or once for each width of screen.
_MOST_CONTENTS: Final = 20
_MOST_SOURCE_LINKS: Final = 200
# More accents on one letter than any writing has: to put them in order, as the digest must, would take minutes.
_MOST_ACCENTS: Final = 500
_NO_LETTERS: Final = re.compile(rf"[^\w\s]{{{_MOST_ACCENTS},}}")


class ArticlePage:
    """One article page. ``url`` is where it was found."""

    def __init__(self, markup: str, url: str, site: Site) -> None:
        self._url = url
        self._site = site
        self._markup = markup
        self._tree = parse(markup)
        self._landmarks = Landmarks.of(self._tree)
        forms = outermost(self._landmarks.sign_up)
        self.has_sign_up_form = bool(forms)
        shown = [form for form in forms if _is_shown(form)]
        self._shows_form = bool(shown)
        companions = [companion for form in shown for companion in _companions(form)]
        for node in companions:
            node.decompose()
        self._ends_in_form = any(map(_ends_body, shown))
        for form in forms:
            form.decompose()
        if forms:
            self._landmarks = Landmarks.of(self._tree)
        # What links and pictures are meant against.
        self._base = base_of(next(iter(self._landmarks.bases), None), url)

    def read(self) -> ArticleFields:
        """Return all fields. Raise :class:`LayoutChanged`, :class:`~kcnacrawl.pages.SignUpWall`,
        :class:`~kcnacrawl.pages.Blocked`, :class:`~kcnacrawl.pages.Unparsable`.
        """
        if self._shows_form and not self._has_text:
            raise sign_up_wall()
        # Its sign-up forms are out of the way.
        refuse_wall(self._tree, shows_content=True)
        if is_garbled(f"{self.headline} {self.article_body}"):
            raise LayoutChanged("body: most of the text cannot be decoded")
        return ArticleFields(
            headline=self.headline,
            date_raw=self.date_raw,
            label=self.label,
            article_body=self.article_body,
            access=self.access,
            original_url=self.original_url,
            images=self.images,
            source_id=self.source_id,
            canonical_url=self.canonical_url,
        )

    @property
    def _has_text(self) -> bool:
        """Whether the page shows the text of an article, even if its header cannot be read: that is no wall's doing."""
        if any(fold(content.text()) for content in self._contents):
            return True
        try:
            return bool(self.article_body)
        except PageError:
            return False

    @property
    def date_raw(self) -> str:
        """The header's date as it stands there."""
        return self._head.date_raw

    @property
    def label(self) -> str:
        """The source as the header names it: ``KCNA.kp (En)``, in old copies only ``(En)``."""
        return self._head.label

    @property
    def headline(self) -> str:
        """What stands between crumb and header."""
        return self._head.headline

    @property
    def headline_anchor(self) -> Anchor:
        """What told the headline: the slug of the page's address, or else its place."""
        return _BY_SLUG if self._head.is_named else _BY_PLACE

    @property
    def body_anchor(self) -> Anchor:
        """What told the body: its own element, or else its place."""
        return _BY_CONTENT if self._contents else _BY_PROSE

    @cached_property
    def article_body(self) -> str:
        """Paragraphs joined by a blank line; empty where the page has none."""
        if self._head.is_below_content:
            raise LayoutChanged("body: it stands above the header")
        if self._contents:
            body = [line for line in self._head.below if CONTENT in line.marks and _SHARE not in line.marks]
        else:
            body = self._prose_by_place()
        texts = (_NOTICE.sub("", line.text) for line in body if not CHROME.fullmatch(line.text))
        text = "\n\n".join(text for text in texts if text)
        if any(sum(map(bool, map(unicodedata.combining, run))) > _MOST_ACCENTS for run in _NO_LETTERS.findall(text)):
            raise LayoutChanged(f"body: more than {_MOST_ACCENTS} accents on one letter")
        return text

    @property
    def access(self) -> Access:
        """``truncated`` where the site says below the header that it keeps the rest for subscribers, or where a sign-up
        form follows a text that breaks off or is what its element ends in.
        """
        if self._has_notice:
            return "truncated"
        if self._shows_form and (self._ends_in_form or self.article_body.endswith(("...", "…"))):
            return "truncated"
        return "full" if self.article_body else "empty"

    @property
    def _has_notice(self) -> bool:
        if "pgrade" not in self._markup and "PGRADE" not in self._markup:
            return False
        # It may stand outside the part of the page that was read for the head.
        return _gives_notice(self._head) or _gives_notice(self._whole)

    @property
    def original_url(self) -> str | None:
        """Where *Read original version at source* leads; ``None`` if the header has no such link."""
        anchor = original_anchor(self._head.header_lines)
        return absolute(self._base, anchor.attributes.get("href")) if anchor is not None else None

    @property
    def images(self) -> tuple[str, ...]:
        """Absolute addresses of the pictures inside the body, each once."""
        images = [image for content in self._contents for image in content.css("img")]
        # Where the body's element holds the whole article, its logo stands above the header.
        above = self._above_header if images and CONTENT in self._head.header_lines[0].marks else set()
        found = (_image_source(image) for image in images if image.mem_id not in above and self._is_shown(image))
        urls = (absolute(self._base, source) for source in found)
        return tuple(dict.fromkeys(encoded(url) for url in urls if url))

    def _is_shown(self, image: LexborNode) -> bool:
        """Return True for a picture of the article's that a reader sees."""
        node: LexborNode | None = image
        bodies = {content.mem_id for content in self._contents}
        while node is not None and node.mem_id not in bodies:
            if is_hidden(node):
                return False
            node = node.parent
        return not _is_decoration(image)

    @property
    def _above_header(self) -> set[int]:
        """The elements inside the bodies that begin above the header."""
        header = self._head.header_lines[0].node.mem_id
        nodes = (node.mem_id for content in self._contents for node in content.traverse())
        return set(takewhile(lambda one: one != header, nodes))

    @property
    def source_id(self) -> int | None:
        """The sid that the page links its own label to; ``None`` where it does not, or to several."""
        names = {self.label, f"KCNA {self.label}", f"{MORE_FROM}{self.label}"}
        sids = {
            self._site.identify_listing(absolute(self._base, anchor.attributes.get("href")) or "")
            for anchor in self._landmarks.listing_links[:_MOST_SOURCE_LINKS]
            if label_of(anchor) in names
        } - {None}
        return sids.pop() if len(sids) == 1 else None

    @property
    def canonical_url(self) -> str | None:
        """The address the page gives itself, if it is this article's."""
        own = identify(self._url)
        for nodes, attribute in ((self._landmarks.canonical, "href"), (self._landmarks.open_graph, "content")):
            url = absolute(self._base, nodes[0].attributes.get(attribute)) if nodes else None
            address = self._site.identify(url) if url else None
            if address and own and address.id == own.id and address.slug:
                return url
        return None

    # How the page is laid out

    @cached_property
    def _contents(self) -> list[LexborNode]:
        contents = self._landmarks.contents
        if len(contents) > _MOST_CONTENTS:
            raise LayoutChanged(f"body: {len(contents)} elements are called that")
        if len(contents) < 2:
            return contents
        # Some themes write a text once for narrow screens and once for wide ones.
        found = {fold(node.text()): node for node in reversed(contents)}
        return list(reversed(found.values()))

    def _marks_in(self, root: LexborNode) -> dict[int, str]:
        marks = {node.mem_id: name for name, selector in _MARKS.items() for node in root.css(selector)}
        return marks | {node.mem_id: CONTENT for node in self._contents}

    @cached_property
    def _head(self) -> Head:
        """The head in the smallest element around the body that surely holds it; else in the whole page."""
        sure = (head for head in map(self._head_in, self._around_content()) if head.is_sure)
        return next(sure, None) or self._whole

    @cached_property
    def _whole(self) -> Head:
        root = self._tree.body or self._tree.root
        if root is None:
            raise LayoutChanged("page: empty")
        return self._head_in(root)

    def _head_in(self, root: LexborNode) -> Head:
        return Head(lines(root, self._marks_in(root)), self._url, has_content=bool(self._contents))

    def _around_content(self) -> Iterator[LexborNode]:
        """Yield the elements around the body, from the innermost, that have a header's words outside it."""
        if len(self._contents) != 1:
            return
        inside = self._contents[0].text().count("Source")
        node = self._contents[0].parent
        for _ in range(_CLIMB):
            if node is None or not node.is_element_node or node.tag in {"body", "html"}:
                return
            if node.text().count("Source") > inside:
                yield node
            node = node.parent

    def _prose_by_place(self) -> list[Line]:
        """Return the prose below the header, in the element that holds both it and the headline, for pages without the
        body's class. Return nothing if that element is the whole page or holds no prose: some pages have no body.
        """
        container = _common_ancestor(self._head.header_lines[0].node, self._head.line_above.node)
        if container is None or container.tag in {"body", "html"}:
            return []
        found = [
            line
            for line in takewhile(lambda line: one_line(line.text) != f"{MORE_FROM}{self.label}", self._head.below)
            if ASIDE not in line.marks and container.mem_id in _ancestry(line.node)
        ]
        return found if any(len(line.text) >= PROSE for line in found) else []


def _gives_notice(head: Head) -> bool:
    return any(_NOTICE.search(line.text) for line in head.below)


def _is_shown(form: LexborNode) -> bool:
    """Return True for a form that a reader sees, and not in a menu or beside the page's content."""
    node: LexborNode | None = form
    while node is not None and node.is_element_node:
        if node.tag in _BESIDE or is_hidden(node):
            return False
        node = node.parent
    return True


def _companions(form: LexborNode) -> list[LexborNode]:
    """Return the nodes right after a form that send those who have an account to the log-in."""
    return [node for node in takewhile(_belongs_to_form, _after(form)) if _shown_text(node)]


def _belongs_to_form(node: LexborNode) -> bool:
    text = _shown_text(node)
    return not text or _LOG_IN.fullmatch(text) is not None


def _ends_body(form: LexborNode) -> bool:
    """Return True for a form inside the body's element that no shown text follows there."""
    node: LexborNode | None = form
    while node is not None:
        if CONTENT_CLASS in (node.attributes.get("class") or "").split():
            return True
        if any(map(_shown_text, _after(node))):
            return False
        node = node.parent
    return False


def _after(node: LexborNode) -> Iterator[LexborNode]:
    """Yield the later children of a node's parent."""
    following = node.next
    while following is not None:
        yield following
        following = following.next


def _shown_text(node: LexborNode) -> str:
    if node.is_text_node:
        return fold(node.text_content or "")
    return text_of(node) if node.is_element_node and not is_hidden(node) else ""


def _image_source(image: LexborNode) -> str | None:
    """Return where a picture lies; a lazy loader leaves a ``data:`` placeholder in ``src``."""
    attributes = image.attributes
    for name in ("src", "data-src", "data-lazy-src", "data-original"):
        source = attributes.get(name)
        if source and not source.strip().lower().startswith("data:"):
            return source
    return None


def _is_decoration(image: LexborNode) -> bool:
    """Return True for a picture that is none of the article's: an emoji, or a tracker of one pixel."""
    style = style_of(image)
    sizes = [image.attributes.get(name) or style.get(name, "") for name in ("width", "height")]
    return is_emoji(image) or all(size.strip().removesuffix("px") in {"0", "1"} for size in sizes)


def _ancestry(node: LexborNode) -> dict[int, LexborNode]:
    found: dict[int, LexborNode] = {}
    current: LexborNode | None = node
    while current is not None and current.is_element_node:
        found[current.mem_id] = current
        current = current.parent
    return found


def _common_ancestor(one: LexborNode, other: LexborNode) -> LexborNode | None:
    others = _ancestry(other)
    return next((node for key, node in _ancestry(one).items() if key in others), None)
