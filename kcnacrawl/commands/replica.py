"""``scrapy replica``: serves the bundled replica site."""

import argparse
import sys
from typing import Any, ClassVar

from scrapy.commands import ScrapyCommand

from kcnacrawl.replica.markup_variant import VARIANTS
from kcnacrawl.replica.world import OUTLETS, World


class _BadOptionError(ValueError):
    """A bad option; its text is the one line that the user sees."""


class Command(ScrapyCommand):
    requires_project = False
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "[options]"

    def short_desc(self) -> str:
        return "Serve the bundled replica of the site until interrupted"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        # Numbers are read in run(): a bad one is to give one line, not argparse's page.
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        parser.add_argument("--port", default="8000", help="port; 0: a free one (default: 8000)")
        parser.add_argument("--articles", metavar="N", default="2000", help="articles there are (default: 2000)")
        parser.add_argument("--sources", metavar="N", default="5", help=f"sources, 1 to {len(OUTLETS)} (default: 5)")
        parser.add_argument("--seed", metavar="N", default="1", help="another seed, other articles (default: 1)")
        parser.add_argument("--spelling", metavar="NAME", default="plain", help="mark-up (default: plain)")
        parser.add_argument("--list-spellings", action="store_true", help="print the variants' names and end")
        parser.add_argument("--crawl-delay", metavar="S", help="Crawl-delay in robots.txt (default: none)")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        try:
            if args:
                raise _BadOptionError(f"takes no arguments, only options: {args[0]!r}")
            if opts.list_spellings:
                print("\n".join(VARIANTS))
            else:
                _serve(opts)
        except (_BadOptionError, OSError) as error:
            print(f"scrapy replica: {error}", file=sys.stderr)
            self.exitcode = 2


def _serve(opts: argparse.Namespace) -> None:
    port = _whole("--port", opts.port, 0, 65_535)
    articles = _whole("--articles", opts.articles, 0, 10_000_000)
    sources = _whole("--sources", opts.sources, 1, len(OUTLETS))
    seed = _whole("--seed", opts.seed, 0, 2**63)
    delay = None if opts.crawl_delay is None else _seconds("--crawl-delay", opts.crawl_delay)
    if opts.spelling not in VARIANTS:
        raise _BadOptionError(f"--spelling is one of {', '.join(VARIANTS)}, not {opts.spelling!r}")
    try:
        from kcnacrawl.replica.server import serve  # noqa: PLC0415 - aiohttp comes with an extra
    except ModuleNotFoundError as error:
        if error.name != "aiohttp":
            raise
        raise _BadOptionError("needs aiohttp: pip install kcnacrawl[replica]") from error
    serve(
        World(seed, articles, sources),
        VARIANTS[opts.spelling],
        opts.host,
        port,
        crawl_delay=delay,
        ready=lambda url: print(f"Replica of kcnawatch.org at {url} (Ctrl-C to stop)", flush=True),
    )


def _whole(name: str, text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdigit() and low <= int(text) <= high):
        raise _BadOptionError(f"{name} is a whole number from {low} to {high}, not {text!r}")
    return int(text)


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise _BadOptionError(f"{name} is a number of seconds, 0 or more, not {text!r}")
    return seconds
