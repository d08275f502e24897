"""Landed files that are taken out again, or let in again, by a run like any other: written, audited, published."""

from __future__ import annotations

from collections.abc import Sequence

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import ancestors, downstreams
from lakeflow.core.model.run import RunRecord
from lakeflow.core.plan.taken_out import Asked, asked_to_come, asked_to_go
from lakeflow.core.values import dataclass
from lakeflow.wap.attempt import Observer
from lakeflow.wap.facts import gather
from lakeflow.wap.ports import World
from lakeflow.wap.run.begin import materialize
from lakeflow.wap.run.plan import Request


@dataclass(frozen=True)
class UnlandRequest:
    """What is asked of the files. `undo` lets them land again; `refreshed` makes anew what would wait for a person."""

    undo: bool = False
    refreshed: bool = False
    wait: float = 0.0

    def of(self, world: World, files: Asked) -> Request:
        """A run that takes these files out or in, with all that was made from them: all is published, or nothing."""
        return Request(
            selected=_with_all_below(world, files),
            selection=tuple(map(str, files)),
            all_or_nothing=True,
            wait=self.wait,
            refreshed=self.refreshed,
            files=files,
        )


def unland(world: World, names: Sequence[str], asked: UnlandRequest, observer: Observer) -> RunRecord | None:
    """Take these landed files out, with all that was made from them: all of it is published, or nothing.

    UsageError for a file that no asset landed, or, to undo it, that no asset keeps out.
    """
    sources = tuple(key for key, asset in world.project.assets.items() if asset.files)
    facts = gather(world, sources)
    facts.require(sources)
    files = (asked_to_come if asked.undo else asked_to_go)(facts.landings, names)
    return materialize(world, asked.of(world, files), observer)


def _with_all_below(world: World, files: Asked) -> tuple[AssetKey, ...]:
    """The assets that landed the files, and everything that is made from them and was built."""
    assets, built = world.project.assets, world.catalog.keys()
    found = ancestors(files, downstreams({key: asset.upstreams for key, asset in assets.items()}))
    return tuple(key for key in assets if key in found and (key in files or key in built))
