"""Whether the files of a table may be moved, and what is then said of them: whatever was said of the same rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from lakeflow.core.care.compacting import (
    MovableTable,
    checks_known,
    held_by,
    left_branches,
    may_go_on,
    proof_of,
    standing,
    step_of,
    summary_of,
    verdict_of,
    with_proof,
)
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import Action, CheckResult, Ruling, RunRecord, RunState, VerdictRecord
from lakeflow.core.model.table import Table
from tests.core.samples import ERRORED, FAILED, NOON, PASSED, SCHEMA, columns, key, made, snapshot, step, table, verdict

A = "silver.a"
TABLE = table(A, made(1), made(2, 1))
SAID = verdict(A, 2, reason="all good", checks_digest="c", reads_digest="f", inputs={"b": 7}, looked_at={"c": 8})
RUN = RunRecord("r9", RunState.PUBLISHED, NOON, attempt=2, ended_at=NOON + timedelta(hours=1), actor="anna")


def movable(*verdicts: VerdictRecord, found: Table = TABLE) -> MovableTable:
    now = standing(found, verdicts or (SAID,), "")
    assert isinstance(now, MovableTable)
    return now


# may it be moved?

FOREIGN = table(A, made(1), snapshot(3, 1))
NONE = "the ledger has no verdict on s2: `lakeflow doctor` says what can be done"
REFUSED: dict[str, tuple[Table, tuple[VerdictRecord, ...], str, str]] = {
    "unborn": (table(A), (SAID,), "", "it was never published"),
    "an old format": (
        replace(TABLE, format_version=1),
        (SAID,),
        "",
        "its format is v1, which this release only reads",
    ),
    "held": (TABLE, (SAID,), "r7", "run r7 holds a branch of it: publish it, or discard it, first"),
    "written by others": (
        FOREIGN,
        (verdict(A, 1),),
        "",
        "s3 of another engine was never audited: `lakeflow materialize` audits it",
    ),
    "failed since": (
        TABLE,
        (SAID, verdict(A, 2, Ruling.HOLD, run="r5")),
        "",
        "it failed its last audit, in run r5: mend that first",
    ),
    "no verdict": (TABLE, (), "", NONE),
    "a verdict on another snapshot": (TABLE, (verdict(A, 1),), "", NONE),
    "a verdict that puts nothing on main": (TABLE, (verdict(A, 2, Ruling.UNCHANGED),), "", NONE),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_table_is_left_alone(what: str) -> None:
    found, said, holder, why = REFUSED[what]
    assert standing(found, said, holder) == why


LATER = verdict(A, 2, Ruling.FORCED, run="r6")
RULED: dict[str, tuple[tuple[VerdictRecord, ...], VerdictRecord]] = {
    "published": ((SAID,), SAID),
    "forced": ((LATER,), LATER),
    "the last one": ((SAID, LATER), LATER),
    "held before": ((verdict(A, 2, Ruling.HOLD), SAID), SAID),
    "others between": ((SAID, verdict(A, 1, Ruling.HOLD), verdict(A, 2, Ruling.UNCHANGED)), SAID),
}


@pytest.mark.parametrize("what", RULED)
def test_a_table_stands_by_the_verdict_that_put_it_on_main(what: str) -> None:
    said, ruled = RULED[what]
    found = movable(*said)
    assert (found.table, found.head, found.ruled) == (TABLE, TABLE.snapshots[2], ruled)
    assert found.stands.snapshot == found.head


# what is said of it


def test_its_snapshot_says_what_the_rows_said_and_who_moved_them() -> None:
    first = made(1, run="r1", code_version="v1")
    own = {"lakeflow.main-schema": "3", "lakeflow.partition-spec": "1", "lakeflow.sort-order": "2"}
    first = replace(first, summary={**first.summary, **own, "lakeflow.proven-list": "x", "engine": "theirs"})
    moved = snapshot(2, 1, "replace")
    found = movable(verdict(A, 2), found=table(A, first, moved))
    said = summary_of(found, "r9")
    kept = {name: text for name, text in first.summary.items() if name.startswith("lakeflow.")}
    assert said == {
        **{name: text for name, text in kept.items() if name not in {*own, "lakeflow.proven-list"}},
        "lakeflow.compacts": "2",
        "lakeflow.compacted-by": "r9",
    }
    assert said["lakeflow.run"] == "r1"


def test_rows_of_which_nobody_says_anything_say_who_moved_them() -> None:
    bare = replace(movable(), table=table(A, snapshot(1), snapshot(2, 1)))
    assert summary_of(bare, "r9") == {"lakeflow.compacts": "2", "lakeflow.compacted-by": "r9"}


def test_its_step_says_all_that_was_known_of_the_rows() -> None:
    found = step_of(movable(), "two files", (PASSED,))
    assert found == step(
        A,
        PASSED,
        action=Action.COMPACT,
        reasons=("two files",),
        base_id=2,
        code_version="code-1",
        checks_digest="c",
        reads_digest="f",
        inputs={"b": 7},
    )
    assert step_of(movable(), "x").checks == ()


def test_its_verdict_is_the_one_that_the_rows_had() -> None:
    skipped = CheckResult("later", Outcome.SKIPPED)
    moved = replace(step_of(movable(), "x", (PASSED, FAILED, ERRORED, skipped)), snapshot_id=9)
    assert verdict_of(movable(), moved, RUN) == replace(
        SAID,
        snapshot_id=9,
        run="r9",
        attempt=2,
        at=RUN.ended_at or NOON,
        actor="anna",
        reason="the very rows of s2: all good",
        passed=1,
        total=3,
    )
    forced = movable(LATER)
    said = verdict_of(forced, replace(step_of(forced, "x"), snapshot_id=9), RUN)
    assert (said.ruling, said.reason, said.passed, said.total) == (Ruling.FORCED, "the very rows of s2", 0, 0)


def test_its_proof_stands_beside_what_was_found_before() -> None:
    proof = proof_of(movable(), 1200)
    assert (proof.name, proof.outcome, proof.failed_rows, proof.rows) == ("same rows", Outcome.PASSED, 0, 1200)
    assert proof.detail == (
        "equal to s2, every value of the 1,200 rows that were written anew, by count and hash; every other file is the "
        "same"
    )
    old = replace(proof, detail="of last week")
    elsewhere = replace(proof, path="checks/silver/a.py")
    assert with_proof((PASSED, old, elsewhere, FAILED), proof) == (PASSED, elsewhere, FAILED, proof)


def test_what_its_audit_found_is_known_where_its_run_is() -> None:
    ran = replace(RUN, steps=(step("silver.b", FAILED, snapshot_id=2), step(A, PASSED, snapshot_id=2)))
    assert checks_known(movable(), ran) == (PASSED,)
    assert checks_known(movable(), replace(RUN, steps=(step(A, PASSED, snapshot_id=1),))) == ()
    assert checks_known(movable(), RUN) == ()
    assert checks_known(movable(), None) == ()


# what came meanwhile

ONWARD = (made(1), made(2, 1))
WENT_ON: dict[str, tuple[Table, bool]] = {
    "nothing": (TABLE, True),
    "rows were added": (table(A, *ONWARD, made(3, 2), made(4, 3)), True),
    "rows were replaced": (table(A, *ONWARD, made(3, 2, operation="overwrite")), False),
    "rows were replaced, then added": (table(A, *ONWARD, made(3, 2, operation="overwrite"), made(4, 3)), False),
    "rows were added, then replaced": (table(A, *ONWARD, made(3, 2), made(4, 3, operation="delete")), False),
    "main went back": (replace(TABLE, refs={"main": 1}), False),
    "main went elsewhere": (table(A, *ONWARD, made(3, 1)), False),
    "main went": (replace(TABLE, refs={}), False),
    "another table": (replace(TABLE, uuid="other"), False),
    "other columns": (replace(TABLE, schemas={0: replace(columns(("value", "int")), id=0)}), False),
}


@pytest.mark.parametrize("what", WENT_ON)
def test_only_added_rows_leave_the_files_of_before_on_main(what: str) -> None:
    now, may = WENT_ON[what]
    assert may_go_on(TABLE, now) is may
    assert TABLE.schema == SCHEMA


def test_a_table_that_was_unborn_has_no_files_to_go_on_with() -> None:
    unborn = replace(TABLE, refs={})
    assert not may_go_on(unborn, unborn)


# who holds a branch


def test_the_newest_run_that_left_rows_on_a_branch_holds_the_table() -> None:
    runs = [replace(RUN, id=id_, steps=(step(A, action=action),)) for id_, action in BRANCHES]
    there = replace(TABLE, refs={"main": 2, "audit_r1": 2, "audit_r2": 2, "audit_r3": 2, "audit_r4": 2})
    assert held_by(there, runs) == "r2"
    assert held_by(there, runs[::-1]) == "r4"
    assert held_by(there, runs[1:2]) == ""
    assert held_by(TABLE, runs) == ""
    assert held_by(there, [replace(RUN, id="r4")]) == "r4", "its step is not known"
    assert [one.id for one in left_branches(there, runs)] == ["r1", "r3"]
    assert left_branches(TABLE, runs) == ()
    other = replace(RUN, id="r1", steps=(step("silver.b", action=Action.COMPACT),))
    assert (held_by(there, [other]), left_branches(there, [other])) == ("r1", ())
    assert key(A) == there.key


BRANCHES = [
    ("r0", Action.WRITE),  # has no branch any more
    ("r1", Action.COMPACT),
    ("r2", Action.WRITE),
    ("r3", Action.COMPACT),
    ("r4", Action.AUDIT),
    ("r5", Action.COMPACT),  # has none either
]
