"""A run as a value, and the provenance that its snapshots carry."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakeflow.core.model.check import Outcome, Severity
from lakeflow.core.model.provenance import PREFIX, Provenance, provenance_of
from lakeflow.core.model.run import (
    UNPUBLISHED_ENDS,
    CheckResult,
    RunRecord,
    RunState,
    StepState,
    end_state,
    waiting,
)
from tests.core.samples import NOON, key, step

GOOD = [StepState.PUBLISHED, StepState.UNCHANGED, StepState.AUDITED]
BAD = [
    (StepState.ERRORED, RunState.FAILED),
    (StepState.CONFLICT, RunState.CONFLICT),
    (StepState.HELD, RunState.HELD),
    (StepState.SKIPPED, RunState.HELD),
]


@pytest.mark.parametrize(("state", "named"), BAD)
def test_one_bad_step_names_the_run(state: StepState, named: RunState) -> None:
    assert end_state([*GOOD, state]) is named


@pytest.mark.parametrize(("worse", "better"), list(combinations(BAD, 2)))
def test_of_two_bad_steps_the_worse_one_names_the_run(
    worse: tuple[StepState, RunState], better: tuple[StepState, RunState]
) -> None:
    assert end_state([better[0], worse[0]]) is worse[1]


def _run(id_: str, state: RunState, **steps: StepState | None) -> RunRecord:
    return RunRecord(id_, state, NOON, steps=tuple(step(f"silver.{name}", state=of) for name, of in steps.items()))


def test_a_run_waits_until_a_later_one_takes_up_all_that_it_left() -> None:
    failed = _run("r1", RunState.FAILED, a=StepState.PUBLISHED, b=StepState.ERRORED, c=None)
    assert waiting([failed]) == (failed,)
    assert waiting([_run("r2", RunState.PUBLISHED, b=StepState.PUBLISHED), failed]) == (failed,)
    assert waiting([_run("r2", RunState.PUBLISHED, b=StepState.PUBLISHED, c=StepState.PUBLISHED), failed]) == ()
    assert waiting([_run("r1", RunState.DISCARDED, a=StepState.HELD)]) == ()


def test_a_run_of_good_steps_and_a_run_without_steps_are_published() -> None:
    assert end_state(GOOD) is RunState.PUBLISHED
    assert end_state([]) is RunState.PUBLISHED


@given(st.lists(st.sampled_from([*StepState])), st.sampled_from([*StepState]))
def test_one_step_more_never_makes_a_run_look_better(states: list[StepState], more: StepState) -> None:
    order = [RunState.FAILED, RunState.CONFLICT, RunState.HELD, RunState.SUPERSEDED, RunState.PUBLISHED]
    assert order.index(end_state([*states, more])) <= order.index(end_state(states))


def test_only_runs_that_ended_unpublished_may_go_on() -> None:
    assert frozenset(RunState) - UNPUBLISHED_ENDS == {
        RunState.RUNNING,
        RunState.PUBLISHED,
        RunState.SUPERSEDED,
        RunState.DISCARDED,
        RunState.ROLLED_BACK,
    }


@pytest.mark.parametrize(
    ("outcome", "severity", "holds"),
    [
        (Outcome.FAILED, Severity.CRITICAL, True),
        (Outcome.FAILED, Severity.WARNING, False),
        (Outcome.FAILED, Severity.INFO, False),
        (Outcome.ERRORED, Severity.INFO, True),
        (Outcome.PASSED, Severity.CRITICAL, False),
        (Outcome.SKIPPED, Severity.CRITICAL, False),
    ],
)
def test_which_results_hold_a_publish(outcome: Outcome, severity: Severity, holds: bool) -> None:
    assert CheckResult("c", outcome, severity).holds is holds


def test_a_step_takes_the_place_of_the_one_of_its_asset_and_a_new_one_comes_last() -> None:
    run = RunRecord("r1", RunState.RUNNING, NOON, steps=(step("silver.a"), step("silver.b")))
    changed = run.with_step(step("silver.a", rows=3)).with_step(step("silver.c"))
    assert [(str(one.asset), one.rows) for one in changed.steps] == [
        ("silver.a", 3),
        ("silver.b", None),
        ("silver.c", None),
    ]
    assert changed.step(key("silver.z")) is None
    assert run.branch == "audit_r1"


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PROVENANCE = st.builds(
    Provenance,
    run=TEXT.filter(bool),
    attempt=st.integers(1, 99),
    asset=TEXT,
    code_version=TEXT,
    checks=TEXT,
    inputs=st.dictionaries(TEXT, st.integers(0, 2**63 - 1), max_size=3),
    version=TEXT,
    fingerprint=TEXT,
    git=TEXT,
    reads_digest=TEXT,
)


@given(PROVENANCE)
def test_provenance_comes_back_from_a_summary_as_it_went_in(said: Provenance) -> None:
    summary = said.summary()
    assert provenance_of({**summary, "total-records": "3"}) == said
    assert all(name.startswith(PREFIX) and value for name, value in summary.items())


def test_snapshot_ids_are_text_in_the_summary_because_javascript_loses_their_last_digits() -> None:
    said = Provenance("r1", 1, "silver.a", "c", inputs={"bronze.b": 2**63 - 1, "bronze.a": 1})
    assert said.summary()["lakeflow.inputs"] == '{"bronze.a": "1", "bronze.b": "9223372036854775807"}'


def test_a_snapshot_that_another_engine_wrote_has_no_provenance() -> None:
    assert provenance_of({"operation": "append", "spark.app.id": "x"}) is None
