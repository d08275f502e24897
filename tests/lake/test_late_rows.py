"""Partitions that got late rows, and the one that is not over: due again without being asked, in the same run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.plan.in_time.built import Built, to_json
from lakeflow.core.time.timeline import Timeline
from lakeflow.core.view.rows import AssetState
from tests.late import Shop, moment

PYTHON = """
from lakeflow import asset

@asset(inputs={"sales": "bronze.sales"}, key=["day"], partition="day(day)", start="2024-03-01"%s)
def days(sales, partition_start, partition_end):
    times = sales.project("sold::timestamp as sold, total::int as total")
    inside = times.filter(f"sold >= '{partition_start:%%Y-%%m-%%d}' and sold < '{partition_end:%%Y-%%m-%%d}'")
    return inside.aggregate("sold::date as day, sum(total)::long as total")
"""


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    shop = Shop(tmp_path, monkeypatch)
    shop.now = moment("2024-03-04T09:00")
    shop.deliver(
        "a", ("2024-03-01T10:00", 1), ("2024-03-02T10:00", 2), ("2024-03-03T10:00", 3), ("2024-03-04T08:00", 4)
    )
    return shop


@pytest.mark.long
def test_late_rows_are_built_in_the_run_that_lands_them_and_in_what_is_made_from_them(shop: Shop) -> None:
    assert shop.run() == "published"
    assert shop.by_day() == {"2024-03-01": 1, "2024-03-02": 2, "2024-03-03": 3, "2024-03-04": 4}
    shop.deliver("late", ("2024-03-02T11:00", 20))
    assert shop.plan()["silver.sales"] == ["upstream runs: bronze.sales"]
    assert shop.run() == "published"
    assert shop.partitions_of_last_run() == {"silver.sales": ("2024-03-02",), "gold.months": ("2024-03",)}
    assert shop.by_day()["2024-03-02"] == 22
    assert shop.months() == {"2024-03": 30}
    assert shop.plan() == {}
    assert shop.run() == "nothing to do"


@pytest.mark.long
def test_the_plan_says_which_partitions_got_late_rows_and_status_that_they_are_due(shop: Shop) -> None:
    shop.run()
    shop.deliver("late", ("2024-03-02T11:00", 20), ("2024-03-01T11:00", 10), ("2024-03-04T08:30", 40))
    shop.run("bronze.sales")
    assert shop.plan()["silver.sales"] == [
        "2 partitions got late rows (2024-03-01 … 2024-03-02)",
        "1 partition got new rows and not over yet (2024-03-04, partial)",
    ]
    (status,) = shop.status("silver.sales")
    assert status.state is AssetState.STALE
    assert status.partitions_due == ("2024-03-01", "2024-03-02", "2024-03-04")
    shop.run("silver.sales")
    (status,) = shop.status("silver.sales")
    assert (status.state, status.partitions_due) == (AssetState.FRESH, ())
    assert shop.by_day() == {"2024-03-01": 11, "2024-03-02": 22, "2024-03-03": 3, "2024-03-04": 44}


@pytest.mark.long
def test_rows_that_belong_to_no_partition_yet_make_nothing_due(shop: Shop) -> None:
    shop.run()
    shop.deliver("early", ("2024-03-05T11:00", 50), ("2024-02-01T11:00", 7))
    assert shop.run() == "published"
    assert shop.partitions_of_last_run() == {}
    assert shop.plan() == {}
    shop.now = moment("2024-03-05T12:00")
    shop.run()
    assert shop.by_day()["2024-03-05"] == 50


@pytest.mark.long
def test_the_open_partition_is_marked_and_built_again_when_it_is_over(shop: Shop) -> None:
    assert shop.plan()["silver.sales"] == ["4 partitions missing (2024-03-01 … 2024-03-04; 2024-03-04 partial)"]
    shop.run()
    assert shop.partial("silver.sales") == "2024-03-04"
    assert shop.partial("gold.months") == "2024-03"
    assert shop.snapshots("silver.sales")[0].partial == ("2024-03-04",)
    assert shop.run() == "nothing to do"
    shop.now = moment("2024-03-05T00:00")
    assert shop.plan()["silver.sales"] == [
        "1 partition over by now and built before that (2024-03-04)",
        "1 partition missing (2024-03-05, partial)",
    ]
    assert shop.run() == "published"
    assert shop.partial("silver.sales") == "2024-03-05"
    assert shop.snapshots("silver.sales")[0].partial == ("2024-03-05",)
    assert shop.run() == "nothing to do"


@pytest.mark.long
def test_an_asset_may_wait_until_its_partitions_are_over(shop: Shop) -> None:
    shop.declare("silver", "partial = false")
    shop.run("bronze.sales silver.sales")
    assert "2024-03-04" not in shop.by_day()
    shop.now = moment("2024-03-05T00:00")
    assert shop.plan()["silver.sales"] == ["1 partition missing (2024-03-04)"]


@pytest.mark.long
def test_rows_later_than_lookback_are_warned_of_until_a_backfill_has_built_them(shop: Shop) -> None:
    shop.declare("silver", "lookback = 1")
    shop.run()
    shop.deliver("late", ("2024-03-01T11:00", 10), ("2024-03-02T11:00", 20), ("2024-03-03T11:00", 30))
    shop.run()
    assert shop.by_day() == {"2024-03-01": 1, "2024-03-02": 2, "2024-03-03": 33, "2024-03-04": 4}
    (warning,) = shop.warnings("silver.sales")
    assert "2 partitions (2024-03-01 … 2024-03-02) got late rows further back than lookback = 1" in warning
    assert "`lakeflow backfill silver.sales --from 2024-03-01 --to 2024-03-02`" in warning
    shop.deliver("more", ("2024-03-04T08:45", 40))
    shop.run()
    assert "(2024-03-01 … 2024-03-02)" in shop.warnings("silver.sales")[0]
    shop.backfill("silver.sales", "2024-03-01", "2024-03-01")
    assert "1 partition (2024-03-02)" in shop.warnings("silver.sales")[0]
    shop.backfill("silver.sales", only_missing=True)
    assert shop.warnings("silver.sales") == ()
    assert shop.by_day() == {"2024-03-01": 11, "2024-03-02": 22, "2024-03-03": 33, "2024-03-04": 44}


@pytest.mark.long
def test_code_that_does_not_say_which_rows_a_partition_takes_makes_all_of_them_due_and_the_plan_says_why(
    shop: Shop,
) -> None:
    shop.write("silver/days.py", PYTHON % "")
    shop.run()
    shop.deliver("late", ("2024-03-02T11:00", 20))
    shop.run("bronze.sales")
    (reason,) = shop.plan("silver.days")["silver.days"]
    assert reason.startswith("4 partitions may have got rows, since bronze.sales moved and the code does not say")
    assert 'input_times = {"bronze.sales" = "…"}' in reason
    shop.run("silver.days")
    assert shop.rows("silver.days", "day::text, total") == [
        ("2024-03-01", 1),
        ("2024-03-02", 22),
        ("2024-03-03", 3),
        ("2024-03-04", 4),
    ]
    assert shop.plan("silver.days") == {}


@pytest.mark.long
def test_input_times_tell_what_a_function_does_not(shop: Shop) -> None:
    shop.write("silver/days.py", PYTHON % ', input_times={"sales": "sold::timestamp"}')
    shop.run()
    shop.deliver("late", ("2024-03-02T11:00", 20))
    shop.run("bronze.sales")
    assert shop.plan("silver.days")["silver.days"] == ["1 partition got late rows (2024-03-02)"]


@pytest.mark.long
@pytest.mark.parametrize(
    "write", ["upsert", pytest.param("replace", marks=pytest.mark.long), pytest.param("scd2", marks=pytest.mark.long)]
)
def test_a_changed_row_touches_the_partition_that_it_leaves_and_the_one_that_it_enters(shop: Shop, write: str) -> None:
    shop.now = moment("2024-03-06T09:00")
    shop.insert_clean(write)
    shop.run()
    assert shop.by_day() == {"2024-03-01": 1, "2024-03-02": 2, "2024-03-03": 3, "2024-03-04": 4}
    shop.correct(
        "a", ("2024-03-01T10:00", 1), ("2024-03-03T12:00", 2), ("2024-03-03T10:00", 3), ("2024-03-04T08:00", 4)
    )
    shop.run()
    assert shop.partitions_of_last_run()["silver.sales"] == ("2024-03-02", "2024-03-03")
    assert shop.by_day() == {"2024-03-01": 1, "2024-03-03": 5, "2024-03-04": 4}
    shop.correct(
        "a", ("2024-03-01T10:00", 1), ("2024-03-03T12:00", 2), ("2024-03-03T10:00", 3), ("2024-03-04T08:00", 7)
    )
    shop.run()
    assert shop.partitions_of_last_run()["silver.sales"] == ("2024-03-04",)
    assert shop.run() == "nothing to do"


@pytest.mark.long
def test_rows_that_a_rollback_took_back_are_taken_out_of_their_partitions(shop: Shop) -> None:
    shop.run()
    shop.deliver("late", ("2024-03-02T11:00", 20))
    shop.run("bronze.sales")
    shop.run("silver.sales")
    with shop.lake() as lake:
        lake.rollback(lake.runs()[1].id, force=True)
    shop.forget("late")
    assert shop.plan()["silver.sales"] == ["1 partition got late rows (2024-03-02)"]
    shop.run()
    assert shop.by_day()["2024-03-02"] == 2


@pytest.mark.long
def test_a_retry_of_a_held_run_builds_what_came_late_since(shop: Shop) -> None:
    shop.run()
    shop.check("silver/sales.whole.sql", "select * from silver.sales where total < 0")
    shop.deliver("late", ("2024-03-02T11:00", -20))
    assert shop.run() == "held"
    assert shop.by_day()["2024-03-02"] == 2
    shop.deliver("later", ("2024-03-01T11:00", 10))
    shop.run("bronze.sales")
    shop.check("silver/sales.whole.sql", "select * from silver.sales where total < -100")
    with shop.lake() as lake:
        assert str(lake.retry().state) == "published"
    shop.run()
    assert shop.by_day() == {"2024-03-01": 11, "2024-03-02": -18, "2024-03-03": 3, "2024-03-04": 4}
    assert shop.plan() == {}


@pytest.mark.long
def test_a_full_refresh_builds_all_partitions_and_leaves_nothing_due(shop: Shop) -> None:
    shop.run()
    shop.deliver("late", ("2024-03-02T11:00", 20))
    with shop.lake() as lake:
        done = lake.materialize(full_refresh=True)
        assert done is not None
        assert str(done.state) == "published"
    assert shop.by_day()["2024-03-02"] == 22
    assert shop.plan() == {}


@pytest.mark.long
def test_a_set_of_built_partitions_that_was_written_before_is_read_as_the_last_write_says(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def of_before(timeline: Timeline, built: Mapping[str, Built]) -> str:
        return to_json(timeline, {name: replace(each, read={}) for name, each in built.items()})

    with monkeypatch.context() as before:
        before.setattr("lakeflow.wap.step.sources.partitions.to_json", of_before)
        shop.run()
    assert shop.plan() == {}
    shop.deliver("late", ("2024-03-02T11:00", 20))
    shop.run()
    assert shop.by_day()["2024-03-02"] == 22


@pytest.mark.long
def test_snapshots_that_partitions_were_built_from_outlive_what_is_kept(shop: Shop) -> None:
    shop.setting("keep_snapshots = 1")
    shop.run()
    for each in range(4):
        shop.deliver(f"early{each}", ("2024-03-05T11:00", each))
        shop.run("bronze.sales")
    shop.deliver("late", ("2024-03-02T11:00", 20))
    shop.run("bronze.sales")
    assert shop.plan()["silver.sales"] == ["1 partition got late rows (2024-03-02)"]


@pytest.mark.long
def test_what_was_read_from_an_expired_snapshot_is_due_as_a_whole_and_the_plan_says_why(shop: Shop) -> None:
    shop.declare("silver", 'end = "2024-03-04"')
    shop.setting("keep_snapshots = 1")
    shop.run()
    for each in range(3):
        shop.deliver(f"early{each}", ("2024-03-05T11:00", each))
        shop.run("bronze.sales")
    (reason,) = shop.plan("silver.sales")["silver.sales"]
    assert reason.startswith("3 partitions may have got rows, since bronze.sales was rolled back or expired")


@pytest.mark.long
def test_a_snapshot_says_to_other_readers_which_partitions_are_not_over(shop: Shop) -> None:
    shop.run()
    with shop.lake() as lake:
        table = lake._world.catalog.load(lake.select("silver.sales"))[lake.select("silver.sales")[0]]
    assert table.published is not None
    assert table.published.summary["lakeflow.partial"] == "2024-03-04"
    made = provenance_of(table.published.summary)
    assert made is not None
    assert made.partial == "2024-03-04"


@pytest.mark.long
def test_a_clock_that_jumps_back_builds_nothing_again(shop: Shop) -> None:
    shop.now = moment("2024-03-05T09:00")
    shop.run()
    shop.now = moment("2024-03-03T09:00")
    assert shop.plan() == {}


@pytest.mark.long
def test_an_input_with_partitions_that_is_read_by_another_time_is_followed_by_its_rows(shop: Shop) -> None:
    """Each day counts the sales of the last three: a late sale of the 1st changes the days up to the 3rd."""
    header = '/*\nkey = ["day"]\npartition = "day(day)"\nstart = "2024-03-01"\n*/\n'
    windowed = (
        "select day, (select sum(total)::bigint from silver.sales where "
        "sold >= $partition_start - interval 2 days and sold < $partition_end "
        "and sold::date between day - 2 and day) as total "
        "from (select unnest(range($partition_start, $partition_end, interval 1 day))::date as day)"
    )
    shop.write("gold/rolling.sql", header + windowed)
    shop.run()
    shop.deliver("late", ("2024-03-01T11:00", 100))
    shop.run()
    assert shop.partitions_of_last_run()["gold.rolling"] == ("2024-03-01", "2024-03-02", "2024-03-03")
    assert shop.rows("gold.rolling", "day::text, total") == [
        ("2024-03-01", 101),
        ("2024-03-02", 103),
        ("2024-03-03", 106),
        ("2024-03-04", 9),
    ]
    assert shop.plan() == {}
