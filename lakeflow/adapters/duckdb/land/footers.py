"""The columns of Parquet files, from their footers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from duckdb.sqltypes import DuckDBPyType

from lakeflow.adapters.duckdb.names import listed
from lakeflow.adapters.duckdb.types import type_of
from lakeflow.core.column_names import fault_of, twins
from lakeflow.core.errors import AssetError, SchemaError
from lakeflow.core.plan.landing import FoundFile

Column = tuple[str, str]
"""The name of a column, and its type as DuckDB reads it."""
Ask = Callable[[str], Sequence[tuple[Any, ...]]]


def described(ask: Ask, paths: Mapping[str, FoundFile]) -> dict[str, tuple[Column, ...]]:
    """The columns of each file, in the order of the file. AssetError for names that DuckDB takes for one."""
    rows = ask(
        f"SELECT file_name, name, duckdb_type, num_children FROM parquet_schema({listed(tuple(paths))})"
    )  # nested fields come after what holds them
    found = dict[str, tuple[Column, ...]]()
    for path, of_file in groupby(rows, key=lambda row: str(row[0])):
        all_levels = [row[1:] for row in of_file]
        _refuse_names(paths[path].name, all_levels)
        found[path] = tuple(_top(all_levels[1:]))
    return found


def told_type(type_: DuckDBPyType, name: str) -> str:
    """The type as a table holds it; as DuckDB reads it where no table can."""
    try:
        return str(type_of(type_, name))
    except SchemaError:
        return str(type_)


def _refuse_names(file: str, described: Sequence[tuple[Any, ...]]) -> None:
    """AssetError for names that DuckDB takes for one, at any level: it would read the first one's values twice."""
    levels: list[tuple[str, list[str], int]] = []
    for name, _, inside in described:
        if levels:
            levels[-1][1].append(str(name))
        levels.append((str(name), [], inside or 0))
        while levels and len(levels[-1][1]) == levels[-1][2]:
            within, names, _ = levels.pop()
            for number, each in enumerate(names, 1):
                if fault := fault_of(each):
                    raise AssetError(f"{file}: column {number} {fault}", hint=_TWINS)
            if found := twins(names):
                where = f" in {within!r}" if levels else ""
                raise AssetError(f"{file}: two columns{where} are named {found[0]!r} and {found[1]!r}", hint=_TWINS)


_TWINS: Final = (
    "let its writer give every column a name that differs in more than letter case; nothing of it has landed"
)


def _top(described: Sequence[tuple[Any, ...]]) -> list[Column]:
    """The columns that are not nested in others, each with its whole type."""
    columns, inside = list[Column](), 0
    for name, type_, children in described:
        if not inside:
            columns.append((str(name), str(type_)))
        inside += (children or 0) - bool(inside)
    return columns
