"""Which articles are linked as translations of each other, how well, and by which marks."""

import dataclasses
from array import array
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kcnacrawl.reprints.index import Index, Signed
from kcnacrawl.reprints.languages import KOREAN as KOREAN_PLACE
from kcnacrawl.reprints.languages import LANGUAGES, language_of, marks_of
from kcnacrawl.reprints.linking import update
from kcnacrawl.reprints.text import read_text
from kcnacrawl.reprints.translation import Marked

from .archives import write
from .test_reprints import FIRST, from_nothing, linked, links, printed
from .translations import Translations, judge_translations

KOREAN = (
    "(평양 3월 2일발 조선중앙통신) 청수기계공장 기술자들이 교대를 늘여 주물공정개조를 끝냈다. 지배인 리철옥은"
    " 38일동안에 4 120t을 생산하였다고 말하였다.\n\n화성시에서 온 손님들은 낡은 콘베아를 바꾼 비결을 물었다."
    " 발전기조정강습은 남강주변 315세대의 기술자들을 위하여 12일에 한번씩 진행된다."
)
SPANISH = (
    "Terminó la remodelación de la línea de fundición en la Fábrica de Maquinaria Chongsu. El gerente Ri Chol Ok dijo"
    " que se produjeron 4 mil 120 toneladas en 38 días.\n\nVisitantes de la ciudad Hwasong preguntaron por las cintas."
    " Para 315 familias de Namgang hay un curso cada 12 días."
)
OTHER_KOREAN = (
    "선화수산사업소의 고기배들이 만선의 배고동을 울렸다. 27척의 배가 각각 90상자의 청어를 실어왔다. 선장 김은산은"
    " 이틀만에 1 460t의 물고기를 잡았다고 말하였다."
)


TODAY = date(2024, 9, 1).toordinal()


def of(language: str, number: int, body: str, day: str, **changes: Any) -> Any:
    return printed(number, body, day, in_language=language, **changes)


# What is linked


def test_a_dispatch_is_linked_with_its_korean_original(tmp_path: Path) -> None:
    original, other = of("ko", 1, KOREAN, "2021-03-02"), of("ko", 2, OTHER_KOREAN, "2021-03-02")
    assert linked(tmp_path, original, other, of("en", 3, FIRST, "2021-03-03")) == [(2, 0, "translation")]
    assert 0.4 <= links(tmp_path)[0]["score"] <= links(tmp_path)[0]["containment"] <= 1
    assert links(tmp_path)[0]["shared_numbers"] == 1


def test_the_earlier_of_the_two_is_the_one_that_is_linked_to(tmp_path: Path) -> None:
    found = linked(tmp_path, of("ko", 1, KOREAN, "2021-03-03"), of("en", 2, FIRST, "2021-03-02"))
    assert found == [(0, 1, "translation")]


def test_each_language_is_linked_with_korean_and_not_with_another(tmp_path: Path) -> None:
    days = [of("ko", 1, KOREAN, "2021-03-02"), of("en", 2, FIRST, "2021-03-02"), of("es", 3, SPANISH, "2021-03-02")]
    assert linked(tmp_path, *days) == [(1, 0, "translation"), (2, 0, "translation")]


@pytest.mark.parametrize(("day", "found"), [("2021-03-04", [(1, 0, "translation")]), ("2021-03-05", [])])
def test_the_window_is_two_days(tmp_path: Path, day: str, found: list[object]) -> None:
    assert linked(tmp_path, of("ko", 1, KOREAN, "2021-03-02"), of("en", 2, FIRST, day)) == found


def test_of_copies_each_is_linked_with_the_earliest(tmp_path: Path) -> None:
    articles = [of("ko", 1, KOREAN, "2021-03-02"), of("ko", 2, KOREAN, "2021-03-03")]
    articles += [of("en", 3, FIRST, "2021-03-03"), of("en", 4, FIRST, "2021-03-04")]
    found = linked(tmp_path, *articles)
    assert [one[:2] for one in found if one[2] == "translation"] == [(2, 0), (2, 1), (3, 0)]
    assert [one[:2] for one in found if one[2] == "same"] == [(1, 0), (3, 2)]


