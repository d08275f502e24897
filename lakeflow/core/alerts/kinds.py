"""What an alert may tell."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class AlertKind(StrEnum):
    """What an alert tells of an asset, the most urgent first.

    A run ends `held`, `errored` (its code or its write failed, or the run was cut off) or in `conflict`. `stale` data
    is late, and what is `degraded` should not be trusted. `recovered` ends any of these; `published` tells of a run.
    """

    HELD = "held"
    ERRORED = "errored"
    CONFLICT = "conflict"
    STALE = "stale"
    DEGRADED = "degraded"
    RECOVERED = "recovered"
    PUBLISHED = "published"


OF_RUNS: Final = frozenset({AlertKind.HELD, AlertKind.ERRORED, AlertKind.CONFLICT})
"""The troubles that a run leaves and that the next run of the asset ends."""
JUDGED: Final = frozenset({AlertKind.STALE, AlertKind.DEGRADED})
"""The troubles that the clock and the last verdicts tell."""
TROUBLES: Final = OF_RUNS | JUDGED
"""What lasts until it is over."""
