"""Numbers, ages and shares as people read them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from lakeflow.as_json.values import iso
from lakeflow.core.wording import age, counted
from lakeflow.core.words import count, percent, seconds

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(seconds=5), "5 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=2), "2 min"),
        (timedelta(minutes=119), "1 h"),
        (timedelta(hours=23), "23 h"),
        (timedelta(hours=24), "1 d"),
        (timedelta(hours=47), "1 d"),
        (timedelta(days=2), "2 d"),
        (timedelta(seconds=-90), "0 s"),
    ],
)
def test_an_age_uses_the_largest_unit_that_tells_something(ago: timedelta, said: str) -> None:
    assert age(NOW - ago, NOW) == said


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 10, "0%"),
        (10, 10, "100%"),
        (1, 26_115, "0.004%"),
        (522, 26_115, "2.0%"),
        (5, 10, "50.0%"),
        (9_999_999, 10_000_000, "99.9%"),
        (1, 10_000_000, "<0.0001%"),
        (1, 200, "0.5%"),
        (1, 2_000, "0.05%"),
    ],
)
def test_some_is_never_zero_percent_and_not_all_is_never_a_hundred(part: int, whole: int, said: str) -> None:
    assert percent(part, whole) == said


def test_counts_have_thousands_separators_and_unknown_ones_a_question_mark() -> None:
    assert [count(336_776), count(0), count(None)] == ["336,776", "0", "?"]
    assert [counted(1, "asset"), counted(1_200, "asset")] == ["1 asset", "1,200 assets"]


def test_durations_grow_coarser() -> None:
    assert [seconds(0.123), seconds(9.94), seconds(75.2), seconds(1_260)] == ["0.1s", "9.9s", "75s", "21 min"]


def test_machine_times_are_iso_8601_in_utc_whatever_the_zone() -> None:
    """A time in another zone names the same moment."""
    local = datetime(2013, 2, 12, 5, 0, tzinfo=timezone(timedelta(hours=2)))
    assert iso(local) == "2013-02-12T03:00:00.000Z"
    assert iso(None) is None
