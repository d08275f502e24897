"""A backfill is one run after another: each window is audited and published before the next begins.

Only its runs are recorded, so a backfill that was killed goes on when somebody asks again for what is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeAlias

from lakeflow.core.plan.in_time.partitions import Backfill
from lakeflow.core.plan.planning import Held
from lakeflow.core.run.backfill import Backfilled, BackfillEvent, BackfillRequest, WindowEnded, cut
from lakeflow.core.run.events import Planned
from lakeflow.wap.ports import World
from lakeflow.wap.run.begin import materialize
from lakeflow.wap.run.plan import Request

Watcher: TypeAlias = Callable[[BackfillEvent], None]


def backfill(world: World, request: Request, asked: BackfillRequest, watch: Watcher) -> Backfilled:
    """One run for each window of the span, oldest first, over the selected assets that have partitions.

    A window that is held or fails does not stop those after it. UsageError when there is nothing to cut.
    """
    runs = cut(world.project, request.selected, asked, world.clock())
    watch(runs)
    ended: list[WindowEnded] = []
    so_far = timedelta()
    for name, window in runs.windows:
        began = world.clock()
        window_only = Backfill(window, redo=not asked.only_missing)
        held: list[Held] = []

        def tell(event: BackfillEvent, held: list[Held] = held) -> None:
            if isinstance(event, Planned):
                held.extend(event.plan.held)
            watch(event)

        run = materialize(world, replace(request, selected=runs.assets, backfill=window_only), tell)
        took = world.clock() - began
        so_far += took
        ended.append(WindowEnded(name, len(ended) + 1, len(runs.windows), took, so_far, run, tuple(held)))
        watch(ended[-1])
    return Backfilled(tuple(ended), runs.left_out)
