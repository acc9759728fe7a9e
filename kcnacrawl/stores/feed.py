"""Reading the archive, batch by batch, for a store that has read some of it. A crawl may go on writing."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from ..archive import StorageFailed
from ..archive.archive import ARTICLES, read_article
from ..archive.blocks import end_of, is_still
from ..archive.log import read_lines
from ..arguments import ArgumentError
from ..items import Article
from ..reprints.links import read_links
from ..workers import ahead
from . import Store

P = TypeVar("P")

_RECORDS: Final = 1_000
"""So many, or so many bytes of them, are a batch."""
_BYTES: Final = 16 << 20


class Batch(NamedTuple):
    """Lines that follow each other, and where they begin and end."""

    begin: int
    end: int
    lines: list[bytes]


Prepared = Generator[tuple[int, int, P]]
"""What a store takes, of lines that follow each other: where they end, how many they are, what was made of them."""


def prepare_here(path: Path, store: Store[P], begin: int) -> Prepared[P]:
    """Prepare what stands in the log from an offset on; of many lines, in a process beside this one."""
    with closing(ahead(partial(prepare, path, store.prepare), batches(path, begin))) as found:
        for batch, prepared in found:
            yield batch.end, len(batch.lines), prepared


def sync(
    folder: Path,
    store: Store[Any],
    advance: Callable[[int], None] = lambda _: None,
    prepared: Callable[[Path, Store[Any], int], Prepared[Any]] = prepare_here,
) -> int:
    """Bring a store up to date; tell ``advance`` how many bytes were read; return how many records the store took.

    Raise :class:`StorageFailed` of the archive, :class:`StoreDown`, ``ArgumentError`` if the store has read another
    archive than this.
    """
    path = folder / ARTICLES
    at = store.cursor(ARTICLES)
    if not is_still(path, at):
        raise ArgumentError(f"the store was filled from another archive than {path}; give another store")
    advance(at.end)
    taken = 0
    with closing(prepared(path, store, at.end)) as found:
        for read, count, rows in found:
            end = end_of(path, read)
            store.apply(rows, at, end)
            taken += count
            advance(end.end - at.end)
            at = end
    return taken


def sync_links(folder: Path, store: Store[Any]) -> bool:
    """Give a store the links of ``reprints.jsonl``; return False if it held them.

    A file that is as it was is read once, for its checksum; of one that changed every line is compared. Raise
    :class:`StorageFailed` of the file, :class:`StoreDown`.
    """
    with read_links(folder) as (end, links):
        if store.cursor(end.name) == end:
            return False
        store.link(links, end)
        return True


def batches(path: Path, begin: int, stop: int | None = None) -> Iterator[Batch]:
    """Yield what is for one transaction each; what is being written is left for the next sync."""
    read, lines = begin, list[bytes]()
    for end, line in read_lines(path, begin, stop):
        if end < 0:
            break
        lines.append(line)
        read = end
        if len(lines) >= _RECORDS or read - begin >= _BYTES:
            yield Batch(begin, read, lines)
            begin, lines = read, []
    if lines:
        yield Batch(begin, read, lines)


def prepare(path: Path, make: Callable[[list[Article]], P], batch: Batch) -> P:
    """Read the records of a batch, and make of them what the store takes. Raise :class:`StorageFailed`."""
    records, end = list[Article](), batch.begin
    for line in batch.lines:
        end += len(line) + len(b"\n")
        try:
            records.append(read_article(line))
        except (ValueError, RecursionError) as error:
            raise StorageFailed(f"{path}, the line that ends at byte {end} is no line of ours ({error})") from error
    return make(records)
