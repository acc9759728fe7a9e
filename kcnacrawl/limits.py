"""How patient a run is, when it calls a site changed or closed, and what it keeps of it: settings ``KCNACRAWL_…``.

Typed once, here.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, Self

from scrapy.settings import BaseSettings

from .arguments import ArgumentError, whole


def positive(text: str) -> int:
    """A whole number from 1."""
    return whole(text, least=1)


def size(text: str) -> int:
    """A number of bytes from 1."""
    return whole(text, least=1, most=10**15)


def switch(text: str) -> bool:
    """Return what a setting that is on or off says."""
    try:
        return {"1": True, "true": True, "on": True, "0": False, "false": False, "off": False}[text.lower()]
    except KeyError as error:
        raise ValueError("not 1 or 0") from error


def days(text: str) -> tuple[int, ...]:
    """Numbers of days by comma, each greater than the one before."""
    found = tuple(positive(part.strip()) for part in text.split(","))
    if list(found) != sorted(set(found)):
        raise ValueError("not in growing order")
    return found


def seconds(text: str) -> float:
    """A number of seconds, 0 or more."""
    return number(text, 1e9, "not a number of seconds, 0 or more")


def share(text: str) -> float:
    """A share, 0 to 1."""
    return number(text, 1.0, "not a share from 0 to 1")


def number(text: str, most: float, complaint: str) -> float:
    """Return a number from 0 to ``most``; raise ``ValueError`` with the complaint for any other text."""
    try:
        value = float(text)
    except ValueError as error:
        raise ValueError(complaint) from error
    if not 0 <= value <= most:
        raise ValueError(complaint)
    return value


def _limit(read: Callable[[str], Any], default: Any) -> Any:
    return field(default=default, metadata={"read": read})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Each field is the setting ``KCNACRAWL_<FIELD>``."""

    backoff: float = _limit(seconds, 1.0)
    """Seconds before a page that failed is tried again, and of the first pause of a site that gives no
    ``Retry-After``; twice as long each time after.
    """

    pauses: int = _limit(whole, 5)
    """How often a run lets the site ask for a pause before it ends ``refused``."""

    longest_pause: float = _limit(seconds, 900.0)
    """The longest ``Retry-After``, in seconds, that a run waits for; asked for more it ends ``refused``."""

    walls_in_a_row: int = _limit(positive, 10)
    """So many article pages behind walls, one after the other, end the run ``refused``."""

    walls_of_50: int = _limit(positive, 25)
    """So many of the last 50 article pages behind walls end the run ``refused``."""

    button_seconds: float = _limit(seconds, 3.0)
    """For so many seconds after the last thing that a page in a browser has fetched, its button *More Articles* is
    waited for: a script may draw it late.
    """

    unreadable: float = _limit(share, 0.2)
    """The share of article pages that may be unreadable before the site counts as changed."""

    not_found: float = _limit(share, 0.1)
    """The share of the articles looked at again that may not be found before the site counts as broken: then none of
    them becomes a tombstone. 1: all that is missing is believed to be removed.
    """

    stale_days: int = _limit(positive, 7)
    """After so many silent days a source that usually publishes daily is worth a warning."""

    disorder_days: int = _limit(whole, 5)
    """How many days a list may be out of the order of its dates."""

    rewalk_days: int = _limit(whole, 40)
    """For so many days after its date an article may be slipped into a list that was walked: what was younger when it
    was walked is walked again. 0: never.
    """

    rewalk_every: int = _limit(whole, 7)
    """So many days lie between one such walk and the next."""

    recheck_days: tuple[int, ...] = _limit(days, (1, 3, 7, 30, 180))
    """So many days after it was taken an article is looked at again, and yearly from the last."""

    warc: bool = _limit(switch, True)
    """Whether every exchange with the site is kept, in ``warc/``."""

    warc_bytes: int = _limit(size, 1_000_000_000)
    """So large a file of exchanges grows before a new one is begun."""

    @classmethod
    def read(cls, settings: BaseSettings) -> Self:
        """The limits of a run; raises :class:`ArgumentError`."""
        return cls(**{one.name: _read(settings, one.name, one.metadata["read"]) for one in fields(cls)})


def defaults() -> dict[str, Any]:
    """The settings and their defaults."""
    return {_setting(one.name): _written(one.default) for one in fields(Limits)}


def _written(value: object) -> object:
    return ",".join(map(str, value)) if isinstance(value, tuple) else value


def _setting(name: str) -> str:
    return f"KCNACRAWL_{name.upper()}"


def _read(settings: BaseSettings, name: str, read: Callable[[str], Any]) -> Any:
    text = str(settings.get(_setting(name), "")).strip()
    try:
        return read(text)
    except ValueError as error:
        raise ArgumentError(f"setting {_setting(name)}={text[:200]!r}: {error}") from error
