"""The loop of `serve` on a lake in memory: what it runs when, and what it makes of clocks, quiet hours and faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from lakeflow.core.errors import Fault, ProjectError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.serve.decide import pause_after
from lakeflow.core.serve.refreshes import refreshes
from lakeflow.core.time.freshness import Freshness, parse_age
from lakeflow.core.time.quiet import parse_quiet
from lakeflow.core.time.refresh import parse_refresh
from lakeflow.serve.loop import Loop, Pulse
from tests.core.samples import asset, key, project
from tests.serve.simulated import Clock, SimulatedLake

OSLO = ZoneInfo("Europe/Oslo")
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
LANDED, MART, PRICES = key("bronze.landed"), key("gold.mart"), key("bronze.prices")
PLAIN = project(asset("bronze.landed"), asset("gold.mart", "bronze.landed"))
DAILY = project(asset("bronze.prices", refresh=parse_refresh("06:00 Europe/Oslo")))


class Served:
    """A lake that is served, and what of it was published when."""

    def __init__(self, lake: SimulatedLake, poll: timedelta = timedelta(minutes=10)) -> None:
        self.lake = lake
        self.clock = lake.clock
        self.said: list[str] = []
        self.published: list[tuple[AssetKey, datetime]] = []
        lake.done = lambda one, at, _: self.published.append((one, at))
        self.loop = self.begun(poll)

    def begun(self, poll: timedelta = timedelta(minutes=10)) -> Loop:
        return Loop(self.lake, self.clock, self.said.append, poll, Pulse(self.clock.now))

    def until(self, end: datetime, loop: Loop | None = None) -> None:
        while self.clock.now < end:
            self.clock.now = max(self.clock.now, min(end, (loop or self.loop).turn()))

    def times(self, of: AssetKey) -> list[datetime]:
        return [at for one, at in self.published if one == of]


def served(lake: SimulatedLake) -> Served:
    return Served(lake)


def plain(start: datetime = NOON) -> Served:
    return Served(SimulatedLake(PLAIN, Clock(start)))


def daily(start: datetime = NOON) -> Served:
    return Served(SimulatedLake(DAILY, Clock(start), [PRICES]))


def test_a_delivery_is_carried_through_in_one_run_and_then_nothing_runs() -> None:
    one = plain()
    one.until(NOON + timedelta(hours=5))
    assert (one.lake.runs, len(one.published)) == (1, 2)  # never built: everything once
    one.lake.deliver(LANDED)
    one.until(NOON + timedelta(hours=10))
    assert (one.lake.runs, [each for each, _ in one.published[2:]]) == (2, [LANDED, MART])


def test_what_is_held_is_not_tried_again_until_something_else_comes() -> None:
    one = plain()
    one.lake.bad.add(LANDED)
    one.until(NOON + timedelta(days=1))
    assert one.lake.runs == 1
    one.lake.deliver(LANDED)
    one.until(NOON + timedelta(days=2))
    assert one.lake.runs == 2
    one.lake.bad.clear()
    one.lake.deliver(LANDED)
    one.until(NOON + timedelta(days=3))
    assert one.lake.tables[MART].version == 1


def test_what_broke_is_tried_again_as_the_same_run_after_pauses_that_double_up_to_an_hour() -> None:
    one = plain()
    one.lake.broken.add(LANDED)
    one.until(NOON + timedelta(days=1))
    failure = one.lake.tables[LANDED].failure
    assert failure is not None
    assert one.lake.runs == 1
    assert 24 <= failure.attempt <= 32
    pauses = [pause_after(attempt) for attempt in range(1, 40)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[3], pauses[-1]) == (timedelta(minutes=1), timedelta(minutes=8), timedelta(hours=1))
    # Who mends the project need not wait for the pause.
    one.lake.broken.clear()
    one.lake.mended = True
    one.loop.turn()
    assert one.lake.tables[MART].version == 1


def test_a_run_that_was_discarded_meanwhile_is_left_alone_and_serving_goes_on() -> None:
    one = plain()
    one.lake.broken.add(LANDED)
    one.loop.turn()

    def refuse(run: str) -> None:
        raise UsageError(f"run {run} is discarded: there is nothing to retry")

    one.lake.retry = refuse  # type: ignore[method-assign,assignment]
    one.until(NOON + timedelta(hours=3))
    assert one.loop.pulse.fault == ""
    assert sum("left alone" in line for line in one.said) == 1


@pytest.mark.parametrize("jump", [timedelta(hours=5), timedelta(days=3), timedelta(minutes=20)], ids=str)
@pytest.mark.parametrize("direction", [-1, 1], ids=["back", "forward"])
def test_a_clock_that_jumps_makes_nothing_run_twice_and_nothing_wait_until_it_has_caught_up(
    jump: timedelta, direction: int
) -> None:
    one = daily()
    one.until(NOON + timedelta(days=3))
    before = len(one.published)
    assert before == 4
    one.clock.now += direction * jump
    jumped = one.clock.now
    one.until(jumped + timedelta(days=4))
    after = [at.astimezone(OSLO) for at in one.times(PRICES)[before:]]
    assert {(at.hour, at.minute) for at in after[1:]} == {(6, 2)}
    assert len(after) == 4 + (direction > 0 and jump > timedelta(hours=18))


@pytest.mark.parametrize(
    ("day", "hours"), [(datetime(2026, 3, 28, 12, tzinfo=UTC), 23), (datetime(2026, 10, 24, 12, tzinfo=UTC), 25)]
)
def test_a_time_of_the_clock_comes_once_on_the_days_of_23_and_25_hours(day: datetime, hours: int) -> None:
    one = daily(day)
    one.until(day + timedelta(days=3))
    at = one.times(PRICES)[1:]
    assert Counter(each.astimezone(OSLO).date() for each in at) == Counter(
        (day + timedelta(days=number)).date() for number in (1, 2, 3)
    )
    assert [int((b - a).total_seconds() // 3600) for a, b in pairwise(at)] == [24, 24]
    assert int((at[0] - (day - timedelta(hours=6, minutes=58))).total_seconds() // 3600) in {hours, 24}


def test_who_starts_again_after_a_kill_repeats_nothing() -> None:
    one = daily()
    for number in range(40):  # a new loop, which remembers nothing
        one.until(NOON + timedelta(hours=2 * number), one.begun())
    assert len(one.published) == 4
    other = plain()
    other.lake.broken.add(LANDED)
    for number in range(60):
        other.until(NOON + timedelta(minutes=number), other.begun())
    failure = other.lake.tables[LANDED].failure
    assert failure is not None
    assert failure.attempt <= 7


def test_two_that_serve_one_lake_take_turns_and_repeat_nothing() -> None:
    one = daily()
    first, second = one.begun(), one.begun()
    for number in range(600):
        (first if number % 3 else second).turn()
        one.clock.now = NOON + timedelta(minutes=10 * number)
    assert Counter(at.astimezone(OSLO).date() for at in one.times(PRICES)[1:]).most_common(1)[0][1] == 1


def test_while_another_run_is_at_work_it_stands_by_and_what_was_due_stays_due() -> None:
    one = daily()
    one.loop.turn()
    one.lake.busy.add(PRICES)
    one.until(datetime(2026, 3, 3, 6, tzinfo=UTC))  # an hour after the time came
    assert len(one.published) == 1
    assert any(line.startswith("standing by: ") for line in one.said)
    one.lake.busy.clear()
    one.until(datetime(2026, 3, 3, 7, tzinfo=UTC))
    assert len(one.published) == 2


def test_in_quiet_hours_only_what_a_clock_or_a_deadline_asks_for_runs() -> None:
    fresh = Freshness(parse_age("3h"), text="3h")
    lake = project(
        asset("bronze.landed"),
        asset("bronze.hourly", refresh=parse_refresh("1h")),
        asset("bronze.night", refresh=parse_refresh("02:00 Europe/Oslo")),
        asset("bronze.urgent", freshness=fresh),
    )
    one = Served(SimulatedLake(lake, Clock(NOON), [key("bronze.hourly"), key("bronze.night"), key("bronze.urgent")]))
    one.lake.quiet = parse_quiet("22:00-06:00 Europe/Oslo")
    one.until(datetime(2026, 3, 2, 20, 59, tzinfo=UTC))
    before = len(one.published)
    one.lake.deliver(LANDED)
    one.clock.now = datetime(2026, 3, 2, 21, 1, tzinfo=UTC)
    one.until(datetime(2026, 3, 3, 4, 55, tzinfo=UTC))
    assert one.said.count("quiet until 2026-03-03 05:00 UTC: what can wait does") == 1
    night = Counter(each for each, _ in one.published[before:])
    assert set(night) == {key("bronze.night"), key("bronze.urgent")}
    assert (night[key("bronze.night")], night[key("bronze.urgent")]) == (1, 4)
    one.until(datetime(2026, 3, 3, 5, 10, tzinfo=UTC))
    assert {each for each, at in one.published[before:] if at.hour == 5} >= {LANDED, key("bronze.hourly")}


def test_alerts_are_judged_at_every_look_and_wait_in_quiet_hours_unless_readers_see_what_is_late() -> None:
    lake = project(asset("bronze.landed", freshness=Freshness(parse_age("12h"), text="12h")))
    one = Served(SimulatedLake(lake, Clock(NOON)))
    one.lake.quiet = parse_quiet("22:00-06:00 UTC")
    one.until(NOON + timedelta(hours=24))
    assert one.lake.judged == one.loop.pulse.looks
    hours = {at.hour for at in one.lake.sent}
    assert hours == set(range(24)) - {22, 23}  # it was published at two past noon, so it is late after midnight


def test_a_receiver_that_is_down_hinders_no_run_and_is_told_of_once() -> None:
    one = plain()
    one.lake.receiver_is_down = True
    for _ in range(3):
        one.lake.deliver(LANDED)
        one.until(one.clock.now + timedelta(hours=1))
    assert one.lake.tables[MART].version == 3
    assert [line for line in one.said if "alerts" in line] == ["alerts were not sent: OSError"]
    assert one.loop.pulse.fault == ""


def test_an_error_in_the_project_is_said_once_and_ends_when_it_is_mended() -> None:
    one = plain()
    one.lake.fault = ProjectError([Fault("layers/gold/mart.sql", 1, "no SQL", "mend it")])
    one.until(NOON + timedelta(hours=2))
    assert len([line for line in one.said if line.startswith("cannot go on")]) == 1
    assert "layers/gold/mart.sql" in one.loop.pulse.fault
    one.lake.fault = None
    one.loop.turn()
    assert (one.loop.pulse.fault, one.lake.tables[MART].version) == ("", 1)


def test_the_text_of_an_unexpected_error_is_not_told() -> None:
    one = plain()

    def broken() -> None:
        raise RuntimeError("row 7 holds 0451-99")

    one.lake.look = broken  # type: ignore[method-assign,assignment]
    one.loop.turn()
    assert one.said == ["cannot go on: unexpected RuntimeError"]


def test_a_deadline_is_told_when_it_passes_and_again_when_it_is_met() -> None:
    lake = project(asset("bronze.landed", freshness=Freshness(parse_age("3h"), text="3h")))
    one = Served(SimulatedLake(lake, Clock(NOON)))
    one.until(NOON + timedelta(hours=9))
    one.lake.deliver(LANDED)
    one.until(NOON + timedelta(hours=10))
    said = [line for line in one.said if "late" in line or "again" in line]
    assert said == ["bronze.landed is late, due 2026-03-02 15:02 UTC", "bronze.landed is fresh again"]


def test_what_an_asset_does_not_say_its_layer_says_or_what_is_made_from_it() -> None:
    hourly, daily_, off = parse_refresh("1h"), parse_refresh("06:00 Europe/Oslo"), parse_refresh("off")
    lake = project(
        asset("bronze.a"),
        asset("bronze.b"),
        asset("silver.a", "bronze.a"),
        asset("gold.a", "silver.a", refresh=daily_),
        asset("gold.b", "silver.a bronze.b", refresh=hourly),
        asset("gold.c", "bronze.b", refresh=off),
        asset("gold.d"),
    )
    found = {str(each): [one.text for one in said] for each, said in refreshes(lake, {}).items()}
    assert found["bronze.a"] == found["silver.a"] == ["06:00 Europe/Oslo", "1h"]
    assert (found["bronze.b"], found["gold.c"], found["gold.d"]) == (["1h"], [], ["on change"])
    layered = refreshes(lake, {key("silver.a").layer: off})
    assert (layered[key("silver.a")], layered[key("bronze.a")]) == ((), (parse_refresh("on change"),))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("06:00", parse_refresh),
        ("hourly", parse_refresh),
        ("0 0 30 2 *", parse_refresh),
        ("0 6 * *", parse_refresh),
        ("06:00 Europe/Olso", parse_refresh),
        ("22:00-06:00", parse_quiet),
        ("22:00 Europe/Oslo", parse_quiet),
        ("06:00-06:00 UTC", parse_quiet),
        ("25:00-06:00 UTC", parse_quiet),
    ],
)
def test_a_time_without_a_zone_and_one_that_never_comes_are_refused(text: str, read: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read(text)
