"""The `Externals` port over dicts; `append` is what the other team does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from lakeflow.core.keys import ExternalKey
from lakeflow.core.model.schema import Schema, highest_id
from lakeflow.core.model.table import MAIN, External, Scan, Snapshot, Table, WrittenFile
from lakeflow.core.ports.catalog import Clock

Files = tuple[WrittenFile, ...]


class MemoryExternals:
    """Tables as values. Data files are only named."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tables: dict[ExternalKey, Table[ExternalKey]] = {}
        self._live: dict[int, Files] = {}

    def find(self, keys: Iterable[ExternalKey]) -> Mapping[ExternalKey, External]:
        return {
            key: External(self._tables[key]) if key in self._tables else External(fault=f"there is no table {key}")
            for key in keys
        }

    def scan(self, table: Table[ExternalKey], snapshot_id: int) -> Scan:
        files = self._live[snapshot_id]
        paths, rows = tuple(file.path for file in files), sum(file.rows for file in files)
        return Scan(table.key, snapshot_id, table.schema, files=paths, rows=rows)

    def append(self, key: ExternalKey, schema: Schema, files: Files) -> int:
        """Add rows to a table, making it when it is new; the new snapshot."""
        table = self._tables.get(key) or _unborn(key, schema)
        live = (*self._live.get(table.main or 0, ()), *files)
        summary = {"total-records": str(sum(file.rows for file in live))}
        new = Snapshot(len(self._live) + 1, table.main, self._clock(), "append", summary, table.schema_id)
        self._live[new.id] = live
        self._tables[key] = replace(table, snapshots={**table.snapshots, new.id: new}, refs={MAIN: new.id})
        return new.id


def _unborn(key: ExternalKey, schema: Schema) -> Table[ExternalKey]:
    return Table(
        key=key,
        uuid=str(key),
        location=f"memory:{key}",
        version="",
        format_version=2,
        schema_id=0,
        schemas={0: schema},
        last_column_id=highest_id(schema),
        snapshots={},
        refs={},
    )
