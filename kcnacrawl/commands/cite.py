"""``scrapy cite ID``: a reference for one record."""

import argparse
from functools import partial
from pathlib import Path

from ..archive import StorageFailed
from ..archive.archive import ARTICLES, read_article
from ..archive.log import read_lines_backwards
from ..arguments import ArgumentError, whole
from ..citation import bibtex, csl, sentence
from ..cli.archive_command import ArchiveCommand, option, print_json
from ..items import Article
from ..site.urls import identify, is_identity
from ..verdict import Verdict


class Command(ArchiveCommand):
    words = "ID"

    def short_desc(self) -> str:
        return "Cite one record: title, source, date, address, revision, and what proves the text"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        forms = parser.add_mutually_exclusive_group()
        forms.add_argument("--bibtex", action="store_true", help="as an entry in BibTeX")
        forms.add_argument("--csl", action="store_true", help="as CSL-JSON, for Zotero, pandoc and the like")
        parser.add_argument("--revision", metavar="N", help="another revision than the latest")

    def read(self, folder: Path, opts: argparse.Namespace) -> int:
        article = find(
            folder / ARTICLES, _identity(self.word), option("revision", opts.revision, partial(whole, least=1))
        )
        if opts.csl:
            print_json(csl(article))
        else:
            print(bibtex(article) if opts.bibtex else sentence(article))
        return Verdict.OK.exit_code()


def find(log: Path, article_id: str, revision: int | None) -> Article:
    """Return a record, the latest if no revision is named. The log is read from its end as far as need be: some ten
    seconds at a million records. Raise ``ArgumentError`` if there is none.
    """
    if not log.is_file():
        raise StorageFailed(f"{log} does not exist")
    mark = f'"{article_id}"'.encode()
    for _, line in read_lines_backwards(log):
        if mark in line:
            article = _decoded(log, line)
            if article.id == article_id and revision in {None, article.revision}:
                return article
    which = f"{article_id}, revision {revision}," if revision else article_id
    raise ArgumentError(f"{which} is not in {log}")


def _decoded(log: Path, line: bytes) -> Article:
    try:
        return read_article(line)
    except (ValueError, RecursionError) as error:
        raise StorageFailed(f"{log} has a line that is none of ours ({error}): mend it from a copy") from error


def _identity(text: str) -> str:
    if is_identity(text):
        return text
    address = identify(text if "://" in text else f"https://{text}")
    if address is None:
        raise ArgumentError(f"{text[:200]!r} is neither an article's id nor its address")
    return address.id
