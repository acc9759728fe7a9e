"""``scrapy sync STORE``: brings a downstream store up to date with the archive."""

import argparse
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from ..archive import StorageFailed
from ..archive.archive import ARTICLES
from ..cli.archive_command import ArchiveCommand
from ..stores import open_store
from ..stores.feed import sync, sync_links
from ..verdict import Verdict, say


class Command(ArchiveCommand):
    words = "STORE"

    def short_desc(self) -> str:
        return "Bring a store up to date with the archive: sqlite:///FILE, postgresql://… or parquet:DIR"

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        del opts
        taken, linked = bring_up_to_date(folder, self.word)
        links = ", new links of reprints" if linked else ""
        print(f"{self.word.partition(':')[0]}: {taken or 'no'} new record{'s' * (taken != 1)}{links}")
        return Verdict.OK.exit_code()


def bring_up_to_date(folder: Path, address: str) -> tuple[int, bool]:
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
            return sync(folder, store, partial(progress.advance, task)), sync_links(folder, store)


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
