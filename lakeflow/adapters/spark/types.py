"""Spark's types and Iceberg's, in both directions. What one of them lacks is refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pyspark.sql import types as T  # noqa: N812 - as everybody calls it

from lakeflow.core.column_names import refuse_twins
from lakeflow.core.errors import SchemaError
from lakeflow.core.model.schema import Decimal, Field, List, Map, Primitive, Schema, Struct, Type

FIELD_ID: Final = "parquet.field.id"
_LEAVES: Final[dict[str, T.DataType]] = {
    "boolean": T.BooleanType(),
    "int": T.IntegerType(),
    "long": T.LongType(),
    "float": T.FloatType(),
    "double": T.DoubleType(),
    "date": T.DateType(),
    "timestamp": T.TimestampNTZType(),
    "timestamptz": T.TimestampType(),
    "string": T.StringType(),
    "binary": T.BinaryType(),
}
_BACK: Final = {
    **{type(spark): Primitive(name) for name, spark in _LEAVES.items()},
    T.ByteType: Primitive("int"),
    T.ShortType: Primitive("int"),
    T.CharType: Primitive("string"),
    T.VarcharType: Primitive("string"),
}
_CAST: Final = "cast it in the SELECT, to a string or a number"
_FIRST: Final = "read it in an asset on DuckDB that casts it to a string, and read that one here"


def spark_schema(schema: Schema, table: object) -> T.StructType:
    """The columns of a table as Spark reads them, by their ids. SchemaError for a type that Spark lacks."""
    return T.StructType([_spark_field(field, f"column {field.name!r} of {table}") for field in schema.fields])


def spark_type(type_: Type, where: str = "a column") -> T.DataType:
    match type_:
        case Struct(fields):
            return T.StructType([_spark_field(field, where) for field in fields])
        case List(element):
            return T.ArrayType(spark_type(element.type, where))
        case Map(key, value):
            return T.MapType(spark_type(key.type, where), spark_type(value.type, where))
        case Decimal(precision, scale):
            return T.DecimalType(precision, scale)
    if found := _LEAVES.get(str(type_)):
        return found
    raise SchemaError(f"{where} is {type_}, a type that Spark lacks", hint=_FIRST)


def schema_of(given: T.StructType) -> Schema:
    """The columns of a frame, ids unassigned. SchemaError where Iceberg has no such type, or for twin names."""
    refuse_twins([field.name for field in given.fields])
    return Schema(tuple(Field(field.name, _type_of(field.dataType, field.name)) for field in given.fields))


def _spark_field(field: Field, where: str) -> T.StructField:
    return T.StructField(field.name, spark_type(field.type, where), True, {FIELD_ID: field.id} if field.id else None)


def _type_of(type_: T.DataType, where: str) -> Type:
    match type_:
        case T.DecimalType():
            return Decimal(type_.precision, type_.scale)
        case T.ArrayType():
            return List(Field("element", _type_of(type_.elementType, f"{where}.element")))
        case T.MapType():
            key, value = _type_of(type_.keyType, f"{where}.key"), _type_of(type_.valueType, f"{where}.value")
            return Map(Field("key", key, required=True), Field("value", value))
        case T.StructType():
            refuse_twins([field.name for field in type_.fields], where)
            return Struct(_fields(type_.fields, where))
    if type(type_) in _BACK:
        return _BACK[type(type_)]
    raise SchemaError(f"column {where!r} has Spark's type {type_.simpleString()}, which no table can hold", hint=_CAST)


def _fields(fields: Sequence[T.StructField], where: str) -> tuple[Field, ...]:
    return tuple(Field(field.name, _type_of(field.dataType, f"{where}.{field.name}")) for field in fields)


def numbered(fields: tuple[Field, ...], first: int = 1) -> tuple[tuple[Field, ...], int]:
    """The fields with ids from `first` on, and the next free one."""
    found = []
    for field in fields:
        own, first = first, first + 1
        type_, first = _numbered_type(field.type, first)
        found.append(replace(field, id=own, type=type_))
    return tuple(found), first


def _numbered_type(type_: Type, first: int) -> tuple[Type, int]:
    match type_:
        case Struct(fields):
            below, first = numbered(fields, first)
            return Struct(below), first
        case List(element):
            below, first = numbered((element,), first)
            return List(*below), first
        case Map(key, value):
            below, first = numbered((key, value), first)
            return Map(*below), first
    return type_, first
