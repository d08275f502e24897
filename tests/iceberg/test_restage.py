"""Main moved under a branch: put the same files on top of it, or say why not."""

from __future__ import annotations

import pytest
from pyiceberg.types import IntegerType

from lakeflow.core.errors import ConflictError
from lakeflow.core.model.changes import Rollback
from lakeflow.core.model.table import Table
from lakeflow.core.model.write_mode import WriteMode
from tests.iceberg import foreign
from tests.iceberg.foreign import compact
from tests.iceberg.lab import FLIGHTS, Lab, nothing


def _held(lab: Lab, mode: WriteMode = WriteMode.APPEND) -> tuple[Table, int, int | None]:
    """(table, held snapshot, its base), on a table that holds [1]."""
    base = lab.land([1]).main
    table = lab.stage([100], "held", mode)
    return table, table.refs["audit_held"], base


def test_an_append_is_put_on_top_of_another_append(lab: Lab) -> None:
    table, old, base = _held(lab)
    moved = lab.land([2], "r2")
    rebased = lab.catalog.restage(table, "audit_held", base)
    new = rebased.refs["audit_held"]
    assert new != old
    assert old not in rebased.snapshots
    assert rebased.snapshots[new].parent_id == moved.main == rebased.main
    assert lab.ids(rebased, new) == [1, 2, 100]
    assert rebased.snapshots[new].rows == 3
    assert rebased.snapshots[new].summary["lakeflow.run"] == "held"
    published = lab.publish(rebased, "held")
    assert lab.ids(published, published.main) == [1, 2, 100]


def test_an_append_on_an_unborn_main_is_put_on_the_first_publish(lab: Lab) -> None:
    table = lab.stage([100], "held")
    lab.land([1])
    rebased = lab.catalog.restage(table, "audit_held", None)
    assert lab.ids(rebased, rebased.refs["audit_held"]) == [1, 100]


@pytest.mark.parametrize("mode", [WriteMode.APPEND, WriteMode.REPLACE])
def test_a_schema_that_changed_with_a_moved_main_is_a_conflict(lab: Lab, mode: WriteMode) -> None:
    table, old, base = _held(lab, mode)
    with foreign.opened(lab, FLIGHTS) as theirs, theirs.update_schema() as update:
        update.add_column("theirs", IntegerType())
    compact(lab, FLIGHTS)
    with pytest.raises(ConflictError, match="the schema changed: expected schema 0 on main, found 1"):
        lab.catalog.restage(table, "audit_held", base)
    assert lab.table().refs["audit_held"] == old


def test_nothing_happens_while_main_stands_still(lab: Lab) -> None:
    table, old, base = _held(lab)
    assert lab.catalog.restage(table, "audit_held", base).refs["audit_held"] == old


@pytest.mark.parametrize(("mode", "rows"), [(WriteMode.APPEND, [1, 2, 100]), (WriteMode.REPLACE, [100])])
def test_both_modes_go_on_top_of_a_compaction(lab: Lab, mode: WriteMode, rows: list[int]) -> None:
    lab.land([2], "r0")
    table, _, base = _held(lab, mode)
    compact(lab, FLIGHTS)
    rebased = lab.catalog.restage(table, "audit_held", base)
    new = rebased.refs["audit_held"]
    assert rebased.snapshots[new].parent_id == rebased.main
    assert lab.ids(rebased, new) == rows
    assert rebased.snapshots[new].rows == len(rows)


def test_a_replace_over_anothers_data_is_a_conflict(lab: Lab) -> None:
    table, _, base = _held(lab, WriteMode.REPLACE)
    lab.land([2], "r2")
    with pytest.raises(ConflictError, match=r"main moved: snapshot \d+ \(append\) changed what this run read"):
        lab.catalog.restage(table, "audit_held", base)


def test_an_append_over_anothers_replace_is_a_conflict(lab: Lab) -> None:
    table, _, base = _held(lab)
    lab.land([2], "r2", WriteMode.REPLACE)
    with pytest.raises(ConflictError, match=r"\(overwrite\)"):
        lab.catalog.restage(table, "audit_held", base)


def test_a_main_that_was_set_back_is_a_conflict(lab: Lab) -> None:
    table, _, base = _held(lab)
    lab.catalog.commit([Rollback(FLIGHTS, base or 0, None)], nothing)
    lab.land([5], "r2")
    with pytest.raises(ConflictError, match="main was set back"):
        lab.catalog.restage(table, "audit_held", base)


def test_a_branch_that_is_gone_is_a_conflict(lab: Lab) -> None:
    table = lab.land([1])
    with pytest.raises(ConflictError, match="branch audit_held is gone"):
        lab.catalog.restage(table, "audit_held", table.main)
