"""Which articles carry the same story: what is linked, with what, and that it follows from the archive alone."""

import dataclasses
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kcnacrawl.archive import Locked, StorageFailed
from kcnacrawl.items import Article
from kcnacrawl.reprints import linking
from kcnacrawl.reprints.index import Index, Signed
from kcnacrawl.reprints.linking import INDEX, update
from kcnacrawl.reprints.links import REPRINTS
from kcnacrawl.reprints.text import LONGEST, read_text

from . import processes
from .archives import article, rewritten, write
from .conftest import ROOT, scrapy
from .stories import Stories, judge
from .translations import Translations

FIRST = """Engineers of the Chongsu Machine Factory have finished the remodelling of the casting line by night shifts.
The manager, Ri Chol Ok, said that 4,120 tons were turned out within 38 days.

Visitors from Hwasong City asked how the old conveyors had been replaced. A course on the tuning of generators is held
every 12 days for technicians of 315 households around Namgang.

All who spoke stressed that the sinking of the new shaft would be over before the thaw."""
OTHER = """Fishermen at the Sonhwa Station came home with a big catch. Each of 27 boats carried 90 boxes of herring,
which went to kindergartens of the province on the same evening.

The captain of the first boat, Kim Un San, had found the shoal near Paek Islet after a storm of three days. He told the
reporters that he trusts gulls more than any instrument. His crew repaired the nets on board."""
KOREAN = (
    "청수기계공장 기술자들이 교대를 늘여 주물공정개조를 끝냈다. 지배인 리철옥은 38일동안에 4120t을 생산하였다고"
    " 말하였다. 화송시에서 온 손님들은"
    " 낡은 콘베아를 바꾼 비결을 물었다. 발전기조정강습은 12일에 한번씩 진행된다."
)
GREETING = """Kim Jong Un sent a message of greetings to {}, president of {}, on the national day of the country.

The message wished the president success in his work for the prosperity of his country and people."""


def printed(number: int, body: str, day: str, **changes: Any) -> Article:
    return rewritten(dataclasses.replace(article(number, body), date_published=day, status="live"), body, **changes)


def links(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / REPRINTS).read_text(encoding="utf-8").splitlines()]


def linked(folder: Path, *articles: Article) -> list[tuple[int, int, str]]:
    """The links of an archive of these articles, which are told by their place."""
    write(folder, list(articles))
    update(folder)
    places = {one.id: place for place, one in enumerate(articles)}
    return [(places[one["id"]], places[one["of_id"]], one["kind"]) for one in links(folder)]


# What is linked


def test_a_story_that_is_printed_again_is_linked_to_the_earliest_by_date(tmp_path: Path) -> None:
    later, first, last = (printed(number, FIRST, f"2021-03-0{day}") for number, day in ((1, 3), (2, 2), (3, 4)))
    assert linked(tmp_path, later, first, last) == [(0, 1, "same"), (2, 1, "same")]
    assert links(tmp_path)[0] == {
        "id": later.id,
        "of_id": first.id,
        "kind": "same",
        "score": 1.0,
        "containment": 1.0,
        "shared_numbers": 1.0,
    }


def test_of_one_day_the_earliest_is_the_one_of_the_least_identity(tmp_path: Path) -> None:
    assert linked(tmp_path, printed(2, FIRST, "2021-03-02"), printed(1, FIRST, "2021-03-02")) == [(0, 1, "same")]


@pytest.mark.parametrize(
    "marks",
    [
        ("Pyongyang, March 2 (KCNA) -- ", " -0-"),
        ("PYONGYANG, March 2 (KCNA) — ", "\n\nwww.kcna.kp (Juche110.3.2.)"),
        ("Pyongyang, 2 de marzo (ACNC).- ", "\n\n(2021.03.02.)"),
        ("", "\n\nKCNA"),
    ],
)
def test_dateline_end_marks_case_and_width_are_no_difference(tmp_path: Path, marks: tuple[str, str]) -> None:
    wide = FIRST.translate(str.maketrans("0123456789", "０１２３４５６７８９")).upper()
    again = printed(2, f"{marks[0]}{wide}{marks[1]}", "2021-03-03")
    assert linked(tmp_path, printed(1, FIRST, "2021-03-02"), again) == [(1, 0, "same")]
    assert links(tmp_path)[0]["score"] == 1


