"""The command line on a real, tiny lake: every command, its exit code, its envelope, its streams."""

from __future__ import annotations

import csv
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli import terminal
from tests.cli.process import CLEAN, lakeflow

BRONZE = """/*
description = "Readings as they arrived."
*/
select * from (values ('EWR', 1, 1048.4), ('JFK', 2, 12.5), ('LGA', 3, 3.0)) as v(origin, hour, wind)
"""
SILVER = """/*
description = "One row per airport and hour."
key = ["origin", "hour"]
*/
select origin, hour, wind from bronze.weather
"""
MENDED = SILVER.replace("from bronze.weather", "from bronze.weather where wind < 200")
GOLD = "select origin, max(wind) as windiest from silver.weather group by all\n"
CHECKS = """import great_expectations.expectations as gxe

expectations = [
    gxe.ExpectColumnValuesToBeBetween(column="wind", min_value=0, max_value=200),
    gxe.ExpectColumnValuesToNotBeNull(column="origin", severity="warning"),
]
"""


def make(root: Path, files: dict[str, str]) -> Path:
    for name, text in {"pyproject.toml": "[tool.lakeflow]\n", **files}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def windy(root: Path) -> Path:
    return make(
        root,
        {
            "layers/bronze/weather.sql": BRONZE,
            "layers/silver/weather.sql": SILVER,
            "layers/gold/windiest.sql": GOLD,
            "checks/silver/weather.py": CHECKS,
        },
    )


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lake whose only run is held; the tests that use it only look."""
    root = windy(tmp_path_factory.mktemp("held"))
    assert lakeflow("materialize", cwd=root).returncode == 1
    return root


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    return windy(tmp_path)


def answer(*arguments: str, cwd: Path, code: int = 0) -> dict[str, Any]:
    """The data of the envelope; its exit code, the process's and the one expected agree."""
    done = lakeflow(*arguments, "--output", "json", cwd=cwd)
    envelope = json.loads(done.stdout)
    assert set(envelope) == {"schema_version", "command", "ok", "exit_code", "data", "errors"}
    assert done.returncode == envelope["exit_code"] == code, done.stdout + done.stderr
    assert envelope["ok"] is (code == 0)
    assert envelope["command"] == arguments[0]
    data: dict[str, Any] = envelope["data"]
    return data


def held_run(root: Path) -> str:
    return str(answer("runs", cwd=root)["runs"][0]["id"])


@pytest.mark.long
def test_a_lake_from_held_to_mended_to_rolled_back(lake: Path) -> None:
    """The whole way as a person walks it; exit codes, JSON and screens agree."""
    run = answer("materialize", cwd=lake, code=1)["run"]
    states = {step["asset"]: step["state"] for step in run["steps"]}
    assert states == {"bronze.weather": "published", "silver.weather": "held", "gold.windiest": "skipped"}
    silver = next(step for step in run["steps"] if step["asset"] == "silver.weather")
    failed = next(check for check in silver["checks"] if check["outcome"] == "failed")
    assert (failed["severity"], failed["failed_rows"]) == ("critical", 1)
    assert silver["readers_see"] == {"snapshot_id": None, "rows": None, "published_at": None}

    (lake / "layers/silver/weather.sql").write_text(MENDED)
    retried = answer("retry", cwd=lake)["run"]
    assert (retried["id"], retried["state"], retried["attempt"]) == (run["id"], "published", 2)
    rows = answer("show", "gold.windiest", cwd=lake)["rows"]
    assert {row["origin"]: row["windiest"] for row in rows} == {"JFK": "12.5", "LGA": "3.0"}

    back = answer("rollback", run["id"], cwd=lake)["run"]
    assert back["state"] == "rolled_back"
    assert {one["state"] for one in answer("status", cwd=lake)["assets"]} == {"never built"}


@pytest.mark.long
def test_discard_drops_what_was_held_and_says_so(lake: Path) -> None:
    lakeflow("materialize", cwd=lake)
    done = lakeflow("discard", held_run(lake), cwd=lake)
    assert done.returncode == 0, done.stderr
    assert "discarded" in done.stdout
    assert "Decide" not in done.stdout
    assert answer("snapshots", "silver.weather", cwd=lake)["snapshots"] == []


