"""Each statement of the ledger touches the rows that it means and leaves alone those that look much like them."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from lakeflow.adapters.database.database import Database
from lakeflow.adapters.ledger import MIGRATIONS, SqlLedger
from lakeflow.adapters.ledger.latest import batched
from lakeflow.adapters.ledger.ledger import free_all, run_ids
from lakeflow.core.care.garbage import Dropped
from lakeflow.core.errors import BusyError, LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import (
    CheckResult,
    Holder,
    Lease,
    Ruling,
    RunRecord,
    RunState,
    StepRecord,
    StepState,
    VerdictRecord,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
A, B, C = (AssetKey.parse(f"silver.{name}") for name in "abc")
HERE = Holder("here", "boot", 7, "noon")


class Kept(SqlLedger):
    """The ledger with its database and a clock that stands until it is moved."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.now = NOW
        self.dead: set[Holder] = set()
        super().__init__(database, lambda holder: holder not in self.dead, lambda: self.now, 30)


@pytest.fixture
def ledger(tmp_path: Path) -> Kept:
    database = Database(f"sqlite:///{tmp_path}/catalog.db")
    database.initialise(MIGRATIONS)
    return Kept(database)


def lease(run: str, *assets: AssetKey, holder: Holder = HERE) -> Lease:
    return Lease(run, f"token of {run}", frozenset(assets), holder)


def run(id_: str, *steps: StepRecord, state: RunState = RunState.RUNNING, at: datetime = NOW) -> RunRecord:
    return RunRecord(id_, state, at, steps=steps)


def checked(asset: AssetKey, *names: str) -> StepRecord:
    return StepRecord(asset, checks=tuple(CheckResult(name, Outcome.PASSED) for name in names))


def said(asset: AssetKey, snapshot: int = 1, run_: str = "r1", ruling: Ruling = Ruling.PUBLISH) -> VerdictRecord:
    return VerdictRecord(asset, snapshot, ruling, run_, 1, NOW)


# leases


def test_a_lease_stands_with_its_holder_and_times(ledger: Kept) -> None:
    ledger.acquire(lease("r1", B, A))
    ledger.now += SECOND
    ledger.acquire(lease("r2", C, holder=replace(HERE, pid=8)))
    standing = ledger.standing()
    held = {one.asset: one for one in standing.held}
    assert {asset: (one.run, one.token) for asset, one in held.items()} == {
        A: ("r1", "token of r1"),
        B: ("r1", "token of r1"),
        C: ("r2", "token of r2"),
    }
    assert (held[A].holder, held[A].since, held[A].renewed_at) == (HERE, NOW, NOW)
    assert (standing.now, standing.lease_seconds) == (NOW + SECOND, 30)
    assert dict(standing.alive) == {HERE: True, replace(HERE, pid=8): True}


def test_a_heartbeat_moves_the_time_of_its_own_lease_alone(ledger: Kept) -> None:
    ledger.acquire(lease("r1", A))
    ledger.acquire(lease("r2", B))
    ledger.now += SECOND
    ledger.renew(lease("r1", A))
    renewed = {one.asset: (one.since, one.renewed_at) for one in ledger.standing().held}
    assert renewed == {A: (NOW, NOW + SECOND), B: (NOW, NOW)}


def test_an_attempt_that_takes_its_own_lease_again_renews_it(ledger: Kept) -> None:
    ledger.acquire(lease("r1", A))
    ledger.now += SECOND
    ledger.acquire(replace(lease("r9", A), token="token of r1"))
    (held,) = ledger.standing().held
    assert (held.run, held.token, held.since, held.renewed_at) == ("r9", "token of r1", NOW, NOW + SECOND)


def test_a_release_and_a_take_over_free_no_lease_of_others(ledger: Kept) -> None:
    other = replace(HERE, pid=8)
    ledger.acquire(lease("r1", A))
    ledger.acquire(lease("r2", B, holder=other))
    ledger.release(lease("r1", A))
    assert {one.asset for one in ledger.standing().held} == {B}
    ledger.acquire(lease("r3", A))
    ledger.dead.add(other)
    assert ledger.acquire(lease("r4", C)) == ("r2",)
    assert {one.asset: one.run for one in ledger.standing().held} == {A: "r3", C: "r4"}


