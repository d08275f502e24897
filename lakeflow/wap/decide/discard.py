"""What a person drops of a run that left something unpublished: all of it, or some assets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.quarantine import with_their_quarantines
from lakeflow.core.model.run import Action, RunRecord, RunState, StepState
from lakeflow.wap.decide.record import branches, commit, taken_back
from lakeflow.wap.ports import World
from lakeflow.wap.run.lease import leased
from lakeflow.wap.run.materialize import require_unpublished


def discard(world: World, run_id: str, selected: Sequence[AssetKey] = ()) -> RunRecord:
    """Drop the branches of everything that the run did not publish, or of those assets that are `selected`.

    UsageError when something that is left was made from what would go.
    """
    before = world.ledger.run(run_id)
    with leased(world, before.id, _off_main(before), 0.0) as lease:
        run = world.ledger.run(before.id)
        if run.state is not RunState.SUPERSEDED:
            require_unpublished(run, "discard")
        tables = world.catalog.load([step.asset for step in run.steps])
        chosen = _to_discard(world, run, selected)
        _refuse_orphans(run, chosen)
        ended = _without_discarded(world, run, chosen)
        dropped = [one for one in branches(tables, run) if ended.state is RunState.DISCARDED or one.key in chosen]
        return commit(world, lease, dropped, [ended])


def _off_main(run: RunRecord) -> tuple[AssetKey, ...]:
    """What may have a branch of the run: all that did not reach readers, superseded steps too; else all of it."""
    return tuple(step.asset for step in run.steps if not step.done) or tuple(step.asset for step in run.steps)


def _to_discard(world: World, run: RunRecord, selected: Sequence[AssetKey]) -> frozenset[AssetKey]:
    off = frozenset(step.asset for step in run.steps if not step.done and step.state is not StepState.DISCARDED)
    if not selected:
        return off
    chosen = off & frozenset(with_their_quarantines(world.project.assets, selected))
    if not chosen:
        hint = f"`lakeflow runs {run.id}` shows what it left"
        raise UsageError(f"run {run.id} has nothing to discard of what you selected", hint=hint)
    return chosen


def _refuse_orphans(run: RunRecord, chosen: frozenset[AssetKey]) -> None:
    """UsageError where a step that stays was made from one that goes: it could never be published."""
    wrote = [step for step in run.steps if step.action is Action.WRITE and step.snapshot_id is not None]
    goes = {str(step.asset): step.snapshot_id for step in wrote if step.asset in chosen}
    for step in run.steps:
        if step.open and step.asset not in chosen and step.snapshot_id is not None:
            above = next((name for name, snapshot in step.inputs.items() if goes.get(name) == snapshot), None)
            if above:
                raise UsageError(
                    f"{step.asset} was made from {above} as this run wrote it",
                    hint=f"select both: `lakeflow discard {run.id} {above} {step.asset}`",
                )


def _without_discarded(world: World, run: RunRecord, chosen: frozenset[AssetKey]) -> RunRecord:
    """The run without these steps. Where nothing is left of it but what it skipped, the whole of it is discarded, and
    its steps tell what they were.
    """
    ended = taken_back(world, run, RunState.DISCARDED)
    left = (step for step in run.steps if step.asset not in chosen)
    if not any(step.open and step.state is not StepState.SKIPPED for step in left):
        return ended
    steps = tuple(
        replace(step, state=StepState.DISCARDED, reason=ended.reason, ended_at=ended.ended_at)
        if step.asset in chosen
        else step
        for step in run.steps
    )
    return replace(run, steps=steps)
