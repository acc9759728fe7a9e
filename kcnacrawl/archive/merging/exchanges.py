"""Copying what records were read from: files of exchanges, with the index beside each."""

import contextlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..archive import WARC
from ..log import write_whole
from ..warc.cdxj import cdxj_path
from ..warc.index import Index
from ..warc.reader import OPEN, SUFFIX, Damaged, read_members, warc_files
from ..warc.recovery import catch_up, open_index

_CHUNK: Final = 1 << 20
# A file begins with a record of its own, whose id no other has.
_HEAD: Final = 1 << 12


@dataclass(frozen=True, slots=True)
class Copy:
    """A file to copy, of which ``length`` bytes are whole records, and where to."""

    source: Path
    target: Path
    length: int


def copies(folder: Path, own: Path) -> Iterator[Copy]:
    """Yield what an archive keeps of exchanges and another, ``own``, does not, as far as it is whole. Raise
    ``OSError``.
    """
    for source in warc_files(folder / WARC):
        length = source.stat().st_size if source.suffix != OPEN else _whole_length(source)
        target = _target(source, own / WARC)
        if length > (target.stat().st_size if target.exists() else 0):
            yield Copy(source, target, length)


def _target(source: Path, folder: Path) -> Path:
    """Return where a file belongs: under its own name, or where that is another's, under one that tells it apart."""
    target = folder / source.name.removesuffix(OPEN)
    head = _head(source)
    if not target.exists() or (own := _head(target)).startswith(head) or head.startswith(own):
        return target
    return target.with_name(f"{target.name.removesuffix(SUFFIX)}-{zlib.crc32(head):08x}{SUFFIX}")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD)


def _whole_length(path: Path) -> int:
    """Return how much of a file that a killed run left is whole."""
    end = 0
    with contextlib.suppress(Damaged):
        for one in read_members(path):
            end = one.end
    return end


def bring(folders: Sequence[Path], own: Path, advance: Callable[[int], object]) -> None:
    """Copy what archives keep of exchanges and ``own`` does not, synced, each file whole or not at all, and have the
    index learn them; tell ``advance`` how many bytes were copied. Raise ``OSError``,
    :class:`~kcnacrawl.archive.StorageFailed`.
    """
    if not any((folder / WARC).exists() for folder in (own, *folders)):
        return
    (own / WARC).mkdir(exist_ok=True)
    with contextlib.closing(Index(own / WARC)) as index:
        open_index(own / WARC, index)
        for one in (one for folder in folders for one in copies(folder, own)):
            _copy(one, advance)
        catch_up(own / WARC, index)


def _copy(one: Copy, advance: Callable[[int], object]) -> None:
    cdxj = cdxj_path(one.target)
    # What stands beside a shorter copy does not know the rest.
    cdxj.unlink(missing_ok=True)
    write_whole(one.target, _told(_chunks(one.source, one.length), advance))
    if one.source.name == one.target.name and cdxj_path(one.source).exists():
        write_whole(cdxj, _chunks(cdxj_path(one.source), cdxj_path(one.source).stat().st_size))


def _chunks(path: Path, length: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        while length and (data := file.read(min(_CHUNK, length))):
            yield data
            length -= len(data)


def _told(chunks: Iterator[bytes], advance: Callable[[int], object]) -> Iterator[bytes]:
    for data in chunks:
        yield data
        advance(len(data))
