"""Whoever records or sends an alert may be killed at any moment: what a run told stands with the run, and is sent."""

from __future__ import annotations

import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.ledger import MIGRATIONS, SqlLedger, SqlOutbox
from lakeflow.core.alerts.outbox import Alert, AlertState
from lakeflow.core.alerts.troubles import AlertRule
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunRecord, RunState, StepRecord, StepState
from lakeflow.core.settings.settings import make_settings
from lakeflow.lake.telling.alerts import Alerts
from tests.alerts.lab import Receiver, receiving
from tests.faults.zygote import KillAt, killed

ASSET = AssetKey.parse("silver.weather")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
BEGUN = RunRecord("run", RunState.RUNNING, NOW, steps=(StepRecord(ASSET),))
HELD = RunRecord("run", RunState.HELD, NOW, ended_at=NOW, steps=(StepRecord(ASSET, state=StepState.HELD),))


class Sender:
    """A ledger in a folder, and the alerts in it for one receiver."""

    def __init__(self, folder: Path, receiver: Receiver) -> None:
        to = f"pagerduty://KEY?endpoint=http://{receiver.place}"
        settings = make_settings({"alerts": [{"to": to, "name": "duty"}]}, {"alerts": "the test"}, {})
        self.database = Database(f"sqlite:///{folder}/ledger.db")
        [entry] = settings.alerts
        rules = [AlertRule("duty", entry.on, frozenset({ASSET}))]
        outbox = SqlOutbox(self.database, rules, frozenset(), lambda: NOW, "here")
        self.ledger = SqlLedger(self.database, lambda _: True, lambda: NOW, 30, outbox.saving)
        self.alerts = Alerts(settings, folder, outbox, lambda: NOW, lambda _: ())

    def work(self) -> None:
        self.ledger.save(BEGUN)
        self.ledger.save(HELD)
        self.alerts.send(NOW)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def die_at(place: int, folder: Path, receiver: Receiver) -> bool:
    """Work in a fork that is killed at its n-th operation; False when it has fewer."""

    def work() -> None:
        KillAt(place, folder, torn=False).install()
        Sender(folder, receiver).work()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the fork leaves the receiver's threads behind
        return killed(work, folder.parent / "answer.json")


def recorded(folder: Path) -> tuple[str | None, list[str]]:
    """The state of the run, and those of the alerts, as another reader of the database sees them."""
    with closing(sqlite3.connect(folder / "ledger.db")) as database:
        run = database.execute("select state from lakeflow_runs").fetchone()
        return run and run[0], [row[0] for row in database.execute("select state from lakeflow_alerts")]


@pytest.mark.long
def test_an_alert_stands_with_its_run_and_arrives_wherever_its_sender_is_killed(
    tmp_path: Path, receiver: Receiver
) -> None:
    twice = 0
    for place in range(1, 200):
        folder = tmp_path / str(place)
        folder.mkdir()
        Database(f"sqlite:///{folder}/ledger.db").initialise(MIGRATIONS)
        receiver.got.clear()
        if not die_at(place, folder, receiver):
            break
        state, alerts = recorded(folder)
        assert (state == "held") == (len(alerts) == 1), (place, state, alerts)
        next_one = Sender(folder, receiver)
        next_one.work() if state != "held" else next_one.alerts.send(NOW)
        assert recorded(folder) == ("held", ["sent"]), place
        assert len(receiver.events) in {1, 2}, (place, receiver.events)
        twice += len(receiver.events) - 1
    else:
        pytest.fail("it never came to an end")
    assert place > 10, "it was killed at each of its operations"
    assert twice > 0, "also between sending and noting it"


def test_an_alert_is_sent_again_after_a_pause_when_its_receiver_hung_up(tmp_path: Path, receiver: Receiver) -> None:
    Database(f"sqlite:///{tmp_path}/ledger.db").initialise(MIGRATIONS)
    first = Sender(tmp_path, receiver)
    first.ledger.save(BEGUN)
    first.ledger.save(HELD)
    receiver.answers = lambda tried: 0 if tried == 1 else 200
    [failed] = first.alerts.send(NOW)
    assert (failed.state, failed.problem) == (AlertState.FAILED, "no answer (ConnectionError)")
    assert first.alerts.send(NOW) == (), "its pause is not over"
    [sent] = first.alerts.send(NOW + timedelta(seconds=6))
    assert (sent.state, receiver.events) == (AlertState.SENT, [("trigger", "duty:silver.weather")])


def test_what_is_not_committed_is_not_told(tmp_path: Path, receiver: Receiver) -> None:
    Database(f"sqlite:///{tmp_path}/ledger.db").initialise(MIGRATIONS)
    sender = Sender(tmp_path, receiver)
    sender.ledger.save(BEGUN)

    def refused() -> None:
        with sender.database.transaction() as opened:
            sender.ledger._saving(opened, HELD)
            raise RuntimeError("the publish was refused")

    with pytest.raises(RuntimeError):
        refused()
    assert recorded(tmp_path) == ("running", [])
    sender.ledger.save(HELD)
    assert recorded(tmp_path) == ("held", ["pending"])


def test_another_machine_does_not_send_what_one_is_sending_until_it_is_never_heard_of_again(
    tmp_path: Path, receiver: Receiver
) -> None:
    Database(f"sqlite:///{tmp_path}/ledger.db").initialise(MIGRATIONS)
    sender = Sender(tmp_path, receiver)
    sender.ledger.save(BEGUN)
    sender.ledger.save(HELD)
    there = SqlOutbox(sender.database, (), frozenset(), lambda: NOW, "there")
    waiting: tuple[Alert, ...] = there.open()
    assert there.claim(waiting, NOW) == waiting
    assert sender.alerts.send(NOW + timedelta(seconds=60)) == ()
    assert len(sender.alerts.send(NOW + timedelta(minutes=3))) == 1
    assert len(receiver.events) == 1
