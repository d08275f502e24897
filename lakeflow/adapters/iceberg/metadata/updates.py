"""Changes of table metadata as values, and the pure function that applies them (Iceberg spec, "Table Metadata";
the values follow the REST protocol's table updates).

pyiceberg has such a function too; this one takes its time from the caller, keeps fields that it does not know,
copies nothing that did not change, and needs no import of half a second. A test holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, Final

from lakeflow.adapters.iceberg.metadata.types import Json
from lakeflow.core.model.table import MAIN
from lakeflow.core.values import dataclass

PREVIOUS_VERSIONS: Final = "write.metadata.previous-versions-max"
DELETE_AFTER_COMMIT: Final = "write.metadata.delete-after-commit.enabled"
_DEFAULT_PREVIOUS_VERSIONS: Final = 100  # Iceberg's own default


@dataclass(frozen=True)
class AddSchema:
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class NameSchemas:
    """Other names for columns of schemas that the table has, by schema id: no reader loads it with the old ones."""

    schemas: Mapping[int, Mapping[str, Any]]


@dataclass(frozen=True)
class SetCurrentSchema:
    id: int


@dataclass(frozen=True)
class AddSpec:
    spec: Mapping[str, Any]


@dataclass(frozen=True)
class SetDefaultSpec:
    id: int


@dataclass(frozen=True)
class AddSortOrder:
    order: Mapping[str, Any]


@dataclass(frozen=True)
class SetDefaultSortOrder:
    id: int


@dataclass(frozen=True)
class AddSnapshot:
    snapshot: Mapping[str, Any]


@dataclass(frozen=True)
class SetBranch:
    name: str
    snapshot_id: int


@dataclass(frozen=True)
class SetTag:
    name: str
    snapshot_id: int


@dataclass(frozen=True)
class RemoveRef:
    name: str


@dataclass(frozen=True)
class RemoveSnapshots:
    ids: frozenset[int]


@dataclass(frozen=True)
class SetProperties:
    properties: Mapping[str, str]


@dataclass(frozen=True)
class SetStatistics:
    statistics: Mapping[str, Any]


Laid = AddSpec | SetDefaultSpec | AddSortOrder | SetDefaultSortOrder
Described = AddSchema | NameSchemas | SetCurrentSchema
Referred = SetBranch | SetTag | RemoveRef
Update = (Described | Laid | Referred) | (AddSnapshot | RemoveSnapshots | SetProperties | SetStatistics)


def new_metadata(uuid: str, location: str, schema: Json, highest_id: int, at_ms: int) -> Json:
    """An empty, unpartitioned, unsorted table of format v2 whose main is unborn."""
    return {
        "format-version": 2,
        "table-uuid": uuid,
        "location": location,
        "last-sequence-number": 0,
        "last-updated-ms": at_ms,
        "last-column-id": highest_id,
        "current-schema-id": schema["schema-id"],
        "schemas": [schema],
        "default-spec-id": 0,
        "partition-specs": [{"spec-id": 0, "fields": []}],
        "last-partition-id": 999,
        "default-sort-order-id": 0,
        "sort-orders": [{"order-id": 0, "fields": []}],
        "properties": {PREVIOUS_VERSIONS: "50", DELETE_AFTER_COMMIT: "true"},
        "snapshots": [],
        "snapshot-log": [],
        "metadata-log": [],
        "refs": {},
        "statistics": [],
    }


def applied(metadata: Mapping[str, Any], updates: Sequence[Update], location: str, at_ms: int) -> Json:
    """The next metadata; `location` is where the present one stands, `at_ms` the time of the commit."""
    changed = reduce(lambda json, update: _apply(json, update, at_ms), updates, dict(metadata))
    changed["metadata-log"] = _logged(metadata, changed, location)
    changed["last-updated-ms"] = at_ms
    return changed


def forgotten(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """Locations of older metadata files that this commit removes, by the table's own policy."""
    if (after.get("properties") or {}).get(DELETE_AFTER_COMMIT, "false").lower() != "true":
        return ()
    kept = {entry["metadata-file"] for entry in after["metadata-log"]}
    return tuple(e["metadata-file"] for e in before.get("metadata-log") or () if e["metadata-file"] not in kept)


def _logged(before: Mapping[str, Any], after: Json, location: str) -> list[Json]:
    properties = after.get("properties") or {}
    most = max(1, int(properties.get(PREVIOUS_VERSIONS, _DEFAULT_PREVIOUS_VERSIONS)))
    entry = {"metadata-file": location, "timestamp-ms": before["last-updated-ms"]}
    return [*(before.get("metadata-log") or ()), entry][-most:]


