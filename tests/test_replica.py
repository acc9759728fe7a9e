"""The bundled replica of the site: what its world promises, what its pages hold, how it fails on demand."""

import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from itertools import pairwise
from urllib.parse import urlsplit

import pytest
from selectolax.lexbor import LexborHTMLParser

from kcnacrawl.replica.alteration import FIELDS, HOSTILE, WAYS
from kcnacrawl.replica.faults import KINDS, Fault, Faults
from kcnacrawl.replica.markup_variant import AXES, VARIANTS, MarkupVariant
from kcnacrawl.replica.render import Renderer
from kcnacrawl.replica.server import Replica
from kcnacrawl.replica.world import (
    NOTICE,
    OUTLETS,
    SUMMARY_WIDTH,
    World,
    cut,
    fold,
    slugify,
    width,
)
from kcnacrawl.site.language import detect

HEADER = re.compile(r"Date: (\d\d/\d\d/\d{4}) \| Source: (.+?)(?: \| (Read original version at source))?")
HEADLINES = "h1, h2, h3, .article-title, .title"


@pytest.fixture(scope="module")
def world() -> World:
    """A world that only tests which leave it unchanged may share."""
    return World(articles=1500)


@pytest.fixture(scope="module")
def truths(world: World) -> list[dict]:
    return [world.truth(name, "http://site") for name in world.ids()]


@pytest.fixture
def replica() -> Iterator[Replica]:
    with Replica(World(articles=120), VARIANTS["plain"]) as running:
        yield running


def get(replica: Replica, path: str, method: str = "GET", body: str | None = None) -> tuple[int, dict, bytes]:
    """Status, headers (lower case) and body of an answer; redirects are not followed."""
    connection = http.client.HTTPConnection(urlsplit(replica.url).netloc, timeout=10)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, headers, answer.read()
    finally:
        connection.close()


def ajax(replica: Replica, offset: int, ajax_id: int, size: int = 10) -> bytes:
    query = f"action=get_cat_by_source&die=true&from={offset}&to={size}&sort=&id={ajax_id}"
    return get(replica, f"/wp-admin/admin-ajax.php?{query}")[2]


def card_ids(html: bytes) -> list[str]:
    cards = LexborHTMLParser(html).css(".article-desc h4 a")
    return [card.attributes["href"].split("/newstream/")[1].split("/")[0] for card in cards]


def full(world: World, sid: int = 156) -> str:
    """An article that can be read without let or hindrance."""
    for name in world.listing(sid):
        truth = world.truth(name)
        if truth["access"] == "full" and truth["gate"] is None and not str(truth["source_label"]).startswith("("):
            return name
    raise AssertionError("none")


