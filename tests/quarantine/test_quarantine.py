"""Rows that a row check refuses stand beside the table, on the same branch, published with it or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

import lakeflow
from lakeflow.lake.lake import Lake
from tests.cli.test_commands import make

BRONZE = "select * from (values (1, 5.0), (2, -1.0), (3, NULL), (4, 7.0)) as v(id, total)"
SILVER = "/*\nkey = ['id']\n*/\nselect id, total from bronze.orders"
CHECKS = """import great_expectations.expectations as gxe

APART = {{"lakeflow": {{"on_fail": "quarantine"{more}}}}}
expectations = [
    gxe.ExpectColumnValuesToBeBetween(column="total", min_value=0, meta=APART),
    gxe.ExpectColumnValuesToNotBeNull(column="total", meta=APART),
]
"""
KEY = "silver.orders__quarantine"


def files(more: str = "") -> dict[str, str]:
    return {
        "layers/bronze/orders.sql": BRONZE,
        "layers/silver/orders.sql": SILVER,
        "layers/gold/sums.sql": "select sum(total) as total from silver.orders",
        "checks/silver/orders.py": CHECKS.format(more=more),
    }


def rows(lake: Lake, asset: str, *columns: str) -> list[tuple[str | None, ...]]:
    shown = lake.show(asset)
    places = [shown.columns.index(name) for name in columns]
    return sorted((tuple(row[place] for place in places) for row in shown.values), key=str)


@pytest.mark.long
def test_refused_rows_are_published_beside_the_others(tmp_path: Path) -> None:
    with lakeflow.open(make(tmp_path, files())) as lake:
        run = lake.materialize("+gold.sums")
        assert run is not None
        assert {str(step.asset): step.state for step in run.steps} == dict.fromkeys(
            ["bronze.orders", "silver.orders", KEY, "gold.sums"], "published"
        )
        assert rows(lake, "silver.orders", "id") == [("1",), ("4",)]
        assert rows(lake, KEY, "id", "_check", "_reason", "_run") == [
            ("2", "total at least 0", "total at least 0", run.id),
            ("3", "total not null", "total not null", run.id),
        ]
        assert "bronze.orders" in str(rows(lake, KEY, "_inputs")[0])
        assert lake.plan("silver.orders").steps == ()
        (tree,) = lake.lineage(KEY)
        assert [(str(above.status.asset), above.used_rows) for above in tree.upstreams] == [("silver.orders", 2)]


@pytest.mark.long
def test_more_than_the_fraction_holds_the_step_with_all_its_rows(tmp_path: Path) -> None:
    with lakeflow.open(make(tmp_path, files(', "max_fraction": 0.2'))) as lake:
        run = lake.materialize("+gold.sums")
        assert run is not None
        assert run.state == "held"
        states = {str(step.asset): (step.state, step.rows) for step in run.steps}
        assert states["silver.orders"] == ("held", 4)
        assert states[KEY] == ("held", 0)
        assert not [row for row in lake.snapshots("silver.orders") if row.ref == "main"]
        assert lake.discard(run.id).state == "discarded"
        assert not lake.snapshots(KEY)


@pytest.mark.long
def test_a_rollback_takes_both_back(tmp_path: Path) -> None:
    with lakeflow.open(make(tmp_path, files())) as lake:
        first = lake.materialize("+silver.orders")
        (tmp_path / "layers/silver/orders.sql").write_text(SILVER + " where id <> 3")
        with lakeflow.open(tmp_path) as changed:
            second = changed.materialize("silver.orders")
            assert first
            assert second
            assert rows(changed, KEY, "id") == [("2",)]
            changed.rollback(second.id)
        assert rows(lake, KEY, "id") == [("2",), ("3",)]
        assert rows(lake, "silver.orders", "id") == [("1",), ("4",)]


@pytest.mark.long
def test_a_held_asset_holds_its_quarantine_and_is_published_with_it(tmp_path: Path) -> None:
    make(tmp_path, {**files(), "checks/silver/orders.few.sql": "select * from silver.orders where id = 4"})
    with lakeflow.open(tmp_path) as lake:
        run = lake.materialize("+silver.orders")
        assert run is not None
        assert {str(step.asset): str(step.state) for step in run.steps} == {
            "bronze.orders": "published",
            "silver.orders": "held",
            KEY: "held",
        }
        again = lake.retry(run.id)
        assert again.state == "held"
        forced = lake.publish(run.id, "silver.orders", reason="four is fine")
        assert forced.state == "published"
        assert rows(lake, KEY, "id") == [("2",), ("3",)]


@pytest.mark.long
@pytest.mark.sampled(2)
@pytest.mark.parametrize("write", ["append", "replace"])
def test_the_quarantine_is_written_as_its_asset_is(tmp_path: Path, write: str) -> None:
    made = files()
    made["layers/silver/orders.sql"] = SILVER.replace("key =", f"write = '{write}'\nkey =")
    with lakeflow.open(make(tmp_path, made)) as lake:
        lake.materialize("+silver.orders")
        code = "select id + 10 as id, total from bronze.orders"
        (tmp_path / "layers/silver/orders.sql").write_text(f"/*\nwrite = '{write}'\nkey = ['id']\n*/\n{code}")
    with lakeflow.open(tmp_path) as changed:
        changed.materialize("silver.orders")
        old = [("2",), ("3",)] if write == "append" else []
        assert rows(changed, KEY, "id") == sorted([("12",), ("13",), *old])


@pytest.mark.long
def test_a_check_that_does_not_judge_rows_alone_cannot_put_any_apart(tmp_path: Path) -> None:
    made = files()
    made["checks/silver/orders.py"] = CHECKS.format(more="").replace("ToNotBeNull(", "ToBeUnique(")
    with lakeflow.open(make(tmp_path, made)) as lake:
        run = lake.materialize("+silver.orders")
        assert run is not None
        step = next(step for step in run.steps if str(step.asset) == "silver.orders")
        assert step.state == "held"
        assert any("judges each row by itself" in check.detail for check in step.checks)
