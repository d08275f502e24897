"""SQL of a column's values in a form in which two sides can be compared, and that shows what they are.

DuckDB's own grouping and `IS DISTINCT FROM` already take NULL for NULL, NaN for NaN and both zeros for one number, at
any nesting; only the entries of a map have an order to them, which means nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from lakeflow.adapters.duckdb.names import quoted
from lakeflow.core.compare.columns import Pair
from lakeflow.core.model.schema import Decimal, List, Map, Struct, Type, children

_WHOLE: Final = frozenset({"int", "long"})
_FLOATING: Final = frozenset({"float", "double"})
_TIMES: Final = frozenset({"date", "timestamp", "timestamptz", "timestamp_ns", "timestamptz_ns"})
_SAFE: Final = "1e15"
"""Up to here every whole number of a double is told by all of its digits."""


def compared(value: str, type_: Type, pair: Pair) -> str:
    """The value in the form that is compared, of the type that this side has."""
    if not pair.as_text:
        return _in_order(value, type_)
    both = (pair.before.type, pair.after.type)
    if all(map(is_number, both)):
        return _number(value, type_)
    if all(str(each) in _TIMES for each in both):
        return _time(value, type_)
    return f"CAST({value} AS VARCHAR)"


def is_number(type_: Type) -> bool:
    return isinstance(type_, Decimal) or str(type_) in _WHOLE | _FLOATING


def _in_order(value: str, type_: Type, depth: int = 0) -> str:
    """The value with the entries of all its maps in the order of their keys."""
    if not _has_map(type_):
        return value
    name = f"x{depth}"
    match type_:
        case Struct(fields):
            parts = (
                f"{quoted(each.name)} := {_in_order(f'{value}.{quoted(each.name)}', each.type, depth)}"
                for each in fields
            )
            return f"CASE WHEN {value} IS NOT NULL THEN struct_pack({', '.join(parts)}) END"
        case List(element):
            return f"list_transform({value}, lambda {name}: {_in_order(name, element.type, depth + 1)})"
        case Map(key, side):
            entry = (
                f"{{'key': {_in_order(f'{name}.key', key.type, depth + 1)}, "
                f"'value': {_in_order(f'{name}.value', side.type, depth + 1)}}}"
            )
            entries = f"list_sort(list_transform(map_entries({value}), lambda {name}: {entry}))"
            return f"CASE WHEN {value} IS NOT NULL THEN map_from_entries({entries}) END"
    return value


def _has_map(type_: Type) -> bool:
    return isinstance(type_, Map) or any(_has_map(field.type) for field in children(type_))


def _number(value: str, type_: Type) -> str:
    """The same text for the same number, whatever type holds it."""
    text = f"CAST({value} AS VARCHAR)"
    if isinstance(type_, Decimal) and type_.scale:
        return f"rtrim(rtrim({text}, '0'), '.')"
    if str(type_) in _FLOATING:
        whole = f"isfinite({value}) AND {value} = trunc({value}) AND abs({value}) < {_SAFE}"
        return f"CASE WHEN {whole} THEN CAST(CAST({value} AS BIGINT) AS VARCHAR) ELSE {text} END"
    return text


_IN_UTC: Final[Callable[[str], str]] = "CAST({0} AT TIME ZONE 'UTC' AS VARCHAR)".format


def _time(value: str, type_: Type) -> str:
    """The same text for the same moment; a time without a zone is in UTC, a date is its first moment."""
    if str(type_).startswith("timestamptz"):
        return _IN_UTC(value)
    return f"CAST(CAST({value} AS TIMESTAMP) AS VARCHAR)"
