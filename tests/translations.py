"""Articles of which it is known which are translations of each other: invented, a function of a seed.

A story is some sentences, of which Korean, English and Spanish wordings stand side by side (``translations.json``) and
whose slots each language fills in its own spelling. Some stories are printed in one language only; a translation comes
up to two days later, leaves sentences out, rounds or leaves out numbers; other papers print either once more. On each
day many stories share the same leaders, places, anniversaries and even numbers; a sequel repeats some of another's
facts; others have no number at all, or are one form that is filled in twice, greetings to many addressees, or weather.
"""

import dataclasses
import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from .archives import article, rewritten
from .stories import Printed, Score

WINDOW: Final = timedelta(days=2)
LANGUAGES: Final = ("en", "ko", "es")

_ALL: Final = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
_MONTHS: Final = "January February March April May June July August September October November December".split()
_MESES: Final = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split()
_DATELINES: Final = {
    "en": ["", "Pyongyang, {month} {d} (KCNA) -- "],
    "ko": ["", "(평양 {m}월 {d}일발 조선중앙통신) "],
    "es": ["", "Pyongyang, {d} de {mes} (ACNC) -- "],
}
_TRANSLATED: Final = [["ko"], ["ko"], ["en"], ["ko", "en"], ["ko", "en"], ["ko", "en", "es"], ["ko", "es"]]
_TEENS: Final = "thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()

Slot = Callable[[str], str]
"""Spells what fills a slot, in a language."""


def judge_translations(printed: list[Printed], links: list[dict[str, Any]], *languages: str) -> Score:
    """Compare links between two languages with the truth.

    A link is right if both tell the same story. To be found is one for each article that has a counterpart within two
    days, templates left out.
    """
    by_id = {one.article.id: one for one in printed if one.article.in_language in languages}
    score, linked = Score(), set[str]()
    for link in links:
        here, there = by_id.get(link["id"]), by_id.get(link["of_id"])
        if link["kind"] != "translation" or not here or not there:
            continue
        score.made += 1
        if here.stories & there.stories:
            score.right += 1
            linked |= {link["id"], link["of_id"]}
        else:
            score.wrong.append((link["id"], link["of_id"], f"{here.way} / {there.way}"))
    for one in _with_counterpart(by_id.values()):
        score.to_make += 1
        if one.article.id in linked:
            score.found += 1
        else:
            score.missed.append((one.article.id, one.way))
    return score


def _with_counterpart(printed: Iterable[Printed]) -> Iterator[Printed]:
    """Yield what another language tells within two days; no templates."""
    of_story = defaultdict[frozenset[int], list[Printed]](list)
    for one in printed:
        if not one.is_template:
            of_story[one.stories].append(one)
    for story in of_story.values():
        for one in story:
            others = [other for other in story if other.article.in_language != one.article.in_language]
            if any(abs(_day(one) - _day(other)) <= WINDOW for other in others):
                yield one


def _day(one: Printed) -> date:
    return date.fromisoformat(str(one.article.date_published))


@dataclass(frozen=True)
class _Sentence:
    wordings: list[str]
    slots: dict[str, Slot]

    def spelled(self, language: str) -> str:
        wording = self.wordings[LANGUAGES.index(language)]
        return wording.format_map({name: slot(language) for name, slot in self.slots.items()})


