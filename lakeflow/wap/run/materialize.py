"""A run from its leases to its verdict, and its retry."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial

from lakeflow.core.errors import BusyError, UsageError
from lakeflow.core.intents.intent import NameNote
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.asset import Project
from lakeflow.core.model.changes import Rename
from lakeflow.core.model.quarantine import with_their_quarantines
from lakeflow.core.model.run import UNPUBLISHED_ENDS, Action, Lease, RunRecord, RunState, StepRecord, StepState
from lakeflow.core.plan.facts import Facts
from lakeflow.core.plan.in_time.partitions import ASKED, Backfill
from lakeflow.core.plan.planning import Plan, Step
from lakeflow.core.plan.reasons import Cause
from lakeflow.core.plan.taken_out import asked_before
from lakeflow.core.run.branches import on_branches
from lakeflow.core.run.events import Planned, RunEnded, RunStarted
from lakeflow.core.run.resources import parallel_steps
from lakeflow.core.time.timeline import Window
from lakeflow.core.version.salt import require_salt
from lakeflow.wap.attempt import Attempt, Observer
from lakeflow.wap.entry import RunEntry
from lakeflow.wap.facts import gather
from lakeflow.wap.parallel import ParallelSteps
from lakeflow.wap.ports import World
from lakeflow.wap.run import plan as plans
from lakeflow.wap.run.lease import leased
from lakeflow.wap.run.plan import Request
from lakeflow.wap.run.publish import publish_passed
from lakeflow.wap.run.shares import Shares
from lakeflow.wap.run.supersede import drop_superseded
from lakeflow.wap.step.audit import audit
from lakeflow.wap.step.sizes import bytes_to_read, is_large
from lakeflow.wap.step.step import carry_out, skip


def carry_out_planned(world: World, request: Request, first: Plan, observer: Observer) -> RunRecord | None:
    """Take the leases and carry out what was planned. None when by then there is nothing to do.

    The plan is made again under the leases, and the observer is told that second plan: it is what runs.
    """
    run = RunRecord(
        id=world.new_id(),
        state=RunState.RUNNING,
        started_at=world.clock(),
        selection=request.selection,
        all_or_nothing=request.all_or_nothing,
        actor=world.invocation.actor,
    )
    mine = tuple(step.asset for step in first.steps)
    with leased(world, run.id, with_old_names(world, mine), request.wait) as lease:
        # What surely runs in a process of its own, Spark's session too, comes up while the plan is made again. Never
        # before the leases are held: a session that only waits could hold the cores of the run that has them.
        world.engine.start(world.project.assets[step.asset] for step in first.steps if step.action is Action.WRITE)
        # Another run may have published between the plan and the leases, so the plan is made again.
        facts = settled_facts(world, lease, mine, anew=request.lands_anew)
        plan = plans.due(world, facts, mine, request)
        # Only the first plan knows of assets that are fresh, and of those that runs hold.
        said = tuple(dict.fromkeys((*first.warnings, *plan.warnings)))
        plan = replace(plan, fresh=(*first.fresh, *plan.fresh), held=(*first.held, *plan.held), warnings=said)
        observer(Planned(plan))
        if not plan.steps:
            return None
        run = replace(run, steps=tuple(_planned(step, world, facts) for step in plan.steps))
        if request.forced or request.refreshed:
            facts = replace(facts, held=EMPTY)
        return _run(Attempt(world, lease, run, facts, observer, request.stops), plan)


def retry(world: World, run_id: str, wait: float, observer: Observer, selected: Sequence[AssetKey] = ()) -> RunRecord:
    """The next attempt of a run over its unpublished steps, or over those that are `selected`; what was published
    stays.
    """
    before = under_todays_names(world.project, world.ledger.run(run_id))
    require_some_left(world.project, before, "retry")
    require_salt(world.project, _unpublished(world, before, selected))
    with leased(world, before.id, with_old_names(world, open_assets(before)), wait) as lease:
        before = under_todays_names(world.project, require_unpublished(world.ledger.run(before.id), "retry"))
        keys = _unpublished(world, before, selected)
        again = Request(
            keys,
            forced=_was(Cause.FORCED, before),
            refreshed=_was(Cause.FULL_REFRESH, before),
            going_on=_was(Cause.GOES_ON, before),
            backfill=_was_backfill(world, before),
            readmits=_was(Cause.READMIT, before),
            files=asked_before(before),
        )
        facts = replace(settled_facts(world, lease, keys, anew=again.lands_anew), held=EMPTY)
        # The attempt before may have died after a commit and before it recorded that.
        before = on_branches(before, facts.tables)
        plan = plans.plan_on(world, facts, keys, again)
        observer(Planned(plan))
        run = replace(
            before,
            state=RunState.RUNNING,
            attempt=before.attempt + 1,
            ended_at=None,
            reason="",
            steps=tuple(
                _settled(step, plan, world.project, keys)
                for step in before.steps
                if not step.open or step.asset in world.project.assets or step.snapshot_id is not None
            ),
        )
        return _run(Attempt(world, lease, run, facts, observer), plan)


def with_old_names(world: World, keys: Sequence[AssetKey]) -> tuple[AssetKey, ...]:
    """The keys, and the old names of renamed assets: who moves a table must lease both of its names."""
    known = (world.project.assets[key] for key in keys if key in world.project.assets)
    return (*keys, *(asset.renamed_from for asset in known if asset.renamed_from))


def settled_facts(world: World, lease: Lease, keys: Sequence[AssetKey], *, anew: bool) -> Facts:
    """The facts under the leases, once every table of a renamed asset has its new name.

    The table and all that the ledger records of it are renamed in one transaction. The facts still name the assets that
    were renamed, so that they are audited under their new names.
    """
    facts = gather(world, keys, anew=anew)
    if not facts.renames:
        return facts
    renamed = [(old, new, facts.tables[new]) for new, old in facts.renames.items()]
    moves = [Rename(old, new, table.version, table.uuid) for old, new, table in renamed]
    notes = tuple(NameNote(move.key, move.to) for move in moves)
    world.catalog.register(moves, RunEntry(world, lease, moves, notes))
    return replace(gather(world, keys, anew=anew), renames=facts.renames)


def open_assets(run: RunRecord) -> tuple[AssetKey, ...]:
    """What must be leased to go on with a run: everything that it did not publish, or all of it if it published
    everything.

    Everybody who goes on with a run leases the same assets, so that only one does.
    """
    left = tuple(step.asset for step in run.steps if step.open)
    return left or tuple(step.asset for step in run.steps)


def under_todays_names(project: Project, run: RunRecord) -> RunRecord:
    """The run with its steps called as the project calls them now: an asset may have been renamed since."""
    now = {asset.renamed_from: key for key, asset in project.assets.items() if asset.renamed_from}
    gone = {step.asset for step in run.steps} - project.assets.keys()
    taken = {step.asset for step in run.steps}
    new = {old: now[old] for old in gone if old in now and now[old] not in taken}
    return replace(run, steps=tuple(replace(step, asset=new.get(step.asset, step.asset)) for step in run.steps))


def require_some_left(project: Project, run: RunRecord, verb: str) -> None:
    """UsageError where no asset is defined any more of all that the run left unpublished."""
    left = [step.asset for step in run.steps if step.open]
    if left and not any(key in project.assets for key in left):
        raise UsageError(
            f"run {run.id} has nothing left to {verb}: no asset defines {', '.join(map(str, left))} any more",
            hint=f"`lakeflow discard {run.id}` drops what it wrote; an asset that was renamed says `renamed_from`",
        )


def require_unpublished(run: RunRecord, verb: str) -> RunRecord:
    """UsageError unless the run has ended with something unpublished.

    Call it under the lease of `open_assets`: a run that is still `running` then has died.
    """
    if run.state is RunState.SUPERSEDED:
        raise UsageError(f"run {run.id} is {run.reason}: there is nothing to {verb}", hint=_newer(run, verb))
    if run.state not in UNPUBLISHED_ENDS | {RunState.RUNNING}:
        state = run.state.replace("_", " ")
        raise UsageError(f"run {run.id} is {state}: there is nothing to {verb}", hint="`lakeflow runs` lists runs")
    return run


def _newer(run: RunRecord, verb: str) -> str:
    """What to type in place of a verb on a superseded run."""
    newer = run.reason.rpartition(" ")[2]
    return f"`lakeflow runs {newer}` says how it stands, `lakeflow {verb} {newer}` goes on with it"


@contextmanager
def ending_well(attempt: Attempt) -> Iterator[None]:
    """Ends the run however the attempt stops: an interrupted run is abandoned, one with a fault is failed."""
    try:
        yield
    except KeyboardInterrupt:
        _stopped(attempt, RunState.ABANDONED, "interrupted")
        raise
    except BaseException as error:
        _stopped(attempt, RunState.FAILED, f"stopped by {type(error).__name__}")
        raise


def _planned(step: Step, world: World, facts: Facts) -> StepRecord:
    """The record of a step before it begins: enough for a retry after a crash to find it. It names the snapshots that
    the step may read, so that no publish expires them.
    """
    reasons = tuple(str(reason) for reason in step.reasons)
    partitions = tuple(each.name for each in step.partitions)
    tables = (facts.tables.get(key) for key in world.project.assets[step.asset].upstreams)
    inputs = {str(table.key): table.main for table in tables if table and table.main is not None}
    return StepRecord(step.asset, step.action, reasons, base_id=step.base_id, inputs=inputs, partitions=partitions)


def _run(attempt: Attempt, plan: Plan) -> RunRecord:
    attempt.planned = {step.asset: step for step in plan.steps}
    attempt.tell(RunStarted(attempt.run))
    attempt.save(attempt.run)
    with ending_well(attempt):
        writes = [step.asset for step in plan.steps if step.action is Action.WRITE]
        input_bytes = max((bytes_to_read(attempt, key) for key in writes), default=0)
        # The first step waits for the engine; the auditor is needed only when a step has been written.
        attempt.world.engine.start(map(attempt.asset, writes), input_bytes)
        attempt.world.auditor.start(attempt.suite(step.asset) for step in plan.steps)
        for fresh in (step for step in attempt.steps if step.done and plan.step(step.asset) is None):
            attempt.clear_branch(fresh.asset)
        drop_superseded(attempt)
        _side_by_side(attempt, plan)
        # Checks that refer to each other's tables looked at one of them before this run wrote it.
        for early in _checked_too_early(attempt):
            audit(attempt, early)
        final = publish_passed(attempt)
    attempt.tell(RunEnded(final))
    return final


def _side_by_side(attempt: Attempt, plan: Plan) -> None:
    """Carry out all steps, each after what it reads and what its checks look into, with a fair share of the machine."""
    world, steps = attempt.world, {step.asset: step for step in plan.steps}
    needs = _needs(attempt, plan)
    machine = world.policy.machine
    count = parallel_steps(machine, world.policy.parallel, needs)
    shares = Shares(machine, count, needs, attempt.granted)

    def act(key: AssetKey) -> None:
        if attempt.stopped_by:
            skip(attempt, steps[key])
            return
        shares.begin(key, large=is_large(attempt, key))
        carry_out(attempt, steps[key])
        for other, more in shares.end(key).items():
            world.engine.regrant(other, more)

    def ease(key: AssetKey) -> None:
        shares.ease(key)
        parallel.ease(key)

    def interrupt() -> None:
        world.engine.interrupt()
        world.auditor.interrupt()

    parallel = ParallelSteps(count, attempt.step_lock, partial(is_large, attempt), interrupt, world.is_ending)
    attempt.ease = ease
    parallel.run(needs, act)
    attempt.granted.clear()


def _needs(attempt: Attempt, plan: Plan) -> dict[AssetKey, frozenset[AssetKey]]:
    """What each step waits for, in the order of the plan. In a circle of references, a step does not wait for one that
    comes later.
    """
    before: set[AssetKey] = set()
    needs, together = {}, attempt.needs
    for step in plan.steps:
        needs[step.asset] = together[step.asset] & before
        before.add(step.asset)
    return needs


def _checked_too_early(attempt: Attempt) -> list[StepRecord]:
    """Steps whose checks refer to a table that this run wrote only after their audit. That happens where checks refer
    to each other.
    """
    early, written = [], set[AssetKey]()
    for step in reversed(attempt.steps):
        if attempt.written_here(step.asset) is not None:
            if attempt.suite(step.asset).references & written:
                early.append(step)
            written.add(step.asset)
    return early[::-1]


def _unpublished(world: World, run: RunRecord, selected: Sequence[AssetKey]) -> tuple[AssetKey, ...]:
    """What the run left open of these assets, or of all where none is selected; UsageError where that is nothing."""
    left = {step.asset for step in run.steps if step.open}
    chosen = left & set(with_their_quarantines(world.project.assets, selected)) if selected else left
    if left and not chosen:
        raise UsageError(f"run {run.id} left nothing of what you selected", hint=f"`lakeflow runs {run.id}` shows it")
    return tuple(key for key in world.project.assets if key in chosen)


def _was(cause: Cause, run: RunRecord) -> bool:
    return any(reason.startswith(cause) for step in run.steps for reason in step.reasons)


def _was_backfill(world: World, run: RunRecord) -> Backfill | None:
    """The span of the partitions that the run's steps were to build: a retry builds no others."""
    spans = [
        window
        for step in run.steps
        if (asset := world.project.assets.get(step.asset)) and asset.timeline
        for window in asset.timeline.named(step.partitions)
    ]
    if not spans:
        return None
    redo = any(ASKED in reason for step in run.steps for reason in step.reasons)
    return Backfill(Window(min(each.start for each in spans), max(each.end for each in spans)), redo)


def _settled(step: StepRecord, plan: Plan, project: Project, chosen: Collection[AssetKey]) -> StepRecord:
    """The step as the retry begins. A step that today's plan does not need ends `unchanged`, whatever its checks said.
    A step that was not chosen stays as it is. One of an asset that is no longer defined keeps its branch, which waits
    to be discarded.
    """
    if not step.open or plan.step(step.asset) is not None:
        return step
    if step.asset not in project.assets:
        return replace(step, state=StepState.HELD, reason="no asset defines it any more")
    if step.asset not in chosen:
        return (
            step if step.state else replace(step, state=StepState.HELD, reason="left open by an attempt that stopped")
        )
    return replace(step, state=StepState.UNCHANGED, checks=(), reason="fresh: published by another run meanwhile")


def _stopped(attempt: Attempt, state: RunState, reason: str) -> None:
    """Record how the run stopped, unless its end is recorded already: what happens after a commit takes nothing back.

    A run whose lease was lost is recorded by another process.
    """
    if attempt.world.ledger.run(attempt.run.id).state is not RunState.RUNNING:
        return
    run = replace(attempt.run, state=state, reason=reason, ended_at=attempt.world.clock())
    with suppress(BusyError):
        attempt.save(run)
