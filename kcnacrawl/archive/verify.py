"""Checks an archive without changing a byte of it, also while a run writes: it takes no lock and reads a copy of the
ledger.

What the ledger should know is derived anew, in a temporary folder, from the lines it had learned when it was copied,
and compared with what it does know. Memory is flat; the temporary folder must have room for the ledger twice.
"""

import contextlib
import json
import re
import sqlite3
import tempfile
import time
import zlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from functools import lru_cache, partial
from operator import itemgetter
from pathlib import Path
from typing import Final, Generic, NamedTuple, TypeVar, get_type_hints

import msgspec

from ..items import SINCE_2, Article, Rejected
from ..site.dates import BadDate, conflict, listed_or_none, parse_published
from ..site.urls import identify, unix_time
from . import StorageFailed
from .archive import ARTICLES, LEDGER, QUARANTINE, RUNS, WARC
from .blocks import LogEnd, joined
from .ledger import Ledger, Line, body_sha256
from .ledger.lines import Row, row_of
from .ledger_copy import copy_ledger
from .log import read_lines
from .ranges import Work, in_ranges, lines_of, read_range
from .run_report import REPARSE, read_report, report_path
from .warc.citations import Citation, Citations
from .warc.files import kept_files

# A site, the identity, a slug or none; no slash at the end, no query.
_CANONICAL: Final = re.compile(r"https?://[^?#]+?/newstream/([0-9]{10}-[0-9]{7,9})(?:/[^/?#]+)?")

_LACKED_BY_1: Final = b",%b}" % b",".join(b'"%b":null' % key.encode() for key in SINCE_2)

# A line that is being written is whole a moment later.
_MOMENT: Final = 0.2

_DAYS: Final = 10_000

T = TypeVar("T", Article, Rejected)
L = TypeVar("L")

PageCheck = Callable[[Iterator[Citation], Callable[[int], object]], Iterator[str]]
"""Yields what is wrong with records as against the answers that they name; reads their lines once more, and tells how
many bytes those have.
"""


# One line


class Form(Generic[T]):
    """The form of a log's lines: exactly the keys of a class, in their order, each of its type."""

    def __init__(self, kind: type[T]) -> None:
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind)
        self._encoder = msgspec.json.Encoder()
        self._keys = [one.name for one in fields(kind)]
        self._types = get_type_hints(kind, include_extras=True)

    def read(self, line: bytes) -> tuple[T | None, list[str]]:
        """Return the record of a line, if it holds one, and what is wrong with its form."""
        try:
            record = self._decoder.decode(line)
        except (ValueError, RecursionError) as error:
            return None, self._faults(line) or [str(error)]
        # As we write it: nothing is doubled, unknown or out of order. Else a closer look must tell.
        return record, [] if self.write(record) == line else self._faults(line)

    def write(self, record: T) -> bytes:
        """Return the line of a record, without its newline."""
        line = self._encoder.encode(record)
        return line.removesuffix(_LACKED_BY_1) + b"}" if _is_of_version_1(record) else line

    def _faults(self, line: bytes) -> list[str]:
        try:
            pairs = json.loads(line.decode(), object_pairs_hook=list, parse_float=str, parse_constant=str)
        except UnicodeDecodeError as error:
            return [f"not UTF-8: {error}"]
        except (ValueError, RecursionError) as error:
            return [f"not JSON: {error}"]
        if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
            return ["not a JSON object"]
        counts = Counter(key for key, _ in pairs)
        keys = [key for key in self._keys if ("schema_version", 1) not in pairs or key not in SINCE_2]
        faults = [f"key {key!r} is missing" for key in keys if key not in counts]
        faults += [f"key {key!r} is unknown" for key in counts if key not in keys]
        faults += [f"key {key!r} is there {count} times" for key, count in counts.items() if count > 1]
        if not faults and [key for key, _ in pairs] != keys:
            faults.append("the keys are out of order")
        return faults + [fault for key, value in pairs if (fault := self._type_fault(key, value))]

    def _type_fault(self, key: str, value: object) -> str:
        try:
            msgspec.convert(value, self._types.get(key, object))
        except msgspec.ValidationError as error:
            return f"{key}: {error}"
        return ""


