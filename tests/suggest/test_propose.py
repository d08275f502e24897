"""From what is known of snapshots to checks: pure, so every kind of past can be told in a few numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.asset import Asset, SqlCode
from lakeflow.core.model.layout import Layout, read_partition_field
from lakeflow.core.model.schema import Decimal, Field, Primitive, Schema, Type
from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.suggest.partition_rows import column_of
from lakeflow.core.suggest.profile import ColumnProfile, PartitionRows, Profile, SeenSnapshot
from lakeflow.core.suggest.propose import Subject, propose
from lakeflow.core.time.freshness import Freshness

NOW = datetime(2026, 1, 31, tzinfo=UTC)
KEY = AssetKey(Layer.SILVER, "sales")


def asset(write: WriteMode = WriteMode.REPLACE, **more: Any) -> Asset:
    return Asset(KEY, SqlCode("", "layers/silver/sales.sql", 1), write, **more)


def past(columns: Sequence[ColumnProfile], rows: Sequence[int] = ()) -> list[SeenSnapshot]:
    """One snapshot a day, newest first; each has one column `c`."""
    counts = rows or [10_000] * len(columns)
    days = [NOW - timedelta(days=place) for place in range(len(columns))]
    return [
        SeenSnapshot(
            place, day, day, count, counts[place + 1] if place + 1 < len(counts) else None, Profile({"c": each})
        )
        for place, (day, count, each) in enumerate(zip(days, counts, columns, strict=True))
    ]


def said(type_: Type, history: Sequence[SeenSnapshot], of: Asset | None = None, name: str = "c") -> dict[str, Any]:
    subject = Subject(of or asset(), Schema((Field(name, type_, 1),)))
    return {each.expectation: (dict(each.arguments), str(each.severity)) for each in propose(subject, history)}


BETWEEN = "ExpectColumnValuesToBeBetween"


@pytest.mark.parametrize(
    ("type_", "low", "high", "bounds"),
    [
        (Primitive("int"), 1, 500, {"min_value": 0, "max_value": 750}),
        (Primitive("int"), -20, 80, {"min_value": -70, "max_value": 130}),
        (Primitive("double"), 0.1, 0.9, {"min_value": 0, "max_value": 1}),
        (Primitive("double"), -500.0, -100.0, {"min_value": -700, "max_value": 0}),
        (Decimal(9, 2), 9.5, 19.5, {"min_value": 4, "max_value": 25}),
        (Primitive("date"), date(1999, 3, 1), date(2003, 5, 1), {"min_value": "1997-01-01", "max_value": "2006-01-01"}),
        (Primitive("date"), date(2020, 3, 1), date(2026, 1, 20), {"min_value": "2017-01-01"}),
        (Primitive("timestamp"), datetime(1, 1, 1), datetime(9999, 1, 1), {"min_value": "0001-01-01"}),
        (Primitive("long"), 0, 2**60, None),
        (Primitive("double"), 0.0, float("inf"), None),
        (Primitive("int"), 7, 7, None),
    ],
)
def test_bounds_are_round_lie_outside_and_stay_on_their_side_of_zero(
    type_: Type, low: Any, high: Any, bounds: Any
) -> None:
    found = said(type_, past([ColumnProfile(nulls=0, low=low, high=high)] * 3))
    assert found.get(BETWEEN, (None,))[0] == bounds


def test_what_rises_with_each_publish_has_no_upper_bound() -> None:
    rising = [ColumnProfile(nulls=0, low=0, high=high) for high in (500, 400, 300)]
    assert said(Primitive("int"), past(rising))[BETWEEN][0] == {"min_value": 0}
    assert "max_value" in said(Primitive("int"), past(rising[::-1]))[BETWEEN][0]


def test_what_fewer_than_three_snapshots_showed_of_values_is_a_warning() -> None:
    one = ColumnProfile(nulls=0, low=0, high=500)
    assert said(Primitive("int"), past([one] * 2))[BETWEEN][1] == "warning"
    assert said(Primitive("int"), past([one] * 3))[BETWEEN][1] == "critical"
    assert said(Primitive("int"), past([one]))["ExpectColumnValuesToNotBeNull"][1] == "critical"


@pytest.mark.parametrize(
    ("sets", "severity"),
    [
        ([("a", "b")] * 3, "critical"),
        ([("a",), ("a", "b"), ("a", "b")], "warning"),
        ([("a", "b"), ("a",), ("a",)], None),
        ([("a",), None, ("a",)], None),
        ([("1", "2", "3", "4", "5", "6")] * 3, None),
    ],
    ids=["the same in each", "one went", "one came", "too many once", "numbers as text"],
)
def test_a_set_is_proposed_where_no_value_came(sets: Sequence[Any], severity: str | None) -> None:
    columns = [ColumnProfile(nulls=0, values=each, distinct=2, shortest=1, longest=1) for each in sets]
    found = said(Primitive("string"), past(columns)).get("ExpectColumnValuesToBeInSet")
    assert (found and found[1]) == severity


@pytest.mark.parametrize(
    ("shapes", "regex"),
    [
        (("A99-9",), "^[A-Z][0-9]{2}-[0-9]$"),
        (("a.9+",), r"^[a-z]\.[0-9]\+$"),
        (("A99", "A9"), None),
        (None, None),
        (("é99",), None),
        (("--",), None),
        (("too long",), None),
    ],
)
def test_a_pattern_is_proposed_where_all_values_have_one_shape(shapes: Any, regex: str | None) -> None:
    column = ColumnProfile(nulls=0, distinct=500, shortest=1, longest=9, shapes=shapes)
    found = said(Primitive("string"), past([column] * 3)).get("ExpectColumnValuesToMatchRegex")
    assert (found and found[0]["regex"]) == regex


def test_a_table_that_is_merged_gets_a_ratio_and_one_that_grows_a_change() -> None:
    history = past([ColumnProfile(nulls=0)] * 4, rows=[1_300, 1_200, 1_100, 1_000])
    near = "ExpectRowCountToStayNearMain"
    assert said(Primitive("string"), history, asset(WriteMode.UPSERT, primary_key=("id",)))[near] == (
        {"min_ratio": 0.9, "max_ratio": 1.21},
        "critical",
    )
    assert said(Primitive("string"), history, asset(WriteMode.APPEND))[near][0] == {"min_change": 0, "max_change": 300}
    assert near not in said(Primitive("string"), history[3:], asset(WriteMode.APPEND))


def test_a_table_of_partitions_gets_a_band_for_each_but_the_newest() -> None:
    by_month = asset(WriteMode.PARTITION, layout=Layout((read_partition_field("month(c)"),)))
    column = ColumnProfile(nulls=0, low=date(2020, 1, 1), high=date(2025, 6, 1))
    history = [
        replace(each, profile=replace(each.profile, partitions=PartitionRows(90, 110, 5)))
        for each in past([column] * 3)
    ]
    (query, severity) = said(Primitive("date"), history, by_month)["UnexpectedRowsExpectation"]
    assert "NOT BETWEEN 45 AND 220" in query["unexpected_rows_query"]
    assert (column_of(query["unexpected_rows_query"]), severity) == ("c", "critical")
    assert column_of("SELECT * FROM {batch} WHERE c IS NULL") is None
    assert "UnexpectedRowsExpectation" not in said(Primitive("date"), past([column] * 3), by_month)


@pytest.mark.parametrize(
    ("ages", "more", "age"),
    [
        ((1, 2, 3), {}, "6 days"),
        ((0, 0, 0), {}, "1h"),
        ((1, 2, 300), {}, None),
        ((1, -2, 3), {}, None),
        ((1, 2, 3), {"freshness": Freshness(timedelta(days=1))}, None),
    ],
    ids=["as old as twice the oldest", "at once", "once too old", "once from the future", "declared"],
)
def test_freshness_is_proposed_where_the_newest_time_was_always_near(ages: Any, more: Any, age: str | None) -> None:
    days = [NOW - timedelta(days=place) for place in range(3)]
    highs = [(day - timedelta(days=old)).replace(tzinfo=None) for day, old in zip(days, ages, strict=True)]
    columns = [ColumnProfile(nulls=0, low=datetime(2025, 1, 1), high=high) for high in highs]
    found = said(Primitive("timestamp"), past(columns), asset(**more)).get("ExpectTableToBeFresh")
    assert (found and found[0]["max_age"]) == age
    assert found is None or found[1] == "warning"


def test_what_comes_near_its_bound_or_will_pass_it_soon_says_so() -> None:
    steady = past([ColumnProfile(nulls=0, low=0, high=100), *[ColumnProfile(nulls=0, low=0, high=101)] * 3])
    growing = past([ColumnProfile(nulls=0)] * 4, rows=[2_000, 1_600, 1_300, 1_000])

    def close(history: Sequence[SeenSnapshot], what: str) -> bool:
        subject = Subject(asset(), Schema((Field("c", Primitive("int"), 1),)))
        return next(each.close for each in propose(subject, history) if each.expectation == what)

    assert not close(steady, BETWEEN)
    assert not close(steady, "ExpectTableRowCountToBeBetween")
    assert not close(growing, "ExpectTableRowCountToBeBetween")
    assert close(growing[:1] * 1 + growing[3:], "ExpectTableRowCountToBeBetween")


def test_a_table_that_was_once_empty_suggests_nothing() -> None:
    assert said(Primitive("int"), past([ColumnProfile(nulls=0)] * 2, rows=[5, 0])) == {}
