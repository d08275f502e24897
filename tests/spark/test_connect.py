"""A run whose Spark is a server of Spark Connect: the same rows, and Ctrl-C ends the job there.

`LAKEFLOW_TEST_CONNECT` names an environment with that server: Spark 4 comes as `pyspark[connect]`, which is no part of
ours.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import sleep

import psutil
import pyarrow as pa
import pytest

import lakeflow
from tests.spark.cluster import cluster, process
from tests.spark.test_cluster import SLOW, rows_of
from tests.spark.test_engine import write

pytestmark = pytest.mark.timeout(1800)
_PACKAGES = ("pyspark", "py4j", "grpc", "grpc_status", "google")
_LACKS = (
    "LAKEFLOW_TEST_CONNECT names no environment with Spark Connect: python3.11 -m venv connect && "
    'connect/bin/pip install "pyspark[connect]==4.0.1"'
)
_SERVER = "org.apache.spark.sql.connect.service.SparkConnectServer"
_READY = re.compile(r"Spark Connect server started at: (\S+)")
_FUNCTION = """
from __future__ import annotations

from lakeflow import asset


@asset(inputs={"rows": "silver.rows"}, key=["id"], engine="spark")
def doubled(rows):
    from pyspark.sql import functions as F

    return rows.select("id", F.udf(lambda number: 2 * number, "long")("id").alias("twice"))
"""
_AT = "cast(timestamp '2024-01-01 10:00:00' as timestamp_ntz)"
_GROUPED = f"select id, count(*) as n, {_AT} as at from bronze.raw group by id"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages of that environment which are not ours."""
    home = os.environ.get("LAKEFLOW_TEST_CONNECT", "")
    site = next(iter(Path(home or "/nowhere").glob("lib/python*/site-packages")), Path("/nowhere"))
    if not all((site / name).exists() for name in _PACKAGES):
        pytest.skip(_LACKS)
    found = tmp_path_factory.mktemp("packages")
    for name in _PACKAGES:
        (found / name).symlink_to(site / name)
    return found


@pytest.fixture(scope="module")
def server(there: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with _server(there, tmp_path_factory.mktemp("server"), "local[2]") as found:
        yield found


@contextmanager
def _server(there: Path, folder: Path, master: str) -> Iterator[str]:
    conf = {
        "spark.ui.enabled": "false",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": "0",
        "spark.sql.shuffle.partitions": "2",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    }
    said = [word for name, value in conf.items() for word in ("--conf", f"{name}={value}")]
    home = there / "pyspark"
    words = [f"{home}/bin/spark-submit", "--class", _SERVER, "--master", master, "--driver-memory", "700m", *said]
    own = {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    own["PYTHONPATH"] = str(there)
    with process(folder, [*words, "spark-internal"], _READY, own) as started:
        yield f"sc://{started.said}"


@pytest.fixture
def root(tmp_path: Path, server: str) -> Path:
    root = tmp_path / "lake"
    write(root, "pyproject.toml", f'[tool.lakeflow]\n[tool.lakeflow.spark]\nremote = "{server}"\n')
    write(root, "layers/bronze/raw.sql", "select i as id from range(1000) t(i)")
    write(root, "layers/silver/rows.sql", f'/*\nengine = "spark"\nkey = ["id"]\n*/\n{_GROUPED}')
    write(root, "layers/silver/here.sql", f'/*\nkey = ["id"]\n*/\n{_GROUPED.replace("timestamp_ntz", "timestamp")}')
    return root


def _run(root: Path, there: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-P", "-m", "lakeflow.cli", *words]
    environment: Mapping[str, str] = {**os.environ, "PYTHONPATH": str(there)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(command, cwd=root, env=environment, text=True, **pipes)  # type: ignore[call-overload, no-any-return]


def test_code_and_audits_run_there_and_give_the_rows_of_duckdb(root: Path, there: Path) -> None:
    write(root, "layers/silver/doubled.py", _FUNCTION)
    write(root, "checks/silver/rows.odd.sql", '/*\ndialect = "spark"\n*/\nselect * from silver.rows where isnan(id)')
    run = _run(root, there, "materialize")
    said, _ = run.communicate()
    assert run.returncode == 0, said
    ours, theirs = (rows_of(root, f"silver.{name}").sort_by("id") for name in ("rows", "here"))
    assert ours.schema == theirs.schema
    assert ours == theirs
    doubled = rows_of(root, "silver.doubled").sort_by("id")
    assert doubled["twice"] == pa.chunked_array([[2 * number for number in range(1000)]])


def test_what_the_server_refuses_is_an_errored_step_with_its_reason(root: Path, there: Path) -> None:
    write(
        root, "layers/silver/wrong.sql", '/*\nengine = "spark"\nkey = ["id"]\n*/\nselect nothing as id from bronze.raw'
    )
    head = '/*\nengine = "spark"\nkey = ["id"]\n*/\n'
    write(root, "layers/silver/zero.sql", f"{head}select id / (id - id) as id from bronze.raw")
    run = _run(root, there, "materialize")
    said, _ = run.communicate()
    assert run.returncode == 1, said
    assert "UNRESOLVED_COLUMN" in said
    assert "DIVIDE_BY_ZERO" in said
    assert rows_of(root, "silver.rows").num_rows == 1000


def test_ctrl_c_ends_the_job_there(root: Path, there: Path, tmp_path: Path) -> None:
    (marks := tmp_path / "marks").mkdir()
    write(root, "layers/silver/slow.py", SLOW.format(marks=str(marks)))
    run = _run(root, there, "materialize")
    while not list(marks.iterdir()):
        assert run.poll() is None, run.communicate()
        sleep(0.1)
    begun = [psutil.Process(int(mark.name)) for mark in marks.iterdir()]
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=300)
    assert run.returncode == 130, said
    _, alive = psutil.wait_procs(begun, timeout=60)
    assert not alive, "without a word its server would go on for five minutes"
    (marks / "be quick").touch()
    again = _run(root, there, "retry")
    said, _ = again.communicate()
    assert again.returncode == 0, said
    assert rows_of(root, "silver.slow").num_rows == 1000


def test_a_job_that_gets_no_core_there_is_given_up(root: Path, there: Path, tmp_path: Path) -> None:
    """The server's cluster has a master and no worker."""
    home = str(there / "pyspark")
    with (
        cluster(tmp_path / "cluster", workers=0, place=home) as empty,
        _server(there, tmp_path / "server", empty.url) as server,
    ):
        write(
            root, "pyproject.toml", f'[tool.lakeflow]\n[tool.lakeflow.spark]\nremote = "{server}"\nidle_timeout = 5\n'
        )
        said, _ = _run(root, there, "materialize").communicate(timeout=900)
    with lakeflow.open(root) as lake:
        steps = {step.asset.name: step for step in lake.runs(1)[0].steps}
    assert {name: str(step.state) for name, step in steps.items()} == {
        "raw": "published",
        "here": "published",
        "rows": "errored",
    }, said
    assert "the cluster of Spark ran no task of it for 5 s, and it was given up" in (steps["rows"].reason or "")
