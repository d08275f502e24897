"""However many rows an answer or an export has, one batch of them is in memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import lakeflow
from tests.cli.environment import CLEAN

MANY, FEW = 6_000_000, 10_000
ROWS = "select range as id, range * 2 as double, 'text of row ' || range as note from range({})"
ALLOWED = 200 * 2**20
"""Bytes beyond those of few rows; all rows as Arrow take 300 MB, as Python's values more than a gigabyte."""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("lake")
    (made / "layers/silver").mkdir(parents=True)
    for name, number in (("few", FEW), ("many", MANY)):
        (made / f"layers/silver/{name}.sql").write_text(f"/*\nkey = ['id']\n*/ {ROWS.format(number)}")
    with lakeflow.open(made) as lake:
        lake.materialize()
    return made


def peak(root: Path, *words: str) -> int:
    """The most bytes that the command had in memory."""
    command = [sys.executable, "-m", "lakeflow.cli", "--set", "memory_limit=200MB", "--set", "threads=2", *words]
    with subprocess.Popen(command, cwd=root, env=CLEAN, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as started:
        _, status, used = os.wait4(started.pid, 0)
        started.returncode = os.waitstatus_to_exitcode(status)
        assert started.stderr is not None
        assert started.returncode == 0, started.stderr.read()
    return used.ru_maxrss * (1024 if sys.platform != "darwin" else 1)


@pytest.mark.long
@pytest.mark.parametrize("form", ["csv", "arrow", "parquet", "json"])
def test_the_memory_of_an_answer_does_not_grow_with_its_rows(root: Path, tmp_path: Path, form: str) -> None:
    file = str(tmp_path / f"rows.{form}")
    few, many = (peak(root, "query", f"from silver.{name}", "--to", file) for name in ("few", "many"))
    assert many - few < ALLOWED, (few, many)


@pytest.mark.long
@pytest.mark.parametrize("place", ["out", "bi.duckdb"])
def test_the_memory_of_an_export_does_not_grow_with_its_rows(root: Path, tmp_path: Path, place: str) -> None:
    few, many = (peak(root, "export", f"silver.{name}", "--to", str(tmp_path / place)) for name in ("few", "many"))
    assert many - few < ALLOWED, (few, many)
