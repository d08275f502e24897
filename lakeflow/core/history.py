"""The history of one table, as people read it: open branches first, then main and what it was before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from lakeflow.core.errors import UsageError
from lakeflow.core.provenance import Provenance, provenance_of
from lakeflow.core.runs import Ruling, VerdictRecord
from lakeflow.core.table import MAIN, Snapshot, Table
from lakeflow.core.views import SnapshotRow, SnapshotState

BRANCH_PREFIX: Final = "audit_"
_STATES: Final = {
    Ruling.PUBLISH: SnapshotState.PUBLISHED,
    Ruling.UNCHANGED: SnapshotState.PUBLISHED,
    Ruling.FORCED: SnapshotState.FORCED,
    Ruling.HOLD: SnapshotState.HELD,
}


def history(table: Table, verdicts: Sequence[VerdictRecord]) -> tuple[SnapshotRow, ...]:
    """Newest first: the heads of open branches, then main and its ancestors as far as they are kept.

    A later audit that fails on main takes nothing back: the verdict that published a snapshot stays its state. So it
    does when a later write gives the same rows: nothing was audited then.
    """
    held = {verdict.snapshot_id: verdict for verdict in verdicts}
    ruled = {verdict.snapshot_id: verdict for verdict in sorted(verdicts, key=_weight) if _weight(verdict)}
    branches = [(ref, table.snapshots[head]) for ref, head in table.refs.items() if ref.startswith(BRANCH_PREFIX)]
    branches.sort(key=lambda branch: branch[1].committed_at, reverse=True)
    waiting = [_row(table, ref, snapshot, held.get(snapshot.id)) for ref, snapshot in branches]
    trunk = [(MAIN if snapshot.id == table.main else None, snapshot) for snapshot in table.ancestry(table.main)]
    return (*waiting, *(_row(table, ref, snapshot, ruled.get(snapshot.id)) for ref, snapshot in trunk))


def open_runs(table: Table) -> tuple[str, ...]:
    """The runs that have a branch in this table."""
    return tuple(sorted(ref.removeprefix(BRANCH_PREFIX) for ref in table.refs if ref.startswith(BRANCH_PREFIX)))


def find_snapshot(table: Table, *, ref: str, snapshot: str | None) -> int | None:
    """The snapshot that a person means: a ref, or `s` and the first digits of an id. None: main is unborn.

    A whole id is found although another one begins with it. UsageError when there is none such, or several.
    """
    if snapshot is None:
        return _by_ref(table, ref)
    digits = snapshot.removeprefix("s")
    near = [known for known in table.snapshots if digits and str(known).startswith(digits)]
    found = [known for known in near if str(known) == digits] or near
    if len(found) != 1:
        what = "is no snapshot" if not found else f"means {len(found)} snapshots"
        raise UsageError(f"{snapshot!r} {what} of {table.key}", hint=f"`lakeflow snapshots {table.key}` lists them")
    return found[0]


def _by_ref(table: Table, ref: str) -> int | None:
    if ref not in table.refs and ref != MAIN:
        raise UsageError(
            f"{table.key} has no ref {ref!r}; it has {_listed(table.refs) or 'none'}",
            hint=f"`lakeflow snapshots {table.key}` lists them",
        )
    return table.refs.get(ref)


def _row(table: Table, ref: str | None, snapshot: Snapshot, verdict: VerdictRecord | None) -> SnapshotRow:
    made = provenance_of(snapshot.summary) or Provenance(run="", attempt=0, asset="", code_version="")
    parent = table.snapshots.get(snapshot.parent_id) if snapshot.parent_id is not None else None
    before = parent.rows if parent else (0 if snapshot.parent_id is None else None)
    return SnapshotRow(
        snapshot_id=snapshot.id,
        ref=ref,
        state=_state(ref, verdict),
        committed_at=snapshot.committed_at,
        operation=snapshot.operation,
        rows=snapshot.rows,
        added=None if snapshot.rows is None or before is None else snapshot.rows - before,
        run=made.run,
        code_version=made.code_version,
        inputs=made.inputs,
        passed=verdict.passed if verdict else None,
        checks=verdict.total if verdict else None,
    )


def _state(ref: str | None, verdict: VerdictRecord | None) -> SnapshotState:
    if verdict is not None:
        return _STATES[verdict.ruling]
    on_branch = ref is not None and ref.startswith(BRANCH_PREFIX)
    return SnapshotState.WRITTEN if on_branch else SnapshotState.UNRULED


def _weight(verdict: VerdictRecord) -> int:
    """Which ruling tells how a snapshot came to stand on main: the last of the greatest weight; 0 tells nothing."""
    return {Ruling.HOLD: 0, Ruling.UNCHANGED: 1}.get(verdict.ruling, 2)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
