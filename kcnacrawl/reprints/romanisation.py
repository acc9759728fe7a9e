"""Korean in Latin letters, as the North spells it: 평안 is ``phyongan``, 리철옥 ``Ri Chol Ok``.

The rules are those of the *Rules of Latin Alphabetic Transcription of the Korean Language* (Pyongyang 1992, with the
changes of 2002 and 2012; the United Nations Group of Experts on Geographical Names has them), which keep most of
McCune and Reischauer's system of 1939. Breves are left out, as the press does.
"""

import re
import unicodedata
from typing import Final

_FIRST: Final = 0xAC00
_LAST: Final = 0xD7A3
_INITIALS: Final = (
    "k",
    "kk",
    "n",
    "t",
    "tt",
    "r",
    "m",
    "p",
    "pp",
    "s",
    "ss",
    "",
    "j",
    "jj",
    "ch",
    "kh",
    "th",
    "ph",
    "h",
)
_VOWELS: Final = tuple("a ae ya yae o e yo ye o wa wae oe yo u wo we wi yu u ui i".split())
# ㄳ is heard as ㄱ, ㄺ as ㄱ, ㄼ as ㄹ, and so on.
_FINALS: Final = ("", *"k k k n n n t l k m l l l p l m p p t t ng t t k t p".split(), "")
_VOICED: Final = {"k": "g", "t": "d", "p": "b"}
_RESONANT: Final = frozenset(["", "n", "l", "m", "ng"])

# What is spelled in more than one way: aspiration, voice, ㄹ, a breve or the South's digraph for it, ㄴㄹ as nr or ll.
_LETTERS: Final = str.maketrans("bcdgl", "pjtkr")
_ASPIRATION: Final = re.compile(r"(?<=[jkpst])h")
_MUTE: Final = re.compile(r"e(?=[ou])|n(?=r)")
_DOUBLED: Final = re.compile(r"(.)\1+")
_MARK: Final = re.compile(r"[^a-z]+")


def romanise(word: str) -> str:
    """Return a word of Hangul in small letters; what is not Hangul is left as it is."""
    parts, before = list[str](), None
    for syllable in word:
        if not _FIRST <= ord(syllable) <= _LAST:
            parts.append(syllable)
            before = None
            continue
        rest, final = divmod(ord(syllable) - _FIRST, 28)
        initial, vowel = divmod(rest, 21)
        first = _INITIALS[initial]
        if before in _RESONANT:
            first = "l" if (before, first) == ("l", "r") else _VOICED.get(first, first)
        before = _FINALS[final]
        parts.append(first + _VOWELS[vowel] + before)
    return "".join(parts)


def romanise_person(name: str) -> str:
    """Return a person's name, each syllable by itself."""
    return " ".join(romanise(syllable).capitalize() for syllable in name)


def skeleton(name: str) -> str:
    """Return what the spellings of a name in Latin letters have in common: of ``P'yŏngan``, ``Phyong-an`` and
    ``Pyeongan`` the same.
    """
    letters = name.lower()
    if not letters.isascii():
        letters = unicodedata.normalize("NFKD", letters)
    letters = _ASPIRATION.sub("", _MARK.sub("", letters).translate(_LETTERS))
    return _DOUBLED.sub(r"\1", _MUTE.sub("", letters))
