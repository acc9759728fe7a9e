"""Downstream stores: copies of the archive in forms that others read. Each remembers how far it has read the archive.

A store is a module of its own; drivers are imported only where one is asked for. All of them can be filled anew.
"""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from ..archive.blocks import LogEnd
from ..arguments import ArgumentError, as_path
from ..extras import extra
from ..items import Article
from ..reprints.links import Link

P = TypeVar("P")

Indexing = Callable[[int, int], None]
"""Hears, while an index of older rules is made anew, of how many articles of how many that is done."""


class StoreDown(Exception):
    """A store cannot be reached or written now; what it holds is whole, and the same command goes on from there."""


@contextmanager
def translating(
    name: object,
    down: type[Exception] | tuple[type[Exception], ...],
    wrong: type[Exception],
    line: Callable[[Exception], str] = str,
    *,
    is_sync: bool = True,
) -> Iterator[None]:
    """Translate a driver's errors: raise :class:`StoreDown` for those that pass, ``ArgumentError`` for the others, as
    for what is no store of ours. ``line`` tells an error in one line.
    """
    try:
        yield
    except down as error:
        told = line(error)
        raise StoreDown(f"{name}: {told}; see to it and sync again" if is_sync else f"{name}: {told}") from error
    except wrong as error:
        raise ArgumentError(f"store {name}: {line(error)}") from error


class Store(Protocol[P]):
    """A store: a context manager around a connection. Raises :class:`StoreDown`; ``ArgumentError`` for what is no
    store. ``P`` is what it takes: of many records, another process makes it.
    """

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def cursor(self, log: str) -> LogEnd:
        """Return how far the store has read the log of that name, or the whole ``reprints.jsonl`` that it read."""
        ...

    @staticmethod
    def prepare(records: Sequence[Article]) -> P:
        """Make of records all that can be made without the store."""
        ...

    def apply(self, prepared: P, before: LogEnd, after: LogEnd) -> None:
        """Take in what stands between two ends of the log, and remember the latter, in one transaction. This is lasting
        at the latest when the store is left without an error.
        """
        ...

    def link(self, links: Iterable[Link], end: LogEnd) -> None:
        """Hold these links between articles and no others, and remember the file that has them, in one transaction."""
        ...


def unheard(done: int, total: int) -> None:
    """Be told of an index that is made anew, and do nothing."""


def open_store(address: str, indexing: Indexing = unheard) -> Store[Any]:
    """Return the store of an address: ``sqlite:///FILE``, three slashes before a relative path, four before an absolute
    one; ``postgresql://…`` as libpq reads it; ``parquet:DIR``. No message shows an address that may hold a password.
    """
    scheme, _, rest = address.partition(":")
    if scheme == "sqlite" and rest.startswith("///") and len(rest) > len("///"):
        from .sqlite import SqliteStore  # noqa: PLC0415 - a driver only where it is asked for

        return SqliteStore(as_path(rest.removeprefix("///")), indexing)
    if scheme in {"postgresql", "postgres"}:
        with extra("postgresql"):
            from .postgresql import PostgresqlStore  # noqa: PLC0415 - a driver only where it is asked for
        return PostgresqlStore(address, indexing)
    if scheme == "parquet" and rest:
        # Never shown whole: what is no path may hold a password.
        if "://" in rest:
            where = rest.partition("://")[0]
            raise ArgumentError(f"store 'parquet:{where}://…': a Parquet store is a folder on a disk")
        # Arrow's own allocator keeps for itself what the largest partitions took.
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
        with extra("parquet"):
            from .parquet import ParquetStore  # noqa: PLC0415 - a driver only where it is asked for
        return ParquetStore(as_path(rest))
    shown = re.sub(r":.*@|\?.*", "…", address, flags=re.DOTALL)[:200]
    raise ArgumentError(f"store {shown!r}: not sqlite:///FILE, postgresql://… or parquet:DIR")
