"""What a person does with a whole table: adopt what no run wrote, drop what no asset defines."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lakeflow import wap
from lakeflow.core.errors import BusyError, ConflictError, LakeError, SchemaError, UsageError
from lakeflow.core.model.asset import Column
from lakeflow.core.model.changes import Drop, Pin, Rollback
from lakeflow.core.model.file_source import FileSource, Format
from lakeflow.core.model.run import Action, Lease, Ruling, RunRecord, RunState, StepState
from lakeflow.core.model.schema import Field, Primitive, Schema
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.ports.entry import UNRECORDED
from lakeflow.core.run.events import Phase, StepPhase
from tests.core.samples import key
from tests.wap.doubles import SCHEMA
from tests.wap.lab import ACTOR, Lab

T = key("silver.t")


@pytest.fixture
def theirs() -> Lab:
    """An asset `silver.t` made from `bronze.a`, and a table of its name that another engine filled."""
    made = Lab()
    made.define("bronze.a", [1, 2], reads=("a.csv",))
    made.materialize("bronze.a")
    made.define("silver.t", [9], "bronze.a", reads=("t.csv",))
    made.catalog.create(T, Schema((Field("value", Primitive("long"), 1),), 0))
    made.foreign_append("silver.t", [7, 8])
    return made


def adopt(lab: Lab, place: str | None = None) -> RunRecord:
    return wap.adopt(lab.world, T, place, lab.events.append)


def bad(*_: object) -> bool:
    return False


def outside(lab: Lab) -> str:
    """The same table, in no catalog: where its metadata stands."""
    table = lab.table("silver.t")
    lab.catalog.register([Drop(T, table.version)], UNRECORDED)
    return table.version


# adopt


def test_what_passes_is_adopted_as_it_stands_and_counts_as_made_by_todays_code(theirs: Lab) -> None:
    before = theirs.table("silver.t")
    run = adopt(theirs)
    assert theirs.table("silver.t") == before
    assert theirs.run(run.id) == run
    assert (run.state, run.actor, run.selection, run.reason) == (RunState.PUBLISHED, ACTOR, ("silver.t",), "")
    assert run.ended_at is not None
    assert run.ended_at > run.started_at
    (step,) = run.steps
    assert (step.asset, step.action, step.state, step.reasons) == (
        *(T, Action.AUDIT, StepState.AUDITED),
        ("adopted where it stands",),
    )
    assert (step.base_id, step.snapshot_id, step.rows) == (before.main, before.main, 2)
    assert (step.code_version, step.reads_digest) == (theirs.assets[T].code_version, "files of silver.t")
    assert dict(step.inputs) == {"bronze.a": theirs.main("bronze.a")}
    assert theirs.is_fresh("silver.t")


def test_an_adoption_is_recorded_with_a_verdict_of_that_very_snapshot(theirs: Lab) -> None:
    theirs.check("silver.t", lambda *_: True)
    run = adopt(theirs)
    (verdict,) = theirs.ledger.verdicts([T])[T]
    assert (verdict.snapshot_id, verdict.ruling, verdict.run, verdict.actor, verdict.reason) == (
        *(theirs.main("silver.t"), Ruling.PUBLISH),
        *(run.id, ACTOR, "adopted where it stands"),
    )
    assert verdict.checks_digest == theirs.suites[T].digest
    assert (verdict.passed, verdict.total) == (1, 1)
    assert run.steps[0].checks_digest == theirs.suites[T].digest
    assert StepPhase(run.id, T, Phase.AUDITING) in theirs.events


def test_a_table_elsewhere_is_registered_only_once_it_has_passed(theirs: Lab) -> None:
    before = theirs.table("silver.t")
    place = outside(theirs)
    theirs.check("silver.t", bad)
    assert adopt(theirs, place).state is RunState.DISCARDED
    assert theirs.catalog.load([T]) == {}
    theirs.check("silver.t", lambda *_: True)
    run = adopt(theirs, place)
    assert run.state is RunState.PUBLISHED
    assert run.steps[0].reasons == (f"adopted from {place}",)
    assert theirs.table("silver.t") == before
    assert theirs.rows("silver.t") == [7, 8]
    assert theirs.ledger.verdicts([T])[T][-1].ruling is Ruling.PUBLISH


def test_what_does_not_pass_stays_as_it_was_and_the_record_says_why(theirs: Lab) -> None:
    theirs.check("silver.t", bad)
    before = theirs.table("silver.t")
    run = adopt(theirs)
    assert theirs.run(run.id) == run
    assert (run.state, run.reason) == (RunState.DISCARDED, "not adopted: rule failed")
    assert run.ended_at is not None
    assert run.steps[0].state is StepState.HELD
    assert theirs.table("silver.t") == before
    (verdict,) = theirs.ledger.verdicts([T])[T]
    assert (verdict.ruling, verdict.reason, verdict.snapshot_id) == (Ruling.HOLD, "rule failed", before.main)
    assert not theirs.is_fresh("silver.t")


def test_a_main_that_moves_while_it_is_audited_is_not_adopted(theirs: Lab) -> None:
    def gone() -> None:
        theirs.catalog.register([Drop(T, theirs.table("silver.t").version)], UNRECORDED)

    theirs.at("catalog.commit>", gone)
    with pytest.raises(ConflictError):
        adopt(theirs)
    assert not theirs.ledger.verdicts([T]).get(T)


def test_a_main_that_was_taken_away_while_it_was_audited_is_not_adopted(theirs: Lab) -> None:
    main = theirs.main("silver.t") or 0
    theirs.at("catalog.commit>", lambda: theirs.catalog.commit([Rollback(T, main, None)], UNRECORDED))
    with pytest.raises(ConflictError):
        adopt(theirs)
    assert not theirs.ledger.verdicts([T]).get(T)


def test_an_adoption_pins_the_very_snapshot_that_it_audited(theirs: Lab) -> None:
    main, pinned = theirs.main("silver.t"), []
    commit = theirs.catalog.commit

    def looking(changes: Any, record: Any) -> Any:
        pinned.extend(changes)
        return commit(changes, record)

    theirs.catalog.commit = looking
    adopt(theirs)
    assert pinned == [Pin(T, main or 0)]


def test_while_it_is_audited_the_adoption_stands_as_running(theirs: Lab) -> None:
    seen: list[RunState] = []
    theirs.at("auditor.audit>", lambda: seen.append(theirs.ledger.runs()[0].state))
    adopt(theirs)
    assert seen == [RunState.RUNNING]


def test_an_adoption_takes_the_lease_of_its_asset(theirs: Lab) -> None:
    theirs.ledger.acquire(Lease("r99", "token", frozenset({T}), theirs.holder))
    with pytest.raises(BusyError, match=r"silver\.t is busy: run r99"):
        adopt(theirs)


def refused(lab: Lab, place: str | None = None) -> tuple[str, str | None]:
    with pytest.raises(UsageError) as caught:
        adopt(lab, place)
    return caught.value.message, caught.value.hint


def test_a_table_that_a_run_wrote_or_a_second_one_is_not_adopted(theirs: Lab) -> None:
    said = ("silver.t has a table already", "`lakeflow snapshots silver.t` shows it")
    assert refused(theirs, "/elsewhere") == said
    adopt(theirs)
    theirs.define("silver.t", [9])
    theirs.materialize("silver.t")
    assert refused(theirs) == said
    theirs.foreign_append("silver.t", [1])
    assert refused(theirs) == said


def test_what_is_not_there_is_not_adopted(theirs: Lab) -> None:
    outside(theirs)
    assert refused(theirs) == ("silver.t has no table to adopt", "`lakeflow adopt silver.t --from PLACE`")
    with pytest.raises(LakeError, match=r"silver\.t: there is no table at /elsewhere"):
        adopt(theirs, "/elsewhere")
    assert [run.state for run in theirs.ledger.runs() if run.id != "r1"] == []


def test_a_table_without_a_snapshot_is_not_adopted(theirs: Lab) -> None:
    outside(theirs)
    theirs.catalog.create(T, SCHEMA)
    assert refused(theirs) == (
        "silver.t: the table has no snapshot",
        "`lakeflow materialize silver.t` fills one",
    )


def test_a_table_that_is_not_as_declared_is_not_adopted(theirs: Lab) -> None:
    theirs.assets[T] = replace(theirs.assets[T], columns={"value": Column(type="varchar")})
    with pytest.raises(SchemaError, match="column 'value' is long, declared as string"):
        adopt(theirs)


def test_a_table_whose_columns_cannot_be_told_apart_is_not_adopted(theirs: Lab) -> None:
    outside(theirs)
    twice = Schema((Field("a", Primitive("long"), 1), Field("A", Primitive("long"), 2)), 0)
    theirs.catalog.create(T, twice)
    theirs.foreign_append("silver.t", [1])
    with pytest.raises(SchemaError):
        adopt(theirs)


def test_an_asset_that_lands_files_adopts_no_table(theirs: Lab) -> None:
    theirs.assets[T] = replace(theirs.assets[T], files=FileSource(("*.csv",), Format.CSV))
    assert refused(theirs) == (
        "silver.t lands files, and nothing says which of them the table holds already",
        "adopt it under an asset that reads it, or land the files again",
    )


# drop


@pytest.fixture
def left() -> Lab:
    """A table whose asset is gone."""
    made = Lab()
    made.define("silver.t", [9])
    made.materialize("silver.t")
    del made.assets[T]
    return made


def test_a_table_that_no_asset_defines_is_dropped_and_the_record_says_where_it_stays(left: Lab) -> None:
    table = left.table("silver.t")
    assert table.main is not None
    run = wap.drop(left.world, T)
    assert left.catalog.load([T]) == {}
    assert left.run(run.id) == run
    assert (run.state, run.actor, run.selection, run.steps) == (RunState.PUBLISHED, ACTOR, ("silver.t",), ())
    assert run.reason == f"dropped silver.t; its metadata stays at {table.version}"
    assert run.ended_at is not None
    (dropped,) = left.ledger.dropped()
    assert (dropped.key, dropped.uuid, dropped.version, dropped.run) == (T, table.uuid, table.version, run.id)
    assert run.ended_at < dropped.at
    verdict = left.ledger.verdicts([T])[T][-1]
    assert (verdict.asset, verdict.snapshot_id, verdict.ruling, verdict.run, verdict.attempt) == (
        *(T, table.main, Ruling.DROPPED, run.id, 1),
    )
    assert (verdict.actor, verdict.reason) == (ACTOR, f"dropped at {short_id(table.main)}")
    assert run.ended_at < verdict.at


def test_an_unborn_table_is_dropped_without_a_verdict(left: Lab) -> None:
    outside(left)
    left.catalog.create(T, SCHEMA)
    before = len(left.ledger.verdicts([T])[T])
    wap.drop(left.world, T)
    assert left.catalog.load([T]) == {}
    assert len(left.ledger.verdicts([T])[T]) == before
    assert [one.key for one in left.ledger.dropped()] == [T]


def test_a_table_that_is_in_use_is_not_dropped(theirs: Lab) -> None:
    with pytest.raises(UsageError) as caught:
        wap.drop(theirs.world, T)
    assert caught.value.message == "silver.t is defined by an asset"
    assert caught.value.hint == "remove its file first; a table that is in use stays"
    assert theirs.rows("silver.t") == [7, 8]


def test_a_table_that_is_not_there_is_not_dropped(left: Lab) -> None:
    outside(left)
    with pytest.raises(UsageError) as caught:
        wap.drop(left.world, T)
    assert caught.value.message == "silver.t is not in the catalog"
    assert caught.value.hint == "`lakeflow status` lists tables that no asset defines"
    assert left.ledger.dropped() == ()


def test_a_drop_holds_its_lease_under_its_own_run(left: Lab) -> None:
    seen: list[str] = []
    left.at("catalog.register>", lambda: seen.extend(one.run for one in left.ledger.standing().held))
    assert seen == [wap.drop(left.world, T).id]


def test_a_drop_takes_the_lease_of_its_table(left: Lab) -> None:
    left.ledger.acquire(Lease("r99", "token", frozenset({T}), left.holder))
    with pytest.raises(BusyError, match=r"silver\.t is busy: run r99"):
        wap.drop(left.world, T)
    assert left.rows("silver.t") == [9]
