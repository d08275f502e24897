from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.model.table import Scan
from tests.duckdb.lab import python_asset, rows_of, write
from tests.explored import explored

EPSILON = math.ulp(1.0)

NESTED = "SELECT i, {{'d': [i / 3.0::DOUBLE], 'm': MAP {{'k': i + 1 + {}::DOUBLE}}}} AS s FROM range(100) t(i)"


def up(steps: int, type_: str = "DOUBLE") -> str:
    """The number that is so many units in the last place above 1."""
    return f"nextafter({up(steps - 1, type_)}, 'infinity')" if steps else f"1::{type_}"


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("FROM range(5) t(i)", "FROM range(5) t(i) ORDER BY i DESC", True),
        ("FROM range(5) t(i)", "FROM range(6) t(i)", False),
        ("SELECT 1 AS a UNION ALL SELECT 1", "SELECT 1 AS a UNION ALL SELECT 2", False),
        ("FROM (VALUES (1), (1), (2)) t(a)", "FROM (VALUES (1), (2), (2)) t(a)", False),
        ("SELECT 1 AS a, 2 AS b", "SELECT 2 AS a, 1 AS b", False),
        ("SELECT 1 AS a", "SELECT 1 AS b", False),
        ("SELECT 1 AS a", "SELECT 1::BIGINT AS a", False),
        ("SELECT 1 AS a, 2 AS b", "SELECT 2 AS b, 1 AS a", False),
        ("SELECT NULL::INTEGER AS a, 1 AS b", "SELECT 1 AS a, NULL::INTEGER AS b", False),
        ("SELECT 0.1::DOUBLE + 0.2 AS a", "SELECT 0.3::DOUBLE AS a", True),
        ("SELECT 1.0::DOUBLE AS a", "SELECT 1.0000001::DOUBLE AS a", False),
        ("SELECT 1e-300::DOUBLE AS a", "SELECT 2e-300::DOUBLE AS a", False),
        ("SELECT 0.0::DOUBLE AS a", "SELECT -0.0::DOUBLE AS a", True),
        ("SELECT 'nan'::DOUBLE AS a", "SELECT 'nan'::DOUBLE AS a", True),
        ("SELECT 'nan'::DOUBLE AS a", "SELECT NULL::DOUBLE AS a", False),
        ("SELECT 1.1::FLOAT AS a", "SELECT 1.1000001::FLOAT AS a", True),
        ("SELECT 1700000000123::DOUBLE AS a", "SELECT 1700000000456::DOUBLE AS a", False),
        ("SELECT 16777216::FLOAT AS a", "SELECT 16777300::FLOAT AS a", False),
        ("SELECT nextafter(1::DOUBLE, 'infinity') AS a", "SELECT 1::DOUBLE AS a", True),
        (f"SELECT {up(4)} AS a", "SELECT 1::DOUBLE AS a", True),
        (f"SELECT {up(5)} AS a", "SELECT 1::DOUBLE AS a", False),
        (f"SELECT {up(4, 'FLOAT')} AS a", "SELECT 1::FLOAT AS a", True),
        (f"SELECT {up(5, 'FLOAT')} AS a", "SELECT 1::FLOAT AS a", False),
        (
            f"SELECT 1::BIGINT AS k, {up(4)} AS a UNION ALL SELECT 2, 1",
            "SELECT i k, 1::DOUBLE a FROM range(1, 3) t(i)",
            True,
        ),
        (
            f"SELECT 1::BIGINT AS k, {up(5)} AS a UNION ALL SELECT 2, 1",
            "SELECT i k, 1::DOUBLE a FROM range(1, 3) t(i)",
            False,
        ),
        ("SELECT 'infinity'::DOUBLE AS a", "SELECT 1.7976931348623157e308::DOUBLE AS a", False),
        ("SELECT 'nan'::FLOAT AS a", "SELECT 'infinity'::FLOAT AS a", False),
        (f"SELECT {{'x': [{up(4)}]}} AS a", "SELECT {'x': [1::DOUBLE]} AS a", True),
        (f"SELECT {{'x': [{up(5)}]}} AS a", "SELECT {'x': [1::DOUBLE]} AS a", False),
        (f"SELECT MAP {{'x': {up(4)}, 'y': 2}} AS a", "SELECT MAP {'y': 2, 'x': 1::DOUBLE} AS a", True),
        (f"SELECT MAP {{'x': {up(5)}, 'y': 2}} AS a", "SELECT MAP {'y': 2, 'x': 1::DOUBLE} AS a", False),
        (f"SELECT MAP {{{up(1)}: 1}} AS a", "SELECT MAP {1::DOUBLE: 1} AS a", False),
        ("SELECT MAP {1: 2, 3: 4} AS a", "SELECT MAP {3: 4, 1: 2} AS a", True),
        ("SELECT MAP {1: 2, 3: 4} AS a", "SELECT MAP {3: 2, 1: 4} AS a", False),
        ("SELECT [{'m': MAP {1: 2, 3: NULL}}] AS a", "SELECT [{'m': MAP {3: NULL, 1: 2}}] AS a", True),
        ("SELECT MAP {'k': MAP {1: 2, 3: 4}} AS a", "SELECT MAP {'k': MAP {3: 4, 1: 2}} AS a", True),
        ("SELECT MAP {MAP {1: 2, 3: 4}: 5} AS a", "SELECT MAP {MAP {3: 4, 1: 2}: 5} AS a", True),
        ("SELECT MAP {[NULL, 1]: 5} AS a", "SELECT MAP {[1, NULL]: 5} AS a", False),
        ("SELECT MAP {'k': NULL::INTEGER} AS a", "SELECT MAP {}::MAP(VARCHAR, INTEGER) AS a", False),
        ("SELECT {'x': NULL::DOUBLE} AS a", "SELECT NULL::STRUCT(x DOUBLE) AS a", False),
        ("SELECT [[1.0::DOUBLE], NULL] AS a", "SELECT [[1.0::DOUBLE + 8e-16], NULL] AS a", True),
        ("SELECT NULL::INTEGER[] AS a", "SELECT []::INTEGER[] AS a", False),
        ("SELECT [NULL]::INTEGER[] AS a", "SELECT []::INTEGER[] AS a", False),
        ("SELECT MAP {}::MAP(INTEGER, INTEGER) AS a", "SELECT NULL::MAP(INTEGER, INTEGER) AS a", False),
        ("SELECT [{'x': 1}, NULL] AS a", "SELECT [{'x': 1}, {'x': NULL}] AS a", False),
        ("SELECT {'x': {'y': 1}} AS a", "SELECT {'x': {'y': 1}} AS a", True),
        ("SELECT [1, 2] AS a", "SELECT [2, 1] AS a", False),
        (NESTED.format("0"), NESTED.format("8e-16"), True),
        (NESTED.format("0"), NESTED.format("1e-14"), False),
        ("SELECT 1 AS a WHERE false", "SELECT 1 AS a WHERE false", True),
        ("SELECT 1 AS a WHERE false", "SELECT 1 AS a", False),
    ],
)
def test_equal_means_the_same_rows(engine: DuckEngine, data: Path, left: str, right: str, expected: bool) -> None:
    assert engine.equal(rows_of(left, engine, data), rows_of(right, engine, data)) is expected


