"""``scrapy changes``: edits and removals, for a person, a program, or a feed reader."""

import argparse
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ..archive.changes import Change, read_changes
from ..archive.log import write_whole
from ..arguments import ArgumentError, day
from ..cli.archive_command import ArchiveCommand, new_file, print_json
from ..run import in_one_line
from ..verdict import Verdict

_ATOM: Final = "http://www.w3.org/2005/Atom"
_TAG: Final = "tag:kcnawatch.org,2026:"


class Command(ArchiveCommand):
    def short_desc(self) -> str:
        return "Tell what was edited, removed or restored"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--since", metavar="YYYY-MM-DD", help="only what was seen on that day or later")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--jsonl", action="store_true", help="one JSON object a change")
        form.add_argument("--atom", metavar="FILE", help="write them to FILE as an Atom feed")

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        changes = read_changes(folder, _day(opts.since))
        if opts.atom is not None:
            write_whole(new_file(opts.atom), _feed(changes))
        elif opts.jsonl:
            for change in changes:
                print_json(change)
        else:
            for change in changes:
                print("\n".join(_lines(change)))
        return Verdict.OK.exit_code()


def _day(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return day(text).isoformat()
    except ValueError as error:
        raise ArgumentError(f"--since {text[:200]!r}: {error}") from error


def _lines(change: Change) -> Iterator[str]:
    """A change for a person, safe for a terminal and in XML."""
    lines = (
        f"{change.seen}  {change.kind}  {change.id}  {change.source_label or ''}  {change.headline}",
        change.url,
        *(f"{name}: {field.before} -> {field.after}" for name, field in change.changed.items()),
        *change.diff,
        "",
    )
    yield from map(in_one_line, lines)


def _feed(changes: Iterable[Change]) -> bytes:
    """An Atom feed (RFC 4287), newest first."""
    ET.register_namespace("", _ATOM)
    found = sorted(changes, key=lambda change: change.seen, reverse=True)
    feed = ET.Element(f"{{{_ATOM}}}feed")
    _add(feed, "id", f"{_TAG}changes")
    _add(feed, "title", "Edits and removals on KCNA Watch")
    _add(feed, "updated", found[0].seen if found else "1970-01-01T00:00:00+00:00")
    _add(_add(feed, "author"), "name", "kcnacrawl")
    for change in found:
        entry = _add(feed, "entry")
        _add(entry, "id", f"{_TAG}{change.id}/{change.revision}")
        _add(entry, "title", in_one_line(f"{change.kind}: {change.headline}"))
        _add(entry, "updated", change.seen)
        _add(entry, "link").set("href", in_one_line(change.url))
        _add(entry, "category").set("term", change.kind)
        _add(entry, "content", "\n".join(_lines(change))).set("type", "text")
    ET.indent(feed)
    data: bytes = ET.tostring(feed, encoding="utf-8", xml_declaration=True)
    return data + b"\n"


def _add(parent: ET.Element, name: str, text: str | None = None) -> ET.Element:
    child = ET.SubElement(parent, f"{{{_ATOM}}}{name}")
    child.text = text
    return child
