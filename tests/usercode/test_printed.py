"""What an asset's code prints belongs to the log of its run."""

from __future__ import annotations

import pytest

from lakeflow.core.run.events import StepPrinted
from tests.cli import process
from tests.usercode.lab import Lake, states


@pytest.mark.long
def test_what_code_prints_is_in_the_log_and_not_on_stdout(lake: Lake) -> None:
    lake.code("""
        @asset
        def a() -> str:
            print("out é", flush=True)
            print("err", file=sys.stderr)
            os.system("echo from below")
            print("no end of line", end="")
            return "select 1 as i"
        """)
    done = process.lakeflow("materialize", "--output", "json", cwd=lake.root)
    assert done.stdout.startswith("{")
    assert "bronze.a | out é" in done.stderr
    with lake.open() as opened:
        log = process.lakeflow("runs", opened.runs()[0].id, "--log", cwd=lake.root).stdout
    for line in ("out é", "err", "from below", "no end of line"):
        assert f"bronze.a | {line}" in log, log


def test_what_code_prints_is_an_event_that_names_the_asset(lake: Lake) -> None:
    lake.code("""
        @asset
        def a() -> str:
            print("one")
            print("two")
            return "select 1 as i"
        """)
    lake.run()
    printed = [event for event in lake.events if isinstance(event, StepPrinted)]
    assert [line for event in printed for line in event.lines] == ["one", "two"]
    assert {str(event.asset) for event in printed} == {"bronze.a"}


@pytest.mark.long
def test_what_code_prints_of_personal_data_is_kept_nowhere(lake: Lake) -> None:
    lake.code("""
        NAME = "ecalevoL adA"[::-1]  # the code itself is kept

        @asset(columns={"name": {"pii": True}})
        def people() -> str:
            print(NAME)
            return f"select '{NAME}' as name"
        """)
    lake.code(
        """
        @asset(inputs={"people": "bronze.people"}, key=["n"])
        def count(people: pa.Table) -> str:
            print(people.to_pylist())
            os.system("echo " + people.to_pylist()[0]["name"])
            raise ValueError(people.to_pylist())
        """,
        "silver/count",
    )
    run = lake.run()
    assert states(run) == {"bronze.people": "published", "silver.count": "errored"}
    assert "what it prints is not kept, because personal data is involved" in lake.log(run)
    state = lake.root / ".lakeflow"
    for path in [*state.glob("logs/*"), state / "catalog.db"]:
        assert b"Lovelace" not in path.read_bytes(), path
    assert "Lovelace" not in str(lake.events)


@pytest.mark.long
def test_endless_output_is_cut(lake: Lake) -> None:
    lake.code("""
        @asset
        def a() -> str:
            for _ in range(30_000):
                print("x" * 100)
            return "select 1 as i"
        """)
    run = lake.run()
    log = lake.log(run)
    assert "what it prints beyond 1,000,000 bytes is dropped" in log
    assert len(log) < 2_500_000
