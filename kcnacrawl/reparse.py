"""Reading what ``warc/`` keeps anew, without a request, and putting right what the archive holds.

Pages are read in a pool of processes, or in parts; what to do of what they show is decided here, one answer after the
other in the order in which they came. So a run that is killed and repeated ends in the same archive.
"""

import asyncio
import contextlib
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path

from .archive import StorageFailed, Unreachable
from .archive.archive import WARC, Archive
from .archive.attribution import find_name, find_sid
from .archive.ledger import card_of, digest
from .archive.run_report import REPARSE, RunReport
from .archive.unstored import Unstored
from .archive.warc.index import Place
from .archive.warc.places import kept_answers
from .arguments import ArgumentError
from .held_sources import HeldSources
from .items import Article, revised
from .kept_pages import Read, Reading, Task, differences
from .site.dates import instant
from .site.urls import identify
from .stores import StoreDown
from .verdict import Verdict
from .versions import versions


@dataclass(frozen=True, slots=True)
class Selection:
    """Which pages are read: fetched on the day ``since`` or later; and of the records that they give, ``sources``."""

    since: date | None
    sources: HeldSources
    # As they were given.
    arguments: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Tally:
    """What came of it: pages read, records that differ, by field, and pages that gave no record before."""

    read: int = 0
    differing: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    first: int = 0
    site: int = 0
    unread: Counter[str] = field(default_factory=Counter)

    @property
    def counts(self) -> dict[str, int]:
        """The numbers, as a run's report tells them."""
        told = {"read": self.read, "differing": self.differing, "first": self.first, "site": self.site}
        return told | {f"unread/{reason}": number for reason, number in self.unread.items()}


class Reparse:
    """Reads all pages that an archive keeps anew. With ``is_dry`` nothing is stored."""

    def __init__(self, folder: Path, selection: Selection, read: Read, *, is_dry: bool) -> None:
        self._started = datetime.now(UTC)
        self.run_id = f"{self._started:%Y%m%dT%H%M%SZ}-{REPARSE}-{secrets.token_hex(3)}"
        self.tally = Tally()
        self._archive = Archive(folder)
        self._selection = selection
        self._is_dry = is_dry
        self._read = read
        self._unstored = Unstored()

    async def run(self, advance: Callable[[int], object]) -> None:
        """Read and put right; tell ``advance`` how many bytes of ``warc/`` were read.

        Raise :class:`~kcnacrawl.archive.Locked`, :class:`StorageFailed`, ``ArgumentError`` for a source that is not
        held, what the engine raises that reads.
        """
        self._archive.open()
        verdict = Verdict.ERROR
        try:
            await self._read_all(advance)
            self._selection.sources.check()
            verdict = Verdict.OK
        except StorageFailed:
            verdict = Verdict.STORAGE
            raise
        except (StoreDown, Unreachable):
            verdict = Verdict.INCOMPLETE
            raise
        except ArgumentError:
            verdict = Verdict.USAGE
            raise
        except asyncio.CancelledError:
            verdict = Verdict.INTERRUPTED
            raise
        finally:
            self._unstored.close()
            await self._archive.close()
            if not self._is_dry:
                self._report(verdict)

    def _report(self, verdict: Verdict) -> None:
        """Write what `verify` needs to know of the lines that were stored: which reader made them."""
        RunReport(
            run_id=self.run_id,
            spider=REPARSE,
            arguments=self._selection.arguments,
            versions=versions(),
            counts=self.tally.counts,
            start=instant(self._started),
            end=instant(datetime.now(UTC)),
            finish_reason="finished" if verdict is Verdict.OK else str(verdict),
            verdict=str(verdict),
            exit_code=verdict.exit_code(),
        ).write(self._archive.folder)

    async def _read_all(self, advance: Callable[[int], object]) -> None:
        async with contextlib.aclosing(self._read(self._folder, self._tasks())) as batches:
            async for batch, readings in batches:
                await self._take(batch, readings)
                advance(sum(task.length for task in batch))

    @property
    def _folder(self) -> Path:
        return self._archive.folder / WARC

    def _tasks(self) -> Iterator[Task]:
        """Yield the pages to read: those of articles that are held or owed."""
        since = self._selection.since
        first = f"{since:%Y%m%d}" if since else ""
        for kept in kept_answers(self._folder, lambda url: identify(url) is not None):
            address, place = identify(kept.url), Place(kept.file, kept.offset)
            if address is None or kept.moment < first:
                continue
            if (held := self._held(address.id)) is not None:
                yield Task(place, kept.length, address.id, card_of(held))
            elif (wanted := self._archive.ledger.queue.get(address.id)) is not None:
                yield Task(place, kept.length, address.id, wanted.card)

    def _held(self, article_id: str) -> Article | None:
        return self._unstored.find(article_id) or self._archive.latest(article_id)

    async def _take(self, tasks: Sequence[Task], readings: Sequence[Reading]) -> None:
        """Store what a batch of pages gives, in their order; of an article at most one line at a time."""
        lines: dict[str, Article] = {}
        for task, reading in zip(tasks, readings, strict=True):
            if task.article_id in lines:
                await self._store(lines)
                lines = {}
            if (line := self._decide(task, reading)) is not None:
                lines[line.id] = line
        await self._store(lines)

    async def _store(self, lines: dict[str, Article]) -> None:
        if self._is_dry:
            self._unstored.put(lines.values())
        elif lines:
            await asyncio.gather(*map(self._archive.store, lines.values()))

    def _decide(self, task: Task, reading: Reading) -> Article | None:
        """Return the line that a page gives, ``None`` if it tells nothing new; count it."""
        self.tally.read += 1
        held = self._held(task.article_id)
        if reading.article is None:
            self.tally.unread[reading.reason or ""] += 1
            return None
        page = self._attributed(reading.article, reading.linked_sid, held)
        if not self._selection.sources.hold(page):
            return None
        if held is not None and held.warc_record_id == page.warc_record_id:
            return self._reread(held, page)
        if reading.is_cut:
            return None
        if held is None:
            return self._first(page)
        if page.date_downloaded > held.date_downloaded and shows_more(held, page):
            self.tally.site += 1
            return replace(page, revision=held.revision + 1, revision_cause="site")
        return None

    def _first(self, page: Article) -> Article | None:
        queue = self._archive.ledger.queue
        if queue.is_set_aside(page.id):
            return None
        self.tally.first += 1
        return page

    def _reread(self, held: Article, page: Article) -> Article | None:
        differing = {name: getattr(page, name) for name in differences(held, page)}
        if not differing:
            return None
        self.tally.differing += 1
        self.tally.fields.update(differing.keys())
        return revised(held, "reader", run_id=self.run_id, **differing)

    def _attributed(self, page: Article, linked_sid: int | None, held: Article | None) -> Article:
        """Return a record with its source, as far as that is known."""
        ledger, label = self._archive.ledger, page.source_label or ""
        wanted = ledger.queue.get(page.id) if held is None else None
        sid = find_sid(ledger, label, linked_sid, wanted.list_key if wanted else None)
        if sid is None and held is not None:
            sid = held.source_id
        name = find_name(ledger, label, sid)
        name = name or (held.source_name if held else None)
        return replace(page, source_id=sid, source_name=name, run_id=self.run_id)


def shows_more(held: Article, page: Article) -> bool:
    """Return True if a later page shows another text, headline, date or status, and no less than is held."""
    if digest(held) == digest(page):
        return False
    is_cut = held.access == "full" and page.access == "truncated"
    return not is_cut and not (page.access == "empty" and held.access != "empty")