PLAIN = st.none() | st.integers(0, 2)
FLOATS = st.sampled_from(
    [None, 0.0, -0.0, 1.0, 1.0 + 4 * EPSILON, 1.0 + 5 * EPSILON, 2.0, math.inf, -math.inf, math.nan]
)
VALUES = st.fixed_dictionaries(
    {
        "i": PLAIN,
        "d": FLOATS,
        "s": st.none() | st.fixed_dictionaries({"a": PLAIN, "d": FLOATS}),
        "l": st.none() | st.lists(FLOATS, max_size=2),
        "m": st.none() | st.lists(st.tuples(st.integers(0, 3), FLOATS), max_size=3, unique_by=lambda entry: entry[0]),
    }
)
TYPES = pa.schema(
    [
        ("i", pa.int64()),
        ("d", pa.float64()),
        ("s", pa.struct([("a", pa.int64()), ("d", pa.float64())])),
        ("l", pa.list_(pa.float64())),
        ("m", pa.map_(pa.int64(), pa.float64())),
    ]
)
Values = list[dict[str, Any]]


def alike(left: Any, right: Any) -> bool:
    """What the docs say of one value, in plain Python."""
    match left, right:
        case float(), float():
            if math.isnan(left) or math.isinf(left) or not math.isfinite(right):
                return left == right or (math.isnan(left) and math.isnan(right))
            return abs(left - right) <= 4 * max(math.ulp(left), math.ulp(right))
        case dict(), dict():
            return all(alike(left[name], right[name]) for name in left)
        case [tuple(), *_], list():
            return len(left) == len(right) and all(map(alike, sorted(left, key=first), sorted(right, key=first)))
        case ((list() | tuple()), (list() | tuple())):
            return len(left) == len(right) and all(map(alike, left, right))
    return type(left) is type(right) and bool(left == right)


def first(entry: tuple[int, Any]) -> int:
    return entry[0]


@given(st.data(), st.lists(VALUES, min_size=1, max_size=3))
@explored(40)
@pytest.mark.long
def test_one_row_that_changed_is_never_the_same_and_one_that_did_not_is(
    engine: DuckEngine, tmp_path: Path, data: st.DataObject, rows: Values
) -> None:
    """Whatever the type and the nesting: the changed row is judged by itself, next to others that stay."""
    place = data.draw(st.integers(0, len(rows) - 1))
    name = data.draw(st.sampled_from(TYPES.names))
    other = data.draw(VALUES)[name]
    marked = [{**row, "i": number} for number, row in enumerate(rows)] if name != "i" else rows[:1]
    place = place if name != "i" else 0
    changed = [{**row, name: other} if number == place else row for number, row in enumerate(marked)]
    left, right = (written(engine, tmp_path, each) for each in (marked, changed[::-1]))
    assert engine.equal(left, right) is alike(marked[place][name], other)


def written(engine: DuckEngine, directory: Path, rows: Values) -> Scan:
    table = pa.Table.from_pylist(rows, schema=TYPES)
    return write(engine, replace(python_asset(lambda: table), inputs={}), directory)
