"""What is new, and what was edited or removed: each revision beside the one before it. Read-only."""

import difflib
import heapq
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from itertools import zip_longest
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from ..held_sources import HeldSources
from ..items import Article
from . import StorageFailed
from .archive import ARTICLES, LEDGER, read_article_at
from .ledger.snapshot import Snapshot, Unreadable
from .log import foreign_at, read_lines, read_lines_backwards

Kind = Literal["new", "edited", "removed", "restored", "opened", "reread", "attributed"]
_OURS: Final[frozenset[Kind]] = frozenset({"reread", "attributed"})
"""What is no change of the site's."""
Piece = tuple[Literal["equal", "delete", "insert"], str]
"""Of a text and its later form: what both have, only the former, or only the latter."""

_SHOWN: Final = ("status", "headline", "date_published", "access")
_SOURCE: Final = {"source_id", "source_name"}
# Of each line its own, or told by the diff.
_APART: Final = {
    *("schema_version", "revision", "revision_cause", "article_body", "body_sha256"),
    *("date_downloaded", "run_id", "warc_record_id"),
}
_READ: Final = tuple(one.name for one in fields(Article) if one.name not in _APART)
_LONGEST_EXCERPT: Final = 300
_WORD: Final = re.compile(r"\s+|\S+")


@dataclass(frozen=True, slots=True)
class Field:
    """What a field was, and is."""

    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One revision.

    ``new``: the first; ``edited``: text, headline or date; ``removed``; ``restored``; ``opened``: shown whole, where it
    was cut; ``reread``: the same bytes, read anew by a later version; ``attributed``: as it was, and more is known of
    the article's source. ``seen`` is when the revision was downloaded, ``previous`` the one before it. ``diff`` is
    unified, line by line; of what is new there is an ``excerpt`` instead.
    """

    id: str
    revision: int
    kind: Kind
    seen: str
    previous: str | None
    url: str
    url_time: str
    headline: str
    source_label: str | None
    date_published: str | None
    changed: dict[str, Field]
    diff: list[str]
    excerpt: str = ""


class Head(msgspec.Struct):
    """What of a line tells whether the revision is asked for: it is read in a quarter of the time of the whole line."""

    id: str
    revision: int
    date_downloaded: str
    source_id: int | None
    source_label: str | None
    source_name: str | None
    source_language: str | None
    # Lines of schema version 1 have none.
    revision_cause: str | None = None


class Caused(Protocol):
    """A record that tells why there is this revision of it."""

    @property
    def revision_cause(self) -> str | None: ...


def is_edit(record: Caused) -> bool:
    """Return False for a revision that only reads anew what the site showed before."""
    return record.revision_cause != "reader"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which revisions are asked for: what is ``new``; what was ``edited``, and beside that, what only we ``reread`` or
    know more of; downloaded on the day ``since`` or later; of articles whose latest record is of the ``sources``; and
    where this record, or the one before it, ``has_words``.
    """

    edited: bool = True
    new: bool = False
    reread: bool = False
    since: str = ""
    sources: HeldSources = field(default_factory=HeldSources)
    has_words: Callable[[Article], bool] = lambda _: True

    def asks_for(self, head: Head, latest: Head) -> bool:
        """Return True for a line that is asked for, as far as its head tells."""
        is_asked_for = self.new if head.revision == 1 else self.edited and (self.reread or is_edit(head))
        # The sources learn from every record which there are.
        return self.sources.hold(latest) and is_asked_for and head.date_downloaded[:10] >= self.since


EDITS: Final = Selection()


@dataclass(frozen=True, slots=True)
class Revision:
    """A record, and the one before it: none before the first."""

    before: Article | None
    after: Article

    @property
    def kind(self) -> Kind:
        """What happened."""
        if self.before is None:
            return "new"
        has_other_text = self.before.body_sha256 != self.after.body_sha256
        if is_edit(self.after) and (has_other_text or self.changed(_SHOWN)):
            return kind_of(self.before.status, self.before.access, self.after.status, self.after.access)
        return "reread" if has_other_text or self.changed(_READ).keys() - _SOURCE else "attributed"

    def changed(self, names: Iterable[str]) -> dict[str, Field]:
        """Return which of these fields differ, and how."""
        if self.before is None:
            return {}
        pairs = {name: (getattr(self.before, name), getattr(self.after, name)) for name in names}
        return {name: Field(*map(_text_of, pair)) for name, pair in pairs.items() if pair[0] != pair[1]}

    @property
    def time(self) -> tuple[str, str, str, int]:
        """When it was downloaded, and of what was in the same second, when the site took it in."""
        return self.after.date_downloaded, self.after.url_time, self.after.id, self.after.revision


def read_changes(folder: Path, selection: Selection = EDITS) -> Iterator[Change]:
    """Yield what is asked for, in the order in which it was stored. Raise :class:`StorageFailed`."""
    return map(compare, read_revisions(folder, selection))


def read_newest(folder: Path, selection: Selection, number: int) -> list[Change]:
    """Return so many of what is asked for that were downloaded last, the last first. Raise :class:`StorageFailed`."""
    newest = heapq.nlargest(number, read_revisions(folder, selection), key=lambda one: one.time)
    return [compare(one) for one in newest]


