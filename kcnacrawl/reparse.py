"""Reading what ``warc/`` keeps anew, without a request, and putting right what the archive holds.

Pages are read in a pool of processes; what to do of what they show is decided here, one answer after the other in the
order in which they came. So a run that is killed and repeated ends in the same archive.
"""

import asyncio
import multiprocessing
import os
import secrets
import signal
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from itertools import islice
from multiprocessing.process import BaseProcess
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Final
from urllib.parse import urlsplit

from scrapy import Request
from scrapy.http import HtmlResponse, Response

from .archive.archive import WARC, Archive
from .archive.attribution import find_name, find_sid
from .archive.latest import LatestLines
from .archive.ledger import card_of, digest, digest_to_the_letter
from .archive.warc.index import Place
from .archive.warc.places import KeptAt, kept_answers
from .archive.warc.reader import KeptResponse, WarcReader
from .downloadermiddlewares.compression import unpack
from .downloadermiddlewares.retry import fault_of, is_cut
from .downloadermiddlewares.walls import markup_of
from .held_sources import HeldSources
from .items import Article, Card, Reason, ScrapedPage, revised
from .pages import PageError
from .pages.article import ArticlePage
from .pages.gzips import BrokenGzip, TooLong
from .pipelines.normalise import normalise
from .site.dates import BadDate, instant
from .site.urls import Site, identify

_BATCH: Final = 32
_ARTICLE: Final = Request("https://kcnawatch.org/")
_LARGEST_PAGE: Final = 8 * 1024 * 1024
# Of a record, what its page alone tells.
_READ: Final = (
    *("url", "headline", "date_published", "date_published_raw", "date_listed", "date_conflict", "source_id"),
    *("source_label", "source_name", "source_language", "in_language", "article_body", "access", "original_url"),
    *("images", "body_sha256"),
)


@dataclass(frozen=True, slots=True)
class Task:
    """A page to read, and the card that announced its article."""

    place: KeptAt
    article_id: str
    card: Card | None


