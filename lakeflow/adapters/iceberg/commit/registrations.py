"""What changes the catalog's rows and no table: adopt, rename, drop, each asserted on the row itself."""

from __future__ import annotations

from sqlalchemy import Connection

from lakeflow.adapters.iceberg.commit import pointers
from lakeflow.core.errors import ConflictError
from lakeflow.core.keys import AssetKey
from lakeflow.core.model.table import Adopt, Drop, Registration, Rename


def apply(connection: Connection, change: Registration) -> None:
    """ConflictError, naming expected and found, when the row is not as the change expects it."""
    match change:
        case Adopt():
            _require_free(connection, change.key)
            pointers.insert(connection, change.key, change.version)
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
