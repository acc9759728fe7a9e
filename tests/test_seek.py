"""Windows in the past are found by few listing pages, whatever the list's order, and nothing of them is missed."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcnacrawl.items import Card
from kcnacrawl.paging.seek import NEAR, SILENT, Seek
from kcnacrawl.paging.walk import MAX_PAGES, STRIDE, Stop, WalkedRange
from kcnacrawl.paging.window import DISORDER, Window
from kcnacrawl.replica.server import Replica
from kcnacrawl.replica.world import World, card_date
from kcnacrawl.site.urls import PAGE_SIZE

from .conftest import Crawl
from .reach import Reach, Site, articles, bound, month, months, nothing, walk_window

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]

TODAY = date(2025, 7, 6)
# Long before any day here, so that identities have their ten digits.
EPOCH = date(1850, 1, 1)


def card(number: int, day: date | None, arrived: date | None = None) -> Card:
    seconds = ((arrived or day or TODAY) - EPOCH).days * 86_400 + 80_000 - number % 80_000
    raw = card_date(day) if day else None
    return Card(id=f"{seconds:010}-{1_000_000 + number}", url="/", headline=f"Number {number}", date_listed_raw=raw)


def daily(count: int) -> list[Card]:
    """A card a day, newest first."""
    return [card(number, TODAY - timedelta(days=number)) for number in range(count)]


def find(site: list[Card], seek: Seek, known: Mapping[str, WalkedRange] | None = None) -> int:
    """Seeks in a list; gives how many pages that took."""
    step: int | None = seek.first
    for requests in range(100):
        if step is None:
            return requests
        step = seek.advance(step, site[step : step + PAGE_SIZE], known or {})
    raise AssertionError("the search has no end")


# Where the walk begins


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 300, 20_000])
@pytest.mark.parametrize("depth", [0, 5, 60, 250, 290, 400, 9_000, 30_000])
def test_nothing_of_the_window_stands_above_the_start_nor_the_start_far_above_it(count: int, depth: int) -> None:
    site, day = daily(count), TODAY - timedelta(days=depth)
    seek = Seek(day, DISORDER)
    find(site, seek)
    assert seek.start <= max(0, min(depth, count))
    # In order of arrival as well as of date: it is entered a late article's days above.
    assert seek.start >= min(depth - 42, count - 1) - NEAR - PAGE_SIZE


@pytest.mark.parametrize("count", [10, 100, 1_000, 20_000, 400_000])
def test_a_search_takes_few_pages_more_than_twice_the_halvings(count: int) -> None:
    site = [card(number, TODAY - timedelta(days=number // 40)) for number in range(count)]
    for depth in range(0, count, max(1, count // 7)):
        assert find(site, Seek(TODAY - timedelta(days=depth // 40), DISORDER)) <= 2 * count.bit_length()


def test_a_window_that_begins_on_the_first_page_is_found_with_it() -> None:
    seek = Seek(TODAY, DISORDER)
    assert find(daily(500), seek) == 1
    assert seek.start == 0


def test_a_list_without_dates_is_walked_from_its_top() -> None:
    seek = Seek(date(2020, 1, 1), DISORDER)
    assert find([card(number, None) for number in range(100)], seek) == SILENT
    assert seek.start == 0
    assert set(seek.ahead) == {STRIDE, 2 * STRIDE}


def test_a_page_of_odd_dates_does_not_mislead_the_search() -> None:
    site = daily(20_000)
    for place in (21, 23, 76, 78, 145, 147, 149):
        site[place] = card(place, TODAY - timedelta(days=4_000))
    seek = Seek(TODAY - timedelta(days=9_000), DISORDER)
    find(site, seek)
    assert seek.start >= 9_000 - 42 - NEAR - PAGE_SIZE


def test_a_window_older_than_the_list_is_sought_at_its_end() -> None:
    seek = Seek(date(1990, 1, 1), DISORDER)
    find(daily(200), seek)
    assert 200 - NEAR - PAGE_SIZE <= seek.start <= 200


def test_a_site_that_ignores_the_offset_is_walked_from_its_top() -> None:
    seek, page = Seek(date(1990, 1, 1), DISORDER), daily(PAGE_SIZE)
    step: int | None = 0
    while step is not None:
        assert step <= 4 * MAX_PAGES * STRIDE
        step = seek.advance(step, page, {})
    assert seek.start == 0


# Which order the list is in


def late_cards(*, by_date: bool) -> list[Card]:
    """A card a day, of which every seventh arrived 30 days late: where its date is, or where it arrived."""
    cards = []
    for number in range(1000):
        day = TODAY - timedelta(days=number)
        if number % 7 == 3:
            cards.append(
                card(number, day, day + timedelta(days=30))
                if by_date
                else card(number, day - timedelta(days=30), arrived=day)
            )
        else:
            cards.append(card(number, day))
    return cards


def test_in_order_of_date_a_window_is_entered_days_above_it_and_in_order_of_arrival_weeks() -> None:
    starts = {}
    for by_date in (True, False):
        seek = Seek(TODAY - timedelta(days=500), DISORDER)
        find(late_cards(by_date=by_date), seek)
        assert seek.by_date is by_date
        starts[by_date] = seek.start
    assert 500 - 6 - NEAR - PAGE_SIZE <= starts[True] <= 500 - 6
    assert 500 - 41 - NEAR - PAGE_SIZE <= starts[False] <= 500 - 41


def test_where_dates_are_in_no_order_the_walk_begins_above_all_of_them() -> None:
    chance = random.Random(1)
    ordered = daily(300)
    loaded = [card(1000 + number, date(1997, 1, 1) + timedelta(days=chance.randrange(6_900))) for number in range(900)]
    seek = Seek(date(2001, 5, 31), DISORDER)
    find(ordered + loaded, seek)
    assert 300 - NEAR - PAGE_SIZE <= seek.start <= 300


# Where an earlier walk came to


def walked_range(number: int, offset: int) -> WalkedRange:
    return WalkedRange(number, "", TODAY.isoformat(), TODAY, "", offset)


@pytest.mark.parametrize("arrived", [0, 1, 30, 500])
def test_the_lower_end_of_a_range_is_found_where_it_was_or_further_down(arrived: int) -> None:
    old = daily(3_000)
    met = walked_range(1, offset=900)
    known = {one.id: met for one in old[:910]}
    site = [card(10_000 + number, TODAY) for number in range(arrived)] + old
    seek = Seek(TODAY, DISORDER, walked_range=1, first=900)
    requests = find(site, seek, known)
    assert seek.is_inside
    assert arrived + 910 - NEAR - PAGE_SIZE <= seek.start < arrived + 910
    assert requests <= (3 if arrived < 2 else 20)


def test_a_single_card_of_a_range_further_down_was_moved() -> None:
    old = daily(500)
    met = walked_range(1, offset=90)
    known = {one.id: met for one in old[:100]}
    site = old[:50] + old[51:300] + [old[50]] + old[300:]
    seek = Seek(None, DISORDER, walked_range=1, first=90)
    find(site, seek, known)
    assert seek.start < 100


# Nothing missed: thousands of lists, of any density, in both orders, that change meanwhile


@dataclass
class Shifting:
    """A list in order of date or of arrival: dates are up to 5 days out of order, and one article of 16 arrives 10 to
    35 days late.
    """

    chance: random.Random
    by_arrival: bool
    requests: int = 0
    rows: list[tuple[int, Card, date]] = field(default_factory=list)

    def fill(self, count: int) -> None:
        day, rate = TODAY, self.chance.choice([0.2, 0.5, 1, 5, 40])
        for _ in range(count):
            while self.chance.random() < 1 / (1 + rate):
                day -= timedelta(days=60 if self.chance.random() < 0.02 else 1)
            self.add(day)
        self.sort()

    def add(self, place: date) -> None:
        late = timedelta(days=self.chance.randint(10, 35) if self.chance.random() < 0.06 else 0)
        number = len(self.rows) + self.requests * 10_000
        if self.by_arrival:
            day = place - late - timedelta(days=0 if late else self.chance.randint(-1, 4))
            one = card(number, day, place)
        else:
            day = place - timedelta(days=self.chance.randint(0, 5))
            one = card(number, day, day + late)
        self.rows.append((int(one.id[:10]) if self.by_arrival else place.toordinal(), one, day))

    def sort(self) -> None:
        self.rows.sort(key=lambda row: (-row[0], row[1].id))

    def page(self, offset: int) -> list[Card]:
        self.requests += 1
        return [one for _, one, _ in self.rows[offset : offset + PAGE_SIZE]]

    def walk(self, window: Window, between: Callable[[], object] = nothing, *, sought: bool = True) -> Reach:
        return walk_window(self, window, between, sought=sought, today=TODAY)

    def of(self, window: Window) -> set[str]:
        return {one.id for _, one, day in self.rows if window.holds(day)}


@settings(max_examples=400)
@given(st.integers(0, 2**32), st.booleans(), st.sampled_from([0, 3, 15, 60, 300, 2000]))
def test_a_window_that_is_sought_is_seen_whole_and_costs_no_more_than_walking(
    seed: int, by_arrival: bool, count: int
) -> None:
    site = Shifting(random.Random(seed), by_arrival)
    site.fill(count)
    window = any_window(site)
    walked, sought = site.walk(window, sought=False), site.walk(window)
    assert sought.stop.completes
    assert site.of(window) <= sought.seen
    assert sought.requests <= walked.requests


@settings(max_examples=400)
@given(st.integers(0, 2**32), st.booleans(), st.sampled_from([15, 300, 2000]), st.sampled_from([1, 4, 30]))
def test_what_arrives_or_is_removed_meanwhile_hides_nothing_that_stays(
    seed: int, by_arrival: bool, count: int, most: int
) -> None:
    site = Shifting(random.Random(seed), by_arrival)
    site.fill(count)
    window = any_window(site)
    there = site.of(window)

    def between() -> None:
        if site.chance.random() < 0.3:
            for _ in range(site.chance.randint(1, most)):
                site.add(TODAY + timedelta(days=5))
            for _ in range(min(site.chance.randint(0, 3), len(site.rows))):
                del site.rows[site.chance.randrange(len(site.rows))]
            site.sort()

    done = site.walk(window, between)
    assert not done.stop.completes or there & {one.id for _, one, _ in site.rows} <= done.seen


def any_window(site: Shifting) -> Window:
    day = site.chance.choice([row[2] for row in site.rows] or [TODAY]) + timedelta(days=site.chance.randint(-20, 20))
    return Window(day - timedelta(days=site.chance.choice([0, 3, 30, 200])), day)


# The replica's list of 20,000


@pytest.mark.parametrize("order", ["date", "arrival"])
@pytest.mark.parametrize("arriving", [False, True])
def test_ten_months_anywhere_in_a_list_of_20000_are_whole_and_within_the_bound(order: str, arriving: bool) -> None:
    site = Site(World(articles=20_000, sources=1, order=order))
    for window in months(seed=7, count=10):
        wanted, most = articles(site.world, window), bound(site.world, window)
        done = walk_window(site, window, lambda: site.requests % 3 or (arriving and site.world.publish(1)))
        assert done.stop is Stop.SINCE_REACHED
        assert wanted <= done.seen
        assert done.requests <= most


@pytest.mark.parametrize("order", ["date", "arrival"])
def test_a_window_is_whole_where_thousands_were_loaded_in_no_order(order: str) -> None:
    site = Site(World(articles=5_000, sources=1, order=order, bulk_shuffled=True))
    for window in (month(2003, 5), month(2019, 5)):
        assert articles(site.world, window) <= walk_window(site, window).seen


def test_articles_that_arrived_weeks_late_are_in_their_window_in_both_orders() -> None:
    for order in ("date", "arrival"):
        world = World(articles=3_000, sources=1, order=order)
        late = {one for days in (10, 22, 35) for one in world.publish(3, late_days=days)}
        world.publish(200)
        site, window = Site(world), Window(world.today - timedelta(days=36), world.today - timedelta(days=9))
        assert late & articles(world, window) <= walk_window(site, window).seen


# Whole crawls


def check_window(replica: Replica, window: Window, done: Crawl) -> None:
    """All that a crawl of a window must store is stored: of other articles no card of the window tells."""
    assert done.exit_code == 0, done.stderr
    truths = (replica.world.truth(one) for one in articles(replica.world, window))
    assert {truth["id"] for truth in truths if truth["gate"] is None} <= {record["id"] for record in done.records}
    assert all(window.holds_text(record["date_published"]) for record in done.records)


def words(window: Window) -> tuple[str, ...]:
    return ("source", "-a", "source=156", "-a", f"since={window.since}", "-a", f"until={window.until}")


@pytest.mark.parametrize(
    ("variant", "order"), [("plain", "date"), ("plain", "arrival"), ("click", "date"), ("object", "arrival")]
)
def test_a_month_in_the_past_costs_the_pages_to_find_it(serve: Serve, crawl: Run, variant: str, order: str) -> None:
    replica = serve(articles=20_000, sources=1, variant=variant)
    replica.world.arrange(order)
    window = month(2019, 3)
    done = crawl(replica.url, *words(window))
    check_window(replica, window, done)
    # One more is the listing page itself, which tells the list's ajax id.
    assert len(replica.listing_requests()) <= bound(replica.world, window) + 1
    stored_or_asked = articles(replica.world, window, timedelta(days=1), timedelta(days=1))
    assert len(replica.article_requests()) <= len(stored_or_asked)


def test_the_same_window_again_costs_nothing(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=3_000, sources=1)
    window = month(2019, 3)
    first = crawl(replica.url, *words(window))
    replica.requests.clear()
    again = crawl(replica.url, *words(window))
    assert (again.exit_code, again.records) == (0, first.records)
    assert replica.listing_requests() == []
    assert replica.article_requests() == []


def test_a_part_of_a_window_is_covered_by_it_and_a_wider_one_is_gone_on_with(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=3_000, sources=1)
    crawl(replica.url, *words(Window(date(2018, 1, 1), date(2018, 12, 31))))
    replica.requests.clear()
    crawl(replica.url, *words(Window(date(2018, 3, 1), date(2018, 10, 31))))
    assert replica.requests == [] or {one.path_qs for one in replica.requests} == {"/robots.txt"}
    wider = Window(date(2017, 11, 1), date(2018, 12, 31))
    done = crawl(replica.url, *words(wider))
    check_window(replica, wider, done)
    assert len(replica.listing_requests()) <= len(articles(replica.world, month(2017, 11))) * 2 / STRIDE + 12


def test_a_recent_window_costs_no_more_than_the_walk_from_the_top(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    replica = serve(articles=1_000, sources=1)
    today = replica.world.today
    for days in (1, 10, 25):
        since, until = today - timedelta(days=days + 5), today - timedelta(days=days)
        replica.requests.clear()
        crawl(replica.url, "source", "-a", "source=156", "-a", f"since={since}", folder=tmp_path / f"walked-{days}")
        walked = len(replica.listing_requests())
        replica.requests.clear()
        crawl(replica.url, *words(Window(since, until)), folder=tmp_path / f"sought-{days}")
        assert len(replica.listing_requests()) <= walked
