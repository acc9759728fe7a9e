"""Ending a run when walls become the rule: what a site does not want to show is not requested again and again. Pure."""

from collections import deque
from typing import Final

WINDOW: Final = 50
"""Of so many article pages the share of walls is taken."""


class CircuitBreaker:
    """Watches article pages in the order they come. Sign-up forms, bot checks, block pages and truncation notices are
    walls; a page that is missing or failed is not counted.
    """

    def __init__(self, in_a_row: int, of_50: int) -> None:
        self._most_in_a_row = in_a_row
        self._most_of_50 = of_50
        self._last: deque[bool] = deque(maxlen=WINDOW)
        self._in_a_row = 0

    def saw(self, *, wall: bool) -> str | None:
        """Take in one page; return what to say if the run is to end, else ``None``."""
        self._last.append(wall)
        self._in_a_row = self._in_a_row + 1 if wall else 0
        walls = sum(self._last)
        if self._in_a_row >= self._most_in_a_row:
            return f"{self._in_a_row} article pages in a row are behind walls"
        if len(self._last) == WINDOW and walls >= self._most_of_50:
            return f"{walls} of the last {WINDOW} article pages are behind walls"
        return None
