"""Whether the site still looks as it did: fields that used to be always there, sources that used to publish daily.
Pure: counts and days in, words out.

Cards and pages read are the health of a run, not new items: a run without news may be healthy, one that reads nothing
is not.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from .archive.run_report import REPARSE, RunReport
from .crawl import removals

Counts = Mapping[str, int]

UNREADABLE_LEAST: Final = 3
"""Fewer pages may be odd without the site having changed."""

# Of fewer new articles all may have been removed.
_ALL_OF_A_FEW: Final = 3

# Some articles have no text: "always" is four of five.
_ALWAYS: Final = 0.8
_GONE: Final = 0.5
# So many pages of earlier runs make a habit; without one the site document is believed, on more pages.
_HABIT: Final = 20
_LEAST_WITHOUT_HABIT: Final = 10
_ARTICLE_ANCHORS: Final = ("page", "header", "date", "label", "headline", "body")

CADENCE_DAYS: Final = 60
"""How many of its last days of publication tell a source's habit."""

# Two days of three are daily: weekends and holidays are silent.
_WITHIN: Final = 90


@dataclass(frozen=True, slots=True)
class Presence:
    """On how many of the pages or cards that were looked at a field was found."""

    found: int
    of: int

    @property
    def share(self) -> float:
        """0 to 1; 1 where nothing was looked at."""
        return self.found / self.of if self.of else 1.0


def presences(counts: Counts) -> dict[str, Presence]:
    """Return on how many pages or cards each field was found, by the counts of a run."""
    failed = {anchor: counts.get(f"unreadable/{anchor}", 0) for anchor in _ARTICLE_ANCHORS}
    read = counts.get("fields/pages", 0)
    pages = read + sum(failed.values())
    headless = failed["page"] + failed["header"]
    missing = {
        "headline": headless + failed["headline"],
        "date": headless + failed["date"] + counts.get("rejected/bad_date", 0),
        "label": headless + failed["label"],
        "body": failed["page"] + failed["body"] + read - counts.get("fields/body", 0),
    }
    found = {name: Presence(pages - number, pages) for name, number in missing.items()}
    cards = counts.get("cards", 0)
    return found | {"card_date": Presence(counts.get("fields/card_date", 0), cards)}


def lost_fields(counts: Counts, earlier: Sequence[Counts]) -> list[str]:
    """Return what to say of each field that was always there in the ``earlier`` healthy runs and no longer is."""
    sums: Counter[str] = Counter()
    for one in earlier:
        sums.update(one)
    habits = presences(sums)
    return [
        f"{name} on {now.found} of {now.of}" + (f", before on {habit.found} of {habit.of}" if habit.of else "")
        for name, now in presences(counts).items()
        if _is_lost(now, habit := habits[name])
    ]


def _is_lost(now: Presence, habit: Presence) -> bool:
    least = UNREADABLE_LEAST if habit.of >= _HABIT else _LEAST_WITHOUT_HABIT
    was_always = habit.of < _HABIT or habit.share >= _ALWAYS
    return was_always and now.of >= least and now.share <= _GONE


def unreadable(counts: Counts, share: float) -> str | None:
    """Return what to say if more than ``share`` of the article pages could not be read; else ``None``."""
    number = counts.get("rejected/layout_changed", 0) + counts.get("rejected/bad_date", 0)
    pages = counts.get("pages/article", 0)
    if number < UNREADABLE_LEAST or number <= share * pages:
        return None
    anchors = {name.removeprefix("unreadable/"): n for name, n in counts.items() if name.startswith("unreadable/")}
    anchors["date"] = anchors.get("date", 0) + counts.get("rejected/bad_date", 0)
    named = ", ".join(f"{name} {n}" for name, n in sorted(anchors.items(), key=lambda one: -one[1]) if n)
    return f"{number} of {pages} article pages could not be read (by anchor: {named})"


def not_found(counts: Counts) -> str | None:
    """Return what to say where most of the articles that the site itself lists are not found; else ``None``."""
    missing = counts.get("rejected/not_found", 0)
    asked = missing + counts.get("pages/article", 0)
    is_all = missing == asked and missing >= _ALL_OF_A_FEW
    if not is_all and (missing < removals.LEAST or 2 * missing <= asked):
        return None
    return f"{missing} of {asked} articles that the site lists were not found"


def is_healthy(report: RunReport) -> bool:
    """Return True if an earlier run's report tells how the site looks when all is well."""
    # What was read anew shows nothing of the site of today.
    return report.verdict in {"ok", "incomplete"} and report.spider != REPARSE


def silent_days(days: Sequence[str], today: date) -> int:
    """Return for how many days a source that publishes daily has been silent; 0 if it has no such habit.

    ``days`` are its last days of publication as ``YYYY-MM-DD``, newest first.
    """
    if len(days) < CADENCE_DAYS:
        return 0
    newest, oldest = date.fromisoformat(days[0]), date.fromisoformat(days[CADENCE_DAYS - 1])
    return max(0, (today - newest).days) if (newest - oldest).days <= _WITHIN else 0
