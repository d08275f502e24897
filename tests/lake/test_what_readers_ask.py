"""What readers want to know of a lake: checks that age, rows put apart, audits that failed, and who is at work."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Lease, RunRecord, RunState
from lakeflow.core.view.rows import AssetStatus, Health
from tests.cli.process import lakeflow as command
from tests.lake.clock import later

SUITE = """
import great_expectations.expectations as gxe
import lakeflow.expectations as lfx

expectations = [{}]
"""
FRESH = 'lfx.ExpectTableToBeFresh(column="seen_at", max_age="2h"{})'
SILVER = '/*\nkey = ["id"]\n*/\nselect id, seen_at from bronze.orders\n'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    make(
        tmp_path,
        {
            "pyproject.toml": "[tool.lakeflow]\n",
            "layers/bronze/orders.sql": "select unnest([1, 2, 3]) as id, current_timestamp as seen_at\n",
            "layers/silver/orders.sql": SILVER,
        },
    )
    return tmp_path


def make(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def silver(root: Path) -> AssetStatus:
    with lakeflow.open(root) as lake:
        return lake.status("silver.orders")[0]


@pytest.mark.long
@pytest.mark.parametrize(
    ("severity", "health"),
    [("", Health.DEGRADED), (', severity="warning"', Health.WARNING)],
    ids=["critical", "warning"],
)
def test_a_check_of_age_that_passed_is_judged_by_the_clock_again_when_somebody_looks(
    root: Path, severity: str, health: Health
) -> None:
    make(root, {"checks/silver/orders.py": SUITE.format(FRESH.format(severity))})
    with lakeflow.open(root) as lake:
        run = lake.materialize()
    assert run is not None
    assert run.state is RunState.PUBLISHED
    assert silver(root).health is Health.HEALTHY
    with later(timedelta(hours=1)):
        assert silver(root).health is Health.HEALTHY
    with later(timedelta(hours=3)):
        late = silver(root)
        assert late.health is health
        assert late.symptoms[0].text.endswith(" allows 2h, and the newest value is 3 h old")
        assert late.unhealthy_since is not None
        assert timedelta(hours=1) < datetime.now(UTC) + timedelta(hours=3) - late.unhealthy_since < timedelta(hours=2)
        with lakeflow.open(root) as lake:
            assert [str(each) for each in lake.select(f"health:{health}")] == ["silver.orders"]
    with later(-timedelta(hours=5)):  # a clock that was set back makes nothing late
        assert silver(root).health is Health.HEALTHY


@pytest.mark.long
def test_a_failed_audit_of_what_readers_see_names_its_checks_and_since_when(root: Path) -> None:
    with lakeflow.open(root) as lake:
        lake.materialize()
    bad = 'gxe.ExpectColumnValuesToBeBetween(column="id", max_value=1)'
    make(root, {"checks/silver/orders.py": SUITE.format(bad)})
    with lakeflow.open(root) as lake:
        run = lake.materialize("silver.orders")
    assert run is not None
    found = silver(root)
    assert (found.health, found.failed_audit) == (Health.DEGRADED, run.id)
    assert found.symptoms[0].text.startswith(f"the audit of what readers see failed in run {run.id}: ")
    assert found.symptoms[0].text.endswith(" (2 rows)")
    assert found.unhealthy_since is not None
    shown = command("status", cwd=root).stdout
    assert f"failed in run {run.id} " in shown
    assert " ago: " in shown
    assert "(2 rows)" in shown


@pytest.mark.long
def test_status_counts_the_refused_rows_that_wait(root: Path) -> None:
    apart = 'gxe.ExpectColumnValuesToBeBetween(column="id", max_value=2, meta={"lakeflow": {"on_fail": "quarantine"}})'
    silver_ = SILVER.replace("*/", 'write = "append"\n*/')
    make(root, {"layers/silver/orders.sql": silver_, "checks/silver/orders.py": SUITE.format(apart)})
    assert silver(root).quarantined is None
    with lakeflow.open(root) as lake:
        lake.materialize()
    assert silver(root).quarantined == 1
    assert "; 1 row in quarantine" in command("status", cwd=root).stdout
    said = json.loads(command("status", "silver.orders", "-o", "json", cwd=root).stdout)
    assert said["data"]["assets"][0]["quarantined"] == 1
    make(root, {"checks/silver/orders.py": SUITE.format(apart.replace("max_value=2", "max_value=9"))})
    with lakeflow.open(root) as lake:
        lake.readmit("silver.orders")
    assert silver(root).quarantined == 0
    assert "in quarantine" not in command("status", cwd=root).stdout


@pytest.mark.long
def test_status_says_who_is_at_work_where_and_since_when_and_only_while_that_process_lives(root: Path) -> None:
    with lakeflow.open(root) as lake:
        lake.materialize()
        world = lake._world
        me = world.invocation.holder
        run = RunRecord("aaaaaaaaaa", RunState.RUNNING, datetime.now(UTC), actor="ada")
        lease = Lease(run.id, "token", frozenset({AssetKey.parse("silver.orders")}), me)
        world.ledger.acquire(lease)
        world.ledger.save(run, lease=lease)
        (found,) = lake.at_work()
        assert (found.run, found.actor, found.pid, found.host) == (run.id, "ada", os.getpid(), me.host)
        shown = command("status", cwd=root).stdout
        assert f"At work   run {run.id} of ada for " in shown
        assert f"process {me.pid} on {me.host}: silver.orders" in shown
        said = json.loads(command("status", "-o", "json", cwd=root).stdout)["data"]["at_work"]
        assert [(one["run"], one["actor"], one["pid"], one["assets"]) for one in said] == [
            (run.id, "ada", me.pid, ["silver.orders"])
        ]
        world.ledger.release(lease)
        assert lake.at_work() == ()


@pytest.mark.long
def test_a_list_says_health_when_it_is_asked_for(root: Path) -> None:
    with lakeflow.open(root) as lake:
        lake.materialize("bronze.orders")
    shown = command("list", "--health", cwd=root).stdout
    assert [line.split()[:2] for line in shown.splitlines()[:2]] == [
        ["healthy", "bronze.orders"],
        ["unknown", "silver.orders"],
    ]
    said = json.loads(command("list", "--health", "-o", "json", cwd=root).stdout)["data"]["assets"]
    assert [(one["health"], len(one["symptoms"])) for one in said] == [("healthy", 0), ("unknown", 1)]
    assert command("list", "--health", "-o", "csv", cwd=root).stdout.splitlines()[0].endswith(",health")
    plain = json.loads(command("list", "-o", "json", cwd=root).stdout)["data"]["assets"]
    assert not any("health" in one for one in plain)
