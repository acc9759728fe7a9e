"""The durable log and the ledger, without a crawl."""

import asyncio
import contextlib
import os
import random
import shutil
import sqlite3
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from kcnacrawl.archive import Locked, StorageFailed
from kcnacrawl.archive.archive import Archive
from kcnacrawl.archive.blocks import LAST, LogEnd, crc_of, end_of, is_still
from kcnacrawl.archive.ledger import REVISIT_DAYS, KnownSource, Ledger, Line
from kcnacrawl.archive.log import Log
from kcnacrawl.items import Article, Card, Rejected
from kcnacrawl.paging.walk import Rewalk, Walk
from kcnacrawl.paging.window import Window
from kcnacrawl.pipelines.normalise import body_sha256
from kcnacrawl.site.dates import instant

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
        revision_cause="first",
    )


def lines(articles: list[Article]) -> list[Line]:
    """What a ledger learns of them, where they follow one another."""
    return [Line.of(one, number) for number, one in enumerate(articles)]


def key(ledger: Ledger, sid: int) -> int:
    """The ledger's key of a source that is known to exist."""
    found = ledger.sources.learn(sid=sid).key
    assert found is not None
    return found


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
        log.open(LogEnd("log"))
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
        log: Log[str] = Log(tmp_path / "log", lambda stored, _: learned.extend(one for _, one in stored))
        log.open(LogEnd("log"))
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
        log.open(LogEnd("log"))
        try:
            with pytest.raises(ValueError, match="not one line"):
                await log.append(line, "")
        finally:
            await log.close()

    asyncio.run(store())


# Opening


def test_opening_reads_only_what_the_ledger_has_not_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, *(article(number) for number in range(20)))
    read: list[str] = []
    monkeypatch.setattr("kcnacrawl.archive.blocks.SMALL", 0)
    for name in ("log.read_lines", "blocks.crc_of"):
        monkeypatch.setattr(f"kcnacrawl.archive.{name}", lambda path, _: read.append(path.name))
    run(tmp_path, article(21))
    assert read == []
    assert (tmp_path / "articles.jsonl").read_bytes().count(b"\n") == 21


def test_a_log_is_known_again_by_its_length_and_its_last_blocks(tmp_path: Path) -> None:
    path = tmp_path / "log"
    written = os.urandom(3 * LAST)
    path.write_bytes(written)
    known = end_of(path, 2 * LAST)
    for grown in (written, written[: 2 * LAST], written[: 2 * LAST] + b"another"):
        path.write_bytes(grown)
        assert is_still(path, known)
    for other in (written[: 2 * LAST - 1], flipped(written, 2 * LAST - 1), flipped(written, LAST), b""):
        path.write_bytes(other)
        assert not is_still(path, known)
    # What lies before is for `verify`, and seen at once where the log is small.
    path.write_bytes(flipped(written, LAST - 1))
    assert is_still(path, known)
    assert not is_still(path, replace(known, whole=zlib.crc32(written[: 2 * LAST])))


