"""Telling removed articles from a broken site: a lost rewrite rule answers 404 for all of them. Pure."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Final, Literal

LEAST: Final = 5
"""Fewer articles may be missing without the site being doubted, and so many others must be looked at where all that is
due was missing before.
"""

Outcome = Literal["found", "missing", "again", "elsewhere"]
"""What became of an article that is held: found; not found; not found again, on another day; or its address leads to
another page.
"""


@dataclass(slots=True)
class _Tally:
    found: int = 0
    missing: int = 0
    again: int = 0
    elsewhere: int = 0

    def is_lost(self, share: float) -> bool:
        lost = self.missing + self.elsewhere
        return lost >= LEAST and lost > share * (self.found + lost)

    def shows_nothing(self, share: float) -> bool:
        # Of what was missing before, nothing shows that the site works unless something else was found.
        return not self.found and self.again >= LEAST and share < 1


class Removals:
    """Counts what became of the articles that a run looked at, in all and by source. With a ``share`` of 1 whatever is
    missing is believed to be removed.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._all = _Tally()
        self._by_source: defaultdict[int | None, _Tally] = defaultdict(_Tally)

    def saw(self, source_id: int | None, outcome: Outcome) -> None:
        """Count an article that was looked at."""
        for tally in (self._all, self._by_source[source_id]):
            setattr(tally, outcome, getattr(tally, outcome) + 1)

    def is_doubtful(self, source_id: int | None) -> bool:
        """Return True if so much is missing, in all or of this source, that the site is rather broken."""
        return self._is_all_doubtful or self._by_source[source_id].is_lost(self._share)

    @property
    def _is_all_doubtful(self) -> bool:
        return self._all.is_lost(self._share) or self._all.shows_nothing(self._share)

    @property
    def told(self) -> str | None:
        """What to say of the articles that are doubted; ``None`` if none is."""
        if self._is_all_doubtful:
            doubted, where = self._all, ""
        else:
            sources = [one for one, tally in self._by_source.items() if tally.is_lost(self._share)]
            if not sources:
                return None
            doubted = self._by_source[sources[0]]
            where = f" of source {sources[0]}" + (f" and {len(sources) - 1} more sources" if len(sources) > 1 else "")
        lost = doubted.missing + doubted.again + doubted.elsewhere
        return f"{lost} of {lost + doubted.found} articles{where} that are held were not found"
