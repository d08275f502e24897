"""Column lineage against values: change one cell of a source, and exactly the derived columns change."""

from __future__ import annotations

import pytest

from lakeflow.core.columns.derivation import ColumnRef, SelectColumns, UnknownColumns
from tests.columns.cells import Bench, changes, moved, said_of

_SELECTS = {
    "a copy and an expression": "select id, a, a * 3 + b as m, 5 as five from bronze.t",
    "a star without a column": "select * exclude (a) from bronze.t",
    "a star with replaced and renamed columns": "select * replace (a + 1 as b) rename (k as kk) from bronze.t",
    "columns by pattern": "select columns('a|b') + 1 from bronze.t",
    "an alias used beside it": "select a + 1 as m, m * b as n from bronze.t",
    "a condition": "select id, case when a > 13 then b else k end as m from bronze.t",
    "a filter": "select id, a from bronze.t where b > 100",
    "USING": "select * exclude (u.id) from bronze.t join bronze.u using (k)",
    "NATURAL": "select a, c from bronze.t natural join bronze.u",
    "a left join": "select t.id, a, c from bronze.t t left join bronze.u u on t.k = u.k",
    "a left join to groups": "select t.id, m from bronze.t t left join "
    "(select k, sum(c) m from bronze.u group by k) u using (k)",
    "an anti join": "select t.id, t.a from bronze.t t anti join bronze.u u on t.id = u.id",
    "a union by place": "select a as m, b as n from bronze.t union all select c, k from bronze.u",
    "a union by name": "select a as m, b as n from bronze.t union all by name select c as n, id as m from bronze.u",
    "a union of different rows": "select k from bronze.t union select k from bronze.u",
    "an except": "select id from bronze.t except select id from bronze.u",
    "groups": "select k, sum(a) as m, count(b) as n from bronze.t group by all",
    "groups by place": "select k % 2 as odd, max(a) as m from bronze.t group by 1 order by 1",
    "an aggregate of some rows": "select k, sum(a) filter (b > 101) as m from bronze.t group by k",
    "an ordered list": "select k, list(a order by b) as m from bronze.t group by k",
    "a list of ordered rows": "select list(a) as m, sum(b) as n from (select * from bronze.t order by k, b)",
    "HAVING": "select k, sum(a) as m from bronze.t group by k having max(b) > 102",
    "grouping sets": "select k, w, sum(a) as m from bronze.t group by rollup (k, w)",
    "a window": "select id, a, sum(a) over (partition by k order by b) as m from bronze.t",
    "a place in an order": "select id, row_number() over (order by b) m, lag(k) over (order by a) n from bronze.t",
    "QUALIFY": "select id, a from bronze.t qualify row_number() over (partition by k order by b) = 1",
    "DISTINCT ON": "select distinct on (k) k, a from bronze.t order by k, b",
    "a LIMIT": "select id, a from bronze.t order by b limit 2",
    "a scalar subquery": "select id, (select max(c) from bronze.u where k > 1) as m from bronze.t",
    "a correlated subquery": "select id, (select max(c) from bronze.u u where u.k = t.k) as m from bronze.t t",
    "a subquery of smaller rows": "select id, (select count(*) from bronze.u u where u.id < t.id) as m from bronze.t t",
    "IN": "select id, a from bronze.t where k in (select k from bronze.u where c > 1002)",
    "EXISTS": "select id, exists (select 1 from bronze.u u where u.id = t.id) as m from bronze.t t",
    "LATERAL": "select t.id, l.m from bronze.t t, lateral (select sum(c) as m from bronze.u u where u.k = t.k) l",
    "LATERAL rows": "select t.id, l.c from bronze.t t, lateral (select c from bronze.u u where u.k = t.k) l",
    "a field of a struct": "select id, st.p as m from bronze.n",
    "a field of a packed struct": "select id, s.x as m from (select id, {'x': a, 'y': b} as s from bronze.t)",
    "a struct as columns": "select id, unnest({'x': a, 'y': b}) from bronze.t",
    "a list as rows": "select id, unnest(l) as m from bronze.n",
    "a list of an input as rows": "select n.id, e.m from bronze.n n, unnest(n.l) as e(m)",
    "columns as rows": "select * from (select id, a, b from bronze.t) unpivot include nulls (v for n in (a, b))",
    "PIVOT": "pivot (select k, w, a from bronze.t) on w in ('p', 'q') using sum(a) group by k",
    "WITH": "with x as (select id, a + b as m from bronze.t), y as (select m, id from x) select y.m, x.m as n "
    "from x join y using (id)",
    "a recursion": "with recursive r as (select id, a, 1 as depth from bronze.t where k = 1 union all "
    "select id + 10, a, depth + 1 from r where depth < 3) select id, a, depth from r",
    "a lambda": "select id, list_transform(l, lambda e: e + id) as m from bronze.n",
    "VALUES beside a table": "select v.x, a from bronze.t, (values (1), (2)) v(x)",
    "a positional join": "select t.a, u.c from bronze.t t positional join bronze.u u",
    "an ASOF join": "select t.id, u.c from bronze.t t asof join bronze.u u on t.id >= u.id",
    "a row as a struct": "select t as m from bronze.t t",
}


