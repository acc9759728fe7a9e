"""Reading the archive, batch by batch, for a store that has read some of it. A crawl may go on writing."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from ..archive import StorageFailed
from ..archive.archive import ARTICLES, read_article
from ..archive.blocks import LogEnd, end_of, is_still
from ..archive.log import read_lines
from ..arguments import ArgumentError
from ..items import Article
from . import Store

_RECORDS: Final = 500
_BYTES: Final = 8 << 20


def sync(folder: Path, store: Store, advance: Callable[[int], None] = lambda _: None) -> int:
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
    for records, end in _batches(path, at):
        store.apply(records, at, end)
        taken += len(records)
        advance(end.end - at.end)
        at = end
    return taken


def _batches(path: Path, at: LogEnd) -> Iterator[tuple[list[Article], LogEnd]]:
    """Yield records for a transaction, and where they end; what is being written is left for the next sync."""
    begin = read = at.end
    records = list[Article]()
    for end, line in read_lines(path, at.end):
        if end < 0:
            break
        try:
            records.append(read_article(line))
        except (ValueError, RecursionError) as error:
            raise StorageFailed(f"{path}, the line that ends at byte {end} is no line of ours ({error})") from error
        read = end
        if len(records) >= _RECORDS or read - begin >= _BYTES:
            yield records, end_of(path, read)
            begin, records = read, []
    if records:
        yield records, end_of(path, read)
