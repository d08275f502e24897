"""What `COPY … TO` does not do, and what it leaves behind."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest


def test_per_thread_output_is_refused_with_partition_by(tmp_path: Path) -> None:
    with pytest.raises(duckdb.NotImplementedException, match="PER_THREAD_OUTPUT"):
        duckdb.sql(f"COPY (SELECT 1 AS a, 2 AS b) TO '{tmp_path}/out' (PARTITION_BY (a), PER_THREAD_OUTPUT)")


def test_no_rows_still_make_a_file(tmp_path: Path) -> None:
    """An empty data file must not enter a manifest; worked around by removing it."""
    duckdb.sql(f"COPY (SELECT 1 AS a WHERE false) TO '{tmp_path}/out' (FORMAT parquet, PER_THREAD_OUTPUT)")
    assert len(list((tmp_path / "out").iterdir())) == 1
