"""The soak in its short form, and that it would notice."""

import json
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kcnacrawl.replica.faults import KINDS, Fault
from kcnacrawl.replica.server import Replica, Request

from . import processes, soak
from .conftest import ROOT, read_lines
from .soak import MIX, QUARANTINE_KEYS, Archive, History, codes_for, differences, intrusions

Lines = list[dict[str, Any]]


def test_whatever_goes_wrong_at_once_nothing_is_missing_doubled_or_torn() -> None:
    words = [sys.executable, "-m", "tests.soak", "--kills", "8", "--articles", "100"]
    done = processes.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^runs +\d+ \(8 by SIGKILL", done.stdout, re.MULTILINE)
    assert re.search(r"^wrong +0\ndifferences +0$", done.stdout, re.MULTILINE)


def test_the_mix_holds_every_kind_of_fault_but_those_that_change_the_truth() -> None:
    kinds = {fault.kind for faults in MIX.values() for fault in faults}
    lists = {"pinned", "last_again", "around", "cached"}
    assert KINDS.keys() - kinds == {"hostile", "hostile_cards", "entity_sitemap", "xxe_sitemap", "recoded"} | lists


@pytest.mark.parametrize("words", [["--only", "flood"], ["--without", "reset,flood"], ["--kills", "many"]])
def test_a_bad_option_is_refused(words: list[str]) -> None:
    done = processes.run([sys.executable, "-m", "tests.soak", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2


@pytest.fixture
def replica(serve: Callable[..., Replica]) -> Replica:
    return serve(articles=100, sources=1)


@pytest.fixture
def folder(replica: Replica, tmp_path: Path) -> Path:
    """An archive of all the site shows, but for the newest article, whose page had a bad date."""
    missing, *stored = replica.world.listing(156)
    truths = [replica.world.truth(article_id, replica.url) for article_id in stored]
    records = [
        {**truth, "revision": 1, "url": replica.url + truth["url_path"]} for truth in truths if truth["gate"] is None
    ]
    rejected = dict.fromkeys(QUARANTINE_KEYS) | {"id": missing, "reason": "bad_date"}
    write(tmp_path / "articles.jsonl", records)
    write(
        tmp_path / "quarantine.jsonl",
        [rejected] + [{**rejected, "id": truth["id"], "reason": "sign_up_wall"} for truth in truths if truth["gate"]],
    )
    return tmp_path


def write(path: Path, lines: Lines) -> None:
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")


def rewrite(path: Path, change: Callable[[Lines], object]) -> None:
    lines = read_lines(path)
    change(lines)
    write(path, lines)


def found_wrong(replica: Replica, history: History, folder: Path) -> list[str]:
    archive = Archive(folder)
    archive.check(killed=False)
    return archive.wrong + differences(replica, history, archive)


class TestComparison:
    def test_what_the_site_shows_is_right_and_what_is_owed_is_missing(self, replica: Replica, folder: Path) -> None:
        [wrong] = found_wrong(replica, History(replica), folder)
        assert wrong.startswith(f"{replica.world.listing(156)[0]}: missing")

    def test_what_the_site_showed_once_is_right_as_a_whole_only(self, replica: Replica, folder: Path) -> None:
        history, victim = History(replica), read_lines(folder / "articles.jsonl")[0]["id"]
        for what in ("date", "body"):
            replica.world.edit(victim, what)
            history.note(victim)
        assert len(found_wrong(replica, history, folder)) == 1
        edited = replica.world.truth(victim)

        def mix(lines: Lines) -> None:
            # The text of today under the date of yesterday was never shown.
            lines[0]["article_body"] = edited["article_body"]

        rewrite(folder / "articles.jsonl", mix)
        wrong = found_wrong(replica, history, folder)
        assert len(wrong) > 1
        assert wrong[0].startswith(victim)

    def test_a_card_may_be_older_than_its_page_and_not_newer(self, replica: Replica, folder: Path) -> None:
        history, victim = History(replica), read_lines(folder / "articles.jsonl")[0]["id"]
        before = replica.world.truth(victim)
        replica.world.edit(victim, "date")
        history.note(victim)
        after = replica.world.truth(victim)
        page_keys, card_keys = ("date_published", "date_published_raw"), ("date_listed", "date_listed_raw")
        for newer, count in ((page_keys, 1), (card_keys, 3)):

            def mix(lines: Lines, newer: tuple[str, ...] = newer) -> None:
                for key in page_keys + card_keys:
                    lines[0][key] = (after if key in newer else before)[key]

            rewrite(folder / "articles.jsonl", mix)
            assert len(found_wrong(replica, history, folder)) == count

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda lines: lines.pop(), "missing"),
            (lambda lines: lines.append(lines[0]), "revision 1 after 1"),
            (lambda lines: lines[0].update(revision=2), "revision 2 after 0"),
            (lambda lines: lines[0].update(headline="Another"), "headline is 'Another'"),
            (lambda lines: lines[0].update(id="1600000000-1234567"), "never showed it"),
        ],
    )
    def test_an_archive_that_is_not_what_was_shown(
        self, replica: Replica, folder: Path, change: Callable[[Lines], object], message: str
    ) -> None:
        rewrite(folder / "articles.jsonl", change)
        assert message in "\n".join(found_wrong(replica, History(replica), folder))

    def test_a_record_of_what_was_always_gated(self, replica: Replica, folder: Path) -> None:
        history = History(replica)
        for version in history.versions[read_lines(folder / "articles.jsonl")[0]["id"]]:
            version["gate"] = "form"
        assert "never showed it" in "\n".join(found_wrong(replica, history, folder))

    def test_a_text_is_cut_only_where_the_site_cut_it(self, replica: Replica, folder: Path) -> None:
        victim = next(
            one for one in read_lines(folder / "articles.jsonl") if one["access"] == "full" and not one["images"]
        )
        history = History(replica)
        replica.world.close_up(victim["id"])
        cut = replica.world.truth(victim["id"])

        def shorten(lines: Lines) -> None:
            for line in lines:
                if line["id"] == victim["id"]:
                    line.update(access="truncated", article_body=cut["article_body"])

        rewrite(folder / "articles.jsonl", shorten)
        assert len(found_wrong(replica, history, folder)) == 3
        replica.requests.append(Request(f"/newstream/{victim['id']}/x", 200, 0, fault="truncate"))
        assert len(found_wrong(replica, history, folder)) == 1

    def test_what_is_behind_a_wall_is_excused_where_there_was_one(self, replica: Replica, folder: Path) -> None:
        victim = replica.world.listing(156)[0]
        path = folder / "quarantine.jsonl"
        rewrite(path, lambda lines: lines.append({**lines[0], "id": victim, "reason": "sign_up_wall"}))
        assert len(found_wrong(replica, History(replica), folder)) == 1
        replica.requests.append(Request(f"/newstream/{victim}/x", 302, 0, fault="sign_up"))
        assert found_wrong(replica, History(replica), folder) == []

    @pytest.mark.parametrize("name", ["articles.jsonl", "quarantine.jsonl"])
    def test_torn_lines_and_lost_bytes(self, folder: Path, name: str) -> None:
        archive = Archive(folder)
        archive.check(killed=False)
        path = folder / name
        whole = path.read_bytes()
        path.write_bytes(whole + b'{"id": "16')
        archive.check(killed=True)
        assert archive.wrong == []
        archive.check(killed=False)
        assert archive.wrong == [f"{name} ends in a torn line"]
        path.write_bytes(whole[:-7])
        archive.check(killed=True)
        assert archive.wrong[1:] == [f"{name} has lost 7 bytes"]
        path.write_bytes(whole + b'{"id": "16\n')
        archive.check(killed=True)
        assert archive.wrong[2].startswith(f"{name}: ")

    def test_a_quarantine_line_with_other_keys(self, replica: Replica, folder: Path) -> None:
        rewrite(folder / "quarantine.jsonl", lambda lines: lines[0].pop("detail"))
        assert "the keys id, url, reason, seen_at" in found_wrong(replica, History(replica), folder)[0]


