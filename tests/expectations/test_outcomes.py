"""What the audit says of good data, bad data, no data and checks that cannot look."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from lakeflow.adapters.expectations.metrics.keys import FIRST
from lakeflow.core.model.asset import Column
from lakeflow.core.model.check import Outcome, Severity
from lakeflow.core.model.table import Scan

from .lake import LocalQueries, audit, checks, outcomes, request, row_check, scan_of, suite

NAN = float("nan")


@pytest.fixture(scope="module")
def weather(tmp_path_factory: pytest.TempPathFactory) -> Scan:
    hour = dt.datetime(2013, 2, 12, 3, tzinfo=dt.UTC)
    return scan_of(
        tmp_path_factory.mktemp("weather"),
        origin=("string", ["EWR", "JFK", "JFK", "LGA"]),
        observed_at=("timestamptz", [hour, hour, hour, None]),
        day=("date", [dt.date(2013, 2, 12)] * 4),
        wind=("double", [1048.36, 3.0, NAN, None]),
        number=("long", [1, 2, 3, 4]),
        other=("int", [1, 1, 5, None]),
        blank=("string", [None] * 4),
        price=("decimal(9,2)", [Decimal("0.10"), Decimal("0.20"), None, Decimal("0.30")]),
    )


SUPPORTED = {
    'ExpectColumnValuesToNotBeNull(column="origin")': ("origin not null", Outcome.PASSED, 0),
    'ExpectColumnValuesToNotBeNull(column="wind")': ("wind not null", Outcome.FAILED, 2),
    'ExpectColumnValuesToNotBeNull(column="wind", mostly=0.5)': (
        "wind not null for at least 50%",
        Outcome.PASSED,
        2,
    ),
    'ExpectColumnValuesToBeNull(column="blank")': ("blank null", Outcome.PASSED, 0),
    'ExpectColumnValuesToBeUnique(column="number")': ("number unique", Outcome.PASSED, 0),
    'ExpectColumnValuesToBeUnique(column="origin")': ("origin unique", Outcome.FAILED, 2),
    'ExpectCompoundColumnsToBeUnique(column_list=["origin", "observed_at"])': (
        "(origin, observed_at) unique",
        Outcome.FAILED,
        2,
    ),
    'ExpectColumnValuesToBeBetween(column="wind", min_value=0, max_value=200)': (
        "wind between 0 and 200",
        Outcome.FAILED,
        1,
    ),
    'ExpectColumnValuesToBeBetween(column="number", min_value=1, strict_min=True)': (
        "number above 1",
        Outcome.FAILED,
        1,
    ),
    'ExpectColumnValuesToBeBetween(column="day", min_value="2013-02-01", max_value="2013-02-28")': (
        "day between 2013-02-01 and 2013-02-28",
        Outcome.PASSED,
        0,
    ),
    'ExpectColumnValuesToBeBetween(column="price", min_value=0.1, max_value=0.3)': (
        "price between 0.1 and 0.3",
        Outcome.PASSED,
        0,
    ),
    'ExpectColumnValuesToBeInSet(column="origin", value_set=["EWR", "JFK"])': (
        "origin in {EWR, JFK}",
        Outcome.FAILED,
        1,
    ),
    'ExpectColumnValuesToBeInSet(column="origin", value_set=["JFK"], row_condition=Column("number") > 1)': (
        "origin in {JFK} where number > 1",
        Outcome.FAILED,
        1,
    ),
    'ExpectColumnValuesToNotBeInSet(column="origin", value_set=["LGA"])': (
        "origin not in {LGA}",
        Outcome.FAILED,
        1,
    ),
    'ExpectColumnDistinctValuesToBeInSet(column="origin", value_set=["EWR", "JFK", "LGA"])': (
        "distinct origin in {EWR, JFK, LGA}",
        Outcome.PASSED,
        None,
    ),
    'ExpectColumnDistinctValuesToContainSet(column="origin", value_set=["BOS"])': (
        "distinct origin contain {BOS}",
        Outcome.FAILED,
        None,
    ),
    'ExpectColumnDistinctValuesToEqualSet(column="origin", value_set=["EWR", "JFK", "LGA"])': (
        "distinct origin equal {EWR, JFK, LGA}",
        Outcome.PASSED,
        None,
    ),
    'ExpectColumnValuesToMatchRegex(column="origin", regex="^[A-Z]{3}$")': (
        "origin matches /^[A-Z]{3}$/",
        Outcome.PASSED,
        0,
    ),
    'ExpectColumnValuesToNotMatchRegex(column="origin", regex="^J")': (
        "origin does not match /^J/",
        Outcome.FAILED,
        2,
    ),
    'ExpectColumnValueLengthsToBeBetween(column="origin", max_value=2)': (
        "length of origin at most 2",
        Outcome.FAILED,
        4,
    ),
    'ExpectColumnValueLengthsToEqual(column="origin", value=3)': (
        "length of origin equal to 3",
        Outcome.PASSED,
        0,
    ),
    'ExpectColumnPairValuesAToBeGreaterThanB(column_A="number", column_B="other", or_equal=True)': (
        "number >= other",
        Outcome.FAILED,
        1,
    ),
    'ExpectColumnPairValuesToBeEqual(column_A="number", column_B="other")': ("number = other", Outcome.FAILED, 3),
    'ExpectMulticolumnSumToEqual(column_list=["number", "other"], sum_total=2)': (
        "number + other = 2",
        Outcome.FAILED,
        2,
    ),
    "ExpectTableRowCountToEqual(value=4)": ("row count equal to 4", Outcome.PASSED, None),
    "ExpectTableRowCountToBeBetween(min_value=5)": ("row count at least 5", Outcome.FAILED, None),
    "ExpectTableColumnCountToEqual(value=8)": ("column count equal to 8", Outcome.PASSED, None),
    'ExpectTableColumnsToMatchSet(column_set=["origin"], exact_match=False)': (
        "columns are {origin}",
        Outcome.PASSED,
        None,
    ),
    'ExpectTableColumnsToMatchOrderedList(column_list=["origin"])': (
        "columns are (origin) in this order",
        Outcome.FAILED,
        None,
    ),
    'ExpectColumnToExist(column="wnd")': ("column wnd exists", Outcome.FAILED, None),
    'ExpectColumnMinToBeBetween(column="day", min_value="2013-02-12")': (
        "min of day at least 2013-02-12",
        Outcome.PASSED,
        None,
    ),
    'ExpectColumnMaxToBeBetween(column="observed_at", max_value=datetime.datetime(2013, 2, 12, 2))': (
        "max of observed_at at most 2013-02-12 02:00:00",
        Outcome.FAILED,
        None,
    ),
    'ExpectColumnMaxToBeBetween(column="wind", max_value=200)': ("max of wind at most 200", Outcome.FAILED, None),
    'ExpectColumnMeanToBeBetween(column="price", min_value=0.19, max_value=0.21)': (
        "mean of price between 0.19 and 0.21",
        Outcome.PASSED,
        None,
    ),
    'ExpectColumnSumToBeBetween(column="number", min_value=10, max_value=10)': (
        "sum of number between 10 and 10",
        Outcome.PASSED,
        None,
    ),
    'ExpectColumnMedianToBeBetween(column="number", min_value=2.5, max_value=2.5)': (
        "median of number between 2.5 and 2.5",
        Outcome.PASSED,
        None,
    ),
    'ExpectColumnStdevToBeBetween(column="number", max_value=1)': (
        "standard deviation of number at most 1",
        Outcome.FAILED,
        None,
    ),
    'ExpectColumnUniqueValueCountToBeBetween(column="origin", min_value=3, max_value=3)': (
        "distinct count of origin between 3 and 3",
        Outcome.PASSED,
        None,
    ),
    'ExpectColumnProportionOfUniqueValuesToBeBetween(column="origin", min_value=1)': (
        "distinct share of origin at least 1",
        Outcome.FAILED,
        None,
    ),
    'ExpectColumnValuesToBeOfType(column="number", type_="BIGINT")': (
        "number has type BIGINT",
        Outcome.PASSED,
        None,
    ),
    'ExpectColumnValuesToBeInTypeList(column="observed_at", type_list=["timestamp[us, tz=UTC]"])': (
        "observed_at has a type of {timestamp[us, tz=UTC]}",
        Outcome.PASSED,
        None,
    ),
    'UnexpectedRowsExpectation(unexpected_rows_query="select * from {batch} where number > 3", description="few")': (
        "few",
        Outcome.FAILED,
        1,
    ),
}


def test_every_supported_expectation_is_named_in_words_and_judged(weather: Scan) -> None:
    results = checks(request(weather, suite(*(f"gxe.{line}" for line in SUPPORTED))))
    assert {result.name: (result.name, result.outcome, result.failed_rows) for result in results} == {
        expected[0]: expected for expected in SUPPORTED.values()
    }


CANNOT = {
    'ExpectColumnValuesToNotBeNull(column="wnd")': "did you mean 'wind'?",
    'ExpectColumnValuesToBeInSet(column="number", value_set=["a"])': "does not compare with 'a' (str)",
    'ExpectColumnValuesToBeInSet(column="origin", value_set=[1])': "does not compare with 1 (int)",
    'ExpectColumnValuesToBeInSet(column="day", value_set=["yesterday"])': "is not one in ISO form",
    'ExpectColumnValuesToMatchRegex(column="origin", regex="(?<word>E)")': "RE2: no look-around",
    'ExpectColumnMeanToBeBetween(column="origin", min_value=1)': "not a number",
    'ExpectColumnValuesToBeIncreasing(column="number")': "name the columns that order them",
    'ExpectColumnValuesToBeIncreasing(column="number", meta={"lakeflow": {"order_by": "nope"}})': "no column 'nope'",
    'ExpectTableRowCountToEqualOtherTable(other_table_name="x")': "write a row check (.sql) that names both",
    'ExpectColumnKLDivergenceToBeLessThan(column="origin", threshold=1)': "so it could not fail",
    'ExpectColumnKLDivergenceToBeLessThan(column="origin", partition_object={"values": ["a"], "weights": [1]})': (
        "so it could not fail"
    ),
    'ExpectColumnValuesToBeJsonParseable(column="number")': "is long, not text",
    'ExpectColumnValueZScoresToBeLessThan(column="origin", threshold=1, double_sided=False)': "not a number",
    'ExpectColumnQuantileValuesToBeBetween(column="day",'
    ' quantile_ranges={"quantiles": [0.5], "value_ranges": [[1, 2]]})': "not a number",
    'ExpectColumnValuesToNotBeNull(column="wind", row_condition="wind > 1", condition_parser="pandas")': (
        "pandas syntax"
    ),
    'ExpectColumnValuesToBeOfType(column="number", type_="nonsense")': "is not a type",
    'ExpectColumnPairValuesToBeEqual(column_A="number", column_B="origin")': "different kinds do not compare",
    "UnexpectedRowsExpectation(unexpected_rows_query=\"copy {batch} to 'x'\")": "one SELECT, this is COPY",
}


@pytest.mark.filterwarnings("ignore:.*:DeprecationWarning")  # text conditions are an old habit
def test_what_cannot_be_checked_is_errored_with_a_reason(weather: Scan) -> None:
    results = checks(request(weather, suite(*(f"gxe.{line}" for line in CANNOT))))
    assert [result for result in results if result.outcome is not Outcome.ERRORED] == []
    assert [
        reason for reason, result in zip(CANNOT.values(), results, strict=True) if reason not in result.detail
    ] == []


def test_a_suite_costs_one_shared_scan_and_no_sample_query_when_all_is_well(weather: Scan) -> None:
    asked = request(
        weather,
        suite(
            'gxe.ExpectColumnValuesToNotBeNull(column="origin")',
            'gxe.ExpectColumnValuesToBeBetween(column="number", min_value=1)',
            'gxe.ExpectColumnMeanToBeBetween(column="number", min_value=1)',
            "gxe.ExpectTableRowCountToEqual(value=4)",
        ),
        expected_rows=4,
    )
    from lakeflow.adapters.expectations.audit import Past, alone, steps

    queries = LocalQueries(asked)
    assert all(
        step.result is None or step.result.outcome is Outcome.PASSED for step in steps(asked, alone(queries), Past())
    )
    assert [sql for sql in queries.asked if "LIMIT 0" not in sql] == queries.asked[:1]


def test_a_declared_key_and_an_equal_uniqueness_expectation_are_one_query(weather: Scan) -> None:
    from lakeflow.adapters.expectations.audit import Past, alone, steps

    line = 'gxe.ExpectCompoundColumnsToBeUnique(column_list=["origin", "observed_at"])'
    asked = request(weather, suite(line), primary_key=("origin", "observed_at"))
    queries = LocalQueries(asked)
    results = outcomes([step.result for step in steps(asked, alone(queries), Past()) if step.result])
    assert results["(origin, observed_at) unique"] == results["key (origin, observed_at) unique"] == Outcome.FAILED
    assert sum("SELECT coalesce(sum(n), 0)" in sql for sql in queries.asked) == 1


@pytest.mark.parametrize(
    ("a", "b", "repeated"),
    [
        ([1, 2, 3], [0, 0, 0], 0),
        ([3, 1, 2], [0, 0, 0], 0),
        ([1, 1, 2], [1, 2, 0], 0),
        ([2, 1, 2], [7, 7, 7], 2),
        ([1, 1, 2], [None, None, 0], 2),
        ([None, None, None], [1, 2, 3], 0),
        ([None, None, None], [None, None, None], 0),
        ([1], [None], 0),
    ],
)
def test_keys_are_unique_whether_or_not_they_are_sorted(
    tmp_path: Path, a: list[int | None], b: list[int | None], repeated: int
) -> None:
    """The proof by order may say no where nothing repeats, never yes where something does."""
    scan = scan_of(tmp_path, a=("int", a), b=("int", b))
    *_, unique = audit(request(scan, primary_key=("a", "b"), allow_empty=True))
    assert (unique.name, unique.failed_rows) == ("key (a, b) unique", repeated)


def test_a_key_sorted_in_each_of_several_files_may_still_repeat(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    first = scan_of(tmp_path, a=("int", list(range(5000))))
    second = scan_of(tmp_path / "other", a=("int", list(range(4999, 9000))))
    both = replace(first, files=(*first.files, *second.files))
    *_, unique = audit(request(both, primary_key=("a",)))
    assert (unique.failed_rows, unique.samples) == (2, ({"a": "4999", "×": "2"},))


def test_a_key_that_repeats_far_behind_many_in_order_is_found(tmp_path: Path) -> None:
    """The first rows only say whether the proof by order is worth a try."""
    scan = scan_of(tmp_path, a=("int", [*range(FIRST + 10), FIRST + 5]))
    *_, unique = audit(request(scan, primary_key=("a",)))
    assert (unique.failed_rows, unique.samples) == (2, ({"a": str(FIRST + 5), "×": "2"},))


def test_one_bad_expression_does_not_sink_the_shared_scan(tmp_path: Path) -> None:
    """A sum of two whole numbers may be too large for their type."""
    scan = scan_of(tmp_path, a=("long", [2**63 - 1]), b=("long", [1]))
    good = 'gxe.ExpectColumnValuesToNotBeNull(column="b")'
    bad = 'gxe.ExpectMulticolumnSumToEqual(column_list=["a", "b"], sum_total=1)'
    assert list(outcomes(checks(request(scan, suite(bad, good)))).values()) == [Outcome.ERRORED, Outcome.PASSED]


def test_failing_rows_are_shown_with_the_key_first(weather: Scan) -> None:
    line = 'gxe.ExpectColumnValuesToBeBetween(column="wind", max_value=200)'
    (result,) = checks(request(weather, suite(line), primary_key=("origin", "observed_at")))
    assert result.samples == ({"origin": "EWR", "observed_at": "2013-02-12 03:00:00+00", "wind": "1048.36"},)
    assert list(result.samples[0]) == ["origin", "observed_at", "wind"]
    assert (result.detail, result.rows) == ("1 of 2 rows (50%)", 2)


def test_severity_and_order_are_those_of_the_file_and_equal_names_are_numbered(weather: Scan) -> None:
    line = 'gxe.ExpectColumnValuesToNotBeNull(column="wind", severity="warning")'
    results = audit(
        request(weather, suite(line, line), row_check("select 1 where false", severity=Severity.INFO), expected_rows=9)
    )
    assert [(result.name, result.severity, result.holds) for result in results] == [
        ("wind not null", Severity.WARNING, False),
        ("wind not null #2", Severity.WARNING, False),
        ("bad rows", Severity.INFO, False),
        ("schema", Severity.CRITICAL, False),
        ("rows", Severity.CRITICAL, True),
    ]


def test_the_default_of_a_subclass_counts(weather: Scan) -> None:
    text = (
        "import great_expectations.expectations as gxe\n"
        "class ExpectSmall(gxe.ExpectColumnValuesToBeBetween):\n    max_value: float = 2\n"
        "expectations = [ExpectSmall(column='number')]\n"
    )
    file = suite()
    (result,) = checks(request(weather, type(file)(file.kind, file.path, text)))
    assert (result.name, result.outcome, result.failed_rows) == ("number at most 2", Outcome.FAILED, 2)


def test_a_bound_that_the_library_rounds_is_told(weather: Scan) -> None:
    line = f'gxe.ExpectColumnValuesToBeBetween(column="number", max_value={2**53 + 1})'
    (result,) = checks(request(weather, suite(line)))
    assert "rounded" in result.detail


def test_declared_columns_are_there_with_their_type(weather: Scan) -> None:
    columns = {"wind": Column("DOUBLE"), "number": Column("string"), "gone": Column()}
    (result,) = audit(request(weather, columns=columns))
    assert (result.name, result.outcome) == ("schema", Outcome.FAILED)
    assert result.detail == "column number is long, declared string; column gone is declared and missing"


def test_a_key_may_not_be_null_or_repeat(weather: Scan) -> None:
    schema, nulls, unique = audit(request(weather, primary_key=("origin", "observed_at")))
    assert (schema.outcome, nulls.name, nulls.failed_rows) == (Outcome.PASSED, "key (origin, observed_at) not null", 1)
    assert (unique.failed_rows, unique.detail) == (2, "2 rows in 1 group")
    assert unique.samples == ({"origin": "JFK", "observed_at": "2013-02-12 03:00:00+00", "×": "2"},)


def test_rows_are_accounted_for(weather: Scan) -> None:
    assert outcomes(audit(request(weather, expected_rows=4)))["rows"] is Outcome.PASSED
    assert outcomes(audit(request(weather, expected_rows=5)))["rows"] is Outcome.FAILED
