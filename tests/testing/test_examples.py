"""Examples beside the code of an asset, run without a lake."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest

import lakeflow
import lakeflow.lake.assembly  # so that audits of SQL alone need no process (tests/auditing.py)
from lakeflow.cli.main import run as typed
from lakeflow.core.errors import ProjectError
from lakeflow.core.expected.outcome import ExampleResult
from lakeflow.lake.lake import look

SALES = """
    /*
    [source]
    files = "data/*.csv"
    format = "csv"
    columns = {id = "int", shop = "string", total = "decimal(9, 2)"}

    [[examples]]
    name = "a file lands"
    files."data/a.csv" = "id,shop,total\\n1,oslo,2.5\\n"
    expect = [{id = 1, total = "2.50", _source_file = "data/a.csv", _loaded_at = 2013-01-01T00:00:00Z}]
    at = 2013-01-01T00:00:00Z
    */
    select * from source
"""
CLEAN = """
    /*
    key = ["id"]

    [columns.shop]
    mask = "hash"
    pii = true

    [[examples]]
    name = "without a total it is left out, and */ ends no comment"
    given."bronze.sales" = '''
    id,shop,total
    1,oslo,2.5
    2,oslo,
    '''
    expect = [{id = 1, total = 2.5}]

    [[examples]]
    name = "wrong on purpose"
    given."bronze.sales" = [{id = 1, total = 2}]
    expect = [{id = 1, total = 3}]

    [[examples]]
    name = "nothing comes of nothing"
    expect = []
    */
    select id, shop, total from bronze.sales where total is not null
"""
SHOPS = """
    from lakeflow import Relation, asset


    @asset(
        inputs={"sales": "silver.sales"},
        key=["shop"],
        examples=[
            {
                "name": "totals are added",
                "given": {"silver.sales": [{"shop": "a", "total": 1}, {"shop": "a", "total": 2}]},
                "expect": [{"shop": "a", "turnover": 3}],
            },
            {"name": "none", "given": {"silver.sales": "shop,total\\na,0"}, "fails": "sold_something"},
            {"name": "some", "given": {"silver.sales": "shop,total\\na,1"}, "fails": ["sold something", "nonesuch"]},
        ],
    )
    def shops(sales: Relation) -> Relation:
        return sales.aggregate("shop, sum(total) as turnover")
"""
DAYS = """
    /*
    key = ["day"]
    partition = "day(day)"
    start = "2013-01-01"

    [columns.day]
    type = "date"

    [[examples]]
    name = "one day"
    partition = 2013-01-02
    given."silver.visits" = [{seen = 2013-01-01T23:00:00}, {seen = 2013-01-02T01:00:00}]
    expect = [{day = 2013-01-02, visits = 1}]
    */
    select seen::date as day, count(*) as visits from silver.visits
    where seen >= $partition_start and seen < $partition_end group by all
"""
FILES = {
    "pyproject.toml": "[tool.lakeflow]\n",
    "layers/bronze/sales.sql": SALES,
    "layers/silver/sales.sql": CLEAN,
    "layers/silver/visits.sql": "/*\nkey = ['seen']\n*/\nselect timestamp '2013-01-01' as seen\n",
    "layers/gold/shops.py": SHOPS,
    "layers/gold/days.sql": DAYS,
    "checks/gold/shops.sold_something.sql": "select * from gold.shops where turnover <= 0\n",
}


def _project(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), "utf-8")
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return _project(tmp_path, FILES)


@pytest.mark.long
def test_what_examples_say_is_compared_with_what_the_code_gives_and_no_lake_is_touched(root: Path) -> None:
    with lakeflow.open(root) as lake:
        found = lake.test("bronze.*", "silver.*", "gold.days")
    assert len(found) == 5
    (told,) = (one for one in found if not one.ok)
    assert told.name == "wrong on purpose"
    assert (told.path, told.line) == ("layers/silver/sales.sql", 18)
    assert told.difference is not None
    assert told.difference.missing == (("1", "3.00"),)
    assert told.difference.unexpected == (("1", "2.00"),)
    assert not (root / ".lakeflow").exists()


@pytest.mark.long
def test_an_example_may_expect_that_checks_fail_on_what_the_code_gives(tmp_path: Path) -> None:
    """The name is that of a screen, or of the check's own file; a line is that of the example."""
    plain = {**FILES, "layers/silver/sales.sql": CLEAN.replace("pii = true", "").replace('mask = "hash"', "")}
    with lakeflow.open(_project(tmp_path, plain)) as lake:
        added, none, some = lake.test("gold.shops")
    assert (added.ok, none.ok) == (True, True)
    names = "sold something, schema, key (shop) not null, key (shop) unique"
    assert some.message == f"check 'sold something' passed; no check is called 'nonesuch': there are {names}"
    assert (some.path, some.line) == ("layers/gold/shops.py", 15)


