"""The Kullback-Leibler divergence of the found distribution from the expected one, as the library computes it.

A difference in the last digits decides nothing: a value within 1e-12 of the threshold is not above it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from lakeflow.adapters.expectations.library.criteria import Criterion, Judgement, Values
from lakeflow.adapters.expectations.table import Operand
from lakeflow.core.values import dataclass

_ROUNDING: Final = 1e-12


@dataclass(frozen=True)
class SharesNear:
    """The rule for a column of few values: `weights` are their shares, `holdout` is the share of all values that are
    not named.
    """

    values: tuple[Any, ...]
    weights: tuple[float, ...]
    threshold: float
    holdout: float = 0.0

    def judge(self, values: Values) -> Judgement:
        filled = values["column_values.nonnull.count"]
        found = {value: count / filled for value, count in values["column.value_counts"]}
        named = frozenset(self.values)
        others = [value for value in found if value not in named]
        scale = 1 - self.holdout if others else 1.0
        expected = [weight * scale for weight in self.weights] + [self.holdout / len(others) for _ in others]
        observed = [found.get(value, 0.0) for value in (*self.values, *others)]
        return _judged(_divergence(observed, expected), self.threshold)


@dataclass(frozen=True)
class BinsNear:
    """The rule for numbers: `weights` are the shares of the bins, `below` and `above` those outside the bins, None
    where a bin reaches to infinity.
    """

    weights: tuple[float, ...]
    threshold: float
    below: float | None = None
    above: float | None = None

    def judge(self, values: Values) -> Judgement:
        filled = values["column_values.nonnull.count"]
        expected, observed = list(self.weights), [count / filled for count in values["column.histogram"]]
        if self.below is not None:
            expected, observed = [self.below, *expected], [values["below_partition"] / filled, *observed]
        if self.above is not None:
            expected, observed = [*expected, self.above], [*observed, values["above_partition"] / filled]
        return _judged(_divergence(observed, expected), self.threshold)


def _judged(divergence: float, threshold: float) -> Judgement:
    shown = divergence if math.isfinite(divergence) else None
    return Judgement(divergence <= threshold + _ROUNDING, shown)


def _divergence(observed: Sequence[float], expected: Sequence[float]) -> float:
    """The divergence, after both distributions are scaled to add up to 1; NaN where one of them is all zeros."""
    found, wanted = math.fsum(observed), math.fsum(expected)
    if not found or not wanted:
        return math.nan
    return math.fsum(_part(one / found, other / wanted) for one, other in zip(observed, expected, strict=True))


def _part(observed: float, expected: float) -> float:
    if observed > 0 < expected:
        return observed * math.log(observed / expected)
    return 0.0 if observed == 0 <= expected else math.inf


def divergence_of(expectation: Any, column: Operand) -> Criterion | None:
    """The rule by its arguments. None where the library refuses them when it judges, or where they mean something only
    to pandas.
    """
    said, threshold = expectation.partition_object, expectation.threshold
    tail, internal = expectation.tail_weight_holdout, expectation.internal_weight_holdout
    if not all(_is_number(one) for one in (threshold, tail, internal, *said["weights"])):
        return None
    if threshold < 0 or not 0 <= tail <= 1 or not 0 <= internal <= 1 or (tail and "tail_weights" in said):
        return None
    weights = [float(weight) for weight in said["weights"]]
    if "values" not in said:
        return _bins(expectation, weights) if expectation.bucketize_data else None
    alike = len(set(said["values"])) == len(weights) and all(_is_of(value, column) for value in said["values"])
    return SharesNear(tuple(said["values"]), tuple(weights), threshold, tail) if alike and not internal else None


def _bins(expectation: Any, weights: Sequence[float]) -> BinsNear | None:
    said, tail, internal = (
        expectation.partition_object,
        expectation.tail_weight_holdout,
        expectation.internal_weight_holdout,
    )
    open_below, open_above = said["bins"][0] == -math.inf, said["bins"][-1] == math.inf
    if (open_below or open_above) and ("tail_weights" in said or (tail and open_below and open_above)):
        return None
    share = tail if open_below or open_above else tail / 2
    below, above = said.get("tail_weights") or (share, share)
    scaled = [weight * (1 - tail - internal) for weight in weights]
    empty = scaled.count(0)
    spread = tuple(weight or internal / empty for weight in scaled)
    return BinsNear(
        spread, expectation.threshold, None if open_below else float(below), None if open_above else float(above)
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_of(value: Any, column: Operand) -> bool:
    if column.is_number:
        return _is_number(value)
    return isinstance(value, str) if column.is_text else isinstance(value, bool)
