"""What DuckDB loses without a word when it casts or reads; each such cast is asked first (`adapters.duckdb.cast`)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.mark.parametrize(
    ("cast", "given"),
    [
        ("'1.7'::INTEGER", "2"),
        ("'[1.7]'::JSON::BIGINT[]", "[2]"),
        ("9007199254740993::DOUBLE", "9007199254740992.0"),
        ("'1e400'::DOUBLE", "inf"),
        ("'2024-06-01T10:00:00+02:00'::TIMESTAMP", "2024-06-01 10:00:00"),
        ("'10:11:12+02'::TIME", "10:11:12"),
        ("'2024-06-01 23:59:59'::DATE", "2024-06-01"),
        ("'2024-06-01 10:00:00.1234567'::TIMESTAMP", "2024-06-01 10:00:00.123456"),
        ("'2024-06-01 10:00:00.1234567'::TIMESTAMP_NS::TIMESTAMP", "2024-06-01 10:00:00.123457"),
        ("""json_extract_string('{"a": 12345678901234567.89}', '/a')""", "12345678901234568.0"),
    ],
)
def test_a_cast_gives_another_value(cast: str, given: str) -> None:
    assert duckdb.execute(f"SELECT ({cast})::VARCHAR").fetchall() == [(given,)]


def read(path: Path, values: pa.Array, **options: Any) -> Any:
    pq.write_table(pa.table({"v": values}), path, **options)
    return duckdb.execute(f"SELECT v::VARCHAR FROM '{path}'").fetchall()


def test_int96_is_read_in_microseconds(tmp_path: Path) -> None:
    found = read(tmp_path / "x.parquet", pa.array([1001], pa.timestamp("ns")), use_deprecated_int96_timestamps=True)
    assert found == [("1970-01-01 00:00:00.000001",)]


def test_decimals_of_more_than_38_digits_are_read_as_doubles(tmp_path: Path) -> None:
    values = pa.array([Decimal("1234567890123456789012345678901234567.89")], pa.decimal256(39, 2))
    assert read(tmp_path / "x.parquet", values) == [("1.2345678901234568e+36",)]
