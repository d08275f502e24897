"""Who is to be told is told once of each trouble and once of its end, and a receiver that is down hears it later."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import lakeflow
from lakeflow.core.alerts.outbox import AlertState
from lakeflow.core.model.run import RunState
from tests.alerts.lab import FILES, MENDED, WORSE, Receiver, entry, lake_with, receiving, write

SILVER = "silver.weather"
TROUBLES = ("held", "errored", "conflict", "stale", "degraded", "recovered")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def run(root: Path, selection: str = SILVER, *, force: bool = False) -> RunState | None:
    with lakeflow.open(root) as lake:
        done = lake.materialize(selection, force=force)
        return done.state if done else None


@pytest.mark.long
def test_a_trouble_is_told_once_while_it_stays_once_as_another_and_once_when_it_is_over(
    tmp_path: Path, receiver: Receiver
) -> None:
    hook, pager = f"json://{receiver.place}/hook", f"pagerduty://KEY?endpoint=http://{receiver.place}"
    root = lake_with(tmp_path, entry(hook, *TROUBLES), entry(pager, "held", "errored", name="duty"))
    assert run(root) is RunState.HELD
    assert run(root, force=True) is RunState.HELD
    assert receiver.titles == ["silver.weather is held"]
    write(root, WORSE)
    assert run(root) is RunState.FAILED
    assert run(root) is RunState.FAILED
    write(root, MENDED)
    assert run(root) is RunState.PUBLISHED
    assert run(root, force=True) is RunState.PUBLISHED
    assert receiver.titles == [
        "silver.weather is held",
        "silver.weather failed",
        "silver.weather recovered",
    ]
    # The pager was not asked to tell recoveries: an incident ends all the same, by the key that opened it.
    assert receiver.events == [
        ("trigger", "duty:silver.weather"),
        ("trigger", "duty:silver.weather"),
        ("resolve", "duty:silver.weather"),
    ]


@pytest.mark.long
def test_a_table_that_waits_for_another_is_told_to_who_does_not_hear_of_that_other(
    tmp_path: Path, receiver: Receiver
) -> None:
    gold, every = f"json://{receiver.place}/gold", f"json://{receiver.place}/every"
    root = lake_with(tmp_path, entry(gold, "held", "recovered", select="layer:gold"), entry(every, "held"))
    assert run(root, "silver.weather+") is RunState.HELD
    write(root, MENDED)
    assert run(root, "silver.weather+") is RunState.PUBLISHED
    said = [(path, told["title"]) for path, told in receiver.got]
    assert sorted(said) == [
        ("/every", "silver.weather is held"),
        ("/gold", "gold.windiest is held"),
        ("/gold", "gold.windiest recovered"),
    ]


@pytest.mark.long
def test_a_message_names_the_asset_the_failed_checks_what_readers_see_and_the_command(
    tmp_path: Path, receiver: Receiver
) -> None:
    root = lake_with(tmp_path, entry(f"json://{receiver.place}", "held", select=SILVER))
    with lakeflow.open(root) as lake:
        done = lake.materialize(SILVER)
    assert done is not None
    [(_, said)] = receiver.got
    assert said["title"] == "silver.weather is held"
    assert said["message"].splitlines() == [
        f"silver.weather is held by run {done.id}: 1 of 5 checks did not pass",
        "✗ possible: 1 of 1 row",
        "Readers see nothing: it was never published",
        f"Next: `lakeflow runs {done.id}` shows why; mend it and `lakeflow retry {done.id}`, or "
        f"`lakeflow discard {done.id}`",
    ]


@pytest.mark.long
def test_a_receiver_that_fails_for_an_hour_gets_all_of_it_once_in_order(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answers = lambda tried: (503, 0)[tried % 2]
    root = lake_with(tmp_path, entry(f"json://{receiver.place}", *TROUBLES, select=SILVER))
    assert run(root) is RunState.HELD
    write(root, MENDED)
    assert run(root) is RunState.PUBLISHED
    with lakeflow.open(root) as lake:
        now = datetime.now(UTC)
        for minute in range(60):
            lake.alerts.send(now + timedelta(minutes=minute))
        assert receiver.got == []
        assert receiver.tries < 16, "the pauses grow"
        assert [one.state for one in lake.alerts.list()] == [AlertState.PENDING, AlertState.FAILED]
        receiver.answers = lambda _: 200
        lake.alerts.send(now + timedelta(hours=3))
        lake.alerts.send(now + timedelta(hours=3))
        assert receiver.titles == ["silver.weather is held", "silver.weather recovered"]
        assert {one.state for one in lake.alerts.list()} == {AlertState.SENT}


@pytest.mark.long
def test_a_receiver_that_never_answers_does_not_keep_a_command(
    tmp_path: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakeflow.lake.telling.alerts.AFTER_A_COMMAND", 0.5)
    receiver.delay = 60.0
    root = lake_with(tmp_path, entry(f"json://{receiver.place}", "held", name="slow"))
    assert run(root) is RunState.HELD
    with lakeflow.open(root) as lake:
        [alert] = lake.alerts.list()
        assert (alert.state, alert.problem) == (AlertState.FAILED, "no answer in time")
        receiver.delay = 0.0
        begun = time.monotonic()
        [sent] = lake.alerts.send(everything=True)
        assert sent.state is AlertState.SENT
        assert time.monotonic() - begun < 25


@pytest.mark.long
def test_the_quarantine_of_a_table_is_not_told_beside_it(tmp_path: Path, receiver: Receiver) -> None:
    root = lake_with(tmp_path, entry(f"pagerduty://KEY?endpoint=http://{receiver.place}", "held", name="duty"))
    apart = {"lakeflow": {"on_fail": "quarantine"}}
    expected = f"gxe.ExpectColumnValuesToBeBetween(column='wind', max_value=2000, meta={apart})"
    checks = f"import great_expectations.expectations as gxe\nexpectations = [{expected}]"
    silver = FILES["layers/silver/weather.sql"].replace("upsert", "replace")
    write(root, {"checks/silver/weather.py": checks, "layers/silver/weather.sql": silver})
    assert run(root) is RunState.HELD
    assert receiver.events == [("trigger", "duty:silver.weather")]
