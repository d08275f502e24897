"""Moves what an environment has pinned of main to what readers of main see now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lakeflow.core.environments.environment import Environment
from lakeflow.core.environments.shown import stands_on_main
from lakeflow.core.environments.standing import left_by
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import REFUSED, LetGo
from lakeflow.core.model.table import Table
from lakeflow.core.ports.entry import UNRECORDED
from lakeflow.wap.environments.drop import still
from lakeflow.wap.environments.look import recorded, unknown
from lakeflow.wap.environments.make import pins_of
from lakeflow.wap.ports import World


def refresh_environment(world: World, name: str, wait: float = 0.0) -> tuple[AssetKey, ...]:
    """Pin main as it is now. Names the assets whose state in the environment is let go, because main has moved under
    it: they read main again, and the next run in the environment makes them anew.
    """
    environments = recorded(world)
    if environments.find(name) is None:
        raise unknown(name, [one.name for one in environments.all()])
    with still(world, name, wait=wait):
        made = environments.find(name)
        assert made is not None, "nobody drops what this holds"
        tables = world.catalog.load(world.catalog.keys())
        gone = list(_moved(made, tables.values(), environments.runs(name)))
        # The branches go first: without them the old pins are what they stood on, which is a state of main too.
        if gone:
            tables = {**tables, **world.catalog.commit(gone, UNRECORDED)}
        environments.pin(name, pins_of(tables))
    return tuple(change.key for change in gone)


def _moved(made: Environment, tables: Iterable[Table], runs: frozenset[str]) -> Iterator[LetGo]:
    for table in sorted(tables, key=lambda one: one.key):
        if made.ref in table.refs and not stands_on_main(table, made):
            refused = f"{made.ref}__{REFUSED}"
            refs = {name: at for name, at in table.refs.items() if name == made.ref or name.startswith(refused)}
            yield LetGo(table.key, refs, left_by(made.name, runs, table))
