"""Signatures of texts: numbers of which two texts share one where they are likely to tell the same."""

from array import array
from typing import Final
from zlib import crc32

import rensa  # type: ignore[import-untyped]  # has none

from .templates import is_template
from .text import Text, shingles

_ROWS: Final = 3
_SEED: Final = 1
_BANDS: Final = 42
# What is cut keeps its beginning: so many characters, a syllable or an ideograph counted as some letters.
_HEAD: Final = 200
_HEAD_GLUED: Final = 60
_HEAD_BANDS: Final = 8
_FEWEST: Final = 12
"""Of fewer shingles nothing tells whether two texts are alike: they are the same or not."""

METHOD: Final = f"2, rensa {rensa.RMinHash.ALGORITHM_VERSION}"
"""What an index was made by: the rules of this package, counted up with each change of them, and the digests."""


def is_to_the_letter(text: Text) -> bool:
    """Return True for a text that is linked only with its like: a template, or one of a few words."""
    return len(text.shingles) < _FEWEST or is_template(text)


def keys(text: Text, *, to_the_letter: bool) -> list[int]:
    """Return numbers of 32 bits; of an empty text, none."""
    if to_the_letter:
        return [crc32(text.digest)] if text.units else []
    return _bands(list(text.shingles), _BANDS, 0) + _bands(_head(text), _HEAD_BANDS, _BANDS)


def _head(text: Text) -> list[str]:
    units = text.units
    if isinstance(units, str):
        return shingles(units[:_HEAD_GLUED])
    length = number = 0
    for word in units:
        length += len(word) + 1
        if length > _HEAD:
            break
        number += 1
    return shingles(units[: max(number, _ROWS)])


def _bands(tokens: list[str], bands: int, first: int) -> list[int]:
    if not tokens:
        return []
    sketch = rensa.RMinHash(num_perm=bands * _ROWS, seed=_SEED)
    sketch.update(tokens)
    digest, size = array("I", sketch.digest()).tobytes(), 4 * _ROWS
    return [crc32(digest[at * size : (at + 1) * size], first + at) for at in range(bands)]
