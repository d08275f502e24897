"""What a rollback did, as an answer: which tables went back, and what readers see of them now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from lakeflow.as_json.values import Readers, run_json
from lakeflow.cli.answers.run import readers_of, run_answer
from lakeflow.cli.output import Answer
from lakeflow.cli.screens.run import readers_lines
from lakeflow.cli.text import line, screen
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import RunRecord, RunState, StepState
from lakeflow.core.wording import counted

if TYPE_CHECKING:
    from lakeflow.lake.reading import ReadableLake


def taken_off(lake: ReadableLake, run: RunRecord) -> Readers:
    """What readers see now of the tables that went back."""
    if run.state is RunState.ROLLED_BACK:
        return readers_of(lake, run)
    back = [str(key) for key in _went_back(run) if key in lake.project.assets]
    return {status.asset: status for status in lake.status(*back)} if back else {}


def rollback_answer(run: RunRecord, readers: Readers, now: datetime) -> Answer:
    """A run that went back whole is shown as a run; else the tables that went back, and what stays of it."""
    if run.state is RunState.ROLLED_BACK:
        return run_answer(run, readers, now)
    back = _went_back(run)
    if run.steps:
        left = sum(step.state is StepState.PUBLISHED for step in run.steps)
        head = line(("Run " + run.id, "bold"), f"  {counted(len(back), 'table')} rolled back, {left} still published")
    else:
        head = line(run.reason)
    return Answer({"run": run_json(run, readers)}, screen([head], readers_lines(back, readers, now)))


def _went_back(run: RunRecord) -> Sequence[AssetKey]:
    """The tables of the run that a rollback took off main; without steps, the one that the record is about."""
    if not run.steps:
        return [key for text in run.selection if (key := AssetKey.find(text))]
    return [step.asset for step in run.steps if step.state is StepState.SKIPPED and "rolled back" in step.reason]
