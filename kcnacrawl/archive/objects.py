"""Files under a URL, in an object store or on a disk that is mounted, by ``fsspec``: written whole, read in ranges.

Who may read and write them, and where a store is that is not its maker's own, the libraries find out by themselves:
from the environment and from profiles. No URL of ours holds it.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Protocol, Self

from ..arguments import ArgumentError
from ..extras import extra
from . import Unreachable
from .log import sync, write_whole

_LIBRARIES: Final = {"s3": "s3fs", "gs": "gcsfs", "file": "fsspec"}
# A page of text has some 10 KB, and the next one that is asked for is mostly its neighbour.
_AHEAD: Final = 1 << 20
WHOLE: Final = 16 << 20
"""So much is read ahead where all is read."""
# A store takes at most 10,000 parts, and none but the last may have less than 5 MB.
_PART: Final = 16 << 20


class Reads(Protocol):
    """What is read on and on."""

    def read(self, size: int = -1, /) -> bytes:
        """Read so many bytes on, or all that follow."""
        ...


class Readable(Reads, Protocol):
    """A file that is open for reading. A context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> object: ...

    def seek(self, offset: int, /) -> int:
        """Go on reading at an offset."""
        ...


class ObjectFile:
    """An object that is open for reading. What was read ahead is in memory. Methods raise
    :class:`Unreachable`.
    """

    def __init__(self, url: str, file: Any) -> None:
        self._url = url
        self._file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._file.close()

    def read(self, size: int = -1, /) -> bytes:
        """Read so many bytes on, or all that follow."""
        with _reaching(self._url):
            return bytes(self._file.read(size))

    def seek(self, offset: int, /) -> int:
        """Go on reading at an offset."""
        return int(self._file.seek(offset))


def check_url(url: str) -> str:
    """Return a URL without a slash at its end. Raise ``ArgumentError`` for one that names no place that can be used."""
    scheme, _, place = url.partition("://")
    if "@" in place.partition("/")[0]:
        raise ArgumentError(
            f"{scheme[:20]}://…: no name and no key belongs there; the environment or a profile has them"
        )
    if scheme not in _LIBRARIES or not place.strip("/") or not url.isprintable():
        raise ArgumentError(f"{url[:200]!r} is not s3://BUCKET/…, gs://BUCKET/… or file:///FOLDER")
    if scheme == "file" and not place.startswith("/"):
        raise ArgumentError(f"{url[:200]!r}: a folder's path begins with a slash, file:///FOLDER")
    return url.rstrip("/")


def check_library(url: str) -> None:
    """Raise ``ArgumentError`` if the library for a URL is missing."""
    _filesystem(url)


def open_object(url: str, ahead: int = _AHEAD) -> ObjectFile:
    """Open an object for reading. Raise ``FileNotFoundError`` if it is not there, :class:`Unreachable`."""
    with _reaching(url):
        file = _filesystem(url).open(_path(url), "rb", block_size=ahead, cache_type="readahead")
        return ObjectFile(url, file)


def object_size(url: str) -> int | None:
    """Return how long an object is; ``None`` if it is not there. Raise :class:`Unreachable`."""
    with suppress(FileNotFoundError), _reaching(url):
        return int(_filesystem(url).info(_path(url))["size"])
    return None


def write_object(url: str, chunks: Iterable[bytes]) -> None:
    """Write an object that is there whole or not at all, and lasting. Raise :class:`Unreachable`."""
    with _reaching(url):
        filesystem, path = _filesystem(url), _path(url)
        if url.startswith("file://"):
            # What a store does by itself: a disk has to be told.
            folder = Path(path).parent
            _make(folder)
            write_whole(Path(path), chunks)
            return
        try:
            with filesystem.open(path, "wb", block_size=_PART) as file:
                for chunk in chunks:
                    file.write(chunk)
        except FileNotFoundError as error:
            raise Unreachable(f"{url} cannot be written: there is no such bucket") from error


def _make(folder: Path) -> None:
    """Make a folder and those above it, lasting."""
    if not folder.exists():
        _make(folder.parent)
        with suppress(FileExistsError):
            folder.mkdir()
        sync(folder.parent)


def _path(url: str) -> str:
    return url.partition("://")[2]


def _filesystem(url: str) -> Any:
    scheme = url.partition("://")[0]
    with extra("cloud"):
        import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra; it has no types

        import_module(_LIBRARIES[scheme])
    # One instance a process, which the library remembers.
    return fsspec.filesystem(scheme)


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    """Translate what a library raises: no two have errors of one kind."""
    try:
        yield
    except (FileNotFoundError, ArgumentError, Unreachable):
        raise
    except Exception as error:
        told = " ".join(str(error).split()) or type(error).__name__
        if isinstance(error, OSError) and error.errno and error.strerror:
            told = error.strerror
        raise Unreachable(f"{url} cannot be reached: {told[:300]}; see to it and run again") from error
