"""Finds the spans of time that the rows which came to a table, or went from it, touch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.adapters.duckdb.read.compare import apart
from lakeflow.adapters.duckdb.read.sameness import exactly
from lakeflow.core.declare.parameters import replaced, timestamp
from lakeflow.core.model.table import Scan
from lakeflow.core.time.timeline import BOUNDS, Window
from lakeflow.core.time.window_filter import WindowFilter

_SPANS: Final = "lakeflow_spans"


def touched(
    cursor: DuckDBPyConnection,
    came: Scan,
    went: Scan | None,
    filters: Sequence[WindowFilter],
    windows: Sequence[Window],
) -> frozenset[int]:
    """See `Engine.touched`."""
    if went is not None and came.deletes == went.deletes:
        came, went = apart(came, went)
    if not windows or not (came.files or (went and went.files)):
        return frozenset()
    rows = [f"({place}, {timestamp(each.start)}, {timestamp(each.end)})" for place, each in enumerate(windows)]
    spans = f"(VALUES {', '.join(rows)}) AS {_SPANS}(lakeflow_place, {', '.join(BOUNDS)})"
    if went is None:
        texts = [f"SELECT lakeflow_place {_taken(cursor, came, each, spans)}" for each in filters]
    else:
        texts = [_different(cursor, came, went, each, spans) for each in filters]
    found = cursor.execute(f"SELECT DISTINCT lakeflow_place FROM ({' UNION ALL '.join(texts)})").fetchall()
    return frozenset(int(place) for (place,) in found)


def _taken(cursor: DuckDBPyConnection, scan: Scan, by: WindowFilter, spans: str) -> str:
    """FROM with each row of the scan beside each span that takes it."""
    bounds = {name: f"{_SPANS}.{name}" for name in BOUNDS}
    conditions = " AND ".join(f"({replaced(text, bounds)}\n)" for text in by.conditions)
    alias = by.alias or "lakeflow_rows"
    return f"FROM ({scans.select(cursor, scan)}) AS {quoted(alias)} JOIN {spans} ON {conditions}"


def _different(cursor: DuckDBPyConnection, came: Scan, went: Scan, by: WindowFilter, spans: str) -> str:
    """The places of spans that take a row more often on one side than on the other; rows are told by two hashes."""
    alias = quoted(by.alias or "lakeflow_rows")
    values = ", ".join(exactly(f"{alias}.{quoted(field.name)}", field.type) for field in came.schema.fields)
    marks = f"hash({values}) AS lakeflow_h, hash('second', {values}) AS lakeflow_g"
    sides = [f"SELECT lakeflow_place, {marks} {_taken(cursor, scan, by, spans)}" for scan in (came, went)]
    both = " UNION ALL ".join(f"(({one}) EXCEPT ALL ({other}))" for one, other in (sides, sides[::-1]))
    return f"SELECT lakeflow_place FROM ({both})"
