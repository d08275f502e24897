"""What is made from what among the assets that files declare."""

from __future__ import annotations

from collections.abc import Iterable
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from lakeflow.core.model.asset import Upstreams, ancestors, downstreams

if TYPE_CHECKING:
    from lakeflow.core.declare.laws import AssetDraft
    from lakeflow.core.keys import AssetKey


def in_order(drafts: Iterable[AssetDraft]) -> list[AssetDraft]:
    """The assets, upstreams first, otherwise by key. The drafts have no faults."""
    by_key = {draft.key: draft for draft in sorted(drafts, key=lambda draft: draft.key)}
    graph = {key: sorted(draft.inputs.values()) for key, draft in by_key.items()}
    return [by_key[key] for key in TopologicalSorter(graph).static_order()]


def children_of(drafts: Iterable[AssetDraft]) -> Upstreams:
    """Which assets read each one directly; two drafts may have the same key, which is a fault of its own."""
    inputs: dict[AssetKey, frozenset[AssetKey]] = {}
    for draft in drafts:
        inputs[draft.key] = inputs.get(draft.key, frozenset()) | set(draft.inputs.values())
    return downstreams(inputs)


def descendants(key: AssetKey, children: Upstreams) -> set[AssetKey]:
    """Everything that is made from an asset, at whatever distance."""
    return ancestors(children.get(key, ()), children)
