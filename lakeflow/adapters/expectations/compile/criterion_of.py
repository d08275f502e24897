"""The library's judgement of an expectation as a criterion: each of its `_validate` methods, translated.

Only classes of the library itself are translated. A user's own class may override anything, so its own code judges.
"""

from __future__ import annotations

import decimal
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from lakeflow.adapters.expectations.library.criteria import (
    Commonest,
    Criterion,
    Equal,
    Inside,
    Mostly,
    NoneFound,
    Quantiles,
    Settled,
)
from lakeflow.adapters.expectations.library.divergence import divergence_of
from lakeflow.adapters.expectations.library.library import LibraryCriterion
from lakeflow.adapters.expectations.metrics.metrics import Plan
from lakeflow.adapters.expectations.metrics.plans import FromSchema
from lakeflow.adapters.expectations.sql.domains import Metric
from lakeflow.adapters.expectations.sql.literals import instant
from lakeflow.adapters.expectations.table import Audited

Metrics = Mapping[str, Metric]
Translate = Callable[[Any, Metrics, Audited], Criterion | None]
"""Translates an expectation; None where a criterion cannot express it."""

_ROWS: Final = "table.row_count"
_NULLS: Final = "column_values.nonnull.unexpected_count"
_BAD: Final = ".unexpected_count"
_KEPT: Final = ".filtered_row_count"
_NUMBERS: Final = frozenset({type(None), int, float})
_PLAIN: Final = _NUMBERS | {str}


def criterion_of(expectation: Any, metrics: Metrics, plans: Mapping[str, Plan], table: Audited) -> Criterion:
    """The criterion as data where that is possible, otherwise the expectation itself."""
    library = LibraryCriterion(expectation)
    if not type(expectation).__module__.startswith("great_expectations."):
        return library
    known = {name: plan.value for name, plan in plans.items() if isinstance(plan, FromSchema)}
    if known.keys() == metrics.keys():
        found = library.judge(known)
        return Settled(found.success, found.observed)
    translate = _METHODS.get(next(base.__name__ for base in type(expectation).__mro__ if "_validate" in vars(base)))
    return (translate and translate(expectation, metrics, table)) or library


def _of_all_rows(expectation: Any, metrics: Metrics, _: Audited) -> Criterion | None:
    return _share(expectation, metrics, Mostly(1.0, _bad(metrics), _ROWS))


def _of_filled_rows(expectation: Any, metrics: Metrics, _: Audited) -> Criterion | None:
    return _share(expectation, metrics, Mostly(1.0, _bad(metrics, besides=_NULLS), _ROWS, nulls=_NULLS))


def _of_kept_rows(expectation: Any, metrics: Metrics, _: Audited) -> Criterion | None:
    bad = _bad(metrics)
    return _share(expectation, metrics, Mostly(1.0, bad, _ROWS, kept=bad.removesuffix(_BAD) + _KEPT))


def _bad(metrics: Metrics, besides: str = "") -> str:
    return next((name for name in metrics if name.endswith(_BAD) and name != besides), "")


def _share(expectation: Any, metrics: Metrics, share: Mostly) -> Mostly | None:
    mostly = getattr(expectation, "mostly", None)
    needed = {share.bad, share.rows, share.nulls or share.rows, share.kept or share.rows}
    if isinstance(mostly, bool) or not isinstance(mostly, (int, float)) or not needed <= metrics.keys():
        return None
    return replace(share, mostly=float(mostly))


def _inside(metric: str) -> Translate:
    def translate(expectation: Any, metrics: Metrics, table: Audited) -> Criterion | None:
        if metric not in metrics:
            return None
        timed = metric in ("column.min", "column.max") and table.column(expectation.column).is_time
        low, high = (getattr(expectation, name, None) for name in ("min_value", "max_value"))
        if timed:
            low, high = (None if bound is None else instant(bound, expectation.column) for bound in (low, high))
        elif not {type(low), type(high)} <= _PLAIN:
            return None
        strict = [bool(getattr(expectation, name, None)) for name in ("strict_min", "strict_max")]
        return Inside(metric, low, high, *strict)

    return translate


def _equal(metric: str) -> Translate:
    def translate(expectation: Any, metrics: Metrics, _: Audited) -> Criterion | None:
        return Equal(metric, expectation.value) if type(expectation.value) in _PLAIN and metric in metrics else None

    return translate


def _none_found(*counts: str) -> Translate:
    def translate(_: Any, metrics: Metrics, __: Audited) -> Criterion | None:
        return NoneFound(counts) if metrics.keys() >= set(counts) else None

    return translate


def _commonest(expectation: Any, _: Metrics, table: Audited) -> Criterion | None:
    given = expectation.value_set or ()
    if table.column(expectation.column).is_time:
        given = [instant(one, expectation.column) for one in given]
    elif not {type(one) for one in given} <= _PLAIN | {bool, decimal.Decimal}:
        return None
    return Commonest(tuple(given), bool(expectation.ties_okay))


def _quantiles(expectation: Any, _: Metrics, __: Audited) -> Criterion | None:
    asked = expectation.configuration.kwargs["quantile_ranges"]
    pairs = asked["value_ranges"]
    if len(pairs) != len(asked["quantiles"]) or not {type(bound) for pair in pairs for bound in pair} <= _NUMBERS:
        return None
    closed = ((-math.inf if low is None else low, math.inf if high is None else high) for low, high in pairs)
    return Quantiles(tuple((float(low), float(high)) for low, high in closed))


def _divergence(expectation: Any, _: Metrics, table: Audited) -> Criterion | None:
    return divergence_of(expectation, table.column(expectation.column))


_OUTSIDE: Final = "column.distinct_values.not_in_set.count"
_MISSING: Final = "column.distinct_values.missing_from_column.count"
_METHODS: Final[Mapping[str, Translate]] = {
    "ColumnMapExpectation": _of_filled_rows,
    "ColumnPairMapExpectation": _of_kept_rows,
    "MulticolumnMapExpectation": _of_kept_rows,
    "ExpectColumnValuesToNotBeNull": _of_all_rows,
    "ExpectColumnValuesToBeNull": _of_all_rows,
    "ExpectTableRowCountToEqual": _equal(_ROWS),
    "ExpectTableRowCountToBeBetween": _inside(_ROWS),
    "ExpectColumnMinToBeBetween": _inside("column.min"),
    "ExpectColumnMaxToBeBetween": _inside("column.max"),
    "ExpectColumnMeanToBeBetween": _inside("column.mean"),
    "ExpectColumnMedianToBeBetween": _inside("column.median"),
    "ExpectColumnSumToBeBetween": _inside("column.sum"),
    "ExpectColumnStdevToBeBetween": _inside("column.standard_deviation"),
    "ExpectColumnUniqueValueCountToBeBetween": _inside("column.distinct_values.count"),
    "ExpectColumnProportionOfUniqueValuesToBeBetween": _inside("column.unique_proportion"),
    "ExpectColumnProportionOfNonNullValuesToBeBetween": _inside("column.non_null_proportion"),
    "ExpectColumnMostCommonValueToBeInSet": _commonest,
    "ExpectColumnQuantileValuesToBeBetween": _quantiles,
    "ExpectColumnKLDivergenceToBeLessThan": _divergence,
    "ExpectColumnDistinctValuesToBeInSet": _none_found(_OUTSIDE),
    "ExpectColumnDistinctValuesToContainSet": _none_found(_MISSING),
    "ExpectColumnDistinctValuesToEqualSet": _none_found(_OUTSIDE, _MISSING),
}
"""Translations by the class that defines the method. A method that is missing here needs the library, which then is
imported.
"""
