"""Makes an environment: pins what readers of main see of every table, and writes nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from lakeflow.core.environments.environment import branches_of
from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Pinned, Table
from lakeflow.core.ports.catalog import Catalog
from lakeflow.core.ports.environments import EnvironmentRecords


def make(lake: Catalog, environments: EnvironmentRecords, name: str) -> None:
    """Make the environment unless it is there, and record that somebody works in it."""
    if environments.find(name) is None:
        environments.make(name, pins_of(_free_of(name, lake.load(lake.keys()))))
    environments.use(name)


def pins_of(tables: Mapping[AssetKey, Table]) -> dict[AssetKey, Pinned]:
    return {key: Pinned(table.uuid, table.main) for key, table in tables.items()}


def _free_of(name: str, tables: Mapping[AssetKey, Table]) -> Mapping[AssetKey, Table]:
    """The tables. UsageError where one has branches of that name, which an environment left that nobody knows of."""
    taken = [key for key, table in tables.items() if branches_of(name, table)]
    if taken:
        raise UsageError(
            f"{min(taken)} has branches of an environment {name} that is not recorded",
            hint=f"`lakeflow env drop {name}` removes what is left of it; or choose another name",
        )
    return tables
