"""What counts as the same rows decides whether main moves, in every way of writing; pyiceberg and polars read it."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.writing.lab import Things

WRITES = ['write="replace"', 'write="upsert"', 'write="scd2"', 'write="partition", partition_by=["p"]']
COLUMNS = '("k", pa.string()), ("p", pa.int64()), ("v", {})'
DOUBLES = COLUMNS.format("pa.float64()")
NESTED = COLUMNS.format('pa.struct([("l", pa.list_(pa.float64()))])')


def things(root: Path, write: str, columns: str) -> Things:
    return Things(root, f'key=["k"], {write}', columns)


def current(found: list[dict[str, Any]]) -> Any:
    return next(row["v"] for row in found if row["k"] == "a" and row.get("is_current", True))


@pytest.mark.long
@pytest.mark.parametrize("write", WRITES)
def test_a_float_that_changed_is_published(tmp_path: Path, write: str) -> None:
    lake = things(tmp_path, write, NESTED)
    lake.feed([{"k": "a", "p": 0, "v": {"l": [1700000000123.0]}}, {"k": "b", "p": 1, "v": None}])
    assert lake.states([{"k": "a", "p": 0, "v": {"l": [1700000000456.0]}}])[0] == "published"
    assert [current(found) for found in lake.others()] == [{"l": [1700000000456.0]}] * 2


@pytest.mark.long
def test_four_units_in_the_last_place_are_the_same_rows(tmp_path: Path) -> None:
    lake = things(tmp_path, 'write="upsert"', DOUBLES)
    lake.feed([{"k": "a", "p": 0, "v": 1.0}])
    near = [{"k": "a", "p": 0, "v": 1.0 + 4 * math.ulp(1.0)}]
    assert lake.states(near) == ("unchanged", "the same rows as on main")
    assert [current(found) for found in lake.others()] == [1.0, 1.0]


@pytest.mark.long
def test_a_version_is_made_by_any_bit_of_a_float(tmp_path: Path) -> None:
    """Versions are compared with the one before, so that small steps could add up to a large one."""
    lake = things(tmp_path, 'write="scd2"', DOUBLES)
    lake.feed([{"k": "a", "p": 0, "v": 1.0}])
    assert lake.states([{"k": "a", "p": 0, "v": 1.0 + math.ulp(1.0)}]) == ("published", "")
    assert len(lake.rows()) == 2


MAPPED = """
from datetime import date

from lakeflow import asset

@asset(key=["k"], {write})
def things() -> str:
    return "select 1 as k, date '{day}' as d, [{{'m': MAP {{{entries}}}}}] as v"
"""


@pytest.mark.long
@pytest.mark.parametrize("write", ['write="replace"', 'write="scd2", at="d"'])
def test_a_map_in_another_order_is_the_same_value(tmp_path: Path, write: str) -> None:
    lake = things(tmp_path, write, DOUBLES)

    def run(entries: str) -> str:
        text = MAPPED.format(write=write, day=date(2020, 1, 1), entries=entries)
        (tmp_path / "layers/silver/things.py").write_text(text)
        return lake.states([])[0]

    assert run("'x': NULL, 'y': MAP {1: 1, 2: 2}") == "published"
    assert run("'y': MAP {2: 2, 1: 1}, 'x': NULL") == "unchanged"
    assert len(lake.rows()) == 1
    assert run("'y': MAP {2: 2, 1: 1}, 'x': 3") != "unchanged"
