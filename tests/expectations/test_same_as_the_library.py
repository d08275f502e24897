"""Our SQL against Great Expectations' own pandas engine, on a messy frame: the same verdicts and the same counts.

Every difference is on purpose and stands in `DIFFERENT`, with its reason.
"""

from __future__ import annotations

import datetime as dt
import math
from typing import Any, Final

import pytest

from .library import Verdict, has, ours, theirs

NAN, INF = math.nan, math.inf
COLUMNS: Final[dict[str, tuple[str, list[Any]]]] = {
    "id": ("long", [1, 2, 3, 4, 5, 6, 7, 8]),
    "text": ("string", ["EWR", "JFK", "JFK", "", None, "Ünï", "a b", "EWR"]),
    "real": ("double", [1.5, NAN, -2.0, INF, None, 0.0, 2.5, 2.5]),
    "part": ("double", [1.5, 2.0, -3.0, 1.0, 0.0, 0.0, 2.5, 1.0]),
    "whole": ("long", [1, 1, 2, 3, 5, 8, 13, 21]),
    "other": ("long", [0, 1, 3, 3, 4, 9, 13, 20]),
    "day": ("timestamp", [dt.datetime(2013, 1, day) for day in (1, 2, 3, 4, 5, 6, 7, 8)]),
    "code": ("string", ["a1", "b2", "c3", "a1", "d4", "e5", "zz", "a1"]),
    "yes": ("boolean", [True, False, True, True, True, False, True, True]),
}
ASKED: Final = (
    *(f'ExpectColumnValuesToNotBeNull(column="{name}")' for name in COLUMNS),
    *(f'ExpectColumnValuesToBeUnique(column="{name}")' for name in COLUMNS),
    'ExpectColumnValuesToNotBeNull(column="text", mostly=0.8)',
    'ExpectColumnValuesToNotBeNull(column="text", mostly=0.9)',
    'ExpectColumnValuesToBeNull(column="text", mostly=0.1)',
    'ExpectCompoundColumnsToBeUnique(column_list=["text", "code"])',
    'ExpectCompoundColumnsToBeUnique(column_list=["id", "code"])',
    'ExpectColumnValuesToBeBetween(column="real", min_value=0, max_value=2.5)',
    'ExpectColumnValuesToBeBetween(column="real", min_value=0, strict_min=True)',
    'ExpectColumnValuesToBeBetween(column="real", max_value=2.5, strict_max=True, mostly=0.3)',
    'ExpectColumnValuesToBeBetween(column="whole", min_value=1, max_value=13)',
    'ExpectColumnValuesToBeBetween(column="day", min_value=datetime.datetime(2013, 1, 2))',
    'ExpectColumnValuesToBeInSet(column="text", value_set=["EWR", "JFK"])',
    'ExpectColumnValuesToBeInSet(column="whole", value_set=[1, 2, 3, 5, 8, 13, 21])',
    'ExpectColumnValuesToBeInSet(column="real", value_set=[1.5, 2.5, 0.0])',
    'ExpectColumnValuesToNotBeInSet(column="text", value_set=[""])',
    'ExpectColumnValuesToNotBeInSet(column="whole", value_set=[4])',
    'ExpectColumnValuesToBeInSet(column="text", value_set=["EWR"], row_condition=Column("id") > 6)',
    'ExpectColumnDistinctValuesToBeInSet(column="code", value_set=["a1", "b2", "c3", "d4", "e5", "zz", "y"])',
    'ExpectColumnDistinctValuesToBeInSet(column="code", value_set=["a1"])',
    'ExpectColumnDistinctValuesToContainSet(column="code", value_set=["a1", "zz"])',
    'ExpectColumnDistinctValuesToContainSet(column="code", value_set=["a1", "nope"])',
    'ExpectColumnDistinctValuesToEqualSet(column="whole", value_set=[1, 2, 3, 5, 8, 13, 21])',
    'ExpectColumnDistinctValuesToEqualSet(column="whole", value_set=[1, 2])',
    'ExpectColumnValuesToMatchRegex(column="code", regex="^[a-z][0-9]$")',
    'ExpectColumnValuesToMatchRegex(column="text", regex="[A-Z]")',
    'ExpectColumnValuesToNotMatchRegex(column="text", regex=" ")',
    'ExpectColumnValuesToMatchRegex(column="whole", regex="^[0-9]$")',
    'ExpectColumnValuesToMatchRegexList(column="code", regex_list=["^a", "^z"], match_on="any")',
    'ExpectColumnValuesToMatchRegexList(column="code", regex_list=["a", "1"], match_on="all")',
    'ExpectColumnValuesToNotMatchRegexList(column="code", regex_list=["^a", "9"])',
    'ExpectColumnValueLengthsToBeBetween(column="text", min_value=1, max_value=3)',
    'ExpectColumnValueLengthsToBeBetween(column="text", min_value=0, strict_min=True)',
    'ExpectColumnValueLengthsToEqual(column="text", value=3)',
    'ExpectColumnPairValuesAToBeGreaterThanB(column_A="whole", column_B="other")',
    'ExpectColumnPairValuesAToBeGreaterThanB(column_A="whole", column_B="other", or_equal=True)',
    'ExpectColumnPairValuesToBeEqual(column_A="whole", column_B="other")',
    'ExpectColumnPairValuesToBeEqual(column_A="real", column_B="part")',
    'ExpectColumnPairValuesToBeEqual(column_A="real", column_B="part", ignore_row_if="either_value_is_missing")',
    'ExpectColumnPairValuesToBeInSet(column_A="whole", column_B="other", value_pairs_set=[(1, 0), (1, 1), (3, 3)])',
    'ExpectMulticolumnSumToEqual(column_list=["whole", "other"], sum_total=2)',
    'ExpectMulticolumnValuesToBeEqual(column_list=["whole", "other"])',
    'ExpectSelectColumnValuesToBeUniqueWithinRecord(column_list=["whole", "other"])',
    "ExpectTableRowCountToEqual(value=8)",
    "ExpectTableRowCountToBeBetween(min_value=9)",
    "ExpectTableColumnCountToEqual(value=9)",
    "ExpectTableColumnCountToBeBetween(max_value=8)",
    'ExpectTableColumnsToMatchSet(column_set=["id", "text"], exact_match=False)',
    'ExpectTableColumnsToMatchSet(column_set=["id", "text"])',
    'ExpectTableColumnsToMatchOrderedList(column_list=["id", "text"])',
    'ExpectColumnToExist(column="id")',
    'ExpectColumnToExist(column="nope")',
    'ExpectColumnMinToBeBetween(column="part", min_value=-3, max_value=-3)',
    'ExpectColumnMinToBeBetween(column="day", min_value=datetime.datetime(2013, 1, 2))',
    'ExpectColumnMaxToBeBetween(column="whole", max_value=20)',
    'ExpectColumnMaxToBeBetween(column="whole", max_value=21, strict_max=True)',
    'ExpectColumnMeanToBeBetween(column="whole", min_value=6.75, max_value=6.75)',
    'ExpectColumnMedianToBeBetween(column="whole", min_value=4, max_value=4)',
    'ExpectColumnSumToBeBetween(column="whole", min_value=54, max_value=54)',
    'ExpectColumnStdevToBeBetween(column="whole", min_value=7.1, max_value=7.2)',
    'ExpectColumnUniqueValueCountToBeBetween(column="text", min_value=5, max_value=5)',
    'ExpectColumnProportionOfUniqueValuesToBeBetween(column="text", max_value=0.7)',
    'ExpectColumnProportionOfNonNullValuesToBeBetween(column="text", min_value=0.875, max_value=0.875)',
)
DIFFERENT: Final = {
    # pandas says that a comparison with NULL is false, SQL that it is unknown: such a row is not judged
    'ExpectColumnPairValuesAToBeGreaterThanB(column_A="part", column_B="real")': (6, 8),
    'ExpectMulticolumnSumToEqual(column_list=["part", "real"], sum_total=3)': (5, 7),
}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Verdict, Verdict]]:
    """What both say of every line that this release of the library has: ours first."""
    lines = [line for line in (*ASKED, *DIFFERENT) if has(line)]
    own, other = ours(tmp_path_factory.mktemp("same"), COLUMNS, lines), theirs(COLUMNS, lines)
    return {line: (own[line], other[line]) for line in lines}


def test_verdicts_and_counts_are_the_library_s_own(found: dict[str, tuple[Verdict, Verdict]]) -> None:
    asked = {line: found[line] for line in ASKED if line in found}
    assert {line: pair for line, pair in asked.items() if pair[0] != pair[1] or pair[0][0] is None} == {}


def test_the_differences_are_those_decided(found: dict[str, tuple[Verdict, Verdict]]) -> None:
    assert {line: (found[line][0][1], found[line][1][1]) for line in DIFFERENT} == DIFFERENT
