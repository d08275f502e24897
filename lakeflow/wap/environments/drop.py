"""Removes an environment: its branches, what only they reached, and all that was recorded in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

from lakeflow.core.environments.environment import branches_of, require_name
from lakeflow.core.environments.standing import left_by, outdated
from lakeflow.core.errors import BusyError
from lakeflow.core.intents.intent import Forgotten
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Change, LetGo
from lakeflow.core.model.run import Lease
from lakeflow.wap.entry import RunEntry
from lakeflow.wap.environments.look import environment, recorded
from lakeflow.wap.ports import World
from lakeflow.wap.run.lease import leased


def drop_environment(world: World, name: str) -> tuple[AssetKey, ...]:
    """Remove it, and name the tables that it had a state of. Its files are garbage from then on. UsageError where there
    is none of that name, BusyError while a run is at work in it.
    """
    require_name(name)
    environment(world, name, timedelta())
    with still(world, name) as lease:
        changes = list(_changes(world, name))
        if changes:
            world.catalog.commit(changes, RunEntry(world.within(name), lease, changes, (Forgotten(name),)))
        else:
            recorded(world).forget(name)
    return tuple(sorted({change.key for change in changes}))


def drop_outdated(world: World, keep: timedelta) -> tuple[str, ...]:
    """Remove the environments that nobody used for so long; one in which a run is at work is left for another time."""
    gone = []
    for one in outdated(recorded(world).all(), keep, world.clock()):
        with suppress(BusyError):
            drop_environment(world, one.name)
            gone.append(one.name)
    return tuple(gone)


@contextmanager
def still(world: World, name: str, keys: Sequence[AssetKey] = (), wait: float = 0.0) -> Iterator[Lease]:
    """Hold all of an environment, or these assets of it, so that no run is at work there. It is not made by that.
    BusyError where one still is after `wait` seconds.
    """
    there = world.as_it_stands(name)
    every = keys or {*world.catalog.keys(), *world.project.assets}
    with leased(there, f"env-{world.new_id()}", every, wait) as lease:
        yield lease


def _changes(world: World, name: str) -> Iterator[Change]:
    runs = recorded(world).runs(name)
    for key, table in sorted(world.catalog.load(world.catalog.keys()).items()):
        refs, snapshots = branches_of(name, table), left_by(name, runs, table)
        if refs or snapshots:
            yield LetGo(key, refs, snapshots)