class TestPauses:
    def test_what_comes_while_a_pause_lasts_is_told(self) -> None:
        told = Request("/a", 429, 10.0, 10.1, "status", "1")
        on_its_way, too_early, in_time = (Request("/b", 200, at) for at in (10.4, 10.8, 11.2))
        assert intrusions([told, on_its_way, in_time]) == []
        assert intrusions([told, on_its_way, too_early, in_time]) == [too_early]

    @pytest.mark.parametrize("retry_after", [None, "", "soon", "Wed, 21 Oct 2026 07:28:00 GMT"])
    def test_a_pause_that_is_no_number_of_seconds_is_not_measured(self, retry_after: str | None) -> None:
        assert intrusions([Request("/a", 503, 1.0, 1.0, "status", retry_after), Request("/b", 200, 1.7)]) == []


class TestExitCodes:
    @pytest.mark.parametrize(
        ("kinds", "end", "is_calm", "allowed"),
        [
            ([], None, True, {0}),
            ([], None, False, {0, 3}),
            (["bad_date"], None, False, {0, 3, 4}),
            (["status"], None, False, {0, 3, 5}),
            (["reset"], signal.SIGTERM, False, {0, 3, 143, -15}),
            (["reset"], signal.SIGKILL, False, {0, 3, -9}),
        ],
    )
    def test_are_those_of_what_befell_the_run(
        self, kinds: list[str], end: signal.Signals | None, is_calm: bool, allowed: set[int]
    ) -> None:
        assert codes_for(dict.fromkeys(kinds, 1), end, is_calm=is_calm) == allowed

    def test_a_code_that_is_not_listed_is_told(
        self, serve: Callable[..., Replica], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(soak, "CALM_RUNS", 1)
        one = soak.Soak(serve(articles=0, sources=1), tmp_path, [Fault.of("", "reset")], 0.1, 1)
        assert not one.calm()
        [message] = one.summary.wrong
        assert "ended with 4, not one of [0]" in message