def _is_of_version_1(record: Article | Rejected) -> bool:
    return isinstance(record, Article) and record.schema_version == 1


def article_faults(article: Article) -> Iterator[str]:
    """Yield what is wrong with a record, by itself."""
    if not (found := _CANONICAL.fullmatch(article.url)) or found[1] != article.id:
        yield f"url is not the address of {article.id}: {article.url!r}"
    if article.body_sha256 != body_sha256(article.article_body):
        yield "body_sha256 is not that of article_body"
    if not _is_moment(article.url_time, unix_time(article.id)):
        yield f"url_time {article.url_time} is not the time in {article.id}"
    if not _is_moment(article.date_downloaded):
        yield f"date_downloaded {article.date_downloaded} is no moment of the calendar"
    if article.schema_version > 1 and (article.revision_cause == "first") != (article.revision == 1):
        yield f"revision_cause {article.revision_cause} is none of revision {article.revision}"
    if article.schema_version > 1 and article.revision_cause is None:
        yield "revision_cause is null"
    yield from _date_faults(article)


def _date_faults(article: Article) -> Iterator[str]:
    raw = article.date_published_raw
    try:
        published = _published(raw) if raw is not None else None
    except BadDate:
        yield f"date_published_raw is not a date of the site's: {raw!r}"
        return
    listed = _listed(article.date_listed_raw)
    if article.date_published != _text(published):
        yield f"date_published {article.date_published} is not date_published_raw {raw!r}"
    if article.date_published is None and article.status == "live":
        yield "date_published is null, and the article is live"
    if article.date_listed != _text(listed):
        yield f"date_listed {article.date_listed} is not date_listed_raw {article.date_listed_raw!r}"
    if article.date_conflict != conflict(published, listed):
        yield f"date_conflict is {article.date_conflict}, and the dates say otherwise".lower()


def rejected_faults(rejected: Rejected) -> Iterator[str]:
    """Yield what is wrong with a line of the quarantine, by itself."""
    address = identify(rejected.url)
    if rejected.id is not None and (address is None or address.id != rejected.id):
        yield f"url is not an address of {rejected.id}: {rejected.url!r}"
    if not _is_moment(rejected.seen_at):
        yield f"seen_at {rejected.seen_at} is no moment of the calendar"


