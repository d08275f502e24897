"""Each change of the `Catalog` port as a function from a table to the table after it, or ConflictError."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lakeflow.core.care.retention import expired, only_tagged
from lakeflow.core.errors import ConflictError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import (
    Adopt,
    Change,
    Discard,
    Drop,
    LetGo,
    Pin,
    Promote,
    Publish,
    Registration,
    Rename,
    Retract,
    Rollback,
    Stay,
    Tag,
    Untag,
)
from lakeflow.core.model.provenance import MAIN_SCHEMA
from lakeflow.core.model.table import MAIN, Snapshot, Table


def apply(table: Table, change: Change) -> Table:  # noqa: PLR0911 - one line a change
    """The table with the change made; ConflictError, naming expected and found, when an assertion does not hold."""
    match change:
        case Publish():
            return _publish(table, change)
        case Discard():
            return _discard(table, change)
        case Rollback():
            return _roll_back(table, change)
        case Pin():
            return _pinned(table, change)
        case Stay(key, snapshot_id):
            expect(key, "main", snapshot_id, table.main)
            return table
        case Tag(key, name, snapshot_id):
            expect(key, f"ref {name}", None, table.refs.get(name))
            expect(key, "the snapshot", True, snapshot_id in table.snapshots)
            return replace(table, refs={**table.refs, name: snapshot_id}, tags=table.tags | {name})
        case Untag(key, name, snapshot_id):
            expect(key, f"tag {name}", snapshot_id, table.refs.get(name))
            freed = replace(table, refs=_without(table.refs, name), tags=table.tags - {name})
            return _only(freed, table.snapshots.keys() - only_tagged(table, name))
        case LetGo() | Promote() | Retract():
            raise AssertionError("the lake in memory has no environments")


def registered(tables: dict[AssetKey, Table], dropped: dict[str, Table], change: Registration) -> None:
    """Change what is registered under which name; `dropped` holds by version what is under none."""
    match change:
        case Adopt(key, version):
            expect(key, "its table", None, tables.get(key))
            tables[key] = replace(dropped.pop(version), key=key)
        case Rename(key, to, version):
            expect(to, "its table", None, tables.get(to))
            expect(key, "its version", version, tables[key].version if key in tables else None)
            tables[to] = replace(tables.pop(key), key=to)
        case Drop(key, version):
            expect(key, "its version", version, tables[key].version if key in tables else None)
            dropped[version] = tables.pop(key)


def expect(key: AssetKey, what: str, expected: object, found: object) -> None:
    """ConflictError unless both are equal; None is spelled as nothing being there."""
    if expected != found:
        raise ConflictError(
            f"{key}: expected {what} to be {_spelled(expected)}, found {_spelled(found)}",
            hint=f"lakeflow snapshots {key}",
            asset=key,
        )


def _publish(table: Table, change: Publish) -> Table:
    expect(change.key, "the table's uuid", change.uuid, table.uuid)
    expect(change.key, "main", change.base, table.main)
    expect(change.key, f"branch {change.branch}", change.snapshot_id, table.refs.get(change.branch))
    snapshot = table.snapshots[change.snapshot_id]
    expect(change.key, "main's schema", recorded_schema(snapshot, table), table.schema_id)
    published = replace(
        table,
        schema_id=table.schema_of(change.snapshot_id).id,
        refs={**_without(table.refs, change.branch), MAIN: change.snapshot_id},
        proofs={**table.proofs, change.snapshot_id: f"{table.location}/metadata/{change.snapshot_id}.proof"},
    )
    return _only(published, published.snapshots.keys() - expired(published, change.keep, change.needed, change.since))


def _discard(table: Table, change: Discard) -> Table:
    expect(change.key, f"branch {change.branch}", change.snapshot_id, table.refs.get(change.branch))
    freed = replace(table, refs=_without(table.refs, change.branch))
    reachable = {snapshot.id for head in freed.refs.values() for snapshot in freed.ancestry(head)}
    return _only(freed, table.snapshots.keys() - ({change.snapshot_id} - reachable))


def _roll_back(table: Table, change: Rollback) -> Table:
    expect(change.key, "main", change.snapshot_id, table.main)
    if change.to is None:
        first = list(table.ancestry(table.main))[-1]
        expect(change.key, "the parent of main's oldest snapshot", None, first.parent_id)
        return replace(table, schema_id=recorded_schema(first, table), refs=_without(table.refs, MAIN))
    expect(change.key, "a snapshot that readers once saw", True, table.was_main(change.to))
    return replace(table, schema_id=table.schema_of(change.to).id, refs={**table.refs, MAIN: change.to})


def recorded_schema(snapshot: Snapshot, table: Table) -> int:
    """The schema that main had when the snapshot was written; today's for what another engine wrote."""
    return int(snapshot.summary.get(MAIN_SCHEMA, table.schema_id))


def _pinned(table: Table, change: Pin) -> Table:
    _expect_ancestor(table, change.snapshot_id)
    return table


def _expect_ancestor(table: Table, snapshot_id: int) -> None:
    ancestors = (snapshot.id for snapshot in table.ancestry(table.main))
    found = snapshot_id if snapshot_id in ancestors else None
    expect(table.key, "a snapshot that main descends from", snapshot_id, found)


def _only(table: Table, snapshots: set[int]) -> Table:
    gone = [place for place, (_, seen) in enumerate(table.log) if seen not in snapshots]
    return replace(
        table,
        log=table.log[gone[-1] + 1 :] if gone else table.log,
        snapshots={id_: snapshot for id_, snapshot in table.snapshots.items() if id_ in snapshots},
        proofs={id_: proof for id_, proof in table.proofs.items() if id_ in snapshots},
    )


def _without(refs: Mapping[str, int], name: str) -> dict[str, int]:
    return {ref: head for ref, head in refs.items() if ref != name}


def _spelled(value: object) -> str:
    return "nothing" if value is None else str(value)
