"""A sitemap: an index of sitemaps, or addresses, each with the day it was last modified (site document, section 1).

No entity is expanded and nothing outside is read: a document type, which alone can ask for that and which no sitemap
has, is refused where it begins.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from xml.parsers.expat import ExpatError, ParserCreate

from ..addresses import Site, absolute
from ..gzips import MAGIC, BrokenGzip, TooLong, gunzip
from . import LayoutChanged, Unparsable
from .markup import fold

# The protocol's own limits (sitemaps.org): 50 MB, 50,000 addresses.
MAX_BYTES: Final = 50 * 1024 * 1024
MAX_ENTRIES: Final = 50_000
# An address stands three elements deep, an image's four.
_MAX_DEPTH: Final = 10
_LONGEST_TEXT: Final = 8_000
_LONGEST_DAY: Final = 40


@dataclass(frozen=True, slots=True)
class Entry:
    """One address; ``lastmod`` as it stands there, or ``None``."""

    loc: str
    lastmod: str | None


@dataclass(frozen=True, slots=True)
class Sitemap:
    """``entries`` in their order: sitemaps of the site if ``is_index``, else its pages. ``foreign`` counts those that
    lead elsewhere or nowhere, which are left out.
    """

    is_index: bool
    entries: tuple[Entry, ...]
    foreign: int


def read_sitemap(body: bytes, url: str, site: Site) -> Sitemap:
    """The sitemap found at ``url``, plain or gzipped; raises :class:`LayoutChanged`, :class:`Unparsable`."""
    reader = _Reader()
    parser = ParserCreate(namespace_separator="}")
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        parser.Parse(_plain(body), True)
    except (ExpatError, LookupError, ValueError) as error:
        raise LayoutChanged(f"sitemap: no XML: {fold(str(error))[:200]}") from error
    # An index is followed, so it must lead to where requests may go; a page is known under any of the site's names.
    is_ours: Callable[[str], bool] = site.serves if reader.is_index else site.owns
    found = [(absolute(url, loc), lastmod) for loc, lastmod in reader.found]
    entries = [Entry(loc, lastmod) for loc, lastmod in found if loc is not None and is_ours(loc)]
    return Sitemap(reader.is_index, tuple(entries), foreign=len(found) - len(entries))


def _plain(body: bytes) -> bytes:
    too_long = f"a sitemap of more than {MAX_BYTES} bytes"
    try:
        plain = gunzip(body, MAX_BYTES) if body.startswith(MAGIC) else body
    except BrokenGzip as error:
        raise LayoutChanged(f"sitemap: broken gzip: {error}") from error
    except TooLong as error:
        raise Unparsable(too_long) from error
    if len(plain) > MAX_BYTES:
        raise Unparsable(too_long)
    return plain


class _Reader:
    """Takes the parser's events: no tree is built."""

    def __init__(self) -> None:
        self.is_index = False
        self.found: list[tuple[str, str | None]] = []
        self._path: list[str] = []
        self._fields: dict[str, str] = {}
        self._seen = 0

    def doctype(self, *_declared: object) -> None:
        raise LayoutChanged("sitemap: it declares a document type")

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        name = tag.rpartition("}")[2]
        if not self._path:
            if name not in {"urlset", "sitemapindex"}:
                raise LayoutChanged(f"sitemap: its root is {name[:60]!r}")
            self.is_index = name == "sitemapindex"
        self._path.append(name)
        if len(self._path) > _MAX_DEPTH:
            raise Unparsable(f"a sitemap nested deeper than {_MAX_DEPTH}")

    def text(self, text: str) -> None:
        match self._path:
            case [_, "url" | "sitemap", "loc" | "lastmod" as name] if len(self._fields.get(name, "")) <= _LONGEST_TEXT:
                self._fields[name] = self._fields.get(name, "") + text

    def end(self, _tag: str) -> None:
        self._path.pop()
        if len(self._path) != 1:
            return
        lastmod = fold(self._fields.get("lastmod", ""))
        if "loc" in self._fields:
            self.found.append((self._fields["loc"], lastmod if 0 < len(lastmod) <= _LONGEST_DAY else None))
        self._fields = {}
        self._seen += 1
        if self._seen > MAX_ENTRIES:
            raise Unparsable(f"a sitemap of more than {MAX_ENTRIES} entries")
