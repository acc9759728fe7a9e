"""Articles of which it is known who tells the same story: invented, in four languages, a function of a seed.

A story is some sentences, each of slots and of more than one wording. Outlets print it as it is, retitled, cut,
reworked (other wordings, sentences left out and added, paragraphs moved), or merged with another. Beside them: stories
that share stock phrases, reports that are one form filled in twice, and templates: greetings to other addressees,
weather, reviews of the press, of which some are printed by others to the letter.
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

from kcnacrawl.archive.ledger import body_sha256
from kcnacrawl.items import Article

LANGUAGES: Final = ("en", "ko", "zh", "es")


@dataclass(frozen=True, slots=True)
class Printed:
    """An article, what it tells, and in which way it was printed."""

    article: Article
    stories: frozenset[int]
    way: str
    is_template: bool


@dataclass
class Score:
    """How many links were made and right, and how many there were to make and found; both by what is missing."""

    made: int = 0
    right: int = 0
    to_make: int = 0
    found: int = 0
    wrong: list[tuple[str, str, str]] = field(default_factory=list)
    missed: list[tuple[str, str]] = field(default_factory=list)

    @property
    def precision(self) -> float:
        """Of the links that were made, those that are right."""
        return self.right / self.made if self.made else 1.0

    @property
    def recall(self) -> float:
        """Of the links that there were to make, those that were made."""
        return self.found / self.to_make if self.to_make else 1.0


def judge(printed: list[Printed], links: list[dict[str, Any]]) -> dict[str, Score]:
    """Compare links with the truth: by ``prose`` and ``templates``.

    A link is right if both tell a story that is one. To be made is one for each story in an article that another told
    before it within the window; to whichever.
    """
    scores = {"prose": Score(), "templates": Score()}
    by_id = {one.article.id: one for one in printed}
    linked = defaultdict[str, set[int]](set)
    for link in links:
        here, there = by_id[link["id"]], by_id[link["of_id"]]
        score = scores["templates" if here.is_template or there.is_template else "prose"]
        score.made += 1
        if common := here.stories & there.stories:
            score.right += 1
            linked[here.article.id] |= common
        else:
            score.wrong.append((link["id"], link["of_id"], f"{here.way} / {there.way}"))
    earlier = defaultdict[int, list[tuple[date, str]]](list)
    for one in printed:
        for story in one.stories:
            earlier[story].append(_order(one))
    for one in printed:
        score = scores["templates" if one.is_template else "prose"]
        window = timedelta(days=1 if one.is_template else 14)
        for story in one.stories:
            if any(other < _order(one) and _order(one)[0] - other[0] <= window for other in earlier[story]):
                score.to_make += 1
                if story in linked[one.article.id]:
                    score.found += 1
                else:
                    score.missed.append((one.article.id, one.way))
    return scores


def _order(one: Printed) -> tuple[date, str]:
    return date.fromisoformat(str(one.article.date_published)), one.article.id


_WORDS: Final = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
"""By language, in which ``sentences`` have three wordings, the last two an editor's."""
_DATELINES: Final = {
    "en": ["", "Pyongyang, {month} {d} (KCNA) -- ", "Pyongyang, {month} {d} (KCNA) — ", "PYONGYANG, {month} {d} -- "],
    "ko": ["", "(평양 {m}월 {d}일발 조선중앙통신) ", "【평양 {m}월 {d}일발 조선중앙통신】"],
    "zh": ["", "朝中社平壤{m}月{d}日电 ", "平壤{m}月{d}日电（朝中社）"],
    "es": ["", "Pyongyang, {d} de {mes} (ACNC) -- ", "Pyongyang, {d} de {mes} (ACNC).- "],
}
_ENDS: Final = ["", "", " -0-", "\n\nwww.kcna.kp (Juche{juche}.{m}.{d}.)", "\n\n({y}.{mm}.{dd}.)", "\n\nKCNA"]
_MONTHS: Final = "January February March April May June July August September October November December".split()
_MESES: Final = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split()
_SEAM: Final = {"zh": ""}


@dataclass
class _Story:
    """Sentences of some wording each, in paragraphs."""

    number: int
    language: str
    day: date
    sentences: list[list[str]] = field(default_factory=list)


