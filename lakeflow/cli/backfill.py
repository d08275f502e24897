"""A backfill on the screen: a bar with rate and time left while it goes on, then what became of each window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TextIO

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.text import Text

from lakeflow.cli.output import Answer, Records, console_on, show
from lakeflow.cli.progress import is_lively
from lakeflow.cli.render_json import run_json
from lakeflow.cli.run_answer import exit_code, step_errors
from lakeflow.cli.text import Mark, align, line, screen
from lakeflow.cli.words import counted, seconds
from lakeflow.core.backfill import WindowEnded
from lakeflow.core.runs import RunRecord, RunState

Watcher = Callable[[WindowEnded], None]


def backfill_answer(ended: Sequence[WindowEnded]) -> Answer:
    """All windows; the exit code of the worst run (a conflict before a hold)."""
    runs = [window.run for window in ended if window.run]
    code = max((exit_code(run) for run in runs), default=0)
    data = {"windows": [{"window": each.name, "run": run_json(each.run)} for each in ended]}
    errors = tuple(error for run in runs if exit_code(run) for error in step_errors(run))
    return Answer(data, _screen(ended), _records(ended), exit_code=code, errors=errors)


@contextmanager
def backfill_progress(stream: TextIO, *, color: bool) -> Iterator[Watcher]:
    """A watcher that tells people how far it is; a line a window where nothing can be redrawn."""
    if not is_lively(stream):
        yield _plainly(stream, color=color)
        return
    columns = (
        *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}")),
        *(TimeElapsedColumn(), TimeRemainingColumn()),
    )
    with Progress(*columns, console=console_on(stream, color=color), transient=True) as bar:
        task = bar.add_task("backfill", total=None, rate="")

        def watch(window: WindowEnded) -> None:
            rate = f"{seconds(window.took.total_seconds())} each"
            bar.update(task, total=window.total, completed=window.done, description=window.name, rate=rate)

        yield watch


def _plainly(stream: TextIO, *, color: bool) -> Watcher:
    taken: list[timedelta] = []

    def watch(window: WindowEnded) -> None:
        taken.append(window.took)
        left = sum(taken, timedelta()) / len(taken) * window.left
        about = f", about {seconds(left.total_seconds())} left" if window.left else ""
        state = window.run.state if window.run else "nothing to do"
        place = f"{window.done} of {window.total}{about}"
        show(line(f"{window.name}  {state}  {seconds(window.took.total_seconds())}  ({place})"), stream, color=color)

    return watch


def _screen(ended: Sequence[WindowEnded]) -> Text:
    rows = [_cells(each) for each in ended]
    published = sum(each.run is not None and each.run.state is RunState.PUBLISHED for each in ended)
    fresh = sum(each.run is None for each in ended)
    other = len(ended) - published - fresh
    parts = [f"{published} published", *([f"{fresh} had nothing to do"] if fresh else [])]
    parts += [f"{other} not published"] if other else []
    held = [line("Decide    ", _next(each.run)) for each in ended if each.run and exit_code(each.run)]
    return screen([*align(rows), line(f"{counted(len(ended), 'window')}: {' · '.join(parts)}")], held)


def _cells(window: WindowEnded) -> tuple[Text, ...]:
    run = window.run
    if run is None:
        return line(Mark.NONE), line(window.name), line(""), line(""), line("nothing to do")
    mark = Mark.OK if exit_code(run) == 0 else Mark.BAD
    rows = sum(step.rows or 0 for step in run.steps if step.snapshot_id)
    took = seconds(window.took.total_seconds())
    return (
        line(mark),
        line(window.name),
        line(f"{rows:,} rows"),
        line((took, "dim")),
        line(f"{run.state}  run {run.id}"),
    )


def _next(run: RunRecord) -> str:
    step = next((step for step in run.steps if not step.done), None)
    why = f"{step.asset} {step.state}: {step.reason}; " if step else ""
    return f"{why}`lakeflow runs {run.id}` says what to do"


def _records(ended: Sequence[WindowEnded]) -> Records:
    header = ("window", "run", "state", "rows", "seconds")
    return header, [_record(each) for each in ended]


def _record(window: WindowEnded) -> tuple[str, ...]:
    run = window.run
    rows = sum(step.rows or 0 for step in run.steps if step.snapshot_id) if run else 0
    said = (run.id, str(run.state)) if run else ("", "")
    return window.name, *said, str(rows), f"{window.took.total_seconds():.3f}"
