"""A metric's query, which is SQL for DuckDB, said in Spark SQL over views of pinned snapshots."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lakeflow.core.model.schema import Type
from lakeflow.core.spark.said.aggregates import ordered
from lakeflow.core.spark.said.expressions import say
from lakeflow.core.spark.said.terms import (
    TIMESTAMPTZ,
    NotTheSameError,
    Phrase,
    TermScope,
    TermSource,
    View,
    name,
    refuse_more,
)
from lakeflow.core.values import dataclass

_KEPT: Final = "lakeflow: kept"
_KNOWN: Final = frozenset(
    {"expressions", "from_", "joins", "where", "group", "having", "qualify", "order", "limit", "distinct", "kind"}
)


@dataclass(frozen=True)
class SparkSelect:
    """A SELECT of Spark SQL, and its columns with their types."""

    sql: str
    columns: Mapping[str, Type | None]


def in_spark_sql(sql: str, views: Mapping[str, View]) -> str:
    """The query of a metric, in Spark SQL. `views` are what it may read, by name: `layer.name`, or three of them.

    NotTheSameError where it is not known to give the very same there.
    """
    try:
        tree = sqlglot.parse_one(sql, dialect="duckdb")
    except SqlglotError:
        raise NotTheSameError("it cannot be read") from None
    try:
        rows = _query(tree, TermScope(views, _query))
    except RecursionError:
        raise NotTheSameError("it nests too deeply") from None
    if TIMESTAMPTZ in rows.columns.values() and not tree.args.get("limit"):
        raise NotTheSameError("a time with a zone is no answer")
    return rows.sql


def _query(tree: Any, scope: TermScope) -> SparkSelect:
    if isinstance(tree, exp.Union):
        return _union(tree, scope)
    if not isinstance(tree, exp.Select) or {key for key, value in tree.args.items() if value} - _KNOWN:
        raise NotTheSameError("the query is not known to mean the same in DuckDB and in Spark")
    inner, source = _sources(tree, scope)
    where = f" WHERE {say(tree.args['where'].this, inner).sql}" if tree.args.get("where") else ""
    if tree.args.get("qualify"):
        kept = say(tree.args["qualify"].this, inner).sql
        source, where = f" FROM (SELECT *, {kept} AS {name(_KEPT)}{source}{where})", f" WHERE {name(_KEPT)}"
    columns = list(_columns(tree, inner))
    listed = ", ".join(said.sql for _, said in columns)
    unique = "DISTINCT " if tree.args.get("distinct") else ""
    end = "".join((*_grouped(tree, inner), *_ordered(tree, inner, columns)))
    types = {column: said.type for column, said in columns if column != "*"} | _of_star(columns, inner)
    return SparkSelect(f"SELECT {unique}{listed}{source}{where}{end}", types)


def _union(tree: exp.Union, scope: TermScope) -> SparkSelect:
    if tree.args.get("distinct"):
        raise NotTheSameError("UNION is not known to mean the same in DuckDB and in Spark")
    left, right = _query(tree.this, scope), _query(tree.expression, scope)
    return replace(left, sql=f"{left.sql} UNION ALL {right.sql}")


def _columns(tree: exp.Select, scope: TermScope) -> Iterator[tuple[str, Phrase]]:
    for place, each in enumerate(tree.expressions):
        if isinstance(each, exp.Star):
            yield "*", Phrase("*", None)
            continue
        bare = each.this if isinstance(each, exp.Alias) else each
        said = say(bare, scope)
        called = each.alias or (bare.name if isinstance(bare, exp.Column) else f"c{place}")
        yield called.lower(), Phrase(f"{said.sql} AS {name(called)}", said.type)


def _of_star(columns: list[tuple[str, Phrase]], scope: TermScope) -> dict[str, Type | None]:
    if not any(column == "*" for column, _ in columns):
        return {}
    return {column: type_ for source in scope.sources for column, type_ in source.columns.items()}


def _grouped(tree: exp.Select, scope: TermScope) -> Iterator[str]:
    if group := tree.args.get("group"):
        refuse_more(group)
        yield " GROUP BY " + ("ALL" if group.args.get("all") else ", ".join(_place(each, scope) for each in group))
    if having := tree.args.get("having"):
        yield f" HAVING {say(having.this, scope).sql}"


def _place(each: exp.Expr, scope: TermScope) -> str:
    """A column by its place in the list, or an expression."""
    is_place = isinstance(each, exp.Literal) and not each.is_string
    return str(each.this) if is_place else say(each, scope).sql


def _ordered(tree: exp.Select, scope: TermScope, columns: list[tuple[str, Phrase]]) -> Iterator[str]:
    if order := tree.args.get("order"):
        own = TermSource("", {column: said.type for column, said in columns})
        yield f" ORDER BY {ordered(order, replace(scope, sources=(own, *scope.sources)), say)}"
    if limit := tree.args.get("limit"):
        refuse_more(limit)
        yield f" LIMIT {int(limit.expression.this)}"


def _sources(tree: exp.Select, scope: TermScope) -> tuple[TermScope, str]:
    """The FROM clause, and the scope of what stands around it."""
    first = tree.args.get("from_")
    if first is None:
        return scope, ""
    own, sql = _source(first.this, scope)
    found, text = [own], f" FROM {sql}"
    for join in tree.args.get("joins") or ():
        refuse_more(join)
        own, sql = _source(join.this, scope)
        both = replace(scope, sources=(*found, own))
        text += _joined(join, sql, both)
        # An anti join gives the columns of its left side alone.
        found += [] if _kind(join) == "ANTI" else [own]
    return replace(scope, sources=tuple(found)), text


def _kind(join: exp.Join) -> str:
    return str(join.args.get("kind") or join.args.get("side") or "")


def _joined(join: exp.Join, sql: str, scope: TermScope) -> str:
    on = join.args.get("on")
    words = {"ANTI": " LEFT ANTI JOIN ", "": " CROSS JOIN " if on is None else " JOIN "}
    if _kind(join) not in words or join.args.get("using") or join.args.get("method"):
        raise NotTheSameError("the join is not known to mean the same in DuckDB and in Spark")
    return words[_kind(join)] + sql + (f" ON {say(on, scope).sql}" if on is not None else "")


def _source(node: Any, scope: TermScope) -> tuple[TermSource, str]:
    refuse_more(node)
    if isinstance(node, exp.Table):
        return _table(node, scope)
    if isinstance(node, exp.Values):
        return _values(node, scope)
    if isinstance(node, exp.Subquery):
        rows = _query(node.this, scope)
        alias = node.alias
        return TermSource(alias, rows.columns), f"({rows.sql})" + (f" AS {name(alias)}" if alias else "")
    raise NotTheSameError("what the query reads is not known to be the same in DuckDB and in Spark")


def _table(node: exp.Table, scope: TermScope) -> tuple[TermSource, str]:
    key = ".".join(part for part in (node.catalog, node.db, node.name) if part)
    view = scope.views.get(key)
    if view is None:
        raise NotTheSameError(f"{key} is no table that this check may read")
    alias = node.alias or node.name
    columns: dict[str, Type | None] = {field.name.lower(): field.type for field in view.schema.fields}
    return TermSource(alias, columns), f"{name(view.name)} AS {name(alias)}"


def _values(node: exp.Values, scope: TermScope) -> tuple[TermSource, str]:
    """Values in one column."""
    values = [say(each.expressions[0], scope) for each in node.expressions]
    (column,) = node.args["alias"].columns
    listed = ", ".join(f"({each.sql})" for each in values)
    alias = f"{name(node.alias)}({name(column.name)})"
    return TermSource(node.alias, {column.name.lower(): values[0].type}), f"(VALUES {listed}) AS {alias}"
