"""Which snapshots a publish expires: metadata that never shrinks slows every later commit (trap T15)."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from lakeflow.core.model.table import Table


def expired(table: Table, keep: int, needed: Collection[int] = ()) -> frozenset[int]:
    """The ancestors of main that nothing needs: all except the `keep` nearest ones, and only those older than every one
    of `needed`.

    `needed` are snapshots that others rely on: the position up to which an increment was read, or a snapshot that a
    running run has pinned. The snapshots below an open branch or a tag stay, down to the first one that is also in
    main's ancestry.
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
