"""Our changes of metadata give what pyiceberg's own function gives, but for the differences named here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pyiceberg.table import update as theirs
from pyiceberg.table.metadata import TableMetadataUtil
from pyiceberg.table.statistics import StatisticsFile

from lakeflow.adapters.iceberg.metadata import updates as ours
from lakeflow.adapters.iceberg.metadata.types import Json, schema_to_json, with_ids
from lakeflow.core.model.schema import Field, Primitive, Schema
from tests.iceberg.lab import COLUMNS

_AT = 1_800_000_000_000
_LOCATION = "file:///lake/silver/t/metadata/00000-a.metadata.json"


def _snapshot(number: int, parent: int | None) -> Json:
    json = {
        "snapshot-id": number,
        "parent-snapshot-id": parent,
        "sequence-number": number,
        "timestamp-ms": _AT,
        "manifest-list": f"file:///lake/silver/t/metadata/snap-{number}.avro",
        "summary": {"operation": "append"},
        "schema-id": 0,
    }
    return {name: value for name, value in json.items() if value is not None}


def _statistics(number: int) -> Json:
    return {
        "snapshot-id": number,
        "statistics-path": f"file:///lake/{number}.puffin",
        "file-size-in-bytes": 10,
        "file-footer-size-in-bytes": 5,
        "blob-metadata": [],
    }


_WIDER = schema_to_json(Schema((*with_ids(COLUMNS).fields, Field("note", Primitive("string"), 7)), id=1))
_SPEC = {
    "spec-id": 1,
    "fields": [{"source-id": 1, "field-id": 1000, "transform": "bucket[4]", "name": "id_bucket"}],
}
_ORDER = {
    "order-id": 1,
    "fields": [{"transform": "identity", "source-id": 1, "direction": "asc", "null-order": "nulls-first"}],
}
_START: list[ours.Update] = [
    ours.AddSnapshot(_snapshot(1, None)),
    ours.SetBranch("main", 1),
    ours.AddSnapshot(_snapshot(2, 1)),
    ours.SetBranch("main", 2),
    ours.AddSnapshot(_snapshot(3, 2)),
    ours.SetBranch("audit_x", 3),
]
_CASES: dict[str, list[ours.Update]] = {
    "add a schema": [ours.AddSchema(_WIDER)],
    "set the schema": [ours.AddSchema(_WIDER), ours.SetCurrentSchema(1)],
    "add a spec": [ours.AddSpec(_SPEC)],
    "partition": [ours.AddSpec(_SPEC), ours.SetDefaultSpec(1)],
    "add a sort order": [ours.AddSortOrder(_ORDER)],
    "sort": [ours.AddSortOrder(_ORDER), ours.SetDefaultSortOrder(1)],
    "add a snapshot": [ours.AddSnapshot(_snapshot(4, 2))],
    "set main": [ours.SetBranch("main", 3)],
    "set a branch": [ours.SetBranch("other", 1)],
    "publish": [ours.SetBranch("main", 3), ours.RemoveRef("audit_x")],
    "drop main": [ours.RemoveRef("main")],
    "remove a snapshot": [ours.RemoveRef("audit_x"), ours.RemoveSnapshots(frozenset({3}))],
    "expire": [ours.SetStatistics(_statistics(1)), ours.RemoveSnapshots(frozenset({1}))],
    "set properties": [ours.SetProperties({"a": "b"})],
    "set statistics": [ours.SetStatistics(_statistics(2)), ours.SetStatistics(_statistics(2))],
}


def _translated(update: ours.Update) -> Any:
    kind: Callable[..., Any]
    values = dict(vars(update))
    match update:
        case ours.AddSchema():
            kind = theirs.AddSchemaUpdate
        case ours.SetCurrentSchema(schema_id):
            kind, values = theirs.SetCurrentSchemaUpdate, {"schema_id": schema_id}
        case ours.AddSnapshot():
            kind = theirs.AddSnapshotUpdate
        case ours.SetBranch(name, snapshot_id):
            kind = theirs.SetSnapshotRefUpdate
            values = {"ref_name": name, "type": "branch", "snapshot_id": snapshot_id}
        case ours.RemoveRef(name):
            kind, values = theirs.RemoveSnapshotRefUpdate, {"ref_name": name}
        case ours.RemoveSnapshots(ids):
            kind, values = theirs.RemoveSnapshotsUpdate, {"snapshot_ids": sorted(ids)}
        case ours.SetProperties(properties):
            kind, values = theirs.SetPropertiesUpdate, {"updates": properties}
        case ours.SetStatistics(entry):
            kind, values = theirs.SetStatisticsUpdate, {"statistics": StatisticsFile.model_validate(entry)}
        case _:
            return _translated_layout(update)
    return kind(**values)


def _translated_layout(update: ours.Update) -> Any:
    kind: Callable[..., Any]
    values = dict(vars(update))
    match update:
        case ours.AddSpec():
            kind = theirs.AddPartitionSpecUpdate
        case ours.SetDefaultSpec(spec_id):
            kind, values = theirs.SetDefaultSpecUpdate, {"spec_id": spec_id}
        case ours.AddSortOrder(order):
            kind, values = theirs.AddSortOrderUpdate, {"sort_order": order}
        case ours.SetDefaultSortOrder(order_id):
            kind, values = theirs.SetDefaultSortOrderUpdate, {"sort_order_id": order_id}
    return kind(**values)


def _comparable(json: Json) -> Json:
    """Without times of the other function's own clock, and without parent ids, which it takes from children of
    removed snapshots while Iceberg's Java library and ours leave them.
    """
    json = TableMetadataUtil.parse_obj(json).model_dump(by_alias=True, mode="json", exclude_none=True)
    json.pop("last-updated-ms")
    for entry in json["snapshot-log"]:
        entry.pop("timestamp-ms")
    for snapshot in json["snapshots"]:
        snapshot.pop("parent-snapshot-id", None)
    return json


@pytest.mark.parametrize("case", _CASES)
def test_both_functions_agree(case: str) -> None:
    schema = schema_to_json(with_ids(COLUMNS))
    empty = ours.new_metadata("6f5b1c9e-3b0e-4b60-9f1c-2f5f8a1f0a11", "file:///lake/silver/t", schema, 2, _AT)
    before = ours.applied(empty, _START, "file:///lake/start.json", _AT)
    mine = ours.applied(before, _CASES[case], _LOCATION, _AT)
    updates = tuple(_translated(update) for update in _CASES[case])
    other = theirs.update_table_metadata(TableMetadataUtil.parse_obj(before), updates, metadata_location=_LOCATION)
    assert _comparable(mine) == _comparable(other.model_dump(by_alias=True, mode="json", exclude_none=True))


def test_applying_changes_nothing_that_it_was_given() -> None:
    schema = schema_to_json(with_ids(COLUMNS))
    empty = ours.new_metadata("u", "file:///lake", schema, 2, _AT)
    copy = {**empty}
    ours.applied(empty, _START, _LOCATION, _AT)
    assert empty == copy


def test_unknown_fields_of_newer_formats_survive() -> None:
    empty = ours.new_metadata("u", "file:///lake", schema_to_json(with_ids(COLUMNS)), 2, _AT)
    assert ours.applied({**empty, "next-row-id": 7}, _START, _LOCATION, _AT)["next-row-id"] == 7


def test_a_branch_keeps_its_retention_settings_when_it_moves() -> None:
    empty = ours.new_metadata("u", "file:///lake", schema_to_json(with_ids(COLUMNS)), 2, _AT)
    before = ours.applied(empty, _START, _LOCATION, _AT)
    before["refs"]["main"]["max-snapshot-age-ms"] = 5
    assert ours.applied(before, [ours.SetBranch("main", 3)], _LOCATION, _AT)["refs"]["main"] == {
        "type": "branch",
        "snapshot-id": 3,
        "max-snapshot-age-ms": 5,
    }


def test_the_log_keeps_as_many_versions_as_the_table_says() -> None:
    content = ours.new_metadata("u", "file:///lake", schema_to_json(with_ids(COLUMNS)), 2, _AT)
    content["properties"][ours.PREVIOUS_VERSIONS] = "2"
    for number in range(4):
        before, content = content, ours.applied(content, [], f"file:///lake/{number}.json", _AT)
    assert [entry["metadata-file"] for entry in content["metadata-log"]] == [
        "file:///lake/2.json",
        "file:///lake/3.json",
    ]
    assert ours.forgotten(before, content) == ("file:///lake/1.json",)
    content["properties"][ours.DELETE_AFTER_COMMIT] = "false"
    assert ours.forgotten(before, content) == ()


def test_the_log_of_main_forgets_what_stood_before_an_expired_snapshot() -> None:
    """Iceberg's spec, "Table Metadata Fields": the entry before a gap would stand for a time that was not its own."""
    empty = ours.new_metadata("u", "file:///lake", schema_to_json(with_ids(COLUMNS)), 2, _AT)
    back: list[ours.Update] = [ours.SetBranch("main", 1), ours.RemoveSnapshots(frozenset({2}))]
    rolled = ours.applied(empty, [*_START[:4], *back], _LOCATION, _AT)
    assert [entry["snapshot-id"] for entry in rolled["snapshot-log"]] == [1]
    kept = ours.applied(empty, [*_START, ours.RemoveRef("audit_x"), ours.RemoveSnapshots(frozenset({3}))], _LOCATION, 1)
    assert [entry["snapshot-id"] for entry in kept["snapshot-log"]] == [1, 2]
