"""``reprints.jsonl``: a line for each link between two articles, in the order of their identities."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO, Final, NamedTuple

import msgspec

from ..archive import StorageFailed
from ..archive.blocks import LogEnd
from ..items import ArticleId

REPRINTS: Final = "reprints.jsonl"

_CHUNK: Final = 1 << 20


class Link(NamedTuple):
    """A line of the file: ``id`` tells a story that ``of_id`` told before (docs/reprints.md)."""

    id: str
    of_id: str
    kind: str
    score: float
    containment: float
    shared_numbers: float


_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Line(msgspec.Struct):
    id: ArticleId
    of_id: ArticleId
    kind: Annotated[str, msgspec.Meta(pattern=r"\A[a-z]+\Z")]
    score: _Share
    containment: _Share
    shared_numbers: _Share


@contextmanager
def read_links(folder: Path) -> Iterator[tuple[LogEnd, Iterator[Link]]]:
    """Open the file of an archive's folder: yield how long it is with the CRC-32 of all of it, and its links. Where it
    does not exist there are none.

    The links raise :class:`StorageFailed` for a line that ``scrapy reprints`` did not write. A run that replaces the
    file meanwhile changes nothing of what is read.
    """
    path = folder / REPRINTS
    if not path.exists():
        yield LogEnd(REPRINTS), iter(())
        return
    with path.open("rb") as file:
        size = crc = 0
        while chunk := file.read(_CHUNK):
            size, crc = size + len(chunk), zlib.crc32(chunk, crc)
        file.seek(0)
        yield LogEnd(REPRINTS, size, crc), _links(path, file)


def _links(path: Path, lines: BinaryIO) -> Iterator[Link]:
    decode, before = msgspec.json.Decoder(_Line).decode, ("", "")
    for number, line in enumerate(lines, start=1):
        try:
            link = Link(*msgspec.structs.astuple(decode(line)))
        except (ValueError, RecursionError) as error:
            raise _foreign(path, number, str(error)) from error
        if link[:2] <= before:
            raise _foreign(path, number, "it is not in order")
        before = link[:2]
        yield link


def _foreign(path: Path, number: int, why: str) -> StorageFailed:
    return StorageFailed(
        f"{path}, line {number} is no line of ours ({why}); remove the file, and scrapy reprints makes it anew"
    )
