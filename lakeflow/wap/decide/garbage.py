"""Removing files that nothing reads any more, one table after the other, each under its lease."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime

from lakeflow.core.care.garbage import refuse_most
from lakeflow.core.errors import BusyError, LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Garbage
from lakeflow.core.ports.entry import UNRECORDED
from lakeflow.wap.ports import World
from lakeflow.wap.run.lease import leased
from lakeflow.wap.run.supersede import outdated_branches


def garbage(world: World, before: datetime) -> tuple[Garbage, ...]:
    """What could be removed: files that no snapshot needs and that nobody touched since. Removes nothing."""
    found = [_looked_at(world, key, before) for key in sorted(world.catalog.keys())]
    return (*found, world.catalog.remains(world.ledger.dropped(), before))


def collect_garbage(world: World, before: datetime, most: float) -> tuple[Garbage, ...]:
    """Remove it. UsageError, and nothing is removed, where it is more than the share `most` of all bytes.

    A table that a run holds is left for another time, so that no run waits long for this.
    """
    world.claim()
    refuse_most(garbage(world, before), most)
    found = [_collected(world, key, before) for key in sorted(world.catalog.keys())]
    return (*found, _remains(world, before))


def _collected(world: World, key: AssetKey, before: datetime) -> Garbage:
    try:
        with _still(world, (key,)):
            _drop_superseded(world, key)
            found = _looked_at(world, key, before)
            if not found.kept:
                world.catalog.collect(found)
            return found
    except BusyError:
        return Garbage(key, kept="a run is at work on it")


@contextmanager
def _still(world: World, keys: Collection[AssetKey]) -> Iterator[None]:
    """The leases on these assets in the lake and in every environment: no run writes files of them meanwhile."""
    made = world.environments.all() if world.environments else ()
    with ExitStack() as stack:
        for where in (world, *(world.as_it_stands(one.name) for one in made)):
            stack.enter_context(leased(where, f"gc-{world.new_id()}", keys, 0.0))
        yield


def _drop_superseded(world: World, key: AssetKey) -> None:
    """Drop the branches of superseded runs that were kept long enough; what they alone needed becomes garbage."""
    if outdated := list(outdated_branches(world, world.catalog.look([key]).tables)):
        world.catalog.commit(outdated, UNRECORDED)


def _looked_at(world: World, key: AssetKey, before: datetime) -> Garbage:
    try:
        return world.catalog.garbage(key, before)
    except LakeError as error:
        return Garbage(key, kept=f"it cannot be read; `lakeflow doctor` says why ({error.message})")


def _remains(world: World, before: datetime) -> Garbage:
    """Remove what dropped tables left, under the leases on all assets: then nobody can adopt such a table meanwhile."""
    dropped = world.ledger.dropped()
    if not dropped:
        return Garbage(None)
    everything = {*world.project.assets, *(one.key for one in dropped)}
    try:
        with _still(world, everything):
            found = world.catalog.remains(dropped, before)
            world.catalog.collect(found)
            return found
    except BusyError:
        return Garbage(None, kept="a run is at work")
