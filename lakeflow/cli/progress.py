"""Progress on stderr: live on a terminal, elsewhere one line for each event; or JSON events on stdout."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Final, TextIO

from lakeflow.as_json.events import event_json
from lakeflow.as_json.values import NO_RUN
from lakeflow.cli.output import console_on, encodable, show, speaks_unicode, write
from lakeflow.cli.screens.backfill import left_out_lines, window_line
from lakeflow.cli.screens.plan import selected_line, warning_lines
from lakeflow.cli.screens.run import step_cells
from lakeflow.cli.text import Mark, Text, align, ascii_only, line, screen
from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.run import StepRecord, StepState, branch_of
from lakeflow.core.run.backfill import BackfillEvent, Cut, WindowEnded
from lakeflow.core.run.events import (
    Phase,
    Planned,
    RunEnded,
    RunStarted,
    StepEnded,
    StepPhase,
    StepPrinted,
    StepRetried,
)
from lakeflow.core.values import dataclass
from lakeflow.core.words import seconds

if TYPE_CHECKING:
    from rich.console import Group, RenderableType

Observer = Callable[[BackfillEvent], None]
_FRAMES: Final = ("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "|/-\\")
_PER_SECOND: Final = 10


def event_lines(event: BackfillEvent) -> list[Text]:
    """The lines of one event where nothing can be redrawn: that a step began, and how its audit ended.

    What was published is left to the answer.
    """
    match event:
        case Planned(plan):
            return [line(selected_line(plan), ": ", plan.headline), *warning_lines(plan)]
        case RunStarted(run):
            return [line(f"Run {run.id}  attempt {run.attempt}  branch {run.branch}")]
        case StepPhase(_, asset, Phase.WRITING):
            return [line(f"{asset}  {Phase.WRITING}")]
        case StepEnded(run_id, step) if step.state is not StepState.PUBLISHED:
            return [_ended(run_id, step)]
        case WindowEnded():
            return [window_line(event)]
    return aside_lines(event)


def aside_lines(event: BackfillEvent) -> list[Text]:
    """Lines that are printed even beside a live display: warnings of the plan, output of code, retries, and what is
    left out.
    """
    match event:
        case Planned(plan):
            return warning_lines(plan)
        case Cut():
            return left_out_lines(event.left_out)
        case StepPrinted(_, asset, lines):
            return [line((f"{asset} | ", "dim"), text) for text in lines]
        case StepRetried(_, asset, failed, retries, pause, reason):
            said = f"try {failed} of {retries + 1} failed, again in {seconds(pause)}: {reason.splitlines()[0]}"
            return [line(Mark.WARN, f" {asset}  {said}")]
    return []


@dataclass(frozen=True)
class Board:
    """The content of a live display: the steps that run, each with its start (in the clock's seconds), and those that
    ended.
    """

    run: str = ""
    planned: int = 0
    under_way: Mapping[AssetKey, tuple[Phase, float]] = EMPTY
    ended: Mapping[AssetKey, StepRecord] = EMPTY

    def after(self, event: BackfillEvent, clock: float) -> Board:
        match event:
            case Planned(plan):
                return Board(planned=len(plan.steps))
            case RunStarted(run):
                return replace(self, run=run.id, planned=self.planned or len(run.steps))
            case StepPhase(_, asset, phase):
                since = self.under_way[asset][1] if asset in self.under_way else clock
                return replace(self, under_way={**self.under_way, asset: (phase, since)})
            case StepEnded(_, step):
                others = {key: value for key, value in self.under_way.items() if key != step.asset}
                return replace(self, under_way=others, ended={**self.ended, step.asset: step})
            case RunEnded():
                return replace(self, under_way=EMPTY)
            case StepPrinted() | StepRetried() | Cut() | WindowEnded():
                return self


def board_screen(board: Board, clock: float, frames: str = _FRAMES[0]) -> Text:
    """The steps that ended, those that run, and how many are still to come."""
    frame = frames[int(clock * _PER_SECOND) % len(frames)]
    ended = [_short(step) for step in board.ended.values() if step.asset not in board.under_way]
    going = [
        (line((frame, "cyan")), line(str(asset)), line((str(phase), "cyan")), line((seconds(clock - since), "dim")))
        for asset, (phase, since) in board.under_way.items()
    ]
    waiting = board.planned - len(board.ended.keys() | board.under_way.keys())
    tail = [line((f"{waiting} waiting", "dim"))] if waiting > 0 else []
    return screen([*align([*ended, *going]), *tail])


@contextmanager
def progress(stream: TextIO, *, color: bool, below: RenderableType = "") -> Iterator[Observer]:
    """An observer that shows people the progress, as lively as the stream allows; safe to call from any thread.

    A live display shows the steps and, under them, `below`.
    """
    if is_lively(stream):
        with _live(stream, below, color=color) as observer:
            yield observer
    else:
        lock = Lock()

        def tell(event: BackfillEvent) -> None:
            with lock:
                for text in event_lines(event):
                    show(text, stream, color=color)

        yield tell


def event_stream(stream: TextIO) -> Observer:
    """An observer that writes one JSON object a line."""
    lock = Lock()

    def tell(event: BackfillEvent) -> None:
        with lock:
            write(json.dumps(event_json(event)) + "\n", stream)

    return tell


def nothing_to_do(stream: TextIO) -> None:
    """The last line of an event stream without a run."""
    write(json.dumps({"event": "run_ended", "run": NO_RUN}) + "\n", stream)


def is_lively(stream: TextIO) -> bool:
    """Is it a real terminal that can move its cursor? FORCE_COLOR does not make a pipe a terminal."""
    return stream.isatty() and os.environ.get("TERM", "dumb") not in {"dumb", "unknown"}


@contextmanager
def _live(stream: TextIO, below: RenderableType, *, color: bool) -> Iterator[Observer]:
    """A live display. It is removed when the run ends, because the answer then says everything. What user code prints
    scrolls above it.
    """
    from rich.console import Group  # noqa: PLC0415 - only a terminal sees it move
    from rich.live import Live  # noqa: PLC0415 - as above

    lock, boards, warned = Lock(), [Board()], set[str]()
    unicode = speaks_unicode(stream)

    def draw() -> Group:
        text = board_screen(boards[-1], monotonic(), _FRAMES[not unicode])
        return Group(text if unicode else Text(encodable(ascii_only(text.plain), stream)), *([below] if below else []))

    def tell(event: BackfillEvent) -> None:
        with lock:
            boards[:] = [boards[-1].after(event, monotonic())]
            lines = [text for text in aside_lines(event) if text.plain not in warned]
            warned.update(text.plain for text in lines if isinstance(event, Planned))
            for text in lines:
                console.print(text if unicode else Text(encodable(ascii_only(text.plain), stream)))

    console = console_on(stream, color=color)
    with Live(console=console, get_renderable=draw, transient=True, refresh_per_second=_PER_SECOND):
        yield tell


def _ended(run_id: str, step: StepRecord) -> Text:
    cells = step_cells(step, branch_of(run_id))
    if step.state is None:
        cells[0], cells[-1] = line(Mark.OK), line("waits for the publish")
    return align([cells])[0]


def _short(step: StepRecord) -> tuple[Text, ...]:
    mark, asset, *_, took, _ending = step_cells(step, "")
    state = line("passed its audit, waits for the publish" if step.state is None else str(step.state))
    return mark, asset, state, took