class Translations:
    """Everything that a seed makes: ``count`` stories, so many ``a_day``, in the words of a ``lexicon``: ``weighed`` is
    that which rules and thresholds were chosen by, ``held`` was not looked at before. If nothing is ``translated``,
    each story is in one language.
    """

    def __init__(
        self, seed: int, count: int, *, lexicon: str = "weighed", a_day: int = 60, translated: bool = True
    ) -> None:
        self._choose = random.Random(seed)
        self._count, self._a_day, self._begin = count, a_day, date(2021, 1, 1)
        self._sets = _TRANSLATED if translated else [[one] for one in LANGUAGES]
        self._words = _ALL["lexicons"][lexicon]
        self._serial = self._numbers = 0
        self._bodies = set[str]()

    def printed(self) -> Iterator[Printed]:
        """Yield articles, not in the order of days."""
        makers = [self._report] * 5 + [self._brief] * 2 + [self._sequel, self._wordy, self._form, self._greeting]
        for at in range(self._count):
            if at % self._a_day == 0:
                self._begin_day(self._begin + timedelta(days=at // self._a_day))
            yield from self._choose.choice(makers)()

    def _begin_day(self, day: date) -> None:
        """Choose what many stories of a day have in common."""
        choose = self._choose
        self._day = day
        self._places = choose.sample(self._words["places"], 8)
        self._persons = [self._new_person() for _ in range(20)]
        self._figures = [choose.randrange(100, 9_000) for _ in range(6)]
        self._marks = {
            "congress": _plain(choose.randrange(5, 10)),
            "anniversary": _plain(choose.randrange(60, 99)),
        }

    # Stories

    def _report(self) -> Iterator[Printed]:
        yield from self._told("report", self._sentences(["numbered", "numbered", "plain", "stock"], most=12))

    def _sequel(self) -> Iterator[Printed]:
        """Yield a report, and another that repeats up to a third of its sentences."""
        first = self._sentences(["numbered", "plain"], most=12)
        yield from self._told("report", first)
        repeated = self._choose.sample(first, self._choose.randrange(1, 2 + len(first) // 4))
        rest = self._sentences(["numbered", "plain", "stock"], most=3 * len(repeated), fewest=2 * len(repeated))
        yield from self._told("sequel", [*repeated, *rest])

    def _brief(self) -> Iterator[Printed]:
        yield from self._told("brief", self._sentences(["numbered", "plain"], most=3, fewest=2))

    def _wordy(self) -> Iterator[Printed]:
        yield from self._told("without a number", self._sentences(["plain", "plain", "stock"], most=8))

    def _form(self) -> Iterator[Printed]:
        for _ in range(self._choose.randrange(1, 5)):
            yield from self._told("form", [self._sentence("forms")])

    def _greeting(self) -> Iterator[Printed]:
        name = self._choose.choice(["greetings", "greetings", "weather"])
        for _ in range(self._choose.randrange(1, 5)):
            yield from self._told(name, [self._sentence(name)], is_template=True)

    def _sentences(self, kinds: list[str], *, most: int, fewest: int = 4) -> list[_Sentence]:
        return [self._sentence(self._choose.choice(kinds)) for _ in range(self._choose.randrange(fewest, most + 1))]

    def _sentence(self, name: str) -> _Sentence:
        return _Sentence(self._choose.choice(self._words[name]), self._slots())

    def _told(self, way: str, sentences: list[_Sentence], *, is_template: bool = False) -> Iterator[Printed]:
        """Print a story in one language or more, in each by one outlet or more."""
        choose = self._choose
        if (whole := self._body(sentences, "ko")) in self._bodies:
            return
        self._bodies.add(whole)
        self._numbers += 1
        for language in choose.choice(self._sets):
            day = self._day + timedelta(days=0 if language == "ko" else choose.choice([0, 0, 0, 1, 1, 2]))
            kept = sentences
            if language != "ko" and len(sentences) > 3:
                leaves = choose.choice([0, 0, 0.15, 0.4])
                kept = [one for one in sentences if choose.random() >= leaves] or sentences[:2]
            body = self._body(kept, language)
            for copy in range(choose.choice([1, 1, 1, 2, 3])):
                later = min(day + timedelta(days=choose.choice([0, 1])) if copy else day, self._day + timedelta(days=3))
                yield self._print(body, language, later, way, is_template=is_template)

    def _body(self, sentences: list[_Sentence], language: str) -> str:
        at, paragraphs, spelled = 0, list[str](), [one.spelled(language) for one in sentences]
        while at < len(spelled):
            size = 1 + at % 3
            paragraphs.append(" ".join(spelled[at : at + size]))
            at += size
        return "\n\n".join(paragraphs)

    # What fills the slots

    def _slots(self) -> dict[str, Slot]:
        choose = self._choose
        foreign = choose.choice(self._words["foreign"])
        figure = choose.choice(self._figures) if choose.random() < 0.2 else choose.randrange(20, 9_000)
        return {
            **self._marks,
            "n": self._number(figure),
            "m": self._number(choose.randrange(2, 90)),
            "people": self._number(choose.choice([100, 1_000, 10_000, 100_000]) * choose.randrange(11, 999)),
            "pct": _decimal(choose.randrange(1_000, 1_900)),
            "ord": _plain(choose.randrange(4, 30)),
            "date": _date(self._day - timedelta(days=choose.randrange(3, 300))),
            "year": _year(choose.choice([self._day.year, choose.randrange(1946, 2021)])),
            "place": _pair(choose.choice(self._places)),
            "facility": _of(*choose.choice(self._words["facilities"])),
            "person": _pair(choose.choice(self._persons)),
            "person2": _pair(self._new_person()),
            "leader": _pair(choose.choice([_ALL["leaders"][0], choose.choice(_ALL["leaders"])])),
            "what": _of(*choose.choice(self._words["what"])),
            "foreign": _of(*foreign[:3]),
            "country": _of(*foreign[3:]),
            **{name: _plain(choose.randrange(1, 30)) for name in ("t", "t2", "t3", "t4")},
        }

    def _new_person(self) -> list[str]:
        parts = [self._choose.choice(_ALL["surnames"]), *self._choose.sample(self._words["given"], 2)]
        return [" ".join(one[0] for one in parts), "".join(one[1] for one in parts)]

    def _number(self, value: int) -> Slot:
        """Spell a number as an outlet may, in one way a language; a translator may round it."""
        choose = self._choose
        rounded = round(value, -2) if value > 1_000 and choose.random() < 0.06 else value
        spelled = {
            "en": choose.choice(_english(rounded)),
            "ko": choose.choice(_korean(value)),
            "es": choose.choice(_spanish(rounded)),
        }
        return spelled.__getitem__

    # Print

    def _print(self, body: str, language: str, day: date, way: str, *, is_template: bool) -> Printed:
        choose = self._choose
        marks = {"month": _MONTHS[day.month - 1], "mes": _MESES[day.month - 1], "m": day.month, "d": day.day}
        body = choose.choice(_DATELINES[language]).format_map(marks) + body
        self._serial += 1
        second = int((day - date(1970, 1, 1)).total_seconds()) + choose.randrange(80_000)
        identity = f"{second}-{100_000_000 + self._serial}"
        made = dataclasses.replace(
            rewritten(article(self._serial, ""), body),
            id=identity,
            status="live",
            date_published=day.isoformat(),
            source_language=language,
            in_language=language,
        )
        return Printed(made, frozenset([self._numbers]), way, is_template)


def _of(en: str, ko: str, es: str) -> Slot:
    return {"en": en, "ko": ko, "es": es}.__getitem__


def _pair(names: list[str]) -> Slot:
    return _of(names[0], names[1], names[0])


def _plain(value: int) -> Slot:
    return _of(*[str(value)] * 3)


def _decimal(tenths: int) -> Slot:
    whole, rest = divmod(tenths, 10)
    point = f"{whole}.{rest}" if rest else str(whole)
    return _of(point, point, point.replace(".", ","))


def _date(day: date) -> Slot:
    return _of(
        f"{_MONTHS[day.month - 1]} {day.day}", f"{day.month}월 {day.day}일", f"{day.day} de {_MESES[day.month - 1]}"
    )


def _year(year: int) -> Slot:
    juche = year - 1911
    if year % 3:
        return _of(str(year), f"{year}년", str(year))
    return _of(f"Juche {juche} ({year})", f"주체{juche}({year})년", f"{year}")


def _english(value: int) -> list[str]:
    ways = [f"{value:,}", f"{value:,}", str(value)]
    if 12 < value < 20:
        ways = [str(value), _TEENS[value - 13]]
    if value >= 1_000_000 and value % 100_000 == 0:
        ways = [f"{value / 1_000_000:g} million"]
    return ways


def _korean(value: int) -> list[str]:
    if value < 10_000:
        return [f"{value:,}", str(value), f"{value:,}".replace(",", " ")]
    tens, rest = divmod(value, 10_000)
    return [f"{value:,}", f"{tens}만 {rest}" if rest else f"{tens}만"]


def _spanish(value: int) -> list[str]:
    if value >= 1_000_000 and value % 100_000 == 0:
        return [f"{value / 1_000_000:g} millones".replace(".", ",")]
    thousands, rest = divmod(value, 1_000)
    ways = [f"{value:,}".replace(",", "."), f"{value:,}".replace(",", " ")]
    return [*ways, f"{thousands} mil {rest}"] if 0 < thousands < 1_000 and rest else ways
