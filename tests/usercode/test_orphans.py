"""What a user's code starts ends with the run, wherever it hides: in a session of its own, below a parent that died."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lakeflow.adapters.processes import child
from tests.cli import process
from tests.usercode.lab import HEAD, Lake, states

pytestmark = pytest.mark.usefixtures("whole_processes")
linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere orphans cannot be found again")

HIDES = """
HIDDEN = '''
import os, sys, time
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)
'''

def start() -> None:
    for name in ("plain", "session", "hidden"):
        how = [sys.executable, "-c", HIDDEN, name] if name == "hidden" else ["sleep", "600"]
        started = subprocess.Popen(how, start_new_session=name == "session", stdout=subprocess.DEVNULL)
        if name != "hidden":
            Path(name).write_text(str(started.pid))
    while not all(Path(name).exists() and Path(name).read_text() for name in ("plain", "session", "hidden")):
        time.sleep(0.05)
"""
ASSET = HIDES + "\n@asset\ndef a() -> str:\n    start()\n    Path('ready').touch()\n    {}\n"
CHECK = (
    "import os, subprocess, sys, time\nfrom pathlib import Path\nfrom lakeflow import check\n"
    + HIDES
    + "\n@check\ndef fine(branch):\n    start()\n    Path('ready').touch()\n    time.sleep(600)\n"
)


def started(lake: Lake) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "lakeflow.cli", "materialize"]
    running = subprocess.Popen(
        command, cwd=lake.root, env=process.CLEAN, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while not (lake.root / "ready").exists():
        assert running.poll() is None, running.communicate()
        time.sleep(0.05)
    return running


def left(lake: Lake) -> list[str]:
    """Which of them still live, after they had time to end."""
    pids = {name: int((lake.root / name).read_text()) for name in ("plain", "session", "hidden")}
    deadline = time.monotonic() + 30
    while (alive := [name for name, pid in pids.items() if _lives(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    for name in alive:
        os.kill(pids[name], signal.SIGKILL)
    return alive


def _lives(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX"


@pytest.mark.long
@linux
def test_when_the_run_is_killed_nothing_that_its_code_started_lives_on(lake: Lake) -> None:
    lake.code(ASSET.format("time.sleep(600)"))
    running = started(lake)
    running.kill()
    running.communicate()
    assert left(lake) == []


@pytest.mark.long
@linux
def test_when_the_run_is_killed_nothing_that_a_check_started_lives_on(lake: Lake) -> None:
    lake.write("layers/bronze/a.sql", "select 1 as n")
    lake.write("checks/bronze/a.py", CHECK)
    running = started(lake)
    running.kill()
    running.communicate()
    assert left(lake) == []


@pytest.mark.long
@linux
def test_a_guard_that_is_told_again_and_again_ends_everything_all_the_same(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each thread of a run that dies hands its guard to another, and Linux tells the guard each time."""
    monkeypatch.chdir(lake.root)
    lake.write("starts.py", f"{HEAD}{HIDES}\nstart()\nPath('ready').touch()\ntime.sleep(600)\n")
    command = [sys.executable, "-P", "-m", child.GUARD, "starts", str(os.getpid())]
    with Path("log").open("wb") as log:
        guard = child._start(command, log, {**process.CLEAN, "PYTHONPATH": str(lake.root)})
    with guard:
        while not Path("ready").exists():
            assert guard.poll() is None, Path("log").read_text()
            time.sleep(0.05)
        while guard.poll() is None:
            guard.terminate()
    assert left(lake) == []


@pytest.mark.sampled(4)
@linux
@pytest.mark.parametrize(
    ("end", "state"),
    [
        ("return 'select 1 as i'", "published"),
        ("os._exit(3)", "errored"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "errored"),
        ("time.sleep(600)", "errored"),
    ],
)
def test_when_the_code_ends_however_nothing_that_it_started_outlives_the_run(lake: Lake, end: str, state: str) -> None:
    lake.code(ASSET.replace("@asset", "@asset(timeout=20)").format(end))
    assert states(lake.run()) == {"bronze.a": state}
    assert left(lake) == []
