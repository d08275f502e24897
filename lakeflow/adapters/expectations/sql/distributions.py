"""Metrics of a column's distribution: quantiles, the most frequent value, counts by value and by bin."""

from __future__ import annotations

import math
from itertools import pairwise

from lakeflow.adapters.expectations.sql.domains import Domain, Metric
from lakeflow.adapters.expectations.sql.literals import naive
from lakeflow.adapters.expectations.sql.predicates import interval
from lakeflow.adapters.expectations.table import Audited, CannotCheck, Operand


def quantiles(metric: Metric, domain: Domain, table: Audited) -> str:
    """One row with one list. Exact: each is a value of the column, as in GX's SQL engines, unless "linear" is asked
    for.
    """
    column = _number(domain)
    shares = [float(share) for share in metric.values.get("quantiles") or ()]
    if not shares:
        raise CannotCheck("no quantile is given")
    how = metric.values.get("allow_relative_error")
    if how not in (None, False, True, "linear"):
        raise CannotCheck(f'allow_relative_error={how!r} is neither a bool nor "linear"; quantiles are exact here')
    function = "quantile_cont" if how == "linear" else "quantile_disc"
    return f"SELECT {function}(CAST({column.sql} AS DOUBLE), {shares}) FROM {table.relation}{domain.clause()}"


def counts(domain: Domain, table: Audited) -> str:
    """Rows of a value and its count, in the order of the values."""
    column = domain.columns[0]
    if not (column.is_number or column.is_text or str(column.type) == "boolean"):
        raise CannotCheck(f"{column.name} is {column.type}; shares of its values are not compiled, cast it in a layer")
    return f"{_grouped(domain, table)} ORDER BY 1"


def commonest(domain: Domain, table: Audited) -> str:
    """The most frequent values, one in each row."""
    column = domain.columns[0]
    kept = domain.clause(f"{column.sql} IS NOT NULL")  # not as DOUBLE: two large whole numbers may be one DOUBLE
    groups = f"SELECT {column.sql} AS v, count(*) AS n FROM {table.relation}{kept} GROUP BY 1"
    ranked = f"SELECT v, rank() OVER (ORDER BY n DESC) AS place FROM ({groups})"
    return f"SELECT {naive('v', column)} FROM ({ranked}) WHERE place = 1 ORDER BY v"


def histogram(metric: Metric, domain: Domain) -> str:
    """An aggregate that is a list of counts: each bin includes its lower edge, the last one its upper edge too."""
    column = _number(domain)
    edges = [float(edge) for edge in metric.values["bins"]]
    if len(edges) < 2 or edges != sorted(set(edges)):
        raise CannotCheck("bins do not rise")
    bins = [
        domain.count(
            f"{column.sql} >= {_edge(low)} AND {column.sql} {'<=' if place == len(edges) - 2 else '<'} {_edge(high)}"
        )
        for place, (low, high) in enumerate(pairwise(edges))
    ]
    return f"[{', '.join(bins)}]"


def between(metric: Metric, domain: Domain) -> str:
    """An aggregate: how many values lie inside the bounds."""
    column = _number(domain)
    return domain.count(interval(column.sql, metric.values, lambda bound: _edge(float(bound))))


def _grouped(domain: Domain, table: Audited) -> str:
    column = domain.columns[0]
    kept = domain.clause(f"{column.sql} IS NOT NULL")
    value = f"CAST({column.sql} AS DOUBLE)" if column.is_number else column.sql
    return f"SELECT {value} AS v, count(*) AS n FROM {table.relation}{kept} GROUP BY 1"


def _number(domain: Domain) -> Operand:
    column = domain.columns[0]
    if not column.is_number:
        raise CannotCheck(f"{column.name} is {column.type}, not a number")
    return column


def _edge(edge: float) -> str:
    return f"CAST({repr(edge) if math.isfinite(edge) else repr(str(edge))} AS DOUBLE)"
