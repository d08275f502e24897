"""Python assets run in a process of their own: what they do is the same, only the harm that they can do is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lakeflow.core.errors import AssetError
from tests.cli import process
from tests.usercode.lab import Lake, states, step

FORMS = """
import pandas as pd
import polars as pl

TAKEN = {"relation": Relation, "table": pa.Table, "reader": pa.RecordBatchReader, "pandas": pd.DataFrame}
HERE = f"select {os.getpid()} as pid"

@asset
def root() -> str:
    return "select unnest([1, 2, 3]) as i"

@asset(inputs={"rows": "bronze.root"}, write="append")
def relation(rows: Relation):
    return rows.filter("i > 1").project(f"i, {os.getpid()} as pid")

@asset(inputs={"rows": "bronze.root"})
def table(rows: pa.Table):
    return rows.slice(1).append_column("pid", [[os.getpid()] * 2])

@asset(inputs={"rows": "bronze.root"})
def reader(rows: pa.RecordBatchReader):
    return rows

@asset(inputs={"rows": "bronze.root"})
def frame(rows: pd.DataFrame):
    return rows[rows.i > 1].assign(pid=os.getpid())

@asset(inputs={"rows": "bronze.root"})
def lazy(rows: pl.LazyFrame):
    return rows.filter(pl.col("i") > 1).with_columns(pid=pl.lit(os.getpid()))

@asset(inputs={"rows": "bronze.root"})
def text(rows: Relation):
    return f"select i, {os.getpid()} as pid from rows where i > 1"
"""


@pytest.mark.long
@pytest.mark.usefixtures("whole_processes")
def test_every_form_of_an_input_works_in_processes_that_are_not_ours(lake: Lake) -> None:
    lake.code(FORMS)
    run = lake.run()
    assert set(states(run).values()) == {"published"}, run
    names = ("relation", "table", "frame", "lazy", "text")
    found = {row for name in names for row in lake.rows(f"bronze.{name}")}
    assert {i for i, _ in found} == {2, 3}
    assert os.getpid() not in {pid for _, pid in found}
    assert lake.rows("bronze.reader") == [(1,), (2,), (3,)]
    assert lake.leftovers() == []


@pytest.mark.long
def test_code_on_landed_files_runs_there_too(lake: Lake) -> None:
    lake.write("drops/a.csv", "id\n1\n2\n")
    lake.code("""
        @asset(source=files("drops/*.csv", format="csv", columns={"id": "int"}))
        def landed(rows: Relation):
            return rows.project(f"*, {os.getpid()} as pid")
        """)
    lake.run()
    with lake.open() as opened:
        rows = opened.show("bronze.landed").values
    assert sorted(str(row[0]) for row in rows) == ["1", "2"]
    assert {row[-1] for row in rows} != {str(os.getpid())}


@pytest.mark.long
def test_an_error_says_file_and_line_and_the_log_has_the_traceback(lake: Lake) -> None:
    path = lake.code("""
        def helper():
            raise ValueError("no such airport")

        @asset
        def broken() -> str:
            return helper()
        """)
    run = lake.run()
    line = path.read_text().splitlines().index('    raise ValueError("no such airport")') + 1
    said = step(run, "bronze.broken").reason
    where = f"bronze.broken: ValueError: no such airport (layers/bronze/code.py:{line})"
    assert said == f"{where} (`lakeflow runs {run.id} --log` has the traceback)"
    assert "in helper" in lake.log(run)
    assert "in helper" not in str(lake.events)


CRASHES = {
    "ctypes.string_at(0)": "SIGSEGV",
    "os._exit(7)": "exit code 7",
    "os.kill(os.getpid(), signal.SIGKILL)": "SIGKILL (out of memory?)",
}


@pytest.mark.long
@pytest.mark.sampled(2)
@pytest.mark.parametrize(("crash", "fate"), CRASHES.items())
def test_a_crash_of_the_process_is_an_errored_step_and_the_run_goes_on(lake: Lake, crash: str, fate: str) -> None:
    lake.code(f"""
        @asset
        def a_crash() -> str:
            print("the last words")
            {crash}

        @asset
        def b_well() -> str:
            return "select 1 as i"
        """)
    run = lake.run()
    assert states(run) == {"bronze.a_crash": "errored", "bronze.b_well": "published"}
    assert f"its process ended with {fate}" in step(run, "bronze.a_crash").reason
    log = lake.log(run)
    assert "bronze.a_crash | the last words" in log
    assert fate != "SIGSEGV" or "in a_crash" in log
    assert lake.leftovers() == []


@pytest.mark.long
def test_a_crash_while_files_are_written_leaves_none(lake: Lake) -> None:
    lake.code("""
        @asset
        def half() -> pa.RecordBatchReader:
            schema = pa.schema([("i", pa.int64())])
            def batches():
                for number in range(50):
                    yield pa.record_batch([pa.array(range(100_000))], schema)
                os._exit(1)
            return pa.RecordBatchReader.from_batches(schema, batches())
        """)
    assert states(lake.run()) == {"bronze.half": "errored"}
    assert lake.data_files() == []


@pytest.mark.long
def test_code_that_changed_since_the_plan_does_not_run(lake: Lake) -> None:
    text = """
        @asset
        def a() -> str:
            return "select {} as i"
        """
    lake.code(text.format(1))
    run = lake.run(before=lambda: lake.code(text.format(2)))
    assert "changed after it was planned" in step(run, "bronze.a").reason


@pytest.mark.long
def test_relative_paths_start_at_the_root_and_project_modules_are_found(lake: Lake) -> None:
    lake.write("numbers.csv", "n\n7\n")
    lake.write("shop/__init__.py", "")
    lake.write("shop/paths.py", "NAME = 'numbers.csv'\n")
    lake.code("""
        from shop.paths import NAME

        @asset(reads=["numbers.csv"])
        def a():
            import shop.paths
            assert Path(NAME).read_text() and shop.paths.NAME == NAME
            return duckdb.read_csv(NAME)
        """)
    lake.run()
    assert lake.rows("bronze.a") == [(7,)]


def test_preview_shows_rows_and_what_the_code_prints(lake: Lake, capfd: pytest.CaptureFixture[str]) -> None:
    lake.code("""
        @asset
        def a() -> str:
            print("looking")
            return "select 5 as i"
        """)
    with lake.open() as opened:
        assert opened.preview("bronze.a").values == (("5",),)
    assert capfd.readouterr() == ("", "looking\n")


@pytest.mark.long
def test_preview_of_code_that_crashes_is_an_error(lake: Lake) -> None:
    lake.code("""
        @asset
        def a() -> str:
            os._exit(3)
        """)
    with lake.open() as opened, pytest.raises(AssetError, match="exit code 3"):
        opened.preview("bronze.a")


SLEEPING = """
@asset
def a() -> str:
    Path("pid").write_text(str(os.getpid()))
    time.sleep(600)
