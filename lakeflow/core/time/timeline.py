"""Units of time: the windows that an asset's partitions cover, and their spelling. All times are in UTC."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Final

START: Final = "partition_start"
END: Final = "partition_end"
BOUNDS: Final = (START, END)
"""The parameters that code receives: `$partition_start` in SQL, an argument of that name in Python."""

_SPELLED: Final = re.compile(r"(year|month|day|hour)\(\s*([A-Za-z_][A-Za-z0-9_]*)\s*\)")


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

    def spell(self, start: datetime) -> str:
        """Spell a unit as `2013`, `2013-02`, `2013-02-12` or `2013-02-12T03`: the texts sort as the times do."""
        return start.strftime(_SPELLING[self])


EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST: Final = {
    Unit.YEAR: timedelta(366),
    Unit.MONTH: timedelta(31),
    Unit.DAY: timedelta(1),
    Unit.HOUR: timedelta(hours=1),
}
_SPELLING: Final = {Unit.YEAR: "%Y", Unit.MONTH: "%Y-%m", Unit.DAY: "%Y-%m-%d", Unit.HOUR: "%Y-%m-%dT%H"}


@dataclass(frozen=True, order=True)
class Window:
    """A half-open span of time, in UTC."""

    start: datetime
    end: datetime

    def overlaps(self, other: Window) -> bool:
        return self.start < other.end and other.start < self.end

    def holds(self, other: Window) -> bool:
        return self.start <= other.start and other.end <= self.end


EVER: Final = Window(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True)
class Timeline:
    """`partition = "day(departed_at)"`: one partition for each unit of `column`, from `start` on and before `end` (both
    in UTC). With a new partition, `lookback` partitions before it are built again, for rows that come late.
    """

    unit: Unit
    column: str
    start: datetime
    end: datetime | None = None
    lookback: int = 0

    def __str__(self) -> str:
        return f"{self.unit}({self.column})"

    def partitions(self, until: datetime) -> Iterator[tuple[str, Window]]:
        """Name and window of each partition that has ended at `until`, oldest first."""
        last = until if self.end is None else min(until, self.end)
        return takewhile(lambda each: each[1].end <= last, self._from(self.start))

    def touched(self, window: Window) -> Iterator[tuple[str, Window]]:
        """The partitions that overlap the window, whether they have ended or not."""
        return takewhile(lambda each: each[1].start < window.end, self._from(max(self.start, window.start)))

    def within(self, window: Window) -> Iterator[tuple[str, Window]]:
        """The partitions that lie completely in the window, whether they have ended or not."""
        until = window if self.end is None else Window(window.start, min(window.end, self.end))
        return ((name, each) for name, each in self.touched(until) if until.holds(each))

    def named(self, names: Collection[str]) -> Iterator[Window]:
        """The windows of these partitions, without those that are not of this timeline."""
        last = max(names, default="")
        until = takewhile(lambda each: each[0] <= last, self._from(self.start))
        return (window for name, window in until if name in names)

    def _from(self, moment: datetime) -> Iterator[tuple[str, Window]]:
        start = self.unit.floor(moment)
        while True:
            end = self.unit.after(start)
            yield self.unit.spell(start), Window(start, end)
            start = end


def parse_partition(text: str) -> tuple[Unit, str]:
    """`"day(departed_at)"` → unit and column; ValueError for anything else."""
    match = _SPELLED.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not year(…), month(…), day(…) or hour(…) of a column")
    return Unit(match[1]), match[2]


def parse_moment(value: object) -> datetime:
    """Read a date or time, or its ISO 8601 text (`2013`, `2013-02` too). Without a zone it is in UTC. ValueError for
    anything else.
    """
    if isinstance(value, str):
        text = value.strip()
        value = datetime.fromisoformat(text + {4: "-01-01", 7: "-01"}.get(len(text), ""))
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    raise ValueError(f"{value!r} is no date")


def parse_last(value: object) -> datetime:
    """The end of the year, month or day that a person names as the last; a time stands for itself."""
    start = parse_moment(value)
    if isinstance(value, datetime) or (isinstance(value, str) and len(value.strip()) > len("2013-12-31")):
        return start
    unit = {4: Unit.YEAR, 7: Unit.MONTH}.get(len(str(value).strip()), Unit.DAY)
    return unit.after(start)
