"""Units of time as clocks in a zone show them: days of 23 and 25 hours, hours that come twice, days that never come.

All moments are in UTC; a wall time is what a clock in the zone shows, without its zone.
"""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from lakeflow.core.time.units import SPELLING, Unit


@lru_cache(maxsize=64)
def zone_of(name: str) -> tzinfo:
    """The zone of that name; UTC without one. ValueError for a name that no zone has."""
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise ValueError(f"{name!r} is no time zone") from None


def floor(unit: Unit, moment: datetime, zone: tzinfo) -> datetime:
    """The beginning of the unit in which a moment lies. Where clocks jump over it, the unit begins as they jump."""
    if zone is UTC:
        return unit.floor(moment)
    wall = unit.floor(moment.astimezone(zone))
    first = _instant(wall, zone, 0)
    if unit is not Unit.HOUR:
        return first
    # An hour may come twice: a moment lies in the one that began last.
    return max((each for each in (first, _instant(wall, zone, 1)) if each <= moment), default=first)


def after(unit: Unit, start: datetime, zone: tzinfo) -> datetime:
    """The beginning of the next unit."""
    if zone is UTC:
        return unit.after(start)
    wall = unit.floor(start.astimezone(zone))
    following = _instant(unit.after(wall), zone, 0)
    again = _instant(wall, zone, 1)
    return again if unit is Unit.HOUR and start < again < following else following


def spell(unit: Unit, start: datetime, zone: tzinfo) -> str:
    """Spell a unit as `2013`, `2013-02`, `2013-02-12` or `2013-02-12T03`, and an hour that comes again as
    `2013-10-27T02+01:00`: the texts sort as the times do.
    """
    wall = unit.floor(start.astimezone(zone))
    text = wall.strftime(SPELLING[unit])
    if unit is Unit.HOUR and _instant(wall, zone, 0) < start == _instant(wall, zone, 1):
        return text + start.astimezone(zone).isoformat()[-len("+01:00") :]
    return text


def at_wall(moment: datetime, zone: tzinfo) -> datetime:
    """A moment that says no zone is what clocks in the zone show; any other stands for itself. Given in UTC."""
    return moment.astimezone(UTC) if moment.tzinfo else _instant(moment, zone, 0)


def _instant(wall: datetime, zone: tzinfo, fold: int) -> datetime:
    return wall.replace(tzinfo=zone, fold=fold).astimezone(UTC)
