"""Spans of time and tables of others under Dagster: the very windows of the lake, the very snapshots of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import lakeflow
from lakeflow.core.time.timeline import Timeline, Window
from lakeflow.core.time.units import Unit
from tests.external.lab import ORDERS, PYPROJECT, Theirs
from tests.orchestrators.lab import installed, publishes, write
from tests.orchestrators.test_dagster import made, materialized, run

dg = installed("dagster")


@pytest.fixture
def instance() -> Iterator[Any]:
    with dg.DagsterInstance.ephemeral() as found:
        yield found


SPANS = {
    Unit.YEAR: (datetime(2021, 7, 2, tzinfo=UTC), timedelta(days=1_300)),
    Unit.MONTH: (datetime(2023, 9, 30, 23, tzinfo=UTC), timedelta(days=270)),
    Unit.DAY: (datetime(2024, 3, 29, tzinfo=UTC), timedelta(days=4)),
    Unit.HOUR: (datetime(2024, 10, 26, 21, 30, tzinfo=UTC), timedelta(hours=9)),
}
"""From when and for how long: over leap days, and over nights in which a clock is put forward or back."""


@pytest.mark.parametrize("zone", ["", "Europe/Oslo", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"])
@pytest.mark.parametrize("unit", SPANS, ids=str)
def test_dagsters_partitions_are_the_windows_of_the_lake(unit: Unit, zone: str) -> None:
    from lakeflow.integrations.dagster.partitions import partitions_of

    start, length = SPANS[unit]
    timeline = Timeline(unit, "at", start, zone=zone)
    bounded = Timeline(unit, "at", start, timeline.floor(start + length), zone=zone)
    ours = [window for _, window in bounded.partitions(start + length)]
    theirs = partitions_of(bounded)
    windows = [theirs.time_window_for_partition_key(key) for key in theirs.get_partition_keys()]
    assert [Window(each.start.astimezone(UTC), each.end.astimezone(UTC)) for each in windows] == ours
    assert len(ours) >= 3


COUNTED = (
    '/*\npartition = "{unit}(tick)"\nstart = 2024-01-01\nend = {end}\nwrite = "partition"\nkey = ["tick"]\n*/\n'
    "select tick from range(timestamp '2023-12-01', timestamp '2026-02-01', interval {step}) times(tick) "
    "where tick >= $partition_start and tick < $partition_end"
)


@pytest.mark.parametrize(
    ("unit", "end", "step", "first", "last", "rows"),
    [
        ("year", "2026-01-01", "1 month", "2024", "2025", (12, 24)),
        ("month", "2024-04-01", "1 day", "2024-01", "2024-02", (31, 60)),
        ("hour", "2024-01-01T03:00:00", "10 minute", "2024-01-01T00:00", "2024-01-01T01:00", (6, 12)),
    ],
    ids=["year", "month", "hour"],
)
def test_a_partition_and_then_a_range_of_them_are_a_publish_each_with_their_very_rows(
    root: Path, instance: Any, unit: str, end: str, step: str, first: str, last: str, rows: tuple[int, int]
) -> None:
    write(root, {"layers/silver/counted.sql": COUNTED.format(unit=unit, end=end, step=step)})
    defs = made(root, "silver.counted")
    assert run(defs, instance, partition_key=first).success
    assert _rows(root) == rows[0]
    job = dg.define_asset_job("span", selection="*").resolve(asset_graph=defs.resolve_asset_graph())
    tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
    result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    assert result.success
    assert sorted(event.partition for event in result.get_asset_materialization_events()) == [first, last]
    assert _rows(root) == rows[1]
    assert len(publishes(root)) == 2


def _rows(root: Path) -> int:
    with lakeflow.open(root) as lake:
        ((found,),) = lake.query("select count(*) from silver.counted").fetchall()
        return int(found)


def test_a_table_of_others_is_observed_by_its_snapshot_and_never_materialized(tmp_path: Path, instance: Any) -> None:
    theirs, root = Theirs(tmp_path / "theirs"), tmp_path / "ours"
    theirs.root.mkdir()
    first = theirs.write(range(3))
    settings = PYPROJECT.replace("sqlite:///theirs", f"sqlite:///{theirs.root}")
    write(root, {"pyproject.toml": settings, "layers/bronze/orders.sql": ORDERS})
    defs = made(root)
    graph = defs.resolve_asset_graph()
    key = dg.AssetKey(["sales", "shop", "orders"])
    assert graph.get(dg.AssetKey(["bronze", "orders"])).parent_keys == {key}
    assert _observed(defs, instance, key) == str(first)
    result = run(defs, instance, selection=["bronze/orders"])
    assert result.success
    assert materialized(result) == ["bronze/orders"]
    second = theirs.write(range(3, 5))
    assert _observed(defs, instance, key) == str(second) != str(first)


def _observed(defs: Any, instance: Any, key: Any) -> str:
    job = dg.define_asset_job("look", selection=[key]).resolve(asset_graph=defs.resolve_asset_graph())
    result = job.execute_in_process(instance=instance, raise_on_error=False)
    assert result.success
    (event,) = result.get_asset_observation_events()
    assert event.asset_key == key
    return str(event.asset_observation_data.asset_observation.data_version)
