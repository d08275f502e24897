"""Every expectation of the library: one that passes on `TABLE` when it is computed, one that tries when it is not.

Lines are completed with `{}` for more arguments.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from lakeflow.core.model.table import Scan

from .lake import scan_of

_DAY = dt.datetime(2013, 2, 12, tzinfo=dt.UTC)
TABLE: Final[dict[str, tuple[str, list[Any]]]] = {
    "id": ("long", [1, 2, 3, 4, 5]),
    "n": ("long", [1, 2, 2, 3, None]),
    "m": ("long", [0, 1, 1, 2, None]),
    "x": ("double", [1.0, 2.0, 2.0, 3.0, float("nan")]),
    "price": ("decimal(9,2)", [Decimal("0.10"), Decimal("0.20"), Decimal("0.20"), Decimal("0.30"), None]),
    "t": ("string", ["aa", "ab", "ab", "ac", None]),
    "js": ("string", ['{"a": 1}', '{"a": 2}', '{"a": 2}', '{"a": 3}', None]),
    "date_text": ("string", ["2013-02-12", "2013-02-13", "2013-02-13", "2013-02-14", None]),
    "at": ("timestamptz", [_DAY, _DAY, _DAY, _DAY + dt.timedelta(hours=1), None]),
}

COMPUTED: Final = (
    'ExpectColumnDistinctValuesToBeInSet(column="t", value_set=["aa", "ab", "ac"]{})',
    'ExpectColumnDistinctValuesToContainSet(column="t", value_set=["aa"]{})',
    'ExpectColumnDistinctValuesToEqualSet(column="t", value_set=["aa", "ab", "ac"]{})',
    'ExpectColumnKLDivergenceToBeLessThan(column="t", threshold=0.1,'
    ' partition_object={{"values": ["aa", "ab", "ac"], "weights": [0.25, 0.5, 0.25]}}{})',
    'ExpectColumnMaxToBeBetween(column="n", max_value=3{})',
    'ExpectColumnMeanToBeBetween(column="n", min_value=2, max_value=2{})',
    'ExpectColumnMedianToBeBetween(column="n", min_value=2, max_value=2{})',
    'ExpectColumnMinToBeBetween(column="n", min_value=1{})',
    'ExpectColumnMostCommonValueToBeInSet(column="t", value_set=["ab"]{})',
    'ExpectColumnPairValuesAToBeGreaterThanB(column_A="n", column_B="m"{})',
    'ExpectColumnPairValuesToBeEqual(column_A="n", column_B="x"{})',
    'ExpectColumnPairValuesToBeInSet(column_A="n", column_B="m", value_pairs_set=[(1, 0), (2, 1), (3, 2)]{})',
    'ExpectColumnProportionOfNonNullValuesToBeBetween(column="n", min_value=0.8{})',
    'ExpectColumnProportionOfUniqueValuesToBeBetween(column="n", min_value=0.75, max_value=0.75{})',
    'ExpectColumnQuantileValuesToBeBetween(column="n",'
    ' quantile_ranges={{"quantiles": [0.5, 1], "value_ranges": [[2, 2], [None, 3]]}}{})',
    'ExpectColumnStdevToBeBetween(column="n", min_value=0.8, max_value=0.9{})',
    'ExpectColumnSumToBeBetween(column="n", min_value=8, max_value=8{})',
    'ExpectColumnToExist(column="n"{})',
    'ExpectColumnTypeToBe(column="n", type_="BIGINT"{})',
    'ExpectColumnUniqueValueCountToBeBetween(column="n", max_value=3{})',
    'ExpectColumnValueLengthsToBeBetween(column="t", min_value=1, max_value=2{})',
    'ExpectColumnValueLengthsToEqual(column="t", value=2{})',
    'ExpectColumnValueZScoresToBeLessThan(column="n", threshold=2, double_sided=True{})',
    'ExpectColumnValuesToBeBetween(column="n", min_value=1, max_value=3{})',
    'ExpectColumnValuesToBeDateutilParseable(column="date_text"{})',
    'ExpectColumnValuesToBeDecreasing(column="m"{order}, mostly=0.3{})',
    'ExpectColumnValuesToBeInSet(column="t", value_set=["aa", "ab", "ac"]{})',
    'ExpectColumnValuesToBeInTypeList(column="t", type_list=["VARCHAR"]{})',
    'ExpectColumnValuesToBeIncreasing(column="n"{order}{})',
    'ExpectColumnValuesToBeJsonParseable(column="js"{})',
    'ExpectColumnValuesToBeNull(column="t", mostly=0.1{})',
    'ExpectColumnValuesToBeOfType(column="t", type_="string"{})',
    'ExpectColumnValuesToBeUnique(column="id"{})',
    'ExpectColumnValuesToMatchJsonSchema(column="js", json_schema={{"type": "object", "required": ["a"]}}{})',
    'ExpectColumnValuesToMatchLikePattern(column="t", like_pattern="a%"{})',
    'ExpectColumnValuesToMatchLikePatternList(column="t", like_pattern_list=["a%", "b%"]{})',
    'ExpectColumnValuesToMatchRegex(column="t", regex="^a"{})',
    'ExpectColumnValuesToMatchRegexList(column="t", regex_list=["^a", "^b"]{})',
    'ExpectColumnValuesToMatchStrftimeFormat(column="date_text", strftime_format="%Y-%m-%d"{})',
    'ExpectColumnValuesToNotBeInSet(column="t", value_set=["zz"]{})',
    'ExpectColumnValuesToNotBeNull(column="t", mostly=0.8{})',
    'ExpectColumnValuesToNotBeOutliers(column="n"{})',
    'ExpectColumnValuesToNotMatchLikePattern(column="t", like_pattern="b%"{})',
    'ExpectColumnValuesToNotMatchLikePatternList(column="t", like_pattern_list=["b%", "c%"]{})',
    'ExpectColumnValuesToNotMatchRegex(column="t", regex="^b"{})',
    'ExpectColumnValuesToNotMatchRegexList(column="t", regex_list=["^b", "^c"]{})',
    'ExpectCompoundColumnsToBeUnique(column_list=["id", "t"]{})',
    'ExpectMulticolumnSumToEqual(column_list=["n", "m"], sum_total=3, mostly=0.5{})',
    'ExpectMulticolumnValuesToBeEqual(column_list=["n", "x"]{})',
    'ExpectSelectColumnValuesToBeUniqueWithinRecord(column_list=["n", "m"]{})',
    "ExpectTableColumnCountToBeBetween(min_value=9{})",
    "ExpectTableColumnCountToEqual(value=9{})",
    'ExpectTableColumnsToMatchOrderedList(column_list=["id", "n", "m", "x", "price", "t", "js", "date_text", "at"]{})',
    'ExpectTableColumnsToMatchSet(column_set=["id", "n"], exact_match=False{})',
    "ExpectTableRowCountToBeBetween(min_value=5{})",
    "ExpectTableRowCountToEqual(value=5{})",
    'UnexpectedRowsExpectation(unexpected_rows_query="select * from {{batch}} where n < 0"{})',
)
REFUSED: Final = (
    'ExpectMulticolumnValuesToBeUnique(column="n", column_list=["n", "m"]{})',
    'ExpectQueryResultsToMatchComparison(base_query="select 1 from {{batch}}", comparison_data_source_name="x",'
    ' comparison_query="select 1"{})',
    'ExpectTableRowCountToEqualOtherTable(other_table_name="x"{})',
)
"""Tried, and answered with what to use instead."""


OWN: Final = (
    'lfx.ExpectForeignKeyToExist(columns="n", references="silver.other", referenced_columns="id"{})',
    'lfx.ExpectNoKeyToDisappear(columns="id"{})',
    "lfx.ExpectRowCountToStayNearMain(min_ratio=0.5{})",
    'lfx.ExpectColumnDistributionToStayNearMain(column="t", max_distance=0{})',
    'lfx.ExpectSchemaToMatchContract(columns={{"n": "long"}}, allow_extra=True{})',
    'lfx.ExpectTableToBeFresh(column="at", max_age="100000 days"{})',
)
"""Our own, beside `silver.other` with ids and `TABLE` as main."""


def name_of(line: str) -> str:
    return line.partition("(")[0]


def lines(*templates: str, allow_empty: bool = False, severity: str = "") -> list[str]:
    """Complete Python for a suite; what orders rows, and whether empty is fine, share one `meta`."""
    made = []
    for template in templates:
        options: dict[str, Any] = {"order_by": "id"} if "{order}" in template else {}
        options |= {"allow_empty": True} if allow_empty else {}
        more = f', meta={{"lakeflow": {options!r}}}' if options else ""
        more += f', severity="{severity}"' if severity else ""
        made.append(f"{'' if template.startswith('lfx.') else 'gxe.'}{template.format(more, order='')}")
    return made


def table(directory: Path) -> Scan:
    return scan_of(directory, **TABLE)


def table_of(directory: Path, rows: int) -> Scan:
    """The same columns without a single value, in so many rows."""
    return scan_of(directory, **{name: (kind, [None] * rows) for name, (kind, _) in TABLE.items()})
