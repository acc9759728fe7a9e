"""Going through one list: where to ask next, which cards to take, when to stop. Pure: it requests nothing itself."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from ..items import Card
from .pinned import Pinned
from .seek import Seek
from .top import Top, goes_up
from .walk import MAX_PAGES, STRIDE, Stop, Walk, WalkedRange

MAX_IDLE: Final = 60
"""So many answers in a row without a card that is new to the run end it: no seek and no gap takes more."""


class ListMemory(Protocol):
    """What is remembered of a list from one run to the next."""

    def find(self, ids: Collection[str]) -> Mapping[str, WalkedRange]:
        """Return, of the cards that were walked over, the walked range that each is in."""

    def record(self, walk: Walk, offset: int, cards: Sequence[Card]) -> int | None:
        """Remember that a walk has come down to a page; return the number of its walked range, ``None`` if nothing is
        remembered of the list.
        """

    def join(self, upper: int, lower: WalkedRange) -> int:
        """Make one walked range of two that hang together; return its number."""

    def top(self) -> Top | None:
        """Return what the list showed on its top when it was last walked from there."""

    def set_top(self, top: Top) -> None:
        """Remember what the list shows on its top."""


@dataclass(frozen=True, slots=True)
class Take:
    """Cards to take, before they count as seen."""

    cards: Sequence[Card]


@dataclass(frozen=True, slots=True)
class Ask:
    """The offset to ask for next."""

    offset: int


@dataclass(frozen=True, slots=True)
class Turned:
    """The list begins with its oldest cards, or with others than it did: it is walked whole."""


@dataclass(frozen=True, slots=True)
class Done:
    """The list needs no more answers."""

    stop: Stop


Action = Take | Ask | Turned | Done


@dataclass(slots=True)
class ListCursor:
    """The state of one list in one run. If it has a ``seek``, first a place in the list is sought; then the list is
    walked.

    ``answers`` counts pages, ``sought`` those that a seek looked at. Whatever a list answers, it is asked at most
    :data:`MAX_PAGES` times, and at most :data:`MAX_IDLE` times in a row without a card that is new to the run.
    """

    walk: Walk
    seek: Seek | None = None
    answers: int = 0
    sought: int = 0
    _pinned: Pinned = field(default_factory=Pinned)
    # Pages that the seek saw and the walk comes upon.
    _ahead: dict[int, Sequence[Card]] = field(default_factory=dict)
    _shown: set[str] = field(default_factory=set)
    # Pinned cards, each of which is taken once.
    _taken: set[str] = field(default_factory=set)
    _idle: int = 0
    _first: Sequence[Card] = ()
    _last: Sequence[Card] = ()

    def feed(self, offset: int, cards: Sequence[Card], memory: ListMemory) -> Iterator[Action]:
        """Take in the answer to an offset; yield what to do. Each action is done before the next is asked for."""
        regular = self._pinned.strip(offset, cards)
        self._count(cards)
        if offset == 0 and self.answers == 1:
            yield from self._begin(regular, memory)
        pinned = [card for card in self.walk.unseen(cards) if card.id in self._pinned.ids - self._taken]
        if pinned:
            self._taken.update(card.id for card in pinned)
            yield Take(pinned)
        for action in self._go_on(offset, regular, memory):
            if isinstance(action, Ask) and (self._idle >= MAX_IDLE or self.answers >= MAX_PAGES):
                yield Done(Stop.NO_PROGRESS if self._idle >= MAX_IDLE else Stop.PAGE_CEILING)
                return
            if isinstance(action, Done) and action.stop.completes:
                self._remember_top(memory, action.stop)
            yield action

    def _count(self, cards: Sequence[Card]) -> None:
        self.answers += 1
        before = len(self._shown)
        self._shown.update(card.id for card in cards)
        self._idle = 0 if len(self._shown) > before else self._idle + 1

    # The top of the list

    def _begin(self, cards: Sequence[Card], memory: ListMemory) -> Iterator[Action]:
        """Look whether the list is the one that is known."""
        self._first = cards
        top = memory.top()
        if top is None or not cards:
            return
        nothing_new = len(memory.find([card.id for card in cards])) == len(cards)
        if top.oldest_first or (nothing_new and top.is_turned(cards)):
            self.walk.turned, self.seek = True, None
            yield Turned()

    def _remember_top(self, memory: ListMemory, stop: Stop) -> None:
        """Remember the top of a list that was walked far enough to know its pinned cards and its order."""
        first = [card for card in self._first if card.id not in self._pinned.ids]
        if not first or (self.walk.pages == 1 and memory.top() is not None):
            return
        up = stop is Stop.END_OF_LIST and self.walk.start == 0 and goes_up(first, self._last)
        memory.set_top(Top(tuple(card.id for card in first), oldest_first=up))

    # Seek and walk

    def _go_on(self, offset: int, cards: Sequence[Card], memory: ListMemory) -> Iterator[Action]:
        if self.seek is not None:
            step = self.seek.advance(offset, cards, _known(memory, cards))
            if step is not None:
                yield Ask(step)
                return
            offset, cards = self._found(self.seek)
        yield from self._walk(offset, cards, memory)

    def _found(self, seek: Seek) -> tuple[int, Sequence[Card]]:
        """Return the page where the walk begins, or goes on."""
        walked_range = seek.walked_range if seek.is_inside else None
        self.walk.resume(seek.start, walked_range, by_date=seek.by_date, newest=seek.newest)
        self._ahead, self.seek = seek.ahead, None
        self.sought += len(seek.pages)
        return seek.start, seek.pages[seek.start]

    def _walk(self, offset: int, cards: Sequence[Card], memory: ListMemory) -> Iterator[Action]:
        """Take one page, and those after it that were seen already; then ask for the next."""
        yield Take(self.walk.unseen(cards))
        step = self.walk.advance(offset, cards, _known(memory, cards))
        if not self.walk.lost:
            self._last = cards or self._last
            self._record(offset, cards, memory)
        if isinstance(step, Stop):
            yield Done(step)
        elif isinstance(step, WalkedRange) and not self.walk.overlaps:
            # Of a page that grows by its button, nothing can be left out.
            yield Ask(offset + len(cards))
        elif isinstance(step, WalkedRange):
            self.seek = Seek(None, self.walk.rewalk.disorder, self.walk.walked_range, max(step.offset, offset + STRIDE))
            yield from self._go_on(offset, cards, memory)
        elif step in self._ahead:
            yield from self._walk(step, self._ahead.pop(step), memory)
        else:
            yield Ask(step)

    def _record(self, offset: int, cards: Sequence[Card], memory: ListMemory) -> None:
        """Remember how far the walk has come, now that what it saw is wanted."""
        self.walk.walked_range = memory.record(self.walk, offset, cards)
        if self.walk.met is not None and self.walk.walked_range is not None:
            self.walk.walked_range = memory.join(self.walk.walked_range, self.walk.met)


def _known(memory: ListMemory, cards: Sequence[Card]) -> Mapping[str, WalkedRange]:
    return memory.find([card.id for card in cards])
