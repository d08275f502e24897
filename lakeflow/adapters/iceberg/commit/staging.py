"""Makes a snapshot on an audit branch out of written files, and puts it on top of main again where main has moved.

A new schema is added together with its snapshot and does not become the table's current schema. That moves with main at
the publish, so that no reader sees a column before it was audited (trap T7).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from pyiceberg.schema import Schema as IcebergSchema

from lakeflow.adapters.iceberg.commit.commits import CommitAttempt, TableCommit
from lakeflow.adapters.iceberg.disk.pyiceberg_io import ObjectFiles
from lakeflow.adapters.iceberg.manifests.entries import data_files
from lakeflow.adapters.iceberg.manifests.snapshots import SnapshotDraft, added_files, build
from lakeflow.adapters.iceberg.metadata import updates as u
from lakeflow.adapters.iceberg.metadata.layouts import place
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, metadata_directory
from lakeflow.adapters.iceberg.metadata.refs import (
    FieldIdsUpTo,
    RefAt,
    Requirement,
    SameTable,
    SchemaAt,
    conflict,
    fork,
    put_on_top,
    require,
    stands,
)
from lakeflow.adapters.iceberg.metadata.types import Json, docs_of, schema_to_json
from lakeflow.core.errors import SchemaError
from lakeflow.core.model.provenance import MAIN_SCHEMA, PREFIX, PROVEN_LIST
from lakeflow.core.model.schema import Primitive, Schema, loadable, require_names, walk
from lakeflow.core.model.table import MAIN, Snapshot, Staging, Table
from lakeflow.core.ports.locations import path_of
from lakeflow.core.run.verdict import harmless_to, written_as

_VECTORIZED: Final = "read.parquet.vectorization.enabled"


def stage(planned_on: Table, staging: Staging, attempt: CommitAttempt) -> TableCommit:
    """Add the schema if it is new, the snapshot and the branch in one commit, on the base that was planned on."""
    found = attempt.found
    schema, added_schema = _schema_for(found, staging.schema)
    require(found.table, _stage_assertions(planned_on, staging, added_schema))
    _refuse_lost_source(found, schema)
    placed = place(found.json, staging.layout, schema)
    draft = SnapshotDraft(
        parent=entry(found, staging.base),
        schema=schema,
        added=data_files(staging, placed, IcebergSchema.model_validate(schema)),
        removes=_removes(staging),
        summary={**staging.summary, MAIN_SCHEMA: str(found.table.schema_id), **placed.summary},
        at_ms=attempt.at_ms,
    )
    known = {**found.json, "partition-specs": _with(found.json["partition-specs"], placed.spec)}
    snapshot = build(known, draft, ObjectFiles(attempt.objects, attempt.scratch), metadata_directory(found.table))
    # Another parent would publish the branch without main's rows (T2).
    assert snapshot.get("parent-snapshot-id") == staging.base
    return TableCommit(
        found,
        (
            *_loadable(found),
            *((u.AddSchema(schema),) if added_schema else ()),
            *placed.updates,
            *fork(staging.branch, snapshot),
            *_for_old_readers(found.table, staging),
        ),
    )


def restage(planned_on: Table, branch: str, base: int | None, attempt: CommitAttempt) -> TableCommit:
    """Put the branch's files on top of today's main and drop its old snapshot. Does nothing if main is still `base`."""
    found, table = attempt.found, attempt.found.table
    old = table.refs.get(branch)
    require(table, (SameTable(planned_on.uuid), RefAt(branch, planned_on.refs.get(branch))))
    if old is None:
        raise conflict(table, f"branch {branch} is gone")
    if table.main == base:
        return TableCommit(found)
    snapshot = table.snapshots[old]
    _refuse_unlike(table, snapshot, base)
    files = ObjectFiles(attempt.objects, attempt.scratch)
    draft = SnapshotDraft(
        parent=entry(found, table.main),
        schema=schema_json(found, snapshot.schema_id),
        added=added_files(_present(found, old), files),
        removes=frozenset() if written_as(snapshot).traits.adds else None,
        summary={
            **{n: text for n, text in snapshot.summary.items() if n.startswith(PREFIX) and n != PROVEN_LIST},
            MAIN_SCHEMA: str(table.schema_id),
        },
        at_ms=attempt.at_ms,
    )
    new = build(found.json, draft, files, metadata_directory(table))
    return TableCommit(found, put_on_top(table, branch, new))


def _removes(staging: Staging) -> frozenset[str] | None:
    return None if staging.mode.traits.replaces else frozenset(map(path_of, staging.removes))


def _stage_assertions(table: Table, staging: Staging, added_schema: bool) -> Iterator[Requirement]:
    yield SameTable(table.uuid)
    yield stands(staging.target, staging.base)
    yield RefAt(staging.branch, None)
    if staging.target == MAIN:
        yield SchemaAt(table.schema_id)
    if added_schema:
        yield FieldIdsUpTo(table.last_column_id)


def _schema_for(found: LoadedTable, schema: Schema) -> tuple[Json, bool]:
    """The schema's JSON under an id of the table, and whether that id is new. An equal schema keeps its id."""
    _require_ids(schema)
    known = found.table.schemas
    equal = next((old.id for old in known.values() if old.same_columns(schema)), None)
    if equal is not None:
        return schema_json(found, equal), False
    docs = docs_of(schema_json(found, found.table.schema_id))
    return schema_to_json(Schema(schema.fields, max(known) + 1), docs), True


