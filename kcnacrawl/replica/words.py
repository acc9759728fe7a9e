"""The vocabulary of the replica: titles and paragraphs, made up from pieces, in four languages.

Every choice is a byte of a hash of its key, so a text costs microseconds, needs no storage, and is the same
on every machine.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")

LEADERS: Mapping[str, str] = {"en": "Kim Jong Un", "ko": "김정은", "ru": "Ким Чен Ын", "zh": "金正恩"}

_WIDE_DIGITS = str.maketrans("0123456789", "０１２３４５６７８９")

_ENGLISH = (
    (
        "The workers of the Songun Machine Factory",
        "Farmers in the Ryongyon plain",
        "Officials of the Ministry of Land Transport",
        "Scientists at the Institute of Hydrology",
        "Young builders from the northern counties",
        "The staff of the Mangyong Textile Mill",
        "Teachers and students of the University of Music",
        "Fishermen on the eastern coast",
        "The miners of the Komdok area",
        "Designers of the capital’s construction office",
        "Delegates from twelve provinces",
        "Doctors of the Okryu Children’s Hospital",
        "Members of the women’s union in Sariwon",
        "The crews of the Wonsan shipyard",
        "Gardeners of the Central Botanical Garden",
        "Engineers of the Huichon power station",
        "A group of veteran inventors",
        "The guards of the Mt Chilbo nature reserve",
        "Pupils of the Kaesong schoolchildren’s palace",
        "Artists of the State Circus",
    ),
    (
        "have finished ahead of schedule",
        "discussed in detail",
        "brought to a higher level",
        "introduced with success",
        "put every effort into",
        "presented to the public",
        "took stock of",
        "opened a short course on",
        "drew up a plan for",
        "won the first prize for",
        "explained the value of",
        "have made fresh progress in",
        "set about",
        "gave a full account of",
    ),
    (
        "the modernization of the production lines",
        "the planting of fast-growing trees along the rivers",
        "a new method of saving electricity",
        "the repair of roads and bridges after the rainy season",
        "the “one household, one orchard” movement",
        "the spread of science & technology in the countryside",
        "the improvement of the people’s living standard",
        "the construction of two hundred rural houses",
        "the breeding of 3,500 rabbits and goats",
        "the reclamation of tideland",
        "the preservation of historical relics from the Koryo dynasty",
        "the study of foreign languages",
        "a water-purifying plant with a loss of < 2 %",
        "the 14th national exhibition of calligraphy",
        "the preparations for the autumn sports contest",
        "a greenhouse farm covering 280 hectares",
    ),
    (
        " before the holiday",
        ", true to the decision of the plenary meeting",
        " in spite of the unusually dry weather",
        ", as was reported by the provincial committee",
        " with their own efforts and their own materials",
        " in the first half of the year",
        ", which aroused the interest of the visitors",
        " under the slogan “Let us do it by ourselves!”",
        "; the work is expected to be over by October",
        " and won the praise of the inspectors",
        ", though much remains to be done",
        "",
    ),
)

_KOREAN = (
    (
        "송운기계공장의 로동계급은",
        "룡연벌의 농업근로자들은",
        "륙운성의 일군들은",
        "수문연구소의 과학자들은",
        "북부지구의 청년건설자들은",
        "만경직물공장 종업원들은",
        "음악대학의 교원, 학생들은",
        "동해지구의 어로공들은",
        "검덕지구의 광부들은",
        "옥류아동병원의 의료일군들은",
        "사리원시 녀맹원들은",
        "원산조선소의 로동자들은",
    ),
    (
        "생산공정의 현대화를",
        "빨리 자라는 나무심기를",
        "전기를 절약하는 새로운 방법을",
        "도로와 다리의 보수공사를",
        "농촌살림집건설을",
        "간석지개간을",
        "력사유적보존사업을",
        "인민생활향상을 위한 사업을",
        "《과학기술의 날》 행사를",
        "280정보의 온실농장건설을",
        "토끼와 염소기르기를",
        "가을철체육경기준비를",
    ),
    (
        "명절전으로",
        "전원회의 결정을 높이 받들고",
        "자체의 힘과 기술로",
        "불리한 날씨조건에서도",
        "올해 상반년기간에",
        "대중의 창의고안을 적극 받아들여",
        "도인민위원회의 지도밑에",
        "서로 돕고 이끌면서",
    ),
    (
        "힘있게 다그치고있다.",
        "성과적으로 끝내였다.",
        "새로운 높이에 올려세웠다.",
        "본격적으로 내밀고있다.",
        "구체적으로 토의하였다.",
        "널리 소개하였다.",
    ),
)

_RUSSIAN = (
    ("Рабочие машиностроительного завода", "Учёные института гидрологии", "Строители северных уездов"),
    ("успешно завершили", "подробно обсудили", "представили общественности"),
    ("обновление производственных линий", "посадку деревьев вдоль рек", "ремонт дорог и мостов"),
    (" до праздника", " своими силами", " в первой половине года"),
)

_CHINESE = (
    ("机械厂的工人们", "水文研究所的科学家们", "北部地区的青年建设者们"),
    ("在节日之前", "依靠自己的力量", "在上半年里"),
    ("胜利完成了", "详细讨论了", "向公众介绍了"),
    ("生产线的现代化改造。", "沿河植树工作。", "道路和桥梁的修缮工程。"),
)

_TITLES: Mapping[str, tuple[Sequence[str], Sequence[str], Sequence[str]]] = {
    "en": (
        (
            "Machine Factory",
            "Greenhouse Farm",
            "Provincial Exhibition",
            "Textile Mill",
            "Rural Houses",
            "National Sports Contest",
            "Tideland Project",
            "Embassy Reception",
            "Youth League Meeting",
            "Art Performance",
            "Power Station",
            "Press Conference",
        ),
        (
            "Makes Progress",
            "Opened",
            "Held",
            "Completed",
            "Draws Visitors",
            "Under Way",
            "Wins Praise",
            "Reported",
        ),
        (
            "in Samjiyon",
            "in South Hwanghae Province",
            "on the East Coast",
            "at People’s Palace of Culture",
            "before Spring",
            "in Kanggye City",
            "by Young Builders",
            "on Day of the Sun",
        ),
    ),
    "ko": (
        (
            "기계공장에서",
            "온실농장에서",
            "전국체육경기대회",
            "직물공장의",
            "농촌살림집",
            "간석지건설장에서",
            "청년동맹회의",
        ),
        ("새로운 성과를", "현대화사업을", "뜻깊은 행사를", "높은 생산실적을", "과학기술학습을"),
        ("이룩", "진행", "다그친다", "소개", "삼지연시에서 진행"),
    ),
    "ru": (
        ("Машиностроительный завод", "Тепличное хозяйство", "Выставка"),
        ("добился успехов", "открыта", "сообщает о работе"),
        ("в провинции", "на восточном побережье", "перед праздником"),
    ),
    "zh": (
        ("机械厂", "温室农场", "全国展览会"),
        ("取得", "宣布", "介绍"),
        ("新成果", "建设进展", "春季计划"),
    ),
}

# Titles so long that their slugs are cut at 200 characters before they begin to differ.
_LONG: Mapping[str, str] = {
    "en": (
        "Report of the Central Statistical Committee on the Fulfilment of the Plan for the "
        "Development of the Local Industries in Cities and Counties and on the Construction of Rural Houses "
        "in All Provinces of the Country in"
    ),
    "ko": "전국의 시, 군들에서 지방공업발전과 농촌살림집건설계획수행정형에 대한 중앙통계위원회의 보도",
    "ru": (
        "Сообщение Центрального статистического комитета о выполнении плана развития местной промышленности "
        "в городах и уездах"
    ),
    "zh": "中央统计委员会关于各市郡地方工业发展和农村住宅建设计划执行情况的公报以及今后任务",
}

_RECURRING: Mapping[str, str] = {
    "en": "Press Review",
    "ko": "신문개관",
    "ru": "Обзор печати",
    "zh": "报刊综述",
}

_MINES: Mapping[str, str] = {
    "en": "February 8 Jikdong Youth Coal Mine reports:",
    "ko": "2월8일직동청년탄광에서 알려온데 의하면",
    "ru": "8 февраля — имя шахты.",
    "zh": "二月八日直洞青年煤矿报道：",
}

_LEADER_OPENINGS: Mapping[str, Sequence[str]] = {
    "en": (
        "{}, General Secretary, visited the construction site and gave instructions to the builders.",
        "The event was dedicated to {}’s work, and the participants spoke of {} with great warmth.",
        "{}, accompanied by officials, learned about the state of the harvest.",
        "A floral basket in the name of {}, sent to the veterans, was laid at noon.",
    ),
    "ko": (
        "{}동지께서 건설장을 찾으시고 건설자들에게 귀중한 가르치심을 주시였다.",
        "경애하는 {}동지의 뜻을 받들고 참가자들은 굳은 결의를 다짐하였다.",
    ),
    "ru": ("{}, Генеральный секретарь, посетил стройку и встретился с рабочими.",),
    "zh": ("{}总书记视察了建设工地，并会见了建设者。",),
}

_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]


def dice(key: str) -> Iterator[int]:
    """Return endless bytes that are a function of ``key`` alone."""
    block = 0
    while True:
        yield from hashlib.shake_128(f"{key}/{block}".encode()).digest(96)
        block += 1


def number(roll: Iterator[int]) -> int:
    """Return a number of 32 bits."""
    return next(roll) << 24 | next(roll) << 16 | next(roll) << 8 | next(roll)


def pick(roll: Iterator[int], choices: Sequence[T]) -> T:
    """Return one of at most 256 choices."""
    return choices[next(roll) % len(choices)]


def cycle(length: int, counts: Mapping[str, int], rest: str) -> tuple[str, ...]:
    """Return a table of ``length`` (a prime) kinds, each as often as ``counts`` says and well apart from its likes.

    Kinds are dealt out by tables of different prime lengths, so that all of them occur, in every combination, also in a
    small world.
    """
    dealt = [kind for kind, count in counts.items() for _ in range(count)]
    dealt += [rest] * (length - len(dealt))
    return tuple(dealt[place * 7 % length] for place in range(length))


def widen(text: str) -> str:
    """Return ``text`` with full-width digits, as Rodong Sinmun writes them."""
    return text.translate(_WIDE_DIGITS)


def month(number: int) -> str:
    """Return the English name of month 1 to 12, whatever the locale."""
    return _MONTHS[number - 1]


def sentence(language: str, roll: Iterator[int]) -> str:
    """Return one sentence in English, Korean, Russian or Chinese."""
    if language == "ko":
        return " ".join([pick(roll, pieces) for pieces in _KOREAN])
    if language == "zh":
        return "".join([pick(roll, pieces) for pieces in _CHINESE])
    who, does, what, how = _RUSSIAN if language == "ru" else _ENGLISH
    return f"{pick(roll, who)} {pick(roll, does)} {pick(roll, what)}{pick(roll, how)}."


def paragraph(language: str, roll: Iterator[int]) -> str:
    """Return a paragraph of one to four sentences."""
    seam = "" if language == "zh" else " "
    return seam.join([sentence(language, roll) for _ in range(1 + next(roll) % 4)])


def leader_paragraph(language: str, roll: Iterator[int]) -> str:
    """Return a sentence with the leader's name, which the site sets in an inline tag."""
    return pick(roll, _LEADER_OPENINGS[language]).replace("{}", LEADERS[language])


