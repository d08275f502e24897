"""Each expectation on both engines: the same verdict, counts and figures, or errored with the reason."""

from __future__ import annotations

import datetime as dt
import math
import re
import warnings
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import pytest

from lakeflow.adapters.expectations.library import library
from lakeflow.core.checks.evidence import unpacked
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import CheckResult
from tests.expectations import every
from tests.expectations.lake import request, suite
from tests.expectations.test_same_on_messy_data import columns
from tests.spark.audits import on_duckdb, on_spark, questions, scan_of

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_ROWS: Final = 60
_NOW: Final = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_SEEN: Final = (
    dt.datetime(2013, 2, 12, 3, tzinfo=dt.UTC),
    dt.datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=dt.UTC),
    dt.datetime(2024, 3, 31, 1, 30, tzinfo=dt.timezone(dt.timedelta(hours=2))),
    None,
)
_EMOJI: Final = ("a😀b", "😀", "\\%", "50%", "5_0", "a\nb", "", None, "'quoted'", "é", "e\u0301", "日本", "nul\0")


Table: TypeAlias = dict[str, tuple[str, list[Any]]]


def _turned(values: tuple[Any, ...]) -> list[Any]:
    return [values[place % len(values)] for place in range(_ROWS)]


def messy() -> Table:
    return columns(7) | {
        "seen": ("timestamptz", _turned(_SEEN)),
        "odd": ("string", _turned(_EMOJI)),
        "single": ("float", _turned((1.5, -0.0, 0.0, math.nan, math.inf, 0.1, None))),
        "small": ("int", _turned((-(2**31), 2**31 - 1, 0, None, 7))),
        "huge": ("long", _turned((2**53 + 1, -(2**53) - 1, 9, None))),
        "wide": (
            "decimal(38,10)",
            _turned((Decimal("12345678901234567890.0123456789"), Decimal("-0.0000000001"), None)),
        ),
        "cents": ("decimal(15,2)", _turned((Decimal("-0.01"), Decimal("-9999999999999.98"), Decimal("-0.04"), None))),
        "tiny": ("decimal(10,8)", _turned((Decimal("0.00000001"), Decimal("0.5"), None))),
        "blob": ("binary", _turned((b"\x00\xff", b"", None))),
        "deep": (
            "struct<a: int, b: list<string>>",
            _turned(({"a": 1, "b": ["x", None]}, {"a": None, "b": None}, None)),
        ),
        "list": ("list<double>", _turned(([1.0, math.nan], [], None))),
        "told": ("map<string, long>", _turned(([("k", 1)], [], None))),
    }


def _braced(pattern: str) -> str:
    """The literal, in a line that is a format."""
    return repr(pattern).replace("{", "{{").replace("}", "}}")


