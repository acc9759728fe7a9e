"""Marks: what of a text stays in another language, each as a number of 32 bits that has its weight in its upper ones.

How much a mark tells is judged by what it is, not by how often others have it: what two texts have in common depends
on them alone.
"""

import re
from datetime import date
from functools import lru_cache
from typing import Final
from zlib import crc32

from .names import EVERYWHERE, FOREIGN, KNOWN

WEIGHTS: Final = (0.25, 0.8, 1.5, 2.5, 3.5)
"""How much a mark tells. Of a number: 0 up to 12, else as many digits as it has that are no noughts at its end."""

_WEAK, _SLIGHT, _MIDDLING, _STRONG, _STRONGEST = range(5)
_NUMBER, _KNOWN_NAME, _GUESSED_NAME = range(3)
_BITS: Final = 27
_LARGEST: Final = 12
# A skeleton of so many letters is that of a person, or of a place like few.
_LONG_NAME: Final = 8
# Dates about the day of print are in all that is printed then.
_NEAR: Final = 4
_JUCHE: Final = 1911
_OF_A_YEAR: Final = 4
_FIRST_YEAR: Final = 1900
_PARTED: Final = re.compile(r"[,. ](?=[0-9]{3}(?![0-9]))")


def weight(mark: int) -> float:
    """Return how much it tells that two texts have a mark in common."""
    return WEIGHTS[mark >> _BITS & 7]


def is_number(mark: int) -> bool:
    """Return True for the mark of a number or a date."""
    return mark >> _BITS + 3 == _NUMBER


def is_guessed(mark: int) -> bool:
    """Return True for the mark of what may be a name or not."""
    return mark >> _BITS + 3 == _GUESSED_NAME


def _mark(kind: int, strength: int, value: str) -> int:
    return kind << _BITS + 3 | strength << _BITS | crc32(value.encode()) & (1 << _BITS) - 1


@lru_cache(maxsize=1 << 14)
def number(value: str, this_year: int) -> int:
    """Mark a number, or a year, which is told from one by nothing: its digits, after a point what is less than one."""
    if not value.isdecimal():
        return _mark(_NUMBER, _STRONG, value)
    if len(value) == _OF_A_YEAR and _FIRST_YEAR <= int(value) <= this_year + 1:
        return _mark(_NUMBER, _SLIGHT if int(value) < this_year - 1 else _WEAK, value)
    is_small = len(value) < 3 and int(value) <= _LARGEST
    return _mark(_NUMBER, _WEAK if is_small else min(len(value.rstrip("0")), _STRONGEST), value)


def juche_year(value: int, this_year: int) -> int:
    """Mark a year that is counted from the birth of Kim Il Sung."""
    return number(str(value + _JUCHE), this_year)


def times(digits: str, power: int) -> str:
    """Return the value of digits times a power of ten, exactly: of ``1.25`` and 3, ``1250``. Thousands may be parted by
    anything, and so may what is less than one, unless it is of three digits.
    """
    whole, _, rest = _PARTED.sub("", digits).replace(",", ".").partition(".")
    if power:
        return (whole + rest[:power].ljust(power, "0")).lstrip("0") or "0"
    return (whole.lstrip("0") or "0") + (f".{rest}" if rest else "")


def day_of_year(month: int, day: int, today: date) -> list[int]:
    """Mark a date; none that is about the day of print, or is no date."""
    try:
        away = (date(2000, month, day) - date(2000, today.month, today.day)).days % 366
    except ValueError:
        return []
    return [_mark(_NUMBER, _STRONG, f"{month}-{day}")] if _NEAR < away < 366 - _NEAR else []


def korean_name(bones: str) -> int:
    """Mark what is or may be a Korean name by its :func:`~.romanisation.skeleton`."""
    if bones in EVERYWHERE:
        return _mark(_KNOWN_NAME, _WEAK, bones)
    if bones in KNOWN:
        return _mark(_KNOWN_NAME, _MIDDLING, bones)
    return _mark(_GUESSED_NAME, _STRONGEST if len(bones) >= _LONG_NAME else _STRONG, bones)


def foreign_name(form: str) -> int | None:
    """Mark a name that other words stand for in each language, by any of its forms; ``None`` if it is none of them."""
    name = FOREIGN.get(form)
    return _mark(_KNOWN_NAME, _MIDDLING, name) if name else None
