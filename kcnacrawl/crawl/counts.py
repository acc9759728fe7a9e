"""What a run counts: Scrapy's statistics under ``kcnacrawl/``, which is the language monitoring speaks."""

from typing import Final

from scrapy.crawler import Crawler

PREFIX: Final = "kcnacrawl/"


class Counts:
    """The project's statistics of one crawler."""

    def __init__(self, crawler: Crawler) -> None:
        # A crawler has no statistics yet when its spider is made.
        self._crawler = crawler

    def add(self, name: str, by: int = 1) -> None:
        """Count something."""
        self._crawler.stats.inc_value(PREFIX + name, by)

    def get(self, name: str) -> int:
        """Return how often something was counted."""
        return int(self._crawler.stats.get_value(PREFIX + name, 0))

    def all(self) -> dict[str, int]:
        """Return every count by its name without the prefix; none of a crawl that could not be set up."""
        try:
            stats = self._crawler.stats.get_stats()
        except RuntimeError:
            return {}
        return {
            name.removeprefix(PREFIX): value
            for name, value in sorted(stats.items())
            if name.startswith(PREFIX) and isinstance(value, int)
        }
