"""When each asset is looked after: as it says itself, else as its layer says, else as what is made from it wants."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from lakeflow.core.keys import AssetKey, Layer
from lakeflow.core.model.asset import Project, downstreams
from lakeflow.core.time.refresh import AS_THINGS_CHANGE, Refresh

Refreshes: TypeAlias = Mapping[AssetKey, tuple[Refresh, ...]]


def refreshes(project: Project, layers: Mapping[Layer, Refresh]) -> Refreshes:
    """What asks for each asset; nothing for one that is switched off.

    An asset of which nothing is said is looked after whenever something that is made from it is, and where nothing is,
    as things change.
    """
    below = downstreams({key: asset.upstreams for key, asset in project.assets.items()})
    found: dict[AssetKey, tuple[Refresh, ...]] = {}
    # Assets come upstreams first: in reverse order, what is below an asset is known before it.
    for key in reversed(tuple(project.assets)):
        own = project.assets[key].refresh or layers.get(key.layer)
        if own is not None:
            found[key] = () if own.is_off else (own,)
            continue
        wanted = dict.fromkeys(each for child in sorted(below[key]) for each in found[child])
        found[key] = tuple(wanted) or (AS_THINGS_CHANGE,)
    return found
