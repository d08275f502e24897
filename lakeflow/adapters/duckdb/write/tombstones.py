"""The keys that an upsert has taken away: remembered, so that a row older than its tombstone changes nothing later.

A sidecar of the table holds them as JSON: for each key its values as text, and last its value in the column of `keep`.
Where nothing orders rows, there is nothing to remember.
"""

from __future__ import annotations

from typing import Final

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.types import spelled
from lakeflow.core.model.schema import Field
from lakeflow.core.run.write import Write

KEYS: Final = "tombstones"
"""The name of their table: the columns of the key as `f0`, `f1`, … and of `keep` as `last`."""


def load(write: Write, cursor: DuckDBPyConnection, key: tuple[Field, ...], last: Field) -> None:
    """Make the table of the remembered tombstones."""
    columns = [f"CAST(t[{place + 1}] AS {spelled(field.type)}) AS f{place}" for place, field in enumerate(key)]
    columns.append(f"CAST(t[{len(key) + 1}] AS {spelled(last.type)}) AS last")
    each = "SELECT unnest(from_json(?::JSON, '[[\"VARCHAR\"]]')) AS t"
    cursor.execute(f"CREATE TEMP TABLE {KEYS} AS SELECT {', '.join(columns)} FROM ({each})", [write.tombstones or "[]"])


def remembered(cursor: DuckDBPyConnection, counted: str, gone: str, columns: list[str]) -> str:
    """The JSON of the tombstones after the write; empty when there is none.

    `counted` is a FROM item of the keys that came and count, `gone` a SELECT of those among them that are deleted, with
    `last`.
    """
    on = " AND ".join(f"t.{column} = n.{column}" for column in columns)
    before = f"SELECT t.* FROM {KEYS} AS t ANTI JOIN {counted} AS n ON {on}"
    texts = ", ".join(f"CAST({column} AS VARCHAR)" for column in (*columns, "last"))
    listed = f"SELECT [{texts}] AS t FROM ({before} UNION ALL BY NAME {gone})"
    every = f"SELECT count(*), CAST(to_json(list(t ORDER BY t)) AS VARCHAR) FROM ({listed})"
    count, text = cursor.execute(every).fetchall()[0]
    return str(text) if count else ""
