"""`derives`: what a function says its columns are derived from, held against what it reads."""

from __future__ import annotations

from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.errors import ProjectError
from lakeflow.core.keys import AssetKey

ORDERS = "/*\nkey = ['id']\n*/ select 1 as id, 19.9 as total, 'no' as country"
FUNCTION = """from lakeflow import Relation, asset


@asset(
    inputs={{"orders": "silver.orders"}},
    key=["country"],
    derives={derives},
)
def countries(orders: Relation) -> Relation:
    return orders.aggregate("country, sum(total) as turnover, count(*) as sales", "country")
"""


def made(root: Path, derives: str) -> Path:
    (root / "pyproject.toml").write_text("[tool.lakeflow]\n")
    files = {"silver/orders.sql": ORDERS, "gold/countries.py": FUNCTION.format(derives=derives)}
    for name, text in files.items():
        (root / "layers" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "layers" / name).write_text(text)
    return root


def test_a_declared_column_is_derived_as_said_and_the_others_stay_unknown(tmp_path: Path) -> None:
    said = '{"turnover": ["orders.total"], "country": "silver.orders.country", "sales": []}'
    with lakeflow.open(made(tmp_path, said)) as lake:
        found = lake.column_lineage("gold.countries")
    assert [(str(edge.source), str(edge.target), edge.flow) for edge in found.edges] == [
        ("silver.orders.total", "gold.countries.turnover", "declared"),
        ("silver.orders.country", "gold.countries.country", "declared"),
    ]
    columns = {ref.column: column.unknown for ref, column in found.columns.items() if ref.table == "gold.countries"}
    assert columns == {"turnover": "", "country": "", "sales": ""}
    assert found.unknown == {"gold.countries": "what affects its rows: a function makes them"}


@pytest.mark.parametrize(
    ("derives", "message", "hint"),
    [
        ('{"turnover": ["order.total"]}', "derives of 'turnover' names 'order.total', which is no column", "'orders'"),
        ('{"turnover": ["orders.totl"]}', "names column 'totl', which silver.orders does not have", "'total'"),
        ('{"turnover": ["total"]}', "names 'total', which is no column of an input", "it reads orders, silver.orders"),
        ('{"turnover": 7}', "derives", 'derives={"turnover": ["orders.total"]}'),
    ],
)
def test_what_is_no_column_of_an_input_is_a_fault_at_its_line(
    tmp_path: Path, derives: str, message: str, hint: str
) -> None:
    with pytest.raises(ProjectError) as told:
        lakeflow.open(made(tmp_path, derives))
    (fault,) = told.value.faults
    assert message in fault.message
    assert hint in fault.hint
    assert (fault.path, fault.line) == ("layers/gold/countries.py", 7)


@pytest.mark.long
def test_what_only_published_columns_tell_is_found_by_check(tmp_path: Path) -> None:
    root = made(tmp_path, '{"turnovr": ["orders.total"]}')
    with lakeflow.open(root) as lake:
        lake.materialize()
        with pytest.raises(ProjectError, match=r"derives names 'turnovr', which gold\.countries does not have"):
            lake.check()


def test_it_is_no_part_of_the_code_version(tmp_path: Path) -> None:
    versions = set()
    for said in ('{"turnover": ["orders.total"]}', "{}"):
        with lakeflow.open(made(tmp_path, said)) as lake:
            versions.add(lake.project.assets[AssetKey.parse("gold.countries")].code_version)
    assert len(versions) == 1


def test_a_select_tells_by_itself(tmp_path: Path) -> None:
    made(tmp_path, "{}")
    (tmp_path / "layers/silver/orders.sql").write_text("/*\nderives = {total = ['x.y']}\n*/ select 1 as id")
    with pytest.raises(ProjectError, match="unknown field 'derives'"):
        lakeflow.open(tmp_path)
