from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import lakeflow
from tests.orchestrators.lab import BAD, PERSONAL, installed, publishes, revenue, write

dg = installed("dagster")


@pytest.fixture
def instance() -> Iterator[Any]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def made(root: Path, *selection: str, **options: Any) -> Any:
    from lakeflow.integrations.dagster import definitions

    return definitions(root, *selection, **options)


def run(defs: Any, instance: Any, **options: Any) -> Any:
    assets = list(defs.resolve_asset_graph().assets_defs)
    return dg.materialize(assets, instance=instance, raise_on_error=False, **options)


def materialized(result: Any) -> list[str]:
    return [event.asset_key.to_user_string() for event in result.get_asset_materialization_events()]


def checks(result: Any) -> Mapping[tuple[str, str], tuple[bool, str]]:
    found = result.get_asset_check_evaluations()
    return {(one.asset_key.to_user_string(), one.check_name): (one.passed, one.severity.value) for one in found}


def test_assets_are_grouped_by_layer_with_what_they_are_made_from_and_who_owns_them(root: Path) -> None:
    graph = made(root).resolve_asset_graph()
    silver, bronze = (graph.get(dg.AssetKey([layer, "orders"])) for layer in ("silver", "bronze"))
    assert silver.group_name == "silver"
    assert silver.parent_keys == {dg.AssetKey(["bronze", "orders"])}
    assert silver.description == "One row per order."
    assert bronze.owners == ["team:sales"]
    assert "daily" in bronze.tags
    assert bronze.freshness_policy.fail_window.to_timedelta().days == 2
    assert silver.code_version


def test_what_passes_is_published_in_one_run_and_materialized_with_its_snapshot_rows_and_columns(
    root: Path, instance: Any
) -> None:
    result = run(made(root), instance)
    assert result.success
    assert materialized(result) == ["bronze/orders", "silver/orders", "gold/revenue"]
    with lakeflow.open(root) as lake:
        (only,) = lake.runs()
        status = {str(one.asset): one for one in lake.status()}
    assert only.actor == f"dagster run {result.run_id}"
    (event,) = (one for one in result.get_asset_materialization_events() if one.asset_key.path[0] == "silver")
    about = event.materialization.metadata
    assert about["lakeflow/snapshot_id"].value == str(status["silver.orders"].snapshot_id)
    assert event.materialization.tags["dagster/data_version"] == str(status["silver.orders"].snapshot_id)
    assert about["dagster/row_count"].value == 2
    assert [(each.name, each.type) for each in about["dagster/column_schema"].schema.columns] == [
        ("id", "int"),
        ("amount", "int"),
    ]
    above = about["dagster/column_lineage"].lineage.deps_by_column["amount"]
    assert [(each.asset_key.to_user_string(), each.column_name) for each in above] == [("bronze/orders", "amount")]


def test_checks_are_asset_checks_with_their_severity_and_a_warning_holds_nothing(root: Path, instance: Any) -> None:
    result = run(made(root), instance)
    told = checks(result)
    assert told["silver/orders", "positive"] == (True, "ERROR")
    assert told["silver/orders", "small"] == (False, "WARN")
    assert told["silver/orders", "key_id_unique"] == (True, "ERROR")
    assert told["silver/orders", "verdict"] == (True, "ERROR")
    assert result.success


def test_a_held_step_is_a_failed_check_and_no_materialization(root: Path, instance: Any) -> None:
    defs = made(root)
    run(defs, instance)
    before = publishes(root)
    write(root, BAD)
    result = run(defs, instance)
    assert not result.success
    assert materialized(result) == ["bronze/orders"]
    told = checks(result)
    assert told["silver/orders", "positive"] == (False, "ERROR")
    assert told["silver/orders", "verdict"] == (False, "ERROR")
    assert told["gold/revenue", "verdict"] == (False, "ERROR")
    assert revenue(root) == 42
    after = [each for each in publishes(root) if each not in before]
    assert [name for name, _ in after] == ["bronze.orders"]
    failure = next(event for event in result.all_events if event.is_step_failure)
    about = failure.step_failure_data.user_failure_data.metadata
    assert "lakeflow retry" in about["lakeflow/hint"].value
    assert about["lakeflow/branch"].value.startswith("audit_")
    again = run(defs, instance)
    assert not again.success, "what a run holds is not made again, and has not become good"
    assert "gold/revenue" not in materialized(again)


def test_no_personal_value_is_in_any_event(root: Path, instance: Any) -> None:
    write(root, BAD)
    result = run(made(root), instance)
    said = "".join(map(str, result.all_events))
    assert "positive" in said, "the check that failed is told"
    assert [value for value in PERSONAL if value in said] == []


def test_a_fresh_asset_keeps_its_data_version_and_writes_nothing(root: Path, instance: Any) -> None:
    defs = made(root)
    run(defs, instance)
    before = publishes(root)
    result = run(defs, instance)
    assert materialized(result) == ["bronze/orders", "silver/orders", "gold/revenue"]
    assert publishes(root) == before


def test_a_subset_runs_alone(root: Path, instance: Any) -> None:
    defs = made(root)
    assert materialized(run(defs, instance, selection=["bronze/orders"])) == ["bronze/orders"]
    assert [name for name, _ in publishes(root)] == ["bronze.orders"]


