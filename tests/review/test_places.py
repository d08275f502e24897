"""The line that a result is marked at: where what is to blame stands in its file."""

from __future__ import annotations

import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

import lakeflow
from lakeflow.cli.main import run as typed
from lakeflow.core.review.places import (
    line_of_column,
    line_of_fault,
    line_of_function,
    line_of_setting,
    lines_of_checks,
)

SQL = """-- prices of shops
/*
key = ["item"]
[columns.price]
type = "int"
*/
-- what follows is the code
with dear as (select price from bronze.prices)
select item,
    price + 1 as "The Price",
    price
from dear
"""
PYTHON = """from lakeflow import asset

LIMIT = 3


@asset(
    inputs={"raw": "bronze.raw"},
    key=["x"],
    columns={"mail": {'pii': True}},
)
def people(raw):
    return raw
"""
SUITE = """import great_expectations.expectations as gxe
from lakeflow import check

expectations = [
    gxe.ExpectColumnValuesToNotBeNull(column="x"),
    gxe.ExpectColumnValuesToBeBetween(
        column="x", min_value=5
    ),
]


@check(severity="warning")
def odd(branch):
    return True
"""


@pytest.mark.parametrize(("column", "line"), [("item", 9), ("the price", 10), ("PRICE", 11), ("nothing", 8)], ids=str)
def test_a_column_stands_where_the_outermost_select_gives_it(column: str, line: int) -> None:
    assert line_of_column(SQL, column) == line


def test_a_fault_stands_where_its_message_says_or_where_its_column_is_named_first() -> None:
    assert line_of_fault(SQL, "a.sql", 'Referenced column "price" not found', 1) == 8
    assert line_of_fault(SQL, "a.py", "boom (a.py:12)", 1) == 12
    assert line_of_fault(SQL, "a.sql", "out of memory", 7) == 7


def test_a_function_stands_at_its_decorator_and_a_field_where_it_is_written() -> None:
    fields = ("", "key", "columns.mail", "write")
    assert [line_of_function(PYTHON, "people", field) for field in fields] == [6, 8, 9, 6]
    assert line_of_function(PYTHON, "nobody") is None
    assert line_of_function("def broken(:", "broken") is None


def test_each_expectation_and_each_check_function_stands_where_it_is_written() -> None:
    assert lines_of_checks(SUITE, ["x not null", "x at least 5", "odd"]) == (5, 6, 12)


@pytest.mark.parametrize(
    "text",
    ["\nexpectations = [*others]\n", "\nexpectations = many()\n", "\nexpectations = []\nexpectations += [1, 2]\n"],
    ids=["starred", "called", "added"],
)
def test_expectations_that_no_list_names_stand_where_they_are_bound(text: str) -> None:
    assert set(lines_of_checks(text, ["a", "b"])) <= {2, 3}


@pytest.mark.parametrize(
    ("key", "line"),
    [("keep_snapshots", 3), ("catalogs.sales.uri", 6), ("catalogs.sales.no", 5), ("nothing", 2)],
    ids=str,
)
def test_a_setting_stands_where_its_key_does(key: str, line: int) -> None:
    text = "[project]\n[tool.lakeflow]\nkeep_snapshots = 1\n\n[tool.lakeflow.catalogs.sales]\nuri = 'x'\n"
    assert line_of_setting(text, key) == line


BROKEN = PYTHON.replace("bronze.raw", "silver.cheap").replace("True}", "False}").replace("return raw", "1 / 0")
FILES = {
    "layers/silver/prices.sql": "/*\nkey = ['item']\n*/\n-- dear\nselect * from (values (1, 9), (1, 2)) t(item, price)",
    "layers/silver/odd.sql": "/*\nkey = ['item']\n*/\nselect 1 as item,\n  nothing as price\nfrom silver.cheap\n",
    "layers/silver/people.py": BROKEN,
    "layers/gold/sums.py": "from lakeflow import asset\n\n\n@asset(inputs={'p': 'silver.cheap'}, key=['item'])\n"
    "def sums(p):\n    return 'select 1 as item from p'\n",
    "layers/silver/cheap.sql": "/*\nkey = ['item']\n*/\nselect * from (values (1), (2)) t(item)\n",
    "checks/silver/prices.cheap.sql": "/* severity = 'critical' */\n\nselect * from silver.prices\nwhere price > 5\n",
    "checks/silver/prices.py": SUITE.replace('"x"', '"price"'),
}


@pytest.mark.long
def test_marks_are_on_the_very_lines_and_paths_are_the_repositorys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The checkout is no workspace, and the project is a folder of it."""
    root = tmp_path / "checkout" / "data" / "lake"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    subprocess.run(["git", "init", "--quiet", str(tmp_path / "checkout")], check=True)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    report = tmp_path / "report.xml"
    assert typed(["-C", str(root), "materialize", "--junit", str(report)]) == 1
    marked = {line.split(",title=")[1].split("::")[0]: line.split(",title=")[0] for line in _marks(capsys)}
    assert marked == {
        "silver.prices write": "::error file=data/lake/layers/silver/prices.sql,line=5",
        "silver.prices cheap": "::error file=data/lake/checks/silver/prices.cheap.sql,line=3",
        "silver.prices price at least 5": "::error file=data/lake/checks/silver/prices.py,line=6",
        "silver.prices key (item) unique": "::error file=data/lake/layers/silver/prices.sql,line=2",
        "silver.odd write": "::error file=data/lake/layers/silver/odd.sql,line=5",
        "silver.people write": "::error file=data/lake/layers/silver/people.py,line=12",
        "gold.sums write": "::error file=data/lake/layers/gold/sums.py,line=4",
        "gold.sums key (item) unique": "::error file=data/lake/layers/gold/sums.py,line=4",
    }
    cases = {(each.get("file"), each.get("line")) for each in ElementTree.parse(report).iter("testcase")}
    assert ("data/lake/checks/silver/prices.cheap.sql", "3") in cases


def test_a_setting_and_a_faulty_file_are_marked_at_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    project = tmp_path / "sub"
    (project / "layers/silver").mkdir(parents=True)
    settings = project / "pyproject.toml"
    settings.write_text("[project]\nname = 'x'\n\n[tool.lakeflow]\nname = 'lake'\nparallel = 'all'\n")
    assert typed(["-C", str(project), "check"]) == 2
    assert [line.split(",title=")[0] for line in _marks(capsys)] == ["::error file=sub/pyproject.toml,line=6"]
    settings.write_text("[tool.lakeflow]\nname = 'lake\n")
    assert typed(["-C", str(project), "plan"]) == 2
    assert [line.split(",title=")[0] for line in _marks(capsys)] == ["::error file=sub/pyproject.toml,line=2"]
    settings.write_text("[tool.lakeflow]\n")
    (project / "layers/silver/a.sql").write_text("/*\nkey = ['item']\n*/\nselect 1 as item\n")
    (project / "layers/silver/b.sql").write_text("/*\nkey = ['item']\n*/\nselect item,\n  cost\nfrom silver.a\n")
    assert typed(["-C", str(project), "check"]) == 2
    assert [line.split(",title=")[0] for line in _marks(capsys)] == ["::error file=sub/layers/silver/b.sql,line=5"]
    with lakeflow.open(project) as lake:
        assert len(lake.project.assets) == 2


def _marks(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("::")]
