"""What is kept of exchanges: by the records themselves, after a kill at any byte, and after damage."""

import asyncio
import gzip
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kcnacrawl.archive import StorageFailed
from kcnacrawl.archive.archive import Archive
from kcnacrawl.archive.verify import Verification
from kcnacrawl.archive.warc import cdxj
from kcnacrawl.archive.warc.cdxj import cdxj_path
from kcnacrawl.archive.warc.files import warc_files
from kcnacrawl.archive.warc.index import NAME, Place
from kcnacrawl.archive.warc.reader import WarcReader, read_members
from kcnacrawl.archive.warc.records import Exchange, Message
from kcnacrawl.archive.warc.writer import WarcWriter

from .test_archive import article, rejected
from .warcs import BIN, Record, check_whole, kept_ids, read_warc, read_warcs

NOW = datetime(2026, 11, 27, 1, 2, 3, 456789, UTC)
URL = "https://kcnawatch.org/newstream/1616497394-000000001/a"
PAGE = "<html>김정은동지께서</html>".encode() * 50


def exchange(url: str = URL, body: bytes = PAGE, *headers: tuple[bytes, bytes], **others: object) -> Exchange:
    request = Message(b"GET /a HTTP/1.1", [(b"Host", b"kcnawatch.org"), (b"Cookie", b"a=secret")], b"")
    response = Message(b"HTTP/1.1 200 OK", [(b"Content-Type", b"text/html"), *headers], body)
    fields = {"url": url, "when": NOW, "request": request, "response": response} | others
    return Exchange(**fields)  # type: ignore[arg-type]  # of several types


def open_writer(folder: Path, run_id: str = "run", most_bytes: int = 10**9) -> WarcWriter:
    (folder / "warc").mkdir(parents=True, exist_ok=True)
    writer = WarcWriter(folder / "warc", run_id, most_bytes, {"software": "kcnacrawl/1"})
    writer.open()
    return writer


def keep(folder: Path, *exchanges: Exchange, run_id: str = "run") -> list[str]:
    """Keep exchanges in a run of their own."""
    writer = open_writer(folder, run_id)
    found = [writer.keep(one) for one in exchanges]
    writer.close()
    return [one for one in found if one is not None]


def die(writer: WarcWriter) -> None:
    """Leave what a killed run leaves."""
    assert writer._file is not None
    writer._file.abandon()
    writer._index.close()


def answers(folder: Path) -> list[Record]:
    return [one for one in read_warcs(folder) if one.kind in {"response", "revisit"}]


# The records


def test_an_exchange_is_kept_as_it_went_over_the_wire(tmp_path: Path) -> None:
    packed = gzip.compress(PAGE)
    (kept,) = keep(
        tmp_path, exchange(URL, packed, (b"Content-Encoding", b"gzip"), (b"Content-Length", b"%d" % len(packed)))
    )
    check_whole(tmp_path)
    info, response, request = read_warcs(tmp_path)
    assert info.body.startswith(b"software: kcnacrawl/1\r\nformat: WARC File Format 1.1\r\n")
    assert (response.id, response.url, response.start, response.body) == (kept, URL, "HTTP/1.1 200 OK", packed)
    length = ("Content-Length", str(len(packed)))
    assert response.http == [("Content-Type", "text/html"), ("Content-Encoding", "gzip"), length]
    assert response.headers["WARC-Date"] == "2026-11-27T01:02:03.456789Z"
    assert (request.start, request.http) == ("GET /a HTTP/1.1", [("Host", "kcnawatch.org")])
    assert request.headers["WARC-Concurrent-To"] == f"<{kept}>"


