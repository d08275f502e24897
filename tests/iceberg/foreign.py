"""Other engines at work on our tables, through pyiceberg."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

import pyarrow as pa
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.table import Table as IcebergTable

from lakeflow.adapters.iceberg.commit.commits import TableCommit
from lakeflow.adapters.iceberg.disk.pyiceberg_io import ObjectFiles
from lakeflow.adapters.iceberg.manifests.snapshots import SnapshotDraft, added_files, build
from lakeflow.adapters.iceberg.metadata import updates as u
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, metadata_directory
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import MAIN
from lakeflow.core.ports.objects import Scratch
from tests.iceberg.lab import Lab


@contextmanager
def sql_catalog(lab: Lab) -> Iterator[SqlCatalog]:
    """As any user of pyiceberg opens our database."""
    uri = lab.url or f"sqlite:///{lab.root / 'catalog.db'}"
    uri = uri.replace("postgresql://", "postgresql+psycopg://")
    warehouse = lab.location if lab.store else f"file://{lab.location}"
    known = lab.store.for_pyiceberg if lab.store else {}
    with closing(SqlCatalog("lakeflow", uri=uri, warehouse=warehouse, **known)) as catalog:
        yield catalog


@contextmanager
def opened(lab: Lab, key: AssetKey) -> Iterator[IcebergTable]:
    with sql_catalog(lab) as catalog:
        yield catalog.load_table(str(key))


def rows(lab: Lab, key: AssetKey, snapshot_id: int | None = None) -> pa.Table:
    """What pyiceberg reads, as readers of main or at a snapshot."""
    with opened(lab, key) as table:
        return table.scan(snapshot_id=snapshot_id).to_arrow()


def compact(lab: Lab, key: AssetKey) -> None:
    """What a compaction leaves on main: all rows in other files, by an operation `replace`.

    pyiceberg cannot write one, so it is made of the same files under a snapshot of that name.
    """

    def plan(found: Mapping[AssetKey, LoadedTable], scratch: Scratch) -> list[TableCommit]:
        now = found[key]
        files = ObjectFiles(lab.objects, scratch)
        entries = now.json["snapshots"]
        head = next(entry for entry in entries if entry["snapshot-id"] == now.table.main)
        chain = {snapshot.id for snapshot in now.table.ancestry(now.table.main)}
        data = [file for entry in entries if entry["snapshot-id"] in chain for file in added_files(entry, files)]
        schema = now.json["schemas"][0]
        draft = SnapshotDraft(head, schema, data, removes=None, summary={}, at_ms=now.updated_ms)
        snapshot = build(now.json, draft, files, metadata_directory(now.table))
        snapshot["summary"]["operation"] = "replace"
        return [TableCommit(now, (u.AddSnapshot(snapshot), u.SetBranch(MAIN, snapshot["snapshot-id"])))]

    lab.catalog._commits.run([key], plan)
