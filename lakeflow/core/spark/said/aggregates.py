"""Aggregates and windows of a metric, said in Spark SQL: sums that stay exact, and quantiles that are values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from sqlglot import exp

from lakeflow.core.model.schema import Decimal, Type
from lakeflow.core.spark.said.terms import (
    COUNTS,
    DOUBLE,
    EXACT_AS_DOUBLE,
    FLOATING,
    LONG,
    WHOLE,
    NotTheSameError,
    Phrase,
    TermScope,
    kind,
    refuse_more,
)

Say: TypeAlias = Callable[[exp.Expr, TermScope], Phrase]
_WIDEST: Final = 38
_SURE: Final = 2**50
"""Quarters between whole numbers below this are exact as doubles."""


def say(node: exp.Expr, scope: TermScope, term: Say) -> Phrase | None:
    """The aggregate or window; None for another expression, which `term` says."""
    if isinstance(node, exp.Filter):
        condition = term(node.expression.this, scope).sql
        return _aggregate(node.this, scope, term, f" FILTER (WHERE {condition})")
    if isinstance(node, exp.Window):
        return _window(node, scope, term)
    return _aggregate(node, scope, term, "")


def _aggregate(node: exp.Expr, scope: TermScope, term: Say, kept: str) -> Phrase | None:
    if isinstance(node, exp.Count) and isinstance(node.this, exp.Star):
        return Phrase(f"count(*){kept}", LONG)
    if isinstance(node, exp.PercentileCont):
        return _between(node, scope, term)
    inner = node.this if isinstance(node, exp.IgnoreNulls) else node
    refuse_more(inner)
    how = _AGGREGATES.get(type(inner))
    return how(inner, _one(inner, scope, term), kept) if how else None


def _one(node: exp.Expr, scope: TermScope, term: Say) -> Phrase:
    if isinstance(node.this, exp.Distinct) or node.expressions:
        raise NotTheSameError(f"{node.key} of that is not known to be the same in DuckDB and in Spark")
    return term(node.this, scope)


def _number(said: Phrase) -> None:
    if kind(said.type) != "number":
        raise NotTheSameError(f"{said.type} is no number")


def _count(_: Any, said: Phrase, kept: str) -> Phrase:
    return Phrase(f"count({said.sql}){kept}", LONG)


def _extreme(node: Any, said: Phrase, kept: str) -> Phrase:
    return Phrase(f"{node.key}({said.sql}){kept}", said.type)


def _any(_: Any, said: Phrase, __: str) -> Phrase:
    return Phrase(f"any_value({said.sql}, true)", said.type)


def _sum(_: Any, said: Phrase, kept: str) -> Phrase:
    """An overflow is an error."""
    _number(said)
    if said.type in WHOLE:
        return Phrase(f"sum({said.sql}){kept}", LONG)
    if isinstance(said.type, Decimal):
        return Phrase(f"{_exact_sum(said, said.type)}{kept}", Decimal(_WIDEST, said.type.scale))
    return Phrase(f"sum(CAST({said.sql} AS DOUBLE)){kept}", DOUBLE)


def _exact_sum(said: Phrase, type_: Type) -> str:
    scale = type_.scale if isinstance(type_, Decimal) else 0
    return f"sum(CAST({said.sql} AS DECIMAL({_WIDEST}, {scale})))"


def _mean(_: Any, said: Phrase, kept: str) -> Phrase:
    """Spark would round the mean of decimals, and add whole numbers as doubles."""
    _number(said)
    if said.type in FLOATING:
        return Phrase(f"avg(CAST({said.sql} AS DOUBLE)){kept}", DOUBLE)
    assert said.type is not None, "it is a number"
    rows = f"nullif(CAST(count({said.sql}){kept} AS DOUBLE), 0)"
    return Phrase(f"(CAST({_exact_sum(said, said.type)}{kept} AS DOUBLE) / {rows})", DOUBLE)


def _deviation(_: Any, said: Phrase, kept: str) -> Phrase:
    _number(said)
    return Phrase(f"stddev_samp(CAST({said.sql} AS DOUBLE)){kept}", DOUBLE)


def _median(_: Any, said: Phrase, __: str) -> Phrase:
    """The middle of the two values in the middle, each of which is a value of the column."""
    _number(said)
    if isinstance(said.type, Decimal):
        return _median_of_decimals(said.sql, said.type)
    low, high = _in_the_middle(f"CAST({said.sql} AS DOUBLE)")
    return Phrase(f"({low} + ({high} - {low}) * 0.5D)", DOUBLE)


def _in_the_middle(value: str) -> tuple[str, str]:
    """The two values in the middle, which are one and the same of an odd number."""
    low, high = (f"percentile_disc(0.5) WITHIN GROUP (ORDER BY {value}{way})" for way in ("", " DESC"))
    return low, high


def _median_of_decimals(sql: str, type_: Decimal) -> Phrase:
    """DuckDB cuts what is beyond the scale, towards zero; longer decimals it adds as doubles, and rounds."""
    if type_.precision > EXACT_AS_DOUBLE:
        raise NotTheSameError(f"the median of {type_} is rounded in DuckDB")
    scale = type_.scale
    units = f"CAST({sql} * CAST({10**scale} AS DECIMAL({scale + 1}, 0)) AS BIGINT)"
    low, high = (f"CAST({each} AS BIGINT)" for each in _in_the_middle(f"CAST({units} AS DOUBLE)"))
    middle = f"CAST(({low} + {high}) div 2 AS DECIMAL(16, 0))"
    return Phrase(f"CAST({middle} * CAST('1E-{scale}' AS DECIMAL({scale + 1}, {scale})) AS {type_})", type_)


def _quantiles(node: exp.PercentileDisc, said: Phrase, _: str) -> Phrase:
    if said.type != DOUBLE or not isinstance(node.expression, exp.Array):
        raise NotTheSameError("quantiles of that are not known to be the same in DuckDB and in Spark")
    shares = [float(each.this) for each in node.expression.expressions]
    found = (f"percentile_disc({share!r}D) WITHIN GROUP (ORDER BY {said.sql})" for share in shares)
    return Phrase(f"array({', '.join(found)})", COUNTS)


_AGGREGATES: Final[Mapping[type[exp.Expr], Callable[[Any, Phrase, str], Phrase]]] = {
    exp.AnyValue: _any,
    exp.Avg: _mean,
    exp.Count: _count,
    exp.Max: _extreme,
    exp.Median: _median,
    exp.Min: _extreme,
    exp.PercentileDisc: _quantiles,
    exp.StddevSamp: _deviation,
    exp.Sum: _sum,
}


def _between(node: exp.PercentileCont, scope: TermScope, term: Say) -> Phrase:
    """A quantile between two values. Quarters between whole numbers are exact, unless these are huge, which is raised;
    all else may differ in its last digit, and with it the rows that lie outside.
    """
    value = node.this
    source = term(value.this, scope) if isinstance(value, exp.Cast) else term(value, scope)
    shares = node.expression.expressions if isinstance(node.expression, exp.Array) else [node.expression]
    if source.type not in WHOLE or any(float(each.this) * 4 % 1 for each in shares):
        raise NotTheSameError(
            f"quantiles between two values of {source.type} may differ in their last digit in DuckDB and in Spark"
        )
    sure = f"CASE WHEN abs({source.sql}) < {_SURE} THEN {source.sql} ELSE raise_error('a quantile is not exact') END"
    value = f"CAST(CASE WHEN {source.sql} IS NOT NULL THEN {sure} END AS DOUBLE)"
    found = [f"percentile_cont({float(each.this)!r}D) WITHIN GROUP (ORDER BY {value})" for each in shares]
    if isinstance(node.expression, exp.Array):
        return Phrase(f"array({', '.join(found)})", COUNTS)
    return Phrase(found[0], DOUBLE)


def _window(node: exp.Window, scope: TermScope, term: Say) -> Phrase:
    inner = node.this
    refuse_more(inner)
    order = node.args.get("order")
    if isinstance(inner, exp.Lag | exp.Lead) and order is not None:
        value = term(inner.this, scope)
        said = Phrase(f"{inner.key}({value.sql})", value.type)
    elif isinstance(inner, exp.Rank) and order is not None:
        said = Phrase("rank()", LONG)
    elif isinstance(inner, exp.Sum):
        value = term(inner.this, scope)
        said = Phrase(f"sum({value.sql})", _window_sum(value.type))
    else:
        raise NotTheSameError(f"{inner.key} over a window is not known to be the same in DuckDB and in Spark")
    parts = [term(each, scope).sql for each in node.args.get("partition_by") or ()]
    by = [f"PARTITION BY {', '.join(parts)}"] if parts else []
    by += [f"ORDER BY {ordered(order, scope, term)}"] if order is not None else []
    by += [_frame(node.args["spec"])] if node.args.get("spec") else []
    return Phrase(f"{said.sql} OVER ({' '.join(by)})", said.type)


def _window_sum(type_: Type | None) -> Type:
    if type_ not in (LONG, DOUBLE):
        raise NotTheSameError(f"sums of {type_} over a window are not known to be the same in DuckDB and in Spark")
    assert type_ is not None, "it is one of both"
    return type_


def _frame(spec: Any) -> str:
    refuse_more(spec)
    if (spec.args.get("kind"), spec.args.get("start"), spec.args.get("start_side")) != (
        "ROWS",
        "UNBOUNDED",
        "PRECEDING",
    ):
        raise NotTheSameError("the frame of a window is not known to mean the same in DuckDB and in Spark")
    return "ROWS UNBOUNDED PRECEDING"


def ordered(order: Any, scope: TermScope, term: Say) -> str:
    """ORDER BY …, with the place of NULLs, which differs between the engines."""
    return ", ".join(_placed(each, scope, term) for each in order.expressions)


def _placed(each: Any, scope: TermScope, term: Say) -> str:
    refuse_more(each)
    place = isinstance(each.this, exp.Literal) and not each.this.is_string
    said = each.this.this if place else term(each.this, scope).sql
    way = "DESC" if each.args.get("desc") else "ASC"
    return f"{said} {way} NULLS {'FIRST' if each.args.get('nulls_first') else 'LAST'}"
