"""What of a lake the one who serves it goes by."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lakeflow.core.model.run import RunRecord, RunState, StepState
from lakeflow.core.plan.planning import plan
from lakeflow.core.serve.refreshes import refreshes
from lakeflow.core.serve.view import Outlook, ServedAsset, served
from lakeflow.core.view.state import asset_states
from tests.core.samples import NOON, asset, facts, key, keys, made, project, step, table

LAKE = project(asset("bronze.a"))
FACTS = facts(table("bronze.a", made(1)))


def seen(*runs: RunRecord) -> ServedAsset:
    planned = plan(LAKE, FACTS, keys("bronze.a"))
    look = Outlook(LAKE, FACTS, planned, asset_states(planned, FACTS, {}), runs)
    return served(look, refreshes(LAKE, {})).assets[key("bronze.a")]


def run(state: RunState, ended: StepState | None, attempt: int = 1) -> RunRecord:
    later = NOON + timedelta(hours=attempt)
    return RunRecord("r1", state, NOON, attempt, later, (step("bronze.a", state=ended),))


@pytest.mark.parametrize(
    ("state", "ended", "cut_off"),
    [
        (RunState.FAILED, StepState.ERRORED, False),
        (RunState.FAILED, StepState.SKIPPED, False),
        (RunState.CONFLICT, StepState.CONFLICT, False),
        (RunState.ABANDONED, None, True),
    ],
)
def test_what_broke_names_its_run_so_that_it_is_gone_on_with(
    state: RunState, ended: StepState | None, cut_off: bool
) -> None:
    failure = seen(run(state, ended, attempt=3)).failure
    assert failure is not None
    assert (failure.run, failure.attempt, failure.cut_off) == ("r1", 3, cut_off)
    assert failure.at == NOON + timedelta(hours=3)


@pytest.mark.parametrize(
    ("state", "ended"),
    [
        (RunState.FAILED, StepState.DISCARDED),
        (RunState.FAILED, StepState.SUPERSEDED),
        (RunState.FAILED, StepState.PUBLISHED),
        (RunState.HELD, StepState.HELD),
        (RunState.DISCARDED, StepState.ERRORED),
    ],
)
def test_what_was_discarded_superseded_held_or_published_is_not_gone_on_with(state: RunState, ended: StepState) -> None:
    assert seen(run(state, ended)).failure is None


def test_only_the_newest_run_of_an_asset_counts_and_one_that_is_at_work_is_left_alone() -> None:
    newer = RunRecord("r2", RunState.RUNNING, NOON + timedelta(hours=9), steps=(step("bronze.a"),))
    found = seen(newer, run(RunState.FAILED, StepState.ERRORED))
    assert (found.failure, found.at_work, found.tried) == (None, True, newer.started_at)