@pytest.mark.long
def test_publish_without_force_audits_again_and_with_a_reason_publishes(lake: Path) -> None:
    lakeflow("materialize", cwd=lake)
    run = held_run(lake)
    assert answer("publish", run, cwd=lake, code=1)["run"]["state"] == "held"
    forced = answer("publish", run, "silver.weather", "--force", "--reason", "a real storm", cwd=lake, code=1)["run"]
    states = {step["asset"]: step["state"] for step in forced["steps"]}
    assert states["silver.weather"] == "published"
    assert states["gold.windiest"] == "skipped", "what waited for it is left to a retry, so the exit code is 1"
    (newest,) = answer("snapshots", "silver.weather", cwd=lake)["snapshots"]
    assert (newest["ref"], newest["state"]) == ("main", "forced")


@pytest.mark.long
def test_nothing_to_do_is_exit_code_zero_and_no_run(tmp_path: Path) -> None:
    make(
        tmp_path,
        {"layers/bronze/x.sql": "select 1 as a", "layers/silver/y.sql": "/*\nkey = ['a']\n*/ select a from bronze.x"},
    )
    assert answer("materialize", cwd=tmp_path)["run"]["state"] == "published"
    assert answer("materialize", "silver.y", cwd=tmp_path)["run"] == {"id": None, "state": None, "steps": []}
    done = lakeflow("materialize", "silver.y", "--events", cwd=tmp_path)
    last = json.loads(done.stdout.splitlines()[-1])
    assert last == {"event": "run_ended", "run": {"id": None, "state": None, "steps": []}}


@pytest.mark.long
def test_plan_tells_by_exit_code_whether_there_is_something_to_do(tmp_path: Path) -> None:
    make(tmp_path, {"layers/bronze/x.sql": "select 1 as a"})
    assert lakeflow("plan", cwd=tmp_path).returncode == 0
    assert lakeflow("plan", "--exit-code", cwd=tmp_path).returncode == 1
    plan = answer("plan", cwd=tmp_path)["plan"]
    assert plan["steps"][0]["reasons"][0]["cause"] == "never built"


@pytest.mark.long
def test_events_are_one_json_object_a_line_and_nothing_else(lake: Path) -> None:
    done = lakeflow("materialize", "--events", cwd=lake)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert done.stderr == ""
    assert [events[0]["event"], events[1]["event"], events[-1]["event"]] == ["planned", "run_started", "run_ended"]
    assert events[-1]["run"]["state"] == "held"


@pytest.mark.long
def test_on_every_surface_of_a_held_run_readers_are_spoken_of(held: Path) -> None:
    run = held_run(held)
    nothing = "see nothing: it was never published"
    surfaces = (
        ("status",),
        ("runs", run),
        ("snapshots", "silver.weather"),
        ("lineage", "silver.weather"),
        ("show", "silver.weather"),
        ("show", "silver.weather", "--ref", f"audit_{run}"),
        ("show", "silver.weather", "--ref", f"audit_{run}", "--failing"),
    )
    for surface in surfaces:
        done = lakeflow(*surface, cwd=held)
        assert done.returncode == 0, done.stderr
        assert nothing in done.stdout, surface


@pytest.mark.long
def test_failing_rows_of_a_held_snapshot_are_shown(held: Path) -> None:
    run = held_run(held)
    done = lakeflow("show", "silver.weather", "--ref", f"audit_{run}", "--failing", cwd=held)
    assert "1048.4" in done.stdout
    data = answer("show", "silver.weather", "--failing", "--ref", f"audit_{run}", cwd=held)
    (check,) = data["checks"]
    assert check["samples"][0]["origin"] == "EWR"
    by_id = answer("show", "silver.weather", "--failing", "--snapshot", f"s{data['snapshot_id'][:8]}", cwd=held)
    assert by_id == data


@pytest.mark.long
def test_failing_rows_of_main_are_those_of_the_audit_that_published_it(held: Path) -> None:
    """Never those of a held snapshot, which readers do not see."""
    done = lakeflow("show", "silver.weather", "--failing", cwd=held)
    assert done.returncode == 2
    assert "silver.weather was never published" in done.stderr
    assert f"--ref audit_{held_run(held)} --failing" in done.stderr
    passed = lakeflow("show", "bronze.weather", "--failing", cwd=held)
    assert passed.returncode == 0
    assert "passed on bronze.weather s" in passed.stdout


