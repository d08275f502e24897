"""Assets side by side on one machine: real engines, real processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli import process
from tests.usercode.lab import Lake, states

THREADS = "current_setting('threads') - current_setting('external_threads') + 1"
SETTINGS = f"select ({THREADS})::int as threads, current_setting('memory_limit') as memory"
MEET = """
        @asset
        def {name}():
            Path("{name}.here").touch()
            while not Path("{other}.here").exists():
                time.sleep(0.01)
            return "{settings}"
"""


@pytest.mark.long
def test_python_assets_run_together_each_on_its_part_of_the_machine(lake: Lake) -> None:
    lake.code(MEET.format(name="a", other="b", settings=SETTINGS) + MEET.format(name="b", other="a", settings=SETTINGS))
    run = lake.run(threads="2", memory_limit="1GiB", timeout="60")
    assert states(run) == {"bronze.a": "published", "bronze.b": "published"}
    (first,), (second,) = lake.rows("bronze.a"), lake.rows("bronze.b")
    assert min(first, second) == (1, "512.0 MiB"), "who ends last may have got what the other gave back"


@pytest.mark.long
def test_a_function_that_is_left_alone_gets_the_whole_machine_while_it_runs(lake: Lake) -> None:
    lake.write("layers/bronze/z.sql", "select 1 as n")
    lake.code(
        f"""
        @asset(inputs={{"z": "bronze.z"}}, key=["threads"])
        def slow(z: Relation):
            Path("slow.here").touch()
            until = time.monotonic() + 60
            whole = (2, "1.0 GiB")  # one is set after the other
            while (found := z.query("z", "{SETTINGS}").fetchall()[0]) != whole and time.monotonic() < until:
                time.sleep(0.01)
            return f"select {{found[0]}} as threads, '{{found[1]}}' as memory"

        @asset(inputs={{"z": "bronze.z"}}, key=["n"])
        def quick(z: Relation):
            while not Path("slow.here").exists():
                time.sleep(0.01)
            return z
        """,
        "silver/code",
    )
    run = lake.run(threads="2", memory_limit="1GiB")
    assert set(states(run).values()) == {"published"}
    assert lake.rows("silver.slow") == [(2, "1.0 GiB")]


@pytest.mark.long
def test_the_log_of_a_run_says_how_long_cores_were_idle(lake: Lake) -> None:
    lake.write("layers/bronze/a.sql", "select count(*) as n from range(30_000_000)")
    run = lake.run(threads="2")
    last = lake.log(run).splitlines()[-1]
    found = re.search(
        r"it took ([\d.]+) s on 2 cores, ([\d.]+) s of processor time: ([\d.]+) core-seconds idle, ", last
    )
    assert found, last
    wall, processor, idle = map(float, found.groups())
    assert processor > 0
    assert abs(idle - max(0.0, 2 * wall - processor)) < 0.03


@pytest.mark.long
def test_queries_side_by_side_take_parts_and_one_alone_the_whole(lake: Lake) -> None:
    for name in ("bronze/a", "bronze/b"):
        lake.write(f"layers/{name}.sql", SETTINGS)
    joined = f"/*\nkey = ['threads']\n*/\n{SETTINGS} from bronze.a, bronze.b"
    lake.write("layers/silver/c.sql", joined)
    lake.run(threads="2", memory_limit="1GiB")
    (first,), (second,) = lake.rows("bronze.a"), lake.rows("bronze.b")
    assert min(first, second) == (1, "512.0 MiB")
    assert lake.rows("silver.c") == [(2, "1.0 GiB")]


FOREVER = "select count(*) as n from range(10_000_000_000) a, range(1_000_000_000) b where a.range + b.range < 0"


@pytest.mark.long
def test_ctrl_c_ends_all_that_is_under_way_and_the_run_can_be_retried(lake: Lake) -> None:
    lake.write("layers/bronze/query.sql", FOREVER)
    lake.code("""
        @asset
        def sleeping() -> str:
            Path("pid").write_text(str(os.getpid()))
            time.sleep(600)
        """)
    command = [sys.executable, "-m", "lakeflow.cli", "materialize", "--parallel", "2"]
    running = subprocess.Popen(
        command, cwd=lake.root, env=process.CLEAN, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while not (lake.root / "pid").exists():
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)
    os.kill(running.pid, signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130, errors
    assert "Traceback" not in errors
    assert not Path(f"/proc/{(lake.root / 'pid').read_text()}").exists()
    assert lake.leftovers() == []
    with lake.open() as opened:
        (run,) = opened.runs()
    assert (str(run.state), run.reason) == ("abandoned", "interrupted")
    lake.write("layers/bronze/query.sql", "select 1 as n")
    lake.code('@asset\ndef sleeping() -> str:\n    return "select 1 as i"\n')
    assert process.lakeflow("retry", run.id, cwd=lake.root).returncode == 0


@pytest.mark.long
def test_what_does_not_fit_into_memory_spills_and_nothing_of_it_stays(lake: Lake) -> None:
    dead = lake.root / ".lakeflow" / "spill" / "duckdb-0123"
    dead.mkdir(parents=True)
    dead.with_name("duckdb-0123.lock").touch()
    (dead / "duckdb_temp_storage-0.tmp").touch()
    for name in ("a", "b"):
        lake.write(
            f"layers/bronze/{name}.sql", "select md5(i::varchar) as x, i from range(3_000_000) t(i) order by x, i desc"
        )
    run = lake.run(threads="2", memory_limit="200MB")
    assert set(states(run).values()) == {"published"}
    assert lake.leftovers() == []
