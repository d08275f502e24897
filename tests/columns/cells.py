"""The judge of column lineage: change one cell of a source in DuckDB, run the SELECT again, and see what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import duckdb

from lakeflow.adapters.duckdb.code.plans import Planner
from lakeflow.core.columns.derivation import ColumnRef, SelectColumns, UnknownColumns
from lakeflow.core.model.schema import Field, Schema
from lakeflow.core.model.type_names import parse_type

Row = tuple[Any, ...]
Tables = Mapping[str, tuple[Mapping[str, str], Sequence[Row]]]
"""Of each table its columns with their types, and its rows."""

SOURCES: Tables = {
    "bronze.t": (
        {"id": "int", "a": "int", "b": "int", "k": "int", "w": "string"},
        [(1, 11, 101, 1, "p"), (2, 12, 105, 1, "q"), (3, 17, 102, 2, "p"), (4, 14, 110, 2, "r"), (5, 15, 99, 3, "q")],
    ),
    "bronze.u": (
        {"id": "int", "c": "int", "k": "int"},
        [(1, 1003, 1), (2, 1001, 2), (3, 1009, 2), (4, 1004, 4), (6, 1006, 3)],
    ),
    "bronze.n": (
        {"id": "int", "st": "struct(p int, q int)", "l": "int[]"},
        [(1, {"p": 1, "q": 2}, [7, 8]), (2, {"p": 3, "q": 4}, [9]), (3, {"p": 5, "q": 6}, [7, 5, 4])],
    ),
}
OTHERS: Mapping[str, Sequence[Any]] = {
    "int": (2, 3, 100, 1002, 7777, None),
    "string": ("p", "r", "zz", None),
    "struct(p int, q int)": ({"p": 71, "q": 72}, {"p": 1, "q": 98}, None),
    "int[]": ([70, 80], [7, 8, 6], []),
}


@dataclass(frozen=True)
class Change:
    table: str
    column: str
    row: int
    value: Any

    @property
    def ref(self) -> ColumnRef:
        return ColumnRef(self.table, self.column)


def said_of(text: str, sources: Tables = SOURCES) -> SelectColumns | UnknownColumns:
    """What column lineage says of a SELECT."""
    planner = Planner()
    try:
        for name, (columns, _) in sources.items():
            fields = (Field(column, parse_type(type_), at) for at, (column, type_) in enumerate(columns.items(), 1))
            planner.know(name, name, Schema(tuple(fields)))
        return planner.columns(text)
    finally:
        planner.close()


def changes(text: str, said: SelectColumns) -> Iterator[Change]:
    """Every cell of the tables that the text names: with each of some other values, or with one where the column is
    said to be nowhere.
    """
    somewhere = {*said.rows, *(ref for flows in said.columns.values() for ref in flows)}
    for table, (columns, rows) in SOURCES.items():
        for at, (column, type_) in enumerate(columns.items() if table in text else ()):
            for row in range(len(rows)):
                others = [value for value in OTHERS[type_] if value != rows[row][at]]
                for value in others if ColumnRef(table, column) in somewhere else others[row % 2 :][:1]:
                    yield Change(table, column, row, value)


class Bench:
    """A database with the sources, in which cells change and change back."""

    def __init__(self, sources: Tables = SOURCES) -> None:
        self._sources = sources
        self._connection = duckdb.connect(":memory:", config={"threads": "1"})
        self._connection.execute("SET TimeZone = 'UTC'")
        for name, (columns, rows) in sources.items():
            self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {name.partition('.')[0]}")
            spelled = ", ".join(f"{column} {type_}" for column, type_ in columns.items())
            self._connection.execute(f"CREATE TABLE {name} ({spelled})")
            self._connection.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' for _ in columns)})", rows)

    def rows(self, text: str) -> list[tuple[str, ...]] | None:
        """All rows, each value as text. None where a value ends the SELECT with an error."""
        try:
            return [tuple(map(repr, row)) for row in self._connection.execute(text).fetchall()]
        except (duckdb.ConversionException, duckdb.InvalidInputException, duckdb.OutOfRangeException):
            return None

    @contextmanager
    def changed(self, change: Change) -> Iterator[None]:
        at = list(self._sources[change.table][0]).index(change.column)
        self._set(change, change.value)
        try:
            yield
        finally:
            self._set(change, self._sources[change.table][1][change.row][at])

    def _set(self, change: Change, value: Any) -> None:
        text = f"UPDATE {change.table} SET {change.column} = ? WHERE rowid = ?"
        self._connection.execute(text, [value, change.row])


def kept(rows: Sequence[Row], places: frozenset[int]) -> Counter[Row]:
    """The rows as a bag, if one looks at these columns alone."""
    return Counter(tuple(row[at] for at in sorted(places)) for row in rows)


@dataclass(frozen=True)
class Moved:
    """What a change moved: the columns, each told by the columns that are said to stand still, and whether these stood
    still.
    """

    columns: frozenset[int]
    stayed: bool


def moved(before: Sequence[Row], after: Sequence[Row], derived: frozenset[int]) -> Moved:
    still = frozenset(range(len((*before, *after)[0]))) - derived
    columns = frozenset(at for at in derived if kept(before, still | {at}) != kept(after, still | {at}))
    return Moved(columns, kept(before, still) == kept(after, still))
