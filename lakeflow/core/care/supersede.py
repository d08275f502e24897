"""A newer attempt takes the place of what older runs left unpublished. Values in, values out."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Action, RunRecord, RunState, StepRecord, StepState
from lakeflow.core.plan.readmission import readmits

_ON_BRANCH = frozenset({StepState.PUBLISHED, StepState.HELD, StepState.CONFLICT})


def superseded(older: RunRecord, newer: RunRecord, written: Collection[AssetKey]) -> RunRecord | None:
    """The older run without the steps that the newer one did anew, of those that it has `written` or judged itself;
    None where there are none.

    What the older run made from such a step goes with it. Once nothing is left but what it only skipped, so does what
    the newer run has steps for, however they ended.
    """
    mine = {step.asset: step for step in newer.steps if step.asset in written}
    taken = {step.asset for step in older.steps if step.asset in mine and _takes_place(mine[step.asset], step)}
    if not taken:
        return None
    while more := {step.asset for step in older.steps if step.open and _made_from(older, step, taken)} - taken:
        taken |= more
    if not any(step.open and step.state is not StepState.SKIPPED for step in older.steps if step.asset not in taken):
        taken |= {step.asset for step in older.steps if step.open and newer.step(step.asset)}
    reason, at = f"superseded by run {newer.id}", newer.ended_at
    steps = tuple(
        replace(step, state=StepState.SUPERSEDED, reason=reason, ended_at=at) if step.asset in taken else step
        for step in older.steps
    )
    if any(step.open for step in steps):
        return replace(older, steps=steps)
    return replace(older, steps=steps, state=RunState.SUPERSEDED, reason=reason)


def _takes_place(new: StepRecord, old: StepRecord) -> bool:
    """Does the newer step cover what the older one left? A readmission and a write do not cover each other, and a part
    of the partitions does not cover others.
    """
    if not old.open or old.state is StepState.SKIPPED or readmits(new) != readmits(old):
        return False
    if new.partitions and not set(old.partitions) <= set(new.partitions):
        return False
    if old.action is not Action.AUDIT and (old.snapshot_id is not None or old.state is None):
        # It may have a branch: only rows that were made anew take the place of rows.
        wrote = new.action is Action.WRITE and new.snapshot_id is not None and new.state in _ON_BRANCH
        return wrote or new.state is StepState.UNCHANGED
    return old.state in {StepState.HELD, StepState.CONFLICT} and (new.done or new.state in _ON_BRANCH)


def _made_from(run: RunRecord, step: StepRecord, taken: Collection[AssetKey]) -> bool:
    """Was it made from a snapshot that the run wrote for one of these? What the run only audited is main."""
    above = (run.step(key) for key in taken)
    wrote = {str(one.asset): one.snapshot_id for one in above if one and one.action is Action.WRITE and one.snapshot_id}
    return any(wrote.get(name) == snapshot for name, snapshot in step.inputs.items())
