"""Preview computes an asset to look at it, and leaves the lake as it was."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.errors import AssetError, SchemaError
from lakeflow.lake.lake import Lake

BRONZE = "select * from (values (1, 'Ada'), (2, 'Bo')) as v(id, buyer)"
SILVER = """/*
key = ['id']
[columns]
buyer = { pii = true, mask = 'redact' }
price = { type = 'decimal(9, 2)' }
*/
select id, buyer, '7.5' as price from bronze.sales
"""
PYTHON = """
import duckdb
from lakeflow import asset

@asset(inputs={"sales": "silver.sales"})
def buyers(sales: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    return sales.aggregate("count(*) as n")

@asset(inputs={"sales": "silver.sales"})
def broken(sales: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    raise ValueError("no such buyer")
"""
LANDING = """/*
[source]
folder = 'data'
files = '*.csv'
format = 'csv'
columns = { id = 'int' }
*/
select * from source
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    files = {
        "pyproject.toml": "[tool.lakeflow]\n",
        "layers/bronze/sales.sql": BRONZE,
        "layers/silver/sales.sql": SILVER,
        "layers/gold/counts.py": PYTHON,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def lake(root: Path) -> Iterator[Lake]:
    with lakeflow.open(root) as opened:
        yield opened


def left(root: Path) -> tuple[list[str], set[str]]:
    """Everything that the lake's database says, and every file beside it."""
    with sqlite3.connect(root / ".lakeflow/catalog.db") as database:
        said = list(database.iterdump())
    database.close()
    files = (root / ".lakeflow").rglob("*")
    return said, {str(path) for path in files if path.is_file() and not path.name.startswith("catalog.db")}


@pytest.mark.long
def test_a_preview_shows_the_first_rows_in_the_types_they_would_be_stored_in(lake: Lake) -> None:
    lake.materialize("bronze.*")
    rows = lake.preview("silver.sales")
    assert rows.columns == ("id", "buyer", "price")
    assert sorted(rows.values) == [("1", "•••", "7.50"), ("2", "•••", "7.50")]
    assert len(lake.preview("silver.sales", limit=1).values) == 1


@pytest.mark.long
def test_a_preview_writes_nothing(lake: Lake, root: Path) -> None:
    lake.materialize("bronze.*")
    before = left(root)
    assert lake.preview("silver.sales").values
    assert left(root) == before
    with pytest.raises(AssetError):
        lake.preview("gold.broken")
    assert left(root) == before
    assert len(lake.runs()) == 1


@pytest.mark.long
def test_a_preview_reads_what_is_published_and_never_what_is_held(lake: Lake, root: Path) -> None:
    lake.materialize("+silver.*")
    (root / "checks/silver").mkdir(parents=True)
    (root / "checks/silver/sales.few.sql").write_text("select * from silver.sales where id = 1")
    (root / "layers/silver/sales.sql").write_text(SILVER + " union all select 3, 'Cy', '1'")
    with lakeflow.open(root) as changed:
        run = changed.materialize("silver.sales")
        assert run is not None
        assert run.state == "held"
        assert changed.preview("gold.buyers").values == (("2",),)
        assert len(changed.preview("silver.sales").values) == 3


@pytest.mark.long
def test_a_preview_says_what_fails(lake: Lake, root: Path) -> None:
    with pytest.raises(AssetError, match=r"its input bronze\.sales was never published") as error:
        lake.preview("silver.sales")
    assert error.value.hint == "`lakeflow materialize +bronze.sales` builds it"
    lake.materialize("+silver.*")
    with pytest.raises(AssetError, match=r"gold.broken: ValueError .layers.gold.counts.py:11."):
        lake.preview("gold.broken")
    (root / "layers/bronze/sales.sql").write_text(BRONZE.replace("(1,", "('one',").replace("(2,", "('two',"))
    with lakeflow.open(root) as changed, pytest.raises(SchemaError, match="id"):
        changed.preview("bronze.sales")


def test_a_preview_of_landed_files_reads_those_that_are_new(root: Path) -> None:
    (root / "layers/bronze/drops.sql").write_text(LANDING)
    (root / "data").mkdir()
    (root / "data/a.csv").write_text("id\n1\n")
    with lakeflow.open(root) as lake:
        assert [row[0] for row in lake.preview("bronze.drops").values] == ["1"]
        lake.materialize("bronze.drops")
        with pytest.raises(AssetError, match="no file is new"):
            lake.preview("bronze.drops")
        (root / "data/b.csv").write_text("id\n2\n")
        assert [row[0] for row in lake.preview("bronze.drops").values] == ["2"]
