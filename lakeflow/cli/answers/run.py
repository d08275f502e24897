"""A run as an answer: its state decides exit code and errors, and what readers still see is shown."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from lakeflow.as_json.values import Readers, run_json
from lakeflow.cli.failure import entry, exit_code
from lakeflow.cli.output import Answer
from lakeflow.cli.screens.run import run_screen
from lakeflow.core.model.run import RunRecord, RunState, StepState

if TYPE_CHECKING:
    from lakeflow.lake.reading import ReadableLake

_HINTS: Final = {
    StepState.HELD: "`lakeflow runs {run}` says why and what to do",
    StepState.ERRORED: "mend the cause, then `lakeflow retry {run}`",
    StepState.SKIPPED: "`lakeflow runs {run}` says what it waits for",
    StepState.CONFLICT: "`lakeflow retry {run}` writes it again on what readers see now",
}


def run_answer(run: RunRecord | None, readers: Readers, now: datetime) -> Answer:
    """The answer of a command that carried out this run."""
    code = exit_code(run)
    errors = step_errors(run) if run and code else ()
    return Answer({"run": run_json(run, readers)}, run_screen(run, readers, now), exit_code=code, errors=errors)


def readers_of(lake: ReadableLake, run: RunRecord | None) -> Readers:
    """What readers see of the steps that are not on main, for the assets that the project still defines."""
    steps = run.steps if run else ()
    off = [step.asset for step in steps if not step.done or (run and run.state is RunState.ROLLED_BACK)]
    keys = [str(asset) for asset in off if asset in lake.project.assets]
    return {status.asset: status for status in lake.status(*keys)} if keys else {}


def step_errors(run: RunRecord) -> tuple[dict[str, Any], ...]:
    """One error for each step that did not reach readers: held, errored, skipped or lost to a conflict."""
    return tuple(
        entry(str(step.state), step.reason or str(step.state), _HINTS[step.state].format(run=run.id), str(step.asset))
        for step in run.steps
        if step.state in _HINTS
    )
