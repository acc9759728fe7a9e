"""What of an article's text is compared: its words or characters, without what a printer adds."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

LONGEST: Final = 200_000
"""So many characters of a body are compared: no report of a congress is longer, and time stays bounded."""

WORDS: Final = 3
"""So many words make a shingle."""
CHARACTERS: Final = 5
"""So many characters, without spaces, make a shingle of Korean, Chinese and Japanese."""

_SAMPLE: Final = 800
_INVISIBLE: Final = re.compile(r"[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]+")
_GLUED: Final = re.compile(r"[\u1100-\u11ff\u3041-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]+")
_WORD: Final = re.compile(r"[^\W_]+")
_NO_LETTER: Final = re.compile(r"[\W_]+")
_SENTENCE_END: Final = re.compile(r"[.!?](?=\s)|[。\n]")
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_INSIDE: Final = re.compile(r"(?<=[\w,;)] )[^\W\d_]\w+")

_DASH: Final = r"[-\u2010-\u2015]"
_DAY: Final = r"(?:[^\W\d_]{3,12}\.? \d{1,2}|\d{1,2}\.? (?:de )?[^\W\d_]{3,12})(?:,? (?:de )?\d{4})?"
_AGENCY: Final = r"(?:KCNA|ACNC|AC[CN]|ЦТАК|조선중앙통신사?|朝中社|朝鲜中央通讯社|朝鮮中央通信|로동신문|Rodong Sinmun)"
_OPENING: Final = re.compile(
    # Pyongyang, May 27 (KCNA) --
    rf"\s*[^\n()\d]{{0,40}},? {_DAY} ?[(/\[][^()\n]{{2,40}}[)/\]]\.?\s*(?:{_DASH}+|:)?"
    rf"|\s*[^\n()\d]{{2,40}}, {_DAY}\.?\s*(?:{_DASH}+|:)"
    # (평양 5월 27일발 조선중앙통신), 【平壤5月27日电】
    rf"|\s*[(\[【〔][^\n()\[\]]{{0,30}}\d[^\n()\[\]]{{0,20}}(?:발|發|发|电|電|発|통신|通信|{_AGENCY})[^\n()\[\]]{{0,20}}[)\]】〕]"
    rf"|\s*[(\[【〔/]{_AGENCY}[)\]】〕/]\s*{_DASH}*"
    # 朝中社平壤5月27日电, 平壤5月27日电 (朝中社), 평양 5월 27일발 조선중앙통신
    rf"|\s*(?:{_AGENCY})?[^\n\d.。]{{0,10}}\d{{1,2}}[月월]\s?\d{{1,2}}[日일]\s?(?:발|發|发|电|電|発)\s?(?:\(?{_AGENCY}\)?)?"
    rf"(?:\s?{_DASH}+|:)?"
)
_CLOSING: Final = re.compile(
    rf"(?:\s|{_DASH}\s?(?:0|30)\s?{_DASH}|#{{2,}}|\*{{3,}}|■|□|(?:https?://)?www\.\S+"
    r"|\((?:(?:Juche|주체|主体) ?)?\d[\d.\s年月日년월일]*\)"
    rf"|\((?:{_AGENCY}|끝|完|完毕|终|了|End|Fin)\)|\b{_AGENCY}\b|끝\.?$|完$)+\Z",
    re.IGNORECASE,
)
_OPENING_WITHIN: Final = 160
_CLOSING_WITHIN: Final = 200


@dataclass(frozen=True, slots=False)
class Text:
    """A body in NFKC, without dateline and end marks. ``is_glued``: it is compared by characters, not by words."""

    body: str
    is_glued: bool

    @cached_property
    def units(self) -> Sequence[str]:
        """Words without case, or the characters one by one as a string."""
        folded = self.body.casefold()
        return _NO_LETTER.sub("", folded) if self.is_glued else _WORD.findall(folded)

    @cached_property
    def shingles(self) -> frozenset[str]:
        """What follows upon each other in the text."""
        return frozenset(shingles(self.units))

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each shingle stands that the text has once, in order."""
        places, often = dict[str, int](), set[str]()
        for at, one in enumerate(shingles(self.units)):
            if one in places:
                often.add(one)
            places[one] = at
        return {one: at for one, at in places.items() if one not in often}

    @cached_property
    def joints(self) -> list[frozenset[str]]:
        """Of each two sentences that follow upon each other, the shingles that are of both: a stock phrase brings none,
        since what stands before and after it is another text's own.
        """
        ordered, width = shingles(self.units), CHARACTERS if self.is_glued else WORDS
        joints, at = list[frozenset[str]](), 0
        for sentence in _SENTENCE_END.split(self.body)[:-1]:
            folded = sentence.casefold()
            size = len(_NO_LETTER.sub("", folded)) if self.is_glued else len(_WORD.findall(folded))
            at += size
            if size and width <= at <= len(self.units) - width:
                joints.append(frozenset(ordered[at - width + 1 : at]))
        return joints

    @cached_property
    def numbers(self) -> frozenset[str]:
        """Numbers written in digits, thousands not parted."""
        return frozenset(number.replace(",", "") for number in _NUMBER.findall(self.body))

    @cached_property
    def names(self) -> frozenset[str]:
        """Words that have a capital within a sentence, without case; abbreviations are left out, which are spelled out
        elsewhere.
        """
        return frozenset(
            word.casefold() for word in _INSIDE.findall(self.body) if word[0].isupper() and not word.isupper()
        )

    @cached_property
    def digest(self) -> bytes:
        """What two texts have in common that are the same to the letter."""
        joined = self.units if isinstance(self.units, str) else " ".join(self.units)
        return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def read_text(body: str) -> Text:
    """Return what of a body is compared."""
    text = body[:LONGEST]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text))[:LONGEST]
    if opening := _OPENING.match(text[:_OPENING_WITHIN]):
        text = text[opening.end() :]
    before, end = text[:-_CLOSING_WITHIN], text[-_CLOSING_WITHIN:]
    if closing := _CLOSING.search(end):
        text = before + end[: closing.start()]
    return Text(text, _is_glued(text[:_SAMPLE]))


def shingles(units: Sequence[str]) -> list[str]:
    """Return the shingles of some units, in order; of less than one shingle, none."""
    if isinstance(units, str):
        return [units[at : at + CHARACTERS] for at in range(len(units) - CHARACTERS + 1)]
    return list(map(" ".join, zip(*(units[at:] for at in range(WORDS)), strict=False)))


def _is_glued(sample: str) -> bool:
    if sample.isascii():
        return False
    glued = sum(map(len, _GLUED.findall(sample)))
    # A syllable or an ideograph stands for some letters of an alphabet.
    return 3 * glued > sum(map(len, _WORD.findall(sample)))
