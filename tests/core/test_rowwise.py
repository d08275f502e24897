"""What a SELECT over new rows may do: say of each row what it says whatever others came."""

from __future__ import annotations

import re

import duckdb
import pytest

from lakeflow.core.keys import AssetKey
from lakeflow.core.sql.query import Allowed
from lakeflow.core.sql.reader import read_query
from lakeflow.core.sql.totals import TOTALS

ORDERS, PAID = (AssetKey.parse(name) for name in ("bronze.orders", "bronze.paid"))
ROWS = Allowed(new=((ORDERS, ()),))
BOTH = Allowed(new=((ORDERS, ()), (PAID, ())))
KEYS = Allowed(new=((ORDERS, ("customer",)),))
TWO_COLUMNS = Allowed(new=((ORDERS, ("customer", "day")),))


def told(text: str, allowed: Allowed) -> list[str]:
    return [fault.message for fault in read_query(text, "layers/silver/x.sql", allowed).faults]


@pytest.mark.parametrize(
    "text",
    [
        "select * from bronze.orders",
        "from bronze.orders",
        "select id, total * 2 as double from bronze.orders where total > 1 order by id",
        "select o.id, c.name from bronze.orders o join silver.customers c using (customer)",
        "select o.id, c.name from bronze.orders o left join silver.customers c using (customer)",
        "select o.id from silver.customers c right join bronze.orders o using (customer)",
        "select o.id from silver.customers c, bronze.orders o where c.id = o.customer",
        "select o.id from bronze.orders o asof join silver.prices p on o.at >= p.at",
        "select * from bronze.orders where customer in (select id from silver.customers)",
        "select * from bronze.orders semi join silver.known using (customer)",
        "select * from bronze.orders o where exists (from silver.known k where k.id = o.customer)",
        "select o.id from bronze.orders o where o.id > 1 and (o.customer = any (select id from silver.c) or o.vip)",
        "select o.id, c.name from bronze.orders o left join silver.c c on c.id = o.customer where c.name like 'A%'",
        "select o.id from bronze.orders o left join silver.c c on c.id = o.customer where c.id is not null",
        "select o.id from bronze.orders o left join silver.c c on c.id = o.customer where coalesce(o.total, 0) > 0",
        "select o.id, c.id is null as unknown from bronze.orders o left join silver.c c on c.id = o.customer",
        "select o.id, not exists (from silver.c c where c.id = o.customer) as unknown from bronze.orders o",
        "select * from bronze.orders o where not exists (select 1 from unnest(o.items) t(x) where x > 1)",
        "select o.id from bronze.orders o left join unnest(o.items) i(item) on true where i.item is null",
        "select * from bronze.orders where id not in (1, 2) and total is not null and note is null",
        "select * from bronze.orders o where o.day = (select max(d.day) from silver.days d)",
        "select o.id from bronze.orders o join (select id, count(*) n from silver.seen group by id) s on s.id = o.id",
        "select * from bronze.orders where customer in (select id from silver.c where id not in (select 1))",
        "select o.id from silver.c c right join bronze.orders o on c.id = o.customer where c.name = 'x'",
        "select *, (select max(rate) from silver.rates r where r.day = o.day) as rate from bronze.orders o",
        "with o as (select * from bronze.orders), c as (select customer, count(*) n from silver.seen group by 1) "
        "select * from o join c using (customer)",
        "select id, unnest(items) as item from bronze.orders",
        "select o.id, i.item from bronze.orders o, unnest(o.items) as i(item)",
        "select id, list_sum(list_transform(items, lambda x: x * 2)) as n from bronze.orders",
        "select * from (unpivot bronze.orders on a, b)",
        "select * from (select * from bronze.orders) as o where o.id > 1",
        "select *, (select sum(x) from unnest(o.items) t(x)) as n from bronze.orders o",
        "select (select sum(t.x) from unnest(o.items) t(x)) as n from bronze.orders o",
        "select (select max(r.rate) from silver.rates r where r.day = o.day) as rate from bronze.orders o",
    ],
)
def test_what_is_row_by_row_passes(text: str) -> None:
    assert told(text, ROWS) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("select customer, sum(total) from bronze.orders group by customer", "aggregates"),
        ("select customer, sum(total) from bronze.orders group by all", "aggregates"),
        ("select count(*) from bronze.orders", "aggregates"),
        ("select histogram(total) from bronze.orders", "aggregates"),
        ("select mad(total) filter (total > 0) from bronze.orders", "aggregates"),
        ("select customer from bronze.orders group by customer having count(*) > 1", "aggregates"),
        ("select id, row_number() over (order by at) as n from bronze.orders", "in a window"),
        ("select id, sum(total) over w as n from bronze.orders window w as (partition by customer)", "in a window"),
        ("select * from bronze.orders qualify row_number() over (partition by id order by at desc) = 1", "in a window"),
        ("select sum(sum(total)) over () as n from bronze.orders", "aggregates"),
        ("select sum(total) filter (total > 0) over () as n from bronze.orders", "in a window"),
        ("select percentile_cont(0.5) within group (order by total) as n from bronze.orders", "aggregates"),
        ("select id from bronze.orders where id = any (select max(id) from bronze.orders)", "in a subquery"),
        ("select count(*) from (select * from bronze.orders)", "aggregates"),
        ("select id from bronze.orders order by (select count(*) from bronze.orders)", "in a subquery"),
        (
            "select o.id from bronze.orders o join silver.c on c.n = (select count(*) from bronze.orders)",
            "in a subquery",
        ),
        ("select distinct customer from bronze.orders", "DISTINCT"),
        ("select distinct on (customer) * from bronze.orders", "DISTINCT"),
        ("select * from bronze.orders limit 10", "LIMIT"),
        ("(select * from bronze.orders) limit 10", "LIMIT"),
        ("select * from bronze.orders offset 10", "OFFSET"),
        ("select * from bronze.orders using sample 10%", "SAMPLE"),
        ("select * from bronze.orders tablesample 10%", "sample"),
        ("select * from silver.c anti join bronze.orders using (customer)", "looks among the new rows"),
        ("select * from silver.c semi join bronze.orders using (customer)", "looks among the new rows"),
        ("select * from silver.c left join bronze.orders using (customer)", "looks among the new rows"),
        ("select * from bronze.orders full join silver.c using (customer)", "no partner"),
        ("select * from bronze.orders right join silver.c using (customer)", "no partner"),
        ("select * from bronze.orders positional join silver.c", "no partner"),
        ("select * from silver.c asof join bronze.orders o on c.at >= o.at", "looks among the new rows"),
        ("select * from silver.c where id not in (select customer from bronze.orders)", "in a subquery"),
        ("select * from silver.c where not exists (from bronze.orders o where o.customer = c.id)", "in a subquery"),
        ("select *, (select max(total) from bronze.orders) as most from silver.c", "in a subquery"),
        ("select * from bronze.orders where total > (select avg(total) from bronze.orders)", "in a subquery"),
        ("select a.id from bronze.orders a join bronze.orders b on a.id = b.parent", "whose partners may come later"),
        ("select * from bronze.orders union select * from bronze.orders", "UNION"),
        ("select * from bronze.orders except select * from silver.c", "EXCEPT"),
        ("select * from silver.c intersect select * from bronze.orders", "INTERSECT"),
        ("select id from bronze.orders union all select id from silver.c", "again in each run"),
        ("with o as (select customer, sum(total) t from bronze.orders group by 1) select * from o", "aggregates"),
        ("with o as (from bronze.orders) select count(*) from o", "aggregates"),
        ("select * from (pivot bronze.orders on kind using sum(total))", "pivots"),
        (
            "with recursive r as (select id, parent from bronze.orders union all "
            "select o.id, o.parent from bronze.orders o join r on o.parent = r.id) select * from r",
            "repeats",
        ),
        ("select json_group_array(id) from bronze.orders", "aggregates"),
        ("select (select sum(o.total)) as t from bronze.orders o", "aggregates"),
        ("select (select sum(total) from (values (1)) v(a)) as t from bronze.orders", "aggregates"),
        ("select (select (select max(o.id))) as t from bronze.orders o", "aggregates"),
        ("select 1 as t from bronze.orders o having (select sum(o.total)) > 1", "aggregates"),
        ("select exists (select sum(o.id)) as t from bronze.orders o", "aggregates"),
        ("select * from (select * from bronze.orders) o, lateral (select count(*) from bronze.orders)", "aggregates"),
    ],
)
def test_what_a_part_of_the_rows_would_make_wrong_is_a_fault(text: str, words: str) -> None:
    found = read_query(text, "layers/silver/x.sql", ROWS).faults
    assert any(words in fault.message and "bronze.orders" in fault.message for fault in found), found
    assert all(fault.hint for fault in found)


