"""A copy of an archive's ledger, which is read while a run may write the ledger itself."""

import contextlib
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from . import StorageFailed
from .archive import ARTICLES, LEDGER
from .ledger import Ledger

# A ledger that changed while it was copied is at rest a moment later.
_MOMENT: Final = 0.2
_TRIES: Final = 50


@contextlib.contextmanager
def reading_ledger(folder: Path) -> Iterator[tuple[Ledger, str]]:
    """Give a copy of a folder's ledger, and what is wrong with it (``""`` if nothing is). Raise ``StorageFailed``."""
    with tempfile.TemporaryDirectory(prefix="kcnacrawl-") as name:
        copy = Ledger(Path(name) / LEDGER)
        copy_ledger(folder / LEDGER, copy.path)
        fault = copy.open(folder / ARTICLES)
        try:
            yield copy, fault
        finally:
            copy.close()


def copy_ledger(path: Path, to: Path) -> None:
    """Copy a ledger as it was at one moment, though a run may be writing it."""
    for _ in range(_TRIES if path.is_file() else 0):
        before = _stamp(path)
        with contextlib.suppress(FileNotFoundError):
            for suffix in (".sha256", "", "-wal"):
                source, target = path.with_name(path.name + suffix), to.with_name(to.name + suffix)
                target.unlink(missing_ok=True)
                if source.exists():
                    shutil.copyfile(source, target)
            if _stamp(path) == before:
                return
        time.sleep(_MOMENT)
    if path.is_file():
        raise StorageFailed(f"{path} is written so fast that it cannot be copied; try again later")


def _stamp(path: Path) -> tuple[object, ...]:
    """Return what changes whenever SQLite moves pages from its write-ahead log into a file, or begins that log anew."""
    state, wal = path.stat(), path.with_name(path.name + "-wal")
    head = b""
    if wal.exists():
        with wal.open("rb") as file:
            head = file.read(32)
    return state.st_ino, state.st_size, state.st_mtime_ns, path.with_name(path.name + ".sha256").exists(), head
