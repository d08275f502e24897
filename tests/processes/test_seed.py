"""Tests run on forks where a user's lake starts processes: they must not differ in anything that code can see."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lakeflow.adapters.processes import child
from tests import seed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every process is started")

FORSAKEN = """
from lakeflow.adapters.processes import Child
from tests import seed
seed.grow()
worker = Child("lakeflow.workers.audit", "audit.log")
print(worker.pid, flush=True)
input()
"""


def told(start: Any, folder: Path, **env: str) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "tests.processes.told", "one", "two"]
    log = folder / "log"
    with log.open("ab") as heard:
        process = start(command, heard, child._environment() | env)
    with process.stdin, process.stdout:
        process.stdin.write(b"something")
        process.stdin.close()
        answer: dict[str, Any] = json.loads(process.stdout.read())
    assert process.wait() == 0
    assert log.read_text() == "heard\n"
    return answer


def test_a_fork_of_a_seed_is_the_process_that_would_have_been_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "whole").mkdir()
    env = {"LAKEFLOW_PII_SALT": "salt", "TMPDIR": str(tmp_path), "TZ": "Asia/Tokyo"}
    forked = told(seed.seed().start, tmp_path, **env)
    assert forked == told(seed._start_whole, tmp_path / "whole", **env)
    assert forked["parent"] == os.getpid()


def test_what_an_interpreter_reads_at_its_start_makes_a_process_of_its_own(tmp_path: Path) -> None:
    assert told(seed.seed().start, tmp_path, PYTHONUTF8="1")["environment"]["PYTHONUTF8"] == "1"
    with (tmp_path / "log").open("ab") as log:
        command = [sys.executable, "-P", "-m", "tests.processes.told"]
        with seed.seed().start(command, log, child._environment() | {"PYTHONUTF8": "1"}) as whole:  # type: ignore[union-attr]
            assert isinstance(whole, subprocess.Popen)


@pytest.mark.long
def test_a_fork_ends_with_the_process_that_asked_for_it(tmp_path: Path) -> None:
    env = child._environment() | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", FORSAKEN]
    with subprocess.Popen(command, cwd=tmp_path, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as asking:
        assert asking.stdout is not None
        worker = int(asking.stdout.readline())
        os.kill(worker, 0)
        asking.send_signal(signal.SIGKILL)
    while _lives(worker):
        time.sleep(0.05)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
