"""Which published tables rest on rows that a rollback would take from readers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from lakeflow.core.keys import AssetKey
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import STANDING, VerdictRecord
from lakeflow.core.model.table import NEUTRAL, Snapshot, Table
from lakeflow.core.run.verdict import written_as
from lakeflow.core.values import dataclass

Goals = Mapping[AssetKey, int | None]
"""The snapshot to which main of each table would return; None: to what it was before its first publish."""


@dataclass(frozen=True)
class Resting:
    """A published table that was made from, or `checked` against, snapshots of another one that would go.

    `run` wrote it; empty where another engine did.
    """

    key: AssetKey
    on: AssetKey
    run: str
    checked: bool = False

    def __str__(self) -> str:
        by = f" in run {self.run}" if self.run else ""
        return f"{self.key} was {'checked against' if self.checked else 'made from'} {self.on}{by}"


def taken_off(table: Table, goal: int | None) -> tuple[Snapshot, ...]:
    """The snapshots that main would lose, newest first."""
    stays = {snapshot.id for snapshot in table.ancestry(goal)}
    return tuple(snapshot for snapshot in table.ancestry(table.main) if snapshot.id not in stays)


def foreign(snapshots: Sequence[Snapshot]) -> tuple[Snapshot, ...]:
    """Those that changed rows and that no run of ours wrote."""
    return tuple(each for each in snapshots if each.operation != NEUTRAL and provenance_of(each.summary) is None)


def resting_on(
    goals: Goals, tables: Mapping[AssetKey, Table], verdicts: Mapping[AssetKey, Sequence[VerdictRecord]]
) -> tuple[Resting, ...]:
    """The tables that would still stand on what goes, each once, if these mains returned to their goals."""
    lost = {key: frozenset(each.id for each in taken_off(tables[key], goal)) for key, goal in goals.items()}
    found = (
        _resting(table, goals.get(key, table.main), lost, verdicts.get(key, ()))
        for key, table in sorted(tables.items())
    )
    return tuple(each for each in found if each is not None)


def _resting(
    table: Table, head: int | None, lost: Mapping[AssetKey, frozenset[int]], verdicts: Sequence[VerdictRecord]
) -> Resting | None:
    """Made from comes before checked against: the rows themselves are worse than what was found of them."""
    others = {key: ids for key, ids in lost.items() if key != table.key}
    for snapshot in _behind(table, head):
        made = provenance_of(snapshot.summary)
        if made and (on := _first(made.inputs, others)):
            return Resting(table.key, on, made.run)
    ruled = [each for each in verdicts if each.snapshot_id == head and each.ruling in STANDING]
    if ruled and (on := _first(ruled[-1].looked_at, others)):
        return Resting(table.key, on, ruled[-1].run, checked=True)
    return None


def _behind(table: Table, head: int | None) -> Iterator[Snapshot]:
    """The snapshots whose rows are part of the head: down to the newest that replaced all rows."""
    for snapshot in table.ancestry(head):
        yield snapshot
        if provenance_of(snapshot.summary) and written_as(snapshot).traits.replaces:
            return


def _first(read: Mapping[str, int], lost: Mapping[AssetKey, frozenset[int]]) -> AssetKey | None:
    return next((key for key, ids in sorted(lost.items()) if read.get(str(key)) in ids), None)
