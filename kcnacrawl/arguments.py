"""Spider arguments (``-a NAME=VALUE``), typed once, here. An error names the argument and its value."""

import os
import re
from calendar import monthrange
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Self

from .paging.window import Window
from .site.urls import ArticleAddress, Site, is_identity

ALL = "all"


class ArgumentError(ValueError):
    """A spider argument or setting that cannot be used; the message is one line for a person."""


@dataclass(frozen=True, slots=True)
class SourceRef:
    """One of the ways to name a source; exactly one of the fields is set, none of them for ``all``."""

    sid: int | None = None
    ajax_id: int | None = None
    label: str | None = None
    article: ArticleAddress | None = None

    @property
    def is_all(self) -> bool:
        """Whether every source of the home page is meant."""
        return self == SourceRef()


def argument(read: Callable[[str, Site], Any], default: Any = None) -> Any:
    """Declare the field of an argument, read from its text by ``read``, which raises ``ValueError``."""
    return field(default=default, metadata={"read": read})


def text_alone(text: str) -> str:
    """Return a text; raise ``ValueError`` for bytes of a command line that are none."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("not UTF-8") from error
    return text


_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
PYONGYANG = timezone(timedelta(hours=9))


def read_since(text: str, _: Site) -> date:
    """Return the first day that a text means."""
    return days(text)[0]


def read_until(text: str, _: Site) -> date:
    """Return the last day that a text means."""
    return days(text)[1]


def days(text: str) -> tuple[date, date]:
    """Return the first and the last day of a day, a month or a year; of ``7d``, the day so many days before today in
    Pyongyang. Raise ``ValueError``.
    """
    if found := re.fullmatch(r"([0-9]{1,7})d", text):
        try:
            ago = datetime.now(PYONGYANG).date() - timedelta(days=int(found[1]))
        except OverflowError as error:
            raise ValueError("no day of the calendar") from error
        return ago, ago
    if re.fullmatch(r"[0-9]{4}", text):
        return day(f"{text}-01-01"), day(f"{text}-12-31")
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}", text):
        first = day(f"{text}-01")
        return first, first.replace(day=monthrange(first.year, first.month)[1])
    if not re.fullmatch(_DAY, text):
        raise ValueError("not YYYY-MM-DD, YYYY-MM, YYYY, or as 7d so many days ago")
    return day(text), day(text)


def day(text: str) -> date:
    """Return the day of ``YYYY-MM-DD``; raise ``ValueError``."""
    if not re.fullmatch(_DAY, text):
        raise ValueError("not a day as YYYY-MM-DD")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError("no day of the calendar") from error


def read_count(text: str, _: Site) -> int:
    """Return a whole number from 1."""
    return whole(text, least=1)


def read_days(text: str, _: Site) -> int:
    """Return a whole number of days from 0."""
    return whole(text)


_LARGEST = 10**9 - 1


def whole(text: str, least: int = 0, most: int = _LARGEST) -> int:
    """Return a whole number from ``least`` to ``most``; raise ``ValueError`` for any other text."""
    if not re.fullmatch(r"[0-9]{1,18}", text) or not least <= int(text) <= most:
        # Nobody has to be told of a bound that nobody comes near.
        bound = f" to {most}" if most < _LARGEST else ""
        raise ValueError(f"not a whole number from {least}{bound}")
    return int(text)


def as_path(text: str) -> Path:
    """Return a path with a ``~`` at its beginning expanded, which no shell does behind ``=`` or ``:``."""
    # A Path no longer knows `./~` from `~`; and of nobody's home it would make an error, where shells make a name.
    return Path(os.path.expanduser(text))  # noqa: PTH111


def read_sources(text: str, site: Site) -> tuple[SourceRef, ...]:
    """Return the sources that a text names by comma, each in any of the forms of the contract."""
    refs = tuple(_read_source(part.strip(), site) for part in text.split(","))
    return (SourceRef(),) if any(ref.is_all for ref in refs) else tuple(dict.fromkeys(refs))


def _read_source(text: str, site: Site) -> SourceRef:
    if text.lower() == ALL:
        return SourceRef()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return SourceRef(sid=int(text))
    if found := re.fullmatch(r"ajax:([0-9]{1,9})", text):
        return SourceRef(ajax_id=int(found[1]))
    if "://" in text or text.startswith("/"):
        return _read_source_url(text, site)
    if not text or text.startswith("ajax:"):
        raise ValueError("not a sid, ajax:<id>, address or label")
    return SourceRef(label=text)


def _read_source_url(text: str, site: Site) -> SourceRef:
    url = site.url + text if text.startswith("/") else text
    if address := site.identify(url):
        return SourceRef(article=address)
    if (sid := site.identify_listing(url)) is not None:
        return SourceRef(sid=sid)
    raise ValueError(f"{text[:200]!r} is no listing or article of {site.url}")


_LONGEST_QUERY = 200


def read_query(text: str, _: Site) -> str:
    """Return what to search for; words in quotes are a phrase."""
    query = text.strip()
    if not query.isprintable() or len(query) > _LONGEST_QUERY:
        raise ValueError(f"not one line of at most {_LONGEST_QUERY} characters")
    return query


# A slug may hold a comma; what follows one that parts two addresses begins as an address does.
_URL_COMMA = re.compile(r",(?=\s*(?:https?://|/|[0-9]{10}-|(?:www\.)?kcnawatch\.|\Z))")


def read_urls(text: str, site: Site) -> tuple[ArticleAddress, ...]:
    """Return the articles that a text names by comma, each by any address seen in the wild, or by identity alone."""
    return tuple(_read_article(part.strip(), site) for part in _URL_COMMA.split(text) if part.strip())


def read_url_file(text: str, site: Site) -> tuple[ArticleAddress, ...]:
    """Return the articles that a file names, one a line, without empty lines and those that begin with ``#``."""
    try:
        lines = as_path(text).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot be read ({getattr(error, 'strerror', None) or error})") from error
    found = []
    for number, line in enumerate(lines, start=1):
        if (entry := line.strip()) and not entry.startswith("#"):
            try:
                found.append(_read_article(entry, site))
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from error
    return tuple(found)


