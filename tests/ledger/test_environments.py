"""What is recorded of environments: what each has pinned, what main is handed over, and what goes with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.ledger import MIGRATIONS, SqlEnvironments, SqlLedger, rows
from lakeflow.adapters.ledger.handing_over import record
from lakeflow.core.environments.environment import Environment
from lakeflow.core.intents.intent import EnvironmentNote, Forgotten, HandedOver, Repinned
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import CheckResult, Ruling, RunRecord, RunState, StepRecord, StepState, VerdictRecord
from lakeflow.core.model.table import Pinned
from lakeflow.core.ports.database import Statement
from tests.core.samples import key

A, B = key("silver.a"), key("silver.b")
START = datetime(2026, 3, 1, tzinfo=UTC)
PASSED = CheckResult("rule", Outcome.PASSED)


class Lake:
    def __init__(self) -> None:
        self.now = START
        self.database = Database("sqlite://")
        self.database.initialise(MIGRATIONS)
        self.environments = SqlEnvironments(self.database, lambda: self.now)
        self.main, self.pr, self.other = (self.ledger(name) for name in ("", "pr", "other"))

    def ledger(self, name: str) -> SqlLedger:
        return SqlLedger(self.database, lambda _: True, lambda: self.now, 30, environment=name)

    def later(self) -> datetime:
        self.now += timedelta(hours=1)
        return self.now

    def ran(self, ledger: SqlLedger, id_: str = "r1") -> RunRecord:
        steps = tuple(
            StepRecord(one, state=StepState.PUBLISHED, snapshot_id=at, checks=(PASSED,), ended_at=START)
            for one, at in ((A, 1), (B, 2))
        )
        run = RunRecord(id_, RunState.PUBLISHED, START, ended_at=START, steps=steps, actor="anna")
        ledger.save(run, [said(one, at, id_) for one, at in ((A, 1), (B, 2))])
        return run

    def hand_over(self, *verdicts: VerdictRecord, **pins: Pinned) -> None:
        mine = {key(f"silver.{name}"): pin for name, pin in pins.items()}
        self.record(HandedOver("pr", verdicts, mine))

    def record(self, note: EnvironmentNote) -> None:
        """As a commit of the catalog does, in its transaction."""
        with self.database.transaction() as connection:
            record(connection, note, rows.time(self.now))


def said(asset: AssetKey, snapshot: int, run: str = "r1") -> VerdictRecord:
    return VerdictRecord(asset, snapshot, Ruling.PUBLISH, run, 1, START)


@pytest.fixture
def lake() -> Iterator[Lake]:
    made = Lake()
    yield made
    made.database.close()


def test_an_environment_is_made_once_with_what_it_pins(lake: Lake) -> None:
    assert (lake.environments.find("pr"), lake.environments.all()) == (None, ())
    pins = {B: Pinned("b", 2), A: Pinned("a", None)}
    lake.environments.make("pr", pins)
    made = Environment("pr", START, START, START, pins)
    assert lake.environments.find("pr") == made
    lake.later()
    lake.environments.make("pr", {A: Pinned("a", 9)})
    assert lake.environments.find("pr") == made, "it was made meanwhile"
    lake.environments.make("an", {})
    found = lake.environments.all()
    assert found == (Environment("an", lake.now, lake.now, lake.now, {}), made)


def test_who_works_in_it_is_noted(lake: Lake) -> None:
    for name in ("pr", "other"):
        lake.environments.make(name, {})
    later = lake.later()
    lake.environments.use("pr")
    assert [(one.name, one.made_at, one.used_at) for one in lake.environments.all()] == [
        ("other", START, START),
        ("pr", START, later),
    ]


def test_what_is_pinned_takes_the_place_of_what_was_pinned_of_the_same_tables(lake: Lake) -> None:
    for name in ("pr", "other"):
        lake.environments.make(name, {A: Pinned("a", 1), B: Pinned("b", 2)})
    later = lake.later()
    lake.environments.pin("pr", {A: Pinned("a", 3)})
    pinned, other = lake.environments.find("pr"), lake.environments.find("other")
    assert pinned == Environment("pr", START, later, later, {A: Pinned("a", 3), B: Pinned("b", 2)})
    assert other == Environment("other", START, START, START, {A: Pinned("a", 1), B: Pinned("b", 2)})
    reopened = SqlEnvironments(lake.database, lambda: lake.now)
    assert reopened.find("pr") == pinned
    lake.later()
    lake.hand_over(b=Pinned("b", 5))
    again = lake.environments.find("pr")
    assert again is not None
    assert again == Environment("pr", START, lake.now, lake.now, {A: Pinned("a", 3), B: Pinned("b", 5)})


def test_what_a_commit_pins_or_forgets_is_recorded_with_it(lake: Lake) -> None:
    for name in ("pr", "other"):
        lake.environments.make(name, {A: Pinned("a", 1)})
    later = lake.later()
    lake.record(Repinned("pr", {A: Pinned("a", 3)}))
    reopened = SqlEnvironments(lake.database, lambda: lake.now)
    assert reopened.find("pr") == Environment("pr", START, later, later, {A: Pinned("a", 3)})
    assert reopened.find("other") == Environment("other", START, START, START, {A: Pinned("a", 1)})
    lake.record(Forgotten("pr"))
    reopened = SqlEnvironments(lake.database, lambda: lake.now)
    assert [one.name for one in reopened.all()] == ["other"]


def test_what_another_process_pinned_is_read(lake: Lake) -> None:
    lake.environments.make("pr", {A: Pinned("a", 1)})
    lake.environments.find("pr")
    lake.later()
    SqlEnvironments(lake.database, lambda: lake.now).pin("pr", {A: Pinned("a", 2)})
    found = lake.environments.find("pr")
    assert found is not None
    assert found.pins == {A: Pinned("a", 2)}


def test_what_is_pinned_in_the_same_moment_is_read_too(lake: Lake) -> None:
    lake.environments.make("pr", {A: Pinned("a", 1)})
    lake.environments.find("pr")
    lake.environments.pin("pr", {A: Pinned("a", 2)})
    found = lake.environments.find("pr")
    assert found is not None
    assert found.pins == {A: Pinned("a", 2)}
    lake.environments.forget("pr")
    lake.environments.make("pr", {A: Pinned("a", 3)})
    anew = lake.environments.find("pr")
    assert anew is not None
    assert anew.pins == {A: Pinned("a", 3)}


def test_pins_are_read_again_only_when_they_were_changed(lake: Lake) -> None:
    lake.environments.make("pr", {A: Pinned("a", 1)})
    first, second = lake.environments.find("pr"), lake.environments.find("pr")
    assert first is not None
    assert second is not None
    assert first.pins is second.pins


def test_main_is_handed_over_a_run_as_far_as_it_is_about_that_snapshot(lake: Lake) -> None:
    run = lake.ran(lake.pr)
    lake.ran(lake.other, "r2")
    lake.hand_over(said(B, 2))
    found = lake.main.run("r1")
    assert (found.state, found.started_at, found.ended_at, found.actor) == (RunState.PUBLISHED, START, START, "anna")
    assert found.steps == (run.steps[1],)
    assert lake.main.verdicts([A, B]) == {A: (), B: (said(B, 2),)}
    assert [one.id for one in lake.main.runs()] == ["r1"]
    lake.hand_over(said(A, 1))
    assert {step.asset for step in lake.main.run("r1").steps} == {A, B}
    assert lake.pr.run("r1") == run, "there it stays"


def test_a_run_that_was_rolled_back_stands_on_main_again_with_what_is_handed_over_alone(lake: Lake) -> None:
    for id_ in ("r1", "r2"):
        lake.ran(lake.pr, id_)
        lake.hand_over(said(A, 1, id_), said(B, 2, id_))
    lake.main.save(replace(lake.main.run("r1"), state=RunState.ROLLED_BACK), ())
    lake.hand_over(said(B, 2))
    again, other = lake.main.run("r1"), lake.main.run("r2")
    assert again.state is RunState.PUBLISHED
    assert [(step.asset, step.state, step.reason) for step in again.steps] == [
        (A, StepState.SKIPPED, "rolled back"),
        (B, StepState.PUBLISHED, ""),
    ]
    assert [step.state for step in other.steps] == [StepState.PUBLISHED, StepState.PUBLISHED], "no run but this one"
    lake.hand_over(said(A, 1, "r2"))
    assert lake.main.run("r2") == other, "it was not rolled back"


def test_verdicts_are_handed_over_in_their_order(lake: Lake) -> None:
    lake.ran(lake.pr)
    lake.ran(lake.pr, "r2")
    lake.hand_over(said(A, 1, "r2"), said(A, 1, "r1"))
    assert lake.main.verdicts([A])[A] == (said(A, 1, "r2"), said(A, 1, "r1"))


def test_the_runs_of_an_environment_are_told_by_their_own_names(lake: Lake) -> None:
    lake.ran(lake.pr)
    lake.ran(lake.pr, "r2")
    lake.ran(lake.other, "r3")
    lake.ran(lake.main, "r4")
    assert lake.environments.runs("pr") == {"r1", "r2"}
    assert lake.environments.runs("none") == frozenset()


def test_what_is_forgotten_leaves_nothing_and_takes_nothing_of_others_along(lake: Lake) -> None:
    for name in ("pr", "other"):
        lake.environments.make(name, {A: Pinned("a", 1)})
    lake.ran(lake.pr)
    kept = lake.ran(lake.other, "r2"), lake.ran(lake.main, "r3")
    lake.hand_over(said(A, 1))
    lake.environments.forget("pr")
    assert [one.name for one in lake.environments.all()] == ["other"]
    assert lake.environments.runs("pr") == frozenset()
    assert (lake.other.run("r2"), lake.main.run("r3")) == kept
    assert [step.asset for step in lake.main.run("r1").steps] == [A], "what main was handed over stays"
    assert lake.main.verdicts([A])[A][-1] == said(A, 1)
    with lake.database.read() as connection:
        for table in ("lakeflow_runs where id", "lakeflow_steps where run", "lakeflow_checks where run"):
            left = connection.execute(Statement(f"select * from {table} like '%@pr'")).all()
            assert left == [], table
        pins = connection.execute(Statement("select * from lakeflow_pins where environment = 'pr'")).all()
        assert pins == []
