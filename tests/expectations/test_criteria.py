"""What makes an expectation pass, said as data, against the library's own code, on whatever values metrics may have."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from lakeflow.adapters.expectations.checks.expectation import ExpectationRule
from lakeflow.adapters.expectations.compile.compile import ExpectationSource, compile_expectation
from lakeflow.adapters.expectations.library import library as seam
from lakeflow.adapters.expectations.library.criteria import Settled, plain
from lakeflow.adapters.expectations.metrics.metrics import Plan
from lakeflow.adapters.expectations.metrics.plans import FromSchema
from lakeflow.adapters.expectations.table import Audited
from lakeflow.core.model.schema import Field, Schema
from lakeflow.core.model.type_names import parse_type

from .lake import WEATHER, checks, request, scan_of, suite
from .library import is_data, made
from .test_same_as_the_library import ASKED, COLUMNS, DIFFERENT

FIELDS: Final = tuple(Field(name, parse_type(kind), i) for i, (name, (kind, _)) in enumerate(COLUMNS.items()))
TABLE: Final = Audited(WEATHER, Schema(FIELDS, 0))
MORE: Final = (
    'ExpectColumnMinToBeBetween(column="day", min_value="2013-01-02", max_value="2013-06-01T12:00")',
    'ExpectColumnMaxToBeBetween(column="day", max_value=datetime.date(2013, 1, 8), strict_max=True)',
    'ExpectColumnMeanToBeBetween(column="real", min_value=1.5, strict_min=True, max_value=3, strict_max=True)',
    "ExpectTableRowCountToBeBetween(min_value=2, max_value=5, strict_min=True, strict_max=True)",
    'ExpectColumnValuesToBeInSet(column="text", value_set=["EWR"], mostly=0.3)',
    'ExpectColumnPairValuesToBeEqual(column_A="whole", column_B="other", mostly=0.7)',
    'ExpectCompoundColumnsToBeUnique(column_list=["text", "code"], mostly=0.5)',
    'ExpectColumnMostCommonValueToBeInSet(column="whole", value_set=[1, 2.0, 3])',
    'ExpectColumnMostCommonValueToBeInSet(column="whole", value_set=[1, 2, 3], ties_okay=True)',
    'ExpectColumnMostCommonValueToBeInSet(column="text", value_set=["1", "2"], ties_okay=True)',
    'ExpectColumnQuantileValuesToBeBetween(column="real",'
    ' quantile_ranges={"quantiles": [0.1, 0.5, 0.9], "value_ranges": [[-3, 1.5], [None, 6.75], [1, None]]})',
    *(
        f'ExpectColumnKLDivergenceToBeLessThan(column="real", threshold={threshold}, {more})'
        for threshold in (0.05, 0.3, 2)
        for more in (
            'partition_object={"values": [1, 2, 3.5], "weights": [0.2, 0.3, 0.5]}',
            'tail_weight_holdout=0.1, partition_object={"values": [1, 2, 3.5], "weights": [0.2, 0.3, 0.5]}',
            'tail_weight_holdout=0.1, partition_object={"values": [1, 4], "weights": [0.0, 1.0]}',
            'partition_object={"bins": [0, 1, 2, 3], "weights": [0.2, 0.3, 0.5]}',
            "tail_weight_holdout=0.1, internal_weight_holdout=0.2,"
            ' partition_object={"bins": [0, 1, 2, 3], "weights": [0.5, 0, 0.5]}',
            'partition_object={"bins": [0, 1, 2, 3], "weights": [0.2, 0.2, 0.2], "tail_weights": [0.3, 0.1]}',
            'tail_weight_holdout=0.1, partition_object={"bins": [float("-inf"), 1, 2, 3], "weights": [0.2, 0.3, 0.5]}',
            'tail_weight_holdout=0.1, partition_object={"bins": [0, 1, 2, float("inf")], "weights": [0.2, 0.3, 0.5]}',
            'partition_object={"bins": [float("-inf"), 1, 2, float("inf")], "weights": [0.2, 0.3, 0.5]}',
        )
    ),
)
BROKEN: Final = (
    'partition_object={"bins": [float("-inf"), 1, float("inf")], "weights": [0.5, 0.5]}, tail_weight_holdout=0.1',
    'partition_object={"bins": [float("-inf"), 1, 2], "weights": [0.4, 0.4], "tail_weights": [0.1, 0.1]}',
    'partition_object={"bins": [0, 1, 2], "weights": [0.4, 0.4], "tail_weights": [0.1, 0.1]}, tail_weight_holdout=0.1',
    'partition_object={"bins": [0, 1, 2], "weights": [0.5, 0.5]}, bucketize_data=False',
    'partition_object={"values": [1, 2], "weights": [0.5, 0.5]}, internal_weight_holdout=0.1',
    'partition_object={"values": [1, 1], "weights": [0.5, 0.5]}',
    'partition_object={"values": ["1", 2], "weights": [0.5, 0.5]}',
)
"""Divergences that the library refuses when it judges, or that only pandas can tell."""


@pytest.mark.sampled(5)
@pytest.mark.parametrize("line", [*ASKED, *DIFFERENT, *MORE])
def test_data_judges_as_the_library_does(line: str) -> None:
    if not is_data(line):
        pytest.skip("this release of the library has no such expectation, or its own code judges it")
    rule, theirs, chance = _rule(line), seam.LibraryCriterion(made(line)), Random(line)
    assert not isinstance(rule.criterion, seam.LibraryCriterion)
    known = {name: plan.value for name, plan in rule.metrics.items() if isinstance(plan, FromSchema)}
    for _ in range(60):
        values = plain(known or _answered(chance, rule, _kind(line)))
        assert rule.criterion.judge(values).success == theirs.judge(values).success, values
        assert _shown(rule.criterion.judge(values).observed) == _shown(theirs.judge(values).observed), values


@pytest.mark.parametrize("more", BROKEN)
def test_a_divergence_that_the_library_refuses_is_left_to_it(more: str) -> None:
    assert isinstance(
        _rule(f'ExpectColumnKLDivergenceToBeLessThan(column="real", threshold=1, {more})').criterion,
        seam.LibraryCriterion,
    )


def test_a_check_of_the_schema_alone_is_settled_when_it_is_compiled() -> None:
    assert _rule('ExpectColumnToExist(column="id")').criterion == Settled(success=True)
    assert _rule("ExpectTableColumnCountToEqual(value=3)").criterion == Settled(success=False, observed=len(FIELDS))


def test_an_expectation_class_of_the_user_is_judged_by_its_own_code() -> None:
    class Mine(seam.load().ExpectColumnMaxToBeBetween):  # type: ignore[misc] # the library has no types here
        max_value: float = 3

    rule = compile_expectation(Mine(column="whole"), TABLE, ExpectationSource("checks.py", 0, allow_empty=False)).rule
    assert isinstance(rule, ExpectationRule)
    assert isinstance(rule.criterion, seam.LibraryCriterion)


def _rule(line: str) -> ExpectationRule:
    rule = compile_expectation(made(line), TABLE, ExpectationSource("checks.py", 0, allow_empty=False)).rule
    assert isinstance(rule, ExpectationRule)
    return rule


def _kind(line: str) -> Callable[[Random], Any]:
    if 'column="day"' in line:
        return lambda chance: dt.datetime(2013, 1, 1) + dt.timedelta(hours=chance.randrange(24 * 200))
    return _number


def _number(chance: Random) -> Any:
    odd = (None, float("nan"), float("inf"), -3.0, 1.5, 3.0, 6.75, 4, 54, 0.875, 0.7, Decimal("6.75"), Decimal("7.15"))
    return chance.choice((*odd, chance.uniform(-10, 60), chance.randrange(-5, 60)))


def _answered(chance: Random, rule: ExpectationRule, kind: Callable[[Random], Any]) -> dict[str, Any]:
    """Values as an engine may give them: counts of rows that fit together, and anything for an aggregate."""
    values: dict[str, Any] = {name: chance.randrange(9) for name in rule.metrics}
    for name in values:
        if name in {"column.min", "column.max"}:
            values[name] = kind(chance)
        elif name.startswith("column.") and "distinct" not in name:
            values[name] = _number(chance)
        elif name.endswith((".not_in_set", ".missing_from_column")):
            values[name] = list(range(values[f"{name}.count"]))
    return values | _distribution(chance, rule)


def _counts(metric: Plan) -> int:
    """How many bins a histogram has."""
    return 0 if isinstance(metric, FromSchema) else metric.sql.count("count(")


def _distribution(chance: Random, rule: ExpectationRule) -> dict[str, Any]:
    """Figures of one column, which fit together."""
    counts = {value: chance.randrange(1, 9) for value in chance.sample((1.0, 2.0, 3.5, 4.0), chance.randrange(1, 5))}
    histogram = next((_counts(plan) for name, plan in rule.metrics.items() if "histogram" in name), 0)
    bins = [chance.randrange(9) for _ in range(histogram)]
    beside = [chance.choice((0, chance.randrange(9))) for _ in range(2)]
    commonest = chance.sample((1, 2, 3, 4, "1", "2"), chance.randrange(1, 4))
    found: dict[str, Any] = {
        "column.value_counts": sorted(counts.items()),
        "column.histogram": bins,
        "below_partition": beside[0],
        "above_partition": beside[1],
        "column.most_common_value": commonest,
        "column.quantile_values": [chance.choice((-3.0, 1.5, 1.50001, 6.75, chance.uniform(-9, 9))) for _ in range(3)],
        "column_values.nonnull.count": (sum(bins) + sum(beside) or 1) if bins else sum(counts.values()),
    }
    return {name: value for name, value in found.items() if name in rule.metrics}


def _shown(observed: Any) -> Any:
    if not isinstance(observed, float):
        return observed
    return None if math.isnan(observed) else pytest.approx(observed, rel=1e-9, abs=1e-12)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("type_", ["decimal(9,2)", "double", "int", "long"])
@pytest.mark.parametrize("spelled", ["{}", pytest.param("Decimal('{}')", marks=pytest.mark.long), "Decimal('{}.0')"])
def test_a_value_set_means_numbers_however_they_are_written(tmp_path: Path, type_: str, spelled: str) -> None:
    numbers = [Decimal(each) for each in (7, 7, 2)] if type_.startswith("decimal") else [7, 7, 2]
    scan = scan_of(tmp_path, n=(type_, numbers))
    seven, two, three = (spelled.format(each) for each in (7, 2, 3))
    good = [
        f"gxe.ExpectColumnMostCommonValueToBeInSet(column='n', value_set=[{seven}])",
        f"gxe.ExpectColumnValuesToBeInSet(column='n', value_set=[{seven}, {two}])",
        f"gxe.ExpectColumnValuesToNotBeInSet(column='n', value_set=[{three}])",
        f"gxe.ExpectColumnDistinctValuesToBeInSet(column='n', value_set=[{seven}, {two}, {three}])",
        f"gxe.ExpectColumnDistinctValuesToEqualSet(column='n', value_set=[{two}, {seven}])",
        f"gxe.ExpectColumnDistinctValuesToContainSet(column='n', value_set=[{seven}])",
    ]
    bad = [line.replace(seven, three) for line in good[:2]]
    file = suite(*good, *bad)
    file = replace(file, text=f"from decimal import Decimal\n{file.text}")
    assert [str(result.outcome) for result in checks(request(scan, file))] == ["passed"] * 6 + ["failed"] * 2


def test_the_commonest_of_large_numbers_is_told_exactly(tmp_path: Path) -> None:
    """2^53 and its successor are one DOUBLE; together they would be the commonest."""
    scan = scan_of(tmp_path, n=("long", [2**53, 2**53 + 1, 5, 5]))
    line = "gxe.ExpectColumnMostCommonValueToBeInSet(column='n', value_set=[5])"
    assert [str(result.outcome) for result in checks(request(scan, suite(line)))] == ["passed"]
