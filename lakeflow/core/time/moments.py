"""Times as people type them: a date, a time, or so long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_UNITS: Final = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


class StillToComeError(ValueError):
    """A time in the future, which nobody can have seen."""


def duration(text: str) -> float:
    """Read `90`, `90s`, `10m`, `1h`, `2d` as seconds; ValueError for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd]?)", text)
    if match is None:
        raise ValueError(f"{text!r} is no duration; write 90s, 10m or 1h")
    return float(match[1]) * _UNITS[match[2]]


def moment(text: str, now: datetime) -> datetime:
    """Read `2013-02-12`, `2013-02-12T03:00:00+01:00` (UTC without a zone), or `2d`, which means that long before `now`.

    ValueError for anything else, StillToComeError for a time in the future.
    """
    try:
        then = now - timedelta(seconds=duration(text)) if text[-1:] in _UNITS else datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time; write 2026-01-31, 2026-01-31T12:00:00Z or 2d") from None
    then = then if then.tzinfo else then.replace(tzinfo=UTC)
    if then > now:
        raise StillToComeError(f"{text} is still to come")
    return then
