"""Looking at a lake without changing it: a run's log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakeflow.cli.main import run as lakeflow
from tests.cli.test_commands import make

FILES = {
    "layers/bronze/sales.sql": "select * from (values (1, 'Ada'), (2, 'Bo')) as v(id, buyer)",
    "layers/silver/sales.sql": "/*\nkey = ['id']\n[columns.buyer]\npii = true\n*/\nselect id, buyer from bronze.sales",
    "checks/silver/sales.young.sql": "select * from silver.sales where id > 5",
}


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Two assets that were never built; the working directory is theirs."""
    monkeypatch.chdir(make(tmp_path, FILES))
    return tmp_path


def run_id(root: Path) -> str:
    (log,) = (root / ".lakeflow" / "logs").glob("[0-9]*.log")
    return log.stem


def test_the_log_of_a_run_says_what_happened_when(lake: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert lakeflow(["materialize"]) == 0
    capfd.readouterr()
    assert lakeflow(["runs", run_id(lake)[:8], "--log"]) == 0
    first, *_, last = capfd.readouterr().out.splitlines()
    assert first.endswith(f"run {run_id(lake)} attempt 1 started")
    assert last.endswith(f"run {run_id(lake)} published")


def test_a_log_never_acts_on_a_terminal(lake: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lakeflow(["materialize"])
    with (lake / f".lakeflow/logs/{run_id(lake)}.log").open("a") as log:
        log.write("\x1b[2Jgone\n")
    capfd.readouterr()
    assert lakeflow(["runs", run_id(lake), "--log"]) == 0
    assert capfd.readouterr().out.endswith("\\x1b[2Jgone\n")


def test_a_log_that_is_not_here_and_one_of_no_run_are_usage_errors(
    lake: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lakeflow(["materialize"])
    run = run_id(lake)
    (lake / f".lakeflow/logs/{run}.log").unlink()
    assert lakeflow(["runs", run, "--log"]) == 2
    assert f"run {run} has no log here" in capfd.readouterr().err
    assert lakeflow(["runs", "--log"]) == 2
    assert "--log needs a run" in capfd.readouterr().err
