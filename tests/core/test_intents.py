"""What came true of an intent is read from the tables, and what a half-done one leaves behind is recorded as it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lakeflow.core.intents.intent import HandedOver, Intent, NameNote, RunNote
from lakeflow.core.intents.landed import Course, course, landed
from lakeflow.core.intents.partly import Part, partly
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import (
    Adopt,
    Discard,
    Drop,
    LetGo,
    Pin,
    Promote,
    Publish,
    Rename,
    Retract,
    Rollback,
    Stay,
    Tag,
    Untag,
)
from lakeflow.core.model.run import Ruling, RunRecord, RunState, StepState
from lakeflow.core.model.table import Pinned, Table
from tests.core.samples import NOON, key, keys, made, snapshot, step, table, verdict

A, B, C = keys("silver.a silver.b silver.c")
BRANCH = "audit_r1"
LATER = NOON.replace(hour=15)


def publish(name: AssetKey = A, snapshot_id: int = 2, base: int | None = 1) -> Publish:
    return Publish(name, str(name), BRANCH, base, snapshot_id, "{}", 5)


def a(main: int | None = 2, log: tuple[int, ...] = (), **refs: int) -> Table:
    """`silver.a` with 1 <- 2 <- 3, and 4 beside them."""
    held = table("silver.a", made(1), made(2, 1), made(3, 2), made(4, 1), **refs)
    mains = {} if main is None else {"main": main}
    return replace(held, refs={**refs, **mains}, log=tuple((NOON, id_) for id_ in log))


def inside() -> Publish:
    return replace(publish(), branch="env_pr__audit_r1", target="env_pr")


PROMOTE = Promote(A, "silver.a", "env_pr", 1, 2)
RETRACT = Retract(A, "silver.a", "env_pr", 1, 2)
THERE: list[tuple[str, Any, Table | None, bool]] = [
    ("published", publish(), a(), True),
    ("below another", publish(), a(main=3), True),
    ("beside main", publish(), a(main=4), False),
    ("not yet", publish(), a(main=1, audit_r1=2), False),
    ("given up", publish(), a(main=1, fenced_audit_r1=2), False),
    ("rolled back since", publish(), a(main=1, log=(1, 2, 1)), True),
    ("rolled back before, and waiting again", publish(), a(main=1, log=(1, 2, 1), audit_r1=2), False),
    ("the branch waits with another", publish(), a(audit_r1=4), True),
    ("in another table", replace(publish(), uuid="other"), a(), False),
    ("no table to publish in", publish(), None, False),
    ("published in an environment", inside(), a(main=1, env_pr=2), True),
    ("below another one there", inside(), a(main=1, env_pr=3), True),
    ("on main alone", inside(), a(main=2), False),
    ("not yet there", inside(), a(main=1, env_pr__audit_r1=2), False),
    ("given up there", inside(), a(main=1, env_pr__fenced_audit_r1=2), False),
    ("promoted", PROMOTE, a(main=2), True),
    ("not promoted", PROMOTE, a(main=1, env_pr=2), False),
    ("rolled back before, and waiting for its promote", PROMOTE, a(main=1, log=(1, 2, 1), env_pr=2), False),
    ("not promoted, and let go", PROMOTE, a(main=1), False),
    ("retracted", RETRACT, a(main=1, env_pr=2), True),
    ("not retracted", RETRACT, a(main=2), False),
    ("rolled back there", Rollback(A, 2, 1, target="env_pr"), a(main=2, env_pr=1), True),
    ("not rolled back there", Rollback(A, 2, 1, target="env_pr"), a(main=1, env_pr=2), False),
    ("back to nothing there", Rollback(A, 1, None, target="env_pr"), a(main=1), True),
    ("published in an environment", replace(publish(), target="env_pr"), a(main=1, env_pr=3), True),
    ("beside the branch of an environment", replace(publish(), target="env_pr"), a(main=1, env_pr=4), False),
    ("rolled back", Rollback(A, 2, 1), a(main=1), True),
    ("not rolled back", Rollback(A, 2, 1), a(), False),
    ("rolled back and built upon", Rollback(A, 2, 1), a(main=4), True),
    ("rolled back to what is not below main", Rollback(A, 2, 3), a(main=4), False),
    ("forward to what contains it", Rollback(A, 2, 3), a(main=3), True),
    ("forward, not yet", Rollback(A, 2, 3), a(), False),
    ("back to nothing", Rollback(A, 1, None), a(main=None), True),
    ("back to nothing, not yet", Rollback(A, 1, None), a(main=1), False),
    ("back to nothing, and made anew", Rollback(A, 2, None), a(main=4), True),
    ("discarded", Discard(A, BRANCH, 2), a(), True),
    ("not discarded", Discard(A, BRANCH, 2), a(audit_r1=2), False),
    ("written anew since", Discard(A, BRANCH, 2), a(audit_r1=4), True),
    ("another branch of it", Discard(A, BRANCH, 2), a(audit_r2=2), True),
    ("tagged", Tag(A, "q1", 1), a(q1=1), True),
    ("not tagged", Tag(A, "q1", 1), a(), False),
    ("tagged otherwise", Tag(A, "q1", 1), a(q1=2), False),
    ("untagged", Untag(A, "q1", 1), a(), True),
    ("not untagged", Untag(A, "q1", 1), a(q1=1), False),
    ("another tag of it", Untag(A, "q1", 1), a(q2=1), True),
    ("tagged anew since", Untag(A, "q1", 1), a(q1=2), True),
    ("adopted", Adopt(A, "v1", "silver.a"), a(), True),
    ("not adopted", Adopt(A, "v1", "silver.a"), None, False),
    ("not adopted, and another table has the name", Adopt(A, "v1", "other"), a(), False),
    ("adopted by an older release", Adopt(A, "v1", ""), replace(a(), version="v1"), True),
    ("not adopted by an older release", Adopt(A, "v1", ""), replace(a(), version="v2"), False),
    ("not adopted by an older release, nor by another", Adopt(A, "v1", ""), None, False),
    ("dropped", Drop(A, "v1", "silver.a"), None, True),
    ("not dropped", Drop(A, "v1", "silver.a"), a(), False),
    ("dropped, and another table has the name", Drop(A, "v1", "other"), a(), True),
    ("unreadable, and dropped", Drop(A, "v1"), None, True),
    ("unreadable, and not dropped", Drop(A, "v1"), a(), False),
    ("let go", LetGo(A, {"env": 2, "env_audit": 3}, frozenset()), a(env=3), True),
    ("let go in part", LetGo(A, {"env": 2, "env_audit": 3}, frozenset()), a(env_audit=3), False),
    ("not let go", LetGo(A, {"env": 2}, frozenset()), a(env=2), False),
]


@pytest.mark.parametrize(("change", "held", "is_there"), [case[1:] for case in THERE], ids=[case[0] for case in THERE])
def test_whether_a_change_is_there_is_read_from_its_table(change: Any, held: Table | None, is_there: bool) -> None:
    assert landed(intent(change), {} if held is None else {A: held}) == {A: is_there}


@pytest.mark.parametrize(
    ("old", "new", "is_there"),
    [
        ("", "mine", True),
        ("mine", "", False),
        ("mine", "mine", False),
        ("", "", False),
        ("other", "mine", True),
        ("mine", "other", False),
        ("", "other", False),
        ("other", "", False),
    ],
)
@pytest.mark.parametrize("said", ["uuid", "version"])
def test_a_table_is_renamed_once_it_has_only_the_other_name(old: str, new: str, said: str, is_there: bool) -> None:
    """Also where another engine gave one of the names to another table; an older release knew it by its version."""
    rename = Rename(A, B, "mine", "mine" if said == "uuid" else "")
    held: dict[AssetKey, Table] = {}
    for name, one in ((A, old), (B, new)):
        if one:
            uuid, version = (one, "v") if said == "uuid" else ("u", one)
            held[name] = replace(table(str(name)), uuid=uuid, version=version)
    assert landed(intent(rename), held) == {A: is_there}


def test_a_table_has_all_its_changes_or_not() -> None:
    two = (Discard(A, BRANCH, 2), Rollback(A, 2, 1))
    assert landed(intent(*two), {A: a(main=1)}) == {A: True}
    assert landed(intent(*two), {A: a(main=1, audit_r1=2)}) == {A: False}
    assert landed(intent(*reversed(two)), {A: a(main=1, audit_r1=2)}) == {A: False}


def test_what_only_had_to_stay_is_not_asked_for() -> None:
    held = {B: table("silver.b", snapshot(1))}
    assert landed(intent(Pin(B, 1), publish(), Stay(C, None)), held) == {A: False}


@pytest.mark.parametrize(
    ("found", "next_"),
    [((True, True), Course.FORWARD), ((True, False), Course.FINISH), ((False, False), Course.FENCE)],
)
def test_all_goes_forward_none_is_fenced_and_a_part_is_finished(found: tuple[bool, bool], next_: Course) -> None:
    assert course(dict(zip((A, B), found, strict=True))) is next_


def intent(*changes: Any, notes: tuple[Any, ...] = ()) -> Intent:
    return Intent("i1", "token", changes, notes)


PART = Part(stay=frozenset({A}), back=frozenset({B}), never=frozenset({C}), why="another engine moved silver.c")


def run(*states: StepState) -> RunRecord:
    steps = tuple(replace(step(str(name)), state=state) for name, state in zip((A, B, C), states, strict=True))
    return RunRecord(id="r7", state=RunState.PUBLISHED, started_at=NOON, attempt=2, actor="anna", steps=steps)


def half_done(*states: StepState) -> Intent:
    verdicts = tuple(verdict(str(name), 2, ruling) for name in (A, B, C) for ruling in (Ruling.PUBLISH, Ruling.HOLD))
    changes = (publish(A), publish(B, 2, 1), publish(C))
    return intent(*changes, notes=(NameNote(A, B), RunNote(run(*states), verdicts)))


def test_a_run_of_which_a_part_stayed_is_a_conflict_and_its_other_steps_are_to_be_retried() -> None:
    published = (StepState.PUBLISHED,) * 3
    [note] = partly(half_done(*published), PART, LATER).notes
    assert isinstance(note, RunNote)
    assert (note.run.state, note.run.reason, note.run.ended_at) == (RunState.CONFLICT, PART.why, LATER)
    assert (note.run.id, note.run.attempt, note.run.actor) == ("r7", 2, "anna")
    assert [(one.asset, one.state, one.reason) for one in note.run.steps] == [
        (A, StepState.PUBLISHED, ""),
        (B, StepState.CONFLICT, PART.why),
        (C, StepState.CONFLICT, PART.why),
    ]


def test_a_step_that_was_not_published_stays_as_it_was() -> None:
    [note] = partly(half_done(StepState.HELD, StepState.HELD, StepState.ERRORED), PART, LATER).notes
    assert isinstance(note, RunNote)
    assert [one.state for one in note.run.steps] == [StepState.HELD, StepState.HELD, StepState.ERRORED]


def test_of_an_environment_main_is_handed_over_only_what_stays() -> None:
    said = tuple(verdict(str(name), 2) for name in (A, B, C))
    pins = {name: Pinned(str(name), 2) for name in (A, B, C)}
    promoted = half_done(*(StepState.PUBLISHED,) * 3)
    handed, note = partly(replace(promoted, notes=(HandedOver("pr", said, pins), *promoted.notes)), PART, LATER).notes
    assert handed == HandedOver("pr", said[:1], {A: pins[A]})
    assert isinstance(note, RunNote)


def test_a_snapshot_that_readers_never_saw_has_no_verdict_and_what_was_put_back_has_both() -> None:
    [note] = partly(half_done(*(StepState.PUBLISHED,) * 3), PART, LATER).notes
    assert isinstance(note, RunNote)
    assert [(one.asset, one.ruling) for one in note.verdicts[:5]] == [
        (A, Ruling.PUBLISH),
        (A, Ruling.HOLD),
        (B, Ruling.PUBLISH),
        (B, Ruling.HOLD),
        (C, Ruling.HOLD),
    ]
    said = [(one.asset, one.snapshot_id, one.ruling) for one in note.verdicts[5:]]
    assert said == [(B, 2, Ruling.ROLLED_BACK), (B, 1, Ruling.RETURNED)]
    assert {(one.run, one.attempt, one.at, one.actor, one.reason) for one in note.verdicts[5:]} == {
        ("r7", 2, LATER, "anna", PART.why)
    }


def test_what_goes_back_to_an_unborn_table_returns_nothing() -> None:
    held = replace(half_done(*(StepState.PUBLISHED,) * 3), changes=(publish(B, 2, None),))
    [note] = partly(held, PART, LATER).notes
    assert isinstance(note, RunNote)
    assert [one.ruling for one in note.verdicts[5:]] == [Ruling.ROLLED_BACK]


def test_an_intent_without_a_run_leaves_nothing_to_record() -> None:
    assert partly(intent(publish(), notes=(NameNote(key("silver.a"), B),)), PART, LATER).notes == ()
