"""Quiet hours: a part of each day in which `serve` begins nothing that can wait."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from lakeflow.core.time.freshness import Schedule, parse_schedule
from lakeflow.core.values import dataclass

_SPELLED: Final = re.compile(
    r"(?P<start>([01]?\d|2[0-3]):[0-5]\d)\s*-\s*(?P<end>([01]?\d|2[0-3]):[0-5]\d)\s+(?P<zone>\S+)"
)


@dataclass(frozen=True)
class Quiet:
    """From each `start` to the next `end`. `text` is the author's spelling."""

    text: str
    start: Schedule
    end: Schedule

    def until(self, moment: datetime) -> datetime | None:
        """When the quiet hours end in which the moment lies. None: it lies in none.

        They hold where their end comes before their next beginning.
        """
        end = self.end.next_after(moment)
        return end if end <= self.start.next_after(moment) else None


def parse_quiet(text: str) -> Quiet:
    """Read `"22:00-06:00 Europe/Oslo"`. ValueError says what is wrong."""
    found = _SPELLED.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is not two times of the day with a zone")
    start, end = (parse_schedule(f"{found[name]} {found['zone']}") for name in ("start", "end"))
    if start.cron == end.cron:
        raise ValueError(f"{text!r} begins when it ends")
    return Quiet(text.strip(), start, end)
