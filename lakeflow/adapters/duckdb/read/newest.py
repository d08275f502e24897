"""Finds the newest value of a column, which tells how old a table's data is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.core.errors import SchemaError
from lakeflow.core.model.table import Scan
from lakeflow.core.time.freshness import TOLD_BY
from lakeflow.core.wording import did_you_mean

_IN_UTC: Final = {
    "date": "CAST({} AS TIMESTAMP)",
    "timestamp": "{}",
    "timestamp_ns": "CAST({} AS TIMESTAMP)",
    "timestamptz": "timezone('UTC', {})",
    "timestamptz_ns": "timezone('UTC', CAST({} AS TIMESTAMPTZ))",
}
"""For each type: a column as a time without zone, in UTC."""


def newest(cursor: DuckDBPyConnection, scan: Scan, column: str, until: datetime) -> datetime | None:
    """See `Engine.newest`."""
    field = next((field for field in scan.schema.fields if field.name.lower() == column.lower()), None)
    if field is None:
        hint = did_you_mean(column, scan.schema.names, f"its columns are {', '.join(scan.schema.names)}")
        raise SchemaError(f"{scan.key} has no column {column!r}", hint=hint, asset=scan.key)
    if str(field.type) not in TOLD_BY:
        hint = "fresh_column names a column of date or time"
        raise SchemaError(f"column {column!r} of {scan.key} is {field.type}", hint=hint, asset=scan.key)
    moment = _IN_UTC[str(field.type)].format(quoted(field.name))
    text = f"SELECT max({moment}) FILTER ({moment} <= $until) FROM ({scans.select(cursor, scan)})"
    found = cursor.execute(text, {"until": until.astimezone(UTC).replace(tzinfo=None)}).fetchone()
    value: datetime | None = found[0] if found else None
    return value and value.replace(tzinfo=UTC)
