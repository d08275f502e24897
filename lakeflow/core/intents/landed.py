"""Whether the changes of an intent are in the tables, and what is to be done with an intent whose maker is gone."""

from __future__ import annotations

from collections.abc import Mapping
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
    Rollback,
    Stay,
    Tag,
    Untag,
)
from lakeflow.core.model.table import Table

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


def _holds(table: Table, change: Change) -> bool:
    match change:
        case Publish() | Promote():
            # A snapshot may have been main before, and rolled back: then its branch tells that it is not there yet.
            waits = table.refs.get(change.branch) == change.snapshot_id
            return table.uuid == change.uuid and not waits and table.was_main(change.snapshot_id)
        case Rollback():
            return _is_back(table, change)
        case Discard(branch=name, snapshot_id=at) | Untag(name=name, snapshot_id=at):
            return table.refs.get(name) != at
        case Tag():
            return table.refs.get(change.name) == change.snapshot_id
        case LetGo():
            return all(table.refs.get(name) != at for name, at in change.refs.items())
    return True


def _is_back(table: Table, change: Rollback) -> bool:
    now = {snapshot.id for snapshot in table.ancestry(table.main)}
    if change.to is None:
        return change.snapshot_id not in now
    below = {snapshot.id for snapshot in table.ancestry(change.to)}
    return change.to in now and (change.snapshot_id not in now or change.snapshot_id in below)
