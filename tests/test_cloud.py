"""WARC files that were brought to an object store are read as if they were here, and none is ever lost on the way."""

import asyncio
import json
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from kcnacrawl.archive.archive import Archive
from kcnacrawl.archive.lock import Lock
from kcnacrawl.archive.warc.index import Index
from kcnacrawl.archive.warc.reader import WarcReader
from kcnacrawl.archive.warc.recovery import open_index
from kcnacrawl.browse import plugin
from kcnacrawl.replica.server import Replica
from kcnacrawl.replica.world import World

from . import processes
from .cloud import Bucket
from .conftest import ROOT, Crawl, command, read_lines, scrapy
from .warcs import check_whole

Run = Callable[..., Crawl]

SMALL = ("-s", "KCNACRAWL_WARC_BYTES=100000")


@pytest.fixture(scope="module")
def replica() -> Any:
    with Replica(World(articles=40, sources=2)) as replica:
        yield replica


@pytest.fixture(scope="module")
def crawled(replica: Replica, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of several WARC files."""
    folder = tmp_path_factory.mktemp("crawled") / "archive"
    done = processes.run(command(folder, replica.url, "source", *SMALL), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(local(folder)) >= 3
    return folder


@pytest.fixture
def archive(crawled: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(crawled, tmp_path / "archive"))


@pytest.fixture
def url(bucket: Bucket, tmp_path: Path) -> str:
    """A place of its own for each test."""
    return f"s3://{bucket.name}/{tmp_path.name}"


def local(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "warc").glob("*.warc.gz"))


def offload(folder: Path, url: str, bucket: Bucket) -> subprocess.CompletedProcess[str]:
    return scrapy(folder, "offload", url, env=bucket.env)


def offloaded(folder: Path, url: str, bucket: Bucket) -> list[str]:
    """Offloads an archive; the names of what is there now."""
    names = local(folder)
    done = offload(folder, url, bucket)
    assert (done.returncode, done.stderr, local(folder)) == (0, "", [])
    return names


def key(url: str, name: str) -> str:
    return f"{url.split('/', 3)[3]}/{name}"


def told(folder: Path, bucket: Bucket, *words: str) -> tuple[int, str, str]:
    done = scrapy(folder, *words, env=bucket.env)
    return done.returncode, done.stdout, done.stderr


# There and back


def test_every_file_is_there_to_the_byte_and_no_longer_here(archive: Path, url: str, bucket: Bucket) -> None:
    before = {name: (archive / "warc" / name).read_bytes() for name in local(archive)}
    done = offload(archive, url, bucket)
    length = sum(map(len, before.values()))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{url}: {len(before)} WARC files of {length:,} bytes are there, and no longer here\n"
    assert {name: bucket.get(key(url, name)) for name in before} == before
    assert local(archive) == []
    entries = read_lines(archive / "warc/offloaded.jsonl")
    assert [(one["name"], one["length"]) for one in entries] == [(name, len(data)) for name, data in before.items()]
    # Once more, there is nothing to do.
    again = offload(archive, url, bucket)
    assert (again.returncode, again.stdout) == (0, f"{url}: 0 WARC files of 0 bytes are there, and no longer here\n")
    assert read_lines(archive / "warc/offloaded.jsonl") == entries


def test_a_disk_that_is_mounted_is_such_a_place_too(archive: Path, bucket: Bucket, tmp_path: Path) -> None:
    before = {name: (archive / "warc" / name).read_bytes() for name in local(archive)}
    offloaded(archive, f"file://{tmp_path}/disk/warc", bucket)
    assert {path.name: path.read_bytes() for path in (tmp_path / "disk/warc").iterdir()} == before
    assert told(archive, bucket, "verify")[0] == 0


@pytest.mark.parametrize("words", [("verify",), ("reparse", "--dry-run"), ("coverage",)], ids=lambda words: words[0])
def test_commands_tell_what_they_told_before(archive: Path, url: str, bucket: Bucket, words: tuple[str, ...]) -> None:
    before = told(archive, bucket, *words)
    assert before[0] == 0
    offloaded(archive, url, bucket)
    assert told(archive, bucket, *words) == before


def test_reparse_puts_right_from_there_what_it_puts_right_from_here(archive: Path, url: str, bucket: Bucket) -> None:
    lines = (archive / "articles.jsonl").read_bytes().splitlines(keepends=True)
    (archive / "articles.jsonl").write_bytes(b"".join(lines[:10]))
    for path in archive.glob("ledger.sqlite*"):
        path.unlink()
    twin = shutil.copytree(archive, archive.parent / "twin")
    offloaded(archive, url, bucket)
    assert told(archive, bucket, "reparse")[:2] == told(twin, bucket, "reparse")[:2]

    def records(folder: Path) -> list[dict[str, Any]]:
        return [one | {"run_id": ""} for one in read_lines(folder / "articles.jsonl")]

    assert records(archive) == records(twin)


def test_the_index_is_made_anew_from_there(
    archive: Path, url: str, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    cdxj = {path.name: path.read_bytes() for path in (archive / "warc").glob("*.cdxj")}
    with WarcReader(archive / "warc") as reader:
        before = list(reader.responses())
    offloaded(archive, url, bucket)
    for path in [*(archive / "warc").glob("index.sqlite*"), *(archive / "warc").glob("*.cdxj")]:
        path.unlink()
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, bucket.env[name])
    with closing(Index(archive / "warc")) as index:
        open_index(archive / "warc", index)
    assert {path.name: path.read_bytes() for path in (archive / "warc").glob("*.cdxj")} == cdxj
    with WarcReader(archive / "warc") as reader:
        assert list(reader.responses()) == before
        assert [reader.find(one.record_id) for one in before] == before


def test_a_wacz_file_holds_the_same(archive: Path, url: str, bucket: Bucket, tmp_path: Path) -> None:
    def pages(file: Path) -> tuple[bytes, bytes]:
        assert told(archive, bucket, "wacz", str(file))[0] == 0
        with zipfile.ZipFile(file) as packed:
            return packed.read("archive/pages.warc.gz"), packed.read("pages/pages.jsonl")

    before = pages(tmp_path / "before.wacz")
    offloaded(archive, url, bucket)
    assert pages(tmp_path / "after.wacz") == before


def test_the_page_as_taken_is_shown_from_there(
    archive: Path, url: str, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [one["warc_record_id"] for one in read_lines(archive / "articles.jsonl")]
    before = [plugin._read_page(archive / "warc", one) for one in ids]
    offloaded(archive, url, bucket)
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, bucket.env[name])
    assert [plugin._read_page(archive / "warc", one) for one in ids] == before


def test_a_crawl_goes_on_and_asks_the_store_for_nothing(
    archive: Path, url: str, bucket: Bucket, replica: Replica
) -> None:
    offloaded(archive, url, bucket)
    nowhere = bucket.env | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    done = processes.run(
        command(archive, replica.url, "source", "-a", "limit=1"), cwd=ROOT, env=nowhere, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert len(local(archive)) == 1
    check_whole(archive)
    assert told(archive, bucket, "verify")[0] == 0


def test_a_merge_brings_along_where_they_are_and_downloads_none(
    archive: Path, url: str, bucket: Bucket, tmp_path: Path
) -> None:
    names = offloaded(archive, url, bucket)
    nowhere = bucket.env | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    done = scrapy(tmp_path / "merged", "merge", str(archive), env=nowhere)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{len(names)} WARC files" in done.stdout
    assert local(tmp_path / "merged") == []
    code, stdout, stderr = told(tmp_path / "merged", bucket, "verify")
    assert (code, stderr) == (0, ""), stdout
    # An archive that has them here needs none of it.
    again = scrapy(archive, "merge", str(tmp_path / "merged"), env=nowhere)
    assert "0 WARC files" in again.stdout


# Killed


@pytest.mark.parametrize("point", ["upload", "check", "offloaded", "away"])
def test_killed_at_any_step_no_file_is_lost_and_the_next_run_ends_it(
    archive: Path, url: str, bucket: Bucket, point: str
) -> None:
    before = {name: (archive / "warc" / name).read_bytes() for name in local(archive)}
    run = [sys.executable, "-m", "tests.crashing", point, "2", "offload", "-s", f"KCNACRAWL_DIR={archive}", url]
    assert processes.run(run, cwd=ROOT, env=bucket.env).returncode == -signal.SIGKILL
    assert local(archive) != []
    assert told(archive, bucket, "verify")[0] == 0
    offloaded(archive, url, bucket)
    assert {name: bucket.get(key(url, name)) for name in before} == before
    assert [one["name"] for one in read_lines(archive / "warc/offloaded.jsonl")] == list(before)


def test_another_file_of_that_name_is_not_overwritten(archive: Path, url: str, bucket: Bucket) -> None:
    first = local(archive)[0]
    bucket.put(key(url, first), b"of another archive")
    done = offload(archive, url, bucket)
    assert done.returncode == 7
    assert done.stderr == (f"kcnacrawl: storage (7): {url}/{first} is there, and is another file: give another place\n")
    assert bucket.get(key(url, first)) == b"of another archive"
    assert first in local(archive)


def test_what_a_crawl_still_writes_stays(archive: Path, url: str, bucket: Bucket) -> None:
    (name, *_) = local(archive)
    (archive / "warc" / name).rename(archive / "warc" / f"{name}.open")
    done = offload(archive, url, bucket)
    assert done.returncode == 0
    assert done.stdout.endswith("1 stay here until the next crawl has put them in order\n")
    assert (archive / "warc" / f"{name}.open").exists()


# What is wrong there


def test_an_object_that_is_gone_or_cut_short_or_altered_is_a_fault(archive: Path, url: str, bucket: Bucket) -> None:
    first, second, third, *_ = offloaded(archive, url, bucket)
    length = len(bucket.get(key(url, second)))
    bucket.delete(key(url, first))
    bucket.put(key(url, second), bucket.get(key(url, second))[:-100])
    altered = bytearray(bucket.get(key(url, third)))
    altered[len(altered) // 2] ^= 1
    bucket.put(key(url, third), bytes(altered))
    code, stdout, _ = told(archive, bucket, "verify")
    assert code == 7
    assert f"warc/offloaded.jsonl:1: {url}/{first} is not there: restore it from a copy" in stdout
    short = f"{url}/{second} has {length - 100} bytes, and had {length}: restore it from a copy"
    assert f"warc/offloaded.jsonl:2: {short}" in stdout
    assert f"warc/{third}:1: {url}/{third} is damaged at byte" in stdout
    # Without a download, no content is looked at.
    code, stdout, _ = told(archive, bucket, "verify", "--without-offloaded")
    assert code == 7
    assert short in stdout
    assert third not in stdout


def test_without_the_content_of_what_was_offloaded_verify_finds_no_fault(
    archive: Path, url: str, bucket: Bucket
) -> None:
    before = told(archive, bucket, "verify")
    offloaded(archive, url, bucket)
    assert told(archive, bucket, "verify", "--without-offloaded") == before


@pytest.mark.parametrize(
    "words", [("offload", "s3://kept/down"), ("verify",), ("reparse",)], ids=lambda words: words[0]
)
def test_a_store_that_is_down_is_told_and_nothing_is_lost(
    archive: Path, url: str, bucket: Bucket, words: tuple[str, ...]
) -> None:
    if words[0] != "offload":
        offloaded(archive, url, bucket)
    before = {path.name: path.read_bytes() for path in (archive / "warc").glob("*.*z*")}
    nowhere = bucket.env | {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    if words[0] == "reparse":
        shutil.rmtree(archive / "runs")
    done = scrapy(archive, *words, env=nowhere)
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert "cannot be reached: " in done.stderr
    assert "hush" not in done.stderr
    assert {path.name: path.read_bytes() for path in (archive / "warc").glob("*.*z*")} == before


def test_a_bucket_that_is_not_there_is_told(archive: Path, bucket: Bucket) -> None:
    done = offload(archive, "s3://nowhere/warc", bucket)
    assert (done.returncode, len(done.stderr.splitlines())) == (3, 1)
    assert local(archive) != []


def test_an_entry_that_is_none_is_named_by_its_line(archive: Path, url: str, bucket: Bucket) -> None:
    offloaded(archive, url, bucket)
    path = archive / "warc/offloaded.jsonl"
    entries = read_lines(path)
    entries[1]["url"] = "ftp://example.org/x"
    path.write_text("".join(json.dumps(one) + "\n" for one in entries), encoding="utf-8")
    code, _, stderr = told(archive, bucket, "verify")
    assert code == 7
    assert "offloaded.jsonl, line 2: 'ftp://example.org/x' is not s3://BUCKET/" in stderr


# Refused


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("ftp://example.org/x", "'ftp://example.org/x' is not s3://BUCKET/…, gs://BUCKET/… or file:///FOLDER"),
        ("s3://", "'s3://' is not s3://BUCKET/"),
        ("bucket/x", "'bucket/x' is not s3://BUCKET/"),
        ("file://folder/x", "a folder's path begins with a slash"),
        ("s3://who:hush@bucket/x", "s3://…: no name and no key belongs there"),
    ],
)
def test_an_address_that_is_none_is_refused(archive: Path, bucket: Bucket, url: str, said: str) -> None:
    done = offload(archive, url, bucket)
    assert done.returncode == 2
    assert said in done.stderr
    assert "hush" not in done.stderr


def test_a_library_that_is_missing_is_named(archive: Path, bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "without").mkdir()
    (tmp_path / "without/s3fs.py").write_text("raise ModuleNotFoundError('gone', name='s3fs')\n")
    done = scrapy(archive, "offload", "s3://kept/x", env=bucket.env | {"PYTHONPATH": f"{tmp_path}/without"})
    assert done.returncode == 2
    assert done.stderr == "kcnacrawl: usage (2): s3fs is missing: pip install kcnacrawl[cloud]\n"


def test_two_at_a_time_are_refused(archive: Path, url: str, bucket: Bucket) -> None:
    lock = Lock(archive / "warc/.offload.lock")
    lock.acquire()
    try:
        done = offload(archive, url, bucket)
    finally:
        lock.release()
    assert done.returncode == 6
    assert local(archive) != []


def test_it_goes_on_beside_a_crawl(archive: Path, url: str, bucket: Bucket) -> None:
    held = Archive(archive)
    held.open()
    try:
        offloaded(archive, url, bucket)
    finally:
        asyncio.run(held.close())
