"""An article page: headline, header, body (site document, section 3).

Every field is found by what stands where, not by one tag:

- *header*: its text pattern, before the body and outside cards;
- *headline*: what stands between the crumb and the header, and agrees with the address's slug;
- *body*: ``.article-content``; where that class is missing, the prose between header and "More From".

Neither today's date at the top, nor dates in the "More From" block, nor lines and titles that imitate a header
are ever read as the article's own.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from itertools import takewhile, zip_longest
from typing import Final
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborNode

from ..addresses import Site, identify, letters, slug_words
from ..dates import looks_like_page_date
from ..items import Access, ArticleFields
from . import LayoutChanged, SignUpWall
from .markup import Line, fold, lines, parse

WALL: Final = ".nk-paywall-free-member-form, .free-member-form-inner"
CONTENT: Final = ".article-content"
CARD: Final = ".article-desc, .article-thumb"

_ORIGINAL: Final = re.compile(r"Read original version", re.IGNORECASE)
_HEADER: Final = re.compile(
    r"(?<!\S)Date\s*:\s*(?P<date>[^|:\n]*?)\s*(?:\|\s*)?Source\s*:\s*(?P<label>[^|\n]*?)\s*"
    r"(?:\|\s*Read original version at source|\||Read original version at source|(?=\n)|\Z)"
)
_MORE_FROM: Final = "More From "
_NOTICE: Final = re.compile(r"\s*Upgrade to NK PRO today to get full access\b.*", re.DOTALL | re.IGNORECASE)
# Lines of the site's, not of the article: whole lines only, since an article may begin with the same words.
_CHROME: Final = re.compile(
    r"Share Button"
    r"|Get North Korea headlines delivered to your inbox daily\W*"
    r"|Subscribe to the NK News ['‘’“\"]Daily Update['‘’”\"].*"
    r"|NK News is hiring\W*(?:Join the NK Pro team\W*)?"
    r"|Join the NK Pro team\W*"
)
# A crumb may hold a step or two before the source's label: "Home » KCNA.kp (En)".
_CRUMB_LEAD: Final = 40
_PROSE: Final = 40


class ArticlePage:
    """One article page. ``url`` is where it was found: its slug is a witness of the headline."""

    def __init__(self, markup: str, url: str, site: Site) -> None:
        self._url = url
        self._site = site
        self._tree = parse(markup)

    def read(self) -> ArticleFields:
        """All fields; raises :class:`LayoutChanged`, :class:`SignUpWall`."""
        if self._tree.css_first(WALL) is not None:
            raise SignUpWall("a sign-up form lies over the page")
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
    def date_raw(self) -> str:
        """The header's date as it stands there."""
        return self._header["date"]

    @property
    def label(self) -> str:
        """The source as the header names it: ``KCNA.kp (En)``, in old copies only ``(En)``."""
        if not (label := self._header["label"]):
            raise LayoutChanged("label: the header names no source")
        return label

    @cached_property
    def headline(self) -> str:
        """What stands between crumb and header."""
        found = self._choose_headline(list(self._above_header(self._header)))
        if not found:
            raise LayoutChanged("headline: nothing stands above the header")
        return found

    @cached_property
    def article_body(self) -> str:
        """Paragraphs joined by a blank line; empty where the page has none."""
        texts = (_NOTICE.sub("", line.text) for line in self._body_lines)
        return "\n\n".join(text for text in texts if text)

    @property
    def access(self) -> Access:
        """``truncated`` where the site says that it keeps the rest for subscribers."""
        if any(_NOTICE.search(line.text) for line in self._after_header()):
            return "truncated"
        return "full" if self.article_body else "empty"

    @property
    def original_url(self) -> str | None:
        """Where *Read original version at source* leads; ``None`` if the header has no such link."""
        first, last = self._span(self._header)
        anchors = (anchor for line in self._lines[first : last + 1] for anchor in line.links)
        links = (a.attributes.get("href") for a in anchors if _ORIGINAL.search(fold(a.text())))
        return self._absolute(next(links, None))

    @property
    def images(self) -> tuple[str, ...]:
        """Absolute addresses of the pictures inside the body, each once."""
        if self._content is None:
            return ()
        found = (_image_source(image) for image in self._content.css("img"))
        absolute = (self._absolute(source) for source in found)
        return tuple(dict.fromkeys(url for url in absolute if url))

    @property
    def source_id(self) -> int | None:
        """The sid that the page links its own label to; ``None`` where it does not, or to several."""
        names = {self.label, f"KCNA {self.label}", f"{_MORE_FROM}{self.label}"}
        sids = {
            self._site.identify_listing(urljoin(self._url, anchor.attributes.get("href") or ""))
            for anchor in self._tree.css('a[href*="/article/"]')
            if fold(anchor.text()) in names
        } - {None}
        return sids.pop() if len(sids) == 1 else None

    @property
    def canonical_url(self) -> str | None:
        """The address the page gives itself, if it is this article's."""
        own = identify(self._url)
        for selector, attribute in (("link[rel=canonical]", "href"), ('meta[property="og:url"]', "content")):
            node = self._tree.css_first(selector)
            url = urljoin(self._url, (node.attributes.get(attribute) or "") if node is not None else "")
            address = self._site.identify(url)
            if address and own and address.id == own.id and address.slug:
                return url
        return None

    # How the page is laid out

    @cached_property
    def _content(self) -> LexborNode | None:
        return self._tree.css_first(CONTENT)

    @cached_property
    def _lines(self) -> list[Line]:
        marks = {node.mem_id: "card" for node in self._tree.css(CARD)}
        marks |= {node.mem_id: "aside" for node in self._tree.css("nav, aside, footer, form, button")}
        if self._content is not None:
            marks[self._content.mem_id] = "content"
        return lines(self._tree.body or self._tree.root, marks) if self._tree.root is not None else []

    @cached_property
    def _starts(self) -> list[int]:
        """Where each line starts in the page's text."""
        starts, at = [], 0
        for line in self._lines:
            starts.append(at)
            at += len(line.text) + 1
        return starts

    @cached_property
    def _header(self) -> re.Match[str]:
        found = list(_HEADER.finditer("\n".join(line.text for line in self._lines)))
        found = [match for match in found if "card" not in self._line_of(match).marks]
        outside = [match for match in found if "content" not in self._line_of(match).marks]
        if not found:
            raise LayoutChanged("header: no 'Date: … | Source: …' stands outside the cards")
        slug = slug_words(self._url)
        candidates = [match for match in outside or found if not _agree(letters(match[0]), slug)]
        candidates = candidates or outside or found
        before = [match for match in candidates if self._span(match)[0] < self._content_start]
        return before[-1] if outside and before and self._content is not None else self._first(candidates)

    def _first(self, candidates: list[re.Match[str]]) -> re.Match[str]:
        """Where no body tells where the page's head ends: the first that links to the original; a headline may
        imitate a header from above, a line of text from below.
        """
        linked = [match for match in candidates if self._is_linked(match)]
        plain = [match for match in candidates if not self._line_of(match).heading]
        return (linked or plain or candidates)[0]

    def _is_linked(self, match: re.Match[str]) -> bool:
        first, last = self._span(match)
        anchors = (anchor for line in self._lines[first : last + 1] for anchor in line.links)
        return any(_ORIGINAL.search(fold(anchor.text())) for anchor in anchors)

    def _line_of(self, match: re.Match[str]) -> Line:
        return self._lines[self._span(match)[0]]

    def _span(self, match: re.Match[str]) -> tuple[int, int]:
        """First and last line of a match in the page's text."""
        first = last = _last_at_or_before(self._starts, match.start())
        while last + 1 < len(self._starts) and self._starts[last + 1] < match.end():
            last += 1
        return first, last

    @cached_property
    def _content_start(self) -> int:
        inside = (i for i, line in enumerate(self._lines) if "content" in line.marks)
        return next(inside, len(self._lines))

    def _above_header(self, header: re.Match[str]) -> Iterator[tuple[str, bool]]:
        """``(text, is heading)`` of the blocks above the header, from the page's top down."""
        first, _ = self._span(header)
        beside = {"card", "aside"} if "content" in self._lines[first].marks else {"content", "card", "aside"}
        above = [line for line in self._lines[:first] if not line.marks & beside]
        lead = self._lines[first].text[: max(0, header.start() - self._starts[first])].rstrip(" |")
        groups: list[list[Line]] = []
        for line in above:
            last = groups[-1][-1] if groups else None
            if last and (line.block == last.block or (line.heading and line.heading == last.heading)):
                groups[-1].append(line)
            else:
                groups.append([line])
        for group in groups:
            yield fold(" ".join(line.text for line in group)), bool(group[0].heading)
        if lead:
            yield lead, bool(self._lines[first].heading)

    def _choose_headline(self, above: list[tuple[str, bool]]) -> str | None:
        slug = slug_words(self._url)
        below_crumb, crumbed = self._below_crumb(above)
        if named := [text for text, _ in below_crumb if _agree(letters(text), slug)]:
            return named[-1]
        rest = [
            (text, heading)
            for text, heading in below_crumb
            if not _CHROME.fullmatch(text) and not looks_like_page_date(text)
        ]
        near = (rest if crumbed else rest[-3:]) or below_crumb[-1:]
        headings = [text for text, heading in near if heading]
        return next(reversed(headings or [text for text, _ in near]), None)

    def _below_crumb(self, above: list[tuple[str, bool]]) -> tuple[list[tuple[str, bool]], bool]:
        """What follows the last crumb that anything follows; all of it if there is no crumb."""
        label = self.label
        for index in range(len(above) - 2, -1, -1):
            text = above[index][0]
            if text.endswith(label) and len(text) <= len(label) + _CRUMB_LEAD:
                return above[index + 1 :], True
        return above, False

    def _after_header(self) -> Iterator[Line]:
        """What follows the header, up to the "More From" block: its title line followed by cards."""
        _, last = self._span(self._header)
        for line, following in zip_longest(self._lines[last + 1 :], self._lines[last + 2 :]):
            title = line.text == f"{_MORE_FROM}{self.label}"
            if "card" in line.marks or (title and following is not None and "card" in following.marks):
                return
            yield line

    @cached_property
    def _body_lines(self) -> list[Line]:
        if self._content is None:
            body = self._prose_by_place()
        else:
            body = [line for line in self._after_header() if "content" in line.marks]
        return [line for line in body if not _CHROME.fullmatch(line.text)]

    def _prose_by_place(self) -> list[Line]:
        """Where the body's class is missing: prose below the header, in the element that holds both it and the
        headline. Nothing, if that is the whole page or holds no prose: some pages have no body.
        """
        first, _ = self._span(self._header)
        container = _common_ancestor(self._lines[first].node, self._lines[max(0, first - 1)].node)
        if container is None or container.tag in {"body", "html"}:
            return []
        found = [
            line
            for line in takewhile(lambda line: line.text != f"{_MORE_FROM}{self.label}", self._after_header())
            if "aside" not in line.marks and container.mem_id in _ancestry(line.node)
        ]
        return found if any(len(line.text) >= _PROSE for line in found) else []

    def _absolute(self, href: str | None) -> str | None:
        if not href or not (href := href.strip()) or href.startswith("#"):
            return None
        try:
            url = urljoin(self._url, href)
            parts = urlsplit(url)
        except ValueError:
            return None
        return url if parts.scheme in {"http", "https"} and parts.netloc else None


def _agree(text: str, slug: str) -> bool:
    """Whether a headline's letters are those of a slug, either of which may have been cut."""
    if not text or not slug:
        return False
    return text == slug or (min(len(text), len(slug)) > 3 and (text.startswith(slug) or slug.startswith(text)))


def _last_at_or_before(starts: list[int], at: int) -> int:
    return max(0, bisect_right(starts, at) - 1)


def _image_source(image: LexborNode) -> str | None:
    """Where a picture lies; a lazy loader leaves a ``data:`` placeholder in ``src``."""
    attributes = image.attributes
    for name in ("src", "data-src", "data-lazy-src", "data-original"):
        source = attributes.get(name)
        if source and not source.strip().lower().startswith("data:"):
            return source
    return None


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
