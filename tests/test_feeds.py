"""Scrapy's own feeds go on working beside the archive, to a file and over a network."""

import csv
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kcnacrawl.exporters import XmlExporter
from kcnacrawl.replica.server import Replica

from .conftest import Crawl, read_lines

Serve = Callable[..., Replica]
Run = Callable[..., Crawl]

FTP = """
import sys
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse as Users
from twisted.cred.portal import Portal
from twisted.internet import reactor
from twisted.protocols.ftp import FTPFactory, FTPRealm
users = Users()
users.addUser("reader", "secret")  # FTP has text, where the checker says bytes
realm = FTPRealm(sys.argv[1], userHome=sys.argv[1])
port = reactor.listenTCP(0, FTPFactory(Portal(realm, [users])), interface="127.0.0.1")
print(port.getHost().port, flush=True)
reactor.run()
"""


@pytest.fixture
def ftp(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A real FTP server: the address of a user's home, and where that is."""
    home = tmp_path / "ftp/reader"
    home.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", FTP, home.parent], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"ftp://reader:secret@127.0.0.1:{server.stdout.readline().strip()}", home
        finally:
            server.terminate()


def test_feeds_hold_what_the_run_stored(serve: Serve, crawl: Run, ftp: tuple[str, Path], tmp_path: Path) -> None:
    (address, home), table = ftp, tmp_path / "new.csv"
    replica = serve(articles=30, sources=2)
    first = crawl(replica.url, "source", "-a", "source=156", "-o", f"{address}/new.jsonl", "-o", str(table))
    assert first.exit_code == 0, first.stderr
    assert first.records
    by_id = {record["id"]: record for record in first.records}
    assert {record["id"]: record for record in read_lines(home / "new.jsonl")} == by_id
    with table.open(newline="", encoding="utf-8") as file:
        assert {row["id"]: row["article_body"] for row in csv.DictReader(file)} == {
            one: record["article_body"] for one, record in by_id.items()
        }
    # The next run has other news, and a file of its own.
    second = crawl(replica.url, "source", "-o", f"{address}/%(name)s-%(time)s.jsonl")
    assert second.exit_code == 0, second.stderr
    (path,) = home.glob("source-*.jsonl")
    assert by_id | {record["id"]: record for record in read_lines(path)} == {one["id"]: one for one in second.records}


def test_korean_is_written_as_korean(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    done = crawl(serve(articles=12, sources=12).url, "source", "-o", str(tmp_path / "new.jsonl"))
    assert any(record["in_language"] == "ko" for record in done.records)
    assert "동지" in (tmp_path / "new.jsonl").read_text(encoding="utf-8")


def test_a_spreadsheet_is_told_that_a_table_is_utf_8(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    table = tmp_path / "new.csv"
    words = ("-s", "FEED_EXPORT_ENCODING=utf-8-sig", "-o", str(table))
    done = crawl(serve(articles=12, sources=2).url, "source", *words)
    assert done.exit_code == 0, done.stderr
    # Without a byte order mark it takes the encoding of the machine's language; another one would be a letter.
    assert table.read_bytes().startswith(b"\xef\xbb\xbf")
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert {row["id"]: row["article_body"] for row in rows} == {one["id"]: one["article_body"] for one in done.records}
    assert any("동지" in row["article_body"] for row in rows)
    assert "\ufeff" not in "".join(value for row in rows for value in row.values())


def test_a_feed_of_xml_is_xml_whatever_a_page_holds(serve: Serve, crawl: Run, tmp_path: Path) -> None:
    feed = tmp_path / "new.xml"
    replica = serve(articles=10, sources=1)
    replica.faults.add("^/newstream/", "hostile", what="noncharacters", field="paragraphs")
    done = crawl(replica.url, "source", "-O", str(feed))
    assert any("\uffff" in one["article_body"] for one in done.records)
    bodies = {one["article_body"].replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd") for one in done.records}
    assert {one.findtext("article_body") for one in ET.parse(feed).getroot()} == bodies


@given(st.text(st.characters(blacklist_characters="\r")), st.lists(st.text(st.characters(blacklist_characters="\r"))))
@example("\uffff \ufffe \ud800 \x00 \x0b \x1f", ["\x0c"])
def test_any_text_of_an_item_comes_out_of_its_xml(headline: str, images: list[str]) -> None:
    file = BytesIO()
    exporter = XmlExporter(file)
    exporter.start_exporting()
    exporter.export_item({"headline": headline, "images": tuple(images), "revision": 1})
    exporter.finish_exporting()
    (item,) = ET.fromstring(file.getvalue())
    for text, found in zip([headline, *images], [item.find("headline"), *item.iterfind("images/value")], strict=True):
        assert found is not None
        came = found.text or ""
        assert len(came) == len(text)
        assert all(after in {before, "\ufffd"} for before, after in zip(text, came, strict=True))
        assert all(after == before for before, after in zip(text, came, strict=True) if before.isprintable())
    assert item.findtext("revision") == "1"
