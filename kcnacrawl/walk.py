"""Walking a list from its newest card down: which offset next, when to stop, why. Pure: no requests, no clock.

``from`` is an offset counted in cards. What arrives while we page pushes cards down, so some come twice; what is
removed lifts them up, past us. Hence every page overlaps the one before by a card: where nothing on it was seen
before, the walk steps back until something was.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from .addresses import PAGE_SIZE
from .dates import AGREEMENT, listed_or_none
from .items import Card

OVERLAP: Final = 1
DISORDER: Final = timedelta(days=5)
"""How far a list may be out of the order of its dates before a stop by date is believed."""

PAGES_BELOW: Final = 5
"""How many pages in a row must lie below a window before it is believed to have ended: articles that arrive weeks late
may stand above newer ones.
"""

MAX_PAGES: Final = 50_000
MAX_STALLED: Final = 5
MAX_STEPS_BACK: Final = 20
"""In a row."""


class Stop(StrEnum):
    """Why a walk ended. The first three complete it; the rest are guards and leave it incomplete."""

    END_OF_LIST = "end_of_list"
    COVERED = "covered"
    SINCE_REACHED = "since_reached"
    NO_PROGRESS = "no_progress"
    GAP_NOT_CLOSED = "gap_not_closed"
    PAGE_CEILING = "page_ceiling"

    @property
    def completes(self) -> bool:
        """Whether everything down to the walk's floor was seen."""
        return self in {Stop.END_OF_LIST, Stop.COVERED, Stop.SINCE_REACHED}


@dataclass(frozen=True, slots=True)
class Window:
    """The days asked for, both inclusive, by article date; ``None`` is open."""

    since: date | None = None
    until: date | None = None

    def holds(self, day: date | None) -> bool:
        """Whether an article of this day was asked for; one without a day was."""
        return day is None or not (
            (self.since is not None and day < self.since) or (self.until is not None and day > self.until)
        )

    def holds_text(self, day: str) -> bool:
        """The same for a day as ``YYYY-MM-DD``."""
        return self.holds(date.fromisoformat(day))

    def may_hold(self, card: Card) -> bool:
        """Whether a card may belong to an article of the window: its date may be a day off."""
        listed = listed_or_none(card.date_listed_raw)
        if listed is None:
            return True
        too_old = self.since is not None and self.since - listed > AGREEMENT
        return not too_old and not self.is_above(card)

    def is_above(self, card: Card) -> bool:
        """Whether a card is surely newer than the window."""
        listed = listed_or_none(card.date_listed_raw)
        return self.until is not None and listed is not None and listed - self.until > AGREEMENT

    @property
    def floor(self) -> str:
        """How far down a walk of this window goes: to a day, or ``""`` for the list's end."""
        return self.since.isoformat() if self.since else ""

    @property
    def ends(self) -> tuple[str | None, str | None]:
        """Both days as text."""
        return (self.since.isoformat() if self.since else None, self.until.isoformat() if self.until else None)

    def is_below(self, cards: Sequence[Card]) -> bool:
        """Whether all of these are surely older than the window, disorder allowed for."""
        if self.since is None or not cards:
            return False
        dates = [listed_or_none(card.date_listed_raw) for card in cards]
        return all(listed is not None and self.since - listed > DISORDER for listed in dates)


@dataclass(slots=True)
class Walk:
    """The state of one walk. ``floors`` holds what to record when it is complete. ``overlaps`` is false where pages
    come one after the other, and none can be asked for: what is removed meanwhile may then hide a card.
    """

    window: Window
    overlaps: bool = True
    pages: int = 0
    steps_back: int = 0
    floor: str = ""
    handled: list[str] = field(default_factory=list)
    _seen: set[str] = field(default_factory=set)
    _stalled: int = 0
    _below: int = 0
    _backwards: int = 0
    _expects_overlap: bool = False

    def __post_init__(self) -> None:
        self.floor = self.window.floor

    @property
    def floors(self) -> dict[str, str]:
        """Down to where the list is known below each card of the window that was seen."""
        return dict.fromkeys(self.handled, self.floor)

    def unseen(self, cards: Sequence[Card]) -> list[Card]:
        """Those that no earlier page of this walk had."""
        return [card for card in cards if card.id not in self._seen]

    def advance(self, offset: int, cards: Sequence[Card], known: Mapping[str, str]) -> int | Stop:
        """Takes in the page at ``offset``; gives the next offset, or why to stop.

        ``known`` maps ids to the floors that earlier, completed walks recorded. A page without cards is the end of
        the list, or lies past it because cards were removed above.
        """
        self.pages += 1
        if self._expects_overlap and not (cards and cards[0].id in self._seen):
            # Not remembered: what lies below the gap must not pass for what lies above it.
            return self._step_back(offset)
        if not cards:
            return Stop.END_OF_LIST
        fresh = self._take(cards)
        self._backwards = 0
        if self._is_covered(cards, known):
            self.floor = max(known[card.id] for card in cards)
            return Stop.COVERED
        self._below = self._below + 1 if self.window.is_below(cards) else 0
        if self._below >= PAGES_BELOW:
            return Stop.SINCE_REACHED
        self._stalled = 0 if fresh else self._stalled + 1
        if self._stalled >= MAX_STALLED:
            return Stop.NO_PROGRESS
        if self.pages >= MAX_PAGES:
            return Stop.PAGE_CEILING
        # A short page is the last; to ask beyond it makes sure.
        self._expects_overlap = self.overlaps and len(cards) >= PAGE_SIZE
        return offset + len(cards) - (OVERLAP if self._expects_overlap else 0)

    def _take(self, cards: Sequence[Card]) -> bool:
        """Remembers cards; whether any of them is new to this walk."""
        fresh = self.unseen(cards)
        self._seen.update(card.id for card in fresh)
        for card in fresh:
            if self.window.may_hold(card):
                self.handled.append(card.id)
            elif self.window.is_above(card):
                # It was passed over, so nothing above it has everything below it.
                self.handled.clear()
        return bool(fresh)

    def _is_covered(self, cards: Sequence[Card], known: Mapping[str, str]) -> bool:
        return all(card.id in known and known[card.id] <= self.window.floor for card in cards)

    def _step_back(self, offset: int) -> int | Stop:
        self.steps_back += 1
        self._backwards += 1
        if offset == 0 or self._backwards > MAX_STEPS_BACK:
            return Stop.GAP_NOT_CLOSED
        return max(0, offset - (PAGE_SIZE - OVERLAP))
