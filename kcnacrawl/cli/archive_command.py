"""What commands share that read an archive and change nothing."""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final, Self, TypeVar

import msgspec
from scrapy.commands import ScrapyCommand
from scrapy.settings import BaseSettings

from ..archive import Locked, StorageFailed, Unreachable
from ..arguments import ArgumentError, as_path
from ..config import Config
from ..extras import extra
from ..parts import PARTS, Parts
from ..run import printable
from ..scrapy_settings import check_given
from ..stores import StoreDown
from ..verdict import Verdict, hang_up, spell_out, tell
from .usage import refusing

T = TypeVar("T")

STORE: Final = "store.sqlite"
"""The SQLite store in the archive's folder that is read when none is given."""

_VERDICTS: Final = {
    ArgumentError: Verdict.USAGE,
    StoreDown: Verdict.INCOMPLETE,
    Unreachable: Verdict.INCOMPLETE,
    Locked: Verdict.LOCKED,
    StorageFailed: Verdict.STORAGE,
    OSError: Verdict.STORAGE,
}


class ArchiveCommand(ScrapyCommand):
    """A command that reads the archive in ``KCNACRAWL_DIR``. If it cannot, it says why in one line, and exits with the
    code of that verdict.
    """

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}
    words: ClassVar[str] = ""
    """What the command takes beside its options, as its help names it; in brackets what it can do without, and with an
    ellipsis what may be several.
    """
    given: Sequence[str] = ()
    word = ""

    def syntax(self) -> str:
        return f"[options] {self.words}".strip()

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        with refusing():
            check_given(opts.set)
            super().process_options(args, opts)

    def __init__(self) -> None:
        super().__init__()
        self._stop = _Stop()

    def run_async(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine, which a signal cancels where it waits, so that it ends in order."""

        async def cancellable() -> None:
            self._stop.task = asyncio.current_task()
            try:
                await work
            finally:
                self._stop.task = None

        try:
            asyncio.run(cancellable())
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        """Do what the command does; return its exit code."""
        raise NotImplementedError

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        name = type(self).__module__.rsplit(".", 1)[-1]
        spell_out()
        with self._stop as stop:
            try:
                self.given = self._given(name, args)
                self.word = " ".join(self.given)
                self.exitcode = self.read(Config.read_folder(self.settings or BaseSettings()), opts)
                sys.stdout.flush()
            except (Exception, KeyboardInterrupt) as error:
                verdict = next((one for kind, one in _VERDICTS.items() if isinstance(error, kind)), None)
                # Whatever a driver makes of a signal.
                if stop.signals:
                    message = "stopped by a signal; the same command goes on from here"
                    self._fail(Verdict.INTERRUPTED, message, *stop.signals)
                elif isinstance(error, BrokenPipeError):
                    hang_up(sys.stdout)
                elif verdict is not None:
                    self._fail(verdict, str(error))
                else:
                    raise

    def _given(self, name: str, args: list[str]) -> list[str]:
        # Among them is what argparse knows no option for.
        end = args.index("--") if "--" in args else len(args)
        if unknown := [one for one in args[:end] if one.startswith("-")]:
            hint = "; what is none and begins so goes after --" if self.words else ""
            raise ArgumentError(f"{name} has no option {unknown[0][:200]!r}{hint}")
        args = args[:end] + args[end + 1 :]
        if args and not self.words:
            raise ArgumentError(f"{name} takes no arguments: {args[0]!r}")
        if self.words and not args and not self.words.startswith("["):
            raise ArgumentError(f"{name} needs {self.words}")
        if len(args) > 1 and not self.words.endswith(("WORDS", "…")):
            raise ArgumentError(f"{name} takes one {self.words.strip('[]')}, not {len(args)}")
        return args

    def _fail(self, verdict: Verdict, message: str, *signals: int) -> None:
        self.exitcode = verdict.exit_code(*signals[:1])
        tell(verdict, self.exitcode, printable(message))


def option(name: str, text: str | None, read: Callable[[str], T]) -> T | None:
    """Return what an option says, read by ``read``; ``None`` if it is not given. Raise ``ArgumentError``."""
    if text is None:
        return None
    try:
        return read(text)
    except ValueError as error:
        raise ArgumentError(f"option --{name}={text[:200]!r}: {error}") from error


def add_jobs(parser: argparse.ArgumentParser) -> None:
    """Add the option `--jobs`."""
    parser.add_argument("--jobs", metavar="N", type=int, help="processes that read pages (default: one a core)")


def jobs(opts: argparse.Namespace) -> int:
    """Return how many processes are to read. Raise ``ArgumentError`` for less than one."""
    given: int | None = getattr(opts, "jobs", None)
    number = (os.cpu_count() or 1) if given is None else given
    if number < 1:
        raise ArgumentError(f"option --jobs={number}: not a whole number from 1")
    return number


def add_dask(parser: argparse.ArgumentParser) -> None:
    """Add the option `--dask`."""
    told = "share the work out on Dask: its scheduler, as tcp://HOST:PORT, or local for processes of this machine"
    parser.add_argument("--dask", metavar="ADDRESS", help=told)


@contextmanager
def shared_out(opts: argparse.Namespace, folder: Path, name: str) -> Iterator[Parts | None]:
    """Have the parts of a command made on Dask, for as long as the context lasts; ``None`` if that is not asked for.
    ``name`` is that of the folder for their outputs.

    Raise ``ArgumentError``, :class:`StoreDown`, :class:`StorageFailed` if there is no archive, ``OSError``.
    """
    if opts.dask is None:
        yield None
        return
    if not folder.is_dir():
        raise StorageFailed(f"there is no archive in {folder}")
    with extra("cluster"):
        from ..dask import Dask  # noqa: PLC0415 - a library only where it is asked for
    with Dask(opts.dask, jobs(opts)) as engine, Parts(engine, folder / PARTS / name) as parts:
        yield parts


def print_json(one: object) -> None:
    """Print an object in a line of its own, for a program: in UTF-8, whatever the encoding of the terminal."""
    sys.stdout.buffer.write(msgspec.json.encode(one) + b"\n")


def new_file(text: str) -> Path:
    """Return the path of a file that a command may write. Raise ``ArgumentError`` if there is no such folder."""
    file = as_path(text)
    if file.is_dir() or not file.parent.is_dir():
        raise ArgumentError(f"{file}: no file in a folder that there is")
    return file


class _Stop:
    """Has SIGINT and SIGTERM raise ``KeyboardInterrupt`` inside, or cancel a task; ``signals`` takes their numbers."""

    def __init__(self) -> None:
        self.signals = list[int]()
        self.task: asyncio.Task[None] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _stop(self, number: int, frame: object) -> None:
        del frame
        self.signals.append(number)
        if self.task is None:
            raise KeyboardInterrupt
        self.task.get_loop().call_soon_threadsafe(self.task.cancel)


class StoreCommand(ArchiveCommand):
    """A command that reads a SQLite store: :data:`STORE`, or that of ``--store``."""

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        told = f"the SQLite store (default: {STORE} in KCNACRAWL_DIR)"
        parser.add_argument("--store", metavar="FILE", type=as_path, help=told)

    @staticmethod
    def store(folder: Path, opts: argparse.Namespace) -> Path:
        """Return the path of the store."""
        return Path(opts.store or folder / STORE)
