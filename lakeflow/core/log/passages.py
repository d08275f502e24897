"""When main of one table came to which snapshot: the table's own log, and in it the moves that lakeflow recorded."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from datetime import datetime

from lakeflow.core.log.recorded import moves_of
from lakeflow.core.model.run import RecordedMove
from lakeflow.core.model.table import Key, Table
from lakeflow.core.values import dataclass


@dataclass(frozen=True)
class Passage:
    """Main came to `snapshot_id` (None: to nothing) from `before`. `move` is what was recorded of it: nothing where
    another engine moved main, or a release that recorded none.
    """

    at: datetime
    snapshot_id: int | None
    before: int | None = None
    move: RecordedMove | None = None


def passages(table: Table[Key]) -> tuple[Passage, ...]:
    """All of them that the table still tells, oldest first.

    A recorded move stands in the table's log with its snapshot and time. Of one that the log does not tell any more,
    and of one to nothing, which no log tells, the number says where it belongs.
    """
    waiting: dict[tuple[datetime, int | None], deque[RecordedMove]] = defaultdict(deque)
    recorded = moves_of(table.properties)
    for move in recorded:
        waiting[move.at, move.snapshot_id].append(move)
    found = [
        Passage(at, id_, move=waiting[at, id_].popleft() if waiting.get((at, id_)) else None) for at, id_ in _log(table)
    ]
    left = {move.number for moves in waiting.values() for move in moves}
    for move in recorded:
        if move.number in left:
            found.insert(_place(found, move), Passage(move.at, move.snapshot_id, move=move))
    return tuple(_linked(table, found))


def seen_in(told: Sequence[Passage], at: datetime, number: int | None = None) -> Passage | None:
    """What readers saw at that time; with the number of a version that came then, once that was there.

    The number alone tells versions apart that came in one millisecond, or while a table's time stood still.
    """
    seen = None
    for one in told:
        if one.move and number is not None and one.move.number > number:
            break
        counts = one.at <= at or (one.move is not None and number is not None)
        seen = one if counts else seen
    return seen


def _log(table: Table[Key]) -> Sequence[tuple[datetime, int]]:
    """Some writers keep no log: then main's ancestry and the times of its commits tell."""
    return table.log or [(each.committed_at, each.id) for each in table.ancestry(table.main)][::-1]


def _place(found: Sequence[Passage], move: RecordedMove) -> int:
    """It belongs behind the recorded moves of smaller numbers, and behind what came before it in time."""
    smaller = [place for place, one in enumerate(found) if one.move and one.move.number < move.number]
    place = smaller[-1] + 1 if smaller else 0
    while place < len(found) and found[place].move is None and found[place].at <= move.at:
        place += 1
    return place


def _linked(table: Table[Key], found: Sequence[Passage]) -> list[Passage]:
    """Each with what main came from: what it came to before, or the parent of the first snapshot that is told."""
    first = table.snapshots.get(found[0].snapshot_id or 0) if found else None
    before = first.parent_id if first else None
    linked = []
    for one in found:
        linked.append(Passage(one.at, one.snapshot_id, before, one.move))
        before = one.snapshot_id
    return linked
