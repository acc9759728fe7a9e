"""What was changed or removed: every revision beside the one before it, in the order they were seen. Read-only."""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from .archive import StorageFailed
from .archive.archive import ARTICLES, read_article
from .archive.log import read_lines
from .items import Article

Kind = Literal["edited", "removed", "restored", "opened"]


@dataclass(frozen=True, slots=True)
class Field:
    """What a field was, and is."""

    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """One revision: ``edited`` (text, headline or date), ``removed``, ``restored``, or ``opened``: shown whole, where
    it was cut. ``seen`` is when the new one was downloaded, ``previous`` the one before it. ``diff`` is unified, line
    by line.
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
    """The changes seen on or after the day ``since``. Keeps of each article only where its last record begins.

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
                    yield _change(read_article(file.readline()), read_article(line))
            except ValueError as error:
                raise StorageFailed(f"{path}, line {number} is no line of ours ({error})") from error
            last[head.id] = begin
            begin = end


def _change(old: Article, new: Article) -> Change:
    changed = {
        name: Field(before, after)
        for name in ("status", "headline", "date_published", "access")
        if (before := getattr(old, name)) != (after := getattr(new, name))
    }
    return Change(
        id=new.id,
        revision=new.revision,
        kind=_kind(old, new),
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


def _kind(old: Article, new: Article) -> Kind:
    if new.status != old.status:
        return "removed" if new.status == "gone" else "restored"
    return "opened" if old.access == "truncated" and new.access == "full" else "edited"


def _text(article: Article) -> list[str]:
    return [article.headline, article.date_published or "", *article.article_body.split("\n\n")]
