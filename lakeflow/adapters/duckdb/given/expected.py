"""Rows that somebody expects, compared with those of a snapshot in the types of its columns."""

from __future__ import annotations

from dataclasses import replace

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.adapters.duckdb.given.store import GivenRows
from lakeflow.adapters.duckdb.given.table import table_of
from lakeflow.core.column_names import alike
from lakeflow.core.expected.compare import RowDifference, difference
from lakeflow.core.model.schema import Schema
from lakeflow.core.model.table import Scan


def compared(store: GivenRows, engine: DuckEngine, came: Scan, expected: object, what: str = "") -> RowDifference:
    """How the rows differ in the columns that are expected; in all of them where no row and no column is.

    UsageError as from `GivenRows.store`.
    """
    what = what or f"what is expected of {came.key}"
    table = table_of(expected, what)
    named = set(map(alike, table.column_names)) or set(map(alike, came.schema.names))
    wanted = store.store(came.key, table, came.schema, what=what)
    own, theirs = (_only(scan, named) for scan in (came, wanted))
    return difference(engine.rows(theirs, _ALL), engine.rows(own, _ALL))


_ALL = 2**62


def _only(scan: Scan, named: set[str]) -> Scan:
    """The columns of that name, in the table's own order."""
    fields = tuple(field for field in scan.schema.fields if alike(field.name) in named)
    return replace(scan, schema=Schema(fields, scan.schema.id))
