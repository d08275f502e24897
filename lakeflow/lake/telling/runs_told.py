"""Tells OpenLineage of runs. The ledger is the outbox: events are made from the runs that it holds, and only what was
sent is remembered beside it, so that a run is told once or twice, and never not.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from lakeflow.core.drawing.openlineage import DatasetWriter
from lakeflow.core.drawing.run_events import RunTeller
from lakeflow.core.model.run import RunRecord, RunState

if TYPE_CHECKING:
    from lakeflow.core.columns.graph import ColumnGraph
    from lakeflow.core.model.asset import Project

_PATIENCE: Final = 10.0
"""So many seconds at most a command that did something else goes on to send."""
_REMEMBERED: Final = 1_000


def tell_soon(
    project: Project, folder: Path, lake_id: str, runs: Sequence[RunRecord], graph: Callable[[], ColumnGraph]
) -> None:
    """Tell of those runs that ended and were not told yet, for a few seconds; what is left goes with the next
    command. Never raises.
    """
    try:
        problem = _tell(project, folder, lake_id, runs, graph)
    except Exception as error:  # noqa: BLE001 - the run is done and stays
        problem = type(error).__name__
    if problem:
        said = f"warning: OpenLineage was not told of all runs ({problem}); the next command tells the rest"
        with suppress(OSError):  # nobody is left to tell
            print(said, file=sys.stderr, flush=True)  # noqa: T201 - it is for the user


def _tell(
    project: Project, folder: Path, lake_id: str, runs: Sequence[RunRecord], graph: Callable[[], ColumnGraph]
) -> str:
    from lakeflow.adapters.openlineage import SentRuns  # noqa: PLC0415 - few lakes are told of

    memory, end = SentRuns(folder), time.monotonic() + _PATIENCE
    with memory.alone() as alone:
        marks = dict(memory.read()) if alone else {}
        new = [run for run in runs[::-1] if run.state is not RunState.RUNNING and marks.get(run.id) != _mark(run)]
        if not alone or not new:
            return ""
        moment = new[-1].ended_at or new[-1].started_at
        datasets = DatasetWriter(project, graph(), f"lakeflow://{Path(project.root).name}", moment.isoformat())
        teller = RunTeller(project, datasets, lake_id)
        for run in new:
            if problem := _sent_by(end, list(teller.events(run))):
                return problem
            marks[run.id] = _mark(run)
            memory.write(dict(list(marks.items())[-_REMEMBERED:]))
    return ""


def _sent_by(end: float, events: Sequence[Mapping[str, Any]]) -> str:
    """Send these; the problem, empty when all were taken. Nobody waits longer than that for a receiver."""
    from lakeflow.adapters.openlineage import send  # noqa: PLC0415 - as above

    answers: Queue[str] = Queue()
    Thread(target=lambda: answers.put(send(events).problem), name="openlineage", daemon=True).start()
    try:
        return answers.get(timeout=max(0.1, end - time.monotonic()))
    except Empty:
        return "no answer in time"


def _mark(run: RunRecord) -> str:
    """How the run stands: a retry and a decision are told too."""
    return " ".join([str(run.attempt), str(run.state), *(str(step.state) for step in run.steps)])
