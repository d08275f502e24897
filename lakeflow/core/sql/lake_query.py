"""A query of the lake: one SELECT over assets, by the names that asset code uses, or a filter of one table's rows."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Project
from lakeflow.core.sql.reader import ONE_SELECT, read_query
from lakeflow.core.wording import did_you_mean, did_you_mean_asset

_HERE = "the query"
"""Stands for a file name in messages about the text."""
_ASK: Final = "write exactly one SELECT over assets; it may begin with WITH, and it changes nothing"
_BESIDE: Final = {"where": frozenset({"where"}), "order by": frozenset({"order"})}
_ALWAYS: Final = frozenset({"expressions", "from", "from_", "kind"})


def asked_tables(project: Project, text: str) -> tuple[AssetKey, ...]:
    """The assets that the text reads. UsageError when the text is not one SELECT, or reads anything but assets."""
    query = read_query(text, _HERE)
    for fault in query.faults:
        hint = _ASK if fault.hint == ONE_SELECT else fault.hint
        raise UsageError(f"{fault.path}:{fault.line}: {fault.message}", hint=hint)
    for fault in query.outside:
        message = fault.message.replace(", which only bronze may", "")
        raise UsageError(f"{fault.path}:{fault.line}: {message}", hint="land it in bronze: a query reads assets alone")
    for each in query.published:
        raise UsageError(f"the query reads published.{each.key}", hint=f"write {each.key}: it is what readers see")
    for each in query.references:
        if each.key not in project.assets:
            hint = did_you_mean_asset(each.key, project.assets, "`lakeflow list` names all of them")
            raise UsageError(f"the query reads {each.key}, which is not defined", hint=hint)
    return tuple(each.key for each in query.references)


def require_filter(where: str, order_by: str, table: str, names: Sequence[str], personal: Collection[str]) -> None:
    """UsageError for a text that is more than a condition or an order, and for a name that is no column. A condition on
    a `personal` column, or an order by one, would tell its values: it is refused too.
    """
    known = {name.lower(): name for name in names}
    hidden = {name.lower() for name in personal}
    for what, text in (("where", where), ("order by", order_by)):
        for name in _columns(what, text) if text.strip() else ():
            column_of(name, known, table)
            if name.lower() in hidden:
                hint = f"--where and --order-by take the other columns of {table}"
                raise UsageError(f"{name} is personal: what a {what} on it gives would tell its values", hint=hint)


def _columns(what: str, text: str) -> Iterator[str]:
    """The columns that the text names. UsageError where it is anything else than what it stands for."""
    wrong = UsageError(f"--{what.replace(' ', '-')}: {text!r} is no {_CALLED[what]}", hint=_HINTS[what])
    try:
        statements = sqlglot.parse(f"select 1 from t {what} {text}\n", dialect="duckdb")
    except (SqlglotError, RecursionError):
        raise wrong from None
    (tree,) = statements if len(statements) == 1 else (None,)
    said = {name for name, value in tree.args.items() if value} if isinstance(tree, exp.Select) else set()
    if not isinstance(tree, exp.Select) or said - _ALWAYS != _BESIDE[what]:
        raise wrong
    clause = tree.args["where" if what == "where" else "order"]
    if clause.find(*_MORE) is not None:
        raise wrong
    if what == "order by" and any(isinstance(each.this, exp.Literal) for each in clause.expressions):
        raise wrong
    for column in clause.find_all(exp.Column):
        yield column.parts[0].name


_MORE: Final = (exp.Select, exp.Subquery, exp.Table, exp.Star, exp.Command)
_CALLED: Final = {"where": "condition", "order by": "order"}
_HINTS: Final = {
    "where": "write a condition on its columns, such as \"total > 10 and day = '2026-01-31'\"",
    "order by": 'write its columns, such as "total desc, id"',
}


def column_of(name: str, known: Mapping[str, str], table: str) -> str:
    """The column as the table calls it; UsageError where it has none."""
    if name.lower() not in known:
        raise UsageError(
            f"{table} has no column {name}",
            hint=did_you_mean(name, known.values(), f"it has {', '.join(known.values())}"),
        )
    return known[name.lower()]