class TestWorld:
    def test_is_a_function_of_its_arguments(self, world: World, truths: list[dict]) -> None:
        again = World(articles=1500)
        assert [again.truth(name, "http://site") for name in again.ids()] == truths
        assert set(World(seed=2, articles=1500).ids()).isdisjoint(world.ids())

    def test_identities_are_distinct_and_of_the_known_form(self, world: World) -> None:
        names = world.ids()
        assert len(set(names)) == len(names) == 1500
        assert all(re.fullmatch(r"[0-9]{10}-[0-9]{7,9}", name) for name in names)
        assert {len(name) for name in names} == {18, 19, 20}

    def test_sources_have_the_known_numbers_and_languages(self, world: World) -> None:
        by_label = {outlet.label: outlet for outlet in OUTLETS}
        assert by_label["KCNA.kp (En)"].sid == 156
        assert by_label["Ministry of Foreign Affairs (EN)"].sid == 163
        assert by_label["Rodong Sinmun (Kr)"].ajax_id == 189661
        assert by_label["KCNA (Kr)"].ajax_id == 190036
        assert by_label["Pyongyang Times"].language is None
        numbers = [outlet.sid for outlet in OUTLETS] + [outlet.ajax_id for outlet in OUTLETS]
        assert len(set(numbers)) == 2 * len(OUTLETS) == 40
        assert Counter(outlet.language for outlet in world.outlets)["ko"] >= 2

    def test_every_source_has_articles_even_in_a_small_world(self) -> None:
        small = World(articles=25, sources=20)
        assert all(small.listing(outlet.sid) for outlet in small.outlets)

    def test_listings_hold_every_article_once(self, world: World) -> None:
        listed = [name for outlet in world.outlets for name in world.listing(outlet.sid)]
        assert sorted(listed) == sorted(world.ids())

    def test_a_listing_by_date_descends_but_for_local_disorder(self) -> None:
        world = World(articles=1500, order="date")
        days = [world.truth(name)["date_published"] for name in world.listing(156)]
        assert days != sorted(days, reverse=True)
        days = [date.fromisoformat(day) for day in days]
        assert all(later <= earlier + timedelta(days=3) for earlier, later in pairwise(days))

    def test_a_listing_by_arrival_descends_by_the_number_in_the_address(self) -> None:
        world = World(articles=1500, order="arrival")
        stamps = [name[:10] for name in world.listing(156)]
        assert stamps == sorted(stamps, reverse=True)

    def test_live_articles_arrive_within_a_day_or_10_to_35_days_late(self, truths: list[dict]) -> None:
        lags = Counter(lag(truth) for truth in truths if truth["date_published"] >= "2016")
        assert set(lags) <= {-1, 0, 1} | set(range(10, 37))
        assert 1 < sum(lags[days] for days in range(10, 37)) < 100

    def test_the_bulk_was_published_1997_to_2015_and_loaded_in_january_2016(self, truths: list[dict]) -> None:
        bulk = [truth for truth in truths if truth["date_published"] < "2016"]
        assert len(bulk) == 300
        assert all(truth["url_time"].startswith("2016-01-") for truth in bulk)
        assert min(truth["date_published"] for truth in bulk).startswith("1997")

    def test_cards_agree_with_headers_or_are_a_day_off_or_in_conflict(self, truths: list[dict]) -> None:
        for truth in truths:
            apart = date.fromisoformat(truth["date_listed"]) - date.fromisoformat(truth["date_published"])
            assert truth["date_conflict"] == (abs(apart.days) > 1)
        assert 0 < sum(truth["date_conflict"] for truth in truths) < 60
        assert any(truth["date_listed"] > truth["date_published"] and not truth["date_conflict"] for truth in truths)

    def test_descriptions_are_the_first_paragraph_cut_to_width(self, truths: list[dict]) -> None:
        described = [truth for truth in truths if truth["description"] is not None]
        assert len(described) > 1000
        for truth in described:
            assert width(truth["description"]) <= SUMMARY_WIDTH
            assert truth["article_body"].startswith(truth["description"])
        assert all(truth["description"] is None for truth in truths if truth["access"] == "empty")

    def test_bodies_are_full_truncated_or_empty(self, truths: list[dict]) -> None:
        for truth in truths:
            assert (truth["access"] == "empty") == (truth["article_body"] == "")
            assert (truth["access"] == "truncated") == truth["article_body"].endswith("...")
            assert NOTICE not in truth["article_body"]
            assert all(
                fold(part) == part != "" for part in truth["article_body"].split("\n\n") if truth["article_body"]
            )

    def test_a_share_of_every_oddity_is_there(self, truths: list[dict]) -> None:
        headlines = [truth["headline"] for truth in truths]
        for sign in ("·", '"', "'", "“", "’", " & ", " < ", "１"):
            assert any(sign in headline for headline in headlines), sign
        for opening in (
            "Date: ",
            "More From ",
            "Date: 01/02/2003 | Source: KCNA.kp (En) | Read original version at source",
        ):
            assert any(headline.startswith(opening) for headline in headlines), opening
        assert headlines.count("Press Review") > 5
        bodies = [part for truth in truths for part in truth["article_body"].split("\n\n")]
        for line in ("Rodong Sinmun", "July 04, 2025", "-0-", "More From KCNA.kp (En)"):
            assert line in bodies, line
        for opening in (
            "February 8 Jikdong ",
            "Date: 05/06/2007 | Source: ",
            "Kim Jong Un, ",
            "www.kcna.kp (Juche",
        ):
            assert any(part.startswith(opening) for part in bodies), opening
        assert any("(KCNA) -- " in part for part in bodies)
        assert any("(KCNA) — " in part for part in bodies)
        assert {truth["gate"] for truth in truths} == {None, "redirect", "form"}
        assert {truth["in_language"] for truth in truths} == {"en", "ko", "ru", "zh"}
        assert any(truth["source_label"] == "(En)" and truth["source_name"] for truth in truths)
        assert any(truth["original_url"] is None for truth in truths)
        assert any(truth["images"] for truth in truths)

    @pytest.mark.parametrize("seed", [1, 6, 8, 14])
    def test_what_is_shown_of_a_text_is_in_its_language(self, seed: int) -> None:
        world = World(seed, articles=600)
        truths = [world.truth(name) for name in world.ids()]
        found = [detect(one["headline"], one["article_body"]) for one in truths]
        assert found == [one["in_language"] for one in truths]

    def test_slugs_are_wordpress_s(self, truths: list[dict]) -> None:
        slugs = [truth["url_path"].rpartition("/")[2] for truth in truths]
        assert all(re.fullmatch(r"(?:[a-z0-9-]|%[0-9a-f]{2})+", slug) for slug in slugs)
        assert any("%e2%80%99" in slug for slug in slugs)
        assert any(slug.endswith("%e2%80%8b") for slug in slugs)
        shared = {slug for slug, count in Counter(slugs).items() if count > 1 and len(slug) > 190}
        different = {truth["headline"] for truth in truths if truth["url_path"].rpartition("/")[2] in shared}
        assert len(different) > len(shared) > 0

    def test_one_story_appears_in_several_sources(self, truths: list[dict]) -> None:
        sources: dict[str, set[int]] = {}
        for truth in truths:
            if len(truth["article_body"]) > 300:
                sources.setdefault(truth["article_body"], set()).add(truth["source_id"])
        assert any(len(found) > 1 for found in sources.values())

    def test_search_finds_words_and_phrases_newest_first(self, world: World) -> None:
        hits = world.search('"press review"')
        assert hits
        assert all("press review" in world.truth(hit)["headline"].lower() for hit in hits)
        days = [world.truth(hit)["date_published"] for hit in hits]
        assert days == sorted(days, reverse=True)
        some = world.search("", sid=156, start=date(2026, 8, 1), end=date(2026, 8, 31))
        assert some
        assert all(world.truth(hit)["date_published"][:7] == "2026-08" for hit in some)

    def test_bad_arguments_are_refused(self) -> None:
        for arguments in ({"sources": 0}, {"sources": 21}, {"articles": -1}, {"order": "size"}):
            with pytest.raises(ValueError, match=next(iter(arguments))):
                World(**arguments)