def read_revisions(folder: Path, selection: Selection) -> Iterator[Revision]:
    """Yield what is asked for, in the order in which it was stored. Raise :class:`StorageFailed`.

    Of other records at most the heads are read, and nothing is kept. Raise ``ArgumentError`` for a source of which
    nothing is held.
    """
    path = folder / ARTICLES
    if not path.is_file():
        raise StorageFailed(f"{path} does not exist")
    found = sorted(_find(_lines(path, selection), path, selection), key=lambda place: place.after)
    selection.sources.check()
    with path.open("rb") as file:
        for place in found:
            before = None if place.before is None else read_article_at(file, place.before)
            revision = Revision(before, read_article_at(file, place.after))
            if revision.kind in _OURS and not selection.reread:
                continue
            if any(selection.has_words(one) for one in (before, revision.after) if one):
                yield revision


class _Place(NamedTuple):
    """Where in the log the two records of a revision begin."""

    before: int | None
    after: int


def _lines(path: Path, selection: Selection) -> Iterable[tuple[int, bytes]]:
    """Return the lines to look at and where they begin, the last first: all, or if the ledger can tell, those on
    articles that were downloaded on the day asked for or later, whatever the clock said.
    """
    if not selection.since:
        return read_lines_backwards(path)
    try:
        with Snapshot.of(path.with_name(LEDGER), path) as ledger:
            begins = ledger.lines_since(selection.since)
            begin = ledger.end.end
            for end, line in read_lines(path, begin):
                # What the ledger has not learned; the line that is being written is none yet.
                if end >= 0:
                    begins |= {begin} | ledger.lines_on(_head(path, begin, line).id)
                    begin = end
            if selection.sources.are_some:
                for source in ledger.sources():
                    selection.sources.hold(source)
    except Unreadable:
        return read_lines_backwards(path)
    return _lines_at(path, sorted(begins, reverse=True))


def _lines_at(path: Path, begins: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as file:
        for begin in begins:
            file.seek(begin)
            yield begin, file.readline().removesuffix(b"\n")


def _head(path: Path, begin: int, line: bytes) -> Head:
    try:
        return _heads.decode(line)
    except (ValueError, RecursionError) as error:
        raise foreign_at(path, begin, error) from error


_heads: Final = msgspec.json.Decoder(Head)


def _find(lines: Iterable[tuple[int, bytes]], path: Path, selection: Selection) -> Iterator[_Place]:
    """Yield where to read what is asked for.

    The latest record of an article comes first: so nothing need be remembered of an article that has one record.
    """
    latest, awaited = dict[str, Head](), dict[str, _Place]()
    for begin, line in lines:
        head = _head(path, begin, line)
        is_first = head.revision == 1
        newer = latest.pop(head.id, head) if is_first else latest.setdefault(head.id, head)
        if (place := awaited.pop(head.id, None)) is not None:
            yield place._replace(before=begin)
        if selection.asks_for(head, newer):
            place = _Place(None, begin)
            if is_first:
                yield place
            else:
                awaited[head.id] = place


def compare(revision: Revision) -> Change:
    """Return what one revision changed of the one before it."""
    before, after, kind = revision.before, revision.after, revision.kind
    return Change(
        id=after.id,
        revision=after.revision,
        kind=kind,
        seen=after.date_downloaded,
        previous=before.date_downloaded if before else None,
        url=after.url,
        url_time=after.url_time,
        headline=after.headline,
        source_label=after.source_label,
        date_published=after.date_published,
        changed=revision.changed(_READ if kind in _OURS else _SHOWN),
        diff=_diff(before, after) if before else [],
        excerpt="" if before else _excerpt(after),
    )


def _diff(before: Article, after: Article) -> list[str]:
    old, new = (f"revision {one.revision}" for one in (before, after))
    return list(difflib.unified_diff(_text(before), _text(after), old, new, n=1, lineterm=""))


def _excerpt(article: Article) -> str:
    """Return how a text begins; for a page without one, what its card said."""
    text = article.article_body or article.description or ""
    begin = " ".join(text[: 2 * _LONGEST_EXCERPT].split())
    return begin if len(begin) <= _LONGEST_EXCERPT else f"{begin[:_LONGEST_EXCERPT].rstrip()}…"


def _text_of(value: object) -> str | None:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return None if value is None else str(value)


def kind_of(old_status: str, old_access: str, new_status: str, new_access: str) -> Kind:
    """Return what the site did, given what a revision and the one before it say."""
    if new_status != old_status:
        return "removed" if new_status == "gone" else "restored"
    return "opened" if old_access == "truncated" and new_access == "full" else "edited"


def marked(old: str, new: str) -> list[list[Piece]]:
    """Return two bodies as one: the paragraphs that differ, in pieces, and one on each side of them as it stands."""
    before, after = old.split("\n\n"), new.split("\n\n")
    found = list[list[Piece]]()
    for group in difflib.SequenceMatcher(None, before, after).get_grouped_opcodes(1):
        for tag, start, stop, first, last in group:
            if tag == "equal":
                found += [[("equal", paragraph)] for paragraph in after[first:last]]
            else:
                pairs = zip_longest(before[start:stop], after[first:last], fillvalue="")
                found += [_pieces(one, other) for one, other in pairs]
    return found


def _pieces(old: str, new: str) -> list[Piece]:
    """Return a text word by word, white space kept."""
    before, after = _WORD.findall(old), _WORD.findall(new)
    found = list[Piece]()
    for tag, start, stop, first, last in difflib.SequenceMatcher(None, before, after).get_opcodes():
        if tag == "equal":
            found.append(("equal", "".join(after[first:last])))
        else:
            found += [("delete", "".join(before[start:stop])), ("insert", "".join(after[first:last]))]
    return [(tag, text) for tag, text in found if text]


def _text(article: Article) -> list[str]:
    return [article.headline, article.date_published or "", *article.article_body.split("\n\n")]