def test_a_take_over_abandons_the_run_that_died_and_no_other(ledger: Kept) -> None:
    dead = replace(HERE, pid=8)
    for id_ in ("r1", "r2"):
        ledger.save(run(id_))
    ledger.acquire(lease("r2", A, holder=dead))
    ledger.dead.add(dead)
    ledger.now += SECOND
    ledger.acquire(lease("r3", A))
    assert [(one.id, one.state, one.ended_at) for one in ledger.runs()] == [
        ("r2", RunState.ABANDONED, NOW + SECOND),
        ("r1", RunState.RUNNING, None),
    ]


def test_a_token_holds_only_the_assets_that_it_was_given(ledger: Kept) -> None:
    ledger.acquire(lease("r1", A))
    ledger.acquire(lease("r2", B))
    with pytest.raises(BusyError) as caught:
        ledger.save(run("r1"), (), lease("r1", A, B))
    assert "silver.b is busy: run r2 is at work" in caught.value.message
    ledger.save(run("r1"), (), lease("r1", A))
    with pytest.raises(BusyError):
        ledger.renew(lease("r3", C))


def test_a_copy_of_a_database_holds_nothing(ledger: Kept) -> None:
    ledger.acquire(lease("r1", A, B))
    with ledger.database.transaction() as connection:
        free_all(connection)
    assert ledger.standing().held == []


# runs, steps and checks


def test_saving_a_run_leaves_the_steps_and_checks_of_others(ledger: Kept) -> None:
    first, second = run("r1", checked(A, "x", "y")), run("r2", checked(A, "z"), checked(B, "w"))
    ledger.save(first)
    ledger.save(second)
    ledger.save(replace(first, steps=(checked(B, "v"),)))
    assert ledger.run("r1").steps == (checked(B, "v"),)
    assert ledger.run("r2") == second


def test_a_run_that_is_saved_again_is_as_it_was_saved_last(ledger: Kept) -> None:
    ledger.save(run("r1"))
    again = RunRecord(
        "r1", RunState.HELD, NOW + SECOND, 2, NOW + 2 * SECOND, (), ("silver.*",), True, "ada", "because"
    )  # fmt: skip
    ledger.save(again)
    assert ledger.run("r1") == again


def test_noting_a_step_changes_all_of_it_and_nothing_else(ledger: Kept) -> None:
    kept = (checked(A, "x"), checked(B, "y"))
    ledger.acquire(lease("r1", A, B))
    ledger.save(run("r1", *kept))
    ledger.save(run("r2", *kept))
    noted = StepRecord(
        *(A, StepRecord(A).action, ("forced",), StepState.HELD, "why", 2, 3, 4, 5, 0.5, "c", "d", "e"),
        *({"silver.b": 6}, ("2026-01-01",), (CheckResult("z", Outcome.FAILED), CheckResult("q", Outcome.PASSED))),
    )
    ledger.note(lease("r1", A, B), "r1", noted)
    assert ledger.run("r1").steps == (noted, kept[1])
    assert ledger.run("r2").steps == kept


def test_a_step_that_was_never_saved_is_not_noted(ledger: Kept) -> None:
    ledger.acquire(lease("r1", A))
    ledger.save(run("r1"))
    with pytest.raises(AssertionError, match=r"run r1 was saved with its step silver\.a"):
        ledger.note(lease("r1", A), "r1", checked(A))


def test_a_note_needs_the_lease_of_its_own_asset_alone(ledger: Kept) -> None:
    ledger.acquire(lease("r1", A))
    ledger.save(run("r1", checked(A), checked(B)))
    ledger.note(lease("r1", A, B), "r1", checked(A, "x"))
    assert ledger.run("r1").steps == (checked(A, "x"), checked(B))


