"""``scrapy changes``: what was edited or removed, and what is new, for a person, a program, or a feed reader."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from .. import atom
from ..archive.changes import Selection, read_changes, read_newest
from ..archive.log import write_whole
from ..arguments import ArgumentError, read_query, read_since, text_alone
from ..cli.archive_command import ArchiveCommand, new_file, print_json
from ..held_sources import SITE, HeldSources
from ..items import Article
from ..stores import words
from ..verdict import Verdict

T = TypeVar("T")


class Command(ArchiveCommand):
    def short_desc(self) -> str:
        return "Tell what was edited, removed or restored, and what is new"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--new", action="store_true", help="what is new as well")
        parser.add_argument("--only-new", action="store_true", help="what is new and nothing else")
        parser.add_argument(
            "--reader", action="store_true", help="also what only kcnacrawl reads otherwise or knows more of"
        )
        told = "only what was seen on that day or later, in UTC: YYYY-MM-DD, YYYY-MM, YYYY, or 7d, so many days ago"
        parser.add_argument("--since", metavar="DAY", help=told)
        told = "only articles of this source: its number, its label, or its name alone; several by comma"
        parser.add_argument("--source", metavar="SOURCE", help=told)
        parser.add_argument("--query", metavar="WORDS", help="only articles that hold these words, as find finds them")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--jsonl", action="store_true", help="one JSON object a change")
        told = f"write the newest {atom.NEWEST} to FILE as an Atom feed"
        form.add_argument("--atom", metavar="FILE", help=told)

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        if opts.only_new and (opts.new or opts.reader):
            raise ArgumentError("--only-new tells nothing else: leave it out, or --new and --reader")
        query = _option("query", opts.query, _read_words) or ""
        selection = Selection(
            edited=not opts.only_new,
            new=opts.new or opts.only_new,
            reread=opts.reader,
            since=_option("since", opts.since, _read_day) or "",
            sources=_option("source", opts.source, HeldSources.read) or HeldSources(),
            has_words=partial(_has_words, query) if query else lambda _: True,
        )
        if opts.atom is not None:
            about = atom.About(selection.edited, selection.new, selection.reread, opts.source or "", query)
            file = new_file(opts.atom)
            write_whole(file, atom.feed(about, read_newest(folder, selection, atom.NEWEST)))
        elif opts.jsonl:
            for change in read_changes(folder, selection):
                print_json(change)
        else:
            for change in read_changes(folder, selection):
                print("\n".join(atom.lines(change)))
        return Verdict.OK.exit_code()


def _option(name: str, text: str | None, read: Callable[[str], T]) -> T | None:
    """Read an option as the spiders' arguments are read. Raise ``ArgumentError``."""
    if text is None:
        return None
    try:
        return read(text_alone(text))
    except ValueError as error:
        raise ArgumentError(f"--{name} {text[:200]!r}: {error}") from error


def _read_day(text: str) -> str:
    return read_since(text, SITE).isoformat()


def _read_words(text: str) -> str:
    return words.checked(read_query(text, SITE))


def _has_words(query: str, article: Article) -> bool:
    return words.holds(query, article.headline, article.article_body)
