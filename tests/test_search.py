"""``scrapy crawl search``: every hit, what it costs, and what is told where the search cannot be completed."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from math import log2

import pytest

from kcnacrawl.crawl.search import EARLIEST, Days
from kcnacrawl.pages import LayoutChanged, SignUpWall
from kcnacrawl.pages.search import SearchPage
from kcnacrawl.paging.cursor import MAX_IDLE
from kcnacrawl.replica.markup_variant import VARIANTS
from kcnacrawl.replica.server import Replica
from kcnacrawl.site.urls import PAGE_SIZE, Site

from .conftest import Crawl, fetched, field_differences

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]

# The years in which the replica has no day with more hits than a page shows.
PAST = date(2015, 12, 31)
SITE = Site("https://kcnawatch.org")
URL = "https://kcnawatch.org/?s=tractors&source=&start=01-01-1970&end=02-01-1970&sort=recent"


def search(crawl: Run, replica: Replica, query: str, *arguments: str, render: str = "auto") -> Crawl:
    words = (f"query={query}", *arguments)
    given = (word for one in words for word in ("-a", one))
    return crawl(replica.url, "search", *given, "-s", f"KCNACRAWL_RENDER={render}")


def in_the_past(crawl: Run, replica: Replica, query: str, *arguments: str) -> Crawl:
    return search(crawl, replica, query, f"until={PAST}", *arguments)


def past_hits(replica: Replica, query: str, sid: int | None = None) -> list[str]:
    return open_hits(replica, query, sid, end=PAST)


def open_hits(replica: Replica, query: str, sid: int | None = None, **days: date) -> list[str]:
    """The hits that anybody may read."""
    found = replica.world.search(query, sid, **days)
    return sorted(one for one in found if replica.world.truth(one)["gate"] is None)


def stored(done: Crawl) -> list[str]:
    return sorted(record["id"] for record in done.records)


def day(replica: Replica, article_id: str) -> date:
    return date.fromisoformat(str(replica.world.truth(article_id)["date_published"]))


def pages(replica: Replica) -> int:
    return replica.count("/?s=")


def look_up_hits(replica: Replica, query: str, end: date) -> list[str]:
    """All hits up to a day, newest first; from here on the replica looks them up, and need not read every title."""
    found = replica.world.search(query, None, None, end)
    days = [-day(replica, one).toordinal() for one in found]

    def look_up(_query: str, _sid: int | None, first: date, last: date) -> list[str]:
        return found[bisect_left(days, -last.toordinal()) : bisect_right(days, -first.toordinal())]

    replica.world.search = look_up  # type: ignore[method-assign, assignment]
    return found


def pages_by_halving(days: list[date], first: date, last: date) -> int:
    """How many pages it takes to see hits of these days, given in order."""
    number = bisect_right(days, last) - bisect_left(days, first)
    if number < PAGE_SIZE or first == last:
        return 1
    return 1 + sum(pages_by_halving(days, half.first, half.last) for half in Days(first, last).halves or ())


# Every hit


@pytest.mark.parametrize(("variant", "articles"), [("plain", 2_000), ("category", 2_000), ("object", 2_000)])
def test_thousands_of_hits_are_stored_each_as_it_is_with_four_pages_for_ten(
    serve: Serve, crawl: Run, variant: str, articles: int
) -> None:
    replica = serve(articles=articles, sources=5, variant=variant)
    found = look_up_hits(replica, "the", PAST + timedelta(days=1))
    done = in_the_past(crawl, replica, "the")
    assert done.exit_code == 0, done.stderr
    records = {record["id"]: record for record in done.records}
    truths = {one: replica.world.truth(one, replica.url) for one in found if day(replica, one) <= PAST}
    assert len(truths) > articles // 10
    assert set(records) == {one for one, truth in truths.items() if truth["gate"] is None}
    for one, record in records.items():
        if record["source_label"].startswith("("):
            # Old pages have lost the name of their source, and no list tells it.
            truths[one] |= {"source_id": None, "source_name": None}
        assert field_differences(replica, truths[one], record) == []
    days = [day(replica, one) for one in reversed(found)]
    assert pages(replica) == pages_by_halving(days, EARLIEST, PAST + timedelta(days=1))
    assert pages(replica) < 4 * len(found) / PAGE_SIZE + 2 * log2(20_000)


def test_a_search_with_few_hits_asks_for_one_page(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=300)
    headline = str(replica.world.truth(replica.world.ids()[17])["headline"])
    done = search(crawl, replica, f'"{headline}"')
    assert done.exit_code == 0, done.stderr
    assert stored(done) == open_hits(replica, f'"{headline}"')
    assert len(done.records) == 1
    assert pages(replica) == 1


def test_quotes_make_a_phrase(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=1000)
    done = in_the_past(crawl, replica, '"kim jong un"')
    assert done.exit_code == 0, done.stderr
    assert stored(done) == past_hits(replica, '"kim jong un"')
    assert len(done.records) > 10
    assert replica.count("/?s=%22kim+jong+un%22&") == pages(replica)


@pytest.mark.parametrize(
    ("source", "variant"),
    [
        ("163", "plain"),
        ("163", "form"),
        ("ajax:191207", "category"),
        ("/article/163/", "object"),
        ("ministry of foreign affairs (en)", "click"),
    ],
)
def test_a_source_may_be_named_in_any_way(serve: Serve, crawl: Run, source: str, variant: str) -> None:
    replica = serve(articles=600, variant=variant)
    done = in_the_past(crawl, replica, "of", f"source={source}")
    assert done.exit_code == 0, done.stderr
    assert stored(done) == past_hits(replica, "of", 163)
    assert len(done.records) > 10


def test_what_is_found_in_a_source_is_attributed_to_it_even_where_its_page_has_lost_the_name(
    serve: Serve, crawl: Run
) -> None:
    replica = serve(articles=600)
    done = in_the_past(crawl, replica, "of", "source=163")
    assert {record["source_id"] for record in done.records} == {163}
    assert {record["source_name"] for record in done.records} == {"Ministry of Foreign Affairs"}
    assert any(record["source_label"].startswith("(") for record in done.records)


def test_several_sources_are_searched_one_after_the_other(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=600, sources=4)
    done = in_the_past(crawl, replica, "of", "source=163,156")
    assert done.exit_code == 0, done.stderr
    assert stored(done) == sorted(past_hits(replica, "of", 163) + past_hits(replica, "of", 156))


def test_a_name_without_a_language_is_searched_in_all_its_languages(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=400, sources=10)
    done = in_the_past(crawl, replica, "of", "source=Ministry of Foreign Affairs")
    assert done.exit_code == 0, done.stderr
    assert stored(done) == sorted(past_hits(replica, "of", 163) + past_hits(replica, "of", 164))


def test_a_source_whose_page_shows_nothing_is_found_in_the_search_form(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=600, variant=replace(VARIANTS["plain"], search_form="select"))
    replica.faults.add(r"/article/163/", "no_cards")
    done = in_the_past(crawl, replica, "of", "source=Ministry of Foreign Affairs (EN)")
    assert done.exit_code == 0, done.stderr
    assert stored(done) == past_hits(replica, "of", 163)


def test_a_source_whose_ajax_id_nothing_tells_is_not_searched_and_that_is_told(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=120, variant="browser-only")
    done = search(crawl, replica, "of", "source=163")
    assert done.exit_code == 4
    assert done.records == []
    assert "give source=ajax:<id>" in done.last_line


# Days


@pytest.mark.parametrize("place", [5, 30, 55])
def test_no_hit_at_an_edge_of_the_days_asked_for_is_lost_and_none_beyond_is_stored(
    serve: Serve, crawl: Run, place: int
) -> None:
    replica = serve(articles=1000)
    days = sorted(day(replica, one) for one in replica.world.search("of", None, None, PAST))
    since, until = days[place], days[place + 25]
    done = search(crawl, replica, "of", f"since={since}", f"until={until}")
    assert done.exit_code == 0, done.stderr
    assert stored(done) == open_hits(replica, "of", start=since, end=until)


def test_a_card_dated_a_year_off_its_article_does_not_keep_it_out(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=1000)
    found = open_hits(replica, "of", end=PAST)
    odd = next(one for one in found if (day(replica, one) - replica.world.card(one).listed).days > 300)
    done = search(crawl, replica, "of", f"since={day(replica, odd)}", f"until={day(replica, odd)}")
    assert odd in stored(done)


def test_halves_share_no_day_and_leave_none_out() -> None:
    first = date(2024, 2, 1)
    for length in range(1, 70):
        parts = [Days(first, first + timedelta(days=length - 1))]
        while wide := [part for part in parts if part.halves]:
            parts = [part for part in parts if not part.halves] + [half for part in wide for half in part.halves or ()]
        assert sorted(part.first for part in parts) == [first + timedelta(days=number) for number in range(length)]


def test_a_day_with_more_hits_than_a_page_shows_is_told_and_what_shows_is_taken(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=100, sources=1)
    replica.world.publish(40)
    today = replica.world.today
    found = replica.world.search("of", None, today, today)
    assert len(found) > PAGE_SIZE
    done = search(crawl, replica, "of", f"since={today}", f"until={today}", render="never")
    assert done.exit_code == 3
    assert f"more hits than a page shows, of which only those it shows were taken: 1, the last {today}" in done.stderr
    assert set(stored(done)) == set(found[:PAGE_SIZE]) & set(open_hits(replica, "of"))


@pytest.mark.parametrize("way", ["script", "data"])
def test_a_browser_completes_a_day_with_more_hits_than_a_page_shows(serve: Serve, crawl: Run, way: str) -> None:
    replica = serve(articles=100, sources=1, variant=replace(VARIANTS["plain"], search_more=way))
    replica.world.publish(40)
    today = replica.world.today
    done = search(crawl, replica, "of", f"since={today}", f"until={today}")
    assert done.exit_code == 0, done.stderr
    assert set(stored(done)) == set(open_hits(replica, "of", start=today, end=today))
    assert len(stored(done)) > PAGE_SIZE


# Another run


def test_a_second_search_fetches_nothing_twice(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=600)
    first = in_the_past(crawl, replica, "of")
    replica.requests.clear()
    second = in_the_past(crawl, replica, "of")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert second.records == first.records
    assert len(replica.article_requests()) == 0
    assert replica.count("/") == pages(replica) + replica.count("/robots.txt")


def test_a_hit_that_failed_is_owed_by_the_search_that_found_it_and_by_no_other(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=600)
    failing = past_hits(replica, "of")[3]
    replica.faults.add(f"/newstream/{failing}", "status", status=500)
    first = in_the_past(crawl, replica, "of")
    assert (first.exit_code, first.report["counts"]["owed"]) == (3, 1)
    headline = str(replica.world.truth(next(one for one in past_hits(replica, "of") if one != failing))["headline"])
    other = in_the_past(crawl, replica, f'"{headline}"')
    assert other.exit_code == 0, other.stderr
    replica.faults.clear()
    replica.requests.clear()
    again = in_the_past(crawl, replica, "of")
    assert again.exit_code == 0, again.stderr
    assert fetched(replica) == [failing]
    assert stored(again) == past_hits(replica, "of")


def test_no_more_than_the_limit_is_stored(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=600)
    done = search(crawl, replica, "of", "limit=7")
    assert done.exit_code == 0, done.stderr
    assert len(done.records) == 7


# What is no answer


@pytest.mark.parametrize("query", ["", "  ", "one\ntwo", "long" * 60])
def test_a_search_for_nothing_is_one_line_and_fetches_nothing(serve: Serve, crawl: Run, query: str) -> None:
    replica = serve()
    done = search(crawl, replica, query)
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1
    assert "query" in done.stderr
    assert replica.requests == []


def test_a_search_that_finds_nothing_says_so(serve: Serve, crawl: Run) -> None:
    replica = serve()
    done = search(crawl, replica, "nosuchwordanywhere")
    assert done.exit_code == 0, done.stderr
    assert "found nothing" in done.stderr
    assert pages(replica) == 1


@pytest.mark.parametrize(
    ("kind", "options", "code", "told"),
    [
        ("no_cards", {}, 4, "shows none and does not say so"),
        ("redirect", {"location": "/about/"}, 4, "the search led to"),
        ("redirect", {"location": "/"}, 4, "the search led to"),
        ("challenge", {}, 5, "bot check"),
        ("form", {}, 5, "sign-up form"),
        ("status", {"status": 404}, 3, "the search is incomplete"),
        ("status", {"status": 403}, 5, "403"),
        ("status", {"status": 500}, 3, "the search is incomplete"),
    ],
)
def test_a_page_that_is_no_answer_is_told(
    serve: Serve, crawl: Run, kind: str, options: dict[str, object], code: int, told: str
) -> None:
    replica = serve(articles=200)
    replica.faults.add(r"/\?s=", kind, **options)
    done = search(crawl, replica, "of")
    assert done.exit_code == code, done.stderr
    assert told in done.last_line
    assert done.records == []


def test_a_page_that_fails_for_some_days_leaves_the_search_incomplete(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=600)
    replica.faults.add(r"/\?s=.*end=0\d-", "status", status=500)
    done = in_the_past(crawl, replica, "of")
    assert done.exit_code == 3
    assert "the search is incomplete; run again" in done.last_line


@pytest.mark.parametrize(("render", "articles"), [("never", 600), ("auto", 0)])
def test_a_search_that_ignores_its_days_is_told_and_not_asked_day_by_day(
    serve: Serve, crawl: Run, render: str, articles: int
) -> None:
    # A browser looks at each day that a hit may be of: those are to be few.
    replica = serve(articles=articles)
    replica.world.publish(16)
    found = replica.world.search("of")
    assert len(found) > PAGE_SIZE
    replica.world.search = lambda *_: found  # type: ignore[method-assign]
    done = search(crawl, replica, "of", f"until={replica.world.today}", render=render)
    assert done.exit_code == 4
    assert "does not keep to the days asked for" in done.last_line
    assert pages(replica) < PAGE_SIZE * log2(20_000)


def test_a_search_that_shows_the_same_undated_hits_whatever_the_days_is_not_asked_day_by_day(
    serve: Serve, crawl: Run
) -> None:
    replica = serve(articles=0)
    replica.world.publish(16)
    found = replica.world.search("of")
    replica.world.search = lambda *_: found  # type: ignore[method-assign]
    replica.faults.add(r"/\?s=", "lost", field="card_date", way="removed")
    done = search(crawl, replica, "of", f"until={replica.world.today}", render="never")
    assert done.exit_code == 4
    assert "shows the same hits whatever the days" in done.last_line
    assert pages(replica) < 2 * MAX_IDLE + log2(20_000)


def test_hits_that_fall_between_two_halves_are_told(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=1000)
    whole = replica.world.search

    def up_to_but_not_including(query: str, sid: int | None, start: date, end: date) -> list[str]:
        return whole(query, sid, start, end - timedelta(days=1))

    replica.world.search = up_to_but_not_including  # type: ignore[method-assign, assignment]
    done = search(crawl, replica, "of", "since=2026-09-08", "until=2026-09-09")
    assert done.exit_code == 3
    assert "were not found again on their days" in done.last_line


# The page alone

CARD = (
    '<div class="article-desc"><h4><a href="/newstream/16164{0:05}-946528541/t{0}">Title {0}</a></h4>'
    '<p class="articled-date"> <span>March 23, 2021</span></p></div>'
)
FORM = '<form><input name="s" value="tractors"></form>'


def read(body: str, *, body_class: str = "page") -> SearchPage:
    return SearchPage(f'<html><body class="{body_class}">{body}</body></html>', URL, SITE, "tractors")


@pytest.mark.parametrize(
    "button",
    [
        '<button id="more_results">x</button>',
        '<a class="btn" href="#">More results</a>',
        "<button>Load more</button><button> Show  More Results » </button>",
        '<input type="button" value="More Results">',
    ],
)
def test_more_hits_are_told_by_the_buttons_name_or_its_words(button: str) -> None:
    assert read(FORM + CARD.format(1) + button).has_more


def test_a_link_that_speaks_of_results_is_no_button() -> None:
    assert not read(FORM + CARD.format(1) + "<a>More results of the harvest</a>").has_more


@pytest.mark.parametrize(
    ("body", "body_class"),
    [
        (FORM + "<p>Sorry, nothing was found.</p>", "page"),
        ("<h1>Search results for tractors</h1><p>No results.</p>", "page"),
        (FORM, "search search-no-results"),
        (FORM + '<section class="no-results not-found"><h1>Nothing Found</h1></section>', "page"),
        (FORM + "<p>Your search did not match any articles</p>", "page"),
        (FORM + "<p>0 articles</p>", "page"),
    ],
)
def test_a_page_without_hits_says_so(body: str, body_class: str) -> None:
    assert read(body, body_class=body_class).cards == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (CARD.format(1), "query: "),
        ("<p>Nothing was found at this location.</p>", "query: "),
        (FORM, "hits: .* shows none"),
        (FORM + "<p>10 articles</p>", "hits: .* shows none"),
        (FORM + "<a>No results</a>", "hits: .* shows none"),
        (FORM + "<p>No results.</p>" + CARD.format(1), "hits: .* shows cards"),
    ],
)
def test_a_page_that_may_be_another_is_refused(body: str, told: str) -> None:
    with pytest.raises(LayoutChanged, match=rf"^{told}"):
        read(body)


def test_a_wall_is_no_page_of_hits() -> None:
    with pytest.raises(SignUpWall):
        read(FORM + '<div class="nk-paywall-free-member-form">')


def test_hits_are_read_where_they_stand_and_not_beside() -> None:
    beside = "".join(CARD.format(number) for number in range(10, 16))
    page = read(f'{FORM}<div id="search_results">{CARD.format(1)}</div><aside>{beside}</aside>')
    assert [card.headline for card in page.cards] == ["Title 1"]


def test_a_hit_that_speaks_of_nothing_found_is_a_hit() -> None:
    page = read(FORM + CARD.format(1).replace("Title 1", "Nothing was found"))
    assert [card.headline for card in page.cards] == ["Nothing was found"]


def test_the_form_offers_sources_by_their_ajax_ids() -> None:
    options = '<option value="">All</option><option value="191207"> Ministry </option><option value="x">X</option>'
    sort = '<select name="sort"><option value="12">Newest</option></select>'
    page = read(f'{FORM}{CARD.format(1)}<select name="source">{options}</select>{sort}')
    assert page.sources == {"Ministry": 191207}