@pytest.mark.long
@pytest.mark.parametrize(
    "arguments",
    [
        ("list",),
        ("plan",),
        ("status",),
        ("runs",),
        ("snapshots", "silver.weather"),
        ("show", "bronze.weather"),
        ("lineage",),
        ("config",),
        ("config", "show"),
        ("config", "show", "--sources"),
    ],
)
def test_every_command_that_reads_speaks_csv(held: Path, arguments: tuple[str, ...]) -> None:
    done = lakeflow(*arguments, "--output", "csv", cwd=held)
    assert done.returncode == 0, done.stderr
    header, *rows = csv.reader(done.stdout.splitlines())
    assert rows
    assert all(len(row) == len(header) for row in rows)


def test_check_reports_all_faults_of_the_files_at_once(tmp_path: Path) -> None:
    make(tmp_path, {"layers/silver/a.sql": "select 1 as a", "layers/silver/b.sql": "select x from silver.nowhere"})
    done = lakeflow("check", "--output", "json", cwd=tmp_path)
    envelope = json.loads(done.stdout)
    assert done.returncode == 2
    assert len(envelope["errors"]) >= 2
    assert {error["code"] for error in envelope["errors"]} == {"project"}
    assert {error["path"] for error in envelope["errors"]} == {"layers/silver/a.sql", "layers/silver/b.sql"}
    assert "layers/silver/b.sql" in done.stderr


def test_check_touches_no_data(tmp_path: Path) -> None:
    make(tmp_path, {"layers/bronze/x.sql": "select 1 as a"})
    assert answer("check", cwd=tmp_path)["project"]["assets"] == 1
    assert not (tmp_path / ".lakeflow").exists()


def test_a_selection_that_matches_nothing_exits_with_2_and_a_guess(held: Path) -> None:
    done = lakeflow("plan", "silver.wether", cwd=held)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "did you mean `silver.weather`" in done.stderr


def listed(root: Path, *arguments: str) -> list[str]:
    return [one["asset"] for one in answer("list", *arguments, cwd=root)["assets"]]


def test_a_selection_needs_no_quotes_in_a_shell(held: Path) -> None:
    assert listed(held, "layer:silver", "or", "2+gold.windiest", "and", "not", "bronze.weather") == [
        "silver.weather",
        "gold.windiest",
    ]


def test_list_asks_the_catalog_only_how_the_lake_stands(lake: Path) -> None:
    assert listed(lake, "gold.*", "or", "+layer:silver", "--exclude", "bronze.*") == ["silver.weather", "gold.windiest"]
    assert not (lake / ".lakeflow").exists()
    assert len(listed(lake, "status:never_built")) == 3


@pytest.mark.long
def test_status_and_state_select_by_how_the_lake_stands_now(lake: Path) -> None:
    lakeflow("materialize", cwd=lake)
    assert listed(lake, "status:held") == ["silver.weather"]
    assert listed(lake, "status:never_built") == ["gold.windiest"]
    assert listed(lake, "not", "state:modified") == ["bronze.weather"]
    (lake / "layers/bronze/weather.sql").write_text(BRONZE.replace("12.5", "13.5"))
    assert listed(lake, "state:modified") == ["bronze.weather", "silver.weather", "gold.windiest"]


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("list", lambda data: [one["asset"] for one in data["assets"]]),
        ("status", lambda data: [one["asset"] for one in data["assets"]]),
        ("plan", lambda data: [one["asset"] for one in (*data["plan"]["steps"], *data["plan"]["held"])]),
        ("lineage", lambda data: [one["asset"] for one in data["lineage"]]),
    ],
)
def test_exclude_leaves_out_and_may_be_repeated(
    held: Path, command: str, found: Callable[[dict[str, Any]], list[str]]
) -> None:
    data = answer(
        command, "--exclude", "gold.*", "--exclude", "silver.* and not *.weather or +gold.*,bronze.*", cwd=held
    )
    assert found(data) == ["silver.weather"]


@pytest.mark.long
def test_materialize_and_publish_obey_exclude_and_the_run_remembers_it(lake: Path) -> None:
    run = answer("materialize", "+gold.windiest", "--exclude", "gold.*", cwd=lake, code=1)["run"]
    assert [step["asset"] for step in run["steps"]] == ["bronze.weather", "silver.weather"]
    assert run["selection"] == ["(+gold.windiest) and not (gold.*)"]
    nothing = lakeflow("publish", run["id"], "--exclude", "silver.*", cwd=lake)
    assert nothing.returncode == 2
    assert "holds nothing of what you selected" in nothing.stderr
    forced = answer("publish", run["id"], "--exclude", "gold.*", "--force", "--reason", "a storm", cwd=lake)["run"]
    assert forced["state"] == "published"


