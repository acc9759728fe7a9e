"""``scrapy crawl`` from the outside: what is stored, what it costs, what it exits with."""

import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import msgspec
import pytest

from kcnacrawl.archive.ledger import Ledger
from kcnacrawl.items import Article, Rejected
from kcnacrawl.replica.markup_variant import AXES, VARIANTS, MarkupVariant
from kcnacrawl.replica.server import Replica

from . import processes
from .conftest import ROOT, Crawl, command, differences, read_lines, ungated, wait_for

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]
Launch = Callable[..., processes.Popen]

READABLE = [name for name, variant in VARIANTS.items() if not variant.needs_browser]


# Everything, exactly


@pytest.mark.parametrize("variant", READABLE)
def test_every_article_is_stored_as_it_is_in_every_spelling(serve: Serve, crawl: Run, variant: str) -> None:
    # What a variant changes shows on each page; what is rare among articles, in one large site.
    replica = serve(articles=600 if variant == "plain" else 150, sources=5, variant=variant)
    done = crawl(replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []


def test_every_line_is_of_the_schema(serve: Serve, crawl: Run) -> None:
    done = crawl(serve().url, "source")
    for line in (done.folder / "articles.jsonl").read_bytes().splitlines():
        msgspec.json.decode(line, type=Article)
        assert list(json.loads(line)) == [field.name for field in msgspec.structs.fields(_struct())]
    for line in (done.folder / "quarantine.jsonl").read_bytes().splitlines():
        msgspec.json.decode(line, type=Rejected)


def _struct() -> type[msgspec.Struct]:
    fields = [(name, object) for name in Article.__dataclass_fields__]
    return msgspec.defstruct("Record", fields)


@pytest.mark.parametrize(
    "source",
    [
        "163",
        "ajax:191207",
        "{url}/article/163/",
        "https://kcnawatch.org/article/163",
        "{article}",
        "ministry of foreign affairs (en)",
    ],
)
def test_a_source_may_be_named_in_any_way(serve: Serve, crawl: Run, source: str) -> None:
    replica = serve(articles=100, sources=3)
    newest = replica.world.listing(163)[0]
    article = replica.url + str(replica.world.truth(newest)["url_path"])
    done = crawl(replica.url, "source", "-a", "source=" + source.format(url=replica.url, article=article))
    assert done.exit_code == 0, done.stderr
    mine = {one for one in replica.world.ids(163) if replica.world.truth(one)["gate"] is None}
    assert {record["id"] for record in done.records} == mine
    assert {record["source_id"] for record in done.records} == {163}


def test_a_name_without_a_language_is_the_source_in_all_its_languages(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=12)
    # That the ledger knows of one does not say that there are no others.
    crawl(replica.url, "source", "-a", "source=160", "-a", "limit=1")
    done = crawl(replica.url, "source", "-a", "source=rodong sinmun")
    assert done.exit_code == 0, done.stderr
    rodong = {one for one in ungated(replica) if replica.world.truth(one)["source_id"] in {159, 160}}
    assert {record["id"] for record in done.records} == rodong
    assert {record["source_language"] for record in done.records} == {"en", "ko"}
    before = len(replica.requests)
    assert crawl(replica.url, "source", "-a", "source=rodong sinmun").exit_code == 0
    news = [request.path_qs for request in replica.requests[before:]]
    assert len([path for path in news if path != "/robots.txt"]) == 3
    looked = crawl(replica.url, "recheck", "-a", "source=Rodong Sinmun", "-a", "every=0")
    assert (looked.exit_code, looked.report["counts"]["responses"]) == (0, len(rodong) + 1)


def test_a_name_that_cannot_be_looked_up_is_none_that_is_learned(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=10, sources=2)
    replica.faults.add("^/$", "status", status=500)
    done = crawl(replica.url, "source", "-a", "source=Rodong Sinmun", "-s", "RETRY_TIMES=0")
    assert done.exit_code == 3
    ledger = Ledger(done.folder / "ledger.sqlite")
    assert (ledger.open(done.folder / "articles.jsonl"), ledger.sources.all()) == ("", [])
    ledger.close()


def test_several_sources_go_by_comma(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=120, sources=4)
    done = crawl(replica.url, "source", "-a", "source=163, KCNA.kp (En)")
    assert done.exit_code == 0, done.stderr
    assert {record["source_id"] for record in done.records} == {163, 156}


# What a second run costs


def test_a_run_without_news_asks_for_one_listing_page_a_source(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=120, sources=4)
    first = crawl(replica.url, "source")
    replica.requests.clear()
    second = crawl(replica.url, "source")
    assert (first.exit_code, second.exit_code) == (0, 0)
    assert second.records == first.records
    assert len(replica.article_requests()) == 0
    assert len(replica.listing_requests()) == 4


@pytest.mark.parametrize("order", ["date", "arrival"])
def test_seven_new_articles_cost_seven_requests_and_two_pages_a_source(serve: Serve, crawl: Run, order: str) -> None:
    replica = serve(articles=120, sources=2)
    replica.world.arrange(order)
    before = crawl(replica.url, "source")
    new = replica.world.publish(7)
    replica.requests.clear()
    after = crawl(replica.url, "source")
    assert after.exit_code == 0, after.stderr
    ungated = [one for one in new if replica.world.truth(one)["gate"] is None]
    assert sorted(record["id"] for record in after.records[len(before.records) :]) == sorted(ungated)
    assert len(replica.article_requests()) <= 7
    assert len(replica.listing_requests()) <= 2 * 2


def test_known_articles_prove_nothing_until_a_walk_was_completed(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=120, sources=1)
    first = crawl(replica.url, "source", "-a", "limit=40")
    assert first.exit_code == 0
    assert len(first.records) == 40
    rest = crawl(replica.url, "source")
    assert rest.exit_code == 0
    assert differences(replica, rest.records) == []


def test_a_lost_ledger_costs_listing_pages_and_no_article(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=100, sources=2)
    first = crawl(replica.url, "source")
    (first.folder / "ledger.sqlite").unlink()
    replica.requests.clear()
    second = crawl(replica.url, "source")
    assert second.exit_code == 0, second.stderr
    assert second.records == first.records
    assert len(replica.article_requests()) == 0


def test_a_damaged_ledger_is_rebuilt(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=100, sources=2)
    first = crawl(replica.url, "source")
    (first.folder / "ledger.sqlite").write_bytes(b"no database at all" * 1000)
    second = crawl(replica.url, "source")
    assert second.exit_code == 0, second.stderr
    assert second.records == first.records


# A list that changes while it is walked


@pytest.mark.parametrize("order", ["date", "arrival"])
def test_what_arrives_while_paging_hides_nothing(serve: Serve, crawl: Run, order: str) -> None:
    replica = serve(articles=200, sources=1)
    replica.world.arrange(order)
    there = set(replica.world.ids())
    done = _while_crawling(replica, crawl, lambda: replica.world.publish(3))
    assert done.exit_code == 0, done.stderr
    assert there <= _stored_or_gated(replica, done)
    ids = [record["id"] for record in done.records]
    assert len(ids) == len(set(ids))


def test_what_is_removed_while_paging_hides_nothing_that_stays(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=200, sources=1)
    newest = iter(list(replica.world.listing(156)))
    done = _while_crawling(replica, crawl, lambda: [replica.world.remove(next(newest)) for _ in range(4)])
    assert done.exit_code == 0, done.stderr
    assert set(replica.world.ids()) <= _stored_or_gated(replica, done) | {
        one for one in replica.world.ids() if replica.world.is_gone(one)
    }
    assert done.report["counts"]["walk/steps_back"] > 0


def _stored_or_gated(replica: Replica, done: Crawl) -> set[str]:
    gated = {one for one in replica.world.ids() if replica.world.truth(one)["gate"] is not None}
    return gated | {record["id"] for record in done.records}


def _while_crawling(replica: Replica, crawl: Run, change: Callable[[], object]) -> Crawl:
    """A crawl during which the list changes after every third listing page."""
    over = threading.Event()

    def keep_changing() -> None:
        changed = 0
        while not over.wait(0.005) and changed < 12:
            if len(replica.listing_requests()) > 4 + 3 * changed:
                change()
                changed += 1

    changing = threading.Thread(target=keep_changing)
    changing.start()
    try:
        return crawl(replica.url, "source", "-s", "CONCURRENT_REQUESTS_PER_DOMAIN=1")
    finally:
        over.set()
        changing.join()


@pytest.mark.parametrize("end", AXES["end"])
def test_a_number_that_is_no_ajax_id_hides_none(serve: Serve, crawl: Run, end: str) -> None:
    replica = serve(articles=60, sources=2, variant=MarkupVariant(ajax_id="onclick", decoys="many", end=end))
    done = crawl(replica.url, "source", "-s", "KCNACRAWL_RENDER=never")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []
    assert any("&id=12" in request.path_qs for request in replica.listing_requests())


@pytest.mark.parametrize(("status", "exit_code"), [(400, 0), (404, 0), (500, 3), (403, 5)])
def test_a_number_that_is_refused_is_no_ajax_id_unless_the_site_fails(
    serve: Serve, crawl: Run, status: int, exit_code: int
) -> None:
    replica = serve(articles=30, sources=1, variant=MarkupVariant(ajax_id="onclick", decoys="many"))
    replica.faults.add("&id=12$", "status", status=status)
    assert crawl(replica.url, "source", "-s", "KCNACRAWL_RENDER=never").exit_code == exit_code


# since, until, limit


def test_only_the_days_asked_for_are_stored(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=150, sources=2)
    days = sorted(str(replica.world.truth(one)["date_published"]) for one in replica.world.ids())
    since, until = days[len(days) // 2], days[3 * len(days) // 4]
    done = crawl(replica.url, "source", "-a", f"since={since}", "-a", f"until={until}")
    assert done.exit_code == 0, done.stderr
    near = _near_their_cards(replica, since, until)
    assert near <= {record["id"] for record in done.records}
    assert all(since <= record["date_published"] <= until for record in done.records)

    replica.requests.clear()
    crawl(replica.url, "source", "-a", f"since={since}", "-a", f"until={until}")
    assert len(replica.article_requests()) == 0

    assert differences(replica, crawl(replica.url, "source").records) == []


def _near_their_cards(replica: Replica, since: str, until: str) -> set[str]:
    """Articles of a window of which a listing tells: the card is at most a day off, or the address corrects it."""
    truths = (replica.world.truth(one) for one in replica.world.ids())
    return {
        str(truth["id"])
        for truth in truths
        if truth["gate"] is None
        and since <= str(truth["date_published"]) <= until
        and (not truth["date_conflict"] or _is_corrected(truth))
    }


def _is_corrected(truth: dict[str, object]) -> bool:
    """Whether an article's card is a few days off and its address is not."""
    return 1 < _days_between(truth, "date_listed") <= 3 and _days_between(truth, "url_time") <= 1


def _days_between(truth: dict[str, object], other: str) -> int:
    published, day = (date.fromisoformat(str(truth[key])[:10]) for key in ("date_published", other))
    return abs((published - day).days)


def test_an_article_whose_card_is_days_off_is_found_by_its_address(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=300, sources=2)
    off = list(filter(_is_corrected, map(replica.world.truth, ungated(replica))))
    assert off
    for truth in off:
        day = truth["date_published"]
        done = crawl(replica.url, "source", "-a", f"since={day}", "-a", f"until={day}")
        assert (done.exit_code, truth["id"] in {record["id"] for record in done.records}) == (0, True)


def test_a_limit_is_kept_to(serve: Serve, crawl: Run) -> None:
    done = crawl(serve().url, "source", "-a", "limit=7")
    assert (done.exit_code, len(done.records)) == (0, 7)
    assert done.report["finish_reason"] == "limit"


def test_a_limit_costs_no_pages_that_are_thrown_away(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=120, sources=2)
    done = crawl(replica.url, "source", "-a", "limit=7")
    # One behind a wall makes room for another; which come first is chance.
    assert len(replica.article_requests()) == 7 + len(done.quarantine)


# The other spiders


def test_articles_are_found_by_any_address_they_are_known_by(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    replica = serve(articles=60, sources=2)
    one, two, three, four = [i for i in replica.world.ids() if replica.world.truth(i)["gate"] is None][:4]
    wild = tmp_path / "wild.txt"
    wild.write_text(
        f"# from a text copy\nhttps://kcnawatch.xyz/newstream/{two}/a-slug/?t=1629129194902\n"
        f"http://www.kcnawatch.org/newstream/{three}/cut-slu/Lee\n\n{four}\n"
    )
    path = replica.world.truth(one)["url_path"]
    done = crawl(replica.url, "article", "-a", f"url={path}/%20", "-a", f"file={wild}")
    assert done.exit_code == 0, done.stderr
    assert [record["id"] for record in sorted(done.records, key=lambda r: r["id"])] == sorted([one, two, three, four])
    replica.requests.clear()
    again = crawl(replica.url, "article", "-a", f"file={wild}")
    assert (again.exit_code, len(replica.article_requests())) == (0, 0)


def test_sources_are_listed(serve: Serve, crawl: Run) -> None:
    replica = serve(sources=5)
    done = crawl(replica.url, "sources")
    assert done.exit_code == 0
    listed = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(int(sid), label) for sid, label, _ in listed] == [(o.sid, o.label) for o in replica.world.outlets]


@pytest.mark.parametrize(
    ("streams", "environment", "code"),
    [("| cat", {"PYTHONIOENCODING": "ascii"}, 0), ("| true", {}, 0), (">&-", {}, 0), (">/dev/full", {}, 7)],
)
def test_sources_are_listed_as_far_as_they_can_be_shown(
    serve: Serve, tmp_path: Path, streams: str, environment: dict[str, str], code: int
) -> None:
    replica = serve(articles=10, sources=2)
    replica.world.outlets = [replace(one, label=f"로동신문 {one.label}") for one in replica.world.outlets]
    run = ["bash", "-c", f'"$@" {streams}; exit ${{PIPESTATUS[0]}}', "bash", *command(tmp_path, replica.url, "sources")]
    done = subprocess.run(run, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if streams == "| cat":
        assert "\\ub85c\\ub3d9\\uc2e0\\ubb38 KCNA.kp (En)" in done.stdout
    # What was read is known, whoever has seen it.
    ledger = Ledger(tmp_path / "ledger.sqlite")
    assert ledger.open(tmp_path / "articles.jsonl") == ""
    assert [one.sid for one in ledger.sources.all()] == [156, 160]
    ledger.close()


def test_a_file_whose_name_is_no_text_is_read_and_the_report_names_it(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    replica = serve(articles=10, sources=1)
    path = tmp_path / "\udcff.txt"
    path.write_text(ungated(replica)[0], encoding="utf-8")
    done = crawl(replica.url, "article", "-a", f"file={path}")
    assert (done.exit_code, len(done.records)) == (0, 1), done.stderr
    assert done.report["arguments"] == {"file": f"{tmp_path}/\\udcff.txt"}


def test_what_a_source_owes_is_no_debt_of_a_look_at_the_home_page(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=2)
    victim = next(one for one in replica.world.ids() if replica.world.truth(one)["gate"] is None)
    replica.faults.add(f"/newstream/{victim}", "unreadable")
    assert crawl(replica.url, "source").exit_code == 3
    assert crawl(replica.url, "sources").exit_code == 0


def test_feeds_go_on_working(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    feed = tmp_path / "feed.jsonl"
    done = crawl(serve(articles=40, sources=2).url, "source", "-o", str(feed))
    assert {record["id"] for record in read_lines(feed)} == {record["id"] for record in done.records}


# The one real page


@pytest.mark.parametrize("variant", ["seed_p", "seed_br", "seed_div", "seed_mixed", "seed_minified"])
def test_the_seed_page_gives_exactly_its_record(serve_page: Callable[[bytes], str], crawl: Run, variant: str) -> None:
    case = ROOT / "tests/pages/article" / variant
    url = json.loads((case / "meta.json").read_text(encoding="utf-8"))["url"]
    expected = json.loads((case / "expected.json").read_text(encoding="utf-8"))
    done = crawl(serve_page((case / "input.html").read_bytes()), "article", "-a", f"url={url}")
    assert done.exit_code == 0, done.stderr
    (record,) = done.records
    assert (record["date_published"], record["date_published_raw"]) == ("2021-03-23", "23/03/2021")
    assert record["headline"] == "Respected Comrade Kim Jong Un Sends Verbal Message to President Xi Jinping"
    assert record["source_label"] == "Ministry of Foreign Affairs (EN)"
    assert record["source_name"] == "Ministry of Foreign Affairs"
    assert (record["source_language"], record["in_language"]) == ("en", "en")
    assert (record["date_listed"], record["description"], record["access"]) == (None, None, "full")
    paragraphs = record["article_body"].split("\n\n")
    assert len(paragraphs) == 7
    assert paragraphs[0].startswith(
        "Kim Jong Un , General Secretary of the Workers’ Party of Korea (WPK) and President"
    )
    assert paragraphs[-1].startswith("It sincerely wished Xi Jinping good health and bigger success")
    assert record["article_body"] == expected["article_body"]


# What fails, and what is owed


def test_a_failed_page_is_owed_and_tried_again_by_the_next_run(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=2)
    victim = next(one for one in replica.world.ids() if replica.world.truth(one)["gate"] is None)
    replica.faults.add(f"/newstream/{victim}", "status", status=500)
    first = crawl(replica.url, "source", "-s", "RETRY_TIMES=1")
    assert first.exit_code == 3
    assert first.last_line.startswith("kcnacrawl: incomplete (3): 1 pages failed")
    assert [(row["id"], row["reason"]) for row in first.quarantine if row["id"] == victim] == [(victim, "http_error")]
    replica.faults.clear()
    replica.requests.clear()
    second = crawl(replica.url, "source")
    assert second.exit_code == 0
    assert differences(replica, second.records) == []
    assert len(replica.article_requests()) == 1


def test_what_is_owed_outlives_the_ledger(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=2)
    victim = next(one for one in replica.world.ids() if replica.world.truth(one)["gate"] is None)
    replica.faults.add(f"/newstream/{victim}", "unreadable")
    first = crawl(replica.url, "source")
    assert (first.exit_code, first.report["counts"]["owed"]) == (3, 1)
    (first.folder / "ledger.sqlite").unlink()
    second = crawl(replica.url, "source")
    assert (second.exit_code, second.report["counts"]["owed"]) == (3, 1)
    replica.faults.clear()
    assert differences(replica, crawl(replica.url, "source").records) == []


@pytest.mark.parametrize(
    ("fault", "reason"), [("bad_date", "bad_date"), ("unreadable", "layout_changed"), ("garbage", "layout_changed")]
)
def test_a_page_that_cannot_be_read_is_never_half_a_record(serve: Serve, crawl: Run, fault: str, reason: str) -> None:
    replica = serve(articles=60, sources=2)
    victim = next(one for one in replica.world.ids() if replica.world.truth(one)["gate"] is None)
    replica.faults.add(f"/newstream/{victim}", fault)
    done = crawl(replica.url, "source")
    assert done.exit_code == 3
    assert victim not in {record["id"] for record in done.records}
    assert [row["reason"] for row in done.quarantine if row["id"] == victim] == [reason]


def test_a_redirect_to_another_article_is_not_stored_under_the_name_of_the_first(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=2)
    one, other = [i for i in replica.world.ids() if replica.world.truth(i)["gate"] is None][:2]
    replica.faults.add(f"/newstream/{one}", "redirect", location=str(replica.world.truth(other)["url_path"]))
    done = crawl(replica.url, "article", "-a", f"url={one}")
    assert (done.exit_code, done.records) == (3, [])
    assert "led to another page" in done.quarantine[0]["detail"]


def test_a_listing_that_leads_elsewhere_is_a_changed_layout(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=2)
    replica.faults.add("^/article/156", "redirect", location="/article/160/")
    done = crawl(replica.url, "source", "-a", "source=156")
    assert (done.exit_code, done.records) == (4, [])
    assert "led to another page" in done.last_line


def test_what_fails_on_the_way_in_is_owed_in_its_list(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=100, sources=3)
    entry = [i for i in replica.world.listing(163) if replica.world.truth(i)["gate"] is None][25]
    replica.faults.add(f"/newstream/{entry}", "bad_date")
    url = replica.url + str(replica.world.truth(entry)["url_path"])
    first = crawl(replica.url, "source", "-a", f"source={url}")
    assert (first.exit_code, first.report["counts"]["owed"]) == (3, 1)
    replica.faults.clear()
    second = crawl(replica.url, "source", "-a", "source=163")
    assert second.exit_code == 0
    assert entry in {record["id"] for record in second.records}


def test_an_ajax_id_is_walked_without_the_home_page(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=100, sources=2)
    replica.faults.add("^/$", "status", status=500)
    done = crawl(replica.url, "source", "-a", f"source=ajax:{replica.world.outlet(156).ajax_id}", "-s", "RETRY_TIMES=0")
    assert done.exit_code == 0, done.stderr
    ungated = {i for i in replica.world.ids(156) if replica.world.truth(i)["gate"] is None}
    assert {record["id"] for record in done.records} == ungated


def test_late_articles_above_the_window_do_not_hide_it(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=150, sources=1)
    replica.world.arrange("arrival")
    replica.world.publish(14, late_days=30)
    newest = sorted((str(replica.world.truth(i)["date_published"]) for i in replica.world.ids()), reverse=True)
    since, until = newest[40], newest[0]
    done = crawl(replica.url, "source", "-a", f"since={since}")
    assert done.exit_code == 0, done.stderr
    assert _near_their_cards(replica, since, until) <= {record["id"] for record in done.records}


def test_a_missing_page_is_told_and_not_asked_for_at_once_again(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=2)
    replica.faults.add("/newstream/1616497394-946528541", "status", status=404)
    done = crawl(replica.url, "article", "-a", "url=1616497394-946528541")
    assert done.exit_code == 0
    assert [(row["reason"], row["http_status"]) for row in done.quarantine] == [("not_found", 404)]
    replica.requests.clear()
    crawl(replica.url, "article", "-a", "url=1616497394-946528541")
    assert len(replica.article_requests()) == 0


def test_gated_pages_are_told_and_do_not_change_the_exit_code(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=100, sources=2)
    gated = {one for one in replica.world.ids() if replica.world.truth(one)["gate"] is not None}
    done = crawl(replica.url, "source")
    assert done.exit_code == 0
    assert gated
    assert {row["id"] for row in done.quarantine if row["reason"] == "sign_up_wall"} == gated
    assert replica.count("/free-member-form") == 0


# Exit codes, each with one line that says what to do


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["source", "-a", "sorce=163"], "unknown argument 'sorce'; there are: since, until, limit, source"),
        (["source", "-a", "since=2021-02-30"], "argument since='2021-02-30': no day of the calendar"),
        (["source", "-a", "since=2021-03-02", "-a", "until=2021-03-01"], "since=2021-03-02 is after until=2021-03-01"),
        (["source", "-a", "limit=0"], "argument limit='0': not a whole number from 1"),
        (["article"], "give articles by url=… or file=…"),
        (["nosuch"], "no spider 'nosuch'; there are: article, recheck, search, sitemap, source, sources"),
        (["source", "-s", "KCNACRAWL_URL=ftp://x"], "setting KCNACRAWL_URL='ftp://x': not the address of a site"),
    ],
)
def test_bad_input_is_one_line_and_fetches_nothing(serve: Serve, crawl: Run, words: list[str], line: str) -> None:
    replica = serve()
    done = crawl(replica.url, *words)
    assert done.exit_code == 2
    assert done.stderr == f"kcnacrawl: {line}\n"
    assert replica.requests == []
    assert not done.folder.exists()


def test_a_label_that_is_none_names_those_there_are(serve: Serve, crawl: Run) -> None:
    done = crawl(serve(sources=3).url, "source", "-a", "source=Pravda")
    assert done.exit_code == 2
    assert "no such source; there are: KCNA.kp (En), Rodong Sinmun (Kr)" in done.last_line


def test_a_dead_site_is_incomplete(crawl: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        done = crawl(url, "source", "-a", "source=163")
    assert done.exit_code == 3
    assert f"{url}/article/163/" in done.last_line


def test_a_listing_that_is_missing_is_incomplete(serve: Serve, crawl: Run) -> None:
    done = crawl(serve().url, "source", "-a", "source=99999")
    assert done.exit_code == 3
    assert "/article/99999/: the site answered 404" in done.last_line


def test_a_listing_without_cards_is_a_changed_layout(serve: Serve, crawl: Run) -> None:
    replica = serve()
    replica.faults.add("/article/|admin-ajax", "no_cards")
    done = crawl(replica.url, "source", "-a", "source=163")
    assert done.exit_code == 4
    assert "no cards on a listing" in done.last_line


def test_too_many_unreadable_pages_are_a_changed_layout(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=1)
    replica.faults.add("/newstream/", "unreadable")
    done = crawl(replica.url, "source")
    assert done.exit_code == 4
    assert done.report["verdict"] == "layout_changed"


def test_a_hidden_ajax_id_stores_the_cards_there_are_and_says_how_to_go_on(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=100, sources=1, variant="browser-only")
    done = crawl(replica.url, "source", "-a", "source=156", "-s", "KCNACRAWL_RENDER=never")
    assert done.exit_code == 4
    assert "give source=ajax:<id>" in done.last_line
    assert 0 < len(done.records) <= 10
    ajax_id = replica.world.outlet(156).ajax_id
    rest = crawl(replica.url, "source", "-a", f"source=ajax:{ajax_id}")
    assert rest.exit_code == 0, rest.stderr
    assert differences(replica, rest.records) == []


def test_a_folder_that_cannot_be_written_is_told(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    replica = serve()
    done = crawl(replica.url, "source", folder=tmp_path / "file" / "archive")
    assert done.exit_code == 7
    assert "cannot write" in done.last_line
    assert replica.requests == []


def test_a_second_run_at_once_is_locked_out(serve: Serve, crawl: Run, launch: Launch, tmp_path: Path) -> None:
    replica = serve(articles=100, sources=1)
    replica.faults.add("/newstream/", "slow", seconds=0.4)
    first = launch(command(tmp_path / "archive", replica.url, "source"), stderr=subprocess.DEVNULL)
    wait_for(lambda: bool(replica.article_requests()))
    second = crawl(replica.url, "source")
    assert second.exit_code == 6
    assert f"process {first.pid}" in second.last_line
    assert first.wait(60) == 0


# What a person sees


def test_a_run_leaves_a_report(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=2)
    done = crawl(replica.url, "source", "-a", "source=all", "-a", "since=1990-01-01")
    report = done.report
    assert report["spider"] == "source"
    assert report["arguments"] == {"source": "all", "since": "1990-01-01"}
    assert (report["verdict"], report["exit_code"], report["finish_reason"]) == ("ok", 0, "finished")
    assert report["counts"]["articles/new"] == len(done.records)
    assert report["start"] <= report["end"]
    assert {record["run_id"] for record in done.records} == {report["run_id"]}
    assert date.fromisoformat(report["start"][:10]) <= date.today()  # noqa: DTZ011


def test_cron_sees_plain_lines(serve: Serve, crawl: Run) -> None:
    # Slow enough for a line or two, whatever the machine.
    slow = ("-s", "DOWNLOAD_DELAY=0.02", "-s", "LOGSTATS_INTERVAL=0.2")
    done = crawl(serve(articles=60, sources=1).url, "source", *slow)
    assert "\x1b" not in done.stderr
    assert " new, 0 known, " in done.stderr
    assert "walking 156 KCNA.kp (En)" in done.stderr


def test_a_person_at_a_terminal_sees_progress(serve: Serve, tmp_path: Path) -> None:
    replica = serve(articles=60, sources=1)
    words = command(tmp_path / "archive", replica.url, "source", "-s", "DOWNLOAD_DELAY=0.05")
    done = subprocess.run(
        ["script", "-qec", " ".join(words), "/dev/null"], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0
    assert "pages/min; walking 156 KCNA" in done.stdout
