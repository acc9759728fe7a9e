"""Bringing other archives into this one, by identity and revision.

What records were read from is on disk before they are, records before the ledger knows of them, and lists that were
walked are known once all that they showed is held or wanted. So a merge that is killed and repeated ends in the same
archive.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

from .archive import StorageFailed
from .archive.archive import LEDGER, Archive
from .archive.ledger import Ledger
from .archive.merging.arrivals import Arrivals
from .archive.merging.exchanges import bring, copies, offloads
from .archive.merging.missing import Missing
from .archive.merging.other import OtherArchive, check_folder
from .archive.merging.unify import Added
from .archive.run_report import bring_report, missing_reports
from .arguments import ArgumentError
from .items import Article

_BATCH: Final = 1_000
_BATCH_BYTES: Final = 4 << 20

Lines = list[tuple[bytes, Article]]


class Watch(Protocol):
    """Whom a merge tells how far it is."""

    def begin(self, what: str, total: int) -> None:
        """Hear of a step, and how much it has to do."""

    def advance(self, done: int) -> None:
        """Hear how much more of it is done."""


@dataclass(slots=True)
class Tally:
    """What came of it: lines of the other archives, and those that came in, of which so many are the first on their
    article, or have another number here; lines that are said once more; and what came along.
    """

    read: int = 0
    stored: int = 0
    new: int = 0
    renumbered: int = 0
    repeated: int = 0
    rejections: int = 0
    files: int = 0
    reports: int = 0


class Merge:
    """Brings the archives in some folders into that in ``own``. With ``is_dry`` nothing is stored.

    ``tell`` hears of each line that has another number here than in its folder.
    """

    def __init__(self, own: Path, folders: Sequence[Path], *, is_dry: bool, tell: Callable[[str], object]) -> None:
        self.tally = Tally()
        self._own = own
        self._folders = list({folder.resolve(): folder for folder in folders}.values())
        self._archive = None if is_dry else Archive(own, is_in_order=False)
        self._tell = tell

    def run(self, watch: Watch, run_async: Callable[[Coroutine[Any, Any, None]], object] = asyncio.run) -> None:
        """Bring all in. ``run_async`` runs what stores lines, which may be cancelled. Raise ``ArgumentError`` for a
        folder that is this archive, :class:`~kcnacrawl.archive.Locked`, :class:`StorageFailed`, ``OSError``.
        """
        self._check_folders()
        with TemporaryDirectory(prefix="kcnacrawl-") as name, contextlib.ExitStack() as stack:
            scratch = Path(name)
            others = [
                stack.enter_context(OtherArchive(folder, scratch / f"{number}"))
                for number, folder in enumerate(self._folders, 1)
            ]
            missing = stack.enter_context(contextlib.closing(Missing(scratch / "missing.sqlite")))
            ledger = self._open(scratch / "own", stack)
            watch.begin("comparing", 0)
            for number, other in enumerate(others, 1):
                self.tally.read += other.lines
                missing.find(ledger.path, other.ledger.path, number)
            self._bring_files(others, watch)
            watch.begin("merging", missing.count())
            arrivals = Arrivals(self._own, ledger, others, missing)
            run_async(self._bring_lines(arrivals, others, watch))

    def _check_folders(self) -> None:
        for folder in self._folders:
            if self._own.exists() and folder.exists() and folder.samefile(self._own):
                raise ArgumentError(f"{folder} is the archive that others are brought into")
            check_folder(folder)

    def _open(self, scratch: Path, stack: contextlib.ExitStack) -> Ledger:
        """Return a ledger that knows what this archive holds. In a dry run there need be none."""
        if self._archive is not None:
            self._archive.open()
            stack.callback(_close, self._archive)
            return self._archive.ledger
        if self._own.exists():
            ledger = stack.enter_context(OtherArchive(self._own, scratch)).ledger
            ledger.connect()
            return ledger
        scratch.mkdir()
        ledger = Ledger(scratch / LEDGER)
        stack.callback(ledger.discard)
        ledger.create()
        return ledger

    def _bring_files(self, others: Sequence[OtherArchive], watch: Watch) -> None:
        """Bring what records were read from, and the reports of the runs that did."""
        files = [one for other in others for one in copies(other.folder, self._own)]
        reports = [path for other in others for path in missing_reports(other.folder, self._own)]
        # Some archives may have the same ones.
        offloaded = {one.entry.name for other in others for one in offloads(other.folder, self._own)}
        self.tally.files = len({(one.target, one.length) for one in files}) + len(offloaded)
        self.tally.reports = len({path.name for path in reports})
        watch.begin("copying", sum(one.length for one in files))
        if self._archive is None:
            return
        try:
            bring([other.folder for other in others], self._own, watch.advance)
            for path in reports:
                bring_report(path, self._own)
        except OSError as error:
            place = error.filename or self._own
            raise StorageFailed(f"cannot write {place}: {error.strerror or error}; free it up and run again") from error

    # Lines, and what the ledgers know of them

    async def _bring_lines(self, arrivals: Arrivals, others: Sequence[OtherArchive], watch: Watch) -> None:
        try:
            await self._bring_articles(arrivals, watch)
            await self._bring_rejections(arrivals)
            if self._archive is not None:
                for other in others:
                    self._archive.ledger.take_over(other.ledger.path, other.sources)
        finally:
            # What is under way ends in this loop.
            if self._archive is not None:
                await self._archive.close()

    async def _bring_articles(self, arrivals: Arrivals, watch: Watch) -> None:
        batch, length, compared = Lines(), 0, 0
        for arrival in arrivals.articles():
            for line, added in arrival.lines:
                self._count(added)
                batch.append((line, added.article))
                length += len(line)
            compared += arrival.compared
            if length > _BATCH_BYTES or compared >= _BATCH:
                await self._store(batch)
                watch.advance(compared)
                batch, length, compared = Lines(), 0, 0
        await self._store(batch)

    async def _store(self, lines: Lines) -> None:
        # Also without a line, whoever cancels is heard.
        await asyncio.sleep(0)
        if self._archive is not None:
            await self._archive.store_lines(lines)

    def _count(self, added: Added) -> None:
        if added.is_repeated:
            self.tally.repeated += 1
            return
        self.tally.stored += 1
        self.tally.new += added.article.revision == 1
        if added.is_renumbered:
            self.tally.renumbered += 1
            folder, origin = self._folders[added.origin.archive - 1], added.origin.article
            self._tell(f"{origin.id}: revision {origin.revision} of {folder} is revision {added.article.revision} here")

    async def _bring_rejections(self, arrivals: Arrivals) -> None:
        rejections = arrivals.rejections()
        while batch := list(islice(rejections, _BATCH)):
            self.tally.rejections += len(batch)
            if self._archive is not None:
                await self._archive.reject_lines(batch)


def _close(archive: Archive) -> None:
    asyncio.run(archive.close())
