from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lakeflow
from tests.docs.blocks import blocks_of
from tests.docs.pages import ROOT
from tests.orchestrators.lab import BAD, PERSONAL, installed, publishes, revenue, write

os.environ.setdefault("PREFECT_SERVER_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
installed("prefect")


@pytest.fixture(scope="module", autouse=True)
def server() -> Iterator[None]:
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=600):
        yield


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was sent to Prefect's events, heard where it is sent."""
    from prefect.events import emit_event

    heard: list[Any] = []

    def hear(**said: Any) -> Any:
        heard.append(emit_event(**said))
        return heard[-1]

    monkeypatch.setattr("lakeflow.integrations.prefect.emit_event", hear)
    return heard


def test_a_flow_publishes_in_one_run_and_tells_of_each_asset_after_the_publish(root: Path, events: list[Any]) -> None:
    from prefect.client.orchestration import get_client

    from lakeflow.integrations.prefect import LakeflowLake, materialize

    lake = LakeflowLake(path=str(root), settings={"max_rows": "1000"})
    lake.save("shop", overwrite=True)
    state = materialize(LakeflowLake.load("shop"), return_state=True)
    assert state.result() == dict.fromkeys(["bronze.orders", "silver.orders", "gold.revenue"], "published")
    assert [event.resource["prefect.resource.name"] for event in events] == [
        "bronze.orders",
        "silver.orders",
        "gold.revenue",
    ]
    with lakeflow.open(root) as opened:
        (only,) = opened.runs()
    assert only.actor == f"prefect flow run {state.state_details.flow_run_id}"
    assert set(materialize(lake).values()) == {"fresh"}
    assert len(events) == 3
    with get_client(sync_client=True) as client:
        tables = [artifact for artifact in client.read_artifacts() if artifact.key == "lakeflow-run"]
    assert "silver.orders" in str(tables[0].data)


def test_a_held_run_fails_the_flow_once_and_says_where_its_rows_wait(root: Path, events: list[Any]) -> None:
    from lakeflow.integrations.prefect import LakeflowLake, materialize

    lake = LakeflowLake(path=str(root))
    materialize(lake)
    before = publishes(root)
    events.clear()
    write(root, BAD)
    state = materialize(lake, retries=2, pause=0.0, return_state=True)
    assert state.is_failed()
    said = str(state.result(raise_on_failure=False))
    assert "positive failed" in said
    assert "audit_" in said
    assert "lakeflow retry" in said
    assert [value for value in PERSONAL if value in said] == []
    assert [event.resource["prefect.resource.name"] for event in events] == ["bronze.orders"]
    assert revenue(root) == 42
    assert [name for name, number in publishes(root) if (name, number) not in before] == ["bronze.orders"]
    with lakeflow.open(root) as opened:
        assert len(opened.runs()) == 2, "what checks hold is not tried again"


def test_a_second_try_publishes_nothing_twice(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lakeflow.integrations import prefect as module

    write(root, {"layers/bronze/clock.sql": "select 1 as id"})
    tries, real = [], module._tell

    def breaks_once(*arguments: Any) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("the first try is lost after its publish")
        real(*arguments)

    monkeypatch.setattr(module, "_tell", breaks_once)
    came = module.materialize(module.LakeflowLake(path=str(root)), ["bronze.clock"], retries=1, pause=0.0)
    assert came == {"bronze.clock": "published"}
    assert len(tries) == 2
    assert len(publishes(root)) == 1


def test_a_secret_of_the_settings_is_not_shown(root: Path) -> None:
    from lakeflow.integrations.prefect import LakeflowLake

    assert "hunter2" not in repr(LakeflowLake(path=str(root), settings={"catalog": "postgresql://u:hunter2@h/d"}))


def test_the_page_of_orchestrators_holds_a_flow_that_runs(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (text,) = (block.text for block in blocks_of(ROOT / "docs/orchestrators.md") if block.path == "flow.py")
    monkeypatch.chdir(root)
    space: dict[str, Any] = {"__name__": "page"}
    exec(compile(text.replace("/srv/shop", str(root)), "flow.py", "exec"), space)
    assert set(space["nightly"]().values()) == {"published"}
    assert revenue(root) == 42
