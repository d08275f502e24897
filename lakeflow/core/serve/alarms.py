"""When the clock asks again for something that was done before, on a clock that may jump."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from lakeflow.core.keys import EMPTY
from lakeflow.core.values import dataclass

Next = Callable[[datetime], datetime]
"""The moment at which something is due again that was done at a moment."""


@dataclass(frozen=True)
class Alarm:
    """`at` is when it is due, set when it had last been done at `since`."""

    since: datetime | None
    at: datetime


@dataclass(frozen=True)
class Alarms:
    """The alarms by name, as they were at `looked_at`. Those that nobody asks for any more are forgotten."""

    by_name: Mapping[str, Alarm] = EMPTY
    looked_at: datetime | None = None

    def at(self, name: str, since: datetime | None, following: Next, now: datetime) -> datetime:
        """When it is due. What was never done is due now.

        A clock that was set back may have left a `since` in the future: from now on it is as far to the next time as it
        would be had it been done now. Nothing waits until that clock has caught up, and nothing comes twice.
        """
        known = self.by_name.get(name)
        if known is None or known.since != since:
            return now if since is None else following(min(since, now))
        was_set_back = self.looked_at is not None and now < self.looked_at
        return min(known.at, following(now)) if was_set_back else known.at


NO_ALARMS: Final = Alarms()
