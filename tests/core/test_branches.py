"""A run as its branches hold it, and a run without what another one leaves out: records and tables in, records out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from lakeflow.core.model.run import Action, RunRecord, RunState, StepRecord, StepState
from lakeflow.core.model.table import Table
from lakeflow.core.plan.reasons import Cause
from lakeflow.core.run.branches import held_on_branch, on_branches
from lakeflow.core.run.left_out import leaves_out, left_out
from tests.core.samples import NOON, PASSED, key, made, snapshot, step, table

A, B = "silver.a", "silver.b"
BASE: dict[str, Any] = {"code_version": "code-1", "reads_digest": "files", "inputs": {"bronze.x": 5}}
STEP = step(A, PASSED, snapshot_id=2, rows=10, state=StepState.HELD, base_id=1, attempt=1, **BASE)
RUN = RunRecord("r1", RunState.HELD, NOON, steps=(STEP,))


def held(head: int = 2, **fields: Any) -> Table:
    """What the run's branch holds on top of 1."""
    return table(A, snapshot(1), made(head, 1, **{**BASE, "run": "r1", **fields}), main=1, **{RUN.branch: head})


def test_what_the_branch_holds_is_what_the_ledger_says() -> None:
    assert held_on_branch(RUN, STEP, held()) == STEP
    assert on_branches(RUN, {key(A): held()}) == RUN


def test_what_was_put_on_top_of_a_moved_main_is_found_with_its_base() -> None:
    again = replace(STEP, snapshot_id=7, base_id=1)
    assert held_on_branch(RUN, replace(STEP, base_id=0), held(7)) == again
    assert on_branches(RUN, {key(A): held(7)}).steps == (again,)


OTHERS = [
    {"run": "r2"},
    {"attempt": 2},
    {"code_version": "code-2"},
    {"reads_digest": "other files"},
    {"inputs": {"bronze.x": 6}},
]


@pytest.mark.parametrize("fields", OTHERS)
def test_what_another_attempt_code_or_input_wrote_there_counts_as_not_done(fields: dict[str, object]) -> None:
    assert held_on_branch(RUN, STEP, held(7, **fields)) is None
    (undone,) = on_branches(RUN, {key(A): held(7, **fields)}).steps
    assert undone == replace(STEP, snapshot_id=None, rows=None, checks=())


def test_what_another_engine_wrote_there_counts_as_not_done() -> None:
    assert held_on_branch(RUN, STEP, table(A, snapshot(1), snapshot(7, 1), main=1, **{RUN.branch: 7})) is None


def test_a_write_that_no_branch_holds_counts_as_not_done() -> None:
    gone = table(A, snapshot(1), main=1)
    undone = replace(STEP, snapshot_id=None, rows=None, checks=())
    assert held_on_branch(RUN, STEP, gone) is None
    assert held_on_branch(RUN, STEP, None) is None
    assert on_branches(RUN, {key(A): gone}).steps == on_branches(RUN, {}).steps == (undone,)


@pytest.mark.parametrize("change", [{"state": StepState.PUBLISHED}, {"action": Action.AUDIT}])
def test_what_is_done_or_only_audits_needs_no_branch(change: dict[str, object]) -> None:
    mine = replace(RUN, steps=(replace(STEP, **change),))  # type: ignore[arg-type]
    assert on_branches(mine, {}) == mine


def by(*steps: StepRecord) -> RunRecord:
    return RunRecord("r9", RunState.PUBLISHED, NOON, actor="anna", ended_at=NOON.replace(hour=15), steps=steps)


def leaving(name: str, *runs: str) -> StepRecord:
    reasons = tuple(f"{Cause.LEAVES_OUT} {run}" for run in runs)
    return step(name, reasons=("input moved", *reasons))


def test_the_runs_that_are_left_out_are_named_once_and_in_order() -> None:
    assert leaves_out(by(leaving(A, "r3", "r1"), leaving(B, "r1", "r2"))) == ("r3", "r1", "r2")
    assert leaves_out(by(step(A, reasons=("code changed",)))) == ()


OLD = RunRecord(
    "r1", RunState.PUBLISHED, NOON, ended_at=NOON, steps=tuple(step(n, state=StepState.PUBLISHED) for n in (A, B))
)


def test_what_is_published_without_it_is_rolled_back_and_the_rest_stays() -> None:
    left = left_out(OLD, by(leaving(A, "r1"), leaving(B, "r2")))
    assert [(one.state, one.reason) for one in left.steps] == [
        (StepState.SKIPPED, "rolled back in run r9"),
        (StepState.PUBLISHED, ""),
    ]
    assert (left.state, left.ended_at) == (RunState.PUBLISHED, NOON)


def test_a_run_of_which_nothing_stands_is_rolled_back() -> None:
    left = left_out(OLD, by(leaving(A, "r1"), leaving(B, "r1")))
    assert (left.state, left.reason) == (RunState.ROLLED_BACK, "rolled back in run r9 by anna")
    assert left.ended_at == NOON.replace(hour=15)
    assert left.steps == OLD.steps, "its steps say what it did, as after a rollback of a whole run"


def test_what_it_holds_stays_held() -> None:
    holding = replace(OLD, steps=(OLD.steps[0], replace(OLD.steps[1], state=StepState.HELD)))
    left = left_out(holding, by(leaving(A, "r1"), leaving(B, "r1")))
    assert [one.state for one in left.steps] == [StepState.SKIPPED, StepState.HELD]
    assert left.state is RunState.PUBLISHED
