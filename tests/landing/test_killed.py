"""A load that is killed with SIGKILL somewhere between its first file and its publish lands every file exactly once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.cli.process import CLEAN
from tests.landing.lab import Lake
from tests.landing.test_bad_files import GOOD

HOLDING = """import pathlib
import time

import great_expectations.expectations as gxe

pathlib.Path("reached").touch()
while not pathlib.Path("again").exists():
    time.sleep(0.05)
expectations = [gxe.ExpectColumnValuesToNotBeNull(column="id")]
"""
"""A suite that waits while it is audited: the snapshot is on its branch then, and not published."""

READING = """import pathlib
import time

from lakeflow import asset, files


@asset(source=files("drops/*.csv", format="csv", columns=["id", "total"]))
def orders(landed):
    pathlib.Path("reached").touch()
    while not pathlib.Path("again").exists():
        time.sleep(0.05)
    return landed
"""


def kill_when_reached(lake: Lake) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "lakeflow.cli", "materialize"],
        cwd=lake.root,
        env=CLEAN,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 90
    while not (lake.root / "reached").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    Path(lake.root / "again").touch()


@pytest.mark.sampled(4)
@pytest.mark.parametrize("command", ["retry", "materialize"])
@pytest.mark.parametrize("where", ["after the files were read", "between landing and publish"])
def test_a_killed_load_lands_exactly_once(lake: Lake, where: str, command: str) -> None:
    lake.drop("1.csv", GOOD)
    assert lake.materialize().returncode == 0
    if where == "between landing and publish":
        lake.write("checks/bronze/orders.py", HOLDING)
    else:
        (lake.root / "layers/bronze/orders.sql").unlink()
        lake.write("layers/bronze/orders.py", READING)
    lake.drop("2.csv", "id,total\n3,30\n")
    before = lake.main()
    kill_when_reached(lake)
    assert lake.main() == before
    done = lake.run(command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [row[:4] for row in lake.rows()] == [
        ("1", "10", "drops/1.csv", "1"),
        ("2", "20", "drops/1.csv", "2"),
        ("3", "30", "drops/2.csv", "1"),
    ]
    assert "Nothing to do" in lake.materialize().stdout
