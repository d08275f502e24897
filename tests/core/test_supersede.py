"""Which steps of an older run a newer one takes the place of."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lakeflow.core.care.supersede import superseded
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Action, RunRecord, RunState, StepRecord, StepState

AT = datetime(2026, 1, 1, tzinfo=UTC)
A, B, C = (AssetKey.parse(f"silver.{name}") for name in "abc")


def one(name: str, state: RunState, *steps: StepRecord) -> RunRecord:
    return RunRecord(name, state, AT, ended_at=AT, steps=steps)


def held(key: AssetKey, snapshot: int | None = 1, **more: object) -> StepRecord:
    return StepRecord(key, state=StepState.HELD, snapshot_id=snapshot, **more)  # type: ignore[arg-type]


def test_a_run_that_keeps_nothing_open_is_superseded_and_what_it_skipped_with_it() -> None:
    old = one("x", RunState.HELD, held(A), StepRecord(B, state=StepState.SKIPPED))
    left = superseded(old, one("y", RunState.HELD, held(A, 2), StepRecord(B, state=StepState.SKIPPED)), {A})
    assert left is not None
    assert (left.state, left.reason) == (RunState.SUPERSEDED, "superseded by run y")
    assert [step.state for step in left.steps] == [StepState.SUPERSEDED, StepState.SUPERSEDED]


def test_what_an_older_run_skipped_can_be_retried_while_no_newer_run_has_a_step_for_it() -> None:
    old = one("x", RunState.HELD, held(A), StepRecord(B, state=StepState.SKIPPED))
    left = superseded(old, one("y", RunState.HELD, held(A, 2)), {A})
    assert left is not None
    assert left.state is RunState.HELD
    assert [step.state for step in left.steps] == [StepState.SUPERSEDED, StepState.SKIPPED]


def test_what_the_newer_run_did_not_write_stays_held() -> None:
    old = one("x", RunState.HELD, held(A), held(B), StepRecord(C, state=StepState.SKIPPED))
    left = superseded(old, one("y", RunState.PUBLISHED, StepRecord(A, state=StepState.PUBLISHED, snapshot_id=2)), {A})
    assert left is not None
    assert left.state is RunState.HELD
    assert [step.state for step in left.steps] == [StepState.SUPERSEDED, StepState.HELD, StepState.SKIPPED]


def test_what_was_made_from_a_superseded_snapshot_goes_with_it() -> None:
    old = one("x", RunState.HELD, held(A, 1), held(B, 2, inputs={str(A): 1}), held(C, 3, inputs={str(B): 2}))
    left = superseded(old, one("y", RunState.HELD, held(A, 9)), {A})
    assert left is not None
    assert left.state is RunState.SUPERSEDED


@pytest.mark.parametrize(
    ("new", "old"),
    [
        (held(A, None), held(A)),
        (StepRecord(A, state=StepState.ERRORED), held(A)),
        (StepRecord(A, state=StepState.SKIPPED), held(A)),
        (StepRecord(A, Action.AUDIT, state=StepState.AUDITED, snapshot_id=1), held(A)),
        (held(A, 2, partitions=("2026-01",)), held(A, 1, partitions=("2026-02",))),
        (held(A, 2, inputs={"silver.a__quarantine": 5}), held(A)),
        (held(A, 2), held(A, 1, inputs={"silver.a__quarantine": 5})),
        (held(A, 2), StepRecord(A, state=StepState.PUBLISHED, snapshot_id=1)),
        (held(A, 2), StepRecord(A, state=StepState.DISCARDED, snapshot_id=1)),
    ],
    ids=[
        "it waits and wrote nothing", "it errored", "it was skipped", "it only audited main", "other partitions",
        "only readmitted", "the older one readmitted", "published", "discarded",
    ],
)  # fmt: skip
def test_nothing_takes_the_place_of_rows_that_it_does_not_cover(new: StepRecord, old: StepRecord) -> None:
    assert superseded(one("x", RunState.HELD, old), one("y", RunState.HELD, new), {A}) is None


AUDITED = StepRecord(A, Action.AUDIT, state=StepState.HELD, snapshot_id=1)
COVERS = [
    (held(A, 2), held(A)),
    (held(A, 2), StepRecord(A, state=StepState.CONFLICT, snapshot_id=1)),
    (StepRecord(A, state=StepState.PUBLISHED, snapshot_id=2), held(A)),
    (StepRecord(A, state=StepState.CONFLICT, snapshot_id=2), held(A)),
    (StepRecord(A, state=StepState.UNCHANGED), held(A)),
    (held(A, 2, partitions=("2026-01", "2026-02")), held(A, 1, partitions=("2026-02",))),
    (held(A, 2, partitions=("2026-02",)), held(A, 1, partitions=("2026-02",))),
    (held(A, 2), held(A, 1, partitions=("2026-02",))),
    (held(A, None), held(A, None)),
    (StepRecord(A, Action.AUDIT, state=StepState.AUDITED, snapshot_id=1), AUDITED),
    (StepRecord(A, Action.AUDIT, state=StepState.HELD, snapshot_id=1), AUDITED),
    (held(A, 2), StepRecord(A, state=StepState.HELD)),
]


@pytest.mark.parametrize(("new", "old"), COVERS)
def test_what_was_made_or_judged_anew_takes_the_place_of_what_was_left(new: StepRecord, old: StepRecord) -> None:
    left = superseded(one("x", RunState.HELD, old), one("y", RunState.HELD, new), {A})
    assert left is not None
    assert (left.state, left.reason) == (RunState.SUPERSEDED, "superseded by run y")
    (step,) = left.steps
    assert (step.state, step.reason, step.ended_at) == (StepState.SUPERSEDED, "superseded by run y", AT)
    assert step.snapshot_id == old.snapshot_id


@pytest.mark.parametrize("state", [StepState.ERRORED, StepState.SKIPPED])
def test_an_audit_that_came_to_no_end_takes_the_place_of_none(state: StepState) -> None:
    new = StepRecord(A, Action.AUDIT, state=state, snapshot_id=1)
    assert superseded(one("x", RunState.HELD, AUDITED), one("y", RunState.HELD, new), {A}) is None


def test_what_the_newer_run_did_not_do_itself_takes_the_place_of_nothing() -> None:
    assert superseded(one("x", RunState.HELD, held(A)), one("y", RunState.HELD, held(A, 2)), {B}) is None


def test_what_was_made_from_what_the_older_run_only_audited_or_from_another_snapshot_stays() -> None:
    from_main = held(B, 2, inputs={str(A): 1})
    left = superseded(one("x", RunState.HELD, AUDITED, from_main), one("y", RunState.HELD, held(A, 9)), {A})
    assert left is not None
    assert [step.state for step in left.steps] == [StepState.SUPERSEDED, StepState.HELD]
    from_other = held(B, 2, inputs={str(A): 7})
    left = superseded(one("x", RunState.HELD, held(A), from_other), one("y", RunState.HELD, held(A, 9)), {A})
    assert left is not None
    assert (left.state, [step.state for step in left.steps]) == (
        RunState.HELD,
        [StepState.SUPERSEDED, StepState.HELD],
    )


def test_what_was_published_of_an_older_run_stays_published() -> None:
    done = StepRecord(B, state=StepState.PUBLISHED, snapshot_id=2, inputs={str(A): 1})
    left = superseded(one("x", RunState.HELD, held(A), done), one("y", RunState.HELD, held(A, 9), held(B, 8)), {A})
    assert left is not None
    assert [step.state for step in left.steps] == [StepState.SUPERSEDED, StepState.PUBLISHED]
