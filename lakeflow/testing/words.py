"""What an assertion about a lake says when it does not hold: what happened instead, and what to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lakeflow.core.expected.compare import RowDifference
from lakeflow.core.expected.outcome import is_named
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import CheckResult, RunRecord, StepRecord, StepState
from lakeflow.core.wording import counted, did_you_mean

_BAD = frozenset({Outcome.FAILED, Outcome.ERRORED})
_SAMPLES = 3


def published_fault(run: RunRecord | None, keys: Sequence[AssetKey]) -> str:
    """Why one of these assets was not published by the run, or any of its steps where none is named; else empty."""
    if run is None:
        return "nothing ran: every selected asset was fresh, or lake.materialize() was not called before"
    if unknown := [key for key in keys if run.step(key) is None]:
        wrote = ", ".join(str(step.asset) for step in run.steps)
        return f"{unknown[0]} was not in the run, which built {wrote or 'nothing'}"
    steps = [step for step in run.steps if not step.done and (not keys or step.asset in keys)]
    return "\n".join(text for step in steps for text in _unpublished(step))


def held_fault(run: RunRecord | None, key: AssetKey | None, check: str) -> str:
    """Why the run did not hold that asset, or any, because of that check, or of any; else empty."""
    if run is None or not run.steps:
        return published_fault(run, ())
    if key is not None and run.step(key) is None:
        return published_fault(run, (key,))
    steps = [step for step in run.steps if key is None or step.asset == key]
    held = [step for step in steps if step.state is StepState.HELD]
    if not check:
        return "" if held else "\n".join(text for step in steps for text in _unheld(step))
    if any(is_named(found, check) and found.holds for step in held for found in step.checks):
        return ""
    return "\n".join(text for step in steps for text in _other_check(step, check))


def rows_fault(key: AssetKey, found: RowDifference) -> str:
    return "\n".join((f"the rows of {key} differ", *(f"  {line}" for line in found.lines()))) if found else ""


def _unpublished(step: StepRecord) -> Iterator[str]:
    yield f"{step.asset} was not published: {step.state}{f', {step.reason}' if step.reason else ''}"
    yield from (line for check in step.checks if check.outcome in _BAD for line in _check(check))
    if step.state is StepState.HELD and step.snapshot_id is not None:
        yield f'  look at what was held: lake.rows("{step.asset}")'


def _unheld(step: StepRecord) -> Iterator[str]:
    why = f", {step.reason}" if step.reason else ""
    yield f"{step.asset} was not held: {step.state}{why}, and {_passed(step)}"
    yield f'  look at what came: lake.rows("{step.asset}")'


def _other_check(step: StepRecord, name: str) -> Iterator[str]:
    found = next((check for check in step.checks if is_named(check, name)), None)
    if found is None:
        names = [check.name for check in step.checks]
        hint = did_you_mean(name, names, f"its checks are {', '.join(names)}" if names else "no check was asked")
        yield f"{step.asset} has no check {name!r}: {hint}"
    elif step.state is not StepState.HELD or not found.holds:
        light = ", which does not hold" if found.outcome is Outcome.FAILED and not found.holds else ""
        rows = "" if found.rows is None else f" of {counted(found.rows, 'row')}"
        failed = "" if found.failed_rows is None else f" ({found.failed_rows}{rows} failed)"
        yield f"{step.asset}: check {found.name!r} {found.outcome}{light}{failed}; the step was {step.state}"
    yield from (line for check in step.checks if check.outcome in _BAD for line in _check(check))


def _passed(step: StepRecord) -> str:
    passed = sum(check.outcome is Outcome.PASSED for check in step.checks)
    return f"{passed} of {counted(len(step.checks), 'check')} passed" if step.checks else "no check was asked"


def _check(check: CheckResult) -> Iterator[str]:
    rows = "" if check.rows is None else f" of {counted(check.rows, 'row')}"
    much = check.detail or ("" if check.failed_rows is None else f"{check.failed_rows}{rows}")
    yield f"  {check.outcome}: {check.name}{f', {much}' if much else ''}{f' ({check.path})' if check.path else ''}"
    for sample in check.samples[:_SAMPLES]:
        yield "    " + ", ".join(f"{name} {'NULL' if value is None else value}" for name, value in sample.items())
