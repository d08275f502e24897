"""Incremental inputs: which rows of an upstream an asset has not read yet. Snapshots tell it, never values.

The position is the upstream's snapshot that the asset's published snapshot was made from. It is stored in the summary
of the published snapshot, so it moves with the rows in one commit and a rollback takes it back. No row is read twice or
skipped, whatever crashes in between.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lakeflow.core.keys import EMPTY, AssetKey
from lakeflow.core.model.asset import Asset
from lakeflow.core.model.provenance import provenance_of
from lakeflow.core.model.table import NEUTRAL, Snapshot, Table
from lakeflow.core.values import dataclass

APPEND: Final = "append"


@dataclass(frozen=True)
class Increment:
    """The appends to a table after the snapshot `since`, up to `head`, newest first. There may be none."""

    since: int
    head: int
    appends: tuple[Snapshot, ...] = ()

    @property
    def rows(self) -> int:
        return sum(snapshot.added_rows for snapshot in self.appends)


@dataclass(frozen=True)
class Rewritten:
    """The rows that were read before may have been changed since, so all rows must be read again. `why` completes
    `<table> …`.
    """

    why: str


@dataclass(frozen=True)
class Consumption:
    """What one write of an asset reads of its incremental inputs: their new rows, or all rows where `rebuild`
    says why.
    """

    increments: Mapping[AssetKey, Increment] = EMPTY
    rebuild: str = ""

    @property
    def is_empty(self) -> bool:
        """Is there nothing to read?"""
        return not self.rebuild and not any(increment.appends for increment in self.increments.values())


def positions(table: Table | None) -> Mapping[str, int]:
    """The snapshot of each input that main's rows were made from, as main's own snapshots say. Empty when they
    do not.
    """
    for snapshot in table.ancestry(table.main) if table else ():
        if made := provenance_of(snapshot.summary):
            return made.inputs
    return EMPTY


def increment(table: Table, since: int | None, head: int) -> Increment | Rewritten:
    """The rows that were added to `table` from `since` to `head`. A compaction moves files and changes no row, so it
    does not count.
    """
    appends: list[Snapshot] = []
    if since is None:
        return Rewritten("was consumed up to a point that no kept snapshot tells")
    for snapshot in table.ancestry(head):
        if snapshot.id == since:
            return Increment(since, head, tuple(appends))
        if snapshot.operation not in {APPEND, NEUTRAL}:
            return Rewritten(f"was rewritten ({snapshot.operation} s{str(snapshot.id)[:6]})")
        if snapshot.operation == APPEND:
            appends.append(snapshot)
    return Rewritten(f"was rolled back or expired behind s{str(since)[:6]}")


def consumption(
    asset: Asset, own: Table | None, upstreams: Mapping[AssetKey, Table], heads: Mapping[AssetKey, int]
) -> Consumption:
    """What a write of `asset` onto its present main reads of its incremental inputs, pinned at `heads`.

    A first build reads all rows and rebuilds nothing.
    """
    if not asset.new_rows or own is None or own.main is None:
        return Consumption()
    at = positions(own)
    found = {
        key: increment(upstreams[key], at.get(str(key)), heads[key]) for key in sorted(asset.new_rows & set(heads))
    }
    rewritten = (f"{key} {came.why}" for key, came in found.items() if isinstance(came, Rewritten))
    if why := next(rewritten, ""):
        return Consumption(rebuild=why)
    return Consumption({key: came for key, came in found.items() if isinstance(came, Increment)})
