"""What waits in a quarantine, for whoever looks into it."""

from __future__ import annotations

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Rows
from lakeflow.core.plan.readmission import Quarantined, quarantine_of, waiting
from lakeflow.wap.ports import World
from lakeflow.wap.step.quarantine import scan_waiting


def quarantined(world: World, key: AssetKey, limit: int) -> Quarantined:
    """What waits in the quarantine of an asset, as text, unmasked. UsageError when it has none."""
    quarantine = quarantine_of(world.project, key)
    (owner,) = world.project.assets[quarantine].upstreams
    tables = world.catalog.load((owner, quarantine))
    table = tables.get(quarantine)
    found = waiting(tables.get(owner), table) if table else None
    if table is None or found is None:
        return Quarantined(quarantine, 0, Rows((), ()))
    return Quarantined(quarantine, found.rows, world.engine.rows(scan_waiting(world.catalog, table, found), limit))
