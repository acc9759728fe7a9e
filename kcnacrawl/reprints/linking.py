"""``reprints.jsonl``, brought up to date: what is new in the log is learned, what that concerns is linked."""

import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from datetime import date
from itertools import chain, groupby
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import msgspec

from ..archive import StorageFailed
from ..archive.archive import ARTICLES
from ..archive.blocks import LogEnd, end_of, is_still
from ..archive.log import Stretch, foreign, read_lines, stretches, write_whole
from ..parts import Parts, read_blocks
from .comparison import IDENTICAL, TEMPLATE, Match, compare, is_of_few_words, other_filling
from .index import WINDOW, Article, Candidate, Index, Signed
from .languages import language_of, marks_of
from .links import REPRINTS, Link
from .signature import METHOD, is_to_the_letter, keys
from .text import Text, read_text

INDEX: Final = "reprints.sqlite"

_BATCH: Final = 1_000
_BATCH_BYTES: Final = 8 << 20
# Of texts that are compared, so many words and characters are kept in memory: some 60 MB.
_KEPT: Final = 500_000
# An article may be merged of so many.
_ROOTS: Final = 8
# What of an article a further root has to explain, and when enough is.
_OWN: Final = 0.5
_EXPLAINED: Final = 0.8
# So many other fillings show that a text is of a form.
_FILLINGS: Final = 2

_Signatures = Generator[tuple[list[Signed], int]]
Tell = Callable[[str, int, int], None]
"""Is told what is done, how much of it, and of how much."""


class Done(NamedTuple):
    """What a run did: lines of the log that were new, links that were; and links that there are."""

    lines: int
    made: int
    links: int


class _Line(msgspec.Struct):
    id: str
    date_published: str | None
    date_listed: str | None
    article_body: str
    body_sha256: str
    in_language: str | None = None


class Month(NamedTuple):
    """The articles of a month that are due, by their numbers, and all that they may be linked with."""

    log: Path
    due: list[int]
    articles: list[Article]


def update(folder: Path, tell: Tell = lambda *_: None, parts: Parts | None = None) -> Done:
    """Bring ``reprints.jsonl`` up to date. It may be stopped at any moment and called again. Where there are ``parts``,
    signatures are made in them, of stretches of the log, and links, of months.

    Raise :class:`~..archive.Locked`, :class:`StorageFailed` of the log, ``OSError``, what the engine of parts raises.
    """
    log, path = folder / ARTICLES, folder / INDEX
    if not log.is_file():
        raise StorageFailed(f"{log} does not exist")
    try:
        return _update(folder, path, log, tell, parts)
    except (_Outdated, sqlite3.DatabaseError) as error:
        if isinstance(error, sqlite3.OperationalError):
            raise OSError(f"{path}: {error}") from error
        for one in ("", "-wal", "-shm", "-journal"):
            path.with_name(path.name + one).unlink(missing_ok=True)
        return _update(folder, path, log, tell, parts)


class _Outdated(Exception):
    """The index was made of another log, or by other rules."""


def _update(folder: Path, path: Path, log: Path, tell: Tell, parts: Parts | None) -> Done:
    with Index(path) as index, log.open("rb") as lines:
        begin = _end(index, log)
        signed = _batches(log, begin) if parts is None else _sign_in_parts(parts, log, begin)
        learned = _learn(index, log, signed, tell)
        made = _link(index, lines, tell) if parts is None else _link_in_parts(parts, index, log, tell)
        made += _translate(index, tell)
        _write(index, folder / REPRINTS)
        return Done(learned, made, index.counts()[0])


def _end(index: Index, log: Path) -> int:
    """Return how far the log is learned. Raise :class:`_Outdated`."""
    if not (method := index.fact("method")):
        index.remember(method=METHOD)
    end = LogEnd(log.name, int(index.fact("end") or 0), int(index.fact("crc") or 0))
    if method not in {"", METHOD} or not is_still(log, end):
        raise _Outdated
    return end.end


# Learn


def _learn(index: Index, log: Path, signed: _Signatures, tell: Tell) -> int:
    total, learned = log.stat().st_size, 0
    with closing(signed):
        for batch, end in signed:
            index.learn(batch, end=str(end), crc=str(end_of(log, end).crc))
            learned += len(batch)
            tell("reading", end, total)
    return learned


def _sign_in_parts(parts: Parts, log: Path, begin: int) -> _Signatures:
    decode = msgspec.msgpack.Decoder(tuple[list[Signed], int]).decode
    with closing(parts.each(_sign_stretch, stretches(log, begin))) as made:
        for _, output in made:
            yield from map(decode, read_blocks(output.result()))


def _sign_stretch(stretch: Stretch) -> Iterator[bytes]:
    stretch.check()
    yield from map(msgspec.msgpack.encode, _batches(stretch.path, stretch.begin, stretch.end.end))


def _batches(log: Path, begin: int, stop: int | None = None) -> _Signatures:
    """Yield articles for a transaction, and where they end; what is being written is left for the next run."""
    decode = msgspec.json.Decoder(_Line).decode
    batch, at, started = list[Signed](), begin, begin
    for end, line in read_lines(log, begin, stop):
        if end < 0:
            break
        try:
            batch.append(_sign(decode(line), at))
        except (ValueError, RecursionError) as error:
            raise foreign(log, at, error) from error
        at = end
        if len(batch) >= _BATCH or end - started >= _BATCH_BYTES:
            yield batch, end
            batch, started = [], end
    if batch:
        yield batch, at


