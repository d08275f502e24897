"""Rows that come late: which built partitions they touch, told by what each of these was built from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

from lakeflow.core.keys import EMPTY
from lakeflow.core.plan.in_time.built import Built, spelled_range
from lakeflow.core.time.timeline import Timeline
from lakeflow.core.values import dataclass
from lakeflow.core.wording import counted

if TYPE_CHECKING:
    from lakeflow.core.plan.planning import PlanRequest


@dataclass(frozen=True)
class Touched:
    """The partitions for which an input has other rows than at one of its snapshots. `unknown` says why nobody can
    tell: then it may be any.
    """

    names: frozenset[str] = frozenset()
    unknown: str = ""

    def has(self, name: str) -> bool:
        return bool(self.unknown) or name in self.names


TouchedBy: TypeAlias = Mapping[str, Mapping[int, Touched]]
"""For each input without partitions of its own, by the snapshot that a partition was built from, what changed since."""

FILES = "its files"
"""Stands for the outside files of a root among the inputs."""


@dataclass(frozen=True)
class Late:
    """Partitions that were built before some of their rows came, each with why nobody can tell; empty: it is certain.
    `behind` lie further back than late rows reach.
    """

    due: Mapping[str, str] = EMPTY
    behind: Mapping[str, str] = EMPTY


def late(timeline: Timeline, built: Mapping[str, Built], touched: TouchedBy, now: datetime) -> Late:
    """What rows came late for."""
    found = {name: why for name, each in built.items() if (why := _why(name, each, touched)) is not None}
    if not found:
        return Late()
    names = [name for name, _ in timeline.partitions(now) if name in found]
    reached = timeline.reached(now)
    return Late(
        {name: found[name] for name in names if name in reached},
        {name: found[name] for name in names if name not in reached},
    )


def _why(name: str, built: Built, touched: TouchedBy) -> str | None:
    """None where no input has other rows for it; empty where rows came for certain."""
    by = [
        (upstream, touch)
        for upstream, since in built.read.items()
        if (touch := touched.get(upstream, EMPTY).get(since)) and touch.has(name)
    ]
    if not by:
        return None
    return "" if any(not touch.unknown for _, touch in by) else f"{by[0][0]} {by[0][1].unknown}"


def brought_up(built: Mapping[str, Built], touched: TouchedBy, read: Mapping[str, int]) -> Mapping[str, Built]:
    """The set with each partition, for which an input has no other rows, as read from the snapshot that is read now.

    So what came since then need not be looked at again, and the snapshots before it may expire.
    """

    def now(name: str, each: Built) -> Mapping[str, int]:
        return {
            upstream: since
            if (touch := touched.get(upstream, EMPTY).get(since)) and touch.has(name)
            else read.get(upstream, since)
            for upstream, since in each.read.items()
        }

    return {name: replace(each, read=now(name, each)) for name, each in built.items()}


def late_warnings(asked: PlanRequest) -> Iterator[str]:
    """Warnings of rows that came later than an asset's `lookback` reaches, until a backfill has built them."""
    for key in asked.selected:
        timeline = asked.project.assets[key].timeline
        if timeline is None:
            continue
        touched = asked.facts.touched.get(key, EMPTY)
        behind = late(timeline, asked.facts.built.get(key, EMPTY), touched, asked.facts.now).behind
        step = asked.running.get(key)
        left = [name for name in behind if step is None or name not in {each.name for each in step.partitions}]
        if left:
            span = f"--from {left[0]} --to {left[-1]}"
            why = next((why for name in left if (why := behind[name])), "")
            yield (
                f"{key}: {counted(len(left), 'partition')} ({spelled_range(left)}) got late rows further back than "
                f"lookback = {timeline.lookback}{f', since {why}' if why else ''}; "
                f"`lakeflow backfill {key} {span}` builds them again"
            )
