"""A cluster of one master and two workers: a run also when an executor dies under it, and when Ctrl-C ends it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from time import sleep

import psutil
import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

import lakeflow
from tests.spark.cluster import Cluster
from tests.spark.test_engine import steps_of, write

pytestmark = pytest.mark.timeout(1800)
CONF = '"spark.driver.memory" = "512m"\n"spark.executor.memory" = "512m"\n"spark.sql.shuffle.partitions" = 2\n'
FUNCTION = """
from __future__ import annotations

from lakeflow import asset

MARK = {mark!r}


@asset(inputs={{"rows": "silver.rows"}}, key=["id"], engine="spark")
def survives(rows):
    from pyspark.sql import functions as F

    def work(number):
        import os

        import psutil

        try:
            os.close(os.open(MARK, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            return number * 2
        process = psutil.Process()
        while "java" not in process.name():
            process = process.parent()
        process.kill()
        return 0

    return rows.repartition(4).select("id", F.udf(work, "long")("id").alias("twice"))
"""


SLOW = """
from __future__ import annotations

from lakeflow import asset

MARKS = {marks!r}


@asset(inputs={{"rows": "silver.rows"}}, key=["id"], engine="spark")
def slow(rows):
    from pyspark.sql import functions as F

    def work(number):
        import os
        import pathlib
        import time

        begun = pathlib.Path(MARKS, str(os.getpid()))
        if not pathlib.Path(MARKS, "be quick").exists() and not begun.exists():
            begun.touch()
            time.sleep(3600)
        return number

    return rows.repartition(2).select(F.udf(work, "long")("id").alias("id"))
"""


@pytest.fixture
def root(tmp_path: Path, master: Cluster) -> Path:
    write(tmp_path, "pyproject.toml", f'[tool.lakeflow]\n[tool.lakeflow.spark]\nmaster = "{master.url}"\n{CONF}')
    write(tmp_path, "layers/bronze/raw.sql", "select i as id from range(1000) t(i)")
    grouped = "select id, count(*) as n from bronze.raw group by id"
    write(tmp_path, "layers/silver/rows.sql", f'/*\nengine = "spark"\nkey = ["id"]\n*/\n{grouped}')
    return tmp_path


def rows_of(root: Path, name: str) -> pa.Table:
    state = root / ".lakeflow"
    catalog = SqlCatalog("lakeflow", uri=f"sqlite:///{state}/catalog.db", warehouse=f"{state}/warehouse")
    return catalog.load_table(name).scan().to_arrow()


def test_an_executor_that_dies_loses_no_row_and_doubles_none(root: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    write(root, "layers/silver/survives.py", FUNCTION.format(mark=str(mark)))
    with lakeflow.open(root) as lake:
        steps = steps_of(lake)
    assert mark.exists()
    assert [str(step.state) for step in steps.values()] == ["published"] * 3, steps
    found = rows_of(root, "silver.survives").sort_by("id")
    assert found["id"].to_pylist() == list(range(1000))
    assert found["twice"].to_pylist() == [2 * number for number in range(1000)]


def test_ctrl_c_cancels_the_job_and_the_next_run_does_it_all(root: Path, tmp_path: Path, master: Cluster) -> None:
    (marks := tmp_path / "marks").mkdir()
    write(root, "layers/silver/slow.py", SLOW.format(marks=str(marks)))
    words = [sys.executable, "-P", "-m", "lakeflow.cli", "materialize"]
    run = subprocess.Popen(words, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while len(list(marks.iterdir())) < 2:
        assert run.poll() is None, run.communicate()
        sleep(0.1)
    begun = {psutil.Process(int(mark.name)) for mark in marks.iterdir()}
    below = {*psutil.Process(run.pid).children(recursive=True), *master.executors, *begun}
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=300)
    assert run.returncode == 130, said
    assert "nothing was lost" in said
    _, alive = psutil.wait_procs(below, timeout=120)
    assert not alive
    (marks / "be quick").touch()
    with lakeflow.open(root) as lake:
        assert [str(known.state) for known in lake.runs()] == ["abandoned"]
        assert str(lake.retry().state) == "published"
    assert sorted(rows_of(root, "silver.slow")["id"].to_pylist()) == list(range(1000))
    assert not list((root / ".lakeflow" / "spill").glob("spark-*/*"))
