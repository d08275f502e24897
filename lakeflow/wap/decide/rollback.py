"""What readers see is taken back: a whole run, some tables of it, or one table to a snapshot that they once saw.

Main moves, and nothing is computed. A single table is not taken from under others: who was made from what would go, or
checked against it, is named first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain

from lakeflow.core.errors import LakeError, UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Rollback, Stay
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.quarantine import owner_of, quarantine_key, with_their_quarantines
from lakeflow.core.model.run import MoveNote, Ruling, RunRecord, RunState, StepRecord, StepState, VerdictRecord
from lakeflow.core.model.table import MAIN, NEUTRAL, Snapshot, Table
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.run.rollbacks import Goals, Resting, foreign, resting_on, taken_off
from lakeflow.core.view.history import find_snapshot
from lakeflow.wap.decide.record import branches, commit, taken_back
from lakeflow.wap.ports import World
from lakeflow.wap.run.lease import leased

Tables = Mapping[AssetKey, Table]


def rollback(world: World, run_id: str, selected: Sequence[AssetKey] | None, *, force: bool) -> RunRecord:
    """Take a run back, or the tables of it that are `selected`: main of each returns to what it was before.

    With the whole run, what it left unpublished is discarded. UsageError that names the later publishes of these tables
    if there are any, and, of a selection, the tables that rest on what would go; unless `force`.
    """
    before = world.ledger.run(run_id)
    everything = [step.asset for step in before.steps]
    chosen = None if selected is None else with_their_quarantines(world.project.assets, selected)
    alone = chosen is not None and not force
    with leased(world, before.id, {*everything, *(_unbuilt(world, everything) if alone else ())}, 0.0) as lease:
        run = world.ledger.run(before.id)
        steps = on_main(run, chosen)
        tables = world.catalog.load(everything)
        _require_tables(tables, steps)
        if not force:
            _refuse_later_publishes(tables, run, steps)
        backs = [_back(tables[step.asset], step.base_id) for step in steps]
        goals = {back.key: back.to for back in backs}
        stays = _refuse_resting(world, goals, run) if alone else []
        ended = _ended(world, run, chosen, frozenset(goals))
        dropped = branches(tables, run) if ended.state is RunState.ROLLED_BACK else []
        undone = _undone_with(world, tables, goals, run)
        verdicts = _rulings(world, ended, [(back.key, tables[back.key], back.to) for back in backs])
        return commit(world, lease, [*_noted(world, backs, ended), *dropped, *stays], [ended, *undone], verdicts)


def return_to(world: World, key: AssetKey, snapshot: str, *, force: bool) -> RunRecord:
    """Set main of one asset, and of its quarantine, to a snapshot that readers once saw. The record of that is a run
    without steps.

    UsageError for a snapshot that readers never saw or that no run published; and, unless `force`, where another
    engine's rows would go or another table rests on what goes.
    """
    if owner_of(key):
        raise UsageError(f"{key} goes with its owner", hint=f"`lakeflow rollback {owner_of(key)} --to {snapshot}`")
    run = RunRecord(
        world.new_id(), RunState.PUBLISHED, world.clock(), actor=world.invocation.actor, selection=(str(key),)
    )
    both = (key, quarantine_key(key))
    with leased(world, run.id, {*both, *_unbuilt(world, both)}, 0.0) as lease:
        tables = world.catalog.load(both)
        if key not in tables:
            raise UsageError(f"{key} was never built", hint=f"`lakeflow materialize +{key}` builds it")
        goals = _goals(tables, key, _seen_once(world, tables[key], snapshot))
        if not force:
            _refuse_others_rows(tables, goals)
        stays = [] if force else _refuse_resting(world, goals, None)
        backs = [_moved(tables[one], goal) for one, goal in goals.items()]
        was, now = (short_id(each or 0) for each in (tables[key].main, goals[key]))
        said = f"{key} set from {was} to {now}, as readers saw it before; by {world.invocation.actor}"
        ended = replace(run, ended_at=world.clock(), reason=said)
        undone = _undone_with(world, tables, goals, ended)
        verdicts = _rulings(world, ended, [(one, tables[one], goal) for one, goal in goals.items()])
        return commit(world, lease, [*_noted(world, backs, ended), *stays], [ended, *undone], verdicts)


def _noted(world: World, backs: Sequence[Rollback], run: RunRecord) -> list[Rollback]:
    """The moves with what their tables record of them: which run was taken back, or which one records the move."""
    note = MoveNote(Ruling.ROLLED_BACK, run.id, world.invocation.actor, run.reason)
    return [replace(back, note=note) for back in backs]


def on_main(run: RunRecord, selected: Sequence[AssetKey] | None) -> list[StepRecord]:
    """The steps that the run published, or the selected ones of them. UsageError where there are none."""
    steps = [step for step in run.steps if step.state is StepState.PUBLISHED]
    if not steps or run.state is RunState.ROLLED_BACK:
        raise UsageError(f"run {run.id} has nothing on main to roll back", hint="`lakeflow runs` lists runs")
    asked = steps if selected is None else [step for step in steps if step.asset in selected]
    if not asked:
        raise UsageError(
            f"run {run.id} published nothing of what you selected", hint=f"`lakeflow runs {run.id}` shows it"
        )
    return asked


def _ended(world: World, run: RunRecord, selected: Sequence[AssetKey] | None, gone: frozenset[AssetKey]) -> RunRecord:
    """The record of the run. One of which something stays, on main or held, keeps its state."""
    if selected is None:
        return taken_back(world, run, RunState.ROLLED_BACK)
    some = _without(run, gone, f"rolled back by {world.invocation.actor}")
    return some if some.state is not RunState.ROLLED_BACK else taken_back(world, run, RunState.ROLLED_BACK)


def _undone_with(world: World, tables: Tables, goals: Goals, by: RunRecord) -> list[RunRecord]:
    """The records of the other runs whose publishes are taken off main too."""
    gone: dict[str, set[AssetKey]] = {}
    off = {key: taken_off(tables[key], goal) for key, goal in goals.items()}
    ruled = world.ledger.latest({key: [snapshot.id for snapshot in snapshots] for key, snapshots in off.items()})
    for key, snapshots in off.items():
        wrote = {made.written_by for snapshot in snapshots if (made := provenance_of(snapshot.summary))}
        # One that only brought to main what another had written, as a promote does, has nothing on main now either.
        brought = {said.run for said in ruled.get(key, ()) if said.ruling in {Ruling.PUBLISH, Ruling.FORCED}}
        for name in sorted((wrote | brought) - {by.id}):
            gone.setdefault(name, set()).add(key)
    return [
        _without(_other(world, name, keys), frozenset(keys), f"rolled back with run {by.id}")
        for name, keys in gone.items()
    ]


def _other(world: World, name: str, keys: Collection[AssetKey]) -> RunRecord:
    try:
        return world.ledger.run(name)
    except UsageError as error:
        # It was published for other readers than those of here: from behind it nothing could come to them again.
        raise UsageError(f"{min(keys)} would be behind it: {error.message}", hint=error.hint) from None


def _without(run: RunRecord, gone: frozenset[AssetKey], why: str) -> RunRecord:
    steps = tuple(
        replace(step, state=StepState.SKIPPED, reason=why)
        if step.asset in gone and step.state is StepState.PUBLISHED
        else step
        for step in run.steps
    )
    left = any(step.state in {StepState.PUBLISHED, StepState.HELD} for step in steps)
    return replace(run, steps=steps, state=run.state if left else RunState.ROLLED_BACK)


def _rulings(world: World, run: RunRecord, moves: Iterable[tuple[AssetKey, Table, int | None]]) -> list[VerdictRecord]:
    """A ruling on each of our snapshots that readers no longer see, and on the one that they see again: who, when."""
    at, who = world.clock(), world.invocation.actor

    def ruling(key: AssetKey, snapshot: int, what: Ruling) -> VerdictRecord:
        return VerdictRecord(key, snapshot, what, run.id, run.attempt, at, who, run.reason)

    found: list[VerdictRecord] = []
    for key, table, goal in moves:
        gone = (each for each in taken_off(table, goal) if provenance_of(each.summary))
        found += [ruling(key, each.id, Ruling.ROLLED_BACK) for each in gone]
        found += [] if goal is None else [ruling(key, goal, Ruling.RETURNED)]
    return found


def _require_tables(tables: Tables, steps: Sequence[StepRecord]) -> None:
    for step in steps:
        if step.asset not in tables:
            raise UsageError(
                f"{step.asset} is not in the catalog any more",
                hint=f"`lakeflow materialize {step.asset}` builds it again",
            )


def _refuse_later_publishes(tables: Tables, run: RunRecord, steps: Sequence[StepRecord]) -> None:
    later = {text: None for step in steps for text in _later(tables[step.asset], step)}
    if later:
        raise UsageError(
            f"main moved since run {run.id} published: {', '.join(later)}",
            hint="roll those back first, or `--force` to return to the state before this run all the same",
        )


def _later(table: Table, step: StepRecord) -> list[str]:
    """The runs that moved main after this step, newest first. A main without the step's snapshot counts too, and a
    compaction does not: it goes with the rows that it moved.
    """
    names: list[str] = []
    for snapshot in table.ancestry(table.main):
        if snapshot.id == step.snapshot_id:
            return names
        if snapshot.operation != NEUTRAL:
            names.append(_writer(table, snapshot))
    return [f"{table.key} does not hold {short_id(step.snapshot_id or 0)} any more"]


def _writer(table: Table, snapshot: Snapshot) -> str:
    made = provenance_of(snapshot.summary)
    return f"run {made.run}" if made else f"another engine ({table.key} {short_id(snapshot.id)})"


def _refuse_others_rows(tables: Tables, goals: Goals) -> None:
    lost = [
        _writer(tables[key], snapshot)
        for key, goal in goals.items()
        for snapshot in foreign(taken_off(tables[key], goal))
    ]
    if lost:
        raise UsageError(
            f"rows of others would go from readers: {', '.join(lost)}",
            hint="`--force` returns to that snapshot all the same",
        )


def _refuse_resting(world: World, goals: Goals, run: RunRecord | None) -> list[Stay]:
    """UsageError that names the tables which would still stand on what goes. Else what the commit must assert, so that
    none comes meanwhile.
    """
    looked = world.catalog.look(world.catalog.keys())
    near = {key for key in looked.tables.keys() | looked.broken.keys() if _may_rest(world, key, goals)}
    if unknown := sorted(key for key in near - goals.keys() if key in looked.broken):
        error = looked.broken[unknown[0]]
        raise LakeError(
            f"{unknown[0]} may rest on it and cannot be read: {error.message}",
            hint="`lakeflow doctor` says what is wrong; `--force` rolls back all the same",
        )
    heads = {key: [head] for key, table in looked.tables.items() if (head := goals.get(key, table.main)) is not None}
    if found := resting_on(goals, looked.tables, world.ledger.latest(heads)):
        raise UsageError(f"others rest on it: {', '.join(map(str, found))}", hint=_with_them(found, goals, run))
    return [Stay(key, looked.tables[key].main) for key in sorted(near - goals.keys())]


def _unbuilt(world: World, keys: Collection[AssetKey]) -> set[AssetKey]:
    """Assets that would rest on these tables and have none yet. They are leased, so that none is built meanwhile."""
    built = world.catalog.keys()
    return {key for key in world.project.assets if key not in built and _may_rest(world, key, keys)}


def _may_rest(world: World, key: AssetKey, on: Collection[AssetKey]) -> bool:
    asset = world.project.assets.get(key)
    reads = asset.upstreams | world.project.suite(key).references if asset else frozenset[AssetKey]()
    return not reads.isdisjoint(on)


def _with_them(found: Sequence[Resting], goals: Goals, run: RunRecord | None) -> str:
    """What to type: with tables of the same run, or the later runs first."""
    force = "`--force` rolls back all the same, until the next run makes them anew"
    others = sorted({each.run for each in found if each.run and (run is None or each.run != run.id)})
    if others or run is None:
        first = ", ".join(f"`lakeflow rollback {name}`" for name in others)
        return f"{f'roll those back first: {first}; ' if first else ''}{force}"
    together = " ".join(sorted({str(key) for key in chain(goals, (each.key for each in found))}))
    return f"`lakeflow rollback {run.id} {together}` rolls them back together; {force}"


def _seen_once(world: World, table: Table, snapshot: str) -> int:
    """The snapshot that is meant. UsageError where readers never saw it, or no verdict put it there."""
    goal = find_snapshot(table, ref=MAIN, snapshot=snapshot)
    lists = f"`lakeflow snapshots {table.key}` lists what readers see and saw"
    if goal is None or table.main is None:
        raise UsageError(f"{table.key} has no main to roll back", hint=lists)
    if goal == table.main:
        raise UsageError(f"readers see {short_id(goal)} of {table.key} already", hint=lists)
    if not table.was_main(goal):
        raise UsageError(f"readers never saw {short_id(goal)} of {table.key}", hint=lists)
    ruled = world.ledger.latest({table.key: [goal]}).get(table.key, ())
    if not any(each.ruling in {Ruling.PUBLISH, Ruling.FORCED} for each in ruled):
        raise UsageError(f"no run published {short_id(goal)} of {table.key}: nobody audited it", hint=lists)
    return goal


def _goals(tables: Tables, key: AssetKey, goal: int) -> dict[AssetKey, int | None]:
    """Where main goes, of the asset and of its quarantine: the refused rows of the writes that go, go with them."""
    table, quarantine = tables[key], tables.get(quarantine_key(key))
    if quarantine is None or quarantine.main is None:
        return {key: goal}
    if all(each.id != goal for each in table.ancestry(table.main)):
        raise UsageError(
            f"{short_id(goal)} of {key} was rolled back, and the rows that it refused went with it",
            hint=f"`lakeflow materialize {key}` makes it anew",
        )
    writes = {_write_of(snapshot) for snapshot in taken_off(table, goal)}
    line = list(quarantine.ancestry(quarantine.main))
    gone = [place for place, snapshot in enumerate(line) if _write_of(snapshot) in writes]
    return {key: goal, quarantine.key: line[gone[-1]].parent_id} if gone else {key: goal}


def _write_of(snapshot: Snapshot) -> tuple[str, int]:
    made = provenance_of(snapshot.summary)
    return (made.run, made.attempt) if made else (f"s{snapshot.id}", 0)


def _back(table: Table, goal: int | None) -> Rollback:
    if table.main is None:
        raise UsageError(f"{table.key} has no main to roll back", hint=f"`lakeflow snapshots {table.key}` lists them")
    return _moved(table, goal)


def _moved(table: Table, goal: int | None) -> Rollback:
    if goal is not None and goal not in table.snapshots:
        raise UsageError(
            f"{table.key} cannot return to {short_id(goal)}: that snapshot has expired",
            hint="`keep_snapshots` in [tool.lakeflow] says how many stay",
        )
    assert table.main is not None
    return Rollback(table.key, table.main, goal)
