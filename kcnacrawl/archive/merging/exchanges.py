"""Copying what records were read from: files of exchanges, with the index beside each. Of those that were offloaded, no
more than where they are.
"""

import contextlib
import hashlib
import uuid
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .. import StorageFailed
from ..archive import WARC
from ..lock import Lock
from ..log import write_whole
from ..warc.cdxj import cdxj_path
from ..warc.files import OFFLOAD_LOCK, OPEN, SUFFIX, KeptFile, Offloaded, read_offloaded, remember_offloaded, warc_files
from ..warc.index import Entry, Index
from ..warc.reader import Damaged, read_members
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


@dataclass(frozen=True, slots=True)
class Known:
    """A file that another archive, with the folder ``source``, has offloaded and calls ``name``; ``entry`` is what this
    one is to say of it.
    """

    source: Path
    name: str
    entry: Offloaded


def copies(folder: Path, own: Path) -> Iterator[Copy]:
    """Yield what an archive keeps of exchanges and another, ``own``, does not, as far as it is whole. Raise
    ``OSError``, :class:`~kcnacrawl.archive.Unreachable`.
    """
    offloaded = read_offloaded(own / WARC)
    for source in warc_files(folder / WARC):
        length = source.stat().st_size if source.suffix != OPEN else _whole_length(source)
        entry = offloaded.get(source.name.removesuffix(OPEN))
        # One that was offloaded is complete: what begins it is no more than it has.
        if entry is not None and _digest(source, min(length, entry.length)) == _begin_digest(own, entry, length):
            continue
        target = _target(source, own / WARC)
        if length > (target.stat().st_size if target.exists() else 0):
            yield Copy(source, target, length)


def offloads(folder: Path, own: Path) -> Iterator[Known]:
    """Yield what an archive has offloaded and another, ``own``, does not know of. Raise ``OSError``."""
    known = read_offloaded(own / WARC)
    for entry in read_offloaded(folder / WARC).values():
        name = entry.name
        held = own / WARC / name
        is_other = name in known and known[name].sha256 != entry.sha256
        if held.exists():
            is_other = held.stat().st_size != entry.length or _digest(held, entry.length) != entry.sha256
        if is_other:
            name = f"{name.removesuffix(SUFFIX)}-{entry.sha256[:8]}{SUFFIX}"
        if name not in known and not (own / WARC / name).exists():
            yield Known(folder / WARC, entry.name, Offloaded(name, entry.url, entry.length, entry.sha256, entry.when))


def _digest(path: Path, length: int) -> str:
    digest = hashlib.sha256()
    for data in _chunks(path, length):
        digest.update(data)
    return digest.hexdigest()


def _begin_digest(own: Path, entry: Offloaded, length: int) -> str:
    """Return the digest of so much of a file that was offloaded."""
    if length >= entry.length:
        return entry.sha256
    digest = hashlib.sha256()
    with KeptFile(own / WARC, entry.name).open() as file:
        while length and (data := file.read(min(_CHUNK, length))):
            digest.update(data)
            length -= len(data)
    return digest.hexdigest()


def _target(source: Path, folder: Path) -> Path:
    """Return where a file belongs: under its own name, or where that is another's, under one that tells it apart."""
    target = folder / source.name.removesuffix(OPEN)
    head = _head(source)
    is_free = not target.exists() and target.name not in read_offloaded(folder)
    if is_free or (target.exists() and ((own := _head(target)).startswith(head) or head.startswith(own))):
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
        _know(folders, own, index)
        catch_up(own / WARC, index)


def _know(folders: Sequence[Path], own: Path, index: Index) -> None:
    """Take over where files are that other archives have offloaded, and first what is known of each, so that none has
    to be read there.
    """
    if not any(read_offloaded(folder / WARC) for folder in folders):
        return
    lock = Lock(own / WARC / OFFLOAD_LOCK)
    lock.acquire()
    try:
        for folder in folders:
            found = list(offloads(folder, own))
            for one in found:
                _learn(one, own, index)
            if found:
                remember_offloaded(own / WARC, (one.entry for one in found))
    finally:
        lock.release()


def _learn(one: Known, own: Path, index: Index) -> None:
    """Copy what indexes tell of a file, as far as there are any that know it whole."""
    cdxj = cdxj_path(one.source / one.name)
    if one.name == one.entry.name and cdxj.exists():
        write_whole(cdxj_path(own / WARC / one.name), _chunks(cdxj, cdxj.stat().st_size))
    with contextlib.suppress(StorageFailed), contextlib.closing(Index(one.source)) as other:
        other.open_to_read()
        if other.ends().get(one.name) == one.entry.length:
            entries = (Entry(uuid.UUID(bytes=id_).urn, None, offset) for id_, offset in other.records_of(one.name))
            index.learn(one.entry.name, entries, one.entry.length)


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
