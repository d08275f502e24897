"""Do two snapshots hold the same rows? Decided by count and two sums of row hashes, so order never matters."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb import scan as scans
from lakeflow.adapters.duckdb.names import quoted
from lakeflow.core.schema import Field, List, Map, Struct, Type
from lakeflow.core.table import Scan

_DIGITS: Final = {"double": 10, "float": 6}
"""Significant digits that must agree: sums of floats differ in their last bits with the number of threads.

Two floats may agree better than that and yet round apart; then the answer is *different*, which is the safe one.
"""


def same_rows(cursor: DuckDBPyConnection, left: Scan, right: Scan) -> bool:
    """The same multiset of rows under the same column names and types, in the same order of columns."""
    if _shape(left) != _shape(right):
        return False
    if left.deletes == right.deletes:
        left, right = _apart(left, right)
    return not (left.files or right.files) or bool(_digest(cursor, left) == _digest(cursor, right))


def _apart(left: Scan, right: Scan) -> tuple[Scan, Scan]:
    """Both without the files that they share, whose rows are the same: a merge leaves most files as they are."""
    both = frozenset(left.files) & frozenset(right.files)
    mine, theirs = (tuple(path for path in scan.files if path not in both) for scan in (left, right))
    return replace(left, files=mine), replace(right, files=theirs)


def _shape(scan: Scan) -> list[tuple[str, str]]:
    return [(field.name, str(field.type)) for field in scan.schema.fields]


def _digest(cursor: DuckDBPyConnection, scan: Scan) -> Any:
    values = ", ".join(_canonical(quoted(field.name), field.type) for field in scan.schema.fields)
    return cursor.execute(
        f"SELECT count(*), sum(hash({values})), sum(hash('second', {values})) FROM ({scans.select(cursor, scan)})"
    ).fetchall()


def _canonical(value: str, type_: Type) -> str:
    """SQL whose hash is equal for values that count as the same, and only for those."""
    match type_:
        case Struct(fields):
            return _struct(value, fields)
        case List(element):
            return _items(value, _canonical("x", element.type))
        case Map(key, side):
            return _items(f"map_entries({value})", _struct("x", (key, side)))
    if digits := _DIGITS.get(str(type_)):
        # -0.0 + 0.0 is 0.0, and both zeros are one number
        return f"format('{{:.{digits - 1}e}}', {value} + 0.0)"
    return value


def _struct(value: str, fields: tuple[Field, ...]) -> str:
    """With a flag beside the fields: DuckDB gives a NULL struct and a struct of NULLs one hash."""
    parts = (f"{quoted(field.name)} := {_canonical(f'{value}.{quoted(field.name)}', field.type)}" for field in fields)
    return f"row({value} IS NULL, struct_pack({', '.join(parts)}))"


def _items(value: str, item: str) -> str:
    """With the length beside the items, which tells NULL, an empty list and a list of one NULL apart."""
    return f"row(len({value}), list_transform({value}, lambda x: {item}))"
