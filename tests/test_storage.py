"""Whole crawls against a clock that jumps and a storage that fails: nothing lost, nothing doubled, and it is told."""

import ctypes
import resource
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kcnacrawl.replica.server import Replica

from . import processes
from .conftest import ROOT, Crawl, command, crawl_later, differences, fetched
from .test_verify import verify
from .warcs import check_whole, kept_ids

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]


# The clock


@pytest.fixture
def crawl_on(tmp_path: Path) -> Callable[..., Crawl]:
    """Runs ``scrapy crawl`` so many days from now: ``crawl_on(2.5, url, "source")``."""

    def run(days: float, url: str, *words: str) -> Crawl:
        folder = tmp_path / "archive"
        earlier = set((folder / "runs").glob("*.json"))
        return Crawl(crawl_later(days, folder, url, *words), folder, earlier)

    return run


def truncated(replica: Replica) -> list[str]:
    truths = (replica.world.truth(one) for one in replica.world.ids())
    return sorted(str(one["id"]) for one in truths if one["access"] == "truncated" and one["gate"] is None)


def gated(replica: Replica) -> list[str]:
    return sorted(one for one in replica.world.ids() if replica.world.truth(one)["gate"] is not None)


def asked(replica: Replica) -> list[str]:
    """The identities of the articles asked for since the last time."""
    ids = sorted(fetched(replica))
    replica.requests.clear()
    return ids


def test_truncated_articles_and_walls_are_looked_at_again_after_a_day_and_not_before(
    serve: Serve, crawl_on: Run
) -> None:
    replica = serve(articles=100, sources=2)
    again = sorted(truncated(replica) + gated(replica))
    assert truncated(replica)
    assert gated(replica)
    first = crawl_on(0, replica.url, "source")
    asked(replica)
    visits = []
    # Due after one day, three more, and seven more.
    for days in (0.9, 1.1, 4.0, 4.2, 11.1, 11.3):
        done = crawl_on(days, replica.url, "source")
        assert (done.exit_code, done.records) == (0, first.records), done.stderr
        visits.append(asked(replica))
    assert visits == [[], again, [], again, [], again]


