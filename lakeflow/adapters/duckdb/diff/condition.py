"""Proves that a condition means the same for a row on either side, whenever it is asked."""

from __future__ import annotations

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.code.syntax import tree_of
from lakeflow.adapters.duckdb.code.user_sql import only_of_tables
from lakeflow.core.errors import AssetError
from lakeflow.core.sql.statements import below, function_of


def require_steady(cursor: DuckDBPyConnection, where: str) -> None:
    """AssetError for a condition that opens files, tells of the connection, or gives another answer each time."""
    text = only_of_tables(cursor, f"SELECT 1 FROM rows WHERE (\n{where}\n)")
    called = {function_of(node) for node in below(tree_of(cursor, text)) if node.get("class") == "FUNCTION"}
    fickle = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability = 'VOLATILE'"
    if found := called & {str(name) for (name,) in cursor.execute(fickle).fetchall()}:
        raise AssetError(
            f"{min(found)}() gives another answer each time, so that no two states can be compared with it",
            hint="write a condition on the columns",
        )
