"""SQL that reads much runs in a process of its own, which may be ended at any moment: DuckDB itself may not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from lakeflow.core.run.resources import LARGE
from tests.cli import process
from tests.usercode.lab import Lake

LANDING = """/*
[source]
folder = "landing"
files = "*.parquet"
format = "parquet"
*/
select * from source
"""
TEXTS = "select i, md5(i::varchar) as a, md5((-i)::varchar) as b from range({rows}) t(i)"


@pytest.fixture
def large(lake: Lake) -> Lake:
    """`bronze.rows` lands a large file, which takes a few seconds."""
    file = lake.root / "landing/1.parquet"
    file.parent.mkdir()
    duckdb.execute(f"copy ({TEXTS.format(rows=1_200_000)}) to '{file}' (format parquet)")
    assert file.stat().st_size > LARGE
    lake.write("layers/bronze/rows.sql", LANDING)
    lake.write("layers/bronze/one.sql", "select 1 as n")
    return lake


def started(lake: Lake) -> subprocess.Popen[str]:
    """A run whose child is writing."""
    command = [sys.executable, "-m", "lakeflow.cli", "materialize"]
    running = subprocess.Popen(
        command, cwd=lake.root, env=process.CLEAN, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while not any(path.stat().st_size for path in lake.data_files()):
        assert running.poll() is None, running.communicate()
        time.sleep(0.01)
    return running


def writer(running: subprocess.Popen[str]) -> int:
    children = Path(f"/proc/{running.pid}/task").glob("*/children")
    pids = [int(pid) for child in children for pid in child.read_text().split()]
    (pid,) = (pid for pid in pids if b"lakeflow.workers.code" in Path(f"/proc/{pid}/cmdline").read_bytes())
    return pid


@pytest.mark.long
def test_ctrl_c_in_a_large_query_ends_the_run_and_leaves_nothing(large: Lake) -> None:
    """DuckDB 2.0.0 ended its process when a large query was interrupted, and a run ended without a word."""
    running = started(large)
    os.kill(running.pid, signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130, errors
    assert "Traceback" not in errors
    assert (large.data_files(), large.leftovers()) == ([], [])
    with large.open() as opened:
        (run,) = opened.runs()
    assert (str(run.state), run.reason) == ("abandoned", "interrupted")
    assert process.lakeflow("retry", run.id, cwd=large.root).returncode == 0
    with large.open() as opened:
        assert opened.read("bronze.rows").count("*").fetchall() == [(1_200_000,)]


@pytest.mark.long
def test_a_crash_in_a_large_query_is_an_errored_step_and_the_others_go_on(large: Lake) -> None:
    running = started(large)
    os.kill(writer(running), signal.SIGSEGV)
    said, errors = running.communicate(timeout=60)
    assert running.returncode == 1, errors
    assert "bronze.rows: its process ended with SIGSEGV" in said
    assert large.rows("bronze.one") == [(1,)]
    assert large.leftovers() == []
    assert not [path for path in large.data_files() if "rows" in path.parts]
