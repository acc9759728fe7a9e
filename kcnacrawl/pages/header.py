"""The head of an article page: its headline and its header, told apart from what imitates them."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import islice, zip_longest
from typing import Final

from selectolax.lexbor import LexborNode

from ..site.dates import looks_like_page_date
from ..site.urls import letters, slug_words
from . import LayoutChanged
from .text import Line, fold, label_of, one_line

CONTENT: Final = "content"
CARD: Final = "card"
ASIDE: Final = "aside"
"""The marks that lines carry: inside the body's element, a card, or what stands beside the article."""

# The letters of a shorter one may begin as those of any header do.
_TELLING_SLUG: Final = 12
PROSE: Final = 40
"""Shorter lines may be headlines, labels and buttons; a text has a longer one."""

MORE_FROM: Final = "More From "
_ORIGINAL: Final = re.compile(r"Read original version", re.IGNORECASE)
_ORIGINAL_WORDS: Final = "read original version at source"

# Lines of the site's, not of the article: whole lines only, since an article may begin with the same words.
# Where the theme writes one after the other without a break, they are one line.
CHROME: Final = re.compile(
    r"(?:Share Button|Get North Korea headlines delivered to your inbox daily\W*"
    r"|NK News is hiring\W*|Join the NK Pro team\W*)+"
    r"(?:Subscribe to the NK News ['‘’“\"]?Daily Update\b.*)?"
    r"|Subscribe to the NK News ['‘’“\"]?Daily Update\b.*"
)

_HEADER: Final = re.compile(
    r"Date\s*:\s*(?P<date>[^|:\n]{0,60}?)\s*(?:\|\s*)?Source\s*:\s*(?P<label>[^|\n]{0,200}?)\s*"
    r"(?:\|\s*Read original version at source|\||Read original version at source|(?=More From )|(?=\n)|\Z)"
)
# The same with a longer label, which is none.
_LONG_LABEL: Final = re.compile(r"Date\s*:\s*[^|:\n]{0,60}?\s*(?:\|\s*)?Source\s*:\s*[^|\n]{200}")
# A headline and some paragraphs may look like a header; a page of them is none of the site's.
_MOST_HEADERS: Final = 50
# The longest headline the site can have made a slug of is a fifth of it.
_LONGEST_HEADLINE: Final = 1_000
# Each word that may begin a label costs its time; no text has so many.
_MOST_SOURCES: Final = 2_000
# A crumb may hold a step or two before the source's label: "Home » KCNA.kp (En)".
_CRUMB_LEAD: Final = 40
# Without a crumb, how many blocks above the header a heading is taken for the headline in.
_NEAR: Final = 3


