"""Removing files that nothing reads any more, one table after the other, each under its lease."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from lakeflow.core.errors import BusyError, LakeError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Garbage
from lakeflow.wap.run.lease import leased
from lakeflow.wap.world import World


def garbage(world: World, before: datetime) -> tuple[Garbage, ...]:
    """What could be removed: files that no snapshot needs and that nobody touched since. Removes nothing."""
    found = [_looked_at(world, key, before) for key in sorted(world.catalog.keys())]
    return (*found, world.catalog.garbage(None, before))


def collect(world: World, before: datetime) -> tuple[Garbage, ...]:
    """The same, removed. A table at which a run is at work is left for another time; runs wait for nobody long."""
    found = [_collected(world, key, before) for key in sorted(world.catalog.keys())]
    return (*found, *_strays(world, before))


def _collected(world: World, key: AssetKey, before: datetime) -> Garbage:
    try:
        with leased(world, f"gc-{world.new_id()}", (key,), 0.0):
            found = _looked_at(world, key, before)
            if not found.kept:
                world.catalog.collect(found)
            return found
    except BusyError:
        return Garbage(key, kept="a run is at work on it")


def _looked_at(world: World, key: AssetKey, before: datetime) -> Garbage:
    try:
        return world.catalog.garbage(key, before)
    except LakeError as error:
        return Garbage(key, kept=f"it cannot be read; `lakeflow doctor` says why ({error.message})")


def _strays(world: World, before: datetime) -> Iterator[Garbage]:
    found = world.catalog.garbage(None, before)
    world.catalog.collect(found)
    yield found
