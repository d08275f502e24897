"""Values in a check as SQL literals of the type of the column that they are compared with.

A comparison of different kinds (a number with a text column) is refused: engines disagree on its meaning, and most of
these meanings pass silently.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
from typing import Any, Final

from lakeflow.adapters.expectations.table import CannotCheck, Operand
from lakeflow.core.model.schema import Primitive

EXACT: Final = 2**53
"""Whole numbers from here on are not exact as floats, which is how Great Expectations stores bounds."""


def text(value: str) -> str:
    if "\0" in value:
        raise CannotCheck("a value in this check holds a NUL character")
    return "'" + value.replace("'", "''") + "'"


def literal(value: Any, column: Operand) -> str:
    """SQL for `value`, to be compared with `column`; CannotCheck when the two do not compare."""
    plain = value.item() if hasattr(value, "item") else value
    if column.is_time:
        moment = instant(plain, column.name).isoformat(sep=" ")
        return f"TIMESTAMPTZ '{moment}+00'" if str(column.type) == "timestamptz" else f"TIMESTAMP '{moment}'"
    if column.is_number and isinstance(plain, (bool, int, float, decimal.Decimal)):
        return _number(plain, column)
    if column.is_text and isinstance(plain, str):
        return text(plain)
    if column.type == Primitive("boolean") and plain in (True, False):
        return str(bool(plain)).upper()
    if column.type == Primitive("uuid") and (isinstance(plain, str) or type(plain).__name__ == "UUID"):
        return f"CAST({text(str(plain))} AS UUID)"
    raise CannotCheck(f"{column.name} is {column.type} and does not compare with {plain!r} ({type(plain).__name__})")


def _number(value: float | decimal.Decimal, column: Operand) -> str:
    if math.isnan(value):
        raise CannotCheck(f"{column.name} is compared with NaN, which equals nothing")
    if math.isinf(value):
        return f"CAST('{float(value)}' AS DOUBLE)"
    number = int(value) if value == int(value) and not column.is_float else value
    spelled = f"{number:f}" if isinstance(number, decimal.Decimal) else str(number)
    return f"CAST({spelled} AS {column.type})" if column.is_float else spelled


def naive(expression: str, column: Operand) -> str:
    """Dates and times as timestamps in UTC, as bounds become, too, so that they compare."""
    if str(column.type) == "timestamptz":
        return f"({expression}) AT TIME ZONE 'UTC'"
    return f"CAST({expression} AS TIMESTAMP)" if str(column.type) == "date" else expression


def instant(value: Any, name: str) -> dt.datetime:
    """A date, a time or its ISO text as a naive time in UTC; a time without a zone counts as UTC."""
    if isinstance(value, str):
        value = _parse(value, name)
    if isinstance(value, dt.datetime):
        return value if value.tzinfo is None else value.astimezone(dt.UTC).replace(tzinfo=None)
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time())
    raise CannotCheck(f"{name} is a date or time and does not compare with {value!r} ({type(value).__name__})")


def _parse(value: str, name: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(value)
    except ValueError:
        raise CannotCheck(f"{name} is a date or time; {value!r} is not one in ISO form (2013-02-12T03:00)") from None
