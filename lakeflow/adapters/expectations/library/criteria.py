"""The library's conditions for a pass, as data; the library writes them as code.

A criterion judges the values of metrics, under the library's names. A test compares each criterion with the library
(tests/expectations/test_criteria.py), so that an audit can decide without importing it.
"""

from __future__ import annotations

import datetime as dt
import decimal
import math
from collections.abc import Mapping
from typing import Any, Protocol

from lakeflow.core.values import dataclass

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Judgement:
    """The judgement; `observed` is the library's observed value, if it has one."""

    success: bool
    observed: Any = None


class Criterion(Protocol):
    def judge(self, values: Values) -> Judgement: ...


@dataclass(frozen=True)
class Mostly:
    """At least `mostly` of the rows that count are not `bad`.

    All of `rows` count except the `nulls`, or only the `kept` ones where these are named.
    """

    mostly: float
    bad: str
    rows: str
    nulls: str | None = None
    kept: str | None = None

    def judge(self, values: Values) -> Judgement:
        counted = float(values[self.kept] if self.kept else self._not_null(values))
        if not values[self.rows] or not counted:
            return Judgement(success=True)
        return Judgement((counted - float(values[self.bad])) / counted >= self.mostly)

    def _not_null(self, values: Values) -> int:
        return int(values[self.rows] - (values[self.nulls] if self.nulls else 0))


Bound = float | str | dt.datetime | None


@dataclass(frozen=True)
class Inside:
    """The metric lies within bounds; no value does not."""

    metric: str
    low: Bound = None
    high: Bound = None
    strict_low: bool = False
    strict_high: bool = False

    def judge(self, values: Values) -> Judgement:
        value = values[self.metric]
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return Judgement(success=False)
        above = self.low is None or (value > self.low if self.strict_low else value >= self.low)
        below = self.high is None or (value < self.high if self.strict_high else value <= self.high)
        return Judgement(bool(above and below), value)


@dataclass(frozen=True)
class Equal:
    metric: str
    to: float

    def judge(self, values: Values) -> Judgement:
        return Judgement(values[self.metric] == self.to, values[self.metric])


@dataclass(frozen=True)
class NoneFound:
    """Each of these metrics counts something that must not occur."""

    metrics: tuple[str, ...]

    def judge(self, values: Values) -> Judgement:
        return Judgement(all(values[metric] == 0 for metric in self.metrics))


@dataclass(frozen=True)
class Settled:
    """Decided when it was compiled: it is about the schema alone."""

    success: bool
    observed: Any = None

    def judge(self, _: Values) -> Judgement:
        return Judgement(self.success, self.observed)


@dataclass(frozen=True)
class Commonest:
    """One of `among` is the most frequent value; `ties` allows others to be as frequent."""

    among: tuple[Any, ...]
    ties: bool = False

    def judge(self, values: Values) -> Judgement:
        found = values["column.most_common_value"]
        hits = len(set(map(_as_written, self.among)).intersection(map(_as_written, found)))
        return Judgement(hits > 0 if self.ties else hits == len(found) == 1, found)


def _as_written(value: Any) -> Any:
    """A number by its digits: 1.1 in a check means the 1.10 of a decimal column."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return decimal.Decimal(str(value)) if is_number else value


@dataclass(frozen=True)
class Quantiles:
    """Each quantile lies between its bounds, or as close to one of them as the library allows."""

    ranges: tuple[tuple[float, float], ...]

    def judge(self, values: Values) -> Judgement:
        found = values["column.quantile_values"]
        inside = (_lies(value, *bounds) for value, bounds in zip(found, self.ranges, strict=True))
        return Judgement(all(inside), found)


def _lies(value: float | None, low: float, high: float) -> bool:
    return value is not None and (_is_close(value, low) or _is_close(value, high) or low <= value <= high)


def _is_close(value: float, bound: float) -> bool:
    """Numpy's `isclose`, with the library's tolerance."""
    return value == bound or (math.isfinite(bound) and abs(value - bound) <= 1e-8 + 1e-4 * abs(bound))


def plain(values: Values) -> Values:
    """Decimals as floats, since the library's bounds are floats."""
    return {name: float(value) if isinstance(value, decimal.Decimal) else value for name, value in values.items()}
