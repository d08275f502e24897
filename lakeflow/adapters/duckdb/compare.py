"""Do two snapshots hold the same rows? Decided by count and two sums of row hashes, so order never matters."""

from __future__ import annotations

from typing import Any, Final

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb import scan as scans
from lakeflow.adapters.duckdb.names import quoted
from lakeflow.core.schema import Field, List, Map, Primitive, Struct, Type
from lakeflow.core.table import Scan

_DIGITS: Final = {"double": 10, "float": 6}
"""Significant digits that must agree: sums of floats differ in their last bits with the number of threads.

Two floats may agree better than that and yet round apart; then the answer is *different*, which is the safe one.
"""


def same_rows(cursor: DuckDBPyConnection, left: Scan, right: Scan) -> bool:
    """The same multiset of rows under the same column names and types, in the same order of columns."""
    if _shape(left) != _shape(right):
        return False
    if left.files == right.files and left.deletes == right.deletes:
        return True
    return bool(_digest(cursor, left) == _digest(cursor, right))


def _shape(scan: Scan) -> list[tuple[str, str]]:
    return [(field.name, str(field.type)) for field in scan.schema.fields]


def _digest(cursor: DuckDBPyConnection, scan: Scan) -> Any:
    values = ", ".join(_canonical(quoted(field.name), field.type) for field in scan.schema.fields)
    return cursor.execute(
        f"SELECT count(*), sum(hash({values})), sum(hash('second', {values})) FROM ({scans.select(cursor, scan)})"
    ).fetchall()


def _canonical(value: str, type_: Type) -> str:
    """SQL whose result is equal for values that count as the same."""
    if not _holds_float(type_):
        return value
    match type_:
        case Struct(fields):
            return _struct(value, fields)
        case List(element):
            return f"list_transform({value}, lambda x: {_canonical('x', element.type)})"
        case Map(key, side):
            pair = _struct("x", (key, side))
            return f"list_transform(map_entries({value}), lambda x: {pair})"
    # -0.0 + 0.0 is 0.0, and both zeros are one number
    return f"format('{{:.{_DIGITS[str(type_)] - 1}e}}', {value} + 0.0)"


def _struct(value: str, fields: tuple[Field, ...]) -> str:
    parts = (f"{quoted(field.name)} := {_canonical(f'{value}.{quoted(field.name)}', field.type)}" for field in fields)
    return f"CASE WHEN {value} IS NULL THEN NULL ELSE struct_pack({', '.join(parts)}) END"


def _holds_float(type_: Type) -> bool:
    match type_:
        case Primitive(name):
            return name in _DIGITS
        case Struct(fields):
            return any(_holds_float(field.type) for field in fields)
        case List(element):
            return _holds_float(element.type)
        case Map(key, value):
            return _holds_float(key.type) or _holds_float(value.type)
    return False