@pytest.mark.parametrize(
    ("headers", "kept"),
    [
        ([], []),
        ([(b"transfer-encoding", b"chunked")], [("X-Archive-Orig-transfer-encoding", "chunked")]),
        ([(b"Content-Length", b"5")], [("X-Archive-Orig-Content-Length", "5")]),
    ],
)
def test_how_a_body_was_cut_for_the_wire_is_renamed_and_its_length_is_told(
    tmp_path: Path, headers: list[tuple[bytes, bytes]], kept: list[tuple[str, str]]
) -> None:
    keep(tmp_path, exchange(URL, PAGE, *headers), exchange(URL + "b"))
    check_whole(tmp_path)
    first, _ = answers(tmp_path)
    assert first.http == [("Content-Type", "text/html"), *kept, ("Content-Length", str(len(PAGE)))]


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ([(b"X-Place", b"Pyongyang \xe9")], [("X-Place", "Pyongyang \xe9")]),
        ([(b"X-Empty", b"")], [("X-Empty", "")]),
        ([(b"Link", b"<a>"), (b"Link", b"<b>")], [("Link", "<a>"), ("Link", "<b>")]),
        ([(b"X-Long", b"a" * 15_000)] * 4, [("X-Long", "a" * 15_000)] * 4),
    ],
)
def test_whatever_headers_a_site_sends_they_are_read_back(
    tmp_path: Path, given: list[tuple[bytes, bytes]], read: list[tuple[str, str]]
) -> None:
    keep(tmp_path, exchange(URL, PAGE, *given))
    cdxj_path(tmp_path / "warc/run-00001.warc.gz").unlink()
    keep(tmp_path, exchange(URL + "b"), run_id="run2")
    check_whole(tmp_path)
    with WarcReader(tmp_path / "warc") as reader:
        first, second = reader.responses()
    assert list(first.headers) == [("Content-Type", "text/html"), *read, ("Content-Length", str(len(PAGE)))]
    assert (first.status, first.payload, second.payload) == (200, PAGE, PAGE)


def test_an_answer_without_a_body_stays_without_a_length(tmp_path: Path) -> None:
    keep(tmp_path, exchange(response=Message(b"HTTP/1.1 304 Not Modified", [(b"Etag", b'"1"')], b"")))
    check_whole(tmp_path)
    (answer,) = answers(tmp_path)
    assert (answer.start, answer.http, answer.body) == ("HTTP/1.1 304 Not Modified", [("Etag", '"1"')], b"")


@pytest.mark.parametrize("name", [b"Set-Cookie", b"set-cookie2", b"Authorization", b"PROXY-AUTHORIZATION"])
def test_what_lets_somebody_in_is_not_kept(tmp_path: Path, name: bytes) -> None:
    keep(tmp_path, exchange(URL, PAGE, (name, b"secret")))
    (path,) = (tmp_path / "warc").glob("*.warc.gz")
    assert b"secret" not in gzip.decompress(path.read_bytes())


def test_no_header_smuggles_in_another(tmp_path: Path) -> None:
    keep(tmp_path, exchange(URL, PAGE, (b"X-A", b"b\r\nX-C: d\r\n\r\n<html>")))
    check_whole(tmp_path)
    (answer,) = answers(tmp_path)
    assert [name for name, _ in answer.http] == ["Content-Type", "X-A", "Content-Length"]


def test_a_request_without_an_answer_is_kept_with_what_hindered_it(tmp_path: Path) -> None:
    assert keep(tmp_path, exchange(response=None, hindrance="TimeoutError:\n too slow")) == []
    check_whole(tmp_path)
    _, request, metadata = read_warcs(tmp_path)
    assert (request.kind, metadata.body) == ("request", b"fetchError: TimeoutError: too slow\r\n")
    assert metadata.headers["WARC-Concurrent-To"] == f"<{request.id}>"


# Revisits


def test_a_payload_is_kept_once_within_a_run_and_after_it(tmp_path: Path) -> None:
    first, second = keep(tmp_path, exchange(), exchange(URL + "b"))
    (third,) = keep(tmp_path, exchange(URL + "c"), run_id="run2")
    check_whole(tmp_path)
    assert [one.kind for one in answers(tmp_path)] == ["response", "revisit", "revisit"]
    assert {one.headers.get("WARC-Refers-To") for one in answers(tmp_path)[1:]} == {f"<{first}>"}
    with WarcReader(tmp_path / "warc") as reader:
        found = [reader.find(one) for one in (first, second, third)]
        assert [one and (one.url, one.payload) for one in found] == [(URL + end, PAGE) for end in ("", "b", "c")]


