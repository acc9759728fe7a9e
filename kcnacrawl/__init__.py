"""Collects what North Korea's state media publish, from KCNA Watch."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]  # has none

    from .records import Records

__version__ = "0.1.0"
__url__ = "https://github.com/kcnacrawl/kcnacrawl"


def read_articles(path: str | os.PathLike[str], latest: bool = True) -> "Records":
    """Read an archive's records, in the order of its lines; also ``to_pandas()``, ``to_polars()``, ``to_arrow()``.

    ``path`` is the archive's folder, or its ``articles.jsonl``. ``latest`` leaves one record an article, its latest
    revision, tombstones (``status`` is ``gone``) among them; without it, every revision comes. What is not wanted is
    not read: nothing but ``latest`` needs memory, some 220 MB for a million articles.
    """
    from pathlib import Path  # noqa: PLC0415 - a spider that is loaded needs none of this

    from .records import Records  # noqa: PLC0415 - as above

    return Records(Path(path), latest=latest)


def article_schema() -> dict[str, Any]:
    """Return the JSON Schema of a line of ``articles.jsonl``; ``article.schema.json`` in this package is the same."""
    from .schemas import json_schema  # noqa: PLC0415 - as above

    return json_schema()


def arrow_schema() -> "pa.Schema":
    """Return the Arrow schema of a table of records, which is also that of a Parquet store's files."""
    from . import schemas  # noqa: PLC0415 - as above

    return schemas.arrow_schema()
