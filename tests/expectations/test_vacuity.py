"""A check that looked at nothing has not passed, whatever its severity, unless its author says that empty is fine."""

from __future__ import annotations

from pathlib import Path

import pytest

from lakeflow.core.model import CheckFile, CheckKind, Outcome
from lakeflow.core.table import Scan

from .lake import audit, checks, outcomes, request, row_check, scan_of, suite

JUDGE_ROWS = (
    'ExpectColumnValuesToNotBeNull(column="a"{})',
    'ExpectColumnValuesToBeNull(column="a"{})',
    'ExpectColumnValuesToBeUnique(column="a"{})',
    'ExpectCompoundColumnsToBeUnique(column_list=["a", "b"]{})',
    'ExpectColumnValuesToBeBetween(column="a", min_value=0{})',
    'ExpectColumnValuesToBeInSet(column="a", value_set=[1]{})',
    'ExpectColumnValuesToNotBeInSet(column="a", value_set=[1]{})',
    'ExpectColumnDistinctValuesToBeInSet(column="a", value_set=[1]{})',
    'ExpectColumnDistinctValuesToContainSet(column="a", value_set=[1]{})',
    'ExpectColumnDistinctValuesToEqualSet(column="a", value_set=[1]{})',
    'ExpectColumnValuesToMatchRegex(column="t", regex="x"{})',
    'ExpectColumnValuesToNotMatchRegex(column="t", regex="x"{})',
    'ExpectColumnValueLengthsToBeBetween(column="t", min_value=1{})',
    'ExpectColumnValueLengthsToEqual(column="t", value=1{})',
    'ExpectColumnPairValuesAToBeGreaterThanB(column_A="a", column_B="b"{})',
    'ExpectColumnPairValuesToBeEqual(column_A="a", column_B="b"{})',
    'ExpectMulticolumnSumToEqual(column_list=["a", "b"], sum_total=1{})',
    'ExpectColumnMinToBeBetween(column="a", min_value=0{})',
    'ExpectColumnMaxToBeBetween(column="a", min_value=0{})',
    'ExpectColumnMeanToBeBetween(column="a", min_value=0{})',
    'ExpectColumnMedianToBeBetween(column="a", min_value=0{})',
    'ExpectColumnSumToBeBetween(column="a", min_value=0{})',
    'ExpectColumnStdevToBeBetween(column="a", min_value=0{})',
    'ExpectColumnUniqueValueCountToBeBetween(column="a", min_value=0{})',
    'ExpectColumnProportionOfUniqueValuesToBeBetween(column="a", min_value=0{})',
    'UnexpectedRowsExpectation(unexpected_rows_query="select * from {{batch}} where a < 0"{})',
)
JUDGE_NULLS = ("ExpectColumnValuesToNotBeNull", "ExpectColumnValuesToBeNull", "UnexpectedRowsExpectation")
ALLOWED = ', meta={"lakeflow": {"allow_empty": True}}'


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    return scan_of(tmp_path_factory.mktemp("empty"), a=("int", []), b=("int", []), t=("string", []))


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    return scan_of(tmp_path_factory.mktemp("blank"), a=("int", [None]), b=("int", [None]), t=("string", [None]))


def lines(more: str = "") -> list[str]:
    return [f"gxe.{line.format(more)}" for line in JUDGE_ROWS]


def test_on_an_empty_table_every_check_of_rows_is_errored_even_as_a_warning(empty: Scan) -> None:
    results = checks(request(empty, suite(*lines(', severity="warning"'))))
    assert {result.name: (result.outcome, result.holds) for result in results if not result.holds} == {}
    assert {result.detail for result in results} == {"there was nothing to look at; say allow_empty where that is fine"}


def test_the_author_may_allow_an_empty_table_check_by_check(empty: Scan) -> None:
    results = checks(request(empty, suite(*lines(ALLOWED))))
    assert {result.outcome for result in results} == {Outcome.PASSED}


def test_an_asset_may_allow_an_empty_table_for_all_its_checks(empty: Scan) -> None:
    files = (suite(*lines()), row_check("select * from silver.weather"))
    results = audit(request(empty, *files, allow_empty=True, primary_key=("a", "b"), expected_rows=0))
    assert {result.outcome for result in results} == {Outcome.PASSED}


def test_a_column_of_nulls_is_nothing_to_look_at(blank: Scan) -> None:
    asked = [line for line in lines() if not any(kind in line for kind in JUDGE_NULLS)]
    assert set(outcomes(checks(request(blank, suite(*asked)))).values()) == {Outcome.ERRORED}


def test_no_row_that_meets_the_condition_is_nothing_to_look_at(tmp_path: Path) -> None:
    scan = scan_of(tmp_path, a=("int", [1, 2]))
    line = 'gxe.ExpectColumnValuesToNotBeNull(column="a", row_condition=Column("a") > 5)'
    assert [result.outcome for result in checks(request(scan, suite(line)))] == [Outcome.ERRORED]


def test_the_number_of_rows_and_the_columns_are_there_to_look_at_in_an_empty_table(empty: Scan) -> None:
    asked = (
        "gxe.ExpectTableRowCountToEqual(value=0)",
        'gxe.ExpectTableColumnsToMatchSet(column_set=["a", "b", "t"])',
        "gxe.ExpectTableColumnCountToEqual(value=3)",
        'gxe.ExpectColumnToExist(column="a")',
        'gxe.ExpectColumnValuesToBeOfType(column="a", type_="INTEGER")',
    )
    assert {result.outcome for result in checks(request(empty, suite(*asked)))} == {Outcome.PASSED}


def test_a_bad_row_query_over_no_rows_is_errored(empty: Scan) -> None:
    query = row_check("select * from silver.weather where a < 0")
    assert [result.outcome for result in checks(request(empty, query))] == [Outcome.ERRORED]
    allowed = row_check("select * from silver.weather where a < 0", allow_empty=True)
    assert [result.outcome for result in checks(request(empty, allowed))] == [Outcome.PASSED]


def test_a_key_over_no_rows_is_errored(empty: Scan) -> None:
    results = outcomes(audit(request(empty, primary_key=("a",))))
    assert results["key (a) not null"] is results["key (a) unique"] is Outcome.ERRORED


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("expectations = []", "`expectations` is empty"),
        ("x = 1", "defines no `expectations = [...]`"),
        ("expectations = 3", "is a int, not a list"),
        ("import no_such_module", "checks/silver/weather.py:1: ModuleNotFoundError"),
        ("x = 1\n1 / 0\n", "checks/silver/weather.py:2: ZeroDivisionError"),
        ("x = (", "checks/silver/weather.py:1: SyntaxError"),
        ("import sys\nsys.exit(0)", "checks/silver/weather.py:2: SystemExit"),
        ("import great_expectations.expectations as gxe\ngxe.ExpectColumnToExist()", "weather.py:2: ValidationError"),
    ],
)
def test_a_file_without_expectations_is_one_errored_check_that_says_why(empty: Scan, text: str, reason: str) -> None:
    (result,) = checks(request(empty, CheckFile(CheckKind.SUITE, "checks/silver/weather.py", text)))
    assert result.outcome is Outcome.ERRORED
    assert reason in result.detail
