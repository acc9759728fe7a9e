"""Words as all stores index and look for them, so that Korean is found inside longer words.

Korean, Chinese and Japanese glue what a person looks for to what follows: 김정은 stands in 김정은동지께서. A run of
such characters is indexed as its overlapping pairs and its last character alone; a query is taken apart in the same
way, and finds what a search for a substring would. Words of other scripts are found whole, without regard to case
and accents. What nobody sees inside a word (a zero-width space, a soft hyphen, a variation selector) is no part of it.
"""

import html
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import accumulate, compress, count
from typing import Final, TypeVar

T = TypeVar("T")

FOLDING: Final = f"2, Unicode {unicodedata.unidata_version}"
"""What an index of tokens was made by: this module's rules, counted up with each change of them, and its letters."""

# Each as it stands between the brackets of a regular expression, Python's or PostgreSQL's.
GLUED: Final = "가-힣㐀-䶿一-鿿\U00020000-\U0003ffffぁ-ゟァ-ヺー-ヿ々"
"""The letters that are glued; what stands between the kana (・, ゠) parts words."""
IGNORED: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
"""What has no look of its own: Unicode's property ``Default_Ignorable_Code_Point``."""

_IGNORED: Final = re.compile(f"[{IGNORED}]+")
_RUN: Final = re.compile(f"([{GLUED}]+)|([^ {GLUED}]+)")
_IS_GLUED: Final = re.compile(f"[{GLUED}]")
_TERM: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
# Letters to Unicode, and to who reads them apostrophes and middle dots; NFKC makes the last of ㆍ.
_PARTING: Final = frozenset("ʹʺʻʼʽʾʿˈˊˋˮꞋꞌꞏ\u119e")
# It stretches an Arabic word, as a printer likes.
_TATWEEL: Final = "\u0640"
# What NFKC may join to the character before it, besides marks: vowels and finals of Korean, sound marks of kana.
_JOINING: Final = re.compile(
    f"[{IGNORED}\u1161-\u1175\u11a8-\u11c2\u3133\u3135\u3136\u313a-\u313f\u314f-\u3163\uff9e\uff9f\uffa3-\uffdc]"
)
# Longer ones are no words of any language; a page may hold them all the same.
LONGEST: Final = 100
_AROUND: Final = 60
_HEADS: Final = (50, 250)
_LONGEST_REMEMBERED: Final = 40
_MOST_REMEMBERED: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Term:
    """A word, or a phrase in quotes: its ``tokens`` follow each other, and the last may be only how one begins."""

    tokens: tuple[str, ...]
    prefix: bool
    runs: tuple[str, ...]


def tokens(text: str) -> list[str]:
    """Return what of a text is indexed, in order."""
    return indexed(text).split()


def indexed(text: str) -> str:
    """Return the tokens of a text as an index takes them: parted by spaces, of which there may be more than one."""
    return " ".join(map(_INDEXED.__getitem__, text.split()))


def folded(text: str) -> str:
    """Return the words of a text as they are compared, parted by spaces."""
    return " ".join(filter(None, map(_FOLDED.__getitem__, text.split())))


@lru_cache
def terms(query: str) -> tuple[Term, ...]:
    """Return a query's terms, all of which a text must hold; none if there is no word in it."""
    found = (_term(phrase or word) for phrase, word in _TERM.findall(query.replace("“", '"').replace("”", '"')))
    return tuple(term for term in found if term is not None)


def checked(query: str) -> str:
    """Return a query that has a term; raise ``ValueError`` for one that has none."""
    if not terms(query):
        raise ValueError("holds no word to look for")
    return query


def match(query: str) -> str:
    """Return a query in FTS5's syntax (SQLite, "FTS5 Full-text Query Syntax"), whatever was typed; "" if no word."""
    return " ".join(f'"{" ".join(term.tokens)}"{"*" * term.prefix}' for term in terms(query))


def holds(query: str, *texts: str) -> bool:
    """Return True if each term of a query stands in one of the texts: what an index finds, without one."""
    patterns, looked_into = _patterns(query), [folded(text) for text in texts]
    return bool(patterns) and all(any(pattern.search(text) for text in looked_into) for pattern in patterns)


