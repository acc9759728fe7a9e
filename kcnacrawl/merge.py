"""Bringing other archives into this one, by identity and revision.

What records were read from is on disk before they are, records before the ledger knows of them, and lists that were
walked are known once all that they showed is held or wanted. So a merge that is killed and repeated ends in the same
archive.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Protocol

from .archive import StorageFailed
from .archive.archive import ARTICLES, LEDGER, QUARANTINE, Archive, read_article_at
from .archive.ledger import Ledger
from .archive.log import read_lines
from .archive.merging.exchanges import bring, copies
from .archive.merging.missing import Group, Missing
from .archive.merging.other import OtherArchive, check_folder
from .archive.merging.unify import Added, unify
from .archive.run_report import bring_report, missing_reports
from .archive.verify import Form
from .arguments import ArgumentError
from .items import Article, Rejected

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
        self._form = Form(Article)

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
                self.tally.read += other.ledger.articles.count_lines()
                missing.find(ledger.path, other.ledger.path, number)
            self._bring_files(others, watch)
            run_async(self._bring_lines(ledger, others, missing, watch))

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
            return stack.enter_context(OtherArchive(self._own, scratch)).ledger
        scratch.mkdir()
        ledger = Ledger(scratch / LEDGER)
        ledger.create()
        return ledger

    async def _bring_lines(
        self, ledger: Ledger, others: Sequence[OtherArchive], missing: Missing, watch: Watch
    ) -> None:
        try:
            await self._bring_articles(ledger, others, missing, watch)
            await self._bring_rejections(others, missing, watch)
            if self._archive is not None:
                for other in others:
                    ledger.take_over(other.ledger)
        finally:
            # What is under way ends in this loop.
            if self._archive is not None:
                await self._archive.close()

    def _bring_files(self, others: Sequence[OtherArchive], watch: Watch) -> None:
        """Bring what records were read from, and the reports of the runs that did."""
        files = [one for other in others for one in copies(other.folder, self._own)]
        reports = [path for other in others for path in missing_reports(other.folder, self._own)]
        # Some archives may have the same ones.
        self.tally.files = len({(one.target, one.length) for one in files})
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

    # Articles

    async def _bring_articles(
        self, ledger: Ledger, others: Sequence[OtherArchive], missing: Missing, watch: Watch
    ) -> None:
        watch.begin("merging", missing.count())
        lines, length, read = Lines(), 0, 0
        for group in missing.groups():
            found = list(self._lines_of(group, ledger, others, missing))
            lines += found
            length += sum(len(line) for line, _ in found)
            read += group.lines
            if length > _BATCH_BYTES or read >= _BATCH:
                await self._store(lines)
                watch.advance(read)
                lines, length, read = Lines(), 0, 0
        await self._store(lines)

    async def _store(self, lines: Lines) -> None:
        # Also without a line, whoever cancels is heard.
        await asyncio.sleep(0)
        if self._archive is not None:
            await self._archive.store_lines(lines)

    def _lines_of(
        self, group: Group, ledger: Ledger, others: Sequence[OtherArchive], missing: Missing
    ) -> Iterator[tuple[bytes, Article]]:
        """Yield the lines on an article that come in; count them."""
        held = ledger.articles.begins(group.article_id)
        if group.lines == 1 and not held:
            line, article = others[group.archive - 1].record_at(group.begin)
            if article.revision == 1:
                self.tally.stored += 1
                self.tally.new += 1
                yield line, article
                return
        archives: list[list[Article]] = [self._read_own(held), *([] for _ in others)]
        for number, begin in missing.lines_on(group.article_id):
            archives[number].append(others[number - 1].record_at(begin)[1])
        for added in unify(archives):
            self._count(added)
            yield self._form.write(added.article) + b"\n", added.article

    def _read_own(self, begins: Sequence[int]) -> list[Article]:
        if not begins:
            return []
        with (self._own / ARTICLES).open("rb") as file:
            return [read_article_at(file, begin) for begin in begins]

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

    # The quarantine

    async def _bring_rejections(self, others: Sequence[OtherArchive], missing: Missing, watch: Watch) -> None:
        watch.begin("merging the quarantine", 0)
        own, lines = self._own / QUARANTINE, list[tuple[bytes, Rejected]]()
        for _, line in read_lines(own, 0) if own.exists() else ():
            missing.is_new_rejection(line + b"\n")
        for line, rejected in (one for other in others for one in other.rejections()):
            if missing.is_new_rejection(line):
                self.tally.rejections += 1
                lines.append((line, rejected))
            if len(lines) >= _BATCH:
                await self._reject(lines)
                lines = []
        await self._reject(lines)

    async def _reject(self, lines: Sequence[tuple[bytes, Rejected]]) -> None:
        if self._archive is not None:
            await self._archive.reject_lines(lines)


def _close(archive: Archive) -> None:
    asyncio.run(archive.close())
