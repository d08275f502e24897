"""How fresh an asset is to be: what may be declared, when it is due, and who inherits it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.declare.declaration import read_declaration
from lakeflow.core.model.run import Ruling, VerdictRecord
from lakeflow.core.plan.facts import Facts
from lakeflow.core.time.freshness import OFF, Freshness, parse_age, parse_schedule
from lakeflow.core.view.freshness import Newest, deadlines, demands
from tests.core.samples import NOON, asset, facts, key, made, project, table

DAY = Freshness(timedelta(hours=24), text="24h")
HOUR = Freshness(timedelta(hours=1), text="1h")


def by(text: str, column: str = "") -> Freshness:
    return Freshness(by=parse_schedule(text), column=column, text=text)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"), [("45s", 45), ("10m", 600), ("3h", 10_800), ("2d", 172_800), ("90 minutes", 5_400)]
)
def test_an_age_is_said_in_any_unit(text: str, seconds: int) -> None:
    assert parse_age(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "h", "-1h", "0s", "36", "1 fortnight", "9" * 30 + "d"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="age"):
        parse_age(text)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("08:00", "no time of the day with a zone"),
        ("8 o'clock UTC", "no time of the day with a zone"),
        ("25:00 UTC", "no time of the day with a zone"),
        ("08:00 Europe/Olso", "no time zone"),
        ("08:00 ../../etc/passwd", "no time zone"),
        ("08:00 Europe", "no time zone"),
        ("61 8 * * * UTC", "no cron expression"),
        ("0 8 * * mondays UTC", "no cron expression"),
        ("0 0 30 2 * UTC", "(no cron expression|never comes)"),
    ],
)
def test_a_time_without_a_zone_and_one_that_never_comes_are_refused(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        parse_schedule(text)


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ({"fresh": "soon"}, "fresh"),
        ({"fresh": 36}, "fresh"),
        ({"fresh_by": "08:00"}, "fresh_by"),
        ({"fresh": "1h", "fresh_by": "08:00 UTC"}, "fresh_by"),
        ({"fresh_column": "at"}, "fresh_column"),
        ({"fresh_column": "at", "fresh": "off"}, "fresh_column"),
    ],
)
def test_every_flaw_of_a_declaration_names_its_field(raw: dict[str, Any], field: str) -> None:
    _, flaws = read_declaration(raw)
    assert [flaw.field for flaw in flaws] == [field]
    assert flaws[0].hint


def test_what_is_declared_is_one_demand() -> None:
    said, flaws = read_declaration({"fresh_by": "08:00 Europe/Oslo", "fresh_column": "at"})
    assert (said.freshness, flaws) == (by("08:00 Europe/Oslo", "at"), ())
    assert read_declaration({"fresh": "24h"})[0].freshness == DAY
    assert read_declaration({})[0].freshness is None


@pytest.mark.parametrize(
    ("seen", "due"),
    [
        ("2026-03-27 06:59", "2026-03-28 07:00"),  # before eight in Oslo: good until tomorrow's
        ("2026-03-27 07:00", "2026-03-28 07:00"),
        ("2026-03-27 07:01", "2026-03-29 06:00"),  # after it, so for tomorrow's; then summer time has come
        ("2026-10-24 06:30", "2026-10-26 07:00"),  # winter time
    ],
)
def test_each_deadline_wants_something_newer_than_the_one_before_it_in_the_zone_of_its_author(
    seen: str, due: str
) -> None:
    assert by("08:00 Europe/Oslo").due(utc(seen)) == utc(due)


def test_a_weekday_deadline_wants_nothing_on_sunday() -> None:
    assert by("0 8 * * 1-5 UTC").due(utc("2026-11-27 07:00")) == utc("2026-11-30 08:00")


def test_an_hour_that_summer_time_leaves_out_still_has_its_deadline() -> None:
    assert by("02:30 Europe/Oslo").due(utc("2026-03-28 00:00")) == utc("2026-03-29 01:00")


@given(
    st.sampled_from(["08:00 Europe/Oslo", "*/7 * * * * Asia/Kathmandu", "0 0 1 * * UTC", "02:30 America/New_York"]),
    st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1)),
)
def test_what_came_later_is_never_due_earlier_and_always_in_the_future(text: str, seen: datetime) -> None:
    freshness, moment = by(text), seen.replace(tzinfo=UTC)
    due = freshness.due(moment)
    assert due > moment
    assert freshness.due(moment + timedelta(minutes=1)) >= due
    assert freshness.due(moment.astimezone(timezone(timedelta(hours=5)))) == due


RAW, CLEAN, MART = asset("bronze.raw"), asset("silver.clean", "bronze.raw"), asset("gold.mart", "silver.clean")
OTHER = asset("gold.other", "silver.clean")


def test_what_says_nothing_must_be_as_fresh_as_all_that_is_made_from_it() -> None:
    found = demands(project(RAW, CLEAN, replace(MART, freshness=DAY), replace(OTHER, freshness=HOUR)))
    both = ((key("gold.mart"), DAY), (key("gold.other"), HOUR))
    assert found[key("bronze.raw")] == found[key("silver.clean")] == both


def test_an_asset_that_says_something_ends_what_is_inherited() -> None:
    off = Freshness(text=OFF)
    found = demands(project(RAW, replace(CLEAN, freshness=off), replace(MART, freshness=DAY)))
    assert (found[key("bronze.raw")], found[key("silver.clean")]) == ((), ())


def judged(said: Facts, *assets: Any, newest: dict[str, Newest] | None = None) -> dict[str, tuple[bool, Any]]:
    found = deadlines(project(*assets), said, {key(name): one for name, one in (newest or {}).items()})
    return {str(name): (each[0].late, each[0].due) for name, each in found.items()}


BUILT = facts(table("bronze.raw", made(1)), table("silver.clean", made(2)))


def test_an_asset_is_late_once_its_last_publish_is_older_than_it_may_be() -> None:
    hourly = replace(RAW, freshness=HOUR)
    due = NOON + timedelta(minutes=61)  # snapshot 1 was written a minute after noon
    assert judged(replace(BUILT, now=due), hourly) == {"bronze.raw": (False, due)}
    assert judged(replace(BUILT, now=due + timedelta(seconds=1)), hourly) == {"bronze.raw": (True, due)}


def test_rows_that_were_made_anew_and_found_the_same_are_as_fresh_as_that() -> None:
    again = NOON + timedelta(hours=5)
    verdict = VerdictRecord(key("bronze.raw"), 1, Ruling.UNCHANGED, "r2", 1, again)
    said = replace(BUILT, verdicts={key("bronze.raw"): (verdict,)}, now=again + timedelta(minutes=30))
    assert judged(said, replace(RAW, freshness=HOUR)) == {"bronze.raw": (False, again + timedelta(hours=1))}


@pytest.mark.parametrize("ruling", [Ruling.PUBLISH, Ruling.HOLD])
def test_a_new_audit_of_old_rows_makes_none_of_them_newer(ruling: Ruling) -> None:
    verdict = VerdictRecord(key("bronze.raw"), 1, ruling, "r2", 1, NOON + timedelta(hours=5))
    said = replace(BUILT, verdicts={key("bronze.raw"): (verdict,)}, now=NOON + timedelta(hours=5, minutes=1))
    assert judged(said, replace(RAW, freshness=HOUR))["bronze.raw"][0] is True


def test_by_a_column_the_newest_value_counts_and_none_is_late() -> None:
    hourly, now = replace(RAW, freshness=replace(HOUR, column="at")), NOON + timedelta(hours=9)
    said = replace(BUILT, now=now)
    assert judged(said, hourly, newest={"bronze.raw": Newest(now)})["bronze.raw"] == (False, now + timedelta(hours=1))
    assert judged(said, hourly, newest={"bronze.raw": Newest(None)})["bronze.raw"] == (True, None)


def test_what_was_never_published_has_no_deadline() -> None:
    assert judged(replace(BUILT, now=NOON), replace(MART, freshness=HOUR)) == {}