def test_a_log_is_known_again_by_what_earlier_versions_remembered(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(os.urandom(2 * LAST))
    known = LogEnd("log", 2 * LAST, crc_of(path, 2 * LAST))
    assert is_still(path, known)
    path.write_bytes(flipped(path.read_bytes(), 0))
    assert not is_still(path, known)


def test_what_a_log_remembers_as_it_grows_is_what_its_file_says(tmp_path: Path) -> None:
    ends = list[LogEnd]()

    async def store() -> None:
        log: Log[None] = Log(tmp_path / "log", lambda _, end: ends.append(end))
        log.open(LogEnd("log"))
        for number in range(9):
            await log.append(b"%d" % number * (LAST // 3) + b"\n", None)
        await log.close()

    asyncio.run(store())
    path = tmp_path / "log"
    assert ends == [end_of(path, one.end, crc_of(path, one.end)) for one in ends]
    assert ends[-1].end == path.stat().st_size


def test_a_log_ahead_of_its_ledger_is_learned_at_opening(tmp_path: Path) -> None:
    run(tmp_path, article(1))
    ahead = (tmp_path / "articles.jsonl").read_bytes().replace(b"-000000001", b"-000000002")
    with (tmp_path / "articles.jsonl").open("ab") as file:
        file.write(ahead)
    archive = Archive(tmp_path)
    archive.open()
    assert archive.ledger.articles.held([article(2).id]) == {article(2).id}
    asyncio.run(archive.close())


def test_two_cannot_hold_one_archive(tmp_path: Path) -> None:
    first, second = Archive(tmp_path), Archive(tmp_path)
    first.open()
    with pytest.raises(Locked, match=str(os.getpid())):
        second.open()
    asyncio.run(first.close())
    second.open()
    asyncio.run(second.close())


def test_a_folder_that_is_copied_or_restored_is_simply_used(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run(tmp_path / "one", article(1), article(2))
    # Without the times of the files.
    shutil.copytree(tmp_path / "one", tmp_path / "two", copy_function=shutil.copyfile)
    run(tmp_path / "two", article(3))
    assert held(tmp_path / "two", 1, 2, 3) == {1, 2, 3}
    assert caplog.messages == []


def test_a_line_changed_at_the_same_length_is_noticed_though_the_ledger_is_intact(tmp_path: Path) -> None:
    run(tmp_path, *(article(number) for number in range(1, 6)))
    path, ledger = tmp_path / "articles.jsonl", tmp_path / "ledger.sqlite"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[2] = b"x" * (len(lines[2]) - 1) + b"\n"
    path.write_bytes(b"".join(lines))
    before = path.read_bytes(), ledger.read_bytes()
    archive = Archive(tmp_path)
    with pytest.raises(StorageFailed, match=r"articles\.jsonl, line 3 is no line of ours"):
        archive.open()
    assert (path.read_bytes(), ledger.read_bytes()) == before
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        ".lock",
        "articles.jsonl",
        "ledger.sqlite",
        "ledger.sqlite.sha256",
        "quarantine.jsonl",
    ]


@pytest.mark.parametrize("when", ["2026-02-30T00:00:00+00:00", "2026-01-01T25:00:00+00:00"])
def test_a_line_of_no_moment_is_no_line_of_ours(tmp_path: Path, when: str) -> None:
    run(tmp_path, article(1))
    line = msgspec.json.encode(replace(rejected(2), seen_at=when))
    (tmp_path / "quarantine.jsonl").write_bytes(line + b"\n")
    with pytest.raises(StorageFailed, match=r"quarantine\.jsonl, line 1 is no line of ours"):
        Archive(tmp_path).open()


# The ledger's seal


def held(folder: Path, *numbers: int) -> set[int]:
    """Those of ``numbers`` that an archive holds once it is opened."""
    archive = Archive(folder)
    archive.open()
    found = {number for number in numbers if archive.ledger.articles.latest(article(number).id) is not None}
    asyncio.run(archive.close())
    return found


def test_a_ledger_is_sealed_by_the_sum_that_sha256sum_gives(tmp_path: Path) -> None:
    run(tmp_path, article(1))
    assert subprocess.run(["sha256sum", "--check", "--quiet", "ledger.sqlite.sha256"], cwd=tmp_path).returncode == 0


def test_the_seal_is_broken_by_the_first_transaction_and_not_before(tmp_path: Path) -> None:
    run(tmp_path, article(1))
    seal = tmp_path / "ledger.sqlite.sha256"
    archive = Archive(tmp_path)
    archive.open()
    assert seal.exists()
    archive.ledger.queue.want([card(2)], key(archive.ledger, 163))
    assert not seal.exists()
    asyncio.run(archive.close())
    assert seal.exists()


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory, where there is such: for what is written, and synced, a thousand times."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else tmp_path) as folder:
        yield Path(folder)


def test_a_byte_that_changed_anywhere_in_the_ledger_loses_and_doubles_nothing(memory: Path) -> None:
    articles = [replace(article(n), access="truncated" if n % 7 == 0 else "full") for n in range(1, 31)]
    run(memory / "sound", *articles)
    sound = (memory / "sound/ledger.sqlite").read_bytes()
    for position in range(0, len(sound), 97):
        folder = memory / "flipped"
        shutil.copytree(memory / "sound", folder)
        (folder / "ledger.sqlite").write_bytes(flipped(sound, position))
        assert held(folder, *range(1, 40)) == set(range(1, 31)), position
        shutil.rmtree(folder)


def test_a_byte_that_changed_after_a_kill_never_surprises(memory: Path) -> None:
    run(memory / "sound", *(replace(article(n), access="truncated") for n in range(1, 31)))
    sound = (memory / "sound/ledger.sqlite").read_bytes()
    ends = set()
    for position in range(0, len(sound), 97):
        folder = memory / "flipped"
        shutil.copytree(memory / "sound", folder)
        # A killed run leaves no seal.
        (folder / "ledger.sqlite.sha256").unlink()
        (folder / "ledger.sqlite").write_bytes(flipped(sound, position))
        ends.add(used(folder))
        shutil.rmtree(folder)
    assert ends == {"ok"}


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 0x01]) + data[position + 1 :]


def used(folder: Path) -> str:
    """How an archive fares that is opened and asked what a run asks; after a failure, the second time."""
    for _ in range(2):
        archive = Archive(folder)
        with contextlib.suppress(StorageFailed):
            try:
                archive.open()
                archive.ledger.queue.due(None, NOW + timedelta(days=9))
                archive.ledger.learn_articles(lines([article(50)]), archive.ledger.log_end("articles.jsonl"))
                return "ok"
            finally:
                asyncio.run(archive.close())
    return "storage"


@pytest.mark.parametrize("damage", ["deleted", "empty", "garbage", "another", "seal", "wal"])
def test_a_ledger_that_is_lost_or_replaced_is_rebuilt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    run(tmp_path, article(1), article(2))
    ledger = tmp_path / "ledger.sqlite"
    if damage == "deleted":
        ledger.unlink()
    elif damage == "seal":
        (tmp_path / "ledger.sqlite.sha256").write_bytes(b"")
    elif damage == "wal":
        (tmp_path / "ledger.sqlite-wal").write_bytes(b"of another ledger")
    else:
        other = Ledger(tmp_path / "other.sqlite")
        other.create()
        other.close()
        ledger.write_bytes({"empty": b"", "garbage": b"?" * 9999, "another": other.path.read_bytes()}[damage])
    assert held(tmp_path, 1, 2, 3) == {1, 2}
    assert [message.partition(":")[0] for message in caplog.messages] == [f"{ledger} is rebuilt from the logs"]
    caplog.clear()
    assert held(tmp_path, 1, 2, 3) == {1, 2}
    assert caplog.messages == []


def test_a_folder_in_the_place_of_the_ledger_is_told_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "ledger.sqlite").mkdir(parents=True)
    with pytest.raises(StorageFailed, match=r"cannot open .*ledger\.sqlite"):
        Archive(tmp_path).open()
    assert (tmp_path / "ledger.sqlite").is_dir()


