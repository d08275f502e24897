"""What a scan holds, in three numbers that do not depend on the order of its rows: two that are equal hold the same
rows, value by value and bit by bit.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import quoted
from lakeflow.adapters.duckdb.read import scan as scans
from lakeflow.adapters.duckdb.read.sameness import to_the_bit
from lakeflow.core.model.table import Scan

Content: TypeAlias = tuple[int, Any, Any]
"""How many rows, and the sums of two hashes of each."""


def content(cursor: DuckDBPyConnection, scan: Scan) -> Content:
    """Reads all rows, in bounded memory. AssetError as from `scans.select`."""
    values = ", ".join(to_the_bit(quoted(field.name), field.type) for field in scan.schema.fields)
    marks = f"count(*), sum(hash({values})), sum(hash('second', {values}))"
    found: Content = cursor.execute(f"SELECT {marks} FROM ({scans.select(cursor, scan)})").fetchall()[0]
    return found