def test_where_two_stories_are_as_like_none_is_linked(tmp_path: Path) -> None:
    twin = KOREAN.replace("주물공정개조를 끝냈다", "새 제품을 전시하였다").replace(
        "낡은 콘베아를 바꾼 비결", "그 용도와 가격"
    )
    twin = "전시회 소식. " + twin.replace("발전기조정강습은", "다음번 상품전시회는").replace(
        "교대를 늘여", "손님들을 위하여"
    )
    articles = [of("ko", 1, KOREAN, "2021-03-02"), of("en", 3, FIRST, "2021-03-02")]
    assert linked(tmp_path / "one", *articles) == [(1, 0, "translation")]
    assert linked(tmp_path / "two", *articles, of("ko", 2, twin, "2021-03-02")) == []


def test_other_numbers_are_another_story(tmp_path: Path) -> None:
    other = (
        KOREAN.replace("4 120", "5 310")
        .replace("38일동안", "41일동안")
        .replace("315", "278")
        .replace("12일에", "9일에")
    )
    assert linked(tmp_path, of("ko", 1, other, "2021-03-02"), of("en", 2, FIRST, "2021-03-02")) == []


def test_templates_are_not_linked_across_languages(tmp_path: Path) -> None:
    korean = "래일 날씨가 흐릴것으로 예견된다. 최저기온은 신의주 13도, 청진 14도, 혜산 15도, 최고기온은 해주 26도,"
    korean += " 원산 27도이다."
    english = "The weather will be cloudy. The lowest temperature will be 13 degrees in Sinuiju, 14 in Chongjin, 15 in"
    english += " Hyesan, the highest temperature 26 in Haeju and 27 in Wonsan."
    assert linked(tmp_path, of("ko", 1, korean, "2021-03-02"), of("en", 2, english, "2021-03-02")) == []


def test_an_article_whose_script_is_not_its_language_is_linked_with_none(tmp_path: Path) -> None:
    assert linked(tmp_path, of("ko", 1, KOREAN, "2021-03-02"), of("ko", 2, FIRST, "2021-03-02")) == []
    assert language_of(read_text(FIRST), "ko") is language_of(read_text(KOREAN), "en") is None
    assert language_of(read_text(FIRST), "ru") is language_of(read_text(FIRST), None) is None


def test_an_edited_original_is_linked_no_more(tmp_path: Path) -> None:
    original, dispatch = of("ko", 1, KOREAN, "2021-03-02"), of("en", 2, FIRST, "2021-03-02")
    assert len(linked(tmp_path, original, dispatch)) == 1
    write(tmp_path, [of("ko", 1, OTHER_KOREAN, "2021-03-02", revision=2)])
    assert update(tmp_path) == (1, 0, 0)
    write(tmp_path, [of("ko", 1, KOREAN, "2021-03-02", revision=3)])
    assert update(tmp_path) == (1, 1, 1)


def test_marks_that_too_many_have_find_nothing(tmp_path: Path) -> None:
    marks = marks_of(read_text(KOREAN), KOREAN_PLACE, TODAY)
    signed = Signed("", TODAY, 0, "", b"", False, [1], 100, KOREAN_PLACE, marks)
    for often, found in ((16, 16), (64, 0), (65, 0)):
        with Index(tmp_path / f"{often}.sqlite") as index:
            index.learn(dataclasses.replace(signed, id=f"{one:03}", content=f"{one}") for one in range(often))
            index.place(TODAY, 100)
            english = Marked("en", TODAY, 0, b"", 100, 1, b"", array("I", marks))
            assert len(index.translations._candidates(english, KOREAN_PLACE)) == found


# How well


