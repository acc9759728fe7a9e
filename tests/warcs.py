"""What a folder of WARC files holds, read by others' programs and by our own."""

import gzip
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from warcio.archiveiterator import ArchiveIterator

from kcnacrawl.archive.warc.cdxj import cdxj_path
from kcnacrawl.archive.warc.files import warc_files
from kcnacrawl.archive.warc.reader import Damaged, read_members

BIN = Path(sys.executable).parent


class Record:
    """A record as warcio reads it: its headers, those of HTTP with their first line, and its body as it was kept."""

    def __init__(
        self, kind: str, headers: dict[str, str], start: str, http: list[tuple[str, str]], body: bytes
    ) -> None:
        self.kind = kind
        self.headers = headers
        self.start = start
        self.http = http
        self.body = body

    @property
    def id(self) -> str:
        return self.headers["WARC-Record-ID"].strip("<>")

    @property
    def url(self) -> str:
        return self.headers.get("WARC-Target-URI", "")


def read_warcs(folder: Path) -> list[Record]:
    """Every record of the archive in that folder, in order."""
    return [record for path in sorted((folder / "warc").glob("*.warc.gz")) for record in read_warc(path)]


def read_warc(path: Path) -> Iterator[Record]:
    """Every record of a file."""
    with path.open("rb") as file:
        for one in ArchiveIterator(file):
            http = one.http_headers
            start = f"{http.protocol} {http.statusline}" if http else ""
            yield Record(
                one.rec_type,
                dict(one.rec_headers.headers),
                start,
                list(http.headers) if http else [],
                one.raw_stream.read(),
            )


def kept_ids(folder: Path) -> set[str]:
    """The ids of all records that are whole, whatever a killed run has left after them."""
    found: set[str] = set()
    for path in warc_files(folder / "warc"):
        with suppress(Damaged):
            found.update(member.record_id for member in read_members(path))
    return found


def check_whole(folder: Path) -> None:
    """Every file is complete, member by member, and others' programs find no fault in it."""
    paths = warc_files(folder / "warc")
    assert [path.name for path in paths if path.suffix == ".open"] == []
    for path in paths:
        members = list(read_members(path))
        assert members[0].header("WARC-Type") == "warcinfo"
        assert members[-1].end == path.stat().st_size
        lines = cdxj_path(path).read_text(encoding="ascii").splitlines()
        assert len(lines) == sum(one.is_response for one in members)
        # One member a record: each is unpacked by itself.
        data = path.read_bytes()
        assert all(gzip.decompress(data[one.offset : one.end]).startswith(b"WARC/1.1\r\n") for one in members)
        for words in (["gzip", "-t"], [BIN / "warcio", "check"], [BIN / "fastwarc", "check", "--quiet"]):
            done = subprocess.run([*words, path], capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
