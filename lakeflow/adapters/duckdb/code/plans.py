"""The plan of a SELECT before there are rows: DuckDB makes it over empty tables of the known schemas, and runs nothing.

A table of the plan is a table, not a view as in `bind`: a view of no rows would leave no trace of the table in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import field
from typing import Any, Final

import duckdb

from lakeflow.adapters.duckdb.names import literal, quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.core.columns.derivation import SelectColumns, UnknownColumns
from lakeflow.core.columns.select_columns import columns_of_plan
from lakeflow.core.model.schema import Schema
from lakeflow.core.values import dataclass

_SETTINGS: Final = {
    "TimeZone": "UTC",
    "python_enable_replacements": "false",
    "enable_external_access": "false",
    "threads": "1",
    "pivot_filter_threshold": "1000000",
}
_OPENS_FILES: Final = "disabled by configuration"
_OPTIONS: Final = "skip_null := true, skip_empty := true, skip_default := true"


@dataclass
class Planner:
    """An empty lake in memory that reads no file. `tables` has the name of each of its tables by full path."""

    tables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._connection = duckdb.connect(":memory:")
        for name, value in _SETTINGS.items():
            self._connection.execute(f"SET {name} = {literal(value)}")

    def close(self) -> None:
        self._connection.close()

    def know(self, name: str, called: str, schema: Schema) -> bool:
        """Make the table of that name: `table`, `layer.name` or `catalog.layer.name`. Answers say `called` for it. A
        table with a type of another engine stays unknown: False.
        """
        parts = name.split(".")
        try:
            for depth in range(1, len(parts)):
                self._home(parts[:depth], catalog=len(parts) == 3)
            table, nothing = ".".join(map(quoted, parts)), scans.nothing(schema.fields)
            self._connection.execute(f"CREATE OR REPLACE TABLE {table} AS {nothing}")
        except (duckdb.Error, KeyError):
            return False
        path = {1: ["memory", "main", *parts], 2: ["memory", *parts]}.get(len(parts), parts)
        self.tables[".".join(path).lower()] = called
        return True

    @contextmanager
    def landed(self, name: str, called: str, source: Schema | None) -> Iterator[None]:
        """For one SELECT, a table of the rows that its asset lands."""
        if source is None:
            yield
            return
        self.know(name, called, source)
        try:
            yield
        finally:
            self._connection.execute(f"DROP TABLE IF EXISTS {quoted(name)}")

    def columns(self, text: str) -> SelectColumns | UnknownColumns:
        """Where the columns of a SELECT come from."""
        try:
            names = self._connection.sql(text).columns
            plans = self._plans(text)
        except RecursionError:
            return UnknownColumns("it is nested deeper than it can be followed")
        except (duckdb.Error, UnicodeEncodeError) as error:
            return UnknownColumns(_reason(error))
        if len(plans) != 1:
            return UnknownColumns("DuckDB cannot show how it reads the SELECT")
        return columns_of_plan(plans[0], names, self.tables)

    def _home(self, parts: list[str], *, catalog: bool) -> None:
        if catalog and len(parts) == 1:
            self._connection.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {quoted(parts[0])}")
        else:
            self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {'.'.join(map(quoted, parts))}")

    def _plans(self, text: str) -> list[Mapping[str, Any]]:
        found = self._connection.execute(f"SELECT json_serialize_plan($1::VARCHAR, {_OPTIONS})", [text]).fetchall()
        plain = json.loads(found[0][0])
        return [] if plain.get("error") else list(plain.get("plans") or ())


def _reason(error: Exception) -> str:
    said = str(error).partition("\n")[0]
    return "it opens files itself" if _OPENS_FILES in said else re.sub(r"^[A-Z][A-Za-z ]* Error: ", "", said)
