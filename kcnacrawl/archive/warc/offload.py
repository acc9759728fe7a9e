"""Bringing complete files elsewhere, and away from here.

A file is brought there whole, read back and found to be the same; then ``offloaded.jsonl`` says where it is, synced;
and only then is it removed here. So whatever kills it, each file is here or there, and known to be.
"""

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from ...site.dates import instant
from .. import StorageFailed
from ..lock import Lock
from ..log import sync
from ..objects import WHOLE, Readable, object_size, open_object, write_object
from .cdxj import cdxj_path
from .files import OFFLOAD_LOCK, OPEN, Offloaded, read_offloaded, remember_offloaded, warc_files
from .index import Index

_CHUNK: Final = 1 << 20


@dataclass(slots=True)
class Tally:
    """What came of it: files that were brought elsewhere, their bytes, and those that stay until the next crawl has put
    them in order.
    """

    files: int = 0
    length: int = 0
    waiting: int = 0


class Offload:
    """Brings the complete files of a folder to ``url``. ``size`` is that of all that is to be read, here and there."""

    def __init__(self, folder: Path, url: str) -> None:
        self.tally = Tally()
        self._folder = folder
        self._url = url
        self._lock = Lock(folder / OFFLOAD_LOCK)

    def run(self, begin: Callable[[int], object], advance: Callable[[int], object]) -> None:
        """Tell ``begin`` how many bytes there are to bring, and ``advance`` of those that were brought, and read back.

        Raise :class:`~kcnacrawl.archive.Locked`, :class:`StorageFailed`, :class:`~kcnacrawl.archive.Unreachable`,
        ``OSError``.
        """
        self._lock.acquire()
        try:
            paths = list(self._complete())
            begin(2 * sum(path.stat().st_size for path in paths))
            for path in paths:
                self._offload(path, advance)
        finally:
            self._lock.release()

    def _complete(self) -> Iterator[Path]:
        """Yield the files that nobody writes and everything is known of."""
        with contextlib.closing(Index(self._folder)) as index:
            index.open_to_read()
            ends = index.ends()
        for path in warc_files(self._folder):
            is_known = ends.get(path.name) == path.stat().st_size and cdxj_path(path).exists()
            if path.suffix != OPEN and is_known:
                yield path
            else:
                self.tally.waiting += 1

    def _offload(self, path: Path, advance: Callable[[int], object]) -> None:
        length = path.stat().st_size
        with path.open("rb") as file:
            sha256 = _digest(file, length, lambda _: None)
        entry = read_offloaded(self._folder).get(path.name)
        if entry is None or (entry.length, entry.sha256) != (length, sha256):
            entry = Offloaded(path.name, f"{self._url}/{path.name}", length, sha256, instant(datetime.now(UTC)))
        self._bring(path, entry, advance)
        _check(entry, advance)
        remember_offloaded(self._folder, [entry])
        path.unlink()
        sync(self._folder)
        self.tally.files += 1
        self.tally.length += length

    def _bring(self, path: Path, entry: Offloaded, advance: Callable[[int], object]) -> None:
        """Write a file there, unless a run that was killed has done so. Overwrite none but its own beginning."""
        there = object_size(entry.url)
        if there is not None:
            if there > entry.length or not _is_beginning(path, entry.url, there):
                raise StorageFailed(f"{entry.url} is there, and is another file: give another place")
            if there == entry.length:
                advance(there)
                return
        write_object(entry.url, _chunks(path, advance))


def _is_beginning(path: Path, url: str, length: int) -> bool:
    with path.open("rb") as own, open_object(url, WHOLE) as other:
        return _digest(own, length, lambda _: None) == _digest(other, length, lambda _: None)


def _check(entry: Offloaded, advance: Callable[[int], object]) -> None:
    """Read back what was written. Raise :class:`StorageFailed` unless it is the same."""
    try:
        with open_object(entry.url, WHOLE) as file:
            is_same = object_size(entry.url) == entry.length and _digest(file, entry.length, advance) == entry.sha256
    except FileNotFoundError:
        is_same = False
    if not is_same:
        raise StorageFailed(f"{entry.url} is not what was written there; nothing was removed here")


def _digest(file: Readable, length: int, advance: Callable[[int], object]) -> str:
    digest = hashlib.sha256()
    while length and (data := file.read(min(_CHUNK, length))):
        digest.update(data)
        advance(len(data))
        length -= len(data)
    return digest.hexdigest()


def _chunks(path: Path, advance: Callable[[int], object]) -> Iterator[bytes]:
    with path.open("rb") as file:
        while data := file.read(_CHUNK):
            yield data
            advance(len(data))
