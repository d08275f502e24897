"""A backfill at the command line: how far it is while it goes on, then its answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from lakeflow.cli.output import Answer, console_on
from lakeflow.cli.progress import Observer, progress
from lakeflow.cli.render_backfill import backfill_json, backfill_records, backfill_screen
from lakeflow.cli.run_answer import exit_code, step_errors
from lakeflow.cli.words import seconds
from lakeflow.core.backfill import Backfilled, BackfillEvent, Cut, WindowEnded


def backfill_answer(done: Backfilled) -> Answer:
    """All windows; the exit code of the worst run."""
    runs = [window.run for window in done.windows if window.run]
    errors = tuple(error for run in runs if exit_code(run) for error in step_errors(run))
    code = backfill_code(done)
    return Answer(backfill_json(done), backfill_screen(done), backfill_records(done), exit_code=code, errors=errors)


def backfill_code(done: Backfilled) -> int:
    """That of the worst run: a conflict before a hold."""
    return max((exit_code(window.run) for window in done.windows), default=0)


@contextmanager
def backfill_progress(stream: TextIO, *, color: bool) -> Iterator[Observer]:
    """An observer that shows the steps of a run and, below them, a bar over the windows; or a line an event."""
    columns = (
        *(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}")),
        *(TimeElapsedColumn(), TimeRemainingColumn()),
    )
    bar = Progress(*columns, console=console_on(stream, color=color))
    task = bar.add_task("backfill", total=None, rate="")
    with progress(stream, color=color, below=bar) as tell:

        def watch(event: BackfillEvent) -> None:
            match event:
                case Cut():
                    bar.update(task, total=len(event.windows), description=event.windows[0][0])
                case WindowEnded():
                    rate = f"{seconds(event.so_far.total_seconds() / event.done)} each"
                    bar.update(task, completed=event.done, description=event.name, rate=rate)
            tell(event)

        yield watch
