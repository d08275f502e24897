"""The history of one table: its snapshots as people read them, open branches first, then main and its ancestors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

from lakeflow.core.errors import UnseenError, UsageError
from lakeflow.core.keys import TableKey
from lakeflow.core.log.passages import Passage, passages, seen_in
from lakeflow.core.model.provenance import Provenance, provenance_of
from lakeflow.core.model.run import MOVES, Ruling, VerdictRecord
from lakeflow.core.model.table import MAIN, NEUTRAL, Snapshot, Table
from lakeflow.core.view.rows import SnapshotRow, SnapshotState

BRANCH_PREFIX: Final = "audit_"
HELD: Final = "held"
"""Stands for a ref: the newest branch that waits for a decision."""
FEWEST_DIGITS: Final = 4
"""Of a snapshot's id, where its first digits stand for it."""
_STATES: Final = {
    Ruling.PUBLISH: SnapshotState.PUBLISHED,
    Ruling.UNCHANGED: SnapshotState.PUBLISHED,
    Ruling.FORCED: SnapshotState.FORCED,
    Ruling.HOLD: SnapshotState.HELD,
    Ruling.ROLLED_BACK: SnapshotState.PUBLISHED,
    Ruling.RETURNED: SnapshotState.PUBLISHED,
    Ruling.DROPPED: SnapshotState.PUBLISHED,
}


def history(table: Table, verdicts: Sequence[VerdictRecord]) -> tuple[SnapshotRow, ...]:
    """The history, newest first: the heads of open branches, then main and its ancestors as far as they are kept, then
    older or rolled back snapshots that a tag keeps.

    The verdict that published a snapshot stays its state. A later audit that fails on main does not take the snapshot
    back, and a later write of equal rows audits nothing.
    """
    held = {verdict.snapshot_id: verdict for verdict in verdicts}
    ruled = {verdict.snapshot_id: verdict for verdict in sorted(verdicts, key=_weight) if _weight(verdict)}
    branches = [(ref, table.snapshots[head]) for ref, head in table.refs.items() if ref.startswith(BRANCH_PREFIX)]
    branches.sort(key=lambda branch: branch[1].committed_at, reverse=True)
    waiting = [_row(table, ref, snapshot, held.get(snapshot.id)) for ref, snapshot in branches]
    tagged = {table.refs[name]: name for name in sorted(table.tags, reverse=True)}
    line = list(table.ancestry(table.main))
    trunk = [(MAIN if snapshot.id == table.main else tagged.get(snapshot.id), snapshot) for snapshot in line]
    apart = [(tagged[at], table.snapshots[at]) for at in tagged.keys() - {snapshot.id for snapshot in line}]
    apart.sort(key=lambda one: one[1].committed_at, reverse=True)
    return (*waiting, *(_row(table, ref, snapshot, ruled.get(snapshot.id)) for ref, snapshot in (*trunk, *apart)))


def open_runs(table: Table) -> tuple[str, ...]:
    """The runs that have a branch in this table."""
    return tuple(sorted(ref.removeprefix(BRANCH_PREFIX) for ref in table.refs if ref.startswith(BRANCH_PREFIX)))


def on_branches(rows: Iterable[SnapshotRow]) -> bool:
    """Is one of them the head of a run's branch?"""
    return any((row.ref or "").startswith(BRANCH_PREFIX) for row in rows)


def seen_at(table: Table, moment: datetime, number: int | None = None) -> int:
    """The snapshot that readers of main saw at that time, even one that was taken back later; with the `number` of the
    lake's version that came then, what they saw once it was there.

    It is read from the table's own log of main. For a table without a log, main's ancestry and commit times tell. A
    moment without a time zone is in UTC. UsageError before the first publish, while a rollback had left nothing, and
    where that part of the history has expired.
    """
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    told = passages(table)
    if not told:
        raise UsageError(f"{table.key} was never published", hint=f"`lakeflow materialize +{table.key}` builds it")
    seen = seen_in(told, moment, number)
    if seen is None:
        raise _before(table, told[0])
    if seen.snapshot_id is None:
        raise _taken_back(table)
    if seen.snapshot_id not in table.snapshots:
        raise _expired(table)
    return seen.snapshot_id


def predecessor(table: Table, snapshot_id: int | None) -> int | None:
    """What readers saw before this snapshot changed rows: for a branch today's main, for main its earlier state.

    None when the snapshot is the first one, or when the state before it has expired.
    """
    for snapshot in table.ancestry(snapshot_id):
        if snapshot.operation != NEUTRAL:
            return snapshot.parent_id if snapshot.parent_id in table.snapshots else None
    return None


