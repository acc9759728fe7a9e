"""The project's own settings, ``KCNACRAWL_…``: each is named, typed and explained here, and read once a run."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from scrapy.settings import BaseSettings

from . import __url__, __version__
from .arguments import ArgumentError, as_path, whole
from .site.urls import Site

_LONGEST_CONTACT = 200


class Render(StrEnum):
    """``KCNACRAWL_RENDER``: when a browser is used."""

    NEVER = "never"
    AUTO = "auto"
    ALWAYS = "always"


# What a setting may be


def read_folder(text: str) -> Path:
    """Return the path of a folder."""
    if not text:
        raise ValueError("empty")
    return as_path(text)


def read_contact(text: str) -> str:
    """Return an address that becomes part of a header."""
    if not (text.isascii() and text.isprintable() and len(text) <= _LONGEST_CONTACT):
        raise ValueError("not an address of one line in ASCII")
    return text


def read_render(text: str) -> Render:
    """Return when a browser is used."""
    try:
        return Render(text)
    except ValueError as error:
        raise ValueError(f"not one of {', '.join(Render)}") from error


def read_program(text: str) -> str | None:
    """Return the path of a program; ``None`` for none."""
    if not text:
        return None
    if (found := shutil.which(Path(text).expanduser())) is None:
        raise ValueError("not a program that can be run")
    return str(found)


def read_database(text: str) -> str:
    """Return the address of a PostgreSQL database; empty for none."""
    if text and not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("not a database as postgresql://…")
    return text


def positive(text: str) -> int:
    """Return a whole number from 1."""
    return whole(text, least=1)


def size(text: str) -> int:
    """Return a number of bytes from 1."""
    return whole(text, least=1, most=10**15)


def switch(text: str) -> bool:
    """Return whether a setting is on."""
    try:
        return {"1": True, "true": True, "on": True, "0": False, "false": False, "off": False}[text.lower()]
    except KeyError as error:
        raise ValueError("not 1 or 0") from error


def days(text: str) -> tuple[int, ...]:
    """Return numbers of days, given by comma, each greater than the one before."""
    found = tuple(positive(part.strip()) for part in text.split(","))
    if list(found) != sorted(set(found)):
        raise ValueError("not in growing order")
    return found


def seconds(text: str) -> float:
    """Return a number of seconds, 0 or more."""
    return number(text, 1e9, "not a number of seconds, 0 or more")


def share(text: str) -> float:
    """Return a share, 0 to 1."""
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


def setting(name: str, read: Callable[[str], Any], default: str) -> Any:
    """Declare the field of a setting, read from its text by ``read``, which raises ``ValueError``."""
    return field(default_factory=lambda: read(default), metadata={"name": name, "read": read, "default": default})


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What the settings of a run say."""

    site: Site = setting("KCNACRAWL_URL", Site, "https://kcnawatch.org")
    """The site; a replica or mirror for tests."""

    folder: Path = setting("KCNACRAWL_DIR", read_folder, "output")
    """The archive's folder."""

    contact: str = setting("KCNACRAWL_CONTACT", read_contact, "")
    """An address for the User-Agent, at which the site's owners can reach whoever crawls it."""

    render: Render = setting("KCNACRAWL_RENDER", read_render, "auto")
    """When a browser is used: never, only where a page keeps its ajax id from us, or always."""

    browser: str | None = setting("KCNACRAWL_BROWSER", read_program, "")
    """The path of a Chromium; found by itself if not given."""

    button_seconds: float = setting("KCNACRAWL_BUTTON_SECONDS", seconds, "3.0")
    """For so many seconds after the last thing that a page in a browser has fetched, its button *More Articles* is
    waited for: a script may draw it late.
    """

    backoff: float = setting("KCNACRAWL_BACKOFF", seconds, "1.0")
    """Seconds before a page that failed is tried again, and of the first pause of a site that gives no
    ``Retry-After``; twice as long each time after.
    """

    pauses: int = setting("KCNACRAWL_PAUSES", whole, "5")
    """How often a run lets the site ask for a pause before it ends ``refused``."""

    longest_pause: float = setting("KCNACRAWL_LONGEST_PAUSE", seconds, "900.0")
    """The longest ``Retry-After``, in seconds, that a run waits for; asked for more it ends ``refused``."""

    walls_in_a_row: int = setting("KCNACRAWL_WALLS_IN_A_ROW", positive, "10")
    """So many article pages behind walls, one after the other, end the run ``refused``."""

    walls_of_50: int = setting("KCNACRAWL_WALLS_OF_50", positive, "25")
    """So many of the last 50 article pages behind walls end the run ``refused``."""

    unreadable: float = setting("KCNACRAWL_UNREADABLE", share, "0.2")
    """The share of article pages that may be unreadable before the site counts as changed."""

    not_found: float = setting("KCNACRAWL_NOT_FOUND", share, "0.1")
    """The share of the articles looked at again that may not be found before the site counts as broken: then none of
    them becomes a tombstone. 1: all that is missing is believed to be removed.
    """

    stale_days: int = setting("KCNACRAWL_STALE_DAYS", positive, "7")
    """After so many silent days a source that usually publishes daily is worth a warning."""

    disorder_days: int = setting("KCNACRAWL_DISORDER_DAYS", whole, "5")
    """How many days a list may be out of the order of its dates."""

    rewalk_days: int = setting("KCNACRAWL_REWALK_DAYS", whole, "40")
    """For so many days after its date an article may be slipped into a list that was walked: what was younger when it
    was walked is walked again. 0: never.
    """

    rewalk_every: int = setting("KCNACRAWL_REWALK_EVERY", whole, "7")
    """So many days lie between one such walk and the next."""

    recheck_days: tuple[int, ...] = setting("KCNACRAWL_RECHECK_DAYS", days, "1,3,7,30,180")
    """So many days after it was taken an article is looked at again, and yearly from the last."""

    warc: bool = setting("KCNACRAWL_WARC", switch, "1")
    """Whether every exchange with the site is kept, in ``warc/``."""

    warc_bytes: int = setting("KCNACRAWL_WARC_BYTES", size, "1000000000")
    """So large a file of exchanges grows before a new one is begun."""

    cluster: str = setting("KCNACRAWL_CLUSTER", read_database, "")
    """The database through which workers share a crawl, and keep the site's delay together; empty: there is none."""

    stalled_after: float = setting("KCNACRAWL_STALLED_AFTER", seconds, "30.0")
    """So many seconds a worker may be silent before what it crawls is given to another."""

    @classmethod
    def read(cls, settings: BaseSettings) -> Self:
        """Return what the settings say. Raise :class:`ArgumentError` for the first that is not what it must be."""
        return cls(**{one.name: _read(settings, **one.metadata) for one in fields(cls)})

    @classmethod
    def read_folder(cls, settings: BaseSettings) -> Path:
        """Return the archive's folder, which is all that commands need that fetch nothing."""
        return Path(next(_read(settings, **one.metadata) for one in fields(cls) if one.name == "folder"))

    @property
    def user_agent(self) -> str:
        """What the site's owners learn of us."""
        return f"kcnacrawl/{__version__} (+{__url__}{'; ' + self.contact if self.contact else ''})"


DEFAULTS: dict[str, str] = {one.metadata["name"]: one.metadata["default"] for one in fields(Config)}
"""Every setting of ours, and its default as text."""


def _read(settings: BaseSettings, name: str, read: Callable[[str], Any], default: str) -> Any:
    value = settings.get(name, default)
    text = "" if value is None else str(value).strip()
    try:
        return read(text)
    except ValueError as error:
        raise ArgumentError(f"setting {name}={text[:200]!r}: {error}") from error