def _is_moment(text: str, seconds: int | None = None) -> bool:
    """Return True for a moment of the calendar, which is so many seconds after the epoch."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return False
    return seconds is None or moment.timestamp() == seconds


# There are many articles of a day.
_published: Final = lru_cache(_DAYS)(parse_published)
_listed: Final = lru_cache(_DAYS)(listed_or_none)


def _text(day: date | None) -> str | None:
    return day.isoformat() if day else None


# A range of lines


class Cited(NamedTuple):
    """A record that names the answer that it was read from: the number of its line within a range, where that begins,
    the answer, and what tells which reader read it.
    """

    number: int
    begin: int
    record_id: str
    status: str
    run_id: str
    revision_cause: str | None


@dataclass(slots=True)
class Checked(Generic[L]):
    """What was found in a range of lines: how many there are, what is wrong with which, counted from 1, and what is to
    be learned of those that hold a record; the length and the CRC-32 of the range.
    """

    length: int
    crc: int
    number: int = 0
    faults: list[tuple[int, str]] = field(default_factory=list)
    learned: list[L] = field(default_factory=list)
    cited: list[Cited] = field(default_factory=list)


def check_articles(log: Path, begin: int, end: int) -> Checked[Row]:
    """Check the lines of a range of the log of articles, each by itself."""
    return _check_lines(log, begin, end, _ARTICLES, article_faults, _take_article)


def check_rejections(log: Path, begin: int, end: int) -> Checked[Rejected]:
    """Check the lines of a range of the quarantine."""
    return _check_lines(log, begin, end, _REJECTIONS, rejected_faults, _take_rejection)


def _check_lines(
    log: Path,
    begin: int,
    end: int,
    form: Form[T],
    faults_of: Callable[[T], Iterator[str]],
    take: Callable[[Checked[L], int, int, T], None],
) -> Checked[L]:
    """Check the lines of a range; have ``take`` keep what is to be known of each record, whose line has this number
    within the range and begins there.
    """
    text = read_range(log, begin, end)
    checked = Checked[L](len(text), zlib.crc32(text))
    for number, (at, line) in enumerate(lines_of(text, begin), 1):
        record, faults = form.read(line)
        if record is not None:
            faults += faults_of(record)
            take(checked, number, at, record)
        checked.faults += [(number, fault) for fault in faults]
        checked.number = number
    return checked


def _take_article(checked: Checked[Row], number: int, begin: int, article: Article) -> None:
    checked.learned.append(row_of(article, begin))
    if (record_id := article.warc_record_id) is not None:
        cited = Cited(number, begin, record_id, article.status, article.run_id, article.revision_cause)
        checked.cited.append(cited)


def _take_rejection(checked: Checked[Rejected], number: int, begin: int, rejected: Rejected) -> None:  # noqa: ARG001 - as of an article
    checked.learned.append(rejected)


_ARTICLES: Final = Form(Article)
_REJECTIONS: Final = Form(Rejected)


def _said(line: Line) -> tuple[bytes, int | None, str | None]:
    return line.digest, line.source_id, line.source_name


def revision_faults(before: Line | None, line: Line) -> Iterator[str]:
    """Yield what is wrong with a line after the one before it on the same article."""
    revision = before.revision if before else 0
    if line.revision != revision + 1:
        yield f"revision {line.revision} of {line.id} follows " + (f"revision {revision}" if before else "none")
    # The same page, read anew, may tell more of what no digest holds: its pictures, say.
    is_reread = before and line.revision > revision and line.date_downloaded == before.date_downloaded
    if before and not is_reread and _said(line) == _said(before):
        yield f"revision {line.revision} of {line.id} says what revision {revision} said"


# The archive


@dataclass(slots=True)
class Tally:
    """What was looked at: lines of either log, articles held, run reports; and lines the ledger has yet to learn."""

    records: int = 0
    articles: int = 0
    rejections: int = 0
    reports: int = 0
    unlearned: int = 0


class Verification:
    """One look at everything in an archive's folder; raises :class:`StorageFailed` where there is none.

    ``size`` is that of all that is read, in bytes; when ``faults`` has come to its end, ``tally`` tells what was looked
    at.
    """

    def __init__(self, folder: Path, check_pages: PageCheck | None = None, *, with_offloaded: bool = True) -> None:
        if not any((folder / name).exists() for name in (ARTICLES, QUARANTINE, LEDGER)):
            raise StorageFailed(f"there is no archive in {folder}")
        self.folder = folder
        self.tally = Tally()
        self._check_pages = check_pages
        self._with_offloaded = with_offloaded
        logs = (folder / name for name in (ARTICLES, QUARANTINE))
        files = (one for one in kept_files(folder / WARC) if with_offloaded or one.offloaded is None)
        self.size = sum(map(_size, logs)) + sum(one.size() for one in files)
        if check_pages is not None:
            self.size += _size(folder / ARTICLES)

    def faults(self, advance: Callable[[int], object]) -> Iterator[str]:
        """Yield every fault as one line, ``file:line: what``; call ``advance`` now and then with how many bytes more
        were read. Raise ``OSError``, :class:`StorageFailed`.
        """
        with tempfile.TemporaryDirectory(prefix="kcnacrawl-") as temporary, contextlib.ExitStack() as stack:
            derived, copy = Ledger(Path(temporary) / "derived.sqlite"), Ledger(Path(temporary) / LEDGER)
            stack.callback(derived.discard)
            stack.callback(copy.discard)
            derived.create()
            copy_ledger(self.folder / LEDGER, copy.path)
            citations = stack.enter_context(Citations(Path(temporary) / "citations.sqlite"))
            yield from self._logs_and_ledger(derived, copy, citations, advance)
            yield from citations.faults(self.folder / WARC, advance, with_offloaded=self._with_offloaded)
            for line, record_id in citations.missing():
                yield f"{ARTICLES}:{line}: {record_id} is not kept in {WARC}/"
            if self._check_pages is not None:
                yield from self._check_pages(citations.kept(), advance)
        yield from self._reports()

    def _logs_and_ledger(
        self, derived: Ledger, copy: Ledger, citations: Citations, advance: Callable[[int], object]
    ) -> Iterator[str]:
        fault = copy.open(self.folder / ARTICLES, is_thorough=True)
        if fault and (self.folder / LEDGER).exists():
            yield f"{LEDGER}:1: {fault}; the next run rebuilds it"
        learn_articles = _Revisions(derived, citations, _Readers(self.folder)).learn
        articles = _Log(self.folder / ARTICLES, check_articles, learn_articles, advance)
        quarantine = _Log(self.folder / QUARANTINE, check_rejections, partial(_learn_rejections, derived), advance)
        with contextlib.closing(articles.faults), contextlib.closing(quarantine.faults):
            logs: tuple[_Log[Row] | _Log[Rejected], ...] = (articles, quarantine)
            for log in logs:
                yield from log.known(LogEnd(log.name) if fault else copy.log_end(log.name))
            if not fault:
                yield from _disagreements(derived.path, copy.path)
            for log in logs:
                yield from log.rest()
        self.tally.records, self.tally.rejections = articles.number, quarantine.number
        self.tally.unlearned = articles.unlearned + quarantine.unlearned
        self.tally.articles = derived.articles.count()

    def _reports(self) -> Iterator[str]:
        for path in sorted((self.folder / RUNS).glob("*.json")):
            self.tally.reports += 1
            try:
                report = read_report(path)
            except (ValueError, RecursionError) as error:
                yield f"{RUNS}/{path.name}:1: not a run's report: {error}"
            else:
                if report.run_id != path.stem:
                    yield f"{RUNS}/{path.name}:1: the report of another run, {report.run_id!r}"


class _Readers:
    """Which version of the reader read the page of a record, by the report of the run that stored it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._reports: dict[str, tuple[str, bool]] = {}

    def of(self, cited: Cited) -> str | None:
        """Return it; empty if no report tells, ``None`` where the page was not read again: only the source of its
        article became known.
        """
        if cited.run_id not in self._reports:
            self._reports[cited.run_id] = self._read(cited.run_id)
        reader, has_read_all = self._reports[cited.run_id]
        return reader if has_read_all or cited.revision_cause != "reader" else None

    def _read(self, run_id: str) -> tuple[str, bool]:
        try:
            report = read_report(report_path(self._folder, run_id))
        except (OSError, ValueError, RecursionError):
            # One that is damaged is told where the reports are looked at.
            return "", False
        return report.versions.get("reader", ""), report.spider == REPARSE


