"""``python -m tests.crashing POINT N crawl …``: Scrapy, that kills itself at the Nth passage of a point.

The points lie where a record is in danger: half written, written and not synced, synced and not in the ledger,
wanted, and while the archive is opened; and where an exchange is: half written, written and not synced, synced and
not in the index, and where its file is completed. For ``scrapy sync``: before a batch is given to the store;
for PostgreSQL in its transaction, when all is written but the cursor; for Parquet the steps of a commit: a partition is
written, the commit holds, a partition is moved to where it belongs, one is removed, what was set aside is cleared.
For ``scrapy reprints``: a text is taken apart, an article taken out as it was, others due for its sake; before articles
are found, compared, linked, pick a translation, and before the file is written.
For ``scrapy merge``: before a file of exchanges or a report is copied, before the ledger knows of lines of the
quarantine, and before it takes over what another ledger knows.
For ``scrapy offload``: before a file is written there, before it is read back, before the archive says where it is, and
before it is removed here.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scrapy.cmdline import execute

from kcnacrawl import merge
from kcnacrawl.archive import archive
from kcnacrawl.archive.ledger import Ledger
from kcnacrawl.archive.ledger.queue import Queue
from kcnacrawl.archive.ledger.walked import Walked
from kcnacrawl.archive.merging import exchanges
from kcnacrawl.archive.warc import offload
from kcnacrawl.archive.warc.index import Index
from kcnacrawl.archive.warc.writer import WarcFile
from kcnacrawl.reprints import linking
from kcnacrawl.reprints.index import Index as ReprintIndex
from kcnacrawl.reprints.translation_index import TranslationIndex
from kcnacrawl.stores import feed, parquet
from kcnacrawl.stores.postgresql import PostgresqlStore

POINTS = ("write", "sync", "ledger", "want", "walk", "open", "keep", "kept", "learn", "complete")
STEPS: dict[str, tuple[Any, str]] = {
    "ledger": (Ledger, "learn_articles"),
    "want": (Queue, "want"),
    "walk": (Walked, "record"),
    "open": (archive, "learn"),
    "kept": (WarcFile, "sync"),
    "learn": (Index, "learn"),
    "complete": (WarcFile, "close"),
    "batch": (feed, "end_of"),
    "cursor": (PostgresqlStore, "_remember"),
    "partition": (parquet.ParquetStore, "_write"),
    "commit": (parquet, "write_whole"),
    "move": (Path, "replace"),
    "remove": (parquet, "_remove"),
    "clear": (parquet, "rmtree"),
    "sign": (linking, "read_text"),
    "forget": (ReprintIndex, "_forget"),
    "expect": (ReprintIndex, "_expect"),
    "place": (ReprintIndex, "place"),
    "candidates": (ReprintIndex, "candidates"),
    "link": (ReprintIndex, "link"),
    "pick": (TranslationIndex, "_pick"),
    "reprints": (linking, "write_whole"),
    "bring": (exchanges, "write_whole"),
    "report": (merge, "bring_report"),
    "reject": (Ledger, "learn_rejections"),
    "take over": (Ledger, "take_over"),
    "upload": (offload, "write_object"),
    "check": (offload, "_check"),
    "offloaded": (offload, "remember_offloaded"),
    "away": (Path, "unlink"),
}


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


def half_append(file: WarcFile, data: bytes, append: Callable[..., None] = WarcFile.append) -> None:
    append(file, data[: len(data) // 2])
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
        os.pwrite = in_thread("articles", at_passage(number, os.pwrite, half_write), os.pwrite)
    elif point == "keep":
        # Before the first exchange, a file's own record.
        WarcFile.append = at_passage(number + 1, WarcFile.append, half_append)
    elif point == "sync":
        # Only those between a write and its ledger: opening syncs as well.
        os.fsync = in_thread("articles", at_passage(number, os.fsync, killed), os.fsync)
    else:
        owner, name = STEPS[point]
        setattr(owner, name, at_passage(number, getattr(owner, name), killed))


if __name__ == "__main__":
    arm(sys.argv[1], int(sys.argv[2]))
    execute(["scrapy", *sys.argv[3:]])
