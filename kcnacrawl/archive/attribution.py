"""Which source an article belongs to: one rule, whichever spider found the article, and in which order spiders ran.

What is stored before its source is known is put right by the first run that knows better.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

from ..items import revised
from ..site.labels import read_label
from .archive import Archive
from .ledger import Ledger

_BATCH: Final = 500


def find_sid(ledger: Ledger, label: str, linked_sid: int | None, list_key: int | None) -> int | None:
    """Return the sid of an article's source, or ``None`` where nothing tells.

    The page tells first: by the listing that its label links to, then by its label. The list that the article's card
    stands in tells only where the label does not contradict it: old pages have lost their source's name.
    """
    if linked_sid is not None:
        return linked_sid
    if (named := ledger.sources.find(label=label)) is not None:
        return named.sid
    listed = ledger.sources.find(key=list_key) if list_key is not None else None
    if listed is None:
        return None
    return listed.sid if read_label(label).name is None or listed.label is None else None


def find_name(ledger: Ledger, label: str, sid: int | None) -> str | None:
    """Return the name of an article's source: as its label says, else as the source with that sid is called."""
    if (name := read_label(label).name) is not None or sid is None:
        return name
    source = ledger.sources.find(sid=sid)
    return read_label(source.label).name if source and source.label else None


@dataclass(frozen=True, slots=True)
class Attribution:
    """What is known by now of the source of an article that is held."""

    id: str
    source_id: int | None
    source_name: str | None


def find_attributions(ledger: Ledger) -> Iterator[Attribution]:
    """Yield each held article whose source, or its name, was not known when it was stored and is known now.

    Reads only the lines that lack one of the two, by an index.
    """
    after = ""
    while found := ledger.articles.unattributed(after, _BATCH):
        after = found[-1].id
        for one in found:
            sid = one.source_id if one.source_id is not None else find_sid(ledger, one.label, None, one.list_key)
            name = find_name(ledger, one.label, sid)
            if (sid, name) != (one.source_id, one.name):
                yield Attribution(one.id, sid, name)


async def attribute(archive: Archive, run_id: str, is_stopped: Callable[[], bool]) -> int:
    """Append a revision to each record whose source became known; return how many.

    Text, dates and the time of download stay as they are, so the revision is no edit of the site's. Raises
    :class:`~kcnacrawl.archive.StorageFailed`.
    """
    found = find_attributions(archive.ledger)
    done = 0
    while not is_stopped() and (batch := list(islice(found, _BATCH))):
        await asyncio.gather(*(_correct(archive, one, run_id) for one in batch))
        done += len(batch)
    return done


async def _correct(archive: Archive, known: Attribution, run_id: str) -> None:
    held = archive.latest(known.id)
    if held is None:
        return
    # The page is the one that was read before, and so is the record that keeps it.
    corrected = revised(held, "reader", source_id=known.source_id, source_name=known.source_name, run_id=run_id)
    await archive.store(corrected)