class _Faults:
    """What is wrong with the lines of a log, in the order of these: in a file of SQLite's own, for it may be much."""

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.execute("CREATE TABLE faults (line INTEGER NOT NULL, what TEXT NOT NULL)")

    def add(self, faults: Iterable[tuple[int, str]]) -> None:
        """Take faults, each with the number of its line."""
        self._db.executemany("INSERT INTO faults VALUES (?, ?)", faults)

    def take(self) -> Iterator[tuple[int, str]]:
        """Yield the faults, and forget them."""
        yield from self._db.execute("SELECT line, what FROM faults ORDER BY line, rowid")
        self._db.execute("DELETE FROM faults")

    def close(self) -> None:
        """Remove the file."""
        self._db.close()


class _Log(Generic[L]):
    """The lines of one log, each checked and learned anew: first what the ledger knows of it, then the rest."""

    def __init__(
        self,
        path: Path,
        work: Work[Checked[L]],
        learn: "Callable[[_Log[L], Iterator[Checked[L]]], None]",
        advance: Callable[[int], object],
    ) -> None:
        self.path = path
        self.name = path.name
        self.number = self.unlearned = 0
        """How many lines were read, and of those how many the ledger does not know."""
        self.faults = _Faults()
        self._work = work
        self._learn = learn
        self._advance = advance
        self._read = self._whole = 0

    def known(self, end: LogEnd) -> Iterator[str]:
        """Yield what is wrong with the lines that the ledger has learned, and with where it says they end."""
        size = _size(self.path)
        if size < end.end:
            yield f"{self.name}:1: has {size} bytes, and the ledger knows {end.end}"
        yield from self._check(min(end.end, size))
        if size >= end.end and (self._read, self._whole) != (end.end, end.whole):
            yield f"{self.name}:1: is not the file that the ledger learned from"

    def rest(self) -> Iterator[str]:
        """Yield what is wrong with the lines after those, as far as they are written."""
        learned = self.number
        yield from self._check(_size(self.path))
        self.unlearned = self.number - learned
        if self._is_torn():
            yield f"{self.name}:{self.number + 1}: a torn line; the next run cuts it off"

    @property
    def end(self) -> LogEnd:
        """How far the log was read."""
        return LogEnd(self.name, self._read, whole=self._whole)

    def _is_torn(self) -> bool:
        """Return True if what follows the last whole line stays without an end: a run that writes would end it."""
        for _ in range(5):
            if not self.path.is_file() or next(iter(read_lines(self.path, self._read)), (0, b""))[0] >= 0:
                return False
            time.sleep(_MOMENT)
        return True

    def _check(self, until: int) -> Iterator[str]:
        if self._read < until:
            self._learn(self, self._ranges(until))
        for number, fault in self.faults.take():
            yield f"{self.name}:{number}: {fault}"

    def _ranges(self, until: int) -> Iterator[Checked[L]]:
        """Check one range of lines after the other; yield what was found in each once it counts as read."""
        for checked in in_ranges(self._work, self.path, self._read, until):
            self.faults.add((self.number + number, fault) for number, fault in checked.faults)
            self.number += checked.number
            self._whole = joined(self._whole, checked.crc, checked.length)
            self._read += checked.length
            yield checked
            self._advance(checked.length)


