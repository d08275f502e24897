"""Checks against other tables and against main, in real runs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import RunRecord
from lakeflow.lake.lake import Lake

FILES = {
    "pyproject.toml": "[tool.lakeflow]\nthreads = 1\n",
    "layers/bronze/sales.sql": "select * from (values (1, 'a'), (2, 'b')) as v(id, shop)",
    "layers/silver/shops.sql": "/*\nkey = ['shop']\n*/\nselect distinct shop from bronze.sales",
    "layers/silver/sales.sql": "/*\nkey = ['id']\n*/\nselect id, shop from bronze.sales",
    "checks/silver/sales.py": """
from lakeflow import expectations as lfx

expectations = [
    lfx.ExpectForeignKeyToExist(columns="shop", references="silver.shops"),
    lfx.ExpectNoKeyToDisappear(),
    lfx.ExpectRowCountToStayNearMain(max_change=0),
]
""",
}


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    write(tmp_path, FILES)
    with lakeflow.open(tmp_path) as opened:
        yield opened


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def again(lake: Lake, files: dict[str, str], *selection: str) -> RunRecord:
    """A run of the same lake after its files changed."""
    write(Path(lake.project.root), files)
    with lakeflow.open(lake.project.root) as opened:
        run = opened.materialize(*selection)
    assert run is not None
    return run


def said(run: RunRecord | None, asset: str) -> list[tuple[str, Outcome]]:
    (checks,) = [step.checks for step in run.steps if str(step.asset) == asset] if run else [()]
    return [(check.name, check.outcome) for check in checks if check.path]


@pytest.mark.long
def test_keys_and_counts_are_compared_with_the_tables_of_the_run_and_with_main(lake: Lake) -> None:
    first = lake.materialize()
    assert said(first, "silver.sales") == [
        ("shop exists in silver.shops", Outcome.PASSED),
        ("no key of main disappears", Outcome.SKIPPED),
        ("row count near main (at most +0)", Outcome.SKIPPED),
    ]
    assert first is not None
    assert first.state == "published"
    lake.close()
    more = "/*\nkey = ['id']\n*/\nselect 10 * id as id, shop from bronze.sales union all select 1, 'z'"
    second = again(lake, {"layers/silver/sales.sql": more}, "silver.sales")
    assert said(second, "silver.sales") == [
        ("shop exists in silver.shops", Outcome.FAILED),
        ("no key of main disappears", Outcome.FAILED),
        ("row count near main (at most +0)", Outcome.FAILED),
    ]


@pytest.mark.long
def test_a_fact_is_published_only_together_with_the_dimension_that_it_references(lake: Lake) -> None:
    write(Path(lake.project.root), {"checks/silver/shops.none.sql": "select * from silver.shops"})
    with lakeflow.open(lake.project.root) as opened:
        run = opened.materialize()
    assert run is not None
    states = {str(step.asset): (step.state, step.reason) for step in run.steps}
    assert states["silver.sales"] == ("held", "waits for silver.shops, which is not published")
