"""The lake as a recorded write found it: its code, its tables and its files, as far as they are still here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from lakeflow.core.model.asset import Asset
from lakeflow.core.model.provenance import Provenance, provenance_of
from lakeflow.core.model.table import MAIN, Snapshot, Table
from lakeflow.core.plan.landing import FoundFile, Landed, LandedSet, Landing
from lakeflow.core.values import dataclass

_CHANCE: Final = re.compile(
    r"\b(now|today|current_date|current_time|current_timestamp|get_current_timestamp|random|setseed|uuid|gen_random_uuid"
    r"|uuid4|utcnow|localtimestamp|transaction_timestamp|getenv|nextval)\b\s*(?:\(|\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Recorded:
    """A snapshot of ours with rows of its own, and what it says of its write."""

    table: Table
    snapshot: Snapshot
    made: Provenance

    @property
    def parent(self) -> Snapshot | None:
        """The snapshot that it was written on, if it is still kept."""
        return self.table.snapshots.get(self.snapshot.parent_id or 0)


def recorded(table: Table, snapshot_id: int) -> Recorded | str:
    """The snapshot that wrote these rows, behind compactions; or why there is none."""
    seen = set[int]()
    while (snapshot := table.snapshots.get(snapshot_id)) and snapshot_id not in seen:
        seen.add(snapshot_id)
        made = provenance_of(snapshot.summary)
        if made is None:
            return "another engine wrote it, and nobody recorded from what"
        if not made.compacts:
            return Recorded(table, snapshot, made)
        snapshot_id = made.compacts
    return f"the snapshot that wrote its rows, s{str(snapshot_id)[:6]}, has expired"


def kept_as(table: Table, snapshot_id: int) -> int | None:
    """The snapshot, or else one that a compaction made of it: both hold the very same rows. None: neither is kept."""
    wanted = {snapshot_id}
    for snapshot in sorted(table.snapshots.values(), key=lambda each: each.committed_at):
        if snapshot.id in wanted:
            return snapshot.id
        made = provenance_of(snapshot.summary)
        if made and made.compacts in wanted:
            return snapshot.id
    return None


def pinned_at(table: Table, snapshot_id: int) -> Table:
    """The table with that snapshot as main."""
    return replace(table, refs={**table.refs, MAIN: snapshot_id})


def before(found: Recorded) -> Table:
    """The asset's own table as the write found it: main was the parent, and later snapshots were not there.

    Its columns are those of the snapshot, so that the same columns get the same ids. Of a parent that has expired only
    what the write says of it is known: up to where new rows had been read.
    """
    table, parent_id = found.table, found.snapshot.parent_id
    refs = {name: at for name, at in table.refs.items() if name != MAIN}
    schema = table.schema_id if found.snapshot.schema_id is None else found.snapshot.schema_id
    if parent_id is None:
        return replace(table, refs=refs, snapshots={}, log=(), schema_id=schema)
    known = {each.id: each for each in table.ancestry(parent_id)}
    if parent_id not in known:
        said = Provenance("", 1, found.made.asset, found.made.code_version, inputs=found.made.new_rows)
        summary = replace(said, run=found.made.run).summary()
        known[parent_id] = replace(found.snapshot, id=parent_id, parent_id=None, summary=summary)
    return replace(table, refs={**refs, MAIN: parent_id}, snapshots=known, log=(), schema_id=schema)


def landing_of(mine: LandedSet, earlier: LandedSet, found: Iterable[FoundFile]) -> Landing | str:
    """The files that landed with this snapshot, as they are found now; or why they cannot land again."""
    known = {each.name for each in earlier.files}
    if known - {each.name for each in mine.files}:
        return "it took files out, whose rows are not recorded"
    there = {each.name: each for each in found}
    came = [each for each in mine.files if each.name not in known]
    if lost := [problem for each in came if (problem := _lost(each, there.get(each.name)))]:
        more = f", and {len(lost) - 1} more" if len(lost) > 1 else ""
        return f"{lost[0]}{more}"
    files = tuple(there[each.name] for each in came)
    return Landing(files, earlier.files, matched=len(there), undeclared=earlier.undeclared, found=tuple(there.values()))


def _lost(landed: Landed, found: FoundFile | None) -> str:
    if found is None:
        return f"{landed.name}, which it landed, is not there any more"
    if found.problem:
        return f"{landed.name}, which it landed, cannot be read: {found.problem}"
    return "" if found.hash == landed.hash else f"{landed.name}, which it landed, holds other bytes by now"


def chances(asset: Asset) -> tuple[str, ...]:
    """Words in the code that may mean something else each time it runs."""
    text = asset.source or ""
    return tuple(dict.fromkeys(match[1].lower() for match in _CHANCE.finditer(text)))
