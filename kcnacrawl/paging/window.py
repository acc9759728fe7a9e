"""The days that a run was asked for."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from ..items import Card
from ..site.dates import AGREEMENT, listed_or_none
from ..site.urls import unix_time

DISORDER: Final = timedelta(days=5)
"""How far a list may be out of the order of its dates, if no setting says otherwise."""


@dataclass(frozen=True, slots=True)
class Window:
    """The days asked for, both inclusive, by article date; ``None`` is open."""

    since: date | None = None
    until: date | None = None

    def holds(self, day: date | None) -> bool:
        """Return True if an article of this day was asked for. One without a day was."""
        return day is None or not (
            (self.since is not None and day < self.since) or (self.until is not None and day > self.until)
        )

    def holds_text(self, day: str) -> bool:
        """Return True if an article of this ``YYYY-MM-DD`` was asked for."""
        return self.holds(date.fromisoformat(day))

    def may_hold(self, card: Card) -> bool:
        """Return True if a card may belong to an article of the window: its date may be a day off, and some days if the
        address disagrees with it. Of one taken in much later, late or in bulk, the address tells nothing.
        """
        listed = listed_or_none(card.date_listed_raw)
        if listed is None:
            return True
        taken_in = datetime.fromtimestamp(unix_time(card.id), tz=UTC).date()
        is_disputed = AGREEMENT < abs(taken_in - listed) <= DISORDER
        return self._is_near(listed) or (is_disputed and self._is_near(taken_in))

    def _is_near(self, day: date) -> bool:
        too_old = self.since is not None and self.since - day > AGREEMENT
        too_new = self.until is not None and day - self.until > AGREEMENT
        return not too_old and not too_new

    @property
    def floor(self) -> str:
        """How far down a walk of this window goes: to a day, or ``""`` for the end of the list."""
        return self.since.isoformat() if self.since else ""

    @property
    def ends(self) -> tuple[str | None, str | None]:
        """Both days as text."""
        return (self.since.isoformat() if self.since else None, self.until.isoformat() if self.until else None)
