"""The pages that records were read from as one WACZ file (Web Archive Collection Zipped 1.1.1), which shows offline.

Its index is made by the package ``wacz``, which holds it in memory: some 1 KB a page.
"""

import contextlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from wacz.main import main as make  # type: ignore[import-untyped]  # it has no types

from .archive import StorageFailed
from .archive.archive import ARTICLES, WARC, read_article
from .archive.log import read_lines
from .archive.warc.index import Index, Place
from .archive.warc.reader import Files, Member
from .held_sources import HeldSources
from .items import Article
from .paging.window import Window

_HEADER: Final = {"format": "json-pages-1.0", "id": "pages", "title": "Articles"}


@dataclass(frozen=True, slots=True)
class Part:
    """Which records' pages are wanted: of these sources, days and articles; no ``ids`` are all."""

    sources: HeldSources
    window: Window
    ids: frozenset[str]

    def holds(self, article: Article) -> bool:
        """Return True if a record is of the part."""
        day = article.date_published
        in_window = self.window.holds(date.fromisoformat(day) if day else None)
        return in_window and (not self.ids or article.id in self.ids) and self.sources.hold(article)


def write_wacz(folder: Path, file: Path, part: Part, advance: Callable[[int], object]) -> int:
    """Write the pages of a part of an archive; return how many there are. Tell ``advance`` of bytes of the log.

    Raise :class:`StorageFailed`, ``OSError``. The file is there whole or not at all.
    """
    with TemporaryDirectory(prefix=".kcnacrawl-", dir=file.parent) as scratch:
        warc, pages, made = (Path(scratch) / name for name in ("pages.warc.gz", "pages.jsonl", "made.wacz"))
        with warc.open("wb") as records, pages.open("w", encoding="utf-8") as listed:
            copier = _Copier(folder / WARC, records)
            listed.write(json.dumps(_HEADER) + "\n")
            number = 0
            with copier:
                for article in _chosen(folder / ARTICLES, part, advance):
                    page = copier.copy(article)
                    if page is not None:
                        listed.write(json.dumps(page, ensure_ascii=False) + "\n")
                        number += 1
        words = ["create", str(warc), "-o", str(made), "-p", str(pages), "--copy-pages", "--title", "KCNA Watch"]
        # What it prints is for who runs it by hand.
        with contextlib.redirect_stdout(io.StringIO()):
            code = make(words)
        if code:
            raise StorageFailed(f"the package wacz could not write {file} (exit code {code})")
        made.replace(file)
    return number


def _chosen(log: Path, part: Part, advance: Callable[[int], object]) -> Iterator[Article]:
    begin = 0
    for end, line in read_lines(log, 0) if log.exists() else ():
        if end < 0:
            return
        advance(end - begin)
        begin = end
        try:
            article = read_article(line)
        except (ValueError, RecursionError) as error:
            raise StorageFailed(f"{log} has a line that is none of ours ({error}): mend it from a copy") from error
        if article.warc_record_id is not None and article.status == "live" and part.holds(article):
            yield article


class _Copier:
    """Copies records of answers as they are, each once, with those that they refer to."""

    def __init__(self, folder: Path, target: io.BufferedWriter) -> None:
        self._folder = folder
        self._files = Files(folder)
        self._index = Index(folder)
        self._target = target
        self._copied = set[Place]()

    def __enter__(self) -> None:
        self._index.open_to_read()

    def __exit__(self, *_: object) -> None:
        self._files.close()
        self._index.close()

    def copy(self, article: Article) -> dict[str, str] | None:
        """Copy the answer that a record was read from; return its line for the list of pages, ``None`` if it was copied
        before.
        """
        place, member = self._find(article.warc_record_id or "")
        if place in self._copied:
            return None
        if member.is_revisit:
            self._copy(*self._find(member.header("WARC-Refers-To").strip("<>")))
        self._copy(place, member)
        return {"url": member.header("WARC-Target-URI"), "ts": member.header("WARC-Date"), "title": article.headline}

    def _find(self, record_id: str) -> tuple[Place, Member]:
        place = self._index.find_record(record_id)
        member = self._files.read_at(place) if place is not None else None
        if place is None or member is None:
            raise StorageFailed(f"{record_id} is not kept in {self._folder}: restore it from a copy")
        return place, member

    def _copy(self, place: Place, member: Member) -> None:
        if place in self._copied:
            return
        self._copied.add(place)
        self._target.write(self._files.read_bytes(place, member.end - member.offset))
