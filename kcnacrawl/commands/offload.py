"""``scrapy offload URL``: brings what ``warc/`` keeps to an object store, or to another disk."""

import argparse
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from ..archive import StorageFailed
from ..archive.archive import WARC
from ..archive.objects import check_library, check_url
from ..archive.warc.offload import Offload
from ..cli.archive_command import ArchiveCommand
from ..verdict import Verdict


class Command(ArchiveCommand):
    words = "URL"

    def short_desc(self) -> str:
        return "Bring complete WARC files to s3://BUCKET/…, gs://BUCKET/… or file:///FOLDER, and away from here"

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        del opts
        url = check_url(self.word)
        check_library(url)
        if not (folder / WARC).is_dir():
            raise StorageFailed(f"there is no {WARC}/ in {folder}")
        offload = Offload(folder / WARC, url)
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            task = progress.add_task("offloading", total=None)
            offload.run(lambda total: progress.update(task, total=total), partial(progress.advance, task))
        tally = offload.tally
        print(f"{url}: {tally.files:,} WARC files of {tally.length:,} bytes are there, and no longer here")
        if tally.waiting:
            print(f"{tally.waiting:,} stay here until the next crawl has put them in order")
        return Verdict.OK.exit_code()
