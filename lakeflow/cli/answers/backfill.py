"""A backfill on the command line: its progress, then its answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from lakeflow.cli.answers.run import held_errors, step_errors
from lakeflow.cli.failure import exit_code
from lakeflow.cli.output import Answer, console_on
from lakeflow.cli.progress import Observer, progress
from lakeflow.cli.screens.backfill import backfill_json, backfill_records, backfill_screen
from lakeflow.core.run.backfill import Backfilled, BackfillEvent, Cut, WindowEnded
from lakeflow.core.words import seconds


def backfill_answer(done: Backfilled) -> Answer:
    """The windows of a backfill, with the exit code of the worst run."""
    runs = [window.run for window in done.windows if window.run]
    held = dict.fromkeys(one for window in done.windows for one in window.held)
    errors = (*(error for run in runs if exit_code(run) for error in step_errors(run)), *held_errors(tuple(held)))
    code = backfill_code(done)
    return Answer(backfill_json(done), backfill_screen(done), backfill_records(done), exit_code=code, errors=errors)


def backfill_code(done: Backfilled) -> int:
    """The exit code of the worst run; a conflict is worse than a hold."""
    return max((max(exit_code(window.run), int(bool(window.held))) for window in done.windows), default=0)


@contextmanager
def backfill_progress(stream: TextIO, *, color: bool) -> Iterator[Observer]:
    """An observer that shows the steps of a run and, under them, a bar over the windows; or a line for each event."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    bar = Progress(*columns, TextColumn("{task.fields[pace]}"), console=console_on(stream, color=color))
    task = bar.add_task("backfill", total=None, pace="")
    names: list[str] = []
    with progress(stream, color=color, below=bar) as tell:

        def watch(event: BackfillEvent) -> None:
            if isinstance(event, Cut):
                names.extend(name for name, _ in event.windows)
                bar.update(task, total=len(names), description=names[0])
            if isinstance(event, WindowEnded):
                coming = names[min(event.done, len(names) - 1)]
                bar.update(task, completed=event.done, description=coming, pace=_pace(event))
            tell(event)

        yield watch


def _pace(window: WindowEnded) -> str:
    """`3.4s each, about 41s left`."""
    each = seconds(window.so_far.total_seconds() / window.done)
    return f"{each} each, about {seconds(window.left.total_seconds())} left"
