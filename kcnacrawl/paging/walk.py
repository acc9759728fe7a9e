"""Walking a list down from one of its cards: which offset next, when to stop, why. Pure: no requests, no clock.

``from`` is an offset counted in cards. Articles that arrive meanwhile push cards down, so some come twice; articles
that are removed lift cards up, past the walk. Hence every page overlaps the one before by a card. If nothing on a page
was seen before, the walk looks for it above and, if it began inside the list, below as well, ever further away.

What was walked without a gap is a :class:`WalkedRange` of the list. A walk that meets one goes on from its lower end,
or is over if that lies deep enough.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Final

from ..items import Card
from ..site.dates import AGREEMENT, listed_or_none
from ..site.urls import PAGE_SIZE
from .window import DISORDER, Window

OVERLAP: Final = 1
STRIDE: Final = PAGE_SIZE - OVERLAP

LATE: Final = timedelta(days=35)
"""How old an article may be when it arrives. A list in order of arrival shows it so far above its date."""

PAGES_BELOW: Final = 5
"""How many pages in a row must lie below a window before it is believed to have ended: articles that arrive weeks late
may stand above newer ones, in order of arrival, and come many at a time.
"""

PAGES_BELOW_BY_DATE: Final = 2
"""The same for a list that is known to be in order of date."""

MAX_PAGES: Final = 50_000
MAX_STALLED: Final = 5
ECHOES: Final = 2
"""So many pages in a row that show nothing new, after one that was short, are the end of a list: it may answer offsets
past its end with its last cards.
"""

MAX_STEPS_BACK: Final = 20
"""In a row, and as many forward."""

NEVER: Final = "9999-12-31"
"""Where a walked range has come to that was not walked down to any day yet."""


# How a page lies to a day


def days_of(cards: Sequence[Card]) -> list[date]:
    """Return the days on a page, leaving out cards without one."""
    return [day for card in cards if (day := listed_or_none(card.date_listed_raw)) is not None]


def middle_day(cards: Sequence[Card], margin: timedelta) -> date | None:
    """Return the median of a page's days, the older of two: a card here and there may be dated years off.

    Return ``None`` if half of the cards have no day, or if they are in no order: older ones stand above newer ones by
    more than ``margin``, more than once.
    """
    days = days_of(cards)
    if not days or 2 * len(days) < len(cards) or not _is_in_order(days, margin):
        return None
    return sorted(days)[(len(days) - 1) // 2]


def lies_below(cards: Sequence[Card], day: date, disorder: timedelta) -> bool:
    """Return True if a page, and with it all that follows, is surely older than ``day``."""
    days = days_of(cards)
    return (
        bool(cards)
        and len(days) == len(cards)
        and all(day - one > disorder for one in days)
        and _is_in_order(days, LATE + disorder)
    )


def _is_in_order(days: Sequence[date], margin: timedelta) -> bool:
    return sum(lower - upper > margin for upper, lower in pairwise(days)) <= 1


# What was walked before


@dataclass(frozen=True, slots=True)
class WalkedRange:
    """A piece of a list that was walked without a gap: every card in it is held, wanted or settled.

    Of articles dated ``since`` to ``until`` (both ``YYYY-MM-DD``, inclusive) none stood outside of it when it was last
    ``walked`` card by card; ``since`` is ``""`` where it reaches the list's end. Before the day ``settled`` none was
    expected any more. Its lowest page stood at ``offset``.
    """

    number: int
    since: str
    until: str
    walked: date
    settled: str
    offset: int


@dataclass(frozen=True, slots=True)
class Rewalk:
    """For how long a walked range is believed: an article that arrives late may have slipped into it since.

    What was older by ``days`` than the list's newest articles was settled by a walk; what was younger is walked again
    when that is ``every`` days ago. With 0 ``days`` all is believed for ever.
    """

    today: date
    days: int = 40
    every: int = 7
    disorder: timedelta = DISORDER

    def is_fresh(self, walked_range: WalkedRange) -> bool:
        """Return True if a range was walked so lately that all of it is believed. A clock that was ahead proves
        nothing.
        """
        return not self.days or 0 <= (self.today - walked_range.walked).days < self.every

    def believes(self, walked_range: WalkedRange, cards: Sequence[Card]) -> bool:
        """Return True if a walked range is believed from this page of it down."""
        if self.is_fresh(walked_range):
            return True
        return bool(walked_range.settled) and lies_below(cards, date.fromisoformat(walked_range.settled), self.disorder)

    def believes_day(self, walked_range: WalkedRange, day: date) -> bool:
        """Return True if a walked range is believed for articles up to this day."""
        return self.is_fresh(walked_range) or day.isoformat() < walked_range.settled

    def settled(self, newest: date | None) -> str:
        """Return the day before which a walk settles what it sees, as ``YYYY-MM-DD``, given the newest day of the list;
        ``""`` if that is not known. The list's own days count: a clock may be wrong, and a source silent.
        """
        return (newest - timedelta(self.days)).isoformat() if newest else ""


# The walk


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


@dataclass(slots=True)
class Walk:
    """The state of one walk, from offset ``start`` down. It begins where nothing of its window stands above.

    ``walked_range`` is the number of the range it makes or extends; ``until`` and ``since`` are the days of that range
    as far as this walk tells. ``met`` is the range that the last page was found inside of. While the walk is ``lost``
    its last page hangs together with nothing, and does not count. ``overlaps`` is false where pages come one after the
    other, and none can be asked for: what is removed meanwhile may then hide a card. A list that was ``turned`` round
    is walked whole: neither days nor what earlier walks saw end the walk.
    """

    window: Window
    rewalk: Rewalk
    overlaps: bool = True
    start: int = 0
    turned: bool = False
    walked_range: int | None = None
    pages: int = 0
    steps_back: int = 0
    until: str = ""
    since: str = NEVER
    newest: date | None = None
    met: WalkedRange | None = None
    lost: int = 0
    pages_below: int = PAGES_BELOW
    _seen: set[str] = field(default_factory=set)
    _stalled: int = 0
    _in_hole: bool = False
    _echoes: int = 0
    _is_short: bool = False
    _below: int = 0
    _expected: int = 0
    _expects_overlap: bool = False

    @property
    def settled(self) -> str:
        """The day before which nothing more is expected to slip in among what this walk sees."""
        return self.rewalk.settled(self.newest)

    def unseen(self, cards: Sequence[Card]) -> list[Card]:
        """Return the cards that no earlier page of this walk had."""
        return [card for card in cards if card.id not in self._seen]

    def resume(
        self, offset: int, walked_range: int | None, *, by_date: bool = False, newest: date | None = None
    ) -> None:
        """Continue from the page at ``offset``: the lower end of ``walked_range``, if one is given. ``by_date`` says
        that the list is in order of date, ``newest`` what its newest day is.
        """
        self.start, self.walked_range, self.newest = offset, walked_range, newest
        self.pages_below = PAGES_BELOW_BY_DATE if by_date else PAGES_BELOW
        self._expects_overlap = False

    def advance(self, offset: int, cards: Sequence[Card], known: Mapping[str, WalkedRange]) -> int | Stop | WalkedRange:
        """Take in the page at ``offset``; return the next offset, why to stop, or a walked range to go on below.

        ``known`` maps the cards that are in a walked range to that range. A page without cards is the end of the list,
        or lies past it because cards were removed above.
        """
        self.pages += 1
        if self._expects_overlap and len(self.unseen(cards)) == len(cards):
            # Not remembered: what lies below the gap must not pass for what lies above it.
            return self._look_around(offset)
        self.lost, self.met = 0, None
        if not cards:
            self.since = ""
            return Stop.END_OF_LIST
        self.met = self._met(cards, known)
        is_second_look = 2 * len(self.unseen(cards)) <= len(cards)
        fresh = self._take(cards, known)
        if self.met is not None:
            return Stop.COVERED if self.met.since <= self.window.floor else self.met
        if self._is_past(cards):
            self.since = min(self.since, self.window.floor)
            return Stop.SINCE_REACHED
        if self._is_end(cards, fresh=fresh):
            self.since = ""
            return Stop.END_OF_LIST
        if self._stalled >= MAX_STALLED:
            return (not is_second_look and self._leave_hole(cards, known)) or Stop.NO_PROGRESS
        if self.pages >= MAX_PAGES:
            return Stop.PAGE_CEILING
        # A short page is the last; to ask beyond it makes sure. A page of more than was asked for begins with cards
        # that may come back on every page.
        self._expects_overlap = self.overlaps and len(cards) >= PAGE_SIZE
        return offset + (STRIDE if self._expects_overlap else len(cards))

    def _is_end(self, cards: Sequence[Card], *, fresh: bool) -> bool:
        """Count pages that show nothing new; return True if those after a short page tell that it was the last."""
        self._stalled = 0 if fresh else self._stalled + 1
        self._in_hole = self._in_hole or fresh
        self._echoes = self._echoes + 1 if self._is_short and not fresh else 0
        self._is_short = len(cards) < PAGE_SIZE or (self._is_short and not fresh)
        return self._echoes >= ECHOES

    def _take(self, cards: Sequence[Card], known: Mapping[str, WalkedRange]) -> bool:
        """Remember cards, and the days they prove; return True if any is new to this walk and to its walked range."""
        margin = LATE + self.rewalk.disorder
        if (day := middle_day(cards, margin)) is not None:
            if not self.until:
                if not self.start:
                    self.newest = day
                # Of younger ones more may come.
                top = day - self.rewalk.disorder
                self.until = min(top, self.window.until or top).isoformat()
            if not self.turned:
                self.since = min(self.since, (day + margin + 2 * AGREEMENT).isoformat())
        fresh = self.unseen(cards)
        self._seen.update(card.id for card in fresh)
        return any(card.id not in known or known[card.id].number != self.walked_range for card in fresh)

    def _met(self, cards: Sequence[Card], known: Mapping[str, WalkedRange]) -> WalkedRange | None:
        """Return the walked range that this page is inside of, if it is believed: it holds most of the page, and
        nothing on the page is news.
        """
        if self.turned or any(card.id not in known for card in cards):
            return None
        others = [one for card in cards if (one := known[card.id]).number != self.walked_range]
        found = max(others, key=others.count, default=None)
        if found is None or 2 * others.count(found) <= len(cards):
            return None
        return found if self.rewalk.believes(found, cards) else None

    def _leave_hole(self, cards: Sequence[Card], known: Mapping[str, WalkedRange]) -> WalkedRange | None:
        """Return the walk's own range, if the walk has come through a hole in it back to what was walked before: below
        that it goes on. Once a hole, or a list that begins anew at its end would never be left.
        """
        own = [one for card in cards if (one := known.get(card.id)) is not None and one.number == self.walked_range]
        if not self._in_hole or 2 * len(own) <= len(cards):
            return None
        self._stalled, self._in_hole = 0, False
        return own[0]

    def _is_past(self, cards: Sequence[Card]) -> bool:
        """Return True if so many pages in a row lie below the window that it has ended."""
        since = None if self.turned else self.window.since
        is_below = since is not None and lies_below(cards, since, self.rewalk.disorder)
        self._below = self._below + 1 if is_below else 0
        return self._below >= self.pages_below

    def _look_around(self, offset: int) -> int | Stop:
        """Return the next offset to try after a gap: up by a page, and down if not all above was seen, ever further
        away.
        """
        if not self.lost:
            self._expected = offset
        self.lost += 1
        self.steps_back += 1
        if self.start == 0:
            at_top, step = offset == 0, -self.lost
        else:
            at_top, step = False, (self.lost + 1) // 2 * (-1 if self.lost % 2 else 1)
        if at_top or abs(step) > MAX_STEPS_BACK:
            return Stop.GAP_NOT_CLOSED
        return max(0, self._expected + step * STRIDE)