def anniversary(language: str, roll: Iterator[int]) -> str:
    """Return a paragraph that begins with a day, which is a mine's name."""
    return f"{_MINES[language]} {paragraph(language, roll)}"


def title(kind: str, language: str, roll: Iterator[int]) -> str:  # noqa: C901 - one line a kind
    """Return a title as the mark-up has it, not yet escaped: it may hold line breaks."""
    base = _title(language, roll)
    count = 2 + next(roll)
    match kind:
        case "dot":
            return f"·{base}"
        case "break":
            return "\n\t\t".join(base.rsplit(" ", 1)) + "\n"
        case "straight":
            return f"\"{base}\" '{count}'"
        case "curly":
            return f"“{base}”"
        case "apostrophe":
            return f"DPRK’s {base}" if language == "en" else f"‘{base}’"
        case "ampersand":
            return f"{base} & R&D"
        case "less":
            return f"{base}: {count} < {count + 1}"
        case "wide":
            return f"{widen(str(count))} {base}"
        case "recurring":
            return _RECURRING[language]
        case "long":
            return f"{_LONG[language]} {1700 + count}"
        case "date" if language == "en":
            return f"Date: {base}"
        case "more" if language == "en":
            return f"More From {base}"
        case "header" if language == "en":
            return "Date: 01/02/2003 | Source: KCNA.kp (En) | Read original version at source"
        case _:
            return base


def _title(language: str, roll: Iterator[int]) -> str:
    return " ".join([pick(roll, pieces) for pieces in _TITLES[language]])
