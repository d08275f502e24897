"""Which snapshots a publish lets go: metadata that only grows slows every later commit (trap T15)."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from lakeflow.core.model.table import Table


def expired(table: Table, keep: int, needed: Collection[int] = ()) -> frozenset[int]:
    """Ancestors of main that nothing needs: beyond the `keep` nearest ones and behind the oldest of `needed`.

    `needed` are snapshots that others count on: up to where an increment was consumed, or what a run at work has
    pinned. What an open branch or a tag stands on stays, down to the first snapshot that main also has.
    """
    ancestors = [snapshot.id for snapshot in table.ancestry(table.main)]
    oldest = max((place for place, snapshot in enumerate(ancestors) if snapshot in needed), default=0)
    return frozenset(ancestors[1 + max(keep, oldest) :]) - frozenset(_stood_on(table, frozenset(ancestors)))


def _stood_on(table: Table, main: frozenset[int]) -> Iterator[int]:
    for head in table.refs.values():
        for snapshot in table.ancestry(head):
            yield snapshot.id
            if snapshot.id in main:
                break
