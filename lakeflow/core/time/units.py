"""Years, months, days and hours as UTC counts them, and their spelling."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final


class Unit(StrEnum):
    YEAR = "year"
    MONTH = "month"
    DAY = "day"
    HOUR = "hour"

    def floor(self, moment: datetime) -> datetime:
        """The beginning of the unit in which a moment lies."""
        kept = {Unit.YEAR: 1, Unit.MONTH: 2, Unit.DAY: 3, Unit.HOUR: 4}[self]
        year, month, day, hour = (*moment.timetuple()[:kept], *(1, 1, 1, 0)[kept:])
        return datetime(year, month, day, hour, tzinfo=UTC)

    def after(self, start: datetime) -> datetime:
        """The beginning of the next unit."""
        return self.floor(start + _LONGEST[self])

    def ordinal(self, start: datetime) -> int:
        """How many units have passed since 1970, as Iceberg counts partitions of time (spec, "Partition
        Transforms").
        """
        if self is Unit.YEAR:
            return start.year - EPOCH.year
        if self is Unit.MONTH:
            return 12 * (start.year - EPOCH.year) + start.month - 1
        return (start - EPOCH) // _LONGEST[self]


EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
SPELLING: Final = {Unit.YEAR: "%Y", Unit.MONTH: "%Y-%m", Unit.DAY: "%Y-%m-%d", Unit.HOUR: "%Y-%m-%dT%H"}
_LONGEST: Final = {
    Unit.YEAR: timedelta(366),
    Unit.MONTH: timedelta(31),
    Unit.DAY: timedelta(1),
    Unit.HOUR: timedelta(hours=1),
}
