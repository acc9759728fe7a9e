"""The links between articles as one Parquet file, which says of which ``reprints.jsonl`` it was made."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]  # has none
from pyarrow import parquet as files

from ..archive.blocks import LogEnd
from ..archive.log import sync
from ..reprints.links import REPRINTS, Link

_SCHEMA: Final = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in ("id", "of_id", "kind")),
        *(pa.field(name, pa.float64(), nullable=False) for name in ("score", "containment", "shared_numbers")),
    ]
)
_MADE_OF: Final = b"kcnacrawl"
_ROWS: Final = 50_000


def read_end(path: Path) -> LogEnd:
    """Return of what ``reprints.jsonl`` a file was made. One that is damaged is as one that does not exist: the next
    sync writes it whole.
    """
    try:
        made_of = (files.read_schema(path).metadata or {}).get(_MADE_OF, b"")
        return msgspec.json.decode(made_of, type=LogEnd)
    except (FileNotFoundError, pa.ArrowInvalid, ValueError):
        return LogEnd(REPRINTS)


def write(path: Path, links: Iterable[Link], end: LogEnd) -> None:
    """Write the file whole; a reader meets this one or the one before."""
    path.parent.mkdir(exist_ok=True)
    aside, rows = path.with_name(f".{path.name}"), iter(links)
    with aside.open("wb") as file:
        schema = _SCHEMA.with_metadata({_MADE_OF: msgspec.json.encode(end)})
        with files.ParquetWriter(file, schema, compression="zstd") as writer:
            while some := list(islice(rows, _ROWS)):
                columns = [
                    pa.array(values, field.type) for values, field in zip(zip(*some, strict=True), schema, strict=True)
                ]
                writer.write_batch(pa.record_batch(columns, schema=schema))
    sync(aside)
    aside.replace(path)
    sync(path.parent)
