"""Which snapshots a publish expires: metadata that never shrinks slows every later commit (trap T15)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import takewhile

from lakeflow.core.model.table import Snapshot, Table
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class Retention:
    """How much of main's past stays: at least `snapshots` ancestors, and all that readers saw within `age` (None: time
    does not count).
    """

    snapshots: int = 50
    age: timedelta | None = None

    def since(self, table: Table, now: datetime) -> datetime | None:
        """From when on what readers saw must stay. None where time does not count.

        Time is counted to the publish before, or to now if that is earlier: a clock that runs fast for one publish
        lets nothing go, and one that runs slow only keeps more.
        """
        if self.age is None:
            return None
        return min(now, _came(table, table.main) or now) - self.age


def expired(table: Table, keep: int, needed: Collection[int] = (), since: datetime | None = None) -> frozenset[int]:
    """The ancestors of main that nothing needs: all except the `keep` nearest ones and those that readers saw `since`
    then, and only those older than every one of `needed`.

    `needed` are snapshots that others rely on: the position up to which an increment was read, or a snapshot that a
    running run has pinned. The snapshots below an open branch or a tag stay, down to the first one that is also in
    main's ancestry.
    """
    line = list(table.ancestry(table.main))
    ancestors = [snapshot.id for snapshot in line]
    oldest = max((place for place, snapshot in enumerate(ancestors) if snapshot in needed), default=0)
    last = max(keep, oldest, _seen_since(table, line, since))
    return frozenset(ancestors[1 + last :]) - frozenset(_stood_on(table, frozenset(ancestors)))


def only_tagged(table: Table, name: str) -> frozenset[int]:
    """The snapshots that go with this tag: those in its line that no other ref reaches and that main's own retention
    let go before.
    """
    heads = {head for ref, head in table.refs.items() if ref != name}
    needed = {snapshot.id for head in heads for snapshot in table.ancestry(head)} | {seen for _, seen in table.log}
    mine = takewhile(lambda snapshot: snapshot.id not in needed, table.ancestry(table.refs.get(name)))
    return frozenset(snapshot.id for snapshot in mine)


def _seen_since(table: Table, line: Sequence[Snapshot], since: datetime | None) -> int:
    """The place in main's line of the oldest snapshot that readers still saw at `since`."""
    if since is None:
        return 0
    # What came next is when it was seen last; a time that some clock put into the future keeps it too.
    left = ((place, _came(table, newer.id) or newer.committed_at) for place, newer in enumerate(line[:-1], start=1))
    return max((place for place, at in left if at > since), default=0)


def _came(table: Table, snapshot_id: int | None) -> datetime | None:
    """When main last came to that snapshot, by the table's log; else when it was committed."""
    if snapshot_id is None:
        return None
    known = table.snapshots.get(snapshot_id)
    return max((at for at, seen in table.log if seen == snapshot_id), default=known.committed_at if known else None)


def _stood_on(table: Table, main: frozenset[int]) -> Iterator[int]:
    for head in table.refs.values():
        for snapshot in table.ancestry(head):
            yield snapshot.id
            if snapshot.id in main:
                break
