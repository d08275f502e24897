"""Create, stage, publish: one table through its ordinary life."""

from __future__ import annotations

import pytest

from lakeflow.core.errors import LakeError
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.table import MAIN, Table
from lakeflow.core.model.write_mode import WriteMode
from tests.iceberg.lab import COLUMNS, FLIGHTS, WEATHER, Lab


def _summary(table: Table, snapshot_id: int) -> dict[str, str]:
    return dict(table.snapshots[snapshot_id].summary)


def test_a_new_table_has_an_unborn_main_and_assigned_ids(lab: Lab) -> None:
    table = lab.catalog.create(FLIGHTS, COLUMNS)
    assert table.main is None
    assert [field.id for field in table.schema.fields] == [1, 2]
    assert table.format_version == 2
    assert table.properties["write.metadata.previous-versions-max"] == "50"


def test_creating_a_table_twice_gives_the_first_one(lab: Lab) -> None:
    assert lab.catalog.create(FLIGHTS, COLUMNS).uuid == lab.catalog.create(FLIGHTS, COLUMNS).uuid
    assert lab.catalog.keys() == {FLIGHTS}


def test_load_leaves_out_what_does_not_exist(lab: Lab) -> None:
    lab.catalog.create(FLIGHTS, COLUMNS)
    assert set(lab.catalog.load([FLIGHTS, WEATHER])) == {FLIGHTS}
    assert lab.catalog.load([]) == {}


def test_a_name_that_is_a_path_is_refused(lab: Lab) -> None:
    with pytest.raises(LakeError, match="cannot name a table"):
        lab.catalog.create(AssetKey(Layer.SILVER, "../../evil"), COLUMNS)


def test_staging_on_an_unborn_main_shows_readers_nothing(lab: Lab) -> None:
    table = lab.stage([1, 2])
    assert table.main is None
    assert lab.ids(table, None) == []
    assert lab.ids(table, table.refs["audit_r1"]) == [1, 2]


def test_a_publish_moves_main_and_drops_the_branch(lab: Lab) -> None:
    staged = lab.stage([1, 2])
    table = lab.publish(staged)
    assert table.refs == {MAIN: staged.refs["audit_r1"]}
    assert lab.ids(table, table.main) == [1, 2]
    assert lab.table() == table


def test_an_append_adds_rows_and_counts_them(lab: Lab) -> None:
    lab.land([1, 2])
    table = lab.land([3], "r2")
    assert lab.ids(table, table.main) == [1, 2, 3]
    assert table.published is not None
    assert table.published.operation == "append"
    assert (table.published.rows, table.published.added_rows, table.published.deleted_rows) == (3, 1, 0)


def test_a_replace_is_one_snapshot_with_right_totals(lab: Lab) -> None:
    lab.land([1, 2])
    first = lab.land([3], "r2")
    table = lab.land([4, 5, 6, 7], "r3", WriteMode.REPLACE)
    assert lab.ids(table, table.main) == [4, 5, 6, 7]
    assert table.published is not None
    assert table.published.operation == "overwrite"
    assert table.published.parent_id == first.main
    assert (table.published.rows, table.published.added_rows, table.published.deleted_rows) == (4, 4, 3)
    summary = _summary(table, table.published.id)
    assert (summary["total-data-files"], summary["deleted-data-files"]) == ("1", "2")


def test_a_replace_by_nothing_leaves_an_empty_table(lab: Lab) -> None:
    lab.land([1, 2])
    table = lab.land([], "r2", WriteMode.REPLACE)
    assert lab.ids(table, table.main) == []
    assert table.published is not None
    assert table.published.rows == 0


def test_a_first_publish_of_nothing_is_a_snapshot_too(lab: Lab) -> None:
    table = lab.land([], "r1", WriteMode.REPLACE)
    assert table.main is not None
    assert lab.ids(table, table.main) == []


def test_a_replace_on_an_unborn_main_adds_its_files(lab: Lab) -> None:
    table = lab.land([1, 2], "r1", WriteMode.REPLACE)
    assert lab.ids(table, table.main) == [1, 2]


def test_the_summary_keeps_where_the_snapshot_comes_from(lab: Lab) -> None:
    table = lab.land([1])
    assert table.published is not None
    assert table.published.summary["lakeflow.run"] == "r1"


def test_the_proof_can_be_read_back(lab: Lab) -> None:
    table = lab.land([1])
    assert table.main is not None
    proof = lab.catalog.proof(table, table.main)
    assert proof is not None
    assert (proof.text, proof.displaced) == ('{"ok": true}', False)
    assert set(table.proofs) == {table.main}


@pytest.mark.long
def test_many_appends_are_merged_and_stay_complete(lab: Lab) -> None:
    for number in range(20):
        table = lab.land([number], f"r{number}")
    assert lab.ids(table, table.main) == list(range(20))
    assert table.published is not None
    assert table.published.rows == 20


def test_a_publish_expires_what_it_need_not_keep(lab: Lab) -> None:
    for number in range(6):
        table = lab.publish(lab.stage([number], f"r{number}"), f"r{number}", keep=2)
    assert len(table.snapshots) == 3
    assert lab.ids(table, table.main) == list(range(6))


def test_a_publish_keeps_what_an_open_branch_stands_on(lab: Lab) -> None:
    base = lab.land([0], "r0").main
    held = lab.stage([100], "held").refs["audit_held"]
    for number in range(1, 5):
        table = lab.publish(lab.stage([number], f"r{number}"), f"r{number}", keep=1)
    assert {base, held} <= set(table.snapshots)
    assert len(table.snapshots) == 4
    assert lab.ids(table, held) == [0, 100]


@pytest.mark.long
def test_old_metadata_files_are_deleted_by_the_tables_own_policy(lab: Lab) -> None:
    for number in range(30):
        table = lab.land([number], f"r{number}")
    files = list((lab.warehouse / "silver" / "flights" / "metadata").glob("*.metadata.json"))
    assert len(files) == 51
    assert any(str(file) in table.version for file in files)


def test_no_temporary_file_is_left(lab: Lab) -> None:
    lab.land([1])
    assert not list(lab.warehouse.rglob("*.tmp"))
