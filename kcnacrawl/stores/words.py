"""Words as all stores index and look for them, so that Korean is found inside longer words.

Korean, Chinese and Japanese glue what a person looks for to what follows: 김정은 stands in 김정은동지께서. A run of
such characters is indexed as its overlapping pairs and its last character alone; a query is taken apart in the same
way, and finds what a search for a substring would. Words of other scripts are found whole, without regard to case
and accents.
"""

import html
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

GLUED: Final = "가-힣㐀-䶿一-鿿\U00020000-\U0003ffff぀-ヿ々"
"""The letters that are glued, as what stands between the brackets of a regular expression."""
_RUN: Final = re.compile(rf"([{GLUED}]+)|([^\W_{GLUED}]+)")
_IS_GLUED: Final = re.compile(f"[{GLUED}]")
_INSIDE_A_WORD: Final = rf"[^\W_{GLUED}]"
_TERM: Final = re.compile(r'"([^"]*)"?|([^\s"]+)')
# Longer ones are no words of any language; a page may hold them all the same.
LONGEST: Final = 100
_AROUND: Final = 60


@dataclass(frozen=True, slots=True)
class Term:
    """A word, or a phrase in quotes: its ``tokens`` follow each other, and the last may be only how one begins."""

    tokens: tuple[str, ...]
    prefix: bool
    runs: tuple[str, ...]


def tokens(text: str) -> list[str]:
    """What of a text is indexed, in order."""
    return _tokens(_runs(text))


def folded(text: str) -> str:
    """The words of a text as they are compared, parted by spaces."""
    return " ".join(_folded(_runs(text)))


def terms(query: str) -> list[Term]:
    """A query's terms, all of which a text must hold; none if there is no word in it."""
    found = (_term(phrase or word) for phrase, word in _TERM.findall(query.replace("“", '"').replace("”", '"')))
    return [term for term in found if term is not None]


def match(query: str) -> str:
    """A query in FTS5's syntax (SQLite, "FTS5 Full-text Query Syntax"), whatever a person typed; ``""`` if no word."""
    return " ".join(f'"{" ".join(term.tokens)}"{"*" * term.prefix}' for term in terms(query))


def snippet(pieces: Iterable[tuple[str, bool]]) -> str:
    """What :func:`parts` gives, as HTML: each piece escaped, then what was looked for in ``<mark>``."""
    return "".join(f"<mark>{html.escape(text)}</mark>" if marked else html.escape(text) for text, marked in pieces)


def parts(text: str, query: str) -> list[tuple[str, bool]]:
    """Where a text first holds a term, cut from it in pieces: ``(text, is it what was looked for)``."""
    text = " ".join(unicodedata.normalize("NFC", text).split())
    spans = _spans(text, terms(query))
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


def _runs(text: str) -> list[tuple[str, str]]:
    """The words of a text: of each pair one is empty, ``(glued, other)``."""
    return _RUN.findall(unicodedata.normalize("NFKC", text).casefold())


def _folded(runs: list[tuple[str, str]]) -> list[str]:
    return [glued or _plain(other) for glued, other in runs]


def _tokens(runs: list[tuple[str, str]]) -> list[str]:
    found = list[str]()
    for glued, other in runs:
        if other:
            found.append(_plain(other))
        else:
            found += [glued[at : at + 2] for at in range(len(glued) - 1)]
            found.append(glued[-1])
    return found


def _plain(word: str) -> str:
    """A word without its accents, or what of it is compared."""
    if word.isascii():
        return word[:LONGEST]
    return "".join(char for char in unicodedata.normalize("NFKD", word) if not unicodedata.combining(char))[:LONGEST]


def _term(text: str) -> Term | None:
    runs = _runs(text)
    if not runs:
        return None
    found, (last, _) = _tokens(runs), runs[-1]
    if len(last) > 1:
        # A text's word may go on here.
        found.pop()
    return Term(tuple(found), prefix=len(last) == 1, runs=tuple(_folded(runs)))


def _spans(text: str, wanted: list[Term]) -> list[tuple[int, int]]:
    """Where a text holds terms, in its own positions."""
    folded, origin = list[str](), list[int]()
    for at, char in enumerate(text):
        for one in unicodedata.normalize("NFKC", char).casefold():
            # What is no letter parts words, also an accent that stands alone.
            folded += _plain(one) if one.isalnum() and not _IS_GLUED.match(one) else one
        origin += [at] * (len(folded) - len(origin))
    whole = "".join(folded)
    return sorted(
        (origin[hit.start()], origin[hit.end() - 1] + 1)
        for term in wanted
        for hit in re.finditer(_pattern(term), whole)
    )


def _pattern(term: Term) -> str:
    # The end of a run is where the next begins, though no space may stand between.
    return r"[\W_]*".join(
        re.escape(run) if _IS_GLUED.match(run) else rf"(?<!{_INSIDE_A_WORD}){re.escape(run)}(?!{_INSIDE_A_WORD})"
        for run in term.runs
    )
