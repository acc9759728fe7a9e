"""A sitemap: an index of sitemaps, or addresses, each with the day it was last modified (site document, section 1).

Sitemaps are written by plug-ins, and often no XML: what can be read of one is read, and what is lost is counted. No
entity is expanded and nothing outside is read: a document type, which alone can ask for that and which no sitemap has,
is refused.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from html.entities import html5
from io import BytesIO
from typing import Final

from lxml import etree  # type: ignore[import-untyped]  # stubs of another project know another version

from ..site.urls import Site, absolute
from . import LayoutChanged, Unparsable
from .gzips import MAGIC, BrokenGzip, TooLong, gunzip
from .text import decode, fold, without_notices

# The protocol's own limits (sitemaps.org): 50 MB, 50,000 addresses.
MAX_BYTES: Final = 50 * 1024 * 1024
MAX_ENTRIES: Final = 50_000
# An address stands three elements deep, an image's four.
_MAX_DEPTH: Final = 10
_LONGEST_TEXT: Final = 8_000
_LONGEST_DAY: Final = 40

_ROOTS: Final = ("urlset", "sitemapindex")
_DECLARATION: Final = re.compile(r"\s*<\?xml\b[^>]{0,200}\?>")
_DECLARED: Final = re.compile(rb"""<\?xml\b[^>]{0,200}?\bencoding\s*=\s*["']([A-Za-z0-9_.:-]{1,40})""")
_ENTRY_END: Final = re.compile(r"</(?:\w+:)?(?:url|sitemap)\s*>")
_ENTRY: Final = re.compile(r"<(?:\w+:)?(?:url|sitemap)[\s>]")
_ROOT_END: Final = re.compile(r"</(?:\w+:)?(?:urlset|sitemapindex)\s*>")
# What XML 1.0 (section 2.2) has no place for.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ENTITY: Final = re.compile(r"&(?:(#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6})|([A-Za-z][A-Za-z0-9]{1,40}));|&")
_XML_NAMES: Final = frozenset({"amp", "lt", "gt", "quot", "apos"})
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_STRAY: Final = re.compile(r"<(?![A-Za-z_/!?])")
_CDATA: Final = re.compile(r"(<!\[CDATA\[.*?\]\]>)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Entry:
    """One address; ``lastmod`` as it stands there, or ``None``."""

    loc: str
    lastmod: str | None


@dataclass(frozen=True, slots=True)
class Sitemap:
    """``entries`` in their order: sitemaps of the site if ``is_index``, else its pages. ``foreign`` counts those that
    lead elsewhere or nowhere, which are left out; ``lost`` the places at which something could not be read.
    """

    is_index: bool
    entries: tuple[Entry, ...]
    foreign: int
    lost: int = 0


def read_sitemap(body: bytes, url: str, site: Site) -> Sitemap:
    """Return the sitemap found at ``url``, plain or gzipped. Raise :class:`LayoutChanged`, :class:`Unparsable`."""
    text, lost = _mended(_text_of(_plain(body)))
    reader = _Reader()
    events = etree.iterparse(
        BytesIO(text.encode()), events=("start", "end"), recover=True, resolve_entities=False, no_network=True,
        load_dtd=False, huge_tree=False, encoding="utf-8",
    )  # fmt: skip
    try:
        for event, element in events:
            reader.take(event, element)
    except etree.XMLSyntaxError as error:
        raise LayoutChanged(f"sitemap: no XML: {fold(str(error))[:200]}") from error
    if not reader.is_known:
        raise LayoutChanged("sitemap: no XML: it has no root")
    lost += sum(one.level_name == "FATAL" for one in events.error_log)
    if lost and not reader.found:
        raise LayoutChanged("sitemap: nothing of it can be read")
    # An index is followed, so it must lead to where requests may go; a page is known under any of the site's names.
    is_ours: Callable[[str], bool] = site.serves if reader.is_index else site.owns
    found = [(absolute(url, loc), lastmod) for loc, lastmod in reader.found]
    entries = [Entry(loc, lastmod) for loc, lastmod in found if loc is not None and is_ours(loc)]
    return Sitemap(reader.is_index, tuple(entries), foreign=len(found) - len(entries), lost=lost)


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


def _text_of(body: bytes) -> str:
    """Decode a sitemap: as its byte order mark says, else its declaration, else as a page is."""
    declared = _DECLARED.search(body[:1000])
    if declared and not body.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return body.decode(declared[1].decode())
        except (UnicodeDecodeError, LookupError):
            return decode(body, declared[1].decode())
    return decode(body, "utf-8")


def _mended(text: str) -> tuple[str, int]:
    """Return the text as XML as far as possible, and at how many places something was lost."""
    clean = without_notices(_COMMENT.sub("", _FORBIDDEN.sub("", text))).strip()
    clean = _DECLARATION.sub("", clean, count=1).strip()
    lost = 0
    if (end := _ROOT_END.search(clean)) is not None:
        clean = clean[: end.end()]
    elif ends := list(_ENTRY_END.finditer(clean)):
        # Cut: what was not written to its end may be an address cut short.
        root = "sitemapindex" if "sitemapindex" in clean[: ends[0].start()] else "urlset"
        prefix = re.search(rf"<(\w+:)?{root}\b", clean)
        clean = f"{clean[: ends[-1].end()]}</{(prefix and prefix[1]) or ''}{root}>"
        lost = 1
    elif _ENTRY.search(clean):
        raise LayoutChanged("sitemap: it is cut within its first entry")
    pieces = _CDATA.split(clean)
    mended = [one if place % 2 else _ENTITY.sub(_written, _STRAY.sub("&lt;", one)) for place, one in enumerate(pieces)]
    return "".join(mended), lost


def _written(found: re.Match[str]) -> str:
    """Return a reference as XML knows it: HTML's names as their characters, a bare ampersand as one."""
    if found[1]:
        char = unescape(found[0])
        return found[0] if char not in {"", "\ufffd"} and not _FORBIDDEN.match(char) else "\ufffd"
    if found[2] in _XML_NAMES:
        return found[0]
    name = found[2] or ""
    return html5.get(f"{name};") or f"&amp;{name};" if name else "&amp;"


class _Reader:
    """Takes the parser's events, and keeps no tree."""

    def __init__(self) -> None:
        self.is_index = False
        self.is_known = False
        self.found: list[tuple[str, str | None]] = []
        self._path: list[str] = []
        self._fields: dict[str, str] = {}
        self._seen = 0

    def take(self, event: str, element: "etree._Element") -> None:
        """Take in the beginning or the end of an element."""
        if event == "start":
            self._start(element)
        else:
            self._end(element)

    def _start(self, element: "etree._Element") -> None:
        name = _name_of(element)
        if not self._path:
            if element.getroottree().docinfo.doctype:
                raise LayoutChanged("sitemap: it declares a document type")
            if name not in _ROOTS:
                raise LayoutChanged(f"sitemap: its root is {name[:60]!r}")
            self.is_known, self.is_index = True, name == "sitemapindex"
        self._path.append(name)
        if len(self._path) > _MAX_DEPTH:
            raise Unparsable(f"a sitemap nested deeper than {_MAX_DEPTH}")

    def _end(self, element: "etree._Element") -> None:
        match self._path:
            case [_, "url" | "sitemap", "loc" | "lastmod" as name]:
                # An element inside one is the next, whose beginning ended it in the writer's mind.
                is_whole = not any(isinstance(child.tag, str) for child in element)
                if is_whole and (text := "".join(_texts(element))):
                    self._fields[name] = self._fields.get(name, "") + text[: _LONGEST_TEXT + 1]
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
        # What was read is let go.
        element.clear()
        while (before := element.getprevious()) is not None and (parent := element.getparent()) is not None:
            parent.remove(before)


def _texts(element: "etree._Element") -> Iterator[str]:
    return (text for text in element.itertext(with_tail=False) if isinstance(text, str))


def _name_of(element: "etree._Element") -> str:
    return str(element.tag).rpartition("}")[2].rpartition(":")[2]
