"""What a lake answers, as HTML: each kind of answer once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import singledispatch

from lakeflow.as_html.markup import Cell, Html, page, paragraph, picture, table
from lakeflow.core.compare.comparison import Comparison, Side
from lakeflow.core.drawing.drawing import drawing_of
from lakeflow.core.drawing.svg import svg_of
from lakeflow.core.listings import (
    Comparisons,
    Lineage,
    Runs,
    Snapshots,
    Statuses,
    run_cells,
    snapshot_cells,
    status_cells,
)
from lakeflow.core.model.check import Outcome
from lakeflow.core.model.run import RunRecord, RunState, StepRecord, StepState
from lakeflow.core.model.table import Rows
from lakeflow.core.plan.planning import Plan
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.values import dataclass
from lakeflow.core.view.rows import Health, SnapshotState
from lakeflow.core.wording import counted

_BAD_RUNS = frozenset({RunState.HELD, RunState.FAILED, RunState.CONFLICT, RunState.ABANDONED})
_BAD_STEPS = frozenset({StepState.HELD, StepState.ERRORED, StepState.CONFLICT})
_LOOKS = {SnapshotState.HELD: "bad", SnapshotState.UNRULED: "bad", SnapshotState.PUBLISHED: "good"}


@dataclass(frozen=True)
class OpenLake:
    """A lake as it is shown: where it is, how its assets stand, or why nobody can say that."""

    name: str
    root: str
    statuses: Statuses
    fault: str = ""


def html(value: object) -> str | None:
    """The value as HTML; None for one that is shown as its text."""
    parts = tuple(part for part in _parts(value) if part)
    return page(*parts) if parts else None


@singledispatch
def _parts(_value: object) -> Iterator[Html]:
    yield from ()


@_parts.register
def _(lake: OpenLake) -> Iterator[Html]:
    yield paragraph(lake.name, lake.root)
    if lake.fault:
        yield table(("the lake cannot be read",), [(Cell(lake.fault, "bad"),)])
    yield from _parts(lake.statuses)


@_parts.register
def _(statuses: Statuses) -> Iterator[Html]:
    looks = {Health.HEALTHY: "good", Health.DEGRADED: "bad"}
    rows: list[Sequence[str | Cell]] = []
    for one in statuses:
        name, state, health, *others = status_cells(one)
        rows.append((name, state, Cell(health, looks.get(one.health, "")), *others))
    yield paragraph(counted(len(statuses), "asset"))
    yield table(("asset", "state", "health", "readers see", "rows", "why"), rows)


@_parts.register
def _(plan: Plan) -> Iterator[Html]:
    yield paragraph(plan.headline)
    steps = [(str(step.asset), str(step.action), "; ".join(map(str, step.reasons))) for step in plan.steps]
    held = [(str(one.asset), Cell("held", "bad"), one.why) for one in plan.held]
    fresh = [(str(key), Cell("fresh", "good"), "") for key in plan.fresh]
    yield table(("asset", "action", "why"), [*steps, *held, *fresh])
    yield table(("warning",), [(Cell(warning, "bad"),) for warning in plan.warnings])


@_parts.register
def _(run: RunRecord) -> Iterator[Html]:
    yield paragraph(f"Run {run.id}", run.state.replace("_", " "), run.reason)
    yield table(("asset", "state", "rows", "checks", "snapshot", "why"), map(_step, run.steps))
    bad = [
        (str(step.asset), check.name, Cell(str(check.outcome), "bad" if check.holds else ""), check.detail, check.path)
        for step in run.steps
        for check in step.checks
        if check.outcome in {Outcome.FAILED, Outcome.ERRORED}
    ]
    yield table(("asset", "check", "outcome", "found", "file"), bad)


def _step(step: StepRecord) -> Sequence[str | Cell]:
    passed = sum(check.outcome is Outcome.PASSED for check in step.checks)
    return (
        str(step.asset),
        Cell(str(step.state or "running"), "bad" if step.state in _BAD_STEPS else "good" if step.done else ""),
        "" if step.rows is None else f"{step.rows:,}",
        f"{passed}/{len(step.checks)}" if step.checks else "",
        "" if step.snapshot_id is None else short_id(step.snapshot_id),
        step.reason,
    )


@_parts.register
def _(runs: Runs) -> Iterator[Html]:
    yield paragraph(counted(len(runs), "run"))
    rows: list[Sequence[str | Cell]] = []
    for run in runs:
        name, state, *others = run_cells(run)
        rows.append((name, Cell(state, "bad" if run.state in _BAD_RUNS else ""), *others))
    yield table(("run", "state", "started (UTC)", "steps", "by"), rows)


@_parts.register
def _(snapshots: Snapshots) -> Iterator[Html]:
    yield paragraph(counted(len(snapshots), "snapshot"))
    rows: list[Sequence[str | Cell]] = []
    for row in snapshots:
        name, ref, state, *others = snapshot_cells(row)
        rows.append((name, ref, Cell(state, _LOOKS.get(row.state, "")), *others))
    header = ("snapshot", "ref", "state", "committed (UTC)", "operation", "rows", "change", "checks", "run")
    yield table(header, rows)


@_parts.register
def _(lineage: Lineage) -> Iterator[Html]:
    if lineage:
        yield picture(svg_of(drawing_of(lineage)))


@_parts.register
def _(found: Comparison) -> Iterator[Html]:
    yield paragraph(str(found.asset), f"{_called(found.before)} → {_called(found.after)}")
    rows = found.rows
    numbers = (rows.before, rows.after, rows.added, rows.removed, rows.changed, rows.equal)
    yield table(("rows before", "after", "added", "removed", "changed", "equal"), [[f"{each:,}" for each in numbers]])
    yield table(("column", "type", "schema"), _schema(found))
    yield table(
        ("column", "changed", "share"),
        [(each.name, f"{each.changed:,}", f"{each.share:.2%}") for each in found.columns],
    )
    shown = found.samples
    for what, sample in (("added", shown.added), ("removed", shown.removed)):
        yield from _sample(f"rows {what}", sample)
    yield from _sample("rows before", shown.before)
    yield from _sample("the same rows after", shown.after)


@_parts.register
def _(found: Comparisons) -> Iterator[Html]:
    for one in found:
        yield from _parts(one)


def _called(side: Side) -> str:
    return "nothing" if side.snapshot_id is None else f"{side.called} ({short_id(side.snapshot_id)})"


def _schema(found: Comparison) -> Iterator[Sequence[str | Cell]]:
    for field in found.schema.added:
        yield field.name, str(field.type), Cell("added", "good")
    for field in found.schema.removed:
        yield field.name, str(field.type), Cell("removed", "bad")
    for each in found.schema.changed:
        yield f"{each.before.name} → {each.after.name}", f"{each.before.type} → {each.after.type}", "changed"


def _sample(what: str, rows: Rows) -> Iterator[Html]:
    if rows.values:
        yield paragraph(what)
        yield table(rows.columns, rows.values)
