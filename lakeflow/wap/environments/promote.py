"""Promotes an environment: main of each table moves to the very snapshot that was audited there, all in one commit.

The runs of the environment that made these snapshots become runs of main too, with their steps, checks and verdicts:
what the proofs of the snapshots say is then what main's ledger says. One more run records the promote itself, and can
be rolled back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from heapq import merge
from typing import Final

from lakeflow.core.care.supersede import superseded
from lakeflow.core.environments.environment import branch_in
from lakeflow.core.environments.promotion import Candidates, Promotion, Ready
from lakeflow.core.errors import BusyError, ConflictError
from lakeflow.core.intents.intent import HandedOver, Note, RunNote
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import REFUSED, Change, Promote, Stay
from lakeflow.core.model.quarantine import with_their_quarantines
from lakeflow.core.model.run import (
    Action,
    Lease,
    MoveNote,
    Ruling,
    RunRecord,
    RunState,
    StepRecord,
    StepState,
    VerdictRecord,
)
from lakeflow.core.model.table import Pinned
from lakeflow.core.values import dataclass
from lakeflow.wap.attempt import Observer
from lakeflow.wap.entry import RunEntry
from lakeflow.wap.environments.drop import still
from lakeflow.wap.environments.promotion import Decided, decided, entered, read_by
from lakeflow.wap.environments.refresh import refresh_environment
from lakeflow.wap.ports import World
from lakeflow.wap.run.begin import materialize
from lakeflow.wap.run.lease import leased
from lakeflow.wap.run.plan import Request

_ROUNDS: Final = 3
"""How often main may move under what is to be promoted before the caller is told."""


@dataclass(frozen=True)
class Promoted:
    """What came of a promote: `run` is the run on main that published, None where nothing was ready. `promotion` says
    what became main, and what stays in the environment and why; `built` is the run in the environment that made anew
    what was behind.
    """

    run: RunRecord | None
    promotion: Promotion
    built: RunRecord | None = None


def promote(world: World, name: str, wait: float, observer: Observer) -> Promoted:
    """Build again in the environment what is behind, then publish on main all that is ready, without reading a row.
    Where another promote or a run moved main before the leases were held, that is done once more.

    What is held there, or is still behind after that, stays there. UsageError where there is no such environment,
    BusyError while a run is at work there for more than `wait` seconds, or where one has just made more of it ready.
    """
    built = None
    for _ in range(_ROUNDS):
        first = last = decided(world, name)
        if first.promotion.behind:
            built = _built(world, name, tuple(first.promotion.behind), wait, observer) or built
            last = decided(world, name)
        run = None
        if keys := tuple(one.asset for one in last.promotion.ready):
            run, last = _once(world, name, keys, wait)
        if run or not _moved(first, last):
            break
    return Promoted(run, last.promotion, built)


def _moved(first: Decided, last: Decided) -> bool:
    """Is something behind, and did main move meanwhile?"""
    before = {key: table.main for key, table in first.found.tables.items()}
    return bool(last.promotion.behind) and before != {key: table.main for key, table in last.found.tables.items()}


def _once(world: World, name: str, keys: Sequence[AssetKey], wait: float) -> tuple[RunRecord | None, Decided]:
    """Publish what is ready of these once their leases are held; None where nothing is any more."""
    run = RunRecord(
        id=world.new_id(),
        state=RunState.PUBLISHED,
        started_at=world.clock(),
        selection=tuple(map(str, keys)),
        actor=world.invocation.actor,
        reason=f"promoted from environment {name}",
    )
    with leased(world, run.id, keys, wait) as lease, still(world, name, keys, wait):
        # Another run, on main or there, may have come between the look and the leases.
        now = decided(world, name)
        if more := sorted({one.asset for one in now.promotion.ready} - set(keys)):
            # What is ready is so together: a part of it may rest on rows that main would not have.
            raise BusyError(f"a run in environment {name} made {more[0]} ready meanwhile", hint="promote it again")
        return (_published(world, lease, run, now) if now.promotion.ready else None), now


def _built(world: World, name: str, keys: tuple[AssetKey, ...], wait: float, observer: Observer) -> RunRecord | None:
    """Let the environment read today's main, and make anew in it what is behind."""
    refresh_environment(world, name, wait)
    selected = with_their_quarantines(world.project.assets, keys)
    if not selected:
        return None
    with entered(world, name) as there:
        return materialize(there, Request(selected, tuple(map(str, keys)), wait=wait), observer)


