"""A clock that ran fast for a while stops nothing: not the next run, not a rollback, not other engines once mended."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

import lakeflow
from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.run import Holder, RunState
from lakeflow.core.ports.locations import local_path
from lakeflow.core.run.leases import AssetLease, CurrentLeases
from lakeflow.core.view.findings import Level
from lakeflow.lake.care import doctor, mend_times
from tests.cli.process import lakeflow as command
from tests.lake.clock import later

FAST = timedelta(days=10)
KEY = AssetKey(Layer.SILVER, "n")
FILES = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "layers/bronze/n.sql": "select range as n, 1 as v from range(3)\n",
    "layers/silver/n.sql": '/*\nkey = ["n"]\n*/\nselect n, v from bronze.n\n',
    "layers/silver/h.sql": '/*\nkey = ["n"]\nwrite = "scd2"\n*/\nselect n, v from silver.n\n',
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def metadata(root: Path, key: AssetKey = KEY) -> dict[str, Any]:
    with lakeflow.open(root) as lake:
        version = lake._world.catalog.load([key])[key].version
    found: dict[str, Any] = json.loads(local_path(version).read_text())
    return found


def java_would_read(content: dict[str, Any]) -> bool:
    """As Iceberg's TableMetadata asserts it: no log goes back by more than a minute, nor ends after the last update."""
    for name in ("snapshot-log", "metadata-log"):
        times = [entry["timestamp-ms"] for entry in content[name]] + [content["last-updated-ms"]]
        if any(later < earlier - 60_000 for earlier, later in pairwise(times)):
            return False
    return True


@pytest.mark.long
def test_the_next_run_and_a_rollback_go_on_with_a_warning(root: Path) -> None:
    with lakeflow.open(root) as lake:
        lake.materialize()
    (root / "layers/silver/n.sql").write_text('/*\nkey = ["n"]\n*/\nselect n, v from bronze.n where n > 0\n')
    with later(FAST), lakeflow.open(root) as lake:
        wrong = lake.materialize("silver.n")
        assert wrong is not None
        assert wrong.state is RunState.PUBLISHED
    with lakeflow.open(root) as lake:
        assert "a clock was or is wrong" in lake.plan("silver.n").warnings[0]
        assert lake.rollback(wrong.id).state is RunState.ROLLED_BACK
        assert len(lake.show("silver.n").values) == 3
        after = lake.materialize("silver.n")
        assert after is not None
        assert after.state is RunState.PUBLISHED
        assert len(lake.show("silver.n").values) == 2
    assert java_would_read(metadata(root))


@pytest.mark.long
def test_a_history_dated_by_runs_takes_what_came_after_for_later(root: Path) -> None:
    with later(FAST), lakeflow.open(root) as lake:
        lake.materialize("+silver.h")
    (root / "layers/silver/n.sql").write_text('/*\nkey = ["n"]\n*/\nselect n, v + 1 as v from bronze.n\n')
    with lakeflow.open(root) as lake:
        run = lake.materialize("silver.n", "silver.h")
        assert run is not None
        assert run.state is RunState.PUBLISHED, [(step.asset, step.reason) for step in run.steps]
        assert lake.query("select distinct v from silver.h where valid_to is null").fetchall() == [(2,)]


@pytest.mark.long
def test_times_to_come_are_found_and_set_to_now(root: Path) -> None:
    with later(FAST), lakeflow.open(root) as lake:
        lake.materialize()
    unwell = [one for one in doctor(root) if one.level is not Level.OK]
    assert {one.subject for one in unwell} == {"bronze.n", "silver.n", "silver.h"}
    assert all("`lakeflow doctor --mend-times`" in one.hint for one in unwell)
    done = command("doctor", "--mend-times", "-o", "json", cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["data"]["mended"] == ["bronze.n", "silver.h", "silver.n"]
    now = datetime.now(UTC)
    content = metadata(root)
    assert content["last-updated-ms"] <= now.timestamp() * 1000
    assert all(each["timestamp-ms"] <= now.timestamp() * 1000 for each in content["snapshots"])
    assert java_would_read(content)
    with lakeflow.open(root) as lake:
        assert lake.plan("silver.n").warnings == ()
        assert lake.runs()[0].started_at <= now
        assert lake.status("silver.n")[0].state == "fresh"
    state = root / ".lakeflow"
    catalog = SqlCatalog("lakeflow", uri=f"sqlite:///{state / 'catalog.db'}", warehouse=str(state / "warehouse"))
    assert catalog.load_table("silver.n").scan().to_arrow().num_rows == 3
    catalog.close()
    assert mend_times(root) == ()


@pytest.mark.parametrize("ahead", [timedelta(days=10), timedelta(days=-10)])
def test_a_lease_elsewhere_whose_heartbeat_is_far_from_now_has_lapsed(ahead: timedelta) -> None:
    now = datetime.now(UTC)
    holder = Holder("elsewhere", "boot", 1, "then")
    held = AssetLease(KEY, "r1", "token", holder, now + ahead, now + ahead)
    assert CurrentLeases((held,), {holder: None}, now, 30.0).dead(held)
    assert not CurrentLeases((held,), {holder: None}, now + ahead, 30.0).dead(held)
