"""Finds the aggregates of a SELECT, also where they are written in a query inside it."""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from lakeflow.core.sql.totals import TOTALS


def totals_of(node: exp.Select) -> Iterator[exp.Expr]:
    """The aggregates over the rows of this SELECT."""
    yield from _written_in(node)
    # Beside a plain column, DuckDB refuses what `_lifted` may find.
    if not any(isinstance(each, exp.Column | exp.Star) for part in node.expressions for each in _inside(part)):
        yield from _lifted(node)


def _written_in(node: exp.Select) -> Iterator[exp.Expr]:
    for each in own(node, exp.Func):
        name = each.name.lower() if isinstance(each, exp.Anonymous) else ""
        if not _is_windowed(each) and (isinstance(each, exp.AggFunc) or name in TOTALS):
            yield each


def _lifted(node: exp.Select) -> Iterator[exp.Expr]:
    """Aggregates in its subqueries that may speak of its own rows: an aggregate belongs to the SELECT whose columns it
    takes, wherever it is written.
    """
    for query in queries(node):
        for select in query.find_all(exp.Select):
            for total in _written_in(select):
                columns = list(total.find_all(exp.Column))
                if columns and not any(_is_within(column, query) for column in columns):
                    yield total


def _is_within(column: exp.Column, query: exp.Expr) -> bool:
    """Does the column surely come from a table of this query? One without its table's name may come from outside."""
    tables = (each for kind in (exp.From, exp.Join) for each in query.find_all(kind))
    return column.table.lower() in {each.this.alias_or_name.lower() for each in tables if each.this.alias_or_name}


def _is_windowed(node: exp.Expr) -> bool:
    """Is the expression computed by a window, however it is wrapped?"""
    while isinstance(node.parent, exp.Filter | exp.IgnoreNulls | exp.RespectNulls | exp.WithinGroup):
        node = node.parent
    return isinstance(node.parent, exp.Window) and node.parent.this is node


def own(node: exp.Select, kind: type[exp.Expr]) -> Iterator[exp.Expr]:
    """The nodes of the SELECT itself, without those of queries inside it."""
    skipped = {"from_", "from", "with_", "with"}
    for part in node.iter_expressions():
        if part.arg_key not in skipped:
            yield from (each for each in _inside(part) if isinstance(each, kind))


def _inside(node: exp.Expr) -> Iterator[exp.Expr]:
    """The node and what is below it, without queries."""
    waiting = [node]
    while waiting:
        each = waiting.pop(0)
        if not isinstance(each, exp.Query):
            waiting += each.iter_expressions()
            yield each


def queries(node: exp.Select) -> Iterator[exp.Expr]:
    """The queries in its expressions; queries of FROM and WITH count as relations."""
    waiting: list[exp.Expr] = [
        each for each in node.iter_expressions() if each.arg_key not in {"from_", "from", "with_", "with"}
    ]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, exp.Query):
            yield each
        elif isinstance(each, exp.Join):
            waiting += [part for part in each.iter_expressions() if part.arg_key != "this"]
        elif not isinstance(each, exp.Lateral):
            waiting += each.iter_expressions()
