"""Selections in Python: the words of the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.errors import SelectionError
from lakeflow.lake.lake import Lake
from tests.core.samples import names

FILES = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "layers/bronze/sales.sql": "select 1 as id",
    "layers/silver/sales.sql": "/*\nkey = ['id']\nowner = 'Data Team'\n*/ select id from bronze.sales",
    "layers/gold/totals.sql": "/*\ntags = ['daily']\n*/ select count(*) as n from silver.sales",
}


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    with lakeflow.open(tmp_path) as opened:
        yield opened


def test_select_reads_the_files_alone_until_it_is_asked_how_the_lake_stands(lake: Lake) -> None:
    assert names(lake.select('owner:"Data Team" or tag:daily and not bronze.*')) == ["silver.sales", "gold.totals"]
    assert names(lake.select(exclude="layer:gold")) == ["bronze.sales", "silver.sales"]
    assert not (Path(lake.project.root) / ".lakeflow").exists()
    assert names(lake.select("state:modified and status:never_built and 1+gold.*")) == ["silver.sales", "gold.totals"]


def test_every_method_that_takes_a_selection_takes_exclude(lake: Lake) -> None:
    assert [str(step.asset) for step in lake.plan("+gold.totals", exclude="gold.*").steps] == [
        "bronze.sales",
        "silver.sales",
    ]
    assert [str(one.asset) for one in lake.status(exclude="bronze.* gold.*")] == ["silver.sales"]
    assert [str(tree.status.asset) for tree in lake.lineage(exclude="gold.*")] == ["silver.sales"]
    with pytest.raises(SelectionError, match="selects no asset"):
        lake.materialize("gold.totals", exclude="tag:daily")
    with pytest.raises(SelectionError, match="never built and is not selected"):
        lake.plan("+gold.totals", exclude="silver.*")
