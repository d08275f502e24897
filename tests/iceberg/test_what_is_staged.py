"""What a stage writes into metadata, entry by entry, and what a restage keeps of it and refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.table import StaticTable

from lakeflow.adapters.iceberg.commit.commits import CommitAttempt, Commits, TableCommit, _holds
from lakeflow.adapters.iceberg.commit.staging import restage, stage
from lakeflow.adapters.iceberg.metadata import updates as u
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, MetadataFiles
from lakeflow.adapters.objects import DISK
from lakeflow.core.errors import ConflictError, SchemaError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Publish, Rollback
from lakeflow.core.model.layout import Layout, read_partition_field
from lakeflow.core.model.provenance import MAIN_SCHEMA
from lakeflow.core.model.schema import Field, Primitive, Schema, Struct
from lakeflow.core.model.table import MAIN, Staging, Table
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.ports.locations import local_path
from lakeflow.core.ports.objects import Scratch
from tests.iceberg.lab import COLUMNS, FLIGHTS, WEATHER, Lab, nothing, publishing, staging
from tests.recording import Doing

_NARROW = Schema((Field("n", Primitive("int")),))
_WIDE = Schema((Field("n", Primitive("long"), 1),))
_VECTORIZED = "read.parquet.vectorization.enabled"
_BY_NAME = Layout((read_partition_field("name"),))


def metadata(table: Table) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(local_path(table.version).read_text())
    return said


def found(lab: Lab, key: AssetKey = FLIGHTS) -> LoadedTable[Any]:
    return Commits(lab.database, MetadataFiles(lab.warehouse), lab.clock).read([key])[key]


def attempted(lab: Lab, loaded: LoadedTable[Any] | None = None) -> CommitAttempt:
    return CommitAttempt(loaded or found(lab), DISK.scratch(), 1)


def planned(lab: Lab, table: Table, what: Staging, loaded: LoadedTable[Any] | None = None) -> TableCommit:
    """What a stage would commit; nothing is."""
    attempt = attempted(lab, loaded)
    try:
        return stage(table, what, attempt)
    finally:
        attempt.scratch.discard()


def with_column(table: Table) -> Schema:
    return Schema((*table.schema.fields, Field("note", Primitive("string"), 3)))


def test_a_snapshot_says_by_which_run_under_which_schema_and_on_what_it_was_written(lab: Lab) -> None:
    first = lab.land([1])
    staged = lab.stage([2], "r2")
    snapshot = staged.snapshots[staged.refs["audit_r2"]]
    assert snapshot.parent_id == first.main
    assert snapshot.summary["lakeflow.run"] == "r2"
    assert snapshot.summary[MAIN_SCHEMA] == str(first.schema_id)
    assert (snapshot.schema_id, staged.schema_id, staged.main) == (first.schema_id, first.schema_id, first.main)


def test_a_known_schema_keeps_its_id_and_a_new_one_gets_the_next(lab: Lab) -> None:
    table = lab.land([1])
    assert [each["schema-id"] for each in metadata(table)["schemas"]] == [0]
    staged = lab.catalog.stage(table, staging(table, (), "r2", schema=with_column(table)))
    assert [each["schema-id"] for each in metadata(staged)["schemas"]] == [0, 1]
    assert metadata(staged)["current-schema-id"] == 0
    snapshot = staged.snapshots[staged.refs["audit_r2"]]
    assert (snapshot.schema_id, snapshot.summary[MAIN_SCHEMA]) == (1, "0")
    again = lab.catalog.stage(staged, staging(staged, (), "r3", schema=with_column(table)))
    assert [each["schema-id"] for each in metadata(again)["schemas"]] == [0, 1]
    assert again.snapshots[again.refs["audit_r3"]].schema_id == 1
    other = Schema((*table.schema.fields, Field("more", Primitive("string"), 4)))
    third = lab.catalog.stage(again, staging(again, (), "r4", schema=other))
    assert [each["schema-id"] for each in metadata(third)["schemas"]] == [0, 1, 2]


def test_the_spec_of_a_layout_is_added_once_and_named_by_the_snapshot(lab: Lab) -> None:
    table = lab.land([1])
    for run in ("r2", "r3"):
        table = lab.catalog.stage(table, replace(staging(table, (), run), layout=_BY_NAME))
        assert [spec["spec-id"] for spec in metadata(table)["partition-specs"]] == [0, 1]
        assert table.snapshots[table.refs[f"audit_{run}"]].summary["lakeflow.partition-spec"] == "1"
    assert metadata(table)["default-spec-id"] == 0


def test_a_column_that_files_are_partitioned_by_is_not_dropped(lab: Lab) -> None:
    table = lab.land([1])
    table = lab.catalog.stage(table, replace(staging(table, (), "r2"), layout=_BY_NAME))
    without = Schema(tuple(field for field in table.schema.fields if field.name != "name"))
    with pytest.raises(SchemaError) as caught:
        lab.catalog.stage(table, staging(table, (), "r3", WriteMode.REPLACE, without))
    assert caught.value.message == (
        "silver.flights: a column that its older files are partitioned by cannot be dropped"
    )
    assert caught.value.asset == FLIGHTS
    other = Schema(tuple(field for field in table.schema.fields if field.name != "id"))
    lab.catalog.stage(table, staging(table, (), "r4", WriteMode.REPLACE, other))


@pytest.mark.parametrize(
    ("mode", "removes", "left"),
    [
        (WriteMode.APPEND, (), [1, 2, 9]),
        (WriteMode.UPSERT, ("file",), [2, 9]),
        (WriteMode.UPSERT, ("file://",), [2, 9]),
        (WriteMode.REPLACE, (), [9]),
    ],
)
def test_a_stage_takes_away_the_files_that_its_mode_takes(
    lab: Lab, mode: WriteMode, removes: tuple[str, ...], left: list[int]
) -> None:
    first = lab.land([1])
    (file,) = lab.catalog.scan(first, first.main).files
    table = lab.land([2], "r2")
    files = lab.write(table, {"id": [9], "name": ["n"]}, table.schema)
    named = tuple(
        str(local_path(str(file))) if each == "file" else f"file://{local_path(str(file))}" for each in removes
    )
    staged = lab.catalog.stage(table, replace(staging(table, files, "r3", mode), removes=named))
    assert lab.ids(staged, staged.refs["audit_r3"]) == left


def test_a_stage_asks_that_table_main_branch_and_schema_are_as_planned(lab: Lab) -> None:
    table = lab.land([1])
    for changed, said in (
        (replace(table, uuid="other"), "the table was replaced"),
        (replace(table, schema_id=7), "the schema changed"),
    ):
        with pytest.raises(ConflictError, match=said):
            lab.catalog.stage(changed, staging(table, (), "r2"))
    with pytest.raises(ConflictError, match="main moved"):
        lab.catalog.stage(table, replace(staging(table, (), "r2"), base=7))


def test_field_ids_are_compared_where_a_schema_is_added_and_only_there(lab: Lab) -> None:
    table = lab.land([1])
    behind = replace(table, last_column_id=1)
    with pytest.raises(ConflictError):
        lab.catalog.stage(behind, staging(table, (), "r2", schema=with_column(table)))
    lab.catalog.stage(behind, staging(table, (), "r2"))


@pytest.mark.parametrize("ids", [(1, 0), (1, 1)])
def test_a_schema_whose_fields_have_no_id_or_share_one_is_a_fault_of_ours(lab: Lab, ids: tuple[int, int]) -> None:
    table = lab.land([1])
    fields = (Field("id", Primitive("long"), ids[0]), Field("name", Primitive("string"), ids[1]))
    with pytest.raises(AssertionError):
        lab.catalog.stage(table, staging(table, (), "r2", schema=Schema(fields)))


def narrow(lab: Lab) -> Table:
    table = lab.catalog.create(FLIGHTS, _NARROW)
    files = lab.write(table, {"n": [1]}, table.schema)
    return lab.publish(lab.catalog.stage(table, staging(table, files)))


def properties(commit: TableCommit) -> list[u.SetProperties]:
    return [update for update in commit.updates if isinstance(update, u.SetProperties)]


def test_old_readers_are_warned_once_and_only_of_older_files_that_stay(lab: Lab) -> None:
    table = narrow(lab)
    warned = [u.SetProperties({_VECTORIZED: "false"})]
    loaded = found(lab)
    wide = staging(table, (), "r2", schema=_WIDE)
    assert properties(planned(lab, table, wide)) == warned
    assert properties(planned(lab, table, replace(wide, mode=WriteMode.REPLACE))) == []
    assert properties(planned(lab, table, staging(table, (), "r2"))) == []
    for value, said in (("false", []), ("true", warned)):
        other = replace(loaded, table=replace(loaded.table, properties={_VECTORIZED: value}))
        assert properties(planned(lab, table, wide, other)) == said


def test_old_readers_need_no_warning_before_anything_is_published(lab: Lab) -> None:
    table = lab.catalog.create(FLIGHTS, _NARROW)
    assert properties(planned(lab, table, staging(table, (), "r2", schema=_WIDE))) == []


def test_a_column_inside_another_that_became_wider_is_warned_of_too(lab: Lab) -> None:
    inner = Field("n", Primitive("int"), 2)
    table = lab.catalog.create(FLIGHTS, Schema((Field("s", Struct((inner,)), 1),)))
    first = lab.publish(lab.catalog.stage(table, staging(table, ())))
    wide = Schema((Field("s", Struct((replace(inner, type=Primitive("long")),)), 1),))
    assert properties(planned(lab, first, staging(first, (), "r2", schema=wide))) != []


def hidden(lab: Lab) -> LoadedTable[Any]:
    """A table of an early release: two columns have names that other libraries take for one."""
    lab.land([1])
    loaded = found(lab)
    fields = (Field("s", Struct((Field("x", Primitive("int"), 2),)), 1), Field("s.x", Primitive("int"), 3))
    broken = {
        "type": "struct",
        "schema-id": 5,
        "fields": [
            {
                "id": 1,
                "name": "s",
                "required": False,
                "type": {
                    "type": "struct",
                    "fields": [{"id": 2, "name": "x", "required": False, "type": "int", "doc": "inner"}],
                },
            },
            {"id": 3, "name": "s.x", "required": False, "type": "int", "doc": "dotted"},
        ],
    }
    schemas = {**loaded.table.schemas, 5: Schema(fields, 5)}
    content = {**loaded.json, "schemas": [*loaded.json["schemas"], broken]}
    return replace(loaded, json=content, table=replace(loaded.table, schemas=schemas))


def test_names_that_hide_each_other_are_mended_with_the_next_stage_and_others_are_left(lab: Lab) -> None:
    loaded = hidden(lab)
    commit = planned(lab, loaded.table, staging(loaded.table, (), "r2"), loaded)
    (mended,) = [update for update in commit.updates if isinstance(update, u.NameSchemas)]
    assert [*mended.schemas] == [5]
    before, after = (field["name"] for field in mended.schemas[5]["fields"])
    assert before == "s"
    assert after != "s.x"
    assert [field.get("doc") for field in mended.schemas[5]["fields"]] == [None, "dotted"]
    table = lab.table()
    plain = planned(lab, table, staging(table, (), "r2"))
    assert not [update for update in plain.updates if isinstance(update, u.NameSchemas)]


def test_a_restage_keeps_what_the_run_said_and_nothing_that_was_counted(lab: Lab) -> None:
    base = lab.land([1]).main
    wider = lab.table()
    files = lab.write(wider, {"id": [100, 101], "name": ["a", "b"]}, wider.schema)
    table = lab.catalog.stage(wider, staging(wider, files, "held"))
    before = table.snapshots[table.refs["audit_held"]]
    lab.land([2], "r2")
    after = lab.catalog.restage(table, "audit_held", base)
    snapshot = after.snapshots[after.refs["audit_held"]]
    ours = {name: text for name, text in before.summary.items() if name.startswith("lakeflow.")}
    assert {name: text for name, text in snapshot.summary.items() if name.startswith("lakeflow.")} == ours
    assert (before.summary["total-records"], snapshot.summary["total-records"]) == ("3", "4")
    assert (snapshot.summary["added-records"], snapshot.schema_id) == ("2", before.schema_id)


def test_manifests_stand_where_the_table_keeps_its_metadata(lab: Lab) -> None:
    base = lab.land([1])
    held = lab.stage([100], "held")
    lab.land([2], "r2")
    after = lab.catalog.restage(held, "audit_held", base.main)
    lists = {local_path(each["manifest-list"]).parent for each in metadata(after)["snapshots"]}
    assert lists == {local_path(after.location) / "metadata"}


def test_a_restage_of_another_schema_keeps_that_schema(lab: Lab) -> None:
    base = lab.land([1])
    held = lab.catalog.stage(base, staging(base, (), "held", schema=with_column(base)))
    lab.land([2], "r2")
    after = lab.catalog.restage(held, "audit_held", base.main)
    assert after.snapshots[after.refs["audit_held"]].schema_id == 1
    assert after.snapshots[after.refs["audit_held"]].summary[MAIN_SCHEMA] == "0"


def test_a_restage_says_what_main_did_that_it_may_not_follow(lab: Lab) -> None:
    first = lab.land([1]).main
    base = lab.land([2], "r2").main
    held = lab.stage([100], "held", WriteMode.REPLACE)
    moved = lab.land([3], "r3")
    with pytest.raises(ConflictError) as caught:
        lab.catalog.restage(held, "audit_held", base)
    assert caught.value.message == (
        f"silver.flights: main moved: snapshot {moved.main} (append) changed what this run read"
    )
    assert moved.main is not None
    assert base is not None
    lab.catalog.commit([Rollback(FLIGHTS, moved.main, base)], nothing)
    lab.catalog.commit([Rollback(FLIGHTS, base, first)], nothing)
    with pytest.raises(ConflictError) as caught:
        lab.catalog.restage(held, "audit_held", base)
    assert caught.value.message == (
        f"silver.flights: main was set back: snapshot {base} is not in its history any more"
    )


def test_a_restage_of_a_branch_that_is_gone_says_so(lab: Lab) -> None:
    table = lab.land([1])
    with pytest.raises(ConflictError) as caught:
        restage(table, "audit_gone", table.main, attempted(lab))
    assert caught.value.message == "silver.flights: branch audit_gone is gone"


def test_a_restage_while_main_stands_still_changes_nothing(lab: Lab) -> None:
    table = lab.land([1])
    held = lab.stage([100], "held")
    loaded = found(lab)
    assert restage(held, "audit_held", table.main, attempted(lab, loaded)) == TableCommit(loaded)


def test_metadata_is_ours_where_it_is_the_present_one_or_in_the_log(lab: Lab) -> None:
    first = lab.land([1])
    lab.land([2], "r2")
    loaded = found(lab)
    assert _holds(loaded, loaded.table.version)
    assert _holds(loaded, first.version)
    assert not _holds(loaded, "elsewhere")
    bare = replace(loaded, json={name: text for name, text in loaded.json.items() if name != "metadata-log"})
    assert not _holds(bare, first.version)
    assert _holds(bare, loaded.table.version)


@pytest.mark.long
def test_metadata_that_the_log_forgets_is_removed_with_the_commit(lab: Lab) -> None:
    lab.land([1])
    lab.catalog.commit([], nothing)
    for number in range(2, 60):
        table = lab.stage([number], f"r{number}")
        if len(metadata(table)["metadata-log"]) < number:
            break
    kept = {str(local_path(each["metadata-file"])) for each in metadata(table)["metadata-log"]}
    there = {str(path) for path in local_path(table.location).glob("metadata/*.metadata.json")}
    assert there == kept | {str(local_path(table.version))}


def test_only_the_changed_tables_are_returned_and_an_unchanged_one_must_stand_still(lab: Lab) -> None:
    lab.land([1])
    lab.land([1], key=WEATHER)
    moved: list[Table] = []

    def plan(read: Mapping[AssetKey, LoadedTable[Any]], _: Scratch) -> list[TableCommit]:
        if not moved:  # somebody commits on the table that is only watched, once
            moved.append(lab.stage([5], "other", key=WEATHER))
        return [TableCommit(read[FLIGHTS], (u.SetProperties({"a": "b"}),)), TableCommit(read[WEATHER])]

    calls: list[object] = []
    commits = Commits(lab.database, MetadataFiles(lab.warehouse), lab.clock)
    changed = commits.run([FLIGHTS, WEATHER], plan, Doing(calls.append))
    assert [*changed] == [FLIGHTS]
    assert changed[FLIGHTS] == lab.table()
    assert lab.table().properties["a"] == "b"
    assert len(calls) == 1, "the first try was lost before anything was recorded"
    assert len([*local_path(lab.table().location).glob("metadata/*.metadata.json")]) == len(
        {lab.table().version, *(each["metadata-file"] for each in metadata(lab.table())["metadata-log"])}
    ), "the metadata of the lost try is gone"


@pytest.mark.parametrize("fault", [RuntimeError("ours"), KeyboardInterrupt()])
def test_a_plan_or_a_record_that_fails_leaves_no_file(lab: Lab, fault: BaseException) -> None:
    staged = lab.stage([1])
    before = {str(path) for path in lab.warehouse.rglob("*")}

    def failing(*_: object) -> Any:
        raise fault

    def plan(read: Mapping[AssetKey, LoadedTable[Any]], scratch: Scratch) -> list[TableCommit]:
        scratch.write(f"{read[FLIGHTS].table.location}/metadata/x.avro", b"x")
        return list(failing())

    commits = Commits(lab.database, MetadataFiles(lab.warehouse), lab.clock)
    acts: list[Callable[[], object]] = [
        lambda: commits.run([FLIGHTS], plan),
        lambda: lab.catalog.commit([publishing(staged)], Doing(failing)),
    ]
    for act in acts:
        with pytest.raises(type(fault)):
            act()
        assert {str(path) for path in lab.warehouse.rglob("*")} == before
    assert lab.table() == staged


def test_the_proof_of_a_publish_is_there_with_it(lab: Lab) -> None:
    staged = lab.stage([1])
    change: Publish = publishing(staged)
    table = lab.catalog.commit([change], nothing)[FLIGHTS]
    (proof,) = local_path(table.location).glob("metadata/proof-*")
    assert b'{"ok": true}' in proof.read_bytes()
    assert table.refs == {MAIN: change.snapshot_id}
    assert Path(proof).name == f"proof-{change.snapshot_id}.puffin"
    assert lab.table().main == change.snapshot_id


def added(commit: TableCommit) -> Mapping[str, Any]:
    (snapshot,) = (update.snapshot for update in commit.updates if isinstance(update, u.AddSnapshot))
    return snapshot


def test_a_snapshot_is_dated_by_its_commit(lab: Lab) -> None:
    base = lab.land([1])
    held = lab.stage([100], "held")
    assert added(planned(lab, held, staging(held, (), "r2")))["timestamp-ms"] == 1
    lab.land([2], "r2")
    again = restage(held, "audit_held", base.main, attempted(lab))
    assert added(again)["timestamp-ms"] == 1


def as_released_early(lab: Lab, branch: str, **changes: Any) -> LoadedTable[Any]:
    """The table with other facts in the snapshot of a branch."""
    loaded = found(lab)
    old = loaded.table.snapshots[loaded.table.refs[branch]]
    snapshots = {**loaded.table.snapshots, old.id: replace(old, **changes)}
    return replace(loaded, table=replace(loaded.table, snapshots=snapshots))


def test_a_snapshot_that_says_nothing_of_mains_schema_or_its_own_has_the_tables(lab: Lab) -> None:
    base = lab.land([1])
    held = lab.stage([100], "held")
    summary = held.snapshots[held.refs["audit_held"]].summary
    lab.land([2], "r2")
    without = {name: text for name, text in summary.items() if name != MAIN_SCHEMA}
    early = as_released_early(lab, "audit_held", summary=without, schema_id=None)
    snapshot = added(restage(held, "audit_held", base.main, attempted(lab, early)))
    assert (snapshot["schema-id"], snapshot["summary"][MAIN_SCHEMA]) == (0, "0")
    other = as_released_early(lab, "audit_held", summary={**summary, MAIN_SCHEMA: "7"})
    with pytest.raises(ConflictError, match="the schema changed: expected schema 7 on main, found 0"):
        restage(held, "audit_held", base.main, attempted(lab, other))


def test_a_branch_is_not_put_on_a_main_that_became_unborn(lab: Lab) -> None:
    base = lab.land([1]).main
    held = lab.stage([100], "held")
    assert base is not None
    lab.catalog.commit([Rollback(FLIGHTS, base, None)], nothing)
    with pytest.raises(ConflictError, match=f"main was set back: snapshot {base} is not in its history any more"):
        lab.catalog.restage(held, "audit_held", base)


def test_files_lie_in_the_partition_of_their_layout_as_another_library_reads_them(lab: Lab) -> None:
    for run, name in (("r1", "a"), ("r2", "b")):
        table = lab.catalog.create(FLIGHTS, COLUMNS)
        (file,) = lab.write(table, {"id": [1], "name": [name]}, table.schema)
        placed = replace(staging(table, (replace(file, partition=(name,)),), run), layout=_BY_NAME)
        table = lab.publish(lab.catalog.stage(table, placed), run)
    theirs = StaticTable.from_metadata(table.version)
    assert sorted(task.file.partition[0] for task in theirs.scan().plan_files()) == ["a", "b"]
    (one,) = theirs.scan("name = 'b'").plan_files()
    assert one.file.partition[0] == "b"
    assert [spec["spec-id"] for spec in metadata(table)["partition-specs"]] == [0, 1]
