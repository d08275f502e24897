"""`lake.column_lineage` over a project: through layers, files, masks, histories, functions, and what is not known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.columns.graph import ColumnLineage
from lakeflow.core.errors import UsageError

FILES = {
    "bronze/orders.sql": """/*
[source]
files = "landing/*.csv"
format = "csv"
columns = ["id", "Total", "email"]

[columns.email]
pii = true
*/
select * replace (trim(email) as email) from source""",
    "silver/orders.sql": """/*
key = ["id"]
write = "upsert"
keep = "last by _loaded_at"

[columns.email]
pii = true
mask = "hash"
*/
select id::int as id, total::int as total, email, _loaded_at from bronze.orders where id <> ''""",
    "silver/history.sql": "/*\nkey = ['id']\nwrite = 'scd2'\n*/ select id, total from silver.orders",
    "silver/functions.py": """from lakeflow import Relation, asset


@asset(inputs={"orders": "silver.orders"}, key=["id"], columns={"id": {}, "half": {}})
def halves(orders: Relation) -> Relation:
    return orders.select("id, total / 2 as half")
""",
    "gold/sums.sql": "/*\nkey = ['one']\n*/ select 1 as one, sum(total) as total from silver.orders",
    "gold/halves.sql": "/*\nkey = ['id']\n*/ select id, half from silver.halves",
}
Opened = Callable[[Mapping[str, str]], lakeflow.Lake]


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    def make(files: Mapping[str, str]) -> lakeflow.Lake:
        (tmp_path / "pyproject.toml").write_text("[tool.lakeflow]\n")
        for name, text in files.items():
            path = tmp_path / "layers" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return lakeflow.open(tmp_path)

    return make


@pytest.fixture(autouse=True)
def _salted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEFLOW_PII_SALT", "0123456789abcdef0123456789abcdef")


def edges_of(found: ColumnLineage) -> list[str]:
    return [f"{edge.source} {edge.flow} {edge.target}" for edge in found.edges]


def test_a_column_is_followed_from_gold_to_the_column_of_a_file(opened: Opened) -> None:
    with opened(FILES) as lake:
        found = lake.column_lineage("gold.sums.total")
    assert edges_of(found) == [
        "landing/*.csv.Total copied bronze.orders.Total",
        "bronze.orders.Total computed silver.orders.total",
        "silver.orders.total aggregated gold.sums.total",
    ]
    assert {str(ref) for ref in found.rows["silver.orders"]} == {"bronze.orders.id", "bronze.orders._loaded_at"}


def test_a_column_is_followed_down_and_says_its_mask(opened: Opened) -> None:
    with opened(FILES) as lake:
        found = lake.column_lineage("bronze.orders.EMAIL")
    assert edges_of(found)[-1] == "bronze.orders.email copied silver.orders.email"
    columns = {str(ref): column for ref, column in found.columns.items()}
    assert columns["silver.orders.email"].mask == "hash"
    assert columns["bronze.orders.email"].personal


@pytest.mark.long
def test_what_lakeflow_adds_is_no_column_of_a_file_and_of_no_input(opened: Opened) -> None:
    with opened(FILES) as lake:
        every = lake.column_lineage()
        assert {column.made_by for column in lake.column_lineage("silver.history.valid_to").columns.values()} == {
            "lakeflow"
        }
    assert not [ref for ref in every.columns if ref.table == "landing/*.csv" and ref.column.startswith("_")]


def test_a_quarantine_has_the_columns_of_its_owner_and_what_lakeflow_adds(opened: Opened) -> None:
    source = FILES["bronze/orders.sql"].replace("[columns.email]", 'on_malformed = "quarantine"\n\n[columns.email]')
    with opened({**FILES, "bronze/orders.sql": source}) as lake:
        found = lake.column_lineage("bronze.orders__quarantine")
    assert edges_of(found) == [
        f"landing/*.csv.{name} {how} bronze.orders__quarantine.{name}"
        for name, how in (("id", "copied"), ("Total", "copied"), ("email", "computed"))
    ]
    added = [ref.column for ref in found.asked if found.columns[ref].made_by == "lakeflow"]
    assert added == ["_source_file", "_source_row", "_loaded_at"]
    assert found.unknown == {"bronze.orders__quarantine": "what affects its rows: the checks of bronze.orders do"}


def test_what_a_function_makes_is_unknown_and_so_said_below_and_above(opened: Opened) -> None:
    with opened(FILES) as lake:
        made, below = lake.column_lineage("silver.halves.half"), lake.column_lineage("silver.orders.total")
    assert made.columns[made.asked[0]].unknown == "by function: `derives` may say it"
    assert below.unknown["silver.halves"] == "by function"
    assert not made.edges


def test_a_reader_of_columns_that_nobody_knows_is_unknown_with_the_reason(opened: Opened) -> None:
    function = FILES["silver/functions.py"].replace(', columns={"id": {}, "half": {}}', "")
    with opened({**FILES, "silver/functions.py": function}) as lake:
        with pytest.raises(UsageError, match=r"columns of gold\.halves are not known: the columns of silver\.halves"):
            lake.column_lineage("gold.halves")
        with pytest.raises(UsageError, match=r"columns of silver\.halves are not known"):
            lake.column_lineage("silver.halves.half")


@pytest.mark.parametrize(
    ("asked", "said", "hint"),
    [
        ("silver.orders.totl", "silver.orders has no column 'totl'", "did you mean 'total'?"),
        ("silver.order.total", "nothing matches 'silver.order'", "did you mean `silver.orders`?"),
        ("gold.sums.x.y", "gold.sums has no column 'x.y'", "its columns are one, total"),
    ],
)
def test_an_unknown_name_says_what_was_meant(opened: Opened, asked: str, said: str, hint: str) -> None:
    with opened(FILES) as lake, pytest.raises(UsageError) as told:
        lake.column_lineage(asked)
    assert (told.value.message, told.value.hint) == (said, hint)


def test_files_whose_columns_are_not_declared_and_sql_that_opens_files_are_unknown(opened: Opened) -> None:
    files = {
        "bronze/parquet.sql": '/*\n[source]\nfiles = "landing/*.parquet"\nformat = "parquet"\n*/ select * from source',
        "bronze/opens.sql": "/*\nreads = ['landing/*.csv']\n[columns.a]\n*/ select * from read_csv('landing/a.csv')",
    }
    with opened(files) as lake:
        found = lake.column_lineage("bronze.opens.a")
        with pytest.raises(UsageError, match="its files say which columns they have"):
            lake.column_lineage("bronze.parquet")
    assert found.unknown == {"bronze.opens": "it opens files itself"}
