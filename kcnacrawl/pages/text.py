"""Markup to lines of text, as a reader of the page would see them.

Inline tags leave no seam (``<strong>Kim Jong Un</strong>,``), block tags and ``<br>`` end a line, white space is
folded, and what no reader sees is left out.
"""

import codecs
import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from charset_normalizer import from_bytes
from selectolax.lexbor import LexborHTMLParser, LexborNode

from ..site.urls import absolute
from . import Unparsable

# Lexbor's time grows with the square of the nesting: 30,000 open tags take two seconds, 100,000 half a minute.
# The heaviest page known has some 2,000.
MAX_TAGS: Final = 30_000

MAX_DEPTH: Final = 500

# The same holds for the attributes of one tag: 100,000 take 17 seconds. A small page has no room for so many.
MAX_ATTRIBUTES: Final = 2_000
_SMALL: Final = 100_000
_LONG_TAG: Final = re.compile(rf"<[A-Za-z][^<>]{{{2 * MAX_ATTRIBUTES},}}")
_QUOTED: Final = re.compile(r"\"[^\"]*\"|'[^']*'")
_NAME: Final = re.compile(r"[^\s=/]+")

# No page of fewer tags nests deep enough to cost time before its lines are read.
_MANY_TAGS: Final = 3_000

_BYTE_ORDER_MARKS: Final = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_REPLACED: Final = "\ufffd"
_MOST_GOOD: Final = 5
# So few may stand in an article as they are.
_MANY_REPLACED: Final = 10
# What says its encoding inside says so at its beginning.
_DECLARED_WITHIN: Final = 4096
_DECLARATION: Final = re.compile(
    rb"""<meta\b[^>]{0,200}?charset\s*=\s*["']?\s*([A-Za-z0-9_:.-]{1,40})""", re.IGNORECASE
)
# As browsers read these names: the larger set of which the named one is a part.
_LARGER: Final = {"euc_kr": "cp949", "ascii": "cp1252", "iso8859-1": "cp1252", "gb2312": "gb18030"}
# What a text may be in whose encoding is not declared, and the letters of it: the languages of state media.
_LETTERS: Final = {
    "cp949": re.compile(r"[\uac00-\ud7a3]"),
    "gb18030": re.compile(r"[\u4e00-\u9fff]"),
    "big5": re.compile(r"[\u4e00-\u9fff]"),
    "cp932": re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]"),
    "euc_jp": re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]"),
    "cp1251": re.compile(r"[\u0400-\u04ff]"),
    "koi8_r": re.compile(r"[\u0400-\u04ff]"),
    # Of punctuation and accents, in a text that is mostly ASCII.
    "cp1252": re.compile(r"[\u2013-\u2026\u00a0-\u00ff]"),
}
_JAPANESE: Final = frozenset({"cp932", "euc_jp"})
_KANA: Final = re.compile(r"[\u3040-\u30ff]")
_LEAST_KANA: Final = 0.1
_MOST_WESTERN: Final = 0.1
# So much of a page tells its encoding.
_GUESSED_FROM: Final = 100_000
_TAG: Final = re.compile(rb"<[^<>]*>")
# Some of what Python calls an encoding is none of pages, and an escape in it could become anything.
_NO_PAGES: Final = frozenset({"utf-7", "unicode-escape", "raw-unicode-escape", "punycode", "idna", "undefined"})

