"""A compaction as a snapshot: main's rows in other files, beside main, in its columns and its layout; pyiceberg reads
it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pyarrow.parquet as pq
import pytest

from lakeflow.core.compact.stored import Compaction
from lakeflow.core.errors import ConflictError
from lakeflow.core.model.layout import Layout, PartitionField, SortField
from lakeflow.core.model.table import MAIN, ColumnStats, Table, WrittenFile
from tests.iceberg import foreign
from tests.iceberg.lab import COLUMNS, FLIGHTS, Lab, staging

BOUNDED = {
    ("id",): ColumnStats(2, 0, low="1", high="2"),
    ("name",): ColumnStats(2, 0, low="n1", high="n2"),
}
LAYOUT = Layout((PartitionField("id"),), (SortField("name", descending=True),))
BRANCH = "audit_mover"


def written(lab: Lab, table: Table, ids: Sequence[int], **more: Any) -> tuple[WrittenFile, ...]:
    (file,) = lab.write(table, {"id": ids, "name": [f"n{one}" for one in ids]}, table.schema)
    return (replace(file, **more),)


def asked(lab: Lab, table: Table, files: tuple[WrittenFile, ...], **more: Any) -> Compaction:
    """All files of main go, for these."""
    assert table.main is not None
    gone = frozenset(lab.catalog.scan(table, table.main).files)
    return replace(Compaction(BRANCH, table.main, gone, files, {"lakeflow.compacted-by": "mover"}), **more)


@pytest.fixture
def landed(lab: Lab) -> Table:
    """Two files, of one row each."""
    lab.land([1])
    return lab.land([2], "r2")


def test_the_same_rows_stand_in_one_file_on_a_branch_and_main_is_as_it_was(lab: Lab, landed: Table) -> None:
    made = lab.catalog.compact(landed, asked(lab, landed, written(lab, landed, [1, 2])))
    assert {name: made.refs[name] for name in made.refs if name != BRANCH} == landed.refs
    head = made.snapshots[made.refs[BRANCH]]
    assert (head.operation, head.parent_id, head.rows) == ("replace", landed.main, 2)
    assert (head.schema_id, made.schema) == (landed.schema_id, landed.schema)
    assert head.committed_at > landed.snapshots[landed.main or 0].committed_at
    assert head.summary["lakeflow.compacted-by"] == "mover"
    assert head.summary["lakeflow.main-schema"] == str(landed.schema_id)
    assert len(lab.catalog.scan(made, head.id).files) == 1
    assert lab.ids(made, head.id) == lab.ids(made, made.main) == [1, 2]
    assert sorted(foreign.rows(lab, FLIGHTS, head.id)["id"].to_pylist()) == [1, 2]


def test_files_that_are_not_named_stay(lab: Lab, landed: Table) -> None:
    stays, goes = lab.catalog.scan(landed, landed.main).files
    rows = lab.ids(landed, landed.main)
    (row,) = [one for one in rows if one != _row_of(lab, landed, stays)]
    compaction = asked(lab, landed, written(lab, landed, [row]), removes=frozenset({goes}))
    made = lab.catalog.compact(landed, compaction)
    files = lab.catalog.scan(made, made.refs[BRANCH]).files
    assert stays in files
    assert goes not in files
    assert lab.ids(made, made.refs[BRANCH]) == rows


def _row_of(lab: Lab, table: Table, file: str) -> int:

    (row,) = pq.read_table(file)["id"].to_pylist()
    return int(row)


def test_none_named_means_every_file(lab: Lab, landed: Table) -> None:
    made = lab.catalog.compact(landed, asked(lab, landed, written(lab, landed, [1, 2]), removes=None))
    assert len(lab.catalog.scan(made, made.refs[BRANCH]).files) == 1


def test_manifests_alone_are_merged_and_the_files_stay(lab: Lab, landed: Table) -> None:
    before = lab.catalog.stored(landed, landed.main or 0, Layout())
    made = lab.catalog.compact(landed, asked(lab, landed, (), removes=frozenset()))
    after = lab.catalog.stored(made, made.refs[BRANCH], Layout())
    assert {file.path for file in after.files} == {file.path for file in before.files}
    assert (len(before.manifests), len(after.manifests)) == (2, 1)
    head = made.snapshots[made.refs[BRANCH]]
    assert not {"lakeflow.partition-spec", "lakeflow.sort-order"} & {*head.summary}


@pytest.mark.parametrize(
    ("moved", "told"),
    [
        ("uuid", "the table was replaced"),
        ("main", "main"),
        ("branch", BRANCH),
        ("schema", "schema"),
    ],
)
def test_where_the_table_is_another_than_was_looked_at_nothing_is_staged(
    moved: str, told: str, lab: Lab, landed: Table
) -> None:
    compaction = asked(lab, landed, written(lab, landed, [1, 2]))
    planned = landed
    match moved:
        case "uuid":
            planned = replace(landed, uuid="another")
        case "main":
            lab.land([3], "r3")
        case "branch":
            lab.stage([3], "mover")
        case "schema":
            planned = replace(landed, schema_id=7, schemas={**landed.schemas, 7: landed.schema})
    refs = lab.table().refs
    with pytest.raises(ConflictError, match=told):
        lab.catalog.compact(planned, compaction)
    assert lab.table().refs == refs


def _publish_in(lab: Lab, layout: Layout, ids: Sequence[int]) -> Table:
    """Rows in that layout, one file for each."""
    table = lab.catalog.create(FLIGHTS, COLUMNS)
    files = tuple(written(lab, table, [one], partition=(one,))[0] for one in ids)
    return lab.publish(lab.catalog.stage(table, replace(staging(table, files), layout=layout)))


def test_new_files_lie_in_the_layout_that_is_declared(lab: Lab) -> None:
    table = _publish_in(lab, LAYOUT, [5])
    spec = table.snapshots[table.main or 0].summary["lakeflow.partition-spec"]
    files = written(lab, table, [5], partition=(5,), is_sorted=True)
    made = lab.catalog.compact(table, asked(lab, table, files, layout=LAYOUT))
    head = made.snapshots[made.refs[BRANCH]]
    assert head.summary["lakeflow.partition-spec"] == spec
    assert head.summary["lakeflow.sort-order"] == table.snapshots[table.main or 0].summary["lakeflow.sort-order"]
    (stored,) = lab.catalog.stored(made, head.id, LAYOUT).files
    assert (stored.path.rpartition("/")[2], stored.partition) == (files[0].path.rpartition("/")[2], (5,))
    with foreign.opened(lab, FLIGHTS) as theirs:
        (task,) = theirs.scan(row_filter="id = 5", snapshot_id=head.id).plan_files()
    assert task.file.sort_order_id == int(head.summary["lakeflow.sort-order"])


def test_merged_manifests_say_in_which_layout_the_rows_were_written(lab: Lab) -> None:
    table = _publish_in(lab, LAYOUT, [5])
    made = lab.catalog.compact(table, asked(lab, table, (), removes=frozenset(), layout=Layout()))
    before, after = table.snapshots[table.main or 0].summary, made.snapshots[made.refs[BRANCH]].summary
    for name in ("lakeflow.partition-spec", "lakeflow.sort-order"):
        assert after[name] == before[name]


@pytest.mark.parametrize(("pii", "bounded"), [(frozenset(), {1, 2}), (frozenset({"name"}), {1})])
def test_columns_that_are_personal_get_no_bounds(
    pii: frozenset[str], bounded: set[int], lab: Lab, landed: Table
) -> None:
    files = written(lab, landed, [1, 2], columns=BOUNDED)
    made = lab.catalog.compact(landed, asked(lab, landed, files, pii=pii))
    with foreign.opened(lab, FLIGHTS) as theirs:
        (task,) = theirs.scan(snapshot_id=made.refs[BRANCH]).plan_files()
    assert {*(task.file.lower_bounds or {})} == {*(task.file.upper_bounds or {})} == bounded


def test_a_compaction_is_published_as_any_write(lab: Lab, landed: Table) -> None:
    made = lab.catalog.compact(landed, asked(lab, landed, written(lab, landed, [1, 2])))
    published = lab.publish(made, "mover")
    assert {*published.refs} == {MAIN}
    assert sorted(foreign.rows(lab, FLIGHTS)["id"].to_pylist()) == [1, 2]
