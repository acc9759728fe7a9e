"""The WARC files of an archive, wherever each is: in its folder, or elsewhere, as ``offloaded.jsonl`` tells.

A file that is here is read here. While one is looked at, a run may complete it, or it is offloaded; its name stays.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from .. import StorageFailed
from ..log import write_whole
from ..objects import Readable, check_url, open_object

SUFFIX: Final = ".warc.gz"
OPEN: Final = ".open"
"""What the name of a file that is written ends in."""
OFFLOADED: Final = "offloaded.jsonl"

OFFLOAD_LOCK: Final = ".offload.lock"
"""Whoever changes what is offloaded holds it, beside the archive's own."""


class Offloaded(msgspec.Struct, frozen=True):
    """A file that was brought to ``url``, read back there and found to be the same, by then."""

    name: str
    url: str
    length: int
    sha256: str
    when: str


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file by its name, without what a name ends in while it is written. Methods raise ``FileNotFoundError`` if it is
    nowhere, ``OSError``, :class:`~kcnacrawl.archive.Unreachable`.
    """

    folder: Path
    name: str

    def __str__(self) -> str:
        entry = self.offloaded
        return entry.url if entry is not None else str(self.path or self.folder / self.name)

    @property
    def path(self) -> Path | None:
        """Where it is in the folder, if it is there."""
        for path in (self.folder / self.name, self.folder / (self.name + OPEN), self.folder / self.name):
            if path.exists():
                return path
        return None

    @property
    def is_open(self) -> bool:
        """Whether it is being written, or a killed run has left it so."""
        path = self.path
        return path is not None and path.suffix == OPEN

    @property
    def offloaded(self) -> Offloaded | None:
        """Where it is else, if it is not in the folder."""
        return None if self.path is not None else read_offloaded(self.folder).get(self.name)

    def open(self) -> Readable:
        """Open it for reading."""
        # A run may complete it between the first two, and it may be offloaded before the third.
        for path in (self.folder / self.name, self.folder / (self.name + OPEN), self.folder / self.name):
            try:
                return path.open("rb")
            except FileNotFoundError:
                continue
        entry = read_offloaded(self.folder).get(self.name)
        if entry is None:
            raise FileNotFoundError(f"{self.folder / self.name} is not there")
        return open_object(entry.url)

    def size(self) -> int:
        """Return its length; of one that was offloaded, that which it had."""
        while (path := self.path) is not None:
            try:
                return path.stat().st_size
            except FileNotFoundError:
                continue
        if (entry := self.offloaded) is None:
            raise FileNotFoundError(f"{self.folder / self.name} is not there")
        return entry.length


def kept_files(folder: Path) -> list[KeptFile]:
    """Return the files of a folder, also those that were offloaded, in the order in which they were begun."""
    # In this order, one that is being offloaded is found.
    names = {path.name.removesuffix(OPEN) for path in warc_files(folder)} | read_offloaded(folder).keys()
    return [KeptFile(folder, name) for name in sorted(names)]


def warc_files(folder: Path) -> list[Path]:
    """Return the files that are in a folder, in the order in which they were begun."""
    found = [one for one in folder.glob(f"*{SUFFIX}*") if one.name.removesuffix(OPEN).endswith(SUFFIX)]
    return sorted(found, key=lambda one: one.name)


def read_offloaded(folder: Path) -> Mapping[str, Offloaded]:
    """Return what was offloaded, by name. Raise :class:`StorageFailed`."""
    path = folder / OFFLOADED
    try:
        stat = path.stat()
    except FileNotFoundError:
        return {}
    return _read(path, (stat.st_ino, stat.st_size, stat.st_mtime_ns))


@lru_cache(8)
def _read(path: Path, version: tuple[int, ...]) -> Mapping[str, Offloaded]:
    del version
    found = dict[str, Offloaded]()
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            entry = msgspec.json.decode(line, type=Offloaded)
            check_url(entry.url)
        except ValueError as error:
            raise StorageFailed(f"{path}, line {number}: {error}; mend it from a copy") from error
        if Path(entry.name).name != entry.name or not entry.name.endswith(SUFFIX):
            raise StorageFailed(f"{path}, line {number}: {entry.name!r} is no file of records; mend it from a copy")
        found[entry.name] = entry
    return found


def remember_offloaded(folder: Path, entries: Iterable[Offloaded]) -> None:
    """Add what was offloaded, lasting. The lock must be held. Raise ``OSError``, :class:`StorageFailed`."""
    known = dict(read_offloaded(folder)) | {one.name: one for one in entries}
    lines = (msgspec.json.encode(known[name]) + b"\n" for name in sorted(known))
    write_whole(folder / OFFLOADED, lines)
