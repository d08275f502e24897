"""A backfill: a span of time cut into runs, oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Project
from lakeflow.core.model.run import RunRecord
from lakeflow.core.plan.planning import Held
from lakeflow.core.run.events import Event
from lakeflow.core.time.timeline import Timeline, Window
from lakeflow.core.time.units import Unit
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class BackfillRequest:
    """The span that a person asks for. Without `start` it begins where the first asset starts, without `end` it goes up
    to now. A moment without a zone is what clocks show in the zone of the coarsest asset.

    `only_missing` leaves out partitions that are built from today's code and inputs. `size` partitions of the coarsest
    asset go into a run: neighbours are computed by one call of the code, and all are published in one commit.
    """

    start: datetime | None = None
    end: datetime | None = None
    only_missing: bool = False
    size: int = 1


@dataclass(frozen=True)
class Cut:
    """The runs of a backfill: each builds the partitions of one window of all these assets.

    `left_out` were selected and have no partitions.
    """

    assets: tuple[AssetKey, ...]
    windows: tuple[tuple[str, Window], ...]
    left_out: tuple[AssetKey, ...] = ()


@dataclass(frozen=True)
class WindowEnded:
    """One window of a backfill is over, number `done` of `total`.

    `run` is None where nothing had to be built, or runs hold it already (`held`). `took` is how long this window took,
    `so_far` how long all windows took up to now.
    """

    name: str
    done: int
    total: int
    took: timedelta
    so_far: timedelta
    run: RunRecord | None
    held: tuple[Held, ...] = ()

    @property
    def left(self) -> timedelta:
        """About how long the other windows will take."""
        return self.so_far / self.done * (self.total - self.done)


@dataclass(frozen=True)
class Backfilled:
    """What became of a backfill; `left_out` were selected and have no partitions."""

    windows: tuple[WindowEnded, ...]
    left_out: tuple[AssetKey, ...] = ()


BackfillEvent: TypeAlias = Cut | Event | WindowEnded
"""First the cut; then, for each window, the events of its run and its end."""


def cut(project: Project, selected: Sequence[AssetKey], asked: BackfillRequest, now: datetime) -> Cut:
    """UsageError when no selected asset has partitions, and when the span lies outside of theirs."""
    timelines = {key: timeline for key in selected if (timeline := project.assets[key].timeline)}
    if not timelines:
        raise UsageError(
            f"none of {', '.join(map(str, selected))} has partitions in time",
            hint='declare them: partition = "day(departed_at)" and start, or `lakeflow materialize` it',
        )
    coarsest = min(timelines.values(), key=lambda each: list(Unit).index(each.unit))
    span = _span(list(timelines.values()), coarsest, asked, now)
    units = [
        (name, window)
        for name, window in coarsest.touched(span)
        if span.holds(window) and any(_has(one, window, now) for one in timelines.values())
    ]
    if not units:
        raise UsageError(
            f"no {coarsest.unit} between {coarsest.spell(span.start)} and {coarsest.spell(span.end)} is there to build",
            hint="a partition is there once it has begun, or is over, with partial = false; `lakeflow plan` tells",
        )
    left_out = tuple(key for key in selected if key not in timelines)
    return Cut(tuple(timelines), tuple(_runs(units, asked.size)), left_out)


def _span(timelines: Sequence[Timeline], coarsest: Timeline, asked: BackfillRequest, now: datetime) -> Window:
    first = min(each.first for each in timelines)
    start = first if asked.start is None else coarsest.at_wall(asked.start)
    end = max(map(partial(_end, now), timelines)) if asked.end is None else coarsest.at_wall(asked.end)
    if start < first:
        day = f"{coarsest.local(first):%Y-%m-%d}"
        raise UsageError(
            f"the backfill begins at {coarsest.local(start):%Y-%m-%d}, before the first partition",
            hint=f"partitions start at {day}: --from {day}, or an earlier start on the asset",
        )
    if end <= start:
        raise UsageError(
            f"the backfill ends at {coarsest.local(end):%Y-%m-%d}, not after its begin",
            hint="--to names the last day, month or year",
        )
    return Window(start, end)


def _end(now: datetime, timeline: Timeline) -> datetime:
    """When the last partition ends that there may be now."""
    return timeline.end if timeline.end is not None and timeline.end <= now else timeline.after(timeline.floor(now))


def _has(timeline: Timeline, window: Window, now: datetime) -> bool:
    """Does a partition of the timeline begin in the window, and is it there by now?"""
    return any(window.begins(each) and timeline.has(each, now) for _, each in timeline.touched(window))


def _runs(units: Sequence[tuple[str, Window]], size: int) -> list[tuple[str, Window]]:
    found = []
    for at in range(0, len(units), size):
        some = units[at : at + size]
        name = some[0][0] if len(some) == 1 else f"{some[0][0]} … {some[-1][0]}"
        found.append((name, Window(some[0][1].start, some[-1][1].end)))
    return found
