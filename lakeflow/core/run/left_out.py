"""A run that makes anew what rests on an earlier run, without that run. Its steps name the run."""

from __future__ import annotations

from dataclasses import replace

from lakeflow.core.model.run import RunRecord, RunState, StepState
from lakeflow.core.plan.reasons import Cause


def leaves_out(run: RunRecord) -> tuple[str, ...]:
    """The runs that this one leaves out, by the reasons of its steps."""
    start = f"{Cause.LEAVES_OUT} "
    reasons = (reason for step in run.steps for reason in step.reasons if reason.startswith(start))
    return tuple(dict.fromkeys(reason.removeprefix(start) for reason in reasons))


def left_out(run: RunRecord, by: RunRecord) -> RunRecord:
    """The record of the run once `by` is published without it."""
    mine = {step.asset for step in by.steps if f"{Cause.LEAVES_OUT} {run.id}" in step.reasons}
    why = f"rolled back in run {by.id}"
    steps = tuple(
        replace(step, state=StepState.SKIPPED, reason=why)
        if step.asset in mine and step.state is StepState.PUBLISHED
        else step
        for step in run.steps
    )
    if any(step.state in {StepState.PUBLISHED, StepState.HELD} for step in steps):
        return replace(run, steps=steps)
    return replace(run, state=RunState.ROLLED_BACK, reason=f"{why} by {by.actor}", ended_at=by.ended_at)
