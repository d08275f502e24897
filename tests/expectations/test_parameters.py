"""Suite parameters are filled in from the check file, and one without a value is told."""

from __future__ import annotations

import pytest

from lakeflow.core.model.check import CheckFile, CheckKind, Outcome
from lakeflow.core.model.table import Scan

from .lake import checks, request, scan_of

HEAD = "import great_expectations as gx\nimport great_expectations.expectations as gxe\n"


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    return scan_of(tmp_path_factory.mktemp("numbers"), n=("int", [1, 2, 3]), word=("string", ["a", "b", "c"]))


def run(scan: Scan, text: str) -> list[tuple[str, Outcome, str]]:
    file = CheckFile(CheckKind.SUITE, "checks/silver/weather.py", HEAD + text)
    return [(result.name, result.outcome, result.detail) for result in checks(request(scan, file))]


def test_a_parameter_stands_for_a_value_or_is_reckoned_with(numbers: Scan) -> None:
    text = """
suite_parameters = {"limit": 2, "words": ["a", "b", "c"]}
expectations = [
    gxe.ExpectColumnMaxToBeBetween(column="n", max_value={"$PARAMETER": "limit"}),
    gxe.ExpectColumnMaxToBeBetween(column="n", max_value={"$PARAMETER": "limit + 1"}),
    gxe.ExpectColumnValuesToBeInSet(column="word", value_set={"$PARAMETER": "words"}),
]
"""
    assert run(numbers, text) == [
        ("max of n at most 2", Outcome.FAILED, "found 3"),
        ("max of n at most 3", Outcome.PASSED, "found 3"),
        ("word in {a, b, c}", Outcome.PASSED, ""),
    ]


def test_a_suite_of_the_library_brings_its_own_parameters(numbers: Scan) -> None:
    text = """
expectations = gx.ExpectationSuite(
    name="weather",
    expectations=[gxe.ExpectTableRowCountToEqual(value={"$PARAMETER": "rows"})],
    suite_parameters={"rows": 3},
)
"""
    assert run(numbers, text) == [("row count equal to 3", Outcome.PASSED, "found 3")]


def test_a_parameter_without_a_value_is_errored_and_the_others_run(numbers: Scan) -> None:
    text = """
expectations = [
    gxe.ExpectColumnMaxToBeBetween(column="n", max_value={"$PARAMETER": "limit"}),
    gxe.ExpectColumnMaxToBeBetween(column="n", max_value=3),
]
"""
    (_, outcome, detail), other = run(numbers, text)
    assert outcome is Outcome.ERRORED
    assert (
        detail == "the suite parameter limit has no value; give it in the check file: suite_parameters = {'limit': …}"
    )
    assert other[1] is Outcome.PASSED


def test_a_value_that_does_not_fit_is_told(numbers: Scan) -> None:
    text = """
suite_parameters = {"limit": 2}
expectations = [gxe.ExpectColumnValuesToBeInSet(column="word", value_set={"$PARAMETER": "limit"})]
"""
    ((_, outcome, detail),) = run(numbers, text)
    assert outcome is Outcome.ERRORED
    assert "checks/silver/weather.py: a suite parameter does not fit" in detail