def _published(world: World, lease: Lease, run: RunRecord, done: Decided) -> RunRecord:
    """One commit: mains and branches, what main is handed over, the run, and what the environment reads."""
    found, ready = done.found, done.promotion.ready
    steps = tuple(_steps(world, found, ready))
    final = replace(run, steps=steps, ended_at=world.clock())
    moved = [one for one in ready if not one.is_confirmed]
    verdicts = {one.asset: _verdict(found, one, final) for one in moved}
    changes = [_change(found, one, final, verdicts) for one in ready] + _stays(world, found, ready)
    # What an audit alone confirmed was not made anew.
    anew = {step.asset for step in steps if step.asset in verdicts or step.action is Action.WRITE}
    taken = [left for each in world.ledger.unpublished(anew) if (left := superseded(each, final, anew))]
    # Of an asset the last one counts, also where a clock was set back in between.
    handed = merge(*(found.verdicts(one.asset) for one in ready), key=lambda said: said.at)
    pins = {one.asset: Pinned(found.tables[one.asset].uuid, one.snapshot_id) for one in ready}
    name = found.environment.name
    runs = (RunNote(final, tuple(verdicts.values())), *(RunNote(left, ()) for left in taken))
    notes: tuple[Note, ...] = (HandedOver(name, tuple(handed), pins), *runs)
    entry = RunEntry(world, lease, changes, notes)
    try:
        world.catalog.commit(changes, entry)
    except ConflictError as error:
        hint = f"nothing was changed; `lakeflow env promote {name}` decides again on what is there now"
        raise ConflictError(error.message, hint=hint, asset=error.asset) from None
    return final


def _steps(world: World, found: Candidates, ready: Sequence[Ready]) -> Iterator[StepRecord]:
    """What the runs of the environment last recorded of these assets, as steps that take main from what it is."""
    with entered(world, found.environment.name) as there:
        runs: Callable[[str], RunRecord] = cache(there.ledger.run)
        for one in ready:
            said = found.verdicts(one.asset)[-1]
            made = runs(said.run).step(one.asset)
            assert made is not None, "a run that ruled on a snapshot has a step for it"
            yield replace(
                made,
                state=StepState.UNCHANGED if one.is_confirmed else StepState.PUBLISHED,
                reason="",
                attempt=1,
                base_id=one.base,
                snapshot_id=one.snapshot_id,
                rows=one.rows,
                seconds=0.0,
                ended_at=world.clock(),
            )


def _verdict(found: Candidates, one: Ready, run: RunRecord) -> VerdictRecord:
    """That of the audit in the environment, as a verdict of the promote."""
    said = found.verdicts(one.asset)[-1]
    why = f"{run.reason}, where run {said.run} audited it"
    at = run.ended_at or run.started_at
    return replace(
        said,
        snapshot_id=one.snapshot_id,
        ruling=Ruling.PUBLISH,
        run=run.id,
        attempt=1,
        at=at,
        actor=run.actor,
        reason=why,
    )


def _change(found: Candidates, one: Ready, run: RunRecord, verdicts: Mapping[AssetKey, VerdictRecord]) -> Change:
    if one.is_confirmed:
        return Stay(one.asset, one.base)
    said, step = verdicts[one.asset], run.step(one.asset)
    planned = step.reasons if step else ()
    note = MoveNote(said.ruling, run.id, run.actor, run.reason, planned, said.passed, said.total)
    uuid = found.tables[one.asset].uuid
    given_up = branch_in(found.environment.name, f"{REFUSED}{run.id}")
    return Promote(one.asset, uuid, found.environment.ref, one.base, one.snapshot_id, note, given_up)


def _stays(world: World, found: Candidates, ready: Sequence[Ready]) -> list[Change]:
    """What was read and does not move by this commit must still be what it was when all of it was decided."""
    mine = {one.asset for one in ready}
    read = read_by(world, mine) - mine
    return [Stay(key, found.tables[key].main) for key in sorted(read & found.tables.keys())]