def _apply(metadata: Json, update: Update, at_ms: int) -> Json:
    match update:
        case AddSchema() | NameSchemas() | SetCurrentSchema():
            changed = metadata | _described(metadata, update)
        case AddSnapshot(snapshot):
            changed = _add_snapshot(metadata, snapshot)
        case SetBranch() | SetTag() | RemoveRef():
            changed = _referred(metadata, update, at_ms)
        case RemoveSnapshots(ids):
            changed = _remove_snapshots(metadata, ids)
        case AddSpec() | SetDefaultSpec() | AddSortOrder() | SetDefaultSortOrder():
            changed = metadata | _laid(metadata, update)
        case SetProperties(properties):
            changed = metadata | {"properties": {**(metadata.get("properties") or {}), **properties}}
        case SetStatistics(entry):
            others = _without(metadata, "statistics", lambda old: old["snapshot-id"] == entry["snapshot-id"])
            changed = metadata | {"statistics": [*others, entry]}
    return changed


def _referred(metadata: Json, update: Referred, at_ms: int) -> Json:
    match update:
        case SetBranch(name, snapshot_id):
            return _set_branch(metadata, name, snapshot_id, at_ms)
        case SetTag(name, snapshot_id):
            refs = metadata.get("refs") or {}
            return metadata | {"refs": {**refs, name: {"type": "tag", "snapshot-id": snapshot_id}}}
        case RemoveRef(name):
            return _remove_ref(metadata, name)


def _laid(metadata: Json, update: Laid) -> Json:
    """The fields that change."""
    match update:
        case AddSpec(spec):
            last = max([metadata["last-partition-id"], *(field["field-id"] for field in spec["fields"])])
            return {"partition-specs": [*metadata["partition-specs"], spec], "last-partition-id": last}
        case AddSortOrder(order):
            return {"sort-orders": [*metadata["sort-orders"], order]}
        case SetDefaultSpec(spec_id):
            return {"default-spec-id": spec_id}
        case SetDefaultSortOrder(order_id):
            return {"default-sort-order-id": order_id}


def _described(metadata: Json, update: Described) -> Json:
    """The fields that change."""
    match update:
        case AddSchema(schema):
            last = max(metadata["last-column-id"], schema_highest_id(schema))
            return {"schemas": [*metadata["schemas"], schema], "last-column-id": last}
        case NameSchemas(schemas):
            return {"schemas": [schemas.get(schema["schema-id"], schema) for schema in metadata["schemas"]]}
        case SetCurrentSchema(schema_id):
            return {"current-schema-id": schema_id}


def schema_highest_id(json: Any) -> int:
    """The highest field id in a schema or type."""
    if not isinstance(json, Mapping):
        return 0
    own = [int(json[name]) for name in ("id", "element-id", "key-id", "value-id") if name in json]
    below = [schema_highest_id(part) for name in ("type", "element", "key", "value") for part in [json.get(name)]]
    return max([*own, *below, *(schema_highest_id(field) for field in json.get("fields", ()))])


def _add_snapshot(metadata: Json, snapshot: Mapping[str, Any]) -> Json:
    assert snapshot["sequence-number"] == metadata["last-sequence-number"] + 1
    return metadata | {
        "snapshots": [*(metadata.get("snapshots") or ()), snapshot],
        "last-sequence-number": snapshot["sequence-number"],
    }


def _set_branch(metadata: Json, name: str, snapshot_id: int, at_ms: int) -> Json:
    refs = metadata.get("refs") or {}
    ref = {**refs.get(name, {"type": "branch"}), "snapshot-id": snapshot_id}  # its retention settings stay
    changed = metadata | {"refs": {**refs, name: ref}}
    if name != MAIN:
        return changed
    entry = {"snapshot-id": snapshot_id, "timestamp-ms": at_ms}
    log = [*(metadata.get("snapshot-log") or ()), entry]
    return changed | {"current-snapshot-id": snapshot_id, "snapshot-log": log}


def _remove_ref(metadata: Json, name: str) -> Json:
    refs = {other: ref for other, ref in (metadata.get("refs") or {}).items() if other != name}
    changed = metadata | {"refs": refs}
    if name == MAIN:
        changed.pop("current-snapshot-id", None)
    return changed


def _remove_snapshots(metadata: Json, ids: frozenset[int]) -> Json:
    """Remove snapshots. Their children keep the parent ids, as in Iceberg's Java library: those tell that there was
    more.
    """
    assert ids.isdisjoint(ref["snapshot-id"] for ref in metadata["refs"].values())
    lists = ("snapshots", "statistics", "partition-statistics")
    changed = {
        name: _without(metadata, name, lambda entry: entry["snapshot-id"] in ids) for name in lists if name in metadata
    }
    # A gap in the log would say that the snapshot before it was current for longer than it was (Iceberg spec, "Table
    # Metadata Fields"): all entries up to the last expired one go.
    log = list(metadata.get("snapshot-log") or ())
    gone = [place for place, entry in enumerate(log) if entry["snapshot-id"] in ids]
    return metadata | changed | {"snapshot-log": log[gone[-1] + 1 :] if gone else log}


def _without(metadata: Json, name: str, gone: Callable[[Json], bool]) -> list[Json]:
    return [entry for entry in metadata.get(name) or () if not gone(entry)]
