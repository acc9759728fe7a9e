"""``scrapy find WORDS``: full-text search of the SQLite store, newest first."""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ..cli.archive_command import StoreCommand, print_json
from ..run import in_one_line
from ..stores.sqlite import Hit, find
from ..stores.words import parts, snippet
from ..verdict import Verdict


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Raise, as ``print`` does, what all commands know how to handle; Rich would exit with 1."""
        raise BrokenPipeError


class Command(StoreCommand):
    words = "WORDS"

    def short_desc(self) -> str:
        return "Find words in headlines and bodies, English and Korean, newest first; a phrase in quotes"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--jsonl", action="store_true", help="one JSON object an article, its snippet as HTML")

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        console = _Console(highlight=False, soft_wrap=True)
        count = 0
        for hit in find(self.store(folder, opts), self.word):
            count += 1
            if opts.jsonl:
                print_json(_object(hit, self.word))
            else:
                _show(console, hit, self.word)
        if not opts.jsonl:
            print(f"{count or 'no'} article{'s' * (count != 1)}", file=sys.stderr)
        return Verdict.OK.exit_code()


def _object(hit: Hit, query: str) -> dict[str, str | None]:
    return {
        "id": hit.id,
        "headline": hit.headline,
        "date_published": hit.date_published,
        "source_label": hit.source_label,
        "snippet": snippet(_pieces(hit, query)),
    }


def _show(console: Console, hit: Hit, query: str) -> None:
    console.print(Text(in_one_line(f"{hit.date_published or 'undated':10}  {hit.id}  {hit.source_label or ''}")))
    console.print(Text(in_one_line(hit.headline), style="bold"))
    pieces = ((in_one_line(text), "reverse" if marked else "") for text, marked in _pieces(hit, query))
    console.print(Text.assemble(*pieces), "\n", sep="")


def _pieces(hit: Hit, query: str) -> list[tuple[str, bool]]:
    """Return pieces of the body, or of the headline if only that holds what was looked for."""
    pieces = parts(hit.article_body, query)
    return pieces if any(marked for _, marked in pieces) else parts(hit.headline, query)
