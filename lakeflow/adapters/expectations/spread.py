"""Row rules that measure a value against the whole column: z-scores and outliers.

Each is SQL that is TRUE for a bad row, FALSE for a good one and NULL where nothing can be said: of a column
without spread to measure against (fewer than two values, infinities) no value is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lakeflow.adapters.expectations.domains import Domain
from lakeflow.adapters.expectations.table import Audited, CannotCheck, Operand

Values = Mapping[str, Any]


def bad_row(rule: str, domain: Domain, table: Audited, values: Values) -> str:
    """CannotCheck when the column is not of numbers, or the rule is not one that can fail."""
    column = domain.columns[0]
    if not column.is_number:
        raise CannotCheck(f"{column.name} is {column.type}, not a number")
    return RULES[rule](_Column(column, domain, table), values)


class _Column:
    """A column of numbers with the statistics of its domain, as scalar subqueries."""

    def __init__(self, column: Operand, domain: Domain, table: Audited) -> None:
        self.value = f"CAST({column.sql} AS DOUBLE)"
        self._from = f"FROM {table.relation}{domain.clause()}"

    def statistic(self, aggregate: str) -> str:
        """A finite number or NULL."""
        return f"(SELECT CASE WHEN isfinite({aggregate}) THEN {aggregate} END {self._from})"

    @property
    def mean(self) -> str:
        return self.statistic(f"avg({self.value})")

    @property
    def deviation(self) -> str:
        return self.statistic(f"stddev_samp({self.value})")

    def quantile(self, share: float) -> str:
        return self.statistic(f"quantile_cont({self.value}, {share})")


def _z_score(column: _Column, values: Values) -> str:
    threshold = values.get("threshold")
    if threshold is None:
        raise CannotCheck("threshold is not given, so no value could fail")
    score = f"({column.value} - {column.mean}) / {column.deviation}"
    if values.get("double_sided"):
        score, threshold = f"abs({score})", abs(threshold)
    # in a column of one value, each is the mean: nothing is far from it
    constant = f"WHEN {column.value} IS NULL THEN NULL WHEN {column.deviation} = 0 THEN FALSE"
    return f"CASE {constant} ELSE NOT ({score} < {float(threshold)!r}) END"


def _outlier(column: _Column, values: Values) -> str:
    method, times = values.get("method") or "iqr", float(values.get("multiplier") or 0)
    if method == "iqr":
        low, high = column.quantile(0.25), column.quantile(0.75)
        reach = f"{times!r} * ({high} - {low})"
        return f"NOT ({column.value} >= {low} - {reach} AND {column.value} <= {high} + {reach})"
    if method == "std":
        distance, reach = f"abs({column.value} - {column.mean})", f"{times!r} * {column.deviation}"
        return f"NOT CASE WHEN {reach} <= 0 THEN {distance} = 0 ELSE {distance} < {reach} END"
    raise CannotCheck(f"method={method!r} is none of iqr, std")


RULES: Final[Mapping[str, Callable[[_Column, Values], str]]] = {
    "column_values.z_score.under_threshold": _z_score,
    "column_values.not_outliers": _outlier,
}