def test_what_was_cut_reworked_and_merged_is_linked_and_told_apart(tmp_path: Path) -> None:
    cut = FIRST.split("\n\n", maxsplit=1)[0]
    reworked = FIRST.replace("have finished", "brought to an end").replace("stressed that", "were sure that")
    reworked = reworked.replace("were turned out within", "left the gate in").replace("asked how", "wondered how well")
    merged = f"{OTHER}\n\n{FIRST}"
    found = linked(
        tmp_path,
        printed(1, FIRST, "2021-03-02"),
        printed(2, OTHER, "2021-03-02"),
        printed(3, cut, "2021-03-03"),
        printed(4, reworked, "2021-03-03"),
        printed(5, merged, "2021-03-04"),
    )
    assert found == [(2, 0, "cut"), (3, 0, "reworked"), (4, 0, "cut"), (4, 1, "cut")]


def test_korean_is_compared_by_syllables_however_its_words_are_parted(tmp_path: Path) -> None:
    parted = KOREAN.replace("주물공정개조를", "주물 공정 개조를").replace("동안에", " 동안에")
    found = linked(tmp_path, printed(1, KOREAN, "2021-03-02"), printed(2, parted, "2021-03-05"))
    assert found == [(1, 0, "same")]


@pytest.mark.parametrize(("day", "found"), [("2021-03-16", [(1, 0, "same")]), ("2021-03-17", [])])
def test_the_window_is_fourteen_days(tmp_path: Path, day: str, found: list[object]) -> None:
    assert linked(tmp_path, printed(1, FIRST, "2021-03-02"), printed(2, FIRST, day)) == found


def test_links_are_no_closure(tmp_path: Path) -> None:
    first, second, third = OTHER.split("\n\n", maxsplit=1)[0], FIRST, KOREAN
    both = f"{first}\n\n{second}"
    found = linked(
        tmp_path,
        printed(1, first, "2021-03-02"),
        printed(2, both, "2021-03-03"),
        printed(3, second, "2021-03-04"),
        printed(4, third, "2021-03-04"),
    )
    assert found == [(1, 0, "cut"), (2, 1, "cut")]


def test_other_numbers_are_another_story(tmp_path: Path) -> None:
    other = FIRST.replace("4,120", "5,320").replace("38 days", "41 days")
    assert linked(tmp_path, printed(1, FIRST, "2021-03-02"), printed(2, other, "2021-03-03")) == []


def test_the_same_report_of_another_place_is_another_story(tmp_path: Path) -> None:
    report = (
        "The {} carried out its plan for the quarter. Under the guidance of {}, its manager, the workers improved the"
    )
    report += (
        " equipment one after another. The quality of goods was raised, and people in the area are pleased with them."
    )
    bodies = [report.format("Chongsu Silk Mill", "Ri Chol Ok"), report.format("Hapyong Salt Works", "Kim Un San")]
    found = linked(tmp_path, *(printed(number, body, "2021-03-02") for number, body in enumerate(bodies)))
    assert found == []


def test_stock_phrases_alone_make_no_link(tmp_path: Path) -> None:
    stock = "All the speakers stressed the need to carry through the decisions of the plenary meeting of the Committee."
    bodies = [f"Boats left early. {stock} Rain fell.", f"A choir sang in the hall. {stock} Nobody was late."]
    found = linked(tmp_path, *(printed(number, body, "2021-03-02") for number, body in enumerate(bodies)))
    assert found == []


@pytest.mark.parametrize("body", ["", " \n\n ", "(KCNA)", "-0-"])
def test_an_article_without_a_text_is_linked_with_none(tmp_path: Path, body: str) -> None:
    assert linked(tmp_path, printed(1, body, "2021-03-02"), printed(2, body, "2021-03-02")) == []


def test_an_article_without_a_date_is_linked_by_that_of_its_card_or_not_at_all(tmp_path: Path) -> None:
    undated = dataclasses.replace(printed(2, FIRST, "2021-03-03"), date_published=None)
    listed = dataclasses.replace(printed(3, FIRST, "2021-03-03"), date_published=None, date_listed="2021-03-03")
    assert linked(tmp_path, printed(1, FIRST, "2021-03-02"), undated, listed) == [(2, 0, "same")]


# Templates


def test_the_same_greeting_to_another_president_is_another_story(tmp_path: Path) -> None:
    whom = [("Daniel Ortega", "Nicaragua"), ("Joko Widodo", "Indonesia"), ("Daniel Ortega", "Nicaragua")]
    found = linked(tmp_path, *(printed(number, GREETING.format(*one), "2021-03-02") for number, one in enumerate(whom)))
    assert found == [(2, 0, "template")]


