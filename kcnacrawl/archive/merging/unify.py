"""The lines of several archives on one article, as one archive has them. Pure.

Where all archives have the beginning of one story, what is missing of it is appended. Else lines are taken in order of
time, and one that says what the last one said is left out: what one crawl would have kept of all that the crawls saw.

But an archive only grows. So a text that is older than the latest line and is not held yet is appended as one that was
overlooked, and the latest is said once more after it. Both have the cause ``reader``: the site made no edit there.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from ...items import SCHEMA_VERSION, Article, RevisionCause
from ..ledger import digest


class ArchiveLine(NamedTuple):
    """A line, and the number of its archive: 0 for the one that the others are brought into."""

    archive: int
    article: Article

    @property
    def said(self) -> Article:
        """All but its number, by which the same line is known in every archive."""
        return replace(self.article, schema_version=SCHEMA_VERSION, revision=1, revision_cause=None)

    @property
    def rank(self) -> tuple[str, int, bytes, str, str]:
        """What puts lines in order of time, also those of one second."""
        one = self.article
        return one.date_downloaded, one.revision, digest(one), one.access, one.run_id


class Added(NamedTuple):
    """A line to append, and where it comes from."""

    origin: ArchiveLine
    article: Article

    @property
    def is_repeated(self) -> bool:
        """Whether the archive holds it already, and it is said once more."""
        return self.origin.archive == 0

    @property
    def is_renumbered(self) -> bool:
        """Whether it has another number in the archive that it comes from."""
        return not self.is_repeated and self.article.revision != self.origin.article.revision


def unify(archives: Sequence[Sequence[Article]]) -> list[Added]:
    """Return the lines to append to the first of some archives, so that it has what all of them have on one article,
    whose lines are given in the order of each log.
    """
    stories = [[ArchiveLine(number, one) for one in lines] for number, lines in enumerate(archives)]
    held, longest = stories[0], max(stories, key=len)
    told = [one.said for one in longest]
    if all([one.said for one in lines] == told[: len(lines)] for lines in stories):
        return _numbered(len(held), longest[len(held) :])
    known = {one.said for one in held}
    found = {one.said: one for lines in stories for one in lines if one.said not in known}
    return _numbered(len(held), _by_time(held, sorted(found.values(), key=lambda one: one.rank)))


def _numbered(number: int, lines: Iterable[ArchiveLine]) -> list[Added]:
    """Return lines as those that follow so many others; each as it is, if that is its place."""
    added = list[Added]()
    for revision, line in enumerate(lines, number + 1):
        article, cause = line.article, line.article.revision_cause
        fitting = "first" if revision == 1 else "site" if cause in {None, "first"} else cause
        if article.revision != revision or cause not in {fitting, None}:
            article = replace(article, schema_version=SCHEMA_VERSION, revision=revision, revision_cause=fitting)
        added.append(Added(line, article))
    return added


def _caused(line: ArchiveLine, cause: RevisionCause) -> ArchiveLine:
    article = replace(line.article, schema_version=SCHEMA_VERSION, revision_cause=cause)
    return line._replace(article=article)


def _by_time(held: Sequence[ArchiveLine], lines: Sequence[ArchiveLine]) -> list[ArchiveLine]:
    """Return what is to be appended of lines that are not held, given in order of time."""
    latest, since = _latest(held)
    newer = [one for one in lines if latest is None or _is_newer(latest.article, since, one.article)]
    added = list(_overlooked(held, (one for one in lines if one not in newer)))
    known = [*held, *added]
    latest, _ = _latest(known)
    # Another is the last line also where a merge was killed.
    if latest is not None and digest(known[-1].article) != digest(latest.article):
        added.append(_caused(latest, "reader"))
    for line in newer:
        if latest is None or not _is_said_by(latest.article, line.article):
            is_same = latest is not None and digest(latest.article) == digest(line.article)
            latest = _caused(line, "reader") if is_same else line
            added.append(latest)
    return added


def _latest(lines: Iterable[ArchiveLine]) -> tuple[ArchiveLine | None, str]:
    """Return the line of an archive that tells how an article is now, and up to when it is known."""
    latest, since = None, ""
    for line in lines:
        taken = line.article.date_downloaded
        if latest is None or line.article.revision_cause != "reader":
            latest, since = line, taken
        elif _is_later(latest.article, line.article):
            latest, since = line, max(since, taken)
    return latest, since


def _is_newer(latest: Article, since: str, line: Article) -> bool:
    """Return True for a line that follows the latest: of a later page, or that page read anew."""
    is_reread = line.revision_cause == "reader" and _is_of_one_page(latest, line)
    return line.date_downloaded > since or (is_reread and line.date_downloaded == since)


def _is_of_one_page(one: Article, other: Article) -> bool:
    return (one.date_downloaded, one.warc_record_id) == (other.date_downloaded, other.warc_record_id)


def _is_later(latest: Article, line: Article) -> bool:
    """Return True for what was read of the same page or a later one, or shows more; False for what was overlooked."""
    return _is_of_one_page(latest, line) or line.date_downloaded > latest.date_downloaded or _is_cut(line, latest)


def _overlooked(held: Iterable[ArchiveLine], lines: Iterable[ArchiveLine]) -> Iterator[ArchiveLine]:
    """Yield the first line of each text that is not held, if it is older; one that is cut only where none is whole."""
    texts = {digest(one.article) for one in held}
    is_whole = any(_is_whole(one.article) for one in held)
    for line in lines:
        text, is_cut = digest(line.article), line.article.status == "live" and line.article.access == "truncated"
        if text not in texts and not (is_whole and is_cut):
            texts.add(text)
            is_whole = is_whole or _is_whole(line.article)
            yield _caused(line, "reader")


def _is_said_by(latest: Article, article: Article) -> bool:
    """Return True for a record that no crawl would have kept after the one before it."""
    if digest(latest) != digest(article):
        return _is_cut(latest, article)
    sources = (latest.source_id, article.source_id), (latest.source_name, article.source_name)
    return not any(one is None and other is not None for one, other in sources)


def _is_cut(whole: Article, article: Article) -> bool:
    """Return True if a record only shows less of an article than another does."""
    return _is_whole(whole) and article.status == "live" and article.access == "truncated"


def _is_whole(article: Article) -> bool:
    return article.status == "live" and article.access == "full"
