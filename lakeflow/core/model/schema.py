"""Iceberg's types as plain values, and how a table's columns follow what its code produces.

Field ids are Iceberg's (spec, "Schemas and Data Types"): a column keeps its id through a rename of nothing,
a widening and a reorder; a column that changes its type otherwise is a new column.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

PRIMITIVES: Final = frozenset(
    {
        "boolean",
        "int",
        "long",
        "float",
        "double",
        "date",
        "time",
        "timestamp",
        "timestamptz",
        "string",
        "uuid",
        "binary",
    }
)

READABLE: Final = PRIMITIVES | {"timestamp_ns", "timestamptz_ns", "unknown"}
"""What can be read of other engines' tables: the first are written too."""


@dataclass(frozen=True)
class Primitive:
    """One of `PRIMITIVES`; of another engine's table any other word."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Decimal:
    precision: int
    scale: int

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})"


@dataclass(frozen=True)
class Fixed:
    length: int

    def __str__(self) -> str:
        return f"fixed[{self.length}]"


@dataclass(frozen=True)
class Struct:
    fields: tuple[Field, ...]

    def __str__(self) -> str:
        return f"struct<{', '.join(f'{field.name}: {field.type}' for field in self.fields)}>"


@dataclass(frozen=True)
class List:
    element: Field

    def __str__(self) -> str:
        return f"list<{self.element.type}>"


@dataclass(frozen=True)
class Map:
    key: Field
    value: Field

    def __str__(self) -> str:
        return f"map<{self.key.type}, {self.value.type}>"


Type: TypeAlias = Primitive | Decimal | Fixed | Struct | List | Map


@dataclass(frozen=True)
class Field:
    """A column or a nested field. `id` 0 means: not assigned yet. List elements are named
    `element`, map sides `key` and `value`, as in the spec.
    """

    name: str
    type: Type
    id: int = 0
    required: bool = False


@dataclass(frozen=True)
class Schema:
    """`id` is the table's schema id, -1 while the schema belongs to no table."""

    fields: tuple[Field, ...]
    id: int = -1

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)

    def find(self, name: str) -> Field | None:
        """The column of that name, letter case ignored (trap T16: readers disagree on case)."""
        return next((field for field in self.fields if field.name.lower() == name.lower()), None)

    def same_columns(self, other: Schema) -> bool:
        return self.fields == other.fields


def children(type_: Type) -> tuple[Field, ...]:
    """The fields directly below a type; none for a leaf."""
    match type_:
        case Struct(fields):
            return fields
        case List(element):
            return (element,)
        case Map(key, value):
            return (key, value)
    return ()


def walk(fields: tuple[Field, ...], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Field]]:
    """Every field with its path of names, parents before children."""
    for field in fields:
        here = (*path, field.name)
        yield here, field
        yield from walk(children(field.type), here)


def highest_id(schema: Schema) -> int:
    return max((field.id for _, field in walk(schema.fields)), default=0)
