"""Whatever happens to assets, in whatever order, each entry is told what a plain model of it says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.ledger import MIGRATIONS, SqlLedger, SqlOutbox
from lakeflow.core.alerts.kinds import AlertKind
from lakeflow.core.alerts.troubles import AlertRule, Condition
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Holder, Lease, RunRecord, RunState, StepRecord, StepState
from tests.explored import explored

A, B = AssetKey.parse("silver.a"), AssetKey.parse("silver.b")
START = datetime(2026, 1, 1, tzinfo=UTC)
ENDS = {
    StepState.HELD: RunState.HELD,
    StepState.ERRORED: RunState.FAILED,
    StepState.CONFLICT: RunState.CONFLICT,
    None: RunState.ABANDONED,
    StepState.PUBLISHED: RunState.PUBLISHED,
    StepState.UNCHANGED: RunState.PUBLISHED,
    StepState.AUDITED: RunState.PUBLISHED,
}
KINDS = {
    StepState.HELD: AlertKind.HELD,
    StepState.ERRORED: AlertKind.ERRORED,
    StepState.CONFLICT: AlertKind.CONFLICT,
    None: AlertKind.ERRORED,
}
JUDGED = frozenset({AlertKind.STALE, AlertKind.DEGRADED})
TROUBLES = JUDGED | set(KINDS.values())


@dataclass(frozen=True)
class Ran:
    asset: AssetKey
    state: StepState | None


@dataclass(frozen=True)
class Discarded:
    back: int
    """Which of the runs, counted from the last."""


@dataclass(frozen=True)
class Looked:
    """Somebody judged: which assets are late, and which degraded for another reason."""

    late: frozenset[AssetKey]
    degraded: frozenset[AssetKey]


Event = Ran | Discarded | Looked
ASSETS = st.sampled_from([A, B])
EVENTS = st.one_of(
    st.builds(Ran, ASSETS, st.sampled_from(list(ENDS))),
    st.builds(Discarded, st.integers(0, 3)),
    st.builds(Looked, st.frozensets(ASSETS), st.frozensets(ASSETS)),
)
ON = st.frozensets(st.sampled_from(list(AlertKind)), min_size=1)


@dataclass
class Model:
    """One entry and one asset, in the plainest words."""

    on: frozenset[AlertKind]
    wrong: set[AlertKind] = field(default_factory=set)
    by: int | None = None
    known: bool = False
    told: list[AlertKind] = field(default_factory=list)

    def becomes(self, wrong: set[AlertKind]) -> None:
        new = [kind for kind in AlertKind if kind in wrong - self.wrong and kind in self.on]
        self.told += new[:1]
        watched = self.on & TROUBLES or TROUBLES
        if self.wrong and not wrong and self.known:
            self.told.append(AlertKind.RECOVERED)
        self.known = bool(wrong) and (self.known or bool(wrong & watched))
        self.wrong = wrong

    def ran(self, number: int, state: StepState | None) -> None:
        if state is StepState.PUBLISHED and AlertKind.PUBLISHED in self.on:
            self.told.append(AlertKind.PUBLISHED)
        left = {KINDS[state]} if state in KINDS else set()
        self.by = number if left else None
        self.becomes(left | (self.wrong & JUDGED))

    def discarded(self, number: int) -> None:
        if self.by == number:
            self.by = None
            self.becomes(self.wrong & JUDGED)

    def looked(self, *, late: bool, degraded: bool) -> None:
        found = {AlertKind.STALE} if late else set()
        if degraded or (late and AlertKind.STALE not in self.on):
            found.add(AlertKind.DEGRADED)
        self.becomes((self.wrong - JUDGED) | found)


class Ledger:
    """The real ledger with its outbox, in a database of its own."""

    def __init__(self, folder: Path, rules: list[AlertRule]) -> None:
        self.database = Database(f"sqlite:///{folder}/ledger.db")
        self.database.initialise(MIGRATIONS)
        self.now = START
        self.outbox = self.other(rules)
        self.ledger = SqlLedger(self.database, lambda _: True, lambda: self.now, 30, self.outbox.saving)
        self.runs: list[RunRecord] = []

    def ran(self, asset: AssetKey, state: StepState | None) -> None:
        begun = RunRecord(f"r{len(self.runs)}", RunState.RUNNING, self.now, steps=(StepRecord(asset),))
        self.ledger.save(begun)
        ended = RunRecord(begun.id, ENDS[state], self.now, ended_at=self.now, steps=(StepRecord(asset, state=state),))
        self.ledger.save(ended)
        self.ledger.save(ended)  # what is saved again, as by a rollback of another run, tells nothing
        self.runs.append(ended)

    def discarded(self, number: int) -> None:
        run = self.runs[number]
        self.ledger.save(RunRecord(run.id, RunState.DISCARDED, run.started_at, ended_at=self.now, steps=run.steps))

    def looked(self, event: Looked) -> None:
        found = {key: Condition(key in event.late, key in event.degraded) for key in (A, B)}
        self.outbox.judge(found, {}, {}, self.now)

    def other(self, rules: list[AlertRule]) -> SqlOutbox:
        """The outbox as another process has it."""
        return SqlOutbox(self.database, rules, frozenset(), lambda: self.now, "here")

    def told(self, rule: str, asset: AssetKey) -> list[AlertKind]:
        return [one.kind for one in self.outbox.open() if (one.rule, one.asset) == (rule, asset)]


@contextmanager
def ledger(rules: list[AlertRule]) -> Iterator[Ledger]:
    with TemporaryDirectory() as folder:
        made = Ledger(Path(folder), rules)
        yield made
        made.database.close()


@pytest.mark.long
@explored(60)
@given(st.lists(ON, min_size=1, max_size=2), st.lists(EVENTS, max_size=12))
def test_each_entry_is_told_what_the_model_says(asked: list[frozenset[AlertKind]], events: list[Event]) -> None:
    rules = [AlertRule(f"entry {at}", on, frozenset({A, B})) for at, on in enumerate(asked)]
    models = {(rule.name, key): Model(rule.on) for rule in rules for key in (A, B)}
    with ledger(rules) as real:
        for event in events:
            real.now += timedelta(minutes=7)
            match event:
                case Ran(asset, state):
                    real.ran(asset, state)
                    for rule in rules:
                        models[rule.name, asset].ran(len(real.runs) - 1, state)
                case Discarded(back) if back < len(real.runs):
                    number = len(real.runs) - 1 - back
                    real.discarded(number)
                    for rule in rules:
                        models[rule.name, real.runs[number].steps[0].asset].discarded(number)
                case Looked(late, degraded):
                    real.looked(event)
                    for (_, asset), model in models.items():
                        model.looked(late=asset in late, degraded=asset in degraded)
        for (rule_name, asset), model in models.items():
            assert real.told(rule_name, asset) == model.told, (rule_name, asset)


def test_an_attempt_tells_only_of_the_steps_that_it_ended_itself() -> None:
    """Another run found A bad meanwhile: a retry of B, in the run that once published A, does not make A well."""
    rule = AlertRule("all", frozenset(AlertKind), frozenset({A, B}))
    good, bad, open_ = StepRecord(A, state=StepState.PUBLISHED), StepRecord(B, state=StepState.HELD), StepRecord(B)
    with ledger([rule]) as real:
        first = RunRecord("first", RunState.RUNNING, START, steps=(StepRecord(A), open_))
        real.ledger.save(first)
        real.ledger.save(replace(first, state=RunState.HELD, steps=(good, bad)))
        real.ran(A, StepState.HELD)
        again = replace(first, attempt=2, steps=(good, open_))
        real.ledger.save(again)
        real.ledger.save(
            replace(again, state=RunState.PUBLISHED, steps=(good, replace(bad, state=StepState.PUBLISHED)))
        )
        assert real.told("all", A) == [AlertKind.PUBLISHED, AlertKind.HELD]
        assert real.told("all", B) == [AlertKind.HELD, AlertKind.PUBLISHED, AlertKind.RECOVERED]


def test_a_run_that_another_process_finds_dead_is_told_as_errored() -> None:
    rule = AlertRule("all", frozenset({AlertKind.ERRORED}), frozenset({A}))
    me, you = (Holder(host, "boot", 1, "now") for host in ("me", "you"))
    with ledger([rule]) as real:
        real.ledger.acquire(Lease("dead", "t1", frozenset({A}), me))
        real.ledger.save(RunRecord("dead", RunState.RUNNING, START, steps=(StepRecord(A),)))
        later = SqlLedger(real.database, lambda _: False, lambda: real.now, 30, real.other([rule]).saving)
        assert later.acquire(Lease("next", "t2", frozenset({A}), you)) == ("dead",)
        [alert] = real.outbox.open()
        assert alert.text.splitlines()[0] == "silver.a was not finished: run dead was cut off"
