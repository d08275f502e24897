"""Whether the changes of an intent are in the tables, and what is to be done with an intent whose maker is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import StrEnum
from typing import TypeAlias

from lakeflow.core.intents.intent import Intent
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import (
    Adopt,
    Change,
    Discard,
    Drop,
    LetGo,
    Pin,
    Promote,
    Publish,
    Registration,
    Rename,
    Retract,
    Rollback,
    Stay,
    Tag,
    Untag,
)
from lakeflow.core.model.table import MAIN, Table

Landed: TypeAlias = Mapping[AssetKey, bool]
"""Each table that an intent changes, and whether the change is there."""


class Course(StrEnum):
    """What comes next for an intent whose outcome was not seen.

    `forward`: all of it is there, the ledger follows. `fence`: none is there, and a late request must not bring it any
    more. `finish`: some is there, the rest follows table by table.
    """

    FORWARD = "forward"
    FENCE = "fence"
    FINISH = "finish"


def course(landed: Landed) -> Course:
    """All or nothing is the goal; what readers may have seen already is not taken from them without need."""
    if all(landed.values()):
        return Course.FORWARD
    return Course.FINISH if any(landed.values()) else Course.FENCE


def landed(intent: Intent, tables: Mapping[AssetKey, Table]) -> Landed:
    """What of the intent the tables hold, as one look found them; a table that only had to stay is left out."""
    found: dict[AssetKey, bool] = {}
    for change in intent.changes:
        if not isinstance(change, Pin | Stay):
            found[change.key] = found.get(change.key, True) and _is_there(change, tables)
    return found


def _is_there(change: Change | Registration, tables: Mapping[AssetKey, Table]) -> bool:
    """Names may be given anew by another engine meanwhile: it is the table that tells what was done, by its uuid."""
    table = tables.get(change.key)
    match change:
        case Drop():
            return table is None or bool(change.uuid and table.uuid != change.uuid)
        case Rename():
            return _is(tables.get(change.to), change) and not _is(table, change)
        case Adopt():
            return _is(table, change)
        case _:
            return table is not None and _holds(table, change)


def _is(table: Table | None, change: Adopt | Rename) -> bool:
    """Intents of an older release name no uuid: then it is the table that has not moved since."""
    said, found = (change.uuid, table and table.uuid) if change.uuid else (change.version, table and table.version)
    return found == said


def _holds(table: Table, change: Change) -> bool:  # noqa: PLR0911 - one line a change
    match change:
        case Publish() | Promote():
            # A snapshot may have been main before, and rolled back: then its branch tells that it is not there yet.
            waits = table.refs.get(change.branch) == change.snapshot_id
            return table.uuid == change.uuid and not waits and _was_seen(table, change)
        case Rollback():
            return _is_back(_as_main(table, change.target), change)
        case Retract():
            return table.refs.get(change.branch) == change.snapshot_id
        case Discard(branch=name, snapshot_id=at) | Untag(name=name, snapshot_id=at):
            return table.refs.get(name) != at
        case Tag():
            return table.refs.get(change.name) == change.snapshot_id
        case LetGo():
            return all(table.refs.get(name) != at for name, at in change.refs.items()) and not change.frees(table)
    return True


def _was_seen(table: Table, change: Publish | Promote) -> bool:
    """By readers of the ref that it is for. Only main has a log; nobody moves the branch of an environment before what
    is open on it has been settled.
    """
    if isinstance(change, Promote) or change.target == MAIN:
        return table.was_main(change.snapshot_id)
    return any(snapshot.id == change.snapshot_id for snapshot in table.ancestry(table.refs.get(change.target)))


def _as_main(table: Table, target: str) -> Table:
    """The table with that ref, if there is one, where main stands."""
    if target == MAIN:
        return table
    others = {name: at for name, at in table.refs.items() if name != MAIN}
    return replace(table, refs={**others, MAIN: table.refs[target]} if target in table.refs else others)


def _is_back(table: Table, change: Rollback) -> bool:
    now = {snapshot.id for snapshot in table.ancestry(table.main)}
    if change.to is None:
        return change.snapshot_id not in now
    below = {snapshot.id for snapshot in table.ancestry(change.to)}
    return change.to in now and (change.snapshot_id not in now or change.snapshot_id in below)
