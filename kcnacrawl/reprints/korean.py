"""The marks of Korean texts, in the North's spelling."""

import re
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Final

from .marks import day_of_year, foreign_name, juche_year, korean_name, number, times
from .names import HANGUL, SURNAMES
from .romanisation import romanise, skeleton

_SMALL: Final = {"백": 2, "천": 3}
_LARGE: Final = {"만": 4, "억": 8, "조": 12}
_POWERS: Final = _SMALL | _LARGE
# Begins with one class of characters: searched for three times as fast.
_PLAIN: Final = r"[0-9](?:[0-9]{0,2}(?:[ ,][0-9]{3}){1,5}(?![0-9])|[0-9]{0,14}(?:[.,][0-9]{1,15})?)"
_DIGITS: Final = re.compile(rf"{_PLAIN}[백천]?(?:[만억조] ?{_PLAIN}[백천]?){{0,3}}[만억조]?")
_PART: Final = re.compile(rf"({_PLAIN})([백천]?)([만억조]?)")
_AFTER: Final = re.compile(r"월 ?([0-9]{1,2})일|[월일](?!동안|간|째)")
# 1.4분기 is the first quarter.
_QUARTER: Final = re.compile("분기")
_JUCHE: Final = re.compile(r"주체 ?\Z")

# Numbers as they are said, before what is counted.
_SPELLED_OUT: Final = re.compile(
    r"([일이삼사오륙육칠팔구십백천만억]{2,12})여?(?:명|톤|년|월|세대|정보|메터|키로|킬로|리|회|차|개|권|주년|돐|점|건|대|척|쌍)"
)
_NUMERALS: Final = {**{one: at for at, one in enumerate("일이삼사오륙칠팔구", start=1)}, "육": 6}
_SCALES: Final = {"십": 1, **_POWERS}

_WORD: Final = re.compile(r"[가-힣]{2,20}")
_LONGEST_NAME: Final = 9
# What is written on to a person's name, if it does not stand alone.
_AFTER_A_PERSON: Final = (
    "은 는 이 가 을 를 의 과 와 에게 도 동지 동무 선생 위원장 부위원장 비서 책임비서 대통령 주석 총리 부총리 수상"
    " 상 부상 외무상 지배인 기사장 반장 작업반장 국장 과장 소장 대장 박사 교수 기사 영웅 선수 감독 대표 대사 장관"
).split()
# Nor does a name end with these.
_ENDINGS: Final = "에를을의다들로며고는여"
_PERSON: Final = re.compile(rf"([{''.join(sorted(SURNAMES))}][가-힣][^{_ENDINGS}])(?:\Z|{'|'.join(_AFTER_A_PERSON)})")
# What is written on to a place's: short words only where the whole ends with them.
_AREAS: Final = "시 군 구역 도 리 동 역 항 섬 산 강 구".split()
_AFTER_AN_AREA: Final = "안 의 에 당 인민 을 를 은 는 과 와 이 가 로".split()
_WORKS: Final = (
    "지구 지역 주변 협동농장 농장 목장 과수 남새 공장 기계 방직 견직 제강 제철 제련 선광 세멘트 신발 화학 비료 발전소"
    " 탄광 광산 수산 련합 기업소 사업소 대학 학교 유치원 병원 료양 휴양 양묘 닭 돼지 제염 소금 건설장 저수지 언제 갱"
    " 호텔 극장 경기장 의사당 궁전 광장 회관 문화회관 박물관 기념관 려관 백화점 거리 체육관 비행장 훈련장 양식 바다가"
).split()
_PLACE: Final = re.compile(
    rf"([가-힣]{{2,3}}?)(?:(?:{'|'.join(_AREAS)})(?:\Z|{'|'.join(_AFTER_AN_AREA)})|에서\Z|{'|'.join(_WORKS)})"
)


def marks(body: str, today: date) -> Iterator[int]:
    """Yield the marks of a text."""
    for one in _DIGITS.finditer(body):
        yield from _number(one[0], body, *one.span(), today)
    for word in _WORD.findall(body):
        yield from _names(word)
        if spelled := _SPELLED_OUT.match(word):
            yield number(str(_said(spelled[1])), today.year)


def _number(digits: str, body: str, begin: int, end: int, today: date) -> Iterator[int]:
    """Yield the marks of digits at a place. The 27th without its month is a day near that of print."""
    if len(digits) <= 2 and (after := _AFTER.match(body, end)):
        yield from day_of_year(int(digits), int(after[1]), today) if after[1] else ()
    elif len(digits) <= 3 and digits.isdecimal() and _JUCHE.search(body, max(0, begin - 3), begin):
        yield juche_year(int(digits), today.year)
    elif not _QUARTER.match(body, end):
        yield number(_value(digits), today.year)


def _value(digits: str) -> str:
    """Return the value of a number: of ``3만 5천``, ``35000``."""
    parts = [times(part, _POWERS.get(small, 0) + _POWERS.get(large, 0)) for part, small, large in _PART.findall(digits)]
    return parts[0] if len(parts) == 1 else str(sum(int(one.partition(".")[0]) for one in parts))


@lru_cache(maxsize=1 << 15)
def _names(word: str) -> tuple[int, ...]:
    """Return the marks of what a word names, whatever is written on to it."""
    for size in range(min(len(word), _LONGEST_NAME), 1, -1):
        if (mark := foreign_name(word[:size])) is not None:
            return (mark,)
        if bones := HANGUL.get(word[:size]):
            return (korean_name(bones),)
    found = (form.match(word) for form in (_PERSON, _PLACE))
    return tuple(korean_name(skeleton(romanise(one[1]))) for one in found if one)


def _said(word: str) -> int:
    """Return the value of a number as it is said: of 이천십오, 2015."""
    total = section = digit = 0
    for one in word:
        if one in _NUMERALS:
            digit = _NUMERALS[one]
        elif one in _LARGE:
            total, section, digit = total + (section + digit or 1) * 10 ** _SCALES[one], 0, 0
        else:
            section, digit = section + (digit or 1) * 10 ** _SCALES[one], 0
    return total + section + digit
