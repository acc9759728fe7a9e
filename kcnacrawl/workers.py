"""Work for processes of our own, which end with the one that hands it out."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import chain
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def pool(workers: int) -> ProcessPoolExecutor:
    """Return a pool of processes. They are not forked: that would share locks and connections with them."""
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin)


def ahead(work: Callable[[T], R], tasks: Iterator[T]) -> Generator[tuple[T, R]]:
    """Yield each task with its result, in order; where there are several, a process of its own works on the next one
    meanwhile. Close the iterator to leave the rest undone.
    """
    first, second = next(tasks, None), next(tasks, None)
    if first is None:
        return
    if second is None:
        yield first, work(first)
        return
    processes = pool(1)
    try:
        task, result = first, processes.submit(work, first)
        for coming in chain([second], tasks):
            waiting = coming, processes.submit(work, coming)
            yield task, result.result()
            task, result = waiting
        yield task, result.result()
    finally:
        # Not without waiting: Python's own end would meet a pipe that is just being closed.
        processes.shutdown(cancel_futures=True)


# In a process of the pool


def _begin() -> None:
    # A signal is for the process that hands out the work; when that is killed, no work will come.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()


def _end_with(parent: BaseProcess | None) -> None:
    if parent is not None:
        parent.join()
        os._exit(1)
