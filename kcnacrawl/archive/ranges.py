"""Reading a long log on all cores: ranges of whole lines, each read by one of some processes, the results in order.

The processes are plain interpreters that are told what to do through a pipe, and end with it: unlike those of
:mod:`multiprocessing` they share no lock with a crawl, and run no script of whoever started it.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, Final, Self, TypeVar, cast

R = TypeVar("R")

Work = Callable[[Path, int, int], R]
"""A function of a module, given a log and where a range begins and ends; what it returns can be pickled."""

_BYTES: Final = 2 << 20
# Less is read sooner than processes have begun.
_WORTH_PROCESSES: Final = 64 << 20


def in_ranges(work: "Work[R]", path: Path, begin: int, end: int) -> Iterator[R]:
    """Yield what ``work`` returns for one range of lines after the other, of all whole lines between two offsets, of
    which the first is where a line begins. Raise what it raises; close the iterator to leave the rest undone.
    """
    jobs = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    ranges = _ranges(path, begin, end)
    if end - begin < _WORTH_PROCESSES or jobs == 1:
        yield from (work(path, *one) for one in ranges)
        return
    with ExitStack() as stack:
        workers = [stack.enter_context(_Worker(work, path)) for _ in range(jobs)]
        waiting = deque[_Worker]()
        for number, one in enumerate(ranges):
            worker = workers[number % jobs]
            worker.ask(one)
            waiting.append(worker)
            if len(waiting) >= 2 * jobs:
                yield waiting.popleft().answer()
        while waiting:
            yield waiting.popleft().answer()


def read_range(path: Path, begin: int, end: int) -> bytes:
    """Return what stands between two offsets."""
    with path.open("rb") as file:
        file.seek(begin)
        return file.read(end - begin)


def lines_of(text: bytes, begin: int) -> Iterator[tuple[int, bytes]]:
    """Yield where each line of a range begins, and the line without its newline."""
    for line in text.split(b"\n")[:-1]:
        yield begin, line
        begin += len(line) + 1


def _ranges(path: Path, begin: int, end: int) -> Iterator[tuple[int, int]]:
    with path.open("rb") as file:
        while begin < end:
            file.seek(min(begin + _BYTES, end) - 1)
            line = file.readline()
            until = file.tell()
            if not line.endswith(b"\n") or until > end:
                until = _last_end(path, begin, min(until, end))
                end = until
            if begin < until:
                yield begin, until
            begin = until


def _last_end(path: Path, begin: int, end: int) -> int:
    """Return where the last whole line between two offsets ends."""
    return begin + read_range(path, begin, end).rfind(b"\n") + 1


class _Worker:
    """A process that does some of the work: a context manager, which leaves none behind."""

    def __init__(self, work: "Work[Any]", path: Path) -> None:
        self._work = work
        self._path = path

    def __enter__(self) -> Self:
        command = [sys.executable, "-c", f"from {__name__} import serve; serve()"]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)  # noqa: S603 - our own
        self._tasks = cast("IO[bytes]", self._process.stdin)
        self._results = cast("IO[bytes]", self._process.stdout)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, one: tuple[int, int]) -> None:
        """Have a range read."""
        pickle.dump((self._work, self._path, *one), self._tasks)
        self._tasks.flush()

    def answer(self) -> Any:
        """Return what came of the range that was asked for first. Raise what its reading raised."""
        result, error = pickle.load(self._results)  # noqa: S301 - from our own process
        if error is not None:
            raise error
        return result


def serve() -> None:
    """Do what the standard input tells, until it ends."""
    # A signal is for the process that hands out the work.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            work, path, begin, end = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that began this one
        except EOFError:
            return
        result, failure = None, None
        try:
            result = work(path, begin, end)
        except Exception as error:  # noqa: BLE001 - whoever asked must hear of it
            failure = error
        pickle.dump((result, failure), sys.stdout.buffer)
        sys.stdout.buffer.flush()
