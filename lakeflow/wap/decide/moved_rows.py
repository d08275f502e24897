"""The publish of a compaction: what was written is staged on a branch, looked at as that very snapshot, and made main,
all within the lease of the table.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from lakeflow.core.care.compacting import (
    MovableTable,
    checks_known,
    held_by,
    left_branches,
    may_go_on,
    proof_of,
    standing,
    step_of,
    summary_of,
    verdict_of,
    with_proof,
)
from lakeflow.core.compact.results import Compacted, CompactOutcome, Size
from lakeflow.core.compact.stored import Compaction, MovedRows, Stored
from lakeflow.core.compact.work import CompactWork, merged_into
from lakeflow.core.errors import LakeError, LakeflowError, UsageError
from lakeflow.core.intents.intent import RunNote
from lakeflow.core.model.changes import Discard, Publish
from lakeflow.core.model.run import Lease, RunRecord, RunState, StepState
from lakeflow.core.model.table import Table
from lakeflow.core.ports.entry import UNRECORDED
from lakeflow.core.values import dataclass
from lakeflow.core.view.lineage import hidden_columns
from lakeflow.core.wording import counted
from lakeflow.wap.decide.record import branches
from lakeflow.wap.entry import RunEntry
from lakeflow.wap.ports import World
from lakeflow.wap.run.lease import leased
from lakeflow.wap.run.publish import proof_text


class MovedError(Exception):
    """Others changed the table so that the files written do not hold its rows any more."""


@dataclass(frozen=True)
class CompactJob:
    """What is to be done to a table as it stands."""

    now: MovableTable
    stored: Stored
    todo: CompactWork
    target: int


@dataclass(frozen=True)
class _StagedMove:
    """Files that were written, and the table as it stands now that it is leased. `run` moves the rows."""

    job: CompactJob
    made: MovedRows
    now: MovableTable
    run: RunRecord

    @property
    def gone(self) -> frozenset[str]:
        """The files that the new ones take the place of."""
        return frozenset(path for group in self.job.todo.groups for path in group.paths)


def publish_moved(world: World, job: CompactJob, made: MovedRows, wait: float) -> Compacted:
    """Publish what was written. BusyError while a run is at work on the table; MovedError where others changed it."""
    key = job.now.table.key
    run = RunRecord(
        world.new_id(), RunState.RUNNING, world.clock(), actor=world.invocation.actor, selection=(str(key),)
    )
    with leased(world, run.id, (key,), wait) as lease:
        now = _as_planned(world, job)
        step = step_of(now, f"{counted(job.todo.files, 'file')} of {len(job.stored.files)} to be written anew")
        move = _StagedMove(job, made, now, replace(run, steps=(step,)))
        # From here on a process that is killed leaves a run that says whose branch it is.
        world.ledger.save(move.run, (), lease)
        with _cleared(world, lease, move.run):
            staged = _staged(world, move)
            after = _audited(world, move, staged)
            final = _committed(world, lease, move, staged)
    done = told(job, CompactOutcome.COMPACTED)
    return replace(done, run=final.id, snapshot_id=final.steps[0].snapshot_id, after=after, rows=made.rows)


def standing_of(world: World, table: Table) -> MovableTable | str:
    verdicts = world.ledger.latest({table.key: table.snapshots}).get(table.key, ())
    return standing(table, verdicts, held_by(table, world.ledger.unpublished((table.key,))))


def _as_planned(world: World, job: CompactJob) -> MovableTable:
    """The table of now, on which the files written can still take the place of those that they were made from.

    Whatever an earlier compaction left on a branch goes. MovedError where rows of those files went meanwhile.
    """
    key = job.now.table.key
    table = world.catalog.load((key,)).get(key)
    if table is None:
        raise MovedError
    runs = world.ledger.unpublished((key,))
    if left := [Discard(key, run.branch, table.refs[run.branch]) for run in left_branches(table, runs)]:
        table = world.catalog.commit(left, UNRECORDED)[key]
    now = standing_of(world, table)
    same = table.main == job.now.head.id
    if isinstance(now, str) or not (same or (may_go_on(job.now.table, table) and not job.todo.deletes)):
        raise MovedError
    return now


def _staged(world: World, move: _StagedMove) -> Table:
    now, asset = move.now, world.project.assets[move.now.table.key]
    asked = Compaction(
        branch=move.run.branch,
        base=now.head.id,
        removes=None if move.job.todo.deletes else move.gone,
        files=move.made.files,
        summary=summary_of(now, move.run.id),
        layout=asset.layout,
        pii=hidden_columns(world.project, asset),
    )
    return world.catalog.compact(now.table, asked)


def _audited(world: World, move: _StagedMove, staged: Table) -> Size:
    """Look at the very snapshot: it must hold the new files, those of main that were not written anew, and no others.

    The new ones hold the rows of the old ones, as was proved; so the snapshot holds main's rows. MovedError where a
    collector of garbage took a new file before it was anybody's.
    """
    now, layout = move.now, world.project.assets[staged.key].layout
    stood = world.catalog.stored(now.table, now.head.id, layout)
    holds = world.catalog.stored(staged, staged.refs[move.run.branch], layout)
    wanted = sorted({file.path for file in stood.files} - move.gone | {file.path for file in move.made.files})
    deletes = () if move.job.todo.deletes else stood.deletes
    if sorted(file.path for file in holds.files) != wanted or sorted(holds.deletes) != sorted(deletes):
        raise LakeError(f"{staged.key}: the compaction does not hold the files that it must; nothing was changed")
    if not world.engine.are_there(move.made):
        raise MovedError
    return size_of(holds)


def _committed(world: World, lease: Lease, move: _StagedMove, staged: Table) -> RunRecord:
    """One transaction: main, the proof, the run and its verdict. Nothing expires by it."""
    now, at, id_ = move.now, world.clock(), staged.refs[move.run.branch]
    checks = with_proof(checks_known(now, _recorded(world, now.ruled.run)), proof_of(now, move.made.rows))
    step = replace(move.run.steps[0], state=StepState.PUBLISHED, snapshot_id=id_, checks=checks, ended_at=at)
    final = replace(move.run, state=RunState.PUBLISHED, steps=(step,), ended_at=at)
    verdict = verdict_of(now, step, final)
    publish = Publish(
        key=step.asset,
        uuid=staged.uuid,
        branch=move.run.branch,
        base=now.head.id,
        snapshot_id=id_,
        proof=proof_text(step, verdict),
        keep=len(staged.snapshots),
    )
    world.catalog.commit([publish], RunEntry(world, lease, [publish], (RunNote(final, (verdict,)),)))
    return final


def _recorded(world: World, run: str) -> RunRecord | None:
    try:
        return world.ledger.run(run)
    except UsageError:  # a database that was made again knows verdicts without their runs
        return None


@contextmanager
def _cleared(world: World, lease: Lease, run: RunRecord) -> Iterator[None]:
    """Whatever stops the publish, no branch stays, and the run is recorded as it ended."""
    try:
        yield
    except BaseException as error:
        with suppress(LakeflowError):
            if world.ledger.run(run.id).state is RunState.RUNNING:
                tables = world.catalog.load(step.asset for step in run.steps)
                world.catalog.commit(branches(tables, run), UNRECORDED)
                stopped = replace(
                    run, state=RunState.DISCARDED, ended_at=world.clock(), reason=f"stopped by {type(error).__name__}"
                )
                world.ledger.save(stopped, (), lease)
        raise


def told(job: CompactJob, outcome: CompactOutcome, why: str = "") -> Compacted:
    """What there is to do, with sizes as they would be."""
    todo, stored = job.todo, job.stored
    files = len(stored.files) - todo.files + todo.files_after(job.target)
    manifests = merged_into(stored.manifests) if todo else len(stored.manifests)
    after = Size(files, stored.bytes, manifests, 0 if todo.deletes else len(stored.deletes))
    return Compacted(
        job.now.table.key,
        outcome,
        why,
        before=size_of(stored),
        after=after,
        rewritten=todo.files,
        rewritten_bytes=todo.bytes,
    )


def size_of(stored: Stored) -> Size:
    return Size(len(stored.files), stored.bytes, len(stored.manifests), len(stored.deletes))
