"""Rules about the order of rows, and about how far a value lies from the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lakeflow.core.model.check import Outcome

from .lake import checks, request, scan_of, suite


def ordered(
    directory: Path, rule: str, places: list[int | None], values: list[Any]
) -> tuple[Outcome, int | None, int | None]:
    scan = scan_of(directory, place=("int", places), value=("double", values))
    line = f'gxe.ExpectColumnValuesToBe{rule}(column="value", meta={{"lakeflow": {{"order_by": "place"}}}}'
    (result,) = checks(request(scan, suite(f"{line}, strictly=True)" if rule.endswith("!") else f"{line})")))
    return result.outcome, result.failed_rows, result.rows


@pytest.mark.parametrize(
    ("rule", "places", "values", "expected"),
    [
        ("Increasing", [3, 1, 2], [3.0, 1.0, 2.0], (Outcome.PASSED, 0, 3)),
        ("Increasing", [1, 2, 3], [1.0, 3.0, 2.0], (Outcome.FAILED, 1, 3)),
        ("Increasing", [1, 2, 3], [1.0, 1.0, 2.0], (Outcome.PASSED, 0, 3)),
        ("Decreasing", [1, 2, 3], [3.0, 2.0, 2.0], (Outcome.PASSED, 0, 3)),
        ("Decreasing", [1, 2, 3], [1.0, 2.0, 3.0], (Outcome.FAILED, 2, 3)),
        # what is NULL, or has no place, is not judged: its neighbours become neighbours
        ("Increasing", [1, 2, 3], [1.0, None, 2.0], (Outcome.PASSED, 0, 2)),
        ("Increasing", [1, None, 3], [1.0, 9.0, 2.0], (Outcome.PASSED, 0, 2)),
        # rows that share a place stand in their best order
        ("Increasing", [1, 1, 2], [2.0, 1.0, 3.0], (Outcome.PASSED, 0, 3)),
        ("Decreasing", [1, 1, 2], [1.0, 2.0, 0.0], (Outcome.PASSED, 0, 3)),
        ("Increasing", [None, None], [1.0, 2.0], (Outcome.ERRORED, None, 0)),
    ],
)
def test_rows_follow_each_other_in_the_order_named(
    tmp_path: Path, rule: str, places: list[int | None], values: list[Any], expected: tuple[Any, ...]
) -> None:
    assert ordered(tmp_path, rule, places, values) == expected


def test_strictly_means_that_equals_fail_and_the_row_is_shown(tmp_path: Path) -> None:
    scan = scan_of(tmp_path, a=("int", [1, 1]), b=("int", [1, 2]), value=("int", [7, 7]))
    line = (
        'gxe.ExpectColumnValuesToBeIncreasing(column="value", strictly=True,'
        ' meta={"lakeflow": {"order_by": ["a", "b"]}})'
    )
    (result,) = checks(request(scan, suite(line), primary_key=("b",)))
    assert (result.outcome, result.failed_rows, result.samples) == (Outcome.FAILED, 1, ({"b": "2", "value": "7"},))


FAR = [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 100.0]


@pytest.mark.parametrize(
    ("line", "values", "expected"),
    [
        ("ValueZScoresToBeLessThan(threshold=2, double_sided=True", FAR, (Outcome.FAILED, 1)),
        ("ValueZScoresToBeLessThan(threshold=-2, double_sided=True", FAR, (Outcome.FAILED, 1)),
        ("ValueZScoresToBeLessThan(threshold=2, double_sided=False", [-x for x in FAR], (Outcome.PASSED, 0)),
        ("ValueZScoresToBeLessThan(threshold=2, double_sided=True, mostly=0.8", FAR, (Outcome.PASSED, 1)),
        ("ValueZScoresToBeLessThan(threshold=2, double_sided=True", [5.0, 5.0], (Outcome.PASSED, 0)),
        ("ValueZScoresToBeLessThan(threshold=2, double_sided=True", [5.0], (Outcome.ERRORED, None)),
        ("ValueZScoresToBeLessThan(threshold=2, double_sided=True", [5.0, float("inf")], (Outcome.ERRORED, None)),
        ("ValuesToNotBeOutliers(", FAR, (Outcome.FAILED, 1)),
        ('ValuesToNotBeOutliers(method="std", multiplier=2', FAR, (Outcome.FAILED, 1)),
        ("ValuesToNotBeOutliers(multiplier=1000", FAR, (Outcome.PASSED, 0)),
        ('ValuesToNotBeOutliers(method="std", multiplier=2', [5.0, 5.0], (Outcome.PASSED, 0)),
        ('ValuesToNotBeOutliers(method="std", multiplier=2', [5.0], (Outcome.ERRORED, None)),
        ("ValuesToNotBeOutliers(", [5.0, 5.0], (Outcome.PASSED, 0)),
        ("ValuesToNotBeOutliers(", [float("inf"), float("inf"), 1.0], (Outcome.ERRORED, None)),
    ],
)
def test_a_value_far_from_the_others_is_bad_and_without_spread_nothing_was_looked_at(
    tmp_path: Path, line: str, values: list[float], expected: tuple[Outcome, int | None]
) -> None:
    from lakeflow.adapters.expectations.library import library as seam

    if not hasattr(seam.load(), f"ExpectColumn{line.partition('(')[0]}"):
        pytest.skip("this release has no such expectation")
    scan = scan_of(tmp_path, value=("double", values))
    comma = "" if line.endswith("(") else ", "
    (result,) = checks(request(scan, suite(f'gxe.ExpectColumn{line}{comma}column="value")')))
    assert (result.outcome, result.failed_rows) == expected
    if result.outcome is Outcome.FAILED:
        assert result.samples == ({"value": "100.0"},)