def snippet(pieces: Iterable[tuple[str, bool]]) -> str:
    """Return what :func:`parts` gives as HTML: each piece escaped, then what was looked for in ``<mark>``."""
    return "".join(f"<mark>{html.escape(text)}</mark>" if marked else html.escape(text) for text, marked in pieces)


def parts(text: str, query: str) -> list[tuple[str, bool]]:
    """Cut from a text where it first holds a term, in pieces: ``(text, is it what was looked for)``."""
    text = unicodedata.normalize("NFC", text)
    if any(len(term.runs) > 1 for term in terms(query)):
        return _cut(text.split(), query)
    # Most texts hold early what they are found by.
    for size in (*_HEADS, -1):
        pieces = text.split(None, size)
        is_head = len(pieces) > size >= 0
        if is_head:
            pieces.pop()
        first = next(compress(count(), map(_holding(query).__getitem__, pieces)), None)
        begin, end = _around(pieces, first or 0)
        if not is_head or (first is not None and end < len(pieces)):
            return _cut(pieces[begin:end], query)
    raise AssertionError


def _around(pieces: list[str], number: int) -> tuple[int, int]:
    """Return which pieces stand around one of a text, as far as a snippet of it reaches."""
    begin, length = number, 0
    while begin and length <= _AROUND:
        begin -= 1
        length += len(pieces[begin]) + 1
    end, length = number + 1, 0
    while end < len(pieces) and length <= _AROUND:
        length += len(pieces[end]) + 1
        end += 1
    return begin, end


@lru_cache(maxsize=8)
def _holding(query: str) -> "_Remembered[bool]":
    """Return which pieces of texts hold a term that needs one alone."""
    return _Remembered(lambda piece: any(pattern.search(_fold(piece)) for pattern in _patterns(query)))


def _cut(pieces: list[str], query: str) -> list[tuple[str, bool]]:
    text = " ".join(pieces)
    spans = _spans(text, query)
    first, last = spans[0] if spans else (0, 0)
    begin, end = max(0, first - _AROUND), last + _AROUND
    found = [("…", False)] if begin else []
    at = begin
    for start, stop in spans:
        if start >= at and stop <= end:
            found += [(text[at:start], False), (text[start:stop], True)]
            at = stop
    found += [(text[at:end], False), ("…" * (end < len(text)), False)]
    return [part for part in found if part[0]]


def compared(char: str) -> str:
    """Return what a character of NFKC is compared as: nothing if it is a mark on another, a space if it parts words."""
    category = unicodedata.category(char)
    if unicodedata.combining(char) or category == "Me" or char == _TATWEEL:
        return ""
    if _IS_GLUED.match(char):
        return char
    # Vowels of Hindi, Thai and others are marks that are no accents.
    if char in _PARTING or not (char.isalnum() or category in {"Mn", "Mc"}):
        return " "
    plain = unicodedata.normalize("NFKD", char.casefold())
    return "".join(one for one in plain if not unicodedata.combining(one))


class _Compared(dict[int, str]):
    """A table for ``str.translate`` that fills itself."""

    def __missing__(self, code: int) -> str:
        self[code] = compared(chr(code))
        return self[code]


_COMPARED: Final = _Compared()


def _fold(text: str) -> str:
    return unicodedata.normalize("NFKC", _IGNORED.sub("", text)).translate(_COMPARED)


def _runs(text: str) -> list[tuple[str, str]]:
    """Return the words of a text: of each pair one is empty, ``(glued, other)``."""
    return [(glued, other[:LONGEST]) for glued, other in _RUN.findall(_fold(text))]


def _tokens(runs: list[tuple[str, str]]) -> list[str]:
    found = list[str]()
    for glued, other in runs:
        if other:
            found.append(other)
        else:
            found += [glued[at : at + 2] for at in range(len(glued) - 1)]
            found.append(glued[-1])
    return found


