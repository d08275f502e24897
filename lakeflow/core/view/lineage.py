"""Lineage as trees, which a person reads from the result down to its sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from lakeflow.core.keys import AssetKey, ExternalKey, Layer
from lakeflow.core.model.asset import Asset, Project, PythonCode, ancestors, downstreams
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.quarantine import owner_of
from lakeflow.core.model.run import STANDING
from lakeflow.core.model.table import External, Snapshot, Table
from lakeflow.core.plan.facts import Facts
from lakeflow.core.plan.verdicts import ruled
from lakeflow.core.view.rows import AssetStatus, ExternalUse, LineageNode


def trees(
    project: Project, statuses: Mapping[AssetKey, AssetStatus], selected: Sequence[AssetKey]
) -> tuple[LineageNode, ...]:
    """One tree for each selected asset from which no other selected asset is made.

    An asset that is already in a tree is shown again without its upstreams, marked `repeated`.
    """
    graph = {key: asset.upstreams for key, asset in project.assets.items()}
    inner = ancestors({above for key in selected for above in graph[key]}, graph)
    tops = [key for key in selected if key not in inner]
    shown: set[AssetKey] = set()
    return tuple(_node(project, statuses, key, shown) for key in tops)


def assets_of(trees: Sequence[LineageNode]) -> frozenset[AssetKey]:
    """All assets of the trees."""
    return frozenset(key for tree in trees for key in (tree.status.asset, *assets_of(tree.upstreams)))


def with_snapshots(nodes: Sequence[LineageNode], facts: Facts) -> tuple[LineageNode, ...]:
    """The trees with the snapshots that went into each asset, as recorded when it was made."""
    return tuple(_used(node, node.status.snapshot_id, facts) for node in nodes)


def _used(node: LineageNode, snapshot_id: int | None, facts: Facts) -> LineageNode:
    table = facts.tables.get(node.status.asset)
    snapshot = table.snapshots.get(snapshot_id) if table and snapshot_id is not None else None
    inputs = _inputs(facts, node.status.asset, snapshot) if snapshot else {}
    upstreams = tuple(_used(above, inputs.get(str(above.status.asset)), facts) for above in node.upstreams)
    externals = tuple(_external(use.key, inputs.get(str(use.key)), facts) for use in node.externals)
    rows = snapshot.rows if snapshot else None
    return replace(node, used=snapshot_id, used_rows=rows, upstreams=upstreams, externals=externals)


def _external(key: ExternalKey, used: int | None, facts: Facts) -> ExternalUse:
    found = facts.externals.get(key, External())
    snapshot = found.table.snapshots.get(used) if found.table and used is not None else None
    return ExternalUse(key, used, snapshot.rows if snapshot else None, found.main, found.fault)


def _inputs(facts: Facts, key: AssetKey, snapshot: Snapshot) -> Mapping[str, int]:
    """The snapshots that this one was made from: by the last run that found a new write equal to it, otherwise by its
    own summary.

    A quarantine was filled by the write of its owner.
    """
    if (owner := owner_of(key)) is not None:
        return _written_with(facts.tables.get(owner), snapshot)
    said = ruled(facts.verdicts.get(key, ()), STANDING, {snapshot.id})
    if said:
        return said[-1].inputs
    made = provenance_of(snapshot.summary)
    return made.inputs if made else {}


def _written_with(owner: Table | None, snapshot: Snapshot) -> Mapping[str, int]:
    """The snapshot of the owner that the same run put on main."""
    made = provenance_of(snapshot.summary)
    if owner is None or made is None:
        return {}
    for each in owner.ancestry(owner.main):
        if (by := provenance_of(each.summary)) and by.run == made.run:
            return {str(owner.key): each.id}
    return {}


def personal(project: Project) -> frozenset[AssetKey]:
    """The assets that hold personal data or are made from some, however far above."""
    holders = {key for key, asset in project.assets.items() if asset.pii}
    below = downstreams({key: asset.upstreams for key, asset in project.assets.items()}) if holders else {}
    return frozenset(ancestors(holders, below))


def personal_columns(project: Project, keys: Iterable[AssetKey]) -> frozenset[str]:
    """Lower-case names of all personal columns of these assets and of what they are made from."""
    graph = {key: asset.upstreams for key, asset in project.assets.items()}
    return frozenset(name for key in ancestors(keys, graph) for name in project.assets[key].pii)


def personal_inputs(project: Project, asset: Asset) -> frozenset[str]:
    """Lower-case names of the unmasked personal columns that a function above bronze reads without declaring anything
    about them. For a SELECT its text tells (`lakeflow.core.declare.pii`).
    """
    if asset.key.layer is Layer.BRONZE or not isinstance(asset.code, PythonCode):
        return frozenset()
    above = (project.assets[key] for key in asset.upstreams)
    said = {name.lower() for name, column in asset.columns.items() if column.mask or column.pii is not None}
    return frozenset(name for each in above for name in each.pii - each.masks.keys() - said)


def hidden_columns(project: Project, asset: Asset) -> frozenset[str]:
    """Lower-case names of the columns whose values never leave the table: declared personal, or probably so."""
    return asset.pii | personal_inputs(project, asset)


def _node(
    project: Project, statuses: Mapping[AssetKey, AssetStatus], key: AssetKey, shown: set[AssetKey]
) -> LineageNode:
    asset = project.assets[key]
    repeated = key in shown and bool(asset.upstreams or asset.external)
    shown.add(key)
    above = () if repeated else tuple(_node(project, statuses, up, shown) for up in sorted(asset.upstreams))
    dimensions = sorted({foreign.dimension for foreign in project.suite(key).foreign_keys})
    theirs = () if repeated else tuple(map(ExternalUse, sorted(asset.external)))
    return LineageNode(statuses[key], above, asset.outside, asset.kind, tuple(dimensions), repeated, externals=theirs)