@pytest.mark.parametrize("command", ["list", "plan", "materialize", "status", "lineage"])
def test_excluding_everything_exits_with_2(held: Path, command: str) -> None:
    done = lakeflow(command, "layer:gold", "--exclude", "gold.*", cwd=held)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "'(layer:gold) and not (gold.*)' selects no asset" in done.stderr


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("(gold.*", "a `(` is not closed"),
        ("gold.* not silver.weather", "before `not` stands neither `and` nor `or`"),
        ("status:hold", "did you mean `status:held`"),
        ("tga:x", "did you mean `tag:x`"),
    ],
)
def test_a_selection_that_is_none_exits_with_2_and_what_is_wrong(held: Path, said: str, told: str) -> None:
    done = lakeflow("list", said, cwd=held)
    assert done.returncode == 2
    assert told in done.stderr


def test_the_project_may_be_named_from_anywhere(held: Path, tmp_path: Path) -> None:
    done = lakeflow("-C", str(held), "list", cwd=tmp_path)
    assert "silver.weather" in done.stdout
    assert "3 assets" in done.stdout


def test_settings_of_the_command_line_win_and_say_so(held: Path) -> None:
    first = answer("config", cwd=held)["settings"][0]
    assert set(first) == {"name", "value", "source"}
    done = lakeflow("--set", "keep_snapshots=3", "config", "--output", "json", cwd=held)
    kept = next(one for one in json.loads(done.stdout)["data"]["settings"] if one["name"] == "keep_snapshots")
    assert kept["value"] == "3"
    assert kept["source"] not in {"", "default"}


@pytest.mark.long
def test_what_user_code_prints_does_not_spoil_the_answer(tmp_path: Path) -> None:
    noisy = """
import duckdb
import pyarrow as pa
from lakeflow import asset

print("module says hello")

@asset()
def noisy() -> pa.Table:
    print("asset says hello")
    return pa.table({"a": [1]})
"""
    make(tmp_path, {"layers/bronze/noisy.py": noisy})
    done = lakeflow("materialize", "--output", "json", cwd=tmp_path)
    assert json.loads(done.stdout)["data"]["run"]["state"] == "published", done.stdout
    assert "module says hello" in done.stderr
    assert "asset says hello" in done.stderr


@pytest.mark.long
def test_a_reader_that_goes_away_ends_the_command_quietly(held: Path) -> None:
    script = f'set -o pipefail; "{sys.executable}" -m lakeflow.cli snapshots bronze.weather -o json | head -1'
    done = subprocess.run(["bash", "-c", script], cwd=held, env=CLEAN, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "{\n", "")


@pytest.mark.long
def test_a_run_on_a_terminal_shows_live_progress_and_then_the_answer(lake: Path) -> None:
    here, there = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "lakeflow.cli", "materialize"],
        cwd=lake,
        env={**CLEAN, "TERM": "xterm-256color", "PYTHONUTF8": "1"},
        stdin=there,
        stdout=there,
        stderr=there,
    )
    os.close(there)
    received = terminal.received(here)
    assert process.wait(timeout=60) == 1
    text = received.decode()
    live, _, final = text.rpartition("\x1b[?25h")
    assert "\x1b[?25l" in live
    assert "writing" in live
    assert "readers still see nothing" in final
    assert "\x1b[1;31m" in final, "what is held stands out"


@pytest.mark.long
def test_an_interrupt_exits_with_130_and_one_line_that_nothing_was_lost(tmp_path: Path) -> None:
    slow = """
import time
import pyarrow as pa
from lakeflow import asset

@asset()
def slow() -> pa.Table:
    time.sleep(30)
    return pa.table({"a": [1]})
"""
    make(tmp_path, {"layers/bronze/slow.py": slow})
    process = subprocess.Popen(
        [sys.executable, "-m", "lakeflow.cli", "materialize"],
        cwd=tmp_path,
        env=CLEAN,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    seen = [""]
    for line in process.stderr:
        seen.append(line)
        if "writing" in line:
            break
    assert "writing" in seen[-1], seen
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)
    assert process.returncode == 130
    assert stdout == ""
    assert "Traceback" not in stderr
    assert [line for line in stderr.splitlines() if line.startswith("error")] == [
        "error: interrupted; nothing was lost: readers see what was published"
    ]
    assert lakeflow("status", cwd=tmp_path).returncode == 0
