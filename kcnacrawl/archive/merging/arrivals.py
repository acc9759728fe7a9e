"""The lines of other archives that come into one."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from ...items import Article, Rejected
from ..archive import ARTICLES, QUARANTINE, read_article_at
from ..ledger import Ledger
from ..log import read_lines
from ..verify import Form
from .missing import Group, Missing
from .other import OtherArchive
from .unify import Added, ArchiveLine, unify

_FORM: Final = Form(Article)


class Arrival(NamedTuple):
    """What comes in on one article: each line and where it comes from. So many lines of other archives were looked at
    for it.
    """

    lines: list[tuple[bytes, Added]]
    compared: int


class Arrivals:
    """What the archive in a folder lacks of others. ``ledger`` is its own; ``missing`` has looked at all ledgers, and
    calls the others by their places from 1 on. Methods raise :class:`~kcnacrawl.archive.StorageFailed`.
    """

    def __init__(self, folder: Path, ledger: Ledger, others: Sequence[OtherArchive], missing: Missing) -> None:
        self._folder = folder
        self._ledger = ledger
        self._others = others
        self._missing = missing

    def articles(self) -> Iterator[Arrival]:
        """Yield what comes in on one article after the other, each article once."""
        for group in self._missing.groups():
            held = self._ledger.articles.begins(group.article_id)
            alone = self._alone(group) if group.lines == 1 and not held else None
            yield Arrival([alone] if alone else self._united(group, held), group.lines)

    def rejections(self) -> Iterator[tuple[bytes, Rejected]]:
        """Yield the lines of other quarantines that are not held, each once."""
        own = self._folder / QUARANTINE
        for _, line in read_lines(own, 0) if own.exists() else ():
            self._missing.is_new_rejection(line + b"\n")
        for other in self._others:
            yield from (one for one in other.rejections() if self._missing.is_new_rejection(one[0]))

    def _alone(self, group: Group) -> tuple[bytes, Added] | None:
        """Return the only line that there is on an article, if it is the first."""
        line, article = self._others[group.archive - 1].record_at(group.begin)
        return (line, Added(ArchiveLine(group.archive, article), article)) if article.revision == 1 else None

    def _united(self, group: Group, held: Sequence[int]) -> list[tuple[bytes, Added]]:
        archives: list[list[Article]] = [self._read_own(held), *([] for _ in self._others)]
        for number, begin in self._missing.lines_on(group.article_id):
            archives[number].append(self._others[number - 1].record_at(begin)[1])
        return [(_FORM.write(one.article) + b"\n", one) for one in unify(archives)]

    def _read_own(self, begins: Sequence[int]) -> list[Article]:
        if not begins:
            return []
        with (self._folder / ARTICLES).open("rb") as log:
            return [read_article_at(log, begin) for begin in begins]
