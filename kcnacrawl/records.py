"""The archive in Python: its records one by one, or as a table of pandas, polars or Arrow."""

import errno
import os
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .archive import StorageFailed
from .archive.archive import ARTICLES
from .archive.log import read_lines
from .columns import COLUMNS, Kind
from .extras import extra
from .items import SCHEMA_VERSION, Article, Count
from .schemas import arrow_schema, polars_schema

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa  # type: ignore[import-untyped]  # has none

_CONVERTED: Final[dict[Kind, Callable[[Any], Any]]] = {
    Kind.DAY: date.fromisoformat,
    Kind.INSTANT: datetime.fromisoformat,
    Kind.TEXTS: list,
}
_ROWS: Final = 5_000


class Records(Iterator[Article]):
    """The records of an archive, in the order of its lines. Read as they are asked for; a crawl may go on writing.

    A table is of all records, however many were taken one by one before. All raise
    :class:`~kcnacrawl.archive.StorageFailed` for a line that is no record.
    """

    def __init__(self, path: Path, *, latest: bool) -> None:
        self._path = path / ARTICLES if path.is_dir() else path
        self._latest = latest
        if not self._path.is_file():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._path))
        self._records = self._read()

    def __next__(self) -> Article:
        return next(self._records)

    def to_arrow(self) -> "pa.Table":
        """Return a table of :func:`~kcnacrawl.schemas.arrow_schema`."""
        schema = arrow_schema()
        import pyarrow as pa  # noqa: PLC0415 - where it is asked for

        batches = [pa.RecordBatch.from_pydict(batch, schema=schema) for batch in self._batches()]
        return pa.Table.from_batches(batches, schema=schema)

    def to_pandas(self) -> "pd.DataFrame":
        """Return a frame with Arrow's types: a null is a null, and no number becomes a fraction for its sake."""
        with extra("pandas"):
            import pandas as pd  # noqa: PLC0415 - as above
        frame: pd.DataFrame = self.to_arrow().to_pandas(types_mapper=pd.ArrowDtype)
        return frame

    def to_polars(self) -> "pl.DataFrame":
        """Return a frame of :func:`~kcnacrawl.schemas.polars_schema`."""
        schema = polars_schema()
        import polars as pl  # noqa: PLC0415 - as above

        batches = (pl.DataFrame(batch, schema=schema) for batch in self._batches())
        return pl.concat([schema.to_frame(), *batches])

    def _read(self) -> Iterator[Article]:
        for end, line in self._latest_lines() if self._latest else self._lines():
            try:
                yield _article(line)
            except (ValueError, RecursionError) as error:
                raise self._damaged(end, error) from error

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Read the lines with their ends; what a crawl is writing is none yet."""
        return ((end, line) for end, line in read_lines(self._path, 0) if end >= 0)

    def _latest_lines(self) -> Iterator[tuple[int, bytes]]:
        """Read the file twice: where the latest revision of each article ends is known when it has been read once."""
        kept = iter(self._latest_ends())
        wanted = next(kept, None)
        for end, line in self._lines():
            if wanted is None:
                return
            if end == wanted:
                yield end, line
                wanted = next(kept, None)

    def _latest_ends(self) -> "array[int]":
        last: dict[str, tuple[int, int]] = {}
        for end, line in self._lines():
            try:
                place = _place.decode(line)
            except (ValueError, RecursionError) as error:
                raise self._damaged(end, error) from error
            # Of two lines on one revision the last counts, as in the stores.
            if place.id not in last or place.revision >= last[place.id][0]:
                last[place.id] = (place.revision, end)
        return array("q", sorted(end for _, end in last.values()))

    def _batches(self) -> Iterator[dict[str, list[Any]]]:
        """Read columns of values, some thousand rows at a time."""
        records = self._read()
        while batch := list(islice(records, _ROWS)):
            yield {column.name: [self._value(one, column.name, column.kind) for one in batch] for column in COLUMNS}

    def _value(self, record: Article, name: str, kind: Kind) -> Any:
        value = getattr(record, name)
        if value is None or kind not in _CONVERTED:
            return value
        try:
            return _CONVERTED[kind](value)
        except ValueError as error:
            raise StorageFailed(
                f"{self._path}: revision {record.revision} of {record.id} has no {name} of the calendar ({error})"
            ) from error

    def _damaged(self, end: int, error: Exception) -> StorageFailed:
        return StorageFailed(
            f"{self._path}, the line that ends at byte {end} is no record ({error}); "
            "scrapy verify tells all that is wrong: mend it from a copy"
        )


class _Place(msgspec.Struct):
    """What of a line tells whether a later one replaces it."""

    id: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Later(Article):
    """A record of a later version: it has the keys of ours, and may have others, which are passed over."""

    schema_version: Count  # type: ignore[assignment]  # a later version's


_place: Final = msgspec.json.Decoder(_Place)
_ours: Final = msgspec.json.Decoder(Article)
_later: Final = msgspec.json.Decoder(_Later)
_KEYS: Final = tuple(one.name for one in fields(Article))


def _article(line: bytes) -> Article:
    try:
        return _ours.decode(line)
    except msgspec.ValidationError:
        later = _later.decode(line)
        if later.schema_version <= SCHEMA_VERSION:
            raise
        return Article(**{key: getattr(later, key) for key in _KEYS})
