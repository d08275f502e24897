"""History as screens: the snapshots of a table, and the runs of a lake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from lakeflow.cli.screens.run import TAKEN_BACK, counts
from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.model.run import RunRecord, RunState
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.view.rows import AssetStatus, SnapshotRow, SnapshotState
from lakeflow.core.wording import age
from lakeflow.core.words import count, readers_see, seconds

Records = tuple[tuple[str, ...], list[tuple[str, ...]]]

_RUN_MARKS: Final = {
    RunState.RUNNING: Mark.MOVED,
    RunState.PUBLISHED: Mark.OK,
    RunState.HELD: Mark.BAD,
    RunState.FAILED: Mark.BAD,
    RunState.CONFLICT: Mark.BAD,
    RunState.ABANDONED: Mark.WARN,
    RunState.SUPERSEDED: Mark.NONE,
    RunState.DISCARDED: Mark.NONE,
    RunState.ROLLED_BACK: Mark.NONE,
}
_LOUD: Final = {SnapshotState.HELD: "bold red", SnapshotState.FORCED: "yellow", SnapshotState.UNRULED: "yellow"}


def snapshots_screen(asset: str, rows: Sequence[SnapshotRow], status: AssetStatus | None, now: datetime) -> Text:
    """Snapshots newest first; where a branch waits, which the status says, also what readers still see."""
    waits = [line(readers_see(status, now))] if status and status.held else []
    if not rows:
        return line(f"{asset} has no snapshots: it was never written")
    return screen(align([_snapshot_cells(row, now) for row in rows], right=frozenset({5})), waits)


def snapshots_records(rows: Sequence[SnapshotRow]) -> Records:
    header = ("snapshot_id", "ref", "state", "committed_at", "operation", "rows", "run", "code_version")
    return header, [_snapshot_record(row) for row in rows]


def runs_screen(runs: Sequence[RunRecord], now: datetime) -> Text:
    if not runs:
        return line("No runs yet: `lakeflow materialize` makes the first")
    return screen(align([_run_cells(run, now) for run in runs]))


def runs_records(runs: Sequence[RunRecord]) -> Records:
    header = ("id", "state", "started_at", "ended_at", "attempt", "steps", "actor")
    return header, [_run_record(run) for run in runs]


def _snapshot_cells(row: SnapshotRow, now: datetime) -> list[Text]:
    state = row.state.upper() if row.state is SnapshotState.HELD else str(row.state)
    return [
        line(_snapshot_mark(row), " ", short_id(row.snapshot_id)),
        line(row.ref or ""),
        line((state, _LOUD.get(row.state, ""))),
        line(f"{age(row.committed_at, now)} ago"),
        line(row.operation),
        line(count(row.rows)),
        line("" if row.added is None else f"({row.added:+,})"),
        line("" if row.checks is None else f"{row.passed}/{row.checks} checks"),
        line(f"run {row.run}" if row.run else ""),
        line((f"partial {', '.join(row.partial)}" if row.partial else "", "yellow")),
        line((f"code {row.code_version[:6]}" if row.code_version else "", "dim")),
    ]


def _snapshot_mark(row: SnapshotRow) -> Mark:
    if row.ref == "main":
        return Mark.MAIN
    return Mark.BRANCH if row.ref else Mark.OLD


def _snapshot_record(row: SnapshotRow) -> tuple[str, ...]:
    return (
        str(row.snapshot_id),
        row.ref or "",
        str(row.state),
        row.committed_at.isoformat(),
        row.operation,
        "" if row.rows is None else str(row.rows),
        row.run,
        row.code_version,
    )


def _run_cells(run: RunRecord, now: datetime) -> list[Text]:
    """The cells of a run. A run that was taken back shows no duration: it ended when somebody took it back."""
    over = run.ended_at if run.state not in TAKEN_BACK else None
    took = seconds((over - run.started_at).total_seconds()) if over else ""
    mark = _RUN_MARKS[run.state]
    return [
        line(mark),
        line(run.id),
        line((run.state.replace("_", " "), mark.value[1])),
        line(f"{age(run.started_at, now)} ago"),
        line((took, "dim")),
        line(counts(run.steps)),
        line((run.actor, "dim")),
        line((f"built on what was rolled back: {', '.join(rests)}" if (rests := _resting(run)) else "", "yellow")),
    ]


def _resting(run: RunRecord) -> list[str]:
    """The assets whose step says that it was built on what was rolled back."""
    return [str(step.asset) for step in run.steps if step.done and step.reason.endswith("which was rolled back")]


def _run_record(run: RunRecord) -> tuple[str, ...]:
    ended = run.ended_at.isoformat() if run.ended_at else ""
    return run.id, str(run.state), run.started_at.isoformat(), ended, str(run.attempt), str(len(run.steps)), run.actor
