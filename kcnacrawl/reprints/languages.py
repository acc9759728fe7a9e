"""The languages in which translations are looked for, and the marks of a text in each."""

from datetime import date
from typing import Final

from . import korean, latin
from .marks import weight
from .text import Text

LANGUAGES: Final = ("ko", "en", "es")
"""Korean, and those that may be translated from it."""
KOREAN: Final = 0
"""The place of Korean among them."""

# Of a longer text, or one of more marks, the rest is not read.
_LONGEST: Final = 20_000
_WORDS: Final = 4_000
_MOST: Final = 64


def language_of(text: Text, told: str | None) -> int | None:
    """Return the place of a text's language, as its record has it; ``None`` if translations of it are not looked for,
    or its script is another.
    """
    if told not in LANGUAGES:
        return None
    language = LANGUAGES.index(told)
    return language if text.is_glued == (language == KOREAN) else None


def marks_of(text: Text, language: int, day: int) -> list[int]:
    """Return the marks of a text that was printed on a day, those that tell most first."""
    body, today = text.body[:_LONGEST], date.fromordinal(day)
    found = korean.marks(body, today) if language == KOREAN else latin.marks(body, text.units[:_WORDS], today)
    return sorted(set(found), key=lambda mark: (-weight(mark), mark))[:_MOST]
