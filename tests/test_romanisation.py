"""Korean in Latin letters, as the North spells it."""

import pytest

from kcnacrawl.reprints.romanisation import romanise, romanise_person, skeleton

PLACES = [
    *(("평안", "phyongan"), ("황해", "hwanghae"), ("자강", "jagang"), ("강원", "kangwon"), ("함경", "hamgyong")),
    *(("량강", "ryanggang"), ("라선", "rason"), ("남포", "nampho"), ("개성", "kaesong"), ("신의주", "sinuiju")),
    *(("사리원", "sariwon"), ("원산", "wonsan"), ("함흥", "hamhung"), ("청진", "chongjin"), ("혜산", "hyesan")),
    *(("강계", "kanggye"), ("구성", "kusong"), ("덕천", "tokchon"), ("회령", "hoeryong"), ("삼지연", "samjiyon")),
    *(("대동강", "taedonggang"), ("만경대", "mangyongdae"), ("백두산", "paektusan"), ("묘향산", "myohyangsan")),
]
PERSONS = [
    *(("김정은", "Kim Jong Un"), ("최룡해", "Choe Ryong Hae"), ("조용원", "Jo Yong Won"), ("김덕훈", "Kim Tok Hun")),
    *(("최선희", "Choe Son Hui"), ("박정천", "Pak Jong Chon"), ("리병철", "Ri Pyong Chol"), ("오일정", "O Il Jong")),
]


@pytest.mark.parametrize(("korean", "latin"), PLACES)
def test_a_place_is_spelled_as_the_press_does(korean: str, latin: str) -> None:
    assert romanise(korean) == latin


@pytest.mark.parametrize(("korean", "latin"), PERSONS)
def test_a_persons_name_is_spelled_syllable_by_syllable(korean: str, latin: str) -> None:
    assert romanise_person(korean) == latin


@pytest.mark.parametrize(
    "spellings",
    [
        "Phyongan Phyong-an P'yŏngan Pyeongan PYONGAN",
        "Pyongyang Phyongyang P'yŏngyang Pyeongyang",
        "Paektu Paekdu Baekdu",
        "Chollima Chonrima Ch'ŏllima",
        "Kaesong Gaeseong Kaesŏng",
        "Jagang Chagang Jakang",
    ],
)
def test_all_spellings_of_a_name_have_one_skeleton(spellings: str) -> None:
    assert len({skeleton(one) for one in spellings.split()}) == 1


def test_other_names_have_other_skeletons() -> None:
    names = [latin for _, latin in [*PLACES, *PERSONS]]
    assert len({skeleton(one) for one in names}) == len(names)


def test_what_is_no_hangul_is_left_as_it_is() -> None:
    assert romanise("KPA군") == "KPAkun"