class Head:
    """Headline and header in the lines of a page, or of the part of it around the body. ``url`` is where the page
    was found: its slug is a witness of the headline.
    """

    def __init__(self, lines: Sequence[Line], url: str, *, has_content: bool) -> None:
        self._lines = lines
        self._slug = slug_words(url)
        self._has_content = has_content

    @property
    def date_raw(self) -> str:
        """The header's date as it stands there."""
        return one_line(self._match["date"])

    @cached_property
    def label(self) -> str:
        """The source as the header names it."""
        if not (label := one_line(self._match["label"])):
            raise LayoutChanged("label: the header names no source")
        return label

    @property
    def headline(self) -> str:
        """What stands between crumb and header."""
        if not (found := one_line(self._named or self._placed or "")):
            raise LayoutChanged("headline: nothing stands above the header")
        if len(found) > _LONGEST_HEADLINE:
            raise LayoutChanged(f"headline: longer than {_LONGEST_HEADLINE} characters")
        return found

    @property
    def is_sure(self) -> bool:
        """Whether the headline agrees with the address, so that no other part of the page need be read for it."""
        try:
            return self._named is not None
        except LayoutChanged:
            return False

    @property
    def header_lines(self) -> Sequence[Line]:
        """The line or lines of the header."""
        first, last = self._span(self._match)
        return self._lines[first : last + 1]

    @property
    def is_below_content(self) -> bool:
        """Whether the body stands above the header, where none is known to."""
        first = self._span(self._match)[0]
        return CONTENT not in self._lines[first].marks and self._content_start < first

    @property
    def line_above(self) -> Line:
        """The line before the header, or the header's if it is the first."""
        return self._lines[max(0, self._span(self._match)[0] - 1)]

    @property
    def below(self) -> Iterator[Line]:
        """What follows the header, up to the "More From" block: its title line followed by cards."""
        last = self._span(self._match)[1]
        rest = [*self._tail(self._lines[last], self._match.end() - self._starts[last]), *self._lines[last + 1 :]]
        for line, following in zip_longest(rest, rest[1:]):
            title = one_line(line.text) == f"{MORE_FROM}{self.label}"
            if CARD in line.marks or (title and following is not None and CARD in following.marks):
                return
            yield line

    @staticmethod
    def _tail(line: Line, at: int) -> list[Line]:
        """Return what stands in the header's line after it."""
        text = line.text[at:].strip(" |")
        return [replace(line, text=text)] if text else []

    # The header

    @cached_property
    def _match(self) -> re.Match[str]:
        text = "\n".join(line.text for line in self._lines)
        if text.count("Source") > _MOST_SOURCES:
            raise LayoutChanged(f"header: more than {_MOST_SOURCES} times 'Source'")
        found = list(islice(_HEADER.finditer(text), _MOST_HEADERS + 1))
        if len(found) > _MOST_HEADERS:
            raise LayoutChanged(f"header: more than {_MOST_HEADERS} lines look like one")
        found = [match for match in found if CARD not in self._line_of(match).marks]
        outside = [match for match in found if CONTENT not in self._line_of(match).marks]
        found = outside or [match for match in found if not self._is_quoted(match)]
        if not found and _LONG_LABEL.search(text):
            raise LayoutChanged("label: longer than 200 characters")
        if not found:
            raise LayoutChanged("header: no 'Date: … | Source: …' stands outside the cards")
        candidates = [match for match in found if not _agree(letters(match[0]), self._slug)]
        if not candidates and len(self._slug) >= _TELLING_SLUG:
            raise LayoutChanged("header: only the headline looks like one")
        candidates = candidates or found
        before = [match for match in candidates if self._span(match)[0] < self._content_start]
        return before[-1] if outside and before and self._has_content else self._first(candidates)

    def _first(self, candidates: list[re.Match[str]]) -> re.Match[str]:
        """Return the first header that links to the original, if no body tells where the page's head ends: a headline
        may imitate a header from above, a line of text from below.
        """
        linked = [match for match in candidates if self._is_linked(match)]
        plain = [match for match in candidates if not self._line_of(match).heading]
        return (linked or plain or candidates)[0]

    def _is_quoted(self, match: re.Match[str]) -> bool:
        """Return True if what looks like a header inside the body is its text: it speaks of the original and links to
        none, or stands below other text.
        """
        if _ORIGINAL.search(match[0]) and not self._is_linked(match):
            return True
        first = self._span(match)[0]
        above = [line for line in self._lines[self._content_start : first] if not line.heading]
        return any(len(line.text) >= PROSE and not _agree(letters(line.text), self._slug) for line in above)

    def _is_linked(self, match: re.Match[str]) -> bool:
        first, last = self._span(match)
        return original_anchor(self._lines[first : last + 1]) is not None

    @cached_property
    def _starts(self) -> list[int]:
        """Where each line starts in the text."""
        starts, at = [], 0
        for line in self._lines:
            starts.append(at)
            at += len(line.text) + 1
        return starts

    def _line_of(self, match: re.Match[str]) -> Line:
        return self._lines[self._span(match)[0]]

    def _span(self, match: re.Match[str]) -> tuple[int, int]:
        """Return the first and last line of a match."""
        return bisect_right(self._starts, match.start()) - 1, bisect_right(self._starts, match.end() - 1) - 1

    @cached_property
    def _content_start(self) -> int:
        inside = (i for i, line in enumerate(self._lines) if CONTENT in line.marks)
        return next(inside, len(self._lines))

    # The headline

    @property
    def is_named(self) -> bool:
        """Whether a headline was found that agrees with the slug."""
        return self._named is not None

    @cached_property
    def _named(self) -> str | None:
        """The block below the crumb that agrees with the slug, nearest to the header."""
        below_crumb, _ = self._below_crumb
        agreeing = [text for text, _ in below_crumb if _agree(letters(text), self._slug)]
        exact = [text for text in agreeing if letters(text) == self._slug]
        return next(reversed(exact or agreeing), None)

    @property
    def _placed(self) -> str | None:
        """The last heading below the crumb, or what stands last there."""
        below_crumb, crumbed = self._below_crumb
        rest = [
            (text, heading)
            for text, heading in below_crumb
            if not CHROME.fullmatch(text) and not looks_like_page_date(text)
        ]
        if not crumbed and [text for text, _ in rest[-1:]] in ([self.label], [f"KCNA {self.label}"]):
            return None
        near = (rest if crumbed else rest[-_NEAR:]) or below_crumb[-1:]
        headings = [text for text, heading in near if heading]
        return next(reversed(headings or [text for text, _ in near]), None)

    @cached_property
    def _below_crumb(self) -> tuple[list[tuple[str, bool]], bool]:
        """What follows the last crumb that anything follows; all of it, and ``False``, if there is no crumb."""
        above = list(self._above())
        for index in range(len(above) - 2, -1, -1):
            text = one_line(above[index][0])
            if text.endswith(self.label) and len(text) <= len(self.label) + _CRUMB_LEAD:
                return above[index + 1 :], True
        return above, False

    def _above(self) -> Iterator[tuple[str, bool]]:
        """Return ``(text, is heading)`` of the blocks above the header, from the top down."""
        first, _ = self._span(self._match)
        line = self._lines[first]
        beside = {CARD, ASIDE} if CONTENT in line.marks else {CONTENT, CARD, ASIDE}
        for group in _blocks([above for above in self._lines[:first] if not above.marks & beside]):
            yield fold(" ".join(one.text for one in group)), bool(group[0].heading)
        if lead := line.text[: max(0, self._match.start() - self._starts[first])].rstrip(" |"):
            yield lead, bool(line.heading)


def original_anchor(header: Sequence[Line]) -> LexborNode | None:
    """Return the link to the original in a header's lines: its words, or some of them, are the link's."""
    anchors = [anchor for line in header for anchor in line.links]
    whole = (anchor for anchor in anchors if _ORIGINAL.search(label_of(anchor)))
    if (found := next(whole, None)) is not None or not any(_ORIGINAL.search(line.text) for line in header):
        return found
    part = (a for a in reversed(anchors) if _ORIGINAL_WORDS.endswith(label_of(a).lower()))
    return next(part, None)


def _blocks(lines: list[Line]) -> list[list[Line]]:
    """Return lines together that only ``<br>`` parts, or that stand in one heading."""
    groups: list[list[Line]] = []
    for line in lines:
        last = groups[-1][-1] if groups else None
        if last and (line.block == last.block or (line.heading and line.heading == last.heading)):
            groups[-1].append(line)
        else:
            groups.append([line])
    return groups


def _agree(text: str, slug: str) -> bool:
    """Return True if a headline's letters are those of a slug, either of which may have been cut."""
    if not text or not slug:
        return False
    return text == slug or (min(len(text), len(slug)) > 3 and (text.startswith(slug) or slug.startswith(text)))
