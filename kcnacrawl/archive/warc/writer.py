"""Keeps exchanges while a run goes on.

What is kept is written at once, and synced before a line of a log tells of it.
"""

import contextlib
import fcntl
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

from .. import StorageFailed
from ..log import sync
from .cdxj import CdxjWriter, line
from .files import OPEN, SUFFIX
from .index import Entry, Index, Place
from .reader import Member, read_at
from .records import Exchange, Message, Original, date_of, exchanged, new_id, payload_digest, told, warcinfo
from .recovery import open_index

# So many exchanges that no line of a log tells of, as those of a long walk, are synced by themselves.
_MOST_UNSYNCED: Final = 1_000
# A transaction takes longer than what it is about; what a kill keeps from the index is read again.
_LEARNED_AT_ONCE: Final = 100


class WarcFile:
    """One file, locked while it is written, that ends in a whole record whenever the disk allows. Methods raise
    ``OSError``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.end = self.synced = 0
        self.cdxj = CdxjWriter(path)
        self._open = path.with_name(path.name + OPEN)
        # One thread writes, and another may sync.
        self._syncing = threading.Lock()
        self._fd = os.open(self._open, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        sync(path.parent)

    def append(self, data: bytes) -> None:
        """Write whole members, or nothing."""
        done = 0
        try:
            while done < len(data):
                done += os.pwrite(self._fd, data[done:], self.end + done)
        except OSError:
            # Should this fail as well, the next opening cuts what is torn.
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self.end)
            raise
        self.end += done

    def sync(self) -> None:
        """Have all that was written before on disk."""
        with self._syncing:
            if self.synced < (end := self.end):
                os.fsync(self._fd)
                self.synced = end

    def close(self) -> None:
        """Sync the file, give it the name of one that is complete, and write its index beside it."""
        try:
            self.sync()
            self._open.rename(self.path)
            sync(self.path.parent)
            self.cdxj.write()
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Leave the file as it is; the next opening sees to it. Do nothing if it is closed."""
        with self._syncing:
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1


class _Unlearned(NamedTuple):
    """A response that the index does not know yet, and where its exchange ends."""

    entry: Entry
    end: int


class WarcWriter:
    """The exchanges of one run, in files of at most ``most_bytes`` each. ``told`` goes into each file's ``warcinfo``.

    After a failure nothing more is kept, and nothing that was is vouched for. Methods raise :class:`StorageFailed`.
    """

    def __init__(self, folder: Path, run_id: str, most_bytes: int, told: Mapping[str, str]) -> None:
        self._folder = folder
        self._run_id = run_id
        self._most_bytes = most_bytes
        self._told = told
        self._index = Index(folder)
        self._file: WarcFile | None = None
        self._number = 0
        self._is_open = False
        self._failure: StorageFailed | None = None
        self._unlearned: list[_Unlearned] = []
        self._originals: dict[bytes, Original] = {}

    def open(self) -> None:
        """Put in order what a killed run left, and learn what the index does not know. Also raise ``OSError``."""
        self._folder.mkdir(exist_ok=True)
        sync(self._folder.parent)
        try:
            open_index(self._folder, self._index)
        except BaseException:
            self._index.close()
            raise
        self._is_open = True

    def keep(self, exchange: Exchange) -> str | None:
        """Write an exchange; return the id of its response's record, or ``None`` if nothing is kept now."""
        if not self._is_open:
            return None
        if self._failure is not None:
            raise self._failure
        record_id = new_id()
        try:
            self._append(exchange, record_id)
        except OSError as error:
            raise self._failed(error) from error
        except StorageFailed as error:
            self._failure = error
            raise
        return record_id if exchange.response is not None else None

    def sync(self) -> None:
        """Have all that was kept before on disk. May be called in any thread."""
        if self._failure is not None:
            raise self._failure
        if (file := self._file) is not None:
            try:
                file.sync()
            except OSError as error:
                raise self._failed(error) from error

    def learn(self) -> None:
        """Have the index learn of what is on disk, if there is enough of it."""
        if len(self._unlearned) >= _LEARNED_AT_ONCE:
            self._learn()

    def _learn(self) -> None:
        if self._file is None:
            return
        synced = self._file.synced
        done = [one for one in self._unlearned if one.end <= synced]
        if done:
            self._index.learn(self._file.path.name, (one.entry for one in done), done[-1].end)
            del self._unlearned[: len(done)]
            for one in done:
                if one.entry.digest is not None:
                    self._originals.pop(one.entry.digest, None)

    def close(self) -> None:
        """Complete the file. Do nothing if it is closed."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            if self._failure is None:
                self._complete()
        except OSError as error:
            raise self._failed(error) from error
        finally:
            if self._file is not None:
                self._file.abandon()
            self._index.close()

    def _append(self, exchange: Exchange, record_id: str) -> None:
        body = exchange.response.body if exchange.response is not None else b""
        digest = payload_digest(body)
        original = self._original(digest) if body else None
        members = list(exchanged(exchange, record_id, digest, original))
        length = sum(map(len, members))
        if self._file is not None and self._file.end + length > self._most_bytes:
            self._complete()
        file = self._file or self._begin()
        offset = file.end
        file.append(b"".join(members))
        if exchange.response is None:
            return
        place = (file.path.name, offset, len(members[0]))
        file.cdxj.add(_cdxj_line(exchange, exchange.response, digest, place, is_revisit=original is not None))
        kept = digest if body and original is None else None
        if kept is not None:
            self._originals[kept] = Original(record_id, exchange.url, date_of(exchange.when))
        self._unlearned.append(_Unlearned(Entry(record_id, kept, offset), file.end))
        if len(self._unlearned) >= _MOST_UNSYNCED:
            file.sync()
            self._learn()

    def _original(self, digest: bytes) -> Original | None:
        """Return the record that keeps a payload; it is looked at, so that none refers to nothing."""
        if (recent := self._originals.get(digest)) is not None:
            return recent
        place = self._index.find_payload(digest)
        found = self._read(place) if place is not None else None
        if found is None or found.payload_digest != digest:
            return None
        return Original(found.record_id, found.header("WARC-Target-URI"), found.header("WARC-Date"))

    def _read(self, place: Place) -> Member | None:
        # A payload whose record cannot be read is kept once more.
        with contextlib.suppress(StorageFailed):
            return read_at(self._folder, place)
        return None

    def _begin(self) -> WarcFile:
        self._number += 1
        name = f"{self._run_id}-{self._number:05}{SUFFIX}"
        self._file = WarcFile(self._folder / name)
        self._file.append(warcinfo(name, datetime.now(UTC), self._told))
        return self._file

    def _complete(self) -> None:
        if (file := self._file) is not None:
            file.close()
            self._learn()
            # It may end in what was never answered.
            self._index.learn(file.path.name, (), file.end)
            self._file = None

    def _failed(self, error: OSError) -> StorageFailed:
        place = error.filename or (self._file.path if self._file is not None else self._folder)
        self._failure = StorageFailed(f"cannot write {place}: {error.strerror or error}; free it up and run again")
        return self._failure


def _cdxj_line(
    exchange: Exchange, response: Message, digest: bytes, place: tuple[str, int, int], *, is_revisit: bool
) -> str:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers]
    status = response.start.split()[1].decode()
    date = date_of(exchange.when)
    return line(exchange.url, date, status, headers, told(digest), place, is_revisit=is_revisit)
