"""When `serve` looks after an asset: as soon as something changed, in steps of time, or at times of the clock."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final

from lakeflow.core.time.freshness import OFF, Schedule, parse_age, parse_schedule
from lakeflow.core.values import dataclass

ON_CHANGE: Final = "on change"
_NO_ZONE: Final = re.compile(r"\S+(?:\s+\S+){4}")
_FORMS: Final = '"on change", an age such as "1h", or a time such as "06:00 Europe/Oslo" or "0 6 * * *"'


@dataclass(frozen=True)
class Refresh:
    """`every` span of time, `by` these moments, or with neither as soon as something changed; `off` is never."""

    text: str
    every: timedelta | None = None
    by: Schedule | None = None

    @property
    def is_off(self) -> bool:
        return self.text == OFF

    @property
    def on_change(self) -> bool:
        return self.every is None and self.by is None and not self.is_off

    def next_after(self, tried: datetime) -> datetime | None:
        """When an asset that was `tried` last is to be looked after again. None: the clock does not tell."""
        if self.every is not None:
            return tried + self.every
        return None if self.by is None else self.by.next_after(tried)


AS_THINGS_CHANGE: Final = Refresh(ON_CHANGE)


def parse_refresh(text: str) -> Refresh:
    """Read `on change`, `off`, an age, or a time of the clock. Cron without a zone is in UTC. ValueError says what is
    wrong.
    """
    said = " ".join(text.split())
    if said in {ON_CHANGE, OFF}:
        return Refresh(said)
    try:
        return Refresh(said, every=parse_age(said))
    except ValueError:
        pass
    if " " not in said:
        raise ValueError(f"{text!r} is neither {_FORMS}")
    # Only five fields without a zone mean UTC: of `06:00` alone nobody knows whose six o'clock it is.
    return Refresh(said, by=parse_schedule(f"{said} UTC" if _NO_ZONE.fullmatch(said) else said))
