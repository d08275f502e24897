"""What a person decides about a run afterwards: publish it, discard it, take it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.quarantine import with_their_quarantines
from lakeflow.core.model.run import Action, Lease, RunRecord, RunState, StepRecord, StepState
from lakeflow.core.model.table import Change, Discard, Rollback, Table
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.ports import Transaction
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
        facts = settled_facts(world, keys, anew=False)
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


def discard(world: World, run_id: str) -> RunRecord:
    """Drop the branches of everything that the run did not publish."""
    before = world.ledger.run(run_id)
    with leased(world, before.id, open_assets(before), 0.0) as lease:
        run = require_unpublished(world.ledger.run(before.id), "discard")
        tables = world.catalog.load([step.asset for step in run.steps])
        ended = _taken_back(world, run, RunState.DISCARDED)
        return _commit(world, lease, _branches(tables, run), ended)


def rollback(world: World, run_id: str, *, force: bool) -> RunRecord:
    """Take a whole run back: main of every table that it published returns to what it was before.

    What the run left unpublished is discarded with it. UsageError that names the later publishes of these tables, if
    there are any: the last publish is rolled back first, unless `force`.
    """
    before = world.ledger.run(run_id)
    everything = [step.asset for step in before.steps]
    with leased(world, before.id, everything, 0.0) as lease:
        run = world.ledger.run(before.id)
        steps = _on_main(run)
        tables = world.catalog.load(everything)
        _require_tables(tables, steps)
        if not force:
            _refuse_later_publishes(tables, run, steps)
        changes: list[Change] = [*(_back(tables[step.asset], step) for step in steps), *_branches(tables, run)]
        ended = _taken_back(world, run, RunState.ROLLED_BACK)
        return _commit(world, lease, changes, ended, *_undone_with(world, tables, ended))


def _taken_back(world: World, run: RunRecord, state: RunState) -> RunRecord:
    """The record of the run, saying who took it back, and when."""
    by = f"{state.replace('_', ' ')} by {world.invocation.actor}"
    return replace(run, state=state, ended_at=world.clock(), reason=by)


def _on_main(run: RunRecord) -> list[StepRecord]:
    steps = [step for step in run.steps if step.state is StepState.PUBLISHED]
    if not steps or run.state is RunState.ROLLED_BACK:
        raise UsageError(f"run {run.id} has nothing on main to roll back", hint="`lakeflow runs` lists runs")
    return steps


def _commit(world: World, lease: Lease, changes: Sequence[Change], ended: RunRecord, *others: RunRecord) -> RunRecord:
    """The changes and the records of all runs that they touch, in one transaction."""

    def record(transaction: Transaction) -> None:
        for run in (ended, *others):
            world.ledger.record(transaction, lease, run, ())

    world.catalog.commit(changes, record)
    return ended


def _undone_with(world: World, tables: Mapping[AssetKey, Table], undone: RunRecord) -> list[RunRecord]:
    """The records of later runs whose publishes a forced rollback takes off main too."""
    taken_back = {step.asset: step.base_id for step in undone.steps if step.state is StepState.PUBLISHED}
    names = {name: None for key, base in taken_back.items() for name in _runs_above(tables[key], base)}
    return [_without(world.ledger.run(name), taken_back, undone.id) for name in names if name != undone.id]


def _runs_above(table: Table, base: int | None) -> list[str]:
    above = takewhile(lambda snapshot: snapshot.id != base, table.ancestry(table.main))
    return [made.run for snapshot in above if (made := provenance_of(snapshot.summary))]


def _without(run: RunRecord, taken_back: Mapping[AssetKey, int | None], by: str) -> RunRecord:
    steps = tuple(
        replace(step, state=StepState.SKIPPED, reason=f"rolled back with run {by}")
        if step.asset in taken_back and step.state is StepState.PUBLISHED
        else step
        for step in run.steps
    )
    left = any(step.state is StepState.PUBLISHED for step in steps)
    return replace(run, steps=steps, state=run.state if left else RunState.ROLLED_BACK)


def _branches(tables: Mapping[AssetKey, Table], run: RunRecord) -> list[Discard]:
    """Every branch that the run still has."""
    return [
        Discard(key, run.branch, table.refs[run.branch]) for key, table in tables.items() if run.branch in table.refs
    ]


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
    held = tuple(step.asset for step in written if not step.done)
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


def _require_tables(tables: Mapping[AssetKey, Table], steps: Sequence[StepRecord]) -> None:
    for step in steps:
        if step.asset not in tables:
            raise UsageError(
                f"{step.asset} is not in the catalog any more",
                hint=f"`lakeflow materialize {step.asset}` builds it again",
            )


def _refuse_later_publishes(tables: Mapping[AssetKey, Table], run: RunRecord, steps: Sequence[StepRecord]) -> None:
    later = {text: None for step in steps for text in _later(tables[step.asset], step)}
    if later:
        raise UsageError(
            f"main moved since run {run.id} published: {', '.join(later)}",
            hint="roll those back first, or `--force` to return to the state before this run all the same",
        )


def _later(table: Table, step: StepRecord) -> list[str]:
    """The runs that moved main after this step, newest first. A main without the step's snapshot counts too."""
    names: list[str] = []
    for snapshot in table.ancestry(table.main):
        if snapshot.id == step.snapshot_id:
            return names
        made = provenance_of(snapshot.summary)
        names.append(f"run {made.run}" if made else f"another engine ({table.key} {short_id(snapshot.id)})")
    return [f"{table.key} does not hold {short_id(step.snapshot_id or 0)} any more"]


def _back(table: Table, step: StepRecord) -> Rollback:
    if table.main is None:
        raise UsageError(f"{table.key} has no main to roll back", hint=f"`lakeflow snapshots {table.key}` lists them")
    if step.base_id is not None and step.base_id not in table.snapshots:
        raise UsageError(
            f"{table.key} cannot return to {short_id(step.base_id)}: that snapshot has expired",
            hint="`keep_snapshots` in [tool.lakeflow] says how many stay",
        )
    return Rollback(table.key, table.main, step.base_id)
