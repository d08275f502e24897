"""The log of each run under `.lakeflow/logs/`: what happened when, without any value of the data."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from lakeflow.core.model.run import StepRecord
from lakeflow.core.redaction import redacted_message
from lakeflow.core.run.events import (
    Logged,
    Planned,
    RunEnded,
    RunStarted,
    StepEnded,
    StepPhase,
    StepPrinted,
    StepRetried,
    StepTraced,
)
from lakeflow.core.run.resources import Effort
from lakeflow.core.wording import counted

_Told = RunStarted | StepPhase | StepPrinted | StepTraced | StepRetried | StepEnded | RunEnded


def recorder(
    directory: Path,
    clock: Callable[[], datetime],
    complain: Callable[[str], None],
    effort: Callable[[], Effort | None],
    cores: int,
) -> Callable[[Logged], None]:
    """An observer that appends each event to `<run>.log`; a plan that starts no run leaves no log. Its last line tells
    how much of the run's `cores` was used, by what `effort` says at its start and at its end.

    A log that cannot be written gives one warning and stops no run.
    """
    failed = False
    began: dict[str, Effort | None] = {}

    def record(event: Logged) -> None:
        nonlocal failed
        try:
            write(event)
        except OSError as error:
            if not failed:
                complain(f"warning: the run's log in {directory} cannot be written: {error.strerror}")
            failed = True

    def write(event: Logged) -> None:
        if isinstance(event, Planned):
            return
        run, lines = _lines(event)
        if isinstance(event, RunStarted):
            began[run] = effort()
        elif isinstance(event, RunEnded):
            lines += _used(began.pop(run, None), effort(), cores)
        at = clock().isoformat(timespec="milliseconds")
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with open(directory / f"{run}.log", "a", encoding="utf-8", opener=_private) as log:
            log.writelines(f"{at} {redacted_message(text)}\n" for text in lines)

    return record


def _private(path: str, flags: int) -> int:
    """Make the file readable for its owner alone: code may print anything."""
    return os.open(path, flags, 0o600)


def read(directory: Path, run: str) -> tuple[str, ...] | None:
    """The lines of a run's log; None when it has none (another machine wrote it, or somebody removed it)."""
    try:
        return tuple((directory / f"{run}.log").read_text(encoding="utf-8", errors="replace").splitlines())
    except FileNotFoundError:
        return None


def _used(before: Effort | None, now: Effort | None, cores: int) -> tuple[str, ...]:
    if before is None or now is None:
        return ()
    spent = now.since(before)
    idle, whole = spent.idle(cores), spent.wall * cores or 1.0
    took = f"{spent.wall:.2f} s on {counted(cores, 'core')}, {spent.processor:.2f} s of processor time"
    return (f"it took {took}: {idle:.2f} core-seconds idle, {idle / whole:.1%}",)


def _lines(event: _Told) -> tuple[str, tuple[str, ...]]:
    """The run of an event, and its lines."""
    match event:
        case StepPrinted(run_id, asset, lines) | StepTraced(run_id, asset, lines):
            return run_id, tuple(f"{asset} | {text}" for text in lines)
        case StepRetried(run_id, asset, failed, retries, pause, reason):
            return run_id, (f"{asset} try {failed} of {retries + 1} failed, again in {pause:.1f} s: {reason}",)
    run, text = _line(event)
    return run, (text,)


def _line(event: RunStarted | StepPhase | StepEnded | RunEnded) -> tuple[str, str]:
    match event:
        case RunStarted(run):
            return run.id, f"run {run.id} attempt {run.attempt} started"
        case StepPhase(run_id, asset, phase):
            return run_id, f"{asset} {phase}"
        case StepEnded(run_id, step):
            return run_id, " ".join(_ended(step))
        case RunEnded(run):
            return run.id, f"run {run.id} {run.state}"


def _ended(step: StepRecord) -> Iterator[str]:
    """What became of a step: its checks if any ran, its snapshot if it wrote one, the reason if there is one."""
    yield f"{step.asset} {step.state or 'audited'}"
    if ran := [check for check in step.checks if check.outcome != "skipped"]:
        yield f"checks {sum(check.outcome == 'passed' for check in ran)}/{len(ran)}"
    if step.snapshot_id is not None:
        yield f"snapshot {step.snapshot_id}"
    if step.reason:
        yield step.reason