@pytest.mark.parametrize(("day", "found"), [("2021-03-03", [(1, 0, "template")]), ("2021-03-04", [])])
@pytest.mark.parametrize(
    "body",
    [
        GREETING.format("Daniel Ortega", "Nicaragua"),
        "The weather will be cloudy in most parts of the country. The highest temperature will be 17 degrees.",
        "Press review. Rodong Sinmun: editorial on the sowing of maize; commentary on dams; article on goats.",
        "김정은동지께서 꾸바 대통령에게 축전을 보내시였다. 축전은 대통령이 사업에서 성과를 거둘것을 축원하였다.",
        "天气预报：平壤多云，最低气温3℃，最高气温12℃；元山晴，最高气温14℃，湿度60%。",
        "Los diarios publican artículos. Rodong Sinmun inserta un editorial sobre la siembra y otro, un comentario.",
        "17:00 News 17:20 Film 18:40 Song 19:00 Weather 19:10 Sports 20:00 News 20:30 Play 21:40 Music 22:00 End",
    ],
)
def test_a_template_is_linked_to_the_letter_within_a_day(
    tmp_path: Path, body: str, day: str, found: list[object]
) -> None:
    assert linked(tmp_path, printed(1, body, "2021-03-02"), printed(2, body, day)) == found


def test_a_form_that_no_word_tells_is_known_by_its_other_fillings(tmp_path: Path) -> None:
    form = "{} was given the title of Merited Gardener on March {}. The certificate and a medal were handed over in the"
    form += " hall of culture of {}, and the neighbours sang. A dinner for all who work in the garden came after it."
    fillings = [("Ri Chol Ok", 2, "Namgang"), ("Kim Un San", 3, "Hapyong"), ("Pak Hui To", 4, "Paeksong")]
    bodies = [form.format(*one) for one in fillings]
    days = ["2021-03-02", "2021-03-03", "2021-03-04"]
    again = [printed(8, bodies[2], "2021-03-05"), printed(9, bodies[2], "2021-03-09")]
    found = linked(tmp_path, *map(printed, range(3), bodies, days), *again)
    assert found == [(3, 2, "template")]


# How well


