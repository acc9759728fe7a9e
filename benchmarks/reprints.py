"""``python benchmarks/reprints.py [STORIES … [--seed SEED] [--archive ARTICLES]]``: how well and how fast ``scrapy
reprints`` links.

An archive of so many invented stories (default: 3,000 and 30,000) is made, with the seed that nothing was chosen by
(default: 424242), in known and in other spellings of templates, and with many stock phrases; links are compared with
the truth. Then: the same once more with nothing new, and with a hundred articles that are; and without languages, so
that no translations are looked for. The same of translations, in the words that rules were chosen by and in those that
were held back. ``--archive``: speed and memory on an archive of so many records of 5 KB as other benchmarks have it, in
which all texts are of one stock of paragraphs.
"""

import argparse
import json
import random
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from archives import articles, write
from bench import ROOT, SCRAPY, Cost, run

from kcnacrawl.items import Article
from tests.stories import Printed, Score, Stories, judge
from tests.translations import Translations, judge_translations

SETS: dict[str, dict[str, Any]] = {
    "as chosen by": {},
    "templates in other spellings": {"spellings": "unseen"},
    "templates in spellings held back": {"spellings": "held"},
    "four sentences in ten stock phrases": {"stock": 0.4},
}
TRANSLATIONS: dict[str, dict[str, Any]] = {
    "translations, in words as chosen by": {},
    "in words held back": {"lexicon": "held"},
    "held back, of 200 stories a day": {"lexicon": "held", "a_day": 200},
    "held back, nothing is translated": {"lexicon": "held", "translated": False},
}


def reprints(folder: Path) -> Cost:
    return run([*SCRAPY, "reprints", "-s", f"KCNACRAWL_DIR={folder}"], ROOT)


def tell(what: str, count: int, cost: Cost) -> None:
    print(f"  {what:36}  {count:9,}  {cost.cpu:7.1f} s of CPU  {count / cost.cpu:6,.0f}/s  {cost.memory:4.0f} MB")


def links(folder: Path) -> list[dict[str, object]]:
    with (folder / "reprints.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def show(printed: list[Printed], folder: Path) -> None:
    for name, score in judge(printed, links(folder)).items():
        show_score(name, score)


def show_score(name: str, score: Score) -> None:
    print(
        f"    {name:10}  precision {score.precision:.4f} ({score.right:,} of {score.made:,})"
        f"  recall {score.recall:.4f} ({score.found:,} of {score.to_make:,})"
    )


def measure(stories: int, seed: int) -> None:
    for name, options in SETS.items():
        printed = list(Stories(seed, stories, **options).printed())
        random.Random(seed).shuffle(printed)
        with tempfile.TemporaryDirectory(prefix="kcnacrawl-") as path:
            folder = Path(path)
            write(folder, [one.article for one in printed[:-100]])
            tell(name, len(printed) - 100, reprints(folder))
            if not options:
                tell("nothing new", 0, reprints(folder))
            write(folder, [one.article for one in printed[-100:]])
            cost = reprints(folder)
            if not options:
                tell("a hundred new", 100, cost)
            show(printed, folder)
        if not options:
            tell_whole("without translations", [replace(one.article, in_language=None) for one in printed[:-100]])


def tell_whole(name: str, records: list[Article]) -> None:
    with tempfile.TemporaryDirectory(prefix="kcnacrawl-") as path:
        write(Path(path), records)
        tell(name, len(records), reprints(Path(path)))


def measure_translations(stories: int, seed: int) -> None:
    for name, options in TRANSLATIONS.items():
        printed = list(Translations(seed, stories, **options).printed())
        random.Random(seed).shuffle(printed)
        with tempfile.TemporaryDirectory(prefix="kcnacrawl-") as path:
            folder = Path(path)
            write(folder, [one.article for one in printed])
            tell(name, len(printed), reprints(folder))
            for language in ("en", "es"):
                show_score(f"ko and {language}", judge_translations(printed, links(folder), "ko", language))
        tell_whole("without translations", [replace(one.article, in_language=None) for one in printed])


def measure_archive(count: int) -> None:
    with tempfile.TemporaryDirectory(prefix="kcnacrawl-") as path:
        folder = Path(path)
        write(folder, articles(count))
        tell("all of the same paragraphs", count, reprints(folder))
        tell("nothing new", 0, reprints(folder))
        print(f"    {len(links(folder)):,} links, index {(folder / 'reprints.sqlite').stat().st_size / 1e6:,.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("stories", nargs="*", type=int)
    parser.add_argument("--seed", type=int, default=424242)
    parser.add_argument("--archive", type=int, default=0)
    asked = parser.parse_args()
    for stories in asked.stories or ([] if asked.archive else [3_000, 30_000]):
        print(f"{stories:,} stories, seed {asked.seed}")
        measure(stories, asked.seed)
        measure_translations(stories, asked.seed)
    if asked.archive:
        measure_archive(asked.archive)


if __name__ == "__main__":
    main()
