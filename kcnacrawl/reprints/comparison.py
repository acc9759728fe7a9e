"""Whether two texts tell the same story: a pure function of the two."""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from .text import CHARACTERS, WORDS, Text

Kind = Literal["same", "cut", "reworked", "template", "translation"]

_CONTAINMENT: Final = 0.5
_SHARED_NUMBERS: Final = 0.8
_SHARED_NAMES: Final = 0.6
_SHARED_JOINTS: Final = 0.15
_SHARED_JOINTS_OF_A_CUT: Final = 0.75
_SAME: Final = 0.9
_CUT: Final = 0.9

# A slot of a template, between what both fillings have, in units.
_LONGEST_SLOT: Final = {False: 6, True: 8}
# What may be apart from slots and from what is around them.
_APART: Final = 0.1
_APART_IF_SHORT: Final = 0.3
_APART_IF_SLIGHT: Final = 0.05
_FEW_SLOTS: Final = 2
_SHORT: Final = {False: 100, True: 260}
_SHORTEST: Final = {False: 50, True: 110}
# What follows a name in Korean, Chinese and Japanese, which have no capitals.
_AFTER_A_NAME: Final = tuple(
    "대통령 주석 총리 수상 국왕 총비서 서기장 위원장 장관 외무상 대사 각하 동지 선생 공화국 왕국 련방 시 도 군 구역"
    " 공장 농장 탄광 광산"
    " 발전소 대학 학교 병원 总统 主席 总书记 国王 首相 总理 部长 外长 大使 阁下 同志 先生 共和国 王国 联邦 省 市 郡"
    " 县 工厂 农场 煤矿"
    " 发电站 大学 医院 大統領 総書記 閣下 農場 炭鉱".split()
)


class Match(NamedTuple):
    """How two texts are alike.

    ``score`` is what they share of all their shingles (Jaccard's index), ``containment`` what stands in the longer of
    those of the shorter, ``shared_numbers`` what both have of the numbers of the one that has fewer, 1 if it has none.
    """

    kind: Kind
    score: float
    containment: float
    shared_numbers: float


IDENTICAL: Final = Match("same", 1.0, 1.0, 1.0)
TEMPLATE: Final = IDENTICAL._replace(kind="template")


def compare(one: Text, other: Text) -> Match | None:
    """Return how two texts are alike that are no templates; ``None`` if they do not tell the same."""
    short, long = _ordered(one, other)
    if not short.shingles or short.is_glued != long.is_glued:
        return None
    common = len(short.shingles & long.shingles)
    containment = common / len(short.shingles)
    if containment < _CONTAINMENT:
        return None
    fewer = min(len(short.numbers), len(long.numbers))
    shared_numbers = len(short.numbers & long.numbers) / fewer if fewer else 1.0
    names = min(len(short.names), len(long.names))
    if shared_numbers < _SHARED_NUMBERS or len(short.names & long.names) < _SHARED_NAMES * names:
        return None
    if _is_of_stock_phrases(short, long, containment) or _is_filled_otherwise(short, long):
        return None
    score = common / (len(short.shingles) + len(long.shingles) - common)
    kind: Kind = "same" if score >= _SAME else "cut" if containment >= _CUT else "reworked"
    return Match(kind, round(score, 4), round(containment, 4), round(shared_numbers, 4))


def is_of_few_words(text: Text) -> bool:
    """Return True for a text as short as what recurs with other names."""
    return len(text.units) <= _SHORT[text.is_glued]


def other_filling(one: Text, other: Text) -> float:
    """Return how much two short texts look like one form that is filled in twice, from 0 to 1."""
    short, long = _ordered(one, other)
    if short.is_glued != long.is_glued or not is_of_few_words(long):
        return 0
    if len(short.shingles & long.shingles) < _CONTAINMENT * len(short.shingles):
        return 0
    slots = _slots(short, long)
    return 0 if slots.apart > _APART_IF_SHORT else 1 if slots.named else 0.5 if slots.other else 0


