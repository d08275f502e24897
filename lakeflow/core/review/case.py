"""Results as continuous integration knows them: one case for each step, check and fault, with the file that is to
blame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lakeflow.core.errors import Fault
from lakeflow.core.model.asset import Asset, Project
from lakeflow.core.model.check import Outcome, Severity
from lakeflow.core.model.run import CheckResult, RunRecord, StepRecord, StepState
from lakeflow.core.review.change import ChangeEffect, Changes
from lakeflow.core.view.audits import Inspected


class CaseOutcome(StrEnum):
    """What came of a case. Only `failed` and `errored` are bad; `warned` is told and stops nothing."""

    PASSED = "passed"
    WARNED = "warned"
    FAILED = "failed"
    ERRORED = "errored"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class Case:
    """One result. `group` is the asset, or the file; `path` is relative to the project's root."""

    group: str
    name: str
    outcome: CaseOutcome
    says: str = ""
    path: str = ""
    line: int = 1
    seconds: float = 0.0


_STEPS: Final = {
    StepState.HELD: CaseOutcome.FAILED,
    StepState.ERRORED: CaseOutcome.ERRORED,
    StepState.CONFLICT: CaseOutcome.ERRORED,
    StepState.SKIPPED: CaseOutcome.SKIPPED,
}
_CHECKS: Final = {
    Outcome.PASSED: CaseOutcome.PASSED,
    Outcome.ERRORED: CaseOutcome.ERRORED,
    Outcome.SKIPPED: CaseOutcome.SKIPPED,
}


def cases_of_run(run: RunRecord | None, project: Project) -> tuple[Case, ...]:
    return tuple(case for step in (run.steps if run else ()) for case in _of_step(step, project.assets.get(step.asset)))


def cases_of_audits(audits: Iterable[Inspected]) -> tuple[Case, ...]:
    return tuple(_of_check(str(one.asset), check) for one in audits for check in one.checks)


def cases_of_faults(faults: Iterable[Fault]) -> tuple[Case, ...]:
    return tuple(
        Case(one.path, "check", CaseOutcome.FAILED, f"{one.message}; {one.hint}", one.path, one.line) for one in faults
    )


def cases_of_changes(found: Changes) -> tuple[Case, ...]:
    outcomes = {ChangeEffect.BREAKING: CaseOutcome.FAILED}
    return tuple(
        Case(
            str(each.asset) if each.asset else each.path,
            f"{each.kind}{f' {each.column}' if each.column else ''}",
            outcomes.get(each.effect, CaseOutcome.PASSED),
            f"{each.says}; {each.hint}" if each.hint else each.says,
            each.path,
            each.line,
        )
        for each in found.changes
    )


def _of_step(step: StepRecord, asset: Asset | None) -> Iterator[Case]:
    outcome = _STEPS.get(step.state, CaseOutcome.PASSED) if step.state else CaseOutcome.SKIPPED
    path, line = (asset.code.path, asset.code.line) if asset else ("", 1)
    says = step.reason or (str(step.state) if step.state else "")
    yield Case(str(step.asset), str(step.action), outcome, says, path, line, step.seconds)
    for check in step.checks:
        yield _of_check(str(step.asset), check)


def _of_check(asset: str, check: CheckResult) -> Case:
    failed = CaseOutcome.FAILED if check.severity is Severity.CRITICAL else CaseOutcome.WARNED
    count = f"{check.failed_rows:,} rows fail" if check.failed_rows else ""
    return Case(asset, check.name, _CHECKS.get(check.outcome, failed), check.detail or count, check.path)
