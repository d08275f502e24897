"""The keys that deletions have taken away: remembered, so that a row older than its tombstone changes nothing later.

A sidecar of the table holds them as JSON. `by` names what each tombstone tells: its key, in an scd2 table its moment,
and the column of `keep`. `gone` holds these as text, a list for each. Where nothing orders rows, there is nothing to
remember; and where other columns tell now, nothing that was remembered can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from duckdb import DuckDBPyConnection

from lakeflow.adapters.duckdb.names import literal
from lakeflow.adapters.duckdb.types import spelled
from lakeflow.core.model.schema import Field
from lakeflow.core.values import dataclass

KEYS: Final = "tombstones"
"""The name of their table."""


@dataclass(frozen=True)
class Remembered:
    """`columns` are those of the table of tombstones, each with the field that it is read from."""

    cursor: DuckDBPyConnection
    columns: Mapping[str, Field]

    def load(self, text: str) -> None:
        """Make the table, from the JSON of the write before; empty where it tells of other columns."""
        columns = (
            f"CAST(t[{place}] AS {spelled(field.type)}) AS {name}"
            for place, (name, field) in enumerate(self.columns.items(), 1)
        )
        known = (
            "SELECT json_extract(j, '$.gone') AS g FROM (SELECT ?::JSON AS j) WHERE json_extract(j, '$.by') = ?::JSON"
        )
        each = f"SELECT unnest(from_json(g, '[[\"VARCHAR\"]]')) AS t FROM ({known})"
        self.cursor.execute(
            f"CREATE TEMP TABLE {KEYS} AS SELECT {', '.join(columns)} FROM ({each})", [text or "{}", self._by()]
        )

    def text(self, rows: str) -> str:
        """The JSON of the tombstones that this SELECT gives; empty when there is none."""
        texts = ", ".join(f"CAST({name} AS VARCHAR)" for name in self.columns)
        every = (
            f"SELECT count(*), CAST(to_json(list(t ORDER BY t)) AS VARCHAR) FROM (SELECT [{texts}] AS t FROM ({rows}))"
        )
        count, gone = self.cursor.execute(every).fetchall()[0]
        return f'{{"by":{self._by()},"gone":{gone}}}' if count else ""

    def _by(self) -> str:
        names = ", ".join(literal(field.name.lower()) for field in self.columns.values())
        return str(self.cursor.execute(f"SELECT CAST(to_json([{names}]) AS VARCHAR)").fetchall()[0][0])
