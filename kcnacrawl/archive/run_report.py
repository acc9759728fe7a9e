"""The reports of the last runs, as :mod:`kcnacrawl.extensions.report` writes them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from .archive import RUNS


def read_reports(folder: Path, count: int) -> Iterator[dict[str, Any]]:
    """Of the last ``count`` runs, newest first, those whose report can be read."""
    for path in sorted((folder / RUNS).glob("*.json"), reverse=True)[:count]:
        if (report := _read(path)) is not None:
            yield report


def _read(path: Path) -> dict[str, Any] | None:
    """A report; ``None`` if it is none, or is being written."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
