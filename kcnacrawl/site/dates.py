"""The site's date formats, strictly. No clock, no I/O.

The header says ``23/03/2021``, always day first; a card says ``July 04, 2025``. Both are calendar days without a
time. Anything else is a :class:`BadDate`, never a guess: 07/04/2025 read the wrong way round is a wrong record.
"""

import re
from datetime import UTC, date, datetime, timedelta

_HEADER = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})")
_CARD = re.compile(r"([A-Z][a-z]+) ([0-9]{2}), ([0-9]{4})")
# Not strptime's %B, which follows the locale of the machine.
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("January February March April May June July August September October November December").split(),
        start=1,
    )
}

# A card may stand a day off its article (time zones); more than that is a disagreement worth a flag.
AGREEMENT = timedelta(days=1)


class BadDate(ValueError):
    """A date that is not in the site's format, or no day of the calendar."""

    def __init__(self, raw: str) -> None:
        super().__init__(f"not a date of the site's: {raw[:60]!r}")


def parse_published(raw: str) -> date:
    """Parse the article's day, ``d/m/Y`` in its header. Raise :class:`BadDate`."""
    if not (found := _HEADER.fullmatch(raw)):
        raise BadDate(raw)
    day, month, year = map(int, found.groups())
    return _day(year, month, day, raw)


def parse_listed(raw: str) -> date:
    """Parse the day on a card, ``F d, Y``. Raise :class:`BadDate`."""
    if not (found := _CARD.fullmatch(raw)) or found[1] not in _MONTHS:
        raise BadDate(raw)
    return _day(int(found[3]), _MONTHS[found[1]], int(found[2]), raw)


def listed_or_none(raw: str | None) -> date | None:
    """Parse the day on a card; return ``None`` if it shows none that can be read: it is a witness, not the source."""
    try:
        return parse_listed(raw) if raw else None
    except BadDate:
        return None


def parse_lastmod(raw: str | None) -> datetime | None:
    """Parse a sitemap's ``lastmod``; return the moment in its own time zone, or the first of its day; ``None`` if it
    names none.
    """
    try:
        moment = datetime.fromisoformat(raw or "")
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        instant(moment)
    except (ValueError, OverflowError):
        return None
    return moment


def looks_like_page_date(text: str) -> bool:
    """Return True for a text that is nothing but today's date at the top of a page (``July 06, 2025Jul 06, 2025``)."""
    return _PAGE_TOP.fullmatch(text) is not None


_PAGE_TOP = re.compile(
    r"(?:(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day,? )?"
    r"[A-Z][a-z]{2,8}\.? [0-9]{1,2}, [0-9]{4}(?: ?[A-Z][a-z]{2,8}\.? [0-9]{1,2}, [0-9]{4})?"
)


def conflict(published: date | None, listed: date | None) -> bool:
    """Return True if the article's day and its card's are more than one day apart."""
    return published is not None and listed is not None and abs(published - listed) > AGREEMENT


def instant(moment: datetime) -> str:
    """Return a moment in UTC, to the second: ``2021-03-23T11:03:14+00:00``."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def from_unix(seconds: int) -> str:
    """Return the moment ``seconds`` after the epoch; ten digits never leave the calendar."""
    return instant(datetime.fromtimestamp(seconds, tz=UTC))


def _day(year: int, month: int, day: int, raw: str) -> date:
    try:
        return date(year, month, day)
    except ValueError as error:
        raise BadDate(raw) from error
