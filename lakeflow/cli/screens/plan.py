"""A plan as a screen: what would run, and why."""

from __future__ import annotations

from typing import Final

from lakeflow.cli.screens.run import compare_lines
from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.model.run import Action
from lakeflow.core.plan.planning import Plan, Step
from lakeflow.core.plan.reasons import Cause, short_id
from lakeflow.core.wording import counted

Records = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""A header and its rows, for CSV."""

_MARKS: Final = {
    Cause.NEVER_BUILT: Mark.NEW,
    Cause.CODE_CHANGED: Mark.CHANGED,
    Cause.CHECK_CHANGED: Mark.CHANGED,
    Cause.FILES_CHANGED: Mark.CHANGED,
    Cause.FOREIGN: Mark.WARN,
}


def plan_screen(plan: Plan) -> Text:
    steps = [row for step in plan.steps for row in _rows(step)]
    held = [(line(Mark.BAD), line(str(one.asset)), line(one.why)) for one in plan.held]
    fresh = [(line(Mark.SAME), line((str(key), "dim")), line(("fresh", "dim"))) for key in plan.fresh]
    told = (warning_lines(plan), [line(plan.headline), *compare_lines(plan.held)])
    return screen(align([*steps, *held, *fresh], indent=2), *told)


def selected_line(plan: Plan) -> Text:
    return line(f"Selected {plan.selected} of {counted(plan.total, 'asset')}")


def warning_lines(plan: Plan) -> list[Text]:
    return [line(Mark.WARN, " ", warning) for warning in plan.warnings]


def plan_records(plan: Plan) -> Records:
    steps = [
        (str(step.asset), str(step.action), "; ".join(map(str, (*step.reasons, *step.drift)))) for step in plan.steps
    ]
    held = [(str(one.asset), "", one.why) for one in plan.held]
    return ("asset", "action", "reasons"), [*steps, *held, *((str(key), "", "fresh") for key in plan.fresh)]


def _rows(step: Step) -> list[tuple[Text, Text, Text]]:
    """The step with its reasons, and a line for each way in which its files drift."""
    drift = [(line(Mark.CHANGED), line(str(step.asset)), line(str(each))) for each in step.drift]
    return [(line(_mark(step)), line(str(step.asset)), line(_why(step))), *drift]


def _mark(step: Step) -> Mark:
    return _MARKS.get(step.reasons[0].cause, Mark.MOVED) if step.reasons else Mark.MOVED


def _why(step: Step) -> str:
    why = "; ".join(map(str, step.reasons))
    if step.action is Action.AUDIT and step.base_id is not None:
        return f"{why}; audits {short_id(step.base_id)}, writes nothing"
    return why