# What nobody sees: controls that are no white space, and halves of surrogate pairs.
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\ud800-\udfff]")
# What makes one line look like another: embeddings, overrides and isolates, deprecated formats, fillers without
# width, annotations, tags. Joiners, soft hyphens and variation selectors belong to words.
_DECEIVING: Final = re.compile(
    r"[\u180e\u202a-\u202e\u2061-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)

_LONGEST_LABEL: Final = 2_000
# What PHP writes before an answer: into the page, or as into its log.
_NOTICE: Final = re.compile(
    r"(?:\[[^\]\n]{1,60}\]\s*)?(?:<br\s*/?>\s*)?(?:<b>)?(?:PHP )?(?:Warning|Notice|Deprecated|Strict Standards)"
    r"(?:</b>)?:\s[^<>]{0,1000}?"
    r"\bin (?:<b>)?[^<>]{1,500}?(?:</b>)? on line (?:<b>)?[0-9]{1,7}(?:</b>)?(?:\s*<br\s*/?>)?"
)

_BLOCKS: Final = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html li main menu nav ol option p pre section select "
    "summary table tbody td tfoot th thead tr ul".split()
)
_HEADINGS: Final = frozenset("h1 h2 h3 h4 h5 h6".split())
_HIDING_CLASSES: Final = frozenset({"screen-reader-text", "sr-only", "visually-hidden", "visuallyhidden"})
_INVISIBLE: Final = frozenset({"hidden", "collapse"})
_UNSEEN: Final = frozenset(
    "script style noscript template iframe object embed svg math textarea head title audio video canvas".split()
)


_HIDDEN: Final = "hidden"
_MAYBE_HIDDEN: Final = (
    '[hidden], [style*="none" i], [style*="hidden" i], [style*="collapse" i],'
    " .screen-reader-text, .sr-only, .visually-hidden, .visuallyhidden"
)
_STYLE_COMMENT: Final = re.compile(r"/\*.*?\*/", re.DOTALL)
# What holds the body itself may be hidden until a script runs.
_SHOWN_LATER: Final = ".article-content"
# WordPress writes emoji as pictures, with the character as their alternative; a lazy loader moves the address.
_EMOJI: Final = "//s.w.org/images/core/emoji"
_SOURCES: Final = ("src", "data-src", "data-lazy-src", "data-original")


@dataclass(slots=True)
class Line:
    """One line of a page's text.

    ``block`` numbers the stretch between two block boundaries, so that lines parted by ``<br>`` alone share it;
    ``heading`` numbers the ``h1`` … ``h6`` it stands in, or is 0; ``marks`` are the names of the marked elements
    around it; ``links`` are the ``a`` elements that begin in it.
    """

    text: str
    block: int
    heading: int
    node: LexborNode
    marks: frozenset[str]
    links: list[LexborNode]


def decode(body: bytes, declared: str) -> str:
    """Return a page's text: as its byte order mark says, else UTF-8 wherever it is mostly that, else as ``declared`` by
    the response, or within by a ``meta``. Bad bytes are replaced.
    """
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if body.startswith(mark):
            return body.decode(encoding, errors="replace")
    with contextlib.suppress(UnicodeDecodeError):
        return body.decode()
    # A page cut off within a letter, or with one bad byte, is still UTF-8; text in any other encoding is all bad.
    text = body.decode(errors="replace")
    if _MOST_GOOD * text.count(_REPLACED) < sum(char > "\x7f" for char in text):
        return text
    within = _DECLARATION.search(body[:_DECLARED_WITHIN])
    names = [_encoding(declared), _encoding(within[1].decode()) if within else None]
    # Any bytes are text in a Western encoding, so that one is the weaker witness.
    known = sorted((name for name in names if name), key=lambda name: name == "cp1252")
    for encoding in known:
        with contextlib.suppress(UnicodeDecodeError):
            return body.decode(encoding)
    guessed = _guessed(body) if text.count(_REPLACED) >= _MANY_REPLACED else None
    return guessed or (body.decode(known[0], errors="replace") if known else text)


def _guessed(body: bytes) -> str | None:
    """Return a text in the likeliest encoding in which most of what is not ASCII are letters of its language."""
    # Not cut within a letter.
    plain = _TAG.sub(b" ", body[:_GUESSED_FROM].rpartition(b">")[0] if len(body) > _GUESSED_FROM else body)
    for match in from_bytes(plain, cp_isolation=list(_LETTERS)):
        # Several encodings may give the same text.
        if any(_is_plausible(str(match), encoding) for encoding in match.could_be_from_charset):
            with contextlib.suppress(UnicodeDecodeError):
                return body.decode(match.encoding)
    return None


