"""``scrapy find WORDS``: full-text search of the SQLite store, newest first."""

import argparse
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..arguments import ArgumentError
from ..cli.archive_command import StoreCommand, print_json
from ..run import in_one_line
from ..stores.find import Hit, count_hits, find
from ..stores.words import parts, snippet
from ..verdict import Verdict

if TYPE_CHECKING:
    from rich.console import Console

_PAGE: Final = 20
"""So many articles are shown at a terminal."""


class Command(StoreCommand):
    words = "WORDS"

    def short_desc(self) -> str:
        return "Find words in headlines and bodies, English and Korean, newest first; a phrase in quotes"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--jsonl", action="store_true", help="one JSON object an article, its snippet as HTML")
        told = "of the articles that carry the same story, by `scrapy reprints`, only the earliest"
        parser.add_argument("--one-per-story", action="store_true", help=told)
        parser.add_argument("--all", action="store_true", help=f"also at a terminal more than the first {_PAGE}")
        # Read below: a bad one is to give one line, not argparse's page.
        parser.add_argument("--limit", metavar="N", help="so many articles at the most")

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        store, limit = self.store(folder, opts), _limit(opts)
        hits = islice(find(store, self.word, one_per_story=opts.one_per_story), limit)
        shown = sum(1 for _ in (_print_lines if opts.jsonl else _print)(hits, self.word))
        total = count_hits(store, self.word, one_per_story=opts.one_per_story) if shown == limit else shown
        many, one = ("stories", "story") if opts.one_per_story else ("articles", "article")
        if total > shown:
            hint = "" if opts.limit else "; --all shows all"
            print(f"{shown:,} of {total:,} {many}{hint}", file=sys.stderr)
        elif not opts.jsonl:
            print(f"{shown or 'no'} {one if shown == 1 else many}", file=sys.stderr)
        return Verdict.OK.exit_code()


def _limit(opts: argparse.Namespace) -> int | None:
    if opts.limit is not None:
        if opts.all:
            raise ArgumentError("--all and --limit exclude each other")
        if not (opts.limit.isascii() and opts.limit.isdigit() and 0 < len(opts.limit) <= 9 and int(opts.limit)):
            raise ArgumentError(f"option --limit={opts.limit[:200]!r}: not a whole number from 1")
        return int(opts.limit)
    return _PAGE if sys.stdout.isatty() and not opts.all else None


def _print_lines(hits: Iterator[Hit], query: str) -> Iterator[Hit]:
    """Print each hit as it comes, for a program; yield it."""
    for hit in hits:
        print_json(
            {
                "id": hit.id,
                "headline": hit.headline,
                "date_published": hit.date_published,
                "source_label": hit.source_label,
                "snippet": snippet(_pieces(hit, query)),
            }
        )
        yield hit


def _print(hits: Iterator[Hit], query: str) -> Iterator[Hit]:
    """Print each hit as it comes, for a person; yield it."""
    console = _console() if sys.stdout.isatty() else None
    for hit in hits:
        about = in_one_line(f"{hit.date_published or 'undated':10}  {hit.id}  {hit.source_label or ''}")
        headline = in_one_line(hit.headline)
        pieces = [(in_one_line(text), marked) for text, marked in _pieces(hit, query)]
        if console is None:
            print(about, headline, "".join(text for text, _ in pieces), "", sep="\n")
        else:
            console.print(about, markup=False)
            console.print(headline, style="bold", markup=False)
            for text, marked in pieces:
                console.print(text, style="reverse" if marked else None, markup=False, end="")
            console.print("\n")
        yield hit


def _console() -> "Console":
    from rich.console import Console  # noqa: PLC0415 - only for a terminal

    class Told(Console):
        def on_broken_pipe(self) -> None:
            """Raise, as ``print`` does, what all commands know how to handle; Rich would exit with 1."""
            raise BrokenPipeError

    return Told(highlight=False, soft_wrap=True)


def _pieces(hit: Hit, query: str) -> list[tuple[str, bool]]:
    """Return pieces of the body, or of the headline if only that holds what was looked for."""
    pieces = parts(hit.article_body, query)
    return pieces if any(marked for _, marked in pieces) else parts(hit.headline, query)
