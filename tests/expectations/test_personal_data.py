"""No value of a personal column leaves the audit: not in a sample, not in a detail, not in an engine's message."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.asset import Column
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.table import Scan

from .lake import audit, checks, request, row_check, scan_of, suite

CANARY = "078-05-1120"
NUMBER = 987654321
PII = {"ssn": Column(pii=True), "salary": Column(pii=True)}

SUITE = suite(
    *(
        f"gxe.{line}"
        for line in (
            'ExpectColumnValuesToBeUnique(column="ssn")',
            'ExpectColumnValuesToMatchRegex(column="ssn", regex="^x")',
            'ExpectColumnValuesToBeInSet(column="ssn", value_set=["x"])',
            'ExpectColumnDistinctValuesToBeInSet(column="ssn", value_set=["x"])',
            'ExpectColumnDistinctValuesToEqualSet(column="ssn", value_set=["x"])',
            'ExpectColumnValueLengthsToEqual(column="ssn", value=1)',
            'ExpectCompoundColumnsToBeUnique(column_list=["ssn", "salary"])',
            'ExpectColumnValuesToBeBetween(column="salary", max_value=1)',
            'ExpectColumnMaxToBeBetween(column="salary", max_value=1)',
            'ExpectColumnMinToBeBetween(column="SALARY", max_value=1)',
            'ExpectColumnMeanToBeBetween(column="salary", max_value=1)',
            'ExpectColumnMedianToBeBetween(column="salary", max_value=1)',
            'ExpectColumnSumToBeBetween(column="salary", max_value=1)',
            'ExpectColumnPairValuesToBeEqual(column_A="id", column_B="salary")',
            'ExpectMulticolumnSumToEqual(column_list=["id", "salary"], sum_total=1)',
            'UnexpectedRowsExpectation(unexpected_rows_query="select ssn as id from {batch}")',
            'UnexpectedRowsExpectation(unexpected_rows_query="select cast(ssn as int) as id from {batch}")',
        )
    )
)
FILES = (
    SUITE,
    row_check("select ssn as id, salary as n from silver.weather", "alias"),
    row_check("select cast(ssn as int) from silver.weather", "cast"),
    row_check("select error(ssn) from silver.weather", "told"),
)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    directory = tmp_path_factory.mktemp("people")
    return scan_of(directory, id=("int", [1, 2]), ssn=("string", [CANARY, CANARY]), salary=("long", [NUMBER] * 2))


def test_no_personal_value_is_in_any_result(people: Scan) -> None:
    results = audit(request(people, *FILES, columns=PII, primary_key=("ssn", "salary")))
    bad = [result for result in results if result.outcome in (Outcome.FAILED, Outcome.ERRORED)]
    assert len(bad) == len(results) - 2  # all but the schema, and the key that is never NULL
    assert CANARY not in repr(results)
    assert str(NUMBER)[:6] not in repr(results)


def test_without_the_declaration_the_values_are_shown(people: Scan) -> None:
    """The canary does sing: the test above is not blind."""
    results = repr(audit(request(people, *FILES)))
    assert CANARY in results
    assert str(NUMBER) in results


def test_a_sample_hides_the_personal_column_and_shows_the_others(people: Scan) -> None:
    line = 'gxe.ExpectColumnValuesToMatchRegex(column="ssn", regex="^x")'
    (result,) = checks(request(people, suite(line), columns=PII, primary_key=("id",)))
    assert result.samples == ({"id": "1", "ssn": "•••"}, {"id": "2", "ssn": "•••"})


def test_a_query_that_may_read_personal_data_elsewhere_shows_no_sample(people: Scan, tmp_path: Path) -> None:
    scan = scan_of(tmp_path, number=("int", [1]))
    elsewhere = replace(people, key=AssetKey(Layer.SILVER, "people"))
    query = row_check("select ssn as number from silver.people")
    asked = request(scan, query, relations={"silver.people": elsewhere}, pii=frozenset({"ssn"}))
    (result,) = checks(asked)
    assert (result.outcome, result.failed_rows, result.samples) == (Outcome.FAILED, 2, ())
