"""Moves what an environment has pinned of main to what readers of main see now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lakeflow.core.environments.environment import Environment
from lakeflow.core.environments.shown import stands_on_main
from lakeflow.core.environments.standing import left_by
from lakeflow.core.intents.intent import Repinned
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import REFUSED, LetGo
from lakeflow.core.model.table import Table
from lakeflow.core.ports.environments import EnvironmentRecords
from lakeflow.wap.entry import RunEntry
from lakeflow.wap.environments.drop import still
from lakeflow.wap.environments.look import recorded, unknown
from lakeflow.wap.environments.make import pins_of
from lakeflow.wap.ports import World


def refresh_environment(world: World, name: str, wait: float = 0.0) -> tuple[AssetKey, ...]:
    """Pin main as it is now. Names the assets whose state in the environment is let go, because main has moved under
    it: they read main again, and the next run in the environment makes them anew.
    """
    environments = recorded(world)
    _known(environments, name)
    with still(world, name, wait=wait) as lease:
        # What a dead process left is settled by now, its drop of this environment, too.
        made = _known(environments, name)
        tables = world.catalog.load(world.catalog.keys())
        gone = list(_moved(made, tables.values(), environments.runs(name)))
        pins = pins_of(tables)
        if gone:
            world.catalog.commit(gone, RunEntry(world.within(name), lease, gone, (Repinned(name, pins),)))
        else:
            environments.pin(name, pins)
    return tuple(change.key for change in gone)


def _known(environments: EnvironmentRecords, name: str) -> Environment:
    if (found := environments.find(name)) is None:
        raise unknown(name, [one.name for one in environments.all()])
    return found


def _moved(made: Environment, tables: Iterable[Table], runs: frozenset[str]) -> Iterator[LetGo]:
    for table in sorted(tables, key=lambda one: one.key):
        if made.ref in table.refs and not stands_on_main(table, made):
            refused = f"{made.ref}__{REFUSED}"
            refs = {name: at for name, at in table.refs.items() if name == made.ref or name.startswith(refused)}
            yield LetGo(table.key, refs, left_by(made.name, runs, table))