@pytest.mark.long
def test_the_command_ends_with_1_where_an_example_comes_otherwise(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert typed(["-C", str(root), "test", "silver.sales", "bronze.sales"]) == 1
    assert "wrong on purpose  layers/silver/sales.sql:18" in capsys.readouterr().out
    assert typed(["-C", str(root), "test", "silver.sales", "-o", "json"]) == 1
    (first, second, _) = json.loads(capsys.readouterr().out)["data"]["examples"]
    assert (first["ok"], second["difference"]["unexpected"]) == (True, [["1", "2.00"]])
    assert typed(["-C", str(root), "test", "gold.days", "silver.visits"]) == 0
    assert "1 of 1 example as expected · 1 asset without an example" in capsys.readouterr().out


def _alone(tmp_path: Path, header: str, select: str, **more: str) -> tuple[ExampleResult, ...]:
    text = f"/*\n{dedent(header)}\n*/\n{select}\n"
    root = _project(tmp_path, {"pyproject.toml": "[tool.lakeflow]\n", "layers/gold/made.sql": text, **more})
    with lakeflow.open(root) as lake:
        return lake.test("gold.made")


PYTHON = """
    from lakeflow import asset

    @asset(key=["id"])
    def known():
        return "select 1 as id, 'a' as name"
"""


def test_an_input_whose_columns_only_a_run_tells_must_be_given(tmp_path: Path) -> None:
    header = '[[examples]]\nname = "empty"\nexpect = []'
    more = {"layers/silver/known.py": PYTHON}
    (told,) = _alone(tmp_path, header, "select id from silver.known", **more)
    assert "nothing is given as silver.known, whose columns only a run tells" in told.message
    header = '[[examples]]\nname = "one"\ngiven."silver.known" = [{id = 7}]\nexpect = "id\\n7"'
    (told,) = _alone(tmp_path, header, "select id from silver.known", **more)
    assert told.ok, told


def test_an_error_of_the_code_and_a_value_that_does_not_fit_are_told_of_the_example(tmp_path: Path) -> None:
    header = """
        [[examples]]
        name = "no number"
        given."silver.known" = [{id = "x"}]
        expect = []

        [[examples]]
        name = "no column"
        given."silver.known" = [{id = "1"}]
        expect = [{idd = 1}]
    """
    more = {"layers/silver/known.py": PYTHON}
    first, second = _alone(tmp_path, header, "select id::int as id from silver.known", **more)
    assert "holds no INTEGER" in first.message or "Could not convert" in first.message
    assert second.message == "what is expected of gold.made has a column 'idd', which the table does not have"
    assert second.hint == "did you mean 'id'?"


FAULTS = {
    'given."silver.knwn" = [{id = 1}]\nexpect = []': "gold.made does not read silver.knwn",
    'given."silver.known" = 3\nexpect = []': "what is given as silver.known is no rows",
    "given = 3\nexpect = []": "given is no table",
    "": "an example expects nothing",
    "expect = [{}]": "the expected rows name no column",
    "expect = 4": "what is expected is no rows",
    "fails = []": "fails names no check",
    "expct = []": "an example has an unknown field 'expct'",
    'expect = []\npartition = "2013"': "gold.made has no partitions in time",
    "expect = []\nat = 2013-01-01": "at is no time with a zone",
    'expect = []\nfiles."a.csv" = "x"': "only bronze reads files",
    'expect = []\n[[examples]]\nname = "one"\nexpect = []': "two examples are called 'one'",
}


@pytest.mark.parametrize("body", FAULTS, ids=lambda body: FAULTS[body].replace(" ", "-"))
def test_a_fault_of_an_example_is_one_of_the_project(tmp_path: Path, body: str) -> None:
    """With the line where the example begins."""
    text = f'/*\nkey = ["id"]\n\n[[examples]]\nname = "one"\n{body}\n*/\nselect id from silver.known\n'
    files = {"pyproject.toml": "[tool.lakeflow]\n", "layers/gold/made.sql": text, "layers/silver/known.py": PYTHON}
    with pytest.raises(ProjectError) as error:
        lakeflow.open(_project(tmp_path, files))
    told = next(fault for fault in error.value.faults if FAULTS[body] in fault.message)
    assert (told.path, told.line) == ("layers/gold/made.sql", 7 if "two" in told.message else 4)
    assert told.hint


def test_examples_belong_to_no_code_version(root: Path) -> None:
    """Nor does who only looks at the project run its code to know them."""
    before = {key: asset.code_version for key, asset in look(root).project.assets.items()}
    assert sum(len(asset.examples) for asset in look(root).project.assets.values()) == 8
    shops, sales = root / "layers/gold/shops.py", root / "layers/silver/sales.sql"
    shops.write_text(shops.read_text().replace('"turnover": 3', '"turnover": 4'))
    sales.write_text(sales.read_text().replace("total = 3", "total = 4").replace("# ", "## "))
    for opened in (look(root), lakeflow.open(root)):
        assert {key: asset.code_version for key, asset in opened.project.assets.items()} == before


def test_an_external_table_has_the_rows_that_an_example_gives(tmp_path: Path) -> None:
    header = """
        external = ["sales.shop.orders"]

        [[examples]]
        name = "all"
        given."sales.shop.orders" = [{id = 1}]
        expect = [{id = 1}]

        [[examples]]
        name = "none"
        expect = []
    """
    text = f"/*\nkey = ['id']\n{dedent(header)}\n*/\nselect id from sales.shop.orders\n"
    files = {"pyproject.toml": "[tool.lakeflow]\n", "layers/silver/bought.sql": text}
    with lakeflow.open(_project(tmp_path, files)) as lake:
        first, second = lake.test()
    assert first.ok, first
    assert second.message == "nothing is given as sales.shop.orders, whose columns only a run tells"
