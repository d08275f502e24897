"""How a run begins: not at all where nothing is to do, never over a table that was lost, alone on what it leases, and
with the branches gone that were superseded long enough ago.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lakeflow import wap
from lakeflow.core.errors import BusyError, LakeError
from lakeflow.core.model.changes import Discard
from lakeflow.core.model.run import Lease, RunRecord
from lakeflow.core.run.events import Planned
from lakeflow.wap.facts import gather
from lakeflow.wap.run import begin
from lakeflow.wap.run.lease import leased
from lakeflow.wap.run.lost import refuse_lost
from lakeflow.wap.run.supersede import outdated_branches
from tests.core.samples import key
from tests.wap.lab import Lab, states

A, B, C = "bronze.a", "silver.b", "gold.c"
WEEK = timedelta(days=7)


def calls(lab: Lab) -> list[str]:
    """All calls of ports from now on."""
    found: list[str] = []
    lab.gate(found.append)
    return found


# the beginning


def test_processes_come_up_while_the_plan_is_made_again_under_the_leases(lab: Lab) -> None:
    """A session of Spark that waited for leases could hold the cores of the run that has them."""
    found = calls(lab)
    lab.materialize()
    first = found.index("engine.start>")
    assert found.index("ledger.acquire>") < first < found.index("catalog.look>", first)
    with leased(lab.world, "another", [key(name) for name in (A, B, C)], 0.0):
        del found[:]
        with pytest.raises(BusyError):
            lab.materialize(forced=True)
    assert "engine.start>" not in found


def test_where_nothing_is_to_do_it_is_told_and_nobody_has_to_wait(lab: Lab) -> None:
    lab.materialize()
    lab.events.clear()
    found = calls(lab)
    request = wap.Request((key(B),), (B,))
    assert wap.materialize(lab.world, request, lab.events.append) is None
    assert lab.events == [Planned(lab.plan(B))]
    assert not [call for call in found if call.startswith(("ledger.acquire", "engine.", "auditor."))]


def test_what_is_asked_of_a_run_is_what_it_does_and_records(lab: Lab) -> None:
    run = lab.materialize(f"{A} {B}")
    assert states(run) == {"run": "published", A: "published", B: "published"}
    assert run.selection == (A, B)
    assert lab.main(C) is None
    assert {type(event).__name__ for event in lab.events} >= {"Planned", "StepEnded"}


def test_a_readmission_is_a_run_of_that_table_alone(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(begin, "materialize", lambda *said: asked.append(said))
    world, told = lab.world, lab.events.append
    assert begin.readmit(world, key(B), 7.0, told) is None
    assert asked == [(world, wap.Request((key(B),), (B,), wait=7.0, readmits=True), told)]


# lost tables


@pytest.fixture
def standing(lab: Lab) -> Lab:
    lab.materialize()
    return lab


def test_a_table_that_the_catalog_lost_is_not_begun_anew(standing: Lab) -> None:
    standing.catalog._tables.pop(key(C))
    standing.catalog._tables.pop(key(B))
    with pytest.raises(LakeError) as caught:
        standing.materialize(f"{B} {C}")
    assert caught.value.message == f"{C}: run r1 published it, and the catalog has no such table any more"
    assert caught.value.hint == (
        f"`lakeflow adopt {C} --from FOLDER` takes it back as its folder in the warehouse holds it; "
        f"`lakeflow materialize --force {C}` begins it anew, without its history"
    )
    assert caught.value.asset == key(C)
    assert standing.materialize(f"{B} {C}", forced=True).state == "published"


def test_a_table_that_cannot_be_read_is_not_lost(standing: Lab) -> None:
    standing.catalog._tables.pop(key(B))
    plan = standing.plan(B, forced=True)
    facts = gather(standing.world, [key(B)])
    refuse_lost(standing.world, replace(facts, broken={key(B): LakeError("its metadata is gone")}), plan)
    with pytest.raises(LakeError, match=r"silver\.b: run r1 published it"):
        refuse_lost(standing.world, facts, plan)


def test_a_table_that_was_never_published_or_was_taken_back_is_begun(lab: Lab) -> None:
    lab.check(B, lambda _, __: False)
    lab.materialize(f"{A} {B}")
    lab.catalog._tables.pop(key(B))
    del lab.suites[key(B)]
    run = lab.materialize(B, forced=True)
    lab.rollback(run, force=True)
    lab.catalog._tables.pop(key(B))
    assert lab.materialize(B).state == "published"


def test_the_last_run_that_published_it_is_told(standing: Lab) -> None:
    standing.define(B, [7], A)
    standing.materialize(B)
    standing.catalog._tables.pop(key(B))
    with pytest.raises(LakeError, match="run r2 published it"):
        standing.materialize(B)


def test_where_every_table_is_there_no_verdict_is_read_for_it(standing: Lab) -> None:
    plan, facts = standing.plan(B, forced=True), gather(standing.world, [key(B)])
    found = calls(standing)
    refuse_lost(standing.world, facts, plan)
    assert found == []


# leases


def test_whoever_writes_has_the_lease_alone_and_gives_it_back(lab: Lab) -> None:
    claimed: list[str] = []
    world = replace(lab.world, claim=lambda: claimed.append("lake"))
    with leased(world, "r1", iter([key(A), key(B)]), 0.0) as lease:
        assert claimed == ["lake"]
        assert (lease.run, lease.holder) == ("r1", lab.holder)
        assert lease.assets == {key(A), key(B)}
        assert len(lease.token) >= 16
        held = lab.ledger.standing().held
        assert {(one.asset, one.run, one.token) for one in held} == {(each, "r1", lease.token) for each in lease.assets}
        (beat,) = (thread for thread in threading.enumerate() if thread.name == "lease r1")
        assert beat.daemon, "it keeps no process from ending"
        with pytest.raises(BusyError), leased(world, "r2", [key(B)], 0.0):
            raise AssertionError
        with leased(world, "r3", [key(C)], 0.0) as other:
            assert other.token != lease.token
    assert not lab.ledger.standing().held
    assert not beat.is_alive()


def test_the_lease_goes_back_also_where_the_work_fails_and_where_it_is_gone_already(lab: Lab) -> None:
    with pytest.raises(OSError, match="full"), leased(lab.world, "r1", [key(A)], 0.0):
        raise OSError("full")
    assert not lab.ledger.standing().held

    def fails() -> None:
        raise LakeError("the server is away")

    with leased(lab.world, "r1", [key(A)], 0.0):
        lab.at("ledger.release>", fails)


def test_where_the_warehouse_is_another_lakes_nothing_is_leased(lab: Lab) -> None:
    def refuse() -> None:
        raise LakeError("it is another lake's")

    world = replace(lab.world, claim=refuse)
    found = calls(lab)
    with pytest.raises(LakeError, match="another lake's"), leased(world, "r1", [key(A)], 0.0):
        raise AssertionError
    assert found == []


def test_who_waits_gets_the_lease_once_it_is_free(lab: Lab) -> None:
    other = Lease("rx", "token", frozenset({key(A)}), lab.holder)
    lab.ledger.acquire(other)
    tries: list[str] = []

    def gate(call: str) -> None:
        if call == "ledger.acquire>":
            tries.append(call)
            if len(tries) == 2:
                lab.ledger.release(other)

    lab.gate(gate)
    with leased(lab.world, "r1", [key(A)], 30.0) as lease:
        assert lease.run == "r1"
    assert len(tries) == 2


def test_who_waits_asks_neither_without_pause_nor_seldom(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    other, pauses = Lease("rx", "token", frozenset({key(A)}), lab.holder), list[float]()
    lab.ledger.acquire(other)

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 50:
            lab.ledger.release(other)

    monkeypatch.setattr("tenacity.nap.time.sleep", pause)
    with leased(lab.world, "r1", [key(A)], 30.0):
        monkeypatch.undo()
    assert 0.1 <= min(pauses) < max(pauses) <= 0.5


def test_who_waits_waits_for_a_lease_and_for_nothing_else(lab: Lab) -> None:
    tries: list[str] = []

    def gate(call: str) -> None:
        if call == "ledger.acquire>":
            tries.append(call)
            raise LakeError("the database is gone")

    lab.gate(gate)
    with pytest.raises(LakeError, match="is gone"), leased(lab.world, "r1", [key(A)], 30.0):
        raise AssertionError
    assert len(tries) == 1


# superseded branches


@pytest.fixture
def superseded(lab: Lab) -> Lab:
    """`r1` held silver.b, `r2` published it."""
    lab.policy = replace(lab.policy, keep_held=WEEK.total_seconds())
    lab.check(B, lambda rows, _: 4 in rows and 6 in rows)
    lab.materialize(f"{A} {B}")
    lab.define(B, [4, 6], A)
    lab.materialize(B)
    assert states(lab.run()) == {"run": "superseded", A: "published", B: "superseded"}
    return lab


def outdated(lab: Lab, now: datetime, *names: str) -> list[Discard]:
    world = replace(lab.world, clock=lambda: now)
    return list(outdated_branches(world, {key(name): lab.table(name) for name in names or (B,)}))


def ended(run: RunRecord, name: str = B) -> datetime:
    step = run.step(key(name))
    assert step is not None
    assert step.ended_at is not None
    return step.ended_at


def test_a_superseded_branch_stays_as_long_as_the_settings_say(superseded: Lab) -> None:
    at, head = ended(superseded.run()), superseded.table(B).refs["audit_r1"]
    assert outdated(superseded, at + WEEK - timedelta(microseconds=1)) == []
    assert outdated(superseded, at + WEEK) == [Discard(key(B), "audit_r1", head)]


def test_the_next_run_of_the_table_drops_it_and_no_run_of_another(superseded: Lab) -> None:
    superseded.clock.now += WEEK
    superseded.materialize(C)
    assert superseded.branches(B) == ["audit_r1"]
    superseded.materialize(B, forced=True)
    assert superseded.branches(B) == []


def test_what_a_run_still_holds_is_never_dropped(lab: Lab) -> None:
    lab.check(B, lambda _, __: False)
    lab.materialize(f"{A} {B}")
    assert outdated(lab, lab.clock() + 100 * WEEK) == []


def with_ref(lab: Lab, name: str, like: str = "audit_r1") -> int:
    table = lab.table(B)
    head = table.refs[like]
    lab.catalog._tables[key(B)] = replace(table, refs={**table.refs, name: head})
    return head


def test_the_branch_of_a_publish_that_was_given_up_goes_at_once(superseded: Lab) -> None:
    head = with_ref(superseded, "fenced_audit_r9")
    now = ended(superseded.run())
    assert outdated(superseded, now) == [Discard(key(B), "fenced_audit_r9", head)]
    assert [one.branch for one in outdated(superseded, now + WEEK)] == ["fenced_audit_r9", "audit_r1"]


@pytest.mark.parametrize("name", ["audit_unknown", "audit_r", "r1", "main2"])
def test_a_branch_of_nobodys_that_we_know_stays(name: str, superseded: Lab) -> None:
    with_ref(superseded, name)
    assert [one.branch for one in outdated(superseded, superseded.clock() + WEEK)] == ["audit_r1"]


def test_a_branch_whose_name_only_begins_that_of_a_run_stays(superseded: Lab) -> None:
    with_ref(superseded, "audit_r")
    at = superseded.clock() + WEEK
    del superseded.ledger._runs["r2"]
    assert superseded.ledger.run("r").id == "r1"
    assert [one.branch for one in outdated(superseded, at)] == ["audit_r1"]


def test_of_a_young_branch_no_run_is_looked_up(superseded: Lab) -> None:
    made = superseded.table(B).snapshots[superseded.table(B).refs["audit_r1"]].committed_at
    found = calls(superseded)
    assert outdated(superseded, made + WEEK - timedelta(microseconds=1)) == []
    assert not [call for call in found if call.startswith("ledger.")]
    assert outdated(superseded, made + WEEK) == []
    assert "ledger.run>" in found


def test_tables_are_looked_at_in_the_order_of_their_names(superseded: Lab) -> None:
    for name in (A, B):
        table = superseded.table(name)
        refs = {**table.refs, "fenced_audit_r9": table.refs["main"]}
        superseded.catalog._tables[key(name)] = replace(table, refs=refs)
    found = outdated(superseded, superseded.clock(), B, A)
    assert [str(one.key) for one in found] == [A, B]


def test_a_run_that_is_superseded_is_recorded_with_the_one_that_took_its_place(superseded: Lab) -> None:
    run = superseded.run()
    assert run.reason == "superseded by run r2"
    assert ended(run) == superseded.run("r2").ended_at
    assert superseded.run("r2").state == "published"


def test_what_a_run_did_not_make_anew_takes_no_place(lab: Lab) -> None:
    lab.check(C, lambda _, __: False)
    lab.materialize()
    lab.define(B, [8], A)
    lab.materialize(B)
    assert states(lab.run())[C] == "held"


@pytest.fixture(autouse=True)
def _quiet(lab: Lab) -> Iterator[None]:
    yield
    lab.gate(lambda _: None)
