"""Our changes and what they rely on, in the words of the REST protocol (Iceberg REST OpenAPI: `CommitTableRequest`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from lakeflow.adapters.iceberg.metadata import updates as u
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable
from lakeflow.adapters.iceberg.metadata.types import Json
from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import MAIN

_RETENTION: Final = ("max-ref-age-ms", "max-snapshot-age-ms", "min-snapshots-to-keep")


def identifier(key: AssetKey) -> Json:
    return {"namespace": [str(key.layer)], "name": key.name}


def new_table(location: str, schema: Mapping[str, Any], highest_id: int, said: Mapping[str, str]) -> Json:
    """The commit that makes an empty table of format v2, if there is none of that name. `said` are properties of it."""
    properties = {u.PREVIOUS_VERSIONS: "50", u.DELETE_AFTER_COMMIT: "true", **said}
    updates = (
        {"action": "assign-uuid", "uuid": str(uuid4())},
        {"action": "upgrade-format-version", "format-version": 2},
        {"action": "add-schema", "schema": dict(schema), "last-column-id": highest_id},
        {"action": "set-current-schema", "schema-id": -1},
        {"action": "add-spec", "spec": {"spec-id": 0, "fields": []}},
        {"action": "set-default-spec", "spec-id": -1},
        {"action": "add-sort-order", "sort-order": {"order-id": 0, "fields": []}},
        {"action": "set-default-sort-order", "sort-order-id": -1},
        {"action": "set-location", "location": location},
        {"action": "set-properties", "updates": properties},
    )
    return {"requirements": [{"type": "assert-create"}], "updates": list(updates)}


def table_change(found: LoadedTable, updates: Sequence[u.Update], absent: Iterable[str] = ()) -> Json:
    """One table's part of a commit. Without updates it only requires that the table is as it was read, also without the
    refs that are to be `absent`.
    """
    return {
        "identifier": identifier(found.table.key),
        "requirements": list(requirements(found, updates, absent)),
        "updates": [said for update in updates for said in _said(found, update)],
    }


def requirements(found: LoadedTable, updates: Sequence[u.Update], absent: Iterable[str] = ()) -> Iterator[Json]:
    """All that was read is still so. There is no pointer to swap, so each thing is required by itself."""
    table, json = found.table, found.json
    made = {update.name for update in updates if isinstance(update, u.SetBranch | u.SetTag)} - table.refs.keys()
    yield {"type": "assert-table-uuid", "uuid": table.uuid}
    for name, at in {MAIN: None, **dict.fromkeys(sorted({*made, *absent})), **table.refs}.items():
        yield {"type": "assert-ref-snapshot-id", "ref": name, "snapshot-id": at}
    yield {"type": "assert-current-schema-id", "current-schema-id": table.schema_id}
    yield {"type": "assert-last-assigned-field-id", "last-assigned-field-id": table.last_column_id}
    yield {"type": "assert-default-spec-id", "default-spec-id": json["default-spec-id"]}
    yield {"type": "assert-default-sort-order-id", "default-sort-order-id": json["default-sort-order-id"]}
    if "last-partition-id" in json:
        yield {"type": "assert-last-assigned-partition-id", "last-assigned-partition-id": json["last-partition-id"]}


def _said(found: LoadedTable, update: u.Update) -> Iterator[Json]:
    match update:
        case u.AddSnapshot(snapshot):
            yield {"action": "add-snapshot", "snapshot": dict(snapshot)}
        case u.SetBranch(name, at):
            yield {**_ref(found, name), "type": "branch", "snapshot-id": at}
        case u.SetTag(name, at):
            yield {**_ref(found, name), "type": "tag", "snapshot-id": at}
        case u.RemoveRef(name):
            yield {"action": "remove-snapshot-ref", "ref-name": name}
        case u.RemoveSnapshots(ids):
            if ids:
                yield {"action": "remove-snapshots", "snapshot-ids": sorted(ids)}
        case u.SetProperties(properties):
            yield {"action": "set-properties", "updates": dict(properties)}
        case u.SetStatistics(statistics):
            at = statistics["snapshot-id"]
            yield {"action": "set-statistics", "snapshot-id": at, "statistics": dict(statistics)}
        case _:
            yield _described(found, update)


def _described(found: LoadedTable, update: u.Update) -> Json:
    match update:
        case u.AddSchema(schema):
            last = max(found.table.last_column_id, u.schema_highest_id(schema))
            return {"action": "add-schema", "schema": dict(schema), "last-column-id": last}
        case u.SetCurrentSchema(at):
            return {"action": "set-current-schema", "schema-id": at}
        case u.AddSpec(spec):
            return {"action": "add-spec", "spec": dict(spec)}
        case u.SetDefaultSpec(at):
            return {"action": "set-default-spec", "spec-id": at}
        case u.AddSortOrder(order):
            return {"action": "add-sort-order", "sort-order": dict(order)}
        case u.SetDefaultSortOrder(at):
            return {"action": "set-default-sort-order", "sort-order-id": at}
    raise LakeError(
        f"{found.table.key}: a schema of it has names that no REST catalog can change",
        hint="mend it with the engine that made the table",
        asset=found.table.key,
    )


def _ref(found: LoadedTable, name: str) -> Json:
    """A ref that is set again keeps its retention only where that is said again."""
    old: Mapping[str, Any] = (found.json.get("refs") or {}).get(name, {})
    return {"action": "set-snapshot-ref", "ref-name": name, **{each: old[each] for each in _RETENTION if each in old}}
