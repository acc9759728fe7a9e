"""What was changed or removed: every revision beside the one before it, in the order they were seen. Read-only."""

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Final, Literal

import msgspec

from ..items import Article
from . import StorageFailed
from .archive import ARTICLES, read_article
from .log import read_lines

Kind = Literal["edited", "removed", "restored", "opened", "attributed"]
Piece = tuple[Literal["equal", "delete", "insert"], str]
"""Of a text and its later form: what both have, only the former, or only the latter."""

_WORD: Final = re.compile(r"\s+|\S+")


@dataclass(frozen=True, slots=True)
class Field:
    """What a field was, and is."""

    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One revision.

    ``edited``: text, headline or date; ``removed``; ``restored``; ``opened``: shown whole, where it was cut;
    ``attributed``: as it was, and more is known of the article's source. ``seen`` is when the new revision was
    downloaded, ``previous`` the one before it. ``diff`` is unified, line by line.
    """

    id: str
    revision: int
    kind: Kind
    seen: str
    previous: str
    url: str
    headline: str
    source_label: str | None
    date_published: str | None
    changed: dict[str, Field]
    diff: list[str]


class _Line(msgspec.Struct):
    id: str
    revision: int
    date_downloaded: str


def read_changes(folder: Path, since: str | None = None) -> Iterator[Change]:
    """Yield what the site changed, as seen on or after the day ``since``. Keeps of each article only where its last
    record begins.

    Raises :class:`StorageFailed`.
    """
    path = folder / ARTICLES
    if not path.is_file():
        raise StorageFailed(f"{path} does not exist")
    decode = msgspec.json.Decoder(_Line).decode
    begin, last = 0, dict[str, int]()
    with path.open("rb") as file:
        for number, (end, line) in enumerate(read_lines(path, 0), start=1):
            if end < 0:
                # Being written.
                return
            try:
                head = decode(line)
                if head.id in last and (since is None or head.date_downloaded[:10] >= since):
                    file.seek(last[head.id])
                    change = compare(read_article(file.readline()), read_article(line))
                    if change.kind != "attributed":
                        yield change
            except (ValueError, RecursionError) as error:
                raise StorageFailed(f"{path}, line {number} is no line of ours ({error})") from error
            last[head.id] = begin
            begin = end


def compare(old: Article, new: Article) -> Change:
    """Return what one revision changed of the one before it."""
    changed = _changed(old, new, ("status", "headline", "date_published", "access"))
    is_site = bool(changed) or old.body_sha256 != new.body_sha256
    if not is_site:
        changed = _changed(old, new, ("source_id", "source_name"))
    return Change(
        id=new.id,
        revision=new.revision,
        kind=kind_of(old.status, old.access, new.status, new.access) if is_site else "attributed",
        seen=new.date_downloaded,
        previous=old.date_downloaded,
        url=new.url,
        headline=new.headline,
        source_label=new.source_label,
        date_published=new.date_published,
        changed=changed,
        diff=list(
            difflib.unified_diff(
                _text(old), _text(new), f"revision {old.revision}", f"revision {new.revision}", n=1, lineterm=""
            )
        ),
    )


def _changed(old: Article, new: Article, names: Sequence[str]) -> dict[str, Field]:
    pairs = {name: (getattr(old, name), getattr(new, name)) for name in names}
    return {name: Field(*map(_text_of, pair)) for name, pair in pairs.items() if pair[0] != pair[1]}


def _text_of(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def kind_of(old_status: str, old_access: str, new_status: str, new_access: str) -> Kind:
    """Return what the site did, given what a revision and the one before it say."""
    if new_status != old_status:
        return "removed" if new_status == "gone" else "restored"
    return "opened" if old_access == "truncated" and new_access == "full" else "edited"


def marked(old: str, new: str) -> list[list[Piece]]:
    """Two bodies as one: the paragraphs that differ, in pieces, and one on each side of them as it stands."""
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
    """Word by word, white space kept."""
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
