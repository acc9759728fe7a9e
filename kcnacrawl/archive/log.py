"""An append-only file of JSON lines with group commit.

Each sync takes whatever queued up during the last one; there is no timer. A line counts as stored when its sync has
returned. A write that fails is taken back, so the file ends in a whole line whenever the disk allows; what a dying
machine tears off is cut at the next opening.
"""

import asyncio
import contextlib
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path
from typing import Final, Generic, NamedTuple, TypeVar

from . import StorageFailed
from .blocks import LAST, LogEnd, end_of, is_still, last_blocks

T = TypeVar("T")

_CHUNK: Final = 1 << 20
# Some seconds of work, and little for who looks through the log for it.
_STRETCH: Final = 16 << 20


class Log(Generic[T]):
    """A log whose lines carry a ``T`` each, given to ``on_stored`` once they are on disk: where each begins, and where
    the file ends.

    ``before`` is called in the thread that writes, once for all lines of a sync: it puts on disk what they point to.
    """

    def __init__(
        self,
        path: Path,
        on_stored: Callable[[list[tuple[int, T]], LogEnd], None],
        before: Callable[[], None] = lambda: None,
    ) -> None:
        self._path = path
        self._on_stored = on_stored
        self._before = before
        self._fd = -1
        self._end = LogEnd(path.name)
        self._last = b""
        self._queue: list[tuple[bytes, T, asyncio.Future[None]]] = []
        self._flushing: asyncio.Task[None] | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._failure: Exception | None = None

    def open(self, at: LogEnd) -> None:
        """Open for appending at an end; cut off what lies beyond it. Raise ``OSError``."""
        self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if os.fstat(self._fd).st_size != at.end:
            os.ftruncate(self._fd, at.end)
        os.fsync(self._fd)
        sync(self._path.parent)
        self._end, self._last = at, last_blocks(self._path, at.end)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=self._path.name)

    async def append(self, line: bytes, carried: T) -> None:
        """Store one line, ``\\n`` at its end; return when it is on disk. Raise :class:`StorageFailed`."""
        if not line.endswith(b"\n") or line.find(b"\n") != len(line) - 1:
            raise ValueError(f"not one line: {line[:60]!r}")
        if self._failure is not None:
            raise self._failure
        stored = asyncio.get_running_loop().create_future()
        self._queue.append((line, carried, stored))
        if self._flushing is None:
            self._flushing = asyncio.create_task(self._flush())
        await stored

    async def close(self) -> None:
        """Wait for what is in flight and close the file."""
        if self._flushing is not None:
            await self._flushing
        if self._thread is not None:
            self._thread.shutdown()
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queue:
            batch, self._queue = self._queue, []
            try:
                data = b"".join(line for line, _, _ in batch)
                begins = accumulate((len(line) for line, _, _ in batch), initial=self._end.end)
                await loop.run_in_executor(self._thread, self._write, data)
                placed = [(begin, carried) for begin, (_, carried, _) in zip(begins, batch, strict=False)]
                self._on_stored(placed, self._end)
            except Exception as error:  # noqa: BLE001 - whoever waits for a line must hear of it
                # No line may follow one that failed or was not learned: what is learned next would hide it.
                self._failure = self._failed(error) if isinstance(error, OSError) else error
                self._fail(batch + self._queue, self._failure)
                self._queue = []
            else:
                for _, _, stored in batch:
                    if not stored.done():
                        stored.set_result(None)
        self._flushing = None

    @staticmethod
    def _fail(batch: list[tuple[bytes, T, asyncio.Future[None]]], error: Exception) -> None:
        for _, _, stored in batch:
            if not stored.done():
                stored.set_exception(error)

    def _failed(self, error: OSError) -> StorageFailed:
        return StorageFailed(f"cannot write {self._path}: {error.strerror or error}; free it up and run again")

    def _write(self, data: bytes) -> None:
        self._before()
        try:
            done = 0
            while done < len(data):
                done += os.pwrite(self._fd, data[done:], self._end.end + done)
            os.fsync(self._fd)
        except OSError:
            # Should this fail as well, the next opening cuts what is torn.
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, self._end.end)
            raise
        self._last = (self._last + data)[-LAST:]
        end, whole = self._end.end + len(data), zlib.crc32(data, self._end.whole)
        self._end = LogEnd(self._path.name, end, zlib.crc32(self._last), whole)


