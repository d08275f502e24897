"""A commit in the words of the REST protocol: what is required, what is asked for, and what is left as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from lakeflow.adapters.iceberg.metadata import updates as u
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable
from lakeflow.adapters.iceberg.rest.changes import identifier, new_table, requirements, table_change
from lakeflow.core.errors import LakeError
from lakeflow.core.model.table import MAIN
from tests.core.samples import key, snapshot, table

A = key("silver.a")
KEPT = {"max-ref-age-ms": 5, "max-snapshot-age-ms": 6, "min-snapshots-to-keep": 7}


def found(**more: Any) -> LoadedTable:
    """main at 1, and what run `r1` wrote on it at 2."""
    made = replace(table("silver.a", snapshot(1), snapshot(2, 1), main=1, audit_r1=2), uuid="uuid-a", last_column_id=4)
    json = {"default-spec-id": 3, "default-sort-order-id": 2, "last-partition-id": 1001, **more}
    return LoadedTable(made, json)


def at(ref: str, snapshot_id: int | None) -> dict[str, Any]:
    return {"type": "assert-ref-snapshot-id", "ref": ref, "snapshot-id": snapshot_id}


REST = [
    {"type": "assert-current-schema-id", "current-schema-id": 0},
    {"type": "assert-last-assigned-field-id", "last-assigned-field-id": 4},
    {"type": "assert-default-spec-id", "default-spec-id": 3},
    {"type": "assert-default-sort-order-id", "default-sort-order-id": 2},
    {"type": "assert-last-assigned-partition-id", "last-assigned-partition-id": 1001},
]
UUID_IS = {"type": "assert-table-uuid", "uuid": "uuid-a"}


def test_all_that_was_read_must_still_be_so() -> None:
    assert list(requirements(found(), ())) == [UUID_IS, at(MAIN, 1), at("audit_r1", 2), *REST]


def test_an_early_table_has_no_last_partition_id() -> None:
    loaded = found()
    early = LoadedTable(loaded.table, {k: v for k, v in loaded.json.items() if k != "last-partition-id"})
    assert list(requirements(early, ())) == [UUID_IS, at(MAIN, 1), at("audit_r1", 2), *REST[:-1]]


def test_a_main_that_is_not_there_must_not_come_meanwhile() -> None:
    unborn = replace(found().table, refs={"audit_r1": 2})
    assert list(requirements(LoadedTable(unborn, found().json), ()))[1:3] == [at(MAIN, None), at("audit_r1", 2)]


def test_a_ref_that_is_made_or_meant_to_be_absent_must_not_be_there() -> None:
    updates = (u.SetTag("v1", 1), u.SetBranch("audit_r2", 1), u.SetBranch(MAIN, 2), u.RemoveRef("audit_r1"))
    refs = [each for each in requirements(found(), updates, ["refused_pr", "audit_r1"]) if "ref" in each]
    expected = [at(MAIN, 1), at("audit_r1", 2), at("audit_r2", None), at("refused_pr", None), at("v1", None)]
    assert sorted(refs, key=str) == sorted(expected, key=str)


def test_a_part_of_a_commit_names_its_table() -> None:
    assert identifier(A) == {"namespace": ["silver"], "name": "a"}
    said = table_change(found(), [u.RemoveRef("audit_r1")], ["absent"])
    assert {*said} == {"identifier", "requirements", "updates"}
    assert said["identifier"] == identifier(A)
    assert said["requirements"] == list(requirements(found(), [], ["absent"]))
    assert said["updates"] == [{"action": "remove-snapshot-ref", "ref-name": "audit_r1"}]
    assert table_change(found(), [])["updates"] == []
    made = table_change(found(), [u.SetBranch("audit_r2", 1)])
    assert at("audit_r2", None) in made["requirements"]


SCHEMA = {"type": "struct", "fields": [{"id": 9, "name": "value", "type": "long", "required": False}]}
SMALL = {"type": "struct", "fields": [{"id": 1, "name": "value", "type": "long", "required": False}]}


@pytest.mark.parametrize(
    ("update", "said"),
    [
        (u.AddSnapshot({"snapshot-id": 5}), [{"action": "add-snapshot", "snapshot": {"snapshot-id": 5}}]),
        (
            u.SetBranch("audit_r2", 5),
            [{"action": "set-snapshot-ref", "ref-name": "audit_r2", "type": "branch", "snapshot-id": 5}],
        ),
        (u.SetTag("v1", 5), [{"action": "set-snapshot-ref", "ref-name": "v1", "type": "tag", "snapshot-id": 5}]),
        (u.RemoveRef("v1"), [{"action": "remove-snapshot-ref", "ref-name": "v1"}]),
        (u.RemoveSnapshots(frozenset({9, 5})), [{"action": "remove-snapshots", "snapshot-ids": [5, 9]}]),
        (u.RemoveSnapshots(frozenset()), []),
        (u.SetProperties({"a": "b"}), [{"action": "set-properties", "updates": {"a": "b"}}]),
        (
            u.SetStatistics({"snapshot-id": 5, "statistics-path": "at"}),
            [
                {
                    "action": "set-statistics",
                    "snapshot-id": 5,
                    "statistics": {"snapshot-id": 5, "statistics-path": "at"},
                }
            ],
        ),
        (u.AddSchema(SCHEMA), [{"action": "add-schema", "schema": SCHEMA, "last-column-id": 9}]),
        (u.AddSchema(SMALL), [{"action": "add-schema", "schema": SMALL, "last-column-id": 4}]),
        (u.SetCurrentSchema(2), [{"action": "set-current-schema", "schema-id": 2}]),
        (u.AddSpec({"spec-id": 1}), [{"action": "add-spec", "spec": {"spec-id": 1}}]),
        (u.SetDefaultSpec(1), [{"action": "set-default-spec", "spec-id": 1}]),
        (u.AddSortOrder({"order-id": 1}), [{"action": "add-sort-order", "sort-order": {"order-id": 1}}]),
        (u.SetDefaultSortOrder(1), [{"action": "set-default-sort-order", "sort-order-id": 1}]),
    ],
    ids=lambda each: type(each).__name__,
)
def test_each_change_has_its_words(update: u.Update, said: list[Any]) -> None:
    assert table_change(found(), [update])["updates"] == said


@pytest.mark.parametrize("update", [u.SetBranch("env_pr", 2), u.SetTag("env_pr", 2)])
def test_a_ref_that_is_set_again_keeps_its_retention(update: u.Update) -> None:
    refs = {"env_pr": {**KEPT, "snapshot-id": 1, "type": "branch"}, "v1": {"max-ref-age-ms": 1}}
    (said,) = table_change(found(refs=refs), [update])["updates"]
    assert {name: said[name] for name in said if name in KEPT} == KEPT
    assert said["snapshot-id"] == 2
    (bare,) = table_change(found(refs={"env_pr": {"max-ref-age-ms": 5}}), [update])["updates"]
    assert {*bare} & {*KEPT} == {"max-ref-age-ms"}
    (other,) = table_change(found(refs=None), [update])["updates"]
    assert not {*other} & {*KEPT}


def test_what_the_protocol_has_no_word_for_is_refused() -> None:
    with pytest.raises(LakeError) as caught:
        table_change(found(), [u.NameSchemas({0: SCHEMA})])
    assert caught.value.message == "silver.a: a schema of it has names that no REST catalog can change"
    assert caught.value.hint == "mend it with the engine that made the table"
    assert caught.value.asset == A


def test_a_new_table_is_made_empty_and_only_where_there_is_none() -> None:
    made, other = (new_table("s3://lake/a", SCHEMA, 9, {"owner": "anna"}) for _ in range(2))
    assert made["requirements"] == [{"type": "assert-create"}]
    uuid = made["updates"][0].pop("uuid")
    assert UUID(uuid)
    assert other["updates"][0].pop("uuid") != uuid
    assert made["updates"] == [
        {"action": "assign-uuid"},
        {"action": "upgrade-format-version", "format-version": 2},
        {"action": "add-schema", "schema": SCHEMA, "last-column-id": 9},
        {"action": "set-current-schema", "schema-id": -1},
        {"action": "add-spec", "spec": {"spec-id": 0, "fields": []}},
        {"action": "set-default-spec", "spec-id": -1},
        {"action": "add-sort-order", "sort-order": {"order-id": 0, "fields": []}},
        {"action": "set-default-sort-order", "sort-order-id": -1},
        {"action": "set-location", "location": "s3://lake/a"},
        {
            "action": "set-properties",
            "updates": {u.PREVIOUS_VERSIONS: "50", u.DELETE_AFTER_COMMIT: "true", "owner": "anna"},
        },
    ]
