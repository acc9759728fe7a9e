"""The durable log and the ledger, without a crawl."""

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kcnacrawl.archive import Locked, StorageFailed
from kcnacrawl.archive.archive import Archive
from kcnacrawl.archive.ledger import REVISIT_DAYS, Ledger
from kcnacrawl.archive.log import Log
from kcnacrawl.dates import instant
from kcnacrawl.items import Article, Card, Rejected
from kcnacrawl.pipelines.normalise import body_sha256

NOW = datetime(2026, 9, 11, 12, tzinfo=UTC)


def article(number: int = 1, text: str = "A text.") -> Article:
    return Article(
        id=f"1616497394-{number:09}",
        revision=1,
        status="live",
        url=f"https://kcnawatch.org/newstream/1616497394-{number:09}/a-slug",
        headline="A headline",
        date_published="2021-03-23",
        date_published_raw="23/03/2021",
        date_listed=None,
        date_listed_raw=None,
        url_time="2021-03-23T11:03:14+00:00",
        date_conflict=False,
        source_id=163,
        source_label="Ministry of Foreign Affairs (EN)",
        source_name="Ministry of Foreign Affairs",
        source_language="en",
        in_language="en",
        description=None,
        article_body=text,
        access="full",
        original_url=None,
        images=(),
        body_sha256=body_sha256(text),
        date_downloaded=instant(NOW),
        listing_url=None,
        run_id="a-run",
    )


def rejected(number: int, reason: str = "sign_up_wall", seen: datetime = NOW) -> Rejected:
    one = f"1616497394-{number:09}"
    return Rejected(
        id=one,
        url=f"https://kcnawatch.org/newstream/{one}",
        reason=reason,
        detail="",
        seen_at=instant(seen),  # type: ignore[arg-type]
        run_id="a-run",
        http_status=None,
    )


def card(number: int) -> Card:
    one = f"1616497394-{number:09}"
    return Card(id=one, url=f"https://kcnawatch.org/newstream/{one}/a-slug", headline="A headline")


def run(folder: Path, *articles: Article) -> None:
    async def store() -> None:
        archive = Archive(folder)
        archive.open()
        await asyncio.gather(*(archive.store(one) for one in articles))
        await archive.close()

    asyncio.run(store())


# The log


def test_one_sync_stores_all_that_queued_during_the_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs: list[int] = []
    sync = os.fsync
    batches: list[int] = []

    async def store() -> None:
        log: Log[int] = Log(tmp_path / "log", lambda carried, _: batches.append(len(carried)))
        log.open(0)
        monkeypatch.setattr(os, "fsync", lambda fd: (syncs.append(fd), sync(fd)))
        await asyncio.gather(*(log.append(b"%d\n" % number, number) for number in range(100)))
        await log.close()

    asyncio.run(store())
    assert (tmp_path / "log").read_bytes().split() == [b"%d" % number for number in range(100)]
    assert sum(batches) == 100
    assert len(syncs) == len(batches) <= 2


def test_a_line_counts_as_stored_only_after_its_sync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learned: list[str] = []

    def no_sync(_: int) -> None:
        raise OSError(28, "No space left on device")

    async def store() -> None:
        log: Log[str] = Log(tmp_path / "log", lambda carried, _: learned.extend(carried))
        log.open(0)
        await log.append(b"one\n", "one")
        monkeypatch.setattr(os, "fsync", no_sync)
        with pytest.raises(StorageFailed, match="No space left on device"):
            await log.append(b"two\n", "two")
        with pytest.raises(StorageFailed, match="No space left on device"):
            await log.append(b"three\n", "three")
        await log.close()

    asyncio.run(store())
    assert learned == ["one"]
    assert (tmp_path / "log").read_bytes() == b"one\n"


@pytest.mark.parametrize("line", [b"", b"two", b"two\nlines\n", b"\n\n"])
def test_what_is_not_one_line_is_refused(tmp_path: Path, line: bytes) -> None:
    async def store() -> None:
        log: Log[str] = Log(tmp_path / "log", lambda *_: None)
        log.open(0)
        try:
            with pytest.raises(ValueError, match="not one line"):
                await log.append(line, "")
        finally:
            await log.close()

    asyncio.run(store())


# Opening