class TestChange:
    def test_published_articles_head_the_listing(self) -> None:
        world = World(articles=200, order="arrival")
        fresh = world.publish(3, sid=163)
        assert world.listing(163)[:3] == fresh[::-1]
        assert world.truth(fresh[0])["source_id"] == 163

    def test_late_articles_head_the_listing_by_arrival_only(self) -> None:
        for order, heads in (("arrival", True), ("date", False)):
            world = World(articles=400, order=order)
            late = world.publish(1, sid=156, late_days=30)[0]
            assert late in world.listing(156)
            assert (world.listing(156)[0] == late) is heads
            assert lag(world.truth(late)) == 30

    @pytest.mark.parametrize(
        ("what", "key"), [("body", "article_body"), ("headline", "headline"), ("date", "date_published")]
    )
    def test_edits_change_one_thing_and_not_the_address(self, what: str, key: str) -> None:
        world = World(articles=50)
        for name in world.ids():
            before = world.truth(name)
            world.edit(name, what)
            after = world.truth(name)
            assert after[key] != before[key]
            assert after["url_path"] == before["url_path"]
            world.edit(name, what)
            assert world.truth(name)[key] not in {before[key], after[key]}

    def test_removed_articles_are_nowhere(self) -> None:
        world = World(articles=50)
        name = world.listing(156)[0]
        world.remove(name)
        assert name not in world.listing(156) + world.ids() + world.search()
        assert world.truth(name)["status"] == "gone"

    def test_what_is_kept_for_subscribers_may_be_opened_and_shut_again(self) -> None:
        world = World(articles=300)
        whole = world.ids()
        truncated = next(name for name in whole if world.truth(name)["access"] == "truncated")
        gated = next(name for name in whole if world.truth(name)["gate"] == "form")
        cut, shut = world.truth(truncated), world.truth(gated)
        world.open_up(truncated)
        world.open_up(gated)
        assert world.truth(truncated)["access"] == "full"
        assert world.truth(truncated)["article_body"].startswith(cut["article_body"].removesuffix("..."))
        assert world.truth(gated)["gate"] is None
        assert world.article(gated).gate is None
        world.close_up(truncated)
        world.close_up(gated)
        assert world.truth(truncated) == cut
        assert world.truth(gated)["gate"] == shut["gate"]

    def test_a_full_text_may_be_cut(self) -> None:
        world = World(articles=100)
        name = full(world)
        before = world.truth(name)
        world.close_up(name)
        after = world.truth(name)
        assert after["access"] == "truncated"
        assert before["article_body"].startswith(after["article_body"].removesuffix("..."))
        assert len(after["article_body"]) < len(before["article_body"])


class TestSpellings:
    def test_named_spellings_use_every_value_of_every_axis(self) -> None:
        assert len(VARIANTS) >= 8
        for axis, values in AXES.items():
            assert {getattr(variant, axis) for variant in VARIANTS.values()} == set(values), axis

    def test_only_one_of_them_needs_a_browser(self) -> None:
        assert [name for name, variant in VARIANTS.items() if variant.needs_browser] == ["browser-only"]

    def test_random_ones_are_reproducible_and_diverse(self) -> None:
        assert MarkupVariant.random(7) == MarkupVariant.random(7)
        assert len({MarkupVariant.random(seed) for seed in range(50)}) == 50

    def test_an_unknown_value_is_refused(self) -> None:
        with pytest.raises(ValueError, match="headline is one of"):
            MarkupVariant(headline="h9")

    @pytest.mark.parametrize("variant", [*VARIANTS.values(), *map(MarkupVariant.random, range(8))])
    def test_article_pages_say_the_truth(self, world: World, truths: list[dict], variant: MarkupVariant) -> None:
        renderer = Renderer(world, variant, "http://site")
        for truth in truths[::3]:
            view = replace(world.article(truth["id"]), gate=None)
            main = LexborHTMLParser(renderer.article(view)).css_first("main")
            assert truth["headline"] in {fold(node.text()) for node in main.css(HEADLINES)}
            assert expected_header(truth) in headers(main)
            body = main.css_first(".article-content")
            text = fold(body.text()) if body else ""
            assert all(paragraph in text for paragraph in truth["article_body"].split("\n\n"))

    @pytest.mark.parametrize("variant", VARIANTS.values())
    def test_cards_say_the_truth(self, world: World, variant: MarkupVariant) -> None:
        page = LexborHTMLParser(Renderer(world, variant, "http://site").listing(world.outlets[0]))
        cards = page.css(".article-desc")
        for card, name in zip(cards, world.listing(156)[:10], strict=True):
            truth = world.truth(name)
            assert fold(card.css_first("h4 a").text()) == truth["headline"]
            assert card.css_first("h4 a").attributes["href"].rstrip("/").endswith(truth["url_path"])
            assert fold(card.css_first(".articled-date span").text()) == truth["date_listed_raw"]
            assert fold(card.css_first("p").text()) == (truth["description"] or "")

    @pytest.mark.parametrize(("name", "variant"), VARIANTS.items())
    def test_the_ajax_id_is_in_the_page_unless_hidden(self, world: World, name: str, variant: MarkupVariant) -> None:
        for outlet in world.outlets:
            page = Renderer(world, variant, "http://site").listing(outlet)
            assert (str(outlet.ajax_id).encode() in page) is (name != "browser-only")


