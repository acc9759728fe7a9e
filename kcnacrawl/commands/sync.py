"""``scrapy sync STORE``: brings a downstream store up to date with the archive."""

import argparse
import hashlib
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import Progress

from ..archive import StorageFailed
from ..archive.archive import ARTICLES
from ..arguments import ArgumentError
from ..cli.archive_command import ArchiveCommand, add_dask, shared_out
from ..parts import Parts
from ..stores import Store, open_store
from ..stores.feed import Prepared, prepare_here, sync, sync_links
from ..verdict import Verdict, say

_PARQUET: Final = "parquet:"


class Command(ArchiveCommand):
    words = "STORE"

    def short_desc(self) -> str:
        return "Bring a store up to date with the archive: sqlite:///FILE, postgresql://… or parquet:DIR"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        add_dask(parser)

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        if opts.dask is not None and not self.word.startswith(_PARQUET):
            raise ArgumentError(f"option --dask: for {_PARQUET}DIR alone; a database has one writer")
        # Two stores may be filled at the same time.
        store = Path(self.word.removeprefix(_PARQUET)).absolute()
        with shared_out(opts, folder, f"sync-{hashlib.sha256(os.fsencode(store)).hexdigest()[:16]}") as parts:
            prepared = prepare_here if parts is None else partial(_prepare_in_parts, parts)
            taken, linked = bring_up_to_date(folder, self.word, prepared)
        links = ", new links of reprints" if linked else ""
        print(f"{self.word.partition(':')[0]}: {taken or 'no'} new record{'s' * (taken != 1)}{links}")
        return Verdict.OK.exit_code()


def _prepare_in_parts(parts: Parts, path: Path, store: Store[Any], begin: int) -> Prepared[Any]:
    # The store that it is for has imported the driver.
    from ..stores.rows import prepare_in_parts  # noqa: PLC0415 - a library only where it is asked for

    return prepare_in_parts(parts, path, store, begin)


def bring_up_to_date(
    folder: Path, address: str, prepared: Callable[[Path, Store[Any], int], Prepared[Any]] = prepare_here
) -> tuple[int, bool]:
    """Sync the store of an address; show at a terminal how far it is; return how many records it took, and whether
    links between articles changed.

    Raise what :func:`~kcnacrawl.stores.feed.sync` raises, and :class:`StorageFailed` if there is no archive.
    """
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        store, path = open_store(address, partial(_tell_indexing, progress)), folder / ARTICLES
        if not path.is_file():
            # Before a store is made of nothing.
            raise StorageFailed(f"{path} does not exist")
        with store:
            task = progress.add_task("syncing", total=path.stat().st_size)
            taken = sync(folder, store, partial(progress.advance, task), prepared)
            return taken, sync_links(folder, store)


def _tell_indexing(progress: Progress, done: int, total: int) -> None:
    """Show how much of a store's index is made anew; where there is no terminal, say that it is."""
    if progress.disable:
        if done == 0:
            say(f"{total:,} articles are indexed anew, as this version reads words; it takes as long as the first sync")
    elif done == 0:
        progress.add_task("indexing anew", total=total)
        progress.refresh()
    else:
        progress.update(progress.task_ids[0], completed=done)
