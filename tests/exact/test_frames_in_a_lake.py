"""Frames that say less of a column than its table does, run after run."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.core.model.run import RunState
from tests.external.lab import make, opened

CODE = """import pandas as pd
import polars as pl

from lakeflow import asset


@asset(inputs={}, write="append")
def feed():
    return FRAME
"""
FRAMES = [
    'pd.DataFrame({"id": [1], "n": [9007199254740993], "u": pd.to_datetime(["2024-06-01"]).date})',
    'pd.DataFrame({"id": [2], "n": [None], "u": [None]})',
    'pd.DataFrame({"id": [], "n": [], "u": []}, dtype=object)',
    "pl.DataFrame([])",
]


@pytest.mark.long
def test_a_table_keeps_its_types_whatever_its_frames_leave_open(tmp_path: Path) -> None:
    for frame in FRAMES:
        make(tmp_path, {"pyproject.toml": "[tool.lakeflow]\n", "layers/bronze/feed.py": CODE.replace("FRAME", frame)})
        with opened(tmp_path) as lake:
            run = lake.materialize(force=True)
            assert run is not None
            assert run.state is RunState.PUBLISHED, [step.reason for step in run.steps]
            shown = lake.show("bronze.feed", limit=9)
        assert shown.types == ("long", "long", "date")
    assert sorted(shown.values) == [("1", "9007199254740993", "2024-06-01"), ("2", None, None)]
