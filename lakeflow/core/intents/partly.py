"""What is recorded of a commit of which a server applied only a part, and that could not be finished."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from lakeflow.core.intents.intent import HandedOver, Intent, RunNote
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Promote, Publish
from lakeflow.core.model.run import STANDING, Ruling, RunRecord, RunState, StepRecord, StepState, VerdictRecord
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class Part:
    """The tables that `stay` as the commit made them, those that were put `back` to what readers saw before it, and
    those that were `never` changed, with the reason of each.
    """

    stay: frozenset[AssetKey]
    back: frozenset[AssetKey]
    never: frozenset[AssetKey]
    why: str


def partly(intent: Intent, part: Part, at: datetime) -> Intent:
    """The intent as it came true. The run is a conflict, with what stayed published and with all else to be retried;
    each snapshot that readers saw keeps its verdict. Of an environment main is handed over only what stays.
    """
    first = next((note for note in intent.notes if isinstance(note, RunNote)), None)
    if first is None:
        return replace(intent, notes=())
    run = _run(first.run, part, at)
    seen = tuple(said for said in first.verdicts if said.asset not in part.never or said.ruling not in STANDING)
    back = (said for change in intent.publishes if change.key in part.back for said in _back(change, run, at))
    handed = (_handed(note, part) for note in intent.notes if isinstance(note, HandedOver))
    return replace(intent, notes=(*handed, RunNote(run, (*seen, *back))))


def _handed(note: HandedOver, part: Part) -> HandedOver:
    verdicts = tuple(said for said in note.verdicts if said.asset in part.stay)
    return replace(note, verdicts=verdicts, pins={key: pin for key, pin in note.pins.items() if key in part.stay})


def _run(run: RunRecord, part: Part, at: datetime) -> RunRecord:
    steps = tuple(_step(step, part) for step in run.steps)
    return replace(run, steps=steps, state=RunState.CONFLICT, reason=part.why, ended_at=at)


def _step(step: StepRecord, part: Part) -> StepRecord:
    gone = step.asset in part.back or step.asset in part.never
    if not gone or step.state is not StepState.PUBLISHED:
        return step
    return replace(step, state=StepState.CONFLICT, reason=part.why)


def _back(change: Publish | Promote, run: RunRecord, at: datetime) -> Iterator[VerdictRecord]:
    said = VerdictRecord(
        change.key, change.snapshot_id, Ruling.ROLLED_BACK, run.id, run.attempt, at, run.actor, run.reason
    )
    yield said
    if change.base is not None:
        yield replace(said, snapshot_id=change.base, ruling=Ruling.RETURNED)
