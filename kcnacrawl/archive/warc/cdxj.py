"""The index by address and time that pywb and others look things up in: a line an answer, as ``cdxj-indexer`` has it.

Beside each file that is complete stands one of its own. It is derived: where it is missing, the next opening makes it.
"""

import contextlib
import heapq
import json
import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Final

from ..log import write_whole
from .files import SUFFIX, KeptFile
from .reader import Damaged, Member, read_members

_IN_MEMORY: Final = 5_000
_MIME: Final = re.compile(r"[^;\s]*")


def cdxj_path(path: Path) -> Path:
    """Return where the lines on a file of records are."""
    return path.with_name(path.name.removesuffix(SUFFIX) + ".cdxj")


class CdxjWriter:
    """Puts the lines on a file of records in order, in the memory of some thousand. Methods raise ``OSError``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[bytes] = []
        self._sorted = contextlib.ExitStack()
        self._parts: list[IO[bytes]] = []

    def add(self, line: str) -> None:
        """Take a line."""
        self._lines.append(line.encode())
        if len(self._lines) >= _IN_MEMORY:
            part = self._sorted.enter_context(TemporaryFile(dir=self._path.parent))  # noqa: SIM115 - it is managed
            part.writelines(sorted(self._lines))
            part.seek(0)
            self._parts.append(part)
            self._lines.clear()

    def write(self) -> None:
        """Write what was taken beside the file."""
        with self._sorted:
            write_whole(cdxj_path(self._path), heapq.merge(sorted(self._lines), *self._parts))


def make_cdxj(file: KeptFile) -> None:
    """Write the lines on a file that is complete, as far as it is whole, beside where it is or was. Raise ``OSError``,
    :class:`~kcnacrawl.archive.Unreachable`.
    """
    writer = CdxjWriter(file.folder / file.name)
    with contextlib.suppress(Damaged):
        for one in read_members(file):
            if one.is_response:
                writer.add(line_on(one, file.name))
    writer.write()


def line(
    url: str,
    date: str,
    status: str,
    headers: Sequence[tuple[str, str]],
    digest: str,
    place: tuple[str, int, int],
    *,
    is_revisit: bool,
) -> str:
    """Return the line on an answer: ``date`` is its ``WARC-Date``, ``place`` its file, offset and length."""
    types = [value for name, value in headers if name.lower() == "content-type"]
    found = _MIME.match(types[0].strip()) if types else None
    mime = "warc/revisit" if is_revisit else found and found[0]
    name, offset, length = place
    told = {"url": url, "mime": mime, "status": status, "digest": digest}
    told |= {"length": str(length), "offset": str(offset), "filename": name}
    moment = re.sub("[^0-9]", "", date)[:14]
    return f"{_key(url)} {moment} {json.dumps({key: value for key, value in told.items() if value})}\n"


def _key(url: str) -> str:
    # It loads what asks for web pages, which takes a while, and most commands keep nothing.
    import surt  # type: ignore[import-untyped]  # noqa: PLC0415 - has no types; as above

    try:
        return str(surt.surt(url))
    except ValueError:
        # A port that is none. As cdxj-indexer does.
        return url


def line_on(member: Member, name: str) -> str:
    """Return the line on an answer that a file of that name keeps."""
    status, headers = member.read_http()
    return line(
        member.header("WARC-Target-URI"),
        member.header("WARC-Date"),
        str(status),
        headers,
        member.header("WARC-Payload-Digest"),
        (name, member.offset, member.end - member.offset),
        is_revisit=member.is_revisit,
    )