def test_a_rebuilt_ledger_takes_its_place_only_when_it_is_whole(tmp_path: Path) -> None:
    run(tmp_path, article(1))
    ledger = Ledger(tmp_path / "ledger.sqlite")

    def derive(anew: Ledger) -> None:
        anew.learn_articles(lines([article(2)]), LogEnd("articles.jsonl"))
        raise StorageFailed("a foreign line")

    with pytest.raises(StorageFailed, match="a foreign line"):
        ledger.rebuild(derive)
    assert held(tmp_path, 1, 2) == {1}
    assert not (tmp_path / "ledger.sqlite.new").exists()


# The ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    one = Ledger(tmp_path / "ledger.sqlite")
    one.create()
    return one


def test_a_text_that_changed_is_another_revision(ledger: Ledger) -> None:
    ledger.learn_articles(lines([article()]), LogEnd("log", 1))
    first = ledger.articles.latest(article().id)
    ledger.learn_articles(lines([replace(article(text="Another."), revision=2)]), LogEnd("log", 2))
    second = ledger.articles.latest(article().id)
    assert first is not None
    assert second is not None
    assert (first.revision, second.revision) == (1, 2)
    assert first.digest != second.digest
    ledger.close()


def test_a_wall_is_looked_at_again_at_widening_intervals(ledger: Ledger) -> None:
    seen = NOW
    for days in REVISIT_DAYS:
        ledger.learn_rejections([rejected(1, seen=seen)], LogEnd("log", 1))
        almost, then = seen + timedelta(days=days, seconds=-1), seen + timedelta(days=days)
        assert ledger.queue.due(None, almost) == []
        assert [one.id for one in ledger.queue.due(None, then)] == [rejected(1).id]
        seen = then
    assert ledger.queue.owed() == 0
    ledger.close()


