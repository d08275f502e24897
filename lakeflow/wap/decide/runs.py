"""What a person decides about a run that left something unpublished: publish it all the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.quarantine import with_their_quarantines
from lakeflow.core.model.run import Action, RunRecord, RunState, StepRecord, StepState
from lakeflow.core.run.branches import held_on_branch, on_branches
from lakeflow.wap.attempt import Attempt, Observer
from lakeflow.wap.ports import World
from lakeflow.wap.run.lease import leased
from lakeflow.wap.run.materialize import (
    ending_well,
    open_assets,
    require_some_left,
    require_unpublished,
    settled_facts,
    under_todays_names,
    with_old_names,
)
from lakeflow.wap.run.publish import publish_forced, publish_passed
from lakeflow.wap.step.audit import audit


def publish(
    world: World, run_id: str, selected: Sequence[AssetKey], reason: str | None, observer: Observer
) -> RunRecord:
    """Audit the held snapshots of a run again with today's checks and publish what passes.

    With a reason, failed and errored checks are overridden, and it is recorded by whom and why. With nothing
    `selected`, all held snapshots are meant.
    """
    before = under_todays_names(world.project, world.ledger.run(run_id))
    require_some_left(world.project, before, "publish")
    with leased(world, before.id, with_old_names(world, open_assets(before)), 0.0) as lease:
        run = under_todays_names(world.project, require_unpublished(world.ledger.run(before.id), "publish"))
        chosen = with_their_quarantines(world.project.assets, selected)
        keys = tuple(key for key in _held(run, chosen if selected else None) if key in world.project.assets)
        facts = settled_facts(world, lease, keys, anew=False)
        facts.require(keys)
        known = _others_on_branches(world, _undecided_are_held(run, keys), keys)
        attempt = Attempt(world, lease, known, facts, observer)
        steps = [_on_branch(attempt, key) for key in keys]
        if reason is not None:
            _require_inputs(run, steps)
        with ending_well(attempt):
            attempt.save(attempt.run)
            for step in steps:
                audit(attempt, step)
            if reason is not None:
                return publish_forced(attempt, keys, reason)
            return publish_passed(attempt)


def _require_inputs(run: RunRecord, chosen: Sequence[StepRecord]) -> None:
    """UsageError when a forced step was made from a held snapshot that is not forced with it."""
    mine = {str(step.asset) for step in chosen}
    left = {str(step.asset): step.snapshot_id for step in run.steps if not step.done and str(step.asset) not in mine}
    for step in chosen:
        for name, snapshot in step.inputs.items():
            if left.get(name) == snapshot:
                raise UsageError(
                    f"{step.asset} was made from {name} as this run wrote it, which is not published",
                    hint=f"select both: `{name} {step.asset}`",
                )


def _held(run: RunRecord, selected: Sequence[AssetKey] | None) -> tuple[AssetKey, ...]:
    """What the run holds of these assets, or of all; UsageError where that is nothing."""
    written = [step for step in run.steps if step.action is Action.WRITE and step.snapshot_id is not None]
    held = tuple(step.asset for step in written if step.open)
    chosen = tuple(key for key in held if selected is None or key in selected)
    if not chosen:
        raise UsageError(f"run {run.id} holds nothing of what you selected", hint=f"`lakeflow runs {run.id}` shows it")
    return chosen


def _on_branch(attempt: Attempt, key: AssetKey) -> StepRecord:
    """The step with the snapshot that its branch holds now.

    UsageError when that is another snapshot than the ledger says: nobody could tell from which code and inputs its rows
    come, and the publish would record the wrong ones.
    """
    table = attempt.tables.get(key)
    found = held_on_branch(attempt.run, attempt.step(key), table)
    if found is None:
        there = table is not None and attempt.branch in table.refs
        what = "was written by an attempt that died before it was recorded" if there else "is not there any more"
        raise UsageError(
            f"{key}: its branch {attempt.branch} {what}", hint=f"`lakeflow retry {attempt.run.id}` writes it again"
        )
    return found


def _others_on_branches(world: World, run: RunRecord, chosen: Sequence[AssetKey]) -> RunRecord:
    """The run as its branches hold it. The chosen steps are left as they are: for those, a difference is an error."""
    there = on_branches(run, world.catalog.load(step.asset for step in run.steps))
    pairs = zip(run.steps, there.steps, strict=True)
    return replace(run, steps=tuple(said if said.asset in chosen else found for said, found in pairs))


def _undecided_are_held(run: RunRecord, chosen: Sequence[AssetKey]) -> RunRecord:
    """The run as this publish continues it: steps that a dead attempt left open stay held, unless they are
    chosen now.
    """
    return replace(
        run,
        state=RunState.RUNNING,
        ended_at=None,
        reason="",
        steps=tuple(
            replace(step, state=StepState.HELD, reason="left open by an attempt that stopped")
            if step.state is None and step.asset not in chosen
            else step
            for step in run.steps
        ),
    )
