"""The history of an asset's checks: each check over the last audits, the oldest at the left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import CheckResult, RunRecord, StepRecord
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class AuditMark:
    """What one audit found. None: that check was not there then."""

    run: str
    at: datetime
    found: CheckResult | None

    @property
    def outcome(self) -> Outcome | None:
        return self.found.outcome if self.found else None


@dataclass(frozen=True)
class Strip:
    """One check, and what each audit found of it, the oldest first."""

    name: str
    cells: tuple[AuditMark, ...]

    @property
    def last(self) -> CheckResult | None:
        return next((cell.found for cell in reversed(self.cells) if cell.found), None)

    @property
    def failed(self) -> tuple[int, ...]:
        """How many rows failed in each audit that counted them."""
        return tuple(number for _, number in self.points)

    @property
    def points(self) -> tuple[tuple[int, int], ...]:
        """When each of these audits was, in seconds, and how many rows failed in it."""
        return tuple(
            (int(cell.at.timestamp()), cell.found.failed_rows)
            for cell in self.cells
            if cell.found and cell.found.failed_rows is not None
        )


def strips(audits: Sequence[tuple[RunRecord, StepRecord]]) -> tuple[Strip, ...]:
    """The checks of the last of these audits first, in its order, then those that are no more. `audits` are the oldest
    first.
    """
    names = dict.fromkeys(check.name for _, step in reversed(audits) for check in step.checks)
    columns = [
        (run.id, step.ended_at or run.started_at, {check.name: check for check in step.checks}) for run, step in audits
    ]
    return tuple(
        Strip(name, tuple(AuditMark(run, at, found.get(name)) for run, at, found in columns)) for name in names
    )
