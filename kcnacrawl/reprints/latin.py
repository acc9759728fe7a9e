"""The marks of English and Spanish texts."""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from itertools import chain
from typing import Final

from .marks import day_of_year, foreign_name, juche_year, korean_name, number, times
from .names import SURNAMES
from .romanisation import romanise, skeleton

_MONTHS: Final = {
    name: at
    for names in (
        "january february march april may june july august september october november december",
        "jan feb mar apr may jun jul aug sept oct nov dec",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    )
    for at, name in enumerate(names.split(), start=1)
}
_LONGEST_MONTH: Final = 12
_POWERS: Final = {"thousand": 3, "mil": 3, "million": 6, "millón": 6, "millones": 6, "billion": 9, "trillion": 12}
# Begins with one class of characters: searched for three times as fast.
_DIGITS: Final = re.compile(
    r"[0-9](?:[0-9]{0,2}(?: mil [0-9]{1,3}|(?:[ ,.][0-9]{3}){1,5})(?![0-9])|[0-9]{0,14}(?:[.,][0-9]{1,15})?)"
)
_AFTER: Final = re.compile(r"(?:st|nd|rd|th)?[ -](?:of |de )?([^\W\d_]+)")

_SMALL: Final = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty"
).split()
_TENS: Final = "thirty forty fifty sixty seventy eighty ninety".split()
_NUMERALS: Final = {
    **{name: value for value, name in enumerate(_SMALL, start=1)},
    **dict(zip(_TENS, range(30, 100, 10), strict=True)),
}
_SCALES: Final = {"thousand": 1_000, "million": 1_000_000}
# Nothing smaller tells anything.
_SMALLEST: Final = 12
_LARGEST: Final = 10**9
_TELLING: Final = frozenset(["hundred", *_SMALL[_SMALLEST:], *_TENS, *_SCALES])

_CAPITAL: Final = r"[A-ZÁÉÍÓÚÑ][\w'’.-]{0,30}"
_NAMES: Final = re.compile(rf"{_CAPITAL}(?: (?:of (?:the )?|and |de (?:la |los )?|y )?{_CAPITAL}){{0,9}}")
_APART: Final = re.compile(r" |-(?=[A-Z0-9])")
_BETWEEN: Final = frozenset("of the and de la los y".split())
_SYLLABLE: Final = (
    r"(?:[ptkjs]{2}|[ptkc]h|[bdghjkmnprst]|(?<=l)l)?(?:w(?:ae?|[eio])|y(?:ae?|[eou])|ae?|oe?|ui?|[ei])(?:ng|[klmnpt])?"
)
_IS_SYLLABLE: Final = re.compile(_SYLLABLE, re.IGNORECASE)
# No Korean word is spelled with a doubled vowel, and hardly any ends as a participle.
_ARE_SYLLABLES: Final = re.compile(rf"(?!.*(?:aa|ee|oo|ing\Z))(?:{_SYLLABLE}){{2,4}}", re.IGNORECASE)
_OF_A_PERSON: Final = 3
_FAMILIES: Final = frozenset(skeleton(romanise(one)) for one in SURNAMES)
# Words with a capital that might be Korean by their letters.
_NO_NAMES: Final = frozenset(
    "women union nation national anti june machine station hotel hospital una hasta mina".split()
)


def marks(body: str, words: Sequence[str], today: date) -> Iterator[int]:
    """Yield the marks of a text and its words without case."""
    for one in _DIGITS.finditer(body):
        before = body[max(0, one.start() - _LONGEST_MONTH) : one.start()].rstrip(". ").rpartition(" ")[2]
        after = _AFTER.match(body, one.end())
        yield from _number(one[0], before.lower(), after[1].lower() if after else "", today)
    if not _TELLING.isdisjoint(words):
        yield from (number(one, today.year) for one in _spelled_out(words))
    for run in _NAMES.findall(body):
        yield from _names(run)


def _number(digits: str, before: str, after: str, today: date) -> Iterator[int]:
    """Yield the marks of digits between two words."""
    if len(digits) <= 2 and (month := _MONTHS.get(before) or _MONTHS.get(after)):
        yield from day_of_year(month, int(digits), today)
    elif before == "juche" and len(digits) <= 3:
        yield juche_year(int(digits), today.year)
    elif " mil " in digits:
        thousands, rest = digits.split(" mil ")
        yield number(f"{thousands}{rest:0>3}", today.year)
    else:
        yield number(times(digits, _POWERS.get(after, 0)), today.year)


def _spelled_out(words: Iterable[str]) -> Iterator[str]:
    """Yield the numbers that are written in words: ``thirty-five``, ``two hundred and fifty thousand``."""
    value = last = 0
    for word in chain(words, ("",)):
        if numeral := _NUMERALS.get(word):
            value, last = value + numeral, numeral
        elif value and word == "hundred":
            value += 99 * last
        elif value and word in _SCALES:
            value = value * _SCALES[word] if value < _LARGEST else 0
        elif value and word != "and":
            if value > _SMALLEST:
                yield str(value)
            value = 0


@lru_cache(maxsize=1 << 15)
def _names(run: str) -> tuple[int, ...]:
    """Return the marks of what words with a capital in a row name."""
    parts = _APART.split(run.replace("’", "'"))
    words = [one.strip(".'-").removesuffix("'s") for one in parts if one not in _BETWEEN]
    found, at = list[int](), 0
    while at < len(words):
        mark, size = _first_name(words[at : at + 3])
        found += mark
        at += size
    return tuple(found)


def _first_name(words: list[str]) -> tuple[list[int], int]:
    """Return the mark of the name that some words begin with, if they do, and of how many words it is."""
    for size in (2, 1):
        mark = foreign_name(" ".join(words[:size]).casefold())
        if mark is not None and len(words) >= size:
            return [mark], size
    if len(words) == _OF_A_PERSON and skeleton(words[0]) in _FAMILIES and all(map(_IS_SYLLABLE.fullmatch, words)):
        return [korean_name(skeleton("".join(words)))], _OF_A_PERSON
    word = words[0].replace("-", "")
    is_name = _ARE_SYLLABLES.fullmatch(word) and word.lower() not in _NO_NAMES
    return [korean_name(skeleton(word))] if is_name else [], 1