def _read_article(text: str, site: Site) -> ArticleAddress:
    if is_identity(text):
        return ArticleAddress(text)
    url = site.url + text if text.startswith("/") else text
    address = site.identify(url if "://" in url else f"https://{url}")
    if address is None:
        raise ValueError(f"{text[:200]!r} is no article of {site.url}")
    return address


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """What every spider takes."""

    since: date | None = argument(read_since)
    until: date | None = argument(read_until)
    limit: int | None = argument(read_count)

    @classmethod
    def read(cls, given: Mapping[str, str], site: Site) -> Self:
        """Return the arguments of a run. Raise :class:`ArgumentError`."""
        readers = {one.name: one.metadata["read"] for one in fields(cls)}
        for name in given:
            if name not in readers:
                raise ArgumentError(f"unknown argument {name!r}; there are: {', '.join(readers)}")
        values = {}
        for name, text in given.items():
            try:
                # Only a file may have a name that is no text.
                given_text = text if readers[name] is read_url_file else text_alone(text)
                values[name] = readers[name](given_text, site)
            except ValueError as error:
                raise ArgumentError(f"argument {name}={text[:200]!r}: {error}") from error
        read = cls(**values)
        read.check()
        return read

    def check(self) -> None:
        """Raise :class:`ArgumentError` where the arguments do not fit one another."""
        if self.since and self.until and self.since > self.until:
            raise ArgumentError(f"since={self.since} is after until={self.until}")

    @property
    def window(self) -> Window:
        """The days asked for."""
        return Window(self.since, self.until)


@dataclass(frozen=True, kw_only=True)
class SourceArguments(Arguments):
    """What the spider ``source`` takes."""

    source: tuple[SourceRef, ...] = argument(read_sources, default=(SourceRef(),))


def read_page(text: str, site: Site) -> str:
    """Return the address of a listing or an article of the site."""
    url = site.url + text if text.startswith("/") else text
    if site.identify(url) is None and site.identify_listing(url) is None:
        raise ValueError(f"no listing or article of {site.url}")
    return url


@dataclass(frozen=True, kw_only=True)
class DoctorArguments(Arguments):
    """What the command ``doctor`` takes."""

    url: str | None = argument(read_page)


@dataclass(frozen=True, kw_only=True)
class RecheckArguments(SourceArguments):
    """What the spider ``recheck`` takes; ``every`` in days."""

    every: int | None = argument(read_days)


@dataclass(frozen=True, kw_only=True)
class SearchArguments(SourceArguments):
    """What the spider ``search`` takes."""

    query: str = argument(read_query, default="")

    def check(self) -> None:
        super().check()
        if not self.query:
            raise ArgumentError("give what to search for by query=…")


@dataclass(frozen=True, kw_only=True)
class ArticleArguments(Arguments):
    """What the spider ``article`` takes."""

    url: tuple[ArticleAddress, ...] = argument(read_urls, default=())
    file: tuple[ArticleAddress, ...] = argument(read_url_file, default=())

    def check(self) -> None:
        super().check()
        if not self.addresses:
            raise ArgumentError("give articles by url=… or file=…")

    @property
    def addresses(self) -> tuple[ArticleAddress, ...]:
        """The articles asked for, each once."""
        return tuple({address.id: address for address in (*self.url, *self.file)}.values())
