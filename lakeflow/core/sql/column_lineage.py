"""Where the values in the columns of a SELECT come from, read in its syntax tree; nothing is run.

A value flows from a column through whatever is computed of it, but not through what only counts or compares:
`count(email)`, `email is null` and the conditions of a CASE tell nothing of a person. Where the tree cannot say which
column it is (a PIVOT, a `select *` over a table function), a column may come from anywhere that stands below.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Final

from sqlglot import exp

from lakeflow.core.keys import EMPTY, AssetKey, Layer
from lakeflow.core.sql.column_origins import NOWHERE, Flows, Origins, Star, merged, union

_OURS: Final = frozenset({"", "published"})
"""The first names of tables that are ours; a namespace of another catalog may be called as a layer is."""


def flows_of(query: exp.Expr) -> Flows:
    """The columns that one SELECT gives."""
    return _query(query, EMPTY, None)


@dataclass
class _Scope:
    """What can be named in one SELECT: its sources, its earlier columns, and what stands around it."""

    ctes: Mapping[str, Flows]
    outer: _Scope | None
    sources: dict[str, Flows] = field(default_factory=dict)
    rows: set[str] = field(default_factory=set)
    earlier: dict[str, Origins] = field(default_factory=dict)

    def add(self, name: str, flows: Flows, *, row: bool) -> None:
        """`row` says that the name was given: alone, it then means a whole row."""
        self.sources[name or f"#{len(self.sources)}"] = flows
        self.rows |= {name} if row else set()

    def source(self, name: str) -> Flows | None:
        return self.sources.get(name) or (self.outer.source(name) if self.outer else None)

    def column(self, name: str) -> Origins:
        found = union(flows.of(name) for flows in self.sources.values()) | self.earlier.get(name, NOWHERE)
        if name in self.rows:
            found |= self.sources[name].all
        return found or (self.outer.column(name) if self.outer else NOWHERE)


def _query(node: exp.Expr, ctes: Mapping[str, Flows], outer: _Scope | None) -> Flows:
    ctes = _with(node, ctes, outer)
    match node:
        case exp.Select():
            return _select(node, ctes, outer)
        case exp.SetOperation():
            return _set(node, ctes, outer)
        case exp.Subquery() if isinstance(node.this, exp.Query):
            return _query(node.this, ctes, outer)
    return _source(node, _Scope(ctes, outer))[1]


def _with(node: exp.Expr, ctes: Mapping[str, Flows], outer: _Scope | None) -> Mapping[str, Flows]:
    with_ = node.args.get("with_") or node.args.get("with")
    found = dict(ctes)
    if not isinstance(with_, exp.With):
        return found
    for cte in with_.expressions:
        name = cte.alias.lower()
        if with_.args.get("recursive") and isinstance(cte.this, exp.SetOperation):
            found[name] = _named(_query(cte.this.left, found, outer), cte)
        found[name] = _named(_query(cte.this, found, outer), cte)
    return found


def _named(flows: Flows, node: exp.Expr) -> Flows:
    alias = node.args.get("alias")
    names = [column.name.lower() for column in alias.columns] if isinstance(alias, exp.TableAlias) else []
    return flows.under(names) if names else flows


def _set(node: exp.SetOperation, ctes: Mapping[str, Flows], outer: _Scope | None) -> Flows:
    """Columns meet by place, unless their number is not known on both sides: then by name."""
    left = _query(node.left, ctes, outer)
    if not isinstance(node, exp.Union):
        return left
    right = _query(node.right, ctes, outer)
    if not (node.args.get("by_name") or left.stars or right.stars):
        right = right.under(list(left.named))
    return merged(left, right)


def _select(node: exp.Select, ctes: Mapping[str, Flows], outer: _Scope | None) -> Flows:
    scope = _Scope(ctes, outer)
    parts = (node.args.get(name) for name in ("from_", "from", "joins", "laterals"))
    for source in (each for part in parts if part for each in (part if isinstance(part, list) else [part])):
        _join(source, scope)
    columns = Flows()
    for projection in node.expressions:
        columns = merged(columns, _projected(projection, scope))
        scope.earlier |= columns.named
    return columns


def _join(node: exp.Expr, scope: _Scope) -> None:
    inside = node.this if isinstance(node, exp.From | exp.Join) else node
    name, flows = _source(inside, scope)
    scope.add(name, _named(flows, inside), row=bool(inside.alias))
    for more in inside.args.get("joins") or ():
        _join(more, scope)


def _source(node: exp.Expr, scope: _Scope) -> tuple[str, Flows]:
    """What stands in a FROM, by the name under which its columns are known."""
    name = (node.alias or node.name).lower()
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
        flows = _table(node, scope)
    elif isinstance(node, exp.Subquery):
        if isinstance(node.this, exp.Table):
            _join(node.this, scope)
        known = isinstance(node.this, exp.Query)
        flows = _query(node.this, scope.ctes, scope) if known else _opaque(node.this, scope)
    elif isinstance(node, exp.Values):
        rows = [row.expressions for row in node.expressions]
        width = range(max(map(len, rows), default=0))
        flows = Flows({f"col{at}": union(_origins(row[at], scope) for row in rows) for at in width})
    else:
        flows = _opaque(node, scope)
    return name, Flows(anywhere=flows.all) if node.args.get("pivots") else flows


def _opaque(node: exp.Expr, scope: _Scope) -> Flows:
    """A PIVOT, a table function: columns that may be made of everything below."""
    tables = [_table(table, scope).all for table in node.find_all(exp.Table)]
    return Flows(anywhere=union([*tables, _origins(node, scope)]))


def _table(node: exp.Table, scope: _Scope) -> Flows:
    layer, name = node.db.lower(), node.name.lower()
    if layer in list(Layer) and node.catalog.lower() in _OURS:
        return Flows(stars=(Star(AssetKey(Layer(layer), name)),))
    return scope.ctes.get(name, Flows())


def _projected(node: exp.Expr, scope: _Scope) -> Flows:
    star = node.this if isinstance(node, exp.Column) else node
    if isinstance(star, exp.Star):
        table = node.table.lower() if isinstance(node, exp.Column) else ""
        sources = [scope.source(table) or Flows()] if table else list(scope.sources.values())
        return _starred(star, reduce(merged, sources, Flows()), scope)
    if node.find(exp.Columns):
        return Flows(anywhere=_origins(node, scope)) if node.alias else reduce(merged, scope.sources.values(), Flows())
    name = (node.alias_or_name or node.sql(dialect="duckdb")).lower()
    return Flows({name: _origins(node, scope)})


def _starred(star: exp.Star, flows: Flows, scope: _Scope) -> Flows:
    """`* exclude (…) replace (…) rename (…)`."""
    left_out = {column.name.lower() for column in star.args.get("except_") or star.args.get("except") or ()}
    replaced = {each.alias.lower(): _origins(each.this, scope) for each in star.args.get("replace") or ()}
    renamed = {each.this.name.lower(): each.alias.lower() for each in star.args.get("rename") or ()}
    named = replaced | {new: flows.of(old) for old, new in renamed.items()}
    rest = flows.without(frozenset(left_out | set(replaced) | set(renamed)))
    return replace(rest, named={**rest.named, **named})


def _origins(node: exp.Expr, scope: _Scope) -> Origins:
    match node:
        case exp.Column():
            return _column(node, scope)
        case exp.Query() | exp.Subquery():
            return _query(node, scope.ctes, scope).all
        case exp.Columns():
            return reduce(merged, scope.sources.values(), Flows()).all
    return union(_origins(each, scope) for each in _parts(node))


_TELLS_NOTHING: Final = (exp.Count, exp.CountIf, exp.ApproxDistinct, exp.Predicate, exp.Exists)
_WITH_ORDER: Final = (exp.Window, exp.Filter, exp.Order)


def _parts(node: exp.Expr) -> Iterator[exp.Expr]:
    """Below a node, what its value is made of."""
    if isinstance(node, _TELLS_NOTHING):
        return
    if isinstance(node, _WITH_ORDER):
        yield node.this
    elif isinstance(node, exp.Case | exp.If):
        results = [*(node.args.get("ifs") or ()), *(node.args.get(name) for name in ("true", "false", "default"))]
        yield from (each for each in results if each is not None)
    else:
        yield from node.iter_expressions()


def _column(node: exp.Column, scope: _Scope) -> Origins:
    """`column`, `table.column`, `layer.table.column`, each with fields of a struct behind it."""
    first, *rest = [part.name.lower() for part in node.parts]
    if first in list(Layer) and len(rest) > 1 and scope.source(rest[0]):
        first, *rest = rest
    if rest and (source := scope.source(first)) is not None:
        return source.of(rest[0])
    return scope.column(first)