def test_a_truncated_article_is_looked_at_again_at_widening_intervals_until_it_opens_up(ledger: Ledger) -> None:
    one, seen = replace(article(), access="truncated"), NOW
    ledger.learn_articles(lines([one]), LogEnd("log", 1))
    for days in REVISIT_DAYS:
        almost, then = seen + timedelta(days=days, seconds=-1), seen + timedelta(days=days)
        assert ledger.queue.due([key(ledger, 163)], almost) == []
        assert ledger.queue.not_due([one.id], almost) == {one.id}
        assert [(wanted.id, wanted.reason) for wanted in ledger.queue.due([key(ledger, 163)], then)] == [
            (one.id, "truncated")
        ]
        seen = then
        ledger.confirm(replace(one, date_downloaded=instant(seen)))
    assert ledger.queue.owed() == 0
    ledger.learn_articles(lines([replace(article(text="All of it."), revision=2)]), LogEnd("log", 2))
    assert ledger.queue.due(None, seen + timedelta(days=9999)) == []
    ledger.close()


def test_a_truncated_article_keeps_the_card_that_announced_it(ledger: Ledger) -> None:
    known = replace(card(1), description="As the card says", date_listed_raw="March 23, 2021")
    ledger.queue.want([known], key(ledger, 156))
    ledger.learn_articles(lines([replace(article(1), access="truncated")]), LogEnd("log", 1))
    of_record = replace(
        article(2), access="truncated", description="A summary", date_listed_raw="March 24, 2021", listing_url="a-list"
    )
    ledger.learn_articles(lines([of_record]), LogEnd("log", 2))
    two, one = ledger.queue.due(None, NOW + timedelta(days=1))
    assert (one.card, one.list_key) == (known, key(ledger, 156))
    assert two.card == replace(card(2), description="A summary", date_listed_raw="March 24, 2021", listing_url="a-list")
    assert two.list_key == key(ledger, 163)
    ledger.close()


def test_a_tombstone_of_a_truncated_article_is_not_looked_at_again(ledger: Ledger) -> None:
    ledger.learn_articles(lines([replace(article(), access="truncated")]), LogEnd("log", 1))
    ledger.learn_articles(lines([replace(article(), access="truncated", status="gone", revision=2)]), LogEnd("log", 2))
    assert ledger.queue.get(article().id) is None
    ledger.close()


def test_what_a_clock_far_ahead_put_off_is_due_when_the_clock_is_right_again(ledger: Ledger) -> None:
    ahead = NOW + timedelta(days=4000)
    ledger.learn_rejections([rejected(1, seen=ahead)], LogEnd("log", 1))
    ledger.learn_articles(
        lines([replace(article(2), access="truncated", date_downloaded=instant(ahead))]), LogEnd("log", 2)
    )
    assert [one.id for one in ledger.queue.due(None, NOW)] == [article(2).id, rejected(1).id]
    assert ledger.queue.not_due([article(2).id, rejected(1).id], NOW) == set()
    ledger.close()


def test_a_rejection_that_comes_after_an_article_counts_though_the_clock_went_back(ledger: Ledger) -> None:
    ledger.learn_articles(lines([replace(article(), access="truncated")]), LogEnd("log", 1))
    before = NOW - timedelta(days=3)
    ledger.learn_rejections([rejected(1, "http_error", before)], LogEnd("log", 1))
    assert ledger.queue.owed() == 1
    ledger.close()


def test_a_rebuilt_ledger_owes_no_page_that_was_stored_later(tmp_path: Path) -> None:
    async def store() -> None:
        archive = Archive(tmp_path)
        archive.open()
        await archive.reject(rejected(1, "http_error", NOW - timedelta(days=1)))
        await archive.reject(rejected(2, "http_error", NOW - timedelta(days=1)))
        await archive.store(article(1))
        await archive.close()

    asyncio.run(store())
    (tmp_path / "ledger.sqlite").unlink()
    archive = Archive(tmp_path)
    archive.open()
    assert [one.id for one in archive.ledger.queue.due(None, NOW)] == [article(2).id]
    asyncio.run(archive.close())


def test_a_ledger_that_is_rebuilt_is_the_one_that_learned_line_by_line(tmp_path: Path) -> None:
    choose = random.Random(5)
    written = [article(number) for number in range(40)]
    for number in range(200):
        held = choose.choice(written)
        # Another text, or the page cut, gone or back again, at whatever hour; or only the source, of the same page.
        when = instant(NOW + timedelta(hours=choose.randrange(-50, 500)))
        change = choose.choice(
            [
                {"body_sha256": body_sha256(str(number)), "date_downloaded": when},
                {"access": choose.choice(["full", "truncated"]), "date_downloaded": when},
                {"status": choose.choice(["live", "gone"]), "date_downloaded": when},
                {"source_id": choose.choice([163, None])},
            ]
        )
        latest = [one for one in written if one.id == held.id][-1]
        written.append(replace(latest, revision=latest.revision + 1, **change))
    run(tmp_path, *written)
    learned = tables(tmp_path)
    (tmp_path / "ledger.sqlite").unlink()
    run(tmp_path)
    assert tables(tmp_path) == learned
    assert [len(rows) for rows in learned.values()] == [1, 40, 200, 9]


