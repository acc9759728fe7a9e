"""When a held article is due to be fetched again. Pure: no clock."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

YEAR: Final = timedelta(days=365)


def next_look(taken: datetime, looked: datetime, days: Sequence[int]) -> datetime:
    """Return the first moment of the schedule after the last look: ``days`` after the article was taken, and yearly
    from the last of those. Looks that were missed are not made up for.
    """
    for day in days:
        if (moment := taken + timedelta(days=day)) > looked:
            return moment
    last = taken + timedelta(days=days[-1])
    return last + ((looked - last) // YEAR + 1) * YEAR