@dataclass(frozen=True, slots=True)
class Reading:
    """What a page shows: a record without its source, and the sid that the page links; or why it gives none. Of one
    that may be cut, only a crawl could tell that it was whole.
    """

    article: Article | None
    linked_sid: int | None = None
    reason: Reason | None = None
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Which pages are read: fetched on the day ``since`` or later; and of the records that they give, ``sources``."""

    since: date | None
    sources: HeldSources


@dataclass(slots=True)
class Tally:
    """What came of it: pages read, records that differ, by field, and pages that gave no record before."""

    read: int = 0
    differing: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    first: int = 0
    site: int = 0
    unread: Counter[str] = field(default_factory=Counter)


# In a process of the pool


def _begin() -> None:
    # A signal is for the process that hands out the work; when that is killed, no work will come.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with, args=(multiprocessing.parent_process(),), daemon=True).start()


def _end_with(parent: BaseProcess | None) -> None:
    if parent is not None:
        parent.join()
        os._exit(1)


def read_pages(folder: Path, run_id: str, tasks: Sequence[Task]) -> Sequence[Reading]:
    """Read pages, each by the reader of today. Raise :class:`StorageFailed` for what is not kept whole."""
    with WarcReader(folder) as reader:
        return [_read_page(reader.at(Place(task.place.file, task.place.offset)), task, run_id) for task in tasks]


def _read_page(kept: KeptResponse, task: Task, run_id: str) -> Reading:
    response: Response = HtmlResponse(kept.url, headers=dict(kept.headers), body=kept.payload)
    site = _site_of(kept.url)
    try:
        response = unpack(response, _LARGEST_PAGE)
        if kept.truncated or fault_of(_ARTICLE, response) is not None:
            # The crawl did not take it for the page either.
            return Reading(None, reason="http_error")
        fields = ArticlePage(markup_of(response), kept.url, site).read()
        page = ScrapedPage(
            id=task.article_id,
            url=kept.url,
            fields=fields,
            card=task.card,
            source_id=None,
            date_downloaded=instant(datetime.fromisoformat(kept.when)),
            warc_record_id=kept.record_id,
        )
        return Reading(normalise(page, site, run_id), fields.source_id, is_cut=is_cut(response.body.lower()))
    except PageError as error:
        return Reading(None, reason=error.reason)
    except (BrokenGzip, TooLong):
        return Reading(None, reason="http_error")
    except BadDate:
        return Reading(None, reason="bad_date")


def _site_of(url: str) -> Site:
    parts = urlsplit(url)
    return Site(f"{parts.scheme}://{parts.netloc}")


# In the process that decides


class Reparse:
    """Reads all pages that an archive keeps anew. With ``is_dry`` nothing is stored."""

    def __init__(self, folder: Path, selection: Selection, *, is_dry: bool, workers: int) -> None:
        now = datetime.now(UTC)
        self.run_id = f"{now:%Y%m%dT%H%M%SZ}-reparse-{secrets.token_hex(3)}"
        self.tally = Tally()
        self._archive = Archive(folder)
        self._selection = selection
        self._is_dry = is_dry
        self._workers = workers
        # What a dry run would have stored.
        self._overlay: dict[str, Article] = {}

    async def run(self, advance: Callable[[int], object]) -> None:
        """Read and put right; tell ``advance`` how many bytes of ``warc/`` were read.

        Raise :class:`~kcnacrawl.archive.Locked`, :class:`StorageFailed`, ``ArgumentError`` for a source that is not
        held.
        """
        self._archive.open()
        try:
            with TemporaryDirectory(prefix="kcnacrawl-") as scratch, LatestLines(Path(scratch) / "latest") as latest:
                self._end = latest.learn(self._archive.articles_path, 0)
                self._latest = latest
                await self._read_all(advance)
            self._selection.sources.check()
        finally:
            await self._archive.close()

    async def _read_all(self, advance: Callable[[int], object]) -> None:
        # Workers that are forked would share the archive's lock.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(self._workers, context, _begin) as pool:
            waiting = deque[tuple[list[Task], Future[Sequence[Reading]]]]()
            tasks = self._tasks()
            while True:
                while len(waiting) < 2 * self._workers and (batch := list(islice(tasks, _BATCH))):
                    waiting.append((batch, pool.submit(read_pages, self._folder, self.run_id, batch)))
                if not waiting:
                    return
                batch, future = waiting.popleft()
                try:
                    await self._take(batch, await asyncio.wrap_future(future))
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
                advance(sum(task.place.length for task in batch))

    @property
    def _folder(self) -> Path:
        return self._archive.folder / WARC

    def _tasks(self) -> Iterator[Task]:
        """Yield the pages to read: those of articles that are held or owed."""
        since = self._selection.since
        first = f"{since:%Y%m%d}" if since else ""
        for place in kept_answers(self._folder, lambda url: identify(url) is not None):
            address = identify(place.url)
            if address is None or place.moment < first:
                continue
            if (held := self._held(address.id)) is not None:
                yield Task(place, address.id, card_of(held))
            elif (wanted := self._archive.ledger.queue.get(address.id)) is not None:
                yield Task(place, address.id, wanted.card)

    def _held(self, article_id: str) -> Article | None:
        if (found := self._overlay.get(article_id)) is not None:
            return found
        begin = self._latest.find(article_id)
        return None if begin is None else self._archive.record_at(begin)

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
            self._overlay |= lines
        elif lines:
            await asyncio.gather(*map(self._archive.store, lines.values()))
            self._end = self._latest.learn(self._archive.articles_path, self._end)

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
        differing = {name: getattr(page, name) for name in _READ if getattr(page, name) != getattr(held, name)}
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
        return replace(page, source_id=sid, source_name=name or (held.source_name if held else None))


def shows_more(held: Article, page: Article) -> bool:
    """Return True if a later page shows another text, headline, date or status, and no less than is held."""
    if digest(held) in {digest(page), digest_to_the_letter(page)}:
        return False
    is_cut = held.access == "full" and page.access == "truncated"
    return not is_cut and not (page.access == "empty" and held.access != "empty")
