"""A run as an answer: its state decides exit code and errors, and what readers still see is shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from lakeflow.as_json.envelope import entry
from lakeflow.as_json.values import Readers, held_json, run_json
from lakeflow.cli.failure import exit_code
from lakeflow.cli.output import Answer
from lakeflow.cli.screens.run import run_screen
from lakeflow.cli.text import Text
from lakeflow.core.model.run import RunRecord, RunState, StepState
from lakeflow.core.plan.planning import Held
from lakeflow.core.run.events import Event, Planned

if TYPE_CHECKING:
    from lakeflow.lake.reading import ReadableLake

_HINTS: Final = {
    StepState.HELD: "`lakeflow runs {run}` says why and what to do",
    StepState.ERRORED: "mend the cause, then `lakeflow retry {run}`",
    StepState.SKIPPED: "`lakeflow runs {run}` says what it waits for",
    StepState.CONFLICT: "`lakeflow retry {run}` writes it again on what readers see now",
}


class PlanWatch:
    """An observer that passes everything on, and remembers what the plan left to older runs."""

    def __init__(self, observer: Callable[[Event], None]) -> None:
        self._observer = observer
        self.held: tuple[Held, ...] = ()

    def __call__(self, event: Event) -> None:
        if isinstance(event, Planned):
            self.held = event.plan.held
        self._observer(event)


def run_answer(run: RunRecord | None, readers: Readers, now: datetime) -> Answer:
    """The answer of a command that carried out this run."""
    code = exit_code(run)
    errors = step_errors(run) if run and code else ()
    return Answer({"run": run_json(run, readers)}, run_screen(run, readers, now), exit_code=code, errors=errors)


def planned_answer(run: RunRecord | None, readers: Readers, now: datetime, held: Sequence[Held]) -> Answer:
    """The answer of a command that made a plan, carried out this run, and left to older runs what they hold."""
    answer = run_answer(run, readers, now)
    return replace(
        answer,
        data={**answer.data, "held": [held_json(one) for one in held]},
        screen=run_screen(run, readers, now, held),
        exit_code=code_with(run, held),
        errors=(*answer.errors, *held_errors(held)),
    )


def runs_answer(runs: Sequence[tuple[RunRecord, Readers]], now: datetime) -> Answer:
    """The answer of a command that dealt with several runs, one after the other; `run` is the first of them."""
    each = [run_answer(run, readers, now) for run, readers in runs]
    shown = Text("\n\n").join(one.screen for one in each)
    data = {"run": each[0].data["run"], "runs": [one.data["run"] for one in each]}
    errors = tuple(error for one in each for error in one.errors)
    return Answer(data, shown, exit_code=max(one.exit_code for one in each), errors=errors)


def discarded_answer(runs: Sequence[tuple[RunRecord, Readers]], now: datetime) -> Answer:
    """The answer of a discard: it is done, also where the run still holds other assets."""
    return replace(runs_answer(runs, now), exit_code=0, errors=())


def code_with(run: RunRecord | None, held: Sequence[Held]) -> int:
    """The exit code of a run; work that an older run holds is held as much as the run's own."""
    return exit_code(run) or int(bool(held))


def held_errors(held: Sequence[Held]) -> tuple[dict[str, Any], ...]:
    """One error for each asset whose work an older run holds."""
    return tuple(
        entry("held", one.why, f"`lakeflow runs {one.run}` says why and what to do", str(one.asset)) for one in held
    )


def readers_of(lake: ReadableLake, run: RunRecord | None) -> Readers:
    """What readers see of the steps that are not on main, for the assets that the project still defines."""
    steps = run.steps if run else ()
    off = [step.asset for step in steps if step.open or (run and run.state is RunState.ROLLED_BACK)]
    keys = [str(asset) for asset in off if asset in lake.project.assets]
    return {status.asset: status for status in lake.status(*keys)} if keys else {}


def step_errors(run: RunRecord) -> tuple[dict[str, Any], ...]:
    """One error for each step that did not reach readers: held, errored, skipped or lost to a conflict."""
    return tuple(
        entry(str(step.state), step.reason or str(step.state), _HINTS[step.state].format(run=run.id), str(step.asset))
        for step in run.steps
        if step.state in _HINTS
    )
