"""Which environments there are, and how each stands. Writes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta

from lakeflow.core.environments.environment import require_name
from lakeflow.core.environments.shown import shown_unmade
from lakeflow.core.environments.standing import EnvironmentStanding, standing_of, unrecorded, with_runs
from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Table
from lakeflow.core.ports.environments import EnvironmentRecords
from lakeflow.core.wording import did_you_mean
from lakeflow.wap.look.runs import waiting_in
from lakeflow.wap.ports import World


def environments(world: World, keep: timedelta) -> tuple[EnvironmentStanding, ...]:
    """All environments by name, those too of which only branches are left."""
    every = recorded(world).all()
    tables = tuple(world.catalog.look(world.catalog.keys()).tables.values())
    left = unrecorded((one.name for one in every), tables)
    found = (*(standing_of(one, tables, keep, _held(world, one.name, tables)) for one in every), *left)
    return tuple(sorted(found, key=lambda one: one.name))


def _held(world: World, name: str, tables: Sequence[Table]) -> Iterator[AssetKey]:
    """The assets of which a run waits for a decision there. The branch of a run that a later one took over may be kept
    for a while, and waits for nobody.
    """
    if left := with_runs(name, tables):
        ledger = world.within(name).ledger
        yield from (table.key for table in left if waiting_in(ledger, shown_unmade(table, name)))


def environment(world: World, name: str, keep: timedelta) -> EnvironmentStanding:
    """UsageError where there is none of that name."""
    require_name(name)
    every = environments(world, keep)
    found = next((one for one in every if one.name == name), None)
    if found is None:
        raise unknown(name, [one.name for one in every])
    return found


def unknown(name: str, known: list[str]) -> UsageError:
    """What to say where there is none of that name; of a text that can name none, what a name may be."""
    require_name(name)
    made = f"`lakeflow env` lists those that there are; `lakeflow materialize --env {name}` makes this one"
    return UsageError(f"there is no environment {name}", hint=did_you_mean(name, known, made))


def recorded(world: World) -> EnvironmentRecords:
    assert world.environments is not None, "a lake records its environments"
    return world.environments