class TestServer:
    def test_any_ajax_offset_can_be_asked_for(self, replica: Replica) -> None:
        listing = replica.world.listing(156)
        for offset in (0, 3, 10, len(listing) - 4):
            assert card_ids(ajax(replica, offset, 190412)) == listing[offset : offset + 10]

    @pytest.mark.parametrize("variant", VARIANTS.values())
    def test_past_the_end_comes_the_end(self, variant: MarkupVariant) -> None:
        with Replica(World(articles=60), variant) as replica:
            answer = ajax(replica, 1000, 190412)
        ends = {"empty": b"", "zero": b"0", "whitespace": b""}
        assert answer.strip() == ends.get(variant.end, b'<p class="no-more">No more articles</p>')

    def test_an_unknown_ajax_id_is_answered_as_a_list_without_cards(self, replica: Replica) -> None:
        assert ajax(replica, 0, 156) == ajax(replica, 1000, 190412)

    @pytest.mark.parametrize(
        "decoration",
        [
            "",
            "/",
            "/any-slug",
            "/slug/",
            "/slug/?t=1629129194902",
            "/slug/%20",
            "/slug/%3C/a%3E",
            "/sl/Lee",
            "/%25EA%25B5",
        ],
    )
    def test_an_article_is_addressed_by_its_identity(self, replica: Replica, decoration: str) -> None:
        name = full(replica.world)
        status, _, body = get(replica, f"/newstream/{name}{decoration}")
        assert status == 200
        assert body == get(replica, f"/newstream/{name}")[2]

    def test_what_never_was_and_what_is_gone(self, replica: Replica) -> None:
        assert get(replica, "/newstream/1234567890-1234567/x")[0] == 404
        assert get(replica, "/article/99999/")[0] == 404
        for name in replica.world.listing(156)[:6]:
            replica.world.remove(name)
            assert get(replica, f"/newstream/{name}/x")[0] == replica.world.gone_status(name)

    def test_gates(self, replica: Replica) -> None:
        gated = {replica.world.truth(name)["gate"]: name for name in replica.world.ids()}
        status, headers, _ = get(replica, f"/newstream/{gated['redirect']}/x")
        assert status == 302
        assert headers["location"].startswith("/free-member-form/?redirect=")
        page = LexborHTMLParser(get(replica, f"/newstream/{gated['form']}/x")[2])
        assert page.css_first(".nk-paywall-free-member-form .free-member-form-inner")
        open_page = LexborHTMLParser(get(replica, f"/newstream/{full(replica.world)}")[2])
        assert not open_page.css_first(".nk-paywall-free-member-form")

    def test_links_are_absolute_for_the_name_that_was_asked(self, replica: Replica) -> None:
        links = LexborHTMLParser(get(replica, "/article/156/")[2]).css(".article-desc h4 a")
        assert all(link.attributes["href"].startswith(f"{replica.url}/newstream/") for link in links)

    def test_the_home_page_names_every_source(self, replica: Replica) -> None:
        page = LexborHTMLParser(get(replica, "/")[2])
        for outlet in replica.world.outlets:
            texts = [fold(link.text()) for link in page.css(f'a[href$="/article/{outlet.sid}/"]')]
            assert {outlet.label, "View all", ""} == set(texts)

    @pytest.mark.parametrize("name", VARIANTS)
    def test_search_and_its_button(self, name: str) -> None:
        with Replica(World(articles=400), VARIANTS[name]) as replica:
            asked = "s=in&source=190412&start=01-01-2024&end=31-12-2026&sort=recent"
            hits = replica.world.search("in", 156, date(2024, 1, 1), date(2026, 12, 31))
            page = get(replica, f"/?{asked}")[2]
            assert card_ids(page) == hits[:10]
            assert LexborHTMLParser(page).css_first("#more_results")
            more = {
                "script": f"action=get_search_results&{asked}&from=10&to=10",
                "data": f"action=load_more_search&{asked}&page=2",
            }[VARIANTS[name].search_more]
            assert card_ids(get(replica, f"/wp-admin/admin-ajax.php?{more}")[2]) == hits[10:20]

    def test_sitemaps_name_every_article(self) -> None:
        with Replica(World(articles=2500), VARIANTS["plain"]) as replica:
            index = get(replica, "/sitemap_index.xml")[2].decode()
            children = re.findall(r"<loc>http://[^/]+(/newstream-sitemap\d*\.xml)</loc>", index)
            found = [
                name
                for child in children
                for name in re.findall(r"/newstream/([0-9-]+)/", get(replica, child)[2].decode())
            ]
            assert len(children) == 3
            assert sorted(found) == sorted(replica.world.ids())
            assert get(replica, "/newstream-sitemap4.xml")[0] == 404

    def test_robots_txt(self) -> None:
        with Replica(World(articles=5), VARIANTS["plain"], crawl_delay=2.5) as replica:
            lines = get(replica, "/robots.txt")[2].decode().splitlines()
        assert "Disallow: /wp-admin/" in lines
        assert "Allow: /wp-admin/admin-ajax.php" in lines
        assert "Crawl-delay: 2.5" in lines

    def test_robots_txt_may_be_any_text(self) -> None:
        with Replica(World(articles=5), robots="User-agent: *\nDisallow: /") as replica:
            assert get(replica, "/robots.txt")[2] == b"User-agent: *\nDisallow: /"

    def test_https_with_a_certificate_that_nobody_trusts(self) -> None:
        with Replica(World(articles=5), tls=True) as replica:
            assert replica.url.startswith("https://")
            address = f"{replica.url}/article/156/"
            with pytest.raises(urllib.error.URLError, match="self-signed certificate"):
                urllib.request.urlopen(address, timeout=10)
            blind = ssl._create_unverified_context()
            with urllib.request.urlopen(address, timeout=10, context=blind) as answer:
                page = answer.read()
        assert f'href="{replica.url}/newstream/'.encode() in page

    def test_the_other_corners_of_the_site(self, replica: Replica) -> None:
        assert get(replica, "/feed/")[1]["location"].startswith("/free-member-form/")
        assert get(replica, "/kctv-archive/")[1]["location"].startswith("/wp-login.php")
        assert get(replica, "/newstream/feed/")[0] == 200
        assert get(replica, "/wp-content/uploads/sites/5/2026/01/rodong-2026-01-01.pdf")[2].startswith(b"%PDF")

    def test_the_order_is_the_spelling_s(self) -> None:
        variant = replace(VARIANTS["plain"], order="arrival")
        with Replica(World(articles=50, order="date"), variant) as replica:
            assert replica.world.order == "arrival"

    def test_requests_are_on_record(self, replica: Replica) -> None:
        get(replica, "/robots.txt")
        get(replica, "/article/156/")
        ajax(replica, 10, 190412)
        get(replica, f"/newstream/{full(replica.world)}/x")
        assert [request.status for request in replica.requests] == [200] * 4
        assert len(replica.listing_requests()) == 2
        assert len(replica.article_requests()) == replica.count("/newstream/") == 1
        replica.clear()
        assert replica.requests == []

    def test_a_port_in_use_is_an_error(self, replica: Replica) -> None:
        with (
            pytest.raises(OSError, match="address"),
            Replica(World(articles=1), port=urlsplit(replica.url).port or 0),
        ):
            pass

    def test_another_process_can_drive_it(self, replica: Replica) -> None:
        name = full(replica.world)
        fresh = json.loads(control(replica, "publish", {"n": 2, "sid": 163}))["ids"]
        assert set(fresh) <= set(replica.world.listing(163))
        control(replica, "edit", {"id": name, "what": "headline"})
        assert json.loads(get(replica, f"/__replica__/truth?id={name}")[2]) == replica.world.truth(name)
        control(replica, "close", {"id": name})
        assert replica.world.truth(name)["access"] == "truncated"
        control(replica, "open", {"id": name})
        assert replica.world.truth(name)["access"] == "full"
        control(replica, "remove", {"id": name})
        assert replica.world.is_gone(name)
        control(replica, "fault", {"pattern": "robots", "kind": "status", "times": 1, "status": 418})
        assert [get(replica, "/robots.txt")[0] for _ in range(2)] == [418, 200]
        seen = json.loads(get(replica, "/__replica__/requests")[2])["requests"]
        assert [request["path_qs"] for request in seen] == ["/robots.txt"] * 2
        assert get(replica, "/__replica__/nonsense")[0] == 400


