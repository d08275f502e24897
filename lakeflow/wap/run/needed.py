"""The snapshots that must outlive a publish because others rely on them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import StepRecord
from lakeflow.core.model.table import Looked
from lakeflow.core.plan.increments import positions
from lakeflow.wap.attempt import Attempt
from lakeflow.wap.facts import built
from lakeflow.wap.ports import World


def needed_by_others(attempt: Attempt, candidates: Sequence[StepRecord]) -> frozenset[int]:
    """Snapshots that others rely on: the positions of assets that read new rows, those that partitions were built from,
    and what running runs have pinned.
    """
    mine = {step.asset for step in candidates}
    consumers = [asset.key for asset in attempt.world.project.assets.values() if asset.new_rows & mine]
    looked = attempt.world.catalog.look(consumers) if consumers else Looked()
    found = {head for table in looked.tables.values() for head in positions(table).values()}
    if looked.broken:  # nobody can tell up to where it has read, so no snapshot expires
        found |= {snapshot for key in mine for snapshot in attempt.tables[key].snapshots}
    found |= _read_by_partitions(attempt.world, mine)
    return frozenset(found | _offered(attempt, candidates) | attempt.world.ledger.pinned())


def _offered(attempt: Attempt, candidates: Sequence[StepRecord]) -> set[int]:
    """The positions up to which quarantines were read, as the snapshots say that are published here."""
    written = (attempt.tables[step.asset].snapshots.get(step.snapshot_id or 0) for step in candidates)
    made = (provenance_of(each.summary) for each in written if each)
    return {each.readmitted for each in made if each and each.readmitted}


def _read_by_partitions(world: World, inputs: Collection[AssetKey]) -> set[int]:
    """The snapshots of these tables that partitions were built from which late rows reach: what came since is told by
    them. An asset whose last partition is over long ago lets them go, or they would stay for ever.
    """
    now, found = world.clock(), set[int]()
    for asset in world.project.assets.values():
        line = asset.timeline
        if line is None or asset.upstreams.isdisjoint(inputs) or (line.end is not None and line.end <= now):
            continue
        table = world.catalog.look((asset.key,)).tables.get(asset.key)
        known = built(world, table, table.main) if table else None
        reached = line.reached(now)
        found |= {id_ for name, each in (known or {}).items() if name in reached for id_ in each.read.values()}
    return found
