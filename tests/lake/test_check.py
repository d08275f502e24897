"""`check` finds what can be known of a project before it runs, and calls nothing a fault that may be none."""

from __future__ import annotations

from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.errors import Fault, ProjectError
from lakeflow.core.keys import AssetKey

BRONZE = "select * from (values (1, 'Ada', 7.5::decimal(9, 2))) as v(id, buyer, price)"
LANDING = """/*
[source]
folder = 'data'
files = '*.csv'
format = 'csv'
columns = { id = 'int', buyer = 'string' }
*/
select {columns}, _source_file, _source_row, _loaded_at from source
"""
PYTHON = """
import duckdb
from lakeflow import asset

@asset(inputs={"sales": "bronze.sales"}, key="id")
def buyers(sales: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    return sales.project("id, buyer")
"""
SUITE = "import great_expectations.expectations as gxe\nexpectations = [\n    {first},\n    {second},\n]\n"
GOOD = "gxe.ExpectColumnValuesToNotBeNull(column='id')"


def make(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def project(root: Path, **files: str) -> Path:
    """`silver_sales=...` is the text of `layers/silver/sales.sql`, behind a header of three lines."""
    keyed = {
        n: t if "/*" in t or not n.startswith("silver") else f"/*\nkey = ['id']\n*/\n{t}" for n, t in files.items()
    }
    named = {f"layers/{name.replace('_', '/', 1)}.sql": text for name, text in keyed.items()}
    return make(root, {"pyproject.toml": "[tool.lakeflow]\n", "layers/bronze/sales.sql": BRONZE, **named})


def faults(root: Path, *, deep: bool = False) -> list[Fault]:
    with lakeflow.open(root) as lake:
        try:
            lake.check(deep=deep)
        except ProjectError as error:
            return list(error.faults)
    return []


def unbound(root: Path) -> tuple[AssetKey, ...]:
    with lakeflow.open(root) as lake:
        return lake.check()


@pytest.mark.parametrize(
    ("select", "line", "told", "hint"),
    [
        ("select id,\n  buyr\nfrom bronze.sales", 2, '"buyr" not found', "'buyer'"),
        ("select s.prize from bronze.sales as s", 1, '"prize"', ""),
        ("select totl(id) from bronze.sales", 1, "totl does not exist", ""),
        ("select id + buyer as x from bronze.sales", 1, "No function matches", "cast"),
        ("select id from bronze.sales group by buyer", 1, "GROUP BY", ""),
        ("with a as (select nothing from bronze.sales) select * from a", 1, '"nothing"', ""),
        ("select interval 1 day as span from bronze.sales", 1, "type INTERVAL", "cast it"),
        ("select id, buyer as ID from bronze.sales", 1, "ID", ""),
        ("select id, buyer as _File from bronze.sales", 1, "Iceberg reserves", "'File'"),
        ("select id, price as _pos from bronze.sales", 1, "Iceberg reserves", "'pos'"),
        ("select id, {'a.b': 1, 'a': {'b': 2}} as s from bronze.sales", 1, "called 's.a.b' by readers", "a dot"),
        ('select id, [1] as l, 5 as "l.element" from bronze.sales', 1, "called 'l.element' by readers", "a dot"),
    ],
)
def test_what_a_select_names_and_is_not_there_is_a_fault_with_its_line(
    tmp_path: Path, select: str, line: int, told: str, hint: str
) -> None:
    (found,) = faults(project(tmp_path, silver_sales=select))
    assert (found.path, found.line) == ("layers/silver/sales.sql", line + 3)
    assert told in found.message
    assert hint in found.hint
    assert not (tmp_path / ".lakeflow").exists()


def test_columns_are_followed_through_the_selects_and_a_fault_is_told_once(tmp_path: Path) -> None:
    root = project(
        tmp_path, silver_sales="select id, buyr as buyer from bronze.sales", gold_top="select buyer from silver.sales"
    )
    assert [found.path for found in faults(root)] == ["layers/silver/sales.sql"]
    project(root, silver_sales="select id, buyer as who from bronze.sales")
    (found,) = faults(root)
    assert found.path == "layers/gold/top.sql"
    assert '"buyer" not found' in found.message


def test_masks_declared_types_histories_and_windows_are_known(tmp_path: Path) -> None:
    silver = """/*
write = 'scd2'
key = ['id']
[columns]
id = { pii = true, mask = 'hash' }
price = { type = 'double' }
*/
select id, price from bronze.sales
"""
    gold = "select upper(id) as id, price, valid_from, is_current from silver.sales where valid_to is null"
    days = """/*
write = 'partition'
key = ['id']
partition = 'day(at)'
start = '2024-01-01'
*/
select id, $partition_start as at from bronze.sales where timestamp '2024-01-01' < $partition_end
"""
    root = project(tmp_path, silver_sales=silver, gold_top=gold, silver_days=days)
    assert unbound(root) == ()


@pytest.mark.parametrize(
    ("columns", "wrong"), [("id, buyer", ""), ("id, buyr", '"buyr"'), ("id + buyer as x", "No function")]
)
def test_landed_rows_have_their_declared_columns_and_where_they_came_from(
    tmp_path: Path, columns: str, wrong: str
) -> None:
    found = faults(project(tmp_path, bronze_landed=LANDING.replace("{columns}", columns)))
    assert [wrong in each.message for each in found] == [True] * bool(wrong)


@pytest.mark.parametrize(
    ("file", "text", "wrong"),
    [
        ("bronze/sales.odd.sql", "select * from bronze.sales\nwhere prce < 0", '"prce"'),
        ("bronze/sales.odd.sql", "select * from published.bronze.sales where prce < 0", '"prce"'),
        ("bronze/sales.odd.sql", "select * from bronze.sales join published.bronze.sales using (id)", ""),
    ],
)
def test_row_checks_are_looked_up_as_assets_are(tmp_path: Path, file: str, text: str, wrong: str) -> None:
    root = make(project(tmp_path), {f"checks/{file}": text})
    found = faults(root)
    assert [(each.path, wrong in each.message) for each in found] == [(f"checks/{file}", True)] * bool(wrong)


def test_what_tells_its_columns_only_when_it_runs_makes_no_fault(tmp_path: Path) -> None:
    files = {"layers/silver/buyers.py": PYTHON, "data/x.csv": "a\n1\n"}
    root = make(
        project(
            tmp_path,
            gold_top="select anything from silver.buyers",
            bronze_file="select nothing from 'data/x.csv'",
            bronze_read="select st_area(a) as a from read_csv('data/x.csv')",
            bronze_extension="select st_area('x') as a",
        ),
        files,
    )
    assert {str(key) for key in unbound(root)} == {"gold.top", "bronze.file", "bronze.read", "bronze.extension"}


@pytest.mark.long
def test_what_the_same_code_published_is_known_until_the_code_changes(tmp_path: Path) -> None:
    root = make(project(tmp_path), {"layers/silver/buyers.py": PYTHON})
    with lakeflow.open(root) as lake:
        lake.materialize()
    project(root, gold_top="select prize from silver.buyers")
    (found,) = faults(root)
    assert '"prize"' in found.message
    make(root, {"layers/silver/buyers.py": PYTHON.replace("id, buyer", "id, 1 as prize")})
    assert not faults(root)
    make(root, {"layers/silver/buyers.py": PYTHON})
    project(root, bronze_sales=BRONZE.replace("buyer", "customer, buyer").replace("'Ada'", "'Ada', 'Bo'"))
    assert not faults(root), "what passes columns on may give others now"


def test_deep_finds_columns_arguments_and_expectations_that_are_not_there(tmp_path: Path) -> None:
    wrong = "gxe.ExpectColumnValuesToNotBeNull(column='idd')"
    suites = {
        "checks/bronze/sales.py": SUITE.format(first=GOOD, second=wrong),
        "checks/silver/sales.py": SUITE.format(first=GOOD, second="gxe.ExpectNoSuchThing(column='id')"),
        "checks/silver/other.py": SUITE.format(first=GOOD, second="gxe.ExpectColumnValuesToNotBeNull(clumn='id')"),
        "checks/silver/query.py": SUITE.format(
            first=GOOD, second="gxe.UnexpectedRowsExpectation(unexpected_rows_query='select idd from {batch}')"
        ),
        "checks/silver/good.py": SUITE.format(first=GOOD, second=GOOD.replace("'id'", "'buyer'")),
    }
    same = "select * from bronze.sales"
    root = make(project(tmp_path, silver_sales=same, silver_other=same, silver_query=same, silver_good=same), suites)
    assert not faults(root)
    found = {each.path: each for each in faults(root, deep=True)}
    assert {path: each.line for path, each in found.items()} == {
        "checks/bronze/sales.py": 4,
        "checks/silver/sales.py": 4,
        "checks/silver/other.py": 4,
        "checks/silver/query.py": 4,
    }
    assert "did you mean 'id'?" in found["checks/bronze/sales.py"].message
    assert "ExpectNoSuchThing" in found["checks/silver/sales.py"].message
    assert "clumn" in found["checks/silver/other.py"].message
    assert "idd" in found["checks/silver/query.py"].message
    assert not (root / ".lakeflow").exists()


@pytest.mark.long
def test_deep_loads_the_checks_of_an_asset_whose_columns_are_not_known(tmp_path: Path) -> None:
    files = {
        "layers/silver/buyers.py": PYTHON,
        "checks/silver/buyers.py": SUITE.format(first=GOOD, second="1 / 0"),
    }
    (found,) = faults(make(project(tmp_path), files), deep=True)
    assert (found.path, found.line) == ("checks/silver/buyers.py", 4)
    assert "ZeroDivisionError" in found.message
    make(tmp_path, {"checks/silver/buyers.py": SUITE.format(first=GOOD, second=GOOD.replace("'id'", "'unknown'"))})
    assert not faults(tmp_path, deep=True)


def test_a_database_that_cannot_be_reached_keeps_no_fault_from_being_found(tmp_path: Path) -> None:
    root = project(tmp_path, silver_sales="select id, buyr from bronze.sales")
    with (
        lakeflow.open(root, settings={"catalog": "https://lake.example"}) as lake,
        pytest.raises(ProjectError, match="buyr"),
    ):
        lake.check()


@pytest.mark.parametrize("type_", ["varchar", "int", "time", "timestamp[]"])
def test_a_column_that_tells_no_time_cannot_say_how_fresh_its_asset_is(tmp_path: Path, type_: str) -> None:
    header = "/*\nkey = ['id']\nfresh = '36h'\nfresh_column = 'at'\n*/\n"
    text = f"{header}select id, null::{type_} as at, null::date as day from bronze.sales"
    (fault,) = faults(project(tmp_path, silver_sales=text))
    assert (fault.path, fault.hint) == ("layers/silver/sales.sql", "name a column of date or time: day")
    assert "fresh_column names 'at', and " in fault.message


@pytest.mark.parametrize("type_", ["date", "timestamp", "timestamptz"])
def test_a_column_of_date_or_time_can_say_how_fresh_its_asset_is(tmp_path: Path, type_: str) -> None:
    header = "/*\nkey = ['id']\nfresh = '36h'\nfresh_column = 'at'\n*/\n"
    assert faults(project(tmp_path, silver_sales=f"{header}select id, null::{type_} as at from bronze.sales")) == []


@pytest.mark.long
def test_a_function_is_told_of_a_freshness_column_that_it_did_not_give(tmp_path: Path) -> None:
    root = make(project(tmp_path), {"layers/silver/buyers.py": PYTHON})
    assert faults(root) == []
    with lakeflow.open(root) as lake:
        lake.materialize()
    said = PYTHON.replace('key="id"', 'key="id", fresh="1h", fresh_column="at"')
    make(root, {"layers/silver/buyers.py": said})
    assert [fault.message for fault in faults(root)] == ["fresh_column names 'at', which silver.buyers does not have"]