class TestFaults:
    def test_statuses_with_retry_after(self, replica: Replica) -> None:
        replica.faults.add("robots", "status", times=1, status=429, retry_after=7)
        status, headers, _ = get(replica, "/robots.txt")
        assert (status, headers["retry-after"]) == (429, "7")
        assert get(replica, "/robots.txt")[0] == 200
        assert [(one.fault, one.retry_after) for one in replica.requests] == [("status", "7"), (None, None)]

    @pytest.mark.parametrize("value", ["", "soon", "-1", "1e9", "٣", "Thu, 99 Foo"])
    def test_a_retry_after_may_be_anything(self, replica: Replica, value: str) -> None:
        replica.faults.add("robots", "status", retry_after=value)
        assert get(replica, "/robots.txt")[1]["retry-after"].encode("latin-1").decode() == value

    def test_a_retry_after_may_be_a_date(self, replica: Replica) -> None:
        replica.faults.add("robots", "status", retry_after_date=3600)
        _, headers, _ = get(replica, "/robots.txt")
        until = parsedate_to_datetime(headers["retry-after"])
        assert timedelta(minutes=50) < until - datetime.now(UTC) < timedelta(minutes=70)

    @pytest.mark.parametrize(
        ("kind", "error"), [("reset", ConnectionResetError), ("truncated", http.client.IncompleteRead)]
    )
    def test_broken_connections(self, replica: Replica, kind: str, error: type[Exception]) -> None:
        replica.faults.add("/article/", kind)
        with pytest.raises(error):
            get(replica, "/article/156/")

    def test_a_gzip_body_cut_in_its_middle_is_sent_as_if_whole(self, replica: Replica) -> None:
        page = get(replica, "/article/156/")[2]
        replica.faults.add("/article/", "truncated_gzip")
        _, headers, body = get(replica, "/article/156/")
        assert int(headers["content-length"]) == len(body)
        unpacker = zlib.decompressobj(wbits=31)
        part = unpacker.decompress(body)
        assert not unpacker.eof
        assert page.startswith(part)
        assert b"<main" in part
        assert b"</main>" not in part

    def test_a_body_that_ends_where_the_connection_does(self, replica: Replica) -> None:
        page = get(replica, "/article/156/")[2]
        for kind, end in (("whole_unframed", len(page)), ("unframed", page.index(b"<main"))):
            replica.faults.add("/article/", kind, times=1, at=0)
            _, headers, body = get(replica, "/article/156/")
            assert headers.keys().isdisjoint({"content-length", "transfer-encoding"})
            assert body == page[:end]
        assert [request.status for request in replica.requests] == [200] * 3

    def test_a_request_that_hangs_is_on_record(self, replica: Replica) -> None:
        replica.faults.add("/article/", "hang")
        connection = http.client.HTTPConnection(urlsplit(replica.url).netloc, timeout=0.3)
        try:
            connection.request("GET", "/article/156/")
            with pytest.raises(TimeoutError):
                connection.getresponse()
        finally:
            connection.close()
        assert [request.status for request in replica.requests] == [0]

    def test_an_endless_body(self, replica: Replica) -> None:
        replica.faults.add("/article/", "endless")
        connection = http.client.HTTPConnection(urlsplit(replica.url).netloc, timeout=10)
        try:
            connection.request("GET", "/article/156/")
            answer = connection.getresponse()
            assert len(answer.read(5_000_000)) == 5_000_000
        finally:
            answer.close()
            connection.close()

    def test_bodies_that_are_not_what_they_say(self, replica: Replica) -> None:
        replica.faults.add("/a", "bomb", times=1, megabytes=20)
        _, headers, body = get(replica, "/article/156/")
        assert headers["content-encoding"] == "gzip"
        assert len(body) < 50_000
        assert zlib.decompress(body, wbits=31) == bytes(20_000_000)
        replica.faults.add("/a", "bad_gzip", times=1)
        with pytest.raises(zlib.error):
            zlib.decompress(get(replica, "/article/156/")[2], wbits=31)
        replica.faults.add("/a", "wrong_charset", times=1)
        assert get(replica, "/article/156/")[1]["content-type"].endswith("ISO-8859-1")
        replica.faults.add("/a", "empty", times=1)
        assert get(replica, "/article/156/")[2] == b""
        replica.faults.add("/a", "garbage", times=1)
        assert b"\x00" in get(replica, "/article/156/")[2]

    def test_redirects(self, replica: Replica) -> None:
        replica.faults.add("robots", "redirect", location="/elsewhere")
        assert get(replica, "/robots.txt")[1]["location"] == "/elsewhere"
        replica.faults.add("/article/", "redirect_loop")
        assert get(replica, "/article/156/")[1]["location"] == "/article/156/"

    def test_pages_that_lack_something(self, replica: Replica) -> None:
        replica.faults.add("/article/|ajax", "no_cards", times=2)
        assert card_ids(get(replica, "/article/156/")[2]) == card_ids(ajax(replica, 0, 190412)) == []
        replica.faults.add("ajax", "repeat", times=1)
        assert card_ids(ajax(replica, 10, 190412)) == replica.world.listing(156)[:10]
        name = full(replica.world)
        replica.faults.add(name, "unreadable", times=1)
        assert not headers(LexborHTMLParser(get(replica, f"/newstream/{name}")[2]).css_first("main"))
        replica.faults.add(name, "bad_date", times=1)
        assert b"Date: 31/02/2021" in get(replica, f"/newstream/{name}")[2]

    def test_a_list_that_stops_advancing(self, replica: Replica) -> None:
        listing = replica.world.listing(156)
        replica.faults.add("ajax", "stuck", offset=20)
        for offset, expected in ((10, 10), (20, 20), (25, 20), (4000, 20)):
            assert card_ids(ajax(replica, offset, 190412)) == listing[expected : expected + 10]

    def test_a_page_nested_deep(self, replica: Replica) -> None:
        name = full(replica.world)
        for path in (f"/newstream/{name}", "/article/156/"):
            replica.faults.add(path, "deep", times=1)
            page = get(replica, path)[2]
            assert page.count(b"<div>" * 100_000) == 1
            assert page.replace(b"<div>" * 100_000, b"") == get(replica, path)[2]

    def test_sitemaps_that_attack_their_reader(self, replica: Replica) -> None:
        replica.faults.add("sitemap", "entity_sitemap", times=1)
        _, headers, body = get(replica, "/sitemap_index.xml")
        assert headers["content-type"].startswith("text/xml")
        assert body.count(b"<!ENTITY") == 10
        assert len(body) < 2000
        replica.faults.add("sitemap", "xxe_sitemap", times=1)
        assert b'SYSTEM "file:///etc/passwd"' in get(replica, "/sitemap_index.xml")[2]

    @pytest.mark.parametrize("status", [None, 403, 503])
    def test_bot_checks_and_block_pages(self, replica: Replica, status: int | None) -> None:
        options = {} if status is None else {"status": status}
        replica.faults.add("/", "challenge", times=1, **options)
        found, headers, body = get(replica, "/article/156/")
        assert (found, headers.get("cf-mitigated")) == (status or 200, status and "challenge")
        assert b"Verify you are human" in body
        replica.faults.add("/", "block_page", times=1, **options)
        found, _, body = get(replica, "/article/156/")
        assert found == (status or 200)
        assert b"you have been blocked" in body

    def test_sign_up_walls(self, replica: Replica) -> None:
        name = full(replica.world)
        replica.faults.add("newstream", "sign_up", times=1)
        status, headers, _ = get(replica, f"/newstream/{name}/x")
        assert (status, headers["location"].partition("=")[0]) == (302, "/free-member-form/?redirect")
        for path in (f"/newstream/{name}", "/article/156/"):
            replica.faults.add(path, "overlay", times=1)
            page = LexborHTMLParser(get(replica, path)[2])
            assert page.css_first("main .nk-paywall-free-member-form .free-member-form-inner")
            assert page.css_first(".article-desc h4 a")
            replica.faults.add(path, "form", times=1)
            page = LexborHTMLParser(get(replica, path)[2])
            assert page.css_first("main .nk-paywall-free-member-form .free-member-form-inner")
            assert not page.css_first(".article-desc, .article-content")

    def test_texts_cut_for_subscribers(self, replica: Replica) -> None:
        name = full(replica.world)
        replica.faults.add(name, "truncate", times=1)
        page = get(replica, f"/newstream/{name}")[2]
        replica.world.close_up(name)
        assert page == get(replica, f"/newstream/{name}")[2]
        assert NOTICE.removeprefix("Upgrade to NK PRO").encode() in page

    @pytest.mark.parametrize("variant", VARIANTS)
    @pytest.mark.parametrize("way", WAYS)
    @pytest.mark.parametrize("field", FIELDS)
    def test_a_page_that_lost_an_anchor(self, field: str, way: str, variant: str) -> None:
        anchors = {
            "headline": re.compile(rb'<h[123]>(?!More)|class="(?:article-)?title"'),
            "date": re.compile(rb"Date:(?:</strong>|&nbsp;)? ?[0-9]"),
            "label": re.compile(rb"Source:(?:</strong>)? "),
            "body": re.compile(rb'class="[^"]*article-content'),
            "card_date": re.compile(rb'class="articled-date"'),
            "cards": re.compile(rb'class="article-desc"'),
        }
        with Replica(World(articles=120), VARIANTS[variant]) as replica:
            name = full(replica.world)
            path = "/article/156/" if field.startswith("card") else f"/newstream/{name}"
            before = article_part(get(replica, path)[2])
            replica.faults.add("", "lost", field=field, way=way)
            after = article_part(get(replica, path)[2])
        assert anchors.pop(field).search(before)
        assert after != before
        for other, anchor in anchors.items():
            assert len(anchor.findall(after)) == len(anchor.findall(before)) or {field, other} == {"cards", "card_date"}

    @pytest.mark.parametrize("what", HOSTILE)
    def test_hostile_text(self, replica: Replica, what: str) -> None:
        name = full(replica.world)
        shown = HOSTILE[what].encode(errors="xmlcharrefreplace") if what != "entities" else b"&#0; &#xD800; &#xDFFF;"
        for path, kind in ((f"/newstream/{name}", "hostile"), ("/article/156/", "hostile_cards")):
            regular = get(replica, path)[2]
            replica.faults.add(path, kind, times=1, what=what)
            page = get(replica, path)[2]
            assert page.count(shown) >= 2
            assert shown not in regular
            replica.faults.add(path, kind, times=1, what=what, field="title")
            assert 0 < get(replica, path)[2].count(shown) < page.count(shown)

    @pytest.mark.parametrize(
        ("kind", "options", "message"),
        [
            ("lost", {}, "field is one of"),
            ("lost", {"field": "body", "way": "stolen"}, "way is one of"),
            ("hostile", {"what": "rude"}, "what is one of"),
            ("hostile_cards", {"what": "long", "field": "foot"}, "field is one of"),
        ],
    )
    def test_an_unknown_option_is_refused(self, replica: Replica, kind: str, options: dict, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            replica.faults.add("/", kind, **options)

    @pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"hang", "endless", "reset", "truncated"}))
    def test_every_kind_is_served_and_counted(self, replica: Replica, kind: str) -> None:
        options = {"lost": {"field": "date"}, "hostile": {"what": "bidi"}, "hostile_cards": {"what": "bidi"}}
        regular = get(replica, "/robots.txt")[0]
        replica.faults.add("", kind, times=1, **options.get(kind, {}))
        get(replica, "/article/156/")
        assert replica.faults.served == {kind: 1}
        assert get(replica, "/robots.txt")[0] == regular == 200

    def test_chaos_is_bounded_for_every_path_and_repeatable(self) -> None:
        choices = [Fault.of("a", "reset"), Fault.of("", "status", status=500)]
        paths = [f"/{letter}" for letter in "ab" * 300]

        def fate(seed: int) -> list[str | None]:
            faults = Faults()
            faults.chaos(seed, choices, share=0.5, per_path=20)
            return [fault and fault.kind for fault in map(faults.take, paths)]

        first = fate(1)
        assert Counter(first[::2]).keys() == {None, "reset", "status"}
        assert Counter(first[1::2]) == {None: 280, "status": 20}
        assert first == fate(1) != fate(2)
        assert first[:40].count(None) > 5

    def test_what_is_set_comes_before_chaos_and_all_of_it_may_end(self) -> None:
        faults = Faults()
        faults.chaos(1, [Fault.of("", "reset")], share=1)
        faults.add("", "empty", times=1)
        assert [faults.take("/").kind for _ in range(2)] == ["empty", "reset"]
        assert faults.served == {"empty": 1, "reset": 1}
        faults.clear()
        assert faults.take("/") is None

    def test_an_unknown_kind_is_refused(self, replica: Replica) -> None:
        with pytest.raises(ValueError, match="kind is one of"):
            replica.faults.add("/", "flood")


