"""An asset's partitions in time: which of them a run has to build, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from lakeflow.core.keys import EMPTY
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.layout import Partition
from lakeflow.core.model.schema import Schema
from lakeflow.core.plan.in_time.built import Built, digest_of
from lakeflow.core.plan.in_time.late_rows import TouchedBy, late
from lakeflow.core.time.timeline import Timeline, Window
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class Backfill:
    """A span of time that somebody asks for. With `redo`, its partitions are built again even if nothing changed."""

    window: Window
    redo: bool = True


@dataclass(frozen=True)
class Upstream:
    """A partitioned input: its timeline, its partitions that are built, and the windows that this plan builds again."""

    timeline: Timeline
    built: Mapping[str, Built] = EMPTY
    running: tuple[Window, ...] = ()

    def digest(self, window: Window) -> str:
        return digest_of(self.built, self.timeline, window)

    def differs(self, window: Window, was: str) -> bool:
        """Does a window read other data of this input now, or after this plan, than when `was` was its digest?"""
        return any(window.overlaps(each) for each in self.running) or self.digest(window) != was


@dataclass(frozen=True)
class Pending:
    """A partition that has to be built. `why` is one of a few words, so that a plan can count partitions by it.
    `partial` says that it is not over, so that it is built as far as it goes.
    """

    name: str
    window: Window
    why: str
    partial: bool = False

    @property
    def is_late(self) -> bool:
        """Did rows come to an input without partitions?"""
        return self.why in {LATE, NEW} or self.why.startswith(UNKNOWN)


MISSING: Final = "missing"
OTHER_CODE: Final = "built by other code"
OVER: Final = "over by now and built before that"
INPUT_REBUILT: Final = "built from partitions that were built again"
LATE: Final = "got late rows"
NEW: Final = "got new rows and not over yet"
UNKNOWN: Final = "may have got rows, since"
"""Followed by what nobody can tell."""
ASKED: Final = "asked for"


@dataclass(frozen=True)
class Today:
    """What a partition would be built from now: the code, the inputs with partitions, and what the others got since
    partitions were built.
    """

    now: datetime
    code_version: str
    upstreams: Mapping[str, Upstream] = EMPTY
    touched: TouchedBy = EMPTY


def pending(timeline: Timeline, built: Mapping[str, Built], today: Today) -> tuple[Pending, ...]:
    """The partitions that there are now and that differ from what today's code and inputs would give, oldest first."""
    came = late(timeline, built, today.touched, today.now).due
    found: list[Pending] = []
    for name, window in timeline.partitions(today.now):
        is_open = window.end > today.now
        why = _why(window, built.get(name), today)
        if not why and name in came:
            why = f"{UNKNOWN} {came[name]}" if came[name] else NEW if is_open else LATE
        if why:
            found.append(Pending(name, window, why, is_open))
    return tuple(found)


def of_backfill(
    timeline: Timeline, found: Sequence[Pending], backfill: Backfill, until: datetime
) -> tuple[Pending, ...]:
    """The partitions found that begin in the backfill's span; with `redo`, all partitions of the span."""
    chosen = {each.name: each for each in found}
    spans = [Pending(name, window, ASKED, window.end > until) for name, window in timeline.partitions(until)]
    inside = [chosen.get(each.name, each) for each in spans if backfill.window.begins(each.window)]
    return tuple(each for each in inside if backfill.redo or each.why != ASKED)


def _why(window: Window, was: Built | None, today: Today) -> str:
    if was is None:
        return MISSING
    if was.code_version != today.code_version:
        return OTHER_CODE
    if was.partial and window.end <= today.now:
        return OVER
    if any(upstream.differs(window, was.inputs.get(name, "")) for name, upstream in today.upstreams.items()):
        return INPUT_REBUILT
    return ""


def windows(pending: Iterable[Pending]) -> tuple[Window, ...]:
    """The fewest windows that cover exactly these partitions, oldest first."""
    joined: list[Window] = []
    for window in sorted(each.window for each in pending):
        if joined and joined[-1].end == window.start:
            joined[-1] = Window(joined[-1].start, window.end)
        else:
            joined.append(window)
    return tuple(joined)


@dataclass(frozen=True)
class Replaced:
    """What of a table a write replaces, also where no row comes for it: partitions of its layout, and, where units of a
    zone cut across these, the spans of time that its rows lie in (none: whole partitions).
    """

    partitions: frozenset[Partition] = frozenset()
    spans: tuple[Window, ...] = ()


def replaced_by(asset: Asset, partitions: Iterable[Pending], schema: Schema) -> Replaced:
    """What a write of these partitions replaces. A date is a day of the zone, whatever its hours; Iceberg counts any
    other time in UTC.
    """
    line, some = asset.timeline, tuple(partitions)
    if line is None:
        return Replaced()
    column = schema.find(line.column)
    if not line.zone or (column is not None and str(column.type) == "date"):
        walls = (line.local(each.window.start).replace(tzinfo=UTC) for each in some)
        return Replaced(frozenset((line.unit.ordinal(wall),) for wall in walls))
    spans = windows(some)
    in_utc = replace(line, zone="", start=line.start)
    touched = (window for span in spans for _, window in in_utc.touched(span))
    return Replaced(frozenset((line.unit.ordinal(window.start),) for window in touched), spans)


def with_built(
    before: Mapping[str, Built],
    partitions: Sequence[Pending],
    wrote: Built,
    inputs: Mapping[str, Upstream],
) -> Mapping[str, Built]:
    """The set of built partitions after a write has built these from the present inputs, as `wrote` says of all."""
    new = {
        each.name: replace(
            wrote,
            inputs={name: upstream.digest(each.window) for name, upstream in inputs.items()},
            partial=each.partial,
        )
        for each in partitions
    }
    return {**before, **new}