def find_snapshot(table: Table, *, ref: str, snapshot: str | None) -> int | None:
    """The snapshot that a person means: a ref, or `s` and the first digits of an id. None: nothing is published.

    UsageError when no snapshot or several are meant.
    """
    if snapshot is None:
        return _by_ref(table, ref)
    return snapshot_meant(snapshot, table.snapshots, table.key)


def snapshot_meant(said: str, known: Iterable[int], key: TableKey) -> int:
    """The one of these ids that is meant, see `ids_meant`. UsageError when none or several are."""
    found = ids_meant(said, known, key)
    if len(found) != 1:
        what = "is no snapshot" if not found else f"means {len(found)} snapshots"
        raise UsageError(f"{said!r} {what} of {key}", hint=_where(key))
    return found[0]


def ids_meant(said: str, known: Iterable[int], key: TableKey) -> list[int]:
    """The ids that begin with these digits, with or without `s` before them; a whole id is that one alone.

    UsageError for fewer than four digits that are no whole id, even where one id alone begins so: which one it is would
    be chance, and would change with the next snapshot.
    """
    digits = said.removeprefix("s")
    ids = {str(each): each for each in known}
    if digits in ids:
        return [ids[digits]]
    if len(digits) < FEWEST_DIGITS:
        why = f"{said!r} is no snapshot of {key}: write at least {FEWEST_DIGITS} digits of its id"
        raise UsageError(why, hint=_where(key))
    return [id_ for text, id_ in ids.items() if text.startswith(digits)]


def _where(key: TableKey) -> str:
    return f"`lakeflow snapshots {key}` lists them"


def _before(table: Table, first: Passage) -> UsageError:
    known = table.snapshots.get(first.snapshot_id or 0)
    if known is None or known.parent_id is not None:
        return _expired(table)
    at = first.at.isoformat(timespec="seconds")
    return UnseenError(
        f"{table.key} was not published then: it first was at {at}",
        hint=f"`lakeflow snapshots {table.key}` lists what there is",
        asset=table.key,
    )


def _taken_back(table: Table) -> UsageError:
    return UnseenError(
        f"readers of {table.key} saw nothing then: what they had seen was rolled back",
        hint=f"`lakeflow log {table.key}` says when",
        asset=table.key,
    )


def _expired(table: Table) -> UsageError:
    return UsageError(
        f"what readers of {table.key} saw then has expired",
        hint="keep_snapshots in [tool.lakeflow] says how many snapshots are kept",
        asset=table.key,
    )


def ref_meant(table: Table, ref: str) -> str | None:
    """The ref with that name in this table; `held` is the newest branch that waits. None when there is none."""
    if ref == HELD:
        branches = [
            (table.snapshots[head].committed_at, name)
            for name, head in table.refs.items()
            if name.startswith(BRANCH_PREFIX)
        ]
        return max(branches)[1] if branches else None
    return ref if ref in table.refs else None


def _by_ref(table: Table, ref: str) -> int | None:
    if name := ref_meant(table, ref):
        return table.refs[name]
    if ref == HELD:
        hint = f"`lakeflow show {table.key}` shows what readers see"
        raise UsageError(f"nothing of {table.key} is held", hint=hint, asset=table.key)
    if ref != MAIN:
        raise UsageError(
            f"{table.key} has no ref {ref!r}; it has {_listed(table.refs) or 'none'}",
            hint=f"`lakeflow snapshots {table.key}` lists them",
        )
    return None


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
        run=made.written_by,
        code_version=made.code_version,
        inputs=made.inputs,
        passed=verdict.passed if verdict else None,
        checks=verdict.total if verdict else None,
        partial=tuple(made.partial.split(",")) if made.partial else (),
    )


def _state(ref: str | None, verdict: VerdictRecord | None) -> SnapshotState:
    if verdict is not None:
        return _STATES[verdict.ruling]
    on_branch = ref is not None and ref.startswith(BRANCH_PREFIX)
    return SnapshotState.WRITTEN if on_branch else SnapshotState.UNRULED


def _weight(verdict: VerdictRecord) -> int:
    """How much a ruling says about the way a snapshot came to main; 0 says nothing. The last ruling of the greatest
    weight counts.
    """
    return {Ruling.HOLD: 0, Ruling.DROPPED: 0, Ruling.UNCHANGED: 1, **dict.fromkeys(MOVES, 0)}.get(verdict.ruling, 2)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
