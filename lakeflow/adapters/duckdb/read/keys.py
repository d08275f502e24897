"""Whether the columns of a key tell the rows of a snapshot apart."""

from __future__ import annotations

from collections.abc import Sequence

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.core.model.table import Scan


def is_key(cursor: DuckDBPyConnection, scan: Scan, columns: Sequence[str]) -> bool:
    """See `Engine.is_key`. DuckDB spills the groups that do not fit into memory."""
    rows, names = scans.select(cursor, scan), [quoted(name) for name in columns]
    empty = " OR ".join(f"{name} IS NULL" for name in names)
    repeated = f"SELECT 1 FROM ({rows}) GROUP BY {', '.join(names)} HAVING count(*) > 1"
    wrong = f"(SELECT 1 FROM ({rows}) WHERE {empty} LIMIT 1) UNION ALL ({repeated} LIMIT 1)"
    return cursor.execute(wrong).fetchone() is None