def _sign(line: _Line, begin: int) -> Signed:
    text, told = read_text(line.article_body), line.date_published or line.date_listed
    day = date.fromisoformat(told).toordinal() if told else None
    to_the_letter = is_to_the_letter(text)
    language = None if to_the_letter else language_of(text, line.in_language)
    return Signed(
        id=line.id,
        day=day,
        begin=begin,
        content=f"{line.body_sha256} {line.in_language}",
        digest=text.digest,
        to_the_letter=to_the_letter,
        keys=keys(text, to_the_letter=to_the_letter),
        length=len(text.units),
        language=language,
        marks=[] if day is None or language is None else marks_of(text, language, day),
    )


# Link


def _link(index: Index, log: BinaryIO, tell: Tell) -> int:
    texts, made, done = _Texts(log), 0, 0
    total = index.counts()[1]
    for day in index.due_days():
        while index.place(day, _BATCH):
            pass
        while due := index.due_of(day, _BATCH):
            made += index.link((one, _links(one, index.candidates(one), texts)) for one in due)
            done += len(due)
            tell("linking", done, max(done, total))
    return made


def _link_in_parts(parts: Parts, index: Index, log: Path, tell: Tell) -> int:
    for day in index.new_days():
        while index.place(day, _BATCH):
            pass
    # SQLite has numbers for what is true or not.
    decode = msgspec.msgpack.Decoder(list[tuple[Candidate, list[Link]]], strict=False).decode
    made, done, total = 0, 0, index.counts()[1]
    with closing(parts.each(_link_month, _months(index, log))) as found:
        for _, output in found:
            for links in map(decode, read_blocks(output.result())):
                made += index.link(links)
                done += len(links)
                tell("linking", done, total)
    return made


def _months(index: Index, log: Path) -> Iterator[Month]:
    index.sort_by_day()
    for _, found in groupby(index.all_due(), lambda due: date.fromordinal(due[0]).replace(day=1)):
        due = list(found)
        yield Month(log, [number for _, number in due], index.of_days(due[0][0] - WINDOW, due[-1][0]))


def _link_month(month: Month) -> Iterator[bytes]:
    with Index(Path(":memory:")) as index, month.log.open("rb") as lines:
        index.hold(month.articles)
        texts, due = _Texts(lines), index.read(month.due)
        for at in range(0, len(due), _BATCH):
            found = [(one, _links(one, index.candidates(one), texts)) for one in due[at : at + _BATCH]]
            yield msgspec.msgpack.encode(found)


def _translate(index: Index, tell: Tell) -> int:
    made = done = 0
    for day in index.translations.days():
        while (picked := index.translations.pick(day, _BATCH))[0]:
            made, done = made + picked[1], done + picked[0]
            tell("translating", done, done)
    return made


class _Texts:
    """Texts of articles, read from the log; the last ones are kept."""

    def __init__(self, log: BinaryIO) -> None:
        self._log = log
        self._decode = msgspec.json.Decoder(_Line).decode
        self._kept = OrderedDict[int, Text]()
        self._size = 0

    def read(self, one: Candidate) -> Text:
        """Return the text of an article."""
        if one.begin in self._kept:
            self._kept.move_to_end(one.begin)
            return self._kept[one.begin]
        self._log.seek(one.begin)
        try:
            line = self._decode(self._log.readline())
        except ValueError as error:
            raise _Outdated from error
        if line.id != one.id:
            raise _Outdated
        text = self._kept[one.begin] = read_text(line.article_body)
        self._size += len(text.units)
        while self._size > _KEPT and len(self._kept) > 1:
            self._size -= len(self._kept.popitem(last=False)[1].units)
        return text


def _links(one: Candidate, candidates: list[Candidate], texts: _Texts) -> list[Link]:
    """Return the links of an article: to the earliest that tells the same; where that was reworked, also to the
    earliest that was not; and where it tells more than that, to the earliest that tells of the rest.
    """
    if not one.to_the_letter and _is_of_a_form(one, candidates, texts):
        one = one._replace(to_the_letter=True)
        candidates = [other for other in candidates if other.day >= one.day - 1]
    links, explained, is_copy = list[Link](), set[str](), False
    for other in candidates:
        if other.digest == one.digest:
            match: Match | None = TEMPLATE if one.to_the_letter else IDENTICAL
        elif one.to_the_letter:
            continue
        else:
            match = compare(texts.read(one), texts.read(other))
        if match is None:
            continue
        if match.score == 1:
            return [*links, Link(one.id, other.id, *match)]
        shingles = texts.read(one).shingles
        common = shingles & texts.read(other).shingles
        is_further = len(common - explained) >= _OWN * len(common)
        if not links or is_further or (match.kind != "reworked" and not is_copy):
            links.append(Link(one.id, other.id, *match))
            explained |= common
            is_copy |= match.kind != "reworked"
        if len(links) >= _ROOTS or (is_copy and len(explained) >= _EXPLAINED * len(shingles)):
            break
    return links


def _is_of_a_form(one: Candidate, candidates: list[Candidate], texts: _Texts) -> bool:
    """Return True for a short text of which the days before it have others that are the same but for what is filled in:
    a template, though none that is known by its words.
    """
    others = {other.digest: other for other in candidates if other.digest != one.digest}
    if len(others) < _FILLINGS or not is_of_few_words(texts.read(one)):
        return False
    found = 0.0
    for other in others.values():
        found += other_filling(texts.read(one), texts.read(other))
        if found >= _FILLINGS:
            return True
    return False


# Write


def _write(index: Index, path: Path) -> None:
    """Write all links, unless the file is as the last run left it."""
    if not path.is_file() or index.fact("written") != _stamp(path):
        encode = msgspec.json.Encoder().encode
        write_whole(path, chain.from_iterable((encode(one._asdict()), b"\n") for one in index.links()))
        index.remember(written=_stamp(path))


def _stamp(path: Path) -> str:
    found = path.stat()
    return f"{found.st_size} {found.st_mtime_ns}"
