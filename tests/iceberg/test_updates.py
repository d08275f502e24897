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


def _empty() -> Json:
    return ours.new_metadata("u", "file:///lake/t", schema_to_json(with_ids(COLUMNS)), 2, _AT)


def _after(*updates: ours.Update, before: Json | None = None) -> Json:
    return ours.applied(_empty() if before is None else before, updates, _LOCATION, _AT + 5)


def test_a_new_table_is_empty_and_says_how_long_its_log_is() -> None:
    schema = schema_to_json(with_ids(COLUMNS))
    assert _empty() == {
        "format-version": 2,
        "table-uuid": "u",
        "location": "file:///lake/t",
        "last-sequence-number": 0,
        "last-updated-ms": _AT,
        "last-column-id": 2,
        "current-schema-id": schema["schema-id"],
        "schemas": [schema],
        "default-spec-id": 0,
        "partition-specs": [{"spec-id": 0, "fields": []}],
        "last-partition-id": 999,
        "default-sort-order-id": 0,
        "sort-orders": [{"order-id": 0, "fields": []}],
        "properties": {
            "write.metadata.previous-versions-max": "50",
            "write.metadata.delete-after-commit.enabled": "true",
        },
        **{name: [] for name in ("snapshots", "snapshot-log", "metadata-log", "statistics")},
        "refs": {},
    }


def test_each_commit_tells_its_time_and_where_the_table_stood_until_then() -> None:
    first = _after(*_START[:2])
    assert (first["last-updated-ms"], first["current-snapshot-id"]) == (_AT + 5, 1)
    assert first["snapshot-log"] == [{"snapshot-id": 1, "timestamp-ms": _AT + 5}]
    assert first["metadata-log"] == [{"metadata-file": _LOCATION, "timestamp-ms": _AT}]
    assert _after(before=first)["metadata-log"][-1] == {"metadata-file": _LOCATION, "timestamp-ms": _AT + 5}


def test_a_tag_and_a_branch_beside_main_move_no_main() -> None:
    before = _after(*_START[:4])
    after = _after(ours.SetTag("v1", 1), ours.SetBranch("other", 1), before=before)
    assert after["refs"] == {
        **before["refs"],
        "v1": {"type": "tag", "snapshot-id": 1},
        "other": {"type": "branch", "snapshot-id": 1},
    }
    assert (after["current-snapshot-id"], after["snapshot-log"]) == (2, before["snapshot-log"])
    gone = _after(ours.RemoveRef("other"), before=after)
    assert (gone["refs"].keys(), gone["current-snapshot-id"]) == ({"main", "v1"}, 2)
    assert "current-snapshot-id" not in _after(ours.RemoveRef("main"), ours.RemoveRef("main"), before=after)


def test_columns_of_schemas_that_are_there_get_other_names() -> None:
    before = _after(ours.AddSchema(_WIDER))
    named = {**before["schemas"][0], "fields": []}
    assert _after(ours.NameSchemas({0: named}), before=before)["schemas"] == [named, _WIDER]
    assert before["last-column-id"] == 7


def test_a_schema_and_a_layout_that_need_no_new_ids_take_none() -> None:
    narrow = {**_WIDER, "fields": _WIDER["fields"][:1]}
    assert _after(ours.AddSchema(narrow))["last-column-id"] == 2
    assert _after(ours.AddSpec({"spec-id": 1, "fields": []}))["last-partition-id"] == 999
    assert _after(ours.AddSpec(_SPEC))["last-partition-id"] == 1000


@pytest.mark.parametrize(
    ("type_", "highest"),
    [
        ("long", 0),
        ({"type": "list", "element-id": 9, "element": "long"}, 9),
        ({"type": "map", "key-id": 5, "key": "long", "value-id": 6, "value": "long"}, 6),
        ({"type": "map", "key-id": 8, "key": "long", "value-id": 6, "value": "long"}, 8),
        ({"type": "list", "element-id": 1, "element": {"type": "struct", "fields": [{"id": 11, "type": "int"}]}}, 11),
        ({"type": "map", "key": {"element-id": 12, "element": "int"}, "value": "int"}, 12),
        ({"type": "map", "key": "int", "value": {"element-id": 13, "element": "int"}}, 13),
        ({"fields": [{"id": 3, "type": {"element-id": 14, "element": "int"}}, {"id": 4, "type": "int"}]}, 14),
        ({"fields": []}, 0),
    ],
)
def test_the_highest_id_may_stand_deep_in_a_type(type_: object, highest: int) -> None:
    assert ours.schema_highest_id(type_) == highest


def test_what_belongs_to_a_snapshot_goes_with_it_and_nothing_else() -> None:
    before = _after(*_START, ours.RemoveRef("audit_x"), ours.SetStatistics(_statistics(3)))
    before = _after(ours.SetStatistics(_statistics(2)), before=before)
    assert [entry["snapshot-id"] for entry in before["statistics"]] == [3, 2]
    before = {**before, "partition-statistics": [{"snapshot-id": 2}, {"snapshot-id": 3}]}
    after = _after(ours.RemoveSnapshots(frozenset({3})), before=before)
    for name, kept in {"snapshots": [1, 2], "statistics": [2], "partition-statistics": [2]}.items():
        assert [entry["snapshot-id"] for entry in after[name]] == kept
    assert "partition-statistics" not in _after(ours.RemoveSnapshots(frozenset()))
    with pytest.raises(AssertionError):
        _after(ours.RemoveSnapshots(frozenset({2})), before=before)


def test_a_snapshot_that_does_not_follow_the_last_one_is_refused() -> None:
    with pytest.raises(AssertionError):
        _after(ours.AddSnapshot(_snapshot(2, None)))


def test_what_a_table_of_others_does_not_hold_is_empty() -> None:
    optional = ("snapshots", "snapshot-log", "metadata-log", "statistics", "refs", "properties")
    for bare in (
        {key: one for key, one in _empty().items() if key not in optional},
        _empty() | dict.fromkeys(optional),
    ):
        after = _after(*_START[:2], ours.SetStatistics(_statistics(1)), ours.SetTag("v", 1), before=bare)
        assert after["refs"].keys() == {"main", "v"}
        assert [len(after[name]) for name in ("snapshots", "snapshot-log", "metadata-log", "statistics")] == [1] * 4
        assert _after(ours.SetProperties({"a": "b"}), before=bare)["properties"] == {"a": "b"}
        assert _after(ours.RemoveRef("v"), before=bare)["refs"] == {}
        assert ours.forgotten(bare, after) == (), "nobody asked for it"


def test_the_log_keeps_a_hundred_versions_unless_said_and_one_at_least() -> None:
    entries = [{"metadata-file": f"file:///lake/{number}.json", "timestamp-ms": 1} for number in range(120)]
    for properties, kept in (({}, 100), ({ours.PREVIOUS_VERSIONS: "0"}, 1)):
        after = _after(before={**_empty(), "metadata-log": entries, "properties": properties})
        assert len(after["metadata-log"]) == kept
        assert after["metadata-log"][-1]["metadata-file"] == _LOCATION


def test_older_versions_are_removed_where_the_table_says_so_in_any_letters() -> None:
    before = {"metadata-log": [{"metadata-file": "a"}, {"metadata-file": "b"}]}
    after = {"metadata-log": [{"metadata-file": "b"}], "properties": {ours.DELETE_AFTER_COMMIT: "TRUE"}}
    assert ours.forgotten(before, after) == ("a",)
    assert ours.forgotten({}, after) == ()
    assert ours.forgotten(before, {**after, "properties": None}) == ()
