"""The part of a step for assets that land outside files: which files land, and whether all their rows did."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

from lakeflow.core.errors import AssetError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.table import Table, WrittenFile
from lakeflow.core.plan.landing import KIND, Landing, to_json
from lakeflow.core.ports import Produced
from lakeflow.core.run.code_terms import Terms
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.world import World


def land(attempt: Attempt, asset: Asset, terms: Terms) -> AbstractContextManager[Produced]:
    """Run the asset's code on the rows of files that have not landed on main yet. AssetError when one of them may not
    land.
    """
    return land_new(attempt.world, asset, attempt.facts.landings[asset.key], terms)


def land_new(world: World, asset: Asset, landing: Landing, terms: Terms) -> AbstractContextManager[Produced]:
    """Run the asset's code on the rows of new files, outside of any run."""
    _refuse(asset, landing)
    return world.engine.land(asset, landing.new, world.clock(), terms)


def lands_nothing(attempt: Attempt, key: AssetKey) -> bool:
    """Has every file of the asset's source landed already? Changed code reads no file again."""
    landing, table = attempt.facts.landings.get(key), attempt.tables.get(key)
    born = table is not None and table.main is not None
    return born and landing is not None and not landing.new and not landing.faults


def keep_landed(attempt: Attempt, table: Table, rows: Produced, files: Sequence[WrittenFile]) -> str:
    """The name of the set of all that has landed once these data files are part of the table.

    AssetError when a file changed while it was read, or when other rows were written than were counted.
    """
    landing = attempt.facts.landings[table.key]
    if changed := attempt.step_lock.release_while(lambda: attempt.world.changed_files(landing.new)):
        raise AssetError(
            f"{table.key}: {', '.join(changed)} changed while it was read",
            hint="let its writer finish (write under another name, then rename), then run it again",
            asset=table.key,
        )
    counted, written = sum(file.rows for file in rows.landed), sum(file.rows for file in files)
    if counted != written:
        raise AssetError(
            f"{table.key}: the files hold {counted:,} rows and its code gives {written:,}",
            hint="bronze lands every row once; filter, fold and unnest in a silver asset",
            asset=table.key,
        )
    return attempt.world.catalog.write_sidecar(table, KIND, to_json((*landing.before, *rows.landed)))


def _refuse(asset: Asset, landing: Landing) -> None:
    if landing.faults:
        more = f", and {len(landing.faults) - 1} more" if len(landing.faults) > 1 else ""
        raise AssetError(
            f"{asset.key}: {landing.faults[0]}{more}",
            hint="every content lands once: restore the file, or deliver the new content under a new name",
            asset=asset.key,
        )
    if not landing.matched and not landing.before:
        globs = ", ".join(asset.outside)
        raise AssetError(
            f"{asset.key}: no file matches {globs}",
            hint="paths start at the project's root; a first load needs at least one file",
            asset=asset.key,
        )