@pytest.mark.parametrize("lexicon", ["weighed", "held"])
def test_of_invented_translations_most_are_linked_and_hardly_any_wrongly(tmp_path: Path, lexicon: str) -> None:
    made = list(Translations(3, 300, lexicon=lexicon).printed())
    from_nothing(tmp_path, [one.article for one in made])
    for language in LANGUAGES[1:]:
        score = judge_translations(made, links(tmp_path), "ko", language)
        assert score.to_make > 100
        assert score.precision >= 0.95, score.wrong
        assert score.recall >= 0.75, score.missed


def test_where_nothing_is_translated_hardly_anything_is_linked(tmp_path: Path) -> None:
    made = list(Translations(3, 300, translated=False).printed())
    from_nothing(tmp_path, [one.article for one in made])
    wrong = [link for link in links(tmp_path) if link["kind"] == "translation"]
    assert len(wrong) <= 0.03 * len(made)


# By which marks


def marks(language: str, body: str) -> set[int]:
    return set(marks_of(read_text(body), LANGUAGES.index(language), TODAY))


@pytest.mark.parametrize(
    ("korean", "english", "spanish"),
    [
        ("4,120t을 생산하였다", "turned out 4,120 tons", "produjeron 4.120 toneladas"),
        ("4 120t을 생산하였다", "turned out 4120 tons", "produjeron 4 mil 120 toneladas"),
        ("12만 5천t을 생산하였다", "turned out 125,000 tons", "produjeron 125 mil toneladas"),
        ("120만명이 보았다", "1.2 million people saw it", "lo vieron 1,2 millones"),
        ("1억 2천만명이 보았다", "120 million people saw it", "lo vieron 120 millones"),
        ("백이십명이 보았다", "120 people saw it", "lo vieron 120 personas"),
        ("35명의 기사", "thirty-five engineers", "35 ingenieros"),
        ("250세대가 산다", "two hundred and fifty families live there", "250 familias viven"),
        ("계획의 120.5%를 수행하였다", "at 120.5 percent", "en 120,5 por ciento"),
        ("제14차 대회", "the 14th congress", "el 14º congreso"),
        ("4월 15일에 진행되였다", "held on April 15", "tuvo lugar el 15 de abril"),
        (
            "주체37(1948)년의 일",
            "It was founded, as everybody who lives there knows, in Juche 37 (1948) by them",
            "en 1948",
        ),
        ("주체37년의 일", "founded in Juche 37 it is", "en 1948"),
        ("평안남도의 농장", "a farm in South Phyongan", "una granja de Phyongan"),
        ("평안남도의 농장", "a farm in South Phyong-an", "una granja de Pyeongan"),
        ("《화성-17》형", "a rocket of the Hwasong-17 type", "un cohete Hwasong-17"),
        ("로씨야의 손님", "a Russian guest", "visitante de Rusia"),
        ("외무성의 담화", "statement by the Ministry of Foreign Affairs", "el Ministerio de Relaciones Exteriores"),
    ],
)
def test_a_fact_has_one_mark_in_all_languages(korean: str, english: str, spanish: str) -> None:
    found = [marks("ko", korean), marks("en", english), marks("es", spanish)]
    assert all(one & other for one, other in pairwise(found)), [sorted(one) for one in found]


@pytest.mark.parametrize("korean", ["지배인 리철옥은 말하였다", "리철옥지배인이 말하였다", "리철옥동무", "영웅 리철옥"])
def test_a_name_is_found_whatever_is_written_on_to_it(korean: str) -> None:
    assert marks("ko", korean) & marks("en", "said Ri Chol Ok, manager of the mill")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    "body",
    [
        *("1 000 " * 40_000, "1만" * 70_000, "27,5" * 50_000, "twenty million million " * 9_000, "Aa " * 70_000),
        *(
            "가" * 200_000,
            "김정은 " * 50_000,
            "A" * 200_000,
            "일이삼십백천만억" * 25_000,
            "9" * 200_000,
            "・" * 200_000,
        ),
    ],
)
def test_a_hostile_text_has_a_few_marks(language: str, body: str) -> None:
    assert len(marks_of(read_text(body), LANGUAGES.index(language), TODAY)) <= 64
