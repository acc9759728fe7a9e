"""Reading kept pages anew, as a crawl with the reader of today would, in a pool of processes."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import msgspec
from scrapy import Request
from scrapy.http import Headers, HtmlResponse

from .archive.warc.index import Place
from .archive.warc.reader import KeptResponse, WarcReader
from .downloadermiddlewares.compression import codings_of, unpack_body
from .downloadermiddlewares.retry import fault_of, is_cut
from .downloadermiddlewares.walls import markup_of
from .items import Article, Card, Reason, ScrapedPage
from .pages import PageError
from .pages.article import ArticlePage
from .pages.gzips import BrokenGzip, TooLong
from .parts import Parts, read_blocks
from .pipelines.normalise import normalise
from .site.dates import BadDate, instant
from .site.urls import Site
from .workers import pool

T = TypeVar("T")
R = TypeVar("R")

_BATCH: Final = 32
# What one machine reads in some seconds, and a lost worker costs.
_PART: Final = 4_000
# Fewer are read sooner than processes have begun.
_WORTH_PROCESSES: Final = 1_000
_ARTICLE: Final = Request("https://kcnawatch.org/")
_LARGEST_PAGE: Final = 8 * 1024 * 1024
# Of a record, what its page, its card and the known sources tell.
_READ: Final = (
    *("url", "headline", "date_published", "date_published_raw", "date_listed", "date_conflict", "source_id"),
    *("source_label", "source_name", "source_language", "in_language", "article_body", "access", "original_url"),
    *("images", "body_sha256"),
)


@dataclass(frozen=True, slots=True)
class Task:
    """A page to read, of so many bytes as it is kept, and the card that announced its article."""

    place: Place
    length: int
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


Readings = AsyncGenerator[tuple[Sequence[Task], Sequence[Reading]]]
Read = Callable[[Path, Iterator[Task]], Readings]
"""Reads pages that a folder keeps, in their order, a batch at a time. Raises :class:`StorageFailed` for what is not
kept whole.
"""


async def read_here(workers: int, folder: Path, tasks: Iterator[Task]) -> Readings:
    """Read pages in processes of this machine."""
    with closing(in_batches(partial(_read_pages, folder), tasks, workers)) as batches:
        for batch, readings in batches:
            yield batch, await asyncio.wrap_future(readings)


async def read_in_parts(parts: Parts, folder: Path, tasks: Iterator[Task]) -> Readings:
    """Read pages in parts, each of a WARC file, or of so many pages of a large one."""
    decode = msgspec.msgpack.Decoder(list[Reading]).decode
    with closing(parts.each(_read_part, _parts(folder, tasks))) as made:
        for (_, pages), output in made:
            blocks = read_blocks(await asyncio.wrap_future(output))
            for batch, block in zip(_batches(iter(pages)), blocks, strict=True):
                yield batch, decode(block)


def _parts(folder: Path, tasks: Iterator[Task]) -> Iterator[tuple[Path, list[Task]]]:
    for _, pages in groupby(tasks, lambda task: task.place.file):
        while part := list(islice(pages, _PART)):
            yield folder, part


def _read_part(given: tuple[Path, list[Task]]) -> Iterator[bytes]:
    folder, tasks = given
    for batch in _batches(iter(tasks)):
        yield msgspec.msgpack.encode(_read_pages(folder, batch))


def _read_pages(folder: Path, tasks: Sequence[Task]) -> Sequence[Reading]:
    with WarcReader(folder) as reader:
        return [read_page(reader.at(task.place), task.article_id, task.card) for task in tasks]


def read_page(kept: KeptResponse, article_id: str, card: Card | None) -> Reading:
    """Read a page as it was kept. The record is of no run yet."""
    headers, site = Headers(dict(kept.headers)), _site_of(kept.url)
    try:
        body = unpack_body(kept.payload, codings_of(headers), _LARGEST_PAGE)
        response = HtmlResponse(kept.url, headers=headers, body=body)
        if kept.truncated or fault_of(_ARTICLE, response) is not None:
            # The crawl did not take it for the page either.
            return Reading(None, reason="http_error")
        fields = ArticlePage(markup_of(response), kept.url, site).read()
        page = ScrapedPage(
            id=article_id,
            url=kept.url,
            fields=fields,
            card=card,
            source_id=None,
            date_downloaded=instant(datetime.fromisoformat(kept.when)),
            warc_record_id=kept.record_id,
        )
        return Reading(normalise(page, site, ""), fields.source_id, is_cut=is_cut(response.body))
    except PageError as error:
        return Reading(None, reason=error.reason)
    except (BrokenGzip, TooLong):
        return Reading(None, reason="http_error")
    except BadDate:
        return Reading(None, reason="bad_date")


def _site_of(url: str) -> Site:
    parts = urlsplit(url)
    return Site(f"{parts.scheme}://{parts.netloc}")


def differences(held: Article, page: Article) -> list[str]:
    """Return the fields in which a record is not what its page gives, read anew."""
    if held.revision_cause == "site" and held.access == "full" and page.access == "truncated":
        # A tombstone whose page came back cut is live again with the text that was held.
        return []
    return [name for name in _READ if getattr(page, name) != getattr(held, name)]


def in_batches(
    work: Callable[[Sequence[T]], Sequence[R]], tasks: Iterator[T], workers: int
) -> Generator[tuple[Sequence[T], Future[Sequence[R]]]]:
    """Yield all tasks in batches, in their order, each with its results to come: from a pool of processes where there
    are many. Close the iterator to leave the rest undone.
    """
    first = list(islice(tasks, _WORTH_PROCESSES))
    batches = _batches(chain(first, tasks))
    if len(first) < _WORTH_PROCESSES:
        yield from ((batch, _done(work, batch)) for batch in batches)
        return
    processes = pool(workers)
    try:
        waiting = deque[tuple[Sequence[T], Future[Sequence[R]]]]()
        for batch in batches:
            waiting.append((batch, processes.submit(work, batch)))
            if len(waiting) >= 2 * workers:
                yield waiting.popleft()
        yield from waiting
    finally:
        # Not without waiting: Python's own end would meet a pipe that is just being closed.
        processes.shutdown(cancel_futures=True)


def _batches(tasks: Iterator[T]) -> Iterator[Sequence[T]]:
    while batch := list(islice(tasks, _BATCH)):
        yield batch


def _done(work: Callable[[Sequence[T]], Sequence[R]], batch: Sequence[T]) -> Future[Sequence[R]]:
    done = Future[Sequence[R]]()
    done.set_result(work(batch))
    return done
