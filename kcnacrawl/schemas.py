"""What a line of ``articles.jsonl`` holds, in the words of those who read it.

Given to a library's own reader, these are right whatever the first lines hold: a reader that guesses the types from
them takes a key that is null there for one that is null everywhere. Libraries are imported where one is asked for.
"""

import re
from typing import TYPE_CHECKING, Any, Final

import msgspec

from .columns import COLUMNS, Kind, typed
from .extras import extra
from .items import SCHEMA_VERSION, SINCE_2, Article

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl
    import pyarrow as pa  # type: ignore[import-untyped]  # has none
    from pyarrow import json as arrow_json

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_DUCKDB: Final = {
    Kind.TEXT: "VARCHAR",
    Kind.INTEGER: "BIGINT",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.DAY: "DATE",
    # In UTC. One with a time zone would be shown in the reader's, and need pytz on its way to Python.
    Kind.INSTANT: "TIMESTAMP",
    Kind.TEXTS: "VARCHAR[]",
}
# A line of a speech is longer than the megabyte that pyarrow reads at once.
_BLOCK_BYTES: Final = 64 << 20


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a line."""
    _, components = msgspec.json.schema_components((Article,))
    properties = components[Article.__name__]["properties"]
    keys = [column.name for column in COLUMNS]
    return {
        "$schema": DIALECT,
        "title": "A line of articles.jsonl",
        "description": "One revision of one article; null is what is not known. docs/record.md explains each key.",
        "type": "object",
        "properties": {key: _anchored(properties[key]) for key in keys},
        # Also one for which the class has a value is on every line.
        "required": [key for key in keys if key not in SINCE_2],
        "if": {"properties": {"schema_version": {"const": SCHEMA_VERSION}}},
        "then": {"required": list(SINCE_2), "properties": {"revision_cause": {"type": "string"}}},
    }


def _anchored(node: Any) -> Any:
    """Return a schema with patterns in ECMA 262, as JSON Schema asks for: it knows no ``\\A`` and ``\\Z``."""
    match node:
        case {"pattern": str(pattern)}:
            return node | {"pattern": re.sub(r"^\\A(.*)\\Z$", r"^\1$", pattern)}
        case dict():
            return {key: _anchored(value) for key, value in node.items()}
        case list():
            return [_anchored(value) for value in node]
    return node


def arrow_schema() -> "pa.Schema":
    """Return the Arrow schema of a table of records: that of a Parquet store's files."""
    with extra("arrow"):
        import pyarrow as pa  # noqa: PLC0415 - where it is asked for
    types = {
        Kind.TEXT: pa.string(),
        Kind.INTEGER: pa.int64(),
        Kind.BOOLEAN: pa.bool_(),
        Kind.DAY: pa.date32(),
        Kind.INSTANT: pa.timestamp("us", tz="UTC"),
        Kind.TEXTS: pa.list_(pa.string()),
    }
    return pa.schema([(column.name, types[column.kind]) for column in COLUMNS])


def duckdb_columns() -> dict[str, str]:
    """Return what DuckDB's ``read_json`` takes as ``columns``; instants are in UTC."""
    return typed(_DUCKDB)


def pandas_dtypes() -> "dict[str, pd.ArrowDtype]":
    """Return what pandas' ``read_json`` takes as ``dtype``: types with a null of their own, so that numbers stay."""
    with extra("pandas"):
        import pandas as pd  # noqa: PLC0415 - as above
    return {field.name: pd.ArrowDtype(field.type) for field in arrow_schema()}


def polars_schema() -> "pl.Schema":
    """Return what polars' ``scan_ndjson`` and ``read_ndjson`` take as ``schema``."""
    with extra("polars"):
        import polars as pl  # noqa: PLC0415 - as above
    types = {
        Kind.TEXT: pl.String(),
        Kind.INTEGER: pl.Int64(),
        Kind.BOOLEAN: pl.Boolean(),
        Kind.DAY: pl.Date(),
        Kind.INSTANT: pl.Datetime("us", "UTC"),
        Kind.TEXTS: pl.List(pl.String()),
    }
    return pl.Schema({column.name: types[column.kind] for column in COLUMNS})


def pyarrow_options() -> "dict[str, arrow_json.ReadOptions | arrow_json.ParseOptions]":
    """Return both options of ``pyarrow.json.read_json``. It reads no days: cast its table to :func:`arrow_schema`."""
    schema = arrow_schema()
    import pyarrow as pa  # noqa: PLC0415 - as above
    from pyarrow import json as arrow_json  # noqa: PLC0415 - as above

    read = [field.with_type(pa.string()) if field.type == pa.date32() else field for field in schema]
    parsing = {"explicit_schema": pa.schema(read), "unexpected_field_behavior": "ignore"}
    return {
        "read_options": arrow_json.ReadOptions(block_size=_BLOCK_BYTES),
        "parse_options": arrow_json.ParseOptions(**parsing),
    }
