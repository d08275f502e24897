"""Events of running work as JSON, one object for each event."""

from __future__ import annotations

from lakeflow.as_json.values import JsonObject, plan_json, run_json, step_json
from lakeflow.core.run.backfill import BackfillEvent, Cut, WindowEnded
from lakeflow.core.run.events import Planned, RunEnded, RunStarted, StepEnded, StepPhase, StepPrinted, StepRetried


def event_json(event: BackfillEvent) -> JsonObject:
    """One line of the event stream; `event` names it."""
    match event:
        case Planned(plan):
            return {"event": "planned", "plan": plan_json(plan)}
        case RunStarted(run):
            return {"event": "run_started", "run": run_json(run)}
        case StepPhase() | StepPrinted() | StepRetried():
            kind, told = _meanwhile(event)
            return {"event": kind, "run": event.run, "asset": str(event.asset), **told}
        case StepEnded(run_id, step):
            return {"event": "step_ended", "run": run_id, "step": step_json(step)}
        case RunEnded(run):
            return {"event": "run_ended", "run": run_json(run)}
        case Cut() | WindowEnded():
            return _backfill_event_json(event)


def _backfill_event_json(event: Cut | WindowEnded) -> JsonObject:
    match event:
        case Cut(assets, windows, left_out):
            names = {"assets": list(map(str, assets)), "left_out": list(map(str, left_out))}
            return {"event": "backfill_started", **names, "windows": [name for name, _ in windows]}
        case WindowEnded(name, done, total, took, _, run):
            told = {"window": name, "done": done, "total": total, "seconds": round(took.total_seconds(), 3)}
            return {"event": "window_ended", **told, "run": run.id if run else None}


def _meanwhile(event: StepPhase | StepPrinted | StepRetried) -> tuple[str, JsonObject]:
    """The events of a step before it ends."""
    match event:
        case StepPhase(_, _, phase):
            return "step_phase", {"phase": phase}
        case StepPrinted(_, _, lines):
            return "step_printed", {"lines": list(lines)}
        case StepRetried(_, _, failed, retries, pause, reason):
            return "step_retried", {"failed": failed, "retries": retries, "pause": round(pause, 3), "reason": reason}