def _ordered(one: Text, other: Text) -> tuple[Text, Text]:
    """Return the shorter text, and the longer."""
    return (one, other) if (len(one.shingles), one.digest) <= (len(other.shingles), other.digest) else (other, one)


def _is_of_stock_phrases(short: Text, long: Text, containment: float) -> bool:
    """Return True if two texts have sentences in common, and hardly ever two that follow upon each other; the less they
    tell by numbers, the more have to.
    """
    if not short.joints:
        return containment < _CUT
    shared = sum(joint <= long.shingles for joint in short.joints)
    if short.numbers and long.numbers:
        return shared < max(1, _SHARED_JOINTS * len(short.joints))
    if short.numbers or long.numbers:
        return containment < _CUT or shared < _SHARED_JOINTS_OF_A_CUT * len(short.joints)
    return shared < max(1, 2 * _SHARED_JOINTS * len(short.joints))


class _Slots(NamedTuple):
    """In how many places two texts differ while all around them is the same: by a name or a number, or otherwise; and
    the share of the shorter text that is ``apart`` from those and from what both have.
    """

    named: int
    other: int
    apart: float


def _is_filled_otherwise(short: Text, long: Text) -> bool:
    """Return True if two texts are one form that is filled in twice: they differ by names or numbers where all around
    them is the same. In a short text without capitals one or two places tell as much whatever is in them, and in a very
    short one any.
    """
    slots = _slots(short, long)
    if slots.named:
        return slots.apart <= (_APART_IF_SHORT if is_of_few_words(short) else _APART)
    if len(short.units) <= _SHORTEST[short.is_glued]:
        return slots.other > 0 and slots.apart <= _APART_IF_SHORT
    is_slight = 0 < slots.other <= _FEW_SLOTS and slots.apart <= _APART_IF_SLIGHT
    return is_slight and short.is_glued and is_of_few_words(short)


def _slots(short: Text, long: Text) -> _Slots:
    longest = _LONGEST_SLOT[short.is_glued] * (3 if is_of_few_words(short) else 1)
    width = CHARACTERS if short.is_glued else WORDS
    named = other = apart = 0
    last = (-width, -width)
    for at, there in [*_anchors(short, long), (len(short.units), len(long.units))]:
        gap, gap_there = at - last[0] - width, there - last[1] - width
        if 0 < gap <= longest and 0 < gap_there <= longest:
            slot, slot_there = short.units[at - gap : at], long.units[there - gap_there : there]
            if _differ_by_name(short, long, slot, slot_there, short.units[at : at + width]):
                named += 1
            elif not (_stands_in(slot, long) or _stands_in(slot_there, short)):
                other += 1
        else:
            apart += max(0, gap)
        last = at, there
    return _Slots(named, other, apart / max(1, len(short.units)))


def _stands_in(slot: Sequence[str], text: Text) -> bool:
    return slot in text.units if isinstance(slot, str) else set(slot) <= set(text.units)


def _differ_by_name(
    short: Text, long: Text, slot: Sequence[str], slot_there: Sequence[str], after: Sequence[str]
) -> bool:
    """Return True if two slots hold a name or a number each, which the other text has nowhere."""
    if isinstance(slot, str) and isinstance(after, str):
        place = min((at for mark in _AFTER_A_NAME if (at := (slot + after).find(mark, 1)) > 0), default=len(slot) + 1)
        is_told = place <= len(slot) or any(map(str.isdigit, slot))
        return is_told and not (_stands_in(slot, long) or _stands_in(slot_there, short))
    others, others_there = set(slot) - set(long.units), set(slot_there) - set(short.units)
    return _names_or_numbers(short, others) and _names_or_numbers(long, others_there)


def _names_or_numbers(text: Text, words: set[str]) -> bool:
    return not text.names.isdisjoint(words) or any(word.isdigit() for word in words)


def _anchors(short: Text, long: Text) -> list[tuple[int, int]]:
    """Return where shingles stand in both texts that each has once."""
    return [(at, long.places[one]) for one, at in short.places.items() if one in long.places]
