"""Whether records are what the kept answers give that they name, read anew. Writes nothing."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from .archive import StorageFailed
from .archive.archive import ARTICLES, WARC, read_article
from .archive.ledger import card_of
from .archive.warc.citations import Citation
from .archive.warc.reader import WarcReader
from .kept_pages import differences, in_batches, read_page
from .versions import reader_version

# The ledger tells these, as far as it knows the sources by now.
_ATTRIBUTED: Final = frozenset({"source_id", "source_name"})


class Outcome(NamedTuple):
    """What a record's page says of it: nothing, or how it differs, or why it cannot be read at all. ``length`` is that
    of the record's line, in bytes.
    """

    length: int
    difference: str = ""
    failure: str = ""


class Derivation:
    """Reads the pages of records anew; ``read`` counts them, and ``read_otherwise`` those that differ from their
    records, as another version of the reader had made these.
    """

    def __init__(self, folder: Path, workers: int) -> None:
        self._folder = folder
        self._workers = workers
        self.read = 0
        self.read_otherwise = 0

    def faults(self, citations: Iterator[Citation], advance: Callable[[int], object]) -> Iterator[str]:
        """Yield the records that this version of the reader made, and that are not what their pages give to it."""
        batches = in_batches(partial(compare, self._folder), citations, self._workers)
        with contextlib.closing(batches):
            for batch, outcomes in batches:
                for citation, outcome in zip(batch, outcomes.result(), strict=True):
                    self.read += 1
                    is_ours = citation.reader == reader_version()
                    if fault := outcome.failure or (is_ours and outcome.difference):
                        yield f"{ARTICLES}:{citation.line}: {fault}"
                    elif outcome.difference:
                        self.read_otherwise += 1
                advance(sum(outcome.length for outcome in outcomes.result()))


def compare(folder: Path, citations: Sequence[Citation]) -> Sequence[Outcome]:
    """Compare records with what their pages give."""
    originals = {one.original_id: one.original for one in citations}
    with WarcReader(folder / WARC, originals.get) as reader, (folder / ARTICLES).open("rb") as log:
        return [_compare(reader, log, citation) for citation in citations]


def _compare(reader: WarcReader, log: BinaryIO, citation: Citation) -> Outcome:
    log.seek(citation.begin)
    line = log.readline()
    try:
        held = read_article(line)
        page = read_page(reader.at(citation.place), held.id, card_of(held))
    except (ValueError, StorageFailed) as error:
        return Outcome(len(line), failure=str(error))
    if page.article is None:
        return Outcome(len(line), f"{held.warc_record_id} gives no record ({page.reason})")
    fields = [name for name in differences(held, page.article) if name not in _ATTRIBUTED]
    return Outcome(len(line), f"{held.warc_record_id} gives another {', '.join(fields)}" if fields else "")
