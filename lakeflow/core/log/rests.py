"""Which snapshots rest on which: those that they read, as they say themselves, and those whose rows they still hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import TypeAlias

from lakeflow.core.keys import AssetKey
from lakeflow.core.log.passages import passages
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import VerdictRecord
from lakeflow.core.model.table import NEUTRAL, Snapshot, Table
from lakeflow.core.run.verdict import written_as
from lakeflow.core.values import dataclass

Point: TypeAlias = tuple[str, int]
"""A snapshot of a table, which is named as recorded inputs name it."""


class SnapshotStanding(StrEnum):
    """Where a snapshot stands: `seen` by readers now, in the `past` of what they see, `taken_back` by a rollback, on a
    branch or tag that readers of main never saw (`held`), or `expired`: its table does not keep it any more.
    """

    SEEN = "seen"
    PAST = "past"
    TAKEN_BACK = "taken_back"
    HELD = "held"
    EXPIRED = "expired"


@dataclass(frozen=True)
class RestsOn:
    """Why a snapshot rests on another one: it `read` that one, or holds its rows still."""

    on: tuple[str, int]
    is_read: bool


AllRests: TypeAlias = Mapping[Point, tuple[RestsOn, ...]]


def rests_of(tables: Mapping[AssetKey, Table], recorded: Iterable[VerdictRecord] = ()) -> AllRests:
    """For each snapshot what it rests on directly; `recorded` verdicts add what tables do not keep any more."""
    found: dict[Point, tuple[RestsOn, ...]] = {}
    for said in recorded:
        if said.inputs:
            found[str(said.asset), said.snapshot_id] = tuple(RestsOn(each, True) for each in said.inputs.items())
    for table in tables.values():
        for id_, snapshot in table.snapshots.items():
            found[str(table.key), id_] = tuple(_rests(table, snapshot))
    return found


def _rests(table: Table, snapshot: Snapshot) -> Iterator[RestsOn]:
    made = provenance_of(snapshot.summary)
    yield from (RestsOn(each, True) for each in (made.inputs.items() if made else ()))
    replaces = made is not None and snapshot.operation != NEUTRAL and written_as(snapshot).traits.replaces
    if snapshot.parent_id is not None and not replaces:
        yield RestsOn((str(table.key), snapshot.parent_id), is_read=False)


def resting_on(targets: Iterable[Point], rests: AllRests) -> dict[Point, RestsOn]:
    """Every snapshot that rests on one of the targets, however far away, with what it rests on first of all that leads
    there. A way that is nothing but reading is found before one through rows that are still held.
    """
    above: dict[Point, list[tuple[Point, RestsOn]]] = defaultdict(list)
    for point, on in rests.items():
        for rest in on:
            above[rest.on].append((point, rest))
    targets, found = tuple(targets), dict[Point, RestsOn]()
    for only_read in (True, False):
        waiting = [*targets, *found]
        while waiting:
            for point, rest in above[waiting.pop()]:
                if point not in found and point not in targets and (rest.is_read or not only_read):
                    found[point] = RestsOn(rest.on, only_read)
                    waiting.append(point)
    return found


def standings(table: Table) -> dict[int, SnapshotStanding]:
    """Where each kept snapshot of a table stands."""
    line = {snapshot.id for snapshot in table.ancestry(table.main)}
    came = {one.snapshot_id for one in passages(table)}
    once = {snapshot.id for id_ in came for snapshot in table.ancestry(id_)}
    found = dict.fromkeys(table.snapshots, SnapshotStanding.HELD)
    found |= dict.fromkeys(table.snapshots.keys() & once, SnapshotStanding.TAKEN_BACK)
    found |= dict.fromkeys(line, SnapshotStanding.PAST)
    return found | ({table.main: SnapshotStanding.SEEN} if table.main is not None else {})


def built_on_taken_back(
    tables: Mapping[AssetKey, Table], confirmed: Mapping[Point, tuple[RestsOn, ...]]
) -> dict[Point, RestsOn]:
    """What readers see or saw, and a rollback did not take, that rests on what it took: with the snapshot that went.

    Of a snapshot that was `confirmed` by a later write, what that write read counts.
    """
    gone = taken_back(tables)
    if not gone:
        return {}
    rests = {**rests_of(tables), **confirmed}
    found: dict[Point, RestsOn] = {}
    for target in sorted(gone):
        found |= {point: RestsOn(target, rest.is_read) for point, rest in resting_on((target,), rests).items()}
    seen = {SnapshotStanding.SEEN, SnapshotStanding.PAST}
    stands = {str(key): standings(table) for key, table in tables.items() if str(key) in {name for name, _ in found}}
    return {point: on for point, on in found.items() if stands.get(point[0], {}).get(point[1]) in seen}


def taken_back(tables: Mapping[AssetKey, Table]) -> frozenset[Point]:
    """All snapshots that readers saw once and that a rollback took from them."""
    return frozenset(
        (str(key), id_)
        for key, table in tables.items()
        if table.has_more
        for id_, standing in standings(table).items()
        if standing is SnapshotStanding.TAKEN_BACK
    )