class TestCommand:
    def test_serves_until_told_to_stop(self) -> None:
        for signum in (signal.SIGINT, signal.SIGTERM):
            process = start("--port", "0", "--articles", "30", stdout=subprocess.PIPE)
            with process:
                line = process.stdout.readline()
                assert re.search(r"http://127\.0\.0\.1:[0-9]+", line)
                process.send_signal(signum)
                assert process.wait(10) == 0

    def test_lists_the_spellings(self) -> None:
        with start("--list-spellings", stdout=subprocess.PIPE) as process:
            assert process.stdout.read().split() == list(VARIANTS)

    @pytest.mark.parametrize(
        "options",
        [
            ["--port", "x"],
            ["--articles", "-1"],
            ["--sources", "21"],
            ["--spelling", "odd"],
            ["--crawl-delay", "nan"],
            ["x"],
        ],
    )
    def test_a_bad_option_is_one_line_and_exit_2(self, options: list[str]) -> None:
        with start(*options, stderr=subprocess.PIPE) as process:
            message = process.stderr.read()
            assert process.wait(10) == 2
        assert message.count("\n") == 1
        assert options[-1] in message


class TestTools:
    def test_width_counts_hangul_twice(self) -> None:
        assert width("abc") == 3
        assert width("김정은") == 6
        assert cut("김정은", 5) == "김정"
        assert cut("one two", 4) == "one"

    def test_slugs(self) -> None:
        assert slugify("DPRK’s “Press” Review & More!") == "dprks-press-review-more"
        assert slugify("DPRK’s", keep_quotes=True) == "dprk%e2%80%99s"
        assert slugify("국가") == "%ea%b5%ad%ea%b0%80"
        assert len(slugify("a" * 300)) == 200


