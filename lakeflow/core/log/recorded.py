"""How main of a table moved: what each commit that moves it records in the table itself, under a number of the lake.

The record is a property of the table (`lakeflow.versions`), so the lake's log needs no ledger. It is a public format:
a JSON array, oldest first, of objects `{"n", "s", "at", "of", "ruling", "run", "by", "why", "plan", "checks"}`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from lakeflow.core.model.run import MoveNote, RecordedMove, Ruling

PROPERTY: Final = "lakeflow.versions"
_MOST_REASONS: Final = 8
_LONGEST: Final = 300
"""Letters of a reason that are kept: the property is written anew with every publish."""


def moves_of(properties: Mapping[str, str]) -> tuple[RecordedMove, ...]:
    """The recorded moves, in the order of their numbers, without what another engine made unreadable."""
    try:
        entries = json.loads(properties.get(PROPERTY, "[]"))
    except ValueError:
        return ()
    found = [move for entry in (entries if isinstance(entries, list) else ()) if (move := _move(entry))]
    return tuple(sorted(found, key=lambda move: move.number))


def with_move(properties: Mapping[str, str], move: RecordedMove, kept: Collection[int]) -> str:
    """The property with one more move, and without those to snapshots that the table does not keep any more."""
    moves = [*moves_of(properties), move]
    # To nothing main came between two others: it is told as long as the one before it.
    stays = [place for place, each in enumerate(moves) if each.snapshot_id in kept]
    first = stays[0] if stays else len(moves) - 1
    left = [each for each in moves[first:] if each.snapshot_id is None or each.snapshot_id in kept]
    return moves_text(left)


def moves_text(moves: Sequence[RecordedMove]) -> str:
    return json.dumps([_entry(each) for each in moves], separators=(",", ":"), ensure_ascii=False)


def _entry(move: RecordedMove) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "n": move.number,
        "s": None if move.snapshot_id is None else str(move.snapshot_id),
        "at": _milliseconds(move.at),
        "of": move.tables,
    }
    if (note := move.note) is None:
        return entry
    said = {"ruling": str(note.ruling), "run": note.run, "by": note.actor, "why": note.reason[:_LONGEST]}
    planned = [text[:_LONGEST] for text in note.planned[:_MOST_REASONS]]
    return entry | {name: value for name, value in said.items() if value} | _audited(note) | {"plan": planned}


def _audited(note: MoveNote) -> dict[str, Any]:
    return {} if note.ruling is Ruling.ROLLED_BACK else {"checks": [note.passed, note.total]}


def _move(entry: Mapping[str, Any]) -> RecordedMove | None:
    try:
        snapshot = entry["s"]
        return RecordedMove(
            number=int(entry["n"]),
            snapshot_id=None if snapshot is None else int(snapshot),
            at=datetime.fromtimestamp(int(entry["at"]) / 1000, UTC),
            tables=int(entry["of"]),
            note=_note(entry) if entry.get("ruling") else None,
        )
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError):
        return None


def _note(entry: Mapping[str, Any]) -> MoveNote:
    passed, total = entry.get("checks") or (0, 0)
    return MoveNote(
        ruling=Ruling(entry["ruling"]),
        run=str(entry.get("run", "")),
        actor=str(entry.get("by", "")),
        reason=str(entry.get("why", "")),
        planned=tuple(map(str, entry.get("plan") or ())),
        passed=int(passed),
        total=int(total),
    )


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
