"""Puts a folder of WARC files in order, whatever ended the last run: what is torn is cut, what is whole is learned."""

import contextlib
import fcntl
import logging
import mmap
import os
from pathlib import Path
from typing import Final

from .. import StorageFailed, Unreachable
from ..log import sync, write_whole
from .cdxj import cdxj_path, make_cdxj
from .files import OPEN, KeptFile, kept_files
from .index import Entry, Index
from .reader import Damaged, read_members

_BATCH: Final = 5_000
_CHUNK: Final = 1 << 20
_MAGIC: Final = b"\x1f\x8b\x08"

logger = logging.getLogger(__name__)


def open_index(folder: Path, index: Index) -> None:
    """Open a folder's index and bring both in order. Raise ``OSError``, :class:`StorageFailed`."""
    try:
        index.open()
        catch_up(folder, index)
    except StorageFailed:
        # An index that is damaged is gone by now; whatever else it is, it is so again.
        index.close()
        index.open()
        catch_up(folder, index)


def catch_up(folder: Path, index: Index) -> None:
    """Have an index learn what it does not know of a folder's files; complete those that a killed run left. Raise
    ``OSError``, :class:`StorageFailed`.
    """
    ends = index.ends()
    files = kept_files(folder)
    for gone in ends.keys() - {file.name for file in files}:
        index.forget(gone)
    for file in files:
        if file.offloaded is None:
            _put_in_order(file, index, ends.get(file.name, 0))
        else:
            _look_up(file, index, ends.get(file.name, 0))


def _put_in_order(file: KeptFile, index: Index, known: int) -> None:
    """Have an index learn of a file what it does not know; complete it if it is open."""
    try:
        size = file.size()
        was_open = file.is_open
        if size < known:
            index.forget(file.name)
            cdxj_path(file.folder / file.name).unlink(missing_ok=True)
            known = 0
        fault = _learn(file, index, known) if size > known else None
        if was_open:
            _finish(file.folder / (file.name + OPEN), fault.offset if fault is not None else size)
        elif fault is not None:
            _warn(file, fault)
        # A file that was begun and held nothing is gone.
        if (file.folder / file.name).exists() and not cdxj_path(file.folder / file.name).exists():
            make_cdxj(file)
    except FileNotFoundError:
        # It was offloaded meanwhile, and before that it was in order.
        if file.offloaded is None:
            raise


def _look_up(file: KeptFile, index: Index, known: int) -> None:
    """Have an index that was lost learn of a file that is elsewhere. A crawl can do without it."""
    try:
        if file.size() > known and (fault := _learn(file, index, known)) is not None:
            _warn(file, fault)
        if not cdxj_path(file.folder / file.name).exists():
            make_cdxj(file)
    except Unreachable as error:
        logger.warning("%s", error)
    except FileNotFoundError:
        logger.warning("%s is not there: restore it from a copy", file)


def _warn(file: KeptFile, fault: Damaged) -> None:
    logger.warning(
        "%s is damaged at byte %d (%s), and what follows is not read: restore it from a copy", file, fault.offset, fault
    )


def _learn(file: KeptFile, index: Index, start: int) -> Damaged | None:
    """Have an index learn what a file holds from an offset on; return what it ends at before its end."""
    name, entries, end = file.name, list[Entry](), start
    if (path := file.path) is not None:
        # What a killed run wrote and did not sync is made safe before it is learned.
        sync(path)
    fault = None
    try:
        for one in read_members(file, start):
            end = one.end
            if one.is_response:
                entries.append(one.entry)
            if len(entries) >= _BATCH:
                index.learn(name, entries, end)
                entries = []
    except Damaged as error:
        fault = error
    index.learn(name, entries, end)
    return fault


def _finish(path: Path, end: int) -> None:
    """Complete a file that a killed run left: cut off what is torn, and give it its name."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        logger.warning("%s is being written by another process", path)
        return
    else:
        if end < os.fstat(fd).st_size and _holds_more(path, end):
            _put_aside(path, end)
        os.ftruncate(fd, end)
        os.fsync(fd)
    finally:
        os.close(fd)
    if end:
        path.rename(path.with_name(path.name.removesuffix(OPEN)))
    else:
        path.unlink()
    sync(path.parent)


def _holds_more(path: Path, start: int) -> bool:
    """Return True if a whole record follows one that is torn: then that is damage, and not what a kill leaves."""
    at = start
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        while (at := data.find(_MAGIC, at + 1)) >= 0:
            with contextlib.suppress(Damaged):
                return next(read_members(path, at), None) is not None
    return False


def _put_aside(path: Path, start: int) -> None:
    """Keep what a file holds from an offset on in one of its own, for a person to look at."""
    aside = path.with_name(path.name.removesuffix(OPEN) + ".torn")
    with path.open("rb") as file:
        file.seek(start)
        write_whole(aside, iter(lambda: file.read(_CHUNK), b""))
    logger.warning("%s is damaged at byte %d; what follows was put aside as %s", path, start, aside)
