"""Scrapy's own feeds go on working beside the archive, to a file and over a network."""

import csv
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

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
