"""What a run tells while it goes on, for progress displays and event streams."""

from __future__ import annotations

from enum import StrEnum

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunRecord, StepRecord
from lakeflow.core.plan.planning import Plan
from lakeflow.core.values import dataclass


class Phase(StrEnum):
    """What a step is at."""

    WRITING = "writing"
    AUDITING = "auditing"
    PUBLISHING = "publishing"


@dataclass(frozen=True)
class Planned:
    """The plan made under the lease: what is about to run."""

    plan: Plan


@dataclass(frozen=True)
class RunStarted:
    """The run is in the ledger and has its lease."""

    run: RunRecord


@dataclass(frozen=True)
class StepPhase:
    """A step begins to write, to audit or to publish."""

    run: str
    asset: AssetKey
    phase: Phase


@dataclass(frozen=True)
class StepPrinted:
    """Lines that the asset's code printed. Code that may see personal data is not quoted."""

    run: str
    asset: AssetKey
    lines: tuple[str, ...]


@dataclass(frozen=True)
class StepTraced:
    """The traceback of what the asset's code raised, only for the run's log. Code that sees personal data
    leaves none.
    """

    run: str
    asset: AssetKey
    lines: tuple[str, ...]


@dataclass(frozen=True)
class StepRetried:
    """The `failed`-th try of an asset's code ended with this reason. The next begins in `pause` seconds."""

    run: str
    asset: AssetKey
    failed: int
    retries: int
    pause: float
    reason: str


@dataclass(frozen=True)
class StepEnded:
    """The step as it ended, or, once audited and waiting for the common publish, as it stands (state None)."""

    run: str
    step: StepRecord


@dataclass(frozen=True)
class RunEnded:
    """The run as it ended: the last event."""

    run: RunRecord


Event = Planned | RunStarted | StepPhase | StepPrinted | StepRetried | StepEnded | RunEnded
Logged = Event | StepTraced
"""What the run's log hears. A watcher hears no traceback."""
