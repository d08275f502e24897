"""Rows are moved into fewer files: a commit that changes none of them, and that gives way to every run.

The work is done without a lease: files are written and proved to hold the very rows of those that they replace. Only
then is the table leased, for the moment of two commits: one that stages the snapshot on a branch, one that publishes
it. A run that is at work on the table goes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from lakeflow.core.compact.results import Compacted, CompactOutcome, together
from lakeflow.core.compact.stored import Rewrite
from lakeflow.core.compact.work import work
from lakeflow.core.errors import BusyError, ConflictError, LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.quarantine import with_their_quarantines
from lakeflow.core.values import dataclass
from lakeflow.wap.decide.moved_rows import CompactJob, MovedError, publish_moved, size_of, standing_of, told
from lakeflow.wap.ports import World

_TRIES: Final = 3
"""How often a table is compacted anew because others changed it meanwhile, and how often in succession."""


@dataclass(frozen=True)
class CompactRequest:
    """`target` is the size of a file in bytes, None for that of the settings; `wait` is in seconds. With `dry` nothing
    is written.
    """

    target: int | None = None
    wait: float = 0.0
    dry: bool = False


def compact(world: World, selected: Sequence[AssetKey], asked: CompactRequest) -> Iterator[Compacted]:
    """Compact each of these tables, and their quarantines, one after the other; tell of each what came of it."""
    if not asked.dry:
        world.claim()
    for key in with_their_quarantines(world.project.assets, selected):
        yield _passes(world, key, asked)


def _passes(world: World, key: AssetKey, asked: CompactRequest) -> Compacted:
    """A table until nothing is left to do: rows of an older layout may come into partitions that have small files."""
    done = _compacted(world, key, asked)
    for _ in range(_TRIES - 1):
        if done.outcome is not CompactOutcome.COMPACTED:
            break
        again = _compacted(world, key, asked)
        if again.outcome is not CompactOutcome.COMPACTED:
            break
        done = together(done, again)
    return done


def _compacted(world: World, key: AssetKey, asked: CompactRequest) -> Compacted:
    for _ in range(_TRIES):
        job = _job(world, key, asked)
        if isinstance(job, Compacted):
            return job
        if not job.todo or asked.dry:
            return told(job, CompactOutcome.DUE if job.todo else CompactOutcome.NOTHING)
        if holder := _at_work(world, key) if not asked.wait else "":
            return told(job, CompactOutcome.BUSY, f"run {holder} is at work on it")
        made = world.engine.rewrite(
            world.catalog.scan(job.now.table, job.now.head.id), _rewrite(world, job), world.policy.machine
        )
        try:
            return publish_moved(world, job, made, asked.wait)
        except BusyError as error:
            world.engine.drop(made)
            return told(job, CompactOutcome.BUSY, error.message)
        except (MovedError, ConflictError):
            world.engine.drop(made)
    return Compacted(key, CompactOutcome.BUSY, "others kept changing it meanwhile")


def _job(world: World, key: AssetKey, asked: CompactRequest) -> CompactJob | Compacted:
    """What there is to do; or the answer, where the table is left alone."""
    looked = world.catalog.look((key,))
    if key not in looked.tables:
        error = looked.broken.get(key)
        return Compacted(
            key, CompactOutcome.LEFT if error else CompactOutcome.NOTHING, error.message if error else "never published"
        )
    try:
        now = standing_of(world, looked.tables[key])
        if isinstance(now, str):
            return Compacted(key, CompactOutcome.LEFT if looked.tables[key].main else CompactOutcome.NOTHING, now)
        stored = world.catalog.stored(now.table, now.head.id, world.project.assets[key].layout)
    except LakeError as error:
        return Compacted(key, CompactOutcome.LEFT, error.message)
    target = asked.target or world.policy.file_bytes
    todo = work(stored, target)
    if not todo and not stored.in_layout:
        return Compacted(
            key, CompactOutcome.LEFT, "its layout was declared anew, and the next run brings it", before=size_of(stored)
        )
    return CompactJob(now, stored, todo, target)


def _at_work(world: World, key: AssetKey) -> str:
    """The run that holds the table's lease now: no file is written that it would only make worthless."""
    leases = world.ledger.standing()
    return next((held.run for held in leases.held if held.asset == key and not leases.dead(held)), "")


def _rewrite(world: World, job: CompactJob) -> Rewrite:
    asset = world.project.assets[job.now.table.key]
    return Rewrite(job.todo.groups, world.catalog.data_directory(job.now.table), asset.layout, job.target)
