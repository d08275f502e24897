"""What each change asserts and does, and how an assertion that does not hold is told, on tables as values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lakeflow.adapters.iceberg.metadata import updates as u
from lakeflow.adapters.iceberg.metadata.layouts import ORDER, SPEC
from lakeflow.adapters.iceberg.metadata.refs import (
    FieldIdsUpTo,
    Kept,
    OnceMain,
    OnMain,
    RefAt,
    Requirement,
    SameTable,
    SchemaAt,
    TargetAt,
    absent,
    conflict,
    fence,
    fork,
    move,
    put_on_top,
    require,
)
from lakeflow.core.errors import ConflictError
from lakeflow.core.model.changes import Discard, Pin, Promote, Publish, Retract, Rollback, Stay, Tag, Untag
from lakeflow.core.model.provenance import MAIN_SCHEMA
from lakeflow.core.model.table import MAIN, Table
from tests.core.samples import SCHEMA, key, snapshot, table

A = key("silver.a")
RUN = "lakeflow.run"
AUDIT = "audit_r1"


def publishing(
    snapshot_id: int, base: int | None = None, keep: int = 9, needed: frozenset[int] = frozenset()
) -> Publish:
    return Publish(A, "silver.a", AUDIT, base, snapshot_id, "{}", keep, needed)


def asserted(snapshot_id: int, base: int | None) -> tuple[Requirement, ...]:
    return SameTable("silver.a"), RefAt(MAIN, base), RefAt(AUDIT, snapshot_id)


def staged(**summary: str) -> Table:
    """main at 1, and what the run wrote on it at 2."""
    return table("silver.a", snapshot(1), snapshot(2, 1, **summary), main=1, **{AUDIT: 2})


def test_a_publish_asserts_table_main_and_branch_and_moves_main_to_the_audited_snapshot() -> None:
    assert move(staged(), publishing(2, 1)) == (asserted(2, 1), (u.SetBranch(MAIN, 2), u.RemoveRef(AUDIT)))


def test_a_publish_of_a_staged_snapshot_asserts_the_schema_that_readers_saw_when_it_was_written() -> None:
    requirements, _ = move(staged(**{MAIN_SCHEMA: "0"}), publishing(2, 1))
    assert requirements == (*asserted(2, 1), SchemaAt(0))


def test_a_publish_sets_the_schema_and_the_layout_of_its_snapshot_and_its_proof() -> None:
    found = staged(**{SPEC: "3", ORDER: "4"})
    wider = replace(found, snapshots={**found.snapshots, 2: replace(found.snapshots[2], schema_id=7)})
    _, updates = move(wider, publishing(2, 1), {"snapshot-id": 2})
    assert updates == (
        u.SetCurrentSchema(7),
        u.SetDefaultSpec(3),
        u.SetDefaultSortOrder(4),
        u.SetBranch(MAIN, 2),
        u.RemoveRef(AUDIT),
        u.SetStatistics({"snapshot-id": 2}),
    )


def test_a_snapshot_without_a_schema_publishes_under_the_one_that_stands() -> None:
    found = staged()
    of_none = replace(found, snapshots={**found.snapshots, 2: replace(found.snapshots[2], schema_id=None)})
    assert move(of_none, publishing(2, 1))[1] == (u.SetBranch(MAIN, 2), u.RemoveRef(AUDIT))


def test_a_publish_of_a_snapshot_that_is_gone_does_nothing_and_asserts_what_cannot_hold() -> None:
    assert move(staged(), publishing(9, 1), {"snapshot-id": 9}) == (asserted(9, 1), ())


def test_a_publish_lets_go_of_what_it_leaves_behind_and_of_nothing_that_others_stand_on() -> None:
    line = table("silver.a", *(snapshot(n, n - 1 or None) for n in range(1, 6)), main=4, **{AUDIT: 5, "audit_r0": 2})
    assert move(line, publishing(5, 4, keep=1))[1][2:] == (u.RemoveSnapshots(frozenset({1, 3})),)
    kept = publishing(5, 4, keep=1, needed=frozenset({2}))
    assert move(line, kept)[1][2:] == (u.RemoveSnapshots(frozenset({1})),)


def test_a_discard_asserts_the_branch_and_takes_along_what_its_run_wrote() -> None:
    mine = {RUN: "r1"}
    line = table("silver.a", snapshot(1), snapshot(2, 1, **mine), snapshot(3, 2, **mine), main=1, **{AUDIT: 3})
    assert move(line, Discard(A, AUDIT, 3)) == (
        (RefAt(AUDIT, 3),),
        (u.RemoveRef(AUDIT), u.RemoveSnapshots(frozenset({2, 3}))),
    )


@pytest.mark.parametrize(
    ("summary", "refs"),
    [
        ({RUN: "r0"}, {}),  # another run wrote it
        ({}, {}),  # another engine wrote it
        ({RUN: "r1"}, {"tag": 2}),  # something else stands on it
    ],
)
def test_a_discard_takes_along_nothing_that_is_not_its_runs_alone(
    summary: dict[str, str], refs: dict[str, int]
) -> None:
    line = table(
        "silver.a", snapshot(1, None, **{RUN: "r1"}), snapshot(2, 1, **summary), snapshot(3, 2, **{RUN: "r1"}), main=1,
        **{AUDIT: 3, **refs},
    )  # fmt: skip
    assert move(replace(line, refs={**line.refs, MAIN: 1}), Discard(A, AUDIT, 3))[1] == (
        u.RemoveRef(AUDIT),
        u.RemoveSnapshots(frozenset({3})),
    )


def test_a_discard_of_a_branch_that_stands_on_main_removes_no_snapshot() -> None:
    line = table("silver.a", snapshot(1), main=1, **{AUDIT: 1})
    assert move(line, Discard(A, AUDIT, 1))[1] == (u.RemoveRef(AUDIT),)


def test_a_pin_asserts_that_its_snapshot_is_in_mains_history_and_changes_nothing() -> None:
    assert move(staged(), Pin(A, 1)) == ((OnMain(1),), ())


def test_a_table_that_stays_is_asserted_to_be_at_that_very_snapshot() -> None:
    assert move(staged(), Stay(A, 1)) == ((RefAt(MAIN, 1),), ())


def test_a_tag_is_a_new_name_for_a_snapshot_that_is_kept() -> None:
    assert move(staged(), Tag(A, "v1", 1)) == ((RefAt("v1", None), Kept(1)), (u.SetTag("v1", 1),))
    with pytest.raises(ConflictError, match="snapshot 9 has expired meanwhile"):
        require(staged(), (Kept(9),))


def test_a_tag_takes_along_only_what_nothing_else_reaches_or_remembers() -> None:
    kept = replace(staged(), refs={MAIN: 1, "v1": 1}, tags=frozenset({"v1"}))
    assert move(kept, Untag(A, "v1", 1)) == ((RefAt("v1", 1),), (u.RemoveRef("v1"),))
    apart = table("silver.a", snapshot(1), snapshot(5, 4), main=5, v1=1)
    assert move(apart, Untag(A, "v1", 1))[1] == (u.RemoveRef("v1"), u.RemoveSnapshots(frozenset({1})))
    seen = replace(apart, log=((apart.snapshots[1].committed_at, 1),))
    assert move(seen, Untag(A, "v1", 1))[1] == (u.RemoveRef("v1"),)


def test_a_rollback_goes_only_where_readers_have_been() -> None:
    here = table("silver.a", snapshot(1), snapshot(2, 1), snapshot(3, 1))
    back = replace(here, refs={MAIN: 2}, log=((here.snapshots[3].committed_at, 3),))
    require(back, (OnceMain(1), OnceMain(2), OnceMain(3)))
    with pytest.raises(ConflictError, match="readers never saw snapshot 3"):
        require(replace(back, log=()), (OnceMain(3),))


def test_a_rollback_asserts_main_and_its_goal_and_takes_schema_and_layout_back() -> None:
    line = table("silver.a", snapshot(1, None, **{SPEC: "3", ORDER: "4"}), snapshot(2, 1))
    wider = replace(line, schema_id=7)
    assert move(wider, Rollback(A, 2, 1)) == (
        (RefAt(MAIN, 2), OnceMain(1)),
        (u.SetCurrentSchema(0), u.SetDefaultSpec(3), u.SetDefaultSortOrder(4), u.SetBranch(MAIN, 1)),
    )


def test_a_rollback_of_a_main_that_moved_does_nothing_and_asserts_what_cannot_hold() -> None:
    assert move(table("silver.a", snapshot(1), snapshot(2, 1)), Rollback(A, 1, None)) == ((RefAt(MAIN, 1),), ())


def test_a_rollback_to_a_snapshot_that_expired_is_a_conflict() -> None:
    with pytest.raises(ConflictError) as caught:
        move(table("silver.a", snapshot(2, 1)), Rollback(A, 2, 1))
    assert caught.value.message == "silver.a: snapshot 1 is not kept any more"


def test_a_rollback_of_the_first_publish_takes_main_away_and_gives_back_the_schema_before_it() -> None:
    first = table("silver.a", snapshot(1, None, **{MAIN_SCHEMA: "3"}))
    known = replace(first, schemas={0: SCHEMA, 3: SCHEMA})
    here = (RefAt(MAIN, 1),)
    assert move(known, Rollback(A, 1, None)) == (here, (u.SetCurrentSchema(3), u.RemoveRef(MAIN)))
    assert move(first, Rollback(A, 1, None)) == (here, (u.RemoveRef(MAIN),))
    assert move(table("silver.a", snapshot(1)), Rollback(A, 1, None)) == (here, (u.RemoveRef(MAIN),))


def test_a_rollback_past_what_is_kept_is_a_conflict_that_names_the_oldest_snapshot() -> None:
    with pytest.raises(ConflictError) as caught:
        move(table("silver.a", snapshot(2, 1), snapshot(3, 2)), Rollback(A, 3, None))
    assert caught.value.message == "silver.a: snapshot 2 was not its first publish: an older one has expired"


def test_a_branch_is_made_together_with_its_snapshot() -> None:
    made = {"snapshot-id": 5}
    assert fork(AUDIT, made) == (u.AddSnapshot(made), u.SetBranch(AUDIT, 5))


def test_a_branch_goes_on_top_of_main_and_leaves_its_old_snapshot_behind() -> None:
    made = {"snapshot-id": 5}
    assert put_on_top(staged(), AUDIT, made) == (*fork(AUDIT, made), u.RemoveSnapshots(frozenset({2})))
    shared = table("silver.a", snapshot(1), snapshot(2, 1), main=2, **{AUDIT: 2})
    assert put_on_top(shared, AUDIT, made) == fork(AUDIT, made)


HOLDS: tuple[Requirement, ...] = (
    SameTable("silver.a"),
    *(RefAt(MAIN, 1), RefAt(AUDIT, 2), RefAt("other", None)),
    *(SchemaAt(0), FieldIdsUpTo(1), OnMain(1)),
)


def test_what_holds_is_asserted_without_a_word() -> None:
    require(staged(), HOLDS)


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        (SameTable("other"), "the table was replaced: expected table other, found silver.a"),
        (RefAt(MAIN, 7), "main moved: expected snapshot 7, found snapshot 1"),
        (RefAt(MAIN, None), "main moved: expected no snapshot, found snapshot 1"),
        (RefAt(AUDIT, 7), "branch audit_r1 moved: expected snapshot 7, found snapshot 2"),
        (RefAt("other", 7), "branch other moved: expected snapshot 7, found no snapshot"),
        (SchemaAt(7), "the schema changed: expected schema 7 on main, found 0"),
        (FieldIdsUpTo(0), "the schema changed: expected column ids up to 0, found 1"),
        (OnMain(2), "main moved: expected snapshot 2 in its history, found snapshot 1 without it"),
    ],
)
def test_an_assertion_that_does_not_hold_is_a_conflict_that_says_what_was_found(
    requirement: Requirement, said: str
) -> None:
    with pytest.raises(ConflictError) as caught:
        require(staged(), (*HOLDS, requirement))
    assert caught.value.message == f"silver.a: {said}"


def test_an_unborn_main_has_nothing_in_its_history() -> None:
    with pytest.raises(ConflictError, match="expected snapshot 1 in its history, found no snapshot without it"):
        require(table("silver.a"), (OnMain(1),))


def test_a_conflict_names_its_table_and_says_what_to_type() -> None:
    error = conflict(staged(), "main moved")
    assert (error.message, error.asset) == ("silver.a: main moved", A)
    assert error.hint == "nothing was changed; `lakeflow retry RUN` plans again on what is there now"


PROMOTE = Promote(A, "silver.a", "env_pr", 1, 2, refused="env_pr__refused_r7")


def apart(**refs: int) -> Table:
    return table("silver.a", snapshot(1), snapshot(2, 1), **{"main": 1, "env_pr": 2, **refs})


def test_a_promote_relies_on_nobody_having_given_it_up_and_removes_what_gave_up_those_before() -> None:
    asserted, wanted = move(apart(env_pr__refused_r6=2), PROMOTE)
    assert RefAt("env_pr__refused_r7", None) in asserted
    assert wanted == (u.SetBranch(MAIN, 2), u.RemoveRef("env_pr"), u.RemoveRef("env_pr__refused_r6"))
    assert absent(apart(), asserted) == {"env_pr__refused_r7"}
    with pytest.raises(ConflictError, match="env_pr__refused_r7 moved: expected no snapshot, found snapshot 2"):
        require(apart(env_pr__refused_r7=2), move(apart(env_pr__refused_r7=2), PROMOTE)[0])


def test_who_gives_up_a_promote_leaves_the_branch_of_the_environment_as_it_is() -> None:
    here = (SameTable("silver.a"), RefAt("env_pr", 2))
    assert fence(apart(), PROMOTE) == (here, (u.SetBranch("env_pr__refused_r7", 2),))
    assert fence(apart(env_pr__refused_r7=2), PROMOTE) == (here, ())
    assert fence(apart(env_pr=1), PROMOTE) == ((), ())


def test_a_promote_that_is_taken_back_leaves_main_and_branch_as_they_were() -> None:
    promoted = table("silver.a", snapshot(1), snapshot(2, 1), main=2)
    asserted, wanted = move(promoted, Retract(A, "silver.a", "env_pr", 1, 2))
    require(promoted, asserted)
    assert wanted == (u.SetBranch(MAIN, 1), u.SetBranch("env_pr", 2))


def test_a_branch_of_an_environment_that_is_not_there_yet_is_relied_on_not_to_be_there() -> None:
    assert absent(apart(), (TargetAt("env_new", 1), TargetAt("env_pr", 2), RefAt(MAIN, None))) == {"env_new"}
