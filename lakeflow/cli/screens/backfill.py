"""A backfill as a screen and as JSON: the result of each window, and what was left out."""

from __future__ import annotations

from collections.abc import Sequence

from lakeflow.as_json.values import JsonObject, run_json
from lakeflow.cli.failure import exit_code
from lakeflow.cli.output import Records
from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.run import Action, RunRecord, RunState
from lakeflow.core.run.backfill import Backfilled, WindowEnded
from lakeflow.core.wording import counted
from lakeflow.core.words import in_rows, seconds


def left_out_lines(assets: Sequence[AssetKey]) -> list[Text]:
    """Selected assets that cannot be built by partitions, and what builds them."""
    if not assets:
        return []
    names = " ".join(map(str, assets))
    has = "has no partitions and was" if len(assets) == 1 else "have no partitions and were"
    return [line(Mark.WARN, f" {names} {has} left out: `lakeflow materialize {names}`")]


def window_line(window: WindowEnded) -> Text:
    """`2013-01  published  0.3s  (1 of 12, about 4.1s left)`."""
    about = f", about {seconds(window.left.total_seconds())} left" if window.done < window.total else ""
    state = _state(window.run) if window.run else _idle(window)
    took = seconds(window.took.total_seconds())
    return line(f"{window.name}  {state}  {took}  ({window.done} of {window.total}{about})")


def backfill_json(done: Backfilled) -> JsonObject:
    windows = [{"window": each.name, "run": run_json(each.run)} for each in done.windows]
    return {"windows": windows, "left_out": list(map(str, done.left_out))}


def backfill_screen(done: Backfilled) -> Text:
    """A line for each window, what needs a decision, and what was left out."""
    ended = done.windows
    rows = [_cells(each) for each in ended]
    fresh, audited, published = (sum(each.run is None and not each.held for each in ended), *map(len, _done(ended)))
    other = len(ended) - published - audited - fresh
    counts = {"audited": audited, "had nothing to do": fresh, "not published": other}
    parts = [f"{published} published", *(f"{number} {word}" for word, number in counts.items() if number)]
    held = [line("Decide    ", _next(each.run)) for each in ended if each.run and exit_code(each.run)]
    waits = dict.fromkeys((one.asset, one.run) for each in ended for one in each.held)
    held += [line("Decide    ", f"{key} is held; `lakeflow runs {run}` says what to do") for key, run in waits]
    return screen(
        [*align(rows), line(f"{counted(len(ended), 'window')}: {' · '.join(parts)}")],
        held,
        left_out_lines(done.left_out),
    )


def _done(ended: Sequence[WindowEnded]) -> tuple[list[RunRecord], list[RunRecord]]:
    """The runs that only audited main, and those that published what they wrote."""
    done = [each.run for each in ended if each.run and each.run.state is RunState.PUBLISHED]
    return [run for run in done if not _wrote(run)], [run for run in done if _wrote(run)]


def _wrote(run: RunRecord) -> bool:
    return any(step.action is Action.WRITE for step in run.steps)


def _state(run: RunRecord) -> str:
    """The state of a window; a run that found nothing to write published nothing."""
    return "audited" if run.state is RunState.PUBLISHED and not _wrote(run) else run.state


def _idle(window: WindowEnded) -> str:
    return window.held[0].why if window.held else "nothing to do"


def _rows(run: RunRecord) -> int:
    """How many rows came; a window that was only audited brought none."""
    return sum(step.rows or 0 for step in run.steps if step.snapshot_id and step.action is Action.WRITE)


def _cells(window: WindowEnded) -> tuple[Text, ...]:
    run = window.run
    if run is None:
        return line(Mark.BAD if window.held else Mark.NONE), line(window.name), line(""), line(""), line(_idle(window))
    mark = Mark.OK if exit_code(run) == 0 else Mark.BAD
    took = seconds(window.took.total_seconds())
    rows = in_rows(_rows(run)) if _wrote(run) else ""
    return line(mark), line(window.name), line(rows), line((took, "dim")), line(f"{_state(run)}  run {run.id}")


def _next(run: RunRecord) -> str:
    step = next((step for step in run.steps if not step.done), None)
    why = f"{step.asset} {step.state}: {step.reason}; " if step else ""
    return f"{why}`lakeflow runs {run.id}` says what to do"


def backfill_records(done: Backfilled) -> Records:
    return ("window", "run", "state", "rows", "seconds"), [_record(each) for each in done.windows]


def _record(window: WindowEnded) -> tuple[str, ...]:
    run = window.run
    rows = _rows(run) if run else 0
    said = (run.id, str(run.state)) if run else ("", "")
    return window.name, *said, str(rows), f"{window.took.total_seconds():.3f}"
