"""Stages a snapshot that holds main's rows in other files: a commit of Iceberg's operation `replace`."""

from __future__ import annotations

from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema as IcebergSchema

from lakeflow.adapters.iceberg.commit.commits import CommitAttempt, TableCommit
from lakeflow.adapters.iceberg.commit.staging import entry, schema_json
from lakeflow.adapters.iceberg.disk.pyiceberg_io import ObjectFiles
from lakeflow.adapters.iceberg.manifests.entries import data_files
from lakeflow.adapters.iceberg.manifests.snapshots import SnapshotDraft, build
from lakeflow.adapters.iceberg.metadata.layouts import ORDER, SPEC, Placed, place
from lakeflow.adapters.iceberg.metadata.metadata import metadata_directory
from lakeflow.adapters.iceberg.metadata.refs import RefAt, SameTable, SchemaAt, fork, require
from lakeflow.adapters.iceberg.metadata.types import Json
from lakeflow.core.compact.stored import Compaction
from lakeflow.core.model.provenance import MAIN_SCHEMA
from lakeflow.core.model.table import MAIN, NEUTRAL, Staging, Table
from lakeflow.core.model.write_mode import WriteMode


def compact(planned_on: Table, asked: Compaction, attempt: CommitAttempt) -> TableCommit:
    """Add the snapshot and its branch in one commit, in the columns of main and in a layout that the table has."""
    found, table = attempt.found, attempt.found.table
    require(
        table,
        (
            SameTable(planned_on.uuid),
            RefAt(MAIN, asked.base),
            RefAt(asked.branch, None),
            SchemaAt(planned_on.schema_id),
        ),
    )
    schema = schema_json(found, table.schema_id)
    said = table.snapshots[asked.base].summary
    kept = {name: said[name] for name in (SPEC, ORDER) if name in said}
    placed = place(found.json, asked.layout, schema) if asked.files else None
    draft = SnapshotDraft(
        parent=entry(found, asked.base),
        schema=schema,
        added=_entries(table, asked, placed, schema) if placed else [],
        removes=asked.removes,
        summary={**asked.summary, MAIN_SCHEMA: str(table.schema_id), **(placed.summary if placed else kept)},
        at_ms=attempt.at_ms,
        operation=NEUTRAL,
    )
    snapshot = build(found.json, draft, ObjectFiles(attempt.objects, attempt.scratch), metadata_directory(table))
    return TableCommit(found, fork(asked.branch, snapshot))


def _entries(table: Table, asked: Compaction, placed: Placed, schema: Json) -> list[DataFile]:
    """The new files as entries of a manifest, as those of any write are made."""
    staging = Staging(
        branch=asked.branch,
        base=asked.base,
        mode=WriteMode.APPEND,
        schema=table.schema,
        files=asked.files,
        summary=asked.summary,
        layout=asked.layout,
        pii=asked.pii,
    )
    return data_files(staging, placed, IcebergSchema.model_validate(schema))
