"""Answers of many values: tuples that a prompt shows line by line, and a notebook as a table or a drawing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

from lakeflow.core.compare.comparison import Comparison
from lakeflow.core.displayed import Displayed, aligned, printable
from lakeflow.core.model.run import RunRecord
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.view.rows import AssetStatus, LineageNode, SnapshotRow
from lakeflow.core.wording import counted

if TYPE_CHECKING:
    from collections.abc import Iterator


class Snapshots(Displayed, tuple[SnapshotRow, ...]):
    """The snapshots of an asset, newest first: a tuple."""

    def __repr__(self) -> str:
        return aligned(map(snapshot_cells, self)) if self else "no snapshots"


class Lineage(Displayed, tuple[LineageNode, ...]):
    """Trees of what was made from what: a tuple."""

    def __repr__(self) -> str:
        return "\n".join(line for node in self for line in _branch(node, "")) if self else "no lineage"


class Runs(Displayed, tuple[RunRecord, ...]):
    """Runs, newest first: a tuple."""

    def __repr__(self) -> str:
        return aligned(map(run_cells, self)) if self else "no runs"


class Comparisons(Displayed, tuple[Comparison, ...]):
    """How the tables of a run differ: a tuple."""

    def __repr__(self) -> str:
        return "\n".join(map(repr, self)) if self else "no tables"


class Statuses(Displayed, tuple[AssetStatus, ...]):
    """How assets stand, what needs a decision first: a tuple. `waiting` are the runs of the lake that had left
    something unpublished then which no later run took up, newest first.
    """

    waiting: tuple[RunRecord, ...]

    def __new__(cls, found: Iterable[AssetStatus] = (), waiting: tuple[RunRecord, ...] = ()) -> Self:
        made = super().__new__(cls, found)
        made.waiting = waiting
        return made

    def __repr__(self) -> str:
        return aligned(map(status_cells, self)) if self else "no assets"


def snapshot_cells(row: SnapshotRow) -> tuple[str, ...]:
    """A snapshot as texts: id, ref, state, when, operation, rows, change, checks and run."""
    return (
        short_id(row.snapshot_id),
        row.ref or "",
        str(row.state),
        f"{row.committed_at:%Y-%m-%d %H:%M:%S}",
        row.operation,
        "? rows" if row.rows is None else counted(row.rows, "row"),
        "" if row.added is None else f"({row.added:+,})",
        "" if row.checks is None else f"{row.passed}/{row.checks} checks",
        f"run {row.run}" if row.run else "",
    )


def run_cells(run: RunRecord) -> tuple[str, ...]:
    """A run as texts: id, state, when, steps and who."""
    state = run.state.replace("_", " ")
    return run.id, state, f"{run.started_at:%Y-%m-%d %H:%M:%S}", counted(len(run.steps), "step"), run.actor


def status_cells(one: AssetStatus) -> tuple[str, ...]:
    """An asset as texts: name, state, health, what readers see and why it is not well."""
    rows = "" if one.rows is None else counted(one.rows, "row")
    seen = "" if one.snapshot_id is None else short_id(one.snapshot_id)
    why = one.symptoms[0].text if one.symptoms else "; ".join(one.reasons[:2])
    return str(one.asset), str(one.state), str(one.health), seen, rows, why


def _branch(node: LineageNode, indent: str) -> Iterator[str]:
    outside = (*node.sources, *(str(each.key) for each in node.externals))
    came = f"  ← {', '.join(outside)}" if outside else ""
    yield printable(f"{indent}{node.status.asset}  {node.status.state}{came}{'  (above)' * node.repeated}")
    for each in node.upstreams:
        yield from _branch(each, f"{indent}  ")
