"""Changes to the catalog's rows that change no table: adopt, rename, drop. Each asserts the row that it expects."""

from __future__ import annotations

from lakeflow.adapters.iceberg.commit import numbers, pointers
from lakeflow.core.errors import ConflictError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.changes import Adopt, Drop, Registration, Rename
from lakeflow.core.ports.database import Connection


def apply(connection: Connection, change: Registration) -> None:
    """Apply the change. ConflictError, saying what was expected and what was found, when the row is another one."""
    match change:
        case Adopt():
            _require_free(connection, change.key)
            pointers.insert(connection, change.key, change.version)
            numbers.forget(connection)  # the table may have versions of another lake
        case Rename():
            _require_free(connection, change.to)
            _require(connection, change, done=pointers.call(connection, change.key, change.to, change.version))
        case Drop():
            _require(connection, change, done=pointers.remove(connection, change.key, change.version))


def _require_free(connection: Connection, key: AssetKey) -> None:
    if found := pointers.locations(connection, (key,)):
        raise ConflictError(
            f"{key}: expected no table of that name, found {found[key]}", hint="run it again", asset=key
        )


def _require(connection: Connection, change: Rename | Drop, *, done: bool) -> None:
    if not done:
        found = pointers.locations(connection, (change.key,)).get(change.key, "no table")
        raise ConflictError(
            f"{change.key}: expected its metadata at {change.version}, found {found}",
            hint="nothing was changed; run it again",
            asset=change.key,
        )
