"""Which shards a crawl falls into. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A part of a source's list that one worker crawls at a time: a window of days, or the head of the list, which has
    no end. Days are as the spider's arguments have them.
    """

    site: str
    source: int
    since: str
    until: str | None = None

    @property
    def is_head(self) -> bool:
        """Whether this is the head of the list, which is crawled again and again."""
        return self.until is None

    @property
    def name(self) -> str:
        """What the shard is called. The head keeps its name while its first day moves on."""
        return f"{self.source}-head" if self.is_head else f"{self.source}-{self.since}-{self.until}"

    @property
    def arguments(self) -> list[str]:
        """What ``scrapy crawl source`` is given."""
        until = [] if self.until is None else ["-a", f"until={self.until}"]
        return ["-a", f"source={self.source}", "-a", f"since={self.since}", *until]


def plan(site: str, sources: Sequence[int], since: date | None, head: date, months: int) -> Iterator[Shard]:
    """Yield the shards of a crawl: the heads, then whole windows of so many months from the newest back to ``since``;
    none of those without it. The heads begin with the window that the day ``head`` is in.

    Windows go through the sources by turns: a worker that looks for one whose source nobody crawls finds it early.
    """
    window = _number(head, months)
    for source in sources:
        yield Shard(site=site, source=source, since=_first(window, months).isoformat())
    while since is not None and window > _number(since, months):
        window -= 1
        first, last = _first(window, months), _first(window + 1, months) - timedelta(days=1)
        for source in sources:
            yield Shard(site=site, source=source, since=first.isoformat(), until=last.isoformat())


def _number(day: date, months: int) -> int:
    """Return the number of the window that a day is in."""
    return (day.year * 12 + day.month - 1) // months


def _first(window: int, months: int) -> date:
    """Return the first day of a window."""
    year, month = divmod(window * months, 12)
    return date(year, month + 1, 1)
