"""Source labels: every one known, taken apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kcnacrawl.site.labels import is_meant, read_label


@pytest.mark.parametrize(
    ("label", "name", "language"),
    [
        ("KCNA.kp (En)", "KCNA.kp", "en"),
        ("KCNA.co.jp (En)", "KCNA.co.jp", "en"),
        ("Voice of Korea (EN)", "Voice of Korea", "en"),
        ("Naenara (En)", "Naenara", "en"),
        ("Rodong Sinmun (En)", "Rodong Sinmun", "en"),
        ("Rodong Sinmun (Kr)", "Rodong Sinmun", "ko"),
        ("Minju Choson (EN)", "Minju Choson", "en"),
        ("Ministry of Foreign Affairs (EN)", "Ministry of Foreign Affairs", "en"),
        ("Ministry of Foreign Affairs (KR)", "Ministry of Foreign Affairs", "ko"),
        ("Pyongyang Times", "Pyongyang Times", None),
        ("DPRK Today (English)", "DPRK Today", "en"),
    ],
)
def test_a_known_label_is_a_name_and_a_language(label: str, name: str, language: str | None) -> None:
    assert read_label(label) == (name, language)


def test_an_old_copy_has_lost_the_name() -> None:
    assert read_label("(En)") == (None, "en")
    assert read_label("(KR)") == (None, "ko")


def test_a_token_that_is_no_language_belongs_to_the_name() -> None:
    assert read_label("Arirang (Meari)") == ("Arirang (Meari)", None)
    assert read_label("Foreign Trade (Quarterly) (EN)") == ("Foreign Trade (Quarterly)", "en")
    assert read_label("Voice (EN) of Korea") == ("Voice (EN) of Korea", None)


def test_a_name_in_korean_keeps_its_letters() -> None:
    assert read_label("로동신문 (Kr)") == ("로동신문", "ko")


def test_an_empty_label_says_nothing() -> None:
    assert read_label("") == (None, None)


@given(st.text())
def test_any_text_is_a_label(label: str) -> None:
    name, language = read_label(label)
    assert name is None or (name and label.startswith(name))
    assert language in {None, "en", "ko"}


@pytest.mark.parametrize(
    ("label", "said", "meant"),
    [
        ("Rodong Sinmun (Kr)", "Rodong Sinmun", True),
        ("Rodong Sinmun (En)", "rodong  SINMUN", True),
        ("Rodong Sinmun (Kr)", "rodong sinmun (KR)", True),
        ("Rodong Sinmun (En)", "Rodong Sinmun (Kr)", False),
        ("Rodong Sinmun (Kr)", "Rodong", False),
        ("Pyongyang Times", "pyongyang times", True),
        ("Pyongyang Times", "Pyongyang Times (EN)", False),
        ("Naenara (Fr)", "Naenara (fr)", True),
        ("Naenara (Fr)", "Naenara", False),
        ("로동신문 (Kr)", "로동신문", True),
        ("Société (En)", "SOCIÉTÉ", True),
        ("(En)", "", False),
    ],
)
def test_a_source_is_meant_by_its_label_or_by_its_name_for_all_its_languages(
    label: str, said: str, meant: bool
) -> None:
    assert is_meant(label, said) is meant
