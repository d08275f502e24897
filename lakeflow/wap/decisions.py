"""What a person decides about a run afterwards: publish it, discard it, take it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from lakeflow.core.errors import UsageError
from lakeflow.core.model import AssetKey
from lakeflow.core.planning import short_id
from lakeflow.core.provenance import provenance_of
from lakeflow.core.runs import Lease, RunRecord, RunState, StepRecord, StepState
from lakeflow.core.table import Change, Discard, Rollback, Table
from lakeflow.wap.attempt import Attempt, Observer
from lakeflow.wap.leasing import leased
from lakeflow.wap.publishing import publish, publish_forced
from lakeflow.wap.run import ending_well, require_unpublished
from lakeflow.wap.steps import audit
from lakeflow.wap.world import World


def publish_held(
    world: World, run_id: str, selected: Sequence[AssetKey], reason: str | None, observer: Observer
) -> RunRecord:
    """Audit the held snapshots of a run again with today's checks and publish what passes.

    With a reason failed and errored checks are overridden; who and why is recorded. `selected` empty: all held.
    """
    keys = _held(world.ledger.run(run_id), selected)
    with leased(world, run_id, keys, 0.0) as lease:
        run = require_unpublished(world.ledger.run(run_id), "publish")
        attempt = Attempt(world, lease, _undecided_are_held(run, keys), world.facts(keys), observer)
        with ending_well(attempt):
            for key in keys:
                audit(attempt, _on_branch(attempt, key))
            return publish(attempt, lambda _: None) if reason is None else publish_forced(attempt, keys, reason)


def discard(world: World, run_id: str) -> RunRecord:
    """Drop the branches of everything that the run did not publish."""
    before = world.ledger.run(run_id)
    keys = tuple(step.asset for step in before.steps if not step.done)
    with leased(world, before.id, keys, 0.0) as lease:
        run = require_unpublished(world.ledger.run(before.id), "discard")
        tables = world.catalog.load(keys)
        changes = [
            Discard(key, run.branch, table.refs[run.branch])
            for key, table in tables.items()
            if run.branch in table.refs
        ]
        ended = replace(run, state=RunState.DISCARDED, ended_at=world.clock())
        return _commit(world, lease, changes, ended)


def rollback(world: World, run_id: str, *, force: bool) -> RunRecord:
    """Take a whole run back: main of every table that it published returns to what it was before.

    Last in, first out: UsageError naming the later publishes when there are some, unless `force`.
    """
    before = world.ledger.run(run_id)
    steps = [step for step in before.steps if step.state is StepState.PUBLISHED]
    if not steps or before.state is RunState.ROLLED_BACK:
        raise UsageError(f"run {before.id} has nothing on main to roll back", hint="`lakeflow runs` lists runs")
    with leased(world, before.id, [step.asset for step in steps], 0.0) as lease:
        tables = world.catalog.load([step.asset for step in steps])
        if not force:
            _refuse_later_publishes(tables, before, steps)
        changes = [_back(tables[step.asset], step) for step in steps]
        ended = replace(before, state=RunState.ROLLED_BACK, ended_at=world.clock())
        return _commit(world, lease, changes, ended)


def _commit(world: World, lease: Lease, changes: Sequence[Change], ended: RunRecord) -> RunRecord:
    world.catalog.commit(changes, lambda transaction: world.ledger.record(transaction, lease, ended, ()))
    return ended


def _held(run: RunRecord, selected: Sequence[AssetKey]) -> tuple[AssetKey, ...]:
    held = tuple(step.asset for step in run.steps if not step.done and step.snapshot_id is not None)
    chosen = tuple(key for key in held if not selected or key in selected)
    if not chosen:
        raise UsageError(f"run {run.id} holds nothing of what you selected", hint=f"`lakeflow runs {run.id}` shows it")
    return chosen


def _on_branch(attempt: Attempt, key: AssetKey) -> StepRecord:
    """The step with the snapshot that its branch holds now; UsageError when the branch is gone."""
    table = attempt.tables.get(key)
    if table is None or attempt.branch not in table.refs:
        raise UsageError(
            f"{key} has no branch {attempt.branch} any more", hint=f"`lakeflow retry {attempt.run.id}` writes it again"
        )
    return replace(attempt.step(key), snapshot_id=table.refs[attempt.branch])


def _undecided_are_held(run: RunRecord, chosen: Sequence[AssetKey]) -> RunRecord:
    """Steps that a dead attempt left open stay held unless they are chosen now."""
    return replace(
        run,
        steps=tuple(
            replace(step, state=StepState.HELD, reason="left open by an attempt that stopped")
            if step.state is None and step.asset not in chosen
            else step
            for step in run.steps
        ),
    )


def _refuse_later_publishes(tables: Mapping[AssetKey, Table], run: RunRecord, steps: Sequence[StepRecord]) -> None:
    later = {text: None for step in steps for text in _later(tables[step.asset], step)}
    if later:
        raise UsageError(
            f"main moved since run {run.id} published: {', '.join(later)}",
            hint="roll those back first, or `--force` to return to the state before this run all the same",
        )


def _later(table: Table, step: StepRecord) -> list[str]:
    """Who moved main after this step, newest first; a main that left the step behind counts too."""
    names: list[str] = []
    for snapshot in table.ancestry(table.main):
        if snapshot.id == step.snapshot_id:
            return names
        made = provenance_of(snapshot.summary)
        names.append(f"run {made.run}" if made else f"another engine ({table.key} {short_id(snapshot.id)})")
    return [f"{table.key} does not hold {short_id(step.snapshot_id or 0)} any more"]


def _back(table: Table, step: StepRecord) -> Rollback:
    assert table.main is not None, f"{table.key} was published by the run that is rolled back"
    if step.base_id is not None and step.base_id not in table.snapshots:
        raise UsageError(
            f"{table.key} cannot return to {short_id(step.base_id)}: that snapshot has expired",
            hint="`keep_snapshots` in [tool.lakeflow] says how many stay",
        )
    return Rollback(table.key, table.main, step.base_id)
