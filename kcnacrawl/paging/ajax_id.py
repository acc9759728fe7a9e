"""Telling which number on a page is the ajax id of its list: its answers show the page's cards. Pure."""

from collections.abc import Collection, Sequence
from typing import Final

from ..items import Card
from .walk import STRIDE

DEEPEST: Final = 5 * STRIDE
"""How far down the page's cards are looked for: it may come from a cache, and be older than the list."""


class AjaxIdSearch:
    """A search among candidates: each is asked for the top of its list, then those with a list for more."""

    def __init__(self, cards: Collection[str], candidates: Sequence[int]) -> None:
        self._cards = frozenset(cards)
        self._waiting = [(one, 0) for one in candidates]
        self._shown: dict[int, set[str]] = {}
        self._tops: dict[int, Sequence[Card]] = {}

    @property
    def next(self) -> tuple[int, int] | None:
        """The ajax id and the offset to ask for next; ``None`` if no candidate is left."""
        return self._waiting[0] if self._waiting else None

    def top(self, ajax_id: int) -> Sequence[Card]:
        """Return the top of a candidate's list."""
        return self._tops.get(ajax_id, ())

    def pass_over(self) -> None:
        """Give up the candidate that was asked: it has no list, or another source's."""
        self._waiting.pop(0)

    def take(self, cards: Sequence[Card]) -> bool:
        """Take in the answer of the candidate that was asked; return True if the page's list is its."""
        ajax_id, offset = self._waiting.pop(0)
        shown = self._shown.setdefault(ajax_id, set())
        shown |= {card.id for card in cards} & self._cards
        if offset == 0:
            self._tops[ajax_id] = cards
        if 2 * len(shown) > min(len(self._cards), len(cards) if offset == 0 else len(self._cards)):
            return True
        if cards and offset < DEEPEST:
            self._waiting.append((ajax_id, offset + STRIDE))
            # What shows some of the cards is the likeliest to show the rest.
            self._waiting.sort(key=lambda one: (one[1] > 0, -len(self._shown.get(one[0], ())), one[1]))
        return False
