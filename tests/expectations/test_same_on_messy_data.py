"""Our SQL against the library's own pandas engine on generated data: NULL, NaN, infinity, '', Unicode, duplicates,
decimals and dates. Every difference stands in `DIFFERENT` with the heading that decides it in docs/expectations.md.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from .library import Verdict, has, ours, release, theirs

pytestmark = pytest.mark.timeout(1200)  # on 1.9 the library's own engine takes minutes
ROWS: Final = 60
ERRORED: Final[Verdict] = (None, None)
_WORDS: Final = ("EWR", "JFK", "LGA", "", "ewr", "Ünïcödé", "日本", "a b", "x" * 40, "1", "-1.5", "'; drop")
_REALS: Final = (1.5, -2.0, 0.0, -0.0, 2.5, 2.5, 1e-9, 1e15, math.nan, math.inf, -math.inf, None)
_JSON: Final = (
    '{"a": 1}',
    '{"a": "x"}',
    "[1, 2]",
    "null",
    "NaN",
    "{",
    "",
    None,
    '{"a": 1, "a": 2}',
    '"é"',
    "01",
    "[1,]",
)
_DATES: Final = (
    "2013-02-12",
    "12 Feb 2013",
    "2013-02-30",
    "tomorrow",
    "20130212",
    "",
    None,
    "12:30",
    "Feb 2013",
    "2013-02-12T03:00Z",
)


def columns(seed: int) -> dict[str, tuple[str, list[Any]]]:
    """Another mess for every seed."""
    chance = Random(seed)

    def some(values: tuple[Any, ...]) -> list[Any]:
        return [chance.choice(values) for _ in range(ROWS)]

    return {
        "id": ("long", list(range(ROWS))),
        "whole": ("long", some(tuple(range(-5, 6)))),
        "gaps": ("long", some((1, 2, 3, 4, 5, 8, 13, 100, None))),
        "rising": ("long", [number // 3 for number in range(ROWS)]),
        "text": ("string", some((*_WORDS, None))),
        "code": ("string", [f"{chance.choice('abc')}{chance.randrange(10)}" for _ in range(ROWS)]),
        "real": ("double", some(_REALS)),
        "finite": ("double", [round(chance.gauss(0, 3), 2) for _ in range(ROWS - 1)] + [60.0]),
        "price": ("decimal(9,2)", some((Decimal("0.10"), Decimal("0.20"), Decimal("19.99"), Decimal("-3.00"), None))),
        "cost": ("decimal(9,2)", some((Decimal("0.10"), Decimal("0.20"), Decimal("7.50")))),
        "day": ("date", some((dt.date(2013, 2, 12), dt.date(1999, 12, 31), dt.date(2024, 2, 29), None))),
        "moment": ("timestamp", some((dt.datetime(2013, 2, 12, 3), dt.datetime(2013, 2, 12, 3, 0, 0, 1), None))),
        "flag": ("boolean", some((True, True, False))),
        "js": ("string", some(_JSON)),
        "dated": ("string", some(_DATES)),
        "blank": ("string", [None] * ROWS),
        "lined": ("string", ["EWR", "EWR\n", None] * (ROWS // 3)),
        "alone": ("double", [5.0] + [None] * (ROWS - 1)),
    }


COLUMNS: Final = columns(4)
_ORDER: Final = 'meta={"lakeflow": {"order_by": "id"}}'
_AIRPORTS: Final = '["EWR", "JFK", "LGA"]'
SAME: Final = (
    *(f'ExpectColumnValuesToNotBeNull(column="{name}", mostly=0.85)' for name in COLUMNS),
    *(f'ExpectColumnValuesToBeNull(column="{name}", mostly=0.1)' for name in COLUMNS),
    *(f'ExpectColumnValuesToBeUnique(column="{name}")' for name in COLUMNS if name != "blank"),
    *(
        f'ExpectColumnUniqueValueCountToBeBetween(column="{name}", min_value=1, max_value={most})'
        for name in ("whole", "text", "code", "price", "day", "moment", "flag")
        for most in (3, 11)
    ),
    *(
        f'ExpectColumnProportionOfUniqueValuesToBeBetween(column="{name}", max_value=0.1)'
        for name in ("whole", "text", "price", "day", "flag")
    ),
    *(
        f'ExpectColumnProportionOfNonNullValuesToBeBetween(column="{name}", min_value=0.85)'
        for name in ("whole", "gaps", "text", "price", "real")
    ),
    'ExpectColumnValuesToBeBetween(column="real", min_value=-2, max_value=2.5, strict_max=True)',
    'ExpectColumnValuesToBeBetween(column="real", min_value=0, mostly=0.5)',
    'ExpectColumnValuesToBeBetween(column="gaps", min_value=2, max_value=8, mostly=0.6)',
    'ExpectColumnValuesToBeBetween(column="whole", min_value=-5, max_value=5, strict_min=True)',
    'ExpectColumnValuesToBeBetween(column="moment", max_value=datetime.datetime(2013, 2, 12, 3))',
    'ExpectColumnValuesToBeBetween(column="day", min_value=datetime.date(2000, 1, 1))',
    'ExpectColumnValuesToBeBetween(column="price", min_value=0, max_value=20)',
    f'ExpectColumnValuesToBeInSet(column="text", value_set={_AIRPORTS})',
    f'ExpectColumnValuesToNotBeInSet(column="text", value_set={_AIRPORTS}, mostly=0.7)',
    'ExpectColumnValuesToBeInSet(column="gaps", value_set=[1, 2, 3], mostly=0.3)',
    'ExpectColumnValuesToBeInSet(column="real", value_set=[1.5, 0.0, 2.5])',
    'ExpectColumnValuesToNotBeInSet(column="real", value_set=[1.5])',
    'ExpectColumnValuesToBeInSet(column="flag", value_set=[True])',
    'ExpectColumnValuesToBeInSet(column="day", value_set=[datetime.date(2013, 2, 12), datetime.date(2024, 2, 29)])',
    'ExpectColumnValuesToBeInSet(column="text", value_set=["EWR", "JFK"], row_condition=Column("id") < 20)',
    'ExpectColumnValuesToBeBetween(column="whole", min_value=0, row_condition=Column("text") == "EWR")',
    'ExpectColumnValuesToBeBetween(column="whole", min_value=0, row_condition=Column("text").is_null())',
    'ExpectColumnValuesToNotBeNull(column="gaps", row_condition=Column("flag") == True)',
    f'ExpectColumnDistinctValuesToBeInSet(column="text", value_set={_AIRPORTS})',
    'ExpectColumnDistinctValuesToContainSet(column="text", value_set=["", "日本"])',
    'ExpectColumnDistinctValuesToContainSet(column="text", value_set=["nowhere"])',
    'ExpectColumnDistinctValuesToEqualSet(column="flag", value_set=[True, False])',
    'ExpectColumnMostCommonValueToBeInSet(column="flag", value_set=[True])',
    'ExpectColumnMostCommonValueToBeInSet(column="flag", value_set=[False])',
    'ExpectColumnMostCommonValueToBeInSet(column="rising", value_set=[0, 1, 2], ties_okay=True)',
    'ExpectColumnMostCommonValueToBeInSet(column="id", value_set=[3], ties_okay=True)',
    'ExpectColumnMostCommonValueToBeInSet(column="id", value_set=[3])',
    'ExpectColumnMinToBeBetween(column="whole", min_value=-5, max_value=-5)',
    'ExpectColumnMaxToBeBetween(column="gaps", max_value=99)',
    'ExpectColumnMaxToBeBetween(column="moment", max_value=datetime.datetime(2013, 2, 12, 3))',
    'ExpectColumnMinToBeBetween(column="finite", min_value=-100, max_value=-1)',
    'ExpectColumnMeanToBeBetween(column="whole", min_value=-1, max_value=1)',
    'ExpectColumnMeanToBeBetween(column="gaps", max_value=5)',
    'ExpectColumnMeanToBeBetween(column="cost", min_value=2, max_value=3)',
    'ExpectColumnMedianToBeBetween(column="gaps", min_value=1, max_value=8)',
    'ExpectColumnSumToBeBetween(column="rising", min_value=570, max_value=570)',
    'ExpectColumnSumToBeBetween(column="finite", max_value=0)',
    'ExpectColumnStdevToBeBetween(column="finite", min_value=5, max_value=12)',
    'ExpectColumnQuantileValuesToBeBetween(column="finite",'
    ' quantile_ranges={"quantiles": [0.05, 0.95], "value_ranges": [[-20, 0], [0, 20]]})',
    'ExpectColumnQuantileValuesToBeBetween(column="gaps",'
    ' quantile_ranges={"quantiles": [0.0, 1.0], "value_ranges": [[1, 1], [None, 99]]})',
    'ExpectColumnKLDivergenceToBeLessThan(column="flag", threshold=0.1,'
    ' partition_object={"values": [True, False], "weights": [0.66, 0.34]})',
    'ExpectColumnKLDivergenceToBeLessThan(column="flag", threshold=0.1,'
    ' partition_object={"values": [True, False], "weights": [0.1, 0.9]})',
    'ExpectColumnKLDivergenceToBeLessThan(column="code", threshold=5, tail_weight_holdout=0.1,'
    ' partition_object={"values": ["a1", "b2"], "weights": [0.5, 0.5]})',
    'ExpectColumnKLDivergenceToBeLessThan(column="text", threshold=5,'
    ' partition_object={"values": ["EWR"], "weights": [1.0]})',
    'ExpectColumnKLDivergenceToBeLessThan(column="whole", threshold=0.2, tail_weight_holdout=0.01,'
    ' partition_object={"bins": [-5, -2, 0, 2, 6], "weights": [0.25, 0.25, 0.25, 0.25]})',
    'ExpectColumnKLDivergenceToBeLessThan(column="finite", threshold=0.2, tail_weight_holdout=0.05,'
    ' internal_weight_holdout=0.05, partition_object={"bins": [-5, 0, 5], "weights": [0.5, 0.5]})',
    'ExpectColumnValueZScoresToBeLessThan(column="finite", threshold=2, double_sided=True)',
    'ExpectColumnValueZScoresToBeLessThan(column="finite", threshold=2, double_sided=False, mostly=0.9)',
    'ExpectColumnValueZScoresToBeLessThan(column="gaps", threshold=1, double_sided=True)',
    'ExpectColumnValuesToNotBeOutliers(column="finite")',
    'ExpectColumnValuesToNotBeOutliers(column="finite", multiplier=0.1)',
    'ExpectColumnValuesToNotBeOutliers(column="gaps", method="std", multiplier=1)',
    f'ExpectColumnValuesToBeIncreasing(column="rising", {_ORDER})',
    f'ExpectColumnValuesToBeIncreasing(column="rising", strictly=True, {_ORDER})',
    f'ExpectColumnValuesToBeIncreasing(column="whole", mostly=0.3, {_ORDER})',
    f'ExpectColumnValuesToBeDecreasing(column="whole", {_ORDER})',
    f'ExpectColumnValuesToBeDecreasing(column="gaps", strictly=True, {_ORDER})',
    f'ExpectColumnValuesToBeIncreasing(column="moment", {_ORDER})',
    'ExpectColumnValuesToMatchRegex(column="code", regex="^[ab][0-4]$", mostly=0.2)',
    'ExpectColumnValuesToMatchRegex(column="text", regex="^(?!EWR)")',
    'ExpectColumnValuesToNotMatchRegex(column="text", regex="(?<=J)F")',
    'ExpectColumnValuesToMatchRegex(column="text", regex=r"(.)\\\\1")',
    'ExpectColumnValuesToMatchRegexList(column="code", regex_list=["^a(?=1)", "^b"], match_on="any")',
    'ExpectColumnValuesToNotMatchRegexList(column="code", regex_list=["^a", "9$"])',
    'ExpectColumnValuesToMatchRegex(column="text", regex="(?i)^ewr$")',
    'ExpectColumnValueLengthsToBeBetween(column="text", min_value=1, max_value=7)',
    'ExpectColumnValueLengthsToEqual(column="text", value=3, mostly=0.2)',
    'ExpectColumnValuesToBeJsonParseable(column="js")',
    'ExpectColumnValuesToBeDateutilParseable(column="dated")',
    'ExpectColumnValuesToMatchStrftimeFormat(column="dated", strftime_format="%Y-%m-%d")',
    'ExpectColumnValuesToMatchStrftimeFormat(column="code", strftime_format="%Y", mostly=0.5)',
    'ExpectColumnPairValuesAToBeGreaterThanB(column_A="whole", column_B="rising")',
    'ExpectColumnPairValuesAToBeGreaterThanB(column_A="id", column_B="rising", or_equal=True)',
    'ExpectColumnPairValuesToBeEqual(column_A="text", column_B="code", ignore_row_if="either_value_is_missing")',
    'ExpectColumnPairValuesToBeEqual(column_A="price", column_B="cost", ignore_row_if="either_value_is_missing")',
    'ExpectColumnPairValuesToBeInSet(column_A="code", column_B="flag", value_pairs_set=[("a1", True), ("b2", False)])',
    'ExpectCompoundColumnsToBeUnique(column_list=["code", "whole"])',
    'ExpectCompoundColumnsToBeUnique(column_list=["text", "flag"])',
    'ExpectMulticolumnSumToEqual(column_list=["id", "whole"], sum_total=20)',
    'ExpectMulticolumnValuesToBeEqual(column_list=["whole", "rising"])',
    'ExpectSelectColumnValuesToBeUniqueWithinRecord(column_list=["id", "whole", "rising"])',
)
DIFFERENT: Final[dict[str, dict[str, tuple[Verdict, Verdict]]]] = {
    "Nothing was looked at": {
        'ExpectColumnValuesToBeInSet(column="blank", value_set=["EWR"])': (ERRORED, (True, 0)),
        'ExpectColumnValuesToBeUnique(column="blank")': (ERRORED, (True, 0)),
        'ExpectColumnValuesToMatchRegex(column="blank", regex="^EWR$")': (ERRORED, (True, 0)),
        'ExpectColumnDistinctValuesToBeInSet(column="blank", value_set=["EWR"])': (ERRORED, (True, None)),
        'ExpectColumnValueZScoresToBeLessThan(column="real", threshold=2, double_sided=True)': (ERRORED, (True, 0)),
        'ExpectColumnValueZScoresToBeLessThan(column="alone", threshold=2, double_sided=True)': (ERRORED, (True, 0)),
    },
    "NULL beside a value": {
        'ExpectColumnPairValuesAToBeGreaterThanB(column_A="gaps", column_B="whole")': ((False, 7), (False, 10)),
        'ExpectMulticolumnSumToEqual(column_list=["gaps", "whole"], sum_total=3)': ((False, 49), (False, 52)),
        'ExpectColumnPairValuesToBeInSet(column_A="text", column_B="flag", value_pairs_set=[("EWR", True)])': (
            (False, 50),
            (False, 53),
        ),
    },
    "Decimals as they are written": {
        'ExpectColumnValuesToBeBetween(column="price", min_value=0, max_value=19.99)': ((False, 7), (False, 18)),
        'ExpectColumnMaxToBeBetween(column="price", min_value=19.99, max_value=19.99)': ((True, None), (False, None)),
        'ExpectColumnValuesToBeInSet(column="price", value_set=[0.1, 0.2, 19.99, -3])': ((True, 0), (False, 40)),
        'ExpectColumnDistinctValuesToEqualSet(column="price", value_set=[0.1, 0.2, 19.99, -3.0])': (
            (True, None),
            (False, None),
        ),
        'ExpectColumnMostCommonValueToBeInSet(column="price", value_set=[0.1, 0.2, 19.99, -3.0])': (
            (True, None),
            (False, None),
        ),
        'ExpectColumnKLDivergenceToBeLessThan(column="price", threshold=1, tail_weight_holdout=0.1,'
        ' partition_object={"values": [0.1, 0.2], "weights": [0.5, 0.5]})': ((True, None), (False, None)),
    },
    "Regular expressions are RE2": {
        'ExpectColumnValuesToMatchRegex(column="text", regex=r"^\\w+$")': ((False, 32), (False, 24)),
        'ExpectColumnValuesToMatchRegex(column="lined", regex="^EWR$")': ((False, 20), (True, 0)),
    },
    "Text that is no JSON": {
        'ExpectColumnValuesToMatchJsonSchema(column="js", json_schema={"type": "object"})': ((False, 42), ERRORED),
    },
    "Kinds that do not compare": {
        'ExpectColumnValuesToBeInSet(column="whole", value_set=["1"])': (ERRORED, (False, 60)),
        'ExpectColumnValuesToNotBeInSet(column="whole", value_set=["1"])': (ERRORED, (True, 0)),
        'ExpectColumnPairValuesToBeEqual(column_A="text", column_B="whole")': (ERRORED, (False, 60)),
        'ExpectColumnMedianToBeBetween(column="flag", min_value=0)': (ERRORED, (True, None)),
    },
    "Dates and times as ISO text": {
        'ExpectColumnValuesToBeInSet(column="day", value_set=["2013-02-12", "2024-02-29"])': ((False, 14), (False, 48)),
        'ExpectColumnValuesToBeInSet(column="moment", value_set=["2013-02-12T03:00"])': ((False, 14), (False, 37)),
        'ExpectColumnMostCommonValueToBeInSet(column="day", ties_okay=True,'
        ' value_set=["2013-02-12", "1999-12-31", "2024-02-29"])': ((True, None), (False, None)),
    },
    "A row condition always counts": {
        'ExpectColumnPairValuesToBeInSet(column_A="code", column_B="flag", value_pairs_set=[("a1", True)],'
        ' row_condition=Column("id") < 10)': ((False, 10), ERRORED),
    },
    "Quantiles are values of the column": {
        'ExpectColumnQuantileValuesToBeBetween(column="id",'
        ' quantile_ranges={"quantiles": [0.5], "value_ranges": [[29, 29]]})': ((True, None), (False, None)),
    },
    "More is computed": {
        f'ExpectColumnValuesToBeIncreasing(column="code", {_ORDER})': ((False, 32), ERRORED),
        'ExpectColumnValuesToMatchLikePattern(column="code", like_pattern="a%")': ((False, 35), ERRORED),
        'ExpectColumnValuesToBeOfType(column="whole", type_="BIGINT")': ((True, None), (False, None)),
    },
}
OLDER: Final[dict[str, Verdict]] = {
    f'ExpectColumnValuesToBeIncreasing(column="moment", {_ORDER})': ERRORED,
    'ExpectColumnValueZScoresToBeLessThan(column="real", threshold=2, double_sided=True)': (False, 51),
    'ExpectColumnValueZScoresToBeLessThan(column="alone", threshold=2, double_sided=True)': (False, 1),
}
"""What releases up to 1.17 say instead."""
PAGE: Final = Path(__file__).parents[2] / "docs" / "expectations.md"
EVERY_DIFFERENCE: Final = {line: pair for group in DIFFERENT.values() for line, pair in group.items()}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Verdict, Verdict]]:
    """What both say of the lines that this release of the library has: ours first. Of those that say the same each
    third: of all of them any mess is asked.
    """
    lines = [line for line in (*SAME[::3], *EVERY_DIFFERENCE) if has(line)]
    own, other = ours(tmp_path_factory.mktemp("messy"), COLUMNS, lines), theirs(COLUMNS, lines)
    old = OLDER if release() <= (1, 17) else {}
    assert {line: other[line] for line in old} == old
    newest = {line: pair[1] for line, pair in EVERY_DIFFERENCE.items()}
    return {line: (own[line], newest.get(line, own[line]) if line in old else other[line]) for line in lines}


def test_our_sql_says_what_the_library_says(found: dict[str, tuple[Verdict, Verdict]]) -> None:
    same = {line: found[line] for line in SAME if line in found}
    assert {line: pair for line, pair in same.items() if pair[0] != pair[1]} == {}
    assert {line: pair for line, pair in same.items() if pair[0] == ERRORED} == {}


@pytest.mark.long
@pytest.mark.parametrize("seed", range(4, 13))
def test_it_says_so_of_any_mess(seed: int, tmp_path: Path) -> None:
    lines = [line for line in SAME if has(line) and (release() > (1, 17) or line not in OLDER)]
    own, other = ours(tmp_path, columns(seed), lines), theirs(columns(seed), lines)
    assert {line: (own[line], other[line]) for line in lines if own[line] != other[line]} == {}


def test_every_difference_is_one_that_was_decided(found: dict[str, tuple[Verdict, Verdict]]) -> None:
    assert {line: found[line] for line in EVERY_DIFFERENCE if line in found} == {
        line: pair for line, pair in EVERY_DIFFERENCE.items() if line in found
    }


def test_the_page_lists_the_differences() -> None:
    told = PAGE.read_text().partition("## Differences to the pandas engine")[2].partition("\n## ")[0]
    assert re.findall(r"^- \*\*(.+?)\.\*\*", told, re.MULTILINE) == list(DIFFERENT)
