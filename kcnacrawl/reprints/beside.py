"""Two texts beside each other: what of each the other lacks."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Final, NamedTuple, Self

from .text import CHARACTERS, LONGEST, WORDS

_GLUED: Final = r"\u1100-\u11ff\u3041-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7a3"
# A word, or one character of those that are written without spaces, with what stands behind it.
_UNIT: Final = re.compile(rf"(?:\A[\W_]+)?(?:[{_GLUED}]|[^\W_{_GLUED}]+)[\W_]*")
_NO_LETTER: Final = re.compile(r"[\W_]+")
_IS_GLUED: Final = re.compile(f"[{_GLUED}]")


class Piece(NamedTuple):
    """Some of a paragraph. ``is_shared``: it stands in the other text, too."""

    is_shared: bool
    text: str


def beside(one: str, other: str) -> tuple[list[list[Piece]], list[list[Piece]]]:
    """Return two bodies, paragraph by paragraph in pieces.

    Shared is what stands in both, wherever, in a row of three words, or of five characters of Korean, Chinese and
    Japanese; case, width and punctuation are no difference. The time it takes is as the texts are long; what comes
    after :data:`~.text.LONGEST` characters is left out.
    """
    first, second = _Units.of(one[:LONGEST]), _Units.of(other[:LONGEST])
    shared = first.shingles.keys() & second.shingles.keys()
    return first.pieces(shared), second.pieces(shared)


@dataclass(frozen=True)
class _Units:
    """The units of a text, each with its paragraph's number."""

    paragraphs: list[str]
    units: list[tuple[int, str]]

    @classmethod
    def of(cls, body: str) -> Self:
        paragraphs = [one for one in body.split("\n\n") if one]
        return cls(paragraphs, [(number, unit) for number, one in enumerate(paragraphs) for unit in _UNIT.findall(one)])

    @cached_property
    def shingles(self) -> dict[str, list[int]]:
        """Where each shingle begins. A text of less than one is one."""
        folded = [_NO_LETTER.sub("", unicodedata.normalize("NFKC", unit)).casefold() for _, unit in self.units]
        places = dict[str, list[int]]()
        for at in range(max(1, len(folded) - self._width + 1)):
            places.setdefault(" ".join(folded[at : at + self._width]), []).append(at)
        return places

    @cached_property
    def _width(self) -> int:
        glued = sum(1 for _, unit in self.units if _IS_GLUED.match(unit))
        return CHARACTERS if 2 * glued > len(self.units) else WORDS

    def pieces(self, shared: set[str]) -> list[list[Piece]]:
        """Return the paragraphs in pieces, by the shingles that the other text shares."""
        is_shared = [False] * len(self.units)
        for shingle in shared:
            for at in self.shingles[shingle]:
                is_shared[at : at + self._width] = [True] * len(is_shared[at : at + self._width])
        found = [list[Piece]() for _ in self.paragraphs]
        marked = zip(is_shared, self.units, strict=True)
        for (number, common), some in groupby(marked, key=lambda one: (one[1][0], one[0])):
            found[number].append(Piece(common, "".join(unit for _, (_, unit) in some)))
        # A row of dots is of no text.
        return [one or [Piece(True, text)] for one, text in zip(found, self.paragraphs, strict=True)]
