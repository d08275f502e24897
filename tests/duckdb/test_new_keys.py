"""Rows of the keys that have new rows: whatever is delivered in whatever order, totals are those of all rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.adapters.duckdb.engine import DuckEngine
from lakeflow.core.errors import AssetError
from lakeflow.core.model.table import Scan
from tests.duckdb.lab import rows_of, values
from tests.explored import explored

Row = tuple[str | None, int | None, int]
rows = st.lists(
    st.tuples(st.sampled_from(["a", "A", None]), st.sampled_from([None, 0, 1]), st.integers(0, 3)),
    min_size=1,
    max_size=5,
)


def listed(rows: list[Row]) -> str:
    values = ", ".join(f"({', '.join('NULL' if each is None else repr(each) for each in row)})" for row in rows)
    return f"SELECT k::VARCHAR k, n::BIGINT n, v::BIGINT v FROM (VALUES {values}) t(k, n, v)"


@pytest.mark.long
@given(st.lists(rows, min_size=1, max_size=4), st.sampled_from([("k",), ("K", "n")]))
@explored(25)
def test_the_rows_of_each_key_that_came_are_all_read_and_no_others(
    engine: DuckEngine, tmp_path: Path, batches: list[list[Row]], by: tuple[str, ...]
) -> None:
    stands: list[Row] = []
    scan: Scan | None = None
    for batch in batches:
        added = rows_of(listed(batch), engine, tmp_path)
        scan = added if scan is None else replace(scan, files=scan.files + added.files, rows=scan.rows + added.rows)
        stands += batch
        keys = {row[: len(by)] for row in batch}
        read = values(engine, replace(scan, among=added, by=by))
        expected = [row for row in stands if row[: len(by)] in keys]
        assert Counter((row["k"], row["n"], row["v"]) for row in read) == Counter(expected)


def test_a_key_that_the_table_does_not_have_is_told_with_those_that_it_has(engine: DuckEngine, data: Path) -> None:
    scan = rows_of(listed([("a", 1, 1)]), engine, data)
    with pytest.raises(AssetError, match="new_keys names column 'who'") as error:
        values(engine, replace(scan, among=scan, by=("who",)))
    assert error.value.hint == "it has k, n, v"
