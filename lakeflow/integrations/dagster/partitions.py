"""Partitions in time as Dagster counts them: the same spans, in the same zone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Final

import dagster as dg

from lakeflow.core.time.timeline import Timeline, Window
from lakeflow.core.time.units import Unit

_FORMS: Final[Mapping[Unit, tuple[str, str]]] = {
    Unit.YEAR: ("0 0 1 1 *", "%Y"),
    Unit.MONTH: ("0 0 1 * *", "%Y-%m"),
    Unit.DAY: ("0 0 * * *", "%Y-%m-%d"),
    Unit.HOUR: ("{minute} * * * *", "%Y-%m-%dT%H:%M"),
}
"""When each begins, as cron says it, and its name."""


def partitions_of(timeline: Timeline) -> dg.TimeWindowPartitionsDefinition:
    """Dagster's partitions with the very spans of the timeline. The open one is there too, unless the asset waits for
    its end.

    Hours are counted in UTC, where none comes twice; they begin at the minute at which those of the zone do.
    """
    cron, form = _FORMS[timeline.unit]
    hours = timeline.unit is Unit.HOUR
    zone = "UTC" if hours else timeline.zone or "UTC"
    clock = UTC if hours else timeline.clock
    return dg.TimeWindowPartitionsDefinition(
        start=timeline.first.astimezone(clock),
        end=timeline.end and timeline.end.astimezone(clock),
        fmt=form,
        timezone=zone,
        cron_schedule=cron.format(minute=timeline.first.minute),
        end_offset=0 if timeline.waits else 1,
    )


def window_of(context: dg.AssetExecutionContext) -> Window | None:
    """The span that a run of Dagster is about; None for assets without partitions."""
    if not context.has_partition_key and not context.has_partition_key_range:
        return None
    window = context.partition_time_window
    return Window(window.start.astimezone(UTC), window.end.astimezone(UTC))
