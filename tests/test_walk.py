"""Walking a list that changes while it is walked: nothing that stays in it is missed, and every end has a name."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kcnacrawl import walk as walk_module
from kcnacrawl.addresses import PAGE_SIZE
from kcnacrawl.dates import parse_listed
from kcnacrawl.items import Card
from kcnacrawl.walk import DISORDER, MAX_STALLED, MAX_STEPS_BACK, PAGES_BELOW, Stop, Walk, Window

quick = settings(deadline=None, database=None)
TODAY = date(2025, 7, 6)
MONTHS = "January February March April May June July August September October November December".split()


def card(number: int, day: date | None = TODAY) -> Card:
    article_id = f"{1_700_000_000 + number}-1234567"
    raw = f"{MONTHS[day.month - 1]} {day.day:02}, {day.year}" if day else None
    return Card(id=article_id, url=f"/newstream/{article_id}", headline=f"Number {number}", date_listed_raw=raw)


def cards(count: int, first: int = 0) -> list[Card]:
    return [card(number) for number in range(first, first + count)]


def ids(some: list[Card]) -> set[str]:
    return {one.id for one in some}


def run(
    site: list[Card],
    walk: Walk,
    known: Mapping[str, str] | None = None,
    between: Callable[[int], None] = lambda _: None,
) -> Stop:
    """Walks ``site`` to a stop; ``between`` may change it after each page, whose number it is given."""
    offset: int | Stop = 0
    for page in range(1000):
        assert not isinstance(offset, Stop)
        offset = walk.advance(offset, site[offset : offset + PAGE_SIZE], known or {})
        if isinstance(offset, Stop):
            return offset
        between(page)
    raise AssertionError("the walk has no end")


# To the end of the list


@pytest.mark.parametrize("count", range(46))
def test_a_list_of_any_length_is_seen_whole_and_once(count: int) -> None:
    site, walk = cards(count), Walk(Window())
    assert run(site, walk) is Stop.END_OF_LIST
    assert walk.handled == [one.id for one in site]
    assert walk.steps_back == 0


@pytest.mark.parametrize("count", range(0, 46, 5))
def test_a_whole_walk_costs_few_pages_more_than_the_list_has(count: int) -> None:
    walk = Walk(Window())
    run(cards(count), walk)
    assert walk.pages <= count // (PAGE_SIZE - 1) + 2


@quick
@given(st.integers(0, 45), st.dictionaries(st.integers(0, 8), st.integers(0, 25), max_size=4))
def test_what_arrives_at_the_top_while_paging_hides_nothing(count: int, arrivals: dict[int, int]) -> None:
    before = cards(count, first=1000)
    site, walk = list(before), Walk(Window())

    def between(page: int) -> None:
        site[:0] = cards(arrivals.get(page, 0), first=page * 50)

    stop = run(site, walk, between=between)
    assert not stop.completes or ids(before) <= set(walk.handled)
    assert len(walk.handled) == len(set(walk.handled))


def test_a_few_arrivals_do_not_keep_a_walk_from_its_end() -> None:
    before = cards(45, first=1000)
    site, walk = list(before), Walk(Window())

    def between(page: int) -> None:
        if page < 4:
            site.insert(0, card(page))

    assert run(site, walk, between=between) is Stop.END_OF_LIST
    assert ids(before) <= set(walk.handled)


REMOVALS = st.dictionaries(st.integers(0, 12), st.sets(st.integers(0, 59), max_size=45), max_size=4)


@quick
@given(st.integers(0, 60), REMOVALS)
@example(60, {3: {0}})
@example(60, {3: set(range(9))})
@example(60, {3: set(range(11))})
@example(60, {3: set(range(20))})
@example(60, {5: set(range(30))})
def test_what_is_removed_while_paging_hides_nothing_that_stays(count: int, removals: dict[int, set[int]]) -> None:
    site, walk = cards(count), Walk(Window())

    def between(page: int) -> None:
        gone = ids([card(number) for number in removals.get(page, ())])
        site[:] = [one for one in site if one.id not in gone]

    stop = run(site, walk, between=between)
    assert not stop.completes or ids(site) <= set(walk.handled)


@quick
@given(st.integers(0, 60), REMOVALS, st.dictionaries(st.integers(0, 12), st.integers(0, 25), max_size=4))
def test_arrivals_and_removals_together_hide_nothing_that_stays(
    count: int, removals: dict[int, set[int]], arrivals: dict[int, int]
) -> None:
    site, walk = cards(count), Walk(Window())
    old = ids(site)

    def between(page: int) -> None:
        gone = ids([card(number) for number in removals.get(page, ())])
        site[:] = cards(arrivals.get(page, 0), first=1000 + page * 50) + [one for one in site if one.id not in gone]

    stop = run(site, walk, between=between)
    assert not stop.completes or ids(site) & old <= set(walk.handled)


def test_one_removal_makes_the_walk_step_back_once() -> None:
    site, walk = cards(45), Walk(Window())

    def between(page: int) -> None:
        if page == 1:
            del site[0]

    assert run(site, walk, between=between) is Stop.END_OF_LIST
    assert walk.steps_back == 1


def test_a_removal_that_lifts_the_end_above_us_is_stepped_back_from() -> None:
    site, walk = cards(30), Walk(Window())

    def between(page: int) -> None:
        if page == 1:
            del site[:14]

    assert run(site, walk, between=between) is Stop.END_OF_LIST
    assert ids(site) <= set(walk.handled)


# Stopping early


@quick
@given(st.integers(1, 45), st.integers(0, 30))
def test_a_second_walk_sees_all_news_and_stops_where_the_first_began(held: int, news: int) -> None:
    old = cards(held, first=1000)
    first = Walk(Window())
    run(old, first)
    second = Walk(Window())
    stop = run(cards(news) + old, second, known=first.floors)
    assert stop in {Stop.COVERED, Stop.END_OF_LIST}
    assert ids(cards(news)) <= set(second.handled)
    assert second.pages <= news // (PAGE_SIZE - 1) + 2


def test_no_news_cost_one_page() -> None:
    site, first, second = cards(45), Walk(Window()), Walk(Window())
    run(site, first)
    assert run(site, second, known=first.floors) is Stop.COVERED
    assert second.pages == 1


def test_one_unknown_card_on_a_page_keeps_it_from_being_covered() -> None:
    site = cards(45)
    known = dict.fromkeys(ids(site) - {site[4].id}, "")
    assert Walk(Window()).advance(0, site[:PAGE_SIZE], known) == PAGE_SIZE - 1


def test_a_walk_down_to_a_day_covers_only_walks_no_deeper() -> None:
    page = cards(PAGE_SIZE)
    known = dict.fromkeys(ids(page), "2025-03-01")
    covered = {
        since: Walk(Window(since=since)).advance(0, page, known) is Stop.COVERED
        for since in (None, date(2025, 2, 28), date(2025, 3, 1), date(2025, 3, 2))
    }
    assert covered == {None: False, date(2025, 2, 28): False, date(2025, 3, 1): True, date(2025, 3, 2): True}


def test_a_page_below_since_by_more_than_the_disorder_ends_the_walk() -> None:
    window = Window(since=TODAY)
    at_edge = [card(number, TODAY - DISORDER) for number in range(PAGE_SIZE)]
    beyond_day = TODAY - DISORDER - timedelta(days=1)
    beyond = [card(number, beyond_day) for number in range(PAGE_SIZE)]
    assert Walk(window).advance(0, at_edge, {}) == PAGE_SIZE - 1
    assert Walk(window).advance(0, [*beyond[:-1], at_edge[-1]], {}) == PAGE_SIZE - 1
    walk = Walk(window)
    assert run([card(number, beyond_day) for number in range(200)], walk) is Stop.SINCE_REACHED
    assert walk.pages == PAGES_BELOW


def test_newer_articles_that_were_passed_over_leave_nothing_above_them_known() -> None:
    old, new = date(2020, 1, 1), TODAY
    days = [old] * 10 + [new] * 50 + [old] * 35
    site = [card(number, day) for number, day in enumerate(days)]
    walk = Walk(Window(until=date(2020, 12, 31)))
    assert run(site, walk) is Stop.END_OF_LIST
    assert set(walk.floors) == {one.id for one in site[60:]}


def test_a_card_without_a_date_is_no_reason_to_stop() -> None:
    old = [card(number, date(2020, 1, 1)) for number in range(PAGE_SIZE - 1)]
    assert Walk(Window(since=TODAY)).advance(0, [*old, card(99, None)], {}) == PAGE_SIZE - 1


@quick
@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 5)), max_size=60), st.integers(0, 60))
def test_five_days_of_disorder_hide_nothing_of_the_window(ages: list[tuple[int, int]], depth: int) -> None:
    """Each card stands up to five days higher than its date."""
    ordered = sorted(ages, key=lambda pair: pair[0] - pair[1])
    site = [card(number, TODAY - timedelta(days=age)) for number, (age, _) in enumerate(ordered)]
    since = TODAY - timedelta(days=depth)
    walk = Walk(Window(since=since))
    assert run(site, walk) in {Stop.SINCE_REACHED, Stop.END_OF_LIST}
    asked = {one.id for one in site if parse_listed(one.date_listed_raw or "") >= since}
    assert asked <= set(walk.handled)


# Guards


def test_a_site_that_ignores_the_offset_is_left_without_progress() -> None:
    walk, page = Walk(Window()), cards(PAGE_SIZE)
    offset: int | Stop = 0
    while not isinstance(offset, Stop):
        offset = walk.advance(offset, page, {})
    assert offset is Stop.NO_PROGRESS
    assert walk.pages == 1 + MAX_STALLED


def test_a_list_without_end_is_left_at_the_page_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk_module, "MAX_PAGES", 3)
    walk = Walk(Window())
    assert run(cards(500), walk) is Stop.PAGE_CEILING
    assert walk.pages == 3


def test_a_list_in_which_nothing_connects_is_left_as_a_gap() -> None:
    walk = Walk(Window())
    offset: int | Stop = 0
    for page in range(MAX_STEPS_BACK + 20):
        assert not isinstance(offset, Stop)
        offset = walk.advance(offset, cards(PAGE_SIZE, first=page * PAGE_SIZE), {})
        if isinstance(offset, Stop):
            break
    assert offset is Stop.GAP_NOT_CLOSED


def test_only_end_covered_and_since_complete_a_walk() -> None:
    assert {stop for stop in Stop if stop.completes} == {Stop.END_OF_LIST, Stop.COVERED, Stop.SINCE_REACHED}


# What a complete walk puts on record


def test_a_whole_walk_knows_the_list_to_its_end() -> None:
    site, walk = cards(12), Walk(Window())
    run(site, walk)
    assert walk.floors == dict.fromkeys(ids(site), "")


def test_a_walk_since_a_day_knows_the_list_to_that_day() -> None:
    site = [card(number, TODAY - timedelta(days=number)) for number in range(90)]
    walk = Walk(Window(since=TODAY - timedelta(days=10)))
    assert run(site, walk) is Stop.SINCE_REACHED
    # One day more, since a card may stand a day off its article.
    assert walk.floors == dict.fromkeys((one.id for one in site[:12]), "2025-06-26")


def test_a_covered_walk_knows_the_list_as_deep_as_what_it_met() -> None:
    old = cards(PAGE_SIZE, first=1000)
    known = dict.fromkeys(ids(old), "2024-01-01") | {old[3].id: "2024-06-01"}
    walk = Walk(Window(since=date(2025, 1, 1)))
    assert run(cards(PAGE_SIZE - 1) + old, walk, known=known) is Stop.COVERED
    assert set(walk.floors.values()) == {"2024-06-01"}
    assert ids(cards(PAGE_SIZE - 1)) <= set(walk.floors)


def test_a_walk_until_a_day_leaves_no_record_of_what_is_above() -> None:
    site = [card(number, TODAY - timedelta(days=number)) for number in range(30)]
    walk = Walk(Window(until=TODAY - timedelta(days=10)))
    assert run(site, walk) is Stop.END_OF_LIST
    assert set(walk.floors) == ids(site[9:])


# The days asked for


def test_a_window_holds_both_of_its_ends() -> None:
    window = Window(date(2021, 3, 1), date(2021, 3, 31))
    assert [window.holds_text(f"2021-{day}") for day in ("02-28", "03-01", "03-31", "04-01")] == [
        False,
        True,
        True,
        False,
    ]


def test_an_open_window_holds_every_day() -> None:
    assert Window().holds(date(1946, 1, 1))
    assert Window().holds(None)
    assert Window(date(2021, 3, 1)).holds(date(2099, 1, 1))
    assert Window(until=date(2021, 3, 1)).holds(date(1946, 1, 1))


def test_a_card_may_stand_a_day_off_its_article() -> None:
    window = Window(TODAY, TODAY)
    near = [window.may_hold(card(0, TODAY + timedelta(days=shift))) for shift in (-2, -1, 0, 1, 2)]
    assert near == [False, True, True, True, False]
    assert window.may_hold(card(0, None))


def test_a_window_tells_its_ends_and_floor_as_text() -> None:
    assert Window(TODAY).ends == ("2025-07-06", None)
    assert Window(until=TODAY).ends == (None, "2025-07-06")
    assert (Window(TODAY).floor, Window().floor) == ("2025-07-06", "")