def test_runs_of_one_moment_come_in_the_order_of_their_ids_the_last_first(ledger: Kept) -> None:
    for id_ in ("r2", "r1", "r3"):
        ledger.save(run(id_))
    assert [one.id for one in ledger.runs()] == ["r3", "r2", "r1"]
    assert len(ledger.runs(limit=2)) == 2


def test_fifty_runs_are_told_where_nobody_says_how_many(ledger: Kept) -> None:
    for number in range(51):
        ledger.save(run(f"r{number}"))
    assert len(ledger.runs()) == 50


def test_the_states_of_all_runs_are_known_and_every_id(ledger: Kept) -> None:
    ledger.save(run("r1"))
    ledger.save(run("r2", state=RunState.HELD))
    assert ledger.states() == {"r1": RunState.RUNNING, "r2": RunState.HELD}
    with ledger.database.read() as connection:
        assert run_ids(connection) == {"r1", "r2"}


def test_what_ended_runs_read_is_not_pinned(ledger: Kept) -> None:
    ledger.save(run("r1", replace(checked(A), inputs={"silver.b": 1, "silver.c": 2}), checked(B)))
    ledger.save(run("r2", replace(checked(A), inputs={"silver.b": 3}), state=RunState.HELD))
    assert ledger.pinned() == {1, 2}


# verdicts


def test_everything_that_was_ever_ruled_on_is_known(ledger: Kept) -> None:
    ledger.save(run("r1"), [said(A), said(A, 2), said(B)])
    assert ledger.audited() == {A, B}


def test_the_latest_verdicts_come_in_order_for_each_asset_and_each_ruling(ledger: Kept) -> None:
    first = said(A)
    rulings = [first, said(A, 2), said(A, 1, "r2"), said(A, 1, "r2", Ruling.HOLD), said(B), said(A, 3)]
    ledger.save(run("r1"), rulings)
    assert ledger.latest({A: [2, 1], B: [1, 9], C: [1]}) == {A: tuple(rulings[1:4]), B: (rulings[4],), C: ()}


def test_very_many_snapshots_are_asked_for_in_parts() -> None:
    assert list(batched([1, 2, 3, 4, 5], 2)) == [[1, 2], [3, 4], [5]]
    assert list(batched([], 2)) == []


def test_verdicts_of_more_snapshots_than_a_statement_takes_are_all_found(ledger: Kept) -> None:
    ledger.save(run("r1"), [said(A, 1), said(A, 10_001)])
    assert ledger.latest({A: range(1, 10_002)}) == {A: (said(A, 1), said(A, 10_001))}
    assert ledger.latest({A: range(2, 10_001)}) == {A: ()}
    assert ledger.latest({A: range(1, 10_001)}) == {A: (said(A, 1),)}
    assert ledger.latest({A: [*range(1, 10_001), 20_000]}) == {A: (said(A, 1),)}


