"""What every ledger promises, written against the port alone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lakeflow.core.care.garbage import Dropped
from lakeflow.core.errors import BusyError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome, Severity
from lakeflow.core.model.run import (
    Action,
    CheckResult,
    Holder,
    Lease,
    ReadScope,
    Ruling,
    RunRecord,
    RunState,
    StepRecord,
    StepState,
    VerdictRecord,
)
from lakeflow.core.ports.entry import Transaction
from lakeflow.core.ports.ledger import Ledger
from lakeflow.core.run.leases import died
from tests.contracts.suites.examples import ALPHA, BETA, GAMMA

LEASE_SECONDS = 30.0
START = datetime(2026, 3, 1, 12, 0, 0, 250_000, UTC)
BIG = 2**63 - 25
"""A snapshot id that no float can hold."""

HERE = Holder("here", "boot-1", 100, "t1")
THERE = Holder("there", "boot-7", 200, "t2")
CHECK = CheckResult(
    name="rows are 90 % \N{SNOWMAN} known",
    outcome=Outcome.FAILED,
    severity=Severity.WARNING,
    failed_rows=3,
    rows=BIG,
    detail="expected 'a', found \"b\"",
    path="checks/silver/alpha.py",
    samples=({"origin": "EWR", "temp": None}, {}),
    scope=ReadScope.METADATA,
    evidence={"expectation": {"type": "expect_x", "kwargs": {}}, "metrics": {"a.count": 3, "b": [{"float": "nan"}]}},
)
STEP = StepRecord(
    asset=ALPHA,
    action=Action.AUDIT,
    reasons=("code changed", "input moved"),
    state=StepState.HELD,
    reason="known failed",
    attempt=2,
    base_id=BIG,
    snapshot_id=BIG - 1,
    rows=12,
    seconds=0.1 + 0.2,
    code_version="c1",
    checks_digest="d1",
    reads_digest="r1",
    inputs={"bronze.raw": BIG - 2},
    checks=(CHECK, replace(CHECK, name="second", failed_rows=None, rows=None)),
)


@dataclass
class Around:
    """What the ledger sees of the world: the time, and which holders live (None: nobody can say)."""

    now: datetime = START
    alive: dict[Holder, bool | None] = field(default_factory=dict)

    def clock(self) -> datetime:
        return self.now

    def is_alive(self, holder: Holder) -> bool | None:
        return self.alive.get(holder, True)

    def pass_seconds(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def lease(run: str, *assets: AssetKey, holder: Holder = HERE) -> Lease:
    return Lease(run, f"token-{run}-{holder.pid}", frozenset(assets or (ALPHA,)), holder)


def run(id_: str = "r1", state: RunState = RunState.RUNNING, **changes: object) -> RunRecord:
    return replace(RunRecord(id_, state, START), **changes)  # type: ignore[arg-type] # fields by name


def verdict(ruling: Ruling = Ruling.PUBLISH, **changes: object) -> VerdictRecord:
    return replace(VerdictRecord(ALPHA, BIG, ruling, "r1", 1, START), **changes)  # type: ignore[arg-type] # as above


class LedgerContract(ABC):
    """Subclass it, name the class `Test…`, and say how to make an empty ledger and a transaction that it records in.

    The ledger must take its clock and its knowledge of processes from `around`, with leases of `LEASE_SECONDS`.
    """

    @pytest.fixture
    def around(self) -> Around:
        return Around()

    @pytest.fixture
    @abstractmethod
    def ledger(self, around: Around, tmp_path: Path) -> Ledger: ...

    @abstractmethod
    def transaction(self, ledger: Ledger) -> AbstractContextManager[Transaction]:
        """A transaction as the catalog opens it: it commits at the end, and not after an exception."""

    # Runs

    def test_a_run_comes_back_exactly(self, ledger: Ledger) -> None:
        whole = run(
            state=RunState.HELD,
            attempt=2,
            ended_at=START + timedelta(microseconds=1),
            steps=(STEP, StepRecord(BETA)),
            selection=("+silver.alpha", "layer:gold"),
            all_or_nothing=True,
            actor="ada",
            reason="because",
        )
        ledger.save(whole)
        assert ledger.run("r1") == whole

    def test_a_run_is_saved_over_its_former_state(self, ledger: Ledger) -> None:
        ledger.save(run(steps=(StepRecord(BETA), STEP)))
        ended = run(state=RunState.PUBLISHED, steps=(replace(STEP, checks=(), state=StepState.PUBLISHED),))
        ledger.save(ended)
        assert ledger.runs() == (ended,)

    def test_steps_and_checks_keep_their_order(self, ledger: Ledger) -> None:
        checks = tuple(replace(CHECK, name=name) for name in "zmabc")
        steps = tuple(replace(STEP, asset=asset, checks=checks) for asset in (GAMMA, ALPHA, BETA))
        ledger.save(run(steps=steps))
        assert ledger.run("r1").steps == steps

    def test_runs_come_newest_first(self, ledger: Ledger) -> None:
        for number, minutes in enumerate((5, 1, 9)):
            ledger.save(run(f"r{number}", started_at=START + timedelta(minutes=minutes)))
        assert [found.id for found in ledger.runs()] == ["r2", "r0", "r1"]
        assert [found.id for found in ledger.runs(limit=1)] == ["r2"]

    def test_a_run_is_found_by_the_beginning_of_its_id(self, ledger: Ledger) -> None:
        for id_ in ("abc1", "abd2", "ab"):
            ledger.save(run(id_))
        assert ledger.run("abc").id == "abc1"
        assert ledger.run("ab").id == "ab"
        with pytest.raises(UsageError, match=r"abc1, abd2"):
            ledger.run("a")
        with pytest.raises(UsageError, match="zz"):
            ledger.run("zz")
        with pytest.raises(UsageError):
            ledger.run("%")

    # Verdicts

    def test_verdicts_come_oldest_first_for_every_asset_asked(self, ledger: Ledger) -> None:
        held = verdict(Ruling.HOLD, reason="bad", inputs={"bronze.raw": BIG}, passed=1, total=2, actor="ada")
        held = replace(held, looked_at={"gold.beta": BIG - 1})
        forced = verdict(
            Ruling.FORCED, at=START + timedelta(seconds=1), code_version="c", checks_digest="d", reads_digest="e"
        )
        other = verdict(asset=BETA)
        ledger.save(run(), [held, other])
        ledger.save(run(), [forced])
        assert ledger.verdicts([ALPHA, GAMMA]) == {ALPHA: (held, forced), GAMMA: ()}

    def test_the_same_verdict_saved_twice_stands_once(self, ledger: Ledger) -> None:
        for _ in range(2):
            ledger.save(run(), [verdict()])
        assert ledger.verdicts([ALPHA])[ALPHA] == (verdict(),)

    # Code

    def test_the_text_behind_a_code_version_is_kept(self, ledger: Ledger) -> None:
        ledger.remember_code("v1", "sql-1", "select 1 -- \N{SNOWMAN}\n")
        ledger.remember_code("v1", "sql-1", "another text")
        assert ledger.code("v1") == "select 1 -- \N{SNOWMAN}\n"
        assert ledger.code("v2") is None

    # Leases

    def test_a_free_asset_can_be_leased(self, ledger: Ledger) -> None:
        assert ledger.acquire(lease("r1", ALPHA, BETA)) == ()

    def test_a_live_holder_is_named_with_since_when_and_what_to_type(self, ledger: Ledger) -> None:
        ledger.acquire(lease("r1", ALPHA, BETA))
        with pytest.raises(BusyError) as caught:
            ledger.acquire(lease("r2", BETA, GAMMA, holder=THERE))
        message = caught.value.message
        for part in ("silver.beta", "run r1", "process 100", "on here", "2026-03-01 12:00:00 UTC"):
            assert part in message
        assert "silver.alpha" not in message
        assert caught.value.hint
        assert "--wait 10m" in caught.value.hint

    def test_a_refused_lease_takes_nothing(self, ledger: Ledger) -> None:
        ledger.acquire(lease("r1", ALPHA))
        with pytest.raises(BusyError):
            ledger.acquire(lease("r2", ALPHA, BETA, holder=THERE))
        assert ledger.acquire(lease("r3", BETA, holder=THERE)) == ()

    def test_other_assets_can_be_leased_meanwhile(self, ledger: Ledger) -> None:
        ledger.acquire(lease("r1", ALPHA))
        assert ledger.acquire(lease("r2", BETA, holder=THERE)) == ()

    def test_a_released_asset_is_free(self, ledger: Ledger) -> None:
        ledger.acquire(lease("r1"))
        ledger.release(lease("r1"))
        assert ledger.acquire(lease("r2", holder=THERE)) == ()

    def test_a_run_whose_process_died_is_told_from_one_at_work_and_stays_as_recorded(
        self, ledger: Ledger, around: Around
    ) -> None:
        ledger.acquire(lease("r1"))
        ledger.save(run("r1"))
        assert not died(run("r1"), ledger.standing())
        around.alive[HERE] = False
        assert died(run("r1"), ledger.standing())
        assert ledger.run("r1").state is RunState.RUNNING

    def test_a_dead_process_of_this_host_is_taken_over_at_once(self, ledger: Ledger, around: Around) -> None:
        ledger.acquire(lease("r1", ALPHA, BETA))
        ledger.save(run("r1"))
        around.alive[HERE] = False
        assert ledger.acquire(lease("r2", BETA, holder=THERE)) == ("r1",)
        assert (ledger.run("r1").state, ledger.run("r1").ended_at) == (RunState.ABANDONED, START)
        assert ledger.acquire(lease("r3", ALPHA, holder=replace(THERE, pid=201))) == ()

    def test_a_process_that_lives_keeps_its_lease_without_a_heartbeat(self, ledger: Ledger, around: Around) -> None:
        ledger.acquire(lease("r1"))
        around.pass_seconds(100 * LEASE_SECONDS)
        with pytest.raises(BusyError):
            ledger.acquire(lease("r2", holder=THERE))

    def test_a_process_elsewhere_is_taken_over_when_its_heartbeat_lapses(self, ledger: Ledger, around: Around) -> None:
        around.alive[THERE] = None
        ledger.acquire(lease("r1", holder=THERE))
        ledger.save(run("r1"))
        around.pass_seconds(LEASE_SECONDS)
        with pytest.raises(BusyError):
            ledger.acquire(lease("r2"))
        around.pass_seconds(0.001)
        assert ledger.acquire(lease("r2")) == ("r1",)
        assert ledger.run("r1").state is RunState.ABANDONED

    def test_a_heartbeat_keeps_the_lease_of_a_process_elsewhere(self, ledger: Ledger, around: Around) -> None:
        around.alive[THERE] = None
        ledger.acquire(lease("r1", holder=THERE))
        for _ in range(3):
            around.pass_seconds(0.9 * LEASE_SECONDS)
            ledger.renew(lease("r1", holder=THERE))
        with pytest.raises(BusyError):
            ledger.acquire(lease("r2"))

    def test_a_run_that_had_ended_before_its_process_died_keeps_its_state(self, ledger: Ledger, around: Around) -> None:
        ledger.acquire(lease("r1"))
        ledger.save(run("r1", RunState.PUBLISHED))
        around.alive[HERE] = False
        assert ledger.acquire(lease("r2", holder=THERE)) == ("r1",)
        assert ledger.run("r1").state is RunState.PUBLISHED

    def test_a_lease_that_was_taken_over_can_neither_be_renewed_nor_free_the_new_one(
        self, ledger: Ledger, around: Around
    ) -> None:
        around.alive |= {HERE: False, THERE: True}
        ledger.acquire(lease("r1"))
        ledger.acquire(lease("r2", holder=THERE))
        with pytest.raises(BusyError, match="run r2"):
            ledger.renew(lease("r1"))
        ledger.release(lease("r1"))
        ledger.renew(lease("r2", holder=THERE))

    # Recording in the catalog's transaction

    def test_what_is_recorded_stands_once_the_transaction_commits(self, ledger: Ledger) -> None:
        ledger.acquire(lease("r1"))
        with self.transaction(ledger) as transaction:
            ledger.record(transaction, lease("r1"), run(state=RunState.PUBLISHED, steps=(STEP,)), [verdict()])
        assert ledger.run("r1").steps == (STEP,)
        assert ledger.verdicts([ALPHA])[ALPHA] == (verdict(),)

    def test_what_is_recorded_is_gone_when_the_transaction_fails(self, ledger: Ledger) -> None:
        ledger.acquire(lease("r1"))
        ledger.save(run())

        def publish_and_fail() -> None:
            with self.transaction(ledger) as transaction:
                ledger.record(transaction, lease("r1"), run(state=RunState.PUBLISHED), [verdict()])
                raise RuntimeError

        with pytest.raises(RuntimeError):
            publish_and_fail()
        assert ledger.run("r1").state is RunState.RUNNING
        assert ledger.verdicts([ALPHA])[ALPHA] == ()

    def test_nothing_is_recorded_under_a_lease_that_was_taken_over(self, ledger: Ledger, around: Around) -> None:
        around.alive[HERE] = False
        ledger.acquire(lease("r1", ALPHA, BETA))
        ledger.acquire(lease("r2", BETA, holder=THERE))
        ledger.save(run())

        def publish_late() -> None:
            with self.transaction(ledger) as transaction:
                ledger.record(transaction, lease("r1", ALPHA, BETA), run(state=RunState.PUBLISHED), [verdict()])

        with pytest.raises(BusyError, match="lost its lease"):
            publish_late()
        assert ledger.run("r1").state is RunState.RUNNING

    def test_one_step_is_noted_and_the_others_stay(self, ledger: Ledger) -> None:
        ledger.acquire(lease("r1", ALPHA, BETA))
        ledger.save(run(steps=(STEP, StepRecord(BETA))))
        noted = replace(STEP, asset=BETA, checks=(CHECK, CHECK), snapshot_id=2**62)
        ledger.note(lease("r1", ALPHA, BETA), "r1", noted)
        assert ledger.run("r1").steps == (STEP, noted)

    def test_nothing_is_noted_under_a_lease_that_was_taken_over(self, ledger: Ledger, around: Around) -> None:
        around.alive[HERE] = False
        ledger.acquire(lease("r1", ALPHA, BETA))
        ledger.save(run(steps=(STEP, StepRecord(BETA))), (), lease("r1", ALPHA, BETA))
        ledger.acquire(lease("r2", BETA, holder=THERE))
        with pytest.raises(BusyError, match="lost its lease"):
            ledger.note(lease("r1", ALPHA, BETA), "r1", replace(STEP, asset=BETA))

    def test_nothing_is_saved_under_a_lease_that_was_taken_over(self, ledger: Ledger, around: Around) -> None:
        around.alive[HERE] = False
        ledger.acquire(lease("r1", ALPHA, BETA))
        ledger.save(run(), (), lease("r1", ALPHA, BETA))
        ledger.acquire(lease("r2", BETA, holder=THERE))
        with pytest.raises(BusyError, match="lost its lease"):
            ledger.save(run(state=RunState.FAILED), (), lease("r1", ALPHA, BETA))
        assert ledger.run("r1").state is RunState.ABANDONED

    def test_what_is_recorded_of_a_name_goes_with_it_to_another(self, ledger: Ledger) -> None:
        ledger.acquire(lease("r1", ALPHA, GAMMA))
        ledger.save(run(steps=(STEP, StepRecord(BETA))), [verdict()])
        with self.transaction(ledger) as transaction:
            ledger.rename(transaction, ALPHA, GAMMA)
        assert ledger.run("r1").steps == (replace(STEP, asset=GAMMA), StepRecord(BETA))
        assert ledger.verdicts([ALPHA, GAMMA]) == {ALPHA: (), GAMMA: (replace(verdict(), asset=GAMMA),)}

    def test_a_drop_is_recorded_with_the_catalogs_own_change(self, ledger: Ledger) -> None:
        dropped = Dropped(ALPHA, "uuid-1", "file:///a b/00001-x.metadata.json", "r1", START)
        with self.transaction(ledger) as transaction:
            ledger.drop(transaction, dropped)
        assert ledger.dropped() == (dropped,)

    def test_the_latest_verdict_of_each_ruling_on_the_snapshots_asked_for(self, ledger: Ledger) -> None:
        first, last = verdict(), replace(verdict(), attempt=2, at=START + timedelta(seconds=1))
        held = replace(verdict(), ruling=Ruling.HOLD, at=START + timedelta(seconds=2))
        other = replace(verdict(), snapshot_id=7, at=START + timedelta(seconds=3))
        ledger.save(run(), [first, last, held, other])
        assert ledger.latest({ALPHA: [first.snapshot_id], BETA: []}) == {ALPHA: (last, held), BETA: ()}

    def test_what_steps_of_running_runs_read_is_pinned(self, ledger: Ledger) -> None:
        ledger.save(run("r1", steps=(replace(STEP, inputs={"silver.beta": BIG}),)))
        ledger.save(run("r2", state=RunState.PUBLISHED, steps=(replace(STEP, inputs={"silver.beta": 5}),)))
        assert ledger.pinned() == {BIG}