_DAY: Final = '"2013-02-12"'
_AT: Final = "datetime.datetime(2013, 2, 12, 3)"
MESSY: Final = (
    *(
        f'ExpectColumnValuesToNotBeNull(column="{name}", mostly=0.9{{}})'
        for name in ("real", "deep", "list", "told", "blob")
    ),
    'ExpectColumnValuesToBeNull(column="single"{})',
    'ExpectColumnProportionOfNonNullValuesToBeBetween(column="real", min_value=0.5{})',
    *(
        f'ExpectColumnValuesToBeBetween(column="{name}", min_value={low}, max_value={high}{{}})'
        for name, low, high in (
            ("whole", -3, 2.5),
            ("real", -0.0, 2.5),
            ("single", 0, 0.1),
            ("wide", 0, 10**21),
            ("tiny", 0.00000001, 0.4),
            ("huge", -(2**52), 2**62),
            ("small", 0, 2**31),
            ("day", _DAY, '"2020-01-01"'),
            ("moment", _AT, _AT),
            ("seen", '"1970-01-01T00:00:00+00:00"', '"2024-03-30T23:30:00"'),
        )
    ),
    'ExpectColumnValuesToBeBetween(column="real", min_value=0, strict_min=True{})',
    'ExpectColumnValuesToBeBetween(column="whole", max_value=2,'
    ' row_condition=(Column("text") == "EWR") | Column("flag").is_null(){})',
    *(
        f'ExpectColumnValuesToBeInSet(column="{name}", value_set={values}{{}})'
        for name, values in (
            ("whole", "[1, 2, None]"),
            ("real", "[0.0, 2.5, 1e15]"),
            ("single", "[0, 0.1]"),
            ("price", "[0.1, 19.99]"),
            ("text", "['EWR', '', \"'; drop\", 'Ünïcödé']"),
            ("odd", "['\\\\%', \"'quoted'\", 'é', 'a\\nb', '😀']"),
            ("flag", "[True]"),
            ("day", f"[{_DAY}]"),
            ("moment", f"[{_AT}]"),
            ("seen", "['2024-03-30T23:30:00+00:00']"),
        )
    ),
    'ExpectColumnValuesToNotBeInSet(column="real", value_set=[-0.0]{})',
    'ExpectColumnValuesToNotBeInSet(column="text", value_set=[]{})',
    'ExpectColumnValuesToBeUnique(column="real"{})',
    'ExpectColumnValuesToBeUnique(column="text"{})',
    'ExpectColumnValuesToBeUnique(column="seen"{})',
    'ExpectCompoundColumnsToBeUnique(column_list=["whole", "flag"]{})',
    'ExpectSelectColumnValuesToBeUniqueWithinRecord(column_list=["whole", "gaps", "rising"]{})',
    'ExpectMulticolumnValuesToBeEqual(column_list=["whole", "gaps"]{})',
    'ExpectMulticolumnSumToEqual(column_list=["price", "cost"], sum_total=0.3{})',
    'ExpectMulticolumnSumToEqual(column_list=["whole", "real"], sum_total=2.5{})',
    'ExpectColumnPairValuesToBeEqual(column_A="day", column_B="moment"{})',
    'ExpectColumnPairValuesToBeEqual(column_A="moment", column_B="seen"{})',
    'ExpectColumnPairValuesAToBeGreaterThanB(column_A="seen", column_B="moment", or_equal=True{})',
    'ExpectColumnPairValuesAToBeGreaterThanB(column_A="price", column_B="whole"{})',
    'ExpectColumnPairValuesToBeInSet(column_A="text", column_B="whole", value_pairs_set=[("EWR", 1), ("", 2)]{})',
    *(
        f'ExpectColumnValueLengthsToBeBetween(column="{name}", min_value=1, max_value=2{{}})'
        for name in ("odd", "small")
    ),
    'ExpectColumnValueLengthsToEqual(column="text", value=3{})',
    *(
        f'ExpectColumnValuesToMatchLikePattern(column="odd", like_pattern={pattern!r}{{}})'
        for pattern in ("a%b", "a_b", "\\%", "%\\", "5_0", "_", "%", "%\n%", "é")
    ),
    'ExpectColumnValuesToNotMatchLikePatternList(column="text", like_pattern_list=["E%", "% %"]{})',
    *(
        f'ExpectColumn{what}ToBeBetween(column="{name}", min_value=0, max_value=100{{}})'
        for what in ("Min", "Max", "Mean", "Sum", "Stdev")
        for name in ("whole", "finite", "price", "small", "tiny")
    ),
    'ExpectColumnSumToBeBetween(column="huge", min_value=0{})',
    'ExpectColumnMeanToBeBetween(column="wide", min_value=0{})',
    'ExpectColumnSumToBeBetween(column="wide", min_value=0{})',
    'ExpectColumnMeanToBeBetween(column="real", min_value=0{})',
    'ExpectColumnSumToBeBetween(column="single", min_value=0{})',
    'ExpectColumnStdevToBeBetween(column="real", min_value=0{})',
    'ExpectColumnStdevToBeBetween(column="alone", min_value=0{})',
    'ExpectColumnMinToBeBetween(column="day", min_value="2000-01-01"{})',
    'ExpectColumnMaxToBeBetween(column="seen", max_value="2020-01-01"{})',
    *(
        f'ExpectColumnMedianToBeBetween(column="{name}", min_value=0, max_value=2{{}})'
        for name in ("whole", "gaps", "finite", "real", "price", "cents", "tiny", "wide")
    ),
    'ExpectColumnQuantileValuesToBeBetween(column="gaps", quantile_ranges={{"quantiles": [0, 0.1, 0.5, 0.99, 1],'
    ' "value_ranges": [[1, 1], [1, 2], [3, 4], [None, 100], [100, 100]]}}{})',
    'ExpectColumnQuantileValuesToBeBetween(column="finite", quantile_ranges={{"quantiles": [0.333, 0.9],'
    ' "value_ranges": [[-9, 0], [0, 60]]}}{})',
    'ExpectColumnQuantileValuesToBeBetween(column="gaps", allow_relative_error="linear",'
    ' quantile_ranges={{"quantiles": [0.25, 0.75], "value_ranges": [[1, 4], [4, 13]]}}{})',
    'ExpectColumnQuantileValuesToBeBetween(column="finite", allow_relative_error="linear",'
    ' quantile_ranges={{"quantiles": [0.3], "value_ranges": [[-9, 9]]}}{})',
    *(
        f'ExpectColumnMostCommonValueToBeInSet(column="{name}", value_set={values}, ties_okay=True{{}})'
        for name, values in (("text", '["EWR"]'), ("whole", "[1]"), ("price", "[0.1]"), ("moment", f"[{_AT}]"))
    ),
    *(
        f'ExpectColumnDistinctValuesToBeInSet(column="{name}", value_set={values}{{}})'
        for name, values in (
            ("text", '["EWR"]'),
            ("whole", "[1, 2]"),
            ("price", "[0.1]"),
            ("real", "[0, 2.5]"),
            ("seen", '["2013-02-12T03:00:00"]'),
        )
    ),
    'ExpectColumnDistinctValuesToContainSet(column="whole", value_set=[1, 99]{})',
    'ExpectColumnDistinctValuesToEqualSet(column="flag", value_set=[True, False]{})',
    'ExpectColumnDistinctValuesToEqualSet(column="real", value_set=[0.0, 7.5]{})',
    'ExpectColumnUniqueValueCountToBeBetween(column="real", max_value=3{})',
    'ExpectColumnProportionOfUniqueValuesToBeBetween(column="odd", max_value=0.1{})',
    'ExpectColumnKLDivergenceToBeLessThan(column="flag", threshold=0.5,'
    ' partition_object={{"values": [True, False], "weights": [0.5, 0.5]}}{})',
    'ExpectColumnKLDivergenceToBeLessThan(column="finite", threshold=0.5,'
    ' partition_object={{"bins": [-10, 0, 10], "weights": [0.5, 0.4], "tail_weights": [0.05, 0.05]}}{})',
    'ExpectColumnValueZScoresToBeLessThan(column="finite", threshold=3, double_sided=True{})',
    'ExpectColumnValueZScoresToBeLessThan(column="real", threshold=3, double_sided=True{})',
    'ExpectColumnValuesToNotBeOutliers(column="gaps"{})',
    'ExpectColumnValuesToNotBeOutliers(column="finite"{})',
    'ExpectColumnValuesToNotBeOutliers(column="finite", method="std", multiplier=2{})',
    'ExpectColumnValuesToBeIncreasing(column="gaps"{order}{})',
    'ExpectColumnValuesToBeDecreasing(column="text"{order}, strictly=True{})',
    'ExpectColumnValuesToBeJsonParseable(column="js"{})',
    'ExpectColumnValuesToBeDateutilParseable(column="dated"{})',
    'ExpectColumnValuesToMatchStrftimeFormat(column="dated", strftime_format="%Y-%m-%d"{})',
    'ExpectColumnValuesToMatchJsonSchema(column="js", json_schema={{"type": "object"}}{})',
    'ExpectColumnValuesToMatchRegex(column="text", regex="(?<=E)W"{})',
    r'ExpectColumnValuesToMatchRegex(column="text", regex="\\bE"{})',
    *(
        f"ExpectColumnValuesToMatchRegex(column={name!r}, regex={_braced(pattern)}{{}})"
        for name, pattern in (
            ("text", "^[A-Z]{3}$"),
            ("text", "EW|^$"),
            ("text", "[^A-Z]"),
            ("odd", "^.$"),
            ("odd", "^a.b$"),
            ("odd", "a$"),
            ("odd", "^[^0-9%]+$"),
            ("odd", r"^\d+(?:%|_\d)?$"),
            ("odd", r"\W"),
            ("odd", r"\\%|'"),
            ("odd", "日.{1,2}$"),
            ("odd", "e?.?\u0301"),
            ("small", "^-?[0-9]{1,9}$"),
        )
    ),
    'ExpectTableRowCountToBeBetween(min_value=1, max_value=10, row_condition=Column("seen") > "2020-01-01",'
    ' condition_parser="great_expectations"{})',
)
"""Failing, passing and refused, over NULL, NaN, -0.0, infinities, zones, decimals, Unicode and nested values."""
_MORE: Final = (
    *every.OWN[1:3],
    'lfx.ExpectForeignKeyToExist(columns="whole", references="silver.other", referenced_columns="id"{})',
    'lfx.ExpectForeignKeyToExist(columns="text", references="silver.other", referenced_columns="name"{})',
    'lfx.ExpectForeignKeyToExist(columns="text", references="silver.other", referenced_columns="id"{})',
    'lfx.ExpectNoKeyToDisappear(columns=["whole", "flag"]{})',
    'lfx.ExpectColumnDistributionToStayNearMain(column="whole", max_distance=0.01{})',
    'lfx.ExpectColumnDistributionToStayNearMain(column="real", max_distance=0.01{})',
    'lfx.ExpectTableToBeFresh(column="seen", max_age="1 day"{})',
)


