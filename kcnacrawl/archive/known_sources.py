"""The sources that an archive knows."""

from pathlib import Path

from .ledger_copy import reading_ledger


def read_known_sources(folder: Path) -> list[int]:
    """Return the numbers of the sources that the site has shown an archive, in order. A copy of the ledger is read, so
    that a run may go on meanwhile. Raise :class:`~kcnacrawl.archive.StorageFailed`.
    """
    with reading_ledger(folder) as (ledger, fault):
        known = [] if fault else ledger.sources.all()
    return sorted(one.sid for one in known if one.sid is not None)
