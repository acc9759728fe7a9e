"""A record as a row: one table of columns, from which each store and reader takes its own names of types."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from enum import Enum, auto
from typing import Any, Final, get_args, get_origin, get_type_hints

from .items import SINCE_2, Article, Day, Instant


class Kind(Enum):
    """What a column holds."""

    TEXT = auto()
    INTEGER = auto()
    BOOLEAN = auto()
    DAY = auto()
    INSTANT = auto()
    TEXTS = auto()


@dataclass(frozen=True, slots=True)
class Column:
    """A key of a record."""

    name: str
    kind: Kind
    nullable: bool


def _column(name: str, hint: Any) -> Column:
    kinds = get_args(hint) if type(None) in get_args(hint) else (hint,)
    return Column(name, _kind(kinds[0]), nullable=type(None) in kinds)


def _kind(hint: Any) -> Kind:
    if hint == Day:
        return Kind.DAY
    if hint == Instant:
        return Kind.INSTANT
    if get_origin(hint) is tuple:
        return Kind.TEXTS
    bare = get_args(hint)[0] if get_args(hint) else hint
    # A literal stands for its type.
    bare = bare if isinstance(bare, type) else type(bare)
    return {bool: Kind.BOOLEAN, int: Kind.INTEGER, str: Kind.TEXT}[bare]


_HINTS: Final = get_type_hints(Article, include_extras=True)
COLUMNS: Final = tuple(_column(one.name, _HINTS[one.name]) for one in fields(Article))
ADDED: Final = tuple(one for one in COLUMNS if one.name in SINCE_2)
"""What stores of records of version 1 lack."""


def typed(names: Mapping[Kind, str]) -> dict[str, str]:
    """Return each column's type, as it is called elsewhere."""
    return {column.name: names[column.kind] for column in COLUMNS}


def declared(names: Mapping[Kind, str], columns: Sequence[Column] = COLUMNS) -> str:
    """Return columns as ``CREATE TABLE`` has them."""
    return ",\n    ".join(declarations(names, columns))


def declarations(names: Mapping[Kind, str], columns: Sequence[Column] = COLUMNS) -> list[str]:
    """Return each column as ``CREATE TABLE`` and ``ADD COLUMN`` have it."""
    return [f"{column.name} {names[column.kind]}{'' if column.nullable else ' NOT NULL'}" for column in columns]