_OF_ROWS: Final = re.compile(r"ExpectColumnValue|ExpectColumnPair|ExpectMulticolumn|ExpectSelect")


def _counting(*lines: str) -> list[str]:
    """The same, but rules about rows bear any number of bad ones: they are counted, and cost no sample."""
    bearing = (
        line[: line.rindex("{}")] + ", mostly=0{})" if _OF_ROWS.match(line) and "mostly" not in line else line
        for line in lines
    )
    return every.lines(*bearing)


def _asked(root: Path, table: Table, *files: Any, rows: int) -> Any:
    scan = scan_of(root / "now.parquet", "silver.weather", table)
    other: Table = {"id": ("long", [1, 2, 3, 4, None]), "name": ("string", ["EWR", "", "JFK", "日本", None])}
    relations = {
        "silver.other": scan_of(root / "other.parquet", "silver.other", other),
        "published.silver.weather": scan_of(root / "main.parquet", "silver.weather", _before(table)),
    }
    return request(scan, *files, relations=relations, primary_key=("id",), expected_rows=rows, at=_NOW)


def _before(table: Table) -> Table:
    return {name: (type_, [*values[1:], values[0]][:-1]) for name, (type_, values) in table.items()}


def _own(*lines: str) -> Any:
    file = suite(*every.lines(*lines), path="checks/silver/own.py")
    return replace(file, text=f"import lakeflow.expectations as lfx\n{file.text}")


