"""Assets built by partitions in time, on real tables: what is missing is built, what is asked for is built again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.errors import ProjectError, UsageError
from lakeflow.core.run.backfill import BackfillEvent, Cut, WindowEnded
from lakeflow.core.run.events import StepEnded
from tests.cli import process

BRONZE = """/*
reads = ["sales.csv"]
*/
select * from read_csv('sales.csv', header = true, columns = {'id': 'int', 'sold': 'timestamp', 'total': 'int'})"""
SILVER = """/*
key = ["id"]
partition = "month(sold)"
start = "2013-01-01"
end = "2013-07-01"
*/
select id, sold, total * 1 as total from bronze.sales where sold >= $partition_start and sold < $partition_end"""
PYTHON = """
from lakeflow import asset

@asset(
    inputs={"sales": "silver.sales"}, key=["month"], partition="month(month)", start="2013-01-01", end="2013-07-01"
)
def months(sales, partition_start, partition_end):
    inside = sales.filter(f"sold >= '{partition_start:%Y-%m-%d}' and sold < '{partition_end:%Y-%m-%d}'")
    return inside.aggregate("date_trunc('month', sold)::date as month, sum(total)::long as total")
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {"bronze/sales.sql": BRONZE, "silver/sales.sql": SILVER, "gold/months.py": PYTHON}.items():
        path = tmp_path / "layers" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    sell(tmp_path, {month: 10 * month for month in range(1, 8)})
    return tmp_path


def sell(root: Path, totals: dict[int, int]) -> None:
    rows = (f"{month},2013-{month:02}-15 12:00:00,{total}" for month, total in totals.items())
    (root / "sales.csv").write_text("id,sold,total\n" + "\n".join(rows) + "\n")


def run(root: Path, *selection: str) -> str:
    with lakeflow.open(root) as lake:
        done = lake.materialize(*selection)
        return str(done.state) if done else "nothing to do"


def plan(root: Path) -> dict[str, list[str]]:
    with lakeflow.open(root) as lake:
        return {str(step.asset): [str(reason) for reason in step.reasons] for step in lake.plan().steps}


def totals(root: Path, asset: str = "gold.months") -> list[int]:
    with lakeflow.open(root) as lake:
        return [int(row[0]) for row in lake.read(asset).order("1").project("total").fetchall()]


def snapshots(root: Path, asset: str) -> int:
    with lakeflow.open(root) as lake:
        return len(lake.snapshots(asset))


def backfill(root: Path, *selection: str, **asked: object) -> list[WindowEnded]:
    with lakeflow.open(root) as lake:
        return list(lake.backfill(*selection, **asked).windows)  # type: ignore[arg-type]


@pytest.mark.long
def test_all_partitions_that_are_over_are_built_in_one_run_and_then_there_is_nothing_to_do(root: Path) -> None:
    assert plan(root)["silver.sales"] == ["6 partitions missing (2013-01 … 2013-06)"]
    assert run(root) == "published"
    assert totals(root) == [10, 20, 30, 40, 50, 60]
    assert run(root) == "nothing to do"


@pytest.mark.long
def test_a_backfill_builds_each_partition_with_what_is_made_from_it(root: Path) -> None:
    run(root, "bronze.sales")
    ended = backfill(root, "silver.sales", "gold.months", between=("2013-01", "2013-03"))
    assert [(window.name, str(window.run and window.run.state)) for window in ended] == [
        ("2013-01", "published"),
        ("2013-02", "published"),
        ("2013-03", "published"),
    ]
    assert totals(root) == [10, 20, 30]
    assert plan(root)["gold.months"] == ["3 partitions missing (2013-04 … 2013-06)"]


@pytest.mark.long
def test_a_backfill_that_runs_again_gives_the_same_rows_and_no_snapshot(root: Path) -> None:
    run(root)
    before = snapshots(root, "silver.sales")
    again = backfill(root, "silver.sales", "gold.months", between=("2013-02", "2013-03"))
    assert {str(step.state) for window in again for step in (window.run.steps if window.run else ())} == {"unchanged"}
    assert snapshots(root, "silver.sales") == before
    missing = backfill(root, "silver.sales", between=("2013-02", "2013-03"), only_missing=True)
    assert [window.run for window in missing] == [None, None]


