"""A run as spans: one for the run and one for each of its steps, in the words of OpenTelemetry's conventions for
pipelines (https://opentelemetry.io/docs/specs/semconv/cicd/).

A span holds names, counts and times: no text of an error, and nothing out of the data.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, TypeAlias

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import RunRecord, RunState, StepRecord, StepState
from lakeflow.core.values import dataclass

Attributes: TypeAlias = Mapping[str, str | int]

_OF_RUN: Final[Mapping[RunState, str]] = {
    RunState.PUBLISHED: "success",
    RunState.HELD: "failure",
    RunState.CONFLICT: "failure",
    RunState.ABANDONED: "cancellation",
    RunState.SUPERSEDED: "cancellation",
}
_OF_STEP: Final[Mapping[StepState | None, str]] = {
    StepState.PUBLISHED: "success",
    StepState.UNCHANGED: "success",
    StepState.AUDITED: "success",
    StepState.HELD: "failure",
    StepState.CONFLICT: "failure",
    StepState.SKIPPED: "skip",
    StepState.SUPERSEDED: "cancellation",
    StepState.DISCARDED: "cancellation",
    None: "cancellation",
}


@dataclass(frozen=True)
class TracedSpan:
    """What is told of a run or a step. `result` is a word of the conventions; all but success and skip are errors."""

    name: str
    start: datetime
    end: datetime
    result: str
    attributes: Attributes

    @property
    def error(self) -> bool:
        return self.result not in {"success", "skip"}

    @property
    def seconds(self) -> float:
        return max(0.0, (self.end - self.start).total_seconds())


@dataclass(frozen=True)
class TracedRun:
    """The run's span, and those of its steps inside it. `checks` counts the checks of all steps by outcome."""

    run: TracedSpan
    steps: tuple[TracedSpan, ...]
    rows: Mapping[str, int]
    checks: Mapping[Outcome, int]


Times: TypeAlias = Mapping[AssetKey, tuple[datetime, datetime]]
"""When each step of this attempt began and ended."""


def trace_of(run: RunRecord, pipeline: str, times: Times, began: datetime, now: datetime) -> TracedRun:
    """What one attempt of a run did. A step that this attempt did not touch has no span."""
    end = run.ended_at or now
    mine = [step for step in run.steps if step.asset in times]
    # A run without a word for its state failed, or stopped before it had one.
    result = _OF_RUN.get(run.state, "error")
    whole = TracedSpan(f"RUN {pipeline}", began, max(began, end), result, dict(_about(run, pipeline, result)))
    rows = {str(step.asset): step.rows for step in mine if step.rows is not None and step.state is StepState.PUBLISHED}
    checks = Counter(check.outcome for step in mine for check in step.checks)
    return TracedRun(whole, tuple(_step(run, step, times[step.asset]) for step in mine), rows, checks)


def _about(run: RunRecord, pipeline: str, result: str) -> Iterator[tuple[str, str | int]]:
    yield "cicd.pipeline.action.name", "RUN"
    yield "cicd.pipeline.name", pipeline
    yield "cicd.pipeline.run.id", run.id
    yield "cicd.pipeline.result", result
    yield "lakeflow.run.state", str(run.state)
    yield "lakeflow.run.attempt", run.attempt
    if result not in {"success", "skip"}:
        yield "error.type", str(run.state)


def _step(run: RunRecord, step: StepRecord, times: tuple[datetime, datetime]) -> TracedSpan:
    result = _OF_STEP.get(step.state, "error")
    return TracedSpan(str(step.asset), *times, result, dict(_about_step(run, step, result)))


def _about_step(run: RunRecord, step: StepRecord, result: str) -> Iterator[tuple[str, str | int]]:
    yield "cicd.pipeline.task.name", str(step.asset)
    yield "cicd.pipeline.task.run.id", f"{run.id}/{run.attempt}/{step.asset}"
    yield "cicd.pipeline.task.run.result", result
    yield "db.namespace", str(step.asset.layer)
    yield "db.collection.name", step.asset.name
    yield "lakeflow.step.action", str(step.action)
    yield "lakeflow.step.state", str(step.state or "open")
    if step.snapshot_id is not None:
        yield "lakeflow.snapshot.id", str(step.snapshot_id)
    if step.rows is not None:
        yield "lakeflow.step.rows", step.rows
    for outcome, number in sorted(Counter(check.outcome for check in step.checks).items()):
        yield f"lakeflow.checks.{outcome}", number
    if result not in {"success", "skip"}:
        yield "error.type", str(step.state or "open")