@pytest.fixture(scope="module")
def results(session: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[CheckResult, CheckResult]]:
    """Each check's result on DuckDB, and on Spark."""
    with warnings.catch_warnings():  # of the library, about its own old habits
        warnings.simplefilter("ignore")
        library.load()
        return _both(session, tmp_path_factory)


def _both(session: SparkSession, folders: pytest.TempPathFactory) -> list[tuple[CheckResult, CheckResult]]:
    found = []
    plain, mess = folders.mktemp("plain"), folders.mktemp("messy")
    for root, asked in (
        (plain, _asked(plain, every.TABLE, suite(*every.lines(*every.COMPUTED)), _own(*every.OWN), rows=5)),
        (mess, _asked(mess, messy(), suite(*_counting(*MESSY)), _own(*_MORE), rows=59)),
    ):
        here = on_duckdb(asked)
        with questions(session, asked, root / "questions") as opened:
            there = on_spark(asked, opened)
        assert list(here) == list(there)
        found += [(here[unit], there[unit]) for unit in here]
    return found


_REFUSED: Final = "Spark cannot be asked this: "


def test_each_is_judged(results: list[tuple[CheckResult, CheckResult]]) -> None:
    """A file that cannot be executed would be one errored check on both."""
    assert len(results) == len(every.COMPUTED) + len(every.OWN) + len(MESSY) + len(_MORE) + 2 * len(_BUILT_IN)
    errored = {here.name for here, _ in results if here.outcome is Outcome.ERRORED}
    assert errored == {"text exists in silver.other id", "z-score of real below 3 for at least 0%"}


_BUILT_IN: Final = ("schema", "key not null", "key unique", "rows")


def test_what_spark_cannot_be_asked_is_this_alone(results: list[tuple[CheckResult, CheckResult]]) -> None:
    refused = {here.name for here, there in results if there.detail.startswith(_REFUSED)}
    assert refused == {
        "no unexpected row",
        r"text matches /\bE/ for at least 0%",
        "median of wide between 0 and 2",
        "quantiles of finite 0.3 in -9..9",
        "finite without outliers (iqr, 1.5) for at least 0%",
        "text exists in silver.other id",
    }


def test_each_is_the_same_on_both_or_refused_with_the_reason(results: list[tuple[CheckResult, CheckResult]]) -> None:
    different = [
        (here, there)
        for here, there in results
        if not there.detail.startswith(_REFUSED) and _figures(here) != _figures(there)
    ]
    assert different[:3] == []


def _figures(check: CheckResult) -> tuple[Any, ...]:
    metrics = {name: _rounded(unpacked(value)) for name, value in (check.evidence.get("metrics") or {}).items()}
    detail = "" if check.outcome is Outcome.ERRORED else check.detail.partition(" ")[0]
    return check.name, check.outcome, check.failed_rows, check.rows, detail, metrics


def _rounded(value: Any) -> Any:
    """Floats but for the digits that depend on the order in which values are added."""
    if isinstance(value, list | tuple):
        return [_rounded(each) for each in value]
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)  # the engines spell doubles differently where they are shown
    return f"{value:.9g}" if isinstance(value, float | Decimal) else value


_NUMBER: Final = re.compile(r"-?(\d+\.\d+([Ee][+-]?\d+)?|[Ii]nf(inity)?|\d+e[+-]?\d+)")