class _Remembered(dict[str, T]):
    """What is made of the pieces of texts that stand between white space, which all rules part words at. Most come
    again and again.
    """

    def __init__(self, make: Callable[[str], T]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, piece: str) -> T:
        made = self._make(piece)
        if len(piece) <= _LONGEST_REMEMBERED:
            if len(self) >= _MOST_REMEMBERED:
                self.clear()
            self[piece] = made
        return made


_INDEXED: Final = _Remembered(lambda piece: " ".join(_tokens(_runs(piece))))
_FOLDED: Final = _Remembered(lambda piece: " ".join(glued or other for glued, other in _runs(piece)))


def _term(text: str) -> Term | None:
    runs = _runs(text)
    if not runs:
        return None
    found, (last, _) = _tokens(runs), runs[-1]
    if len(last) > 1:
        # A text's word may go on here.
        found.pop()
    return Term(tuple(found), prefix=len(last) == 1, runs=tuple(glued or other for glued, other in runs))


def _spans(text: str, query: str) -> list[tuple[int, int]]:
    """Return where a text, whose pieces are parted by single spaces, holds terms first, and others that begin no
    further than :data:`_AROUND` after that; in its own positions.
    """
    whole, origin = _aligned(text)
    found = list[tuple[int, int]]()
    for hits in (pattern.finditer(whole) for pattern in _patterns(query)):
        for hit in hits:
            span = origin(hit.start())[0], origin(hit.end() - 1)[1]
            if found and span[0] > min(found)[1] + _AROUND:
                break
            found.append(span)
    return sorted(found)


def _aligned(text: str) -> tuple[str, Callable[[int], tuple[int, int]]]:
    """Return a text folded, and what tells where a character of that came from."""
    if text.isascii():
        return _fold(text), lambda at: (at, at + 1)
    pieces = text.split(" ")
    aligned = [_ALIGNED[piece] for piece in pieces]
    begins = list(accumulate(map(len, pieces), initial=0))
    folded = [one for one, _ in aligned]
    folded_begins = list(accumulate(map(len, folded), initial=0))

    def origin(at: int) -> tuple[int, int]:
        number = bisect_right(folded_begins, at) - 1
        start, stop = aligned[number][1][at - folded_begins[number]]
        # A space stands before each piece but the first.
        begin = begins[number] + number
        return begin + start, begin + stop

    return "".join(folded), origin


def _align(piece: str) -> tuple[str, list[tuple[int, int]]]:
    """Return a piece of a text folded, with a space after it, and where each character of the piece came from."""
    folded, origin = list[str](), list[tuple[int, int]]()
    for start, stop in _clusters(piece):
        letters = _fold(piece[start:stop])
        folded.append(letters)
        origin += [(start, stop)] * len(letters)
    return f"{''.join(folded)} ", origin


_ALIGNED: Final = _Remembered(_align)


def _clusters(text: str) -> Iterator[tuple[int, int]]:
    """Cut a text into the pieces that are folded by themselves, each a character with what belongs to it."""
    start = 0
    for at, char in enumerate(text):
        if at > start and not _joins(char):
            yield start, at
            start = at
    if text:
        yield start, len(text)


@cache
def _joins(char: str) -> bool:
    return unicodedata.category(char).startswith("M") or bool(_JOINING.match(char))


@lru_cache
def _patterns(query: str) -> list[re.Pattern[str]]:
    """Return what finds the terms of a query in a folded text."""
    return [re.compile(_pattern(term.runs)) for term in terms(query)]


def _pattern(runs: tuple[str, ...]) -> str:
    inside = f"[^ {GLUED}]"
    found, is_before = "", None
    for run in runs:
        is_glued = bool(_IS_GLUED.match(run))
        if is_before is not None:
            # The end of a run is where one of the other kind begins, though no space may stand between.
            found += " +" if is_glued == is_before else " *"
        goes_on = f"{inside}*" if len(run) == LONGEST else ""
        found += re.escape(run) if is_glued else f"(?<!{inside}){re.escape(run)}{goes_on}(?!{inside})"
        is_before = is_glued
    return found
