"""Dask as an engine: parts are made by the workers of a scheduler, or by processes of this machine."""

import logging
import multiprocessing
import re
import secrets
import signal
import warnings
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeVar

import dask
from distributed import Client, KilledWorker, LocalCluster, Security
from distributed import Future as Task

from .archive.log import write_whole
from .arguments import ArgumentError
from .parts import Work, make
from .run import printable
from .stores import StoreDown
from .versions import code_version

T = TypeVar("T")

LOCAL: Final = "local"

_ADDRESS: Final = re.compile(r"(?:(?:tcp|tls)://)?(?:[\w.-]+|\[[0-9a-fA-F:]+\]):(?P<port>[0-9]{1,5})")
_LAST_PORT: Final = 65_535
# How long a scheduler, or its first worker, may take to answer.
_PATIENCE: Final = 10
# A part that failed may have met a disk that was away; one that ended so many workers is not given to another.
_RETRIES: Final = 2
_TLS: Final = "distributed.comm in Dask's configuration"
_MARK: Final = "mark"
# Each error is raised as well, and told in a line of ours.
_LOGGERS: Final = ("distributed", "distributed.client", "tornado", "tornado.application")
# Nothing answers to a browser.
_QUIET: Final[dict[str, list[str]]] = {"distributed.scheduler.http.routes": [], "distributed.worker.http.routes": []}


class Seen(NamedTuple):
    """What a worker must have as we do: a folder, by what a file in it says, and the code."""

    folder: Path
    mark: str
    code: str


class Dask:
    """A scheduler and its workers; for the address ``local`` so many processes of our own. A context manager.

    Raise ``ArgumentError`` for what is no address and for workers that cannot do the work, :class:`StoreDown` for a
    scheduler that is away.
    """

    def __init__(self, address: str, processes: int) -> None:
        found = _ADDRESS.fullmatch(address)
        if address != LOCAL and not (found and int(found["port"]) <= _LAST_PORT):
            raise ArgumentError(f"option --dask={address[:200]!r}: not local, tcp://HOST:PORT or tls://HOST:PORT")
        self._address = address
        self._processes = processes
        self._run = secrets.token_hex(8)
        self._held = ExitStack()

    def __enter__(self) -> Self:
        for name in _LOGGERS:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        with _undisturbed(), ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            # Whether workers differ from us is checked below, by what matters here.
            warnings.simplefilter("ignore")
            is_local = self._address == LOCAL
            cluster, security = (stack.enter_context(self._local()), None) if is_local else (self._address, self._tls())
            try:
                self._client = stack.enter_context(
                    Client(cluster, timeout=_PATIENCE, security=security, set_as_default=False)
                )
            except (OSError, ValueError) as error:
                raise StoreDown(f"no scheduler of Dask answers at {self._address} ({_line(error)})") from error
            try:
                self._client.wait_for_workers(1, timeout=_PATIENCE)
            except TimeoutError as error:
                raise StoreDown(f"the scheduler at {self._address} has no worker; start one") from error
            self._held = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _undisturbed():
            self._held.close()

    def _local(self) -> LocalCluster:
        """Return processes that nobody else on this machine can send work to."""
        with dask.config.set(_QUIET):
            return LocalCluster(
                n_workers=self._processes,
                threads_per_worker=1,
                host="127.0.0.1",
                security=True,
                silence_logs=logging.CRITICAL,
                dashboard_address=None,
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
            )

    def _tls(self) -> Security:
        """Return what Dask's own configuration says of TLS."""
        try:
            security = Security()
            told = security.get_connection_args("client")
        except (OSError, ValueError) as error:
            raise ArgumentError(f"option --dask: {_TLS}: {_line(error)}") from error
        is_tls = self._address.startswith("tls://")
        if told["require_encryption"] and not is_tls:
            raise ArgumentError(f"option --dask={self._address}: {_TLS} asks for encryption; give tls://")
        if is_tls and told["ssl_context"] is None:
            raise ArgumentError(f"option --dask={self._address}: {_TLS} names no certificate of TLS")
        return security

    @property
    def slots(self) -> int:
        """How many parts are made at a time: threads of all workers."""
        with self._telling():
            threads: dict[str, int] = self._client.nthreads()
            return max(1, sum(threads.values()))

    def check(self, folder: Path) -> None:
        """Raise ``ArgumentError`` if a worker cannot write a folder, or has not the code that we have."""
        mark = folder / _MARK
        if not mark.exists():
            write_whole(mark, secrets.token_hex(16).encode())
        self._seen = Seen(folder, mark.read_text(encoding="ascii"), code_version())
        with self._telling():
            told = self._client.run(_unfit, self._seen, on_error="return")
        for worker, why in sorted(told.items()):
            if why:
                told_in_words = _line(why) if isinstance(why, BaseException) else why
                raise ArgumentError(f"option --dask={self._address}: worker {worker}: {told_in_words}")

    def submit(self, work: Work[T], given: T, output: Path) -> Future[None]:
        """Have the output of a part made."""
        future = Future[None]()
        with self._telling():
            # No key of an earlier run's: what that left on the scheduler may be of an output that is gone.
            key = f"{work.__name__}-{output.name[:16]}-{self._run}"
            task: Task[None] = self._client.submit(
                _make, work, given, output, self._seen, key=key, retries=_RETRIES, pure=False
            )
        task.add_done_callback(partial(self._pass_on, future))
        return future

    def _pass_on(self, future: Future[None], task: Task[None]) -> None:
        """Tell how a task ended. What is finished lies on disk, so that no worker need remember it."""
        error = task.exception() if task.status == "error" else None
        if isinstance(error, KilledWorker):
            often = error.allowed_failures + 1
            told = f"{often} workers were lost with the same part; see what ended them, and run again"
            future.set_exception(StoreDown(told))
        elif error is not None:
            future.set_exception(error)
        elif task.status == "finished":
            future.set_result(None)
        else:
            future.set_exception(self._lost())
        task.release()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise self._lost() from error

    def _lost(self) -> StoreDown:
        return StoreDown(f"the scheduler at {self._address} is lost; the same command goes on from here")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Have signals wait that would leave processes half begun or half ended. Those that begin meanwhile do not hear
    SIGINT: a terminal sends it to all, and it is for who hands out the work.
    """
    # Whatever is shared first begins a process that tracks it, and that unblocks signals.
    multiprocessing.get_context("spawn").Lock()
    came = list[int]()
    before = signal.signal(signal.SIGTERM, lambda number, _: came.append(number))
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        if came:
            signal.raise_signal(came[0])


def _line(error: BaseException) -> str:
    return printable(str(error).partition("\n")[0])[:300] or type(error).__name__


# In a worker


def _make(work: Work[T], given: T, output: Path, seen: Seen) -> None:
    # Workers may have come after the others were asked.
    if why := _unfit(seen):
        raise ArgumentError(f"option --dask: a worker: {why}")
    make(work, given, output)


def _unfit(seen: Seen) -> str:
    """Return why this worker cannot do the work; ``""`` if it can."""
    if code_version() != seen.code:
        return "its kcnacrawl, its Python or a library that reads pages is another than here; install the same"
    try:
        if (seen.folder / _MARK).read_text(encoding="ascii") != seen.mark:
            return f"its {seen.folder} is another folder than here; share the disk"
        with TemporaryFile(dir=seen.folder):
            return ""
    except OSError as error:
        return f"it cannot write {seen.folder} ({error.strerror}); share the disk, under the same path"