def test_nothing_is_no_payload_to_refer_to(tmp_path: Path) -> None:
    keep(tmp_path, exchange(URL, b""), exchange(URL, b""))
    assert [one.kind for one in answers(tmp_path)] == ["response", "response"]


@pytest.mark.parametrize("harm", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:-700])])
def test_no_record_refers_to_one_that_is_gone(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    keep(tmp_path, exchange(URL, PAGE[:100]), exchange())
    harm(tmp_path / "warc/run-00001.warc.gz")
    (again,) = keep(tmp_path, exchange(), run_id="run2")
    (kept,) = (one for one in read_warc(tmp_path / "warc/run2-00001.warc.gz") if one.id == again)
    assert (kept.kind, kept.body) == ("response", PAGE)


# The index by address


@pytest.mark.parametrize("way", ["as it is kept", "in parts", "from the file"])
def test_beside_each_file_stands_what_cdxj_indexer_says_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    if way == "in parts":
        monkeypatch.setattr(cdxj, "_IN_MEMORY", 2)
    writer = open_writer(tmp_path, most_bytes=5000)
    urls = [f"{URL}{number}?b=2&a=%EA%B9%80" for number in (3, 1, 2, 1)] + ["http://127.0.0.1:8000/robots.txt"]
    for number, url in enumerate(urls):
        writer.keep(exchange(url, PAGE + b"%d" % number, (b"content-type", b"text/plain")))
    writer.keep(exchange(URL, PAGE + b"1"))
    writer.keep(exchange(response=Message(b"HTTP/1.1 302 Found", [(b"Location", b"/")], b"")))
    writer.keep(exchange("http://kcnawatch.org:99999/", response=Message(b"HTTP/1.1 599 ", [], b"?")))
    writer.keep(exchange(response=None, hindrance="TimeoutError"))
    writer.close()
    paths = warc_files(tmp_path / "warc")
    assert len(paths) > 1
    if way == "from the file":
        for path in paths:
            cdxj_path(path).unlink()
        keep(tmp_path)
    for path in paths:
        words = [BIN / "cdxj-indexer", "--sort", path]
        told = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert cdxj_path(path).read_text(encoding="ascii") == told


# After a kill


def test_whatever_is_left_of_the_last_exchange_the_others_stay_and_are_found(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "whole")
    ids = [writer.keep(exchange(f"{URL}{number}", PAGE + b"%d" % number)) for number in range(3)]
    die(writer)
    (path,) = warc_files(tmp_path / "whole/warc")
    data = path.read_bytes()
    for cut in range(1, len(data), 23):
        folder = tmp_path / str(cut)
        (folder / "warc").mkdir(parents=True)
        (folder / "warc" / path.name).write_bytes(data[:cut])
        before = [one for one in ids if one in kept_ids(folder)]
        keep(folder, exchange(f"{URL}9", b"more"), run_id="run2")
        assert {one for one in ids if one in kept_ids(folder)} == set(before)
        with WarcReader(folder / "warc") as reader:
            assert [one for one in ids if one and reader.find(one)] == before
    check_whole(folder)


def test_what_a_dying_machine_wrote_beyond_what_was_synced_is_cut(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    kept = writer.keep(exchange())
    writer.sync()
    die(writer)
    (path,) = warc_files(tmp_path / "warc")
    path.write_bytes(path.read_bytes() + bytes(5000))
    keep(tmp_path, exchange(URL + "b", b"more"), run_id="run2")
    check_whole(tmp_path)
    assert kept in kept_ids(tmp_path)


def test_what_stands_after_damage_is_put_aside_and_not_thrown_away(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    first, _, third = (writer.keep(exchange(f"{URL}{number}", PAGE + b"%d" % number)) for number in range(3))
    die(writer)
    (path,) = warc_files(tmp_path / "warc")
    data = bytearray(path.read_bytes())
    _, _, _, second, *_ = read_members(path)
    data[second.offset + 40 : second.offset + 60] = bytes(20)
    path.write_bytes(data)
    (path.parent / NAME).unlink()
    keep(tmp_path, run_id="run2")
    check_whole(tmp_path)
    assert first in kept_ids(tmp_path)
    aside = tmp_path / "warc/run-00001.warc.gz.torn"
    assert aside.read_bytes() == data[second.offset :]
    assert third in {one.record_id for one in read_members(aside, second.end - second.offset)}


def test_a_file_that_was_begun_and_holds_nothing_goes(tmp_path: Path) -> None:
    open_writer(tmp_path).close()
    (tmp_path / "warc/old-00001.warc.gz.open").write_bytes(b"")
    keep(tmp_path)
    assert warc_files(tmp_path / "warc") == []


# The index


@pytest.mark.parametrize("damage", [None, b"", b"no database at all" * 100])
def test_an_index_that_is_lost_or_damaged_is_made_anew(tmp_path: Path, damage: bytes | None) -> None:
    ids = keep(tmp_path, exchange(), exchange(URL + "b", b"other"))
    path = tmp_path / "warc" / NAME
    path.unlink() if damage is None else path.write_bytes(damage)
    (again,) = keep(tmp_path, exchange(), run_id="run2")
    with WarcReader(tmp_path / "warc") as reader:
        assert [found.record_id for one in (*ids, again) if (found := reader.find(one))] == [*ids, again]
    assert answers(tmp_path)[-1].kind == "revisit"


def test_an_index_whose_pages_are_damaged_is_made_anew(tmp_path: Path) -> None:
    (first,) = keep(tmp_path, exchange())
    path = tmp_path / "warc" / NAME
    data = path.read_bytes()
    # All but its first page, which tells what it is.
    path.write_bytes(data[:4096] + b"\xff" * (len(data) - 4096))
    with pytest.raises(StorageFailed, match="any crawl makes it anew"), WarcReader(tmp_path / "warc") as reader:
        reader.find(first)
    keep(tmp_path, exchange(), run_id="run2")
    with WarcReader(tmp_path / "warc") as reader:
        assert reader.find(first) is not None
    assert [one.kind for one in answers(tmp_path)] == ["response", "revisit"]


def test_files_that_come_from_elsewhere_are_learned(tmp_path: Path) -> None:
    (there,) = keep(tmp_path / "there", exchange(), run_id="there")
    keep(tmp_path / "here", exchange(URL, b"other"), run_id="here")
    (tmp_path / "there/warc/there-00001.warc.gz").rename(tmp_path / "here/warc/there-00001.warc.gz")
    keep(tmp_path / "here", exchange(URL + "b"), run_id="later")
    with WarcReader(tmp_path / "here/warc") as reader:
        assert reader.find(there) is not None
    assert [one.kind for one in answers(tmp_path / "here")] == ["response", "revisit", "response"]


# Reading


def test_answers_are_read_in_their_order_and_from_a_place_on(tmp_path: Path) -> None:
    writer = open_writer(tmp_path, most_bytes=2500)
    ids = [writer.keep(exchange(f"{URL}{number}", PAGE + b"%d" % number)) for number in range(6)]
    ids.append(writer.keep(exchange(f"{URL}6", PAGE + b"2")))
    writer.close()
    assert len(warc_files(tmp_path / "warc")) > 2
    with WarcReader(tmp_path / "warc") as reader:
        found = list(reader.responses())
        assert [one.record_id for one in found] == ids
        assert [one.payload for one in found] == [PAGE + b"%d" % number for number in (*range(6), 2)]
        for number, one in enumerate(found):
            assert list(reader.responses(one.place)) == found[number:]
        assert list(reader.responses(Place("s", 0))) == []


@pytest.mark.parametrize("change", [lambda data: data[:-5], lambda data: data[:900] + b"?" + data[901:]])
def test_damage_is_told_and_not_passed_over(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    keep(tmp_path, *(exchange(f"{URL}{number}", PAGE + b"%d" % number) for number in range(4)))
    path = tmp_path / "warc/run-00001.warc.gz"
    path.write_bytes(change(path.read_bytes()))
    with (
        WarcReader(tmp_path / "warc") as reader,
        pytest.raises(StorageFailed, match=r"warc\.gz is damaged at byte \d+"),
    ):
        list(reader.responses())


def test_what_is_being_written_is_read_as_far_as_it_is_whole(tmp_path: Path) -> None:
    writer = open_writer(tmp_path)
    kept = writer.keep(exchange())
    assert writer._file is not None
    writer._file.append(b"\x1f\x8b\x08 torn")
    with WarcReader(tmp_path / "warc") as reader:
        assert [one.record_id for one in reader.responses()] == [kept]
        assert reader.find(str(kept)) is not None
        assert reader.find("urn:uuid:00000000-0000-4000-8000-000000000000") is None
        assert reader.find("no id") is None
    die(writer)


# The order of safety


def test_an_exchange_is_synced_before_its_line_and_many_share_two_syncs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(tmp_path)
    warc = archive.keep_exchanges("run", 10**9, {})
    synced: list[str] = []
    fsync = os.fsync

    def watched(fd: int) -> None:
        synced.append(Path(f"/proc/self/fd/{fd}").readlink().name)
        fsync(fd)

    async def take(number: int) -> None:
        kept = warc.keep(exchange(f"{URL}{number}", PAGE + b"%d" % number))
        await archive.store(replace(article(number), warc_record_id=kept))
        # The index may wait, the file may not.
        assert kept in kept_ids(tmp_path)

    async def run() -> None:
        archive.open()
        await take(0)
        monkeypatch.setattr(os, "fsync", watched)
        await asyncio.gather(*(take(number) for number in range(1, 65)))
        monkeypatch.undo()
        await archive.close()

    asyncio.run(run())
    # The first line goes alone, whatever came meanwhile with the next.
    assert synced == ["run-00001.warc.gz.open", "articles.jsonl"] * (len(synced) // 2)
    assert len(synced) <= 4
    assert list(Verification(tmp_path).faults(lambda _: None)) == []


def test_a_line_is_not_written_where_its_exchange_could_not_be_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    async def run() -> None:
        archive = Archive(tmp_path)
        warc = archive.keep_exchanges("run", 10**9, {})
        archive.open()
        kept = warc.keep(exchange())
        monkeypatch.setattr(os, "fsync", fail)
        for store in (archive.store(replace(article(1), warc_record_id=kept)), archive.reject(rejected(2))):
            with pytest.raises(StorageFailed, match=r"cannot write .*run-00001\.warc\.gz: Input/output error"):
                await store
        monkeypatch.undo()
        await archive.close()

    asyncio.run(run())
    assert [(tmp_path / name).read_bytes() for name in ("articles.jsonl", "quarantine.jsonl")] == [b"", b""]


# The disk


def test_after_a_failure_nothing_is_kept_or_vouched_for_and_the_file_ends_in_a_whole_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = open_writer(tmp_path)
    kept = writer.keep(exchange())

    def half(fd: int, data: bytes, offset: int) -> int:
        monkeypatch.undo()
        monkeypatch.setattr("os.pwrite", full)
        return write(fd, data[: len(data) // 2], offset)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    write = os.pwrite
    monkeypatch.setattr("os.pwrite", half)
    for _ in range(2):
        with pytest.raises(StorageFailed, match=r"cannot write .*run-00001\.warc\.gz: No space left on device"):
            writer.keep(exchange(URL + "b", b"other"))
        monkeypatch.undo()
    with pytest.raises(StorageFailed):
        writer.sync()
    writer.close()
    (path,) = warc_files(tmp_path / "warc")
    subprocess.run(["gzip", "-t", "-S", ".open", path], check=True)
    keep(tmp_path, exchange(URL + "c", b"third"), run_id="run2")
    check_whole(tmp_path)
    assert kept in kept_ids(tmp_path)
    assert len(answers(tmp_path)) == 2


def test_nothing_is_kept_while_no_archive_is_open(tmp_path: Path) -> None:
    writer = WarcWriter(tmp_path / "warc", "run", 10**9, {})
    assert writer.keep(exchange()) is None
    writer.close()
    assert list(tmp_path.iterdir()) == []


def test_fastwarc_indexes_what_is_kept(tmp_path: Path) -> None:
    keep(tmp_path, exchange(), replace(exchange(URL + "b"), truncated="disconnect"))
    done = subprocess.run(
        [BIN / "fastwarc", "index", *warc_files(tmp_path / "warc")], capture_output=True, text=True, check=True
    )
    assert URL in done.stdout
