"""The top of a list as it was last walked, to tell whether it is still the list that is known."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from ..items import Card
from .walk import days_of


@dataclass(frozen=True, slots=True)
class Top:
    """The first page of a list, without pinned cards, and whether the list goes from its oldest card to its newest."""

    ids: tuple[str, ...]
    oldest_first: bool = False

    def is_turned(self, cards: Sequence[Card]) -> bool:
        """Return True if a first page on which nothing is new does not continue the one that was seen: the list was
        turned round, or so much was removed from its top that nothing of it is left.
        """
        places = [self.ids.index(card.id) for card in cards if card.id in self.ids]
        if len(places) < min(2, len(cards), len(self.ids)):
            return True
        pairs = list(combinations(places, 2))
        return 2 * sum(upper > lower for upper, lower in pairs) > len(pairs)


def goes_up(first: Sequence[Card], last: Sequence[Card]) -> bool:
    """Return True if a list whose first and last pages are these begins with its oldest cards."""
    upper, lower = sorted(days_of(first)), sorted(days_of(last))
    if not upper or not lower:
        return False
    middle = (upper[len(upper) // 2], lower[len(lower) // 2])
    if middle[0] != middle[1] or first != last:
        return middle[0] < middle[1]
    days = days_of(first)
    return days[0] < days[-1]
