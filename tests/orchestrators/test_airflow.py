from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import lakeflow
from tests.docs.blocks import blocks_of
from tests.docs.pages import ROOT
from tests.orchestrators.lab import BAD, installed, publishes, revenue, write

# Airflow reads where it lives as it is imported.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
installed("airflow")

Ran = Mapping[str, str]


@pytest.fixture(scope="module", autouse=True)
def database() -> None:
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.db import initdb
    from airflow.utils.session import create_session

    initdb()
    with create_session() as session:
        session.merge(DagBundleModel(name="dags-folder"))


def run(dag: Any) -> Ran:
    """The state of each task of a run of the DAG."""
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db

    bag = DagBag(dag_folder=os.devnull)
    bag.bag_dag(dag)
    sync_bag_to_db(bag, "dags-folder", None)
    return {ti.task_id: str(ti.state) for ti in dag.test().get_task_instances()}


def told() -> list[tuple[str, str]]:
    """Every event that Airflow recorded, oldest first: of which asset, and by which task."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session

    with create_session() as session:
        events = session.query(AssetEvent).order_by(AssetEvent.id)
        return [(event.asset.uri.rpartition("lake/")[2], event.source_task_id) for event in events]


def dag_of(name: str, make: Callable[[], object]) -> Any:
    from airflow.sdk import DAG

    with DAG(name, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC)) as dag:
        make()
    return dag


def test_a_task_for_each_layer_tells_of_its_assets_after_the_publish_and_of_none_that_is_held(root: Path) -> None:
    from lakeflow.integrations.airflow import tasks

    dag = dag_of("layers", lambda: tasks(str(root)))
    assert {task.task_id: task.upstream_task_ids for task in dag.tasks} == {
        "bronze": set(),
        "silver": {"bronze"},
        "gold": {"silver"},
    }
    before = told()
    assert run(dag) == {"bronze": "success", "silver": "success", "gold": "success"}
    assert told()[len(before) :] == [("bronze/orders", "bronze"), ("silver/orders", "silver"), ("gold/revenue", "gold")]
    seen, published = told(), publishes(root)
    write(root, BAD)
    assert run(dag) == {"bronze": "success", "silver": "failed", "gold": "upstream_failed"}
    assert told()[len(seen) :] == [("bronze/orders", "bronze")]
    assert revenue(root) == 42
    assert [name for name, _ in publishes(root) if (name, _) not in published] == ["bronze.orders"]
    with lakeflow.open(root) as lake:
        assert lake.runs()[0].actor.startswith("airflow layers/silver ")


def test_what_a_failed_task_published_is_told_by_the_next_that_ends_well_and_nothing_twice(root: Path) -> None:
    from lakeflow.integrations.airflow import tasks

    write(root, BAD)
    dag = dag_of("whole", lambda: tasks(str(root), by="lake"))
    before = told()
    assert run(dag) == {"lake": "failed"}
    assert told() == before
    write(root, {"checks/silver/orders.positive.sql": "select id from silver.orders where amount < -100"})
    assert run(dag) == {"lake": "success"}
    assert {asset for asset, _ in told()[len(before) :]} == {"bronze/orders", "silver/orders", "gold/revenue"}


def test_a_second_try_publishes_nothing_twice(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lakeflow.integrations import airflow as module

    write(root, {"layers/bronze/clock.sql": "select 1 as id"})
    tries, real = [], module.LakeflowOperator._tell

    def breaks_once(*arguments: Any) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("the first try is lost after its publish")
        real(*arguments)

    monkeypatch.setattr(module.LakeflowOperator, "_tell", breaks_once)
    operator = module.LakeflowOperator
    made = dag_of("clock", lambda: operator(task_id="clock", path=str(root), selection=["bronze.clock"]))
    context = {"ti": _Task(), "outlet_events": _Events()}
    with pytest.raises(OSError, match="lost"):
        made.get_task("clock").execute(context)
    assert made.get_task("clock").execute(context) == {"bronze.clock": "published"}
    assert len(publishes(root)) == 1


class _Task:
    dag_id, task_id, run_id, map_index = "clock", "clock", "manual__1", -1


class _Events(dict[Any, Any]):
    def __missing__(self, key: Any) -> Any:
        from airflow.sdk.execution_time.context import OutletEventAccessor

        return self.setdefault(key, OutletEventAccessor(key=key))


def test_a_busy_lake_defers_the_task_until_no_run_holds_its_assets(root: Path) -> None:
    import asyncio
    import threading

    from airflow.sdk.exceptions import TaskDeferred

    from lakeflow.core.run.events import StepPhase
    from lakeflow.integrations.airflow import LakeflowOperator, LeaseTrigger

    at_work, go_on = threading.Event(), threading.Event()

    def watch(event: object) -> None:
        if isinstance(event, StepPhase):
            at_work.set()
            go_on.wait()

    def other() -> None:
        with lakeflow.open(root) as lake:
            lake.materialize("bronze.orders", observer=watch)

    working = threading.Thread(target=other)
    working.start()
    at_work.wait()
    made = dag_of("busy", lambda: LakeflowOperator(task_id="busy", path=str(root), deferrable=True))
    try:
        with pytest.raises(TaskDeferred) as deferred:
            made.get_task("busy").execute({"ti": _Task(), "outlet_events": _Events()})
        path, said = deferred.value.trigger.serialize()
        assert path == "lakeflow.integrations.airflow.LeaseTrigger"
        trigger = LeaseTrigger(**{**said, "pause": 0.1})
        assert trigger._is_held()
    finally:
        go_on.set()
        working.join()

    async def first() -> Any:
        return await anext(trigger.run())

    assert asyncio.run(first()).payload["assets"] == said["assets"]


def test_an_error_says_what_to_type_and_is_not_tried_again_where_that_would_not_help(root: Path) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from lakeflow.integrations.airflow import LakeflowOperator

    made = dag_of("wrong", lambda: LakeflowOperator(task_id="wrong", path=str(root), selection=["silver.order"]))
    with pytest.raises(AirflowFailException, match=r"silver\.orders"):
        made.get_task("wrong").execute({"ti": _Task(), "outlet_events": _Events()})


def test_the_page_of_orchestrators_holds_a_dag_that_runs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = (block.text for block in blocks_of(ROOT / "docs/orchestrators.md") if block.path == "dags/shop.py")
    monkeypatch.chdir(root)
    space: dict[str, Any] = {}
    exec(compile(text.replace("/srv/shop", str(root)), "shop.py", "exec"), space)
    assert set(run(space["dag"]).values()) == {"success"}
    assert revenue(root) == 42
