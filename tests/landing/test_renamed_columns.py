"""Lakes of an early release, whose landed tables have `_file` and `_row`, which Iceberg keeps for itself."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.table import StaticTable

from tests.landing.lab import Lake
from tests.landing.test_bad_files import GOOD

GXE = "import great_expectations.expectations as gxe\n\n"
OLD = {"_source_file": "_file", "_source_row": "_row"}


@pytest.fixture
def aged(lake: Lake) -> Lake:
    """A lake with one file landed, as an early release left it."""
    lake.drop("1.csv", GOOD)
    lake.load()
    age(lake, "orders")
    return lake


def age(lake: Lake, table: str) -> None:
    newest = newest_metadata(lake, table)
    content = json.loads(newest.read_text())
    for schema in content["schemas"]:
        for field in schema["fields"]:
            field["name"] = OLD.get(field["name"], field["name"])
    content["properties"].pop("lakeflow.sha256", None)
    newest.write_text(json.dumps(content))


def newest_metadata(lake: Lake, table: str = "orders") -> Path:
    return max((lake.root / f".lakeflow/warehouse/bronze/{table}/metadata").glob("*.metadata.json"))


def read_back(lake: Lake) -> pa.Table:
    """By pyiceberg, from the files alone."""
    return StaticTable.from_metadata(str(newest_metadata(lake))).scan().to_arrow().sort_by("id")


@pytest.mark.long
def test_the_next_publish_gives_the_columns_their_names_and_lands_nothing_again(aged: Lake) -> None:
    before = read_back(aged)
    assert "renames columns: _file → _source_file, _row → _source_row" in aged.reasons()
    done = aged.materialize()
    assert done.returncode == 0, done.stdout + done.stderr
    after = read_back(aged)
    assert after.column_names == ["id", "total", "_source_file", "_source_row", "_loaded_at"]
    assert after.rename_columns(before.column_names) == before
    fields = StaticTable.from_metadata(str(newest_metadata(aged))).schema().fields
    assert [field.field_id for field in fields] == [1, 2, 3, 4, 5]
    assert "Nothing to do" in aged.materialize().stdout
    (newest, *_) = aged.json("snapshots", "bronze.orders")["snapshots"]
    assert newest["state"] == "published"


@pytest.mark.long
def test_new_files_land_beside_the_old_rows(aged: Lake) -> None:
    aged.drop("2.csv", "id,total\n3,30\n")
    assert [row[2:] for row in aged.load()] == [("drops/1.csv", "1"), ("drops/1.csv", "2"), ("drops/2.csv", "1")]
    assert read_back(aged)["_source_file"].to_pylist() == ["drops/1.csv", "drops/1.csv", "drops/2.csv"]


@pytest.mark.long
def test_a_rollback_brings_the_old_names_back_and_the_next_run_renames_them_again(aged: Lake) -> None:
    assert aged.materialize().returncode == 0
    run = aged.json("runs")["runs"][0]["id"]
    assert aged.run("rollback", run).returncode == 0
    assert "_file" in read_back(aged).column_names
    assert [row[2:] for row in aged.load()] == [("drops/1.csv", "1"), ("drops/1.csv", "2")]


@pytest.mark.long
def test_what_is_made_from_it_takes_the_new_names_along(aged: Lake) -> None:
    """An upsert keeps its rows, so that its columns are renamed as those of what it reads are."""
    aged.write("layers/silver/orders.sql", '/*\nkey = ["id"]\nwrite = "upsert"\n*/\nselect * from bronze.orders\n')
    aged.drop("2.csv", "id,total\n3,30\n")
    done = aged.run("materialize", "silver.orders")
    assert "has a name that Iceberg reserves" in done.stdout
    assert "write _source_file" in done.stdout
    done = aged.materialize()
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_what_consumes_its_new_rows_goes_on_where_it_was(aged: Lake) -> None:
    """A rename brings no row, and takes none back."""
    header = '/*\nkey = ["id"]\nwrite = "upsert"\nnew_rows = ["bronze.orders"]\n*/\n'
    aged.write("layers/silver/orders.sql", header + "select id, total from bronze.orders\n")
    assert aged.run("materialize", "silver.orders").returncode == 0
    done = aged.materialize()
    assert done.returncode == 0, done.stdout + done.stderr
    aged.drop("2.csv", "id,total\n3,30\n")
    done = aged.materialize()
    assert done.returncode == 0, done.stdout + done.stderr
    silver = next(line for line in done.stdout.splitlines() if "silver.orders" in line)
    assert silver.split()[2:4] == ["wrote", "1"]


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("orders.sql", '/*\nkey = ["id"]\n*/\nselect id, _file as name from bronze.orders\n'),
        ("orders.sql", '/*\nkey = ["id"]\n*/\nselect * exclude (_file) from bronze.orders\n'),
        (
            "orders.py",
            "from lakeflow import asset\n\n\n@asset(inputs={'raw': 'bronze.orders'}, key=['id'])\n"
            "def orders(raw):\n    return raw.select('id, _file')\n",
        ),
        (
            "orders.py",
            "import pyarrow\n\nfrom lakeflow import asset\n\n\n@asset(inputs={'raw': 'bronze.orders'}, key=['id'])\n"
            "def orders(raw: pyarrow.Table):\n    return raw.append_column('name', raw['_file'])\n",
        ),
    ],
)
def test_code_that_reads_an_old_name_is_told_the_new_one(lake: Lake, name: str, text: str) -> None:
    lake.drop("1.csv", GOOD)
    lake.write(f"layers/silver/{name}", text)
    done = lake.materialize()
    assert done.returncode == 1
    assert "write _source_file: the column _file of landed rows is called so now" in done.stdout


@pytest.mark.long
def test_code_that_reads_the_new_name_of_a_table_that_has_the_old_one_is_told_to_run_that(aged: Lake) -> None:
    aged.write("layers/silver/orders.sql", '/*\nkey = ["id"]\n*/\nselect id, _source_file as f from bronze.orders\n')
    done = aged.run("materialize", "silver.orders")
    assert "run the asset that lands it first" in done.stdout
    assert aged.materialize().returncode == 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("orders.py", GXE + "expectations = [gxe.ExpectColumnValuesToNotBeNull(column='_file')]\n"),
        ("orders.named.sql", "select * from bronze.orders where _file is null\n"),
    ],
)
def test_a_check_of_an_old_name_is_told_the_new_one(lake: Lake, name: str, text: str) -> None:
    lake.drop("1.csv", GOOD)
    lake.write(f"checks/bronze/{name}", text)
    assert "write _source_file" in lake.materialize().stdout


def test_an_old_name_that_is_declared_is_a_fault_of_the_project(lake: Lake) -> None:
    """That a file's name is personal must not be without effect."""
    lake.asset("[columns._file]\npii = true")
    done = lake.run("check")
    assert done.returncode == 2
    assert "write _source_file" in done.stdout + done.stderr


@pytest.mark.long
def test_rows_that_were_refused_before_go_back_under_the_new_names(lake: Lake) -> None:
    check = lake.write(
        "checks/bronze/orders.py",
        GXE + "expectations = [\n    gxe.ExpectColumnValuesToBeInSet(column='id', value_set=['1'],"
        " meta={'lakeflow': {'on_fail': 'quarantine'}})\n]\n",
    )
    lake.drop("1.csv", GOOD)
    assert [row[0] for row in lake.load()] == ["1"]
    age(lake, "orders")
    age(lake, "orders__quarantine")
    check.write_text(check.read_text().replace("['1']", "['1', '2']"))
    assert lake.materialize().returncode == 0
    done = lake.run("quarantine", "readmit", "bronze.orders")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [(row[0], row[2], row[3]) for row in lake.rows()] == [("1", "drops/1.csv", "1"), ("2", "drops/1.csv", "2")]
