"""One run an archive at a time."""

import errno
import fcntl
import os
from pathlib import Path
from typing import Final

from . import Locked

_UNWRITABLE: Final = {errno.EACCES, errno.EPERM, errno.EROFS}


class Lock:
    """The kernel's advisory lock: it ends with the process that holds it, however that dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def acquire(self) -> None:
        """Take the lock, or raise :class:`Locked` at once; ``OSError`` if the folder cannot be written."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._lock(fd)
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            # The kernel names no file where it was given a number.
            raise OSError(error.errno, error.strerror, str(self._path)) from error

    def keep_out(self) -> None:
        """Take the lock of a folder that is only read: of one that may not be written, as far as it has one."""
        try:
            self.acquire()
        except OSError as error:
            if error.errno not in _UNWRITABLE or self._fd is not None:
                raise
            if self._path.exists():
                self._lock(os.open(self._path, os.O_RDONLY | os.O_CLOEXEC))

    def _lock(self, fd: int) -> None:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(fd, 20, 0).decode("ascii", "replace").strip()
            os.close(fd)
            raise Locked(
                f"another run (process {holder or 'unknown'}) holds {self._path.parent}; let it finish, or stop it"
            ) from error
        self._fd = fd

    def release(self) -> None:
        """Give the lock back; do nothing if it is not held."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
