"""A backfill: a span of time cut into runs, oldest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.asset import Project
from lakeflow.core.model.run import RunRecord
from lakeflow.core.run.events import Event
from lakeflow.core.time.timeline import Timeline, Unit, Window


@dataclass(frozen=True)
class BackfillRequest:
    """The span that a person asks for. Without `start` it begins where the first asset starts, without `end` it goes up
    to now.

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

    `run` is None where nothing had to be built. `took` is how long this window took, `so_far` how long all windows took
    up to now.
    """

    name: str
    done: int
    total: int
    took: timedelta
    so_far: timedelta
    run: RunRecord | None

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
    span = _span(list(timelines.values()), asked, now)
    coarsest = min(timelines.values(), key=lambda each: list(Unit).index(each.unit))
    units = [
        (name, window)
        for name, window in coarsest.touched(span)
        if span.holds(window) and any(_has(one, window, now) for one in timelines.values())
    ]
    if not units:
        raise UsageError(
            f"no {coarsest.unit} between {span.start:%Y-%m-%d} and {span.end:%Y-%m-%d} is over",
            hint="a partition is built once it is over; `lakeflow plan` says which there are",
        )
    left_out = tuple(key for key in selected if key not in timelines)
    return Cut(tuple(timelines), tuple(_runs(units, asked.size)), left_out)


def _span(timelines: Sequence[Timeline], asked: BackfillRequest, now: datetime) -> Window:
    first = min(each.unit.floor(each.start) for each in timelines)
    last = now if any(each.end is None for each in timelines) else min(now, max(each.end or now for each in timelines))
    span = Window(first if asked.start is None else asked.start, last if asked.end is None else asked.end)
    if span.start < first:
        raise UsageError(
            f"the backfill begins at {span.start:%Y-%m-%d}, before the first partition",
            hint=f"partitions start at {first:%Y-%m-%d}: --from {first:%Y-%m-%d}, or an earlier start on the asset",
        )
    if span.end <= span.start:
        raise UsageError(
            f"the backfill ends at {span.end:%Y-%m-%d}, not after its begin",
            hint="--to names the last day, month or year",
        )
    return span


def _has(timeline: Timeline, window: Window, now: datetime) -> bool:
    """Does the window hold a partition of the timeline that is over?"""
    return any(window.holds(each) and each.end <= now for _, each in timeline.within(window))


def _runs(units: Sequence[tuple[str, Window]], size: int) -> list[tuple[str, Window]]:
    found = []
    for at in range(0, len(units), size):
        some = units[at : at + size]
        name = some[0][0] if len(some) == 1 else f"{some[0][0]} … {some[-1][0]}"
        found.append((name, Window(some[0][1].start, some[-1][1].end)))
    return found
