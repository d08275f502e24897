"""How fresh an asset must be, as its author declares it: within an age, or by a time of the day."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from lakeflow.core.values import dataclass
from lakeflow.core.wording import parse_seconds

OFF: Final = "off"
"""`fresh = "off"`: the asset may be of any age, whatever is made from it."""

TOLD_BY: Final = frozenset({"date", "timestamp", "timestamp_ns", "timestamptz", "timestamptz_ns"})
"""The types of a `fresh_column`."""

_LONGEST: Final = 100 * 366 * 86_400
_BY: Final = re.compile(r"(?:(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)|(?P<cron>\S+(?:\s+\S+){4}))\s+(?P<zone>\S+)")


@dataclass(frozen=True)
class Schedule:
    """Moments that repeat, as cron describes them in a time zone. `text` is the author's spelling."""

    text: str
    cron: str
    zone: str

    def next_after(self, moment: datetime) -> datetime:
        """The first one later than `moment` (which knows its zone), in that moment's zone.

        An hour that the change to summer time leaves out counts as the one after it, one that comes twice counts once
        (https://manpages.debian.org/cron.8 "Daylight Saving Time").
        """
        from cronsim import CronSim  # noqa: PLC0415 - only projects with a deadline pay for it

        return next(CronSim(self.cron, moment.astimezone(ZoneInfo(self.zone)))).astimezone(moment.tzinfo)


@dataclass(frozen=True)
class Freshness:
    """At most `within` old, or renewed `by` each of these moments; with neither, of any age.

    Its age counts from its last publish, or, with `column`, from the newest value of that column.
    """

    within: timedelta | None = None
    by: Schedule | None = None
    column: str = ""
    text: str = ""

    @property
    def is_off(self) -> bool:
        return self.within is None and self.by is None

    def due(self, seen: datetime) -> datetime:
        """The moment until which data that was `seen` last is fresh. After it, the data is late.

        Each moment of a schedule asks for something newer than the moment before it. Data that came in between
        satisfies the next moment, so it is fresh until the moment after that.
        """
        if self.within is not None:
            return seen + self.within
        assert self.by is not None, "what may be of any age is never due"
        met = self.by.next_after(seen - timedelta(microseconds=1))
        return self.by.next_after(met)


def parse_age(text: str) -> timedelta:
    """Read `45s`, `10m`, `36h`, `2 days` as a span of time. ValueError for anything else, and for a span of zero."""
    seconds = parse_seconds(text)
    if not 0 < seconds <= _LONGEST:
        raise ValueError(f"{text!r} is no age that can be kept")
    return timedelta(seconds=seconds)


@lru_cache(maxsize=256)
def parse_schedule(text: str) -> Schedule:
    """Read `"08:00 Europe/Oslo"`, or five fields of cron and a zone. ValueError says what is wrong with the text."""
    found = _BY.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no time of the day with a zone")
    try:
        ZoneInfo(found["zone"])
    except (ValueError, OSError, KeyError):
        raise ValueError(f"{text!r} ends with {found['zone']!r}, which is no time zone") from None
    cron = found["cron"] or f"{int(found['minute'])} {int(found['hour'])} * * *"
    schedule = Schedule(text.strip(), cron, found["zone"])
    _require_moments(schedule)
    return schedule


def _require_moments(schedule: Schedule) -> None:
    from cronsim import CronSimError  # noqa: PLC0415 - as said above

    try:
        schedule.next_after(datetime(2024, 1, 1, tzinfo=ZoneInfo(schedule.zone)))
    except CronSimError as error:
        raise ValueError(f"{schedule.text!r} is no cron expression: {error}") from None
    except StopIteration:
        raise ValueError(f"{schedule.text!r} never comes") from None