def _is_plausible(text: str, encoding: str) -> bool:
    foreign = "".join(char for char in text if char > "\x7f")
    if encoding == "cp1252" and len(foreign) > _MOST_WESTERN * len(text):
        return False
    if encoding in _JAPANESE and len(_KANA.findall(foreign)) < _LEAST_KANA * len(foreign):
        return False
    return _MOST_GOOD * len(_LETTERS[encoding].findall(foreign)) >= (_MOST_GOOD - 1) * len(foreign)


def without_notices(text: str) -> str:
    """Return what a site answered without the notices that a broken plug-in has PHP write into it."""
    return _NOTICE.sub("", text)


def is_garbled(text: str) -> bool:
    """Return True if most of what is not ASCII in a text could not be decoded."""
    replaced = text.count(_REPLACED)
    return replaced >= _MANY_REPLACED and _MOST_GOOD * replaced >= sum(char > "\x7f" for char in text)


def _encoding(label: str) -> str | None:
    """Return Python's name of an encoding that a page may be in."""
    try:
        name = codecs.lookup(label.lower().replace("windows-949", "cp949")).name
        b"a".decode(name)
    except (LookupError, ValueError):
        return None
    return None if name in _NO_PAGES else _LARGER.get(name, name)


def parse(markup: str) -> LexborHTMLParser:
    """Parse a page as a browser would. Raise :class:`Unparsable`."""
    if (tags := markup.count("<")) > MAX_TAGS:
        raise Unparsable(f"{tags} tags; a page of the site has some 2,000")
    for tag in _LONG_TAG.finditer(markup) if len(markup) > _SMALL else ():
        if len(_NAME.findall(_QUOTED.sub("", tag[0]))) > MAX_ATTRIBUTES:
            raise Unparsable(f"a tag with more than {MAX_ATTRIBUTES} attributes")
    tree = LexborHTMLParser(markup)
    if tags > _MANY_TAGS:
        _refuse_deep(tree.root)
    return tree


def _refuse_deep(root: LexborNode | None) -> None:
    node, depth = root, 0
    while node is not None:
        if (child := node.first_child) is not None:
            node, depth = child, depth + 1
            if depth > MAX_DEPTH:
                raise Unparsable(f"elements nested deeper than {MAX_DEPTH}")
            continue
        while node is not None and node.next is None and depth:
            node, depth = node.parent, depth - 1
        node = node.next if node is not None and depth else None


def fold(text: str) -> str:
    """Return ``text`` with every run of white space as one space and none around it, without controls and lone
    surrogates.
    """
    folded = " ".join(text.split())
    # Most text is printable, and told so at once.
    return folded if folded.isprintable() else " ".join(_CONTROLS.sub("", folded).split())


def one_line(text: str) -> str:
    """Return ``text`` as a title shows it: folded, and without characters that only deceive the eye."""
    folded = fold(text)
    return folded if folded.isprintable() else " ".join(_DECEIVING.sub("", folded).split())


def label_of(node: LexborNode) -> str:
    """Return the text of a link or a button as one line; nothing if it is longer than any has."""
    text = node.text()
    return one_line(text) if len(text) <= _LONGEST_LABEL else ""


def text_of(node: LexborNode) -> str:
    """Return all text of an element, as one folded line."""
    return fold(" ".join(line.text for line in lines(node)))


def lines(root: LexborNode, marks: dict[int, str] | None = None) -> list[Line]:
    """Return the lines of text under ``root``, in document order, without empty ones.

    ``marks`` maps ``mem_id`` of elements to names that the lines inside them will carry.
    """
    hidden = {node.mem_id: _HIDDEN for node in root.css(_MAYBE_HIDDEN) if is_hidden(node) and node is not root}
    return _Reader(root, (marks or {}) | hidden).read()


def outermost(nodes: Iterable[LexborNode]) -> list[LexborNode]:
    """Return elements without those that stand in another of them."""
    found = {node.mem_id: node for node in nodes}
    return [node for node in found.values() if found.keys().isdisjoint(_ids_above(node))]


def _ids_above(node: LexborNode) -> Iterator[int]:
    above = node.parent
    while above is not None:
        yield above.mem_id
        above = above.parent