def test_a_truncated_article_that_opens_up_is_another_revision_with_its_card(
    serve: Serve, crawl_on: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = serve(articles=100, sources=2)
    opened = truncated(replica)
    first = crawl_on(0, replica.url, "source")
    body = replica.world._body
    monkeypatch.setattr(replica.world, "_body", lambda number: body(number).replace("truncated", "full"))
    done = crawl_on(1.1, replica.url, "source")
    assert done.exit_code == 0, done.stderr
    new = done.records[len(first.records) :]
    assert sorted((one["id"], one["revision"], one["access"]) for one in new) == [(one, 2, "full") for one in opened]
    latest = [record for record in first.records if record["id"] not in opened] + new
    assert differences(replica, latest) == []
    asked(replica)
    assert crawl_on(99, replica.url, "source").records == done.records
    assert not set(asked(replica)) & set(opened)


@pytest.mark.parametrize("ledger", ["kept", "lost"])
def test_a_truncated_article_is_looked_at_again_in_its_own_source_and_by_address(
    serve: Serve, crawl_on: Run, ledger: str
) -> None:
    replica = serve(articles=100, sources=2)
    mine = [one for one in truncated(replica) if one in replica.world.ids(156)]
    done = crawl_on(0, replica.url, "source")
    if ledger == "lost":
        (done.folder / "ledger.sqlite").unlink()
    asked(replica)
    assert crawl_on(0.5, replica.url, "article", "-a", f"url={mine[0]}").exit_code == 0
    assert asked(replica) == []
    assert crawl_on(1.5, replica.url, "article", "-a", f"url={mine[0]}").exit_code == 0
    assert asked(replica) == [mine[0]]
    crawl_on(1.6, replica.url, "source", "-a", "source=156")
    assert set(asked(replica)) == set(mine[1:]) | {one for one in gated(replica) if one in replica.world.ids(156)}


def test_a_truncated_article_that_cannot_be_had_again_is_owed_and_stays_held(serve: Serve, crawl_on: Run) -> None:
    replica = serve(articles=100, sources=2)
    victim = truncated(replica)[0]
    first = crawl_on(0, replica.url, "source")
    replica.faults.add(f"/newstream/{victim}", "status", status=500)
    failed = crawl_on(1.1, replica.url, "source", "-s", "RETRY_TIMES=0")
    assert (failed.exit_code, failed.report["counts"]["owed"]) == (3, 1)
    replica.faults.clear()
    done = crawl_on(1.2, replica.url, "source")
    assert (done.exit_code, done.records) == (0, first.records)


def test_a_truncated_article_that_shows_no_text_later_is_owed_and_stays_held(serve: Serve, crawl_on: Run) -> None:
    replica = serve(articles=200, sources=2)
    victim = truncated(replica)[0]
    first = crawl_on(0, replica.url, "source")
    replica.faults.add(f"/newstream/{victim}", "lost", field="body", way="removed")
    failed = crawl_on(1.1, replica.url, "source")
    assert (failed.exit_code, failed.records) == (3, first.records)
    replica.faults.clear()
    done = crawl_on(1.2, replica.url, "source")
    assert (done.exit_code, done.records) == (0, first.records)


def test_a_clock_that_jumps_far_ahead_and_back_hides_nothing(serve: Serve, crawl_on: Run) -> None:
    replica = serve(articles=100, sources=2)
    again = sorted(truncated(replica) + gated(replica))
    crawl_on(4000, replica.url, "source")
    replica.world.publish(5)
    asked(replica)
    back = crawl_on(0, replica.url, "source")
    assert back.exit_code == 0, back.stderr
    assert set(again) <= set(asked(replica))
    assert differences(replica, back.records) == []
    right = crawl_on(0.5, replica.url, "source")
    assert (right.exit_code, asked(replica)) == (0, [])


def test_what_failed_before_the_clock_went_back_is_owed_after_it(serve: Serve, crawl_on: Run) -> None:
    replica = serve(articles=60, sources=2)
    victim = next(one for one in replica.world.ids() if replica.world.truth(one)["gate"] is None)
    replica.faults.add(f"/newstream/{victim}", "unreadable")
    assert crawl_on(400, replica.url, "source").exit_code == 3
    assert crawl_on(-400, replica.url, "source").exit_code == 3
    replica.faults.clear()
    done = crawl_on(0, replica.url, "source")
    assert done.exit_code == 0, done.stderr
    assert differences(replica, done.records) == []


# A full disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Gives a disk of so many bytes, or gives that disk another size: ``disk("64k")``."""
    folder = tmp_path / "disk"

    def mount(size: str) -> Path:
        words = ["remount"] if folder.is_mount() else []
        folder.mkdir(exist_ok=True)
        options = ",".join([*words, f"size={size}"])
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"no small disk can be mounted: {done.stderr.strip()}")
        return folder

    yield mount
    if folder.is_mount():
        subprocess.run(["umount", folder], check=True)


def check_failed(done: Crawl, what: str) -> None:
    """Exit 7, said in the last line; and what is there is whole, which reading it has shown."""
    assert done.exit_code == 7, done.stderr
    assert done.last_line.startswith("kcnacrawl: storage (7): ")
    assert what in done.last_line


def check_mended(replica: Replica, failed: Crawl, done: Crawl) -> None:
    """The same command has come to its end, and nothing was lost or doubled."""
    assert done.exit_code == 0, done.stderr
    assert done.records[: len(failed.records)] == failed.records
    assert differences(replica, done.records) == []
    assert verify(done.folder).returncode == 0


@pytest.mark.parametrize("size", ["4k", "64k", "200k", "400k", "600k"])
def test_a_disk_of_any_size_that_is_too_small(serve: Serve, crawl: Run, disk: Callable[[str], Path], size: str) -> None:
    replica = serve(articles=120, sources=2)
    folder = disk(size) / "archive"
    failed = crawl(replica.url, "source", folder=folder)
    check_failed(failed, f"cannot write {folder}")
    disk("64m")
    check_mended(replica, failed, crawl(replica.url, "source", folder=folder))


