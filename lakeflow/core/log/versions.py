"""The versions of a lake: everything that moved main of some tables in one commit, newest first.

The number is the lake's own and was recorded in the commit, so it never changes. What another engine wrote has no
number, for nobody could record one: it is named by its snapshot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from enum import StrEnum

from lakeflow.core.keys import AssetKey
from lakeflow.core.log.passages import Passage, passages
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.run import Ruling
from lakeflow.core.model.table import NEUTRAL, Table
from lakeflow.core.values import dataclass


class MoveKind(StrEnum):
    """How main came to another snapshot. `another_engine`: no run of lakeflow wrote it. `rewritten`: files moved, and
    no row changed.
    """

    PUBLISHED = "published"
    FORCED = "forced"
    ROLLED_BACK = "rolled_back"
    ANOTHER_ENGINE = "another_engine"
    REWRITTEN = "rewritten"


@dataclass(frozen=True)
class Moved:
    """One table in a version. `taken_back` is the version that took it off main again, and that still stands."""

    table: Table = field(repr=False)
    passage: Passage
    kind: MoveKind
    taken_back: int | None = None
    is_taken_back: bool = False

    @property
    def asset(self) -> AssetKey:
        return self.table.key


@dataclass(frozen=True)
class Version:
    """What one commit did to readers. `tables` counts all tables that it moved, also those that are not told here."""

    number: int | None
    at: datetime
    run: str
    moved: tuple[Moved, ...]
    tables: int

    @property
    def name(self) -> str:
        """What a person types for it: `v12`; without a number the run, or the snapshot that another engine wrote."""
        if self.number is not None:
            return f"v{self.number}"
        return self.run or f"s{self.moved[0].passage.snapshot_id}"


def versions(tables: Iterable[Table]) -> tuple[Version, ...]:
    """All versions that these tables tell, newest first."""
    groups: dict[tuple[object, ...], list[Moved]] = {}
    for table in sorted(tables, key=lambda table: (table.key.layer.rank, table.key)):
        for moved in moves(table):
            groups.setdefault(_commit_of(moved), []).append(moved)
    return tuple(_in_order([_version(group) for group in groups.values()])[::-1])


def moves(table: Table) -> tuple[Moved, ...]:
    """How main of one table moved, oldest first."""
    told = [Moved(table, one, _kind(table, one)) for one in passages(table)]
    taken = _taken_back(table, told)
    return tuple(
        Moved(table, one.passage, one.kind, taken[place], is_taken_back=True) if place in taken else one
        for place, one in enumerate(told)
    )


def _kind(table: Table, one: Passage) -> MoveKind:
    note = one.move.note if one.move else None
    snapshot = table.snapshots.get(one.snapshot_id or 0)
    went_back = note.ruling is Ruling.ROLLED_BACK if note is not None else _went_back(table, one)
    if one.snapshot_id is None or went_back:
        return MoveKind.ROLLED_BACK
    if snapshot is not None and snapshot.operation == NEUTRAL:
        return MoveKind.REWRITTEN
    if note is not None:
        return MoveKind.FORCED if note.ruling is Ruling.FORCED else MoveKind.PUBLISHED
    is_ours = one.move is not None or (snapshot is not None and provenance_of(snapshot.summary))
    return MoveKind.PUBLISHED if is_ours else MoveKind.ANOTHER_ENGINE


def _went_back(table: Table, one: Passage) -> bool:
    """Did main come to an ancestor of what it was?"""
    if one.snapshot_id is None or one.before is None or one.before == one.snapshot_id:
        return False
    return any(each.id == one.snapshot_id for each in table.ancestry(one.before))


def _taken_back(table: Table, told: Sequence[Moved]) -> dict[int, int | None]:
    """By place, the versions that took a move off main, if readers do not see its snapshot again."""
    found: dict[int, int | None] = {}
    places: dict[int, list[int]] = {}
    for place, one in enumerate(told):
        if one.kind is MoveKind.ROLLED_BACK:
            stays = {each.id for each in table.ancestry(one.passage.snapshot_id)}
            number = one.passage.move.number if one.passage.move else None
            gone = [each.id for each in table.ancestry(one.passage.before) if each.id not in stays]
            found |= {earlier: number for id_ in gone for earlier in places.get(id_, ())}
            for id_ in stays:  # a rollback may also return to what an earlier one took
                for earlier in places.get(id_, ()):
                    found.pop(earlier, None)
        elif one.passage.snapshot_id is not None:
            places.setdefault(one.passage.snapshot_id, []).append(place)
    return found


def _commit_of(moved: Moved) -> tuple[object, ...]:
    """What tells one commit from another. Tables that were taken in from another lake may have its numbers."""
    one, run = moved.passage, _run_of(moved)
    if one.move is not None:
        return "numbered", one.move.number, run
    return ("run", run, one.at) if run else ("alone", moved.asset, one.at, one.snapshot_id)


def _run_of(moved: Moved) -> str:
    """The run that moved main, or that was taken back."""
    one = moved.passage
    if one.move is not None and one.move.note is not None:
        return one.move.note.run
    snapshot = moved.table.snapshots.get(one.snapshot_id or 0)
    made = provenance_of(snapshot.summary) if snapshot and moved.kind is not MoveKind.ROLLED_BACK else None
    return made.written_by if made else ""


def _version(group: Sequence[Moved]) -> Version:
    first = group[0].passage
    number = first.move.number if first.move else None
    tables = max(first.move.tables if first.move else 0, len(group))
    # All tables of a commit say the same time, but one that a fast clock has put ahead.
    return Version(number, min(one.passage.at for one in group), _run_of(group[0]), tuple(group), tables)


def _in_order(found: Sequence[Version]) -> list[Version]:
    """Oldest first: by number, which has the order of the commits, and without one by time."""
    latest, placed = datetime.min.replace(tzinfo=found[0].at.tzinfo) if found else datetime.min, {}
    for version in sorted((each for each in found if each.number is not None), key=lambda each: each.number or 0):
        latest = max(latest, version.at)
        placed[id(version)] = latest
    return sorted(found, key=lambda each: (placed.get(id(each), each.at), each.number is not None, each.number or 0))


def by_number(found: Iterable[Version]) -> Mapping[int, Version]:
    return {version.number: version for version in found if version.number is not None}
