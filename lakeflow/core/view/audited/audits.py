"""Which snapshots an audit outside a run looks at, and what it finds. Pure; nothing is recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from itertools import islice

from lakeflow.core.errors import UsageError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import CheckResult, RunRecord, StepRecord
from lakeflow.core.model.table import MAIN, NEUTRAL, Snapshot, Table
from lakeflow.core.run.verdict import hold_reason
from lakeflow.core.values import dataclass
from lakeflow.core.view.history import find_snapshot, ref_meant, seen_at

"""Stands for the newest branch of an asset that a run left."""


@dataclass(frozen=True)
class Inspected:
    """One snapshot and the results of its checks: today's, or those of the run that audited it.

    `ref` names the ref whose head it is, None for an older snapshot. `rows` is None where its writer gave no number.
    `checks_digest` identifies the checks. Of a table that cannot be read `snapshot_id` is 0, and one check tells why.
    """

    asset: AssetKey
    snapshot_id: int
    ref: str | None
    committed_at: datetime
    rows: int | None
    checks: tuple[CheckResult, ...]
    checks_digest: str = ""

    @property
    def reason(self) -> str:
        """Why these checks would hold the snapshot; empty when they would let it be published."""
        return hold_reason(self.checks)


def looked_at(
    tables: Mapping[AssetKey, Table], ref: str, snapshot: str | None, last: int
) -> tuple[tuple[AssetKey, int], ...]:
    """The snapshots that are meant, of each table that has some: the head of a ref, one snapshot, or the last few of
    main.

    UsageError when there are none, and for a snapshot or a ref together with what excludes it.
    """
    if snapshot is not None and (len(tables) != 1 or ref != MAIN or last != 1):
        raise UsageError("a snapshot belongs to one asset", hint="name one asset, without ref and history")
    if last != 1 and ref != MAIN:
        raise UsageError("only main has a history", hint="leave the ref out")
    found = [(key, at) for key, table in tables.items() for at in _meant(table, ref, snapshot, last)]
    if not found:
        what = "was ever published" if ref == MAIN else f"has a ref {ref!r}"
        raise UsageError(f"nothing selected {what}", hint="`lakeflow status` says how the assets stand")
    return tuple(found)


def _meant(table: Table, ref: str, snapshot: str | None, last: int) -> Iterator[int]:
    if snapshot is not None:
        if (one := find_snapshot(table, ref=ref, snapshot=snapshot)) is not None:
            yield one
    elif last != 1:
        yield from (each.id for each in published_lately(table, last))
    elif name := ref_meant(table, ref):
        yield table.refs[name]


def recorded(run: RunRecord, tables: Mapping[AssetKey, Table]) -> tuple[Inspected, ...]:
    """What the audits of a run found, as the ledger recorded it. For a snapshot that has expired, the run's time stands
    in.
    """
    return tuple(_recorded(run, step, tables.get(step.asset)) for step in run.steps if step.checks and step.snapshot_id)


def _recorded(run: RunRecord, step: StepRecord, table: Table | None) -> Inspected:
    assert step.snapshot_id is not None
    snapshot = table.snapshots.get(step.snapshot_id) if table else None
    at = snapshot.committed_at if snapshot else run.started_at
    ref = head_of(table, step.snapshot_id) if table else None
    rows = snapshot.rows if snapshot else None  # not the step's rows: those of a merge are only the rows it was given
    return Inspected(step.asset, step.snapshot_id, ref, at, rows, step.checks, step.checks_digest)


def head_of(table: Table, snapshot_id: int) -> str | None:
    """The ref whose head is the snapshot; main comes before all others."""
    refs = sorted((name != MAIN, name) for name, head in table.refs.items() if head == snapshot_id)
    return refs[0][1] if refs else None


def published_lately(table: Table, most: int) -> tuple[Snapshot, ...]:
    """The last snapshots of main that changed rows, newest first, as far as the table keeps them."""
    changed = (snapshot for snapshot in table.ancestry(table.main) if snapshot.operation != NEUTRAL)
    return tuple(islice(changed, most))


def read_with(other: Table, table: Table, snapshot_id: int, ref: str | None) -> int | None:
    """The snapshot of another table that a check of this snapshot reads; None when there is none.

    For a branch: the same branch, otherwise main. For an older snapshot: what the same run wrote, otherwise what
    readers saw when main came to it.
    """
    if ref is not None:
        return other.refs.get(ref, other.main)
    made = provenance_of(table.snapshots[snapshot_id].summary)
    ours = (each.id for each in other.ancestry(other.main) if made and _run_of(each) == made.run)
    return next(ours, None) or published_with(other, table, snapshot_id)


def published_with(other: Table, table: Table, snapshot_id: int) -> int | None:
    """What readers of another table saw when main came to this snapshot; None when they saw nothing, or it has
    expired.
    """
    try:
        moments: Iterator[datetime] = (since for since, head in table.log if head == snapshot_id)
        return seen_at(other, next(moments, table.snapshots[snapshot_id].committed_at))
    except UsageError:
        return None


def _run_of(snapshot: Snapshot) -> str:
    made = provenance_of(snapshot.summary)
    return made.run if made else ""
