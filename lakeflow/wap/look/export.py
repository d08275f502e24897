"""Tables of one moment copied out of the lake: which snapshot of which table goes, and with which columns masked."""

from __future__ import annotations

from collections.abc import Mapping

from lakeflow.core.errors import UnseenError, UsageError
from lakeflow.core.export.exported import Exported, ExportOrder, ExportRequest, form_of
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Scan
from lakeflow.core.view.lineage import hidden_columns
from lakeflow.wap.look.query import moment_of, snapshot_then
from lakeflow.wap.ports import World


def export(world: World, asked: ExportRequest) -> Exported:
    """Write the tables, all of one moment, in place of an earlier export.

    An asset that is named must have been published then; without names, one of which readers saw nothing is left out.
    """
    form = form_of(asked.to)
    found = _scans(world, asked)
    if not found:
        raise UnseenError("readers saw nothing then", hint="`lakeflow runs` lists when runs published")
    masked = found if asked.personal == "masked" else ()
    hidden = {str(key): hidden_columns(world.project, world.project.assets[key]) for key in masked}
    order = ExportOrder(asked.to, form, {str(key): scan for key, scan in found.items()}, hidden)
    written = world.engine.export(order, world.policy.machine)
    everything = world.project.assets if asked.assets is None else asked.assets
    return Exported(asked.to, form, written, tuple(key for key in everything if key not in found))


def _scans(world: World, asked: ExportRequest) -> Mapping[AssetKey, Scan]:
    keys = tuple(world.project.assets) if asked.assets is None else asked.assets
    if not keys:
        raise UsageError("no asset is selected", hint="`lakeflow list` names all of them")
    instant, tables = moment_of(world, keys, asked.ref, asked.as_of)
    found: dict[AssetKey, Scan] = {}
    for key in keys:
        try:
            snapshot = snapshot_then(instant, key, tables)
        except UnseenError:
            if asked.assets is not None:
                raise
            continue
        found[key] = world.catalog.scan(tables[key], snapshot)
    return found
