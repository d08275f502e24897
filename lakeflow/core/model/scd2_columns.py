"""The columns of an scd2 table. Each row is a version of its key, valid from one moment until before another.

Intervals are half open, an open end is NULL, and each key has at most one current version.
"""

from __future__ import annotations

from typing import Final

from lakeflow.core.errors import SchemaError
from lakeflow.core.model.schema import Field, Primitive, Schema, Type

VALID_FROM: Final = "valid_from"
VALID_TO: Final = "valid_to"
IS_CURRENT: Final = "is_current"
ADDED: Final = (VALID_FROM, VALID_TO, IS_CURRENT)
_MOMENTS: Final = frozenset({"date", "timestamp", "timestamptz"})


def versioned(produced: Schema, at: str) -> Schema:
    """The columns that the code gives and those that describe a version, in the type of the column `at` (empty: time of
    the run).

    SchemaError where the code gives a column with such a name, or no column called `at` that holds a time.
    """
    if taken := [name for name in ADDED if produced.find(name)]:
        raise SchemaError(
            f"column {taken[0]!r} is added by scd2", hint=f"give it another name, or say at = '{taken[0]}_'"
        )
    moment = _moment(produced, at)
    ends = tuple(Field(name, moment) for name in (VALID_FROM, VALID_TO))
    return Schema((*produced.fields, *ends, Field(IS_CURRENT, Primitive("boolean"))))


def unversioned(schema: Schema) -> Schema:
    """Only the columns that the code gives."""
    return Schema(tuple(field for field in schema.fields if field.name not in ADDED), schema.id)


def _moment(produced: Schema, at: str) -> Type:
    if not at:
        return Primitive("timestamptz")
    field = produced.find(at)
    if field is None:
        raise SchemaError(f"at names column {at!r}, which is not produced", hint=f"select {at} too")
    if str(field.type) not in _MOMENTS:
        raise SchemaError(
            f"at names column {field.name!r}, which is {field.type} and no time",
            hint="cast it to date, timestamp or timestamptz",
        )
    return field.type