def test_opening_reads_only_what_the_ledger_has_not_seen(tmp_path: Path) -> None:
    run(tmp_path, *(article(number) for number in range(20)))
    path = tmp_path / "articles.jsonl"
    data = path.read_bytes()
    # Damage where an opening that reads the whole log would stumble.
    path.write_bytes(b"x" * 500 + data[500:])
    run(tmp_path, article(21))
    assert path.read_bytes()[500:].startswith(data[500:])


def test_a_log_ahead_of_its_ledger_is_learned_at_opening(tmp_path: Path) -> None:
    run(tmp_path, article(1))
    ahead = (tmp_path / "articles.jsonl").read_bytes().replace(b"-000000001", b"-000000002")
    with (tmp_path / "articles.jsonl").open("ab") as file:
        file.write(ahead)
    archive = Archive(tmp_path)
    archive.open()
    assert archive.ledger.held([article(2).id]) == {article(2).id}
    asyncio.run(archive.close())


def test_two_cannot_hold_one_archive(tmp_path: Path) -> None:
    first, second = Archive(tmp_path), Archive(tmp_path)
    first.open()
    with pytest.raises(Locked, match=str(os.getpid())):
        second.open()
    asyncio.run(first.close())
    second.open()
    asyncio.run(second.close())


# The ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    one = Ledger(tmp_path / "ledger.sqlite")
    one.open()
    return one


def test_a_text_that_changed_is_another_revision(ledger: Ledger) -> None:
    ledger.learn_articles([article()], ("log", 1, b""))
    first = ledger.latest(article().id)
    ledger.learn_articles([replace(article(text="Another."), revision=2)], ("log", 2, b""))
    second = ledger.latest(article().id)
    assert first is not None
    assert second is not None
    assert (first.revision, second.revision) == (1, 2)
    assert first.digest != second.digest
    ledger.close()


def test_a_wall_is_looked_at_again_at_widening_intervals(ledger: Ledger) -> None:
    seen = NOW
    for days in REVISIT_DAYS:
        ledger.learn_rejections([rejected(1, seen=seen)], ("log", 1, b""))
        almost, then = seen + timedelta(days=days, seconds=-1), seen + timedelta(days=days)
        assert ledger.due(None, almost) == []
        assert [one.id for one in ledger.due(None, then)] == [rejected(1).id]
        seen = then
    assert ledger.owed() == 0
    ledger.close()


def test_what_failed_is_owed_at_once_until_it_is_stored(ledger: Ledger) -> None:
    ledger.want([card(1)], "163")
    assert ledger.owed() == 0
    ledger.learn_rejections([rejected(1, "http_error")], ("log", 1, b""))
    assert (ledger.owed(), ledger.owed(["163"]), ledger.owed(["156"]), ledger.owed(ids=[card(1).id])) == (1, 1, 0, 1)
    due = ledger.due(["163"], NOW)
    assert [(one.id, one.card) for one in due] == [(card(1).id, card(1))]
    ledger.learn_articles([article(1)], ("log", 1, b""))
    assert (ledger.owed(), ledger.due(None, NOW)) == (0, [])
    ledger.close()


def test_a_source_met_by_ajax_id_and_by_sid_is_one(ledger: Ledger) -> None:
    ledger.learn_source(ajax_id=191207)
    ledger.record_walk("ajax:191207", {card(1).id: ""})
    ledger.want([card(2)], "ajax:191207")
    known = ledger.learn_source(sid=163, ajax_id=191207, label="Ministry of Foreign Affairs (EN)")
    assert known.list_name == "163"
    assert ledger.source(label="MINISTRY of foreign affairs (en)") == known
    assert ledger.sources() == [known]
    assert ledger.floors("163", [card(1).id]) == {card(1).id: ""}
    assert [one.list_name for one in ledger.due(["163"], NOW)] == ["163"]
    ledger.close()


def test_a_walk_to_the_end_outranks_one_to_a_day(ledger: Ledger) -> None:
    ledger.record_walk("163", {card(1).id: "2021-01-01"})
    ledger.record_walk("163", {card(1).id: ""})
    ledger.record_walk("163", {card(1).id: "2022-01-01"})
    assert ledger.floors("163", [card(1).id, card(2).id]) == {card(1).id: ""}
    ledger.close()
