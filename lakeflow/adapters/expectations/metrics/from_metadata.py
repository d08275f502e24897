"""Answers aggregates from metadata alone: from what is certain about a snapshot without reading data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lakeflow.adapters.expectations.sql.domains import Hint, Says
from lakeflow.adapters.expectations.sql.literals import text
from lakeflow.adapters.expectations.table import Audited, Queries, identifier
from lakeflow.core.errors import AssetError
from lakeflow.core.model.table import ColumnFacts, Statistics

_BY_BOUNDS: Final = frozenset({Says.EXTREME, Says.OUTSIDE})


def answers_of(
    hints: Mapping[str, Hint], statistics: Statistics, table: Audited, queries: Queries
) -> Mapping[str, Any]:
    """The value of each aggregate, by its SQL, that needs no data; others are left out."""
    counts = {sql: _count(hint, statistics) for sql, hint in hints.items()}
    bounded = {sql: hint for sql, hint in hints.items() if _has_bounds(hint, statistics.columns)}
    known = {sql: count for sql, count in counts.items() if count is not None}
    return known | (_by_bounds(bounded, statistics.columns, table, queries) if bounded else {})


def _count(hint: Hint, statistics: Statistics) -> int | None:
    if hint.says is Says.ROWS:
        return statistics.rows
    facts = statistics.columns.get(hint.column)
    if facts is None or hint.says in _BY_BOUNDS:
        return None
    return facts.nulls if hint.says is Says.NULLS else statistics.rows - facts.nulls


def _has_bounds(hint: Hint, columns: Mapping[str, ColumnFacts]) -> bool:
    facts = columns.get(hint.column)
    return hint.says in _BY_BOUNDS and facts is not None and facts.low is not None and facts.high is not None


def _by_bounds(
    hints: Mapping[str, Hint], columns: Mapping[str, ColumnFacts], table: Audited, queries: Queries
) -> dict[str, Any]:
    """Compute the aggregates over a relation of two rows: the lowest values and the highest."""
    names = dict.fromkeys(hint.column for hint in hints.values())
    low = ", ".join(_spelled(name, columns[name].low, table) for name in names)
    high = ", ".join(_spelled(name, columns[name].high, table) for name in names)
    try:
        row = queries.execute(f"SELECT {', '.join(hints)} FROM (SELECT {low} UNION ALL SELECT {high})").rows[0]
    except AssetError:
        return {}
    found = zip(hints.items(), row, strict=True)
    return {sql: value for (sql, hint), value in found if _holds(hint, value, columns[hint.column])}


def _spelled(name: str, bound: str | None, table: Audited) -> str:
    return f"CAST({text(bound or '')} AS {table.column(name).type}) AS {identifier(name)}"


def _holds(hint: Hint, value: Any, facts: ColumnFacts) -> bool:
    """Are the bounds enough? A bound that is no value of the column proves that all values lie inside, but not the
    extreme.
    """
    return facts.exact if hint.says is Says.EXTREME else value == 0