@pytest.mark.long
def test_a_backfill_tells_what_it_leaves_out_and_each_step_of_each_run(root: Path) -> None:
    run(root, "bronze.sales")
    heard: list[BackfillEvent] = []
    with lakeflow.open(root) as lake:
        done = lake.backfill("silver.*", "bronze.*", between=("2013-01", "2013-02"), observer=heard.append)
    assert [str(key) for key in done.left_out] == ["bronze.sales"]
    assert isinstance(heard[0], Cut)
    assert [name for name, _ in heard[0].windows] == ["2013-01", "2013-02"]
    steps = [str(event.step.state) for event in heard if isinstance(event, StepEnded) and event.step.state]
    assert steps == ["published", "published"]
    assert [event.name for event in heard if isinstance(event, WindowEnded)] == ["2013-01", "2013-02"]


@pytest.mark.long
def test_several_partitions_a_run_are_one_call_of_the_code_and_one_snapshot(root: Path) -> None:
    run(root, "bronze.sales")
    ended = backfill(root, "silver.sales", "gold.months", between=("2013-01", "2013-05"), size=4)
    assert [window.name for window in ended] == ["2013-01 … 2013-04", "2013-05"]
    assert totals(root) == [10, 20, 30, 40, 50]
    assert snapshots(root, "silver.sales") == 2


@pytest.mark.long
def test_late_rows_come_in_with_the_next_run_and_touch_only_their_partition(root: Path) -> None:
    run(root)
    (root / "layers/bronze/sales.sql").write_text(BRONZE.replace("select *", "select id + 100 as id, sold, 1 as total"))
    sell(root, {2: 0})
    with lakeflow.open(root) as lake:
        lake.materialize("bronze.sales")
        assert lake.plan("silver.sales").warnings == ()
    assert plan(root)["silver.sales"] == ["1 partition got late rows (2013-02)"]
    run(root)
    assert totals(root) == [10, 21, 30, 40, 50, 60]


@pytest.mark.long
def test_a_backfill_over_rows_of_no_partition_makes_nothing_due(root: Path) -> None:
    run(root)
    sell(root, {8: 80})
    with lakeflow.open(root) as lake:
        lake.materialize("bronze.sales")
    assert plan(root) == {}
    again = backfill(root, "silver.sales", size=6)
    assert {str(step.state) for window in again for step in (window.run.steps if window.run else ())} == {"unchanged"}


@pytest.mark.long
def test_a_rollback_of_the_partitions_that_late_rows_went_into_makes_them_due_again(root: Path) -> None:
    run(root)
    (root / "layers/bronze/sales.sql").write_text(BRONZE.replace("select *", "select id + 100 as id, sold, 1 as total"))
    run(root, "bronze.sales")
    backfill(root, "silver.sales", between=("2013-02", "2013-02"))
    assert plan(root)["silver.sales"] == ["5 partitions got late rows (2013-01 … 2013-06)"]
    run(root, "silver.sales")
    assert totals(root, "silver.sales") == [10, 20, 30, 40, 50, 60, 1, 1, 1, 1, 1, 1]
    assert plan(root).keys() == {"gold.months"}
    with lakeflow.open(root) as lake:
        lake.rollback(lake.runs()[0].id)
    assert plan(root)["silver.sales"] == ["5 partitions got late rows (2013-01 … 2013-06)"]


@pytest.mark.long
def test_changed_code_builds_every_partition_again_and_what_is_made_from_it(root: Path) -> None:
    run(root)
    (root / "layers/silver/sales.sql").write_text(SILVER.replace("total * 1", "total * 2"))
    said = plan(root)
    assert said["silver.sales"] == ["6 partitions built by other code (2013-01 … 2013-06)"]
    assert said["gold.months"] == ["6 partitions built from partitions that were built again (2013-01 … 2013-06)"]
    assert run(root) == "published"
    assert totals(root) == [20, 40, 60, 80, 100, 120]
    assert plan(root) == {}


