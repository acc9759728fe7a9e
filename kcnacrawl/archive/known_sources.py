"""The sources that an archive knows."""

import tempfile
from pathlib import Path

from .archive import ARTICLES, LEDGER
from .ledger import Ledger
from .verify import copy_ledger


def read_known_sources(folder: Path) -> list[int]:
    """Return the numbers of the sources that the site has shown an archive, in order. A copy of the ledger is read, so
    that a run may go on meanwhile. Raise :class:`~kcnacrawl.archive.StorageFailed`.
    """
    with tempfile.TemporaryDirectory(prefix="kcnacrawl-") as name:
        path = Path(name) / LEDGER
        copy_ledger(folder / LEDGER, path)
        copy = Ledger(path)
        fault = copy.open(folder / ARTICLES)
        known = [] if fault else copy.sources.all()
        copy.close()
    return sorted(one.sid for one in known if one.sid is not None)
