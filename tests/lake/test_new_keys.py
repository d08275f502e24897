"""All rows of the keys that have new rows, in every way in which an asset is computed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pyiceberg.catalog.sql import SqlCatalog

import lakeflow
from lakeflow.core.errors import ProjectError

ORDERS = """/*
[source]
folder = "drops"
files = "*.csv"
format = "csv"
columns = {customer = "string", day = "int", total = "int"}
*/
select * from source"""
TOTALS = """/*
key = ["who", "day"]
write = "upsert"
new_keys = {"bronze.orders" = ["customer", "day"]}
*/
select coalesce(customer, '?') as who, day, sum(total)::long as total from bronze.orders group by customer, day"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "layers/bronze/orders.sql", ORDERS)
    write(tmp_path, "layers/silver/totals.sql", TOTALS)
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def land(root: Path, name: str, *rows: str) -> None:
    """And no more: what is made of them is for the test to make."""
    write(root, f"drops/{name}.csv", "customer,day,total\n" + "".join(f"{row}\n" for row in rows))
    with lakeflow.open(root) as lake:
        done = lake.materialize("bronze.orders")
        assert done is not None
        assert str(done.state) == "published", done.steps[0].reason


def run(root: Path, **asked: Any) -> str:
    with lakeflow.open(root) as lake:
        done = lake.materialize("silver.totals", **asked)
        return str(done.state) if done else "nothing to do"


def previewed(root: Path) -> list[tuple[str | None, ...]]:
    with lakeflow.open(root) as lake:
        return sorted(lake.preview("silver.totals").values)


def table(root: Path, name: str) -> Any:
    state = root / ".lakeflow"
    catalog = SqlCatalog("lakeflow", uri=f"sqlite:///{state}/catalog.db", warehouse=f"file://{state}/warehouse")
    with closing(catalog):
        return catalog.load_table(name)


def stands(root: Path) -> list[tuple[object, ...]]:
    """By a reader that is not ours."""
    return sorted(tuple(row.values()) for row in table(root, "silver.totals").scan().to_arrow().to_pylist())


@pytest.mark.long
def test_a_composite_key_with_nulls_is_read_whole_in_a_preview_as_in_the_run(root: Path) -> None:
    """Both parts tell a key: another day of the customer, and another customer of the day, are not read."""
    land(root, "mon", "a,1,10", "a,2,20", ",1,1", "b,1,5")
    assert run(root) == "published"
    land(root, "tue", "a,1,1", ",1,2")
    assert previewed(root) == [("?", "1", "3"), ("a", "1", "11")]
    assert run(root) == "published"
    assert stands(root) == [("?", 1, 3), ("a", 1, 11), ("a", 2, 20), ("b", 1, 5)]
    assert run(root) == "nothing to do"


@pytest.mark.long
def test_changed_code_and_a_full_refresh_read_the_rows_of_every_key(root: Path) -> None:
    land(root, "mon", "a,1,10", "b,1,5")
    run(root)
    land(root, "tue", "a,1,1")
    write(root, "layers/silver/totals.sql", TOTALS.replace("sum(total)", "sum(total * 2)"))
    assert previewed(root) == [("a", "1", "22"), ("b", "1", "10")]
    assert run(root) == "published"
    assert stands(root) == [("a", 1, 22), ("b", 1, 10)]
    land(root, "wed", "b,1,1")
    assert run(root, full_refresh=True) == "published"
    assert stands(root) == [("a", 1, 22), ("b", 1, 12)]
    assert run(root) == "nothing to do"


@pytest.mark.long
def test_a_key_whose_rows_are_all_gone_upstream_goes_with_the_rebuild(root: Path) -> None:
    land(root, "mon", "a,1,10", "b,1,5", ",3,1")
    run(root)
    table(root, "bronze.orders").delete("customer = 'a' or customer is null")
    with lakeflow.open(root) as lake:
        (step,) = lake.plan("silver.totals").steps
    assert "rebuilds from all rows: bronze.orders was rewritten" in str(step.reasons[0])
    assert previewed(root) == [("b", "1", "5")]
    assert run(root) == "published"
    assert stands(root) == [("b", 1, 5)]


@pytest.mark.long
def test_an_input_that_is_empty_again_leaves_no_key(root: Path) -> None:
    land(root, "mon", "a,1,10")
    write(root, "layers/silver/totals.sql", TOTALS.replace("*/", "allow_empty = true\n*/"))
    run(root)
    table(root, "bronze.orders").delete("day = 1")
    assert run(root) == "published"
    assert stands(root) == []


@pytest.mark.long
def test_a_held_increment_is_read_again_with_what_came_since(root: Path) -> None:
    land(root, "mon", "a,1,10")
    run(root)
    write(root, "checks/silver/totals.small.sql", "select * from silver.totals where total > 50")
    land(root, "tue", "a,1,100")
    assert run(root) == "held"
    land(root, "wed", "a,1,-80", "b,1,1")
    assert run(root) == "published"
    assert stands(root) == [("a", 1, 30), ("b", 1, 1)]


@pytest.mark.parametrize(
    ("key", "by", "select", "fault"),
    [
        (
            ["customer", "day"],
            '"customer"',
            "customer, day, sum(total)::long as total from bronze.orders group by all",
            "day too",
        ),
        (["id"], '"customer"', "day as id, max(total) as total from bronze.orders group by customer, day", "id too"),
        (
            ["customer"],
            '["customer", "day"]',
            "customer, sum(total) as t from bronze.orders group by customer, day",
            "made of day",
        ),
        (["one"], '"customer"', "1 as one, sum(total) as t from bronze.orders group by customer", "one too"),
        (["c"], '"customer"', "* from (select day as c, customer from bronze.orders)", "c too"),
    ],
)
def test_a_key_that_is_not_that_of_new_keys_is_a_fault(
    root: Path, key: list[str], by: str, select: str, fault: str
) -> None:
    header = f'/*\nkey = {key}\nwrite = "upsert"\nnew_keys = {{"bronze.orders" = {by}}}\n*/\n'
    write(root, "layers/silver/totals.sql", f"{header}select {select}")
    with pytest.raises(ProjectError, match=r"layers/silver/totals\.sql:4: ") as caught:
        lakeflow.open(root)
    assert fault in str(caught.value)


@pytest.mark.long
def test_of_a_function_the_names_of_both_keys_are_compared(root: Path) -> None:
    (root / "layers/silver/totals.sql").unlink()
    text = (
        "from lakeflow import asset, new_keys\n\n"
        '@asset(inputs={"o": new_keys("bronze.orders", "customer")}, key=["customer", "day"], write="upsert")\n'
        'def totals(o):\n    return o.aggregate("customer, day, sum(total)::long as total", "customer, day")\n'
    )
    write(root, "layers/silver/totals.py", text)
    with pytest.raises(ProjectError, match="tells apart by day too"):
        lakeflow.open(root)
    write(root, "layers/silver/totals.py", text.replace('"customer")}', '"DAY", "customer")}'))
    land(root, "mon", "a,1,10", "a,2,5")
    run(root)
    land(root, "tue", "a,2,5")
    assert run(root) == "published"
    assert stands(root) == [("a", 1, 10), ("a", 2, 10)]