@pytest.mark.parametrize("name", ["articles.jsonl", "quarantine.jsonl", ".lock"])
def test_a_full_disk_under_one_file(
    serve: Serve, crawl: Run, disk: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    replica = serve(articles=80, sources=2)
    full = disk("4k")
    (full / "filler").write_bytes(b"x" * 4096)
    file = tmp_path / "archive" / name
    file.parent.mkdir()
    file.symlink_to(full / name)
    failed = crawl(replica.url, "source")
    check_failed(failed, f"cannot write {file}: No space left on device")
    assert (failed.records == []) == (name != "quarantine.jsonl")
    disk("64m")
    check_mended(replica, failed, crawl(replica.url, "source"))


def test_a_full_disk_under_what_is_kept_of_the_exchanges(
    serve: Serve, crawl: Run, disk: Callable[[str], Path], tmp_path: Path
) -> None:
    replica = serve(articles=80, sources=2)
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive/warc").symlink_to(disk("200k"))
    failed = crawl(replica.url, "source")
    check_failed(failed, f"cannot write {tmp_path}/archive/warc")
    assert failed.records
    assert {one["warc_record_id"] for one in failed.records} <= kept_ids(failed.folder)
    # That a page could not be kept is no fault of the site's.
    assert "http_error" not in {one["reason"] for one in failed.quarantine}
    disk("64m")
    check_mended(replica, failed, crawl(replica.url, "source"))
    check_whole(failed.folder)


def test_a_full_disk_under_the_run_reports(
    serve: Serve, crawl: Run, disk: Callable[[str], Path], tmp_path: Path
) -> None:
    replica = serve(articles=60, sources=1)
    full = disk("4k")
    (full / "filler").write_bytes(b"x" * 4096)
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive/runs").symlink_to(full)
    failed = crawl(replica.url, "source")
    check_failed(failed, "No space left on device")
    assert [path.name for path in full.iterdir()] == ["filler"]
    disk("64m")
    check_mended(replica, failed, crawl(replica.url, "source"))


def test_a_full_disk_under_the_seal_of_the_ledger(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    replica = serve(articles=60, sources=1)
    seal = tmp_path / "archive/ledger.sqlite.sha256"
    seal.parent.mkdir()
    # It is written aside, and what is written to this device never fits.
    seal.with_name(seal.name + ".tmp").symlink_to("/dev/full")
    failed = crawl(replica.url, "source")
    check_failed(failed, f"cannot write {seal}: No space left on device")
    assert differences(replica, failed.records) == []
    assert not seal.exists()
    check_mended(replica, failed, crawl(replica.url, "source"))


@pytest.mark.parametrize("limit", [10, 60_000, 250_000])
def test_no_file_may_grow_beyond_a_limit(serve: Serve, crawl: Run, limit: int) -> None:
    replica = serve(articles=120, sources=2)

    def no_file_beyond() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    failed = crawl(replica.url, "source", preexec_fn=no_file_beyond)
    check_failed(failed, "cannot write")
    check_mended(replica, failed, crawl(replica.url, "source"))


@pytest.mark.parametrize("days", [0, 1.1])
def test_a_ledger_that_takes_nothing_ends_the_run_wherever_it_is_asked(
    serve: Serve, crawl_on: Run, days: float
) -> None:
    replica = serve(articles=100, sources=2)
    first = crawl_on(0, replica.url, "source", "-a", "limit=60")
    (first.folder / "ledger.sqlite.sha256").unlink()
    changes = {"refuse_articles": "INSERT ON articles", "refuse_tries": "UPDATE OF tries ON wanted"}
    with closing(sqlite3.connect(first.folder / "ledger.sqlite", isolation_level=None)) as ledger:
        for name, change in changes.items():
            ledger.execute(f"CREATE TRIGGER {name} BEFORE {change} BEGIN SELECT RAISE(ABORT, 'disk I/O error'); END")
        failed = crawl_on(days, replica.url, "source")
        check_failed(failed, "ledger.sqlite: disk I/O error")
        for name in changes:
            ledger.execute(f"DROP TRIGGER {name}")
    check_mended(replica, failed, crawl_on(days, replica.url, "source"))


# A folder that cannot be written


def without_privileges() -> None:
    """Takes from root, for the program that is begun next, the right to write what its mode forbids."""
    # PR_CAPBSET_DROP of CAP_DAC_OVERRIDE; others have nothing that could be dropped.
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)


@pytest.fixture
def only_read() -> Iterator[Callable[[Path], None]]:
    """Has files and folders be read only, until the test is over."""
    modes: list[tuple[Path, int]] = []

    def forbid(path: Path) -> None:
        modes.append((path, path.stat().st_mode))
        path.chmod(modes[-1][1] & ~0o222)

    yield forbid
    for path, mode in modes:
        path.chmod(mode)


@pytest.mark.parametrize("name", [".", ".lock", "articles.jsonl", "quarantine.jsonl", "ledger.sqlite", "runs", "warc"])
def test_what_may_only_be_read_is_told_and_left_as_it_is(
    serve: Serve, crawl: Run, only_read: Callable[[Path], None], name: str
) -> None:
    replica = serve(articles=60, sources=1)
    first = crawl(replica.url, "source", "-a", "limit=20")
    path = first.folder / name
    only_read(path)
    failed = crawl(replica.url, "source", preexec_fn=without_privileges)
    check_failed(failed, str(path))
    if name != "runs":
        assert failed.records == first.records
    path.chmod(0o755)
    check_mended(replica, failed, crawl(replica.url, "source"))


def test_an_archive_that_may_only_be_read_is_verified(
    serve: Serve, crawl: Run, only_read: Callable[[Path], None]
) -> None:
    done = crawl(serve(articles=60, sources=1).url, "source")
    for path in [*done.folder.rglob("*"), done.folder]:
        only_read(path)
    told = verify(done.folder, preexec_fn=without_privileges)
    assert (told.returncode, told.stderr) == (0, "")


@pytest.mark.parametrize(
    "name", ["archive", "archive/articles.jsonl", "archive/ledger.sqlite", "archive/runs", "archive/warc"]
)
def test_what_stands_in_the_way_is_told_and_left_alone(serve: Serve, crawl: Run, tmp_path: Path, name: str) -> None:
    replica = serve(articles=60, sources=1)
    path = tmp_path / name
    is_folder = name.endswith((".jsonl", ".sqlite"))
    path.parent.mkdir(exist_ok=True)
    if is_folder:
        path.mkdir()
    else:
        path.write_text("in the way")
    failed = crawl(replica.url, "source")
    check_failed(failed, str(path))
    assert path.is_dir() == is_folder
    if is_folder:
        path.rmdir()
    else:
        path.unlink()
    check_mended(replica, failed, crawl(replica.url, "source"))


# The ledger damaged between two runs


def test_a_ledger_with_a_byte_changed_anywhere_doubles_and_loses_nothing(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=60, sources=2)
    first = crawl(replica.url, "source")
    ledger = first.folder / "ledger.sqlite"
    for ninth in range(9):
        data = bytearray(ledger.read_bytes())
        data[ninth * len(data) // 9] ^= 0x01
        ledger.write_bytes(data)
        done = crawl(replica.url, "source")
        assert (done.exit_code, done.records) == (0, first.records), done.stderr
        assert "ledger.sqlite is rebuilt from the logs: it is not as it was closed" in done.stderr


def test_a_foreign_line_under_an_intact_ledger_stops_the_run_before_anything_is_done(serve: Serve, crawl: Run) -> None:
    replica = serve(articles=80, sources=1)
    first = crawl(replica.url, "source")
    path = first.folder / "articles.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    lines[6] = b"x" * (len(lines[6]) - 1) + b"\n"
    path.write_bytes(b"".join(lines))
    names = ("articles.jsonl", "quarantine.jsonl", "ledger.sqlite", "ledger.sqlite.sha256")
    before = [(first.folder / name).read_bytes() for name in names]
    replica.requests.clear()
    run = processes.run(command(first.folder, replica.url, "source"), cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 7
    assert "articles.jsonl, line 7 is no line of ours" in run.stderr.splitlines()[-1]
    assert [(first.folder / name).read_bytes() for name in names] == before
    assert replica.requests == []