@pytest.mark.long
def test_another_unit_rebuilds_the_whole_table_in_one_snapshot(root: Path) -> None:
    run(root)
    (root / "layers/silver/sales.sql").write_text(SILVER.replace("month(sold)", "day(sold)"))
    assert plan(root)["silver.sales"][0] == "rebuilds from all rows: its table was not partitioned so"
    assert run(root) == "published"
    assert totals(root) == [10, 20, 30, 40, 50, 60]


@pytest.mark.long
def test_rows_outside_of_what_was_asked_for_are_an_error_and_change_nothing(root: Path) -> None:
    run(root)
    wide = SILVER.replace("sold < $partition_end", "sold < $partition_end + interval 40 days")
    (root / "layers/silver/sales.sql").write_text(wide)
    ended = backfill(root, "silver.sales", between=("2013-02", "2013-02"))
    assert ended[0].run is not None
    assert "1 row outside of the 1 partition asked for" in ended[0].run.steps[0].reason
    assert totals(root) == [10, 20, 30, 40, 50, 60]


@pytest.mark.long
def test_a_rollback_makes_its_partitions_missing_again(root: Path) -> None:
    run(root, "bronze.sales")
    ended = backfill(root, "silver.sales", between=("2013-01", "2013-02"))
    with lakeflow.open(root) as lake:
        assert ended[1].run is not None
        lake.rollback(ended[1].run.id)
    assert plan(root)["silver.sales"] == ["5 partitions missing (2013-02 … 2013-06)"]


def test_a_range_outside_of_the_asset_is_refused(root: Path) -> None:
    with pytest.raises(UsageError, match="before the first partition"):
        backfill(root, "silver.sales", between=("2012", "2013"))


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('start = "2013-01-01"\n', "", "has a partition and no start"),
        ("month(sold)", "fortnight(sold)", "is not year"),
        (" where sold >= $partition_start and sold < $partition_end", "", "does not use the bounds of its partitions"),
        ("$partition_end", "$until", "has a parameter $until"),
        ('start = "2013-01-01"', 'start = "soon"', "is no date"),
        ('partition = "month(sold)"\n', "", "has start and no partition"),
        ("start =", 'zone = "Mars/Olympus"\nstart =', "'Mars/Olympus' is no time zone"),
        ("start =", 'zone = "Oslo"\nstart =', "'Oslo' is no time zone"),
        ("start =", 'input_times = {"bronze.sale" = "sold"}\nstart =', "input_times names 'bronze.sale', which"),
        ("start =", 'input_times = {"bronze.sales" = "max(sold)"}\nstart =', "looks at more than one row"),
        ('end = "2013-07-01"', 'end = "2012-07-01"\nzone = "Europe/Oslo"', "ends before it starts"),
    ],
)
def test_a_declaration_that_cannot_be_meant_is_a_fault(root: Path, old: str, new: str, fault: str) -> None:
    (root / "layers/silver/sales.sql").write_text(SILVER.replace(old, new))
    with pytest.raises(ProjectError) as caught:
        lakeflow.open(root)
    assert fault in str(caught.value)


@pytest.mark.long
def test_a_backfill_that_was_killed_goes_on_with_what_is_missing(root: Path) -> None:
    run(root, "bronze.sales")
    words = ("backfill", "silver.sales", "gold.months", "--from", "2013-01", "--to", "2013-06")
    command = [sys.executable, "-m", "lakeflow.cli", *words]
    with subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as killed:
        assert killed.stderr is not None
        first = next(line for line in killed.stderr if line.startswith("2013-01"))
        killed.send_signal(signal.SIGKILL)
    assert first.startswith("2013-01  published")
    done = process.lakeflow(*words, "--failed-and-missing", "-o", "json", cwd=root)
    windows = json.loads(done.stdout)["data"]["windows"]
    assert done.returncode == 0
    assert (windows[0]["window"], windows[0]["run"]["id"]) == ("2013-01", None)
    assert windows[-1]["run"]["state"] == "published"
    assert totals(root) == [10, 20, 30, 40, 50, 60]
    assert plan(root) == {}