@pytest.mark.parametrize("options", [{}, {"spellings": "unseen"}, {"stock": 0.4}], ids=["known", "unseen", "stock"])
def test_of_invented_stories_nearly_all_are_linked_and_hardly_any_wrongly(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    made = list(Stories(3, 400, **options).printed())
    write(tmp_path, [one.article for one in made])
    update(tmp_path)
    for name, score in judge(made, links(tmp_path)).items():
        assert score.to_make > 100
        assert score.precision >= 0.98, (name, score.wrong)
        assert score.recall >= 0.92, (name, score.missed)


# That it follows from the archive alone


def archive(seed: int, count: int = 120) -> list[Article]:
    """Articles in any order, some of them edited into another's text, moved to another day, gone, and emptied."""
    choose = random.Random(seed)
    made = [*Stories(seed, count).printed(), *Translations(seed, count // 4).printed()]
    lines = [one.article for one in made]
    choose.shuffle(lines)
    for one in choose.sample(lines, len(lines) // 8):
        other = choose.choice(lines)
        change = choose.randrange(4)
        lines.append(
            [
                rewritten(one, other.article_body, revision=2),
                dataclasses.replace(one, revision=2, date_published=other.date_published),
                dataclasses.replace(one, revision=2, status="gone"),
                rewritten(one, "", revision=2),
            ][change]
        )
    return lines


def state(folder: Path) -> bytes:
    return (folder / REPRINTS).read_bytes()


def from_nothing(folder: Path, lines: Sequence[Article]) -> bytes:
    write(folder, list(lines))
    update(folder)
    return state(folder)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_bit_by_bit_it_is_the_same_to_the_letter_as_from_nothing(tmp_path: Path, seed: int) -> None:
    lines, choose = archive(seed), random.Random(seed)
    at = 0
    while at < len(lines):
        end = at + choose.choice([1, 2, 30, 100])
        write(tmp_path / "by bits", lines[at:end])
        update(tmp_path / "by bits")
        at = end
        if choose.random() < 0.3:
            assert state(tmp_path / "by bits") == from_nothing(tmp_path / f"to {end}", lines[:end])
    whole = from_nothing(tmp_path / "whole", lines)
    assert whole
    assert state(tmp_path / "by bits") == whole


def test_the_order_in_which_articles_came_is_no_matter(tmp_path: Path) -> None:
    lines = [one.article for one in [*Stories(4, 100).printed(), *Translations(4, 60).printed()]]
    assert from_nothing(tmp_path / "one", lines) == from_nothing(tmp_path / "other", lines[::-1])


def test_no_seed_of_hashes_changes_it(tmp_path: Path) -> None:
    lines, found = archive(5), set()
    for seed in ("0", "1", "4711"):
        write(tmp_path / seed, lines)
        done = scrapy(tmp_path / seed, "reprints", env=os.environ | {"PYTHONHASHSEED": seed})
        assert done.returncode == 0, done.stderr
        found.add(state(tmp_path / seed))
    assert len(found) == 1


POINTS = [
    *(("sign", 50), ("forget", 1), ("forget", 7), ("place", 1), ("place", 15), ("candidates", 60), ("link", 1)),
    *(("link", 12), ("pick", 1), ("pick", 50), ("reprints", 1), ("expect", 3)),
]


@pytest.mark.parametrize(("point", "number"), POINTS)
def test_killed_anywhere_and_repeated_it_is_the_same(tmp_path: Path, point: str, number: int) -> None:
    lines, folder = archive(6), tmp_path / "killed"
    write(folder, lines[:250])
    update(folder)
    write(folder, lines[250:])
    command = ["tests.crashing", point, str(number), "reprints", "-s", f"KCNACRAWL_DIR={folder}"]
    before = state(folder)
    killed = processes.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert state(folder) == before
    assert scrapy(folder, "reprints").returncode == 0
    assert state(folder) == from_nothing(tmp_path / "whole", lines)


def test_an_edited_article_is_linked_anew_and_so_is_what_was_linked_to_it(tmp_path: Path) -> None:
    first, second, third = (printed(number, FIRST, f"2021-03-0{number}") for number in (1, 2, 3))
    assert linked(tmp_path, first, second, third) == [(1, 0, "same"), (2, 0, "same")]
    write(tmp_path, [rewritten(first, OTHER, revision=2)])
    update(tmp_path)
    assert [(one["id"], one["of_id"]) for one in links(tmp_path)] == [(third.id, second.id)]


def test_an_article_that_is_gone_keeps_its_links(tmp_path: Path) -> None:
    first, second = (printed(number, FIRST, f"2021-03-0{number}") for number in (1, 2))
    assert linked(tmp_path, first, second) == [(1, 0, "same")]
    write(tmp_path, [dataclasses.replace(first, revision=2, status="gone")])
    assert update(tmp_path) == (1, 0, 1)
    assert len(links(tmp_path)) == 1


def test_a_run_reads_only_what_is_new_and_leaves_a_file_that_says_the_same(tmp_path: Path) -> None:
    lines = archive(7)
    write(tmp_path, lines)
    assert update(tmp_path).lines == len(lines)
    before = (tmp_path / REPRINTS).stat()
    assert update(tmp_path)[:2] == (0, 0)
    write(tmp_path, [printed(900, "A text like no other, of some words that nobody has printed before.", "2021-03-02")])
    assert update(tmp_path)[:2] == (1, 0)
    assert (tmp_path / REPRINTS).stat() == before


@pytest.mark.parametrize("lost", [REPRINTS, INDEX])
@pytest.mark.parametrize("how", ["removed", "damaged"])
def test_what_is_lost_or_damaged_is_made_again(tmp_path: Path, lost: str, how: str) -> None:
    whole = from_nothing(tmp_path, archive(8))
    if how == "removed":
        (tmp_path / lost).unlink()
    else:
        (tmp_path / lost).write_bytes(b"nothing of ours\n" * 500)
    update(tmp_path)
    assert state(tmp_path) == whole


def test_of_another_log_or_by_other_rules_all_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = archive(9)
    from_nothing(tmp_path, lines)
    (tmp_path / "articles.jsonl").unlink()
    assert from_nothing(tmp_path, lines[40:]) == from_nothing(tmp_path / "other", lines[40:])
    monkeypatch.setattr(linking, "METHOD", "another")
    assert update(tmp_path).lines == len(lines) - 40


def test_a_log_that_was_changed_where_the_index_has_read_it_is_read_anew(tmp_path: Path) -> None:
    lines = [printed(number, FIRST if number % 2 else OTHER, "2021-03-02") for number in range(60)]
    from_nothing(tmp_path, lines)
    data = (tmp_path / "articles.jsonl").read_bytes()
    lines[:2] = lines[1::-1]
    (tmp_path / "articles.jsonl").unlink()
    write(tmp_path, lines)
    assert len((tmp_path / "articles.jsonl").read_bytes()) == len(data) > 1 << 16
    reworked = FIRST.replace("have finished", "brought to an end")
    lines.append(printed(60, reworked, "2021-03-03"))
    write(tmp_path, lines[-1:])
    update(tmp_path)
    assert state(tmp_path) == from_nothing(tmp_path / "whole", lines)


def test_what_is_being_written_is_left_for_the_next_run(tmp_path: Path) -> None:
    first, second = (printed(number, FIRST, f"2021-03-0{number}") for number in (1, 2))
    write(tmp_path, [first, second])
    whole = (tmp_path / "articles.jsonl").read_bytes()
    (tmp_path / "articles.jsonl").write_bytes(whole[:-5])
    assert update(tmp_path) == (1, 0, 0)
    (tmp_path / "articles.jsonl").write_bytes(whole)
    assert update(tmp_path) == (1, 1, 1)


# Hostile texts


@pytest.mark.parametrize(
    "body",
    [
        "word " * 300_000,
        "1 " * 500_000,
        "金" * 400_000,
        "(" * 1_000_000,
        "-0-" * 400_000,
        "\ufdfa" * 200_000,
        "가 " * 500_000,
    ],
    ids=["word", "number", "hanja", "bracket", "mark", "ligature", "syllable"],
)
def test_a_hostile_text_is_compared_as_far_as_any_real_one_goes(tmp_path: Path, body: str) -> None:
    assert len(read_text(body).body) <= LONGEST
    found = linked(tmp_path, printed(1, body, "2021-03-02"), printed(2, body, "2021-03-02"))
    assert [link[:2] for link in found] == [(1, 0)] * len(found)


def test_of_a_thousand_that_are_alike_each_is_compared_with_a_few(tmp_path: Path) -> None:
    text = read_text(FIRST)
    signed = Signed("", 737_000, 0, "", text.digest, False, list(range(50)))
    with Index(tmp_path / INDEX) as index:
        index.learn(dataclasses.replace(signed, id=f"{one:04}", content=str(one)) for one in range(1_000))
        while index.place(737_000, 300):
            pass
        last = next(one for one in index.due_of(737_000, 1_000) if one.id == "0999")
        found = index.candidates(last)
    assert [one.id for one in found] == [f"{one:04}" for one in range(16)]


# The command


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    write(tmp_path, [printed(1, FIRST, "2021-03-02"), printed(2, FIRST, "2021-03-03")])
    told = f"{tmp_path}/reprints.jsonl: 2 new records, 1 new link, 1 in all\n"
    done = scrapy(tmp_path, "reprints")
    assert (done.returncode, done.stdout, done.stderr) == (0, told, "")
    done = scrapy(tmp_path, "reprints")
    assert done.stdout == f"{tmp_path}/reprints.jsonl: no new records, no new links, 1 in all\n"


def test_without_an_archive_it_says_so_and_makes_nothing(tmp_path: Path) -> None:
    done = scrapy(tmp_path / "none", "reprints")
    assert done.returncode == 7
    assert done.stderr == f"kcnacrawl: storage (7): {tmp_path}/none/articles.jsonl does not exist\n"
    assert not (tmp_path / "none").exists()


def test_a_line_that_is_no_record_ends_it(tmp_path: Path) -> None:
    write(tmp_path, [printed(1, FIRST, "2021-03-02")])
    with (tmp_path / "articles.jsonl").open("ab") as file:
        file.write(b'{"id": 3}\n')
    with pytest.raises(StorageFailed, match=r"articles\.jsonl, line 2 is no line of ours"):
        update(tmp_path)


def test_a_second_run_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [printed(1, FIRST, "2021-03-02")])
    with Index(tmp_path / INDEX), pytest.raises(Locked):
        update(tmp_path)
    with Index(tmp_path / INDEX):
        assert scrapy(tmp_path, "reprints").returncode == 6


def test_an_argument_is_refused(tmp_path: Path) -> None:
    done = scrapy(tmp_path, "reprints", "--fast")
    assert (done.returncode, done.stderr) == (2, "kcnacrawl: usage (2): reprints has no option '--fast'\n")


def test_without_rensa_it_says_what_to_install(tmp_path: Path) -> None:
    write(tmp_path, [printed(1, FIRST, "2021-03-02")])
    code = "import sys; sys.modules['rensa'] = None; from scrapy.cmdline import execute; execute()"
    words = ["reprints", "-s", f"KCNACRAWL_DIR={tmp_path}"]
    done = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stderr == "kcnacrawl: usage (2): rensa is missing: pip install kcnacrawl[reprints]\n"


def test_the_index_is_a_part_and_no_copy_of_texts(tmp_path: Path) -> None:
    write(tmp_path, [printed(1, KOREAN, "2021-03-02")])
    update(tmp_path)
    with closing(sqlite3.connect(tmp_path / INDEX)) as db:
        assert KOREAN[:20] not in "\n".join(db.iterdump())
