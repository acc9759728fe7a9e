"""``python -m tests.crashing POINT N crawl …``: Scrapy, that kills itself at the Nth passage of a point.

The points lie where a record is in danger: half written, written and not synced, synced and not in the ledger,
wanted, and while the archive is opened. For ``scrapy sync``: before a batch; for PostgreSQL in its transaction, when
all is written but the cursor; for Parquet the steps of a commit: a partition is written, the commit holds, a partition
is moved to where it belongs, one is removed, what was set aside is cleared.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scrapy.cmdline import execute

from kcnacrawl.archive.archive import Archive
from kcnacrawl.archive.ledger import Ledger
from kcnacrawl.stores import parquet
from kcnacrawl.stores.postgresql import PostgresqlStore
from kcnacrawl.stores.sqlite import SqliteStore

POINTS = ("write", "sync", "ledger", "want", "walk", "open")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def at_passage(number: int, function: Callable[..., Any], instead: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, but ``instead`` at its passage of that number."""
    passages = iter(range(1, 1_000_000))

    def counted(*args: Any, **kwargs: Any) -> Any:
        return (instead if next(passages) == number else function)(*args, **kwargs)

    return counted


def half_write(fd: int, data: bytes, offset: int, write: Callable[..., int] = os.pwrite) -> None:
    write(fd, data[: len(data) // 2], offset)
    die()


def in_thread(name: str, function: Callable[..., Any], elsewhere: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` in threads of that name, ``elsewhere`` in others."""

    def chosen(*args: Any) -> Any:
        return (function if threading.current_thread().name.startswith(name) else elsewhere)(*args)

    return chosen


def arm(point: str, number: int) -> None:
    def killed(*_: Any, **__: Any) -> None:
        die()

    if point == "write":
        os.pwrite = at_passage(number, os.pwrite, half_write)
    elif point == "sync":
        # Only those between a write and its ledger: opening syncs as well.
        os.fsync = in_thread("articles", at_passage(number, os.fsync, killed), os.fsync)
    elif point == "ledger":
        Ledger.learn_articles = at_passage(number, Ledger.learn_articles, killed)
    elif point == "want":
        Ledger.want = at_passage(number, Ledger.want, killed)
    elif point == "walk":
        Ledger.record_page = at_passage(number, Ledger.record_page, killed)
    elif point == "open":
        Archive._read = at_passage(number, Archive._read, killed)
    elif point == "batch":
        for store in (SqliteStore, PostgresqlStore, parquet.ParquetStore):
            store.apply = at_passage(number, store.apply, killed)
    elif point == "cursor":
        PostgresqlStore._remember = at_passage(number, PostgresqlStore._remember, killed)
    elif point == "partition":
        parquet.ParquetStore._write = at_passage(number, parquet.ParquetStore._write, killed)
    elif point == "commit":
        parquet.write_whole = at_passage(number, parquet.write_whole, killed)
    elif point == "move":
        Path.replace = at_passage(number, Path.replace, killed)
    elif point == "remove":
        parquet._remove = at_passage(number, parquet._remove, killed)
    elif point == "clear":
        parquet.rmtree = at_passage(number, parquet.rmtree, killed)
    else:
        raise ValueError(point)


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]))
    execute(["scrapy", *sys.argv[3:]])
