"""A backfill is runs one after another: each window is audited and published before the next begins.

Nothing is kept of it but its runs, so one that was killed goes on by asking again for what is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from lakeflow.core.backfill import Asked, WindowEnded, cut
from lakeflow.core.calendar import Window
from lakeflow.core.model import AssetKey
from lakeflow.core.timeline import Backfill
from lakeflow.wap.run import Request, materialize
from lakeflow.wap.world import World

Watcher: TypeAlias = Callable[[WindowEnded], None]


def backfill(world: World, request: Request, asked: Asked, watch: Watcher) -> tuple[WindowEnded, ...]:
    """One run for each window of the span, oldest first, over the selected assets that have partitions.

    A window that is held or fails does not stop those after it. UsageError when there is nothing to cut.
    """
    runs = cut(world.project, request.selected, asked, world.clock())
    ended: list[WindowEnded] = []
    for name, window in runs.windows:
        began = world.clock()
        run = materialize(world, _of(request, runs.assets, window, asked), lambda _: None)
        ended.append(WindowEnded(name, len(ended) + 1, len(runs.windows), world.clock() - began, run))
        watch(ended[-1])
    return tuple(ended)


def _of(request: Request, assets: tuple[AssetKey, ...], window: Window, asked: Asked) -> Request:
    return replace(request, selected=assets, backfill=Backfill(window, redo=not asked.only_missing))
