"""How a source is declared, and every fault of a declaration."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lakeflow import files
from lakeflow.core.model.file_source import FileSource, Format
from tests.project.files import BRONZE, asset_of, faults

SQL = """\
/*
[source]
folder = "drops/"
files = ["*.csv", "*.gz"]
format = "csv"
delimiter = ";"

[source.columns]
id = "long"
total = ""
*/
select * from source
"""
PYTHON = """\
from lakeflow import asset, files


@asset(
    source=files("drops/*.csv", "drops/*.gz", format="csv", delimiter=";", columns={"id": "long", "total": ""}),
)
def orders(landed):
    return landed
"""
DECLARED = FileSource(("drops/*.csv", "drops/*.gz"), Format.CSV, {"id": "long", "total": ""}, delimiter=";")


def sql(text: str) -> dict[str, str]:
    return {"layers/bronze/orders.sql": text}


def python(text: str) -> dict[str, str]:
    return {"layers/bronze/orders.py": text}


@pytest.mark.parametrize("project", [sql(SQL), python(PYTHON)], ids=["sql", "python"])
def test_a_source_says_the_same_in_sql_and_in_python(tmp_path: Path, project: dict[str, str]) -> None:
    asset = asset_of(tmp_path, project, "bronze.orders")
    assert asset.files == DECLARED
    assert asset.outside == DECLARED.globs


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('";"', '"|"'),
        ('"long"', '"int"'),
        ('"*.csv"', '"*.txt"'),
        ('id = "long"\ntotal = ""', 'total = ""\nid = "long"'),
    ],
)
def test_what_changes_the_data_changes_the_code_version(tmp_path: Path, old: str, new: str) -> None:
    before = asset_of(tmp_path / "before", sql(SQL), "bronze.orders").code_version
    assert asset_of(tmp_path / "after", sql(SQL.replace(old, new)), "bronze.orders").code_version != before


FAULTS = {
    "an unknown field": (SQL.replace("delimiter", "delimeter"), "did you mean 'delimiter'?"),
    "no format": (SQL.replace('format = "csv"\n', ""), "the formats are csv, ndjson, json, parquet"),
    "no files": (SQL.replace('files = ["*.csv", "*.gz"]', "files = []"), "source names no files"),
    "no columns": (SQL.replace("[source.columns]", "[columns.x]").replace('id = "long"\ntotal = ""', ""), "no columns"),
    "a type that is none": (SQL.replace('"long"', '"lon"'), "column 'id' of source"),
    "a column of our own": (SQL.replace("total =", "_source_file ="), "source cannot have a column '_source_file'"),
    "a column twice": (SQL.replace("total =", "ID ="), "source names columns 'id' and 'ID'"),
    "a long delimiter": (SQL.replace('";"', '";;"'), "delimiter is not one character"),
    "an unknown encoding": (SQL.replace('delimiter = ";"', 'encoding = "latin-99"'), "unknown encoding 'latin-99'"),
    "a dialect for JSON": (SQL.replace('"csv"', '"ndjson"'), "delimiter means nothing for ndjson"),
    "a SELECT that does not read it": (SQL.replace("from source", ""), "the SELECT does not read source"),
    "a second file": (SQL + "join 'other.csv' using (id)\n", "reads another file"),
    "two stars in a name": (SQL.replace('"*.csv"', '"x**.csv"'), "** in the files of source stands beside"),
    "another once": (SQL.replace("delimiter", "once = 'twice'\ndelimiter"), "once is 'twice'"),
    "reads": (SQL.replace("/*\n", '/*\nreads = ["x.csv"]\n'), "both source and reads"),
    "another table": (SQL + "union all select * from bronze.raw\n", "both source and inputs"),
    "a table that is called otherwise": (SQL.replace("from source", "from landed"), "table 'landed' names no layer"),
    "no table called source without it": ("select * from source", "names no layer"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_a_source_is_told_with_its_place(tmp_path: Path, fault: str) -> None:
    text, says = FAULTS[fault]
    found = faults(tmp_path, {**BRONZE, **sql(text)})
    assert any(says in f"{each.message} {each.hint}" for each in found), found
    assert {each.path for each in found} == {"layers/bronze/orders.sql"}


@pytest.mark.parametrize("parameters", ["", "landed, more"])
def test_a_function_that_lands_files_takes_one_parameter(tmp_path: Path, parameters: str) -> None:
    found = faults(tmp_path, python(PYTHON.replace("(landed)", f"({parameters})")))
    assert ["not one" in fault.message for fault in found] == [True]
    assert "def orders(landed)" in found[0].hint


def test_only_bronze_lands_files(tmp_path: Path) -> None:
    found = faults(tmp_path, {"layers/gold/orders.sql": SQL})
    assert [fault.message for fault in found] == ["gold.orders lands outside files, which only bronze may"]


def test_a_misspelled_argument_says_what_was_meant() -> None:
    with pytest.raises(TypeError, match="did you mean 'columns'"):
        files("x.csv", format="csv", column=["a"])  # type: ignore[call-arg]  # what is refused


def test_importing_files_loads_no_library() -> None:
    script = "import sys; from lakeflow import asset, files; print(*sorted(m.partition('.')[0] for m in sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    heavy = {"duckdb", "pyarrow", "pyiceberg", "sqlglot", "pydantic", "sqlalchemy", "click", "rich"}
    assert not heavy & set(loaded)
