"""When an alert is tried again, what it waits for, and how several become one message."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.alerts.kinds import AlertKind
from lakeflow.core.alerts.outbox import (
    STUBBORN,
    Alert,
    AlertState,
    ended,
    in_order,
    message_of,
    pause_after,
    together,
)
from lakeflow.core.keys import AssetKey

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def alert(number: int, *, rule: str = "a", tried: int = 0, waits: timedelta = timedelta(), asset: str = "w") -> Alert:
    state = AlertState.FAILED if tried else AlertState.PENDING
    key = AssetKey.parse(f"silver.{asset}")
    told = Alert(rule, AlertKind.HELD, key, f"{key} is held", f"{key} is held by run r", NOW, NOW + waits, "r", number)
    return replace(told, state=state, tried=tried)


def numbers(*alerts: Alert, due: bool = True) -> list[int]:
    return [one.number for one in in_order(alerts, NOW, due=due)]


def test_nothing_overtakes_an_older_alert_to_the_same_receiver() -> None:
    waiting = alert(1, tried=3, waits=timedelta(seconds=20))
    assert numbers(alert(3, rule="b"), alert(2), waiting) == [3]
    assert numbers(alert(3, rule="b"), alert(2), waiting, due=False) == [1, 2, 3]


def test_what_a_receiver_never_takes_keeps_only_its_own_asset_back() -> None:
    assert numbers(alert(1, tried=STUBBORN, waits=HOUR), alert(2), alert(3, asset="v")) == [3]
    assert numbers(alert(1, tried=STUBBORN), alert(2), alert(3, asset="v")) == [1, 2, 3]


def test_a_clock_that_was_set_back_makes_no_pause_longer() -> None:
    assert numbers(alert(1, tried=2, waits=timedelta(days=400))) == [1]


@pytest.mark.long
@given(st.integers(1, 10_000))
def test_pauses_grow_up_to_an_hour(tried: int) -> None:
    assert timedelta(seconds=5) <= pause_after(tried) <= pause_after(tried + 1) <= HOUR


def test_what_cannot_be_sent_for_thirty_days_is_dropped() -> None:
    later = ended(alert(1), "no answer", NOW + timedelta(days=29))
    assert (later.state, later.tried) == (AlertState.FAILED, 1)
    last = ended(later, "no answer", NOW + timedelta(days=31))
    assert (last.state, last.problem) == (AlertState.DROPPED, "not sent in 30 days: no answer")


def test_a_thousand_tables_are_one_message_of_a_length_that_receivers_take() -> None:
    [unit] = together([alert(number, asset=f"t{number}") for number in range(1000)])
    message = message_of(unit, "lake")
    assert message.title == "silver.t0 is held, and 999 more"
    assert len(message.text) < 6_000
    assert "silver.t140 is held" in message.text
    assert message.text.endswith("more")


def test_only_what_tells_the_same_of_one_run_is_told_together() -> None:
    other_run = replace(alert(3, asset="v"), run="s")
    recovered = replace(alert(4, asset="u"), kind=AlertKind.RECOVERED)
    units = together([alert(1), alert(2, asset="x"), other_run, recovered])
    assert [[one.number for one in unit] for unit in units] == [[1, 2], [3], [4]]