def _learn_rejections(derived: Ledger, log: _Log[Rejected], ranges: Iterator[Checked[Rejected]]) -> None:
    """Have the derived ledger learn lines of the quarantine."""
    for checked in ranges:
        derived.learn_rejections(checked.learned, log.end, in_order=False)


class _Revisions:
    """Has the derived ledger learn articles, and looks whether the lines on each follow each other."""

    def __init__(self, derived: Ledger, citations: Citations, readers: _Readers) -> None:
        self._derived = derived
        self._citations = citations
        self._readers = readers
        # Where ranges begin, and how many lines there are before.
        self._begins = list[tuple[int, int]]()

    def learn(self, log: _Log[Row], ranges: Iterator[Checked[Row]]) -> None:
        """Have the derived ledger learn lines of the log of articles."""
        is_first = not self._begins
        batches = (self._take(log, checked) for checked in ranges)
        if is_first:
            self._derived.learn_all_articles(batches, lambda: log.end, partial(self._compare_all, log))
            return
        for rows in batches:
            for line in map(Line._make, rows):
                self._compare(log, self._derived.articles.line(line.id), line)
                self._derived.learn_articles([line], log.end)

    def _take(self, log: _Log[Row], checked: Checked[Row]) -> list[Row]:
        """Note where the range that was read last begins and what its records cite; return what is to be learned."""
        before = log.number - checked.number
        self._begins.append((log.end.end - checked.length, before))
        for one in checked.cited:
            self._citations.add(before + one.number, one.begin, one.record_id, one.status, self._readers.of(one))
        return checked.learned

    def _compare_all(self, log: _Log[Row], lines: Sequence[Line]) -> None:
        for before, line in zip([None, *lines], lines, strict=False):
            self._compare(log, before, line)

    def _compare(self, log: _Log[Row], before: Line | None, line: Line) -> None:
        log.faults.add((self._number_at(log.path, line.begin), fault) for fault in revision_faults(before, line))

    def _number_at(self, path: Path, begin: int) -> int:
        at, number = self._begins[bisect_right(self._begins, begin, key=itemgetter(0)) - 1]
        return number + 1 + read_range(path, at, begin).count(b"\n")


