"""DuckDB's types and Iceberg's, in both directions, so that a written file has exactly the types of its table.

Readers trust the file: they misread or crash on a decimal of another scale, or a 32-bit integer in a long column. So
nothing is left to the choice of the Parquet writer (which stores HUGEINT as DOUBLE, for one).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from duckdb.sqltypes import DuckDBPyType

from lakeflow.adapters.duckdb.names import quoted
from lakeflow.core.column_names import refuse_twins
from lakeflow.core.errors import SchemaError
from lakeflow.core.model.schema import UNKNOWN, Decimal, Field, Fixed, Guess, List, Map, Primitive, Schema, Struct, Type

NOTHING: Final = "lakeflow_nothing"
"""Stands in for the columns of a frame that has no columns and no rows."""

_LEAVES: Final[dict[str, Type]] = {
    "boolean": Primitive("boolean"),
    "tinyint": Primitive("int"),
    "smallint": Primitive("int"),
    "integer": Primitive("int"),
    "utinyint": Primitive("int"),
    "usmallint": Primitive("int"),
    "uinteger": Primitive("long"),
    "bigint": Primitive("long"),
    "ubigint": Decimal(20, 0),
    "hugeint": Decimal(38, 0),
    "uhugeint": Decimal(38, 0),
    "float": Primitive("float"),
    "double": Primitive("double"),
    "date": Primitive("date"),
    "time": Primitive("time"),
    "timestamp": Primitive("timestamp"),
    "timestamp_s": Primitive("timestamp"),
    "timestamp_ms": Primitive("timestamp"),
    # Whole microseconds are kept; other nanoseconds are refused by their cast.
    "timestamp_ns": Primitive("timestamp"),
    "timestamptz_ns": Primitive("timestamptz"),
    "time_ns": Primitive("time"),
    "timestamp with time zone": Primitive("timestamptz"),
    "varchar": Primitive("string"),
    "enum": Primitive("string"),
    "uuid": Primitive("uuid"),
    "null": UNKNOWN,
    "blob": Primitive("binary"),
}

_SPELLED: Final = {
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ns": "TIMESTAMP_NS",
    "timestamptz_ns": "TIMESTAMPTZ_NS",
    "unknown": '"NULL"',
    "string": "VARCHAR",
    "uuid": "UUID",
    "binary": "BLOB",
}

_CAST_TO: Final = {
    "interval": "cast it to VARCHAR, or to BIGINT with epoch_us(...)",
    "bit": "cast it to VARCHAR",
    "time with time zone": "cast it to TIME or to VARCHAR",
    "union": "select the member that you want, or cast it to VARCHAR",
    "tuple": "name its parts, as in {'x': 1, 'y': 2}",
    "bignum": "cast it to DECIMAL(38,0)",
}


def schema_of(names: Sequence[str], types: Sequence[DuckDBPyType]) -> Schema:
    """The columns of a result, ids unassigned. SchemaError where Iceberg has no such type, or for twin names."""
    refuse_twins(names)
    return Schema(tuple(Field(name, type_of(type_, name)) for name, type_ in zip(names, types, strict=True)))


def type_of(type_: DuckDBPyType, where: str) -> Type:
    """The type in which a table holds a column of that type. SchemaError where Iceberg has no such type."""
    if leaf := _LEAVES.get(type_.id):
        return leaf
    match type_.id:
        case "decimal":
            return Decimal(**dict(parts_of(type_)))
        case "list" | "array":
            return List(_field("element", parts_of(type_)[0][1], f"{where}.element"))
        case "map":
            key, value = (_field(name, child, f"{where}.{name}") for name, child in parts_of(type_))
            return Map(replace(key, required=True), value)
        case "struct":
            refuse_twins([name for name, _ in parts_of(type_)], where)
            return Struct(tuple(_field(name, child, f"{where}.{name}") for name, child in parts_of(type_)))
    raise SchemaError(
        f"column {where!r} has type {type_}, which an Iceberg table cannot hold",
        hint=_CAST_TO.get(type_.id, "cast it to VARCHAR"),
    )


def _field(name: str, type_: DuckDBPyType, where: str) -> Field:
    if not name:
        raise SchemaError(f"column {where!r} has a nested field without a name", hint=_CAST_TO["tuple"])
    return Field(name, type_of(type_, where))


def parts_of(type_: DuckDBPyType) -> list[tuple[str, Any]]:
    """The parts of a nested type by name, or the numbers of a decimal."""
    return list(type_.children)


def spelled(type_: Type) -> str:  # noqa: PLR0911 - one for each kind of type
    """The type in DuckDB's words."""
    match type_:
        case Primitive(name):
            return _SPELLED[name]
        case Decimal(precision, scale):
            return f"DECIMAL({precision},{scale})"
        case Fixed():
            return "BLOB"
        case Struct(fields):
            return f"STRUCT({', '.join(f'{quoted(field.name)} {spelled(field.type)}' for field in fields)})"
        case List(element):
            return f"{spelled(element.type)}[]"
        case Guess(found):
            return spelled(found)
        case Map(key, value):
            return f"MAP({spelled(key.type)}, {spelled(value.type)})"
