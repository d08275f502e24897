"""Row rules that compare a value with the whole column: z-scores and outliers.

Each is SQL that is TRUE for a bad row, FALSE for a good one and NULL where nothing can be said: in a column without
spread (fewer than two values, infinities) no value is judged. The column's statistics are one row that is joined to
every row.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from lakeflow.adapters.expectations.sql.domains import Domain
from lakeflow.adapters.expectations.table import Audited, CannotCheck, identifier
from lakeflow.core.values import dataclass

Values = Mapping[str, Any]


def breaking(rule: str, domain: Domain, table: Audited, values: Values) -> str:
    """The FROM clause of the bad rows. CannotCheck for a column that holds no numbers, or a rule that cannot fail."""
    measured = _measured(rule, domain, values)
    return _source(measured, domain, table, measured.bad)


def judged(rule: str, domain: Domain, table: Audited, values: Values) -> str:
    """The FROM clause of the judged rows; CannotCheck as above."""
    measured = _measured(rule, domain, values)
    return _source(measured, domain, table, f"({measured.bad}) IS NOT NULL")


@dataclass(frozen=True)
class _Measured:
    """`statistics` are aggregates of the column by name; `bad` compares a value with them."""

    statistics: Mapping[str, str]
    bad: str


def _measured(rule: str, domain: Domain, values: Values) -> _Measured:
    column = domain.columns[0]
    if not column.is_number:
        raise CannotCheck(f"{column.name} is {column.type}, not a number")
    return RULES[rule](f"CAST({column.sql} AS DOUBLE)", values)


def _source(measured: _Measured, domain: Domain, table: Audited, condition: str) -> str:
    finite = (
        f"CASE WHEN isfinite({aggregate}) THEN {aggregate} END AS {_name(name)}"
        for name, aggregate in measured.statistics.items()
    )
    statistics = f"SELECT {', '.join(finite)} FROM {table.relation}{domain.clause()}"
    return f"FROM {table.relation}, ({statistics}) AS {_name('spread')}{domain.clause(condition)}"


def _name(statistic: str) -> str:
    """A name that no column has."""
    return identifier(f"lakeflow: {statistic}")


def _z_score(value: str, values: Values) -> _Measured:
    threshold = values.get("threshold")
    if threshold is None:
        raise CannotCheck("threshold is not given, so no value could fail")
    mean, deviation = _name("mean"), _name("deviation")
    score = f"({value} - {mean}) / {deviation}"
    if values.get("double_sided"):
        score, threshold = f"abs({score})", abs(threshold)
    # in a column of one value, each is the mean: nothing is far from it
    constant = f"WHEN {value} IS NULL THEN NULL WHEN {deviation} = 0 THEN FALSE"
    bad = f"CASE {constant} ELSE NOT ({score} < {float(threshold)!r}) END"
    return _Measured({"mean": f"avg({value})", "deviation": f"stddev_samp({value})"}, bad)


def _outlier(value: str, values: Values) -> _Measured:
    method, times = values.get("method") or "iqr", float(values.get("multiplier") or 0)
    if method == "iqr":
        low, high = _name("low"), _name("high")
        reach = f"{times!r} * ({high} - {low})"
        bad = f"NOT ({value} >= {low} - {reach} AND {value} <= {high} + {reach})"
        return _Measured({"low": f"quantile_cont({value}, 0.25)", "high": f"quantile_cont({value}, 0.75)"}, bad)
    if method == "std":
        distance, reach = f"abs({value} - {_name('mean')})", f"{times!r} * {_name('deviation')}"
        bad = f"NOT CASE WHEN {reach} <= 0 THEN {distance} = 0 ELSE {distance} < {reach} END"
        return _Measured({"mean": f"avg({value})", "deviation": f"stddev_samp({value})"}, bad)
    raise CannotCheck(f"method={method!r} is none of iqr, std")


RULES: Final[Mapping[str, Callable[[str, Values], _Measured]]] = {
    "column_values.z_score.under_threshold": _z_score,
    "column_values.not_outliers": _outlier,
}
