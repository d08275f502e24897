"""Partitions in time: the windows that they cover, and their names. All moments are in UTC."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, tzinfo
from functools import cached_property
from itertools import takewhile
from typing import Final

from lakeflow.core.time.local import after, at_wall, floor, spell, zone_of
from lakeflow.core.time.units import Unit
from lakeflow.core.values import dataclass

START: Final = "partition_start"
END: Final = "partition_end"
BOUNDS: Final = (START, END)
"""The parameters that code receives: `$partition_start` in SQL, an argument of that name in Python."""

_SPELLED: Final = re.compile(r"(year|month|day|hour)\(\s*([A-Za-z_][A-Za-z0-9_]*)\s*\)")


@dataclass(frozen=True, order=True)
class Window:
    """A half-open span of time, in UTC."""

    start: datetime
    end: datetime

    def overlaps(self, other: Window) -> bool:
        return self.start < other.end and other.start < self.end

    def holds(self, other: Window) -> bool:
        return self.start <= other.start and other.end <= self.end

    def begins(self, other: Window) -> bool:
        """Does the other window begin in this one?"""
        return self.start <= other.start < self.end


EVER: Final = Window(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True)
class Timeline:
    """`partition = "day(departed_at)"`: one partition for each unit of `column`, from `start` on and before `end` (both
    in UTC). Units are those of clocks in the `zone`, of UTC without one.

    The partition in which now lies is open: it is built as far as it goes, unless `waits` until it is over. Rows that
    come late reach `lookback` partitions back; None: as far as rows come.
    """

    unit: Unit
    column: str
    start: datetime
    end: datetime | None = None
    lookback: int | None = None
    zone: str = ""
    waits: bool = False

    def __str__(self) -> str:
        return f"{self.unit}({self.column}){f' in {self.zone}' if self.zone else ''}"

    @cached_property
    def clock(self) -> tzinfo:
        """The zone whose clocks count the units."""
        return zone_of(self.zone)

    @property
    def first(self) -> datetime:
        """When the first partition begins."""
        return self.floor(self.start)

    def floor(self, moment: datetime) -> datetime:
        """When the partition begins in which a moment lies."""
        return floor(self.unit, moment, self.clock)

    def after(self, start: datetime) -> datetime:
        """When the partition begins that follows the one that begins then."""
        return after(self.unit, start, self.clock)

    def partitions(self, until: datetime) -> Iterator[tuple[str, Window]]:
        """Name and window of each partition that there is at `until`, oldest first: those that have begun, or, where
        the asset waits, those that are over.
        """
        return takewhile(lambda each: self.has(each[1], until), self._from(self.start))

    def reached(self, now: datetime) -> frozenset[str]:
        """The names of the partitions that late rows reach: the newest, and `lookback` before it."""
        names = [name for name, _ in self.partitions(now)]
        return frozenset(names if self.lookback is None else names[-1 - self.lookback :])

    def has(self, window: Window, until: datetime) -> bool:
        """Is there a partition with that window at `until`?"""
        began = window.end <= until or (window.start < until and not self.waits)
        return began and (self.end is None or window.end <= self.end)

    def touched(self, window: Window) -> Iterator[tuple[str, Window]]:
        """The partitions that overlap the window, whether they have ended or not."""
        return takewhile(lambda each: each[1].start < window.end, self._from(max(self.start, window.start)))

    def named(self, names: Collection[str]) -> Iterator[Window]:
        """The windows of these partitions, without those that are not of this timeline."""
        last = max(names, default="")
        until = takewhile(lambda each: each[0] <= last, self._from(self.start))
        return (window for name, window in until if name in names)

    def spell(self, start: datetime) -> str:
        """The name of the partition that begins then."""
        return spell(self.unit, start, self.clock)

    def local(self, moment: datetime) -> datetime:
        """The moment as clocks in the timeline's zone show it."""
        return moment.astimezone(self.clock)

    def at_wall(self, moment: datetime) -> datetime:
        """A moment of which nobody said the zone, as clocks in the timeline's zone show it; in UTC."""
        return at_wall(moment, self.clock)

    def _from(self, moment: datetime) -> Iterator[tuple[str, Window]]:
        start = self.floor(moment)
        while True:
            end = self.after(start)
            yield self.spell(start), Window(start, end)
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
    return at_wall(parse_wall(value), UTC)


def parse_wall(value: object) -> datetime:
    """Read the same, and leave a time without zone as it is: it means what clocks show where it is used."""
    if isinstance(value, str):
        text = value.strip()
        value = datetime.fromisoformat(text + {4: "-01-01", 7: "-01"}.get(len(text), ""))
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    raise ValueError(f"{value!r} is no date")


def parse_last(value: object) -> datetime:
    """The end of the year, month or day that a person names as the last; a time stands for itself."""
    start = parse_wall(value)
    if isinstance(value, datetime) or (isinstance(value, str) and len(value.strip()) > len("2013-12-31")):
        return start
    unit = {4: Unit.YEAR, 7: Unit.MONTH}.get(len(str(value).strip()), Unit.DAY)
    return unit.after(start).replace(tzinfo=None)
