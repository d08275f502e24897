"""What an asset's code may take: time, rows, bytes; and how often it is tried."""

from __future__ import annotations

import time

import pytest

from lakeflow.core.run.events import StepRetried
from tests.usercode.lab import Lake, states, step

FOREVER = "select count(*) as n from range(10_000_000_000) a, range(1_000_000_000) b where a.range + b.range < 0"
MANY = "select i, md5(i::varchar) as text from range(1000) t(i)"


@pytest.mark.long
def test_python_code_that_takes_too_long_is_stopped_with_all_that_it_started(lake: Lake) -> None:
    lake.code("""
        @asset(timeout=5)
        def a_slow() -> str:
            started = subprocess.Popen(["sleep", "600"])
            Path("pid").write_text(str(started.pid))
            time.sleep(600)

        @asset
        def b_well() -> str:
            return "select 1 as i"
        """)
    run = lake.run()
    assert states(run) == {"bronze.a_slow": "errored", "bronze.b_well": "published"}
    assert "it took longer than 5 s and was stopped (layers/bronze/code.py:" in step(run, "bronze.a_slow").reason
    with pytest.raises(ProcessLookupError):
        _signal(int((lake.root / "pid").read_text()))


def _signal(pid: int) -> None:
    import os

    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        os.kill(pid, 0)
        time.sleep(0.05)


@pytest.mark.long
@pytest.mark.parametrize("folder", ["bronze/slow.sql", "bronze/slow.py"])
def test_a_query_that_takes_too_long_is_stopped(lake: Lake, folder: str) -> None:
    if folder.endswith("sql"):
        lake.write(f"layers/{folder}", f"/*\ntimeout = 0.5\n*/\n{FOREVER}")
    else:
        lake.code(f"@asset(timeout=0.5)\ndef slow() -> str:\n    return '{FOREVER}'\n")
    run = lake.run()
    assert states(run) == {"bronze.slow": "errored"}
    assert "it took longer than 0.5 s and was stopped" in step(run, "bronze.slow").reason


@pytest.mark.long
def test_a_setting_is_the_default_and_an_asset_may_say_otherwise(lake: Lake) -> None:
    lake.write("layers/bronze/a.sql", MANY)
    lake.write("layers/bronze/b.sql", f"/*\nmax_rows = 0\n*/\n{MANY}")
    run = lake.run(max_rows="10")
    assert states(run) == {"bronze.a": "errored", "bronze.b": "published"}
    assert "it gives 1,000 rows, more than its max_rows of 10 (layers/bronze/a.sql)" in step(run, "bronze.a").reason


@pytest.mark.sampled(4)
@pytest.mark.parametrize("limit", ["max_rows = 999", "max_bytes = 5000"])
@pytest.mark.parametrize("language", ["sql", "python"])
def test_more_than_its_budget_is_an_errored_step_that_leaves_no_file_and_is_not_tried_again(
    lake: Lake, limit: str, language: str
) -> None:
    if language == "sql":
        lake.write("layers/bronze/a.sql", f"/*\n{limit}\nretries = 3\n*/\n{MANY}")
    else:
        lake.code(f"@asset({limit}, retries=3)\ndef a() -> str:\n    return '{MANY}'\n")
    run = lake.run()
    assert states(run) == {"bronze.a": "errored"}
    assert limit.partition(" ")[0] in step(run, "bronze.a").reason
    assert lake.data_files() == []
    assert not [event for event in lake.events if isinstance(event, StepRetried)]


@pytest.mark.long
def test_a_write_that_runs_away_is_stopped_before_it_is_done(lake: Lake) -> None:
    """Twenty billion rows of text would fill any disk here."""
    lake.write("layers/bronze/a.sql", "/*\nmax_bytes = '20MB'\n*/\nselect uuid() as a from range(20_000_000_000)")
    run = lake.run()
    assert "its files take more than its max_bytes of 20,000,000" in step(run, "bronze.a").reason
    assert lake.data_files() == []


@pytest.mark.long
def test_code_that_fails_is_tried_again_and_each_time_is_told(lake: Lake) -> None:
    lake.code("""
        @asset(retries=2)
        def a() -> str:
            tries = Path("tries")
            tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
            if len(tries.read_text()) == 1:
                raise ConnectionError("the line is busy")
            if len(tries.read_text()) == 2:
                os._exit(1)
            return "select 1 as i"
        """)
    run = lake.run()
    assert states(run) == {"bronze.a": "published"}
    retried = [event for event in lake.events if isinstance(event, StepRetried)]
    assert [(event.failed, event.retries) for event in retried] == [(1, 2), (2, 2)]
    assert "the line is busy" in retried[0].reason
    assert 0 < retried[0].pause < retried[1].pause
    assert "bronze.a try 1 of 3 failed, again in" in lake.log(run)