def test_a_time_is_stored_in_utc_where_the_machine_keeps_another(ledger: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are put in order by the text of their times, whoever wrote them."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        ledger.save(run("r1", at=NOW.astimezone()))
        ledger.save(run("r2", at=NOW.astimezone(timezone(-5 * timedelta(hours=1)))))
    finally:
        monkeypatch.undo()
        time.tzset()
    with ledger.database.read() as connection:
        found = connection.exec_driver_sql("select started_at from lakeflow_runs").all()
    assert {row[0] for row in found} == {"2026-03-01T00:00:00.000000+00:00"}


def test_the_code_behind_a_version_is_kept_as_it_was_first_seen(ledger: Kept) -> None:
    ledger.remember_code("v1", "sql-1", "select \x001")
    ledger.remember_code("v2", "sql-2", "select 2")
    ledger.remember_code("v1", "sql-9", "select 9")
    assert (ledger.code("v1"), ledger.code("v2"), ledger.code("v3")) == ("select \\x001", "select 2", None)
    with ledger.database.read() as connection:
        found = connection.exec_driver_sql("select algorithm from lakeflow_code order by version").all()
    assert [row[0] for row in found] == ["sql-1", "sql-2"]


# names, drops, times, and a database that is made again


def test_a_name_takes_its_own_records_along_and_those_of_runs_with_both_names_stay(ledger: Kept) -> None:
    ledger.save(run("r1", checked(A, "x"), checked(B, "y")), [said(A), said(B)])
    both, neither = run("r2", checked(A, "x"), checked(C, "z")), run("r3", checked(B, "y"))
    ledger.save(both)
    ledger.save(neither)
    with ledger.database.transaction() as connection:
        ledger.rename(connection, A, C)
    assert ledger.run("r1").steps == (checked(C, "x"), checked(B, "y"))
    assert (ledger.run("r2"), ledger.run("r3")) == (both, neither)
    assert ledger.verdicts([A, B, C]) == {A: (), B: (said(B),), C: (said(C),)}


def test_times_to_come_are_set_to_now_and_those_that_passed_stay(ledger: Kept) -> None:
    early, late = NOW - SECOND, NOW + SECOND
    spans = {"r1": (early, None), "r2": (early, early), "r3": (early, late), "r4": (late, late), "r5": (late, None)}
    for id_, (began, ended) in spans.items():
        ledger.save(replace(run(id_, at=began), ended_at=ended))
    with ledger.database.transaction() as connection:
        ledger.mend_times(connection, NOW)
    assert {one.id: (one.started_at, one.ended_at) for one in ledger.runs()} == {
        "r1": (early, None),
        "r2": (early, early),
        "r3": (early, NOW),
        "r4": (NOW, NOW),
        "r5": (NOW, None),
    }


def test_the_latest_verdicts_of_many_assets_are_of_the_snapshots_asked_of_each(ledger: Kept) -> None:
    keys = [AssetKey.parse(f"gold.t{number}") for number in range(40)]
    every = [replace(said(key), snapshot_id=id_) for key in keys for id_ in (1, 2)]
    ledger.save(run("r1"), every)
    asked = {key: [1 + place % 2] for place, key in enumerate(keys)} | {A: list(range(1, 30)), B: []}
    found = ledger.latest(asked)
    assert {key: [each.snapshot_id for each in several] for key, several in found.items()} == {
        **{key: [1 + place % 2] for place, key in enumerate(keys)},
        A: [],
        B: [],
    }


def drop(ledger: Kept, *dropped: Dropped) -> None:
    with ledger.database.transaction() as connection:
        for one in dropped:
            ledger.drop(connection, one)


def test_drops_come_oldest_first_and_each_once(ledger: Kept) -> None:
    late, early = Dropped(A, "u", "/a", "r2", NOW + SECOND), Dropped(B, "v", "/b", "r1", NOW)
    same_time = Dropped(C, "w", "/c", "r1", NOW)
    drop(ledger, late, same_time, early, late)
    assert ledger.dropped() == (early, same_time, late)


def test_what_an_early_release_told_of_a_drop_is_known_unless_it_is_recorded_better(ledger: Kept) -> None:
    reasons = {
        "r1": "dropped silver.a; its metadata stays at /a b",
        "r2": "dropped silver.b; its metadata stays at /b",
        "r3": "dropped nothing; its metadata stays at /c",
        "r4": "dropped silver.c; its metadata stays at",
        "r5": "because",
        "r6": "dropped silver.a b; its metadata stays at /d",
    }
    for number, (id_, reason) in enumerate(reasons.items()):
        ledger.save(replace(run(id_, at=NOW - number * SECOND), reason=reason))
    recorded = Dropped(B, "v", "/b", "r2", NOW)
    drop(ledger, recorded)
    assert ledger.dropped() == (Dropped(A, "", "/a b", "r1", NOW), recorded)


def test_old_drops_come_oldest_first_too(ledger: Kept) -> None:
    for id_, at in (("r1", NOW + SECOND), ("r2", NOW)):
        ledger.save(replace(run(id_, at=at), reason=f"dropped silver.a; its metadata stays at /{id_}"))
    assert [one.version for one in ledger.dropped()] == ["/r2", "/r1"]


def test_a_lost_database_gets_back_what_it_does_not_know_better(ledger: Kept) -> None:
    states = {"r1": RunState.HELD, "r2": RunState.RUNNING, "r3": RunState.ROLLED_BACK, "r4": RunState.PUBLISHED}
    for id_, state in states.items():
        ledger.save(run(id_, checked(A, "x"), state=state))
    ledger.save(run("r6", state=RunState.HELD), [said(A)])
    ledger.acquire(lease("r2", A))
    found = [run(id_, checked(B), state=RunState.PUBLISHED) for id_ in ("r1", "r2", "r3", "r4", "r5")]
    unpublished = run("r6", checked(B), state=RunState.FAILED)
    with ledger.database.transaction() as connection:
        ledger.restore(connection, [*found, unpublished, run("r7", state=RunState.FAILED)], [said(A), said(B)])
    assert ledger.standing().held == []
    assert {one.id: (one.state, [step.asset for step in one.steps]) for one in ledger.runs()} == {
        "r1": (RunState.PUBLISHED, [B]),
        "r2": (RunState.PUBLISHED, [B]),
        "r3": (RunState.ROLLED_BACK, [A]),
        "r4": (RunState.PUBLISHED, [A]),
        "r5": (RunState.PUBLISHED, [B]),
        "r6": (RunState.HELD, [B]),
        "r7": (RunState.FAILED, []),
    }
    assert ledger.verdicts([A, B]) == {A: (said(A),), B: (said(B),)}


def test_what_a_later_release_wrote_is_refused_with_what_to_do(ledger: Kept) -> None:
    ledger.save(run("r1"))
    with ledger.database.transaction() as connection:
        connection.exec_driver_sql("update lakeflow_runs set started_at = 'tomorrow'")
    with pytest.raises(LakeError) as caught:
        ledger.runs()
    assert caught.value.message == "the ledger has a row that is no RunRecord: started_at"
    assert caught.value.hint == "use the release that wrote it, or restore the database from a copy"


def test_runs_that_left_an_asset_unpublished_are_told_newest_first(ledger: Kept) -> None:
    """Held, in conflict, not decided, or errored with a snapshot; of runs that ended unpublished, and of that asset."""
    for number, (id_, asset, state, snapshot, ended) in enumerate(
        [
            ("r1", A, StepState.HELD, 1, RunState.HELD),
            ("r2", A, None, None, RunState.FAILED),
            ("r3", A, StepState.CONFLICT, 3, RunState.CONFLICT),
            ("r4", A, StepState.ERRORED, 4, RunState.FAILED),
            ("r5", A, StepState.ERRORED, None, RunState.FAILED),
            ("r6", A, StepState.PUBLISHED, 6, RunState.HELD),
            ("r7", A, StepState.HELD, 7, RunState.DISCARDED),
            ("r8", B, StepState.HELD, 8, RunState.HELD),
        ]
    ):
        step = replace(checked(asset), state=state, snapshot_id=snapshot)
        ledger.save(run(id_, step, state=ended, at=NOW + number * SECOND))
    assert [one.id for one in ledger.unpublished([A])] == ["r4", "r3", "r2", "r1"]
    assert [one.id for one in ledger.unpublished([A, B])] == ["r8", "r4", "r3", "r2", "r1"]
    assert [one.id for one in ledger.unpublished([C])] == []


def test_verdicts_are_told_until_the_last_of_a_run_in_their_order(ledger: Kept) -> None:
    told = [said(A), said(B, 2, "r2"), said(A, 3, "r2"), said(B, 4, "r3")]
    for id_ in ("r1", "r2", "r3"):
        ledger.save(run(id_, state=RunState.PUBLISHED), [one for one in told if one.run == id_])
    assert ledger.until("r2") == tuple(told[:3])
    assert ledger.until("r9") == ()
