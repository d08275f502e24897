"""How a span of time is cut into runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from lakeflow.core.errors import UsageError
from lakeflow.core.run.backfill import BackfillRequest, WindowEnded, cut
from lakeflow.core.time.timeline import Timeline, parse_last, parse_moment
from lakeflow.core.time.units import Unit
from tests.core.samples import asset, keys, names, project

JANUARY = datetime(2013, 1, 1, tzinfo=UTC)
NOW = datetime(2013, 4, 15, tzinfo=UTC)
DAYS = asset("silver.days", timeline=Timeline(Unit.DAY, "at", JANUARY, waits=True))
MONTHS = asset("gold.months", "silver.days", timeline=Timeline(Unit.MONTH, "at", JANUARY, waits=True))
PLAIN = asset("gold.plain", "silver.days")
LAKE = project(DAYS, MONTHS, PLAIN)


def asked(start: str | None = None, end: str | None = None, size: int = 1) -> BackfillRequest:
    return BackfillRequest(parse_moment(start) if start else None, parse_last(end) if end else None, size=size)


def cuts(selected: str, what: BackfillRequest) -> list[str]:
    return [name for name, _ in cut(LAKE, keys(selected), what, NOW).windows]


def test_by_default_everything_that_there_is_is_built_in_the_coarsest_unit() -> None:
    assert cuts("silver.days gold.months", asked()) == ["2013-01", "2013-02", "2013-03", "2013-04"]
    assert cuts("gold.months", asked()) == ["2013-01", "2013-02", "2013-03"]
    assert len(cuts("silver.days", asked())) == 104


def test_the_last_of_a_span_is_meant_whole() -> None:
    assert cuts("gold.months", asked("2013-02", "2013-03")) == ["2013-02", "2013-03"]
    assert cuts("gold.months", asked("2013", "2013-02-28")) == ["2013-01", "2013-02"]
    assert cuts("silver.days", asked("2013-02-27", "2013-03-01")) == ["2013-02-27", "2013-02-28", "2013-03-01"]


def test_several_partitions_may_go_into_a_run() -> None:
    assert cuts("gold.months", asked(size=2)) == ["2013-01 … 2013-02", "2013-03"]


def test_assets_without_partitions_are_left_out_and_named() -> None:
    found = cut(LAKE, keys("gold.months gold.plain"), asked(), NOW)
    assert (names(found.assets), names(found.left_out)) == (["gold.months"], ["gold.plain"])


def test_the_time_left_is_the_mean_of_what_is_done_for_each_that_is_not() -> None:
    ended = WindowEnded("2013-02", 2, 6, timedelta(seconds=1), timedelta(seconds=5), None)
    assert ended.left == timedelta(seconds=10)


@pytest.mark.parametrize(
    ("selected", "start", "end", "said"),
    [
        ("gold.plain", None, None, "none of gold.plain has partitions in time"),
        ("gold.months", "2012-12", None, "begins at 2012-12-01, before the first partition"),
        ("gold.months", "2013-03", "2013-01", "ends at 2013-02-01, not after its begin"),
        ("gold.months", "2013-04", "2013-04", "no month between 2013-04 and 2013-05 is there to build"),
    ],
)
def test_a_span_outside_of_what_there_is_says_so(selected: str, start: str, end: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        cut(LAKE, keys(selected), asked(start, end), NOW)
    assert caught.value.hint
