"""The log of each run under `.lakeflow/logs/`: what happened when, without any value of the data."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from lakeflow.core.events import Event, Planned, RunEnded, RunStarted, StepEnded, StepPhase


def recorder(directory: Path, clock: Callable[[], datetime]) -> Callable[[Event], None]:
    """An observer that appends one line an event to `<run>.log`; a plan that starts no run leaves no log."""

    def record(event: Event) -> None:
        if isinstance(event, Planned):
            return
        run, text = _line(event)
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / f"{run}.log").open("a", encoding="utf-8") as log:
            log.write(f"{clock().isoformat(timespec='milliseconds')} {text}\n")

    return record


def read(directory: Path, run: str) -> tuple[str, ...] | None:
    """The lines of a run's log; None when it has none (another machine wrote it, or somebody cleaned up)."""
    try:
        return tuple((directory / f"{run}.log").read_text(encoding="utf-8", errors="replace").splitlines())
    except FileNotFoundError:
        return None


def _line(event: RunStarted | StepPhase | StepEnded | RunEnded) -> tuple[str, str]:
    match event:
        case RunStarted(run):
            return run.id, f"run {run.id} attempt {run.attempt} started"
        case StepPhase(run_id, asset, phase):
            return run_id, f"{asset} {phase}"
        case StepEnded(run_id, step):
            checks = f" checks {sum(c.outcome == 'passed' for c in step.checks)}/{len(step.checks)}"
            return run_id, f"{step.asset} {step.state or 'audited'}{checks} snapshot {step.snapshot_id} {step.reason}"
        case RunEnded(run):
            return run.id, f"run {run.id} {run.state}"
