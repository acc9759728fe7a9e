"""The language a text is in, by its own letters and words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcnacrawl.site.language import detect

TEXTS = {
    "en": (
        "Cement Works Overfulfils Its Plan",
        "The workers of the Sunchon Cement Complex finished the first half of the year ahead of time.",
    ),
    "ko": (
        "순천세멘트련합기업소에서 상반년계획을 완수",
        "순천의 로동계급이 상반년계획을 앞당겨 끝냈다. 그들은 하루계획을 １２０％로 수행하고있다.",
    ),
    "zh": (
        "顺川水泥联合企业提前完成上半年计划",
        "顺川的工人阶级提前完成了上半年的计划，现在正为完成全年计划而努力。",
    ),
    "ja": (
        "順川セメント連合企業所が上半期計画を達成",
        "順川の労働者たちは上半期の計画を繰り上げて達成した。",
    ),
    "ru": (
        "Цементный завод выполнил план",
        "Рабочие Сунчхонского цементного комбината досрочно выполнили план первого полугодия.",
    ),
    "es": (
        "La fábrica de cemento cumple el plan",
        "Los obreros del complejo de Sunchon cumplieron el plan del primer semestre antes de la fecha fijada.",
    ),
}
languages = pytest.mark.parametrize("language", TEXTS)


@languages
def test_a_headline_with_its_body(language: str) -> None:
    assert detect(*TEXTS[language]) == language


@languages
def test_a_headline_alone(language: str) -> None:
    assert detect(TEXTS[language][0], "") == language


@languages
def test_a_body_alone(language: str) -> None:
    assert detect("", TEXTS[language][1]) == language


def test_the_text_decides_where_its_headline_is_in_another_language() -> None:
    assert detect("Notice", TEXTS["ko"][1]) == "ko"
    assert detect("로동신문", TEXTS["en"][1]) == "en"


def test_a_name_in_another_script_does_not_decide() -> None:
    assert detect("Poem", f"{TEXTS['en'][1]} It is called 조선의 노래 and was sung by all.") == "en"
    assert detect("시", f"{TEXTS['ko'][1]} (WPK, DPRK, KCNA)") == "ko"


def test_the_middle_dot_of_foreign_names_does_not_make_chinese_japanese() -> None:
    assert detect("弗拉基米尔・普京来电", TEXTS["zh"][1]) == "zh"


def test_korean_with_chinese_characters_is_korean() -> None:
    assert detect("主體思想에 대하여", TEXTS["ko"][1]) == "ko"


def test_korean_in_separate_letters_is_korean() -> None:
    assert detect("\u1112\u1161\u11ab", "") == "ko"


@pytest.mark.parametrize("title", ["Weather Forecast", "Press Review", "DPRK", "U.S. Condemned", "51-year Friendship"])
def test_a_short_english_title_without_stop_words_is_english(title: str) -> None:
    assert detect(title, "") == "en"


@pytest.mark.parametrize("text", ["", " \n", "0123", "１２３", "-- … !?", "★"])
def test_without_letters_there_is_no_language(text: str) -> None:
    assert detect(text, text) is None


@given(st.text(), st.text())
def test_any_text_has_a_two_letter_code_or_none(headline: str, body: str) -> None:
    found = detect(headline, body)
    assert found is None or (len(found) == 2 and found.isascii() and found.islower())
