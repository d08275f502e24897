"""Compute an asset on published inputs, to look at its first rows; write nothing."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Final

from lakeflow.core.errors import AssetError
from lakeflow.core.keys import AssetKey, TableKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.scd2_columns import unversioned
from lakeflow.core.model.table import Rows, Scan, Table
from lakeflow.core.plan.facts import Facts
from lakeflow.core.plan.increments import consumption
from lakeflow.core.plan.planning import plan
from lakeflow.core.plan.reasons import Cause
from lakeflow.core.ports.engine import Produced
from lakeflow.core.run.code_terms import Listener, Terms
from lakeflow.core.time.timeline import Window
from lakeflow.core.version.salt import require_salt
from lakeflow.wap.facts import external_scans, gather
from lakeflow.wap.ports import World
from lakeflow.wap.step.schema import columns_of, stored_schema
from lakeflow.wap.step.sources.files import land_new
from lakeflow.wap.step.sources.new_rows import new_rows

_ALL_ROWS: Final = frozenset({Cause.REBUILD, Cause.FULL_REFRESH, Cause.GOES_ON, Cause.WAITS})


def preview(world: World, key: AssetKey, limit: int, said: Listener) -> Rows:
    """The first rows that the asset's code gives now, in the types that they would be stored in.

    Its inputs are pinned as one catalog read finds main. Nothing is written: no table, branch, lease or record of a
    run. AssetError when an input was never published, when no new file would land, and when the code fails; ConfigError
    when it hashes a column and no salt is set. `said` hears what the code prints, and the traceback of what it raises.
    """
    if (owner := owner_of(key)) is not None:
        raise AssetError(f"{key} is written together with {owner}", hint=f"`lakeflow preview {owner}`", asset=key)
    require_salt(world.project, (key,))
    asset, facts = world.project.assets[key], gather(world, (key,))
    terms = Terms(asset.limits.over(world.policy.limits), said, said, windows=last_window(asset, facts.now))
    with _running(world, asset, facts, terms) as produced:
        table = facts.tables.get(key)
        stored = stored_schema(table, columns_of(asset, produced.schema, table), asset.write)
        return produced.first(unversioned(stored) if asset.write.traits.versioned else stored, limit)


def last_window(asset: Asset, now: datetime) -> tuple[Window, ...]:
    """The asset's last partition in time that is over, else the open one; empty without a timeline. AssetError when
    there is none yet.
    """
    if asset.timeline is None:
        return ()
    last = [window for _, window in deque(asset.timeline.partitions(now), maxlen=2)]
    if last:
        return tuple(([window for window in last if window.end <= now] or last)[-1:])
    raise AssetError(
        f"{asset.key}: its first {asset.timeline.unit} is not {'over' if asset.timeline.waits else 'begun'} yet",
        hint=f"partitions start at {asset.timeline.local(asset.timeline.start):%Y-%m-%d}",
        asset=asset.key,
    )


def _running(world: World, asset: Asset, facts: Facts, terms: Terms) -> AbstractContextManager[Produced]:
    if not asset.files:
        inputs = {**pinned_inputs(world, asset, facts.tables), **external_scans(world, asset, facts)}
        inputs |= _new_rows(world, asset, facts)
        return world.engine.produce(asset, inputs, terms)
    landing = facts.landings[asset.key]
    running = land_new(world, asset, landing, terms)
    if not landing.new:
        raise AssetError(
            f"{asset.key}: no file is new, so nothing would land",
            hint=f"`lakeflow show {asset.key}` shows what has landed",
            asset=asset.key,
        )
    return running


def _new_rows(world: World, asset: Asset, facts: Facts) -> dict[TableKey, Scan]:
    """The new rows of its incremental inputs, which a run would read in place of all rows. Empty where a run would
    rebuild the asset, and where no row is new.
    """
    step = plan(world.project, facts, (asset.key,)).step(asset.key) if asset.new_rows else None
    if step is None or _ALL_ROWS & {reason.cause for reason in step.reasons}:
        return {}
    heads = {key: head for key in asset.new_rows if (head := facts.tables[key].main) is not None}
    came = consumption(asset, facts.tables.get(asset.key), facts.tables, heads)
    if came.is_empty or came.rebuild:
        return {}
    return {
        key: new_rows(world.catalog, facts.tables[key], increment, asset.new_keys.get(key, ()))
        for key, increment in came.increments.items()
    }


def pinned_inputs(world: World, asset: Asset, tables: Mapping[AssetKey, Table]) -> dict[TableKey, Scan]:
    """Its tables as main is now. AssetError for one that was never published."""
    scans: dict[TableKey, Scan] = {}
    for key in sorted(asset.upstreams):
        table = tables.get(key)
        if table is None or table.main is None:
            raise AssetError(
                f"{asset.key}: its input {key} was never published",
                hint=f"`lakeflow materialize +{key}` builds it",
                asset=asset.key,
            )
        scans[key] = world.catalog.scan(table, table.main)
    return scans