@pytest.mark.parametrize(
    "text",
    [
        "select * from bronze.orders anti join silver.blocked using (customer)",
        "select * from bronze.orders natural anti join silver.blocked",
        "select o.id from bronze.orders o anti join silver.blocked b on b.id = o.customer",
        "select * from bronze.orders where customer not in (select id from silver.blocked)",
        "select * from bronze.orders where not customer in (select id from silver.blocked)",
        "select * from bronze.orders where (customer, day) not in (select id, day from silver.blocked)",
        "select * from bronze.orders where customer <> all (select id from silver.blocked)",
        "select * from bronze.orders where not (customer = any (select id from silver.blocked))",
        "select * from bronze.orders o where not exists (from silver.blocked b where b.id = o.customer)",
        "select * from bronze.orders o where total > 1 and not (exists (from silver.b b where b.id = o.customer))",
        "select * from bronze.orders o where exists (from silver.b b where b.id = o.customer) = false",
        "select * from bronze.orders o where (exists (from silver.b b where b.id = o.customer)) is not true",
        "select * from bronze.orders o where if(exists (from silver.b b where b.id = o.id), 0, 1) = 1",
        "select * from bronze.orders o where (select count(*) from silver.b b where b.id = o.customer) = 0",
        "select * from bronze.orders o where (select b.id from silver.b b where b.id = o.customer) is null",
        "select * from bronze.orders o where coalesce((select true from silver.b b where b.id = o.id), false) = false",
        "select * from bronze.orders o where 0 in (select count(*) from silver.b b where b.id = o.customer)",
        "select * from bronze.orders o where exists (select 1 from silver.b b where b.id = o.id having count(*) = 0)",
        "select * from bronze.orders o where exists (select 1 where not exists (from silver.b b where b.id = o.id))",
        "select * from bronze.orders o where o.id in (select o.id except select b.id from silver.b b)",
        "select * from bronze.orders o where not list_contains((select list(b.id) from silver.b b), o.id)",
        "select o.* from bronze.orders o left join silver.b b on b.id = o.customer where b.id is null",
        "select o.* from bronze.orders o left join silver.b b using (customer) where since is null",
        "select o.* from bronze.orders o left join silver.b b on b.id = o.customer where not (b.id is not null)",
        "select o.* from bronze.orders o left join silver.b b on b.id = o.customer where coalesce(b.id, -1) = -1",
        "select o.* from bronze.orders o left join silver.b b on b.id = o.id where b.id is distinct from o.id",
        "select o.* from bronze.orders o left join silver.b b on b.id = o.id where b.id is null or o.total > 1",
        "select o.* from bronze.orders o left join silver.b b on b.id = o.id qualify b.id is null",
        "select o.* from bronze.orders o left join silver.b b on b.id = o.id join silver.c c on b.id is null",
        "select o.* from silver.b b right join bronze.orders o on b.id = o.customer where b.id is null",
        "select * from (select o.id, b.id as bid from bronze.orders o left join silver.b b on b.id = o.id) "
        "where bid is null",
        "with j as (select o.id, b.id is null as free from bronze.orders o left join silver.b b on b.id = o.id) "
        "select id from j where free",
        "with j as (from bronze.orders o left join silver.b b on b.id = o.id) select id from j where x is null",
        "with j as (select o.id, not exists (from silver.b b where b.id = o.id) as f from bronze.orders o) "
        "select id from j where f",
        "select id from (select o.id, b.id from bronze.orders o left join silver.b b on b.id = o.id) t(id, other) "
        "where other is null",
        "select o.id from bronze.orders o, lateral (select count(*) as n from silver.b b where b.id = o.id) q "
        "where q.n = 0",
        "select o.id from bronze.orders o left join silver.b b on b.id = o.id "
        "left join silver.c c on b.id is null where c.id is not null",
        "select o.id, unnest(case when not exists (from silver.b b where b.id = o.id) then [1] else [] end) as x "
        "from bronze.orders o",
    ],
)
@pytest.mark.parametrize("allowed", [ROWS, KEYS], ids=["new_rows", "new_keys"])
def test_a_row_that_stays_for_what_is_not_found_elsewhere_is_a_fault_however_it_is_spelled(
    text: str, allowed: Allowed
) -> None:
    """Its partner may come when the row is not looked at any more."""
    found = read_query(text, "layers/silver/x.sql", allowed).faults
    assert any("not found in another table" in fault.message for fault in found), found
    assert all("bronze.orders" in fault.message and fault.hint for fault in found)


