"""Walking a list that changes while it is walked: nothing that stays in it is missed, and every end has a name."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kcnacrawl.items import Card
from kcnacrawl.paging import walk as walk_module
from kcnacrawl.paging.walk import (
    LATE,
    MAX_STALLED,
    MAX_STEPS_BACK,
    NEVER,
    PAGES_BELOW,
    PAGES_BELOW_BY_DATE,
    STRIDE,
    Rewalk,
    Stop,
    Walk,
    WalkedRange,
    lies_below,
    middle_day,
)
from kcnacrawl.paging.window import DISORDER, Window
from kcnacrawl.site.dates import parse_listed
from kcnacrawl.site.urls import PAGE_SIZE

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


def walk(window: Window = Window(), rewalk: Rewalk = Rewalk(TODAY)) -> Walk:  # noqa: B008 - both are immutable
    return Walk(window, rewalk)


def walked_range(number: int = 1, since: str = "", walked: date = TODAY, offset: int = 0) -> WalkedRange:
    return WalkedRange(number, since, TODAY.isoformat(), walked, (walked - timedelta(days=40)).isoformat(), offset)


def run(
    site: list[Card],
    one: Walk,
    known: Mapping[str, WalkedRange] | None = None,
    between: Callable[[int], None] = lambda _: None,
    start: int = 0,
) -> tuple[Stop | WalkedRange, list[str]]:
    """Walks ``site`` to a stop; gives it and what counts as seen. ``between`` may change the site after each page,
    whose number it is given.
    """
    seen: dict[str, None] = {}
    step: int | Stop | WalkedRange = start
    for page in range(1000):
        assert isinstance(step, int)
        cards = site[step : step + PAGE_SIZE]
        step = one.advance(step, cards, known or {})
        if not one.lost:
            seen |= dict.fromkeys(card.id for card in cards)
        if not isinstance(step, int):
            return step, list(seen)
        between(page)
    raise AssertionError("the walk has no end")


# To the end of the list


@pytest.mark.parametrize("count", range(46))
def test_a_list_of_any_length_is_seen_whole_and_once(count: int) -> None:
    site, one = cards(count), walk()
    assert run(site, one) == (Stop.END_OF_LIST, [card.id for card in site])
    assert one.steps_back == 0


@pytest.mark.parametrize("count", range(0, 46, 5))
def test_a_whole_walk_costs_few_pages_more_than_the_list_has(count: int) -> None:
    one = walk()
    run(cards(count), one)
    assert one.pages <= count // (PAGE_SIZE - 1) + 2


@given(st.integers(0, 45), st.dictionaries(st.integers(0, 8), st.integers(0, 25), max_size=4))
def test_what_arrives_at_the_top_while_paging_hides_nothing(count: int, arrivals: dict[int, int]) -> None:
    before = cards(count, first=1000)
    site = list(before)

    def between(page: int) -> None:
        site[:0] = cards(arrivals.get(page, 0), first=page * 50)

    stop, seen = run(site, walk(), between=between)
    assert not completes(stop) or ids(before) <= set(seen)


def completes(stop: Stop | WalkedRange) -> bool:
    return isinstance(stop, Stop) and stop.completes


def test_a_few_arrivals_do_not_keep_a_walk_from_its_end() -> None:
    before = cards(45, first=1000)
    site = list(before)

    def between(page: int) -> None:
        if page < 4:
            site.insert(0, card(page))

    stop, seen = run(site, walk(), between=between)
    assert stop is Stop.END_OF_LIST
    assert ids(before) <= set(seen)


REMOVALS = st.dictionaries(st.integers(0, 12), st.sets(st.integers(0, 59), max_size=45), max_size=4)


@given(st.integers(0, 60), REMOVALS)
@example(60, {3: {0}})
@example(60, {3: set(range(9))})
@example(60, {3: set(range(11))})
@example(60, {3: set(range(20))})
@example(60, {5: set(range(30))})
def test_what_is_removed_while_paging_hides_nothing_that_stays(count: int, removals: dict[int, set[int]]) -> None:
    site = cards(count)

    def between(page: int) -> None:
        gone = ids([card(number) for number in removals.get(page, ())])
        site[:] = [one for one in site if one.id not in gone]

    stop, seen = run(site, walk(), between=between)
    assert not completes(stop) or ids(site) <= set(seen)


@given(
    st.integers(0, 60),
    REMOVALS,
    st.dictionaries(st.integers(0, 12), st.integers(0, 25), max_size=4),
    st.sampled_from([0, 9, 27]),
)
def test_arrivals_and_removals_together_hide_nothing_that_stays_below_the_start(
    count: int, removals: dict[int, set[int]], arrivals: dict[int, int], start: int
) -> None:
    site, one = cards(count), walk()
    old = ids(site[start:])
    one.resume(start, None)

    def between(page: int) -> None:
        gone = ids([card(number) for number in removals.get(page, ())])
        site[:] = cards(arrivals.get(page, 0), first=1000 + page * 50) + [one for one in site if one.id not in gone]

    stop, seen = run(site, one, between=between, start=start)
    assert not completes(stop) or ids(site) & old <= set(seen)


def test_one_removal_makes_the_walk_step_back_once() -> None:
    site, one = cards(45), walk()

    def between(page: int) -> None:
        if page == 1:
            del site[0]

    assert run(site, one, between=between)[0] is Stop.END_OF_LIST
    assert one.steps_back == 1


def test_a_removal_that_lifts_the_end_above_us_is_stepped_back_from() -> None:
    site = cards(30)

    def between(page: int) -> None:
        if page == 1:
            del site[:14]

    stop, seen = run(site, walk(), between=between)
    assert stop is Stop.END_OF_LIST
    assert ids(site) <= set(seen)


def test_a_walk_that_began_inside_the_list_finds_its_place_above_or_below() -> None:
    for arrived, removed in ((0, 5), (25, 0), (40, 0), (0, 25)):
        site, one = cards(200), walk()
        one.resume(90, None)
        asked = one.advance(90, site[90:100], {})
        site[:] = cards(arrived, first=1000) + site[removed:]
        stop, seen = run(site, one, start=int(str(asked)))
        assert stop is Stop.END_OF_LIST
        assert ids(cards(100, first=100)) <= set(seen)
        assert one.steps_back <= 8


# Stopping early


def known_as(one: WalkedRange, some: list[Card]) -> dict[str, WalkedRange]:
    return dict.fromkeys(ids(some), one)


@given(st.integers(1, 45), st.integers(0, 30))
def test_a_second_walk_sees_all_news_and_stops_where_the_first_began(held: int, news: int) -> None:
    old, second = cards(held, first=1000), walk()
    stop, seen = run(cards(news) + old, second, known=known_as(walked_range(), old))
    assert completes(stop)
    assert ids(cards(news)) <= set(seen)
    assert second.pages <= news // (PAGE_SIZE - 1) + 2


def test_no_news_cost_one_page() -> None:
    site, second = cards(45), walk()
    assert run(site, second, known=known_as(walked_range(), site))[0] is Stop.COVERED
    assert second.pages == 1


def test_one_unknown_card_on_a_page_keeps_it_from_being_covered() -> None:
    site = cards(45)
    known = known_as(walked_range(), site[:4] + site[5:])
    assert walk().advance(0, site[:PAGE_SIZE], known) == STRIDE


def test_a_page_of_what_the_walk_has_seen_itself_covers_nothing() -> None:
    site, one = cards(45), walk()
    one.walked_range = 1
    assert one.advance(0, site[:PAGE_SIZE], known_as(walked_range(1), site)) == STRIDE


def test_a_card_that_was_moved_joins_nothing() -> None:
    page, one = cards(PAGE_SIZE), walk()
    one.walked_range = 1
    known = known_as(walked_range(1), page) | known_as(walked_range(2), page[3:4])
    assert one.advance(0, page, known) == STRIDE
    assert one.met is None


def test_what_was_walked_less_deep_is_gone_on_from() -> None:
    page = cards(PAGE_SIZE)
    met = walked_range(since="2025-03-01")
    steps = {
        since: walk(Window(since=since)).advance(0, page, known_as(met, page))
        for since in (None, date(2025, 2, 28), date(2025, 3, 1), date(2025, 3, 2))
    }
    assert steps == {
        None: met,
        date(2025, 2, 28): met,
        date(2025, 3, 1): Stop.COVERED,
        date(2025, 3, 2): Stop.COVERED,
    }


def test_two_pages_in_a_row_below_since_end_a_walk_in_order_of_date_and_five_any_other() -> None:
    window = Window(since=TODAY)
    at_edge = [card(number, TODAY - DISORDER) for number in range(PAGE_SIZE)]
    beyond_day = TODAY - DISORDER - timedelta(days=1)
    beyond = [card(number, beyond_day) for number in range(200)]
    assert not lies_below(at_edge, TODAY, DISORDER)
    assert not lies_below([*beyond[:9], at_edge[-1]], TODAY, DISORDER)
    for by_date, pages in ((False, PAGES_BELOW), (True, PAGES_BELOW_BY_DATE)):
        one = walk(window)
        one.resume(0, None, by_date=by_date)
        assert run(beyond, one)[0] is Stop.SINCE_REACHED
        assert one.pages == pages


def test_a_card_without_a_date_is_no_reason_to_stop() -> None:
    old = [card(number, date(2020, 1, 1)) for number in range(PAGE_SIZE - 1)]
    assert not lies_below([*old, card(99, None)], TODAY, DISORDER)


def test_a_page_in_no_order_lies_neither_above_nor_below_a_day() -> None:
    years = [2003, 2011, 1998, 2007, 2014, 2001, 2009, 2012, 1997, 2005]
    page = [card(number, date(year, 1, 1)) for number, year in enumerate(years)]
    assert not lies_below(page, TODAY, DISORDER)
    assert middle_day(page, DISORDER) is None


def test_the_middle_of_a_page_does_not_mind_a_card_that_is_years_off() -> None:
    page = [card(number, TODAY - timedelta(days=number)) for number in range(PAGE_SIZE)]
    page[2] = card(2, TODAY - timedelta(days=400))
    assert middle_day(page, DISORDER) == TODAY - timedelta(days=6)
    assert middle_day([card(1, None), card(2, None), card(3)], DISORDER) is None


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 5)), max_size=60), st.integers(0, 60))
def test_five_days_of_disorder_hide_nothing_of_the_window(ages: list[tuple[int, int]], depth: int) -> None:
    """Each card stands up to five days higher than its date."""
    ordered = sorted(ages, key=lambda pair: pair[0] - pair[1])
    site = [card(number, TODAY - timedelta(days=age)) for number, (age, _) in enumerate(ordered)]
    since = TODAY - timedelta(days=depth)
    stop, seen = run(site, walk(Window(since=since)))
    assert stop in {Stop.SINCE_REACHED, Stop.END_OF_LIST}
    asked = {one.id for one in site if parse_listed(one.date_listed_raw or "") >= since}
    assert asked <= set(seen)


# What is walked again


def test_what_was_walked_a_week_ago_is_walked_again_down_to_what_was_settled_then() -> None:
    walked = TODAY - timedelta(days=7)
    site = [card(number, TODAY - timedelta(days=number)) for number in range(200)]
    old = known_as(walked_range(walked=walked), site)
    late = card(999, TODAY - timedelta(days=20))
    site.insert(20, late)
    for every, pages in ((8, 1), (7, 7)):
        one = walk(rewalk=Rewalk(TODAY, 40, every))
        stop, seen = run(site, one, known=old)
        assert stop is Stop.COVERED
        assert one.pages == pages
        assert (late.id in seen) is (pages > 1)


def test_what_was_settled_when_it_was_walked_is_believed_for_ever() -> None:
    rewalk = Rewalk(TODAY, 40, 7)
    long_ago = walked_range(walked=date(2021, 6, 1))
    assert rewalk.believes_day(long_ago, date(2021, 4, 21))
    assert not rewalk.believes_day(long_ago, date(2021, 4, 22))
    assert rewalk.believes_day(walked_range(walked=TODAY - timedelta(days=6)), TODAY)
    assert Rewalk(TODAY, 0, 7).believes_day(long_ago, TODAY)


def test_a_walk_by_a_clock_that_was_ahead_is_not_fresh() -> None:
    assert not Rewalk(TODAY).is_fresh(walked_range(walked=TODAY + timedelta(days=1)))


def test_what_a_walk_settles_goes_by_the_days_of_the_list_and_no_clock() -> None:
    from_top = walk(rewalk=Rewalk(date(2030, 1, 1)))
    assert from_top.settled == ""
    from_top.advance(0, aged(10), {})
    assert from_top.settled == (TODAY - timedelta(days=5 + 40)).isoformat()
    inside = walk(rewalk=Rewalk(date(2030, 1, 1)))
    inside.resume(90, None, newest=TODAY)
    inside.advance(90, aged(100)[90:], {})
    assert inside.settled == (TODAY - timedelta(days=40)).isoformat()
    assert not Rewalk(TODAY, every=0).believes_day(replace(walked_range(), settled=""), date(1990, 1, 1))


# Guards


def test_a_site_that_ignores_the_offset_is_left_without_progress() -> None:
    one, page = walk(), cards(PAGE_SIZE)
    step: int | Stop | WalkedRange = 0
    while isinstance(step, int):
        step = one.advance(step, page, {})
    assert step is Stop.NO_PROGRESS
    assert one.pages == 1 + MAX_STALLED


def test_a_list_without_end_is_left_at_the_page_ceiling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk_module, "MAX_PAGES", 3)
    one = walk()
    assert run(cards(500), one)[0] is Stop.PAGE_CEILING
    assert one.pages == 3


@pytest.mark.parametrize("start", [0, 900])
def test_a_list_in_which_nothing_connects_is_left_as_a_gap(start: int) -> None:
    one = walk()
    one.resume(start, None)
    step: int | Stop | WalkedRange = start
    for page in range(2 * MAX_STEPS_BACK + 20):
        assert isinstance(step, int)
        step = one.advance(step, cards(PAGE_SIZE, first=page * PAGE_SIZE), {})
        if not isinstance(step, int):
            break
    assert step is Stop.GAP_NOT_CLOSED


def test_only_end_covered_and_since_complete_a_walk() -> None:
    assert {stop for stop in Stop if stop.completes} == {Stop.END_OF_LIST, Stop.COVERED, Stop.SINCE_REACHED}


# The days a walk has proved


def aged(count: int) -> list[Card]:
    """A card a day."""
    return [card(number, TODAY - timedelta(days=number)) for number in range(count)]


def test_a_walk_to_the_end_has_seen_all_days_there_are() -> None:
    one = walk()
    run(aged(12), one)
    assert one.since == ""


def test_a_walk_from_the_top_has_seen_no_day_of_which_more_may_come() -> None:
    one = walk()
    one.advance(0, aged(10), {})
    assert one.until == (TODAY - timedelta(days=5) - DISORDER).isoformat()


def test_a_walk_since_a_day_has_seen_that_day() -> None:
    one = walk(Window(since=TODAY - timedelta(days=10)))
    site = [card(number, TODAY - timedelta(days=number // 10)) for number in range(400)]
    assert run(site, one)[0] is Stop.SINCE_REACHED
    assert one.since == "2025-06-26"


def test_a_walk_that_is_on_its_way_has_seen_what_stands_at_no_place_further_down() -> None:
    one = walk()
    assert one.since == NEVER
    one.advance(0, aged(10), {})
    # Five days is the middle of the page; the article's day may be one off, and the next is the first that is safe.
    assert one.since == (TODAY - timedelta(days=5) + LATE + DISORDER + timedelta(days=2)).isoformat()


def test_a_sought_walk_has_seen_the_newest_day_of_its_window() -> None:
    one = walk(Window(until=TODAY - timedelta(days=60)))
    one.resume(9, None)
    one.advance(9, aged(30)[9:19], {})
    assert one.until == (TODAY - timedelta(days=60)).isoformat()


def test_a_page_without_days_proves_none() -> None:
    one = walk()
    one.advance(0, [card(number, None) for number in range(PAGE_SIZE)], {})
    assert (one.until, one.since) == ("", NEVER)


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


def test_an_address_tells_of_an_article_whose_card_is_some_days_off() -> None:
    taken_in = date(2023, 11, 14)
    window = Window(taken_in, taken_in)
    shifts = (-36, -6, -5, -2, 2, 5, 6, 36)
    found = [window.may_hold(card(0, taken_in + timedelta(days=shift))) for shift in shifts]
    assert found == [False, False, True, True, True, True, False, False]


def test_a_window_tells_its_ends_and_floor_as_text() -> None:
    assert Window(TODAY).ends == ("2025-07-06", None)
    assert Window(until=TODAY).ends == (None, "2025-07-06")
    assert (Window(TODAY).floor, Window().floor) == ("2025-07-06", "")
