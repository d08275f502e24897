"""A cluster that vanishes under a job: the step is errored in a bounded time, and nothing else of the run suffers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest

import lakeflow
from tests.spark.cluster import Cluster, cluster
from tests.spark.session import required
from tests.spark.test_cluster import CONF, SLOW, rows_of
from tests.spark.test_engine import write

pytestmark = pytest.mark.timeout(1800)
IDLE = 5


@pytest.fixture
def going(tmp_path: Path) -> Iterator[Cluster]:
    required()
    with cluster(tmp_path / "cluster", workers=1) as found:
        yield found


def test_a_cluster_that_vanishes_under_a_job_is_told_in_time_and_the_rest_is_published(
    tmp_path: Path, going: Cluster
) -> None:
    (marks := tmp_path / "marks").mkdir()
    root = tmp_path / "lake"
    settings = f'[tool.lakeflow.spark]\nmaster = "{going.url}"\nidle_timeout = {IDLE}\n{CONF}'
    write(root, "pyproject.toml", f"[tool.lakeflow]\n{settings}")
    write(root, "layers/bronze/raw.sql", "select i as id from range(100) t(i)")
    write(root, "layers/silver/rows.sql", '/*\nkey = ["id"]\n*/\nselect id from bronze.raw')
    write(root, "layers/silver/slow.py", SLOW.format(marks=str(marks)))
    write(root, "layers/gold/beside.sql", '/*\nkind = "mart"\n*/\nselect count(*) as n from silver.rows')
    words = [sys.executable, "-P", "-m", "lakeflow.cli", "materialize"]
    run = subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while not list(marks.iterdir()):
        assert run.poll() is None, run.communicate()
        sleep(0.1)
    below = {*psutil.Process(run.pid).children(recursive=True)}
    went = monotonic()
    going.vanish()
    said, _ = run.communicate(timeout=600)
    assert monotonic() - went < 120, said
    _, alive = psutil.wait_procs(below, timeout=60)
    assert not alive
    with lakeflow.open(root) as lake:
        steps = {step.asset.name: step for step in lake.runs(1)[0].steps}
    assert {name: str(step.state) for name, step in steps.items() if name != "slow"} == dict.fromkeys(
        ("raw", "rows", "beside"), "published"
    )
    assert str(steps["slow"].state) == "errored"
    assert f"the cluster of Spark ran no task of it for {IDLE} s, and it was given up" in (steps["slow"].reason or "")
    assert rows_of(root, "gold.beside")["n"].to_pylist() == [100]
    assert not list((root / ".lakeflow" / "spill").glob("spark-*/*"))
