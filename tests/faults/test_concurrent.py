"""Several processes publish to the same three tables while a reader looks. More of them on servers: `test_crowd.py`."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.keys import AssetKey
from lakeflow.lake.lake import Lake
from tests.faults.publisher import TABLES, lay_down
from tests.homes import EMBEDDED, POSTGRESQL, home

ROOT = Path(__file__).parents[2]
KEYS = [AssetKey.parse(table) for table in TABLES]


def start(root: Path, name: str, batches: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.publisher", str(root), name, str(batches)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rows_in_one_read(lake: Lake) -> tuple[int, ...]:
    tables = lake._world.catalog.load(KEYS)
    return tuple((table.published.rows or 0) if (table := tables.get(key)) and table.published else 0 for key in KEYS)


@pytest.fixture
def catalog(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where this process and those that it starts find the lake's catalog."""
    if request.param != EMBEDDED:
        monkeypatch.setenv("LAKEFLOW_CATALOG", home(request, tmp_path).database)
    return str(request.param)


@pytest.mark.usefixtures("catalog")
@pytest.mark.parametrize(
    ("catalog", "publishers", "batches"),
    [
        (EMBEDDED, 2, 2),
        pytest.param(EMBEDDED, 4, 3, marks=pytest.mark.long),
        pytest.param(POSTGRESQL, 2, 2, marks=pytest.mark.servers),
    ],
    indirect=["catalog"],
)
def test_several_publishers_lose_nothing_double_nothing_and_show_no_torn_set(
    tmp_path: Path, publishers: int, batches: int
) -> None:
    """Acknowledged means visible exactly once; one catalog read sees all tables of a run or none of them."""
    lay_down(tmp_path)
    with lakeflow.open(tmp_path) as lake:
        writers = [start(tmp_path, f"w{number}", batches) for number in range(publishers)]
        seen = []
        while any(writer.poll() is None for writer in writers):
            seen.append(rows_in_one_read(lake))
        printed = [writer.communicate() for writer in writers]
        assert [writer.returncode for writer in writers] == [0] * publishers, printed
        acknowledged = Counter(line for out, _ in printed for line in out.split())
        assert sum(acknowledged.values()) == publishers * batches
        assert not [counts for counts in seen if len(set(counts)) > 1]
        assert max(seen) > (0, 0, 0)
        for table in TABLES:
            assert Counter(row for (row,) in lake.read(table).fetchall()) == acknowledged
