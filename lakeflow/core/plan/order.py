"""The order in which the assets of a run are worked on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Project, ancestors


def run_order(project: Project, selected: Sequence[AssetKey]) -> tuple[AssetKey, ...]:
    """Each asset after its inputs, and after the tables that its checks refer to; otherwise in the project's order.

    Where checks refer to each other, the reference that would close a circle does not count.
    """
    chosen = set(selected)
    inputs = {key: project.assets[key].upstreams & chosen for key in project.assets if key in chosen}
    named = {key: project.suite(key).references & chosen - {key} for key in inputs}
    try:
        return _sorted({key: inputs[key] | named[key] for key in inputs})
    except CycleError:
        return _sorted(_without_circles(inputs, named))


def _sorted(before: Mapping[AssetKey, frozenset[AssetKey]]) -> tuple[AssetKey, ...]:
    return tuple(TopologicalSorter({key: sorted(found) for key, found in before.items()}).static_order())


def _without_circles(
    inputs: Mapping[AssetKey, frozenset[AssetKey]], named: Mapping[AssetKey, frozenset[AssetKey]]
) -> Mapping[AssetKey, frozenset[AssetKey]]:
    before = dict(inputs)
    for key, others in named.items():
        for other in sorted(others):
            if key not in ancestors([other], before):
                before[key] |= {other}
    return before
