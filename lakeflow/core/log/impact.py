"""What came of a snapshot: every snapshot of any table that read it, or read what did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from lakeflow.core.keys import AssetKey
from lakeflow.core.log.rests import AllRests, Point, RestsOn, SnapshotStanding, resting_on, rests_of, standings
from lakeflow.core.model.asset import Project
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import VerdictRecord
from lakeflow.core.model.table import Snapshot, Table
from lakeflow.core.values import dataclass

_NEVER: Final = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class RestingSnapshot:
    """A snapshot that rests on the one that was asked for.

    `is_read`: recorded inputs alone lead there; otherwise some table on the way holds its rows still, as an append
    keeps what stood before it. `on` is the snapshot through which. `rows`, `run` and `at` are None, or empty, where
    the snapshot has expired and nobody recorded them.
    """

    asset: AssetKey
    snapshot_id: int
    standing: SnapshotStanding
    is_read: bool
    on: tuple[str, int]
    run: str = ""
    at: datetime | None = None
    rows: int | None = None


@dataclass(frozen=True)
class Impact:
    """What rests on `asset` at `snapshot_id`, tables in the order of layers, newest first.

    `seen_in` are the assets whose readers see it now. `holds` says that readers of the asset itself see it, or rows of
    it. `unknown` are snapshots that read one that has expired, of a table that may rest on it: nobody can tell.
    `ledger` says whether it is known what expired snapshots had read: by the ledger, or by what lies beside the tables.
    """

    asset: str
    snapshot_id: int
    standing: SnapshotStanding
    reached: tuple[RestingSnapshot, ...]
    unknown: tuple[RestingSnapshot, ...] = ()
    holds: bool = False
    ledger: bool = True

    @property
    def seen_in(self) -> tuple[AssetKey, ...]:
        """The other assets whose readers see it, or see what was made from it."""
        return tuple(
            each.asset
            for each in self.reached
            if each.standing is SnapshotStanding.SEEN and str(each.asset) != self.asset
        )


def impact(target: Point, tables: Mapping[AssetKey, Table], recorded: Iterable[VerdictRecord] | None) -> Impact:
    """`recorded` are the verdicts on all snapshots, None where nobody has those on expired ones."""
    said = tuple(recorded or ())
    rests = rests_of(tables, said)
    found = resting_on((target,), rests)
    look = _Look(tables, {(str(each.asset), each.snapshot_id): each for each in said})
    mine = AssetKey.find(target[0])
    own = tables.get(mine) if mine else None
    return Impact(
        asset=target[0],
        snapshot_id=target[1],
        standing=look.standing(target),
        reached=_in_order(look.reached(point, rest) for point, rest in found.items()),
        unknown=_in_order(_unknown(target, rests, found, look)),
        holds=own is not None and (target[0], own.main) in {target, *found},
        ledger=recorded is not None,
    )


def to_repair(found: Impact, project: Project) -> tuple[tuple[AssetKey, ...], bool]:
    """The assets to build again, and whether from nothing: what keeps rows of before would keep these too."""
    keys = tuple(key for key in found.seen_in if key in project.assets)
    return keys, any(not project.assets[key].write.traits.replaces for key in keys)


def _unknown(target: Point, rests: AllRests, found: Mapping[Point, RestsOn], look: _Look) -> list[RestingSnapshot]:
    """What rests on an expired snapshot which may rest on the target, because its table does elsewhere. What was
    committed before the target does not; and of a table that still keeps it, what has expired is older.
    """
    began = look.snapshot(target)
    names = {name for name, _ in found} | (set() if began else {target[0]})
    read = {rest.on for on in rests.values() for rest in on if rest.is_read}
    gone = {on for on in read - rests.keys() - found.keys() if on[0] in names and on != target}
    reached = [look.reached(point, rest) for point, rest in resting_on(gone, rests).items() if point not in found]
    return [each for each in reached if began is None or each.at is None or each.at >= began.committed_at]


class _Look:
    """What is known of each snapshot, by its table or by its verdict."""

    def __init__(self, tables: Mapping[AssetKey, Table], known: Mapping[Point, VerdictRecord]) -> None:
        self._tables = {str(key): table for key, table in tables.items()}
        self._known = known
        self._standings: dict[str, Mapping[int, SnapshotStanding]] = {}

    def snapshot(self, point: Point) -> Snapshot | None:
        table = self._tables.get(point[0])
        return table.snapshots.get(point[1]) if table else None

    def standing(self, point: Point) -> SnapshotStanding:
        name, id_ = point
        if name in self._tables and name not in self._standings:
            self._standings[name] = standings(self._tables[name])
        return (
            self._standings[name].get(id_, SnapshotStanding.EXPIRED)
            if name in self._standings
            else SnapshotStanding.EXPIRED
        )

    def reached(self, point: Point, rest: RestsOn) -> RestingSnapshot:
        key, snapshot = AssetKey.parse(point[0]), self.snapshot(point)
        if snapshot is None:
            said = self._known.get(point)
            run, at = (said.run, said.at) if said else ("", None)
            return RestingSnapshot(key, point[1], SnapshotStanding.EXPIRED, rest.is_read, rest.on, run, at)
        made = provenance_of(snapshot.summary)
        told = (made.written_by if made else "", snapshot.committed_at, snapshot.rows)
        return RestingSnapshot(key, point[1], self.standing(point), rest.is_read, rest.on, *told)


def _in_order(found: Iterable[RestingSnapshot]) -> tuple[RestingSnapshot, ...]:
    newest = sorted(found, key=lambda each: each.at or _NEVER, reverse=True)
    return tuple(sorted(newest, key=lambda each: (each.asset.layer.rank, each.asset)))
