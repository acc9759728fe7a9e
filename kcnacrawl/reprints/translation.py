"""Whether one article is a translation of another: a pure function of the marks of those that may be."""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import fsum
from typing import Final

from .comparison import Match
from .languages import KOREAN
from .marks import is_guessed, is_number, weight

# What both have in common has to tell so much, and of what either tells so much.
_EVIDENCE: Final = 5.0
_SCORE: Final = 0.5
# Of the numbers of the text that has fewer, so many stand in the other.
_SHARED_NUMBERS: Final = 0.5
# The second best has at most so much of the score of the best.
_MARGIN: Final = 0.75
# A guess at a name that the other text lacks tells little: it may be no name.
_UNSHARED_GUESS: Final = 0.2
# Korean has so many characters, without spaces, for a word of another language.
_SHORTEST: Final = 0.5
_LONGEST: Final = 8.0
# Of the keys and the marks of two texts of a language, so many show that one is a copy of the other.
_COPIED_KEYS: Final = 10
_COPIED_MARKS: Final = 0.8


@dataclass(frozen=True)
class Marked:
    """An article, and what of it stays in another language: ``marks``, those that tell most first. ``length`` is in
    words, of Korean in characters; ``signature`` are the keys of its signature, of 32 bits each.
    """

    id: str
    day: int
    number: int
    digest: bytes
    length: int
    language: int
    signature: bytes
    marks: Sequence[int]

    @cached_property
    def told_by(self) -> frozenset[int]:
        """Its marks, in no order."""
        return frozenset(self.marks)

    @cached_property
    def keys(self) -> frozenset[int]:
        """The keys of its signature."""
        return frozenset(array("I", self.signature))

    @cached_property
    def told(self) -> float:
        """How much its marks tell, if none of what may be a name is one."""
        return fsum(weight(one) * (_UNSHARED_GUESS if is_guessed(one) else 1) for one in self.marks)


def compare(one: Marked, other: Marked) -> Match:
    """Return how two articles are alike, of which both have marks.

    ``score`` is what both share of all that their marks tell (Jaccard's index, by weight), ``containment`` what they
    share of that of the one that tells less, ``shared_numbers`` as ever.
    """
    common = one.told_by & other.told_by
    shared = fsum(map(weight, common))
    guessed = (1 - _UNSHARED_GUESS) * fsum(weight(mark) for mark in common if is_guessed(mark))
    told, told_there = one.told + guessed, other.told + guessed
    fewer = min(_numbers(one.marks), _numbers(other.marks))
    return Match(
        "translation",
        round(shared / (told + told_there - shared), 4),
        round(shared / min(told, told_there), 4),
        round(_numbers(common) / fewer, 4) if fewer else 1.0,
    )


def pick(one: Marked, others: Iterable[Marked]) -> list[tuple[Marked, Match]]:
    """Return of some articles in a language the one of which ``one`` is a translation, and after it its copies; none
    where it is not clear.
    """
    matches = [(other, compare(one, other)) for other in others]
    if not matches:
        return []
    matches.sort(key=lambda found: (-found[1].score, found[0].day, found[0].id))
    best, match = matches[0]
    if not _may_be_translations(one, best, match):
        return []
    copies = [found for found in matches if _is_copy(best, found[0])]
    rest = max((found[1].score for found in matches if found not in copies), default=0)
    return copies if rest <= _MARGIN * match.score else []


def _may_be_translations(one: Marked, other: Marked, match: Match) -> bool:
    if match.score < _SCORE or match.shared_numbers < _SHARED_NUMBERS:
        return False
    korean, foreign = (one, other) if one.language == KOREAN else (other, one)
    if not _SHORTEST * foreign.length <= korean.length <= _LONGEST * foreign.length:
        return False
    return fsum(map(weight, one.told_by & other.told_by)) >= _EVIDENCE


def _numbers(marks: Iterable[int]) -> int:
    return sum(map(is_number, marks))


def _is_copy(one: Marked, other: Marked) -> bool:
    """Return True if two articles of one language tell the same, as far as their signatures show it."""
    if one.digest == other.digest:
        return True
    fewer = min(len(one.marks), len(other.marks))
    return len(one.keys & other.keys) >= _COPIED_KEYS and len(one.told_by & other.told_by) >= _COPIED_MARKS * fewer