class LogReader(Generic[T]):
    """The whole lines of a log from an end on: where each begins, and what it holds. Raises :class:`StorageFailed` for
    what is no line of ours.
    """

    def __init__(self, path: Path, start: LogEnd, decode: Callable[[bytes], T]) -> None:
        self._path = path
        self._start = start
        self._decode = decode
        self._read, self._whole = start.end, start.whole

    def __iter__(self) -> Iterator[tuple[int, T]]:
        for end, line in read_lines(self._path, self._start.end):
            if end < 0:
                return
            try:
                held = self._decode(line)
            except (ValueError, RecursionError) as error:
                raise foreign(self._path, self._read, error) from error
            begin, self._read = self._read, end
            self._whole = zlib.crc32(b"\n", zlib.crc32(line, self._whole))
            yield begin, held

    @property
    def end(self) -> LogEnd:
        """Where the line ends that was given last."""
        return end_of(self._path, self._read, self._whole)


def foreign(path: Path, begin: int, error: Exception) -> StorageFailed:
    """Return what to raise for a line that holds none of what it should."""
    number = number_at(path, begin)
    return StorageFailed(
        f"{path}, line {number} is no line of ours ({error}); nothing was changed: mend it from a copy"
    )


def foreign_at(path: Path, begin: int, error: Exception) -> StorageFailed:
    """Return the same for one of many lines, without counting those before it."""
    return StorageFailed(
        f"{path}, the line that begins at byte {begin} is no line of ours ({error}); mend it from a copy"
    )


def number_at(path: Path, begin: int) -> int:
    """Return the number, from 1, of the line that begins there."""
    with path.open("rb") as file:
        chunks = iter(lambda: file.read(min(_CHUNK, begin - file.tell())), b"")
        return 1 + sum(chunk.count(b"\n") for chunk in chunks)


def read_lines(path: Path, start: int, stop: int | None = None) -> Iterator[tuple[int, bytes]]:
    """Yield ``(offset of its end, line without newline)`` of every line that begins at or after ``start``, and before
    ``stop``.

    A last line without newline is given with an end of -1.
    """
    with path.open("rb", buffering=_CHUNK) as file:
        file.seek(start)
        end = start
        for line in file:
            if stop is not None and end >= stop:
                return
            end += len(line)
            yield (end, line[:-1]) if line.endswith(b"\n") else (-1, line)


class Stretch(NamedTuple):
    """Whole lines of a log, from one offset to another; ``end`` tells that it is the same log."""

    path: Path
    begin: int
    end: LogEnd

    def check(self) -> None:
        """Raise :class:`StorageFailed` where the log is another, or a shared disk shows less of it."""
        if not is_still(self.path, self.end):
            raise StorageFailed(f"{self.path} is not what it is where the command runs; run again")


def stretches(path: Path, begin: int) -> Iterator[Stretch]:
    """Yield what stands in a log from the beginning of a line on, cut into stretches of some size; leave out a last
    line without newline.
    """
    last = next(read_lines_backwards(path), None)
    whole = last[0] + len(last[1]) + len(b"\n") if last else 0
    with path.open("rb") as file:
        while begin < whole:
            file.seek(begin + _STRETCH - 1)
            file.readline()
            end = min(file.tell(), whole)
            yield Stretch(path, begin, end_of(path, end))
            begin = end


def read_lines_backwards(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield ``(offset of its beginning, line without newline)`` of every line, the last first.

    Leave out a last line without newline: it is being written.
    """
    with path.open("rb") as file:
        start = end = file.seek(0, os.SEEK_END)
        rest, is_whole = b"", False
        while start > 0:
            size = min(start, _CHUNK)
            start -= size
            file.seek(start)
            # The beginning of the first line stands in the block before.
            rest, *lines = (file.read(size) + rest).split(b"\n")
            for line in reversed(lines):
                end -= len(line)
                if is_whole:
                    yield end, line
                is_whole = True
                end -= len(b"\n")
        if is_whole:
            yield 0, rest


def write_whole(path: Path, data: bytes | Iterable[bytes]) -> None:
    """Write a file that is there whole or not at all. Raise ``OSError``."""
    aside = path.with_name(path.name + ".tmp")
    try:
        with aside.open("wb") as file:
            file.writelines([data] if isinstance(data, bytes) else data)
        sync(aside)
        aside.replace(path)
        sync(path.parent)
    except OSError as error:
        # A full disk does not say where it is.
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        aside.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """fsync a file or directory."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
