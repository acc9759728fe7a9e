"""Cards that come back on every answer, wherever in the list one asks: WordPress's sticky posts."""

from collections.abc import Sequence
from itertools import takewhile
from typing import Final

from ..items import Card

MOST: Final = 5
"""So many cards at the most are taken for pinned."""


class Pinned:
    """The cards that a list has pinned, told from the others.

    A pinned card heads two answers to different offsets in a row, above cards that did not come back; or it ends both,
    below such cards. It proves neither progress nor overlap nor the end of the list.
    """

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self._last: tuple[int, Sequence[str]] | None = None

    def strip(self, offset: int, cards: Sequence[Card]) -> list[Card]:
        """Take in the answer to an offset; return its cards without those known to be pinned by now."""
        ids = [card.id for card in cards]
        if self._last is not None and self._last[0] != offset:
            self.ids |= _recurring(self._last[1], ids)
        self._last = (offset, ids)
        return [card for card in cards if card.id not in self.ids]


def _recurring(before: Sequence[str], after: Sequence[str]) -> set[str]:
    common = set(before) & set(after)
    found = set[str]()
    head = _leading(before, common)
    if len(head) < len(before):
        found |= head & _leading(after, common)
    foot, foot_after = _leading(before[::-1], common), _leading(after[::-1], common)
    # At its end a list shows nothing but what was seen.
    if len(foot) < len(before) and len(foot_after) < len(after):
        found |= foot & foot_after
    return found if len(found) <= MOST else set()


def _leading(ids: Sequence[str], common: set[str]) -> set[str]:
    return set(takewhile(common.__contains__, ids))
