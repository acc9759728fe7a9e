"""Work cut into parts that others make, each with an output of its own, whole or not at all. An output is named by all
that it follows from: what is finished is not made again, whatever was killed.
"""

import hashlib
import zlib
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeVar
from uuid import uuid4

import msgspec

from .archive import StorageFailed
from .archive.log import write_whole
from .verdict import say
from .versions import code_version

T = TypeVar("T")

PARTS: Final = "parts"
"""The folder of the archive that has the outputs until a command has ended well."""

Work = Callable[[T], Iterable[bytes]]
"""Makes an output, in blocks, of what a part is given. A function of a module, and pure."""

_LENGTH: Final = 8
# What waits to be taken keeps nobody from going on.
_AHEAD: Final = 2


class Engine(Protocol):
    """Makes outputs in other processes, on this machine or on others that share its disk."""

    @property
    def slots(self) -> int:
        """How many it makes at a time."""
        ...

    def check(self, folder: Path) -> None:
        """Raise ``ArgumentError`` if who makes outputs cannot write them to a folder."""
        ...

    def submit(self, work: Work[T], given: T, output: Path) -> Future[None]:
        """Have :func:`make` called elsewhere."""
        ...


class Parts:
    """The outputs of one command. A context manager: what it leaves without an error has no further use for them."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self._engine = engine
        self._folder = folder
        self._finished = set[str]()
        self._made = self._spared = 0

    def __enter__(self) -> Self:
        self._folder.mkdir(parents=True, exist_ok=True)
        # Listed once: a shared disk may go on denying what it was asked for too early.
        self._finished = {one.name for one in self._folder.iterdir()}
        self._engine.check(self._folder)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._spared:
            say(f"{self._spared:,} of {self._made + self._spared:,} parts were finished by a run before this")
        if kind is None:
            rmtree(self._folder)
            with suppress(OSError):
                # Others may have outputs there.
                self._folder.parent.rmdir()

    def each(self, work: Work[T], parts: Iterable[T]) -> Generator[tuple[T, Future[Path]]]:
        """Yield each part, in order, with its output to come; a few are made ahead."""
        waiting = deque[tuple[T, Future[Path]]]()
        for given in parts:
            waiting.append((given, self._output(work, given)))
            if len(waiting) > _AHEAD * self._engine.slots:
                yield waiting.popleft()
        yield from waiting

    def _output(self, work: Work[T], given: T) -> Future[Path]:
        output = Future[Path]()
        # Whoever waits may give up; the part goes on.
        output.set_running_or_notify_cancel()
        path = self._folder / _name(work, given)
        if path.name in self._finished:
            self._spared += 1
            output.set_result(path)
            return output
        self._made += 1

        def pass_on(done: Future[None]) -> None:
            if error := done.exception():
                output.set_exception(error)
            else:
                output.set_result(path)

        self._engine.submit(work, given, path).add_done_callback(pass_on)
        return output


def _name(work: Work[Any], given: object) -> str:
    told = [code_version(), f"{work.__module__}.{work.__qualname__}", given]
    return hashlib.sha256(msgspec.msgpack.encode(told, enc_hook=str)).hexdigest()


def read_blocks(output: Path) -> Iterator[bytes]:
    """Yield the blocks of an output. Raise :class:`StorageFailed` if it is damaged, ``OSError``."""
    with output.open("rb") as file:
        while length := file.read(_LENGTH):
            try:
                yield zlib.decompress(file.read(int.from_bytes(length)))
            except zlib.error as error:
                raise StorageFailed(f"{output} is damaged ({error}); remove it, and run again") from error


def make(work: Work[T], given: T, output: Path) -> None:
    """Write the output of a part, unless it is there. Raise what ``work`` raises, and ``OSError``."""
    if output.exists():
        return
    # Another may be at the same part, believed lost by who gave it to us.
    aside = output.with_name(f"{output.name}.{uuid4().hex}")
    write_whole(aside, _packed(work(given)))
    aside.replace(output)


def _packed(blocks: Iterable[bytes]) -> Iterator[bytes]:
    for block in blocks:
        packed = zlib.compress(block, 1)
        yield len(packed).to_bytes(_LENGTH) + packed
