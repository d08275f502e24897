"""Code of another version runs from the text that is kept, where that is all that ran; else it is not here."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.core.replay.replayed import Replayed, ReplayOutcome
from tests.external.lab import make, opened
from tests.prepared import Prepared

ROWS = "select * from (values (1, 'oslo', 2.5), (2, 'bergen', 4.0), (3, 'oslo', 8.0)) sales(id, shop, total)"
PLAIN = '''from __future__ import annotations

from typing import TYPE_CHECKING

from lakeflow import asset
from {package}.factors import FACTOR, weighed

if TYPE_CHECKING:
    from lakeflow import Relation

LOWEST = 3


def _kept(rows):
    return rows.filter(f"total > {{LOWEST}}")


@asset(inputs={{"rows": "silver.sales"}}, key=["shop"])
def {name}(rows: Relation) -> Relation:
    """One row per shop."""
    import math

    return _kept(rows).aggregate(f"shop, sum({{weighed('total')}}) * {{math.floor(FACTOR)}} as total")
'''
MADE = """from lakeflow import asset


def made(factor):
    @asset(inputs={"rows": "silver.sales"}, key=["shop"])
    def made(rows):
        return rows.aggregate(f"shop, sum(total) * {factor} as total")

    return made


made = made(3)
"""
LOOKING = """from lakeflow import asset


@asset(inputs={"rows": "silver.sales"}, key=["shop"])
def looking(rows):
    factor = open("factor.txt").read() if rows is None else "2"
    return rows.aggregate(f"shop, sum(total) * {factor} as total")
"""
FACTORS = "FACTOR = 2.5\n\n\ndef weighed(column):\n    return f'{column} * 10'\n"
SQL = "/*\nkey = ['shop']\n*/\nselect shop, sum(total) as total from silver.sales group by shop"


def lived(root: Path) -> None:
    """A lake with a version of each code, published; then all of its code is another."""
    make(
        root,
        {
            "pyproject.toml": "[tool.lakeflow]\n",
            "layers/silver/sales.sql": f"/*\nkey = ['id']\n*/\n{ROWS}",
            "layers/gold/plain.py": PLAIN.format(package="shared", name="plain"),
            "layers/gold/made.py": MADE,
            "layers/gold/looking.py": LOOKING,
            "layers/gold/declared.sql": SQL,
            "shared/factors.py": FACTORS,
            "factor.txt": "2",
        },
    )
    with opened(root) as lake:
        run = lake.materialize()
        assert run is not None
        assert {str(step.state) for step in run.steps} == {"published"}
    make(
        root,
        {
            "pyproject.toml": "[tool.lakeflow]\n",
            "layers/gold/plain.py": PLAIN.format(package="shared", name="plain").replace("sum(", "max("),
            "layers/gold/made.py": MADE.replace("made(3)", "made(4)"),
            "layers/gold/looking.py": LOOKING.replace("sum(", "max("),
            "layers/gold/declared.sql": SQL.replace("key = ['shop']", "key = ['shop']\nwrite = 'upsert'"),
            "shared/factors.py": "FACTOR = 'another'\n\n\ndef weighed(column):\n    raise RuntimeError\n",
        },
    )


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return Prepared(tmp_path_factory.mktemp("lived"), lived)


@pytest.fixture
def root(prepared: Prepared) -> Path:
    return prepared.again()


def replayed(root: Path, asset: str) -> Replayed:
    with opened(root) as lake:
        return lake.replay(asset)


@pytest.mark.long
@pytest.mark.parametrize("asset", ["gold.plain", "gold.made", "gold.declared"])
def test_code_of_then_runs_from_its_text_with_its_helpers_and_its_fields(asset: str, root: Path) -> None:
    before = set((root / ".lakeflow/warehouse").rglob("*"))
    found = replayed(root, asset)
    assert (found.outcome, found.recorded, found.why) == (ReplayOutcome.IDENTICAL, True, "")
    assert found.rows.before == found.rows.after > 0
    assert set((root / ".lakeflow/warehouse").rglob("*")) == before


@pytest.mark.long
def test_a_function_that_opens_a_file_is_not_here(root: Path) -> None:
    found = replayed(root, "gold.looking")
    assert found.outcome is ReplayOutcome.NO_CODE
    assert found.why == "its code is another today, and of that of then it says open, and what that finds is not kept"


@pytest.mark.long
def test_a_function_runs_from_its_text_where_a_select_stands_today(root: Path) -> None:
    (root / "layers/gold/plain.py").unlink()
    make(root, {"layers/gold/plain.sql": SQL, "pyproject.toml": "[tool.lakeflow]\n"})
    found = replayed(root, "gold.plain")
    assert (found.outcome, found.recorded) == (ReplayOutcome.IDENTICAL, True)
