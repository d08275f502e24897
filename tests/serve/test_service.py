"""`lakeflow serve` as a person or a service manager starts it: a process that is signalled, killed, and doubled."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Event

import pytest
from pyiceberg.table import StaticTable

import lakeflow
from lakeflow.adapters.machine.folder_watch import FolderWatch
from lakeflow.core.model.run import RunRecord, RunState
from tests.cli.environment import CLEAN

LANDED = '/*\n[source]\nfiles = "in/*.csv"\nformat = "csv"\ncolumns = {id = "int"}\n*/\nselect * from source\n'
SLOW = '''
import time
from pathlib import Path

from lakeflow import asset


@asset(inputs={"landed": "bronze.landed"}, key=["id"])
def slow(landed):
    """One row per id."""
    with Path("began").open("a") as file:
        file.write("slow ")
    while not Path("go").exists():
        time.sleep(0.05)
    return landed
'''
LAST = '/*\nkey = ["id"]\n*/\nselect id from silver.slow\n'


class Service:
    """One `serve`, and what it says."""

    def __init__(self, root: Path, *options: str) -> None:
        command = [sys.executable, "-m", "lakeflow.cli", "serve", "--poll", "2s", "-o", "json", *options]
        self._err = root / f"err-{time.monotonic_ns()}"
        with self._err.open("w") as err:
            self.process = subprocess.Popen(
                command, cwd=root, env=dict(CLEAN), stdout=subprocess.PIPE, stderr=err, text=True
            )

    def said(self) -> str:
        return self._err.read_text()

    def ended(self, by: signal.Signals) -> tuple[int, str]:
        self.process.send_signal(by)
        out, _ = self.process.communicate(timeout=60)
        return self.process.returncode, out


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, text in {
        "pyproject.toml": "[tool.lakeflow]\nparallel = 1\n",
        "layers/bronze/landed.sql": LANDED,
        "layers/silver/slow.py": SLOW,
        "layers/silver/last.sql": LAST,
        "in/1.csv": "id\n1\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.fixture
def start(root: Path) -> Iterator[Callable[..., Service]]:
    begun: list[Service] = []

    def start(*options: str) -> Service:
        begun.append(Service(root, *(options or ("--no-http",))))
        return begun[-1]

    yield start
    for one in begun:
        one.process.kill()
        one.process.communicate()


def eventually(holds: Callable[[], object]) -> None:
    for _ in range(600):
        if holds():
            return
        time.sleep(0.1)
    raise AssertionError("it did not come")


def runs(root: Path) -> tuple[RunRecord, ...]:
    with lakeflow.open(root) as lake:
        return lake.runs()


def is_published(root: Path, number: int = 1) -> bool:
    with lakeflow.open(root) as lake:
        return [run.state for run in lake.runs()] == [RunState.PUBLISHED] * number


def ids(root: Path) -> list[int]:
    with lakeflow.open(root) as lake:
        table = lake._world.catalog.load(lake.select("silver.last"))[lake.select("silver.last")[0]]
    return sorted(StaticTable.from_metadata(table.version).scan().to_arrow()["id"].to_pylist())


@pytest.mark.long
def test_sigterm_ends_it_after_the_step_at_work_and_the_next_one_goes_on_with_the_run(
    root: Path, start: Callable[..., Service]
) -> None:
    first = start()
    eventually((root / "began").exists)
    first.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    assert first.process.poll() is None  # the step is still at work
    (root / "go").touch()
    out, _ = first.process.communicate(timeout=60)
    assert first.process.returncode == 0
    assert json.loads(out)["ok"]
    (left,) = runs(root)
    assert left.state is RunState.ABANDONED
    steps = {str(step.asset): step for step in left.steps}
    assert steps["silver.slow"].snapshot_id is not None
    assert steps["silver.last"].snapshot_id is None
    start()
    eventually(lambda: is_published(root))
    (gone_on,) = runs(root)
    assert (gone_on.id, gone_on.attempt) == (left.id, 2)
    assert (root / "began").read_text() == "slow "  # what it had written was audited, not made again
    assert ids(root) == [1]


@pytest.mark.long
def test_a_second_sigterm_ends_it_at_once_as_ctrl_c_does(root: Path, start: Callable[..., Service]) -> None:
    service = start()
    eventually((root / "began").exists)
    service.process.send_signal(signal.SIGTERM)
    time.sleep(0.5)
    code, out = service.ended(signal.SIGTERM)
    assert code == 130
    assert json.loads(out)["errors"][0]["code"] == "interrupted"
    assert [run.state for run in runs(root)] == [RunState.ABANDONED]


@pytest.mark.long
def test_after_a_kill_the_next_one_goes_on_with_the_run_and_makes_no_second_one(
    root: Path, start: Callable[..., Service]
) -> None:
    first = start()
    eventually((root / "began").exists)
    first.process.kill()
    first.process.wait()
    (root / "go").touch()
    start()
    eventually(lambda: is_published(root))
    assert [run.attempt for run in runs(root)] == [2]
    assert ids(root) == [1]


@pytest.mark.long
def test_two_that_serve_one_lake_land_every_file_once_in_one_run_each(
    root: Path, start: Callable[..., Service]
) -> None:
    (root / "go").touch()
    start()
    start()
    for number in range(1, 5):
        path = root / f"in/{number}.csv"
        path.write_text(f"id\n{number}\n")
        eventually(partial(is_published, root, number))
    time.sleep(6)  # both look again, and find nothing to do
    assert is_published(root, 4)
    assert ids(root) == [1, 2, 3, 4]


@pytest.mark.long
def test_a_fault_in_the_project_does_not_end_it_and_new_code_runs_once_it_is_mended(
    root: Path, start: Callable[..., Service]
) -> None:
    (root / "go").touch()
    helper = root / "layers/silver/_kept.py"
    helper.write_text("LIMIT = 5\n")
    code = SLOW.replace("    return landed", "    return landed.filter(f'id < {LIMIT}')")
    (root / "layers/silver/slow.py").write_text(f"from layers.silver._kept import LIMIT\n{code}")
    (root / "in/1.csv").write_text("id\n1\n7\n")
    service = start()
    eventually(lambda: is_published(root))
    assert ids(root) == [1]
    (root / "layers/silver/last.sql").write_text("/*\nkey = [\n*/\nselect id from silver.slow\n")
    eventually(lambda: "cannot go on: 1 fault in the project's files" in service.said())
    (root / "layers/silver/last.sql").write_text(LAST)
    helper.write_text("LIMIT = 9\n")
    eventually(lambda: is_published(root, 2))
    assert ids(root) == [1, 7]
    (root / "pyproject.toml").write_text('[tool.lakeflow]\nrefresh = "off"\n')
    eventually(lambda: service.said().count("the project has 3 assets") >= 3)
    (root / "in/2.csv").write_text("id\n2\n")
    time.sleep(5)
    assert is_published(root, 2)
    code_, out = service.ended(signal.SIGTERM)
    assert (code_, json.loads(out)["data"]["served"]["runs"]) == (0, {"published": 2})


@pytest.mark.long
def test_a_folder_that_is_watched_wakes_whoever_waits_and_a_silent_one_does_not(tmp_path: Path) -> None:
    woken = Event()
    loud, silent = tmp_path / "in", tmp_path / "in/.lakeflow"
    silent.mkdir(parents=True)
    watch = FolderWatch(woken.set)
    assert watch.follow([loud, tmp_path / "missing"], [silent])
    try:
        (silent / "own.csv").write_text("1")
        assert not woken.wait(1)
        for number in range(60):  # the watcher may not have begun yet
            (loud / f"{number}.csv").write_text("1")
            if woken.wait(0.5):
                break
        assert woken.is_set()
    finally:
        watch.close()


def test_without_the_library_nobody_watches_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    assert not FolderWatch(lambda: None).follow([tmp_path])


def test_bad_times_in_files_and_settings_are_faults_with_their_place(root: Path) -> None:
    (root / "layers/silver/last.sql").write_text(
        '/*\nkey = ["id"]\nrefresh = "06:00"\n*/\nselect id from silver.slow\n'
    )
    with pytest.raises(lakeflow.ProjectError) as fault:
        lakeflow.open(root)
    assert "layers/silver/last.sql:3" in str(fault.value)
    assert "06:00 Europe/Oslo" in str(fault.value)
    (root / "layers/silver/last.sql").write_text(LAST)
    for setting, wrong in (
        ('refresh = "06:00"', "refresh: "),
        ('refresh.brnze = "1h"', "refresh.brnze: there is no such layer"),
        ("refresh = 5", "refresh: expected a text or a table"),
        ('refresh.gold = "0 0 30 2 *"', "refresh.gold: "),
        ('quiet = "22:00-06:00"', "quiet: "),
        ("quiet = true", "quiet: expected a text"),
    ):
        (root / "pyproject.toml").write_text(f"[tool.lakeflow]\n{setting}\n")
        with pytest.raises(lakeflow.ConfigError) as refused:
            lakeflow.open(root)
        assert wrong in str(refused.value)
        assert "pyproject.toml:2" in str(refused.value)
        assert refused.value.hint
    (root / "pyproject.toml").write_text('[tool.lakeflow]\nrefresh.gold = "1h"\nquiet = "22:00-06:00 Europe/Oslo"\n')
    with lakeflow.open(root) as lake:
        shown = {one.name: one.value for one in lake.settings()}
    assert (shown["refresh.gold"], shown["quiet"]) == ("1h", "22:00-06:00 Europe/Oslo")
