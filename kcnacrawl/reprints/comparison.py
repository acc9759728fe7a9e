"""Whether two texts tell the same story: a pure function of the two."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Literal, NamedTuple

from .text import CHARACTERS, WORDS, Text, shingles

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
_COVERED: Final = 0.9
# What follows a name in Korean, Chinese and Japanese, which have no capitals.
_AFTER_A_NAME: Final = tuple(
    "대통령 주석 총리 수상 국왕 총비서 서기장 위원장 장관 외무상 대사 각하 동지 선생 공화국 왕국 련방 시 도 군 구역 공장 농장 탄광 광산"
    " 발전소 대학 학교 병원 总统 主席 总书记 国王 首相 总理 部长 外长 大使 阁下 同志 先生 共和国 王国 联邦 省 市 郡 县 工厂 农场 煤矿"
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
    short, long = sorted((one, other), key=lambda text: (len(text.shingles), text.digest))
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


def _is_filled_otherwise(short: Text, long: Text) -> bool:
    """Return True if two texts differ by names in places where all around them is the same: as the same form does that
    is filled in twice.
    """
    if short.digest == long.digest:
        return False
    width = CHARACTERS if short.is_glued else WORDS
    covered = conflicts = 0
    last: tuple[int, int] | None = None
    for at, there in _anchors(short.units, long.units):
        if last is None:
            covered += width
        else:
            gap, gap_there = at - last[0] - width, there - last[1] - width
            covered += min(width, width + gap)
            if 0 < gap <= _LONGEST_SLOT[short.is_glued] and 0 < gap_there <= _LONGEST_SLOT[short.is_glued]:
                covered += gap
                slots = short.units[at - gap : at], long.units[there - gap_there : there]
                conflicts += _conflict(short, long, *slots, short.units[at : at + width])
        last = at, there
    return conflicts > 0 and covered >= _COVERED * len(short.units)


def _conflict(short: Text, long: Text, slot: Sequence[str], slot_there: Sequence[str], after: Sequence[str]) -> bool:
    """Return True if two slots hold names, each of which the other text has nowhere."""
    if isinstance(slot, str):
        is_name = any((slot + after).find(mark, 1) in range(1, len(slot) + 1) for mark in _AFTER_A_NAME)  # type: ignore[operator]
        return is_name and slot not in long.units and slot_there not in short.units
    return not (
        short.names.isdisjoint(set(slot) - set(long.units)) or long.names.isdisjoint(set(slot_there) - set(short.units))
    )


def _anchors(here: Sequence[str], there: Sequence[str]) -> list[tuple[int, int]]:
    """Return where shingles stand in both texts that each has once."""
    places, other_places = _unique(here), _unique(there)
    return [(at, other_places[one]) for one, at in places.items() if one in other_places]


def _unique(units: Sequence[str]) -> dict[str, int]:
    places = dict[str, int]()
    often = set[str]()
    for at, one in enumerate(shingles(units)):
        if one in places:
            often.add(one)
        else:
            places[one] = at
    for one in often:
        del places[one]
    return places