def test_it_says_where_and_what_to_write() -> None:
    text = "select customer,\n  sum(total) as total\nfrom bronze.orders\ngroup by customer"
    (fault,) = read_query(text, "layers/silver/x.sql", ROWS).faults
    assert (fault.path, fault.line) == ("layers/silver/x.sql", 4)
    assert fault.message == "the SELECT aggregates the new rows of bronze.orders, which are a part of each group"
    assert fault.hint == (
        'new_keys = {"bronze.orders" = "customer"} gives all rows of each key that has new ones, to write = "upsert"'
    )


def test_two_inputs_of_new_rows_may_be_put_together_and_never_joined() -> None:
    assert told("select id from bronze.orders union all select id from bronze.paid", BOTH) == []
    for text in ("from bronze.orders join bronze.paid using (id)", "from bronze.orders, bronze.paid"):
        (message,) = told(text, BOTH)
        assert "joins the new rows of bronze.orders with the new rows of bronze.paid" in message


@pytest.mark.parametrize(
    "text",
    [
        "select customer, sum(total) as total from bronze.orders group by customer",
        "select customer, day, sum(total) as total from bronze.orders group by all",
        "select customer as who, count(*) from bronze.orders group by 1",
        "with o as (select customer as c, total from bronze.orders) select c, sum(total) from o group by c",
        "select * from bronze.orders qualify row_number() over (partition by customer order by at desc) = 1",
        "select *, lag(at) over w from bronze.orders window w as (partition by customer, day order by at)",
        "select distinct customer, day from bronze.orders",
        "select distinct on (customer) * from bronze.orders order by at desc",
        "select c.name, sum(o.total) from bronze.orders o join silver.c c on c.id = o.customer group by customer, name",
        "select * from bronze.orders",
    ],
)
def test_what_keeps_keys_apart_passes_over_their_rows(text: str) -> None:
    assert told(text, KEYS) == []


