"""The name of a check on every surface: what it demands, in plain words."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from lakeflow.adapters.expectations.sql import conditions

_SHOWN = 5
_LONG: Final = 100


def name_of(expectation: Any, words: str = "") -> str:
    """For instance `wind_speed between 0 and 200`, `temp not null for at least 95% where origin == EWR`.

    `words` are what the check demands, where that is known already.
    """
    words = words or _words(expectation)
    mostly = getattr(expectation, "mostly", None)
    if isinstance(mostly, (int, float)) and mostly < 1:
        words += f" for at least {mostly * 100:g}%"
    condition = conditions.describe(getattr(expectation, "row_condition", None))
    return f"{words} where {condition}" if condition else words


def unique_names(names: Iterable[str]) -> tuple[str, ...]:
    """The same names, the second of two equal ones as `… #2`."""
    seen: dict[str, int] = {}
    named = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        named.append(name if seen[name] == 1 else f"{name} #{seen[name]}")
    return tuple(named)


def bounds(expectation: Any) -> str:
    """Bounds as `between 0 and 200`, `at least 0`, `above 0 and at most 5`."""
    low, high = getattr(expectation, "min_value", None), getattr(expectation, "max_value", None)
    above, below = getattr(expectation, "strict_min", False), getattr(expectation, "strict_max", False)
    if low is not None and high is not None and not above and not below:
        return f"between {value(low)} and {value(high)}"
    parts = []
    if low is not None:
        parts.append(f"{'above' if above else 'at least'} {value(low)}")
    if high is not None:
        parts.append(f"{'below' if below else 'at most'} {value(high)}")
    return " and ".join(parts)


def value(given: Any) -> str:
    """A value as people write it: 200 for 200.0, a time without its T, a long text cut."""
    if isinstance(given, float) and given.is_integer() and abs(given) < 1e15:
        return str(int(given))
    if isinstance(given, dt.datetime):
        return given.isoformat(sep=" ").removesuffix(" 00:00:00")
    text = str(given)
    return text if len(text) <= _LONG else f"{text[:_LONG]}… ({len(text):,} characters)"


def listed(values: Iterable[Any] | None) -> str:
    """A list as `{EWR, JFK, LGA}`: the first few values, and how many more there are."""
    every = [value(item) for item in values or ()]
    more = f", and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return "{" + ", ".join(every[:_SHOWN]) + more + "}"


def _tuple(columns: Iterable[str]) -> str:
    return f"({', '.join(columns)})"


def _pair(expectation: Any) -> str:
    return f"{expectation.column_A} {'>=' if expectation.or_equal else '>'} {expectation.column_B}"


def _exists(expectation: Any) -> str:
    return f"column {expectation.column} exists"


def _column_set(expectation: Any) -> str:
    only = "exactly " if expectation.exact_match in (None, True) else ""
    return f"columns are {only}{listed(expectation.column_set)}"


def _patterns(expectation: Any, patterns: Iterable[str], quote: str = "") -> str:
    word = "all" if getattr(expectation, "match_on", None) == "all" else "any"
    return f"{word} of {listed(f'{quote}{one}{quote}' for one in patterns)}"


def _steadily(expectation: Any) -> str:
    return "strictly" if expectation.strictly else "steadily"


def _by(expectation: Any) -> str:
    given = ((expectation.meta or {}).get("lakeflow") or {}).get("order_by")
    return f" by {given if isinstance(given, str) else ', '.join(given)}" if given else ""


def _end(bound: Any) -> str:
    return "" if bound is None else value(bound)


def _quantiles(expectation: Any) -> str:
    ranges = dict(expectation.quantile_ranges)
    parts = zip(ranges["quantiles"], ranges["value_ranges"], strict=False)
    return ", ".join(f"{share:g} in {_end(low)}..{_end(high)}" for share, (low, high) in parts)


_NAMES: Final[Mapping[str, Callable[[Any], str]]] = {
    "ExpectColumnValuesToNotBeNull": lambda e: f"{e.column} not null",
    "ExpectColumnValuesToBeNull": lambda e: f"{e.column} null",
    "ExpectColumnValuesToBeUnique": lambda e: f"{e.column} unique",
    "ExpectCompoundColumnsToBeUnique": lambda e: f"{_tuple(e.column_list)} unique",
    "ExpectColumnValuesToBeBetween": lambda e: f"{e.column} {bounds(e)}",
    "ExpectColumnValuesToBeInSet": lambda e: f"{e.column} in {listed(e.value_set)}",
    "ExpectColumnValuesToNotBeInSet": lambda e: f"{e.column} not in {listed(e.value_set)}",
    "ExpectColumnDistinctValuesToBeInSet": lambda e: f"distinct {e.column} in {listed(e.value_set)}",
    "ExpectColumnDistinctValuesToContainSet": lambda e: f"distinct {e.column} contain {listed(e.value_set)}",
    "ExpectColumnDistinctValuesToEqualSet": lambda e: f"distinct {e.column} equal {listed(e.value_set)}",
    "ExpectColumnValuesToMatchRegex": lambda e: f"{e.column} matches /{e.regex}/",
    "ExpectColumnValuesToNotMatchRegex": lambda e: f"{e.column} does not match /{e.regex}/",
    "ExpectColumnValueLengthsToBeBetween": lambda e: f"length of {e.column} {bounds(e)}",
    "ExpectColumnValueLengthsToEqual": lambda e: f"length of {e.column} equal to {value(e.value)}",
    "ExpectColumnValuesToMatchRegexList": lambda e: f"{e.column} matches {_patterns(e, e.regex_list, '/')}",
    "ExpectColumnValuesToNotMatchRegexList": lambda e: f"{e.column} matches none of {listed(e.regex_list)}",
    "ExpectColumnValuesToMatchLikePattern": lambda e: f"{e.column} is like {e.like_pattern}",
    "ExpectColumnValuesToNotMatchLikePattern": lambda e: f"{e.column} is not like {e.like_pattern}",
    "ExpectColumnValuesToMatchLikePatternList": lambda e: f"{e.column} is like {_patterns(e, e.like_pattern_list)}",
    "ExpectColumnValuesToNotMatchLikePatternList": lambda e: (
        f"{e.column} is like none of {listed(e.like_pattern_list)}"
    ),
    "ExpectColumnValuesToMatchStrftimeFormat": lambda e: f"{e.column} is a time as {e.strftime_format}",
    "ExpectColumnValuesToBeDateutilParseable": lambda e: f"{e.column} reads as a time",
    "ExpectColumnValuesToBeJsonParseable": lambda e: f"{e.column} is JSON",
    "ExpectColumnValuesToMatchJsonSchema": lambda e: f"{e.column} matches a JSON schema",
    "ExpectColumnValuesToBeIncreasing": lambda e: f"{e.column} {_steadily(e)} increasing{_by(e)}",
    "ExpectColumnValuesToBeDecreasing": lambda e: f"{e.column} {_steadily(e)} decreasing{_by(e)}",
    "ExpectColumnValueZScoresToBeLessThan": lambda e: f"z-score of {e.column} below {value(e.threshold)}",
    "ExpectColumnValuesToNotBeOutliers": lambda e: f"{e.column} without outliers ({e.method}, {value(e.multiplier)})",
    "ExpectColumnQuantileValuesToBeBetween": lambda e: f"quantiles of {e.column} {_quantiles(e)}",
    "ExpectColumnMostCommonValueToBeInSet": lambda e: f"commonest {e.column} in {listed(e.value_set)}",
    "ExpectColumnKLDivergenceToBeLessThan": lambda e: f"divergence of {e.column} below {value(e.threshold)}",
    "ExpectColumnPairValuesAToBeGreaterThanB": _pair,
    "ExpectColumnPairValuesToBeEqual": lambda e: f"{e.column_A} = {e.column_B}",
    "ExpectColumnPairValuesToBeInSet": lambda e: f"({e.column_A}, {e.column_B}) in {listed(e.value_pairs_set)}",
    "ExpectMulticolumnSumToEqual": lambda e: f"{' + '.join(e.column_list)} = {value(e.sum_total)}",
    "ExpectMulticolumnValuesToBeEqual": lambda e: f"{_tuple(e.column_list)} equal in each row",
    "ExpectSelectColumnValuesToBeUniqueWithinRecord": lambda e: f"{_tuple(e.column_list)} different in each row",
    "ExpectTableRowCountToEqual": lambda e: f"row count equal to {value(e.value)}",
    "ExpectTableRowCountToBeBetween": lambda e: f"row count {bounds(e)}",
    "ExpectTableColumnCountToEqual": lambda e: f"column count equal to {value(e.value)}",
    "ExpectTableColumnCountToBeBetween": lambda e: f"column count {bounds(e)}",
    "ExpectTableColumnsToMatchSet": _column_set,
    "ExpectTableColumnsToMatchOrderedList": lambda e: f"columns are {_tuple(e.column_list)} in this order",
    "ExpectColumnToExist": _exists,
    "ExpectColumnMinToBeBetween": lambda e: f"min of {e.column} {bounds(e)}",
    "ExpectColumnMaxToBeBetween": lambda e: f"max of {e.column} {bounds(e)}",
    "ExpectColumnMeanToBeBetween": lambda e: f"mean of {e.column} {bounds(e)}",
    "ExpectColumnMedianToBeBetween": lambda e: f"median of {e.column} {bounds(e)}",
    "ExpectColumnSumToBeBetween": lambda e: f"sum of {e.column} {bounds(e)}",
    "ExpectColumnStdevToBeBetween": lambda e: f"standard deviation of {e.column} {bounds(e)}",
    "ExpectColumnUniqueValueCountToBeBetween": lambda e: f"distinct count of {e.column} {bounds(e)}",
    "ExpectColumnProportionOfUniqueValuesToBeBetween": lambda e: f"distinct share of {e.column} {bounds(e)}",
    "ExpectColumnProportionOfNonNullValuesToBeBetween": lambda e: f"filled share of {e.column} {bounds(e)}",
    "ExpectColumnValuesToBeOfType": lambda e: f"{e.column} has type {e.type_}",
    "ExpectColumnTypeToBe": lambda e: f"{e.column} has type {e.type_}",
    "ExpectColumnValuesToBeInTypeList": lambda e: f"{e.column} has a type of {listed(e.type_list)}",
    "UnexpectedRowsExpectation": lambda e: e.description or "no unexpected row",
}


def _words(expectation: Any) -> str:
    known = (base.__name__ for base in type(expectation).__mro__)
    template = next((_NAMES[name] for name in known if name in _NAMES), _spelled_out)
    return template(expectation)


def _spelled_out(expectation: Any) -> str:
    """`ExpectColumnValuesToBeIncreasing(column="a")` → `a: values to be increasing`."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(expectation).__name__).lower()
    words = re.sub(r"^expect (column )?", "", words)
    column = getattr(expectation, "column", None)
    return f"{column}: {words}" if column else words
