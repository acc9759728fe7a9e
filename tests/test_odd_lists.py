"""Lists that do not do as they should: cards that come back, ends that repeat, tops that are turned round. All that
they show is taken, and whatever they answer, no run asks for ever.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kcnacrawl.archive.ledger import Ledger
from kcnacrawl.items import Card
from kcnacrawl.paging.ajax_id import DEEPEST, AjaxIdSearch
from kcnacrawl.paging.cursor import MAX_IDLE, Ask, Done, ListCursor, Take, Turned
from kcnacrawl.paging.pinned import Pinned
from kcnacrawl.paging.seek import Seek
from kcnacrawl.paging.top import Top
from kcnacrawl.paging.walk import DISORDER, Rewalk, Stop, Walk, WalkedRange
from kcnacrawl.paging.window import Window
from kcnacrawl.replica.server import Replica
from kcnacrawl.site.urls import PAGE_SIZE

from .conftest import Crawl, differences, fetched, scrapy, ungated
from .test_walk import card, cards, ids

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]

AJAX = "admin-ajax"


def listing_requests(replica: Replica) -> int:
    """How many listing pages were asked for, robots.txt and the home page left out."""
    return sum(AJAX in one.path_qs or one.path_qs.startswith("/article/") for one in replica.requests)


def missing(done: Crawl) -> int:
    """How many articles are listed and have no record, as ``coverage`` tells."""
    told = scrapy(done.folder, "coverage", "--jsonl").stdout.splitlines()
    return sum(json.loads(line)["owed"] + json.loads(line)["missing"] for line in told)


# Whole crawls

ODD = [
    ("pinned", {"count": 1}),
    ("pinned", {"count": 2}),
    ("pinned", {"count": 3}),
    ("pinned", {"count": 2, "at": "foot"}),
    ("last_again", {"count": 3}),
    ("last_again", {"count": 10}),
]


@pytest.mark.parametrize(("kind", "options"), ODD)
def test_all_of_an_odd_list_is_held_and_no_news_costs_a_page(
    serve: Serve, crawl: Run, kind: str, options: dict[str, Any]
) -> None:
    replica = serve(articles=62, sources=1)
    replica.faults.add("admin-ajax|^/article/", kind, **options)
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
    assert len(fetched(replica)) == len(set(fetched(replica)))
    assert missing(done) == len(replica.world.ids()) - len(ungated(replica))
    replica.requests.clear()
    again = crawl(replica.url, "source")
    assert (again.exit_code, listing_requests(replica)) == (0, 1)
    fresh = replica.world.publish(3)
    replica.requests.clear()
    news = crawl(replica.url, "source")
    assert (news.exit_code, {*fetched(replica)} >= {*fresh}, listing_requests(replica)) == (0, True, 2)
    assert differences(replica, news.records) == []


def test_a_list_that_begins_anew_at_its_end_is_asked_a_bounded_number_of_times(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=62, sources=1)
    replica.faults.add(AJAX, "around")
    for _ in range(3):
        replica.requests.clear()
        done = crawl(replica.url, "source")
        assert done.exit_code in {0, 3}
        assert differences(replica, done.records) == []
        assert listing_requests(replica) <= 15


@pytest.mark.parametrize("behind", [5, 9, 12, 30])
def test_a_listing_page_from_a_cache_does_not_make_its_ajax_id_doubted(serve: Serve, crawl: Run, behind: int) -> None:
    replica = serve(articles=62, sources=1)
    replica.faults.add("^/article/", "cached", behind=behind)
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []


@pytest.mark.parametrize("articles", [18, 62])
def test_a_list_that_is_turned_round_is_walked_whole_and_told(serve: Serve, crawl: Run, articles: int) -> None:
    replica = serve(articles=articles, sources=1)
    assert crawl(replica.url, "source").exit_code == 0
    for order in ("oldest", "oldest", "date"):
        replica.world.arrange(order)
        replica.world.publish(12)
        done = crawl(replica.url, "source")
        assert done.exit_code == 0, done.stderr
        assert differences(replica, done.records) == []
        if order == "oldest":
            assert any("walked whole" in warning for warning in done.report["warnings"])
    replica.requests.clear()
    assert crawl(replica.url, "source").exit_code == 0
    assert listing_requests(replica) == 1


# Which cards are pinned


def test_pinned_cards_are_known_from_the_second_answer_on() -> None:
    pins, site = cards(2, first=900), cards(60)
    pinned = Pinned()
    assert pinned.strip(0, pins + site[:10]) == pins + site[:10]
    assert pinned.strip(9, pins + site[9:19]) == site[9:19]
    assert pinned.strip(59, pins + site[59:]) == site[59:]
    assert pinned.strip(60, pins) == []


@pytest.mark.parametrize("arrivals", range(12))
def test_what_arrives_between_two_answers_pins_nothing(arrivals: int) -> None:
    pinned = Pinned()
    site = cards(60)
    pinned.strip(0, site[:10])
    site = cards(arrivals, first=900) + site
    assert pinned.strip(9, site[9:19]) == site[9:19]
    assert pinned.ids == set()


def test_a_list_that_ignores_the_offset_pins_nothing() -> None:
    pinned = Pinned()
    for offset in (0, 9, 18):
        assert len(pinned.strip(offset, cards(12))) == 12


# Is it the list that we know?


def test_a_top_continues_the_one_that_was_seen_unless_nothing_of_it_is_left_or_it_is_turned() -> None:
    top = Top(tuple(one.id for one in cards(10)))
    assert not top.is_turned(cards(10))
    assert not top.is_turned(cards(10, first=3))
    assert not top.is_turned([card(40), *cards(9)])
    assert top.is_turned(cards(10)[::-1])
    assert top.is_turned(cards(14)[:3:-1])
    assert top.is_turned(cards(10, first=30))
    assert not Top((card(1).id,)).is_turned([card(1)])


# Which ajax id is the list's


def ask(search: AjaxIdSearch, lists: Mapping[int, Sequence[Card]]) -> tuple[int | None, int]:
    """The id that was found, and how often was asked."""
    for asked in count():
        if search.next is None:
            return None, asked
        ajax_id, offset = search.next
        if search.take(lists.get(ajax_id, [])[offset : offset + PAGE_SIZE]):
            return ajax_id, asked + 1
    raise AssertionError("unreachable")


def test_the_right_ajax_id_is_found_at_once_where_the_page_is_fresh() -> None:
    assert ask(AjaxIdSearch(ids(cards(10)), [5, 7]), {5: cards(60, first=500), 7: cards(60)}) == (7, 2)


@pytest.mark.parametrize("behind", range(5, DEEPEST, 8))
def test_the_cards_of_a_cached_page_are_looked_for_further_down(behind: int) -> None:
    lists = {5: cards(60, first=500), 7: cards(90)}
    search = AjaxIdSearch(ids(cards(10, first=behind)), [4, 5, 7])
    found, _ = ask(search, lists)
    assert found == 7
    assert search.top(7) == lists[7][:10]


def test_no_more_is_asked_than_the_depth_for_each_that_has_a_list() -> None:
    found, asked = ask(AjaxIdSearch(ids(cards(10, first=900)), [4, 5, 7]), {5: cards(90), 7: cards(90)})
    assert (found, asked) == (None, 3 + 2 * 5)


# Whatever a list does


class Memory:
    """What the ledger remembers of a list."""

    def __init__(self, ledger: Ledger, now: datetime) -> None:
        self._ledger = ledger
        self._now = now

    def find(self, found: Collection[str]) -> Mapping[str, WalkedRange]:
        return self._ledger.walked.find(1, found)

    def record(self, walk: Walk, offset: int, cards: Sequence[Card]) -> int:
        return self._ledger.walked.record(1, walk, offset, cards, self._now)

    def join(self, upper: int, lower: WalkedRange) -> int:
        return self._ledger.walked.join(upper, lower.number, is_fresh=True)

    def top(self) -> Top | None:
        return self._ledger.walked.top(1)

    def set_top(self, top: Top) -> None:
        self._ledger.walked.set_top(1, top)


class OddList:
    """A list that arrives, loses, pins, repeats, turns and forgets, as its traits say."""

    def __init__(self, size: int, traits: Mapping[str, int]) -> None:
        self.site = cards(size, first=1000)
        self.traits = traits
        self.pins = cards(traits.get("pins", 0), first=1)
        self.asked = 0
        self._fresh = count(10_000)

    def answer(self, offset: int) -> list[Card]:
        self.asked += 1
        if self.traits.get("grows") and self.asked % 3 == 0:
            self.site = [card(next(self._fresh)) for _ in range(self.traits["grows"])] + self.site
        if self.traits.get("shrinks") and self.asked % 2 == 0:
            del self.site[: self.traits["shrinks"]]
        return self.pins + self._piece(offset)

    def _piece(self, offset: int) -> list[Card]:
        if self.traits.get("ignores"):
            offset = 0
        elif stuck := self.traits.get("stuck"):
            offset = min(offset, stuck)
        found = self.site[offset : offset + PAGE_SIZE]
        if self.traits.get("loops") and self.site and len(found) < PAGE_SIZE:
            start = max(0, offset - len(self.site)) % len(self.site)
            return (found + self.site[start:])[:PAGE_SIZE]
        if not found and (last := self.traits.get("last_again")):
            return self.site[-last:]
        return found


def go(odd: OddList, ledger: Ledger, window: Window = Window()) -> tuple[Stop, set[str], int]:  # noqa: B008 - immutable
    """Walks a list as a run does; gives why it stopped, what was taken, and how many pages were asked for."""
    before, taken = odd.asked, set[str]()
    seek = Seek(window.until, DISORDER) if window.until else None
    cursor = ListCursor(Walk(window, Rewalk(date(2026, 9, 11))), seek)
    memory = Memory(ledger, datetime(2026, 9, 11, tzinfo=UTC))
    offset = 0
    for _ in range(10_000):
        step: Ask | Done | None = None
        for action in cursor.feed(offset, odd.answer(offset), memory):
            if isinstance(action, Take):
                taken |= {one.id for one in action.cards}
            elif not isinstance(action, Turned):
                assert step is None
                step = action
        if isinstance(step, Done):
            return step.stop, taken, odd.asked - before
        assert isinstance(step, Ask)
        offset = step.offset
    raise AssertionError("the run has no end")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    return tmp_path_factory.mktemp("ledgers")


def new_ledger(folder: Path) -> Ledger:
    ledger = Ledger(folder / "ledger.sqlite")
    ledger.create()
    assert ledger.sources.learn(sid=163).key == 1
    return ledger


@pytest.mark.parametrize("holes", [[(100, 130)], [(100, 130), (180, 200)], []])
def test_holes_in_what_was_walked_are_walked_and_the_rest_is_gone_on_with(
    folder: Path, holes: list[tuple[int, int]]
) -> None:
    odd, now = OddList(400, {}), datetime(2026, 9, 11, tzinfo=UTC)
    with closing(new_ledger(folder)) as ledger:
        killed = Walk(Window(), Rewalk(now.date()))
        walked = [one for place, one in enumerate(odd.site[:300]) if not any(a <= place < b for a, b in holes)]
        # Its lower end is not where it was told to be: a run was killed where it had gone back.
        killed.walked_range = ledger.walked.record(1, killed, 290, walked, now)
        ledger.walked.record(1, killed, 60, walked[60:70], now)
        stop, taken, asked = go(odd, ledger)
        assert stop is Stop.END_OF_LIST
        assert taken >= {one.id for one in odd.site} - {one.id for one in walked}
        assert asked <= 50
        assert go(odd, ledger)[0] is Stop.COVERED


TRAITS = {
    "pins": st.integers(0, 4),
    "last_again": st.sampled_from([0, 1, 3, 10]),
    "loops": st.booleans().map(int),
    "ignores": st.booleans().map(int),
    "stuck": st.sampled_from([0, 0, 5, 20]),
    "grows": st.sampled_from([0, 0, 1, 9, 10, 25]),
    "shrinks": st.sampled_from([0, 0, 1, 9, 30]),
}
WINDOWS = st.sampled_from([Window(), Window(until=date(2025, 1, 1)), Window(since=date(2026, 1, 1))])


CEILING = 200


@pytest.fixture(scope="module")
def ceiling() -> Iterator[None]:
    """A page ceiling that a test can reach."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kcnacrawl.paging.cursor.MAX_PAGES", CEILING)
        yield