@pytest.fixture
def in_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the smallest log read in many ranges, by processes."""
    monkeypatch.setattr("kcnacrawl.archive.ranges._WORTH_PROCESSES", 0)
    monkeypatch.setattr("kcnacrawl.archive.ranges._BYTES", 1_000)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2}, raising=False)


@pytest.mark.usefixtures("in_processes")
def test_a_ledger_that_processes_rebuild_is_the_same(tmp_path: Path) -> None:
    # Longer than a range, and shorter.
    run(tmp_path, *(article(number, "A text. " * choose) for number, choose in enumerate([0, 5, 900, 1, 0, 3, 400, 2])))
    learned = tables(tmp_path)
    (tmp_path / "ledger.sqlite").unlink()
    with (tmp_path / "articles.jsonl").open("ab") as file:
        file.write(b"a torn line " * 500)
    run(tmp_path)
    assert tables(tmp_path) == learned


@pytest.mark.usefixtures("in_processes")
def test_a_foreign_line_that_a_process_finds_is_told_by_its_number(tmp_path: Path) -> None:
    run(tmp_path, *map(article, range(40)))
    path = tmp_path / "articles.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:30], b"{}\n", *lines[30:]]))
    with pytest.raises(StorageFailed, match=r"articles\.jsonl, line 31 is no line of ours"):
        Archive(tmp_path).open()
    children = subprocess.run(["ps", "--ppid", str(os.getpid()), "-o", "args="], capture_output=True, text=True).stdout
    assert "kcnacrawl.archive.ranges" not in children


def tables(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """What a ledger has of the logs, but for the numbers of sources."""
    with contextlib.closing(sqlite3.connect(folder / "ledger.sqlite")) as db:
        wanted = "id, url, card, date_published, reason, tries, seen, due"
        told = {"logs": "*", "articles": "*", "earlier_lines": "*", "wanted": wanted}
        return {name: db.execute(f"SELECT {what} FROM {name} ORDER BY 1, 2").fetchall() for name, what in told.items()}


def test_the_newest_days_of_a_source_are_told_newest_first(ledger: Ledger) -> None:
    days = ["2021-03-01", "2021-03-03", "2021-03-03", "2021-03-02", None]
    articles = [replace(article(number), date_published=day) for number, day in enumerate(days)]
    ledger.learn_articles(lines([*articles, replace(article(9), source_id=156)]), LogEnd("log", 1))
    assert ledger.articles.published_days(163, 2) == ["2021-03-03", "2021-03-02"]
    assert ledger.articles.published_days(163, 99) == ["2021-03-03", "2021-03-02", "2021-03-01"]
    assert ledger.articles.published_days(1, 99) == []
    ledger.close()


def test_what_failed_is_owed_at_once_until_it_is_stored(ledger: Ledger) -> None:
    ledger.queue.want([card(1)], key(ledger, 163))
    assert ledger.queue.owed() == 0
    ledger.learn_rejections([rejected(1, "http_error")], LogEnd("log", 1))
    assert (
        ledger.queue.owed(),
        ledger.queue.owed([key(ledger, 163)]),
        ledger.queue.owed([key(ledger, 156)]),
        ledger.queue.owed(ids=[card(1).id]),
    ) == (1, 1, 0, 1)
    due = ledger.queue.due([key(ledger, 163)], NOW)
    assert [(one.id, one.card) for one in due] == [(card(1).id, card(1))]
    ledger.learn_articles(lines([article(1)]), LogEnd("log", 1))
    assert (ledger.queue.owed(), ledger.queue.due(None, NOW)) == (0, [])
    ledger.close()


def test_the_queue_is_taken_in_parts_that_read_no_more_than_they_return(ledger: Ledger) -> None:
    ledger.queue.want([card(number) for number in range(1_000)], None)
    read = count_decoded(ledger)
    below, found = "~", list[str]()
    while part := ledger.queue.due(None, NOW, below=below, most=30):
        found += [one.id for one in part]
        below = part[-1].id
        assert read() <= len(found)
    assert found == sorted((card(number).id for number in range(1_000)), reverse=True)
    ledger.close()


def count_decoded(ledger: Ledger) -> Callable[[], int]:
    """How many cards the queue has decoded since."""
    decoder, counted = ledger.queue._cards, [0]

    class Counting:
        def decode(self, line: str) -> Card:
            counted[0] += 1
            return decoder.decode(line)

    ledger.queue._cards = Counting()  # type: ignore[assignment]
    return lambda: counted[0]


def test_a_source_met_by_ajax_id_and_by_sid_is_one(ledger: Ledger) -> None:
    met = ledger.sources.learn(ajax_id=191207)
    assert met.key is not None
    number = ledger.walked.record(met.key, Walk(Window(), Rewalk(NOW.date())), 0, [card(1)], NOW)
    ledger.queue.want([card(2)], met.key)
    known = ledger.sources.learn(sid=163, ajax_id=191207, label="Ministry of Foreign Affairs (EN)")
    assert known == KnownSource(met.key, 163, 191207, "Ministry of Foreign Affairs (EN)")
    assert ledger.sources.find(label="MINISTRY of foreign affairs (en)") == known
    assert ledger.sources.all() == [known]
    assert {one: on.number for one, on in ledger.walked.find(met.key, [card(1).id]).items()} == {card(1).id: number}
    assert [one.list_key for one in ledger.queue.due([met.key], NOW)] == [met.key]
    ledger.close()


def test_of_a_list_that_was_walked_under_two_names_all_is_kept_under_one(ledger: Ledger) -> None:
    by_sid, by_ajax = ledger.sources.learn(sid=163), ledger.sources.learn(ajax_id=191207)
    assert by_sid.key is not None
    assert by_ajax.key is not None
    ledger.walked.record(by_sid.key, Walk(Window(), Rewalk(NOW.date())), 0, [card(1), card(2)], NOW)
    ledger.walked.record(by_ajax.key, Walk(Window(), Rewalk(NOW.date())), 0, [card(2), card(3)], NOW)
    ledger.queue.want([card(4)], by_ajax.key)
    known = ledger.sources.learn(sid=163, ajax_id=191207)
    assert ledger.sources.all() == [known]
    assert known.key is not None
    assert set(ledger.walked.find(known.key, [card(number).id for number in range(5)])) == {
        card(number).id for number in (1, 2, 3)
    }
    assert [one.id for one in ledger.queue.due([known.key], NOW)] == [card(4).id]
    ledger.close()


def test_looking_a_source_up_writes_nothing(ledger: Ledger) -> None:
    assert ledger.sources.find(sid=99999) is None
    assert ledger.sources.find(label="no such") is None
    assert ledger.sources.all() == []
    ledger.close()


# Pages kept for diagnosis


def test_a_run_keeps_five_pages_of_a_megabyte_at_the_most(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    kept = [archive.keep_page("a-run", f"page {number}", b"x" * 2_000_000) for number in range(7)]
    folder = tmp_path / "runs/a-run.pages"
    assert kept == [*(folder / f"page-{number}.html" for number in range(5)), None, None]
    assert {path.stat().st_size for path in folder.iterdir()} == {1_000_000}
    assert archive.keep_page("a-run", "page 1", b"again") == folder / "page-1.html"


def test_a_page_is_kept_inside_its_folder_whatever_its_name(tmp_path: Path) -> None:
    path = Archive(tmp_path).keep_page("a-run", "../../newstream/조선 1?.html", b"a page")
    assert path == tmp_path / "runs/a-run.pages/-newstream-1-html.html"
    assert path.read_bytes() == b"a page"


def test_pages_of_the_ten_newest_runs_are_kept_and_those_of_this_run_always(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    for number in range(12):
        folder = archive.keep_page(f"run-{number:02}", "page", b"a page").parent  # type: ignore[union-attr]
        # As a clock has it that goes back.
        os.utime(folder, (9_000 - number, 9_000 - number))
    found = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert "run-11.pages" in found
    assert len(found) == 10


def test_a_page_that_cannot_be_kept_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "runs").write_text("in the way")
    assert Archive(tmp_path).keep_page("a-run", "page", b"a page") is None
    assert "cannot keep" in caplog.text