def is_hidden(node: LexborNode) -> bool:
    """Return True for an element that hides itself and what it holds, but not the body's own element."""
    attributes = node.attributes
    style = style_of(node) if attributes.get("style") else {}
    if "hidden" not in attributes and style.get("display") != "none" and style.get("visibility") not in _INVISIBLE:
        classes = (attributes.get("class") or "").split()
        if not _HIDING_CLASSES.intersection(classes):
            return False
    return node.css_first(_SHOWN_LATER) is None


def base_of(base: LexborNode | None, url: str) -> str:
    """Return the address that the links and pictures of a page are meant against; ``base`` is its first ``base`` that
    has one.
    """
    return (absolute(url, base.attributes.get("href")) if base is not None else None) or url


def is_emoji(node: LexborNode) -> bool:
    """Return True for a picture that stands for a character."""
    return any(_EMOJI in (node.attributes.get(name) or "") for name in _SOURCES)


def style_of(node: LexborNode) -> dict[str, str]:
    """Return the declarations of an element's ``style``; of several of a property, the one that a browser heeds."""
    found: dict[str, tuple[str, bool]] = {}
    for declaration in _STYLE_COMMENT.sub("", node.attributes.get("style") or "").lower().split(";"):
        name, _, value = (part.strip() for part in declaration.partition(":"))
        plain, important, _ = value.partition("!")
        if important or not found.get(name, ("", False))[1]:
            found[name] = plain.strip(), bool(important)
    return {name: value for name, (value, _) in found.items()}


class _Reader:
    """Walks a tree once, without recursion: a page may be nested deeper than Python's stack."""

    def __init__(self, root: LexborNode, marks: dict[int, str]) -> None:
        self._root = root
        self._names = marks
        self._lines: list[Line] = []
        self._pieces: list[str] = []
        self._links: list[LexborNode] = []
        self._blocks: list[LexborNode] = [root]
        self._headings: list[int] = []
        self._marks: list[frozenset[str]] = [frozenset()]
        self._block = 0

    def read(self) -> list[Line]:
        node: LexborNode | None = self._root
        names, entered = self._names, list[LexborNode]()
        while node is not None:
            child = None
            if node.is_text_node:
                text = node.text_content or ""
                # Most is what the source is indented by, and begins no line.
                if self._pieces or not text.isspace():
                    self._pieces.append(text)
            elif (tag := node.tag) not in _UNSEEN and (name := names.get(node.mem_id) if names else None) != _HIDDEN:
                self._enter(node, tag or "", name)
                entered.append(node)
                if len(entered) > MAX_DEPTH:
                    raise Unparsable(f"elements nested deeper than {MAX_DEPTH}")
                child = node.first_child
            node = child if child is not None else self._following(node, entered)
        self._end_line()
        return self._lines

    def _following(self, node: LexborNode, entered: list[LexborNode]) -> LexborNode | None:
        """Return the next node in document order that is not below ``node``, leaving what ends before it."""
        if entered and entered[-1] is node:
            self._leave(entered.pop())
        while entered:
            if (sibling := node.next) is not None:
                return sibling
            node = entered.pop()
            self._leave(node)
        return None

    def _enter(self, node: LexborNode, tag: str, name: str | None) -> None:
        if tag in _BLOCKS or name:
            self._end_block()
            self._blocks.append(node)
            self._marks.append(self._marks[-1] | {name} if name else self._marks[-1])
            if tag in _HEADINGS:
                self._headings.append(node.mem_id)
        elif tag == "br":
            self._end_line()
        elif tag == "a":
            self._links.append(node)
        elif tag == "img" and is_emoji(node):
            self._pieces.append(node.attributes.get("alt") or "")

    def _leave(self, node: LexborNode) -> None:
        if self._blocks[-1] is node:
            self._end_block()
            self._blocks.pop()
            self._marks.pop()
            if node.tag in _HEADINGS:
                self._headings.pop()

    def _end_block(self) -> None:
        if self._pieces:
            self._end_line()
        self._block += 1

    def _end_line(self) -> None:
        text = fold("".join(self._pieces))
        if text:
            heading = self._headings[-1] if self._headings else 0
            self._lines.append(Line(text, self._block, heading, self._blocks[-1], self._marks[-1], self._links))
            self._links = []
        self._pieces = []
