"""Spark SQL as it is read: its words, its tables, what it may not do, and what stands for its tables when it runs."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Computer
from lakeflow.core.spark.names import bound, with_views
from lakeflow.core.spark.tokens import spark_normalised, spark_tokens
from lakeflow.core.sql.column_origins import Named
from lakeflow.core.sql.query import Allowed, ParsedQuery
from lakeflow.core.sql.tokens import UnclosedError
from lakeflow.core.time.timeline import Window
from lakeflow.project.known_queries import KnownQueries

VIEWS = {"silver.orders": "v1", "bronze.raw": "v2"}


def _read(text: str, **allowed: object) -> ParsedQuery:
    return KnownQueries(None)(text, "x.sql", Allowed(engine=Computer.SPARK, **allowed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("select id from silver.orders", "select id from `v1` AS `orders`"),
        ("select o.id from Silver.Orders o", "select o.id from `v1` o"),
        ("select 1 from silver.orders as o", "select 1 from `v1` as o"),
        ("select 1 from `silver`.`orders` `o x`", "select 1 from `v1` `o x`"),
        ("select silver.orders.id from silver.orders", "select orders.id from `v1` AS `orders`"),
        ("select 1 from silver.orders, bronze.raw r", "select 1 from `v1` AS `orders`, `v2` r"),
        ("select 1 from silver.orders join bronze.raw on a", "select 1 from `v1` AS `orders` join `v2` AS `raw` on a"),
        ("select 'silver.orders' /* silver.orders */ from (silver.orders)", None),
        ("with orders as (select 1 x) select x from orders", "with orders as (select 1 x) select x from orders"),
        ("select t.silver.orders from bronze.raw t", "select t.silver.orders from `v2` t"),
        ("select 'it\\'s silver.orders' from bronze.raw where a = \"silver.orders\"", None),
    ],
)  # fmt: skip
def test_a_view_stands_for_each_table_under_its_own_name_and_nothing_else_is_changed(
    text: str, runs: str | None
) -> None:
    found = with_views(text, VIEWS)
    if runs is None:
        assert "silver.orders'" in found
    else:
        assert found == runs


def test_the_bounds_of_a_partition_are_moments_without_a_zone_outside_of_texts() -> None:
    window = Window(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 2, 1, tzinfo=UTC))
    found = bound("select '$partition_start' from t where a >= $partition_start and a < $PARTITION_END", window)
    assert found == (
        "select '$partition_start' from t where a >= TIMESTAMP_NTZ '2024-01-01 00:00:00' "
        "and a < TIMESTAMP_NTZ '2024-02-01 00:00:00'"
    )


def test_what_changes_no_row_changes_no_version_of_spark_sql() -> None:
    plain = spark_normalised("select a, 'It\\'s' from silver.x where b = 1")
    assert spark_normalised("SELECT a,\n  'It\\'s' -- it's\nFROM silver.x /* /* nested */ */ WHERE b = 1;") == plain
    assert spark_normalised("select a, 'it\\'s' from silver.x where b = 1") != plain
    assert spark_normalised("select A, 'It\\'s' from silver.x where b = 1") != plain


@pytest.mark.parametrize("text", ["select 'a\\'", "select `a", 'select "a\\"', "select 1 /* /* */"])
def test_what_never_ends_is_told(text: str) -> None:
    with pytest.raises(UnclosedError):
        spark_tokens(text)


def test_its_tables_and_the_flow_of_its_columns_are_read() -> None:
    query = _read(
        "select /*+ BROADCAST(r) */ o.`email` as mail, count(r.id) n "
        "from silver.orders o join bronze.raw r on o.id = r.id group by 1"
    )
    assert not query.faults
    assert [str(each.key) for each in query.references] == ["bronze.raw", "silver.orders"]
    assert query.flows is not None
    mail, n = query.flows.columns
    assert isinstance(mail, Named)
    assert ("silver.orders", "email") in {(str(each.key), each.column) for each in mail.origins}
    assert isinstance(n, Named)
    assert not n.origins


def test_a_value_may_come_from_anywhere_where_nobody_knows() -> None:
    query = _read("select v.* from silver.orders lateral view json_tuple(a, 'x', 'y') v as x, y")
    assert not query.faults
    assert query.flows is not None
    assert {each.key for column in query.flows.columns for each in column.origins} == {AssetKey.parse("silver.orders")}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("insert into silver.x select 1", "does not begin a SELECT"),
        ("with a as (select 1) insert into silver.x select * from a", "not a SELECT"),
        ("select 1; select 2", "more than one statement"),
        ("select * from parquet.`/etc/x`", "is no layer"),
        ("select java_method('java.lang.System', 'exit', 1) from silver.x", "java_method() tells of the cluster"),
        ("select transform(a) using 'cat' as (b) from silver.x", "runs a program"),
        ("select input_file_name() from silver.x", "tells of the cluster"),
        ("select * from read_files('/x')", "read_files() stands for a table"),
        ("select * from orders", "names no layer"),
    ],
)
def test_what_does_more_than_read_tables_is_refused(text: str, says: str) -> None:
    assert says in " ".join(each.message for each in _read(text).faults)


def test_over_new_rows_a_function_that_nobody_knows_is_refused() -> None:
    new = ((AssetKey.parse("bronze.raw"), ()),)
    assert not _read("select upper(a) a from bronze.raw", new=new).faults
    for text in ("select some_total(a) from bronze.raw", "select collect_list(a) from bronze.raw"):
        assert _read(text, new=new).faults, text


def test_a_text_of_the_other_dialect_is_told_which() -> None:
    ((spark,), (duckdb,)) = (
        KnownQueries(None)("select c from silver.x lateral view explode(b) t as c", "x.sql").faults,
        _read("select * exclude (a) from silver.x where b = {'a': 1}").faults,
    )
    assert "reads as Spark SQL" in spark.hint
    assert "reads as DuckDB's SQL" in duckdb.hint
