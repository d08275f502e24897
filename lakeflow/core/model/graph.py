"""What is made from what, walked up and down."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count

from lakeflow.core.keys import AssetKey

Upstreams = Mapping[AssetKey, frozenset[AssetKey]]


def ancestors(keys: Iterable[AssetKey], upstreams: Upstreams, generations: int | None = None) -> set[AssetKey]:
    """The assets and what they are made from, through so many generations; all of them for None."""
    found = set(keys)
    edge = set(found)
    for _ in count() if generations is None else range(generations):
        edge = {above for key in edge for above in upstreams.get(key, ())} - found
        if not edge:
            break
        found |= edge
    return found


def downstreams(upstreams: Upstreams) -> Upstreams:
    """The same graph with its arrows turned round."""
    below: dict[AssetKey, set[AssetKey]] = {key: set() for key in upstreams}
    for key, above in upstreams.items():
        for other in above & below.keys():
            below[other].add(key)
    return {key: frozenset(found) for key, found in below.items()}
