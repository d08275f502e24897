"""What changes of an environment assert and do, on tables as values: its branch stands where main stands."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lakeflow.adapters.iceberg.metadata import updates as u
from lakeflow.adapters.iceberg.metadata.layouts import ORDER, SPEC
from lakeflow.adapters.iceberg.metadata.refs import (
    OnTarget,
    RefAt,
    Requirement,
    SameTable,
    SchemaAt,
    TargetAt,
    fence,
    move,
    require,
    stands,
)
from lakeflow.core.errors import ConflictError
from lakeflow.core.model.changes import Change, LetGo, Pin, Promote, Publish, Rollback, Stay, fenced
from lakeflow.core.model.provenance import MAIN_SCHEMA
from lakeflow.core.model.table import MAIN, Table
from tests.core.samples import NOON, key, snapshot, table

A = key("silver.a")
ENV, AUDIT = "env_pr", "env_pr__audit_r1"
SAME = SameTable("silver.a")


def line(**refs: int) -> Table:
    """1 <- 2 <- 3 <- 4, each with a schema and a layout of its own; main is at 1."""
    said = {n: {MAIN_SCHEMA: str(n), SPEC: str(10 * n), ORDER: str(100 * n)} for n in range(1, 5)}
    made = (replace(snapshot(n, n - 1 or None, **said[n]), schema_id=5 * n) for n in said)
    return table("silver.a", *made, **{MAIN: 1, **refs})


def publish(snapshot_id: int, base: int | None, **more: Any) -> Publish:
    return Publish(A, "silver.a", AUDIT, base, snapshot_id, "{}", keep=1, target=ENV, **more)


def promote(snapshot_id: int, base: int | None) -> Promote:
    return Promote(A, "silver.a", ENV, base, snapshot_id)


def test_a_publish_moves_the_branch_of_the_environment_and_nothing_of_the_table_s_own() -> None:
    asserted = (SAME, TargetAt(ENV, 2), RefAt(AUDIT, 3))
    moved = (u.SetBranch(ENV, 3), u.RemoveRef(AUDIT))
    found = line(env_pr=2, **{AUDIT: 3})
    assert move(found, publish(3, 2)) == (asserted, moved)
    proof = {"snapshot-id": 3}
    assert move(found, publish(3, 2), proof) == (asserted, (*moved, u.SetStatistics(proof)))


def test_the_first_publish_there_makes_the_branch_on_what_is_pinned() -> None:
    found = line(**{AUDIT: 2})
    assert move(found, publish(2, 1)) == (
        (SAME, TargetAt(ENV, 1), RefAt(AUDIT, 2)),
        (u.SetBranch(ENV, 2), u.RemoveRef(AUDIT)),
    )


def test_a_rollback_there_moves_the_branch_back_or_takes_it_away() -> None:
    found = line(env_pr=3)
    here = TargetAt(ENV, 3)
    assert move(found, Rollback(A, 3, 2, target=ENV)) == ((here, OnTarget(ENV, 2)), (u.SetBranch(ENV, 2),))
    assert move(found, Rollback(A, 3, None, target=ENV)) == ((here,), (u.RemoveRef(ENV),))
    assert move(found, Rollback(A, 2, 1, target=ENV)) == ((TargetAt(ENV, 2),), ()), "of a branch that moved"


CHANGES: list[tuple[Change, Requirement]] = [
    (Pin(A, 1, target=ENV), OnTarget(ENV, 1)),
    (Stay(A, 1, target=ENV), TargetAt(ENV, 1)),
    (Stay(A, None, target=ENV), TargetAt(ENV, None)),
]


@pytest.mark.parametrize(("change", "asserted"), CHANGES)
def test_what_must_stay_there_is_asserted_of_its_branch(change: Change, asserted: Requirement) -> None:
    assert move(line(env_pr=2), change) == ((asserted,), ())


def test_a_base_is_asserted_of_main_or_of_the_branch() -> None:
    assert stands(MAIN, 3) == RefAt(MAIN, 3)
    assert stands(ENV, 3) == TargetAt(ENV, 3)


HOLDS: list[tuple[Table, Requirement]] = [
    (line(env_pr=2), TargetAt(ENV, 2)),
    (line(), TargetAt(ENV, 3)),
    (line(), TargetAt(ENV, None)),
    (line(env_pr=3), OnTarget(ENV, 3)),
    (line(env_pr=3), OnTarget(ENV, 1)),
    (line(), OnTarget(ENV, 4)),
]


@pytest.mark.parametrize(("found", "asserted"), HOLDS)
def test_a_branch_that_is_not_there_yet_stands_on_what_the_table_keeps(found: Table, asserted: Requirement) -> None:
    require(found, [asserted])


TAGGED = replace(line(v1=1), tags=frozenset({"v1"}))
FAILS: list[tuple[Table, Requirement, str]] = [
    (line(env_pr=2), TargetAt(ENV, 3), "branch env_pr moved: expected snapshot 3, found snapshot 2"),
    (line(env_pr=2), TargetAt(ENV, None), "branch env_pr moved: expected no snapshot, found snapshot 2"),
    (line(), TargetAt(ENV, 9), "branch env_pr moved: expected snapshot 9, found no snapshot"),
    (line(env_pr=2), OnTarget(ENV, 3), "branch env_pr moved: expected snapshot 3 in its history"),
    (line(), OnTarget(ENV, 9), "branch env_pr moved: expected snapshot 9 in its history"),
    (TAGGED, RefAt("v1", 2), "tag v1 moved: expected snapshot 2, found snapshot 1"),
]  # fmt: skip


@pytest.mark.parametrize(("found", "asserted", "said"), FAILS)
def test_a_branch_that_moved_there_is_a_conflict(found: Table, asserted: Requirement, said: str) -> None:
    with pytest.raises(ConflictError) as caught:
        require(found, [asserted])
    assert caught.value.message == f"silver.a: {said}"


def test_a_promote_moves_main_over_all_that_was_published_there() -> None:
    assert move(line(env_pr=3), promote(3, 1)) == (
        (SAME, RefAt(MAIN, 1), RefAt(ENV, 3), SchemaAt(2)),
        (
            u.SetCurrentSchema(15),
            u.SetDefaultSpec(30),
            u.SetDefaultSortOrder(300),
            u.SetBranch(MAIN, 3),
            u.RemoveRef(ENV),
        ),
    )


def test_a_promote_of_a_table_that_main_does_not_have_brings_its_whole_line() -> None:
    born = replace(line(env_pr=2), refs={ENV: 2})
    assert move(born, promote(2, None))[0] == (SAME, RefAt(MAIN, None), RefAt(ENV, 2), SchemaAt(1))


def test_a_promote_of_what_says_no_schema_asserts_none() -> None:
    plain = table("silver.a", snapshot(1), snapshot(2, 1), main=1, env_pr=2)
    assert move(plain, promote(2, 1)) == (
        (SAME, RefAt(MAIN, 1), RefAt(ENV, 2)),
        (u.SetBranch(MAIN, 2), u.RemoveRef(ENV)),
    )


@pytest.mark.parametrize(("base", "said"), [(9, "snapshot 9"), (3, "snapshot 3"), (None, "no snapshot")])
def test_what_does_not_stand_on_main_is_not_promoted(base: int | None, said: str) -> None:
    apart = table("silver.a", snapshot(1), snapshot(2, 1), snapshot(3, 2), snapshot(5, 4), main=1, env_pr=3)
    found = replace(apart, refs={MAIN: 1, ENV: 5 if base is None else 3})
    head = found.refs[ENV]
    with pytest.raises(ConflictError) as caught:
        move(found, promote(head, base))
    assert caught.value.message == f"silver.a: snapshot {head} does not stand on {said}"


def test_what_is_let_go_leaves_with_its_branches_all_that_nothing_else_reaches() -> None:
    found = line(env_pr=3, env_pr__audit_r2=4)
    gone = LetGo(A, {"env_pr__audit_r2": 4, ENV: 3}, frozenset({1, 2, 3, 4, 9}))
    assert move(found, gone) == (
        (RefAt(ENV, 3), RefAt("env_pr__audit_r2", 4)),
        (u.RemoveRef(ENV), u.RemoveRef("env_pr__audit_r2"), u.RemoveSnapshots(frozenset({2, 3, 4}))),
    )


def test_what_readers_saw_or_another_branch_reaches_is_not_let_go() -> None:
    found = line(env_pr=4, env_other=2)
    gone = LetGo(A, {ENV: 4}, frozenset({2, 3, 4}))
    assert move(found, gone)[1] == (u.RemoveRef(ENV), u.RemoveSnapshots(frozenset({3, 4})))
    seen = replace(found, log=((NOON, 3),))
    assert move(seen, gone)[1] == (u.RemoveRef(ENV), u.RemoveSnapshots(frozenset({4})))
    assert move(seen, LetGo(A, {ENV: 4}, frozenset({3})))[1] == (u.RemoveRef(ENV),)


def test_a_publish_that_was_given_up_gives_its_branch_another_name() -> None:
    found = line(**{AUDIT: 2})
    assert fence(found, publish(2, 1)) == (
        (SAME, RefAt(AUDIT, 2)),
        (u.SetBranch(fenced(AUDIT), 2), u.RemoveRef(AUDIT)),
    )
    assert fence(found, publish(3, 1)) == ((), ())
    assert fence(line(), publish(2, 1)) == ((), ())


def test_a_publish_on_main_spares_what_readers_saw_since() -> None:
    found = line(audit_r1=4)
    seen = replace(
        found, refs={MAIN: 3, "audit_r1": 4}, log=tuple((found.snapshots[n].committed_at, n) for n in (1, 2, 3))
    )
    change = replace(publish(4, 3, since=found.snapshots[2].committed_at), branch="audit_r1", target=MAIN)
    gone = [one.ids for one in move(seen, change)[1] if isinstance(one, u.RemoveSnapshots)]
    without = [one.ids for one in move(seen, replace(change, since=None))[1] if isinstance(one, u.RemoveSnapshots)]
    assert without == [frozenset({1, 2})]
    assert gone != without
