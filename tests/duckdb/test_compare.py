from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.adapters.duckdb.engine import DuckEngine
from tests.duckdb.lab import rows_of

NESTED = "SELECT i, {{'d': [i / 3.0::DOUBLE], 'm': MAP {{'k': i + 1 + {}::DOUBLE}}}} AS s FROM range(100) t(i)"


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
        ("SELECT {'x': NULL::DOUBLE} AS a", "SELECT NULL::STRUCT(x DOUBLE) AS a", False),
        ("SELECT [[1.0::DOUBLE], NULL] AS a", "SELECT [[1.0::DOUBLE + 1e-15], NULL] AS a", True),
        ("SELECT NULL::INTEGER[] AS a", "SELECT []::INTEGER[] AS a", False),
        ("SELECT [NULL]::INTEGER[] AS a", "SELECT []::INTEGER[] AS a", False),
        ("SELECT MAP {}::MAP(INTEGER, INTEGER) AS a", "SELECT NULL::MAP(INTEGER, INTEGER) AS a", False),
        ("SELECT [{'x': 1}, NULL] AS a", "SELECT [{'x': 1}, {'x': NULL}] AS a", False),
        ("SELECT {'x': {'y': 1}} AS a", "SELECT {'x': {'y': 1}} AS a", True),
        ("SELECT [1, 2] AS a", "SELECT [2, 1] AS a", False),
        (NESTED.format("0"), NESTED.format("1e-14"), True),
        (NESTED.format("0"), NESTED.format("1e-3"), False),
        ("SELECT 1 AS a WHERE false", "SELECT 1 AS a WHERE false", True),
        ("SELECT 1 AS a WHERE false", "SELECT 1 AS a", False),
    ],
)
def test_equal_means_the_same_rows(engine: DuckEngine, data: Path, left: str, right: str, expected: bool) -> None:
    assert engine.equal(rows_of(left, engine, data), rows_of(right, engine, data)) is expected
