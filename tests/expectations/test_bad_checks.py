"""Checks and data that are too odd, too many or too large: each has a clear outcome."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.adapters.expectations.audit import Past, alone, steps
from lakeflow.core.model.check import CheckFile, CheckKind, Outcome
from lakeflow.core.model.run import CheckResult
from lakeflow.core.run.audits.audit_request import AuditRequest

from .lake import LocalQueries, checks, request, row_check, scan_of, suite

LARGE = 50_000_000
OVERFLOW = 'gxe.ExpectMulticolumnSumToEqual(column_list=["big", "more"], sum_total=1)'


def test_a_file_that_does_not_import_is_one_errored_check_and_the_others_run(tmp_path: Path) -> None:
    scan = scan_of(tmp_path, a=("int", [1]))
    broken = CheckFile(CheckKind.SUITE, "checks/silver/weather.py", "import great_expectationz\n")
    first, second = checks(request(scan, broken, row_check("select * from silver.weather where a < 0")))
    assert first.outcome is Outcome.ERRORED
    assert first.detail == ("checks/silver/weather.py:1: ModuleNotFoundError: No module named 'great_expectationz'")
    assert second.outcome is Outcome.PASSED


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")  # text conditions are an old habit
@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (
            'ExpectColumnMeanToBeBetween(column="word", min_value=1)',
            "word is string, not a number",
        ),
        (
            'ExpectColumnValuesToBeBetween(column="word", min_value=1)',
            "word is string and does not compare with 1.0 (float)",
        ),
        (
            'ExpectColumnValuesToMatchRegex(column="word", regex="(?<name>a)")',
            "the engine's regular expressions (RE2: no look-around, no back-references) refuse /(?<name>a)/",
        ),
        (
            'ExpectColumnValuesToNotBeNull(column="word", row_condition="a > 1", condition_parser="pandas")',
            'row_condition is text in pandas syntax; write it as an object: Column("a") > 1',
        ),
    ],
)
def test_what_makes_no_sense_is_errored_with_the_reason(tmp_path: Path, line: str, reason: str) -> None:
    scan = scan_of(tmp_path, a=("int", [1]), word=("string", ["x"]))
    (result,) = checks(request(scan, suite(f"gxe.{line}")))
    assert result.outcome is Outcome.ERRORED
    assert reason in result.detail


def test_one_bad_expression_among_many_costs_a_few_more_scans(tmp_path: Path) -> None:
    """The sum of two whole numbers may be too large for their type: only the engine knows."""
    scan = scan_of(tmp_path, big=("long", [2**63 - 1]), more=("long", [1]))
    lines = [f'gxe.ExpectColumnValuesToBeBetween(column="big", min_value={n})' for n in range(100)]
    results, queries = _audited(request(scan, suite(*lines, OVERFLOW)))
    assert [result.name for result in results if result.outcome is Outcome.ERRORED] == ["big + more = 1"]
    assert len(queries.asked) < 25


@pytest.mark.long
def test_a_suite_of_two_thousand_expectations_on_fifteen_hundred_columns_is_two_queries(tmp_path: Path) -> None:
    columns = {f"c{number}": ("long", [number, number + 1, None]) for number in range(1500)}
    scan = scan_of(tmp_path, **columns)
    lines = [f'gxe.ExpectColumnValuesToBeBetween(column="c{n}", min_value={n})' for n in range(1000)]
    lines += [f'gxe.ExpectColumnValuesToNotBeNull(column="c{n}", mostly=0.5)' for n in range(1000)]
    results, queries = _audited(request(scan, suite(*lines)))
    assert len(results) == 2001
    assert {result.outcome for result in results} == {Outcome.PASSED}
    assert len(queries.asked) == 2


@pytest.mark.long
def test_a_cell_of_fifty_megabytes_is_judged_and_never_carried_along(tmp_path: Path) -> None:
    scan = scan_of(tmp_path, id=("int", [1, 2]), word=("string", ["x" * LARGE, "y"]))
    lines = (
        'gxe.ExpectColumnValuesToNotBeNull(column="word")',
        'gxe.ExpectColumnValuesToBeUnique(column="word")',
        'gxe.ExpectColumnValueLengthsToBeBetween(column="word", max_value=10)',
        'gxe.ExpectColumnValuesToBeInSet(column="word", value_set=["y"])',
        'gxe.ExpectColumnValuesToMatchRegex(column="word", regex="^y")',
        'gxe.ExpectColumnValuesToMatchRegex(column="word", regex="^(?!x)")',
        'gxe.ExpectColumnValuesToBeJsonParseable(column="word")',
        'gxe.ExpectColumnDistinctValuesToEqualSet(column="word", value_set=["y"])',
        'gxe.ExpectColumnMostCommonValueToBeInSet(column="word", value_set=["y"])',
        'gxe.UnexpectedRowsExpectation(unexpected_rows_query="select * from {batch}")',
    )
    files = (suite(*lines), row_check("select word, word as again from silver.weather"))
    results, _ = _audited(request(scan, *files, primary_key=("word",)))
    found = [(result.outcome, result.failed_rows) for result in results if result.path]
    failed = [(Outcome.FAILED, rows) for rows in (1, 1, 1, 1, 2, None, None, 2, 2)]
    assert found == [(Outcome.PASSED, 0), (Outcome.PASSED, 0), *failed]
    assert max(len(repr(result)) for result in results) < 4000


def _audited(asked: AuditRequest) -> tuple[list[CheckResult], LocalQueries]:
    queries = LocalQueries(asked)
    try:
        return [step.result for step in steps(asked, alone(queries), Past()) if step.result], queries
    finally:
        queries.duckdb.close()