class Stories:
    """Everything that a seed makes: ``count`` stories, so many ``a_day``, of which a share of the sentences are
    ``stock`` phrases; ``spellings`` of templates are those that their recognition was written by (``templates``),
    those that came after and that its rules were weighed by (``unseen``), or those that nobody had looked at when the
    figures were taken (``held``).
    """

    def __init__(
        self,
        seed: int,
        count: int,
        begin: date = date(2021, 1, 1),
        a_day: int = 12,
        stock: float = 0.15,
        *,
        spellings: str = "templates",
    ) -> None:
        self._choose = random.Random(seed)
        self._count = count
        self._begin = begin
        self._a_day = a_day
        self._stock = stock
        self._spellings = spellings
        self._made = 0
        self._numbers = 0
        self._serial = 0
        self._told = set[str]()

    def printed(self) -> Iterator[Printed]:
        """Yield articles, not in the order of days."""
        makers = [self._prose] * 6 + [self._form] + [self._template] * 3
        for _ in range(self._count):
            self._made += 1
            day = self._begin + timedelta(days=self._made // self._a_day)
            yield from self._choose.choice(makers)(day)

    # Prose

    def _prose(self, day: date) -> Iterator[Printed]:
        choose = self._choose
        story = self._story(day)
        plain = [wordings[0] for wordings in story.sentences]
        yield self._print(story, plain, day, "first", {story.number})
        ways = ["same", "same", "cut", "cut", "reworked", "merged", "tail"]
        for _ in range(choose.choice([0, 1, 1, 2, 3, 5])):
            way = choose.choice(ways)
            later = day + timedelta(days=choose.choice([0, 0, 1, 1, 2, 3, 6, 12]))
            numbers = {story.number}
            match way:
                case "cut":
                    printed = plain[: max(3, int(len(plain) * choose.uniform(0.25, 0.8)))]
                case "tail":
                    printed = plain[-max(4, int(len(plain) * choose.uniform(0.5, 0.8))) :]
                case "reworked":
                    printed = self._reworked(story)
                case "merged":
                    other = self._story(day, story.language)
                    first = [wordings[0] for wordings in other.sentences]
                    yield self._print(other, first, day, "first", {other.number})
                    printed, numbers = plain + first, {story.number, other.number}
                case _:
                    printed = plain
            yield self._print(story, printed, later, way, numbers)

    def _story(self, day: date, language: str | None = None) -> _Story:
        self._numbers += 1
        story = _Story(self._numbers, language or self._choose.choice(LANGUAGES), day)
        for _ in range(self._choose.randrange(6, 18)):
            if self._choose.random() < self._stock:
                stock = self._choose.choice(_WORDS["words"][story.language]["stock"])
                story.sentences.append([stock] * 3)
            else:
                slots = self._slots(story.language)
                wordings = self._choose.choice(_WORDS["sentences"][story.language])
                story.sentences.append([_fill(one, slots) for one in wordings])
        return story

    def _reworked(self, story: _Story) -> list[str]:
        choose = self._choose
        reworded = choose.uniform(0.1, 0.35)
        printed = [
            wordings[choose.choice([1, 2])] if choose.random() < reworded else wordings[0]
            for wordings in story.sentences
        ]
        for _ in range(choose.randrange(len(printed) // 5 + 1)):
            printed.pop(choose.randrange(len(printed)))
        for _ in range(choose.randrange(3)):
            slots = self._slots(story.language)
            more = _fill(choose.choice(_WORDS["sentences"][story.language])[0], slots)
            printed.insert(choose.randrange(len(printed) + 1), more)
        if choose.random() < 0.4:
            changed = choose.uniform(0.03, 0.1)
            printed = [self._other_words(one, story.language, changed) for one in printed]
        if choose.random() < 0.3:
            middle = len(printed) // 2
            printed = printed[middle:] + printed[:middle]
        return printed

    def _other_words(self, sentence: str, language: str, changed: float) -> str:
        """Return a sentence some of whose words an editor has replaced: no names, no numbers."""
        words = sentence.split(" ")
        for at, word in enumerate(words):
            if word.isalpha() and word.islower() | (language == "ko") and self._choose.random() < changed:
                words[at] = self._choose.choice(_WORDS["others"].get(language, [word]))
        return " ".join(words)

    # What is no story, or another each time

    def _form(self, day: date) -> Iterator[Printed]:
        """Yield the same report of some places, each of which is another story."""
        language = self._choose.choice(LANGUAGES)
        how, who = (self._choose.choice(_WORDS["words"][language][name]) for name in ("how", "who"))
        for _ in range(self._choose.choice([2, 3, 4])):
            self._numbers += 1
            story = _Story(self._numbers, language, day)
            text = _fill(_WORDS["forms"][language], self._slots(language) | {"how": how, "who": who})
            for way in ["first", "same"][: self._choose.choice([1, 1, 2])]:
                later = day + timedelta(days=self._choose.choice([0, 1, 2]))
                yield self._print(story, [text], later, f"form, {way}", {story.number})

    def _template(self, day: date) -> Iterator[Printed]:
        choose, language = self._choose, self._choose.choice(LANGUAGES)
        name = choose.choice(["greeting", "greeting", "weather", "press"])
        form = choose.choice(_WORDS[self._spellings][name][language])
        for _ in range(choose.choice([1, 2, 3, 4])):
            self._numbers += 1
            story = _Story(self._numbers, language, day)
            text = _fill(form, self._slots(language) | self._of_the_day(day, language))
            if text in self._told:
                continue
            self._told.add(text)
            yield self._print(story, [text], day, f"{name}, first", {story.number}, is_template=True)
            for _ in range(choose.choice([0, 0, 1, 2])):
                later = day + timedelta(days=choose.choice([0, 1]))
                yield self._print(story, [text], later, f"{name}, same", {story.number}, is_template=True)
            if choose.random() < 0.15:
                # The same words once more, which are another day's.
                self._numbers += 1
                again = _Story(self._numbers, language, day)
                later = day + timedelta(days=choose.choice([4, 7, 10]))
                yield self._print(again, [text], later, f"{name}, again", {again.number}, is_template=True)
            day += timedelta(days=choose.choice([0, 0, 1]))

    def _of_the_day(self, day: date, language: str) -> dict[str, str]:
        choose = self._choose
        told = {
            "en": f"{_MONTHS[day.month - 1]} {day.day}",
            "ko": f"{day.month}월 {day.day}일",
            "zh": f"{day.month}月{day.day}日",
            "es": f"{day.day} de {_MESES[day.month - 1]}",
        }[language]
        titles = [choose.choice(_WORDS["words"][language]["what"]) for _ in range(3)]
        at = LANGUAGES.index(language)
        return {
            "day": told,
            "country": choose.choice(_WORDS["countries"])[at],
            "person": choose.choice(_WORDS["persons"])[at],
            "occasion": choose.choice(["greetings", "congratulations"]),
            "reply": choose.choice(["reply", "congratulatory"]),
            "sky": choose.choice(_WORDS["skies"][language]),
            "sky2": choose.choice(_WORDS["skies"][language]),
            "place2": self._place(language),
            **{name: str(choose.randrange(low, low + 15)) for name, low in (("a", 10), ("b", 10), ("c", 1))},
            **dict(zip(("title", "title2", "title3"), titles, strict=True)),
        }

    # Words

    def _slots(self, language: str) -> dict[str, str]:
        choose = self._choose
        chosen = {name: choose.choice(words) for name, words in _WORDS["words"][language].items()}
        people = {name: self._person(language) for name in ("person", "person2")}
        numbers = {"n": str(choose.randrange(20, 9_000)), "m": str(choose.randrange(2, 90))}
        return chosen | people | numbers | {"place": self._place(language)}

    def _syllables(self, language: str, number: int) -> list[str]:
        at = {"ko": 1, "zh": 2}.get(language, 0)
        return [one[at] for one in self._choose.sample(_WORDS["syllables"], number)]

    def _place(self, language: str) -> str:
        first, second = self._syllables(language, 2)
        return f"{first}{second.lower() if language in {'en', 'es'} else second}"

    def _person(self, language: str) -> str:
        return ("" if language in {"ko", "zh"} else " ").join(self._syllables(language, 3))

    # Print

    def _print(
        self, story: _Story, sentences: list[str], day: date, way: str, numbers: set[int], *, is_template: bool = False
    ) -> Printed:
        choose, language = self._choose, story.language
        paragraphs, at = list[str](), 0
        while at < len(sentences):
            size = 1 + at % 3
            paragraphs.append(_SEAM.get(language, " ").join(sentences[at : at + size]))
            at += size
        marks = {
            "month": _MONTHS[day.month - 1],
            "mes": _MESES[day.month - 1],
            "m": day.month,
            "d": day.day,
            "mm": f"{day.month:02}",
            "dd": f"{day.day:02}",
            "y": day.year,
            "juche": day.year - 1911,
        }
        body = choose.choice(_DATELINES[language]).format_map(marks) + "\n\n".join(paragraphs)
        body += choose.choice(_ENDS).format_map(marks)
        source = choose.randrange(20)
        self._serial += 1
        second = int((day - date(1970, 1, 1)).total_seconds()) + (
            0 if "first" in way else choose.randrange(40_000, 80_000)
        )
        identity = f"{second}-{100_000_000 + self._serial}"
        article = Article(
            id=identity,
            revision=1,
            status="live",
            url=f"https://kcnawatch.org/newstream/{identity}/headline",
            headline=f"{_WORDS['titles'][language]} {choose.randrange(10_000)}",
            date_published=day.isoformat(),
            date_published_raw=f"{day:%d/%m/%Y}",
            date_listed=None,
            date_listed_raw=None,
            url_time=f"{day.isoformat()}T00:00:00+00:00",
            date_conflict=False,
            source_id=150 + source,
            source_label=f"Source {source} ({language.title()})",
            source_name=f"Source {source}",
            source_language=language,
            in_language=language,
            description=None,
            article_body=body,
            access="full",
            original_url=None,
            images=(),
            body_sha256=body_sha256(body),
            date_downloaded="2026-01-01T00:00:00+00:00",
            listing_url=None,
            run_id="20260101T000000Z-source-000000",
        )
        return Printed(article, frozenset(numbers), way, is_template)


class _Word(str):
    """What fills a slot; ``{name:c}`` stands at the beginning of a sentence."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return self[:1].upper() + self[1:] if spec == "c" else str(self)


def _fill(wording: str, slots: dict[str, str]) -> str:
    return wording.format_map({name: _Word(one) for name, one in slots.items()})
