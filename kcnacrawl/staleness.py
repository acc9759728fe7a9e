"""Which sources went silent: those that usually publish daily and have shown nothing for days. Pure."""

from collections.abc import Sequence
from datetime import date
from typing import Final

CADENCE_DAYS: Final = 60
"""How many of its last days of publication tell a source's habit."""

# Two days of three are daily: weekends and holidays are silent.
_WITHIN: Final = 90


def silent_days(days: Sequence[str], today: date) -> int:
    """For how many days a source that publishes daily has been silent; 0 if it has no such habit.

    ``days`` are its last days of publication as ``YYYY-MM-DD``, newest first.
    """
    if len(days) < CADENCE_DAYS:
        return 0
    newest, oldest = date.fromisoformat(days[0]), date.fromisoformat(days[CADENCE_DAYS - 1])
    return max(0, (today - newest).days) if (newest - oldest).days <= _WITHIN else 0