def _require_ids(schema: Schema) -> None:
    require_names(schema.fields)
    ids = [field.id for _, field in walk(schema.fields)]
    assert all(ids), "field ids are assigned before a table is staged"
    assert len(set(ids)) == len(ids), "no two fields share an id"


def _loadable(found: LoadedTable) -> tuple[u.Update, ...]:
    """The table's metadata without what keeps other readers from loading it, in tables that an early release made."""
    mended = {
        schema.id: schema_to_json(named, docs_of(schema_json(found, schema.id)))
        for schema in found.table.schemas.values()
        if (named := loadable(schema)) != schema
    }
    return (u.NameSchemas(mended),) if mended else ()


def _with(specs: Sequence[Mapping[str, Any]], spec: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*specs, *([] if spec in specs else [spec])]


def _refuse_lost_source(found: LoadedTable, schema: Mapping[str, Any]) -> None:
    """Refuse a schema that drops the source column of a partition spec: no reader could read the spec again."""
    columns = {field["id"] for field in schema["fields"]}
    if any(part["source-id"] not in columns for spec in found.json["partition-specs"] for part in spec["fields"]):
        raise SchemaError(
            f"{found.table.key}: a column that its older files are partitioned by cannot be dropped",
            asset=found.table.key,
        )


def _refuse_unlike(table: Table, snapshot: Snapshot, base: int | None) -> None:
    """ConflictError unless what others did since `base` leaves our files right as they are."""
    since: list[Snapshot] = []
    for other in table.ancestry(table.main):
        if other.id == base:
            break
        since.append(other)
    if table.main is None or (since[-1].parent_id if since else base) != base:
        raise conflict(table, f"main was set back: snapshot {base} is not in its history any more")
    require(table, (SchemaAt(int(snapshot.summary.get(MAIN_SCHEMA, table.schema_id))),))
    mode = written_as(snapshot)
    if mode.traits.merges:
        raise conflict(
            table, f"main moved: snapshot {snapshot.id} merged with snapshot {base} and must be written again"
        )
    if theirs := next((other for other in since if other.operation not in harmless_to(mode)), None):
        raise conflict(table, f"main moved: snapshot {theirs.id} ({theirs.operation}) changed what this run read")
    if snapshot.parent_id != base:
        raise conflict(table, f"snapshot {snapshot.id} was not written on snapshot {base}")


def _for_old_readers(table: Table, staging: Staging) -> tuple[u.Update, ...]:
    """Iceberg-Java up to 1.10 cannot read older int files under a column that is now long, vectorized (T16)."""
    stays = not staging.mode.traits.replaces and staging.base is not None
    if not stays or table.properties.get(_VECTORIZED) == "false" or not _widened(table, staging.schema):
        return ()
    return (u.SetProperties({_VECTORIZED: "false"}),)


def _widened(table: Table, schema: Schema) -> bool:
    long_ids = {field.id for _, field in walk(schema.fields) if field.type == Primitive("long")}
    older = (field for old in table.schemas.values() for _, field in walk(old.fields))
    return any(field.id in long_ids and field.type == Primitive("int") for field in older)


def schema_json(found: LoadedTable, schema_id: int | None) -> Json:
    wanted = found.table.schema_id if schema_id is None else schema_id
    return next(dict(schema) for schema in found.json["schemas"] if schema["schema-id"] == wanted)


def entry(found: LoadedTable, snapshot_id: int | None) -> Json | None:
    return None if snapshot_id is None else _present(found, snapshot_id)


def _present(found: LoadedTable, snapshot_id: int) -> Json:
    return next(dict(entry) for entry in found.json["snapshots"] if entry["snapshot-id"] == snapshot_id)
