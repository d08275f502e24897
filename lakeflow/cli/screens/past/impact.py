"""What came of a snapshot as a screen: a line for each snapshot that rests on it, table by table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from lakeflow.cli.text import Mark, Text, align, line, screen
from lakeflow.core.log.impact import Impact, RestingSnapshot
from lakeflow.core.log.rests import SnapshotStanding
from lakeflow.core.plan.reasons import short_id
from lakeflow.core.wording import age, counted
from lakeflow.core.words import in_rows

Records = tuple[tuple[str, ...], list[tuple[str, ...]]]

_SAID: Final = {
    SnapshotStanding.SEEN: (Mark.MAIN, "readers see it"),
    SnapshotStanding.PAST: (Mark.OLD, "past"),
    SnapshotStanding.TAKEN_BACK: (Mark.NONE, "taken back"),
    SnapshotStanding.HELD: (Mark.BRANCH, "held"),
    SnapshotStanding.EXPIRED: (Mark.NONE, "expired"),
}


def impact_screen(found: Impact, now: datetime) -> Text:
    name = f"{found.asset} {short_id(found.snapshot_id)}"
    if not found.reached:
        return screen([line(f"Nothing was made from {name}")], _unknown(found, now), _notes(found))
    tables = len({one.asset for one in found.reached})
    rest = "rests" if len(found.reached) == 1 else "rest"
    head = f"{counted(len(found.reached), 'snapshot')} of {counted(tables, 'table')} {rest} on {name}"
    rows = align([_cells(one, now) for one in found.reached], right=frozenset({4}))
    return screen([line(head)], rows, _unknown(found, now), _notes(found))


def impact_records(found: Impact) -> Records:
    header = ("asset", "snapshot_id", "standing", "by", "on_table", "on_snapshot_id", "run", "at", "rows")
    return header, [_record(one) for one in found.reached]


def _cells(one: RestingSnapshot, now: datetime) -> list[Text]:
    mark, said = _SAID[one.standing]
    how = "read" if one.is_read else "holds rows of"
    return [
        line(mark, f" {one.asset}"),
        line(short_id(one.snapshot_id)),
        line((said, mark.value[1])),
        line(f"{age(one.at, now)} ago" if one.at else ""),
        line("" if one.rows is None else in_rows(one.rows)),
        line(f"{how} {one.on[0]} {short_id(one.on[1])}"),
        line((f"run {one.run}" if one.run else "", "dim")),
    ]


def _unknown(found: Impact, now: datetime) -> Sequence[Text]:
    if not found.unknown:
        return ()
    head = line(Mark.WARN, " These read a snapshot that has expired; whether that rested on it nobody can tell:")
    return [head, *align([_cells(one, now) for one in found.unknown])]


def _notes(found: Impact) -> list[Text]:
    notes = []
    if found.holds:
        notes.append(f"Readers of {found.asset} see it, or rows of it: mend that first, or a repair brings it back")
    if not found.ledger:
        notes.append("The ledger is gone, and tables of an earlier release do not tell what expired snapshots had read")
    return [line((note, "yellow")) for note in notes]


def _record(one: RestingSnapshot) -> tuple[str, ...]:
    return (
        *(str(one.asset), str(one.snapshot_id), str(one.standing), "reading" if one.is_read else "rows"),
        *(one.on[0], str(one.on[1]), one.run, one.at.isoformat() if one.at else ""),
        "" if one.rows is None else str(one.rows),
    )