def test_checks_alone_look_at_what_readers_see_and_write_nothing(root: Path, instance: Any) -> None:
    defs = made(root)
    run(defs, instance)
    before = publishes(root)
    only = dg.AssetSelection.checks(dg.AssetCheckKey(dg.AssetKey(["silver", "orders"]), "small"))
    result = run(defs, instance, selection=only)
    assert checks(result) == {("silver/orders", "small"): (False, "WARN")}
    assert publishes(root) == before


def test_a_retry_after_the_publish_publishes_nothing_again(
    root: Path, instance: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A root of which nothing tells whether its source changed would be written again by every other run."""
    module = import_module("lakeflow.integrations.dagster.offered")
    write(root, {"layers/bronze/clock.sql": "select 1 as id"})
    tries, real = [], module.metadata_of

    def breaks_once(*arguments: Any) -> Any:
        tries.append(1)
        if len(tries) == 1:
            raise lakeflow.BusyError("the first try is lost after its publish")
        return real(*arguments)

    monkeypatch.setattr(module, "metadata_of", breaks_once)
    result = run(made(root, "bronze.clock", retry_policy=dg.RetryPolicy(max_retries=2)), instance)
    assert result.success
    assert len(tries) == 2
    assert materialized(result) == ["bronze/clock"]
    assert len(publishes(root)) == 1


def test_an_error_is_a_failure_with_our_hint(root: Path, instance: Any) -> None:
    defs = made(root)
    write(root, {"layers/silver/orders.sql": "select id, amount from bronze.nothing"})
    result = run(defs, instance)
    failure = next(event for event in result.all_events if event.is_step_failure).step_failure_data
    assert "bronze.nothing" in failure.user_failure_data.description
    assert "lakeflow check" in failure.user_failure_data.metadata["lakeflow/hint"].value
    assert materialized(result) == []


DAYS = {
    "layers/silver/days.sql": (
        '/*\npartition = "day(tick)"\nstart = 2024-03-30\nend = 2024-04-02\nwrite = "partition"\n'
        'zone = "Europe/Oslo"\nkey = ["tick"]\n*/\n'
        "select tick from range(timestamptz '2024-03-29 22:00:00+00', timestamptz '2024-04-03 00:00:00+00', "
        "interval 1 hour) hours(tick) where tick >= $partition_start and tick < $partition_end"
    )
}


def test_partitions_in_time_are_dagsters_and_a_range_is_one_publish(root: Path, instance: Any) -> None:
    write(root, DAYS)
    defs = made(root, "silver.days")
    (assets,) = defs.resolve_asset_graph().assets_defs
    assert assets.partitions_def.get_partition_keys() == ["2024-03-30", "2024-03-31", "2024-04-01"]
    windows = [assets.partitions_def.time_window_for_partition_key(key) for key in ("2024-03-30", "2024-03-31")]
    assert [(each.end.timestamp() - each.start.timestamp()) / 3600 for each in windows] == [24, 23]
    job = dg.define_asset_job("days", selection="*").resolve(asset_graph=defs.resolve_asset_graph())
    tags = {"dagster/asset_partition_range_start": "2024-03-30", "dagster/asset_partition_range_end": "2024-03-31"}
    result = job.execute_in_process(instance=instance, tags=tags, raise_on_error=False)
    assert result.success
    events = result.get_asset_materialization_events()
    assert sorted(event.partition for event in events) == ["2024-03-30", "2024-03-31"]
    assert len(publishes(root)) == 1
    with lakeflow.open(root) as lake:
        assert lake.query("select count(*) from silver.days").fetchall() == [(47,)]
    one = run(defs, instance, partition_key="2024-04-01")
    assert one.success
    with lakeflow.open(root) as lake:
        assert lake.query("select count(*) from silver.days").fetchall() == [(71,)]


def test_the_sensor_tells_once_of_what_others_published_and_says_how_assets_stand(root: Path, instance: Any) -> None:
    defs = made(root)
    (sensor,) = defs.sensors
    with lakeflow.open(root) as lake:
        lake.materialize()
    first = sensor(dg.build_sensor_context(instance))
    told = [event for event in first.asset_events if isinstance(event, dg.AssetMaterialization)]
    assert [event.asset_key.to_user_string() for event in told] == ["bronze/orders", "silver/orders", "gold/revenue"]
    write(root, {"in/wednesday.csv": "id,amount,mail\n4,1,\n"})
    second = sensor(dg.build_sensor_context(instance, cursor=first.cursor))
    assert not any(isinstance(event, dg.AssetMaterialization) for event in second.asset_events)
    states = {event.asset_key.to_user_string(): event.metadata["lakeflow/state"].value for event in second.asset_events}
    assert states["bronze/orders"] == "stale"
    run(defs, instance)
    third = sensor(dg.build_sensor_context(instance, cursor=second.cursor))
    assert not any(isinstance(event, dg.AssetMaterialization) for event in third.asset_events), "Dagster knows these"


def test_names_of_checks_that_read_alike_are_told_apart() -> None:
    from lakeflow.integrations.dagster.names import check_names

    names = check_names(["a > 1", "a < 1", "wind between 0 and 200", "≥", "Verdict", "x" * 300])
    assert names["wind between 0 and 200"] == "wind_between_0_and_200"
    assert len(set(names.values())) == 6
    assert all(name.replace("_", "a").isalnum() and name.isascii() for name in names.values())
    assert "verdict" not in {name.lower() for name in names.values()}
