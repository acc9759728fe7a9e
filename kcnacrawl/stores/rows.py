"""Rows for a Parquet store, prepared in parts, each of a stretch of the log."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pyarrow as pa  # type: ignore[import-untyped]  # has none
from pyarrow import ipc

from ..archive.log import Stretch, stretches
from ..parts import Parts, read_blocks
from . import Store
from .feed import Prepared, batches, prepare
from .parquet import ParquetStore


def prepare_in_parts(parts: Parts, path: Path, store: Store[pa.RecordBatch], begin: int) -> Prepared[pa.RecordBatch]:
    """Prepare what stands in the log from an offset on."""
    del store
    decode = msgspec.msgpack.Decoder(tuple[int, bytes]).decode
    with closing(parts.each(_prepare, stretches(path, begin))) as made:
        for _, output in made:
            for end, packed in map(decode, read_blocks(output.result())):
                rows = ipc.open_stream(packed).read_next_batch()
                yield end, rows.num_rows, rows


def _prepare(stretch: Stretch) -> Iterator[bytes]:
    stretch.check()
    for batch in batches(stretch.path, stretch.begin, stretch.end.end):
        rows = prepare(stretch.path, ParquetStore.prepare, batch)
        packed = pa.BufferOutputStream()
        with ipc.new_stream(packed, rows.schema) as stream:
            stream.write_batch(rows)
        yield msgspec.msgpack.encode((batch.end, memoryview(packed.getvalue())))
