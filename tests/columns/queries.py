"""SELECTs of any shape over the sources of `cells`, all columns of whole numbers, for properties."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st


@dataclass(frozen=True)
class Query:
    text: str
    columns: tuple[str, ...]

    @property
    def inside(self) -> str:
        return f"({self.text})"


_BASES: Final = (
    Query("select id, a, b, k from bronze.t", ("id", "a", "b", "k")),
    Query("select id as uid, c, k as uk from bronze.u", ("uid", "c", "uk")),
    Query("select id as nid, st.p as p, {'x': st.q, 'y': id}.x as q from bronze.n", ("nid", "p", "q")),
)


@st.composite
def queries(draw: st.DrawFn, depth: int = 3) -> Query:
    """A SELECT. Names of its columns are fresh at each level, so that joins never meet the same twice."""
    if depth == 0 or draw(st.integers(0, 5)) == 0:
        return draw(st.sampled_from(_BASES))
    inner = draw(queries(depth=depth - 1))
    shape = draw(st.sampled_from(_SHAPES))
    made = shape(draw, inner, depth)
    return _fresh(made, depth)


def _fresh(query: Query, depth: int) -> Query:
    names = tuple(f"c{depth}_{at}" for at in range(len(query.columns)))
    return Query(f"select * from {query.inside} r{depth}({', '.join(names)})", names)


def _one(draw: st.DrawFn, columns: Sequence[str]) -> str:
    return draw(st.sampled_from(list(columns)))


def _expression(draw: st.DrawFn, columns: Sequence[str]) -> str:
    x, y, z = (_one(draw, columns) for _ in range(3))
    plain = [x, f"{x} + 7", f"{x} * 3 + {y}", f"coalesce({x}, {y})", f"greatest({x}, {y})", f"{x} is null", "42"]
    chosen = [f"case when {x} > 100 then {y} else {z} end", f"case {x} when 1 then {y} else 0 end"]
    chosen += [f"{x} between {y} and {z}"]
    nested = [f"[{x}, {y}][1]", f"{{'f': {x}, 'g': {y}}}.g"]
    nested += [f"list_sum(list_transform([{x}, {y}], lambda e: e + {z}))"]
    x = f"r.{x}"
    few = f"t.k = {x} and t.a > (select min(c) - 1000 from bronze.u where u.k = {x})"
    asked = [f"(select max(c) + {x} from bronze.u)", f"(select max(c) from bronze.u where u.k > {x})"]
    asked += [f"{x} in (select k from bronze.u where c > 1002)", f"exists (select 1 from bronze.t where t.k = {x})"]
    asked += [f"(select min(t.b) from bronze.t where {few})"]
    return draw(st.sampled_from([*plain, *chosen, *nested, *asked]))


def _project(draw: st.DrawFn, inner: Query, depth: int) -> Query:
    made = [_expression(draw, inner.columns) for _ in range(draw(st.integers(1, 3)))]
    columns = ", ".join(f"cast({each} as bigint) as e{at}" for at, each in enumerate(made))
    stars = draw(
        st.sampled_from(
            ["r.*", f"* exclude ({inner.columns[0]})", f"* replace ({inner.columns[-1]} + 1 as {inner.columns[0]})"]
        )
    )
    stars = "r.*" if len(inner.columns) == 1 and "exclude" in stars else stars
    width = len(inner.columns) - ("exclude" in stars) + len(made)
    return Query(f"select {stars}, {columns} from {inner.inside} r", ("",) * width)


def _filter(draw: st.DrawFn, inner: Query, depth: int) -> Query:
    x, y = _one(draw, inner.columns), _one(draw, inner.columns)
    condition = draw(
        st.sampled_from([f"{x} % 3 <> 0", f"{x} > {y} - 900", f"{x} in (select k from bronze.u)", f"{x} is not null"])
    )
    return Query(f"select * from {inner.inside} r where {condition}", inner.columns)


def _join(draw: st.DrawFn, inner: Query, depth: int) -> Query:
    other = draw(queries(depth=depth - 1))
    kind = draw(st.sampled_from(["join", "left join", "right join", "full join"]))
    on = f"l.{_one(draw, inner.columns)} = o.{_one(draw, other.columns)}"
    on += draw(st.sampled_from(["", f" and l.{inner.columns[0]} > 1", f" and o.{other.columns[-1]} <> 2"]))
    return Query(
        f"select l.*, o.* from {inner.inside} l {kind} {other.inside} o on {on}", (*inner.columns, *other.columns)
    )


def _grouped_join(draw: st.DrawFn, inner: Query, depth: int) -> Query:
    x, y = _one(draw, inner.columns), _one(draw, inner.columns)
    kind = draw(st.sampled_from(["join", "left join"]))
    grouped = f"(select {x} as g, sum({y}) as m from {inner.inside} r group by 1)"
    return Query(f"select l.*, o.m from {inner.inside} l {kind} {grouped} o on l.{x} = o.g", (*inner.columns, "m"))


def _semi(draw: st.DrawFn, inner: Query, depth: int) -> Query:
    kind = draw(st.sampled_from(["semi join", "anti join"]))
    return Query(
        f"select l.* from {inner.inside} l {kind} bronze.u o on l.{_one(draw, inner.columns)} = o.k", inner.columns
    )


def _union(draw: st.DrawFn, inner: Query, depth: int) -> Query:
    x, y = _one(draw, inner.columns), _one(draw, inner.columns)
    kind = draw(st.sampled_from(["union all", "union", "except", "intersect"]))
    other = f"select {x} + 1, {y} from {inner.inside} r"
    return Query(f"select {y} as m, {x} as n from {inner.inside} r {kind} {other}", ("m", "n"))


def _by_name(draw: st.DrawFn, inner: Query, depth: int) -> Query:
    x, y = _one(draw, inner.columns), _one(draw, inner.columns)
    return Query(
        f"select {x} as m, {y} as n from {inner.inside} r union all by name select a as n, k as o from bronze.t",
        ("m", "n", "o"),
    )


def _group(draw: st.DrawFn, inner: Query, depth: int) -> Query:
    g, x, y = (_one(draw, inner.columns) for _ in range(3))
    total = draw(
        st.sampled_from(
            [f"sum({x})", f"max({x})", f"count({x})", f"sum({x}) filter ({y} > 2)", f"count(distinct {x})", "count(*)"]
        )
    )
    by = draw(st.sampled_from(["group by all", "group by 1", "group by rollup (g)"]))
    having = draw(st.sampled_from(["", f" having max({y}) > 2"]))
    return Query(
        f"select {g} as g, cast({total} as bigint) as m, min({y}) as n from {inner.inside} r {by}{having}",
        ("g", "m", "n"),
    )


def _total(draw: st.DrawFn, inner: Query, depth: int) -> Query:
    x, y = _one(draw, inner.columns), _one(draw, inner.columns)
    return Query(
        f"select t.id, t.a, o.* from bronze.t t, (select sum({x}) as m, max({y}) as n from {inner.inside} r) o",
        ("id", "a", "m", "n"),
    )


def _window(draw: st.DrawFn, inner: Query, depth: int) -> Query:
    x, y, z = (_one(draw, inner.columns) for _ in range(3))
    over = f"over (partition by {y})"
    ranked = f"rank() over (partition by {y} order by {z})"
    qualify = draw(st.sampled_from(["", f" qualify {ranked} < 3"]))
    return Query(
        f"select *, cast(sum({x}) {over} as bigint) as m, {ranked} as n from {inner.inside} r{qualify}",
        (*inner.columns, "m", "n"),
    )


def _lateral(draw: st.DrawFn, inner: Query, depth: int) -> Query:
    x, y = _one(draw, inner.columns), _one(draw, inner.columns)
    made = draw(
        st.sampled_from(
            [
                f"select sum(c) + l.{y} as m from bronze.u u where u.k = l.{x}",
                f"select c as m from bronze.u u where u.k = l.{x}",
            ]
        )
    )
    return Query(
        f"select l.*, cast(o.m as bigint) as m from {inner.inside} l, lateral ({made}) o", (*inner.columns, "m")
    )


def _distinct(draw: st.DrawFn, inner: Query, depth: int) -> Query:
    x, y = _one(draw, inner.columns), _one(draw, inner.columns)
    return Query(f"select distinct {x} as m, {y} as n from {inner.inside} r", ("m", "n"))


def _unnest(draw: st.DrawFn, inner: Query, depth: int) -> Query:
    x, y = _one(draw, inner.columns), _one(draw, inner.columns)
    lists = draw(st.sampled_from([f"[{x}, {y}]", f"range({x} % 3)"]))
    return Query(f"select *, cast(unnest({lists}) as bigint) as m from {inner.inside} r", (*inner.columns, "m"))


def _unpivot(draw: st.DrawFn, inner: Query, depth: int) -> Query:
    first, *others = inner.columns
    if not others:
        return inner
    nulls = draw(st.sampled_from(["include nulls ", ""]))
    casts = ", ".join(f"cast({each} as bigint) as {each}" for each in others)
    rows = f"(select {first}, {casts} from {inner.inside} r)"
    text = f"select {first} as m, v from {rows} unpivot {nulls}(v for n in ({', '.join(others)}))"
    return Query(text, ("m", "v"))


def _pivot(draw: st.DrawFn, inner: Query, depth: int) -> Query:
    x, y = _one(draw, inner.columns), _one(draw, inner.columns)
    rows = f"(select {x} as m, {y} % 3 as n, {x} as o from {inner.inside} r)"
    turned = f"(pivot {rows} on n in (1 as one, 2 as two) using sum(o) group by m)"
    text = f"select m, cast(one as bigint) as one, cast(two as bigint) as two from {turned}"
    return Query(text, ("m", "one", "two"))


def _with(draw: st.DrawFn, inner: Query, depth: int) -> Query:
    x, y = _one(draw, inner.columns), _one(draw, inner.columns)
    kind, first = draw(st.sampled_from(["", "materialized ", "not materialized "])), inner.columns[0]
    both = f"from w l join w r on l.{first} = r.{first}"
    text = f"with w as {kind}{inner.inside} select l.{x} as m, r.{y} as n {both}"
    return Query(text, ("m", "n"))


def _recursion(draw: st.DrawFn, inner: Query, depth: int) -> Query:
    x, y = _one(draw, inner.columns), _one(draw, inner.columns)
    union = draw(st.sampled_from(["union all", "union"]))
    again = "select n, m + 1, o + 1 from w where o < 2"
    first = f"select {x}, {y}, 0 from {inner.inside} r"
    text = f"with recursive w(m, n, o) as ({first} {union} {again}) select m, n, o from w"
    return Query(text, ("m", "n", "o"))


def _struct(draw: st.DrawFn, inner: Query, depth: int) -> Query:
    x, y = _one(draw, inner.columns), _one(draw, inner.columns)
    return Query(
        f"select s.x as m, s.y as n from (select {{'x': {x}, 'y': {y}}} as s from {inner.inside} r)", ("m", "n")
    )


_SHAPES: Final = (
    *(_project, _project, _filter, _join, _grouped_join, _semi, _union, _by_name, _group, _total, _window, _lateral),
    *(_distinct, _unnest, _unpivot, _pivot, _with, _recursion, _struct),
)
