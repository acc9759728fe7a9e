"""Markup to lines of text, as a reader of the page would see them.

Inline tags leave no seam (``<strong>Kim Jong Un</strong>,``), block tags and ``<br>`` end a line, white space is
folded, and what no reader sees is left out.
"""

import contextlib
from dataclasses import dataclass
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from . import Unparsable

# Lexbor's time grows with the square of the nesting: 30,000 open tags take two seconds, 100,000 half a minute.
# The heaviest page known has some 2,000.
MAX_TAGS: Final = 30_000

MAX_DEPTH: Final = 500

_BLOCKS: Final = frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html li main menu nav ol option p pre section select "
    "summary table tbody td tfoot th thead tr ul".split()
)
_HEADINGS: Final = frozenset("h1 h2 h3 h4 h5 h6".split())
_UNSEEN: Final = frozenset(
    "script style noscript template iframe object embed svg math textarea head title audio video canvas".split()
)


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
    """A page's text: UTF-8 wherever it is that, whatever is declared; else as declared."""
    with contextlib.suppress(UnicodeDecodeError):
        return body.decode("utf-8-sig")
    try:
        return body.decode(declared, errors="replace")
    except (LookupError, UnicodeError):
        # What is declared may be no encoding of texts at all.
        return body.decode("utf-8", errors="replace")


def parse(markup: str) -> LexborHTMLParser:
    """The page as a browser would read it; raises :class:`Unparsable`."""
    if (tags := markup.count("<")) > MAX_TAGS:
        raise Unparsable(f"{tags} tags; a page of the site has some 2,000")
    return LexborHTMLParser(markup)


def fold(text: str) -> str:
    """``text`` with every run of white space as one space, and none around it."""
    return " ".join(text.split())


def text_of(node: LexborNode) -> str:
    """All text of an element, as one folded line."""
    return fold(" ".join(line.text for line in lines(node)))


def lines(root: LexborNode, marks: dict[int, str] | None = None) -> list[Line]:
    """The lines of text under ``root``, in document order, without empty ones.

    ``marks`` maps ``mem_id`` of elements to names that the lines inside them will carry.
    """
    return _Reader(root, marks or {}).read()


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
        entered: list[LexborNode] = []
        while node is not None:
            child = None
            if node.is_text_node:
                self._pieces.append(node.text_content or "")
            elif (tag := node.tag) not in _UNSEEN:
                self._enter(node, tag or "")
                entered.append(node)
                if len(entered) > MAX_DEPTH:
                    raise Unparsable(f"elements nested deeper than {MAX_DEPTH}")
                child = node.first_child
            node = child if child is not None else self._following(node, entered)
        self._end_line()
        return self._lines

    def _following(self, node: LexborNode, entered: list[LexborNode]) -> LexborNode | None:
        """The next node in document order that is not below ``node``, leaving what ends before it."""
        if entered and entered[-1] is node:
            self._leave(entered.pop())
        while entered:
            if (sibling := node.next) is not None:
                return sibling
            node = entered.pop()
            self._leave(node)
        return None

    def _enter(self, node: LexborNode, tag: str) -> None:
        name = self._names.get(node.mem_id) if self._names else None
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

    def _leave(self, node: LexborNode) -> None:
        if self._blocks[-1] is node:
            self._end_block()
            self._blocks.pop()
            self._marks.pop()
            if node.tag in _HEADINGS:
                self._headings.pop()

    def _end_block(self) -> None:
        self._end_line()
        self._block += 1

    def _end_line(self) -> None:
        if not self._pieces:
            return
        text = fold("".join(self._pieces))
        if text:
            heading = self._headings[-1] if self._headings else 0
            self._lines.append(Line(text, self._block, heading, self._blocks[-1], self._marks[-1], self._links))
            self._links = []
        self._pieces = []