# The ledger


# What a ledger of the same lines must know as well. Of articles that are held it may know later looks, which leave no
# line; of the others, every line of the quarantine counts. Articles are taken in the order of their table: in that of
# an index, each step would be a leap in the other ledger.
_COMPARISONS: Final = {
    "does not hold {}, a line does": """
        SELECT id FROM articles AS a WHERE NOT EXISTS (SELECT 1 FROM copy.articles WHERE id = a.id) ORDER BY id""",
    "holds {}, no line does": """
        SELECT id FROM copy.articles AS a WHERE NOT EXISTS (SELECT 1 FROM main.articles WHERE id = a.id) ORDER BY id""",
    "knows another revision or text of {} than the last line on it": """
        SELECT id FROM articles AS a JOIN copy.articles AS b USING (id) WHERE
        (a.revision, a.digest, a.source_id, a.source_label, a.source_name, a.date_published, a.date_downloaded,
        a.status, a.access, a.begin) IS NOT (b.revision, b.digest, b.source_id, b.source_label, b.source_name,
        b.date_published, b.date_downloaded, b.status, b.access, b.begin)""",
    "knows other lines on {} than the log has before the last": """
        SELECT id FROM (SELECT * FROM earlier_lines EXCEPT SELECT * FROM copy.earlier_lines)
        UNION SELECT id FROM (SELECT * FROM copy.earlier_lines EXCEPT SELECT * FROM earlier_lines)""",
    "does not know that {} is wanted, as the quarantine tells": """
        SELECT id FROM wanted AS a LEFT JOIN copy.wanted AS b USING (id)
        WHERE NOT EXISTS (SELECT 1 FROM main.articles WHERE id = a.id)
        AND (a.reason, a.tries, a.seen, a.due) IS NOT (b.reason, b.tries, b.seen, b.due)""",
    "wants {} for a reason that the quarantine does not tell": """
        SELECT id FROM copy.wanted AS a WHERE reason IS NOT NULL
        AND NOT EXISTS (SELECT 1 FROM main.wanted WHERE id = a.id)
        AND NOT EXISTS (SELECT 1 FROM main.articles WHERE id = a.id)""",
}


def _disagreements(derived: Path, copy: Path) -> Iterator[str]:
    """Yield where a ledger says other than what was derived from the lines it learned from."""
    with contextlib.closing(sqlite3.connect(derived)) as db:
        try:
            db.execute("ATTACH ? AS copy", (str(copy),))
            for what, query in _COMPARISONS.items():
                for (one,) in db.execute(query):
                    yield f"{LEDGER}:1: {what.format(one)}"
        except sqlite3.DatabaseError as error:
            yield f"{LEDGER}:1: cannot be read: {error}; the next run rebuilds it"


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
