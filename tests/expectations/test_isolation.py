"""What checks do to memory and to their process stays theirs: in real processes, and in a real run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import lakeflow
from lakeflow.adapters.processes import Child
from lakeflow.adapters.processes.auditor import ProcessAuditor, WorkerResources
from lakeflow.core.model.check import CheckFile, CheckKind, Outcome
from lakeflow.core.model.table import Scan

from .lake import outcomes, request, row_check, scan_of

pytestmark = pytest.mark.usefixtures("whole_processes")
FUNCTIONS = """
import os, signal
from lakeflow import check

@check
def killed(branch):
    os.kill(os.getpid(), signal.SIGKILL)

@check
def well(branch):
    return True
"""


@pytest.fixture
def scan(tmp_path: Path) -> Scan:
    return scan_of(tmp_path, a=("int", [1, 2]))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[ProcessAuditor]:
    """A worker whose DuckDB has 100 MB."""
    made = ProcessAuditor(
        partial(Child, "lakeflow.workers.audit"), str(tmp_path / "audit.log"), WorkerResources(1, "100MB")
    )
    yield made
    made.close()


@pytest.mark.long
def test_a_query_that_wants_more_memory_than_there_is_is_errored_and_the_rest_still_runs(
    small: ProcessAuditor, scan: Scan
) -> None:
    greedy = row_check("select list(hash(r.range)) from range(100_000_000) r, silver.weather", "greedy")
    results = small.audit(request(scan, greedy, row_check("from silver.weather", "modest")))
    assert list(outcomes(results).items()) == [
        ("greedy", Outcome.ERRORED),
        ("modest", Outcome.FAILED),
        ("schema", Outcome.PASSED),
    ]
    assert "Out of Memory" in results[0].detail


@pytest.mark.long
def test_a_check_that_the_machine_kills_is_errored_and_the_rest_still_runs(small: ProcessAuditor, scan: Scan) -> None:
    file = CheckFile(CheckKind.SUITE, "checks/silver/weather.py", FUNCTIONS)
    results = small.audit(request(scan, file))
    assert [(one.name, one.outcome) for one in results[:2]] == [("killed", Outcome.ERRORED), ("well", Outcome.PASSED)]
    assert "SIGKILL (out of memory?)" in results[0].detail


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has scores for who is ended first")
def test_when_memory_ends_the_worker_goes_before_the_run(small: ProcessAuditor, scan: Scan) -> None:
    small.audit(request(scan))
    assert small._worker is not None
    guard = small._worker.pid
    (worker,) = Path(f"/proc/{guard}/task/{guard}/children").read_text().split()
    assert Path(f"/proc/{worker}/oom_score_adj").read_text().strip() == "1000"


@pytest.mark.long
def test_a_run_whose_checks_kill_their_process_is_held_and_main_is_untouched(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": "[tool.lakeflow]\nthreads = 1\n",
        "layers/bronze/sales.sql": "select range as id from range(2)",
        "layers/silver/sales.sql": "/*\nkey = ['id']\n*/\nselect distinct id from bronze.sales",
    }
    write(tmp_path, files)
    with lakeflow.open(tmp_path) as lake:
        lake.materialize()
        (before,) = lake.status("silver.sales")
    write(
        tmp_path, {"checks/silver/sales.py": FUNCTIONS, "layers/bronze/sales.sql": "select range as id from range(9)"}
    )
    with lakeflow.open(tmp_path) as lake:
        run = lake.materialize()
        (after,) = lake.status("silver.sales")
    assert run is not None
    (step,) = [step for step in run.steps if str(step.asset) == "silver.sales"]
    assert (run.state, step.state, step.reason) == ("held", "held", "killed errored")
    assert [one.outcome for one in step.checks] == [Outcome.ERRORED, *[Outcome.PASSED] * 5]
    assert before.snapshot_id == after.snapshot_id


@pytest.mark.long
def test_a_run_with_nothing_to_do_starts_no_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"pyproject.toml": "[tool.lakeflow]\n", "layers/bronze/sales.sql": "select 1 as id"})
    write(tmp_path, {"layers/silver/sales.sql": "/*\nkey = ['id']\n*/\nselect id from bronze.sales"})
    write(tmp_path, {"checks/silver/sales.all.sql": "select * from silver.sales where id < 1"})
    started: list[str] = []
    real = Child.__init__

    def start(child: Child, module: str, *more: Any) -> None:
        started.append(module)
        real(child, module, *more)

    monkeypatch.setattr(Child, "__init__", start)
    for selection in ("+silver.sales", "silver.sales"):
        with lakeflow.open(tmp_path) as lake:
            lake.materialize(selection)
    assert started == ["lakeflow.workers.audit"]


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