_QUICK = (
    *("a star with replaced and renamed columns", "USING", "a left join to groups", "a union by name", "a window"),
    *("QUALIFY", "a correlated subquery", "LATERAL", "a field of a packed struct", "PIVOT"),
)


@pytest.mark.sampled(10)
@pytest.mark.parametrize("name", _QUICK)
def test_exactly_the_columns_that_are_said_to_be_derived_change_with_a_cell(name: str) -> None:
    """In both directions: what changes was said, and what was said changes with some cell."""
    _judge(_SELECTS[name])


@pytest.mark.long
@pytest.mark.parametrize("name", [name for name in _SELECTS if name not in _QUICK])
def test_so_it_is_for_whatever_a_select_says(name: str) -> None:
    _judge(_SELECTS[name])


def _judge(text: str) -> None:
    said = said_of(text)
    assert isinstance(said, SelectColumns), said
    bench, names = Bench(), list(said.columns)
    before = bench.rows(text)
    assert before
    changed, swayed = set[tuple[str, ColumnRef]](), set[ColumnRef]()
    for change in changes(text, said):
        with bench.changed(change):
            after = bench.rows(text)
        assert after is not None
        found = moved(before, after, frozenset(at for at, name in enumerate(names) if change.ref in said.columns[name]))
        if not found.stayed:
            assert change.ref in said.rows, change
            swayed.add(change.ref)
        changed |= {(names[at], change.ref) for at in found.columns}
    assert swayed == set(said.rows)
    assert changed == {(name, ref) for name in names for ref in said.columns[name]}


def test_a_sum_of_many_terms_is_followed() -> None:
    said = said_of(f"select {' + '.join(['a'] * 300)} + b as m from bronze.t")
    assert isinstance(said, SelectColumns)
    assert {ref.column: str(flow) for ref, flow in said.columns["m"].items()} == {"a": "computed", "b": "computed"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("select a from bronze.t cross join bronze.gone", "Table with name gone does not exist!"),
        ("select * from read_csv('x.csv')", "it opens files itself"),
        ("select t.id, u.id from bronze.t t, bronze.u u", "two of its columns are named id"),
        (f"select {' + '.join(['a'] * 900)} as m from bronze.t", "it is nested deeper than it can be followed"),
        ("with recursive r(x, y) using key (x) as (select 1, 2 union select x, y from r) from r", "overwrites"),
    ],
)
def test_what_cannot_be_known_exactly_is_unknown_and_says_why(text: str, reason: str) -> None:
    said = said_of(text)
    assert isinstance(said, UnknownColumns), said
    assert reason in said.reason
