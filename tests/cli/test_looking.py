"""Looking at a lake without changing it: previews, a run's log, and what readers saw at another time."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakeflow.cli.main import run as lakeflow
from lakeflow.core.time.moments import moment
from tests.cli.test_commands import make

FILES = {
    "layers/bronze/sales.sql": "select * from (values (1, 'Ada'), (2, 'Bo')) as v(id, buyer)",
    "layers/silver/sales.sql": (
        "/*\nkey = ['id']\ncolumns = {buyer = {pii = true, mask = 'redact'}}\n*/\nselect id, buyer from bronze.sales"
    ),
    "checks/silver/sales.young.sql": "select * from silver.sales where id > 5",
}


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two assets that were never built; the working directory is theirs."""
    monkeypatch.chdir(make(tmp_path, FILES))
    return tmp_path


def run_id(root: Path) -> str:
    (log,) = (root / ".lakeflow" / "logs").glob("[0-9]*.log")
    return log.stem


@pytest.mark.long
def test_the_log_of_a_run_says_what_happened_when(lake: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert lakeflow(["materialize"]) == 0
    capfd.readouterr()
    assert lakeflow(["runs", run_id(lake)[:8], "--log"]) == 0
    first, *_, ended, idle = capfd.readouterr().out.splitlines()
    assert first.endswith(f"run {run_id(lake)} attempt 1 started")
    assert ended.endswith(f"run {run_id(lake)} published")
    assert "core-seconds idle" in idle


@pytest.mark.long
def test_a_log_never_acts_on_a_terminal(lake: Path, capfd: pytest.CaptureFixture[str]) -> None:
    lakeflow(["materialize"])
    with (lake / f".lakeflow/logs/{run_id(lake)}.log").open("a") as log:
        log.write("\x1b[2Jgone\n")
    capfd.readouterr()
    assert lakeflow(["runs", run_id(lake), "--log"]) == 0
    assert capfd.readouterr().out.endswith("\\x1b[2Jgone\n")


@pytest.mark.long
def test_a_log_that_is_not_here_and_one_of_no_run_are_usage_errors(
    lake: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lakeflow(["materialize"])
    run = run_id(lake)
    (lake / f".lakeflow/logs/{run}.log").unlink()
    assert lakeflow(["runs", run, "--log"]) == 2
    assert f"run {run} has no log here" in capfd.readouterr().err
    assert lakeflow(["runs", "--log"]) == 2
    assert "--log needs a run" in capfd.readouterr().err


def now() -> str:
    time.sleep(0.002)  # Iceberg counts in milliseconds
    return datetime.now(UTC).isoformat()


@pytest.mark.long
def test_show_as_of_gives_what_readers_saw_then_also_what_was_rolled_back(
    lake: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lakeflow(["materialize"])
    first, times = run_id(lake), [now()]
    (lake / "layers/silver/sales.sql").write_text(FILES["layers/silver/sales.sql"] + " where id = 1")
    assert lakeflow(["materialize", "silver.sales"]) == 0
    second = next(log.stem for log in (lake / ".lakeflow/logs").glob("[0-9]*.log") if log.stem != first)
    times.append(now())
    assert lakeflow(["rollback", second]) == 0
    times.append(now())
    seen = []
    for then in times:
        capfd.readouterr()
        assert lakeflow(["show", "silver.sales", "--as-of", then, "-o", "json"]) == 0
        data = json.loads(capfd.readouterr().out)["data"]
        seen.append((sorted(row["id"] for row in data["rows"]), data["snapshot"]))
    assert [ids for ids, _ in seen] == [[1, 2], [1], [1, 2]]
    assert seen[0] == seen[2]


@pytest.mark.long
def test_show_as_of_before_the_first_publish_says_when_that_was(lake: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert lakeflow(["show", "silver.sales", "--as-of", "1h"]) == 2
    assert "silver.sales was never published" in capfd.readouterr().err
    lakeflow(["materialize"])
    capfd.readouterr()
    assert lakeflow(["show", "silver.sales", "--as-of", "1h"]) == 2
    assert "silver.sales was not published then: it first was at 20" in capfd.readouterr().err
    assert lakeflow(["show", "silver.sales", "--as-of", "1h", "--ref", "main"]) == 2
    assert "exclude each other" in capfd.readouterr().err


def test_a_time_is_written_in_iso_8601_or_as_so_long_ago() -> None:
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert moment("2d", noon) == noon - timedelta(days=2)
    assert moment("90m", noon) == noon - timedelta(minutes=90)
    assert moment("2026-02-01", noon) == datetime(2026, 2, 1, tzinfo=UTC)
    assert moment("2026-02-01T01:00:00+01:00", noon) == datetime(2026, 2, 1, tzinfo=UTC)
    assert moment("2026-02-01T00:00:00Z", noon) == datetime(2026, 2, 1, tzinfo=UTC)
    for wrong in ("", "yesterday", "d", "2 days", "-2d", "9999999999999d"):
        with pytest.raises(ValueError, match="is no time"):
            moment(wrong, noon)
    with pytest.raises(ValueError, match="still to come"):
        moment("2026-03-02", noon)


@pytest.mark.long
def test_preview_shows_the_rows_with_personal_columns_masked_and_says_what_readers_see(
    lake: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lakeflow(["materialize", "bronze.sales"])
    capfd.readouterr()
    assert lakeflow(["preview", "silver.sales", "--limit", "1"]) == 0
    out = capfd.readouterr().out
    assert "•••" in out
    assert "Ada" not in out
    assert "nothing was written; readers still see nothing: it was never published" in out
    assert lakeflow(["preview", "silver.sales", "-o", "csv"]) == 0
    assert sorted(capfd.readouterr().out.splitlines()) == ["1,•••", "2,•••", "id,buyer"]


def test_preview_of_what_cannot_be_computed_ends_with_1(lake: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert lakeflow(["preview", "silver.sales", "-o", "json"]) == 1
    (error,) = json.loads(capfd.readouterr().out)["errors"]
    assert (error["code"], error["asset"]) == ("asset", "silver.sales")
    assert error["hint"] == "`lakeflow materialize +bronze.sales` builds it"