@settings(max_examples=60)
@given(size=st.integers(0, 80), traits=st.fixed_dictionaries(TRAITS), turned=st.booleans(), window=WINDOWS)
@pytest.mark.usefixtures("ceiling")
def test_no_run_asks_for_more_than_its_guards_allow(
    folder: Path, size: int, traits: dict[str, int], turned: bool, window: Window
) -> None:
    ledger, odd = new_ledger(folder), OddList(size, traits)
    for run in range(3):
        _, _, asked = go(odd, ledger, window)
        assert asked <= CEILING
        if not traits["grows"]:
            assert asked <= size + traits["pins"] + 2 * MAX_IDLE
        if run == 1 and turned:
            odd.site.reverse()
    ledger.close()


@settings(max_examples=100)
@given(
    # Shorter ones with pinned cards, that repeat all they have, cannot be told from longer ones that ignore the offset.
    size=st.integers(PAGE_SIZE + 1, 80),
    pins=st.integers(0, 3),
    last=st.sampled_from([0, 1, 3, 10]),
    turned=st.booleans(),
    news=st.integers(0, 25),
)
def test_a_list_that_stays_while_it_is_walked_is_taken_whole(
    folder: Path, size: int, pins: int, last: int, turned: bool, news: int
) -> None:
    ledger, odd = new_ledger(folder), OddList(size, {"pins": pins, "last_again": last})
    stop, taken, _ = go(odd, ledger)
    assert stop is Stop.END_OF_LIST
    assert taken == ids([*odd.site, *odd.pins])
    if turned:
        odd.site.reverse()
    fresh = cards(news, first=5_000)
    odd.site = odd.site + fresh if turned else fresh[::-1] + odd.site
    stop, again, _ = go(odd, ledger)
    assert stop.completes
    assert again >= ids(fresh)
    stop, _, asked = go(odd, ledger)
    assert stop.completes
    if not turned:
        assert asked <= 2
    ledger.close()
