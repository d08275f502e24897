"""Sets times that lie in the future to now, in the tables that a machine with a fast clock wrote.

Otherwise a table's time stands still until the true time has passed it, and it refuses writers of other engines, which
use their own clock. Only metadata holds times. It is written again beside the old one, and all pointers are swapped in
one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final

from lakeflow.adapters.iceberg.commit import pointers
from lakeflow.adapters.iceberg.metadata.metadata import LoadedTable, MetadataFiles, next_location, sealed
from lakeflow.adapters.iceberg.metadata.types import Json
from lakeflow.adapters.iceberg.metadata.updates import SetProperties, applied
from lakeflow.adapters.objects import DISK
from lakeflow.core.errors import ConflictError
from lakeflow.core.keys import AssetKey
from lakeflow.core.log.recorded import PROPERTY, moves_of, moves_text
from lakeflow.core.ports.entry import Transaction
from lakeflow.core.ports.objects import Objects, Scratch

_TIMED: Final = ("snapshots", "snapshot-log", "metadata-log")
_TIME: Final = "timestamp-ms"


def mend_times(
    database: pointers.CatalogDatabase,
    keys: Iterable[AssetKey],
    now: datetime,
    record: Callable[[Transaction], None],
    objects: Objects = DISK,
) -> None:
    """Mend all of these tables and do what `record` writes, or nothing. The caller holds the tables' leases.

    ConflictError when another writer came between.
    """
    files, scratch = MetadataFiles("/", objects), objects.scratch()
    with database.read() as connection:
        at = pointers.locations(connection, keys)
    with scratch.all_or_none():
        new = {key: _written(files.find(key, seen), int(now.timestamp() * 1000), scratch) for key, seen in at.items()}
    with database.transaction() as connection:
        for key, location in sorted(new.items()):
            if not pointers.swap(connection, key, at[key], location):
                raise ConflictError(
                    f"{key}: another writer came between; nothing was changed", hint="run it again", asset=key
                )
        record(connection)


def _written(found: LoadedTable, now_ms: int, scratch: Scratch) -> str:
    mended = {name: [_not_after(entry, now_ms) for entry in found.json.get(name) or ()] for name in _TIMED}
    last = min(found.updated_ms, now_ms)
    json = {**found.json, **mended, "last-updated-ms": last}
    location = next_location(found.table)
    scratch.write(location, sealed(location, applied(json, _moves(found, now_ms), found.table.version, now_ms))[1])
    return location


def _moves(found: LoadedTable, now_ms: int) -> tuple[SetProperties, ...]:
    """The moves of main as the table records them, which say times too."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    moves = [replace(move, at=min(move.at, now)) for move in moves_of(found.table.properties)]
    return (SetProperties({PROPERTY: moves_text(moves)}),) if moves else ()


def _not_after(entry: Mapping[str, Any], now_ms: int) -> Json:
    return {**entry, _TIME: min(entry[_TIME], now_ms)}
