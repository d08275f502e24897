"""Whatever a table's past is: what is suggested from it holds on all of it, through the file that is written."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakeflow
from lakeflow.core.corrupt.survival import Survival
from tests.explored import explored
from tests.suggest.lakes import holds, write

FEED = "/*\nreads = ['rows.parquet']\n*/ select * from read_parquet('rows.parquet')"
LAST = """/*
key = ['id']
write = 'replace'
*/
select * exclude (batch) from bronze.feed where batch = (select max(batch) from bronze.feed)
"""
ASSETS = ("bronze.feed", "silver.any")
TYPES = {
    "few": pa.string(),
    "text": pa.string(),
    "number": pa.int64(),
    "part": pa.float64(),
    "price": pa.decimal128(18, 3),
    "day": pa.date32(),
    "at": pa.timestamp("us"),
    "weird name; \"x\" 'y'": pa.string(),
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "few": st.sampled_from(["a", "b", 'it\'s "c"', "back\\slash", "two\nlines", "ü€"]),
    "text": st.text(max_size=12) | st.from_regex(r"[A-Z]{2}[0-9]{3}", fullmatch=True),
    "number": st.integers(-(2**40), 2**40) | st.integers(0, 5),
    "part": st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 1),
    "price": st.decimals(-(10**9), 10**9, places=3),
    "day": st.dates(),
    "at": st.datetimes(),
    "weird name; \"x\" 'y'": st.sampled_from(["x", "y"]),
}


@st.composite
def pasts(draw: st.DrawFn) -> list[pa.Table]:
    """Some publishes of one table; a few values each, many times, so that sets and shapes are found too."""
    tables = []
    pools = {name: draw(st.lists(each | st.none(), min_size=1, max_size=4)) for name, each in VALUES.items()}
    for _ in range(draw(st.integers(1, 3))):
        rows = draw(st.integers(1, 200))
        columns = {name: [draw(st.sampled_from(pools[name])) for _ in range(min(rows, 6))] for name in VALUES}
        data = {name: [values[i % len(values)] for i in range(rows)] for name, values in columns.items()}
        schema = pa.schema([("id", pa.int64()), *TYPES.items()])
        tables.append(pa.table({"id": list(range(rows)), **data}, schema=schema))
    return tables


@pytest.mark.long
@explored(10, few=2)
@given(past=pasts())
def test_a_suggested_suite_holds_on_every_snapshot_and_leaves_nothing_to_suggest(past: list[pa.Table]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write(root, "pyproject.toml", "[tool.lakeflow]\n")
        write(root, "layers/bronze/feed.sql", FEED)
        write(root, "layers/silver/any.sql", LAST)
        for batch, table in enumerate(past):
            numbers = pa.array([batch] * table.num_rows, pa.int32())
            pq.write_table(table.append_column("batch", numbers), root / "rows.parquet")
            with lakeflow.open(root) as lake:
                lake.materialize(force=True)
        for asset in ASSETS:
            with lakeflow.open(root) as lake:
                lake.write_checks(lake.suggest(asset))
            with lakeflow.open(root) as lake:
                assert holds(lake, asset, 6) == []
                assert not lake.suggest(asset).proposals
        with lakeflow.open(root) as lake:
            report = lake.mutate("silver.any", kinds=["nulls", "doubled", "emptied"])
        assert not report.failing
        caught = {each.corruption.name for each in report.results if each.state is Survival.CAUGHT}
        assert {"id is NULL", "the whole load twice", "no row at all"} <= caught
