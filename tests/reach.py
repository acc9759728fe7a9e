"""``python -m tests.reach``: what it costs to find months in the past of a list of 20,000, as a table in Markdown.

Seek and walk are driven over the replica's content itself, without a server, so that thousands of windows are tried
in seconds. ``walk_window`` does what the spider does with them.
"""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from typing import Protocol

from kcnacrawl.items import Card
from kcnacrawl.paging.seek import Seek
from kcnacrawl.paging.walk import LATE, STRIDE, Rewalk, Stop, Walk
from kcnacrawl.paging.window import DISORDER, Window
from kcnacrawl.replica.world import World, card_date
from kcnacrawl.site.dates import AGREEMENT
from kcnacrawl.site.urls import PAGE_SIZE

ARTICLES = 20_000
SID = 156


class Pages(Protocol):
    """A list, and how many of its pages were asked for."""

    requests: int

    def page(self, offset: int) -> list[Card]: ...


class Site:
    """A source's list as cards, and how many of its pages were asked for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.requests = 0
        self._cards: dict[str, Card] = {}

    def page(self, offset: int) -> list[Card]:
        self.requests += 1
        return [self.card(one) for one in self.world.listing(SID)[offset : offset + PAGE_SIZE]]

    def card(self, article_id: str) -> Card:
        if article_id not in self._cards:
            listed = card_date(self.world.card(article_id).listed)
            self._cards[article_id] = Card(
                id=article_id, url=f"/newstream/{article_id}", headline="A headline", date_listed_raw=listed
            )
        return self._cards[article_id]


@dataclass(frozen=True)
class Reach:
    """What came of one window: the cards seen that may be of it, the pages asked for, and why it ended."""

    seen: set[str]
    requests: int
    stop: Stop


def nothing() -> None:
    """Nothing happens between two requests."""


def walk_window(
    site: Pages,
    window: Window,
    between: Callable[[], object] = nothing,
    *,
    sought: bool = True,
    today: date = date(2026, 9, 11),
) -> Reach:
    """Finds and walks a window; ``between`` happens after every request."""
    before = site.requests
    walk = Walk(window, Rewalk(today))
    seek = Seek(window.until if sought else None, DISORDER)
    step: int | None = 0
    while step is not None:
        offset = step
        step = seek.advance(offset, site.page(offset), {})
        between()
    offset, cards, ahead = seek.start, seek.pages[seek.start], seek.ahead
    walk.resume(offset, None, by_date=seek.by_date, newest=seek.newest)
    seen: set[str] = set()
    while True:
        found = walk.advance(offset, cards, {})
        if not walk.lost:
            seen.update(card.id for card in cards if window.may_hold(card))
        if isinstance(found, Stop):
            return Reach(seen, site.requests - before, found)
        assert isinstance(found, int)
        offset = found
        if offset in ahead:
            cards = ahead.pop(offset)
        else:
            cards = site.page(offset)
            between()


def month(year: int, number: int) -> Window:
    since = date(year, number, 1)
    return Window(since, (since + timedelta(days=32)).replace(day=1) - timedelta(days=1))


def months(seed: int, count: int) -> Iterator[Window]:
    chance = random.Random(seed)
    for _ in range(count):
        yield month(chance.randrange(1998, 2026), chance.randrange(1, 13))


def articles(world: World, window: Window, above: timedelta = timedelta(), below: timedelta = timedelta()) -> set[str]:
    """Articles of a window, or of one so much wider, whose cards say so."""
    wide = Window(
        window.since - below if window.since else None,
        window.until + above if window.until else None,
    )
    days = ((one, world.published(one)) for one in world.listing(SID))
    return {one for one, day in days if wide.holds(day) and abs(day - world.card(one).listed) <= AGREEMENT}


def bound(world: World, window: Window) -> float:
    """How many requests a window may cost: its pages, and twice the halvings of the list. Of its pages are those of
    the days that may stand within it, were they out of order.
    """
    late = LATE if world.order == "arrival" else timedelta()
    pages = len(articles(world, window, DISORDER + late, DISORDER)) / STRIDE
    return pages + 2 * math.log2(len(world.listing(SID))) + 4


def row(site: Site, window: Window, *, arriving: bool) -> str:
    """One window, walked to and sought, as a row of the table."""
    wanted, most = articles(site.world, window), bound(site.world, window)
    walked = walk_window(site, window, sought=False)
    requests = count()
    done = walk_window(site, window, lambda: site.world.publish(1) if arriving and next(requests) % 3 == 0 else None)
    meanwhile = "one every three requests" if arriving else "none"
    return (
        f"| {site.world.order} | {meanwhile} | {window.since:%B %Y} | {len(wanted)} | {walked.requests} |"
        f" {done.requests} | {most:.0f} | {len(wanted - done.seen)} |"
    )


def main() -> None:
    print("| order | arriving meanwhile | month | articles in it | walking from the top | seeking | bound | missing |")
    print("|---|---|---|---|---|---|---|---|")
    for order in ("date", "arrival"):
        for arriving in (False, True):
            site = Site(World(articles=ARTICLES, sources=1, order=order))
            for window in months(seed=1, count=10):
                print(row(site, window, arriving=arriving))


if __name__ == "__main__":
    main()
