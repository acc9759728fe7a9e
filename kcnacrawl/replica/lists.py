"""Lists that answer oddly: what a fault makes of a piece of a source's listing."""

from collections.abc import Sequence

from kcnacrawl.replica.faults import Fault
from kcnacrawl.replica.world import CardView, World

PINNED_FROM_END = 2
"""Pinned articles are old ones: so many stand below them in the list."""


def shown(world: World, sid: int, offset: int, count: int, fault: Fault | None) -> Sequence[CardView]:
    """Return the cards that a listing page or the AJAX endpoint shows from an offset on."""
    cards = world.cards(sid, offset, count)
    if fault is None:
        return cards
    whole = len(world.listing(sid))
    match fault.kind:
        case "pinned":
            number = _option(fault, "count", 2)
            pins = world.cards(sid, max(0, whole - number - PINNED_FROM_END), number)
            return [*cards, *pins] if fault.options.get("at") == "foot" else [*pins, *cards]
        case "last_again":
            number = _option(fault, "count", 3)
            return cards or world.cards(sid, max(0, whole - number), number)
        case "around":
            return [*cards, *world.cards(sid, max(0, offset - whole) % max(1, whole), count - len(cards))]
        case "cached":
            return world.cards(sid, offset + _option(fault, "behind", 5), count)
        case _:
            return cards


def _option(fault: Fault, name: str, default: int) -> int:
    return int(str(fault.options.get(name, default)))