"""


def _started(lake: Lake) -> subprocess.Popen[str]:
    lake.code(SLEEPING)
    command = [sys.executable, "-m", "lakeflow.cli", "materialize"]
    running = subprocess.Popen(
        command, cwd=lake.root, env=process.CLEAN, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while not (lake.root / "pid").exists():
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)
    return running


@pytest.mark.long
def test_ctrl_c_ends_code_that_sleeps_and_the_run_can_be_retried(lake: Lake) -> None:
    running = _started(lake)
    os.kill(running.pid, signal.SIGINT)
    running.communicate(timeout=30)
    assert running.returncode == 130
    assert _ends(int((lake.root / "pid").read_text()))
    with lake.open() as opened:
        (run,) = opened.runs()
    assert (str(run.state), run.reason) == ("abandoned", "interrupted")
    lake.code('@asset\ndef a() -> str:\n    return "select 1 as i"\n')
    assert process.lakeflow("retry", run.id, cwd=lake.root).returncode == 0


@pytest.mark.long
def test_the_process_dies_with_its_parent(lake: Lake) -> None:
    running = _started(lake)
    running.kill()
    running.communicate()
    assert _ends(int((lake.root / "pid").read_text()))
    with lake.open() as opened:
        (run,) = opened.runs()
        assert (str(run.state), run.reason) == ("abandoned", "its process died")
        assert str(opened._world.ledger.run(run.id).state) == "running", "who looks repairs nothing"
    assert f"`lakeflow retry {run.id}`  abandoned" in process.lakeflow("status", cwd=lake.root).stdout


def _ends(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] in "ZX":
            return True
        time.sleep(0.05)
    return False