@pytest.mark.parametrize(
    "text",
    [
        "select day, sum(total) from bronze.orders group by day",
        "select count(*) from bronze.orders",
        "select customer, sum(total) from bronze.orders group by rollup (customer)",
        "select *, row_number() over (order by at) from bronze.orders",
        "select distinct day from bronze.orders",
        "select * from bronze.orders limit 1",
        "with o as (select day as customer, total from bronze.orders) select customer, sum(total) from o group by 1",
        "select * from silver.c where id not in (select customer from bronze.orders)",
    ],
)
def test_what_mixes_keys_is_a_fault(text: str) -> None:
    assert len(told(text, KEYS)) == 1


def test_a_key_of_several_columns_is_kept_by_all_of_them() -> None:
    assert told("select customer, day, sum(total) from bronze.orders group by customer, day", TWO_COLUMNS) == []
    assert len(told("select customer, sum(total) from bronze.orders group by customer", TWO_COLUMNS)) == 1


def test_the_aggregates_are_those_that_duckdb_has_and_its_macros_that_call_one() -> None:
    found = duckdb.execute("select function_name, function_type, macro_definition from duckdb_functions()").fetchall()
    aggregates = {name for name, kind, _ in found if kind == "aggregate"}
    macros = {
        name
        for name, kind, text in found
        if kind == "macro" and aggregates & set(re.findall(r"\b(\w+)\(", (text or "").replace('"', "")))
    }
    assert {"geomean", "json_group_array"} <= macros
    assert aggregates | macros <= TOTALS