@pytest.mark.long
def test_new_keys_of_an_input_that_was_backfilled_give_what_a_rebuild_gives(root: Path) -> None:
    """A backfill replaces rows, so its input was rewritten: what was made of the old rows is made anew."""
    keyed = """/*
key = ["id"]
write = "upsert"
new_keys = {"silver.sales" = "id"}
*/
select id, sum(total)::long as total from silver.sales group by id"""
    (root / "layers/gold/by_sale.sql").write_text(keyed)
    sell(root, {1: 10, 2: 20, 4: 40})
    run(root)
    assert totals(root, "gold.by_sale") == [10, 20, 40]
    sell(root, {3: 30, 5: 50})
    run(root, "bronze.sales")
    backfill(root, "silver.sales", between=("2013-02", "2013-04"), size=3)
    assert run(root, "gold.by_sale") == "published"
    assert totals(root, "gold.by_sale") == totals(root, "silver.sales") == [10, 20, 30, 40]
    run(root)
    assert totals(root, "gold.by_sale") == [10, 20, 30, 40, 50]
    assert run(root) == "nothing to do"


@pytest.mark.long
@pytest.mark.parametrize("code", ["sql", "python"])
def test_a_value_refused_in_a_backfill_of_several_partitions_is_told_with_row_and_key(root: Path, code: str) -> None:
    declared = SILVER.replace("*/", '[columns.total]\ntype = "int"\n*/', 1)
    bad = "case when id = 3 then 1.5 else total end as total"
    (root / "layers/silver/sales.sql").write_text(
        declared.replace("total * 1 as total", bad).replace("select", "from (select", 1) + ") order by id"
    )
    if code == "python":
        (root / "layers/silver/sales.sql").unlink()
        (root / "layers/silver/sales.py").write_text(REFUSING)
    run(root, "bronze.sales")
    ended = backfill(root, "silver.sales", between=("2013-01", "2013-04"), size=4)
    (step,) = ended[0].run.steps if ended[0].run else ()
    assert "row 3 (id = 3): column 'total' holds a value of" in step.reason
    assert "that is no INTEGER" in step.reason


REFUSING = """
from lakeflow import asset

@asset(
    inputs={"sales": "bronze.sales"}, key=["id"], partition="month(sold)", start="2013-01-01", end="2013-07-01",
    columns={"total": {"type": "int"}},
)
def sales(sales, partition_start, partition_end):
    inside = sales.filter(f"sold >= '{partition_start:%Y-%m-%d}' and sold < '{partition_end:%Y-%m-%d}'").order("id")
    return inside.project("id, sold, case when id = 3 then 1.5 else total end as total").to_arrow_reader()
"""


@pytest.mark.long
def test_outside_files_that_changed_make_all_partitions_due_that_were_built_from_them(root: Path) -> None:
    (root / "layers/silver/read.py").write_text(
        """
import csv
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from lakeflow import asset

@asset(reads=["sales.csv"], key=["id"], partition="month(sold)", start="2013-01-01", end="2013-04-01")
def read(partition_start, partition_end):
    with (Path(__file__).parents[2] / "sales.csv").open() as lines:
        lines = list(csv.DictReader(lines))
    rows = [(int(each["id"]), datetime.fromisoformat(each["sold"]), int(each["total"])) for each in lines]
    first, last = partition_start.replace(tzinfo=None), partition_end.replace(tzinfo=None)
    ids, sold, totals = zip(*(row for row in rows if first <= row[1] < last))
    return pa.table({"id": ids, "sold": pa.array(sold, pa.timestamp("us")), "total": totals})
"""
    )
    run(root, "silver.read")
    assert "silver.read" not in plan(root)
    sell(root, {1: 11, 2: 20, 3: 30})
    assert plan(root)["silver.read"] == ["3 partitions may have got rows, since its files changed (2013-01 … 2013-03)"]
    run(root, "silver.read")
    assert totals(root, "silver.read") == [11, 20, 30]
    assert "silver.read" not in plan(root)
