"""What would happen, what it would cost, and what checks have found already, for somebody who reviews a change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field

from lakeflow.core.compare.comparison import Comparison
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import CheckResult, RunRecord, StepState
from lakeflow.core.plan.planning import Plan
from lakeflow.core.review.change import Changes
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class FailedAudit:
    """The checks of one step of a run that did not pass. `held` says whether they kept it from readers."""

    asset: AssetKey
    run: str
    checks: tuple[CheckResult, ...]
    held: bool


@dataclass(frozen=True)
class Review:
    """A plan, how many rows readers see of each asset now, how what is held differs, which of its checks failed, and
    what the files change against main.
    """

    plan: Plan
    standing: Mapping[AssetKey, int] = field(default_factory=lambda: EMPTY)
    compared: tuple[Comparison, ...] = ()
    failed: tuple[FailedAudit, ...] = ()
    changes: Changes = field(default_factory=Changes)


def failed_audits(runs: Iterable[RunRecord], selected: Sequence[AssetKey]) -> tuple[FailedAudit, ...]:
    """The audit of each asset that failed last; the runs come newest first."""
    found: dict[AssetKey, FailedAudit] = {}
    for run in runs:
        for step in run.steps:
            bad = tuple(check for check in step.checks if check.outcome in {Outcome.FAILED, Outcome.ERRORED})
            if bad and step.asset in selected and step.asset not in found:
                found[step.asset] = FailedAudit(step.asset, run.id, bad, step.state is StepState.HELD)
    return tuple(found[key] for key in sorted(found))
