"""What is new and was changed as an Atom feed (RFC 4287), for feed readers."""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from .archive.changes import Change
from .run import in_one_line

NEWEST: Final = 100
"""So many entries a feed has: readers ask for all of it each time, and keep what they have seen."""

_ATOM: Final = "http://www.w3.org/2005/Atom"
_TAG: Final = "tag:kcnawatch.org,2026:"
_NEVER: Final = "1970-01-01T00:00:00+00:00"

ET.register_namespace("", _ATOM)


@dataclass(frozen=True, slots=True)
class About:
    """What a feed is about: its title and its id tell, which are the same each time it is written."""

    edited: bool = True
    new: bool = False
    reread: bool = False
    source: str = ""
    query: str = ""

    @property
    def title(self) -> str:
        """Return what a feed reader calls it."""
        kinds = {"new articles": self.new, "edits and removals": self.edited, "what was read anew": self.reread}
        told = ", ".join(kind for kind, is_told in kinds.items() if is_told)
        about = "".join(f", {said}" for said in (self.query, self.source) if said)
        return in_one_line(f"{told[:1].upper()}{told[1:]} on KCNA Watch{about}")

    @property
    def id(self) -> str:
        """Return what a feed reader knows it by."""
        kinds = {"new": self.new, "changes": self.edited, "reader": self.reread}
        query = urlencode({name: said for name, said in (("source", self.source), ("query", self.query)) if said})
        return _TAG + "+".join(name for name, is_told in kinds.items() if is_told) + (f"?{query}" if query else "")


def feed(about: About, changes: Sequence[Change], address: str | None = None) -> bytes:
    """Return a feed of changes, newest first; ``address`` is its own, where it has one."""
    root = ET.Element(f"{{{_ATOM}}}feed")
    _add(root, "id", about.id)
    _add(root, "title", about.title)
    _add(root, "updated", max((change.seen for change in changes), default=_NEVER))
    _add(_add(root, "author"), "name", "kcnacrawl")
    if address is not None:
        _add(root, "link", rel="self", type="application/atom+xml", href=in_one_line(address))
    for change in changes:
        _add_entry(root, change)
    ET.indent(root)
    data: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _add_entry(root: ET.Element, change: Change) -> None:
    is_new = change.kind == "new"
    entry = _add(root, "entry")
    _add(entry, "id", f"{_TAG}{change.id}/{change.revision}")
    _add(entry, "title", in_one_line(f"{change.kind}: " * (not is_new) + (change.headline or "(no headline)")))
    _add(entry, "published", change.url_time)
    _add(entry, "updated", change.seen)
    if change.source_label:
        _add(_add(entry, "author"), "name", in_one_line(change.source_label))
    _add(entry, "link", href=in_one_line(change.url))
    _add(entry, "category", term=change.kind)
    if is_new:
        _add(entry, "summary", in_one_line(change.excerpt), type="text")
    else:
        _add(entry, "content", "\n".join(lines(change)), type="text")


def lines(change: Change) -> Iterator[str]:
    """Yield a change for a person, safe for a terminal and in XML."""
    told = (
        f"{change.seen}  {change.kind}  {change.id}  {change.source_label or ''}  {change.headline}",
        change.url,
        *(f"{name}: {field.before} -> {field.after}" for name, field in change.changed.items()),
        *change.diff,
        *filter(None, [change.excerpt]),
        "",
    )
    yield from map(in_one_line, told)


def _add(parent: ET.Element, name: str, text: str | None = None, **attributes: str) -> ET.Element:
    child = ET.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)
    child.text = text
    return child