def article_part(page: bytes) -> bytes:
    """What stands between the menus and the footer."""
    return page.partition(b"<main")[2].partition(b"<footer")[0]


def lag(truth: dict) -> int:
    """Days between an article's date and its arrival."""
    return (date.fromisoformat(truth["url_time"][:10]) - date.fromisoformat(truth["date_published"])).days


def headers(main) -> list[tuple[str, ...]]:
    matches = (HEADER.fullmatch(fold(node.text())) for node in main.css("p, ul, div, h5"))
    return [match.groups() for match in matches if match]


def expected_header(truth: dict) -> tuple[str, str, str | None]:
    link = "Read original version at source" if truth["original_url"] else None
    return truth["date_published_raw"], truth["source_label"], link


def control(replica: Replica, command: str, given: dict) -> bytes:
    status, _, body = get(replica, f"/__replica__/{command}", "POST", json.dumps(given))
    assert status == 200, body
    return body


def start(*options: str, **streams: int) -> subprocess.Popen[str]:
    """``scrapy replica`` as a process, whatever project the tests are run from."""
    program = (
        "import sys; from scrapy.settings import Settings; from kcnacrawl.commands.replica import Command;"
        "import argparse; command = Command(); command.settings = Settings();"
        "parser = argparse.ArgumentParser(); command.add_options(parser);"
        "options, rest = parser.parse_known_args(); command.run(rest, options); sys.exit(command.exitcode)"
    )
    arguments = [sys.executable, "-c", program, *options]
    return subprocess.Popen(arguments, text=True, env={**os.environ, "PYTHONWARNINGS": "error"}, **streams)
