"""Iceberg's types as plain values, and how a table's columns follow what its code produces.

Field ids are Iceberg's (spec, "Schemas and Data Types"): a column keeps its id through a rename of nothing,
a widening and a reorder; a column that changes its type otherwise is a new column.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final, TypeAlias

from lakeflow.core.column_names import RENAME, RESERVED, alike, fault_of, hint_of_renamed, refuse_twins
from lakeflow.core.errors import SchemaError
from lakeflow.core.values import dataclass

Path: TypeAlias = tuple[str, ...]

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
"""The types that can be read in other engines' tables; the first of them are also written."""


@dataclass(frozen=True)
class Primitive:
    """One of `PRIMITIVES`, or in another engine's table any other word."""

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


@dataclass(frozen=True)
class Guess:
    """The type of a column of a data frame whose library lacks some of a table's types (`lacks`: uuid, date, decimal).

    `found` is the type that came. It may stand for one of the lacking types: the table's own, or `meant`, the type of
    that column in what the code read.
    """

    found: Type
    lacks: frozenset[str]
    meant: Type | None = None

    def __str__(self) -> str:
        return str(self.found)


Type: TypeAlias = Primitive | Decimal | Fixed | Struct | List | Map | Guess
UNKNOWN: Final = Primitive("unknown")
"""The type of a column that holds only NULL, where nothing tells its type."""


@dataclass(frozen=True)
class Field:
    """A column or a nested field. `id` 0 means not assigned yet. As in the spec, list elements are named `element`, and
    the two sides of a map `key` and `value`.
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
    """The fields directly below a type; none for a leaf type."""
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


def require_names(fields: tuple[Field, ...]) -> None:
    """SchemaError unless every reader can tell these columns, and all fields nested in them, apart by name."""
    for field in fields:
        if field.name.lower() in RESERVED:
            raise SchemaError(
                f"column {field.name!r} has a name that Iceberg reserves, so that Spark could not read the table",
                hint=hint_of_renamed(field.name) or f"give it another name, such as {field.name.lstrip('_')!r}",
            )
    _require_level(fields, ())
    if found := _hidden(fields):
        first, second = found
        raise SchemaError(
            f"two columns are called {'.'.join(second)!r} by readers: {_told(first)} and {_told(second)}",
            hint=f"{RENAME}, without a dot",
        )


def loadable(schema: Schema) -> Schema:
    """The columns under names that Iceberg's libraries can load. Of two names that these take for one, the name with a
    dot is changed. Tables of early releases may need it.
    """
    fields = schema.fields
    while found := _hidden(fields):
        fields = _renamed(fields, next((path for path in found if "." in path[-1]), found[0]))
    return replace(schema, fields=fields)


def _hidden(fields: tuple[Field, ...]) -> tuple[Path, Path] | None:
    """The paths of the first two fields that share one look-up name."""
    by_name: dict[str, Path] = {}
    for path, _ in walk(fields):
        name = alike(".".join(path))
        if name in by_name:
            return by_name[name], path
        by_name[name] = path
    return None


def _renamed(fields: tuple[Field, ...], path: Path) -> tuple[Field, ...]:
    return tuple(_renamed_in(field, path) if field.name == path[0] else field for field in fields)


def _renamed_in(field: Field, path: Path) -> Field:
    if len(path) == 1:
        return replace(field, name=f"{field.name.replace('.', '_')}_{field.id}")
    match field.type:
        case Struct(fields):
            return replace(field, type=Struct(_renamed(fields, path[1:])))
        case List(element):
            return replace(field, type=List(*_renamed((element,), path[1:])))
        case Map(key, value):
            return replace(field, type=Map(*_renamed((key, value), path[1:])))
    return field


def _require_level(fields: tuple[Field, ...], above: Path) -> None:
    within = ".".join(above)
    for number, field in enumerate(fields, 1):
        if fault := fault_of(field.name):
            place = f"column {number}" + (f" in {within!r}" if within else "")
            raise SchemaError(f"{place} {fault}", hint="name it, as in `select count(*) as orders`")
    refuse_twins([field.name for field in fields], within)
    for field in fields:
        _require_level(children(field.type), (*above, field.name))


def _told(path: Path) -> str:
    """A nested field, named with the fields that hold it."""
    return repr(path[0]) if len(path) == 1 else f"{path[-1]!r} in {'.'.join(path[:-1])!r}"
