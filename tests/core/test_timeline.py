"""Partitions in time: which there are, which are pending, and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.model.write_mode import WriteMode
from lakeflow.core.plan.in_time.built import Built, digest_of, from_json, spelled_range, to_json
from lakeflow.core.plan.in_time.late_rows import Late, Touched, brought_up, late
from lakeflow.core.plan.in_time.partitions import Backfill, Pending, windows
from lakeflow.core.plan.planning import Plan, plan
from lakeflow.core.time.local import spell
from lakeflow.core.time.timeline import Timeline, Window, parse_moment, parse_partition
from lakeflow.core.time.units import Unit
from tests.core.samples import asset, facts, key, made, project, table

JANUARY = datetime(2013, 1, 1, tzinfo=UTC)
MONTHS = Timeline(Unit.MONTH, "at", JANUARY)
OVER = replace(MONTHS, waits=True)
DAYS = Timeline(Unit.DAY, "at", JANUARY)


def at(text: str) -> datetime:
    return parse_moment(text)


def span(start: str, end: str) -> Window:
    return Window(at(start), at(end))


def built(*names: str, code: str = "code-1", by: str = "r1/1", **inputs: str) -> dict[str, Built]:
    return {name: Built(code, by, {name.replace("_", "."): said for name, said in inputs.items()}) for name in names}


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2013", JANUARY),
        ("2013-02", datetime(2013, 2, 1, tzinfo=UTC)),
        ("2013-01-01T02:00+02:00", JANUARY),
        (date(2013, 1, 1), JANUARY),
    ],
)
def test_a_moment_is_a_date_or_time_in_utc_unless_it_says(text: object, moment: datetime) -> None:
    assert parse_moment(text) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "2013-13", "13"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"date|isoformat|month"):
        parse_moment(text)


def test_a_partition_is_a_unit_of_a_column() -> None:
    assert parse_partition(" day( departed_at ) ") == (Unit.DAY, "departed_at")
    with pytest.raises(ValueError, match="bucket"):
        parse_partition("bucket(16, id)")


def test_a_partition_is_there_once_it_has_begun_or_once_it_is_over_where_the_asset_waits() -> None:
    waiting = replace(MONTHS, waits=True)
    assert [name for name, _ in MONTHS.partitions(at("2013-03-01T00:01"))] == ["2013-01", "2013-02", "2013-03"]
    assert [name for name, _ in MONTHS.partitions(at("2013-03"))] == ["2013-01", "2013-02"]
    assert [name for name, _ in waiting.partitions(at("2013-03-31T23:00"))] == ["2013-01", "2013-02"]
    assert [name for name, _ in waiting.partitions(at("2013-04"))] == ["2013-01", "2013-02", "2013-03"]
    for ended in (replace(MONTHS, end=at("2013-02-15")), replace(waiting, end=at("2013-02"))):
        assert [name for name, _ in ended.partitions(at("2013-02-10"))] == ["2013-01"]
        assert [name for name, _ in ended.partitions(at("2020"))] == ["2013-01"]


@given(st.sampled_from(Unit), st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)), st.integers(0, 40))
def test_partitions_follow_one_another_without_gap_and_sort_as_their_names(unit: Unit, first: datetime, n: int) -> None:
    begin = first.replace(tzinfo=UTC)
    start = unit.floor(begin)
    for _ in range(n):
        after = unit.after(start)
        assert start < after == unit.floor(after)
        assert spell(unit, start, UTC) < spell(unit, after, UTC)
        start = after
    touched = list(Timeline(unit, "at", begin).touched(Window(begin, begin)))
    assert [window.start <= begin < window.end for _, window in touched] in ([True], [])


def test_windows_join_neighbours_and_keep_gaps() -> None:
    found = [Pending(name, window, "missing") for name, window in MONTHS.partitions(at("2014"))]
    assert windows([found[0], found[2], found[1], found[5]]) == (span("2013-01", "2013-04"), span("2013-06", "2013-07"))
    assert windows([]) == ()


def test_what_is_built_survives_its_file_unless_it_was_partitioned_otherwise() -> None:
    said = built("2013-01", silver_days="abc")
    assert from_json(to_json(MONTHS, said), MONTHS) == said
    assert from_json(to_json(MONTHS, said), DAYS) is None
    with pytest.raises(ValueError, match="not a"):
        from_json("[]", MONTHS)


def test_an_upstream_digest_changes_with_each_partition_that_the_window_touches() -> None:
    days = built("2013-01-31", "2013-02-01", "2013-02-28", "2013-03-01")
    february = span("2013-02", "2013-03")
    before = digest_of(days, DAYS, february)
    assert digest_of({**days, **built("2013-03-01", by="r2/1")}, DAYS, february) == before
    assert digest_of({**days, **built("2013-02-28", by="r2/1")}, DAYS, february) != before
    assert digest_of({}, DAYS, february) == ""


def test_a_range_is_spelled_shortly() -> None:
    assert spelled_range(["2013-01"]) == "2013-01"
    assert spelled_range(["2013-01", "2013-02", "2013-12"]) == "2013-01 … 2013-12"


# what a plan makes of it

RAW = asset("bronze.raw", reads=("data/*.csv",))
CLEAN = asset("silver.clean", "bronze.raw", write=WriteMode.REPLACE, timeline=OVER)
SUMS = asset("gold.sums", "silver.clean", timeline=Timeline(Unit.YEAR, "at", JANUARY, waits=True))


def planned(
    clean: dict[str, Built], sums: dict[str, Built] | None = None, now: str = "2013-04-15", **asked: object
) -> Plan:
    tables = [table("bronze.raw", made(1, reads_digest="d"))]
    tables += [table("silver.clean", made(2, inputs={"bronze.raw": 1}))] if clean else []
    tables += [table("gold.sums", made(3, inputs={"silver.clean": 2}))] if sums else []
    said = facts(*tables, reads={"bronze.raw": "d"})
    held = {key("silver.clean"): clean} | ({key("gold.sums"): sums} if sums else {})
    what = asked.pop("project", project(RAW, CLEAN, SUMS) if sums is not None else project(RAW, CLEAN))
    return plan(what, replace(said, built=held, now=at(now)), tuple(what.assets), **asked)  # type: ignore[arg-type,attr-defined]


def told(found: Plan, name: str = "silver.clean") -> list[str]:
    return [str(reason) for step in found.steps if str(step.asset) == name for reason in step.reasons]


def test_missing_partitions_are_planned_and_counted() -> None:
    found = planned(built("2013-02"))
    assert told(found) == ["2 partitions missing (2013-01 … 2013-03)"]
    assert [each.name for each in found.steps[0].partitions] == ["2013-01", "2013-03"]


def test_an_asset_whose_partitions_are_all_built_is_fresh_though_its_input_moved() -> None:
    assert not planned(built("2013-01", "2013-02", "2013-03")).steps


def test_partitions_of_other_code_are_built_again() -> None:
    found = planned(built("2013-01", "2013-02", code="old") | built("2013-03"))
    assert told(found) == ["2 partitions built by other code (2013-01 … 2013-02)"]


def test_late_rows_make_the_partitions_due_that_they_touch_as_far_back_as_lookback_reaches() -> None:
    months = {name: replace(each, read={"bronze.raw": 1}) for name, each in built("2013-01", "2013-02").items()}
    came = {"bronze.raw": {1: Touched(frozenset({"2013-01", "2013-02"}))}}
    now = at("2013-02-15")
    assert late(MONTHS, months, came, now) == Late({"2013-01": "", "2013-02": ""})
    assert late(replace(MONTHS, lookback=1), months, came, now) == Late({"2013-01": "", "2013-02": ""})
    assert late(replace(MONTHS, lookback=0), months, came, now) == Late({"2013-02": ""}, {"2013-01": ""})
    assert late(MONTHS, months, {"bronze.raw": {2: came["bronze.raw"][1]}}, now) == Late()


def test_what_nobody_can_tell_touches_every_partition_and_is_said_unless_another_input_tells() -> None:
    months = {name: replace(each, read={"bronze.raw": 1, "bronze.x": 7}) for name, each in built("2013-01").items()}
    lost = {"bronze.raw": {1: Touched(unknown="expired")}}
    assert late(MONTHS, months, lost, at("2013-02")).due == {"2013-01": "bronze.raw expired"}
    told_too = {**lost, "bronze.x": {7: Touched(frozenset({"2013-01"}))}}
    assert late(MONTHS, months, told_too, at("2013-02")).due == {"2013-01": ""}


def test_partitions_that_no_row_touches_are_taken_for_read_up_to_now_and_the_others_are_not() -> None:
    months = {name: replace(each, read={"bronze.raw": 1}) for name, each in built("2013-01", "2013-02").items()}
    after = brought_up(months, {"bronze.raw": {1: Touched(frozenset({"2013-01"}))}}, {"bronze.raw": 9})
    assert {name: each.read for name, each in after.items()} == {
        "2013-01": {"bronze.raw": 1},
        "2013-02": {"bronze.raw": 9},
    }


@given(
    st.sampled_from(Unit),
    st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})),
    st.datetimes(datetime(1971, 1, 1), datetime(2037, 1, 1)),
)
def test_in_every_zone_partitions_follow_one_another_without_gap_and_sort_as_their_names(
    unit: Unit, zone: str, first: datetime
) -> None:
    line = Timeline(unit, "at", first.replace(tzinfo=UTC), zone=zone)
    found = list(islice(line.touched(Window(line.start, at("2099"))), 30))
    assert found[0][1].start <= line.start < found[0][1].end
    for (name, window), (later, after) in pairwise(found):
        assert (name < later, window.end) == (True, after.start)
        assert line.floor(window.start) == line.floor(window.end - timedelta(microseconds=1)) == window.start


@pytest.mark.parametrize(
    ("line", "around", "said"),
    [
        (
            Timeline(Unit.DAY, "at", JANUARY, zone="Europe/Oslo"),
            span("2024-03-30T23:00", "2024-04-01"),
            {
                "2024-03-31": ("2024-03-30T23:00", "2024-03-31T22:00"),
                "2024-04-01": ("2024-03-31T22:00", "2024-04-01T22:00"),
            },
        ),
        (
            Timeline(Unit.DAY, "at", JANUARY, zone="Europe/Oslo"),
            span("2024-10-27", "2024-10-27T22:00"),
            {"2024-10-27": ("2024-10-26T22:00", "2024-10-27T23:00")},
        ),
        (
            Timeline(Unit.HOUR, "at", JANUARY, zone="Europe/Oslo"),
            span("2024-10-27T00:00", "2024-10-27T02:01"),
            {
                "2024-10-27T02": ("2024-10-27T00:00", "2024-10-27T01:00"),
                "2024-10-27T02+01:00": ("2024-10-27T01:00", "2024-10-27T02:00"),
                "2024-10-27T03": ("2024-10-27T02:00", "2024-10-27T03:00"),
            },
        ),
        (
            Timeline(Unit.HOUR, "at", JANUARY, zone="Europe/Oslo"),
            span("2024-03-31T00:00", "2024-03-31T01:01"),
            {
                "2024-03-31T01": ("2024-03-31T00:00", "2024-03-31T01:00"),
                "2024-03-31T03": ("2024-03-31T01:00", "2024-03-31T02:00"),
            },
        ),
        (
            Timeline(Unit.HOUR, "at", JANUARY, zone="Australia/Lord_Howe"),
            span("2024-04-06T14:00", "2024-04-06T15:31"),
            {
                "2024-04-07T01": ("2024-04-06T14:00", "2024-04-06T15:30"),
                "2024-04-07T02": ("2024-04-06T15:30", "2024-04-06T16:30"),
            },
        ),
        (
            Timeline(Unit.DAY, "at", at("2011"), zone="Pacific/Apia"),
            span("2011-12-30T09:00", "2011-12-30T11:00"),
            {
                "2011-12-29": ("2011-12-29T10:00", "2011-12-30T10:00"),
                "2011-12-31": ("2011-12-30T10:00", "2011-12-31T10:00"),
            },
        ),
        (
            Timeline(Unit.MONTH, "at", JANUARY, zone="Asia/Kolkata"),
            span("2024-02-01", "2024-02-02"),
            {"2024-02": ("2024-01-31T18:30", "2024-02-29T18:30")},
        ),
    ],
)
def test_units_of_a_zone_are_those_of_its_clocks(
    line: Timeline, around: Window, said: dict[str, tuple[str, str]]
) -> None:
    assert {name: (window.start, window.end) for name, window in line.touched(around)} == {
        name: (at(start), at(end)) for name, (start, end) in said.items()
    }


def test_partitions_made_from_partitions_that_run_or_were_built_again_follow() -> None:
    year = digest_of(built("2013-01", "2013-02"), MONTHS, span("2013", "2014"))
    fresh = planned(built("2013-01", "2013-02"), built("2013", silver_clean=year), now="2013-02-15")
    assert told(fresh, "gold.sums") == []
    said = built("2013", silver_clean=year)
    again = planned(built("2013-01", by="r9/1") | built("2013-02"), said, now="2014-01-01")
    assert told(again, "gold.sums") == ["1 partition built from partitions that were built again (2013)"]


def test_a_backfill_builds_what_it_asks_for_and_with_only_missing_no_more_than_that() -> None:
    quarter = span("2013-01", "2013-03")
    asked = planned(built("2013-01"), backfill=Backfill(quarter))
    assert told(asked) == ["1 partition asked for (2013-01)", "1 partition missing (2013-02)"]
    assert told(planned(built("2013-01"), backfill=Backfill(quarter, redo=False))) == ["1 partition missing (2013-02)"]
    assert not planned(built("2013-01", "2013-02"), backfill=Backfill(quarter, redo=False)).steps


def test_forced_builds_every_partition() -> None:
    assert [each.name for each in planned(built("2013-01"), forced=True).steps[-1].partitions] == [
        "2013-01",
        "2013-02",
        "2013-03",
    ]


def test_an_asset_no_partition_of_which_is_over_has_nothing_to_do() -> None:
    assert not told(planned({}, now="2013-01-15"))
