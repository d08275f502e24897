"""DuckDB's Parquet writer picks a type of its own for HUGEINT, which is what every `sum` of integers is.

Worked around by casting each column of a COPY to exactly the table's type.
"""

from __future__ import annotations

from pathlib import Path

import duckdb


def test_hugeint_lands_as_double_and_loses_digits(tmp_path: Path) -> None:
    path = tmp_path / "sum.parquet"
    duckdb.sql(f"COPY (SELECT sum(9007199254740993) AS total) TO '{path}'")
    assert duckdb.execute(f"SELECT type FROM parquet_schema('{path}') WHERE name = 'total'").fetchall() == [("DOUBLE",)]
    assert duckdb.execute(f"SELECT total::BIGINT FROM '{path}'").fetchall() == [(9007199254740992,)]
