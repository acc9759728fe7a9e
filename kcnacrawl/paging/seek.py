"""Finding a place deep in a list with few of its pages. Pure: no requests, no clock.

A list can be entered at any offset. Its pages are requested at growing distances until one lies below the place that is
sought, and then halfway between the two that enclose it. The walk begins at the last page above the place, which was
requested already. What arrives or is removed meanwhile moves offsets, but not which cards stand above which.

How far above a day its articles may stand depends on the order of the list, which is not known. In order of date it is
the local disorder. In order of arrival an article that comes weeks late stands weeks above its date, and a window is
entered by as much further up. A list counts as one in order of arrival until its identities, which hold the second of
arrival, are seen to be in no such order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

from ..items import Card
from ..site.dates import AGREEMENT
from ..site.urls import PAGE_SIZE, unix_time
from .walk import LATE, MAX_PAGES, STRIDE, WalkedRange, middle_day

NEAR: Final = 4 * STRIDE
"""So many cards are walked rather than halved again."""

FAR: Final = 16 * STRIDE
"""From here on steps grow faster: not to waste one matters near the place where the search begins."""

SILENT: Final = 3
"""So many pages in a row whose dates do not tell lie where dates never do: there the walk must see every card."""


@dataclass(slots=True)
class Seek:
    """The search for a page with nothing of ``day`` or older above it or, if ``walked_range`` is given, for the lowest
    page of that range. It begins at offset ``first``; ``pages`` are those it has seen, by offset.
    """

    day: date | None
    disorder: timedelta
    walked_range: int | None = None
    first: int = 0
    pages: dict[int, Sequence[Card]] = field(default_factory=dict)
    by_date: bool = False
    _inside: set[int] = field(default_factory=set)

    def advance(self, offset: int, cards: Sequence[Card], known: Mapping[str, WalkedRange]) -> int | None:
        """Take in the page at ``offset``; return the next offset to look at, or ``None`` if the place is found.

        ``known`` maps the cards that are in a walked range to that range. A page without cards lies past the end.
        """
        self.pages[offset] = cards
        in_range = sum(card.id in known and known[card.id].number == self.walked_range for card in cards)
        # A single one may have been moved.
        if 2 * in_range > len(cards):
            self._inside.add(offset)
        self.by_date = self.by_date or self._shows_order_of_date(cards)
        return self._next()

    @property
    def start(self) -> int:
        """The offset to begin the walk at: the deepest that surely lies above the place, 0 if there is none."""
        return self._bracket()[0] or 0

    @property
    def is_inside(self) -> bool:
        """Whether the page at :attr:`start` belongs to the walked range."""
        return self.start in self._inside

    @property
    def newest(self) -> date | None:
        """The newest day of the list, as far as its first page was seen and tells."""
        return middle_day(self.pages.get(0, ()), LATE + self.disorder)

    @property
    def ahead(self) -> dict[int, Sequence[Card]]:
        """The pages below :attr:`start` that a walk from there meets next."""
        return {offset: cards for offset, cards in self.pages.items() if 0 < offset - self.start <= NEAR}

    def _next(self) -> int | None:
        above, below = self._bracket()
        if below is None:
            return self._further(above or 0)
        if (after := self._after_silence(below)) is not None:
            return after
        low = above or 0
        if below - low > NEAR:
            return low + (below - low) // (2 * STRIDE) * STRIDE
        # Of the list's top nothing need be proved, but it must be seen.
        return None if low in self.pages else low

    def _further(self, above: int) -> int:
        gone = above - self.first
        if gone < 0:
            return self.first
        if above >= MAX_PAGES * STRIDE:
            return self._give_up()
        if len(self.pages[above]) < PAGE_SIZE:
            # A short page is the last; to ask beyond it makes sure.
            return above + len(self.pages[above])
        return above + (max(STRIDE, gone) if gone < FAR else 3 * gone)

    def _give_up(self) -> int:
        """Give up: no list is so long. The site ignores the offset, and a walk from the top will tell."""
        self.pages.clear()
        self._inside.clear()
        self.day = self.walked_range = None
        return 0

    def _bracket(self) -> tuple[int | None, int | None]:
        """Return the offsets of the last page that lies above the place, and of the first that may not."""
        above = None
        for offset in sorted(self.pages):
            if not self._is_above(offset):
                return above, offset
            above = offset
        return above, None

    def _is_above(self, offset: int) -> bool:
        """Return True if a page surely lies above the place. If it does not tell, the page after it may."""
        told = self._tells(offset)
        if told is None and offset + STRIDE in self.pages:
            return self._is_above(offset + STRIDE)
        return bool(told)

    def _tells(self, offset: int) -> bool | None:
        """Return True if all above a page is surely newer than the day; ``None`` if its dates do not tell."""
        if self._is_echo(offset):
            return False
        if offset in self._inside:
            return True
        if self.day is None or not self.pages[offset]:
            return False
        margin = self.disorder + (timedelta() if self.by_date else LATE)
        middle = middle_day(self.pages[offset], margin)
        return None if middle is None else middle - margin - AGREEMENT > self.day

    def _is_echo(self, offset: int) -> bool:
        """Return True if a page shows nothing that pages above it did not: the list has ended, or ignores offsets."""
        above = {card.id for one, cards in self.pages.items() if one < offset for card in cards}
        return all(card.id in above for card in self.pages[offset]) and offset != min(self.pages)

    def _after_silence(self, offset: int) -> int | None:
        """Return the offset to look at if this page and the next do not tell, as long as that may be chance."""
        for after in range(offset, offset + SILENT * STRIDE, STRIDE):
            if after not in self.pages:
                return after
            if self._tells(after) is not None:
                return None
        return None

    def _shows_order_of_date(self, cards: Sequence[Card]) -> bool:
        """Return True if an article that arrived much later stands below another."""
        arrivals = [unix_time(card.id) for card in cards]
        return any(lower - upper > self.disorder.total_seconds() for upper, lower in pairwise(arrivals))
