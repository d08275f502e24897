"""The benchmark of TPC-H compares two ways to the same rows, or its ratios would say nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import duckdb
import pytest

from benchmarks.tpch import __main__ as tpch
from benchmarks.tpch.results import require_same


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in tpch.SETTINGS.items():
        monkeypatch.setitem(os.environ, name, value)
    tpch.lay_down(tmp_path, 0.01)
    return tmp_path


@pytest.mark.long
def test_lakeflow_and_plain_duckdb_come_to_the_same_rows_and_a_difference_is_told(lake: Path) -> None:
    """Every table is compared with its types and all its values; what was delivered twice is one row in silver."""
    costs = [tpch.by_hand(lake), tpch.warm(lake)]
    assert all(cost.seconds > 0 and cost.processor > 0 and cost.peak > 0 for cost in costs)
    tables = require_same(lake)
    assert (tables["bronze.orders"].rows, tables["silver.orders"].rows) == (15_150, 15_000)
    assert tables["gold.sales"].rows == tables["silver.lineitem"].rows == 60_175
    file = min((lake / "hand/gold/days").glob("*.parquet"))
    duckdb.execute(f"copy (select * replace (net + 0.01 as net) from '{file}') to '{lake / 'other.parquet'}'")
    (lake / "other.parquet").replace(file)
    with pytest.raises(AssertionError, match=r"gold\.days: lakeflow gives"):
        require_same(lake)


@pytest.mark.long
def test_a_check_that_fails_by_hand_ends_the_benchmark(lake: Path) -> None:
    """A side that found nothing because it looked at nothing would be quick."""
    file = lake / "landing/customer/again.parquet"
    duckdb.execute(
        f"copy (select * replace ('' as c_phone) from '{lake / 'landing/customer/first.parquet'}') to '{file}'"
    )
    with pytest.raises(subprocess.CalledProcessError):
        tpch.by_hand(lake)
